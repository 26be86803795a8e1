"""From a MIDI message to the session, while an engine works on all cores: ``python benchmarks/live.py``.

A thread sends what a drum machine and a keyboard send, 24 ticks to the beat and eighths of four notes, to the ports of
a daemon in memory. The time counts from the call on that thread to the moment at which the session has followed it.
The MIDI of the system comes before that, and is not measured.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import threading
import time

from bridge.engine_process import NICENESS
from bridge.live import LiveMidi
from bridge.midi_config import MidiConfig
from bridge.session import SessionState, reduce
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


class Timed(LiveMidi):
    """Notes how long each message took."""

    delays_s: list[float]

    def hear(self, message: Heard) -> None:
        """Follow one message, and note when that is done."""
        super().hear(message)
        self.delays_s.append(time.monotonic() - message.at)


async def measured(seconds: float) -> list[float]:
    """Seconds from each message to the session."""
    session = SessionState()

    def give(event: ev.SessionEvent) -> None:
        nonlocal session
        session, _ = reduce(session, event, Seconds(time.monotonic()))

    ports = VirtualPorts(names=[PORT])
    live = Timed(
        MidiConfig(inputs=(PORT,)), system=lambda: ports, monotonic=time.monotonic, session=lambda: session,
        give=give, act=lambda action: None, tell=lambda notice: None,
    )  # fmt: skip
    live.delays_s = []
    live.start()
    watching = asyncio.create_task(live.watch())
    sender = threading.Thread(target=sent, args=(ports, seconds))
    sender.start()
    while sender.is_alive():
        await asyncio.sleep(0.05)
    await asyncio.sleep(0.1)
    watching.cancel()
    live.close()
    if session.chords.is_empty or not session.transport.playing:
        raise AssertionError("what was played was not heard")
    return live.delays_s


def main() -> None:
    """Print the delays, idle and with every core busy."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=10.0)
    seconds = parser.parse_args().seconds
    for name, busy in (("idle", 0), ("all cores busy", os.cpu_count() or 1)):
        command = [sys.executable, "-c", BUSY.format(seconds=seconds + 2, niceness=NICENESS)]
        workers = [subprocess.Popen(command) for _ in range(busy)]
        delays = sorted(asyncio.run(measured(seconds)))
        for worker in workers:
            worker.wait()
        p99 = delays[int(0.99 * len(delays))]
        print(
            f"{name:15} {len(delays)} messages: median {1e3 * statistics.median(delays):.3f} ms, "
            f"99th percentile {1e3 * p99:.3f} ms, slowest {1e3 * delays[-1]:.2f} ms"
        )


if __name__ == "__main__":
    main()
