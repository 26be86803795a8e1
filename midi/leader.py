"""Which source leads: only one of all that tell tempo and position may move the session.

A source is a name: ``osc``, ``link``, or ``midi:`` and the name of a port. Where the configuration names the leader,
nobody else leads, even while it is silent. Otherwise the first that speaks leads, until it has been silent for
``HANDOVER_S`` or is gone; then the next that speaks takes over, and keeps the lead when the first one returns.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from midi.time import Seconds

OSC: Final = "osc"
LINK: Final = "link"
HANDOVER_S: Final = Seconds(5.0)
"""Silence after which another source may take over."""
MAX_OTHERS: Final = 16
"""Sources that are remembered as speaking without leading."""


def midi_source(port: str) -> str:
    """The source that a MIDI port is."""
    return f"midi:{port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Leadership:
    """Who leads, and who else speaks. ``wanted`` is the source that the configuration names, None for the first."""

    wanted: str | None = None
    leader: str | None = None
    heard_at: Seconds | None = None
    """When the leader last spoke."""
    others: tuple[str, ...] = ()
    """Sources that spoke while another led, latest last."""

    def leads(self, source: str) -> bool:
        """Whether what ``source`` says counts."""
        return source == self.leader


def spoke(leadership: Leadership, source: str, at: Seconds) -> Leadership:
    """After ``source`` has told a tempo, a position or a tick at the monotonic time ``at``."""
    if source == leadership.leader:
        return replace(leadership, heard_at=at)
    if _may_lead(leadership, source, at):
        others = tuple(other for other in leadership.others if other != source)
        return replace(leadership, leader=source, heard_at=at, others=others)
    if source in leadership.others[-1:]:
        return leadership
    others = (*(other for other in leadership.others if other != source), source)
    return replace(leadership, others=others[-MAX_OTHERS:])


def gone(leadership: Leadership, source: str) -> Leadership:
    """After ``source`` has vanished, as a port does that is unplugged."""
    others = tuple(other for other in leadership.others if other != source)
    if source == leadership.leader:
        return replace(leadership, leader=None, heard_at=None, others=others)
    return replace(leadership, others=others)


def _may_lead(leadership: Leadership, source: str, at: Seconds) -> bool:
    if leadership.wanted is not None:
        return source == leadership.wanted
    return leadership.heard_at is None or at - leadership.heard_at > HANDOVER_S
