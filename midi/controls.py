"""Controls that a player works hands-free: which action a note or a controller stands for.

A binding is written ``KIND:NUMBER@CHANNEL`` with a threshold where it is not the usual one::

    cc:64@1          controller 64 on channel 1, pressed from value 64 on
    cc:4@2>=100      controller 4 on channel 2, pressed from value 100 on
    note:C-2@10      the lowest note (0) on channel 10, at any velocity
    note:36@*        note 36 on any channel

Notes are numbers, or names in which middle C (60) is C3 and the lowest note (0) C-2, as Live shows them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from midi.chord_syntax import quoted
from midi.errors import NotationError
from midi.performance import MidiMessage
from midi.pitch_names import NOTE_NAMES, read_note_name
from midi.time import Seconds

ACTIONS: Final[Mapping[str, str]] = {
    "generate": "Make a clip from the session as it is now.",
    "cancel": "Cancel what is being made.",
    "next_take": "Go to the next take of the clip.",
    "keep": "Keep the take that plays.",
}
"""What a control can be bound to, and what it does."""

ControlKind = Literal["cc", "note"]
CONTROL_KINDS: Final[Mapping[str, ControlKind]] = {"cc": "cc", "note": "note"}
USUAL_THRESHOLDS: Final[Mapping[ControlKind, int]] = {"cc": 64, "note": 1}
CHANNEL_MODE: Final = 120
"""Controllers from here on are channel mode messages, no controls."""
DEBOUNCE: Final = Seconds(0.03)
"""A press so soon after the last release or press of its control is a bounce."""

_LOWEST_OCTAVE: Final = -2
_BINDING: Final = re.compile(
    r"(?P<kind>[a-z]+):(?P<number>[^@>\s]+)@(?P<channel>\*|\d{1,2})(?:>=(?P<threshold>\d{1,3}))?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """A control: a note or controller number, its channel (1 to 16; None for any), and the least value of a press."""

    kind: ControlKind
    number: int
    channel: int | None
    threshold: int

    def __post_init__(self) -> None:
        top = CHANNEL_MODE - 1 if self.kind == "cc" else 127
        if not 0 <= self.number <= top:
            raise NotationError(f"There is no {self.kind} {self.number}: they go from 0 to {top}.")
        if self.channel is not None and not 1 <= self.channel <= 16:
            raise NotationError(f"There is no MIDI channel {self.channel}: they go from 1 to 16; * is any.")
        if not 1 <= self.threshold <= 127:
            raise NotationError(f"A threshold of {self.threshold} is outside 1 to 127.")

    @property
    def text(self) -> str:
        """The binding as it is written in the configuration."""
        number = note_name(self.number) if self.kind == "note" else str(self.number)
        channel = "*" if self.channel is None else str(self.channel)
        threshold = "" if self.threshold == USUAL_THRESHOLDS[self.kind] else f">={self.threshold}"
        return f"{self.kind}:{number}@{channel}{threshold}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlEvent:
    """A note or controller at a monotonic time; the channel counts from 1, a note that is released has value 0."""

    at: Seconds
    kind: ControlKind
    number: int
    channel: int
    value: int


def control_event(message: MidiMessage, at: Seconds) -> ControlEvent | None:
    """The event of a ``mido`` message; None for what is no control: clock, sensing, pressure, bends, modes, sysex."""
    if message.type in {"note_on", "note_off"}:
        value = message.velocity if message.type == "note_on" else 0
        return ControlEvent(at=at, kind="note", number=message.note, channel=message.channel + 1, value=value)
    if message.type == "control_change" and message.control < CHANNEL_MODE:
        channel = message.channel + 1
        return ControlEvent(at=at, kind="cc", number=message.control, channel=channel, value=message.value)
    return None


def note_name(pitch: int) -> str:
    """A MIDI note's name, with middle C (60) as C3."""
    return f"{NOTE_NAMES[pitch % 12]}{pitch // 12 + _LOWEST_OCTAVE}"


def parse_binding(text: str) -> Binding:
    """Read a binding as the module describes it. Raises ``NotationError``, which says what is wrong."""
    match = _BINDING.fullmatch(text.strip())
    if match is None or match["kind"] not in CONTROL_KINDS:
        raise NotationError(f"Cannot read the control {quoted(text)}: write one such as cc:64@1 or note:C-2@10.")
    kind = CONTROL_KINDS[match["kind"]]
    threshold = int(match["threshold"]) if match["threshold"] else USUAL_THRESHOLDS[kind]
    channel = None if match["channel"] == "*" else int(match["channel"])
    return Binding(kind=kind, number=_number(kind, match["number"], text), channel=channel, threshold=threshold)


def _number(kind: ControlKind, written: str, text: str) -> int:
    if written.isascii() and written.isdecimal() and len(written) <= 3:
        return int(written)
    name = read_note_name(written[0].upper() + written[1:]) if kind == "note" else None
    octave = written[name.end :] if name else ""
    if name is None or not re.fullmatch(r"-?\d", octave):
        raise NotationError(f"Cannot read the number {quoted(written)} of the control {quoted(text)}.")
    # B# and Cb bear the octave of their letter.
    letter, pitch_class = written[0].upper(), name.pitch_class
    across = 12 * (letter == "B" and pitch_class < 6) - 12 * (letter == "C" and pitch_class > 6)
    return (int(octave) - _LOWEST_OCTAVE) * 12 + pitch_class + across


def conflicts(bindings: Mapping[str, Binding]) -> tuple[str, ...]:
    """A sentence for every two actions whose controls are, or may be, the same."""
    items = list(bindings.items())
    return tuple(
        f"{first} and {second} are on the same control ({one.text} and {other.text}): give one of them another."
        for index, (first, one) in enumerate(items)
        for second, other in items[index + 1 :]
        if (one.kind, one.number) == (other.kind, other.number)
        and (one.channel is None or other.channel is None or one.channel == other.channel)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Controls:
    """The bindings by action, the actions whose control is pressed, and when each control last moved."""

    bindings: Mapping[str, Binding]
    pressed: frozenset[str] = frozenset()
    moved_at: Mapping[str, Seconds] = field(default_factory=dict)


def controlled(controls: Controls, event: ControlEvent) -> tuple[Controls, tuple[str, ...]]:
    """The controls after an event, and the actions whose control was pressed by it.

    A control acts once when it passes its threshold upwards, and again only after it was below it.
    """
    acting: list[str] = []
    pressed, moved_at = set(controls.pressed), dict(controls.moved_at)
    for action, binding in controls.bindings.items():
        if not _is_of(binding, event):
            continue
        down = event.value >= binding.threshold
        if down == (action in pressed):
            continue
        if down and event.at - moved_at.get(action, Seconds(float("-inf"))) >= DEBOUNCE:
            acting.append(action)
        moved_at[action] = event.at
        pressed ^= {action}
    return Controls(bindings=controls.bindings, pressed=frozenset(pressed), moved_at=moved_at), tuple(acting)


def _is_of(binding: Binding, event: ControlEvent) -> bool:
    return (binding.kind, binding.number) == (event.kind, event.number) and binding.channel in {None, event.channel}
