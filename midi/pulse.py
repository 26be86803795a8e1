"""Rhythm figures: text patterns that are laid out in any meter.

A figure is written in sixteenths: ``x`` strikes, ``X`` strikes harder, ``o`` softer, any other letter or
digit strikes with that letter as its mark (bass figures use degrees), ``-`` holds, ``.`` rests. A hold
never follows a rest; a figure of holds alone strikes only where the chord changes. Bars of 4/4 have text
of their own; every other meter is built from its pulses, each a cell of two eighths (``duple``) or three
(``triple``), in turn.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from midi.time import FOUR_FOUR, STEPS_PER_BEAT, Beats, Meter, TempoMap

HOLD: Final = "-"
REST: Final = "."
STRIKE: Final = "x"
RESTRIKE_BEATS: Final = 0.2
"""A stroke that comes this soon after a chord change falls together with it."""
_STEP: Final = 1 / STEPS_PER_BEAT


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A rhythm: ``common`` holds one or more bars of 4/4, ``duple`` and ``triple`` cells of 4 and 6 steps."""

    common: str
    duple: tuple[str, ...]
    triple: tuple[str, ...]


def figure_of(common: str, duple: str, triple: str) -> Figure:
    """A figure from text: bars of 4/4 may be parted by spaces; cells are parted by spaces."""
    return Figure(common=common.replace(" ", ""), duple=tuple(duple.split()), triple=tuple(triple.split()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Stroke:
    """A strike in song beats. ``mark`` is its letter in the figure; ``downbeat`` says that a chord begins here."""

    start: float
    end: float
    mark: str
    downbeat: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Swing:
    """Off-beats come late: within each ``unit`` beats the middle moves to ``share`` of it (0.5 is straight)."""

    unit: float = 1.0
    share: float = 0.5

    def warp(self, offset: float) -> float:
        """Where a position, in beats from the bar line, is played."""
        whole, part = divmod(offset, self.unit)
        part /= self.unit
        late = part * self.share / 0.5 if part < 0.5 else self.share + (part - 0.5) * (1 - self.share) / 0.5
        return (whole + late) * self.unit


STRAIGHT: Final = Swing()


def pulse_steps(meter: Meter) -> tuple[int, ...]:
    """The felt pulses of a bar, in sixteenths: 6/8 is (6, 6), 7/8 is (4, 4, 6), 5/4 is five times 4.

    Eighths go in threes where the bar divides by three, else in twos with a last three (2+2+3);
    sixteenths go in fours, with what is left over at the end.
    """
    steps = meter.steps
    if meter.denominator <= 4:
        return (4,) * (steps // 4)
    if meter.denominator == 8:
        return _eighth_pulses(meter.numerator)
    fours, rest = divmod(steps, 4)
    if rest == 1 and fours:
        return (4,) * (fours - 1) + (2, 3)
    return (4,) * fours + ((rest,) if rest else ())


def _eighth_pulses(eighths: int) -> tuple[int, ...]:
    if eighths % 3 == 0:
        return (6,) * (eighths // 3)
    if eighths == 1:
        return (2,)
    return (4,) * (eighths // 2 - eighths % 2) + (6,) * (eighths % 2)


def bar_text(figure: Figure, meter: Meter, bar: int) -> str:
    """The figure's steps in one bar (from 1) of a meter."""
    if meter == FOUR_FOUR:
        offset = (bar - 1) * meter.steps % len(figure.common)
        return figure.common[offset : offset + meter.steps]
    cells = []
    for index, steps in enumerate(pulse_steps(meter)):
        options = figure.triple if steps == 6 else figure.duple
        cells.append(options[index % len(options)][:steps])
    return "".join(cells)


def strokes_between(
    figure: Figure, tempo_map: TempoMap, start: Beats, end: Beats, swing: Swing = STRAIGHT
) -> tuple[Stroke, ...]:
    """The figure laid over the song's bars from ``start`` to ``end``, swung where the pulse is a quarter."""
    strokes: list[Stroke] = []
    for begin, finish, letter in _steps(figure, tempo_map, start, end, swing):
        if letter == HOLD and strokes:
            strokes[-1] = replace(strokes[-1], end=finish)
        elif letter != REST:
            strokes.append(Stroke(start=begin, end=finish, mark=STRIKE if letter == HOLD else letter))
    return tuple(stroke for stroke in strokes if stroke.end > start and stroke.start < end)


def _steps(
    figure: Figure, tempo_map: TempoMap, start: Beats, end: Beats, swing: Swing
) -> Iterator[tuple[float, float, str]]:
    """Each step from the bar that holds ``start`` on: its begin, its end, its letter."""
    bar = tempo_map.bar_at(start).bar
    while (line := tempo_map.bar_start(bar)) < end:
        meter = tempo_map.meter_of(bar)
        used = swing if meter.denominator <= 4 else STRAIGHT
        text = bar_text(figure, meter, bar)
        edges = [line + used.warp(index * _STEP) for index in range(len(text) + 1)]
        yield from zip(edges, edges[1:], text, strict=False)
        bar += 1


def strokes_in_span(strokes: Sequence[Stroke], start: float, end: float) -> tuple[Stroke, ...]:
    """The strokes of one chord, the first exactly at ``start`` whatever the figure says, none past ``end``."""
    first_inside = bisect_left(strokes, start - 1e-9, key=lambda stroke: stroke.start)
    after = bisect_left(strokes, end - 1e-9, key=lambda stroke: stroke.start)
    inside = list(strokes[first_inside:after])
    carried = strokes[first_inside - 1].end if first_inside else start
    held_until = max(carried, start + _STEP)
    if inside and inside[0].start - start < RESTRIKE_BEATS:
        first = replace(inside.pop(0), start=start, downbeat=True)
    else:
        limit = inside[0].start if inside else end
        first = Stroke(start=start, end=min(held_until, limit), mark=STRIKE, downbeat=True)
    return tuple(replace(stroke, end=min(stroke.end, end)) for stroke in (first, *inside))
