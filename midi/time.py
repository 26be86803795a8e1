"""Musical time: beats, seconds, meters, and a tempo map with ramps and meter changes.

A beat is always a quarter note, whatever the meter: the unit of MIDI ticks, of Ableton Live and of
the OSC contract. Bars are counted from 1, as DAWs show them.

Tempo ramps are linear over beats. With the tempo ``v(b) = v0 + k (b - b0)`` in quarter notes per
minute, the time from ``b0`` to ``b`` is ``60 / k * ln(v(b) / v0)`` seconds, and the inverse is
``b - b0 = v0 / k * (exp(k t / 60) - 1)``. Both are evaluated with ``log1p`` and ``expm1``, so that a
nearly flat ramp loses no precision.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Final, NewType

from midi.errors import MeterError, NotationError

Beats = NewType("Beats", float)
"""A position or length in quarter notes."""
Seconds = NewType("Seconds", float)
"""A time or duration in seconds."""
Bpm = NewType("Bpm", float)
"""A tempo in quarter notes per minute."""

MIN_BPM: Final = Bpm(5.0)
MAX_BPM: Final = Bpm(999.0)
DENOMINATORS: Final = (1, 2, 4, 8, 16)
MAX_NUMERATOR: Final = 64
STEPS_PER_BEAT: Final = 4
"""A grid step is a sixteenth note."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meter:
    """A time signature. Raises ``MeterError`` for one that no bar can be counted in."""

    numerator: int
    denominator: int

    def __post_init__(self) -> None:
        if not 1 <= self.numerator <= MAX_NUMERATOR or self.denominator not in DENOMINATORS:
            raise MeterError(
                f"{self.numerator}/{self.denominator} is not a meter: the numerator goes from 1 to "
                f"{MAX_NUMERATOR}, the denominator is one of {', '.join(map(str, DENOMINATORS))}."
            )

    @property
    def beats(self) -> Beats:
        """Length of one bar in quarter notes."""
        return Beats(self.numerator * 4 / self.denominator)

    @property
    def steps(self) -> int:
        """Length of one bar in sixteenths."""
        return self.numerator * 16 // self.denominator

    def __str__(self) -> str:
        return f"{self.numerator}/{self.denominator}"


FOUR_FOUR: Final = Meter(numerator=4, denominator=4)


@dataclass(frozen=True, slots=True, kw_only=True)
class TempoPoint:
    """The tempo from ``at`` on; with ``ramp``, reached there by a linear ramp from the point before."""

    at: Beats
    bpm: Bpm
    ramp: bool = False

    def __post_init__(self) -> None:
        if not MIN_BPM <= self.bpm <= MAX_BPM:
            raise NotationError(
                f"A tempo of {self.bpm:g} is outside {MIN_BPM:g} to {MAX_BPM:g} quarter notes a minute."
            )
        if not (math.isfinite(self.at) and self.at >= 0):
            raise NotationError(f"A tempo point at beat {self.at:g} is before the start of the song.")


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterPoint:
    """The meter from bar ``bar`` on (the first bar is 1)."""

    bar: int
    meter: Meter

    def __post_init__(self) -> None:
        if self.bar < 1:
            raise MeterError(f"Bar {self.bar} does not exist: bars are counted from 1.")


@dataclass(frozen=True, slots=True, kw_only=True)
class BarPosition:
    """A bar (from 1) and the offset into it in beats."""

    bar: int
    offset: Beats


