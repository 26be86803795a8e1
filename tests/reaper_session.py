"""The shipped script in the stand-in for REAPER, with a daemon that is real or played: what its tests share."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from bridge.mailbox_text import MailName, read_mail, write_mail
from bridge.osc_client import NoAnswer, OscClient
from bridge.osc_replies import Hosting, PlaceRequest, Reply
from bridge.osc_wire import WireMessage
from midi.time import Beats, Bpm, Meter, MeterPoint, TempoMap, TempoPoint
from plugin_host.standins.reaper import EmbeddedLua, Lua, LuaProcess, Reaper
from plugin_host.standins.reaper.program import MAIN

LUAS = [
    pytest.param("5.4", id="Lua 5.4"),
    pytest.param("5.3", id="Lua 5.3"),
    pytest.param("lua5.4", id="Debian's Lua 5.4", marks=pytest.mark.peer),
    pytest.param("lua5.3", id="Debian's Lua 5.3", marks=pytest.mark.peer),
]
"""REAPER 7's Lua and REAPER 6's, inside the test and in interpreters of their own."""
NEWEST = [LUAS[0], LUAS[2]]
FASTER = 2.0
"""With a real daemon the program's clock goes so much faster than the wall's: its silences must not seem long."""
SPAN_S = 0.01


def lua(kind: str, resources: Path) -> Lua:
    """A stand-in's Lua of one of ``LUAS``."""
    return LuaProcess(resources, kind) if kind.startswith("lua") else EmbeddedLua(resources, kind)


@contextmanager
def opened(kind: str, resources: Path) -> Iterator[Reaper]:
    """REAPER; its scripts ended without an error, and nothing that they did was without an undo point."""
    reaper = Reaper(lua(kind, resources))
    try:
        yield reaper
        project = reaper.project
        assert (reaper.messages["errors"], project["prevented"], project["block_is_open"]) == ([], 0, False)
        assert project["outside_of_blocks"] == 0
        assert not any("met an error" in line for line in reaper.messages["console"])
    finally:
        reaper.end()


def chord(pitches: str, at: float, length: float = 4.0) -> list[list[float]]:
    """A block chord, as the stand-in takes notes: pitch, from, to."""
    return [[int(pitch), at, at + length] for pitch in pitches.split()]


AM_DM_G_C = [*chord("57 60 64", 0), *chord("50 53 57", 4), *chord("55 59 62", 8), *chord("48 52 55", 12)]
F_C_G_AM = [*chord("53 57 60", 0), *chord("48 52 55", 4), *chord("55 59 62", 8), *chord("57 60 64", 12)]


def add_chords(reaper: Reaper, notes: list[list[float]] = AM_DM_G_C, beats: float = 16.0) -> None:
    """A track CHORDS with an item of the whole chart."""
    track = reaper.do("add_track", name="CHORDS")
    reaper.do("add_midi_item", track=track, at=0.0, beats=beats, notes=notes)


