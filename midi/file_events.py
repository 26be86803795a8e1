"""The bytes of a standard MIDI file as events at absolute ticks.

``mido`` reads the format. This module bounds what it is given, checks what it takes on trust, and turns
each of its failures into ``MidiFileError``.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from typing import Any, Final

import mido
from mido.midifiles.meta import KeySignatureError

from midi.errors import MidiFileError
from midi.time import Beats

MAX_FILE_BYTES: Final = 16 * 1024 * 1024
MAX_SONG_BEATS: Final = 100_000
"""Longest song in quarter notes: fourteen hours at 120. A longer one is a broken delta time."""

_MAX_HIGH_RUN: Final = 4096
"""Most bytes over 127 in a row: without a bound, a run of them reads as one endless delta time."""
_HEADER: Final = struct.Struct(">4sLHHH")
_SYNCHRONOUS: Final = 1
_BROKEN: Final = (OSError, ValueError, LookupError, TypeError, AttributeError, struct.error, OverflowError)
"""What ``mido`` raises on bytes that break the format, besides ``EOFError`` and ``KeySignatureError``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackEvent:
    """A message of a track (from 0), at a tick from the start of the file."""

    tick: int
    track: int
    message: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class FileEvents:
    """A file's events sorted by tick, in file order within one tick; names of tracks; where the last track ends."""

    ticks_per_beat: int
    file_format: int
    events: tuple[TrackEvent, ...]
    track_names: tuple[str, ...]
    end_tick: int

    def beat(self, tick: int) -> Beats:
        """A tick as a position in quarter notes."""
        return Beats(tick / self.ticks_per_beat)


class _BoundedBytes(io.BytesIO):
    """A file in memory that refuses an endless run of bytes over 127."""

    _high = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self._high = self._high + 1 if data[-1:] > b"\x7f" else 0
        if self._high > _MAX_HIGH_RUN:
            raise MidiFileError("The MIDI file is broken: a number in it has no end. Export it again.")
        return data


def read_events(data: bytes) -> FileEvents:
    """Read a file of format 0 or 1. Raises ``MidiFileError`` for anything else."""
    _check_header(data)
    try:
        file = mido.MidiFile(file=_BoundedBytes(data))
    except EOFError:
        raise MidiFileError(
            "The MIDI file is cut off: it ends in the middle of a track. Copy or export it again."
        ) from None
    except KeySignatureError as error:
        raise MidiFileError(f"The MIDI file holds a key signature that does not exist ({error}).") from None
    except _BROKEN as error:
        raise MidiFileError(f"The MIDI file is broken: {error or type(error).__name__}. Export it again.") from None
    return _collect(file)


def text_of(text: str) -> str:
    """Text of a meta event, which ``mido`` reads as Latin-1: as UTF-8 where it is, without padding."""
    raw = text.encode("latin-1", "replace")
    try:
        return raw.decode("utf-8").strip(" \t\r\n\0")
    except UnicodeDecodeError:
        return text.strip(" \t\r\n\0")


def _check_header(data: bytes) -> None:
    if not data:
        raise MidiFileError("The MIDI file is empty.")
    if len(data) > MAX_FILE_BYTES:
        raise MidiFileError(f"The MIDI file has {len(data)} bytes; at most {MAX_FILE_BYTES} are read.")
    if data[:4] != b"MThd"[: len(data)]:
        raise MidiFileError("This is not a MIDI file: it does not begin with MThd.")
    if len(data) < _HEADER.size:
        raise MidiFileError("The MIDI file is cut off in its header. Copy or export it again.")
    _, _, file_format, tracks, division = _HEADER.unpack_from(data)
    if file_format > _SYNCHRONOUS:
        raise MidiFileError(f"MIDI files of format {file_format} are not read: export as format 0 or 1.")
    if division & 0x8000:
        raise MidiFileError(
            "The MIDI file counts in SMPTE frames instead of beats: export it with a tempo-based division."
        )
    if division == 0 or tracks == 0:
        raise MidiFileError("The MIDI file is broken: its header promises no tracks or no ticks.")


def _collect(file: mido.MidiFile) -> FileEvents:
    events: list[TrackEvent] = []
    names: list[str] = []
    end_tick = 0
    for number, track in enumerate(file.tracks):
        tick = 0
        name = ""
        for message in track:
            tick += message.time
            if message.type == "track_name":
                name = name or text_of(message.name)
            events.append(TrackEvent(tick=tick, track=number, message=message))
        names.append(name)
        end_tick = max(end_tick, tick)
    if end_tick > MAX_SONG_BEATS * file.ticks_per_beat:
        raise MidiFileError(
            f"The MIDI file is longer than {MAX_SONG_BEATS} quarter notes: a delta time in it is broken."
        )
    events.sort(key=lambda event: event.tick)
    return FileEvents(
        ticks_per_beat=file.ticks_per_beat,
        file_format=file.type,
        events=tuple(events),
        track_names=tuple(names),
        end_tick=end_tick,
    )
