"""Charts: what was written, before it is laid out in time.

A chart keeps the notation (bars, patterns, single hits) and is laid out against a tempo map only when
a clip is planned, so the order in which meter and notation arrive does not matter. A chart begins at
beat 0 and repeats when it is shorter than the song.
"""

from __future__ import annotations

from dataclasses import dataclass

from midi.chords import ChordChange, Progression
from midi.drums import DrumHit, Pattern
from midi.melody import Note


@dataclass(frozen=True, slots=True, kw_only=True)
class ChordChart:
    """A progression in bars, and single changes laid over it (sorted, one a beat position)."""

    progression: Progression | None = None
    changes: tuple[ChordChange, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DrumChart:
    """One pattern for each voice at most, each repeating on its own, and single hits that repeat together."""

    patterns: tuple[Pattern, ...] = ()
    hits: tuple[DrumHit, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MelodyChart:
    """Notes that repeat together after the bar in which the last one ends."""

    notes: tuple[Note, ...] = ()
