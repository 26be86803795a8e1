"""MIDI clock, song position and timecode followed: where the song is, how fast it runs, and how sure that is.

``hear`` takes one message and the monotonic time it came in; ``estimate`` tells position and tempo at any later time.
Both are pure, and a state takes the same room however long it is fed.

* **Tempo** comes from the ticks alone (``tick_clock``), whether the song runs or not.
* **Position** counts from Start, or from the song position pointer: the tick after Start, Continue or a pointer sent
  while the song runs is the one at that place. Ticks without Start tell a tempo and move nothing.
* **Timecode** moves the song where no Start, Continue or pointer came after it. Its seconds become beats by the
  session's tempo map, or at the clock's tempo.
* **Dropout**: the position coasts on at the last tempo. The clock counts as ``lost`` when the song runs and no tick
  came for a second and for four ticks; the song stands still after ``COAST_S``. A clock that returns before that is
  taken up at the nearest tick. ``sure`` is then false until the next Start or pointer: a tick may be missing.

The position never runs backwards while the song runs, except where a message says so: where the clock turns out to be
behind what was told, the position stands still until it is caught up with.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import singledispatch
from typing import Final

from midi.clock_line import NEVER, TICKS_PER_BEAT
from midi.clock_messages import ClockMessage, Continue, FullFrame, QuarterFrame, SongPosition, Start, Stop, Tick
from midi.mtc import MEMORY, Mtc, hear_full_frame, hear_quarter_frame
from midi.tick_clock import TickClock, hear_tick
from midi.time import MAX_BPM, MIN_BPM, STEPS_PER_BEAT, Beats, Bpm, Seconds, TempoMap

COAST_S: Final = Seconds(8.0)
"""So long after the last tick the song is taken to stand still."""
UNKNOWN_TEMPO: Final = Bpm(120.0)
"""What stands in an estimate without confidence."""
HALF_SURE_PERIOD: Final = 0.005
HALF_SURE_PHASE: Final = Seconds(0.005)
"""Standard errors, of the tempo relative to it and of the position in time, that halve the confidence."""
HALF_SURE_JITTER: Final = 0.3
"""Jitter in ticks that halves the confidence: two clocks at once look like one with as much."""
FRESH_TICKS: Final = 2.0
"""Ticks that may be late before the confidence falls; it is 0 when the clock is lost."""
IN_DOUBT: Final = 0.5
"""Factor of the confidence while a tick out of place is not explained."""
SONG_START: Final = Beats(0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockEstimate:
    """What the clock is taken to say at one time.

    Where ``confidence`` is 0, ``tempo`` is 120 or the last one heard, and ``tempo_error`` may be as large as the tempo.
    """

    tempo: Bpm
    tempo_error: Bpm
    """Standard error of the tempo."""
    position: Beats
    playing: bool
    confidence: float
    """From 0 to 1: how precise tempo and phase are, how fresh, and how regular the ticks come."""
    lost: bool
    """The song runs, and its clock has fallen silent."""
    sure: bool
    """Whether the position was counted from a Start, a pointer or a timecode without a gap."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowerState:
    """All that the messages so far have told. The default has heard none."""

    clock: TickClock = field(default_factory=TickClock)
    mtc: Mtc = field(default_factory=Mtc)
    running: bool = False
    """Start or Continue was heard, and no Stop since."""
    resume: Beats | None = None
    """The place of the next tick, where a message has told it."""
    origin: float = 0.0
    """The tick count at the start of the song."""
    held: Beats = SONG_START
    """The position while the song stands; while it runs, the furthest that was told."""
    since: Seconds = NEVER
    """When Start or Continue was heard."""
    by_timecode: bool = False
    """Whether a timecode was the last to say where the song is."""
    sure: bool = False
    now: Seconds = NEVER
    """When the latest message came."""


def hear(state: FollowerState, message: ClockMessage, at: Seconds) -> FollowerState:
    """The state after a message that came in at the monotonic time ``at``.

    A time before that of the message before is taken for the same time.
    """
    at = Seconds(max(at, state.now))
    if isinstance(message, Tick):
        return _ticked(state, at)
    return _heard(message, replace(state, now=at), at)


def estimate(state: FollowerState, at: Seconds, tempo_map: TempoMap | None = None) -> ClockEstimate:
    """What the clock is taken to say at ``at``; ``tempo_map`` turns timecode into beats."""
    at = Seconds(max(at, state.now))
    clock = state.clock
    tempo, error = _tempo(clock)
    follows_timecode = _follows_timecode(state)
    if follows_timecode:
        playing, position, sure = state.mtc.runs_at(at), _timecode_beats(state.mtc, at, tempo, tempo_map), True
    else:
        playing, position, sure = state.running and not _given_up(state, at), _position(state, at), state.sure
    lost = state.running and _silence(state, at) > clock.silence_limit
    confidence = _confidence(clock, at)
    if follows_timecode and clock.bank is None:
        confidence = state.mtc.heard / MEMORY if playing else 0.0
    return ClockEstimate(
        tempo=tempo,
        tempo_error=error,
        position=position,
        playing=playing,
        confidence=confidence,
        lost=lost,
        sure=sure and not lost,
    )


