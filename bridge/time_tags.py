"""OSC time tags, and the schedule of messages that wait for theirs.

A time tag counts units of 2^-32 seconds from 1900 in 64 bits (NTP, RFC 5905), so it wraps in February
2036; comparisons here are made around the present and hold across the wrap. The clock is an argument.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from itertools import count
from typing import Final, Generic, NewType, TypeVar

from bridge.osc_errors import OutOfRange, TooManyElements

T = TypeVar("T")

TimeTag = NewType("TimeTag", int)
"""Units of 2^-32 seconds since 1900-01-01, modulo 2^64."""

IMMEDIATELY: Final = TimeTag(1)
"""The tag that OSC keeps for "now"; 0 is read as the same."""
HORIZON_S: Final = 3600.0
"""A message may be sent this long before it is due."""
MAX_WAITING: Final = 4096
"""Messages that may wait at once."""

_UNIX_EPOCH_S: Final = 2_208_988_800
"""From 1900 to 1970: seventy years and seventeen leap days."""
_UNITS: Final = 2**32
_WRAP: Final = 2**64
_HALF: Final = _WRAP // 2


def time_tag_at(unix_s: float) -> TimeTag:
    """The time tag of a moment in seconds since 1970; at the wrap, the first that does not mean "immediately"."""
    return TimeTag(max(_units(unix_s) % _WRAP, IMMEDIATELY + 1))


def _units(unix_s: float) -> int:
    """A moment in units since 1900 that never wrap."""
    return int(unix_s * _UNITS) + _UNIX_EPOCH_S * _UNITS


def _due_in(tag: TimeTag, now: TimeTag) -> int:
    """Units until a tag is due: 0 for now, the past and "immediately". Raises ``OutOfRange`` beyond the horizon.

    Up to the horizon the difference is taken modulo 2^64. Beyond it a smaller tag is the past, even the
    far past that a clock which was never set would send, and a greater one the future.
    """
    if tag <= IMMEDIATELY:
        return 0
    ahead = (tag - now) % _WRAP
    if ahead <= HORIZON_S * _UNITS:
        return ahead
    if tag > now and ahead < _HALF:
        raise OutOfRange(
            f"The bundle is due in {ahead / _UNITS:.0f} seconds: send it at most {HORIZON_S:.0f} seconds "
            "ahead, and see that both clocks agree."
        )
    return 0


class Schedule(Generic[T]):
    """Items in the order of their time, and of arrival where the time is the same. It holds no clock and no timer."""

    def __init__(self, *, limit: int = MAX_WAITING) -> None:
        self._limit = limit
        self._waiting: list[tuple[int, int, T]] = []
        self._arrivals = count()

    def __len__(self) -> int:
        return len(self._waiting)

    def admit(self, items: Iterable[tuple[TimeTag | None, T]], now_unix_s: float) -> tuple[T, ...]:
        """Take the items of one datagram; those due at ``now_unix_s`` are returned in order, the rest wait.

        None is now. Raises ``OutOfRange`` for a time beyond the horizon and ``TooManyElements`` where
        there is no room; then none of the items is taken.
        """
        now = _units(now_unix_s)
        current: list[T] = []
        later: list[tuple[int, int, T]] = []
        for tag, item in items:
            units = 0 if tag is None else _due_in(tag, TimeTag(now % _WRAP))
            if units == 0:
                current.append(item)
            else:
                later.append((now + units, next(self._arrivals), item))
        if len(self._waiting) + len(later) > self._limit:
            raise TooManyElements(f"{self._limit} messages wait for their time already: send bundles closer to it.")
        for entry in later:
            heapq.heappush(self._waiting, entry)
        return tuple(current)

    def next_due_in(self, now_unix_s: float) -> float | None:
        """Seconds until the next item is due, 0 for one that is late; None when nothing waits."""
        if not self._waiting:
            return None
        return max(0, self._waiting[0][0] - _units(now_unix_s)) / _UNITS

    def pop_due(self, now_unix_s: float) -> tuple[T, ...]:
        """Take out every item that is due at ``now_unix_s``, in order."""
        now = _units(now_unix_s)
        due: list[T] = []
        while self._waiting and self._waiting[0][0] <= now:
            due.append(heapq.heappop(self._waiting)[2])
        return tuple(due)

    def clear(self) -> None:
        """Forget everything that waits."""
        self._waiting.clear()
