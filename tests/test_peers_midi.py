"""Category: peer. Real MIDI ports on a JACK server without a sound card."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from jack_peers import PATIENCE_S, Device, bars_of_clock, device, jack_server, state_of, until

from bridge.osc_client import OscClient
from bridge.spawned import spawned_daemon
from midi.clock_follower import FollowerState, estimate, hear
from midi.clock_messages import clock_message
from midi.ports import Heard, LivePorts, PortWish
from midi.rtmidi_ports import RtMidiPorts
from midi.time import Bpm, Seconds, TempoMap

pytestmark = pytest.mark.peer


@pytest.fixture(scope="module")
def jack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with jack_server(tmp_path_factory.mktemp("jack")):
        yield


class Listener:
    """Live ports, and all that they have heard."""

    def __init__(self, ports: LivePorts, woken: threading.Event) -> None:
        self.ports, self.woken = ports, woken
        self.heard: list[Heard] = []

    def hear(self, count: int) -> None:
        """Wait until so many messages have come in all."""
        end = time.monotonic() + PATIENCE_S
        while len(self.heard) < count:
            assert time.monotonic() < end, f"{len(self.heard)} of {count} messages came"
            self.woken.wait(0.1)
            self.woken.clear()
            self.heard += self.ports.drain()

    def followed(self) -> FollowerState:
        state = FollowerState()
        for one in self.heard:
            message = clock_message(one.message)
            state = state if message is None else hear(state, message, one.at)
        return state


@contextmanager
def listening(*wishes: PortWish) -> Iterator[Listener]:
    woken = threading.Event()
    with LivePorts(RtMidiPorts("jack"), wishes, woken.set) as ports:
        yield Listener(ports, woken)


def beats(count: int, bpm: float) -> list[str]:
    return ["F8", f"wait {60 / bpm / 24}"] * (24 * count)


CLOCK = PortWish(name="digitakt", role="clock")


def test_a_clock_of_another_process_is_followed(jack: None) -> None:
    with device() as sender, listening(CLOCK) as listener:
        assert [notice.kind for notice in listener.ports.scan()] == ["opened"]
        begun = sender.begin()
        sender.send("FA", *beats(8, 120))
        listener.hear(1 + 8 * 24)
        said = estimate(listener.followed(), Seconds(begun + 4.0))
        assert said.playing
        assert said.tempo == pytest.approx(120, abs=0.5)
        assert said.position == pytest.approx(8.0, abs=0.04)
        assert said.confidence > 0.5


def test_pointer_and_continue_and_notes_arrive(jack: None) -> None:
    with device() as sender, listening(CLOCK, PortWish(name="digitakt", role="chords")) as listener:
        listener.ports.scan()
        sender.begin()
        sender.send("F2 40 00", "FB", "90 3C 40", *beats(1, 240), "80 3C 00", "FC")
        listener.hear(24 + 5)
        assert [one.message.note for one in listener.heard if one.message.type.startswith("note")] == [60, 60]
        assert listener.heard[0].roles == ("clock", "chords")
        state = listener.followed()
        said = estimate(state, state.now)
        assert not said.playing
        assert said.position == pytest.approx(17, abs=0.05)


def test_timecode_arrives(jack: None) -> None:
    with device() as sender, listening(CLOCK) as listener:
        listener.ports.scan()
        sender.send("F0 7F 7F 01 01 21 02 03 04 F7")
        listener.hear(1)
        state = listener.followed()
        said = estimate(state, state.now, TempoMap.constant(Bpm(60.0)))
        assert said.position == pytest.approx(3723.16)


def test_a_device_that_is_unplugged_is_told_and_taken_up_again(jack: None) -> None:
    with listening(CLOCK) as listener:
        assert [notice.kind for notice in listener.ports.scan()] == ["missing"]
        with device() as first:
            until(lambda: "opened" in kinds(listener), "the device was never seen")
            first.send("F8")
            listener.hear(1)
            first.unplug()
        until(lambda: "lost" in kinds(listener), "the device was never missed")
        with device() as second:
            until(lambda: "opened" in kinds(listener), "the device was never seen again")
            second.send("F8")
            listener.hear(2)


def kinds(listener: Listener) -> list[str]:
    return [notice.kind for notice in listener.ports.scan()]


def test_a_port_of_our_own_is_sent_to(jack: None) -> None:
    import rtmidi

    with listening(PortWish(name="in", virtual=True)) as listener:
        listener.ports.scan()
        sender = rtmidi.MidiOut(rtapi=rtmidi.API_UNIX_JACK, name="keys")
        try:
            place = next(index for index, name in enumerate(sender.get_ports()) if name.startswith("sideman"))
            sender.open_port(place)
            sender.send_message([0x90, 60, 64])
            listener.hear(1)
        finally:
            sender.close_port()
            sender.delete()
        assert listener.heard[0].message.note == 60


# The daemon


def test_the_daemon_follows_another_process_and_takes_it_up_again(jack: None, tmp_path: Path) -> None:
    """Clock, Start and chords from one process to the daemon; unplugged, plugged in again, and heard again."""
    with spawned_daemon(tmp_path, "--midi-in", "digitakt") as daemon, OscClient(daemon.host, daemon.port) as client:
        client.send("/sideman/subscribe")
        with device() as plugged:
            until(lambda: state_of(client)["midi"]["ports"], "the daemon never opened the port")
            plugged.begin()
            plugged.send(*bars_of_clock([(48, 60, 64, 67), (41, 60, 65, 69)], 150.0), "f8")
            until(lambda: len(state_of(client)["chord_changes"]) == 2, "the chords never came")
            found = state_of(client)
            assert [change["chord"] for change in found["chord_changes"]] == ["C", "F"]
            assert found["transport"]["tempo"] == pytest.approx(150.0, abs=1.0)
            assert found["transport"]["playing"]
            assert "digitakt" in found["midi"]["leader"]
        until(lambda: not state_of(client)["midi"]["ports"], "the daemon never missed the port")
        assert state_of(client)["midi"]["leader"] is None
        with device() as again:
            until(lambda: state_of(client)["midi"]["ports"], "the daemon never opened the port again")
            again.begin()
            again.send("fa", *["f8", f"wait {60 / 90 / 24}"] * 48)
            until(lambda: abs(state_of(client)["transport"]["tempo"] - 90.0) < 0.5, "the tempo never came")


def frames_of(seconds: int, count: int) -> Iterator[str]:
    """Running timecode of 25 frames a second from a whole second on, as so many quarter frames in real time."""
    for quarter in range(count):
        frame = quarter // 8 * 2
        now = seconds + frame // 25
        digits = (frame % 25, now % 60, now // 60 % 60, now // 3600 | 1 << 5)
        piece = quarter % 8
        value = digits[piece // 2] >> 4 * (piece % 2) & 15
        yield f"f1 {piece << 4 | value:x}"
        yield f"wait {1 / 100}"


def bracketed(client: OscClient, begun: float, position_at: Callable[[float], float]) -> None:
    """The song runs, and its position lies between what it should be before the question and after the answer."""
    before = position_at(time.monotonic() - begun)
    transport = state_of(client)["transport"]
    after = position_at(time.monotonic() - begun)
    assert transport["playing"]
    assert before - 0.1 < transport["position"] < after + 0.1


def place_of(client: OscClient) -> tuple[bool, float]:
    transport = state_of(client)["transport"]
    return transport["playing"], round(transport["position"], 2)


def pointer_and_continue(client: OscClient, plugged: Device) -> None:
    plugged.begin()
    plugged.send(*beats(4, 130), "F2 40 00")
    until(lambda: place_of(client) == (False, 16.0), "the pointer never came")
    assert state_of(client)["transport"]["tempo"] == pytest.approx(130.0, abs=1.0)
    begun = plugged.begin()
    plugged.send("FB", *beats(4, 130))
    until(lambda: place_of(client)[1] > 18.0, "the song never ran")
    bracketed(client, begun, lambda since: 16.0 + since * 130 / 60)
    plugged.send("FC")
    until(lambda: not place_of(client)[0], "the song never stopped")
    assert place_of(client)[1] == pytest.approx(20.0, abs=0.1)


def timecode(client: OscClient, plugged: Device) -> None:
    a_second = state_of(client)["transport"]["tempo"] / 60
    plugged.send("F0 7F 7F 01 01 20 00 20 00 F7")  # 0:00:32.00
    until(lambda: place_of(client) == (False, pytest.approx(32 * a_second, abs=0.02)), "the timecode never came")
    begun = plugged.begin()
    plugged.send(*frames_of(50, 250))
    until(lambda: place_of(client)[1] > 51 * a_second, "the timecode never ran")
    bracketed(client, begun, lambda since: (50 + since) * a_second)
    until(lambda: not place_of(client)[0], "the song never stood when the timecode ceased")


def test_pointer_continue_and_timecode_move_the_daemons_song(jack: None, tmp_path: Path) -> None:
    """A song position pointer, Continue and ticks; then timecode, as a whole and running; then all of it once more."""
    with spawned_daemon(tmp_path, "--midi-in", "digitakt") as daemon, OscClient(daemon.host, daemon.port) as client:
        for _ in range(2):  # the second device is the first one plugged in again
            with device() as plugged:
                until(lambda: state_of(client)["midi"]["ports"], "the daemon never opened the port")
                pointer_and_continue(client, plugged)
                timecode(client, plugged)
            until(lambda: not state_of(client)["midi"]["ports"], "the daemon never missed the port")
            assert state_of(client)["midi"]["leader"] is None
