"""The requests that went through a relay: whom each is for, and which ended while there was no link. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from bridge.osc_client import NoAnswer
from bridge.osc_replies import Accepted, CancelledReply, DoneReply, ErrorReply, Reply, SupersededReply

MAX_OWNERS: Final = 4096
ENDS: Final = (DoneReply, CancelledReply, SupersededReply, ErrorReply)

Json = dict[str, Any]


class Requests:
    """What the relay has heard of requests."""

    def __init__(self, limit: int = MAX_OWNERS) -> None:
        self._limit = limit
        self._owners: dict[str, object] = {}
        self._open: set[str] = set()
        self._ended_here: set[str] = set()

    def owner(self, request_id: str) -> Json:
        """Whom an event of a request is for, to be laid over it; nothing where it is not known."""
        number = self._owners.get(request_id)
        return {} if number is None else {"to": number}

    def heard(self, reply: Reply, event: Mapping[str, object]) -> bool:
        """Take note of what the daemon says of a request; False for an end that was told here already."""
        request_id = getattr(reply, "id", "")
        if not request_id:
            return True
        if event.get("to") is not None:
            self._owners.pop(request_id, None)
            self._owners[request_id] = event["to"]
            if len(self._owners) > self._limit:
                del self._owners[next(iter(self._owners))]
        if isinstance(reply, Accepted):
            if len(self._open) < self._limit:
                self._open.add(request_id)
            self._ended_here.discard(request_id)
        elif isinstance(reply, ENDS):
            self._open.discard(request_id)
            if request_id in self._ended_here:
                self._ended_here.discard(request_id)
                return False
        return True

    def open(self) -> frozenset[str]:
        """Requests that have not ended, as far as the relay has heard."""
        return frozenset(self._open)

    def ended(self, before: frozenset[str], jobs: object, clips: Sequence[str]) -> tuple[DoneReply | ErrorReply, ...]:
        """The ends of requests that were open ``before`` the link came back and are no job of the daemon any more.

        ``jobs`` are those of the daemon's session, ``clips`` the request of each clip that the daemon has.
        """
        if not isinstance(jobs, dict):
            return ()
        waiting = jobs.get("waiting")
        under_way = [jobs.get("running"), *(waiting if isinstance(waiting, list) else ())]
        gone = sorted(one for one in before & self._open if one not in under_way)
        self._open.difference_update(gone)
        if len(self._ended_here) > self._limit:  # ends that never came
            self._ended_here.clear()
        self._ended_here.update(gone)
        return tuple(_end(one, clips.count(one)) for one in gone)


def _end(request_id: str, clips: int) -> DoneReply | ErrorReply:
    if clips:
        return DoneReply(id=request_id, clips=clips)
    text = "The request ended while the daemon's machine was not reached, and the daemon has no clip of it."
    return ErrorReply(id=request_id, code=NoAnswer.code, message=text)
