"""What a followed clock tells the session: the same events that OSC sends, and no more of them than are needed.

A clock speaks 48 times a second and is never twice quite the same, but each change of tempo makes the session's clips
stale. So a tempo is told when it is known well and differs by more than its error, as the roundest number within that
error, since people choose round ones. A position is told only where the session, running on by itself, would be more
than ``DRIFT_S`` off.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from midi.clock_follower import ClockEstimate
from midi.events import Locate, Play, SessionEvent, SetTempo, Stop
from midi.time import MAX_BPM, MIN_BPM, Beats, Bpm, Seconds

ENOUGH_CONFIDENCE: Final = 0.5
DRIFT_S: Final = Seconds(0.005)
"""What the session's position may be off by before it is put right."""
SMALLEST_CHANGE: Final = Bpm(0.05)
CHANGE_ERRORS: Final = 3.0
"""Standard errors by which a tempo must differ from the one that was told."""
ROUND_ERRORS: Final = 2.0
"""Standard errors within which a rounder tempo is as likely."""
MOST_ROUNDING: Final = Bpm(0.25)
STEPS: Final = (1.0, 0.5, 0.1, 0.01)
"""Tempos that people choose are multiples of these, the rounder the likelier."""
STILL: Final = Beats(1e-6)
LONG_AGO: Final = Seconds(0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the session has been told, and so what it takes the time to be. The default has been told nothing."""

    tempo: Bpm | None = None
    playing: bool = False
    position: Beats | None = None
    at: Seconds = LONG_AGO

    def position_at(self, at: Seconds) -> Beats | None:
        """Where the session takes itself to be; None while it plays at a tempo of its own."""
        if self.position is None or not self.playing:
            return self.position
        return None if self.tempo is None else Beats(self.position + (at - self.at) * self.tempo / 60.0)


def round_tempo(tempo: Bpm, error: Bpm) -> Bpm:
    """The roundest tempo that is within ``error``, a standard error, of what was measured."""
    reach = min(MOST_ROUNDING, max(STEPS[-1] / 2, ROUND_ERRORS * error))
    for step in STEPS:
        rounded = round(round(tempo / step) * step, 6)
        if abs(rounded - tempo) <= reach and MIN_BPM <= rounded <= MAX_BPM:
            return Bpm(rounded)
    return Bpm(min(MAX_BPM, max(MIN_BPM, round(tempo, 3))))


def tell(told: Told, clock: ClockEstimate, at: Seconds) -> tuple[Told, tuple[SessionEvent, ...]]:
    """The events that bring the session to what ``clock`` says at ``at``, and what it has been told with them."""
    events: list[SessionEvent] = []
    known = told.position_at(at)
    if _is_another(told.tempo, clock):
        tempo = round_tempo(clock.tempo, clock.tempo_error)
        if tempo != told.tempo:
            events.append(SetTempo(bpm=tempo))
            told = replace(told, tempo=tempo, position=known, at=at)
    if clock.playing != told.playing:
        events += [Play(at=clock.position)] if clock.playing else [Stop(), Locate(at=clock.position)]
        return replace(told, playing=clock.playing, position=clock.position, at=at), tuple(events)
    if _is_elsewhere(known, clock):
        events.append(Locate(at=clock.position))
        told = replace(told, position=clock.position, at=at)
    return told, tuple(events)


def _is_another(told: Bpm | None, clock: ClockEstimate) -> bool:
    if clock.confidence < ENOUGH_CONFIDENCE:
        return False
    return told is None or abs(clock.tempo - told) > max(SMALLEST_CHANGE, CHANGE_ERRORS * clock.tempo_error)


def _is_elsewhere(known: Beats | None, clock: ClockEstimate) -> bool:
    if known is None:
        return clock.position != 0.0
    off = abs(known - clock.position)
    return off * 60.0 / clock.tempo > DRIFT_S if clock.playing else off > STILL
