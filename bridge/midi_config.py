"""``[midi]`` of the configuration: ports and their roles, how what is played is heard, who leads, and controls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final

from pydantic import AfterValidator, Field, model_validator

from bridge.errors import SidemanError
from bridge.live_session import Playing
from bridge.neural_config import Section
from midi.bar_loops import MAX_BARS
from midi.chord_recogniser import Hearing
from midi.chord_slots import ChordGrid
from midi.controls import ACTIONS, Binding, Controls, conflicts, parse_binding
from midi.drum_layouts import DrumLayout, layout_with
from midi.leader import LINK, OSC, midi_source
from midi.port_roles import ROLES, Channels, Role
from midi.ports import MAX_WISHES, PortWish

FIRST: Final = "first"
"""The leader that is the first source that speaks."""
MAX_LOOP_BARS: Final = MAX_BARS - 1


def read_port(text: str) -> PortWish:
    """``NAME`` or ``ROLE=NAME`` as the port that is wanted. Raises ``MidiUnavailable`` for no name."""
    role, equals, name = text.partition("=")
    known: Role | None = next((one for one in ROLES if one == role.strip()), None)
    return PortWish(name=name.strip(), role=known) if equals and known else PortWish(name=text.strip())


def _port(text: str) -> str:
    try:
        read_port(text)
    except SidemanError as error:
        raise ValueError(str(error)) from None
    return text


def _binding(text: str) -> str:
    try:
        if text:
            parse_binding(text)
    except SidemanError as error:
        raise ValueError(str(error)) from None
    return text


BindingText = Annotated[str, AfterValidator(_binding)]
Channel = Annotated[int, Field(ge=0, le=16)]
"""A MIDI channel from 1 to 16, and 0 for none."""


class MidiConfig(Section):
    """Live MIDI."""

    inputs: Annotated[tuple[Annotated[str, AfterValidator(_port)], ...], Field(max_length=MAX_WISHES - 1)] = ()
    """Ports that are listened to: ``NAME`` or a part of it, or ``ROLE=NAME``."""
    virtual: str = ""
    """The name of a port that the daemon makes, for others to send to; empty for none."""
    leader: str = FIRST
    """Who tells tempo and position: ``first``, ``osc``, ``link``, or a port's name or a part of it."""
    drum_channel: Channel = 10
    melody_channel: Channel = 0
    grid: ChordGrid = "half beat"
    """Where chords may change: on each ``beat``, or on each ``half beat``."""
    split: Annotated[int, Field(ge=0, le=127)] = 0
    """The lowest pitch of the right hand, which then plays no chords; 0 where both hands do."""
    bars: Annotated[int, Field(ge=1, le=MAX_LOOP_BARS)] = 4
    """As many bars of what was played become the chart."""
    drum_layout: str = "general midi"
    drum_notes: Mapping[str, str] = Field(default_factory=dict)
    """Notes of a kit of one's own, by number, and the voice that each plays."""
    realtime: bool = True
    """Follow what is played before all ordinary work of the machine, where the system allows it."""
    generate: BindingText = ""
    cancel: BindingText = ""
    next_take: BindingText = ""
    keep: BindingText = ""

    @model_validator(mode="after")
    def _fits(self) -> MidiConfig:
        try:
            self.layout()
        except (SidemanError, ValueError) as error:
            raise ValueError(f"drum_layout and drum_notes cannot be used: {error}") from None
        if clashes := conflicts(self.bindings()):
            raise ValueError(" ".join(clashes))
        return self

    @property
    def is_on(self) -> bool:
        """Whether any port is wanted."""
        return bool(self.inputs or self.virtual)

    def wishes(self) -> tuple[PortWish, ...]:
        """The ports that are wanted."""
        own = (PortWish(name=self.virtual, virtual=True),) if self.virtual.strip() else ()
        return (*map(read_port, self.inputs), *own)

    def playing(self) -> Playing:
        """How what is played is heard."""
        return Playing(
            channels=Channels(drums=self.drum_channel or None, melody=self.melody_channel or None),
            hearing=Hearing(grid=self.grid, split=self.split or None),
            bars=self.bars,
        )

    def layout(self) -> DrumLayout:
        """The voice of each note of the drums. Raises ``VoiceError``, and ``ValueError`` for what is no number."""
        return layout_with(self.drum_layout, {int(note): voice for note, voice in self.drum_notes.items()})

    def bindings(self) -> dict[str, Binding]:
        """The controls by action."""
        written = {action: getattr(self, action) for action in ACTIONS}
        return {action: parse_binding(text) for action, text in written.items() if text}

    def controls(self) -> Controls:
        """The controls, none of them pressed."""
        return Controls(bindings=self.bindings())

    def wanted_leader(self, ports: tuple[str, ...] = ()) -> str | None:
        """The source that is to lead, among ports that are open; None for the first that speaks."""
        if self.leader in {OSC, LINK}:
            return self.leader
        if self.leader == FIRST:
            return None
        found = next((port for port in ports if self.leader.casefold() in port.casefold()), self.leader)
        return midi_source(found)
