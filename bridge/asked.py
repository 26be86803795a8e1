"""What a take is measured against: the chart of a clip, in seconds. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from bridge.notices import Chart
from midi.chords import Chord
from midi.pitch_names import NOTE_NAMES
from midi.time import Beats, TempoMap
from models.generator import SAME_TIME_S, TimedPitch

NO_CHORD: Final = "N"
NEITHER: Final = "X"
"""A chord that is neither major nor minor; its time is not counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedChord:
    """A stretch of the clip and its chord, reduced: ``A:min``, ``C:maj``, ``N`` or ``X``."""

    start_s: float
    end_s: float
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A clip's chart in seconds from its start.

    ``drums_s`` are the times at which there is a hit, each once; ``beats_s`` those of the quarter notes from the start
    on, up to the first one after the end.
    """

    chords: tuple[AskedChord, ...]
    drums_s: tuple[float, ...]
    melody: tuple[TimedPitch, ...]
    beats_s: tuple[float, ...]


def asked_of(chart: Chart, start: Beats, end: Beats, tempo_map: TempoMap) -> Asked:
    """The chart of a clip that goes from ``start`` to ``end``."""

    def seconds(beat: float) -> float:
        return tempo_map.seconds_between(start, Beats(beat))

    hits = {round(seconds(hit.at), 4) for hit in chart.drums}
    return Asked(
        chords=tuple(
            AskedChord(start_s=seconds(span.start), end_s=seconds(span.end), label=triad_label(span.chord))
            for span in chart.chords
            if span.end > span.start
        ),
        drums_s=tuple(sorted(hits)),
        melody=tuple(
            TimedPitch(start_s=seconds(note.at), end_s=seconds(note.at + note.length), pitch=note.pitch)
            for note in chart.melody
        ),
        beats_s=tuple(seconds(start + count) for count in range(math.ceil(end - start - SAME_TIME_S) + 1)),
    )


def triad_label(chord: Chord | None) -> str:
    """A chord as its triad in Harte's syntax; ``NEITHER`` where third and fifth are not those of major or minor."""
    if chord is None:
        return NO_CHORD
    tones = {tone % 12 for tone in chord.quality.intervals}
    if 7 not in tones or not tones & {3, 4}:
        return NEITHER
    return f"{NOTE_NAMES[chord.root]}:{'maj' if 4 in tones else 'min'}"
