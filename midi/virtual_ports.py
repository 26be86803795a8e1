"""A MIDI system in memory: ports that come and go when told to, and that record what was done with them."""

from __future__ import annotations

from dataclasses import dataclass, field

from midi.errors import MidiUnavailable
from midi.port_system import Deliver
from midi.time import Seconds


@dataclass(eq=False)
class VirtualInput:
    """An open port of a ``VirtualPorts``."""

    name: str
    deliver: Deliver
    is_open: bool = True

    def close(self) -> None:
        """Deliver nothing more."""
        self.is_open = False


@dataclass(eq=False)
class VirtualPorts:
    """A deterministic ``MidiSystem``: what is sent is delivered at once, at the time that is given.

    ``opened`` holds every port that was ever opened, in order; ``broken`` makes the system fail when it is asked.
    """

    names: list[str] = field(default_factory=list)
    opened: list[VirtualInput] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    """Ports that cannot be opened, as when another program holds them."""
    broken: bool = False
    is_closed: bool = False

    def inputs(self) -> tuple[str, ...]:
        """The ports that are plugged in."""
        if self.broken:
            raise MidiUnavailable("The virtual MIDI system is broken; mend it.")
        return tuple(self.names)

    def open_input(self, name: str, deliver: Deliver) -> VirtualInput:
        """Listen to a port that is plugged in."""
        if name not in self.names or name in self.refused:
            raise MidiUnavailable(f"The MIDI port {name!r} cannot be opened; plug it in.")
        return self._opened(name, deliver)

    def open_virtual_input(self, name: str, deliver: Deliver) -> VirtualInput:
        """Make a port that can be sent to."""
        return self._opened(name, deliver)

    def close(self) -> None:
        """Let go of the system."""
        self.is_closed = True

    def plug(self, name: str) -> None:
        """A port appears."""
        if name not in self.names:
            self.names.append(name)

    def unplug(self, name: str) -> None:
        """A port vanishes: those that listened to it hear nothing more."""
        self.names.remove(name)
        for port in self.opened:
            if port.name == name:
                port.deliver = _nowhere

    def send(self, name: str, data: bytes, at: Seconds) -> None:
        """Bytes go out of a port, to everyone who listens to it."""
        for port in self.opened:
            if port.name == name and port.is_open:
                port.deliver(data, at)

    def _opened(self, name: str, deliver: Deliver) -> VirtualInput:
        port = VirtualInput(name, deliver)
        self.opened.append(port)
        return port


def _nowhere(data: bytes, at: Seconds) -> None:
    """A port that was unplugged delivers nothing."""
