"""Category: unit. The job queue: newest wins, and each request ends in exactly one way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Any

import numpy as np
import pytest

from bridge import engine as jobs
from bridge.engine_client import TakeAudio
from bridge.errors import Cancelled, EngineCrashed, QueueFull, RequestError, SidemanError
from bridge.requests import GenerationRequest, TakeMade, Window
from midi.time import FOUR_FOUR, Beats, Bpm, Seconds


def request(request_id: str, revision: int = 1, takes: int = 1) -> GenerationRequest:
    window = Window(
        start=Beats(0.0), end=Beats(4.0), bars=1, seconds=Seconds(2.0), sample_rate_hz=48000, frames=96000,
        bpm=Bpm(120.0), meter=FOUR_FOUR,
    )  # fmt: skip
    return GenerationRequest(
        id=request_id, revision=revision, engine=f"{takes}", controls=(), window=window, loudness_lufs=-14.0,
        ceiling_dbfs=-1.0,
    )  # fmt: skip


class Stage:
    """A runner under the test's hand: each request waits for ``gate``, then makes its takes or fails."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.entered = asyncio.Event()
        self.failure: SidemanError | Exception | None = None
        self.stopped: list[str] = []
        self.events: list[tuple[str, jobs.JobEvent]] = []
        self.delivered: list[tuple[str, int]] = []
        self.delivery_failure: SidemanError | None = None
        self.ended = asyncio.Condition()
        self.batches = False

    async def run(
        self, request: GenerationRequest, on_progress: Callable[[float], None]
    ) -> AsyncGenerator[TakeAudio, None]:
        self.entered.set()
        await self.gate.wait()
        if request.id in self.stopped:
            raise Cancelled("stopped")
        if self.failure:
            raise self.failure
        for take in range(int(request.engine)):
            on_progress((take + 1) / int(request.engine))
            yield TakeAudio(facts=facts(request.id, take), samples=np.zeros((1, 2), np.float32))

    def stop(self, request_id: str) -> None:
        self.stopped.append(request_id)
        self.gate.set()

    def notify(self, job: jobs.Job[None], event: jobs.JobEvent) -> None:
        if not isinstance(event, jobs.Progress):
            self.events.append((job.request.id, event))

    async def deliver(self, job: jobs.Job[None], take: TakeAudio) -> None:
        if self.delivery_failure:
            raise self.delivery_failure
        self.delivered.append((job.request.id, take.facts.take))

    def ends(self) -> list[tuple[str, str]]:
        return [(name, type(event).__name__) for name, event in self.events if not isinstance(event, jobs.Accepted)]


def facts(request_id: str, take: int) -> TakeMade:
    return TakeMade(
        id=request_id, take=take, seed=0, loudness_lufs=-14.0, peak_dbfs=-1.0, gain_db=0.0, limited_db=0.0,
        folded_s=0.0, notices=(), seconds_spent=0.0, versions={},
    )  # fmt: skip


def play(scene: Callable[[Stage, jobs.JobQueue[None]], Coroutine[Any, Any, None]], limit: int = 16) -> Stage:
    async def run() -> Stage:
        stage = Stage()
        queue: jobs.JobQueue[None] = jobs.JobQueue(stage, stage.notify, stage.deliver, limit=limit)
        queue.start()
        try:
            async with asyncio.timeout(10):
                await scene(stage, queue)
        finally:
            await queue.close()
        return stage

    return asyncio.run(run())


async def idle(queue: jobs.JobQueue[None]) -> None:
    while queue.running or queue.waiting:
        await asyncio.sleep(0)


def test_a_request_ends_done_with_its_takes_in_order() -> None:
    async def scene(stage: Stage, queue: jobs.JobQueue[None]) -> None:
        stage.gate.set()
        queue.submit(request("a", takes=3), None)
        await idle(queue)

    stage = play(scene)
    assert stage.delivered == [("a", 0), ("a", 1), ("a", 2)]
    assert stage.events == [("a", jobs.Accepted()), ("a", jobs.Done(clips=3))]


