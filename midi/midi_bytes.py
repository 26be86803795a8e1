"""MIDI bytes as they come over a cable, split into messages.

mido decodes the messages, but its tokenizer knows no running status, and drops a message that a real-time byte
interrupts. Both are legal (MIDI 1.0 Detailed Specification, page 5), and cables do both.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import mido
from mido.messages.specs import SPEC_BY_STATUS

MAX_SYSEX_BYTES: Final = 1024
"""A longer system exclusive message is dropped; those that tell the time have 10 bytes."""
_SYSEX: Final = 0xF0
_SYSEX_END: Final = 0xF7
_REAL_TIME: Final = 0xF8
_ACTIVE_SENSING: Final = 0xFE
_FIRST_STATUS: Final = 0x80


class MidiParser:
    """Bytes in, messages out, whatever the bytes are: garbage is dropped and counted, and nothing grows.

    Active sensing is left out: it says nothing.
    """

    def __init__(self) -> None:
        self.dropped = 0
        """Bytes that were part of no message, and messages that were too long."""
        self._status = 0
        self._data = bytearray()
        self._swallowing = False

    def feed(self, data: Iterable[int]) -> Iterator[mido.Message]:
        """The messages that ``data``, bytes from 0 to 255, complete."""
        for byte in data:
            message = self._byte(byte)
            if message is not None:
                yield message

    def _byte(self, byte: int) -> mido.Message | None:
        if byte >= _REAL_TIME:
            return None if byte == _ACTIVE_SENSING else self._whole([byte])
        if byte >= _FIRST_STATUS:
            return self._status_byte(byte)
        return self._data_byte(byte)

    def _status_byte(self, byte: int) -> mido.Message | None:
        status, data = self._status, bytes(self._data)
        self._data.clear()
        self._swallowing = False
        self._status = 0 if byte == _SYSEX_END else byte
        if byte == _SYSEX_END:
            return self._whole([_SYSEX, *data, _SYSEX_END]) if status == _SYSEX else None
        if data:
            self.dropped += len(data)
        if byte == _SYSEX:
            return None
        spec = SPEC_BY_STATUS.get(byte)
        if spec is None:
            self.dropped += 1
            self._status = 0
        elif spec["length"] == 1:
            self._status = 0
            return self._whole([byte])
        return None

    def _data_byte(self, byte: int) -> mido.Message | None:
        if self._status == 0:
            self.dropped += not self._swallowing
            return None
        self._data.append(byte)
        if self._status == _SYSEX:
            if len(self._data) > MAX_SYSEX_BYTES:
                self._data.clear()
                self._status, self._swallowing = 0, True
                self.dropped += 1
            return None
        if len(self._data) < SPEC_BY_STATUS[self._status]["length"] - 1:
            return None
        whole = [self._status, *self._data]
        self._data.clear()
        if self._status >= _SYSEX:
            self._status = 0
        return self._whole(whole)

    def _whole(self, data: list[int]) -> mido.Message | None:
        if data[0] in SPEC_BY_STATUS:
            return mido.Message.from_bytes(data)
        self.dropped += 1
        return None
