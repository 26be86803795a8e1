"""Category: peer. Real MIDI ports on a JACK server without a sound card."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from bridge.osc_client import OscClient
from bridge.spawned import spawned_daemon
from midi.clock_follower import FollowerState, estimate, hear
from midi.clock_messages import clock_message
from midi.ports import Heard, LivePorts, PortWish
from midi.rtmidi_ports import RtMidiPorts
from midi.time import Bpm, Seconds, TempoMap

pytestmark = pytest.mark.peer
PATIENCE_S = 20.0
SERVER = f"sideman-test-{os.getpid()}"

SENDER = """
import sys, time, rtmidi
port = rtmidi.MidiOut(rtapi=rtmidi.API_UNIX_JACK, name="digitakt")
port.open_virtual_port("clock")
print("open", flush=True)
due = time.monotonic()
for line in sys.stdin:
    words = line.split()
    if words[0] == "wait":
        due += float(words[1])
        time.sleep(max(0.0, due - time.monotonic()))
    elif words[0] == "now":
        due = time.monotonic()
        print("now", due, flush=True)
    elif words[0] == "end":
        break
    else:
        port.send_message([int(word, 16) for word in words])
port.close_port()
port.delete()
print("closed", flush=True)
"""
"""A device in a process of its own: lines of bytes to send, and of seconds to wait, on a timetable of its own clock."""


@pytest.fixture(scope="module")
def jack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A JACK server of the tests' own, without a sound card."""
    server = shutil.which("jackd")
    assert server, "jackd is not installed; .ci/peers.txt lists what these tests need"
    log = tmp_path_factory.mktemp("jack") / "jackd.log"
    command = [server, "--name", SERVER, "--no-realtime", "--sync", "-d", "dummy", "-r", "48000", "-p", "256"]
    with pytest.MonkeyPatch.context() as environment, log.open("wb") as out:
        environment.setenv("JACK_DEFAULT_SERVER", SERVER)
        environment.setenv("JACK_NO_START_SERVER", "1")
        with subprocess.Popen([*command, "-C", "2", "-P", "2"], stdout=out, stderr=out) as process:
            try:
                until(answers, f"JACK never answered; {log} says why")
                yield
            finally:
                process.terminate()


def answers() -> bool:
    """Whether a client of a process of its own can open: libjack keeps what failed in a process."""
    code = "import rtmidi; rtmidi.MidiIn(rtapi=rtmidi.API_UNIX_JACK, name='probe').delete()"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0


def until(holds: Any, complaint: str) -> None:
    """Wait for something that another process does."""
    end = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end, complaint
        threading.Event().wait(0.02)


class Device:
    """The sending process."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        assert self.said() == "open"

    def said(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def send(self, *lines: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write("".join(f"{line}\n" for line in lines))
        self._process.stdin.flush()

    def begin(self) -> float:
        """Begin the device's timetable now, and tell the monotonic time that this is."""
        self.send("now")
        return float(self.said().split()[1])

    def unplug(self) -> None:
        """End the device in good order: JACK waits for seconds for a client that was killed."""
        if self._process.poll() is None:
            self.send("end")
            assert self.said() == "closed"
            self._process.wait(PATIENCE_S)


@contextmanager
def device() -> Iterator[Device]:
    with subprocess.Popen(
        [sys.executable, "-c", SENDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=dict(os.environ)
    ) as process:
        watchdog = threading.Timer(2 * PATIENCE_S, process.kill)
        watchdog.start()
        try:
            plugged = Device(process)
            yield plugged
            plugged.unplug()
        finally:
            process.kill()
            watchdog.cancel()
            watchdog.join()


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


def bars_of_clock(chords: Sequence[Sequence[int]], bpm: float) -> Iterator[str]:
    """Start, and a bar of clock with held notes for each chord, as lines for the sending process."""
    yield "fa"
    for chord in chords:
        yield from (f"90 {note:x} 50" for note in chord)
        for _ in range(4 * 24):
            yield "f8"
            yield f"wait {60 / bpm / 24}"
        yield from (f"80 {note:x} 0" for note in chord)


def state_of(client: OscClient) -> dict[str, Any]:
    client.send("/sideman/state")
    *_, answer = client.hear_until("/sideman/state", within_s=10)
    found: dict[str, Any] = json.loads(str(answer.arguments[0]))
    return found


def test_the_daemon_follows_another_process_and_takes_it_up_again(jack: None, tmp_path: Path) -> None:
    """Clock, Start and chords from one process to the daemon; unplugged, plugged in again, and heard again."""
    with spawned_daemon(tmp_path, "--midi-in", "digitakt") as daemon, OscClient(daemon.host, daemon.port) as client:
        client.send("/sideman/subscribe")
        with device() as plugged:
            until(lambda: state_of(client)["midi"]["ports"], "the daemon never opened the port")
            plugged.begin()
            plugged.send(*bars_of_clock([(48, 60, 64, 67), (41, 60, 65, 69)], 240.0), "f8")
            until(lambda: len(state_of(client)["chord_changes"]) == 2, "the chords never came")
            found = state_of(client)
            assert [change["chord"] for change in found["chord_changes"]] == ["C", "F"]
            assert found["transport"]["tempo"] == pytest.approx(240.0, abs=1.0)
            assert found["transport"]["playing"]
            assert "digitakt" in found["midi"]["leader"]
        until(lambda: not state_of(client)["midi"]["ports"], "the daemon never missed the port")
        assert state_of(client)["midi"]["leader"] is None
        with device() as again:
            until(lambda: state_of(client)["midi"]["ports"], "the daemon never opened the port again")
            again.begin()
            again.send("fa", *["f8", f"wait {60 / 90 / 24}"] * 48)
            until(lambda: abs(state_of(client)["transport"]["tempo"] - 90.0) < 0.5, "the tempo never came")
