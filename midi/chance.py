"""Choices that hang on a seed and a name alone: the same ones on every machine and with every release of a library."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final, TypeVar

_T = TypeVar("_T")
_BYTES: Final = 8
_RANGE: Final = float(1 << (8 * _BYTES))


def share_of(text: str) -> float:
    """A number from 0 up to 1 that hangs on the text alone, spread evenly over texts."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=_BYTES).digest(), "big") / _RANGE


class Chance:
    """A source of choices: those of one ``part`` do not move when another part chooses more or less."""

    def __init__(self, seed: int, part: str) -> None:
        self._name = f"{seed} {part}"
        self._count = 0

    def share(self) -> float:
        """The next number from 0 up to 1."""
        self._count += 1
        return share_of(f"{self._name} {self._count}")

    def happens(self, probability: float) -> bool:
        """Whether something of that probability happens."""
        return self.share() < probability

    def between(self, low: float, high: float) -> float:
        """A number from ``low`` up to ``high``."""
        return low + (high - low) * self.share()

    def index(self, count: int) -> int:
        """One of ``count`` choices, from 0."""
        return min(count - 1, int(self.share() * count))

    def one_of(self, options: Sequence[_T]) -> _T:
        """One of the options, each as likely."""
        return options[self.index(len(options))]

    def weighted(self, options: Mapping[_T, float]) -> _T:
        """One of the options by their weights, which need not sum to 1."""
        left = self.share() * sum(options.values())
        for option, weight in options.items():
            left -= weight
            if left < 0:
                return option
        return option
