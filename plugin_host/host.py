"""The ``Host`` protocol: what a DAW can tell us, and what we can place in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from midi.errors import SidemanError
from midi.events import SessionEvent
from midi.time import Beats, Bpm, Meter

OscArgument = float | int | str | bytes | bool | None


class HostError(SidemanError):
    """The DAW could not take a clip, or says something that cannot be understood."""

    code = "host"


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """A finished clip that is to be placed."""

    request_id: str
    take: int
    path: Path
    name: str
    start: Beats
    bars: int
    tempo: Bpm
    meter: Meter
    sample_rate_hz: int
    frames: int
    target: str


class Host(Protocol):
    """One DAW dialect. Every method is called on the daemon's event loop."""

    @property
    def name(self) -> str:
        """The word that ``--host`` takes."""
        ...

    async def start(self) -> None:
        """Open what the dialect needs. Raises ``HostError`` when the DAW cannot be reached."""
        ...

    def interpret(self, address: str, arguments: Sequence[OscArgument]) -> tuple[SessionEvent, ...] | None:
        """The events that a DAW's own message stands for; None when the dialect does not know it.

        Raises ``SidemanError`` for a message of the dialect whose values make no sense.
        """
        ...

    async def place(self, placement: Placement) -> str:
        """Put a clip into the session; says where it went, in words a user understands.

        Raises ``HostError`` when the DAW does not take it; the file stays where it is.
        """
        ...

    async def close(self) -> None:
        """Let go of everything; safe to call twice."""
        ...
