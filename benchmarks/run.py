"""Measure what a producer waits for, and print it as a table.

``python benchmarks/run.py`` measures: the daemon's start, messages through codec and reducer on one core, messages
over UDP, a clip from request to file, and the daemon's memory. Machines differ and are shared: quote medians.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from bridge.osc_client import OscClient, datagram
from bridge.osc_codec import Message, decode
from bridge.osc_schema import GridPattern
from bridge.session import SessionState, reduce
from bridge.spawned import SpawnedDaemon, spawned_daemon
from midi.time import Seconds

SESSION = (
    ("/sideman/tempo", "f", 120.0),
    ("/sideman/meter", "ii", 4, 4),
    ("/sideman/chords", "s", "Am7 | Dm7 G7 | Cmaj7 | Fmaj7 |"),
    ("/sideman/drums", "ss", "kick", "x...x...x...x..."),
    ("/sideman/drums", "ss", "snare", "....x.......x..."),
    ("/sideman/prompt", "s", "warm Rhodes"),
    ("/sideman/bars", "i", 4),
    ("/sideman/seed", "i", 1),
)
TRAFFIC = (
    ("/sideman/position", "f", 17.25),
    ("/sideman/tempo", "f", 97.5),
    ("/sideman/key", "s", "C minor"),
    ("/sideman/bars", "i", 8),
    ("/sideman/chord", "sf", "Am7", 4.0),
    ("/sideman/play", ""),
)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One measured figure: its name, its value in words, and what is wanted."""

    name: str
    value: str
    wanted: str


@contextmanager
def daemon(clips: Path) -> Iterator[tuple[OscClient, SpawnedDaemon, float]]:
    """A running daemon, a client of it, and the seconds until it was ready."""
    began = time.perf_counter()
    with spawned_daemon(clips) as spawned:
        ready = time.perf_counter() - began
        with OscClient(spawned.host, spawned.port) as client:
            yield client, spawned, ready


def one_clip(client: OscClient) -> float:
    """Seconds from the request to the clip on disk."""
    began = time.perf_counter()
    client.send("/sideman/generate")
    took = 0.0
    for heard in client.hear_until("/sideman/done", "/sideman/error", within_s=60):
        if heard.address == "/sideman/clip":
            took = time.perf_counter() - began
        assert heard.address != "/sideman/error", heard
    return took


def codec_and_reducer(seconds: float = 2.0) -> float:
    """Messages a second through decode and reduce."""
    packets = [datagram(address, types, *arguments) for address, types, *arguments in TRAFFIC]
    state, count, began = SessionState(), 0, time.perf_counter()
    while (now := time.perf_counter()) - began < seconds:
        for packet in packets:
            for incoming in decode(packet):
                assert isinstance(incoming, Message) and not isinstance(incoming.command, GridPattern)
                state, _ = reduce(state, incoming.command, Seconds(now))
        count += len(packets)
    return count / (time.perf_counter() - began)


def over_udp(client: OscClient, rate: int = 2000, seconds: float = 3.0) -> tuple[int, int]:
    """Tempo messages sent at ``rate`` a second while clips are made, and how many of them raised the revision."""
    before = revision(client)
    client.send("/sideman/generate")
    sent, began = 0, time.perf_counter()
    while sent < rate * seconds:
        while sent < (time.perf_counter() - began) * rate:
            client.send("/sideman/tempo", "f", 100.0 + sent % 50)
            sent += 1
            if sent % rate == 0:
                client.send("/sideman/generate")
        time.sleep(0.001)
    return sent, revision(client) - before


def revision(client: OscClient) -> int:
    """The session's revision, once everything before was heard."""
    client.send("/sideman/state")
    *_, answer = client.hear_until("/sideman/state", within_s=10)
    return int(json.loads(str(answer.arguments[0]))["revision"])


def spread(values: list[float], unit: str, scale: float = 1.0, digits: int = 0) -> str:
    """Median, minimum and maximum in words."""
    low, mid, high = (f"{scale * value:.{digits}f}" for value in (min(values), statistics.median(values), max(values)))
    return f"{mid} {unit} (min {low}, max {high}, n {len(values)})"


def measure(report: Callable[[str], None], clips: int) -> list[Row]:
    """Every figure."""
    rows = []
    report("start")
    with tempfile.TemporaryDirectory() as folder:
        starts = []
        for _ in range(5):
            with daemon(Path(folder)) as (_, _, ready):
                starts.append(ready)
        rows.append(Row(name="sideman serve, ready", value=spread(starts, "s", digits=2), wanted="under 1.5 s"))
        report("codec and reducer")
        rate = codec_and_reducer()
        rows.append(Row(name="codec and reducer, one core", value=f"{rate:,.0f} messages/s", wanted="20,000 /s"))
        with daemon(Path(folder)) as (client, spawned, _):
            for address, types, *arguments in SESSION:
                client.send(address, types, *arguments)
            report("clips")
            one_clip(client)
            times = [one_clip(client) for _ in range(clips)]
            rows.append(
                Row(name="4 bars at 120, request to file", value=spread(times, "ms", 1000), wanted="under 150 ms")
            )
            report("UDP")
            sent, answered = over_udp(client)
            rows.append(
                Row(
                    name="2,000 messages/s over UDP, while clips are made",
                    value=f"{sent - answered} of {sent:,} lost",
                    wanted="0 lost",
                )
            )
            memory = psutil.Process(spawned.process.pid).memory_info().rss / 1e6
            rows.append(Row(name="daemon memory", value=f"{memory:.0f} MB", wanted="under 120 MB"))
    return rows


def main() -> None:
    """Measure, print a table, and write JSON beside it when asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=20, help="clips to time")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    options = parser.parse_args()
    console = Console()
    rows = measure(lambda step: console.print(f"[dim]measuring: {step}"), options.clips)
    table = Table(
        "what",
        "measured",
        "wanted",
        title=f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
    )
    for row in rows:
        table.add_row(row.name, row.value, row.wanted)
    console.print(table)
    if options.json:
        options.json.write_text(json.dumps([vars(row) for row in rows], indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
