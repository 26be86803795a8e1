"""The ``Host`` protocol: what a DAW can tell us, and what we can place in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

from midi.errors import SidemanError
from midi.events import SessionEvent
from midi.keys import Key
from midi.time import Beats, Bpm, Meter

OscArgument = float | int | str | bytes | bool | None


class HostError(SidemanError):
    """The DAW could not take a clip, or says something that cannot be understood."""

    code = "host"


class DawTaken(HostError):
    """Another DAW is connected to the daemon, which serves one at a time."""

    code = "daw_taken"


AREAS: Final = ("slots", "arrangement", "lanes")
"""Parts of a DAW's session that clips can go to: slots to launch, the timeline, or take lanes over it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where clips go: an area and a track by its name; either is empty for the host's own."""

    area: str = ""
    track: str = ""

    @classmethod
    def parse(cls, text: str) -> Target:
        """Read ``AREA:TRACK``, ``AREA``, or the name of a track; a name may hold colons itself."""
        area, colon, track = text.partition(":")
        if area.strip().lower() in AREAS:
            return cls(area=area.strip().lower(), track=track.strip())
        return cls(track=(track if colon and not area.strip() else text).strip())

    def __str__(self) -> str:
        """The target as ``parse`` reads it, the area first."""
        return f"{self.area}:{self.track}" if self.track else self.area


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
    beats: Beats | None = None
    """Length of the clip; None where its bars have one meter."""
    replaces: Path | None = None
    """The draft of this clip that was placed before, in whose place it goes.

    A host replaces nothing but a clip that it placed itself and that is as it left it. Where it cannot, it places the
    clip as any other, the draft stays, and the words of ``place`` say so.
    """
    prompt: str = ""
    key: Key | None = None

    @property
    def length(self) -> Beats:
        """Length of the clip."""
        return Beats(self.bars * self.meter.beats) if self.beats is None else self.beats

    @property
    def by_hand(self) -> str:
        """How a user places the clip where no program does."""
        instead = f", in the place of its draft {self.replaces.stem}" if self.replaces else ""
        return f"It is {self.path}: drag it onto an audio track{instead}."


IN_PLACE: Final = ", in the place of its draft"
"""What is said behind the place of a clip that replaced its draft."""


def not_replaced(why: str) -> str:
    """What is said behind the place of a clip whose draft could not be replaced."""
    return f"; its draft is not replaced: {why}"


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a clip that a host asked for came out.

    ``why`` says why it was not made; None where it was. ``again``: asking again later may help.
    """

    why: str | None = None
    again: bool = False


@runtime_checkable
class TalkingHost(Host, Protocol):
    """A host that says things on its own accord."""

    def attach(self, desk: Desk, wake: Callable[[], None]) -> None:
        """Whom it tells, and what it calls when it has something to send."""
        ...


class Desk(Protocol):
    """What a host can ask of the daemon on its own accord. Every method is called on the daemon's event loop."""

    def hear(self, event: SessionEvent) -> None:
        """The DAW says something of the session. Raises ``SidemanError`` when it cannot be used."""
        ...

    def make(
        self, chart: Sequence[SessionEvent], wishes: Sequence[SessionEvent], ended: Callable[[Ended], None]
    ) -> None:
        """Make a clip of a chart that the DAW gives; ``ended`` is called once, at once or later.

        The events of ``chart`` change the session, all of them or none; those of ``wishes`` hold for this clip alone.
        Raises ``SidemanError`` when the events cannot be used; then ``ended`` is not called.
        """
        ...

    def tell(self, request_id: str, message: str) -> None:
        """Tell every client something about the DAW, or about a request's clip."""
        ...

    def placed(self, placement: Placement, where: str) -> None:
        """The DAW took a clip that ``place`` does not wait for any more."""
        ...
