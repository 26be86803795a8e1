"""Live ports by their twin in memory: names, roles, hot plug, a bounded queue; and the bytes of cables."""

from __future__ import annotations

import sys
import threading

import mido
import pytest
from hypothesis import given
from hypothesis import strategies as st

from midi.errors import MidiUnavailable
from midi.midi_bytes import MAX_SYSEX_BYTES, MidiParser
from midi.port_roles import Channels, Role, parts_of
from midi.port_system import find_port
from midi.ports import MAX_WAITING, LivePorts, PortWish
from midi.rtmidi_ports import RtMidiPorts
from midi.time import Seconds
from midi.virtual_ports import VirtualPorts

NOW = Seconds(1.0)
TICK = b"\xf8"
NOTE = b"\x90\x3c\x40"


def live(system: VirtualPorts, *wishes: PortWish) -> LivePorts:
    return LivePorts(system, wishes, lambda: None)


def wish(name: str, role: Role = "clock") -> PortWish:
    return PortWish(name=name, role=role)


# Names

NAMES = ("Midi Through:Midi Through Port-0 14:0", "Digitakt:Digitakt MIDI 1 20:0", "Keystation 61:Keys 24:0")


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("digitakt", 1),
        ("Digitakt:Digitakt MIDI 1 28:0", 1),
        ("keys", 2),
        ("MIDI", 0),
        ("Digitakt:Digitakt MIDI 1 20:0", 1),
    ],
)
def test_a_port_is_found_by_a_part_of_its_name_and_whatever_its_number(wanted: str, found: int) -> None:
    assert find_port(wanted, NAMES) == NAMES[found]


@pytest.mark.parametrize("wanted", ["Minilogue", "", " "])
def test_no_port_is_found_where_there_is_none(wanted: str) -> None:
    assert find_port(wanted, NAMES) is None


# Roles


@pytest.mark.parametrize(
    ("data", "roles", "parts"),
    [
        (TICK, ("clock",), ("clock",)),
        (TICK, ("chords",), ()),
        (NOTE, ("clock",), ()),
        (NOTE, ("chords", "melody"), ("chords", "melody")),
        (NOTE, ("all",), ("chords",)),
        (b"\x99\x24\x40", ("all",), ("drums",)),
        (b"\x92\x3c\x40", ("all",), ("melody",)),
        (b"\x92\x3c\x40", ("drums", "all"), ("drums", "melody")),
        (b"\xf2\x10\x00", ("all",), ("clock",)),
        (b"\xf0\x7f\x7f\x01\x01\x21\x02\x03\x04\xf7", ("clock",), ("clock",)),
        (b"\xf0\x7e\x7f\x06\x01\xf7", ("clock",), ()),
        (b"\xf6", ("all",), ()),
    ],
)
def test_what_a_message_is_for(data: bytes, roles: tuple[Role, ...], parts: tuple[str, ...]) -> None:
    assert parts_of(mido.Message.from_bytes(data), roles, Channels(melody=3)) == parts


# Hot plug


def test_ports_are_opened_and_heard_with_their_roles() -> None:
    system = VirtualPorts(names=["Digitakt", "Keys"])
    with live(system, wish("digi"), wish("digi", "drums"), wish("keys", "chords")) as ports:
        assert [notice.kind for notice in ports.scan()] == ["opened"] * 3
        system.send("Digitakt", TICK, NOW)
        system.send("Keys", NOTE, Seconds(2.0))
        tick, note = ports.drain()
    assert (tick.port, tick.roles, tick.message.type, tick.at) == ("Digitakt", ("clock", "drums"), "clock", NOW)
    assert (note.roles, note.message.note) == (("chords",), 60)
    assert len(system.opened) == 2


