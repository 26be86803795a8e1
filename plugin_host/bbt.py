"""Tempo and meter from bars, beats and ticks passing by. Pure: a step takes a place and the sample it is at.

A tick is 1/1920 of a quarter note whatever the meter, and is rounded down. So each pair of places bounds the tempo
from both sides; the bounds of a stretch of one tempo have something in common, and where they have not, the tempo has
changed. Of the tempos within the bounds the one with the fewest digits is taken. How many ticks a beat has, and how
many beats a bar, shows when one ends.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

from midi.time import DENOMINATORS, FOUR_FOUR, MAX_BPM, MAX_NUMERATOR, MIN_BPM, Beats, Bpm, Meter

QUARTER: Final = 1920
"""Ticks of a quarter note."""
LONGEST_STEP_S: Final = 1.0
"""Places further apart are none of one stretch."""
FEWEST_STEPS: Final = 2
"""A stretch that has as many steps tells a tempo."""
FREE_TICKS: Final = 24.0
"""So far from what was expected a step may be, and a share of itself, to be read as the end of a beat or bar."""
FREE_SHARE: Final = 0.04


@dataclass(frozen=True, slots=True, kw_only=True)
class Bbt:
    """A place of a song: bar and beat from 1, and ticks into the beat."""

    bar: int
    beat: int
    tick: int

    @classmethod
    def parse(cls, text: str) -> Bbt | None:
        """Read ``003|02|0960``; None for anything else."""
        words = text.split("|")
        if len(words) != 3 or not all(word.isdecimal() and len(word) < 10 for word in words):
            return None
        bar, beat, tick = map(int, words)
        return cls(bar=bar, beat=beat, tick=tick) if bar >= 1 and beat >= 1 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stretch:
    """A stretch of one tempo: what its ticks a sample lie between, and how far it has gone."""

    samples: int = 0
    ticks: int = 0
    steps: int = 0
    low: float = 0.0
    high: float = math.inf

    def with_step(self, samples: int, ticks: int) -> _Stretch:
        """One step more, whether it agrees or not."""
        samples, ticks = self.samples + samples, self.ticks + ticks
        low, high = max(self.low, (ticks - 1) / samples), min(self.high, (ticks + 1) / samples)
        return _Stretch(samples=samples, ticks=ticks, steps=self.steps + 1, low=low, high=high)


_NONE: Final = _Stretch()


@dataclass(frozen=True, slots=True, kw_only=True)
class Follower:
    """What has been learnt; ``tempo`` and ``meter`` are None until they are known.

    ``guess`` is the meter as far as the bar has gone: its beats are at least as many. A bar's end makes it known.
    """

    tempo: Bpm | None = None
    meter: Meter | None = None
    guess: Meter = FOUR_FOUR
    at: tuple[Bbt, int] | None = None
    stretch: _Stretch = _NONE

    def beats(self, place: Bbt) -> Beats:
        """The place in quarter notes from the song's start, as if the meter had been the same from there on."""
        meter = self.meter or FOUR_FOUR
        ticks = place.tick + (place.beat - 1) * _beat_ticks(meter) + (place.bar - 1) * _bar_ticks(meter)
        return Beats(ticks / QUARTER)

    def broken(self) -> Follower:
        """The transport has stopped or jumped: what comes next begins a stretch of its own."""
        return replace(self, at=None, stretch=_NONE)


def follow(follower: Follower, place: Bbt, sample: int, rate_hz: int) -> Follower:
    """The next place of a transport that rolls."""
    if follower.at is None:
        return replace(follower, at=(place, sample))
    before, sample_before = follower.at
    samples = sample - sample_before
    if samples == 0:
        return follower
    if not 0 < samples <= LONGEST_STEP_S * rate_hz:
        return replace(follower.broken(), at=(place, sample))
    follower = replace(follower, at=(place, sample))
    if (place.bar, place.beat) == (before.bar, before.beat):
        ticks: int | None = place.tick - before.tick
    else:
        guess = _meter_after(follower, before, place, samples, rate_hz)
        ticks = _ticks_between(before, place, guess) if guess else None
        if guess:
            ended = place.bar == before.bar + 1
            follower = replace(follower, guess=guess, meter=guess if ended else follower.meter)
    if ticks is None or ticks <= 0:
        return replace(follower, stretch=_NONE)
    return _with_step(follower, samples, ticks, rate_hz)


def _with_step(follower: Follower, samples: int, ticks: int, rate_hz: int) -> Follower:
    stretch = follower.stretch.with_step(samples, ticks)
    if stretch.low > stretch.high:
        stretch = _NONE.with_step(samples, ticks)
    low, high = (60.0 * rate_hz * bound / QUARTER for bound in (stretch.low, stretch.high))
    told = follower.tempo
    if stretch.steps < FEWEST_STEPS or (told is not None and low <= told <= high):
        return replace(follower, stretch=stretch)
    tempo = _plainest(low, high)
    if not MIN_BPM <= tempo <= MAX_BPM:
        return replace(follower, stretch=stretch)
    return replace(follower, stretch=stretch, tempo=Bpm(tempo))


def _plainest(low: float, high: float) -> float:
    """The number with the fewest decimals within the bounds, nearest to their middle."""
    middle = (low + high) / 2
    for digits in range(5):
        number = round(middle, digits)
        if low <= number <= high:
            return number
    return middle


# Meter


def _beat_ticks(meter: Meter) -> int:
    return QUARTER * 4 // meter.denominator


def _bar_ticks(meter: Meter) -> int:
    return meter.numerator * _beat_ticks(meter)


def _ticks_between(before: Bbt, after: Bbt, meter: Meter) -> int:
    beats = (after.bar - before.bar) * meter.numerator + after.beat - before.beat
    return beats * _beat_ticks(meter) + after.tick - before.tick


def _meter_after(follower: Follower, before: Bbt, after: Bbt, samples: int, rate_hz: int) -> Meter | None:
    """The meter that fits a step over the end of a beat or bar; None where none does.

    A step over a beat's end tells the denominator, one over a bar's end the numerator; what it does not tell stays.
    """
    stretch, known = follower.stretch, follower.guess
    if stretch.steps:
        expected = samples * stretch.ticks / stretch.samples
    elif follower.tempo is not None:
        expected = samples * follower.tempo * QUARTER / (60.0 * rate_hz)
    else:
        return None

    def fits(meter: Meter) -> bool:
        return abs(_ticks_between(before, after, meter) - expected) <= FREE_TICKS + FREE_SHARE * expected

    same_bar, next_bar = after.bar == before.bar, after.bar == before.bar + 1
    if max(before.beat, after.beat) <= known.numerator and fits(known):
        return known
    if same_bar and after.beat > before.beat:
        numerator = max(known.numerator, after.beat)
        if numerator > MAX_NUMERATOR:
            return None
        meters = (Meter(numerator=numerator, denominator=under) for under in (known.denominator, *DENOMINATORS))
        return next(filter(fits, meters), None)
    if next_bar:
        # The denominator is known from the beats of the bar that has ended; a bar of one beat tells nothing of it.
        beat = _beat_ticks(known)
        numerator = before.beat - after.beat + round((expected + before.tick - after.tick) / beat)
        if before.beat <= numerator <= MAX_NUMERATOR:
            meter = Meter(numerator=numerator, denominator=known.denominator)
            return meter if fits(meter) else None
    return None
