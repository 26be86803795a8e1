"""Chords from notes: what harmony a stretch of MIDI notes implies.

Template matching on pitch-class profiles (T. Fujishima, "Realtime Chord Recognition of Musical Sound",
ICMC 1999), smoothed by dynamic programming over the beats (Viterbi's algorithm, as in A. Sheh and D. Ellis,
"Chord Segmentation and Recognition using EM-Trained Hidden Markov Models", ISMIR 2003). Profiles are
weighted by duration and velocity; a chord whose root is in the bass is preferred, and changing chord costs
less on a bar line than inside a bar. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt

from midi.chord_qualities import QUALITIES
from midi.chords import Chord, ChordChange
from midi.keys import Key
from midi.melody import Note
from midi.time import Beats, Meter, TempoMap

DETECTED_QUALITIES: Final = ("", "m", "7", "maj7", "m7", "6", "m6", "m7b5", "dim", "dim7", "aug", "sus4", "7sus4")
"""The qualities that are looked for, by their symbols in the table."""

_ROOT_BONUS: Final = 0.12
"""Added to a chord's likeness (0 to 1) where its root is the lowest tone."""
_KEY_BONUS: Final = 0.03
"""Added where every tone of the chord belongs to the key."""
_SEVENTH_COST: Final = 0.01
"""Taken off for each tone beyond three, so that a tie goes to the plain chord."""
_NO_CHORD_LIKENESS: Final = 0.3
_SILENT_CHORD_LIKENESS: Final = 0.6
"""A chord's likeness to silence, so that it holds through a short rest; no chord has 1."""
_COST_AT_BAR: Final = 0.15
_COST_IN_BAR: Final = 0.5
"""Cost of a change, in beats of perfect likeness."""
_SLASH_SHARE: Final = 0.75
"""Share of a chord's time that one other chord tone holds the bass before it is written as a slash chord."""

_INAUDIBLE: Final = 1e-6
"""Least weight of a pitch, where 1 is a note of full velocity through the whole beat: less is rounding."""
_BASS_WEIGHT: Final = 0.1
"""Least weight of the lowest tone."""

_Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Segment:
    """A beat of a bar."""

    start: float
    end: float
    opens_bar: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Heard:
    """What sounds in each segment: profiles [segments, 12], and the lowest pitch (128 for silence) [segments]."""

    profiles: _Array
    lowest: npt.NDArray[np.int64]


def chords_from_notes(
    notes: Sequence[Note], tempo_map: TempoMap, start: Beats, end: Beats, key: Key | None = None
) -> tuple[ChordChange, ...]:
    """The chords that ``notes`` imply between ``start`` and ``end``; silence becomes no chord.

    Chords change on beats of the meter at most. Empty when no note sounds in the range. A ``key`` favours chords
    of its scale where the notes leave it open.
    """
    segments = _segments(tempo_map, start, end)
    if not notes or not segments:
        return ()
    heard = _hear(notes, segments)
    if not heard.profiles.any():
        return ()
    path = _best_path(_likeness(heard, key), segments)
    changes: list[ChordChange] = []
    first = 0
    for index in range(1, len(path) + 1):
        if index == len(path) or path[index] != path[first]:
            chord = _voiced(_candidates()[path[first]], heard, segments, first, index)
            changes.append(ChordChange(at=Beats(segments[first].start), chord=chord))
            first = index
    return tuple(changes)


def _beat_length(meter: Meter) -> float:
    """The felt beat in quarter notes: a dotted quarter in 6/8, 9/8 and 12/8, else a quarter."""
    return 1.5 if meter.denominator == 8 and meter.numerator % 3 == 0 and meter.numerator > 3 else 1.0


def _segments(tempo_map: TempoMap, start: Beats, end: Beats) -> list[_Segment]:
    segments: list[_Segment] = []
    bar = tempo_map.bar_at(start).bar
    while (line := tempo_map.bar_start(bar)) < end:
        meter = tempo_map.meter_of(bar)
        step = _beat_length(meter)
        for index in range(int(np.ceil(meter.beats / step))):
            low = max(start, line + index * step)
            high = min(end, line + min((index + 1) * step, meter.beats))
            if low < high:
                segments.append(_Segment(start=low, end=high, opens_bar=low == line))
        bar += 1
    return segments


