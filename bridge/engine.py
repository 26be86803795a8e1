"""The job queue: one request at a time, newest wins, each ends in exactly one way.

The queue knows requests and outcomes, not OSC and not files. It tells ``notify`` of every step, and hands
each take to ``deliver``; what happens there (writing, placing) is part of the job. All methods are called
on one event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Final, Generic, TypeVar

from bridge.engine_client import EngineRunner, TakeAudio, TakePart
from bridge.errors import Cancelled, QueueFull, RequestError, SidemanError
from bridge.requests import GenerationRequest, TakeScored
from bridge.shared_runs import MOST_TAKES, as_own, joined, may_share, owner_of

log = logging.getLogger(__name__)

HEARTBEAT_S: Final = 0.25
"""The last progress is told again this often while a job runs."""

OwnerT = TypeVar("OwnerT")


class NoSuchRequest(RequestError):
    """No waiting or running request has this id."""

    code = "no_such_request"


class IdInUse(RequestError):
    """A request with this id is under way."""

    code = "id_in_use"


@dataclass(slots=True, kw_only=True, eq=False)
class Job(Generic[OwnerT]):
    """A request, who asked for it, and how far it is."""

    request: GenerationRequest
    owner: OwnerT
    share: float = 0.0
    clips: int = 0
    stopping: bool = False

    def progress(self, share: float) -> None:
        """The engine has done this share; it never falls."""
        self.share = max(self.share, share)


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The request waits its turn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """The job runs; ``share`` of it is done."""

    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """Every take was delivered."""

    clips: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WasCancelled:
    """Ended because it was asked to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Superseded:
    """Dropped before it began, for a newer one."""

    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFailed:
    """Ended by an error."""

    error: SidemanError


JobEvent = Accepted | Progress | Done | WasCancelled | Superseded | JobFailed
Notify = Callable[[Job[OwnerT], JobEvent], None]
Deliver = Callable[[Job[OwnerT], TakeAudio | TakeScored | TakePart], Awaitable[None]]


