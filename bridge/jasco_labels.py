"""Any chord as one of JASCO's labels: by its pitch classes where the vocabulary has them, else the nearest label.

Pure. The vocabulary is Meta's; its labels are read by the project's own chord notation, so spelling plays no part.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final

from midi.chords import Chord, parse_chord
from models.vocabulary import NO_CHORD, UNKNOWN_CHORD, chord_vocabulary

MINOR_THIRD: Final = 3
MAJOR_THIRD: Final = 4
_SEVENTHS: Final = frozenset({10, 11})


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """The label that stands for a chord. ``distance`` counts the pitch classes that only one of the two has."""

    label: str
    distance: int

    @property
    def exact(self) -> bool:
        """Whether the label says the very chord, its bass too."""
        return self.distance == 0


@lru_cache(maxsize=4096)
def label_of(chord: Chord | None) -> Labelled:
    """The label for a chord; ``N`` for none.

    Where the chord itself is not in the vocabulary, it is the label on the same root that agrees in third and
    seventh, then shares most pitch classes, then has the same bass. Another bass counts as a distance of one more.
    """
    if chord is None:
        return Labelled(label=NO_CHORD, distance=0)
    label, candidate = min(_labels(), key=lambda pair: (*_misfit(chord, pair[1]), pair[0]))
    return Labelled(label=label, distance=_distance(chord, candidate))


def _misfit(chord: Chord, other: Chord) -> tuple[bool, bool, bool, int, bool, bool]:
    """How badly a label fits, by what matters most first."""
    ours, theirs = _tones(chord), _tones(other)
    return (
        chord.root != other.root,
        _third(ours) != _third(theirs) and bool(_third(ours)),
        ours & _SEVENTHS != theirs & _SEVENTHS,
        len(ours ^ theirs),
        chord.bass_pitch_class != other.bass_pitch_class,
        other.bass is not None,
    )


def _third(tones: frozenset[int]) -> frozenset[int]:
    """The third of a chord; beside a major one, three semitones are a sharp ninth."""
    return frozenset({MAJOR_THIRD}) if MAJOR_THIRD in tones else tones & {MINOR_THIRD}


def _distance(chord: Chord, other: Chord) -> int:
    return len(_sounding(chord) ^ _sounding(other)) + (chord.bass_pitch_class != other.bass_pitch_class)


def _tones(chord: Chord) -> frozenset[int]:
    """The chord's tones above its root, within the octave; a bass that is none of them stays out."""
    return frozenset(tone % 12 for tone in chord.quality.intervals)


def _sounding(chord: Chord) -> frozenset[int]:
    return frozenset((chord.root + tone) % 12 for tone in _tones(chord))


@cache
def _labels() -> tuple[tuple[str, Chord], ...]:
    return tuple(_parsed())


def _parsed() -> Iterator[tuple[str, Chord]]:
    for label in chord_vocabulary():
        if label not in {NO_CHORD, UNKNOWN_CHORD}:
            chord = parse_chord(label)
            if chord is None:
                raise AssertionError(f"{label} is no chord")
            yield label, chord
