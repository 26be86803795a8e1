"""The beats that a clip has, for audio that is to be laid on them. Pure."""

from __future__ import annotations

from typing import Final

from bridge.fit_record import MAX_CHANGE
from bridge.requests import Window
from midi.time import Meter, TempoMap
from models.generator import BeatGrid

DOTTED_QUARTERS: Final = 1.5
_SAME_BPM: Final = 1e-6
_SAME_BEATS: Final = 1e-6
"""Differences from rounding, and no more."""


def beat_quarters(meter: Meter) -> float:
    """Quarter notes to a beat that feet tap: one and a half in 6/8, 9/8 and 12/8, and one in other meters."""
    compound = meter.denominator == 8 and meter.numerator > 3 and meter.numerator % 3 == 0
    return DOTTED_QUARTERS if compound else 1.0


def grid_of(window: Window, tempo_map: TempoMap) -> BeatGrid | None:
    """The beats of a clip; None where they change inside it, or do not fill its bars.

    That is: the tempo or the beat changes, a bar has a broken number of beats, or the clip begins beside one.
    What is to be spared is the longest loop that may be stretched to the clip, and a beat before it begins.
    """
    first = tempo_map.bar_at(window.start)
    meters = [tempo_map.meter_of(bar) for bar in range(first.bar, first.bar + window.bars)]
    quarters = beat_quarters(meters[0])
    if any(beat_quarters(meter) != quarters or (meter.beats / quarters) % 1 for meter in meters):
        return None
    beats, offset = (window.end - window.start) / quarters, first.offset / quarters
    broken = any(abs(number - round(number)) > _SAME_BEATS for number in (beats, offset))
    if broken or round(beats) < 1 or not _is_steady(window, tempo_map):
        return None
    bar_beats = round(meters[0].beats / quarters)
    longest_s = window.seconds / (1.0 - MAX_CHANGE)
    return BeatGrid(
        beats=round(beats),
        bar_beats=bar_beats,
        pickup=(bar_beats - round(offset)) % bar_beats,
        beat_quarters=quarters,
        spare_s=longest_s - window.seconds + longest_s / round(beats),
    )


def _is_steady(window: Window, tempo_map: TempoMap) -> bool:
    """Whether no tempo inside the window is another one than at its start."""
    inside = [point.at for point in tempo_map.tempos if window.start < point.at < window.end]
    ends = [tempo_map.bpm_at(at) for at in inside]
    mean = 60.0 * (window.end - window.start) / window.seconds
    return all(abs(bpm - window.bpm) < _SAME_BPM for bpm in (*ends, mean))
