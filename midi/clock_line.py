"""A straight line through the ticks of a clock: when the latest was due, and how long one takes.

Tick ``k`` of a steady clock arrives at ``phase + period * k``, and some milliseconds off. The line is fitted by
least squares in which older ticks count for less, by a factor for each tick (the fading-memory polynomial filter of
degree one, Morrison, *Introduction to Sequential Smoothing and Prediction*, 1969, chapter 13). While few ticks were
heard it is the plain least-squares line through all of them, so it starts without a bias.

How long to remember? A long memory averages jitter away, a short one follows ramps. ``LineBank`` keeps lines of five
memories and trusts the longest whose confidence intervals still meet those of all shorter ones (Lepski's rule;
Goldenshluger and Nemirovski, *On spatially adaptive estimation of nonparametric regression*, 1997). Where a longer
one disagrees, the tempo has changed: it is begun anew as a copy of the one that is trusted.

A line is held as the quadratic form of its squared errors, relative to the latest tick and to a reference time. A
period known from before is then an observation like any other, and the cost of a tick is the same for any memory.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

from midi.time import MAX_BPM, MIN_BPM, Seconds

TICKS_PER_BEAT: Final = 24
"""MIDI clock messages in a quarter note."""
MIN_PERIOD: Final = Seconds(60.0 / (MAX_BPM * TICKS_PER_BEAT))
MAX_PERIOD: Final = Seconds(60.0 / (MIN_BPM * TICKS_PER_BEAT))
"""Seconds a tick takes at the fastest and the slowest tempo."""
NEVER: Final = Seconds(-math.inf)
"""When something was heard that was never heard."""
MEMORIES: Final = (12, 24, 48, 96, 192)
"""Ticks that each line of the bank remembers: the length of the plain window that is as precise."""
DISAGREE: Final = 4.0
"""Standard errors between two lines from which on the longer one is wrong."""
FINEST_JITTER: Final = Seconds(0.0002)
"""No clock is taken to be steadier: the clocks of drivers are no finer."""
STEADY_ENOUGH: Final = Seconds(0.0005)
"""No tick is held to more than this, however steady the clock was: other work delays ticks, too."""
COARSEST_JITTER: Final = Seconds(0.012)
FIRST_JITTER: Final = Seconds(0.0015)
"""What is taken for the jitter (its standard deviation) before it was measured."""
JITTER_MEMORY: Final = 96
"""Ticks over which the jitter is measured."""
FIRST_JITTER_WEIGHT: Final = 8.0
OUTLIER: Final = 4.0
"""Deviations beyond this many times the jitter are counted as this many, so that one hiccup does not deafen."""

_FADES: Final = tuple(1.0 - 3.6 / ticks for ticks in MEMORIES)
"""1 - 3.6 / N: the slope's variance (1 - fade)^3 / 4 is then that of a plain window of N ticks, 12 / N^3."""


@dataclass(frozen=True, slots=True)
class Line:
    """The weighted sums over ticks of 1, x, x^2, y and xy; x in ticks from the latest, y seconds from a reference."""

    w: float = 0.0
    wx: float = 0.0
    wxx: float = 0.0
    wy: float = 0.0
    wxy: float = 0.0

    @property
    def is_determined(self) -> bool:
        """Whether the sums fix both the phase and the period."""
        return self.w * self.wxx - self.wx * self.wx > 1e-9

    @property
    def phase(self) -> float:
        """When the latest tick was due, in seconds from the reference."""
        return (self.wy * self.wxx - self.wx * self.wxy) / (self.w * self.wxx - self.wx * self.wx)

    @property
    def period(self) -> float:
        """Seconds from tick to tick; the slope, unbounded."""
        return (self.w * self.wxy - self.wx * self.wy) / (self.w * self.wxx - self.wx * self.wx)

    @property
    def phase_variance(self) -> float:
        """Variance of the phase, in units of the jitter's."""
        return self.wxx / (self.w * self.wxx - self.wx * self.wx)

    @property
    def period_variance(self) -> float:
        """Variance of the period, in units of the jitter's."""
        return self.w / (self.w * self.wxx - self.wx * self.wx)

    def moved(self, ticks: int, seconds: float, fade: float) -> Line:
        """The same line told from ``ticks`` later and by a reference ``seconds`` later, faded by as many ticks."""
        left = fade**ticks
        wx = self.wx - ticks * self.w
        wxx = self.wxx - 2 * ticks * self.wx + ticks * ticks * self.w
        wxy = self.wxy - ticks * self.wy
        return Line(
            left * self.w,
            left * wx,
            left * wxx,
            left * (self.wy - seconds * self.w),
            left * (wxy - seconds * wx),
        )

    def with_tick(self) -> Line:
        """The line with a tick heard at the reference time, as the latest one."""
        return Line(self.w + 1.0, self.wx, self.wxx, self.wy, self.wxy)

    def period_alone(self, most: float) -> Line:
        """What the line knows about the period, at most ``most`` of it, and nothing about the phase."""
        if not self.is_determined:
            return Line()
        knowledge = min(most, 1.0 / self.period_variance)
        return Line(wxx=knowledge, wxy=knowledge * self.period)


