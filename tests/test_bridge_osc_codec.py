"""Category: unit. The codec against wire data that anyone can read, and its rules for types, ranges and bundles."""

from __future__ import annotations

import math
import struct
from dataclasses import fields
from decimal import Decimal
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import ArgValue

from bridge import osc_commands
from bridge import osc_schema as osc
from bridge.mailbox_text import write_mail
from bridge.osc_arguments import Real, Text, Whole
from bridge.osc_client import datagram
from bridge.osc_codec import Malformed, Message, decode, encode
from bridge.osc_replies import PlaceRequest
from bridge.osc_schema import COMMANDS, REPLIES, Command, Foreign, Reply
from bridge.osc_wire import MAX_DATAGRAM_BYTES, MAX_ELEMENTS, MAX_NESTING
from bridge.time_tags import time_tag_at
from midi import events as ev
from midi.chords import ChordChange, parse_chord, parse_progression
from midi.drums import DrumHit
from midi.keys import Key
from midi.melody import Note
from midi.time import Beats, Bpm, Meter, MeterPoint, TempoPoint

# Reading hexdumps


def from_hexdump(dump: str) -> bytes:
    """The bytes of a hexdump: hexadecimal in front, and after two spaces or more the same as text."""
    return b"".join(bytes.fromhex(line.strip().split("  ")[0]) for line in dump.strip().splitlines())


def command(packet: bytes) -> Command:
    (incoming,) = decode(packet)
    assert isinstance(incoming, Message), incoming
    return incoming.command


def sent(address: str, types: str = "", *arguments: ArgValue) -> Command:
    return command(datagram(address, types, *arguments))


def refused(packet: bytes) -> Malformed:
    (incoming,) = decode(packet)
    assert isinstance(incoming, Malformed), incoming
    return incoming


def bundle(*elements: bytes, tag: int = 1) -> bytes:
    return b"#bundle\0" + struct.pack(">Q", tag) + b"".join(struct.pack(">i", len(one)) + one for one in elements)


TEMPO = datagram("/sideman/tempo", "f", 120.0)
BARS = datagram("/sideman/bars", "i", 8)

# The wire

GOLDEN: list[tuple[str, Command]] = [
    (
        """
        2f 73 69 64 65 6d 61 6e 2f 70 69 6e 67 00 00 00  /sideman/ping...
        2c 00 00 00                                      ,...
        """,
        osc.Ping(),
    ),
    (
        """
        2f 73 69 64 65 6d 61 6e 2f 74 65 6d 70 6f 00 00  /sideman/tempo..
        2c 66 00 00 42 c2 99 9a                          ,f.. 97.3
        """,
        ev.SetTempo(bpm=Bpm(97.3)),
    ),
    (
        """
        2f 73 69 64 65 6d 61 6e 2f 74 65 6d 70 6f 2f 61  /sideman/tempo/a
        74 00 00 00 2c 66 66 69 00 00 00 00 41 80 00 00  t... ,ffi.... 16
        43 04 00 00 00 00 00 01                          132, 1
        """,
        ev.AddTempoPoint(point=TempoPoint(at=Beats(16.0), bpm=Bpm(132.0), ramp=True)),
    ),
    (
        """
        2f 73 69 64 65 6d 61 6e 2f 6d 65 74 65 72 00 00  /sideman/meter..
        2c 69 69 00 00 00 00 07 00 00 00 08              ,ii. 7, 8
        """,
        ev.SetMeter(meter=Meter(numerator=7, denominator=8)),
    ),
    (
        """
        2f 73 69 64 65 6d 61 6e 2f 63 68 6f 72 64 00 00  /sideman/chord..
        2c 73 66 00 46 23 6d 37 62 35 00 00 40 80 00 00  ,sf. F#m7b5.. 4
        """,
        ev.AddChord(change=ChordChange(at=Beats(4.0), chord=parse_chord("F#m7b5"))),
    ),
    (
        """
        2f 73 69 64 65 6d 61 6e 2f 64 72 75 6d 73 00 00  /sideman/drums..
        2c 73 73 00 6b 69 63 6b 00 00 00 00 78 2e 2e 2e  ,ss. kick.... x...
        78 2e 2e 2e 78 2e 2e 2e 78 2e 2e 2e 00 00 00 00  x...x...x.......
        """,
        osc.GridPattern(voice="kick", text="x...x...x...x..."),
    ),
    (
        """
        2f 73 69 64 65 6d 61 6e 2f 6e 6f 74 65 00 00 00  /sideman/note...
        2c 69 66 66 69 00 00 00 00 00 00 3c 40 00 00 00  ,iffi... 60, 2
        3f 00 00 00 00 00 00 5a                          0.5, 90
        """,
        ev.AddNote(note=Note(at=Beats(2.0), length=Beats(0.5), pitch=60, velocity=90)),
    ),
    (
        """
        2f 73 69 64 65 6d 61 6e 2f 73 75 62 73 63 72 69  /sideman/subscri
        62 65 00 00 2c 73 69 00 31 32 37 2e 30 2e 30 2e  be.. ,si. 127.0.0.
        31 00 00 00 00 00 23 29                          1... 9001
        """,
        osc.Subscribe(host="127.0.0.1", port=9001),
    ),
    (
        """
        2f 73 69 64 65 6d 61 6e 2f 70 72 6f 6d 70 74 00  /sideman/prompt.
        2c 73 00 00 63 61 66 c3 a9 00 00 00              ,s.. café...
        """,
        ev.SetPrompt(text="café"),
    ),
    (
        """
        23 62 75 6e 64 6c 65 00 00 00 00 00 00 00 00 01  #bundle. immediately
        00 00 00 18                                      24 bytes
        2f 73 69 64 65 6d 61 6e 2f 62 61 72 73 00 00 00  /sideman/bars...
        2c 69 00 00 00 00 00 08                          ,i.. 8
        """,
        ev.SetBars(bars=8),
    ),
]


