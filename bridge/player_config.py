"""``[player]`` of the configuration: where clips are heard, and how they follow the session."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from bridge.neural_config import Section

Quantise = Literal["bar", "beat", "now"]
Align = Literal["song", "launch"]
OnTempo = Literal["stretch", "request", "keep"]
Latency = Literal["low", "high"]

MIN_LEVEL_DB = -96.0
MAX_LEVEL_DB = 12.0


class PlayerConfig(Section):
    """The player."""

    enabled: bool = False
    device: str = ""
    """Parts of the output's name; empty for the system's own choice."""
    sample_rate_hz: Annotated[int, Field(ge=0, le=192000)] = 0
    """0 is the device's own rate."""
    block: Annotated[int, Field(ge=0, le=8192)] = 0
    """Frames that the device asks for at once; 0 leaves that to the device."""
    latency: Latency = "low"
    """How much the device itself holds."""
    ahead_ms: Annotated[float, Field(ge=20, le=1000)] = 500.0
    """How far ahead of the device clips are mixed."""
    grow: bool = True
    """Whether ``ahead_ms`` grows where it was not enough."""
    quantise: Quantise = "bar"
    """Where a clip enters."""
    align: Align = "song"
    """Whether a clip lies where it was made for in the song, or begins where it enters."""
    on_tempo: OnTempo = "stretch"
    """What becomes of a clip whose tempo is no longer the session's."""
    auto: bool = True
    """Whether each new take is launched by itself."""
    crossfade_ms: Annotated[float, Field(ge=1, le=1000)] = 10.0
    fade_ms: Annotated[float, Field(ge=1, le=10000)] = 50.0
    """How long the fade of a stop is."""
    level_db: Annotated[float, Field(ge=MIN_LEVEL_DB, le=MAX_LEVEL_DB)] = 0.0
    offset_ms: Annotated[float, Field(ge=-1000, le=1000)] = 0.0
    """Clips sound this much earlier than the transport says."""
