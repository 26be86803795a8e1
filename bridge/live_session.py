"""What live MIDI makes of a session: time from clocks, chords, drums and melody from what is played. Pure.

``heard`` takes one message with the time at which it came in, ``ticked`` takes time passing. Both give the state
that follows, and what the session is told: the same events that OSC sends, in the order in which they count.

What is played becomes the chart bar by bar: at each beat the last whole bars, as many as ``Playing.bars``, are laid
out in phase, so that the next bars repeat them in their order. A part that was not played in the last bar is left as it
is. Notes have places while the song runs; while it stands still nothing is captured but which keys are down.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from bridge.notices import Notice
from bridge.session import SessionState
from midi import events as ev
from midi.bar_loops import EARLY, MAX_BARS, bars_apart, chart_place
from midi.charts import ChordChart
from midi.chord_recogniser import DEFAULT_HEARING, Hearing, Recogniser, advanced, chart_now, heeded, listening_from
from midi.chord_recogniser import moved as chords_moved
from midi.chords import ChordChange, ChordSpan
from midi.clock_events import Told, tell
from midi.clock_follower import FollowerState, estimate, hear
from midi.clock_messages import ClockMessage, clock_message
from midi.controls import Controls, control_event, controlled
from midi.drum_capture import DrumCapture, drum_loop, drummed, drums_moved, loop_chart
from midi.leader import Leadership, gone, midi_source, spoke
from midi.melody_capture import MelodyCapture, melody_chart, melody_moved, melody_notes, sung
from midi.performance import NoteOn, PlayedEvent, played_event
from midi.port_roles import BY_DEFAULT, Channels, parts_of
from midi.ports import Heard
from midi.time import Beats, Seconds, TempoMap

JUMP: Final = Beats(0.5)
"""The song has jumped when it is further than this from where it would be by itself."""
SONG_START: Final = Beats(0.0)
LONG_AGO: Final = Seconds(0.0)
RELEASE: Final = Beats(0.25)
"""A key that comes up so soon after a bar line belongs to the bar before."""
_NO_CONTROLS: Final = Controls(bindings={})
_SILENT: Final = DrumCapture()


@dataclass(frozen=True, slots=True, kw_only=True)
class Playing:
    """How what is played is heard: the channels of a port with all roles, how chords are, and the bars of the loop."""

    channels: Channels = BY_DEFAULT
    hearing: Hearing = DEFAULT_HEARING
    bars: int = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveState:
    """Everything that was heard. Bounded whatever comes: each part is, and there is one clock for each open port."""

    playing: Playing
    leadership: Leadership = field(default_factory=Leadership)
    clocks: Mapping[str, FollowerState] = field(default_factory=dict)
    told: Told = field(default_factory=Told)
    lost: frozenset[str] = frozenset()
    """Ports whose clock has fallen silent while the song runs, and was told to have."""
    recogniser: Recogniser | None = None
    spans: tuple[ChordSpan, ...] = ()
    """The chords of the last bars that are decided, and those before a jump."""
    drums: DrumCapture = _SILENT
    melody: MelodyCapture = field(default_factory=MelodyCapture)
    controls: Controls = _NO_CONTROLS
    position: Beats = SONG_START
    at: Seconds = LONG_AGO
    running: bool = False
    entered: Beats | None = None
    """Where the first note for chords came."""
    sounded: Beats = SONG_START
    """How far notes for chords have sounded; they sound on while keys are down."""
    charted: int = -1
    """The beat in which the charts were made last."""
    sent: Mapping[str, ev.SessionEvent] = field(default_factory=dict)
    """The charts that the session was given last, by part."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What follows for the session: events, actions of controls by name, and what a user is told."""

    events: tuple[ev.SessionEvent, ...] = ()
    actions: tuple[str, ...] = ()
    notices: tuple[Notice, ...] = ()


Step = tuple[LiveState, Outcome]


def heard(state: LiveState, message: Heard, session: SessionState) -> Step:
    """After a message; ``session`` is as it stands."""
    state, outcome = _controlled(state, message)
    parts = parts_of(message.message, message.roles, state.playing.channels)
    if "clock" in parts:
        clock = clock_message(message.message)
        if clock is not None:
            return _clocked(state, message, clock, session)
    event = played_event(message.message, session.position_at(message.at))
    if event is None:
        return state, outcome
    state = _followed(state, session, message.at)
    if not state.running:  # keys that are down when the song starts sound from its start on
        parts = tuple(part for part in parts if part == "chords")
    return _played(state, event, parts, session), outcome


def ticked(state: LiveState, session: SessionState, now: Seconds) -> Step:
    """After some time: clocks that fall silent, chords that are decided, and the charts of what was played."""
    state, outcome = _clocks_ticked(state, session, now)
    state = _followed(state, session, now)
    if state.recogniser is not None and state.running:
        recogniser, spans = advanced(state.recogniser, state.position, session.tempo_map, session.key)
        state = replace(state, recogniser=recogniser, spans=_bounded((*state.spans, *spans), session.tempo_map))
    beat = math.floor(state.position)
    if not state.running or beat == state.charted:
        return state, outcome
    state, events = _charts(replace(state, charted=beat), session)
    return state, replace(outcome, events=(*outcome.events, *events))