@pytest.mark.parametrize(("dump", "expected"), GOLDEN, ids=[type(one).__name__ for _, one in GOLDEN])
def test_wire_data_is_read(dump: str, expected: Command) -> None:
    assert command(from_hexdump(dump)) == expected


GOLDEN_REPLIES: list[tuple[str, Reply]] = [
    (
        """
        2f 73 69 64 65 6d 61 6e 2f 70 6f 6e 67 00 00 00  /sideman/pong...
        2c 73 00 00 30 2e 31 2e 30 00 00 00              ,s.. 0.1.0...
        """,
        osc.Pong(version="0.1.0"),
    ),
    (
        """
        2f 73 69 64 65 6d 61 6e 2f 63 6c 69 70 00 00 00  /sideman/clip...
        2c 73 69 69 73 69 66 66 00 00 00 00 61 00 00 00  ,siisiff.... a...
        00 00 00 01 00 00 00 04 2f 63 2e 77 61 76 00 00  1, 4, /c.wav..
        00 00 bb 80 41 00 00 00 42 c2 99 9a              48000, 8, 97.3
        """,
        osc.ClipReply(id="a", take=1, bars=4, path="/c.wav", sample_rate_hz=48000, seconds=8.0, tempo=97.3),
    ),
    (
        """
        2f 73 69 64 65 6d 61 6e 2f 65 72 72 6f 72 00 00  /sideman/error..
        2c 73 73 73 00 00 00 00 00 00 00 00 64 69 73 6b  ,sss.... .... disk
        00 00 00 00 46 75 6c 6c 2e 00 00 00              .... Full....
        """,
        osc.ErrorReply(code="disk", message="Full."),
    ),
]


@pytest.mark.parametrize(("dump", "reply"), GOLDEN_REPLIES, ids=[type(one).__name__ for _, one in GOLDEN_REPLIES])
def test_replies_are_written_so(dump: str, reply: Reply) -> None:
    assert encode(reply).hex(" ") == from_hexdump(dump).hex(" ")


# Every address


