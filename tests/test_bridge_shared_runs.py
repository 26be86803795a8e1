"""Category: unit, property. Requests in one batch: which may share one, whose each take is, and each one's own end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_bridge_engine_queue import Stage, facts, idle, request

from bridge import engine as jobs
from bridge.engine_client import TakeAudio
from bridge.errors import EngineCrashed
from bridge.requests import GenerationRequest, TakeScored
from bridge.score_record import Score
from bridge.shared_runs import MOST_TAKES, joined, may_share, owner_of
from models.generator import BeatGrid, MagnetPrompt
from models.presets import DECODINGS


def asked(name: str, *seeds: int, words: str = "funk", **change: Any) -> GenerationRequest:
    takes = tuple(
        MagnetPrompt(description=words, duration_s=2.0, decoding=DECODINGS["draft"], seed=seed)
        for seed in seeds or (1,)
    )
    return request(name).model_copy(update={"engine": "magnet", "controls": takes, **change})


class Batching(Stage):
    """A runner that makes the takes of a batch by their controls, and notes what it was asked to run."""

    def __init__(self) -> None:
        super().__init__()
        self.batches = True
        self.first = asyncio.Event()
        """What the first run waits for; the others wait for ``gate``."""
        self.ran: list[GenerationRequest] = []
        self.scores: list[tuple[str, str, int]] = []

    async def run(  # type: ignore[override]
        self, request: GenerationRequest, on_progress: Callable[[float], None]
    ) -> AsyncGenerator[TakeAudio | TakeScored, None]:
        self.ran.append(request)
        self.entered.set()
        await (self.gate if len(self.ran) > 1 else self.first).wait()
        if self.failure:
            raise self.failure
        for take, control in enumerate(request.controls):
            on_progress((take + 1) / len(request.controls))
            made = facts(request.id, take).model_copy(update={"seed": control.seed})
            yield TakeAudio(facts=made, samples=np.zeros((1, 2), np.float32))
            yield TakeScored(id=request.id, take=take, score=Score())

    async def deliver(self, job: jobs.Job[None], take: Any) -> None:
        if isinstance(take, TakeScored):
            self.scores.append((job.request.id, take.id, take.take))
        else:
            assert take.facts.id == job.request.id
            self.delivered.append((job.request.id, take.facts.take))
            assert take.facts.seed == job.request.controls[take.facts.take].seed


def play(scene: Callable[[Batching, jobs.JobQueue[None]], Coroutine[Any, Any, None]]) -> Batching:
    async def run() -> Batching:
        stage = Batching()
        queue: jobs.JobQueue[None] = jobs.JobQueue(stage, stage.notify, stage.deliver)
        queue.start()
        try:
            async with asyncio.timeout(10):
                await scene(stage, queue)
        finally:
            await queue.close()
        return stage

    return asyncio.run(run())


def together(*requests: GenerationRequest, cancel: tuple[str, ...] = (), failure: Exception | None = None) -> Batching:
    """Submit them while another one runs, then begin them, cancel some, and let them end."""

    async def scene(stage: Batching, queue: jobs.JobQueue[None]) -> None:
        queue.submit(asked("first", words="something else"), None)
        await stage.entered.wait()
        for one in requests:
            queue.submit(one, None)
        stage.first.set()
        while len(stage.ran) < 2:
            await asyncio.sleep(0)
        for name in cancel:
            queue.cancel(name)
        stage.failure = failure
        stage.gate.set()
        await idle(queue)

    return play(scene)


def test_waiting_requests_of_one_shape_are_one_batch_with_an_end_each() -> None:
    stage = together(asked("a", 1, 2), asked("b", 3), asked("c", 4))
    assert len(stage.ran) == 2
    assert [take.seed for take in stage.ran[1].controls] == [1, 2, 3, 4]
    assert stage.delivered == [("first", 0), ("a", 0), ("a", 1), ("b", 0), ("c", 0)]
    assert stage.scores[1:] == [("a", "a", 0), ("a", "a", 1), ("b", "b", 0), ("c", "c", 0)]
    ends = dict(stage.events)
    assert [ends[name].clips for name in "abc"] == [2, 1, 1]  # type: ignore[union-attr]


def test_one_that_is_cancelled_leaves_the_others() -> None:
    stage = together(asked("a", 1), asked("b", 2), asked("c", 3), cancel=("b",))
    assert stage.stopped == []
    assert [name for name, _ in stage.delivered] == ["first", "a", "c"]
    ends = dict(stage.ends())
    assert ends == {"first": "Done", "a": "Done", "b": "WasCancelled", "c": "Done"}


def test_the_batch_stops_when_all_are_cancelled() -> None:
    stage = together(asked("a", 1), asked("b", 2), cancel=("a", "b"))
    assert stage.stopped == ["a"]
    assert dict(stage.ends()) == {"first": "Done", "a": "WasCancelled", "b": "WasCancelled"}


def test_a_failure_is_told_to_each() -> None:
    stage = together(asked("a", 1), asked("b", 2), asked("c", 3), cancel=("c",), failure=EngineCrashed("gone"))
    assert dict(stage.ends()) == {"first": "Done", "a": "JobFailed", "b": "JobFailed", "c": "WasCancelled"}


def test_an_engine_that_gains_nothing_makes_them_one_by_one() -> None:
    async def scene(stage: Batching, queue: jobs.JobQueue[None]) -> None:
        stage.batches = False
        stage.first.set()
        stage.gate.set()
        queue.submit(asked("a", 1), None)
        queue.submit(asked("b", 2), None)
        await idle(queue)

    assert len(play(scene).ran) == 2


def test_a_batch_has_a_limit_and_keeps_the_order() -> None:
    stage = together(asked("a", *range(5)), asked("b", *range(3)), asked("c", 1), asked("d", 2))
    assert [len(one.controls) for one in stage.ran] == [1, MOST_TAKES, 2]
    assert [name for name, _ in stage.delivered] == ["first", *"aaaaabbbcd"]


@pytest.mark.parametrize(
    "other",
    [
        asked("b", 2, words="jazz"),
        asked("b", 2, best=True),
        asked("b", 2, target="lanes"),
        asked("b", 2, loudness_lufs=-10.0),
        asked("b", 2, prompt="x"),
        request("b").model_copy(update={"engine": "sketch"}),
    ],
)
def test_other_shapes_do_not_share(other: GenerationRequest) -> None:
    assert may_share(asked("a", 1), asked("b", 2))
    assert not may_share(asked("a", 1), other)
    assert not may_share(other, asked("a", 1))


@given(st.lists(st.integers(1, 4), min_size=1, max_size=5))
def test_every_take_of_a_batch_has_one_owner(sizes: list[int]) -> None:
    requests = [asked(str(place), *range(size)) for place, size in enumerate(sizes)]
    whole = joined(requests)
    owners = [owner_of(requests, take) for take in range(len(whole.controls))]
    assert owners == [(place, take) for place, size in enumerate(sizes) for take in range(size)]
    assert whole.id == requests[0].id
    with pytest.raises(ValueError, match="no take"):
        owner_of(requests, len(whole.controls))


def test_what_is_laid_on_the_beat_is_alone() -> None:
    grid = BeatGrid(beats=4, bar_beats=4, beat_quarters=1.0, spare_s=0.5)
    prompts = tuple(replace(take, grid=grid) for take in asked("a", 1).controls if isinstance(take, MagnetPrompt))
    fitted = asked("a").model_copy(update={"controls": prompts})
    assert not may_share(fitted, fitted.model_copy(update={"id": "b"}))
