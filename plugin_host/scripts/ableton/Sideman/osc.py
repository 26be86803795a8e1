"""OSC 1.0 messages to bytes and back: the part of the format that the daemon and this script exchange.

Live's Python has no OSC library. Numbers are ``i``, ``f``, ``h`` and ``d``, text is ``s``, and ``T``, ``F`` and ``N``
are read; bundles and blobs are not.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import List, Tuple, Union

    Value = Union[int, float, str, bool, None]
    Message = Tuple[str, Tuple[Value, ...]]

_NUMBERS = {"i": struct.Struct(">i"), "f": struct.Struct(">f"), "h": struct.Struct(">q"), "d": struct.Struct(">d")}
_CONSTANTS = {"T": True, "F": False, "N": None}


def encode(address: str, tags: str = "", *arguments: Value) -> bytes:
    """One message; ``tags`` has a type tag for each argument. Raises ``ValueError`` where they do not fit."""
    if len(tags) != len(arguments):
        raise ValueError("%s has %d arguments for the tags %r" % (address, len(arguments), tags))
    parts = [_text(address), _text("," + tags)]
    for tag, argument in zip(tags, arguments):
        if tag == "s":
            parts.append(_text(str(argument)))
        elif tag in _NUMBERS and isinstance(argument, (int, float)):
            try:
                parts.append(_NUMBERS[tag].pack(int(argument) if tag in "ih" else float(argument)))
            except (struct.error, OverflowError) as error:
                raise ValueError("%s: %r does not fit the tag %s (%s)" % (address, argument, tag, error))
        else:
            raise ValueError("%s: %r cannot be sent with the tag %s" % (address, argument, tag))
    return b"".join(parts)


def decode(datagram: bytes) -> Message:
    """Address and arguments of one message. Raises ``ValueError`` for bytes that are no such message."""
    address, at = _read_text(datagram, 0)
    if not address.startswith("/"):
        raise ValueError("an OSC message begins with its address")
    tags, at = _read_text(datagram, at)
    if not tags.startswith(","):
        raise ValueError("there is no type tag string")
    values: List[Value] = []
    for tag in tags[1:]:
        if tag in _CONSTANTS:
            values.append(_CONSTANTS[tag])
            continue
        read = _read_text if tag == "s" else _read_number
        value, at = read(datagram, at, tag)
        values.append(value)
    if at != len(datagram):
        raise ValueError("bytes follow the last argument")
    return address, tuple(values)


def _text(text: str) -> bytes:
    """Text as UTF-8, ended and filled up with zeros; what OSC cannot carry becomes a question mark."""
    data = text.replace("\0", "?").encode("utf-8", "replace")
    return data + b"\0" * (4 - len(data) % 4)


def _read_text(data: bytes, at: int, tag: str = "s") -> Tuple[str, int]:
    end = data.find(b"\0", at)
    after = at + (end - at) // 4 * 4 + 4
    if end < 0 or after > len(data):
        raise ValueError("a string is cut short")
    try:
        return data[at:end].decode("utf-8"), after
    except UnicodeDecodeError:
        raise ValueError("a string is not UTF-8")


def _read_number(data: bytes, at: int, tag: str) -> Tuple[Value, int]:
    form = _NUMBERS.get(tag)
    if form is None:
        raise ValueError("the type tag %r is not read" % tag)
    if at + form.size > len(data):
        raise ValueError("a number is cut short")
    value: Value = form.unpack_from(data, at)[0]
    return value, at + form.size
