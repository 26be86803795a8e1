"""Musical keys: a tonic and a mode."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A tonic as a pitch class (0 is C) and a mode of the ``MODES`` table (``major``, ``dorian`` ...)."""

    tonic: int
    mode: str
