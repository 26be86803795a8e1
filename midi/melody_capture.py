"""A melody as it is played: the notes of the melody port, or of the right hand above a split point.

Pure; bounded in bars and in notes. The highest of several lines is chosen later, where a clip is made.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

from midi.bar_loops import MAX_BARS, bars_apart, chart_place
from midi.charts import MelodyChart
from midi.melody import Note
from midi.performance import AllOff, NoteOff, NoteOn, PlayedEvent
from midi.sounding import MAX_HELD
from midi.time import Beats, TempoMap

MAX_NOTES: Final = 4096
SHORTEST: Final = Beats(1 / 32)
"""A shorter note is a slip of the finger, and left out."""
TOGETHER: Final = Beats(1 / 16)
"""Notes that begin closer than this begin together."""

_Key = tuple[int, int]
_NONE_HELD: Final[Mapping[_Key, NoteOn]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class MelodyCapture:
    """The notes of the last ``MAX_BARS`` bars that have ended, sorted by end, and the keys that are down.

    ``split`` is the lowest pitch that is heard; None where every note is melody.
    """

    split: int | None = None
    notes: tuple[Note, ...] = ()
    held: Mapping[_Key, NoteOn] = field(default_factory=lambda: _NONE_HELD)


def sung(capture: MelodyCapture, event: PlayedEvent, tempo_map: TempoMap) -> MelodyCapture:
    """The capture after an event. The sustain pedal says nothing: a note lasts as long as its key is down.

    A key that comes down again ends its note, and so does one that is down for ``midi.sounding.MAX_HELD``.
    """
    match event:
        case NoteOn() if capture.split is None or event.pitch >= capture.split:
            key = (event.source, event.pitch)
            capture = _ended(capture, (key, *_held_too_long(capture, event.at)), event.at, tempo_map)
            return replace(capture, held={**capture.held, key: event})
        case NoteOff():
            return _ended(capture, ((event.source, event.pitch),), event.at, tempo_map)
        case AllOff():
            keys = tuple(key for key in capture.held if key[0] == event.source)
            return _ended(capture, keys, event.at, tempo_map)
        case _:
            return capture


def melody_moved(capture: MelodyCapture, left: Beats, reached: Beats, tempo_map: TempoMap) -> MelodyCapture:
    """The capture when the transport jumps: notes end, and lie in the bars before the one that is reached."""
    capture = _ended(capture, tuple(capture.held), left, tempo_map)
    shift = bars_apart(tempo_map, left, reached)
    return replace(capture, notes=tuple(replace(note, at=Beats(note.at + shift)) for note in capture.notes))


def melody_notes(capture: MelodyCapture, start: Beats, at: Beats, *, monophonic: bool = False) -> tuple[Note, ...]:
    """The notes that began from ``start`` on, as they stand at ``at``, sorted by start and pitch.

    What is still held ends at ``at``. ``monophonic`` ends each note where the next begins; of those that begin together
    it keeps the highest.
    """
    held = (_note(event, at) for event in capture.held.values() if event.at < at)
    notes = sorted((*capture.notes, *held), key=lambda note: (note.at, note.pitch))
    chosen = tuple(note for note in notes if note.at >= start)
    return one_at_a_time(chosen) if monophonic else chosen


def one_at_a_time(notes: Iterable[Note]) -> tuple[Note, ...]:
    """Each note ended where the next begins; of notes that begin together the highest."""
    line: list[Note] = []
    for note in sorted(notes, key=lambda note: (note.at, note.pitch)):
        if line and note.at - line[-1].at < TOGETHER:
            if note.pitch > line[-1].pitch:
                line[-1] = replace(note, at=line[-1].at, length=Beats(note.at + note.length - line[-1].at))
            continue
        if line and line[-1].at + line[-1].length > note.at:
            line[-1] = replace(line[-1], length=Beats(note.at - line[-1].at))
        line.append(note)
    return tuple(line)


def melody_chart(notes: Iterable[Note], bars: int, tempo_map: TempoMap) -> MelodyChart:
    """Notes of the last ``bars`` bars as a chart that goes on in phase with the song."""
    placed = [replace(note, at=chart_place(tempo_map, note.at, bars)) for note in notes]
    return MelodyChart(notes=tuple(sorted(placed, key=lambda note: (note.at, note.pitch))), bars=bars)


def _note(event: NoteOn, end: Beats) -> Note:
    return Note(at=event.at, length=min(Beats(end - event.at), MAX_HELD), pitch=event.pitch, velocity=event.velocity)


def _end(note: Note) -> Beats:
    return Beats(note.at + note.length)


def _held_too_long(capture: MelodyCapture, at: Beats) -> list[_Key]:
    return [key for key, event in capture.held.items() if at - event.at >= MAX_HELD]


def _ended(capture: MelodyCapture, keys: Iterable[_Key], at: Beats, tempo_map: TempoMap) -> MelodyCapture:
    """The capture with some held notes ended; keys that are not held say nothing."""
    held = dict(capture.held)
    ended = [held.pop(key) for key in dict.fromkeys(keys) if key in held]
    if not ended:
        return capture
    notes = [_note(event, at) for event in ended]
    kept = (*capture.notes, *(note for note in notes if note.length >= SHORTEST))[-MAX_NOTES:]
    oldest = tempo_map.bar_start(tempo_map.bar_at(at).bar - MAX_BARS + 1)
    if kept and kept[0].at + kept[0].length < oldest:
        kept = kept[bisect_left(kept, oldest, key=_end) :]
    return replace(capture, held=held, notes=kept)