def port_gone(state: LiveState, port: str) -> LiveState:
    """After a port has vanished: its clock is forgotten, and leads no more."""
    clocks = {name: clock for name, clock in state.clocks.items() if name != port}
    leadership = gone(state.leadership, midi_source(port))
    return replace(state, clocks=clocks, leadership=leadership, lost=state.lost - {port})


# Clocks


def _clocked(state: LiveState, message: Heard, clock: ClockMessage, session: SessionState) -> Step:
    follower = hear(state.clocks.get(message.port, FollowerState()), clock, message.at)
    source = midi_source(message.port)
    before = state.leadership
    leadership = spoke(before, source, message.at)
    notices = tuple(led(before, leadership))
    clocks = {**state.clocks, message.port: follower}
    if not leadership.leads(source):
        return replace(state, clocks=clocks, leadership=leadership), Outcome(notices=notices)
    told = state.told if before.leader == source else Told()
    told, events = tell(told, estimate(follower, message.at, session.tempo_map), message.at)
    outcome = Outcome(events=events, notices=notices)
    return replace(state, clocks=clocks, leadership=leadership, told=told), outcome


def led(before: Leadership, after: Leadership) -> Iterator[Notice]:
    """What is told of a change of the leader, and of a second source."""
    if after.leader != before.leader and after.leader is not None:
        yield Notice(code="time_source", message=f"Tempo and position come from {after.leader} now.")
    for other in after.others:
        if other not in before.others:
            text = f"{other} tells the time too; {after.leader} leads, and {other} is not followed."
            yield Notice(code="time_source", message=text)


def _clocks_ticked(state: LiveState, session: SessionState, now: Seconds) -> Step:
    """The leading clock coasts on, or has fallen silent; either is told."""
    notices: list[Notice] = []
    events: tuple[ev.SessionEvent, ...] = ()
    lost = set(state.lost)
    for port, follower in state.clocks.items():
        found = estimate(follower, now, session.tempo_map)
        if found.lost and port not in lost:
            text = f"The clock of {port} has fallen silent; the song runs on at {found.tempo:.1f} for a while."
            notices.append(Notice(code="clock_lost", message=text))
            lost.add(port)
        elif not found.lost and port in lost:
            notices.append(Notice(code="clock_lost", message=f"The clock of {port} is there again."))
            lost.discard(port)
        if state.leadership.leads(midi_source(port)) and (found.confidence > 0 or found.lost or not found.playing):
            told, events = tell(state.told, found, now)
            state = replace(state, told=told)
    return replace(state, lost=frozenset(lost)), Outcome(events=events, notices=tuple(notices))


# What is played


def _controlled(state: LiveState, message: Heard) -> Step:
    event = control_event(message.message, message.at)
    if event is None or not state.controls.bindings:
        return state, Outcome()
    controls, actions = controlled(state.controls, event)
    return replace(state, controls=controls), Outcome(actions=actions)


def _played(state: LiveState, event: PlayedEvent, parts: tuple[str, ...], session: SessionState) -> LiveState:
    """After a note or pedal: it counts for the parts that its port and channel have."""
    tempo_map = session.tempo_map
    if "chords" in parts:
        recogniser = state.recogniser or listening_from(_bar_line(tempo_map, event.at), state.playing.hearing)
        recogniser, spans = heeded(recogniser, event, tempo_map, session.key)
        state = replace(
            state,
            recogniser=recogniser,
            spans=_bounded((*state.spans, *spans), tempo_map) if spans else state.spans,
            entered=event.at if state.entered is None else state.entered,
            sounded=event.at if isinstance(event, NoteOn) else Beats(event.at - RELEASE),
        )
    if "drums" in parts:
        state = replace(state, drums=drummed(state.drums, event, tempo_map))
    if "melody" in parts:
        state = replace(state, melody=sung(state.melody, event, tempo_map))
    return state


def _followed(state: LiveState, session: SessionState, now: Seconds) -> LiveState:
    """The state at the song's present position; where the song has started or jumped, capturing goes on from there."""
    at = session.position_at(now)
    running = session.transport.playing
    if running and not state.running:
        held = state.recogniser is not None and bool(state.recogniser.sounding.voices)
        started = _from(state, state.position, at, session)
        entered = _on_its_line(session.tempo_map, at) if held else None
        return replace(started, entered=entered, position=at, at=now, running=True)
    if running and state.running:
        expected = session.tempo_map.beats_at(
            Seconds(session.tempo_map.seconds_at(state.position) + max(0.0, now - state.at))
        )
        if abs(at - expected) > JUMP:
            state = _from(state, Beats(expected), at, session)
    return replace(state, position=at, at=now, running=running)


