"""The notes, drum hits and melody line of a MIDI file."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from midi.drums import DrumHit, voice_of_note
from midi.errors import VoiceError
from midi.file_events import FileEvents, TrackEvent
from midi.melody import Note
from midi.performance import PEDAL_DOWN, SILENCING, SUSTAIN_PEDAL, PlayedEvent, played_event
from midi.time import Beats

DRUM_CHANNEL: Final = 9
"""Channel 10 of General MIDI, counted from 0."""

_ROUNDING: Final = 1e-6
"""Beats by which the sum of a start and a length may miss the end; a tick is thirty times as long or more."""

_Voice = tuple[int, int, int]
"""Track, channel and pitch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackNote:
    """A note and the track (from 0) that it stands in."""

    track: int
    note: Note


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackPlayed:
    """An event as it was played, and the track (from 0) that it stands in."""

    track: int
    event: PlayedEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class _Struck:
    tick: int
    velocity: int


class _NoteReader:
    """Pairs strikes and releases; the sustain pedal holds what is released while it is down."""

    def __init__(self, file: FileEvents) -> None:
        self._file = file
        self._held: dict[_Voice, deque[_Struck]] = defaultdict(deque)
        self._sustained: dict[_Voice, deque[_Struck]] = defaultdict(deque)
        self._pedals: set[int] = set()
        self.notes: list[TrackNote] = []

    def take(self, event: TrackEvent) -> None:
        message = event.message
        if message.type == "note_on" and message.velocity > 0:
            self._strike((event.track, message.channel, message.note), event.tick, message.velocity)
        elif message.type in {"note_on", "note_off"}:
            self._release((event.track, message.channel, message.note), event.tick)
        elif message.type == "control_change" and message.control == SUSTAIN_PEDAL:
            self._pedal(message.channel, message.value >= PEDAL_DOWN, event.tick)
        elif message.type == "control_change" and message.control in SILENCING:
            self._end(self._held, message.channel, event.tick)
            self._end(self._sustained, message.channel, event.tick)

    def close(self, tick: int) -> int:
        """End everything that still sounds; says how many notes were never released."""
        hanging = sum(len(struck) for struck in self._held.values())
        for voices in (self._held, self._sustained):
            self._end(voices, None, tick)
        return hanging

    def _strike(self, voice: _Voice, tick: int, velocity: int) -> None:
        for struck in self._sustained.pop(voice, ()):
            self._sound(voice, struck, tick)
        self._held[voice].append(_Struck(tick=tick, velocity=velocity))

    def _release(self, voice: _Voice, tick: int) -> None:
        if not self._held[voice]:
            return
        struck = self._held[voice].popleft()
        if voice[1] in self._pedals:
            self._sustained[voice].append(struck)
        else:
            self._sound(voice, struck, tick)

    def _pedal(self, channel: int, down: bool, tick: int) -> None:
        if down:
            self._pedals.add(channel)
        else:
            self._pedals.discard(channel)
            self._end(self._sustained, channel, tick)

    def _end(self, voices: dict[_Voice, deque[_Struck]], channel: int | None, tick: int) -> None:
        for voice in [voice for voice in voices if channel is None or voice[1] == channel]:
            for struck in voices.pop(voice):
                self._sound(voice, struck, tick)

    def _sound(self, voice: _Voice, struck: _Struck, tick: int) -> None:
        if tick > struck.tick:
            at, end = self._file.beat(struck.tick), self._file.beat(tick)
            note = Note(at=at, length=Beats(end - at), pitch=voice[2], velocity=struck.velocity)
            self.notes.append(TrackNote(track=voice[0], note=note))


def read_notes(file: FileEvents, notices: list[str]) -> tuple[TrackNote, ...]:
    """Every note outside the drum channel, sorted by start and pitch."""
    reader = _NoteReader(file)
    for event in file.events:
        if not event.message.is_meta and getattr(event.message, "channel", DRUM_CHANNEL) != DRUM_CHANNEL:
            reader.take(event)
    hanging = reader.close(file.end_tick)
    if hanging:
        notices.append(f"{hanging} notes are never released; they last until the end of the file.")
    return tuple(sorted(reader.notes, key=lambda item: (item.note.at, item.note.pitch)))


def read_performance(file: FileEvents) -> tuple[TrackPlayed, ...]:
    """Notes, pedals and silences outside the drum channel, in order."""
    played: list[TrackPlayed] = []
    for item in file.events:
        if item.message.is_meta or getattr(item.message, "channel", DRUM_CHANNEL) == DRUM_CHANNEL:
            continue
        event = played_event(item.message, file.beat(item.tick), item.track)
        if event is not None:
            played.append(TrackPlayed(track=item.track, event=event))
    return tuple(played)


def read_drums(file: FileEvents, notices: list[str]) -> tuple[DrumHit, ...]:
    """Channel 10 as drum hits, sorted by place and voice."""
    hits: list[DrumHit] = []
    unknown: dict[int, int] = defaultdict(int)
    for event in file.events:
        message = event.message
        if message.type != "note_on" or message.channel != DRUM_CHANNEL or message.velocity == 0:
            continue
        try:
            voice = voice_of_note(message.note)
        except VoiceError:
            unknown[message.note] += 1
        else:
            hits.append(DrumHit(at=file.beat(event.tick), voice=voice.name, velocity=message.velocity))
    if unknown:
        numbers = ", ".join(str(number) for number in sorted(unknown))
        notices.append(f"{sum(unknown.values())} drum hits were left out: notes {numbers} have no drum voice.")
    return tuple(sorted(hits, key=lambda hit: (hit.at, hit.voice)))


def top_line(notes: Iterable[Note]) -> tuple[Note, ...]:
    """The highest line: one note at a time, each ending where a later one of the line begins.

    A note that begins under a higher one that still sounds is left out.
    """
    line: list[Note] = []
    for note in sorted(notes, key=lambda note: (note.at, -note.pitch)):
        if line and note.at < line[-1].at + line[-1].length - _ROUNDING:
            if note.at == line[-1].at or note.pitch < line[-1].pitch:
                continue
            line[-1] = replace(line[-1], length=Beats(note.at - line[-1].at))
        line.append(note)
    return tuple(line)


_MELODY_WORDS: Final = ("melody", "lead", "vocal", "vox")


def melody_track(names: Sequence[str]) -> int | None:
    """The first track (from 0) whose name says that it is the melody; None where none does."""
    return next((i for i, name in enumerate(names) if any(word in name.lower() for word in _MELODY_WORDS)), None)
