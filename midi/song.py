"""A song as a MIDI file holds it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from midi.chords import ChordChange
from midi.drums import DrumHit
from midi.keys import Key
from midi.melody import Note
from midi.time import Beats, TempoMap

ChordSource = Literal["markers", "notes", "none"]
"""Where the chords were found: in marker or text events, in the notes, or nowhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Song:
    """Everything that a MIDI file says, sorted by time.

    ``end`` is where its last track ends, or the bar line just before. ``melody`` is one line, and empty
    where no track is named as the melody. ``notices`` are sentences about what had to be assumed, moved or
    left out.
    """

    tempo_map: TempoMap
    key: Key | None = None
    chord_changes: tuple[ChordChange, ...] = ()
    chord_source: ChordSource = "none"
    drums: tuple[DrumHit, ...] = ()
    melody: tuple[Note, ...] = ()
    end: Beats
    notices: tuple[str, ...] = ()
