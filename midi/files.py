"""MIDI files in and out.

Chords come from marker, cue, text or lyric events where most of them are chord symbols, else from the
notes (``midi.chord_recogniser``); drums from channel 10; the melody from a track that is named so.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from midi.chord_recogniser import chord_changes
from midi.chord_syntax import quoted
from midi.chords import ChordChange, parse_chord
from midi.errors import ChordError, MidiFileError
from midi.file_events import MAX_FILE_BYTES, FileEvents, TrackEvent, read_events, text_of
from midi.file_notes import melody_track, read_drums, read_notes, read_performance, top_line
from midi.file_timeline import read_key, read_tempo_map
from midi.file_writer import song_bytes, write_song
from midi.keys import Key
from midi.performance import NoteOn
from midi.song import ChordSource, Song
from midi.time import Beats, TempoMap

__all__ = ["ChordSource", "Song", "read_song", "song_bytes", "song_from_bytes", "write_song"]

_TEXT_TYPES: Final = ("marker", "cue_marker", "text", "lyrics")
"""Meta events that may hold chord symbols, the likeliest first."""

_TRAILING: Final = Beats(0.25)
"""How far past a bar line releases and track ends make no further bar."""
_ENDINGS: Final = frozenset({"end_of_track", "note_off", "control_change"})


def read_song(path: Path) -> Song:
    """Read a MIDI file of format 0 or 1. Raises ``MidiFileError`` when it cannot be read."""
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise MidiFileError(f"Cannot read {path}: {error.strerror or error}.") from None
    return song_from_bytes(data)


def song_from_bytes(data: bytes) -> Song:
    """The song in the bytes of a MIDI file. Raises ``MidiFileError`` as ``read_song`` does."""
    file = read_events(data)
    notices: list[str] = []
    tempo_map = read_tempo_map(file, notices)
    key = read_key(file, notices)
    notes = read_notes(file, notices)
    melody = melody_track(file.track_names) if file.file_format == 1 else None
    end = _end(file, tempo_map)
    changes = _written_chords(file, notices)
    source: ChordSource = "markers" if changes else "none"
    if not changes:
        changes = _heard_chords(file, melody, tempo_map, end, key)
        source = "notes" if changes else "none"
    return Song(
        tempo_map=tempo_map,
        key=key,
        chord_changes=changes,
        chord_source=source,
        drums=read_drums(file, notices),
        melody=top_line(item.note for item in notes if item.track == melody),
        end=end,
        notices=tuple(notices),
    )


def _end(file: FileEvents, tempo_map: TempoMap) -> Beats:
    """Where the last track ends; the bar line before, where only the last releases and track ends lie past it.

    Programs set the end of a track some ticks after the last bar, and that is no bar more.
    """
    end = file.beat(file.end_tick)
    line = tempo_map.bar_start(tempo_map.bar_at(end).bar)
    late = any(file.beat(event.tick) >= line and not _ends_something(event) for event in file.events)
    return line if line > 0 and end - line < _TRAILING and not late else end


def _ends_something(event: TrackEvent) -> bool:
    message = event.message
    return message.type in _ENDINGS or (message.type == "note_on" and message.velocity == 0)


def _heard_chords(
    file: FileEvents, melody: int | None, tempo_map: TempoMap, end: Beats, key: Key | None
) -> tuple[ChordChange, ...]:
    """Chords of the accompaniment as it is played, or of the melody where there is nothing else."""
    played = read_performance(file)
    accompaniment = [item.event for item in played if item.track != melody]
    heard = accompaniment if any(isinstance(event, NoteOn) for event in accompaniment) else [i.event for i in played]
    if not any(isinstance(event, NoteOn) for event in heard):
        return ()
    return chord_changes(heard, tempo_map, Beats(0.0), end, key=key)


def _written_chords(file: FileEvents, notices: list[str]) -> tuple[ChordChange, ...]:
    """Chord symbols among the text events of the first type that mostly holds them."""
    for kind in _TEXT_TYPES:
        texts = [(event.tick, text_of(event.message.text)) for event in file.events if event.message.type == kind]
        texts = [(tick, text) for tick, text in texts if text]
        if not texts or _are_rehearsal_letters([text for _, text in texts]):
            continue
        changes: dict[int, ChordChange] = {}
        others: list[str] = []
        for tick, text in texts:
            try:
                changes[tick] = ChordChange(at=file.beat(tick), chord=parse_chord(text))
            except ChordError:
                others.append(text)
        if len(others) * 2 >= len(texts) or all(change.chord is None for change in changes.values()):
            continue
        if others:
            notices.append(f"{len(others)} {kind} events are no chords and were left out, such as {quoted(others[0])}.")
        return tuple(changes.values())
    return ()


def _are_rehearsal_letters(texts: list[str]) -> bool:
    """Whether texts are A, B, C and so on: parts of a song, not chords."""
    return texts == [chr(ord("A") + index) for index in range(len(texts))]
