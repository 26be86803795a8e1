"""A JACK server without a sound card, a MIDI device in a process of its own, and a daemon's state."""

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


@contextmanager
def jack_server(folder: Path) -> Iterator[None]:
    """A JACK server of the tests' own, without a sound card, that this process and its children talk to."""
    server = shutil.which("jackd")
    assert server, "jackd is not installed; .ci/peers.txt lists what these tests need"
    log = folder / "jackd.log"
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
