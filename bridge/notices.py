"""What a plan tells: the chart of its window as it was asked for, and everything that was assumed or substituted."""

from __future__ import annotations

from dataclasses import dataclass

from midi.chords import ChordSpan
from midi.drums import DrumHit
from midi.melody import Note


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something that was substituted or assumed."""

    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """The chords, drum hits and melody notes of a window, in absolute song beats."""

    chords: tuple[ChordSpan, ...]
    drums: tuple[DrumHit, ...]
    melody: tuple[Note, ...]
