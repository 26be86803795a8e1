"""The ReaScript in the stand-in for REAPER: its share of REAPER's main thread, and clip on disk to acknowledgement.

``python benchmarks/reaper.py`` makes a project of 64 tracks with items, a chord track, a drum track, tempo marks with
ramps and regions, and lets REAPER's main loop turn while notes change, clips come and the song plays. The figure is the
time of a turn in which the script does its work; the stand-in's own work for each call is in it.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import statistics
import struct
import sys
import tempfile
import threading
import time
import wave
from pathlib import Path

from bridge.daw_desk import DawDesk
from bridge.mailbox import Mailbox
from bridge.mailbox_text import MailName, read_mail, write_mail
from bridge.osc_clients import Client
from bridge.osc_codec import Message, understand
from bridge.osc_commands import DawCommand
from bridge.osc_replies import Hosting, PlaceRequest, Reply
from bridge.osc_wire import WireMessage
from midi.time import Beats, Bpm, Meter
from plugin_host.host import Placement
from plugin_host.reaper import ReaperHost
from plugin_host.standins.reaper import EmbeddedLua, Reaper
from plugin_host.standins.reaper.program import TURN_S

TURNS_A_CYCLE = 3


def notes_of(beats: int, transposed: int = 0) -> list[list[float]]:
    """A triad on each beat."""
    return [[pitch + at % 5 + transposed, float(at), at + 1.0] for at in range(beats) for pitch in (48, 52, 55)]


def fill(reaper: Reaper, tracks: int) -> None:
    """A project of that size: the second track has the chords, the fourth the drums."""
    reaper.do("let_clock_run")
    reaper.do(
        "set_markers",
        markers=[[20.0 * index, 100.0 + 7 * (index % 4), 4, 4, index % 2 == 1] for index in range(16)],
    )
    for index in range(tracks):
        name = {1: "CHORDS", 3: "DRUMS"}.get(index, f"Track {index}")
        track = reaper.do("add_track", name=name)
        for at in range(0, 64, 16):
            reaper.do("add_midi_item", track=track, at=float(at), beats=16.0, notes=notes_of(16))
    reaper.do("set_regions", regions=[[16.0 * part, f"Part {part}", 16.0 * part + 16] for part in range(32)])


class PlayedDaemon:
    """The least that the script needs: its greetings are answered."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("to-sideman", "from-sideman"):
            (folder / name).mkdir(parents=True)
        self._beat = self._number = self._run = 0

    def turn(self) -> None:
        """Count, read what came, and greet."""
        self._beat += 1
        (self.folder / "daemon.txt").write_text(f"sideman 1\nabc {self._beat}\n")
        for path in sorted((self.folder / "to-sideman").glob("*.txt")):
            name = MailName.parse(path.name)
            self._run = name.run if name else 0
            messages = read_mail(path.read_bytes())
            path.unlink()
            if any(message.address == "/sideman/daw" for message in messages):
                self.send(Hosting(run="abc", places=1))

    def send(self, reply: Reply) -> None:
        """Lay a file before the script."""
        self._number += 1
        path = self.folder / "from-sideman" / str(MailName(self._run, self._number))
        path.write_bytes(write_mail(reply))


