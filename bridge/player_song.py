"""The song as the player follows it: the transport's position, without the jitter of its reports. Pure.

A transport is heard now and then, a little early or late each time. Between reports the song runs by itself. A report
that is near moves it by a part of the difference: the first reports after a start or a jump are averaged, and later
ones count a sixteenth each. A report that is far off is a jump of the song and is believed at once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from bridge.session import SessionState
from midi import events as ev
from midi.time import Beats, Seconds, TempoMap

JUMP_S: Final = 0.1
"""The song has jumped when it is reported at least this far from where it runs."""
MEMORY: Final = 16
"""As many reports are averaged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Song:
    """The song was ``seconds`` after its beat 0 at the monotonic time ``at``; ``heard`` is the last report."""

    tempo_map: TempoMap
    playing: bool
    seconds: float
    at: float
    heard: ev.Transport
    reports: int = 1

    @classmethod
    def of(cls, session: SessionState) -> Song:
        """The song as the session's last report has it."""
        heard = session.transport
        return cls(
            tempo_map=session.tempo_map,
            playing=heard.playing,
            seconds=session.tempo_map.seconds_at(heard.position),
            at=heard.observed_at,
            heard=heard,
        )

    def seconds_at(self, at: float) -> float:
        """Seconds after beat 0 at a monotonic time."""
        return self.seconds + (at - self.at) if self.playing else self.seconds

    def beat_at(self, at: float) -> Beats:
        """The song position at a monotonic time."""
        return self.tempo_map.beats_at(Seconds(self.seconds_at(at)))

    def time_of(self, beat: Beats) -> float:
        """When a running song is at a position, in monotonic seconds."""
        return self.at + self.tempo_map.seconds_at(beat) - self.seconds

    def follow(self, session: SessionState) -> Followed:
        """The song after the session's newest report and tempo map."""
        song, tempo = self, False
        if session.tempo_map != self.tempo_map:
            tempo = session.tempo_map.tempos != self.tempo_map.tempos
            at = session.transport.observed_at
            seconds = session.tempo_map.seconds_at(self.beat_at(at))
            song = replace(self, tempo_map=session.tempo_map, seconds=seconds, at=at)
        heard = session.transport
        if heard == self.heard:
            return Followed(song=song, tempo=tempo)
        reported = session.tempo_map.seconds_at(heard.position)
        error = reported - song.seconds_at(heard.observed_at)
        if heard.playing != self.playing or abs(error) >= JUMP_S or not heard.playing:
            moved = heard.playing or heard.playing != self.playing
            return Followed(song=Song.of(session), moved=moved, tempo=tempo)
        reports = min(self.reports + 1, MEMORY)
        reached = song.seconds_at(heard.observed_at) + error / reports
        song = replace(song, seconds=reached, at=heard.observed_at, heard=heard, reports=reports)
        return Followed(song=song, tempo=tempo)


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """A song, and what happened to it: it started, stopped or jumped (``moved``), or has another tempo."""

    song: Song
    moved: bool = False
    tempo: bool = False