def test_a_port_that_vanishes_is_told_once_and_taken_up_again() -> None:
    system = VirtualPorts(names=["Digitakt", "Keys"])
    with live(system, wish("digi"), wish("keys", "chords")) as ports:
        ports.scan()
        system.unplug("Digitakt")
        (lost,) = ports.scan()
        assert (lost.kind, lost.port) == ("lost", "Digitakt")
        assert ports.scan() == ()
        system.send("Keys", NOTE, NOW)
        assert len(ports.drain()) == 1
        system.plug("Digitakt")
        (found,) = ports.scan()
        assert found.kind == "opened"
        system.send("Digitakt", TICK, NOW)
        assert [heard.port for heard in ports.drain()] == ["Digitakt"]
    assert not [port for port in system.opened if port.is_open]


def test_a_port_that_is_not_there_yet_is_told_once_and_opened_when_it_comes() -> None:
    system = VirtualPorts()
    with live(system, wish("digi")) as ports:
        assert [notice.kind for notice in ports.scan()] == ["missing"]
        assert ports.scan() == ()
        system.plug("Digitakt")
        assert [notice.kind for notice in ports.scan()] == ["opened"]


def test_a_port_that_another_program_holds_stops_no_other() -> None:
    system = VirtualPorts(names=["Digitakt", "Keys"], refused={"Digitakt"})
    with live(system, wish("digi"), wish("keys")) as ports:
        assert [notice.kind for notice in ports.scan()] == ["refused", "opened"]
        assert ports.scan() == ()
        system.refused.clear()
        assert [notice.kind for notice in ports.scan()] == ["opened"]


def test_a_system_that_fails_is_told_and_taken_up_again() -> None:
    system = VirtualPorts(names=["Digitakt"])
    with live(system, wish("digi")) as ports:
        ports.scan()
        system.broken = True
        assert [notice.kind for notice in ports.scan()] == ["lost", "system"]
        assert ports.scan() == ()
        system.broken = False
        assert [notice.kind for notice in ports.scan()] == ["opened"]


def test_a_virtual_port_is_made_once_and_stays() -> None:
    system = VirtualPorts()
    with live(system, PortWish(name="Sideman", virtual=True)) as ports:
        assert [notice.kind for notice in ports.scan()] == ["opened"]
        assert ports.scan() == ()
        system.send("Sideman", NOTE, NOW)
        assert len(ports.drain()) == 1


def test_closing_closes_everything_twice_if_need_be() -> None:
    system = VirtualPorts(names=["Digitakt"])
    ports = live(system, wish("digi"))
    ports.scan()
    ports.close()
    ports.close()
    assert system.is_closed
    assert not system.opened[0].is_open
    assert ports.scan() == ()


@pytest.mark.parametrize("role", ["bass", ""])
def test_a_role_that_is_none_is_named(role: str) -> None:
    with pytest.raises(MidiUnavailable, match="the roles are clock, chords"):
        PortWish(name="Keys", role=role)  # type: ignore[arg-type]


# The queue


def test_the_queue_is_bounded_and_counts_what_it_drops() -> None:
    system = VirtualPorts(names=["Flood"])
    with live(system, wish("flood")) as ports:
        ports.scan()
        for index in range(MAX_WAITING + 50):
            system.send("Flood", TICK, Seconds(index / 3000))
        assert ports.dropped == 50
        assert len(ports.drain()) == MAX_WAITING
        system.send("Flood", TICK, NOW)
        assert len(ports.drain()) == 1


def test_the_owner_is_woken_once_until_it_drains() -> None:
    system, woken = VirtualPorts(names=["Keys"]), []
    with LivePorts(system, [wish("keys")], lambda: woken.append(1)) as ports:
        ports.scan()
        for _ in range(10):
            system.send("Keys", TICK, NOW)
        assert len(woken) == 1
        ports.drain()
        system.send("Keys", TICK, NOW)
        assert len(woken) == 2


