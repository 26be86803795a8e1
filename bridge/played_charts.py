"""Charts from what a DAW's tracks hold: chords from notes or from locators' names, drums from strokes on pads. Pure.

The texts are those of ``/sideman/chords/notes``, ``/sideman/chords/markers`` and ``/sideman/drums/notes``: a script
inside a DAW can write them without a library, and each is one datagram, so that a chart is replaced as a whole.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Final

from bridge.notices import Notice
from bridge.osc_commands import ChartCommand, ChordMarkers, ChordNotes, DrumNotes
from bridge.osc_errors import OutOfRange, TooManyElements
from midi.charts import SAME_PLACE, ChordChart, DrumChart
from midi.chord_detect import chords_from_notes
from midi.chord_syntax import quoted
from midi.chords import ChordChange, parse_chord
from midi.drums import DrumHit, Voice, voice_of_note
from midi.errors import ChordError, NotationError, VoiceError
from midi.events import SetChordChart, SetDrumChart
from midi.keys import Key
from midi.melody import Note
from midi.pads import voice_of_pad
from midi.time import Beats, TempoMap

MAX_PLAYED: Final = 4096
"""Most notes or strokes of one chart."""
LAST_BEAT: Final = 1e6
MAX_NAMED: Final = 8
"""Most things that are named in one notice."""
DEFAULT_VELOCITY: Final = 96


@lru_cache(maxsize=8)
def chart_of_notes(text: str, length: float, tempo_map: TempoMap, key: Key | None) -> ChordChart:
    """The chords of notes written as pitch, beat and length in turn; the chart is ``length`` beats long.

    Without notes the chart is empty. Raises ``OutOfRange`` and ``TooManyElements``.
    """
    notes = [
        Note(
            at=Beats(at), length=Beats(_checked(span, "length", 0.0, LAST_BEAT)), pitch=pitch, velocity=DEFAULT_VELOCITY
        )
        for pitch, at, span in _triples(text)
    ]
    notes = [note for note in notes if note.length > 0]
    if not notes:
        return ChordChart()
    end = Beats(length if length > 0 else max(note.at + note.length for note in notes))
    changes = chords_from_notes(notes, tempo_map, Beats(0.0), end, key)
    return ChordChart(changes=changes, bars=_bars(tempo_map, end))


def chart_of_markers(text: str) -> tuple[ChordChart, tuple[Notice, ...]]:
    """The chords of locators, a line for each: the beat, and the name. Names that are no chords are left out and told.

    Raises ``ChordError`` when none is one, ``OutOfRange`` and ``TooManyElements`` for lines that are none.
    """
    changes: dict[Beats, ChordChange] = {}
    others: list[str] = []
    for line in _lines(text):
        number, _, name = line.partition(" ")
        at = Beats(_checked(_number(number), "beat", 0.0, LAST_BEAT))
        try:
            changes[at] = ChordChange(at=at, chord=parse_chord(name.strip()))
        except ChordError:
            others.append(name.strip())
    if not changes:
        raise ChordError("None of the locators is named as a chord; name them Am7, Dm7, G7, or make a track CHORDS.")
    chart = ChordChart(changes=tuple(changes[at] for at in sorted(changes)))
    return chart, _left_out("Locators that are no chords were left out", others)


def drums_of_notes(text: str, pads: str, length: float, tempo_map: TempoMap) -> tuple[DrumChart, tuple[Notice, ...]]:
    """The strokes written as note, beat and velocity in turn; a pad's name tells its voice first, then General MIDI.

    ``pads`` has a line for each pad: the note, and the name. Strokes that mean no voice are left out and told. Raises
    ``OutOfRange`` and ``TooManyElements``.
    """
    names = dict(_pads(pads))
    voices: dict[int, Voice | None] = {}
    hits: dict[tuple[Beats, str], DrumHit] = {}
    end = length
    for note, at, velocity in _triples(text):
        voice = voices.setdefault(note, _voice(note, names))
        loud = round(_checked(velocity, "velocity", 1, 127))
        place = (Beats(at), voice.name if voice else "")
        if voice and (place not in hits or hits[place].velocity < loud):
            hits[place] = DrumHit(at=Beats(at), voice=voice.name, velocity=loud)
        end = max(end, at)
    ordered = tuple(hits[place] for place in sorted(hits))
    unknown = [f"{note} ({names[note]})" if note in names else str(note) for note, voice in voices.items() if not voice]
    chart = DrumChart(hits=ordered, bars=_bars(tempo_map, Beats(end)) if end > 0 else None)
    return chart, _left_out("Drum notes that mean no voice were left out", unknown)


def _voice(note: int, names: Mapping[int, str]) -> Voice | None:
    named = voice_of_pad(names[note]) if note in names else None
    if named:
        return named
    try:
        return voice_of_note(note)
    except VoiceError:
        return None


def _bars(tempo_map: TempoMap, end: Beats) -> int:
    """The bars that a chart of this length fills."""
    place = tempo_map.bar_at(end)
    return place.bar if place.offset > SAME_PLACE else max(1, place.bar - 1)


def _left_out(what: str, names: list[str]) -> tuple[Notice, ...]:
    if not names:
        return ()
    shown = ", ".join(quoted(name) for name in dict.fromkeys(names[:MAX_NAMED]))
    return (Notice(code="left_out", message=f"{what}: {shown}{' ...' if len(names) > MAX_NAMED else ''}."),)


# Reading


def _triples(text: str) -> Iterator[tuple[int, float, float]]:
    """Note number, beat, and a third number. Raises ``OutOfRange`` and ``TooManyElements``."""
    words = text.split()
    if len(words) % 3:
        raise OutOfRange(f"there are {len(words)} numbers, and three make a note.")
    if len(words) > 3 * MAX_PLAYED:
        raise TooManyElements(f"there are {len(words) // 3} notes; at most {MAX_PLAYED} are taken.")
    numbers = [_number(word) for word in words]
    for note, at, third in zip(numbers[::3], numbers[1::3], numbers[2::3], strict=True):
        if not _checked(note, "note", 0, 127).is_integer():
            raise OutOfRange(f"{note:g} is not a MIDI note: they are whole numbers from 0 to 127.")
        yield int(note), _checked(at, "beat", 0.0, LAST_BEAT), third


def _pads(text: str) -> Iterator[tuple[int, str]]:
    for line in _lines(text):
        number, _, name = line.partition(" ")
        yield int(_checked(_number(number), "pad", 0, 127)), name.strip()


def _lines(text: str) -> list[str]:
    lines = [line.strip() for line in text.replace(";", "\n").splitlines() if line.strip()]
    if len(lines) > MAX_PLAYED:
        raise TooManyElements(f"there are {len(lines)} lines; at most {MAX_PLAYED} are taken.")
    return lines


def _number(word: str) -> float:
    try:
        return float(word)
    except ValueError:
        raise OutOfRange(f"{quoted(word)} is not a number.") from None


def _checked(number: float, what: str, low: float, high: float) -> float:
    if not (math.isfinite(number) and low <= number <= high):
        raise OutOfRange(f"a {what} is {number:g}, and goes from {low:g} to {high:g}.")
    return number


def intervals_of(text: str) -> tuple[int, ...]:
    """Semitones above a tonic, written with blanks between. Raises ``NotationError``."""
    try:
        intervals = tuple(int(word) for word in text.split())
    except ValueError:
        raise NotationError(f"{quoted(text)} is not a scale in semitones, such as 0 2 4 5 7 9 11.") from None
    if not intervals or not all(0 <= interval < 24 for interval in intervals):
        raise NotationError(f"{quoted(text)} is not a scale in semitones from 0, such as 0 2 4 5 7 9 11.")
    return intervals


def charted(
    command: ChartCommand, tempo_map: TempoMap, key: Key | None
) -> tuple[SetChordChart | SetDrumChart, tuple[Notice, ...]]:
    """The chart that a DAW's tracks hold, under the session's time and key, and what was left out of it.

    Raises ``SidemanError`` for a text that cannot be read.
    """
    match command:
        case ChordNotes(text=text, length=length):
            return SetChordChart(chart=chart_of_notes(text, length, tempo_map, key)), ()
        case ChordMarkers(text=text):
            chords, notices = chart_of_markers(text)
            return SetChordChart(chart=chords), notices
        case DrumNotes(text=text, pads=pads, length=length):
            drums, notices = drums_of_notes(text, pads, length, tempo_map)
            return SetDrumChart(chart=drums), notices
