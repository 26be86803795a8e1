"""The shell around ``bridge.triggers``: asks it at changes and when its time comes; measures the engine.

Used on the event loop alone. Time is injected, and so is the timer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from bridge import engine as jobs
from bridge import osc_schema as osc
from bridge.engine_pace import Paces, measured, needed_s, shape_of
from bridge.notices import Notice
from bridge.osc_clients import Client
from bridge.session import SessionState
from bridge.takes import Order
from bridge.triggers import Begin, Decision, Triggers, decide, dropped, ready, soonest
from midi.time import Seconds

LONGEST_WAIT_S: Final = 3600.0
"""A timer is set no further ahead than this; then it is looked again."""


class Timer(Protocol):
    """What rings once, unless it is cancelled."""

    def cancel(self) -> None:
        """Do not ring."""


class Queue(Protocol):
    """What is asked of the job queue."""

    @property
    def running(self) -> jobs.Job[Order] | None:
        """The job at work."""

    @property
    def waiting(self) -> Sequence[jobs.Job[Order]]:
        """Those that wait."""

    def holds(self, request_id: str) -> bool:
        """Whether a request is under way."""

    def cancel(self, request_id: str | None) -> None:
        """Cancel a request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Began:
    """The request that the engine works on, since when, and whether the engine was loaded then."""

    id: str
    at: Seconds
    warm: bool


class TriggerClock:
    """Begins clips when their time has come."""

    def __init__(
        self,
        *,
        monotonic: Callable[[], float],
        session: Callable[[], SessionState],
        queue: Queue,
        generate: Callable[[str, SessionState, Client | None], None],
        new_id: Callable[[], str],
        tell: Callable[[osc.Reply, Client | None], None],
        warm: Callable[[], bool],
        call_later: Callable[[float, Callable[[], None]], Timer] | None = None,
    ) -> None:
        """``session`` is as it stands. ``generate`` begins a request of an id, for a client or for nobody.

        ``tell`` speaks to all subscribers, and to a client.
        ``warm`` says whether the engine is loaded: a clip that waited for that says nothing of the next ones.
        ``call_later`` stands in for the event loop's own.
        """
        self._monotonic = monotonic
        self._session = session
        self._queue = queue
        self._generate = generate
        self._new_id = new_id
        self._tell = tell
        self._warm = warm
        self._call_later = call_later
        self._triggers = Triggers()
        self._paces = Paces()
        self._under_way: tuple[str, Begin] | None = None
        self._began: _Began | None = None
        self._timer: Timer | None = None
        self._open = False
        self._asked = False

    # From the daemon

    def start(self) -> None:
        """Begin to look."""
        self._open = True
        self.changed()

    def changed(self) -> None:
        """Something of the session or the queue has changed: decide anew when the loop has carried out all of it."""
        if not self._asked:
            self._asked = self._open
            self._set_timer(0.0)

    def heard(self, job: jobs.Job[Order], event: jobs.JobEvent) -> None:
        """A job has gone a step."""
        request_id = job.request.id
        match event:
            case jobs.Accepted():
                pass
            case jobs.Progress():
                if self._began is None or self._began.id != request_id:
                    self._began = _Began(id=request_id, at=self._now(), warm=self._warm())
                return
            case _:
                self._ended(job, event)
        self.changed()

    def close(self) -> None:
        """Begin nothing more; safe to call twice."""
        self._open = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def generate_next(self, request_id: str, session: SessionState, client: Client | None) -> None:
        """Begin a request for the next bar that its clip can be ready for."""
        if self._queue.holds(request_id):
            self._generate(request_id, session, client)  # which says that the id is in use
            return
        begin = soonest(session, self._now(), paces=self._paces, free_in_s=self._free_in_s())
        self._request(request_id, begin, client)

    # Inside

    def _now(self) -> Seconds:
        return Seconds(self._monotonic())

    def _ended(self, job: jobs.Job[Order], event: jobs.JobEvent) -> None:
        request_id = job.request.id
        began, self._began = self._began, None
        if isinstance(event, jobs.Done) and began and began.id == request_id and began.warm:
            self._paces = measured(self._paces, shape_of(job.owner.state), self._now() - began.at)
        if self._under_way is None or self._under_way[0] != request_id:
            return
        begun, self._under_way = self._under_way[1], None
        if isinstance(event, jobs.Superseded):
            self._triggers = dropped(self._triggers)
        elif isinstance(event, jobs.Done):
            self._notices(ready(self._triggers, begun, self._session(), self._now()), request_id)

    def _look(self) -> None:
        self._timer = None
        self._asked = False
        decision = decide(
            self._triggers,
            self._session(),
            self._now(),
            paces=self._paces,
            free_in_s=self._free_in_s(),
            under_way=self._under_way is not None,
        )
        self._triggers = decision.triggers
        self._carry_out(decision)

    def _carry_out(self, decision: Decision) -> None:
        if decision.wake_at is not None:
            self._set_timer(decision.wake_at - self._monotonic())
        self._notices(decision.notices, "")
        if decision.cancel and self._under_way is not None:
            request_id, self._under_way = self._under_way[0], None
            if self._queue.holds(request_id):
                self._queue.cancel(request_id)
        if decision.begin is not None:
            self._begin(decision.begin)

    def _begin(self, begin: Begin) -> None:
        request_id = f"bar{begin.bar}-{self._new_id()}"
        if self._request(request_id, begin, None):
            self._under_way = request_id, begin
        self.changed()

    def _request(self, request_id: str, begin: Begin, client: Client | None) -> bool:
        """Ask for the clip of a bar, and tell which. False where it was not accepted."""
        self._generate(request_id, begin.session(self._session()), client)
        if not self._queue.holds(request_id):
            return False
        self._tell(osc.DueReply(id=request_id, bar=begin.bar, beat=begin.start), client)
        return True

    def _free_in_s(self) -> float | None:
        """When the engine is expected to have done all that it was asked for; None when it is idle."""
        queue = self._queue
        running = queue.running
        if running is None and not queue.waiting:
            return None
        expected_s = sum(self._expected_s(job) for job in queue.waiting)
        if running is not None and not running.stopping:
            began = self._began
            since_s = self._now() - began.at if began and began.id == running.request.id else 0.0
            expected_s += max(0.0, self._expected_s(running) - since_s)
        return expected_s

    def _expected_s(self, job: jobs.Job[Order]) -> float:
        return needed_s(self._paces, shape_of(job.owner.state))

    def _notices(self, notices: Sequence[Notice], request_id: str) -> None:
        for notice in notices:
            self._tell(osc.NoticeReply(id=request_id, code=notice.code, message=notice.message), None)

    def _set_timer(self, after_s: float) -> None:
        if not self._open:
            return
        if self._timer is not None:
            self._timer.cancel()
        later = self._call_later or asyncio.get_running_loop().call_later
        self._timer = later(min(max(after_s, 0.0), LONGEST_WAIT_S), self._look)
