"""Does playback hold while the machine works? ``python benchmarks/player.py --minutes 10``.

A JACK server without a sound card runs at 48000 Hz with 256 frames. A daemon plays on it, and as many sketch engines as
there are cores make one clip after the other; each new take of the first is launched at its next bar. Counted are
blocks that were not mixed in time, blocks before which the device ran dry, and why: the server's own lateness or its
clients'. A second server with a client in C, and nothing of ours, shows what the machine itself does. Before that a
clip is started some times, and recorded, and the frame with which it enters is held against its bar line.

Needs the extras ``live`` and ``test``, JACK-Client, and jackd2 and libportaudio2 of Debian.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import soundfile

from bridge.osc_client import Heard, OscClient
from bridge.spawned import spawned_daemon

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from jack_server import PERIOD, RATE, Recording, has_realtime, jack_server, recorder, xruns_told

STARTS = 8
PATIENCE_S = 60.0


class Client:
    """Speaks to a daemon."""

    def __init__(self, osc: OscClient) -> None:
        self.osc = osc
        self._heard: list[Heard] = []
        for address, types, *values in (
            ("/sideman/subscribe", ""),
            ("/sideman/tempo", "f", 120.0),
            ("/sideman/bars", "i", 4),
            ("/sideman/chords", "s", "Am7 | Dm7 G7 | Cmaj7 | % |"),
            ("/sideman/drums", "ss", "kick", "x...x...x...x..."),
        ):
            osc.send(address, types, *values)

    def until(self, address: str, *arguments: object) -> tuple[object, ...]:
        """Wait for a message whose arguments begin so."""
        while True:
            while self._heard:
                one = self._heard.pop(0)
                if one.address == address and one.arguments[: len(arguments)] == arguments:
                    return one.arguments
            self._heard += self.osc.hear_until(address, within_s=PATIENCE_S)

    def state(self) -> dict[str, dict[str, float]]:
        """The daemon's state."""
        self.osc.send("/sideman/state")
        view: dict[str, dict[str, float]] = json.loads(str(self.until("/sideman/state")[0]))
        return view

    def begun(self) -> tuple[float, float]:
        """The monotonic time at which the running song was at beat 0, and how far that may be off."""
        looks = []
        for _ in range(20):
            before = time.monotonic()
            position = self.state()["transport"]["position"]
            after = time.monotonic()
            looks.append((after - before, (before + after) / 2 - position / 2))
        trip, begun = min(looks)
        return begun, trip / 2


def generating(client: Client, stop: threading.Event) -> None:
    """One clip after the other."""
    while not stop.is_set():
        client.osc.send("/sideman/generate")
        client.until("/sideman/done")


def starts(client: Client, folder: Path) -> list[tuple[float, float]]:
    """By how many seconds each start missed its bar line, and how far that may be off."""
    client.osc.send("/sideman/generate", "s", "start")
    path = str(client.until("/sideman/clip", "start")[3])
    second_bar = soundfile.read(path, dtype="float32")[0][2 * RATE : 3 * RATE]
    begun, wait = [], threading.Event().wait
    with recorder(folder, seconds=10.0 * STARTS) as recording:
        recording.connect()
        for _ in range(STARTS):
            client.osc.send("/sideman/player/play", "s", "start")
            client.until("/sideman/player", "waiting")
            client.osc.send("/sideman/play", "f", 2.0)
            begun.append(client.begun())
            client.until("/sideman/player", "launched")
            wait(1.0)
            client.osc.send("/sideman/player/stop")
            client.osc.send("/sideman/stop")
            wait(0.3)
        made = recording.stop()
    return [(late_s, unsure_s) for at, unsure_s in begun if (late_s := missed_by(made, second_bar, at)) is not None]


def missed_by(made: Recording, second_bar: np.ndarray, begun: float) -> float | None:
    """How much later than bar 2 of a song the clip's second bar was heard; None where it was not found there."""
    expected = round((begun + 2.0 - made.began) * RATE) - made.latency
    for place in sorted(range(max(0, expected - 4800), expected + 4800), key=lambda place: abs(place - expected)):
        cut = made.audio[place : place + 400]
        if len(cut) == 400 and np.abs(cut - second_bar[:400]).max() < 1e-6:
            return made.heard_at(place) - (begun + 2.0)
    return None


