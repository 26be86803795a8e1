"""Ableton Link: tempo, beat and start/stop shared with other programs of the network.

The package is GPL: it is an extra, and imported only where Link is asked for.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any, Final, Protocol

from bridge.errors import LinkUnavailable
from midi.clock_follower import ClockEstimate
from midi.time import Beats, Bpm

PACKAGE: Final = "link"
"""What LinkPython-extern is imported as."""
TEMPO_ERROR: Final = Bpm(0.0005)
"""Link's tempo is exact but for its rounding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkReading:
    """What Link says now. Without ``peers`` nobody else is there, and it says nothing."""

    tempo: Bpm
    position: Beats
    playing: bool
    peers: int

    @property
    def estimate(self) -> ClockEstimate:
        """The reading as that of a clock that is sure."""
        return ClockEstimate(
            tempo=self.tempo,
            tempo_error=TEMPO_ERROR,
            position=self.position,
            playing=self.playing,
            confidence=1.0,
            lost=False,
            sure=True,
        )


class LinkPeer(Protocol):
    """This program's part in a Link session."""

    def read(self) -> LinkReading:
        """What Link says now."""
        ...

    def tell(self, tempo: Bpm, *, playing: bool, position: Beats) -> None:
        """Give the session a tempo, and start or stop it; it starts from ``position``, at the next whole bar."""
        ...

    def close(self) -> None:
        """Leave the session; safe to call twice."""
        ...


class AbletonLink:
    """``LinkPeer`` by LinkPython-extern."""

    def __init__(self, tempo: Bpm, *, quantum: float) -> None:
        """Join with a tempo for the case that nobody is there; ``quantum`` is the beats that peers align.

        Raises ``LinkUnavailable`` where the package is missing.
        """
        try:
            library: Any = importlib.import_module(PACKAGE)
        except ImportError as error:
            raise LinkUnavailable(
                "Ableton Link needs the package LinkPython-extern, which is GPL: pip install 'sideman[link]' brings it."
            ) from error
        self._quantum = quantum
        self._link: Any = library.Link(tempo)
        self._link.startStopSyncEnabled = True
        self._link.enabled = True

    def read(self) -> LinkReading:
        """What Link says now."""
        state = self._link.captureAppSessionState()
        now = self._link.clock().micros()
        return LinkReading(
            tempo=Bpm(state.tempo()),
            position=Beats(max(0.0, state.beatAtTime(now, self._quantum))),
            playing=state.isPlaying(),
            peers=self._link.numPeers(),
        )

    def tell(self, tempo: Bpm, *, playing: bool, position: Beats) -> None:
        """Give the session a tempo, and start or stop it."""
        state = self._link.captureAppSessionState()
        now = self._link.clock().micros()
        if state.tempo() != tempo:
            state.setTempo(tempo, now)
        if playing and not state.isPlaying():
            state.setIsPlayingAndRequestBeatAtTime(True, now, position, self._quantum)
        elif not playing and state.isPlaying():
            state.setIsPlaying(False, now)
        self._link.commitAppSessionState(state)

    def close(self) -> None:
        """Leave the session."""
        self._link.enabled = False
