"""Learning a control: what the player presses and releases twice becomes the binding of an action.

A control is taken when it is pressed clearly, released, pressed again and released, with no other control pressed in
between. What moves in steps (a wheel, an expression pedal, a fader) is no button and is passed over; so are bounces.
Pure: events carry their time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from midi.controls import DEBOUNCE, USUAL_THRESHOLDS, Binding, ControlEvent, ControlKind
from midi.time import Seconds

WANTED: Final = 2
"""Presses that make a binding."""
PATIENCE: Final = Seconds(3.0)
"""Longest time from a release to the next press of the same control."""
CLEAR_VELOCITY: Final = 16
"""A softer stroke of a key is a touch."""
_HIGH: Final = 96
_LOW: Final = 31
"""A button's controller is at most this when it is up, and at least ``_HIGH`` when it is down."""

_NEVER: Final = Seconds(float("-inf"))
_Control = tuple[ControlKind, int, int]
"""Kind, number and channel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Learner:
    """What has been seen of the control that may become the binding, and the controls that move in steps."""

    candidate: _Control | None = None
    presses: int = 0
    down: bool = False
    moved_at: Seconds = _NEVER
    gliding: frozenset[_Control] = frozenset()


def learned(learner: Learner, event: ControlEvent) -> tuple[Learner, Binding | None]:
    """The learner after an event, and the binding when the event was the last that it needed."""
    control = (event.kind, event.number, event.channel)
    if event.kind == "cc" and _LOW < event.value < _HIGH:
        learner = replace(learner, gliding=learner.gliding | {control})
    if control in learner.gliding:
        return (_begun_anew(learner) if control == learner.candidate else learner), None
    if event.value > (_LOW if event.kind == "cc" else 0):
        clear = event.kind == "cc" or event.value >= CLEAR_VELOCITY
        return (_pressed(learner, control, event.at) if clear else learner), None
    if control != learner.candidate or not learner.down:
        return learner, None
    return _released(learner, control, event.at)


def _pressed(learner: Learner, control: _Control, at: Seconds) -> Learner:
    if control != learner.candidate:
        return replace(learner, candidate=control, presses=1, down=True, moved_at=at)
    if learner.down:
        return learner
    since = at - learner.moved_at
    if since < DEBOUNCE:
        return replace(learner, down=True, moved_at=at)
    presses = learner.presses + 1 if since <= PATIENCE else 1
    return replace(learner, presses=presses, down=True, moved_at=at)


def _released(learner: Learner, control: _Control, at: Seconds) -> tuple[Learner, Binding | None]:
    """A release so soon after the press may be a bounce, and completes nothing."""
    if learner.presses < WANTED or at - learner.moved_at < DEBOUNCE:
        return replace(learner, down=False, moved_at=at), None
    kind, number, channel = control
    binding = Binding(kind=kind, number=number, channel=channel, threshold=USUAL_THRESHOLDS[kind])
    return _begun_anew(learner), binding


def _begun_anew(learner: Learner) -> Learner:
    return Learner(gliding=learner.gliding)