@contextmanager
def jack_by_itself(folder: Path) -> Iterator[None]:
    """Another such server, with nothing of ours: a metronome of JACK's own, written in C, is its client."""
    folder.mkdir()
    metronome = shutil.which("jack_metro")
    assert metronome, "jack_metro is not installed; Debian has it in jackd2"
    name = f"sideman-alone-{os.getpid()}"
    quiet = subprocess.DEVNULL
    command = [metronome, "--bpm", "120"]
    with jack_server(name, folder), subprocess.Popen(command, stdout=quiet, stderr=quiet) as client:
        try:
            yield
        finally:
            client.terminate()


def endurance(client: Client, folder: Path, alone: Path, minutes: float) -> str:
    """Generate and play for so long, and say what went wrong, and what did without us in the same minutes."""
    client.osc.send("/sideman/play", "f", 0.0)
    before, takes, loads = client.state()["player"], 0, []
    told, told_alone = xruns_told(folder), xruns_told(alone)
    end = time.monotonic() + 60 * minutes
    while time.monotonic() < end:
        client.osc.send("/sideman/generate")
        client.until("/sideman/done")
        takes += 1
        loads.append(os.getloadavg()[0])
    after = client.state()["player"]
    missed, late = (after[name] - before[name] for name in ("underruns", "device_underruns"))
    xruns, by_itself = xruns_told(folder) - told, xruns_told(alone) - told_alone
    return (
        f"{minutes:g} minutes, {takes} takes by the daemon that plays, load {min(loads):.1f} to {max(loads):.1f}:\n"
        f"{missed:.0f} blocks not mixed in time, {late:.0f} before which the device ran dry, "
        f"{xruns.graph} xruns of JACK's clients, {xruns.own} because its server woke too late itself;\n"
        f"{by_itself.graph} and {by_itself.own} of a server beside it that has a client in C and nothing of ours;\n"
        f"the callback took {after['slowest_block_us']:.0f} us at most; "
        f"{after['ahead_ms']:.0f} ms mixed ahead at the end"
    )


def main() -> None:
    """Print what was counted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--engines", type=int, default=os.cpu_count() or 1, help="how many work; one for each core")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as text, ExitStack() as stack:
        folder = Path(text)
        stack.enter_context(jack_server(f"sideman-bench-{os.getpid()}", folder))
        playing = stack.enter_context(spawned_daemon(folder / "clips", "--play", "system"))
        client = Client(stack.enter_context(OscClient(playing.host, playing.port)))
        priority = "with" if has_realtime() else "without"
        print(f"JACK, {RATE} Hz, {PERIOD} frames, {priority} real-time priority; {options.engines} engines on")
        print(f"{os.cpu_count()} cores; load before: {os.getloadavg()[0]:.1f}", flush=True)
        found = starts(client, folder)
        late = [1e3 * late_s for late_s, _ in found] or [math.nan]
        print(f"{len(found)} of {STARTS} starts found: {min(late):+.2f} to {max(late):+.2f} ms beside the bar line")
        print(
            f"(a period is {1e3 * PERIOD / RATE:.2f} ms; known to {1e3 * max(u for _, u in found):.1f} ms)", flush=True
        )
        stop = threading.Event()
        threads = []
        for number in range(1, options.engines):
            other = stack.enter_context(spawned_daemon(folder / f"clips-{number}"))
            one = Client(stack.enter_context(OscClient(other.host, other.port)))
            threads.append(threading.Thread(target=generating, args=(one, stop), daemon=True))
        for thread in threads:
            thread.start()
        with jack_by_itself(folder / "alone"):
            print(endurance(client, folder, folder / "alone", options.minutes))
        stop.set()
        for thread in threads:
            thread.join(PATIENCE_S)


if __name__ == "__main__":
    main()
