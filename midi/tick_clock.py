"""The ticks of a MIDI clock, counted and followed: how many have passed at any time, and how fast.

Ticks that come where the line expects them are counted one by one. One that is out of place puts the count in doubt:
the line coasts on until ``clock_doubt`` has decided whether ticks were lost or doubled, or the tempo has jumped. In the
first case the count follows the line, in the second it follows the ticks and a new line begins.

Nothing here knows of start, stop or song position; ``clock_follower`` does.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

from midi.clock_doubt import ANOTHER_TEMPO, Verdict, judge
from midi.clock_line import MAX_PERIOD, NEVER, LineBank
from midi.time import Seconds

SETTLED_TICKS: Final = 6
"""From so many ticks on, the line judges the ticks; before, the ticks make the line."""
BOUNCE: Final = Seconds(0.001)
"""A tick so soon after another is a double, while there is no line yet to tell by."""
IN_PLACE: Final = 4.0
"""Deviations to expect up to which a tick, early or late, is the next one."""
TOO_SLOW: Final = Seconds(1.25 * MAX_PERIOD)
"""A first tick so long before the second tells nothing about the tempo."""
SILENCE_S: Final = Seconds(1.0)
SILENCE_TICKS: Final = 4
"""A clock is silent when nothing came for a second, and for four of its ticks."""
KEPT_PERIOD: Final = 24**3 / 12
"""After a silence the tempo from before counts as much as a beat of ticks."""
MENDED: Final = 48
"""A tempo that is found to have jumped so soon after ticks were taken for lost or doubled was jumping then already."""
SURELY_ANOTHER: Final = 4.0
"""Standard errors by which a period has surely changed, where it has by ``ANOTHER_TEMPO``."""
REGULAR_MEMORY: Final = 24
"""Ticks over which the share of regular ones is measured."""


@dataclass(frozen=True, kw_only=True)
class TickClock:
    """What the ticks so far tell. The default has heard none."""

    bank: LineBank | None = None
    count: int = 0
    """The latest tick, counted from an arbitrary one; lost ticks are counted too."""
    settled: int = 0
    """Ticks that this line was made from, up to ``SETTLED_TICKS``."""
    last: Seconds = NEVER
    """When a tick was last heard, counted or not."""
    doubt: tuple[Seconds, ...] = ()
    """Ticks that are not counted yet, since one was out of place."""
    regular: float = 1.0
    """The share of late ticks that were neither lost nor doubled."""
    mended: int = 0
    """Ticks that were counted without being heard, less those that were heard and not counted, a short while ago."""
    mended_at: int = 0
    """The count then."""
    mended_period: float = 0.0
    """Seconds from tick to tick before that."""

    @property
    def is_settled(self) -> bool:
        """Whether the line is good enough to judge ticks by."""
        return self.settled >= SETTLED_TICKS

    @cached_property
    def period(self) -> Seconds:
        """Seconds from tick to tick; the longest there is while nothing is known."""
        return self.bank.period if self.bank else MAX_PERIOD

    @cached_property
    def silence_limit(self) -> Seconds:
        """Seconds without a tick after which the clock is silent."""
        return Seconds(max(SILENCE_S, SILENCE_TICKS * self.period)) if self.knows_period else Seconds(2 * SILENCE_S)

    @cached_property
    def knows_period(self) -> bool:
        """Whether there is a tempo."""
        return self.bank is not None and self.bank.knows_period

    def is_silent(self, at: Seconds) -> bool:
        """Whether no tick came for too long."""
        return at - self.last > self.silence_limit

    def count_at(self, at: Seconds) -> float:
        """The tick count at a time, with its fraction; it coasts on past the latest tick.

        Before the line is settled it never passes the next tick, which is still unheard.
        """
        if self.bank is None:
            return float(self.count)
        since = self.bank.ticks_since(at)
        return self.count + (since if self.is_settled else min(1.0, since))


def hear_tick(clock: TickClock, at: Seconds, *, anew: bool = False) -> TickClock:
    """The clock after a tick at ``at``; ``anew``: the first of a start, where a device may begin a new phase."""
    bank = clock.bank
    if bank is None:
        return _begun(clock, at)
    if not clock.is_settled:
        return _settling(clock, bank, at)
    if clock.is_silent(at):
        return _after_silence(clock, bank, at)
    if anew:
        clock = replace(clock, mended=0)  # counted from here on, whatever was wrong before
    late = (bank.ticks_since(at) - 1) * bank.period
    reach = IN_PLACE * bank.measured_spread if anew else _reach(bank)
    if not clock.doubt and abs(late) <= reach:
        return _counted(clock, bank, at, 1)
    if anew:
        count = clock.count + len(clock.doubt) + 1
        return replace(clock, bank=bank.rephased(at), count=count, last=at, doubt=())
    return _doubting(replace(clock, doubt=(*clock.doubt, at), last=at))


def _reach(bank: LineBank) -> float:
    """Seconds early or late up to which a tick is where it belongs."""
    return IN_PLACE * bank.spread


def _begun(clock: TickClock, at: Seconds) -> TickClock:
    return replace(clock, bank=LineBank.begun(at), count=clock.count + 1, settled=1, last=at, doubt=())


def _settling(clock: TickClock, bank: LineBank, at: Seconds) -> TickClock:
    if at - clock.last > TOO_SLOW:
        return _begun(clock, at)
    if at - clock.last < BOUNCE:
        return replace(clock, last=at, regular=_regular(clock.regular, 0))
    return _counted(clock, bank, at, 1)


def _counted(clock: TickClock, bank: LineBank, at: Seconds, ticks: int) -> TickClock:
    settled = min(SETTLED_TICKS, clock.settled + 1)
    regular = _regular(clock.regular, ticks)
    bank = bank.with_tick(at, ticks)
    counted = replace(clock, bank=bank, count=clock.count + ticks, settled=settled, last=at, regular=regular)
    return _reviewed(counted, bank) if clock.mended else counted


def _reviewed(clock: TickClock, bank: LineBank) -> TickClock:
    """The clock without a correction of its count that a jump explains better, now that more ticks were heard.

    A tick that is lost just before a jump is rare, and a small jump that looks like a lost tick at first is not.
    """
    mended = _lately_mended(clock)
    change = abs(bank.period - clock.mended_period)
    if mended and change > max(ANOTHER_TEMPO * clock.mended_period, SURELY_ANOTHER * bank.period_error):
        return replace(clock, count=clock.count - mended, mended=0)
    return clock if mended else replace(clock, mended=0)


def _regular(before: float, ticks: int) -> float:
    """The share of regular ticks after one that was ``ticks`` after the last."""
    return before + ((1.0 if ticks == 1 else 0.0) - before) / REGULAR_MEMORY


def _after_silence(clock: TickClock, bank: LineBank, at: Seconds) -> TickClock:
    """A tick after a long silence is the one nearest to where the line has coasted to, in a new phase."""
    passed = max(1, round(bank.ticks_since(at)))
    bank = bank.rephased(at, KEPT_PERIOD)
    return replace(clock, bank=bank, count=clock.count + passed, settled=SETTLED_TICKS, last=at, doubt=(), mended=0)


def _doubting(clock: TickClock) -> TickClock:
    """The clock with its doubts decided, where they can be."""
    bank = clock.bank
    if bank is None:
        return replace(clock, doubt=())
    verdict = judge(bank, clock.doubt)
    if verdict is Verdict.SAME:
        return _as_before(clock, bank)
    if verdict is Verdict.JUMP:
        return _jumped(clock, bank)
    return clock


def _as_before(clock: TickClock, bank: LineBank) -> TickClock:
    """Each tick in doubt is the one nearest on the line; a second one for the same place is a double."""
    after, count, regular = bank, 0, clock.regular
    for at in clock.doubt:
        due = bank.ticks_since(at)
        ticks = max(0, round(due) - count)
        regular = _regular(regular, ticks)
        if ticks == 0:
            continue
        count += ticks
        in_place = abs(due - count) * bank.period <= _reach(bank)
        after = after.with_tick(at, ticks) if in_place else after.without_tick(ticks)
    before = _lately_mended(clock)
    return replace(
        clock,
        bank=after,
        count=clock.count + count,
        doubt=(),
        regular=regular,
        mended=before + count - len(clock.doubt),
        mended_at=clock.count + count,
        mended_period=clock.mended_period if before else bank.period,
    )


def _lately_mended(clock: TickClock) -> int:
    return clock.mended if clock.count - clock.mended_at <= MENDED else 0


def _jumped(clock: TickClock, bank: LineBank) -> TickClock:
    """Every tick in doubt counts as one, also of those shortly before, and a new line begins with the first of them."""
    first, *others = clock.doubt
    fresh = LineBank.begun(first, bank.jitter, bank.jitter_weight)
    for at in others:
        fresh = fresh.with_tick(at)
    count = clock.count + len(clock.doubt) - _lately_mended(clock)
    settled = min(SETTLED_TICKS, len(clock.doubt))
    regular = _regular(clock.regular, 1)
    return replace(clock, bank=fresh, count=count, settled=settled, doubt=(), regular=regular, mended=0)
