"""What a system's MIDI offers: the boundary that live ports and their virtual twin both stand behind."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Protocol

from midi.time import Seconds

Deliver = Callable[[bytes, Seconds], None]
"""Takes one message's bytes and the monotonic time at which it came in; called on a thread of the system's."""


class InputPort(Protocol):
    """An open input port."""

    def close(self) -> None:
        """Deliver nothing more and let the port go. Closing twice is nothing."""


class MidiSystem(Protocol):
    """The ports of a system."""

    def inputs(self) -> tuple[str, ...]:
        """Names of the ports that can be listened to. Raises ``MidiUnavailable`` when MIDI cannot be asked."""

    def open_input(self, name: str, deliver: Deliver) -> InputPort:
        """Listen to the port of exactly that name. Raises ``MidiUnavailable`` when it cannot be opened."""

    def open_virtual_input(self, name: str, deliver: Deliver) -> InputPort:
        """Make a port of our own that others can send to. Raises ``MidiUnavailable`` where the system has none."""

    def close(self) -> None:
        """Let go of the system. Ports that are open stay with who opened them."""


def find_port(wanted: str, names: Sequence[str]) -> str | None:
    """The port that is meant by a name or a part of it; None when there is none.

    The whole name counts for more than the name without the numbers that ALSA puts after it and that change when a
    device is plugged in again; that for more than a part of it; and the first port for more than a later one. Upper
    and lower case are the same.
    """
    wanted = wanted.casefold().strip()
    folded = [(name.casefold(), name) for name in names]
    for matches in (
        lambda name: name == wanted,
        lambda name: _plain(name) == _plain(wanted),
        lambda name: wanted in name,
    ):
        found = [name for lower, name in folded if matches(lower)]
        if found and wanted:
            return found[0]
    return None


def _plain(name: str) -> str:
    return re.sub(r"\s\d+:\d+$", "", name)
