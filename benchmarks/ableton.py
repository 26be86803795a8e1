"""The Remote Script in the stand-in for Live: its share of Live's main thread, and clip on disk to acknowledgement.

``python benchmarks/ableton.py`` makes a set of 64 tracks with 32 scenes, a chord track, a drum track and locators, and
lets Live tick while notes change, clips come and the song plays. Live's own work is not counted: the figure is the time
inside ``update_display``, and the worst listener call.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import socket
import statistics
import struct
import sys
import tempfile
import threading
import time
import wave
from pathlib import Path
from typing import Any, Protocol

from bridge.daw_desk import DawDesk
from bridge.osc_commands import Command, DawCommand
from bridge.osc_schema import Foreign
from bridge.osc_server import Client, OscServer
from midi.time import Beats, Bpm, Meter
from plugin_host.host import Placement
from plugin_host.offering import OfferingHost
from plugin_host.standins.live import Clip, Live, MidiNote, Song
from plugin_host.standins.live.live_set import CuePoint
from plugin_host.standins.live.program import live_python


def big_set(tracks: int, scenes: int) -> tuple[Song, Clip]:
    """A set of that size, and its chord clip."""
    song = Song(scenes=scenes)
    chords = Clip(song.core, length=64.0, notes=notes_of(64))
    for index in range(tracks):
        name = {1: "CHORDS", 3: "DRUMS"}.get(index, f"Track {index}")
        track = song.add_track(name, "midi" if index % 2 else "audio")
        if index % 2:
            for slot in track.clip_slots[::2]:
                slot.hold(Clip(song.core, length=16.0, notes=notes_of(16)))
    song.tracks[1].clip_slots[0].hold(chords)
    song.change(cue_points=tuple(CuePoint(name=f"Part {index}", time=index * 16.0) for index in range(32)))
    return song, chords


def notes_of(beats: int, transposed: int = 0) -> list[MidiNote]:
    """A triad on each beat."""
    return [
        MidiNote(pitch=pitch + at % 5 + transposed, start_time=float(at), duration=1.0)
        for at in range(beats)
        for pitch in (48, 52, 55)
    ]


def ticks(count: int, tracks: int, scenes: int) -> list[float]:
    """Milliseconds of the thread's own time inside ``update_display``.

    The chords change every second, and a clip comes every two.
    """
    song, chords = big_set(tracks, scenes)
    spent: list[float] = []
    with live_python() as package, tempfile.TemporaryDirectory() as folder:
        script: Any = package
        live = Live(song)
        daemon = Daemon(script.link.osc)
        surface = script.Sideman(live.instance, live.clock, daemon.address)
        song.start_playing()
        gc.collect()
        gc.disable()
        for index in range(count):
            if index % 10 == 5:
                chords.set_notes(notes_of(64, index // 10 % 7))
            if index % 20 == 7:
                path = silent_wav(Path(folder) / f"clip{index}.wav")
                daemon.offer(index, path)
            live.tick()
            begun = time.thread_time()
            surface.update_display()
            spent.append(1e3 * (time.thread_time() - begun))
            daemon.answer()
        gc.enable()
        surface.disconnect()
        daemon.close()
    return spent


class Codec(Protocol):
    """The script's own OSC."""

    def encode(self, address: str, tags: str, *arguments: str | float) -> bytes:
        """A datagram."""

    def decode(self, datagram: bytes) -> tuple[str, tuple[object, ...]]:
        """Address and arguments."""


class Daemon:
    """The least that the script needs: every greeting is answered."""

    def __init__(self, osc: Codec) -> None:
        self._osc = osc
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.setblocking(False)
        self.address: tuple[str, int] = self._socket.getsockname()
        self._client: tuple[str, int] | None = None

    def close(self) -> None:
        """Let go of the socket."""
        self._socket.close()

    def answer(self) -> None:
        """Read what came, and greet."""
        while True:
            try:
                datagram, self._client = self._socket.recvfrom(65536)
            except BlockingIOError:
                return
            if self._osc.decode(datagram)[0] == "/sideman/daw":
                self._send("/sideman/hosting", "si", "run", 1)

    def offer(self, number: int, path: Path) -> None:
        """Offer a clip of four bars."""
        values = (number, "ask", 0, str(path), "", 0.0, 16.0, 8.0, 120.0, 4, 4, 0)
        self._send("/sideman/place", "isissffffiii", *values)

    def _send(self, address: str, tags: str, *arguments: str | float) -> None:
        if self._client:
            self._socket.sendto(self._osc.encode(address, tags, *arguments), self._client)


def silent_wav(path: Path) -> Path:
    """Eight seconds of silence."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(1000)
        file.writeframes(struct.pack("<h", 0) * 8000)
    return path


def round_trips(count: int) -> list[float]:
    """Milliseconds from a clip on disk to the script's acknowledgement, with Live ticking every 100 ms."""

    async def run() -> list[float]:
        host = OfferingHost("ableton", "Live", time.monotonic)
        desk: DawDesk

        def handle(command: Command | Foreign, client: Client) -> None:
            if isinstance(command, DawCommand):
                desk.handle(command, client)

        server = OscServer(handler=handle, version="0", allowed_hosts=frozenset())
        desk = DawDesk(
            host,
            run="run",
            send=server.send,
            broadcast=lambda reply, client: None,
            apply=lambda event: None,
            make=lambda chart, wishes: "",
            note_placed=lambda path, where: None,
        )
        await server.start("127.0.0.1", 0)
        song = Song(scenes=4)
        with tempfile.TemporaryDirectory() as folder, live_python() as script:
            live = Live(song)
            package: Any = script
            live.surface = package.Sideman(live.instance, live.clock, server.address)
            stop = threading.Event()
            thread = threading.Thread(target=tick_for_real, args=(live, stop))
            thread.start()
            taken = []
            try:
                await asyncio.sleep(0.5)
                for index in range(count):
                    path = silent_wav(Path(folder) / f"clip{index}.wav")
                    await asyncio.sleep(0.037)  # anywhere between two ticks
                    begun = time.perf_counter()
                    await host.place(placement(path))
                    taken.append(1e3 * (time.perf_counter() - begun))
            finally:
                stop.set()
                await asyncio.to_thread(thread.join)
                live.close()
                desk.close()
                await host.close()
                await server.close()
        return taken

    return asyncio.run(run())


def tick_for_real(live: Live, stop: threading.Event) -> None:
    """Live's main thread."""
    while not stop.wait(0.1):
        live.tick()


def placement(path: Path) -> Placement:
    """Four bars at 120."""
    return Placement(
        request_id="ask", take=0, path=path, name=path.stem, start=Beats(0.0), bars=4, tempo=Bpm(120.0),
        meter=Meter(numerator=4, denominator=4), sample_rate_hz=1000, frames=8000, target="",
    )  # fmt: skip


def percentile(values: list[float], share: float) -> float:
    """The value that this share of all values does not exceed."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--tracks", type=int, default=64)
    parser.add_argument("--scenes", type=int, default=32)
    parser.add_argument("--ticks", type=int, default=3000)
    parser.add_argument("--clips", type=int, default=30)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    spent, taken = ticks(given.ticks, given.tracks, given.scenes), round_trips(given.clips)
    figures = {
        "tick_median_ms": statistics.median(spent),
        "tick_p99_ms": percentile(spent, 0.99),
        "tick_max_ms": max(spent),
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
