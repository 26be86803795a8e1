"""Bass lines: the root at every chord, then the degrees that the style's figure names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from midi.chords import Chord
from midi.pulse import Stroke
from models.feel import Feel
from models.instruments import BASS_RANGE

_DEGREES: Final[Mapping[str, int]] = {"r": 0, "x": 0, "X": 0, "o": 0, "3": 4, "5": 7, "7": 10, "8": 12}
"""Marks of a bass figure, as semitones above the bass note; the nearest chord tone is played."""
WALK: Final = "w"
APPROACH: Final = "a"
MAX_APPROACH_BEATS: Final = 0.5
_HOME_RANGE: Final = (28, 43)


@dataclass(frozen=True, slots=True, kw_only=True)
class BassNote:
    """A stroke of the bass, and its pitch."""

    stroke: Stroke
    pitch: int


def root_pitch(chord: Chord, before: int) -> int:
    """The chord's bass note nearest to the bass note before, in the lowest octave and a half."""
    low, high = _HOME_RANGE
    options = [pitch for pitch in range(low, high + 1) if pitch % 12 == chord.bass_pitch_class]
    return min(options, key=lambda pitch: (abs(pitch - before), pitch))


def bass_notes(
    chord: Chord, root: int, strokes: Sequence[Stroke], following: tuple[Chord, int] | None, feel: Feel
) -> tuple[BassNote, ...]:
    """The line under one chord: ``root`` on the first stroke, then chord tones.

    ``following`` is the next chord and its root pitch. Only then are approach notes played, a semitone off that
    root and short; before silence, or the same chord again, the approach is a chord tone.
    """
    tones = _tones_in_range(chord)
    upwards = feel.index(2) == 0
    notes: list[BassNote] = []
    for stroke in strokes:
        last = notes[-1].pitch if notes else root
        if stroke.downbeat:
            pitch = root
        elif stroke.mark == APPROACH:
            pitch = _approach(last, tones, following, chord, stroke)
        elif stroke.mark == WALK:
            pitch, upwards = _walk(last, tones, upwards)
        else:
            pitch = _nearest(tones, root + _DEGREES[stroke.mark])
        notes.append(BassNote(stroke=stroke, pitch=pitch))
    return tuple(notes)


def _tones_in_range(chord: Chord) -> tuple[int, ...]:
    """Root, third, fifth and seventh (tones under the octave) and the slash bass, wherever the bass reaches."""
    low, high = BASS_RANGE
    classes = {(chord.root + tone) % 12 for tone in chord.quality.intervals if tone < 12} | {chord.bass_pitch_class}
    return tuple(pitch for pitch in range(low, high + 1) if pitch % 12 in classes)


def _nearest(tones: Sequence[int], wanted: int) -> int:
    return min(tones, key=lambda pitch: (abs(pitch - wanted), pitch))


def _walk(last: int, tones: Sequence[int], upwards: bool) -> tuple[int, bool]:
    """The next chord tone in the line's direction; the line turns at the ends of its range."""
    above = [pitch for pitch in tones if pitch > last]
    below = [pitch for pitch in tones if pitch < last]
    if upwards and above:
        return above[0], True
    if below:
        return below[-1], False
    return (above[0], True) if above else (last, upwards)


def _approach(
    last: int, tones: Sequence[int], following: tuple[Chord, int] | None, chord: Chord, stroke: Stroke
) -> int:
    if following is None or following[0] == chord or stroke.end - stroke.start > MAX_APPROACH_BEATS:
        return _nearest(tones, last)
    target = following[1]
    below = target - 1 >= BASS_RANGE[0] and last <= target
    return target - 1 if below else target + 1
