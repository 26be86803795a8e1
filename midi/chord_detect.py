"""Chords from notes that are all known: the recogniser of live notes (``midi.chord_recogniser``) run over them."""

from __future__ import annotations

from collections.abc import Sequence

from midi.chord_recogniser import chord_changes
from midi.chords import ChordChange
from midi.keys import Key
from midi.melody import Note
from midi.performance import NoteOff, NoteOn
from midi.time import Beats, TempoMap


def chords_from_notes(
    notes: Sequence[Note], tempo_map: TempoMap, start: Beats, end: Beats, key: Key | None = None
) -> tuple[ChordChange, ...]:
    """The chords that ``notes`` imply between ``start`` and ``end``; silence becomes no chord.

    Chords change on half beats at most. Empty when no note sounds in the range. A ``key`` favours chords of its scale
    where the notes leave it open.
    """
    heard = [note for note in notes if note.at < end and note.at + note.length > start]
    if not heard or end <= start:
        return ()
    # Each note is a source of its own, so that none ends another of its pitch; releases come before strikes.
    events: list[NoteOn | NoteOff] = []
    for source, note in enumerate(heard):
        events.append(NoteOn(at=note.at, pitch=note.pitch, velocity=note.velocity, source=source))
        events.append(NoteOff(at=Beats(note.at + note.length), pitch=note.pitch, source=source))
    events.sort(key=lambda event: (event.at, isinstance(event, NoteOn)))
    return chord_changes(events, tempo_map, start, end, key=key)
