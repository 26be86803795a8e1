"""OSC datagrams: bundles taken apart, and messages read with python-osc after their frame is checked.

OSC 1.0 (opensoundcontrol.org/spec-1_0). python-osc reads the values of one message. It is lenient where this
daemon must not be: it fills floats that are cut short with zeros, passes over type tags that it does not know,
ignores bytes after the last argument, and does not say which type tag a value had. So the frame of each
message is measured here first. Bundles are walked without recursion and within limits.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from pythonosc.osc_message import OscMessage, ParseError

from bridge.osc_arguments import TAG_NAMES, Value
from bridge.osc_errors import MessageError, TooLong, TooManyElements
from bridge.time_tags import IMMEDIATELY, TimeTag

MAX_DATAGRAM_BYTES: Final = 65507
"""What UDP over IPv4 can carry."""
MAX_NESTING: Final = 16
MAX_ELEMENTS: Final = 1024
"""Messages and bundles in one datagram."""
MAX_ARGUMENTS: Final = 4096
"""Arguments of one message."""
MAX_ADDRESS_CHARACTERS: Final = 255

_BUNDLE: Final = b"#bundle\0"
_BUNDLE_HEAD: Final = 16
_SIZES: Final = {"i": 4, "f": 4, "h": 8, "d": 8, "T": 0, "F": 0, "N": 0}
"""Bytes of the arguments whose size is fixed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WireMessage:
    """One message: its values, the type tag of each, and when it is due (None is now).

    ``place`` is empty for a message by itself, else its numbers in the bundles around it (``3``, ``2.1``).
    """

    due: TimeTag | None
    place: str
    address: str
    tags: str
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Packet:
    """A message or bundle that is still bytes."""

    data: bytes
    due: TimeTag | None = None
    path: tuple[int, ...] = ()

    @property
    def place(self) -> str:
        return ".".join(map(str, self.path))


def placed(place: str, sentence: str) -> str:
    """``sentence`` with the place in the bundle before it, where there is one."""
    return f"Element {place} of the bundle: {sentence}" if place else sentence


def read_datagram(datagram: bytes) -> Iterator[WireMessage]:
    """The messages of a datagram in order.

    A bundle inside a bundle is due at the later of both times. Raises ``MessageError`` at the first
    element that cannot be read; a bundle counts as a whole, so what came before it is not to be used.
    """
    if len(datagram) > MAX_DATAGRAM_BYTES:
        raise TooLong(f"The datagram has {len(datagram)} bytes; at most {MAX_DATAGRAM_BYTES} are taken.")
    stack = [_Packet(data=datagram)]
    seen = 0
    while stack:
        packet = stack.pop()
        try:
            if packet.data.startswith(_BUNDLE):
                elements = _elements(packet, MAX_ELEMENTS - seen)
                seen += len(elements)
                stack.extend(reversed(elements))
            else:
                yield _message(packet)
        except MessageError as error:
            raise type(error)(placed(packet.place, str(error))) from None


# Bundles


def _elements(bundle: _Packet, room: int) -> list[_Packet]:
    """The elements of a bundle, at most ``room``."""
    data = bundle.data
    if len(data) < _BUNDLE_HEAD:
        raise MessageError("The bundle is cut short: it has no time tag.")
    if len(bundle.path) >= MAX_NESTING:
        raise TooManyElements(f"Bundles are nested more than {MAX_NESTING} deep: send the messages in one bundle.")
    due = _later(bundle.due, int.from_bytes(data[8:_BUNDLE_HEAD], "big"))
    elements: list[_Packet] = []
    index = _BUNDLE_HEAD
    while index < len(data):
        path = (*bundle.path, len(elements) + 1)
        size = int.from_bytes(data[index : index + 4], "big", signed=True)
        if index + 4 > len(data) or size <= 0 or size % 4 or index + 4 + size > len(data):
            place = ".".join(map(str, path))
            raise MessageError(f"Element {place} has a size that is no multiple of 4, or more than the bundle holds.")
        if len(elements) >= room:
            raise TooManyElements(f"The datagram holds more than {MAX_ELEMENTS} messages and bundles: send several.")
        elements.append(_Packet(data=data[index + 4 : index + 4 + size], due=due, path=path))
        index += 4 + size
    return elements