def _tempo(clock: TickClock) -> tuple[Bpm, Bpm]:
    """The tempo, within what tempos can be, and its standard error."""
    if clock.bank is None or not clock.knows_period:
        return UNKNOWN_TEMPO, UNKNOWN_TEMPO
    tempo = 60.0 / (clock.period * TICKS_PER_BEAT)
    error = min(1.0, clock.bank.period_error / clock.period) * tempo
    return Bpm(min(MAX_BPM, max(MIN_BPM, tempo))), Bpm(error)


def _confidence(clock: TickClock, at: Seconds) -> float:
    if clock.bank is None or not clock.knows_period:
        return 0.0
    period_off = clock.bank.period_error / clock.period / HALF_SURE_PERIOD
    phase_off = clock.bank.phase_error / HALF_SURE_PHASE
    unsteady = clock.bank.jitter / clock.period / HALF_SURE_JITTER
    fresh_until = FRESH_TICKS * clock.period
    stale = (at - clock.last - fresh_until) / (clock.silence_limit - fresh_until)
    fresh = min(1.0, max(0.0, 1.0 - stale))
    doubt = IN_DOUBT if clock.doubt else 1.0
    precise = 1.0 / ((1.0 + period_off**2) * (1.0 + phase_off**2) * (1.0 + unsteady**4))
    return fresh * doubt * clock.regular * precise


def _silence(state: FollowerState, at: Seconds) -> float:
    """Seconds since a running song had a sign of its clock."""
    return at - max(state.clock.last, state.since)


def _given_up(state: FollowerState, at: Seconds) -> bool:
    return state.resume is None and _silence(state, at) > max(COAST_S, 2 * state.clock.silence_limit)


def _position(state: FollowerState, at: Seconds) -> Beats:
    """The position by the ticks."""
    if not state.running:
        return state.held
    if state.resume is not None:
        return max(state.held, state.resume)
    until = min(at, state.clock.last + max(COAST_S, 2 * state.clock.silence_limit))
    counted = (state.clock.count_at(Seconds(until)) - state.origin) / TICKS_PER_BEAT
    return Beats(max(state.held, counted))


def _follows_timecode(state: FollowerState) -> bool:
    return state.by_timecode and state.mtc.known and not state.running


def _timecode_beats(mtc: Mtc, at: Seconds, tempo: Bpm, tempo_map: TempoMap | None) -> Beats:
    return (tempo_map or TempoMap.constant(tempo)).beats_at(mtc.time_at(at))


@singledispatch
def _heard(message: ClockMessage, state: FollowerState, at: Seconds) -> FollowerState:
    """The state after one message."""
    raise TypeError(f"{type(message).__name__} is not a message that tells the time")


def _ticked(state: FollowerState, at: Seconds) -> FollowerState:
    """The state after a tick, which is what comes most."""
    reached = _position(state, at)
    if state.running and _given_up(state, at):
        state = replace(state, running=False, resume=None, held=reached, sure=False)
    bridged = state.running and state.resume is None and state.clock.is_silent(at)
    clock = hear_tick(state.clock, at, anew=state.running and state.resume is not None)
    sure = state.sure and not bridged
    if not state.running:
        return replace(state, clock=clock, now=at)
    if state.resume is None:
        return replace(state, clock=clock, held=reached, sure=sure, now=at)
    if clock.count == state.clock.count:
        return replace(state, clock=clock, now=at)
    origin = clock.count - state.resume * TICKS_PER_BEAT
    return replace(state, clock=clock, origin=origin, resume=None, held=reached, sure=sure, now=at)


@_heard.register
def _(message: Start, state: FollowerState, at: Seconds) -> FollowerState:
    del message
    return replace(state, running=True, resume=SONG_START, held=SONG_START, since=at, sure=True, by_timecode=False)


@_heard.register
def _(message: Continue, state: FollowerState, at: Seconds) -> FollowerState:
    del message
    if state.running and not _given_up(state, at):
        return state
    held = _position(state, at)
    resume = held if state.resume is None else state.resume
    return replace(state, running=True, resume=resume, held=held, since=at, by_timecode=False)


@_heard.register
def _(message: Stop, state: FollowerState, at: Seconds) -> FollowerState:
    del message
    if not state.running:
        return state
    held = _position(state, at)
    return replace(state, running=False, resume=_next_tick(state, held), held=held)


def _next_tick(state: FollowerState, held: Beats) -> Beats:
    """Where the next tick belongs when the song goes on from ``held``."""
    if state.resume is not None:
        return state.resume
    clock = state.clock
    counted = clock.count + len(clock.doubt) + 1 - state.origin
    return Beats(max(counted, math.ceil(held * TICKS_PER_BEAT - 0.5)) / TICKS_PER_BEAT)


@_heard.register
def _(message: SongPosition, state: FollowerState, at: Seconds) -> FollowerState:
    del at
    position = Beats(message.sixteenths / STEPS_PER_BEAT)
    return replace(state, resume=position, held=position, sure=True, by_timecode=False)


@_heard.register
def _(message: QuarterFrame, state: FollowerState, at: Seconds) -> FollowerState:
    return replace(
        state, mtc=hear_quarter_frame(state.mtc, message.piece, message.value, at), by_timecode=not state.running
    )


@_heard.register
def _(message: FullFrame, state: FollowerState, at: Seconds) -> FollowerState:
    mtc = hear_full_frame(state.mtc, message.timecode, at)
    return replace(state, mtc=mtc, by_timecode=not state.running)
