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
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from bridge.engine_client import EngineRunner, TakeAudio, TakePart
from bridge.errors import Cancelled, QueueFull, RequestError, SidemanError
from bridge.requests import GenerationRequest, TakeScored

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
            if job is self.running:
                job.stopping = True
                self.runner.stop(job.request.id)
            else:
                self.waiting.remove(job)
                self.notify(job, WasCancelled())

    def _jobs(self) -> list[Job[OwnerT]]:
        return [*([self.running] if self.running else []), *self.waiting]

    async def _work(self) -> None:
        while True:
            while not self.waiting:
                self._wake.clear()
                await self._wake.wait()
            job = self.running = self.waiting.popleft()
            outcome: JobEvent = WasCancelled()
            beat = asyncio.create_task(self._beat(job), name="progress")
            try:
                outcome = await self._run(job)
            finally:
                beat.cancel()
                self.running = None
                self.notify(job, outcome)

    async def _beat(self, job: Job[OwnerT]) -> None:
        """Tell the progress at the start and four times a second, whatever the engine says."""
        while True:
            self.notify(job, Progress(share=job.share))
            await asyncio.sleep(HEARTBEAT_S)

    async def _run(self, job: Job[OwnerT]) -> JobEvent:
        try:
            async with contextlib.aclosing(self.runner.run(job.request, job.progress)) as takes:
                async for take in takes:
                    if not job.stopping:
                        await self.deliver(job, take)
                        job.clips += isinstance(take, TakeAudio)
        except Cancelled:
            return WasCancelled()
        except SidemanError as error:
            return WasCancelled() if job.stopping else JobFailed(error=error)
        except Exception:
            log.exception("The request %s failed", job.request.id)
            return JobFailed(error=SidemanError("An unexpected error ended the request; the log has the details."))
        if job.stopping:
            return WasCancelled()
        self.notify(job, Progress(share=1.0))
        return Done(clips=job.clips)