def test_nothing_is_lost_between_the_systems_thread_and_the_owners() -> None:
    system, woken = VirtualPorts(names=["Keys"]), threading.Event()
    with LivePorts(system, [wish("keys")], woken.set) as ports:
        ports.scan()
        sender = threading.Thread(target=lambda: [system.send("Keys", TICK, NOW) for _ in range(5000)])
        sender.start()
        heard = 0
        while heard < 5000 and woken.wait(5.0):
            woken.clear()
            heard += len(ports.drain())
        sender.join()
    assert (heard, ports.dropped) == (5000, 0)


# Without python-rtmidi


def test_without_python_rtmidi_one_sentence_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rtmidi", None)
    with pytest.raises(MidiUnavailable, match=r"pip install 'sideman\[live\]'"):
        RtMidiPorts()


# Bytes


def read(*chunks: bytes) -> list[str]:
    parser = MidiParser()
    return [str(message.hex()) for chunk in chunks for message in parser.feed(chunk)]


@pytest.mark.parametrize(
    ("data", "messages"),
    [
        ("90 3C 40 3E 41", ["90 3C 40", "90 3E 41"]),
        ("90 3C F8 40", ["F8", "90 3C 40"]),
        ("F0 7E F8 01 F7", ["F8", "F0 7E 01 F7"]),
        ("F0 7E 01 90 3C 40", ["90 3C 40"]),
        ("90 3C FE 40 FE FE", ["90 3C 40"]),
        ("90 3C 40 F2 10 01 3E 40", ["90 3C 40", "F2 10 01"]),
        ("90 3C 40 F0 01 F7 3E 40", ["90 3C 40", "F0 01 F7"]),
        ("3C 40 F4 F5 F9 FD F7 F8", ["F8"]),
        ("C0 05 06 E0 01 40", ["C0 05", "C0 06", "E0 01 40"]),
        ("F6 F1 35", ["F6", "F1 35"]),
    ],
)
def test_bytes_of_cables(data: str, messages: list[str]) -> None:
    """Running status, real-time bytes and broken messages, as the MIDI 1.0 specification has them."""
    assert read(bytes.fromhex(data)) == messages
    assert read(*(bytes([byte]) for byte in bytes.fromhex(data))) == messages


def test_an_endless_exclusive_message_is_swallowed_and_the_clock_goes_on() -> None:
    parser = MidiParser()
    heard = []
    for _ in range(100):
        heard += list(parser.feed(b"\xf0" * 1 + b"\x01" * MAX_SYSEX_BYTES * 3 + b"\xf8"))
    assert [message.type for message in heard] == ["clock"] * 100
    assert len(parser._data) <= MAX_SYSEX_BYTES
    assert [message.type for message in parser.feed(b"\x90\x3c\x40")] == ["note_on"]


@given(st.lists(st.binary(max_size=40)))
def test_any_bytes_make_messages_that_mido_would_read_alike(chunks: list[bytes]) -> None:
    parser = MidiParser()
    for chunk in chunks:
        for message in parser.feed(chunk):
            assert mido.Message.from_bytes(message.bytes()) == message
        assert len(parser._data) <= MAX_SYSEX_BYTES


MESSAGES = st.one_of(
    st.builds(
        lambda note, velocity, channel: mido.Message("note_on", note=note, velocity=velocity, channel=channel),
        st.integers(0, 127), st.integers(0, 127), st.integers(0, 15),
    ),
    st.builds(lambda data: mido.Message("sysex", data=data), st.lists(st.integers(0, 127), max_size=20)),
    st.builds(lambda pos: mido.Message("songpos", pos=pos), st.integers(0, 16383)),
    st.just(mido.Message("clock")),
)  # fmt: skip


@given(st.lists(MESSAGES), st.integers(min_value=1, max_value=7))
def test_messages_are_read_back_however_they_are_cut(messages: list[mido.Message], size: int) -> None:
    data = b"".join(bytes(message.bytes()) for message in messages)
    parser = MidiParser()
    read_back = [message for start in range(0, len(data), size) for message in parser.feed(data[start : start + size])]
    assert read_back == messages
    assert parser.dropped == 0
