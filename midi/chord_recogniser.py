"""Chords heard in a stream of notes, while it is played.

A recogniser is a frozen state that takes events in order and hands out spans of chords on the grid as soon as they are
safe. What has not been decided yet can be seen at any moment: the chord as it stands now, and the chart so far. MIDI
files are read through it too (``midi.chord_detect``), so a performance gives the same chart live and from its file.

The sound between events is weighed by ``midi.sounding``, each slot of the grid is compared with every chord by
``midi.chord_states``, and ``midi.chord_path`` finds the most likely sequence: a change has a price that is higher
inside the beat than on a beat or bar line, so that passing notes do not flicker. The state is bounded whatever comes:
notes by ``midi.sounding``, undecided slots by ``midi.chord_path``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from midi.chord_path import ChordPath, Decided, best_states, extended
from midi.chord_slots import ChordGrid, Slot, slot_at
from midi.chord_states import choice_costs, chord_states, likelihood
from midi.chords import Chord, ChordChange, ChordSpan
from midi.keys import Key
from midi.performance import NoteOff, NoteOn, PlayedEvent
from midi.sounding import MAX_HELD, SILENCE, Heard, Sounding, added, after_event, after_slot
from midi.time import Beats, TempoMap

LONGEST_STEP: Final = Beats(2 * MAX_HELD)
"""Silence beyond this is passed over at once: by then every note has been let go."""

_NO_PATH: Final = ChordPath()
_NOTHING: Final = Sounding()
_SONG_START: Final = Beats(0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hearing:
    """How chords are heard.

    ``split`` is the lowest pitch of the right hand, which then plays no chords; None where both hands do.
    """

    grid: ChordGrid = "half beat"
    split: int | None = None


DEFAULT_HEARING: Final = Hearing()


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Recogniser:
    """All that was heard and is not decided, at a position; begin one with ``listening_from``."""

    hearing: Hearing
    at: Beats
    slot: Slot | None = None
    sounding: Sounding = _NOTHING
    heard: Heard = SILENCE
    path: ChordPath = _NO_PATH
    open: ChordSpan | None = None
    """The decided chord that no other decided chord has ended yet."""


Heeded = tuple[Recogniser, tuple[ChordSpan, ...]]


def listening_from(at: Beats = _SONG_START, hearing: Hearing = DEFAULT_HEARING) -> Recogniser:
    """A recogniser that has heard nothing and begins at a position."""
    return Recogniser(hearing=hearing, at=at)


def heeded(recogniser: Recogniser, event: PlayedEvent, tempo_map: TempoMap, key: Key | None = None) -> Heeded:
    """The recogniser after an event, and the spans that it finished.

    An event from before the recogniser's position counts as if it came there: positions run on. After a jump of the
    transport begin again with ``moved``.
    """
    recogniser, spans = advanced(recogniser, event.at, tempo_map, key)
    split = recogniser.hearing.split
    if split is not None and isinstance(event, NoteOn | NoteOff) and event.pitch >= split:
        return recogniser, spans
    event = event if event.at >= recogniser.at else replace(event, at=recogniser.at)
    recogniser = _summed(recogniser, event.at)
    return replace(recogniser, sounding=after_event(recogniser.sounding, event)), spans


def advanced(recogniser: Recogniser, at: Beats, tempo_map: TempoMap, key: Key | None = None) -> Heeded:
    """The recogniser when the song has come to a position, and the spans that time finished."""
    spans: list[ChordSpan] = []
    if recogniser.slot is None:
        recogniser = replace(recogniser, slot=_slot_from(recogniser, recogniser.at, tempo_map))
    passed_over = recogniser.at + LONGEST_STEP
    while recogniser.slot is not None and at >= recogniser.slot.end:
        slot = recogniser.slot
        if slot.end > passed_over:
            slot = replace(slot, end=slot_at(tempo_map, at, recogniser.hearing.grid).start)
        recogniser = _summed(recogniser, slot.end)
        costs = choice_costs(key)
        path, decided = extended(recogniser.path, slot, likelihood(recogniser.heard, slot.end - slot.start), costs)
        recogniser = replace(recogniser, path=path, sounding=after_slot(recogniser.sounding, slot.end), heard=SILENCE)
        recogniser, finished = _with_decided(recogniser, decided)
        recogniser = replace(recogniser, slot=_slot_from(recogniser, slot.end, tempo_map))
        spans += finished
    return recogniser, tuple(spans)


def moved(recogniser: Recogniser, at: Beats, tempo_map: TempoMap, key: Key | None = None) -> Heeded:
    """A recogniser that goes on from another position, and the spans up to where it was: for jumps of the transport.

    Keys and pedals that are down stay down.
    """
    spans = finished(recogniser, recogniser.at, tempo_map, key)
    voices = {place: replace(voice, since=at) for place, voice in recogniser.sounding.voices.items()}
    sounding = replace(recogniser.sounding, voices=voices, ended=())
    return replace(listening_from(at, recogniser.hearing), sounding=sounding), spans


def chart_now(recogniser: Recogniser, tempo_map: TempoMap, key: Key | None = None) -> tuple[ChordSpan, ...]:
    """The chart as it stands: the chord that is open and what comes after it, up to the end of the present slot.

    The present slot counts as if what sounds now goes on to its end.
    """
    recogniser, spans = advanced(recogniser, recogniser.at, tempo_map, key)
    slot = recogniser.slot
    if slot is not None:
        sound = _summed(recogniser, slot.end).heard
        path, decided = extended(recogniser.path, slot, likelihood(sound, slot.end - slot.start), choice_costs(key))
        recogniser, more = _with_decided(replace(recogniser, path=path), decided)
        spans += more
    return spans + _rest(recogniser)


def chord_now(recogniser: Recogniser, tempo_map: TempoMap, key: Key | None = None) -> Chord | None:
    """The chord as it stands now; None for no chord."""
    return chart_now(recogniser, tempo_map, key)[-1].chord


def finished(recogniser: Recogniser, at: Beats, tempo_map: TempoMap, key: Key | None = None) -> tuple[ChordSpan, ...]:
    """The last spans of a performance that ends at a position, the open one among them."""
    recogniser, spans = advanced(recogniser, at, tempo_map, key)
    slot = recogniser.slot
    if slot is not None and at > slot.start:
        recogniser = _summed(recogniser, at)
        cut = replace(slot, end=at)
        path, decided = extended(recogniser.path, cut, likelihood(recogniser.heard, at - cut.start), choice_costs(key))
        recogniser, more = _with_decided(replace(recogniser, path=path), decided)
        spans += more
    return spans + _rest(recogniser)


def chord_changes(
    events: Iterable[PlayedEvent],
    tempo_map: TempoMap,
    start: Beats,
    end: Beats,
    *,
    key: Key | None = None,
    hearing: Hearing = DEFAULT_HEARING,
) -> tuple[ChordChange, ...]:
    """The chords of a whole performance between ``start`` and ``end``; its events are in order of their positions."""
    recogniser = listening_from(start, hearing)
    spans: list[ChordSpan] = []
    for event in events:
        if event.at >= end:
            break
        recogniser, more = heeded(recogniser, event, tempo_map, key)
        spans += more
    spans += finished(recogniser, end, tempo_map, key)
    return tuple(ChordChange(at=span.start, chord=span.chord) for span in spans)


def _slot_from(recogniser: Recogniser, at: Beats, tempo_map: TempoMap) -> Slot:
    """The slot that begins at a position, which may lie inside a slot of the grid."""
    return replace(slot_at(tempo_map, at, recogniser.hearing.grid), start=at)


def _summed(recogniser: Recogniser, at: Beats) -> Recogniser:
    """The recogniser at a position within its slot, what sounded on the way summed up."""
    heard = added(recogniser.heard, recogniser.sounding, recogniser.at, at)
    return replace(recogniser, at=max(recogniser.at, at), heard=heard)


def _with_decided(recogniser: Recogniser, decided: Iterable[Decided]) -> Heeded:
    """The recogniser with decided slots joined to the open span, and the spans that they ended."""
    spans: list[ChordSpan] = []
    span = recogniser.open
    for item in decided:
        chord = chord_states().chords[item.state]
        if span is not None and span.chord == chord:
            span = replace(span, end=item.slot.end)
            continue
        if span is not None:
            spans.append(span)
        span = ChordSpan(start=item.slot.start, end=item.slot.end, chord=chord)
    return replace(recogniser, open=span), tuple(spans)


def _rest(recogniser: Recogniser) -> tuple[ChordSpan, ...]:
    """The open span and all that is undecided, as it stands."""
    recogniser, spans = _with_decided(recogniser, best_states(recogniser.path))
    return spans if recogniser.open is None else (*spans, recogniser.open)