class PlayedDaemon:
    """The daemon's end of a mailbox, as far as a script needs it. Nothing of it is asynchronous."""

    def __init__(self, resources: Path) -> None:
        self.folder = resources / "Sideman"
        for name in ("to-sideman", "from-sideman"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        self.run = "abc123"
        self.beat = 0
        self.number = 0
        self.heard: list[WireMessage] = []
        self.client: MailName | None = None

    def live(self, reaper: Reaper, seconds: float = 1.0, *, answer: bool = True) -> None:
        """So much of the program's time passes, a counter each second; greetings are answered."""
        for turn in range(round(seconds * 10)):
            if turn % 10 == 0:
                self.alive()
            reaper.tick(3)
            for message in self.read():
                if message.address == "/sideman/daw" and answer:
                    self.send(Hosting(run=self.run, places=1))

    def alive(self) -> None:
        self.beat += 1
        (self.folder / "daemon.txt").write_text(f"sideman 1\n{self.run} {self.beat}\n")

    def read(self) -> list[WireMessage]:
        """Take what the script wrote since; none of it is cut short, and nothing else lies there."""
        new = []
        for path in sorted((self.folder / "to-sideman").iterdir()):
            name = MailName.parse(path.name)
            assert name, path.name
            self.client = name
            new += read_mail(path.read_bytes())
            path.unlink()
        self.heard += new
        return new

    def send(self, *replies: Reply) -> None:
        assert self.client
        self.number += 1
        path = self.folder / "from-sideman" / str(MailName(self.client.run, self.number))
        path.with_suffix(".part").write_bytes(write_mail(*replies))
        path.with_suffix(".part").replace(path)

    def told(self, address: str) -> list[tuple[Any, ...]]:
        """The arguments of every message at an address since the last ``forget``."""
        return [message.values for message in self.heard if message.address == address]

    def forget(self) -> None:
        self.heard.clear()

    def tempo_map(self) -> TempoMap:
        """The map that the script has told since the last ``forget``."""
        built = TempoMap()
        for message in self.heard:
            values: Sequence[Any] = message.values
            if message.address == "/sideman/tempo":
                built = TempoMap(tempos=(TempoPoint(at=Beats(0.0), bpm=Bpm(values[0])),), meters=built.meters)
            elif message.address == "/sideman/tempo/at":
                point = TempoPoint(at=Beats(values[0]), bpm=Bpm(values[1]), ramp=bool(values[2]))
                built = built.with_tempo(point)
            elif message.address == "/sideman/meter":
                meter = Meter(numerator=values[0], denominator=values[1])
                built = TempoMap(tempos=built.tempos, meters=(MeterPoint(bar=1, meter=meter),))
            elif message.address == "/sideman/meter/at":
                meter = Meter(numerator=values[1], denominator=values[2])
                built = built.with_meter(MeterPoint(bar=values[0], meter=meter))
        return built


def offer(path: Path, number: int = 1, **values: Any) -> PlaceRequest:
    """An offer of a clip: four bars at 120."""
    given: dict[str, Any] = {
        "offer": number, "id": "ask", "take": 0, "path": str(path), "target": "", "start": 0.0, "beats": 16.0,
        "seconds": 8.0, "tempo": 120.0, "numerator": 4, "denominator": 4, "again": 0,
    }  # fmt: skip
    return PlaceRequest(**(given | values))


@contextmanager
def connected(kind: str, resources: Path) -> Iterator[tuple[Reaper, PlayedDaemon]]:
    """REAPER with the script running, and a played daemon that has taken it."""
    daemon = PlayedDaemon(resources)
    with opened(kind, resources) as reaper:
        reaper.run(MAIN)
        daemon.live(reaper, 3.5)
        assert any("Connected" in line for line in reaper.messages["help"])
        yield reaper, daemon


# With a real daemon


class Clock:
    """The program's clock, which follows the wall's."""

    def __init__(self) -> None:
        self.began = time.monotonic()

    def pass_time(self, *reapers: Reaper) -> None:
        time.sleep(SPAN_S)
        for reaper in reapers:
            reaper.wait_until(1000.0 + FASTER * (time.monotonic() - self.began))


def until(clock: Clock, reaper: Reaper, true: Callable[[], bool], *others: Reaper, within_s: float = 30.0) -> None:
    """Let REAPER run until something is true. Fails with what it said."""
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline, reaper.messages
        clock.pass_time(reaper, *others)


def said(reaper: Reaper, words: str) -> bool:
    """Whether the status bar has shown a line with these words."""
    return any(words in line for line in reaper.messages["help"])


def state_of(client: OscClient) -> dict[str, Any]:
    """The daemon's session, as JSON has it."""
    client.send("/sideman/state")
    *_, answer = client.hear_until("/sideman/state", within_s=10)
    parsed: dict[str, Any] = json.loads(str(answer.arguments[0]))
    return parsed


def heard(client: OscClient, address: str, clock: Clock, reaper: Reaper, within_s: float = 40.0) -> tuple[Any, ...]:
    """The next message at an address, while REAPER runs."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        clock.pass_time(reaper)
        try:
            message = client.hear(0.001)
        except NoAnswer:
            continue
        if message.address == address:
            return message.arguments
    raise AssertionError((address, reaper.messages))