@pytest.mark.parametrize(
    ("expected", "message"),
    [
        (osc.Subscribe(), ("/sideman/subscribe",)),
        (osc.Subscribe(port=9001), ("/sideman/subscribe", "i", 9001)),
        (osc.Unsubscribe(), ("/sideman/unsubscribe",)),
        (osc.Unsubscribe(port=9001), ("/sideman/unsubscribe", "i", 9001)),
        (osc.Unsubscribe(host="::1", port=9001), ("/sideman/unsubscribe", "si", "::1", 9001)),
        (
            ev.AddTempoPoint(point=TempoPoint(at=Beats(8.0), bpm=Bpm(90.0))),
            ("/sideman/tempo/at", "ff", 8.0, 90.0),
        ),
        (
            ev.AddMeterPoint(point=MeterPoint(bar=5, meter=Meter(numerator=3, denominator=4))),
            ("/sideman/meter/at", "iii", 5, 3, 4),
        ),
        (ev.SetStart(at=Beats(32.0)), ("/sideman/from", "f", 32.0)),
        (ev.SetKey(key=Key(tonic=6, mode="dorian")), ("/sideman/key", "s", "F# dorian")),
        (ev.Play(), ("/sideman/play",)),
        (ev.Play(at=Beats(2.5)), ("/sideman/play", "f", 2.5)),
        (ev.Stop(), ("/sideman/stop",)),
        (ev.Locate(at=Beats(17.25)), ("/sideman/position", "f", 17.25)),
        (ev.SetChords(progression=parse_progression("Am7 | % |")), ("/sideman/chords", "s", "Am7 | % |")),
        (ev.AddChord(change=ChordChange(at=Beats(0.0), chord=None)), ("/sideman/chord", "sf", "N.C.", 0.0)),
        (ev.ClearChords(), ("/sideman/chords/clear",)),
        (ev.AddHit(hit=DrumHit(at=Beats(1.0), voice="snare", velocity=96)), ("/sideman/drum", "if", 38, 1.0)),
        (ev.AddHit(hit=DrumHit(at=Beats(1.0), voice="kick", velocity=7)), ("/sideman/drum", "ifi", 36, 1.0, 7)),
        (ev.ClearDrums(), ("/sideman/drums/clear",)),
        (
            ev.AddNote(note=Note(at=Beats(0.0), length=Beats(1.5), pitch=73, velocity=96)),
            ("/sideman/note", "iff", 73, 0.0, 1.5),
        ),
        (ev.ClearMelody(), ("/sideman/melody/clear",)),
        (ev.SetPrompt(text=""), ("/sideman/prompt", "s", "")),
        (ev.SetEngine(name="jasco"), ("/sideman/engine", "s", "jasco")),
        (ev.SetTakes(takes=2), ("/sideman/takes", "i", 2)),
        (ev.SetSeed(seed=None), ("/sideman/seed", "i", -1)),
        (ev.SetSeed(seed=2**31 - 1), ("/sideman/seed", "i", 2**31 - 1)),
        (ev.RequestClip(), ("/sideman/generate",)),
        (ev.RequestClip(id="verse-1"), ("/sideman/generate", "s", "verse-1")),
        (ev.RequestCancel(), ("/sideman/cancel",)),
        (ev.RequestCancel(id="verse-1"), ("/sideman/cancel", "s", "verse-1")),
        (osc.AskState(), ("/sideman/state",)),
    ],
)
def test_each_form_becomes_its_command(expected: Command, message: tuple[Any, ...]) -> None:
    assert sent(*message) == expected


@pytest.mark.parametrize(
    ("address", "command"),
    [
        ("/sideman/stop", ev.Stop()),
        ("/sideman/chords/clear", ev.ClearChords()),
        ("/sideman/generate", ev.RequestClip()),
        ("/sideman/cancel", ev.RequestCancel()),
        ("/sideman/state", osc.AskState()),
        ("/sideman/ping", osc.Ping()),
    ],
)
def test_a_button_acts_when_it_is_pressed_and_not_when_it_is_let_go(address: str, command: Command) -> None:
    """Controllers send 1 and then 0, as a number or as true and false."""
    for tag, pressed, let_go in (("f", 1.0, 0.0), ("i", 127, 0), ("T", True, None), ("F", None, False)):
        if pressed is not None:
            assert sent(address, tag, pressed) == command
        if let_go is not None:
            assert sent(address, tag, let_go) == osc_commands.Release()


def test_a_number_that_an_address_takes_is_no_button() -> None:
    assert sent("/sideman/play", "f", 1.0) == ev.Play(at=Beats(1.0))
    assert sent("/sideman/subscribe", "i", 9001) == osc.Subscribe(port=9001)


def test_the_tables_cover_the_commands_and_replies() -> None:
    examples = {type(sent(row.address, _types(row), *row.example)) for row in COMMANDS.values()}
    # What others become in the daemon, what is played, and a button that is let go.
    unsent = {ev.SetPattern, ev.SetDrumTrack, ev.SetChordChart, ev.SetDrumChart, ev.SetMelodyChart}
    unsent |= {osc_commands.Release}
    assert examples == set(get_args(Command)) - unsent
    assert set(REPLIES) == set(get_args(Reply))


