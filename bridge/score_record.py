"""What is written down of how near a take comes to what was asked for. Pure, and light: the daemon reads it too."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

WEIGHTS: Final = MappingProxyType({"chords": 0.4, "drums": 0.35, "tempo": 0.15, "melody": 0.1})
"""What each part counts in the total, where it was asked for."""
TEMPO_LIMIT: Final = 0.08
"""A tempo this far from the one asked for scores 0; tempo fit stretches by as much."""
NOT_ASKED: Final = -1.0
"""What stands for a part that was not asked for, where a message has only numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """How near a take comes to its chart, each part from 0 to 1, and None where it was not asked for.

    ``chords`` is the share of the time whose major or minor chord is the one asked for, ``drums`` the F-measure of
    onsets within 50 ms of the hits, ``melody`` the mean cosine between the pitch classes of the melody and those of the
    audio, ``tempo_error`` how much faster the audio is, as a share of the tempo asked for (None where it has no pulse).
    """

    chords: float | None = None
    drums: float | None = None
    melody: float | None = None
    tempo_error: float | None = None

    def told(self) -> str:
        """The score in a line, such as ``chords 0.95, drums 0.98, tempo 1.00, total 0.97``."""
        names = ("chords", "drums", "tempo", "melody", "total")
        values = ((name, getattr(self, name)) for name in names)
        return ", ".join(f"{name} {value:.2f}" for name, value in values if value is not None) or "nothing to measure"

    @property
    def tempo(self) -> float | None:
        """1 at the tempo that was asked for, 0 from ``TEMPO_LIMIT`` away from it on."""
        return None if self.tempo_error is None else max(0.0, 1.0 - abs(self.tempo_error) / TEMPO_LIMIT)

    @property
    def total(self) -> float | None:
        """The mean of what was asked for, by ``WEIGHTS``; None where nothing was."""
        parts = [(weight, value) for name, weight in WEIGHTS.items() if (value := getattr(self, name)) is not None]
        return sum(weight * value for weight, value in parts) / sum(weight for weight, _ in parts) if parts else None