@dataclass(frozen=True, kw_only=True)
class TempoMap:
    """The song's tempo and meter maps, with exact conversions between beats, seconds and bars.

    Both tuples are sorted, start at beat 0 and bar 1, and hold one point per place; build other maps
    with ``with_tempo`` and ``with_meter``. Positions before beat 0 extend the first tempo backwards.
    """

    tempos: tuple[TempoPoint, ...] = (TempoPoint(at=Beats(0.0), bpm=Bpm(120.0)),)
    meters: tuple[MeterPoint, ...] = (MeterPoint(bar=1, meter=FOUR_FOUR),)

    def __post_init__(self) -> None:
        if not self.tempos or self.tempos[0].at != 0.0 or any(a.at >= b.at for a, b in pairwise(self.tempos)):
            raise NotationError("A tempo map starts at beat 0, and its points rise.")
        if not self.meters or self.meters[0].bar != 1 or any(a.bar >= b.bar for a, b in pairwise(self.meters)):
            raise NotationError("A meter map starts at bar 1, and its bars rise.")

    @classmethod
    def constant(cls, bpm: Bpm, meter: Meter = FOUR_FOUR) -> TempoMap:
        """One tempo and one meter throughout."""
        return cls(tempos=(TempoPoint(at=Beats(0.0), bpm=bpm),), meters=(MeterPoint(bar=1, meter=meter),))

    def with_tempo(self, point: TempoPoint) -> TempoMap:
        """This map with ``point`` added, or put in the place of the one at the same beat."""
        others = [p for p in self.tempos if p.at != point.at]
        return TempoMap(tempos=tuple(sorted([*others, point], key=lambda p: p.at)), meters=self.meters)

    def with_meter(self, point: MeterPoint) -> TempoMap:
        """This map with ``point`` added, or put in the place of the one at the same bar."""
        others = [p for p in self.meters if p.bar != point.bar]
        return TempoMap(tempos=self.tempos, meters=tuple(sorted([*others, point], key=lambda p: p.bar)))

    # Tempo

    @cached_property
    def _tempo_beats(self) -> tuple[float, ...]:
        return tuple(p.at for p in self.tempos)

    @cached_property
    def _tempo_seconds(self) -> tuple[float, ...]:
        """Seconds at each tempo point."""
        times = [0.0]
        for index in range(1, len(self.tempos)):
            times.append(times[-1] + self._seconds_into(index - 1, self.tempos[index].at))
        return tuple(times)

    def _slope(self, index: int) -> float:
        """Change of tempo per beat in the segment that begins at point ``index``."""
        if index + 1 >= len(self.tempos) or not self.tempos[index + 1].ramp:
            return 0.0
        here, there = self.tempos[index], self.tempos[index + 1]
        return (there.bpm - here.bpm) / (there.at - here.at)

    def _seconds_into(self, index: int, beat: float) -> float:
        point, slope = self.tempos[index], self._slope(index)
        length = beat - point.at
        if slope == 0.0 or length < 0:
            return 60.0 * length / point.bpm
        return 60.0 / slope * math.log1p(slope * length / point.bpm)

    def _tempo_segment(self, beat: float) -> int:
        return max(0, bisect_right(self._tempo_beats, beat) - 1)

    def bpm_at(self, beat: Beats) -> Bpm:
        """The tempo at a position; at a jump, the tempo that begins there."""
        index = self._tempo_segment(beat)
        point = self.tempos[index]
        return Bpm(point.bpm + self._slope(index) * max(0.0, beat - point.at))

    def seconds_at(self, beat: Beats) -> Seconds:
        """Time from beat 0 to ``beat``."""
        index = self._tempo_segment(beat)
        return Seconds(self._tempo_seconds[index] + self._seconds_into(index, beat))

    def beats_at(self, seconds: Seconds) -> Beats:
        """The position reached ``seconds`` after beat 0: the inverse of ``seconds_at``."""
        index = max(0, bisect_right(self._tempo_seconds, seconds) - 1)
        point, slope = self.tempos[index], self._slope(index)
        elapsed = seconds - self._tempo_seconds[index]
        if slope == 0.0 or elapsed < 0:
            return Beats(point.at + elapsed * point.bpm / 60.0)
        return Beats(point.at + point.bpm / slope * math.expm1(slope * elapsed / 60.0))

    def seconds_between(self, start: Beats, end: Beats) -> Seconds:
        """Duration from ``start`` to ``end``."""
        return Seconds(self.seconds_at(end) - self.seconds_at(start))

    # Meter

    @cached_property
    def _meter_bars(self) -> tuple[int, ...]:
        return tuple(p.bar for p in self.meters)

    @cached_property
    def _meter_beats(self) -> tuple[float, ...]:
        """Beat at which each meter point's bar begins."""
        beats = [0.0]
        for here, there in pairwise(self.meters):
            beats.append(beats[-1] + (there.bar - here.bar) * here.meter.beats)
        return tuple(beats)

    def meter_of(self, bar: int) -> Meter:
        """The meter of a bar (from 1)."""
        return self.meters[max(0, bisect_right(self._meter_bars, bar) - 1)].meter

    def bar_start(self, bar: int) -> Beats:
        """The beat at which a bar (from 1) begins."""
        index = max(0, bisect_right(self._meter_bars, bar) - 1)
        point = self.meters[index]
        return Beats(self._meter_beats[index] + (bar - point.bar) * point.meter.beats)

    def bar_at(self, beat: Beats) -> BarPosition:
        """The bar that holds a position; a bar line belongs to the bar that it opens."""
        index = max(0, bisect_right(self._meter_beats, beat) - 1)
        point = self.meters[index]
        bars = math.floor((beat - self._meter_beats[index]) / point.meter.beats)
        bar = point.bar + bars
        return BarPosition(bar=bar, offset=Beats(beat - self.bar_start(bar)))

    def advance_bars(self, start: Beats, bars: int) -> Beats:
        """The position ``bars`` bars after ``start``.

        From a bar line this is a bar line. From inside a bar it is the same offset into the bar that
        many bars later, or that bar's end where it is too short to have such an offset.
        """
        here = self.bar_at(start)
        target = here.bar + bars
        return Beats(self.bar_start(target) + min(here.offset, self.meter_of(target).beats))

    def bar_lines(self, start: Beats, end: Beats) -> tuple[Beats, ...]:
        """Every bar line ``b`` with ``start <= b < end``."""
        first = self.bar_at(start)
        bar = first.bar if first.offset == 0.0 else first.bar + 1
        lines: list[Beats] = []
        while (line := self.bar_start(bar)) < end:
            lines.append(line)
            bar += 1
        return tuple(lines)
