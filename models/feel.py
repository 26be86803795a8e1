"""The player's hand: small seeded differences of time and touch."""

from __future__ import annotations

import zlib
from typing import Final

import numpy as np

MAX_SHIFT_S: Final = 0.008
"""Furthest that a note is played from its place."""
MAX_TOUCH: Final = 10
"""Furthest that a velocity is from the one intended."""

_SEED_MASK: Final = (1 << 64) - 1


class Feel:
    """A seeded source of choices for one part: the same seed and part always give the same ones."""

    def __init__(self, seed: int, part: str) -> None:
        self._random = np.random.default_rng((seed & _SEED_MASK, zlib.crc32(part.encode())))

    def shift_s(self) -> float:
        """Seconds that a note is played late (negative: early)."""
        return float(self._random.uniform(-MAX_SHIFT_S, MAX_SHIFT_S))

    def touch(self, velocity: float) -> int:
        """A MIDI velocity near the one intended."""
        return int(np.clip(round(velocity + float(self._random.uniform(-MAX_TOUCH, MAX_TOUCH))), 1, 127))

    def index(self, count: int) -> int:
        """One of ``count`` choices, from 0."""
        return int(self._random.integers(count))

    def between(self, low: float, high: float) -> float:
        """A number in a range."""
        return float(self._random.uniform(low, high))