def _types(row: osc.CommandRow) -> str:
    form = row.form_of(len(row.example))
    assert form is not None
    return "".join(argument.tag for argument in form)


def test_the_forms_of_an_address_differ_in_length() -> None:
    for row in COMMANDS.values():
        assert len({len(form) for form in row.forms}) == len(row.forms), row.address


def test_the_rows_of_replies_name_the_fields() -> None:
    for row in REPLIES.values():
        assert [argument.name for argument in row.arguments] == [field.name for field in fields(row.type)], row.address


# Types and ranges


@pytest.mark.parametrize(("types", "value"), [("i", 120), ("h", 120), ("f", 120.0), ("d", 120.0)])
def test_a_number_may_be_of_any_type(types: str, value: float) -> None:
    assert sent("/sideman/tempo", types, value) == ev.SetTempo(bpm=Bpm(120.0))
    wire_format = {"i": ">i", "h": ">q", "f": ">f", "d": ">d"}[types]
    assert command(_packet("/sideman/bars", types, struct.pack(wire_format, 12))) == ev.SetBars(bars=12)


def _packet(address: str, types: str, data: bytes = b"") -> bytes:
    """A message with the bytes of its arguments as they are."""
    return _padded(address) + _padded("," + types) + data


def _padded(text: str) -> bytes:
    raw = text.encode()
    return raw + bytes(4 - len(raw) % 4)


@pytest.mark.parametrize(("types", "ramp"), [("ffT", True), ("ffF", False)])
def test_switches_are_one_and_zero(types: str, ramp: bool) -> None:
    got = command(_packet("/sideman/tempo/at", types, struct.pack(">ff", 4.0, 90.0)))
    assert got == ev.AddTempoPoint(point=TempoPoint(at=Beats(4.0), bpm=Bpm(90.0), ramp=ramp))


def test_a_double_is_kept_to_the_bit() -> None:
    assert sent("/sideman/tempo", "d", 97.30000305175781) == ev.SetTempo(bpm=Bpm(97.30000305175781))


def test_a_zero_loses_its_sign() -> None:
    got = sent("/sideman/position", "f", -0.0)
    assert isinstance(got, ev.Locate)
    assert math.copysign(1, got.at) == 1.0


@given(st.floats(5, 999, width=32))
def test_a_32_bit_tempo_comes_out_as_the_shortest_decimal_of_the_same_bits(bpm: float) -> None:
    got = sent("/sideman/tempo", "f", bpm)
    assert isinstance(got, ev.SetTempo)
    assert struct.pack(">f", got.bpm) == struct.pack(">f", bpm)
    assert len(repr(got.bpm)) <= len(repr(bpm))


@given(st.decimals(5, 999, places=3))
def test_a_tempo_of_three_decimals_survives_32_bits(bpm: Decimal) -> None:
    assert sent("/sideman/tempo", "f", float(bpm)) == ev.SetTempo(bpm=Bpm(float(bpm)))


