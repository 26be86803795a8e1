"""From a MIDI message to the session, while an engine works on all cores: ``python benchmarks/live.py``.

A thread sends what a drum machine and a keyboard send, 24 ticks to the beat and eighths of four notes, to the ports of
a whole daemon, as ``sideman serve`` runs it. The time counts from the call on that thread, where the system's MIDI
hands the bytes over, to the moment at which the session has followed them. The MIDI of the system comes before that,
and is not measured.

Rows: a daemon that makes no clips; the same while its engine makes clips one after the other, and beside it as many
processes as there are cores compute with the engine's priority. Each as an ordinary user has it, and with the real-time
priority that Linux gives to the group ``audio``. The last column is what the machine itself does: how late a thread
that does nothing else is woken in the same minute.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import select
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bridge.config import Config, load_config
from bridge.daemon import Daemon
from bridge.engine_process import NICENESS
from bridge.live import LiveMidi
from bridge.promptness import be_prompt
from midi import events as ev
from midi.ports import Heard
from midi.time import Seconds
from midi.virtual_ports import VirtualPorts

PORT = "bench"
BPM = 140.0
BUSY = """
import os, time
os.nice({niceness})
end = time.monotonic() + {seconds}
while time.monotonic() < end:
    sum(range(10000))
"""
"""What keeps a core busy, with the priority of an engine."""


def sent(ports: VirtualPorts, seconds: float) -> None:
    """Clock and notes in real time."""
    begun = time.monotonic()
    ports.send(PORT, bytes([0xFA]), Seconds(begun))
    for tick in range(int(seconds * BPM / 60 * 24)):
        due = begun + tick * 60 / BPM / 24
        time.sleep(max(0.0, due - time.monotonic()))
        ports.send(PORT, bytes([0xF8]), Seconds(time.monotonic()))
        if tick % 12 == 0:
            for note in (48, 60, 64, 67):
                ports.send(PORT, bytes([0x90, note, 80]), Seconds(time.monotonic()))
        elif tick % 12 == 9:
            for note in (48, 60, 64, 67):
                ports.send(PORT, bytes([0x80, note, 0]), Seconds(time.monotonic()))


@contextmanager
def timed() -> Iterator[list[float]]:
    """The seconds that each message took from its port until the session had followed it."""
    delays: list[float] = []
    follow: Callable[[LiveMidi, Heard], None] = LiveMidi.hear

    def hear(live: LiveMidi, message: Heard) -> None:
        follow(live, message)
        delays.append(time.monotonic() - message.at)

    LiveMidi.hear = hear  # type: ignore[method-assign]
    try:
        yield delays
    finally:
        LiveMidi.hear = follow  # type: ignore[method-assign]


async def measured(config: Config, seconds: float, *, clips: bool, realtime: bool) -> tuple[list[float], int]:
    """Seconds from each message to the session, and the clips that were made meanwhile."""
    ports = VirtualPorts(names=[PORT])
    daemon = Daemon(config, midi_system=lambda: ports)
    ready, stop = asyncio.Event(), asyncio.Event()
    running = asyncio.create_task(daemon.run(lambda _: ready.set(), stop))
    await ready.wait()
    be_prompt(realtime=realtime)
    while not daemon.engine.is_warm:
        await asyncio.sleep(0.05)
    with timed() as delays:
        sender = threading.Thread(target=sent, args=(ports, seconds))
        sender.start()
        while sender.is_alive():
            await asyncio.sleep(0.01)
            if clips and daemon.queue.running is None:
                daemon._apply(ev.RequestClip(), None)
        await asyncio.sleep(0.1)
    if daemon.state.chords.is_empty or not daemon.state.transport.playing:
        raise AssertionError("what was played was not heard")
    stop.set()
    await running
    return delays, len(list(config.clips.folder.glob("*.wav"))) if config.clips.folder else 0


def lateness(seconds: float, lates: list[float]) -> None:
    """How late this thread is woken that sleeps most of the time: a floor for everything that waits."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        due = time.monotonic() + 0.002
        select.select([], [], [], 0.002)
        lates.append(time.monotonic() - due)


def p99_ms(delays: list[float]) -> float:
    """The 99th percentile in milliseconds."""
    return 1e3 * sorted(delays)[int(0.99 * len(delays))]


def row(seconds: float, *, busy: int, realtime: bool) -> None:
    """Measure one row in this process, and print it."""
    lates: list[float] = []
    lateness(1.0, lates)
    with tempfile.TemporaryDirectory() as folder:
        options: dict[str, dict[str, object]] = {
            "osc": {"port": 0}, "clips": {"folder": Path(folder)}, "midi": {"inputs": [PORT]}, "host": {"name": "none"},
        }  # fmt: skip
        command = [sys.executable, "-c", BUSY.format(seconds=seconds + 6, niceness=NICENESS)]
        workers = [subprocess.Popen(command) for _ in range(busy)]
        delays, clips = asyncio.run(measured(load_config(None, options), seconds, clips=busy > 0, realtime=realtime))
        lateness(1.0, lates)
        for worker in workers:
            worker.wait()
    name = ("all cores busy" if busy else "idle") + (", real-time" if realtime else "")
    print(
        f"{name:25} {len(delays)} messages, {clips} clips: median {1e3 * statistics.median(delays):.2f} ms, "
        f"99th percentile {p99_ms(delays):.2f} ms, slowest {1e3 * max(delays):.1f} ms; "
        f"the machine itself {p99_ms(lates):.2f} ms",
        flush=True,
    )


def main() -> None:
    """Print the delays, idle and with every core busy; each in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--row", nargs=2, type=int, metavar=("BUSY", "REALTIME"), help="one row alone, in this process")
    options = parser.parse_args()
    if options.row:
        row(options.seconds, busy=options.row[0], realtime=bool(options.row[1]))
        return
    for realtime in (0, 1):
        for busy in (0, os.cpu_count() or 1):
            command = [sys.executable, __file__, "--seconds", str(options.seconds), "--row", str(busy), str(realtime)]
            subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
