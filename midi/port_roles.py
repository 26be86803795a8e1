"""What MIDI ports are for: the roles, and what a message means on a port that has all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

import mido

from midi.clock_messages import clock_message

Part = Literal["clock", "chords", "drums", "melody"]
"""What a message is for."""
Role = Part | Literal["all"]

ROLES: Final[Mapping[Role, str]] = MappingProxyType(
    {
        "clock": "Start, stop, tempo and position: MIDI clock, song position and timecode.",
        "chords": "Held notes, from which chords are read.",
        "drums": "Drum strokes, whatever their channel.",
        "melody": "Melody notes.",
        "all": "Everything: the time, drums on channel 10, melody on its channel if one is set, chords on the others.",
    }
)
"""Every role, and what is heard on a port that has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Channels:
    """The channels, from 1 to 16, that tell parts apart on a port with the role ``all``; None for no channel."""

    drums: int | None = 10
    melody: int | None = None


BY_DEFAULT: Final = Channels()


def parts_of(message: mido.Message, roles: Sequence[Role], channels: Channels = BY_DEFAULT) -> tuple[Part, ...]:
    """What a message from a port with these roles is for; nothing, where it is none of the port's business."""
    if not hasattr(message, "channel"):
        tells_time = ("clock" in roles or "all" in roles) and clock_message(message) is not None
        return ("clock",) if tells_time else ()
    by_channel = _part_of_channel(message.channel + 1, channels)
    parts = (by_channel if role == "all" else role for role in roles if role != "clock")
    return tuple(dict.fromkeys(parts))


def _part_of_channel(channel: int, channels: Channels) -> Part:
    if channel == channels.drums:
        return "drums"
    return "melody" if channel == channels.melody else "chords"