def test_a_newer_revision_supersedes_those_that_wait_but_not_the_one_that_runs() -> None:
    async def scene(stage: Stage, queue: jobs.JobQueue[None]) -> None:
        queue.submit(request("running", revision=1), None)
        await stage.entered.wait()
        queue.submit(request("old", revision=1), None)
        queue.submit(request("older", revision=0), None)
        queue.submit(request("new", revision=2), None)
        stage.gate.set()
        await idle(queue)

    stage = play(scene)
    assert ("old", jobs.Superseded(by="new")) in stage.events
    assert ("older", jobs.Superseded(by="new")) in stage.events
    assert stage.ends()[-2:] == [("running", "Done"), ("new", "Done")]


def test_requests_of_one_revision_wait_for_each_other() -> None:
    async def scene(stage: Stage, queue: jobs.JobQueue[None]) -> None:
        for name in "abc":
            queue.submit(request(name), None)
        stage.gate.set()
        await idle(queue)

    assert play(scene).ends() == [("a", "Done"), ("b", "Done"), ("c", "Done")]


def test_cancel_ends_one_that_runs_and_one_that_waits() -> None:
    async def scene(stage: Stage, queue: jobs.JobQueue[None]) -> None:
        queue.submit(request("a"), None)
        await stage.entered.wait()
        queue.submit(request("b"), None)
        queue.cancel(None)
        await idle(queue)

    stage = play(scene)
    assert sorted(stage.ends()) == [("a", "WasCancelled"), ("b", "WasCancelled")]
    assert stage.delivered == []


def test_cancel_of_an_unknown_id_is_an_error() -> None:
    async def scene(stage: Stage, queue: jobs.JobQueue[None]) -> None:
        queue.submit(request("a"), None)
        with pytest.raises(jobs.NoSuchRequest, match="No request b"):
            queue.cancel("b")
        queue.cancel("a")
        await idle(queue)
        with pytest.raises(jobs.NoSuchRequest):
            queue.cancel(None)

    play(scene)


def test_an_id_that_is_under_way_is_refused() -> None:
    async def scene(stage: Stage, queue: jobs.JobQueue[None]) -> None:
        queue.submit(request("a"), None)
        with pytest.raises(RequestError, match="under way"):
            queue.submit(request("a", revision=2), None)
        stage.gate.set()
        await idle(queue)
        queue.submit(request("a"), None)
        await idle(queue)

    assert play(scene).ends() == [("a", "Done"), ("a", "Done")]


def test_the_queue_is_bounded() -> None:
    async def scene(stage: Stage, queue: jobs.JobQueue[None]) -> None:
        queue.submit(request("running"), None)
        await stage.entered.wait()
        queue.submit(request("a"), None)
        queue.submit(request("b"), None)
        with pytest.raises(QueueFull):
            queue.submit(request("c"), None)
        stage.gate.set()
        await idle(queue)

    assert ("c", "Done") not in play(scene, limit=2).ends()


@pytest.mark.parametrize("failure", [EngineCrashed("killed"), ValueError("a bug")], ids=["crash", "bug"])
def test_a_failure_ends_the_job_and_the_next_one_works(failure: Exception) -> None:
    async def scene(stage: Stage, queue: jobs.JobQueue[None]) -> None:
        stage.gate.set()
        stage.failure = failure
        queue.submit(request("a"), None)
        await idle(queue)
        stage.failure = None
        queue.submit(request("b"), None)
        await idle(queue)

    assert play(scene).ends() == [("a", "JobFailed"), ("b", "Done")]


def test_a_clip_that_cannot_be_written_fails_the_job() -> None:
    async def scene(stage: Stage, queue: jobs.JobQueue[None]) -> None:
        stage.gate.set()
        stage.delivery_failure = SidemanError("disk full")
        queue.submit(request("a", takes=2), None)
        await idle(queue)

    assert play(scene).ends() == [("a", "JobFailed")]


def test_closing_cancels_everything() -> None:
    async def scene(stage: Stage, queue: jobs.JobQueue[None]) -> None:
        queue.submit(request("a"), None)
        await stage.entered.wait()
        queue.submit(request("b"), None)

    assert sorted(play(scene).ends()) == [("a", "WasCancelled"), ("b", "WasCancelled")]