def _later(outer: TimeTag | None, tag: int) -> TimeTag | None:
    """A bundle's time; None for "immediately" and the 0 that some clients send for it."""
    if tag <= IMMEDIATELY:
        return outer
    return TimeTag(tag) if outer is None else max(outer, TimeTag(tag))


# Messages


def _message(packet: _Packet) -> WireMessage:
    tags = _frame(packet.data)
    try:
        message = OscMessage(packet.data)
    except UnicodeDecodeError:
        raise MessageError("A string is not UTF-8.") from None
    except ParseError as error:
        raise MessageError(f"The message cannot be read: {error.args[0]}.") from None
    values = [_shortest(value) if tag == "f" else value for tag, value in zip(tags, message.params, strict=True)]
    return WireMessage(due=packet.due, place=packet.place, address=message.address, tags=tags, values=tuple(values))


def _shortest(value: float) -> float:
    """The shortest decimal that is the same 32-bit float: 97.3, where the bits say 97.30000305175781.

    A client that says 97.3 bpm in a 32-bit float means 97.3. Taken to the bit, the tempo would be off by 3e-8,
    which moves bar lines by whole frames in a long song and is written into receipts. The 32-bit value of the result
    is the one that was sent, so nothing is lost.
    """
    return float(str(np.float32(value)))


def _frame(data: bytes) -> str:
    """The type tags of a message, whose every part lies inside ``data`` and fills it."""
    if not data.startswith(b"/"):
        raise MessageError("It is no OSC: a message begins with '/', a bundle with '#bundle'.")
    index = _string_end(data, 0, "address")
    address = data[: data.index(0)]
    if len(address) > MAX_ADDRESS_CHARACTERS:
        raise TooLong(f"The address has {len(address)} characters; at most {MAX_ADDRESS_CHARACTERS} are taken.")
    if not all(0x21 <= byte <= 0x7E for byte in address):
        raise MessageError("The address has characters that are not printable ASCII.")
    if data[index : index + 1] != b",":
        raise MessageError("There is no type tag string after the address: it begins with ',' even without arguments.")
    end = _string_end(data, index, "type tag string")
    tags = data[index + 1 : data.index(0, index)].decode("latin-1")
    if len(tags) > MAX_ARGUMENTS:
        raise TooManyElements(f"The message has {len(tags)} arguments; at most {MAX_ARGUMENTS} are taken.")
    for number, tag in enumerate(tags, start=1):
        end = _argument_end(data, end, tag, number)
        if end > len(data):
            raise MessageError(f"The message is cut short in argument {number}, a {TAG_NAMES[tag]}.")
    if end != len(data):
        raise MessageError(f"{len(data) - end} bytes follow the last argument.")
    return tags


def _argument_end(data: bytes, start: int, tag: str, number: int) -> int:
    """Where an argument ends; past the end of ``data`` for one that is cut short."""
    if tag in _SIZES:
        return start + _SIZES[tag]
    if tag == "s":
        return _string_end(data, start, f"argument {number}")
    if tag == "b":
        size = int.from_bytes(data[start : start + 4], "big", signed=True)
        if size < 0:
            raise MessageError(f"Argument {number} is a blob of negative size.")
        return start + 4 + size + -size % 4
    raise MessageError(f"The type tag {tag!r} is not read; those that are: {' '.join(TAG_NAMES)}.")


def _string_end(data: bytes, start: int, what: str) -> int:
    """Where a string that begins at ``start`` ends, with the zeros that fill it up to a multiple of four."""
    zero = data.find(0, start)
    end = start + (zero - start) // 4 * 4 + 4
    if zero < 0 or end > len(data):
        raise MessageError(f"The {what} is cut short: strings end with a zero and fill a multiple of 4 bytes.")
    return end
