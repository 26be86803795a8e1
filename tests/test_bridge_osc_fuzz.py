"""Category: fuzz. Whatever arrives, the codec answers with values within their bounds, and never raises."""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Iterator
from dataclasses import fields, is_dataclass

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bridge.osc_arguments import TAG_NAMES
from bridge.osc_client import datagram
from bridge.osc_codec import Incoming, Malformed, decode, encode
from bridge.osc_errors import ERROR_CODES
from bridge.osc_schema import COMMANDS, ErrorReply
from bridge.osc_wire import MAX_DATAGRAM_BYTES

EXAMPLES = {"default": 1000, "ci": 50_000}[os.environ.get("HYPOTHESIS_PROFILE", "default")]

FOREIGN = ["/x", "/live/song/get/tempo", "/sideman/error", "/sideman", "/sideman/tempo/"]
NUMBERS = [0.0, -0.0, 1.0, 4.0, 96.5, -1.0, 1e7, 1e38, math.nan, math.inf, -math.inf, 5e-324, 1e-45]
WHOLES = [0, 1, -1, 4, 8, 16, 36, 60, 127, 128, 512, 513, 9130, 65535, 65536, 2**31 - 1, -(2**31)]
WORDS = ["", "Am7", "Am7 | Dm7 G7 | % |", "N.C.", "\u0421m7", "C minor", "H", "kick", "bd", "x...x...x...x...", "x?",
         "127.0.0.1", "localhost", "verse-1", "../x", "sketch", "%", "|", "/", "é\u0301", "x" * 5000]  # fmt: skip


def padded(raw: bytes) -> bytes:
    return raw + bytes(4 - len(raw) % 4)


def argument(tag: str) -> st.SearchStrategy[bytes]:
    """The bytes of an argument of a type, of values that mean something and of any others."""
    whole = st.sampled_from(WHOLES)
    number = st.sampled_from(NUMBERS)
    match tag:
        case "i":
            return (whole | st.integers(-(2**31), 2**31 - 1)).map(lambda value: struct.pack(">i", value))
        case "h":
            return (whole | st.integers(-(2**63), 2**63 - 1)).map(lambda value: struct.pack(">q", value))
        case "f":
            return (number | st.floats(width=32)).map(lambda value: struct.pack(">f", value))
        case "d":
            return (number | st.floats()).map(lambda value: struct.pack(">d", value))
        case "s":
            text = st.sampled_from(WORDS) | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40)
            return text.map(lambda value: padded(value.encode()))
        case "b":
            return st.binary(max_size=20).map(lambda raw: struct.pack(">i", len(raw)) + raw + bytes(-len(raw) % 4))
        case _:
            return st.just(b"")


@st.composite
def messages(draw: st.DrawFn) -> bytes:
    """A message of the table's addresses or another, with the types of one of its forms or any others."""
    row = draw(st.none() | st.sampled_from(list(COMMANDS.values())))
    address = row.address if row else draw(st.sampled_from(FOREIGN))
    forms = ["".join(one.tag for one in form) for form in row.forms] if row else [""]
    tags = draw(st.sampled_from(forms) | st.text("".join(TAG_NAMES), max_size=5))
    return padded(address.encode()) + padded(f",{tags}".encode()) + b"".join(draw(argument(tag)) for tag in tags)


def bundled(elements: list[bytes], tag: int) -> bytes:
    return b"#bundle\0" + struct.pack(">Q", tag) + b"".join(struct.pack(">i", len(one)) + one for one in elements)


TAGS = st.sampled_from([0, 1, 2, 2**63, 2**64 - 1]) | st.integers(0, 2**64 - 1)
PACKETS = st.recursive(messages(), lambda inner: st.builds(bundled, st.lists(inner, max_size=4), TAGS), max_leaves=6)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A packet with bytes changed, cut, repeated or put in."""
    packet = bytearray(draw(PACKETS))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, len(packet))))
        until = min(len(packet), at + draw(st.integers(0, 8)))
        match draw(st.sampled_from(["change", "cut", "repeat", "insert", "end"])):
            case "change" if at < len(packet):
                packet[at] ^= 1 << draw(st.integers(0, 7))
            case "cut":
                del packet[at:until]
            case "repeat":
                packet[at:at] = packet[at:until]
            case "insert":
                packet[at:at] = draw(st.binary(min_size=1, max_size=8))
            case _:
                del packet[at:]
    return bytes(packet)


def nested(depth: int) -> bytes:
    packet = datagram("/sideman/bars", "i", 4)
    for _ in range(depth):
        packet = bundled([packet], 1)
    return packet


@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=200) | PACKETS | damaged())
@example(nested(1000))
@example(nested(16) + bytes(4))
@example(b"#bundle\0")
@example(bytes(MAX_DATAGRAM_BYTES))
@example(b"/" * MAX_DATAGRAM_BYTES)
@example(b"," * MAX_DATAGRAM_BYTES)
@example(bundled([b"#bundle\0" + bytes(8)] * 3000, 1))
@example(datagram("/sideman/prompt", "s", "x" * 60_000))
@example(datagram("/sideman/chords", "s", "| " * 8000))
@example(datagram("/sideman/chords", "s", "C " * 8000))
@example(datagram("/sideman/drums", "ss", "kick", "x" * 8192))
@example(padded(b"/x") + padded(b"," + b"i" * 4096) + bytes(4 * 4096))
@example(padded(b"/x") + padded(b"," + b"[" * 4000))
@example(padded(b"/sideman/tempo") + padded(b",f") + struct.pack(">f", math.nan))
@example(padded(b"/sideman/ping") + padded(b",d") + struct.pack(">d", math.inf))
def test_any_datagram_becomes_values(packet: bytes) -> None:
    incoming = decode(packet)
    assert all(isinstance(one, Incoming) for one in incoming)
    refused = [one for one in incoming if isinstance(one, Malformed)]
    assert not refused or len(incoming) == 1
    for why in refused:
        assert why.code in ERROR_CODES
        assert why.message.strip()[-1] in ".?"
        answer = encode(ErrorReply(id=why.request_id, code=why.code, message=why.message))
        assert len(answer) < 4096
    for number in numbers(incoming):
        assert math.isfinite(number)


def numbers(value: object) -> Iterator[float]:
    """Every float inside a tree of values."""
    if isinstance(value, float):
        yield value
    elif isinstance(value, tuple):
        for part in value:
            yield from numbers(part)
    elif is_dataclass(value):
        for field in fields(value):
            yield from numbers(getattr(value, field.name))


@given(messages())
def test_a_message_alone_and_in_a_bundle_says_the_same(packet: bytes) -> None:
    (alone,) = decode(packet)
    (inside,) = decode(bundled([packet], 1))
    if isinstance(alone, Malformed):
        assert isinstance(inside, Malformed)
        assert (inside.code, inside.message) == (alone.code, f"Element 1 of the bundle: {alone.message}")
    else:
        assert inside == alone
