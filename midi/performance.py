"""What is played, note by note: the events that the chord recogniser and the captures of drums and melody take.

Positions are song beats. A ``source`` tells players apart who may hold the same key at once (a track and channel of
a file, a channel of a port); voices of one source and pitch are one voice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

from midi.time import Beats

SUSTAIN_PEDAL: Final = 64
SILENCING: Final = frozenset({120, 123})
"""Controllers: all sound off, all notes off."""
PEDAL_DOWN: Final = 64
"""Least value of a pedal that is down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteOn:
    """A key goes down; the velocity is from 1 to 127."""

    at: Beats
    pitch: int
    velocity: int
    source: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteOff:
    """A key comes up."""

    at: Beats
    pitch: int
    source: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pedal:
    """The sustain pedal goes down or comes up."""

    at: Beats
    down: bool
    source: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AllOff:
    """Everything of a source ends."""

    at: Beats
    source: int = 0


PlayedEvent = NoteOn | NoteOff | Pedal | AllOff


class MidiMessage(Protocol):
    """What is read of a ``mido`` message; which attributes it has beside its type depends on the type."""

    type: str

    def __getattr__(self, name: str) -> int: ...


def played_event(message: MidiMessage, at: Beats, track: int = 0) -> PlayedEvent | None:
    """The event of a ``mido`` message at a position; None for a message that is no note, pedal or silence.

    A strike of velocity 0 is a release. The source is made of ``track`` and the message's channel.
    """
    kind = message.type
    if kind not in {"note_on", "note_off", "control_change"}:
        return None
    source = track * 16 + message.channel
    if kind == "note_on" and message.velocity > 0:
        return NoteOn(at=at, pitch=message.note, velocity=message.velocity, source=source)
    if kind != "control_change":
        return NoteOff(at=at, pitch=message.note, source=source)
    if message.control == SUSTAIN_PEDAL:
        return Pedal(at=at, down=message.value >= PEDAL_DOWN, source=source)
    return AllOff(at=at, source=source) if message.control in SILENCING else None
