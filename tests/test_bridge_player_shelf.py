"""Category: unit. Takes on their way into the player: which wish counts, and what is told where one fails."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from player_rig import RATE, noise_take

from bridge import player_output, player_shelf
from bridge.errors import ClipError, RequestError
from bridge.osc_clients import Client
from bridge.osc_replies import ErrorReply
from bridge.player import Player
from bridge.player_config import PlayerConfig
from bridge.player_output import open_output
from bridge.player_process import Refused
from bridge.player_shelf import Purpose, Shelf, Wish
from bridge.player_take import Take, refitted
from bridge.player_tempo import Unfit
from bridge.player_voices import Sound
from bridge.session import SessionState

PATIENCE_S = 20.0


class Bench:
    """A shelf whose files are read when the test lets them be."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.format = (RATE, 2)
        self.used: list[tuple[str, Take]] = []
        self.told: list[tuple[ErrorReply, Client | None]] = []
        self.reading: list[str] = []
        self.may_read = threading.Semaphore(0)
        self.fault: Exception | None = None
        self.shelf = Shelf(lambda: self.format, lambda reply, client: self.told.append((reply, client)))
        monkeypatch.setattr(player_shelf, "load_take", self._load)

    def _load(self, path: Path, request_id: str, number: int, *, rate_hz: int, channels: int) -> Take:
        self.reading.append(request_id)
        assert self.may_read.acquire(timeout=PATIENCE_S)
        if self.fault:
            raise self.fault
        return refitted(noise_take(request_id), rate_hz, channels)

    def wish(self, name: str, purpose: Purpose = "play", find: Callable[[], Path] | None = None) -> None:
        wish = Wish(id=name, take=0, purpose=purpose, client=Client("a", 1))
        self.shelf.fetch(wish, find or (lambda: Path(name)), lambda take: self.used.append((purpose, take)))

    @property
    def names(self) -> list[tuple[str, str]]:
        return [(purpose, take.id) for purpose, take in self.used]

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not holds():
                await asyncio.sleep(0.002)

    async def idle(self) -> None:
        await self.until(lambda: not self.shelf._tasks)


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(monkeypatch)


def run(scene: Callable[[], Awaitable[None]]) -> None:
    async def whole() -> None:
        await scene()

    asyncio.run(whole())


def test_of_many_wishes_the_newest_is_used_and_few_are_read(bench: Bench) -> None:
    async def scene() -> None:
        bench.wish("0")
        await bench.until(lambda: bench.reading == ["0"])
        for number in range(1, 200):
            bench.wish(str(number))
        bench.may_read.release(200)
        await bench.idle()
        assert bench.names == [("play", "199")]
        assert bench.reading == ["0", "199"], "what is wished no more is not read"

    run(scene)


def test_a_take_that_is_made_does_not_take_an_audition_away(bench: Bench) -> None:
    async def scene() -> None:
        bench.wish("heard", "audition")
        await bench.until(lambda: bench.reading == ["heard"])
        bench.wish("made")
        bench.may_read.release(2)
        await bench.idle()
        assert sorted(bench.names) == [("audition", "heard"), ("play", "made")]

    run(scene)


def test_what_is_on_its_way_is_forgotten(bench: Bench) -> None:
    async def scene() -> None:
        bench.wish("one")
        bench.wish("two", "audition")
        await bench.until(lambda: len(bench.reading) == 1)
        bench.shelf.forget()
        bench.may_read.release(2)
        await bench.idle()
        assert bench.names == []

    run(scene)


def test_a_device_that_changes_while_a_take_is_read_gets_it_in_its_format(bench: Bench) -> None:
    async def scene() -> None:
        bench.wish("one")
        await bench.until(lambda: bench.reading == ["one"])
        bench.format = (44100, 1)
        bench.may_read.release()
        await bench.idle()
        ((_, take),) = bench.used
        assert take.has_format(44100, 1)

    run(scene)


@pytest.mark.parametrize(
    ("fault", "code", "words"),
    [(ClipError("It is gone."), "clip", "It is gone."), (MemoryError(), "internal", "the log has the details")],
)
def test_what_cannot_be_read_is_told_to_who_asked(bench: Bench, fault: Exception, code: str, words: str) -> None:
    async def scene() -> None:
        bench.fault = fault
        bench.wish("one")
        bench.may_read.release()
        await bench.idle()
        ((reply, client),) = bench.told
        assert (reply.id, reply.code, client) == ("one", code, Client("a", 1))
        assert words in reply.message
        bench.fault = None
        bench.wish("two")
        bench.may_read.release()
        await bench.idle()
        assert bench.names == [("play", "two")]

    run(scene)


def test_a_clip_that_nobody_knows_is_told_though_another_is_wished(bench: Bench) -> None:
    def find() -> Path:
        raise RequestError("There is no such clip.")

    async def scene() -> None:
        bench.wish("unknown", find=find)
        bench.wish("known")
        bench.may_read.release()
        await bench.idle()
        assert [reply.id for reply, _ in bench.told] == ["unknown"]
        assert bench.names == [("play", "known")]

    run(scene)


def test_a_stretch_that_fails_in_an_unexpected_way_is_told_and_done(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_: object) -> np.ndarray:
        raise OSError("no process")

    async def scene() -> None:
        monkeypatch.setattr(player_shelf, "stretch_aside", fails)
        done: list[bool] = []
        bench.shelf.stretch(Unfit(noise_take("one"), 3.0), lambda take: None, lambda: done.append(True))
        await bench.idle()
        assert [(reply.id, reply.code) for reply, _ in bench.told] == [("one", "internal")]
        assert done == [True]

    run(scene)


def test_an_output_whose_process_cannot_be_started_is_refused_in_words(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def none(*_: object, **__: object) -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(player_output.asyncio, "create_subprocess_exec", none)
    monkeypatch.setattr(player_output, "_MEMORY", tmp_path)
    answer = asyncio.run(open_output(PlayerConfig()))
    assert answer == Refused(missing=False, message="The output's process cannot be started: Too many open files.")
    assert not list(tmp_path.iterdir())


def test_the_files_of_what_is_heard_and_waits_are_in_use() -> None:
    """The library removes none of them."""
    player = Player(
        PlayerConfig(),
        monotonic=lambda: 0.0,
        session=SessionState,
        find=lambda name, take: Path(name),
        tell=lambda reply, client: None,
        again=lambda: None,
    )
    assert player.in_use() == frozenset()
    player._launched(replace(noise_take("waits"), path=Path("waits.wav")))
    player._auditioned(replace(noise_take("alone"), path=Path("alone.wav")))
    player._launched(
        replace(noise_take("stretched"), path=Path("stretched.wav")).with_stretched(Sound(np.zeros((9, 2))))
    )
    assert player.in_use() == {Path("stretched.wav"), Path("alone.wav")}
    player._silence(0.1)
    assert player.in_use() == frozenset()