def cycles(count: int, tracks: int) -> list[tuple[float, float]]:
    """Milliseconds of the script's cycles, while the chords change every second and a clip comes every two.

    Each is told by the wall and by the thread's own clock, which other programs on the machine do not drive on.
    """
    spent: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        daemon = PlayedDaemon(Path(folder) / "Sideman")
        reaper = Reaper(EmbeddedLua(Path(folder)))
        fill(reaper, tracks)
        reaper.run()
        for _ in range(40):
            daemon.turn()
            reaper.tick(TURNS_A_CYCLE)
        reaper.do("play", state=1)
        gc.collect()
        gc.disable()
        for index in range(count):
            if index % 10 == 5:
                reaper.do("set_notes", track=2, item=1, notes=notes_of(16, index // 10 % 7))
            if index % 20 == 7:
                path = silent_wav(Path(folder) / f"clip{index}.wav")
                daemon.send(offer(index + 1, path))
            daemon.turn()
            turns = []
            for _ in range(TURNS_A_CYCLE):
                begun, own = time.perf_counter(), time.thread_time()
                reaper.tick()
                turns.append((1e3 * (time.perf_counter() - begun), 1e3 * (time.thread_time() - own)))
            spent.append(max(turns))
        gc.enable()
        placed = len(reaper.tracks["Sideman"])
        errors = reaper.messages["errors"]
        reaper.close()
        reaper.end()
    if errors or not placed:
        raise RuntimeError(f"The script did not do its work: {errors}, {placed} items")
    return spent


def offer(number: int, path: Path) -> PlaceRequest:
    """Four bars at 100."""
    return PlaceRequest(
        offer=number, id=f"ask{number}", take=0, path=str(path), target="", start=0.0, beats=16.0, seconds=9.6,
        tempo=100.0, numerator=4, denominator=4, again=0,
    )  # fmt: skip


def silent_wav(path: Path) -> Path:
    """Ten seconds of silence."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(1000)
        file.writeframes(struct.pack("<h", 0) * 9600)
    return path


def round_trips(count: int, tracks: int) -> list[float]:
    """Milliseconds from a clip on disk to the script's acknowledgement, with REAPER's main loop at its usual pace."""

    async def run(folder: Path) -> list[float]:
        host = ReaperHost(time.monotonic)

        def take(messages: tuple[WireMessage, ...], client: Client) -> None:
            for message in understand(messages):
                if isinstance(message, Message) and isinstance(message.command, DawCommand):
                    desk.handle(message.command, client)

        mailbox = Mailbox(folder / "Sideman", run="abc", take=lambda messages, client: take(tuple(messages), client))
        desk = DawDesk(
            host,
            run="abc",
            send=mailbox.send,
            broadcast=lambda reply, client: None,
            apply=lambda event: None,
        )
        mailbox.start()
        stop = threading.Event()
        reaper = Reaper(EmbeddedLua(folder))
        fill(reaper, tracks)
        reaper.run()
        thread = threading.Thread(target=turn_for_real, args=(reaper, stop))
        thread.start()
        taken = []
        try:
            while not host.is_there:
                await asyncio.sleep(0.05)
            await asyncio.sleep(2.0)
            for index in range(count):
                path = silent_wav(folder / f"clip{index}.wav")
                await asyncio.sleep(0.037)  # anywhere between two cycles
                begun = time.perf_counter()
                await host.place(placement(path, index))
                taken.append(1e3 * (time.perf_counter() - begun))
        finally:
            stop.set()
            await asyncio.to_thread(thread.join)
            reaper.close()
            reaper.end()
            desk.close()
            await host.close()
            mailbox.close()
        return taken

    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(run(Path(folder)))


def turn_for_real(reaper: Reaper, stop: threading.Event) -> None:
    """REAPER's main thread."""
    began = time.monotonic()
    while not stop.wait(TURN_S):
        reaper.wait_until(1000.0 + time.monotonic() - began)


def placement(path: Path, index: int) -> Placement:
    """Four bars at 100, a place of its own each."""
    return Placement(
        request_id=f"ask{index}", take=0, path=path, name=path.stem, start=Beats(16.0 * index), bars=4,
        tempo=Bpm(100.0), meter=Meter(numerator=4, denominator=4), sample_rate_hz=1000, frames=9600, target="",
    )  # fmt: skip


def percentile(values: list[float], share: float) -> float:
    """The value that this share of all values does not exceed."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--tracks", type=int, default=64)
    parser.add_argument("--cycles", type=int, default=3000)
    parser.add_argument("--clips", type=int, default=30)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    spent, taken = cycles(given.cycles, given.tracks), round_trips(given.clips, given.tracks)
    wall, own = [turn[0] for turn in spent], [turn[1] for turn in spent]
    figures = {
        "cycle_median_ms": statistics.median(wall),
        "cycle_p99_ms": percentile(wall, 0.99),
        "cycle_own_median_ms": statistics.median(own),
        "cycle_own_p99_ms": percentile(own, 0.99),
        "cycle_own_max_ms": max(own),
        "round_trip_median_ms": statistics.median(taken),
        "round_trip_max_ms": max(taken),
    }
    if given.json:
        json.dump(figures, sys.stdout)
    else:
        for name, value in figures.items():
            print(f"{name:24} {value:8.3f}")


if __name__ == "__main__":
    main()