def _hear(notes: Sequence[Note], segments: Sequence[_Segment]) -> _Heard:
    """Weigh every pitch in every segment by the share of it that it fills and by velocity (0 to 1 a note)."""
    starts = np.array([segment.start for segment in segments])
    lengths = np.array([segment.end for segment in segments]) - starts
    begin = np.clip([note.at for note in notes], starts[0], segments[-1].end)
    end = np.clip([note.at + note.length for note in notes], starts[0], segments[-1].end)
    velocity = np.array([note.velocity for note in notes])
    pitch = np.array([note.pitch for note in notes])
    first = np.searchsorted(starts, begin, side="right") - 1
    last = np.maximum(first, np.searchsorted(starts, end, side="left") - 1)
    # A note fills every segment from its first to its last, less what lies before it and after it.
    filled = np.zeros((len(segments) + 1, 128), dtype=np.int64)
    np.add.at(filled, (first, pitch), velocity)
    np.add.at(filled, (last + 1, pitch), -velocity)
    weights = np.cumsum(filled, axis=0)[:-1].astype(np.float64)
    np.add.at(weights, (first, pitch), -velocity * (begin - starts[first]) / lengths[first])
    np.add.at(weights, (last, pitch), -velocity * (starts[last] + lengths[last] - end) / lengths[last])
    weights /= 127
    weights[weights < _INAUDIBLE] = 0.0
    bass = weights > _BASS_WEIGHT
    lowest = np.where(bass.any(axis=1), bass.argmax(axis=1), 128)
    profiles = np.stack([weights[:, pitch_class::12].sum(axis=1) for pitch_class in range(12)], axis=1)
    return _Heard(profiles=np.sqrt(profiles), lowest=lowest)


@cache
def _candidates() -> tuple[Chord | None, ...]:
    """Every chord that is looked for, and None for no chord at the end."""
    qualities = [row.quality for row in QUALITIES if row.quality.symbol in DETECTED_QUALITIES]
    return (*(Chord(root=root, quality=quality) for root in range(12) for quality in qualities), None)


@cache
def _templates() -> _Array:
    """Unit vectors [chords, 12]."""
    chords = [chord for chord in _candidates() if chord is not None]
    templates = np.array([[pitch in chord.pitch_classes for pitch in range(12)] for chord in chords], dtype=np.float64)
    return np.asarray(templates / np.linalg.norm(templates, axis=1, keepdims=True), dtype=np.float64)


def _likeness(heard: _Heard, key: Key | None) -> _Array:
    """Likeness [segments, candidates] of each segment to each candidate, the last being no chord."""
    norms = np.linalg.norm(heard.profiles, axis=1, keepdims=True)
    silent = norms[:, 0] == 0
    cosine = heard.profiles @ _templates().T / np.where(norms == 0, 1.0, norms)
    chords = [chord for chord in _candidates() if chord is not None]
    roots = np.array([chord.root for chord in chords])
    cosine += _ROOT_BONUS * (roots[None, :] == heard.lowest[:, None] % 12) * (heard.lowest[:, None] < 128)
    cosine -= _SEVENTH_COST * np.array([len(chord.pitch_classes) - 3 for chord in chords])
    if key is not None:
        cosine += _KEY_BONUS * np.array([chord.pitch_classes <= set(key.scale) for chord in chords])
    cosine[silent] = _SILENT_CHORD_LIKENESS
    none = np.where(silent, 1.0, _NO_CHORD_LIKENESS)
    return np.concatenate([cosine, none[:, None]], axis=1)


def _best_path(likeness: _Array, segments: Sequence[_Segment]) -> list[int]:
    """The candidate of each segment that together are most alike, less the cost of changes."""
    lengths = np.array([segment.end - segment.start for segment in segments])
    gains = likeness * lengths[:, None]
    total = gains[0].copy()
    before = np.empty(gains.shape, dtype=np.int16)
    staying = np.arange(gains.shape[1])
    for index in range(1, len(segments)):
        cost = _COST_AT_BAR if segments[index].opens_bar else _COST_IN_BAR
        best = int(np.argmax(total))
        changed = total[best] - cost
        before[index] = np.where(changed > total, best, staying)
        total = np.maximum(total, changed) + gains[index]
    path = [int(np.argmax(total))]
    for index in range(len(segments) - 1, 0, -1):
        path.append(int(before[index, path[-1]]))
    return path[::-1]


def _voiced(chord: Chord | None, heard: _Heard, segments: Sequence[_Segment], first: int, last: int) -> Chord | None:
    """The chord of the segments from ``first`` up to ``last``, with a bass where another chord tone holds the bass."""
    if chord is None:
        return None
    time_in_bass = np.zeros(12)
    for index in range(first, last):
        if heard.lowest[index] < 128:
            time_in_bass[heard.lowest[index] % 12] += segments[index].end - segments[index].start
    bass = int(np.argmax(time_in_bass))
    held = time_in_bass[bass] >= _SLASH_SHARE * max(float(time_in_bass.sum()), 1e-9)
    if held and bass != chord.root and bass in chord.pitch_classes:
        return replace(chord, bass=bass)
    return chord
