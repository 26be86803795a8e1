"""Drums: voices, hits, and the sixteenth-note grid notation."""

from __future__ import annotations

from dataclasses import dataclass

from midi.time import Beats


@dataclass(frozen=True, slots=True, kw_only=True)
class DrumHit:
    """One stroke: a voice name of the ``VOICES`` table, and a MIDI velocity from 1 to 127."""

    at: Beats
    voice: str
    velocity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """A voice's steps of one sixteenth each, as velocities; 0 is a rest."""

    voice: str
    steps: tuple[int, ...]