@dataclass(slots=True)
class JobQueue(Generic[OwnerT]):
    """Requests in, outcomes out. ``limit`` requests may wait beside the one that runs."""

    runner: EngineRunner
    notify: Notify[OwnerT]
    deliver: Deliver[OwnerT]
    limit: int = 16
    running: Job[OwnerT] | None = field(default=None, init=False)
    sharing: tuple[Job[OwnerT], ...] = field(default=(), init=False)
    """Jobs that are made in one batch with the one that runs."""
    waiting: deque[Job[OwnerT]] = field(default_factory=deque, init=False)
    _wake: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _task: asyncio.Task[None] | None = field(default=None, init=False)

    def start(self) -> None:
        """Begin to work."""
        self._task = asyncio.create_task(self._work(), name="job queue")

    async def close(self) -> None:
        """Cancel everything, tell so, and stop; safe to call twice."""
        task, self._task = self._task, None
        while self.waiting:
            self.notify(self.waiting.popleft(), WasCancelled())
        if task:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def holds(self, request_id: str) -> bool:
        """Whether a request with this id waits or runs."""
        return any(job.request.id == request_id for job in self._jobs())

    def submit(self, request: GenerationRequest, owner: OwnerT) -> Job[OwnerT]:
        """Queue a request. Waiting requests of older revisions are superseded by it.

        Raises ``IdInUse`` when one with its id is under way, ``QueueFull`` when no more may wait.
        """
        if self.holds(request.id):
            raise IdInUse(f"A request with the id {request.id} is under way; choose another id.")
        older = [job for job in self.waiting if job.request.revision < request.revision]
        if len(self.waiting) - len(older) >= self.limit:
            raise QueueFull(f"{self.limit} requests wait already; wait for one to end, or cancel one.")
        job = Job(request=request, owner=owner)
        self.notify(job, Accepted())
        for old in older:
            self.waiting.remove(old)
            self.notify(old, Superseded(by=request.id))
        self.waiting.append(job)
        self._wake.set()
        return job

    def cancel(self, request_id: str | None) -> None:
        """Cancel one request, or all. Raises ``NoSuchRequest`` when there is nothing to cancel."""
        chosen = [job for job in self._jobs() if request_id in (None, job.request.id)]
        if not chosen:
            raise NoSuchRequest(
                "No request is waiting or running." if request_id is None else f"No request {request_id} is under way."
            )
        for job in chosen:
            if job in self._under_way():
                job.stopping = True
                if self.running and all(one.stopping for one in self._under_way()):
                    self.runner.stop(self.running.request.id)
            else:
                self.waiting.remove(job)
                self.notify(job, WasCancelled())

    def _jobs(self) -> list[Job[OwnerT]]:
        return [*self._under_way(), *self.waiting]

    def _under_way(self) -> list[Job[OwnerT]]:
        return [*([self.running] if self.running else []), *self.sharing]

    def _take_along(self, job: Job[OwnerT]) -> tuple[Job[OwnerT], ...]:
        """Waiting jobs that the engine makes in one batch with ``job``; they wait no more."""
        along: list[Job[OwnerT]] = []
        takes = len(job.request.controls)
        for other in tuple(self.waiting) if self.runner.batches else ():
            takes += len(other.request.controls)
            if takes > MOST_TAKES or not may_share(job.request, other.request):
                break
            self.waiting.remove(other)
            along.append(other)
        return tuple(along)

    async def _work(self) -> None:
        while True:
            while not self.waiting:
                self._wake.clear()
                await self._wake.wait()
            job = self.running = self.waiting.popleft()
            self.sharing = self._take_along(job)
            jobs = self._under_way()
            failure: JobEvent | None = WasCancelled()
            beat = asyncio.create_task(self._beat(jobs), name="progress")
            try:
                failure = await self._run(jobs)
            finally:
                beat.cancel()
                self.running, self.sharing = None, ()
                for one in jobs:
                    self._end(one, failure)

    async def _beat(self, jobs: list[Job[OwnerT]]) -> None:
        """Tell the progress at the start and four times a second, whatever the engine says."""
        while True:
            for job in jobs:
                self.notify(job, Progress(share=job.share))
            await asyncio.sleep(HEARTBEAT_S)

    def _end(self, job: Job[OwnerT], failure: JobEvent | None) -> None:
        if job.stopping:
            self.notify(job, WasCancelled())
        elif failure:
            self.notify(job, failure)
        else:
            self.notify(job, Progress(share=1.0))
            self.notify(job, Done(clips=job.clips))

    async def _run(self, jobs: list[Job[OwnerT]]) -> JobEvent | None:
        """Make the takes of some jobs in one batch; how it failed, and None where it did not."""
        requests = [job.request for job in jobs]

        def progress(share: float) -> None:
            for job in jobs:
                job.progress(share)

        try:
            async with contextlib.aclosing(self.runner.run(joined(requests), progress)) as takes:
                async for take in takes:
                    await self._hand_over(jobs, requests, take)
        except Cancelled:
            return WasCancelled()
        except SidemanError as error:
            return JobFailed(error=error)
        except Exception:
            log.exception("The request %s failed", requests[0].id)
            return JobFailed(error=SidemanError("An unexpected error ended the request; the log has the details."))
        return None

    async def _hand_over(
        self, jobs: list[Job[OwnerT]], requests: list[GenerationRequest], take: TakeAudio | TakeScored | TakePart
    ) -> None:
        """Deliver a take to the job that it is of, unless that one was cancelled."""
        number = take.facts.take if isinstance(take, TakeAudio) else take.take
        place, own = owner_of(requests, number) if len(jobs) > 1 else (0, number)
        job = jobs[place]
        if job.stopping:
            return
        if isinstance(take, TakeScored):
            await self.deliver(job, as_own(take, job.request, own))
        elif isinstance(take, TakePart):
            await self.deliver(job, replace(take, take=own))
        else:
            await self.deliver(job, replace(take, facts=as_own(take.facts, job.request, own)))
            job.clips += not take.facts.draft
