"""Tempo, bar and start/stop shared with Ableton Link, both ways. Pure.

Link tells no song position: each program counts beats of its own, and all agree on the tempo, on where in a bar they
are (the phase, in beats of a quantum), and on whether they play. So where somebody is there, whatever changes, in Link
or in the session, is carried over to the other. A song that is started waits for the next beat at which Link stands at
the song's own place in the bar; from then on it runs in phase, and is put right where it drifts, is located, or joins
others.

Where a clock or OSC is to lead, or nobody else is there, Link gets the session's tempo and transport.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from bridge.session import SessionState
from midi.clock_events import DRIFT_S, round_tempo
from midi.events import Locate, Play, SessionEvent, SetTempo, Stop
from midi.time import MAX_BPM, MIN_BPM, Beats, Bpm, Seconds

SAME_BPM: Final = Bpm(0.01)
"""Tempos nearer than this are one: Link counts whole microseconds to a beat."""
TEMPO_ERROR: Final = Bpm(0.0005)
ON_THE_BEAT: Final = Beats(0.01)
"""A start so little after the beat that it waits for is at it."""
JUMP: Final = Beats(0.1)
"""Song and Link are further apart than this where one of them has jumped, and not where they drift."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkReading:
    """What Link says now. ``peers`` counts the others that are there; ``quantum`` is the beats that all align to."""

    tempo: Bpm
    beat: Beats
    started: Beats
    """The beat of the last start or stop; it may lie ahead."""
    playing: bool
    peers: int
    quantum: Beats


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkOrder:
    """What Link is given; None for no change."""

    tempo: Bpm | None = None
    playing: bool | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing is to be told."""
        return self.tempo is None and self.playing is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """The song goes on from a position when Link comes to a beat."""

    beat: Beats
    position: Beats


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What session and Link have agreed on. The default has agreed on nothing yet."""

    tempo: Bpm | None = None
    playing: bool | None = None
    offset: Beats | None = None
    """The song's position less Link's beat, while the song runs in phase."""
    entry: Entry | None = None
    """A start that waits for its beat."""


Step = tuple[Shared, tuple[SessionEvent, ...], LinkOrder]


def share(state: Shared, reading: LinkReading, session: SessionState, now: Seconds, *, two_way: bool) -> Step:
    """The events that bring the session to Link, and the order that brings Link to the session.

    ``two_way`` is false where another source leads. Call it again and again; ``session`` is as it stands at ``now``.
    """
    position = session.position_at(now)
    if not (two_way and reading.peers):
        return _given(state, reading, session, position)
    state, tempo_events, tempo = _tempo(state, reading, session.tempo_map.bpm_at(position))
    state, events, playing = _transport(state, reading, session, position)
    if not events:
        state, events = _entered(state, reading, session, position)
    if not events:
        state, events = _in_phase(state, reading, session, position)
    return state, (*tempo_events, *events), LinkOrder(tempo=tempo, playing=playing)


def stopped(state: Shared) -> Shared:
    """After a stop was asked for: a start that waits is given up."""
    return replace(state, entry=None)


def _given(state: Shared, reading: LinkReading, session: SessionState, position: Beats) -> Step:
    """Link gets what the session has. A start that waited waits no more."""
    tempo = session.tempo_map.bpm_at(position)
    playing = session.transport.playing or state.entry is not None
    events = (Play(at=state.entry.position),) if state.entry else ()
    order = LinkOrder(
        tempo=None if abs(tempo - reading.tempo) < SAME_BPM else tempo,
        playing=None if playing == reading.playing else playing,
    )
    return Shared(), events, order


def _tempo(state: Shared, reading: LinkReading, here: Bpm) -> tuple[Shared, tuple[SessionEvent, ...], Bpm | None]:
    """The tempo of the side that has changed since both agreed; Link's where both have, and at first."""
    agreed = state.tempo
    if agreed is None or abs(reading.tempo - agreed) >= SAME_BPM:
        state = replace(state, tempo=reading.tempo)
        if abs(reading.tempo - here) < SAME_BPM:
            return state, (), None
        heard = Bpm(min(MAX_BPM, max(MIN_BPM, reading.tempo)))
        return state, (SetTempo(bpm=round_tempo(heard, TEMPO_ERROR)),), None
    if abs(here - agreed) >= SAME_BPM:
        return replace(state, tempo=here), (), here
    return state, (), None


def _transport(
    state: Shared, reading: LinkReading, session: SessionState, position: Beats
) -> tuple[Shared, tuple[SessionEvent, ...], bool | None]:
    """Start and stop of the side that has changed since both agreed; Link's where both have, and at first."""
    runs = session.transport.playing or state.entry is not None
    if reading.playing != state.playing:
        joined = state.playing is None
        state = replace(state, playing=reading.playing)
        if reading.playing == runs:
            return state, (), None
        if reading.playing:
            started = reading.beat if joined else reading.started
            return replace(state, entry=_entry(session, position, started, reading), offset=None), (), None
        return replace(state, entry=None, offset=None), (Stop(),), None
    if runs == state.playing:
        return state, (), None
    if runs:
        entry = _entry(session, position, reading.beat, reading)
        return replace(state, playing=True, entry=entry, offset=None), (Stop(), Locate(at=position)), True
    return replace(state, playing=False, entry=None, offset=None), (), False


def _entry(session: SessionState, position: Beats, earliest: Beats, reading: LinkReading) -> Entry:
    """The first beat of Link from ``earliest`` on that stands where the song does in its bar."""
    waits = (session.tempo_map.bar_at(position).offset - earliest) % reading.quantum
    if waits > reading.quantum - ON_THE_BEAT:
        waits -= reading.quantum
    return Entry(beat=Beats(earliest + waits), position=position)


def _entered(
    state: Shared, reading: LinkReading, session: SessionState, position: Beats
) -> tuple[Shared, tuple[SessionEvent, ...]]:
    """A start that waits: its beat has come, or the song or Link have been moved meanwhile."""
    entry = state.entry
    if entry is None:
        return state, ()
    if session.transport.playing:  # it was started once more
        entry = _entry(session, position, reading.beat, reading)
        return replace(state, entry=entry), (Stop(), Locate(at=position))
    if position != entry.position or entry.beat - max(reading.beat, reading.started) > reading.quantum:
        entry = _entry(session, position, max(reading.beat, reading.started), reading)
        state = replace(state, entry=entry)
    if reading.beat < entry.beat:
        return state, ()
    offset = Beats(entry.position - entry.beat)
    return replace(state, entry=None, offset=offset), (Play(at=Beats(reading.beat + offset)),)


def _in_phase(
    state: Shared, reading: LinkReading, session: SessionState, position: Beats
) -> tuple[Shared, tuple[SessionEvent, ...]]:
    """A song that runs is put right where it drifts, and laid in phase anew where it or Link has jumped."""
    if not session.transport.playing:
        return state, ()
    offset = state.offset
    if offset is None or abs(reading.beat + offset - position) > JUMP:
        line = session.tempo_map.bar_start(session.tempo_map.bar_at(position).bar)
        quanta = round((position - reading.beat - line) / reading.quantum)
        offset = Beats(line + quanta * reading.quantum)
        if reading.beat + offset < 0.0:
            offset = Beats(offset + reading.quantum)
    expected = Beats(reading.beat + offset)
    off_s = abs(expected - position) * 60.0 / reading.tempo
    return replace(state, offset=offset), (Locate(at=expected),) if off_s > DRIFT_S else ()
