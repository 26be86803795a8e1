"""Melody notes."""

from __future__ import annotations

from dataclasses import dataclass

from midi.time import Beats


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A note: MIDI pitch (60 is middle C), and a velocity from 1 to 127."""

    at: Beats
    length: Beats
    pitch: int
    velocity: int
