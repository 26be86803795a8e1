"""The MIDI messages that tell the time, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import mido

from midi.mtc import Timecode, full_frame

MAX_SIXTEENTHS: Final = 16383
"""The furthest song position pointer: 1,023 bars and 15 sixteenths of 4/4."""


@dataclass(frozen=True, slots=True)
class Tick:
    """F8, 24 to a quarter note."""


@dataclass(frozen=True, slots=True)
class Start:
    """FA: the song begins with the next tick."""


@dataclass(frozen=True, slots=True)
class Continue:
    """FB: the song goes on with the next tick from where it stands."""


@dataclass(frozen=True, slots=True)
class Stop:
    """FC: the song stands still."""


@dataclass(frozen=True, slots=True)
class SongPosition:
    """F2: the song stands so many sixteenths from its start, 0 to 16,383."""

    sixteenths: int


@dataclass(frozen=True, slots=True)
class QuarterFrame:
    """F1: one of the eight pieces of a running timecode, with its four bits."""

    piece: int
    value: int


@dataclass(frozen=True, slots=True)
class FullFrame:
    """A timecode as a whole, sent when the song was moved."""

    timecode: Timecode


ClockMessage = Tick | Start | Continue | Stop | SongPosition | QuarterFrame | FullFrame

_TICK: Final = Tick()
_PLAIN: Final[dict[str, ClockMessage]] = {"clock": _TICK, "start": Start(), "continue": Continue(), "stop": Stop()}


def clock_message(message: mido.Message) -> ClockMessage | None:
    """What a MIDI message says about the time; None for one that says nothing."""
    plain = _PLAIN.get(message.type)
    if plain is not None:
        return plain
    if message.type == "songpos":
        return SongPosition(message.pos)
    if message.type == "quarter_frame":
        return QuarterFrame(message.frame_type, message.frame_value)
    if message.type == "sysex":
        timecode = full_frame(tuple(message.data))
        return None if timecode is None else FullFrame(timecode)
    return None
