"""The grid on which chords change: beats or eighths of the meter, each with its weight in the bar."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Literal

from midi.time import Beats, Meter, TempoMap

ChordGrid = Literal["beat", "half beat"]
"""Where chords may change: on felt beats, or on eighths too."""

HALF_BEAT: Final = 0.5
_ROUNDING: Final = 1e-9


class Level(IntEnum):
    """How strong the place is at which a slot begins."""

    BAR = 0
    BEAT = 1
    OFFBEAT = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A stretch of the grid, in which there is one chord at most."""

    start: Beats
    end: Beats
    level: Level


def beat_length(meter: Meter) -> float:
    """The felt beat in quarter notes: a dotted quarter in 6/8, 9/8 and 12/8, else a quarter."""
    return 1.5 if meter.denominator == 8 and meter.numerator % 3 == 0 and meter.numerator > 3 else 1.0


def slot_at(tempo_map: TempoMap, at: Beats, grid: ChordGrid) -> Slot:
    """The slot that holds a position; the last one of a bar ends at the bar line, however short that makes it.

    A position that misses the next slot by a rounding is in it.
    """
    place = tempo_map.bar_at(Beats(at + _ROUNDING))
    line, meter = tempo_map.bar_start(place.bar), tempo_map.meter_of(place.bar)
    beat = beat_length(meter)
    step = min(HALF_BEAT, beat) if grid == "half beat" else beat
    index = math.floor(place.offset / step)
    start, end = line + index * step, min(line + (index + 1) * step, tempo_map.bar_start(place.bar + 1))
    if index == 0:
        level = Level.BAR
    else:
        level = Level.BEAT if abs(math.remainder(index * step, beat)) < _ROUNDING else Level.OFFBEAT
    return Slot(start=Beats(start), end=Beats(end), level=level)
