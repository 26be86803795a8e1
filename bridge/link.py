"""Ableton Link: the library, and this program's part in a session of the network.

The package is GPL: it is an extra, and imported only where Link is asked for. What is made of Link is decided in
``bridge.link_session``.
"""

from __future__ import annotations

import importlib
from typing import Any, Final, Protocol

from bridge.errors import LinkUnavailable
from bridge.link_session import LinkOrder, LinkReading
from midi.time import Beats, Bpm

PACKAGE: Final = "link"
"""What LinkPython-extern is imported as."""


class LinkPeer(Protocol):
    """This program's part in a Link session."""

    def read(self) -> LinkReading:
        """What Link says now."""
        ...

    def tell(self, order: LinkOrder, position: Beats) -> None:
        """Give the session a tempo, and start or stop it; the song stands at ``position``."""
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
            beat=Beats(state.beatAtTime(now, self._quantum)),
            started=Beats(state.beatAtTime(state.timeForIsPlaying(), self._quantum)),
            playing=state.isPlaying(),
            peers=self._link.numPeers(),
            quantum=Beats(self._quantum),
        )

    def tell(self, order: LinkOrder, position: Beats) -> None:
        """Give the session a tempo, and start or stop it. Where nobody else is there, its beats become the song's."""
        state = self._link.captureAppSessionState()
        now = self._link.clock().micros()
        if order.tempo is not None:
            state.setTempo(order.tempo, now)
        if order.playing is not None:
            state.setIsPlaying(order.playing, now)
        if order.playing and not self._link.numPeers():
            state.requestBeatAtTime(position, now, self._quantum)
        self._link.commitAppSessionState(state)

    def close(self) -> None:
        """Leave the session."""
        self._link.enabled = False