REFUSED: list[tuple[str, tuple[Any, ...]]] = [
    ("wrong_types", ("/sideman/tempo", "")),
    ("wrong_types", ("/sideman/tempo", "ff", 120.0, 1.0)),
    ("wrong_types", ("/sideman/tempo", "s", "120")),
    ("wrong_types", ("/sideman/tempo", "T", True)),
    ("wrong_types", ("/sideman/tempo", "N", None)),
    ("wrong_types", ("/sideman/tempo", "b", b"120")),
    ("wrong_types", ("/sideman/bars", "f", 3.5)),
    ("wrong_types", ("/sideman/bars", "s", "3")),
    ("wrong_types", ("/sideman/prompt", "i", 3)),
    ("wrong_types", ("/sideman/ping", "ii", 1, 1)),
    ("wrong_types", ("/sideman/ping", "s", "1")),
    ("out_of_range", ("/sideman/tempo", "f", 0.0)),
    ("out_of_range", ("/sideman/tempo", "f", 4.99)),
    ("out_of_range", ("/sideman/tempo", "d", 999.01)),
    ("out_of_range", ("/sideman/tempo", "f", math.nan)),
    ("out_of_range", ("/sideman/tempo", "d", math.inf)),
    ("out_of_range", ("/sideman/bars", "f", math.nan)),
    ("out_of_range", ("/sideman/bars", "d", -math.inf)),
    ("out_of_range", ("/sideman/bars", "i", 0)),
    ("out_of_range", ("/sideman/bars", "i", 513)),
    ("out_of_range", ("/sideman/bars", "d", 1e300)),
    ("out_of_range", ("/sideman/takes", "i", 17)),
    ("out_of_range", ("/sideman/seed", "i", -2)),
    ("out_of_range", ("/sideman/seed", "h", 2**31)),
    ("out_of_range", ("/sideman/position", "f", -0.25)),
    ("out_of_range", ("/sideman/position", "d", 1.0000001e7)),
    ("out_of_range", ("/sideman/tempo/at", "ffi", 0.0, 120.0, 2)),
    ("out_of_range", ("/sideman/meter/at", "iii", 0, 4, 4)),
    ("out_of_range", ("/sideman/note", "iff", 128, 0.0, 1.0)),
    ("out_of_range", ("/sideman/note", "iff", 60, 0.0, 0.0)),
    ("out_of_range", ("/sideman/note", "iff", 60, 0.0, 10001.0)),
    ("out_of_range", ("/sideman/note", "iffi", 60, 0.0, 1.0, 0)),
    ("out_of_range", ("/sideman/drum", "ifi", 36, 0.0, 128)),
    ("out_of_range", ("/sideman/subscribe", "i", 0)),
    ("out_of_range", ("/sideman/subscribe", "i", 65536)),
    ("out_of_range", ("/elsewhere", "f", math.nan)),
    ("bad_meter", ("/sideman/meter", "ii", 5, 3)),
    ("bad_meter", ("/sideman/meter", "ii", 0, 4)),
    ("bad_meter", ("/sideman/meter/at", "iii", 2, 65, 4)),
    ("bad_chord", ("/sideman/chord", "sf", "\u0421", 0.0)),  # a Cyrillic letter that looks like a C
    ("bad_chord", ("/sideman/chords", "s", "Am7 | Q |")),
    ("bad_chord", ("/sideman/chords", "s", "")),
    ("bad_key", ("/sideman/key", "s", "H major")),
    ("bad_voice", ("/sideman/drums", "ss", "kazoo", "x...")),
    ("bad_voice", ("/sideman/drum", "if", 3, 0.0)),
    ("bad_pattern", ("/sideman/drums", "ss", "kick", "x..?")),
    ("too_long", ("/sideman/prompt", "s", "x" * 4097)),
    ("too_long", ("/sideman/prompt", "s", "x" * 60_000)),
    ("too_long", ("/sideman/chords", "s", "C | " * 4097)),
    ("too_long", ("/sideman/drums", "ss", "kick", "." * 8193)),
    ("too_long", ("/" + "a" * 255, "")),
]


@pytest.mark.parametrize(
    ("code", "message"), REFUSED, ids=[f"{code}-{'-'.join(map(str, one))[:40]}" for code, one in REFUSED]
)
def test_what_cannot_be_used_is_refused_with_a_code_and_a_sentence(code: str, message: tuple[Any, ...]) -> None:
    why = refused(datagram(*message))
    assert why.code == code, why
    assert why.message.endswith((".", "?"))


@pytest.mark.parametrize(
    "request_id", ["", ".hidden", "a/b", "../../etc/passwd", "a b", "ü", "a\n", "x" * 65, "CON", "nul.wav"]
)
def test_an_id_that_is_no_file_name_is_refused_and_repeated(request_id: str) -> None:
    why = refused(datagram("/sideman/generate", "s", request_id))
    assert why.code in {"out_of_range", "too_long"}
    assert why.request_id == request_id[:64]


@pytest.mark.parametrize("request_id", ["a", "verse-1", "take_2.b", "-", "Console", "x" * 64])
def test_an_id_may_be(request_id: str) -> None:
    assert sent("/sideman/cancel", "s", request_id) == ev.RequestCancel(id=request_id)


def test_an_address_of_another_vocabulary_comes_out_as_it_is() -> None:
    packet = _packet(
        "/live/song", "ifsTFNbh", struct.pack(">if", -1, 97.3) + b"hi\0\0" + b"\0\0\0\1\xff\0\0\0" + bytes(8)
    )
    assert decode(packet) == (Foreign(address="/live/song", arguments=(-1, 97.3, "hi", True, False, None, b"\xff", 0)),)