@dataclass(frozen=True, kw_only=True)
class LineBank:
    """Lines of several memories through the same ticks. What is asked again and again is worked out once.

    ``reference`` is when the latest tick was heard; ``jitter`` the standard deviation of ticks from the line, in
    seconds; ``jitter_weight`` the ticks it was measured on. ``trusted`` is the place of the line to believe.
    """

    lines: tuple[Line, ...]
    reference: Seconds
    jitter: float = FIRST_JITTER
    jitter_weight: float = FIRST_JITTER_WEIGHT
    trusted: int = 0

    @classmethod
    def begun(cls, at: Seconds, jitter: float = FIRST_JITTER, jitter_weight: float = FIRST_JITTER_WEIGHT) -> LineBank:
        """A bank that has heard one tick."""
        line = Line().with_tick()
        return cls(lines=(line,) * len(MEMORIES), reference=at, jitter=jitter, jitter_weight=jitter_weight)

    @property
    def line(self) -> Line:
        """The line to believe."""
        return self.lines[self.trusted]

    @cached_property
    def knows_period(self) -> bool:
        """Whether two ticks, or a period from before, fix the tempo."""
        return self.line.is_determined

    @cached_property
    def period(self) -> Seconds:
        """Seconds from tick to tick, within what tempos can be; half a second at 5 bpm while nothing is known."""
        if not self.knows_period:
            return MAX_PERIOD
        return Seconds(min(MAX_PERIOD, max(MIN_PERIOD, self.line.period)))

    @cached_property
    def period_error(self) -> Seconds:
        """Standard error of the period."""
        return Seconds(self.jitter * math.sqrt(self.line.period_variance) if self.knows_period else MAX_PERIOD)

    @cached_property
    def phase_error(self) -> Seconds:
        """Standard error of the time at which the latest tick was due."""
        return Seconds(self.jitter * math.sqrt(self.line.phase_variance) if self.knows_period else self.jitter)

    @cached_property
    def measured_spread(self) -> Seconds:
        """What the next tick is expected to be off by: the jitter as far as it may be, and the line's own error."""
        surely = self.jitter * (1.0 + math.sqrt(2.0 / self.jitter_weight))
        unsure = self.line.moved(1, 0.0, 1.0).phase_variance if self.knows_period else 0.0
        return Seconds(surely * math.sqrt(1.0 + unsure))

    @property
    def spread(self) -> Seconds:
        """The same, and no less than a tick may always be off by."""
        return max(STEADY_ENOUGH, self.measured_spread)

    def ticks_since(self, at: Seconds) -> float:
        """Ticks from the latest one to ``at`` by the line; 0 while no period is known."""
        if not self.knows_period:
            return 0.0
        return (at - self.reference - self.line.phase) / self.period

    def with_tick(self, at: Seconds, ticks: int = 1) -> LineBank:
        """The bank with a tick heard at ``at``, ``ticks`` after the latest one."""
        passed = at - self.reference
        moved = tuple(line.moved(ticks, passed, fade) for line, fade in zip(self.lines, _FADES, strict=True))
        jitter, weight = self._jitter_with(moved[0])
        lines, trusted = _trusting_the_longest(tuple(line.with_tick() for line in moved), jitter)
        return LineBank(lines=lines, reference=at, jitter=jitter, jitter_weight=weight, trusted=trusted)

    def without_tick(self, ticks: int) -> LineBank:
        """The bank told from ``ticks`` later, none of which was heard."""
        passed = self.period * ticks
        moved = tuple(line.moved(ticks, passed, fade) for line, fade in zip(self.lines, _FADES, strict=True))
        return replace(self, lines=moved, reference=Seconds(self.reference + passed))

    def rephased(self, at: Seconds, most: float = math.inf) -> LineBank:
        """The bank with a tick at ``at`` from which a new phase begins, at the period known so far.

        ``most`` bounds how firmly the period is held on to, in units of 1 / variance: N^3 / 12 is N ticks' worth.
        """
        known = self.line.period_alone(most).with_tick()
        return replace(self, lines=(known,) * len(MEMORIES), reference=at, trusted=len(MEMORIES) - 1)

    def _jitter_with(self, expected: Line) -> tuple[float, float]:
        """The jitter and its weight, after a tick at the reference where ``expected`` was due."""
        if not expected.is_determined:
            return self.jitter, self.jitter_weight
        variance = self.jitter * self.jitter
        seen = min(expected.phase**2 / (1.0 + expected.phase_variance), OUTLIER**2 * variance)
        weight = min(JITTER_MEMORY, self.jitter_weight + 1.0)
        jitter = math.sqrt(variance + (seen - variance) / weight)
        return min(COARSEST_JITTER, max(FINEST_JITTER, jitter)), weight


def _trusting_the_longest(lines: tuple[Line, ...], jitter: float) -> tuple[tuple[Line, ...], int]:
    """The lines, and the place of the longest that no shorter one contradicts; longer ones are begun anew from it."""
    if not lines[0].is_determined:
        return lines, 0
    bounds: list[tuple[float, float, float, float]] = []
    reach = DISAGREE * jitter
    for place, line in enumerate(lines):
        phase, period = line.phase, line.period
        if any(abs(phase - other[0]) > other[1] or abs(period - other[2]) > other[3] for other in bounds):
            return lines[:place] + (lines[place - 1],) * (len(lines) - place), len(lines) - 1
        bounds.append((phase, reach * math.sqrt(line.phase_variance), period, reach * math.sqrt(line.period_variance)))
    return lines, len(lines) - 1