def _from(state: LiveState, left: Beats, reached: Beats, session: SessionState) -> LiveState:
    """Capturing leaves one place and goes on at another. What was played lies in the bars before the new place."""
    tempo_map = session.tempo_map
    left, reached = _on_its_line(tempo_map, left), _on_its_line(tempo_map, reached)
    recogniser, spans, entered = state.recogniser, state.spans, state.entered
    if recogniser is not None and entered is not None:
        recogniser, more = advanced(recogniser, left, tempo_map, session.key)
        recogniser, last = chords_moved(recogniser, reached, tempo_map, session.key)
        shift = bars_apart(tempo_map, left, reached)
        state = replace(state, sounded=Beats(state.sounded + shift))
        entered = Beats(entered + shift)
        spans = tuple(
            replace(span, start=Beats(span.start + shift), end=Beats(span.end + shift))
            for span in (*spans, *more, *last)
        )
    return replace(
        state,
        recogniser=recogniser,
        spans=_bounded(spans, tempo_map),
        drums=drums_moved(state.drums, left, reached, tempo_map),
        melody=melody_moved(state.melody, left, reached, tempo_map),
        entered=entered,
    )


def _bar_line(tempo_map: TempoMap, at: Beats) -> Beats:
    return tempo_map.bar_start(tempo_map.bar_at(at).bar)


def _on_its_line(tempo_map: TempoMap, at: Beats) -> Beats:
    """A place just after a bar line as the line: time passes before a start or a jump is seen."""
    place = tempo_map.bar_at(at)
    return tempo_map.bar_start(place.bar) if place.offset <= EARLY else at


def _bounded(spans: tuple[ChordSpan, ...], tempo_map: TempoMap) -> tuple[ChordSpan, ...]:
    """The spans of the last ``MAX_BARS`` bars."""
    if not spans:
        return spans
    oldest = tempo_map.bar_start(tempo_map.bar_at(spans[-1].end).bar - MAX_BARS)
    return tuple(span for span in spans if span.end > oldest)


# Charts


def _charts(state: LiveState, session: SessionState) -> tuple[LiveState, tuple[ev.SessionEvent, ...]]:
    """The charts of the last whole bars that are not those that the session was given last."""
    tempo_map = session.tempo_map
    end = _bar_line(tempo_map, state.position)
    chords = _chord_chart(state, session, end)
    loop = drum_loop(state.drums, state.position, tempo_map)
    notes = melody_notes(state.melody, tempo_map.bar_start(_bar(tempo_map, end) - state.playing.bars), end)
    notes = tuple(note for note in notes if note.at < end)
    last_bar = tempo_map.bar_start(_bar(tempo_map, end) - 1)
    found: dict[str, ev.SessionEvent] = {}
    if chords is not None:
        found["chords"] = ev.SetChordChart(chart=chords)
    if loop is not None:
        found["drums"] = ev.SetDrumChart(chart=loop_chart(loop, tempo_map))
    if any(note.at + note.length > last_bar for note in notes):
        found["melody"] = ev.SetMelodyChart(chart=melody_chart(notes, state.playing.bars, tempo_map))
    events = tuple(event for part, event in found.items() if event != state.sent.get(part))
    return replace(state, sent={**state.sent, **found}), events


def _bar(tempo_map: TempoMap, at: Beats) -> int:
    return tempo_map.bar_at(at).bar


def _chord_chart(state: LiveState, session: SessionState, end: Beats) -> ChordChart | None:
    """The chords of the last whole bars before ``end``, in phase; None where none was played in the last of them."""
    if state.recogniser is None or state.entered is None:
        return None
    tempo_map = session.tempo_map
    spans = (*state.spans, *chart_now(state.recogniser, tempo_map, session.key))
    entered = tempo_map.bar_at(state.entered)
    first_whole = entered.bar + (entered.offset > EARLY)  # a bar that was entered later is no whole one
    bars = min(state.playing.bars, _bar(tempo_map, end) - first_whole)
    if bars < 1:
        return None
    start = tempo_map.bar_start(_bar(tempo_map, end) - bars)
    inside = [replace(span, start=max(span.start, start)) for span in spans if span.end > start and span.start < end]
    last_bar = tempo_map.bar_start(_bar(tempo_map, end) - 1)
    if state.sounded < last_bar and not state.recogniser.sounding.voices:
        return None
    changes = sorted(
        (ChordChange(at=chart_place(tempo_map, span.start, bars), chord=span.chord) for span in inside),
        key=lambda change: change.at,
    )
    return ChordChart(changes=tuple(_distinct(changes)), bars=bars)


def _distinct(changes: list[ChordChange]) -> Iterator[ChordChange]:
    """One change a place: the last of those at one beat."""
    for index, change in enumerate(changes):
        if index + 1 == len(changes) or changes[index + 1].at > change.at:
            yield change