# Bytes that are not OSC


@pytest.mark.parametrize(
    ("packet", "says"),
    [
        (b"", "no OSC"),
        (b"hello", "no OSC"),
        (b"/sideman/ping", "address is cut short"),
        (b"/sideman/ping\0\0", "address is cut short"),
        (b"/sideman/ping\0\0\0", "no type tag string"),
        (b"/sideman/ping\0\0\0i\0\0\0", "no type tag string"),
        (b"/sideman/ping\0\0\0,\0", "type tag string is cut short"),
        (b"/a b\0\0\0\0,\0\0\0", "printable ASCII"),
        (b"/\xc3\xa9\0,\0\0\0", "printable ASCII"),
        (_packet("/sideman/bars", "i", b"\0\0\0"), "cut short in argument 1"),
        (_packet("/sideman/tempo", "f", b"\x42\xf0"), "cut short in argument 1"),
        (_packet("/sideman/tempo", "d", bytes(7)), "cut short in argument 1"),
        (_packet("/sideman/prompt", "s", b"warm"), "argument 1 is cut short"),
        (_packet("/sideman/prompt", "s", b"\xff\xfe\0\0"), "not UTF-8"),
        (_packet("/sideman/prompt", "b", b"\0\0\0\x09only"), "cut short in argument 1"),
        (_packet("/sideman/prompt", "b", b"\xff\xff\xff\xff"), "negative size"),
        (_packet("/sideman/prompt", "b", b""), "cut short in argument 1"),
        (_packet("/sideman/ping", "", b"\0\0\0\0"), "4 bytes follow"),
        (_packet("/sideman/bars", "i", b"\0\0\0\4\0"), "1 bytes follow"),
        (_packet("/sideman/bars", "q", bytes(4)), "type tag 'q' is not read"),
        (_packet("/sideman/bars", "[i]", bytes(4)), "type tag '[' is not read"),
        (b"#bundle\0", "no time tag"),
        (b"#bundle\0" + bytes(7), "no time tag"),
        (bundle() + b"\0\0", "Element 1 has a size"),
        (bundle() + struct.pack(">i", 24) + BARS[:20], "Element 1 has a size"),
        (bundle() + struct.pack(">i", 5) + BARS[:5], "Element 1 has a size"),
        (bundle(BARS) + struct.pack(">i", 0), "Element 2 has a size"),
        (bundle(BARS) + struct.pack(">i", -4) + BARS, "Element 2 has a size"),
        (bundle(BARS) + struct.pack(">i", 2**31 - 4) + BARS, "Element 2 has a size"),
        (bundle(BARS, b"junk"), "Element 2 of the bundle: It is no OSC"),
    ],
)
def test_bytes_that_are_not_osc_are_malformed(packet: bytes, says: str) -> None:
    why = refused(packet)
    assert why.code == "malformed"
    assert says in why.message


def test_a_datagram_has_a_largest_size() -> None:
    assert refused(bytes(MAX_DATAGRAM_BYTES + 1)).code == "too_long"


def test_arguments_are_bounded() -> None:
    assert refused(_packet("/elsewhere", "N" * 4097)).code == "too_many"
    assert len(decode(_packet("/elsewhere", "N" * 4096))) == 1


# Bundles


def test_the_messages_of_a_bundle_come_out_in_order() -> None:
    packet = bundle(TEMPO, bundle(BARS, datagram("/a", "")), datagram("/b", ""))
    addresses = [one.address for one in decode(packet) if not isinstance(one, Malformed)]
    assert addresses == ["/sideman/tempo", "/sideman/bars", "/a", "/b"]


def test_an_empty_bundle_says_nothing() -> None:
    assert decode(bundle()) == ()


def test_one_bad_element_spoils_the_bundle_and_is_named() -> None:
    why = refused(bundle(TEMPO, bundle(BARS, datagram("/sideman/bars", "i", 0))))
    assert why.message.startswith("Element 2.2 of the bundle: /sideman/bars: bars is 0")
    assert why.code == "out_of_range"


def test_a_bad_request_in_a_bundle_is_named_by_its_id() -> None:
    assert refused(bundle(TEMPO, datagram("/sideman/generate", "s", "a b"))).request_id == "a b"


