"""Chords: symbols in lead-sheet and Harte spelling, progressions in bars."""

from __future__ import annotations

from dataclasses import dataclass, field

from midi.time import Beats


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """A chord's shape: its canonical suffix (``m7b5``; empty for a major triad) and its tones.

    ``intervals`` are semitones above the root, rising, the root (0) first, extensions above the octave
    (a ninth is 14).
    """

    symbol: str
    intervals: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chord:
    """A root and a bass as pitch classes (0 is C; ``bass`` is None in root position) and a quality.

    ``text`` is the symbol as it was written; it takes no part in comparisons.
    """

    root: int
    quality: Quality
    bass: int | None = None
    text: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChordSpan:
    """A chord, or None for no chord, that sounds from ``start`` until ``end``."""

    start: Beats
    end: Beats
    chord: Chord | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChordChange:
    """A chord, or None for no chord, that begins at a beat and holds until the next change."""

    at: Beats
    chord: Chord | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Progression:
    """Chords in bars as written: each bar holds one or more chords that share it equally."""

    bars: tuple[tuple[Chord | None, ...], ...]
    text: str = field(default="", compare=False)