@pytest.mark.parametrize(
    ("outer", "inner", "due"),
    [(1, 1, None), (0, 1, None), (1, 500 << 32, 500 << 32), (500 << 32, 1, 500 << 32),
     (500 << 32, 400 << 32, 500 << 32), (400 << 32, 500 << 32, 500 << 32)],
)  # fmt: skip
def test_a_bundle_inside_a_bundle_is_due_at_the_later_time(outer: int, inner: int, due: int | None) -> None:
    (incoming,) = decode(bundle(bundle(BARS, tag=inner), tag=outer))
    assert incoming == Message(due=due, address="/sideman/bars", command=ev.SetBars(bars=8))  # type: ignore[arg-type]


def test_foreign_messages_carry_their_time_too() -> None:
    tag = time_tag_at(1.0)
    assert decode(bundle(datagram("/b", ""), tag=tag)) == (Foreign(due=tag, address="/b", arguments=()),)


def nested(depth: int) -> bytes:
    packet = BARS
    for _ in range(depth):
        packet = bundle(packet)
    return packet


def test_bundles_nest_so_deep_and_no_deeper() -> None:
    assert command(nested(MAX_NESTING)) == ev.SetBars(bars=8)
    assert refused(nested(MAX_NESTING + 1)).code == "too_many"
    assert refused(nested(1000)).code == "too_many"


def test_a_datagram_holds_so_many_elements_and_no_more() -> None:
    assert len(decode(bundle(*[datagram("/b", "")] * MAX_ELEMENTS))) == MAX_ELEMENTS
    assert refused(bundle(*[datagram("/b", "")] * (MAX_ELEMENTS + 1))).code == "too_many"
    halves = bundle(*[bundle(*[datagram("/b", "")] * (MAX_ELEMENTS // 2))] * 2)
    assert refused(halves).code == "too_many"


# Replies

TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=60)


@st.composite
def replies(draw: st.DrawFn) -> Reply:
    """A reply whose every argument is in its range."""
    row = draw(st.sampled_from(list(REPLIES.values())))
    values: dict[str, Any] = {}
    for argument in row.arguments:
        match argument:
            case Real(low=low, high=high):
                values[argument.name] = draw(st.floats(low, high, width=32))
            case Whole(low=low, high=high):
                values[argument.name] = draw(st.integers(low, high))
            case Text():
                values[argument.name] = draw(TEXTS)
    return row.type(**values)


@given(replies())
def test_another_reader_gets_back_what_was_encoded(reply: Reply) -> None:
    row = REPLIES[type(reply)]
    message = OscMessage(encode(reply))
    assert message.address == row.address
    sent = [one.name for one in row.sent(reply)]
    assert row.type(**dict(zip(sent, message.params, strict=True))) == reply


@given(replies())
def test_our_own_reader_gets_it_back_too(reply: Reply) -> None:
    row = REPLIES[type(reply)]
    (incoming,) = decode(encode(reply))
    if row.address in COMMANDS:
        assert isinstance(incoming, Malformed)
    else:
        assert isinstance(incoming, Foreign)
        tags = "".join(argument.tag for argument in row.sent(reply))
        assert [type(one) for one in incoming.arguments] == [{"f": float, "i": int, "s": str}[tag] for tag in tags]
        assert tags in {"".join(argument.tag for argument in form) for form in row.forms}


@pytest.mark.parametrize("replaces", ["", "/clips/draft.wav"])
def test_an_offer_that_replaces_nothing_is_what_older_scripts_know(replaces: str) -> None:
    offer = PlaceRequest(
        offer=1, id="a", take=0, path="/clips/a.wav", target="", start=0.0, beats=16.0, seconds=8.0, tempo=120.0,
        numerator=4, denominator=4, again=0, replaces=replaces,
    )  # fmt: skip
    (incoming,) = decode(encode(offer))
    assert isinstance(incoming, Foreign)
    assert incoming.arguments[12:] == ((replaces,) if replaces else ())
    head, line, end = write_mail(offer).decode().split("\n")
    assert line.split("\t")[1] == "isissffffiii" + ("s" if replaces else "")
    assert (head, end) == ("sideman 1", "")


def test_text_that_osc_cannot_carry_is_replaced() -> None:
    path = b"/clips/\xff.wav".decode("utf-8", "surrogateescape")
    assert OscMessage(encode(osc.StateReply(json=path + "\0"))).params == ["/clips/?.wav?"]
