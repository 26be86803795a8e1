"""When a take whose tempo is no longer the session's is given another version. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from bridge.player_config import OnTempo
from bridge.player_take import Take

SETTLE_S: Final = 0.2
"""A tempo has to stand for so long."""
MAX_STRETCH: Final = 2.0
"""Clips are made no more than so many times longer or shorter."""
SAME: Final = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Unfit:
    """A take that is or will be heard, and the length in seconds that it should have."""

    take: Take
    seconds: float

    def is_like(self, other: Unfit) -> bool:
        """Whether the same take should have the same length."""
        same = (self.take.id, self.take.number) == (other.take.id, other.take.number)
        return same and abs(self.seconds / other.seconds - 1.0) <= SAME

    @property
    def ratio(self) -> float:
        """How much longer it should be than it was made."""
        return self.seconds / self.take.seconds(self.take.sounds[0])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Adapting:
    """What is unfit and since when, and what has been tried."""

    mode: OnTempo
    unfit: Unfit | None = None
    since: float = 0.0
    tried: Unfit | None = None
    busy: bool = False

    def looked(self, unfit: Unfit | None, now: float) -> tuple[Adapting, Unfit | None]:
        """After a look at what is unfit now; and what is to be stretched or asked for anew, if anything."""
        if unfit is None or self.mode == "keep":
            return replace(self, unfit=None), None
        if self.unfit is None or not self.unfit.is_like(unfit):
            return replace(self, unfit=unfit, since=now), None
        if now - self.since < SETTLE_S or self.busy or (self.tried and self.tried.is_like(unfit)):
            return self, None
        if self.mode == "stretch" and not 1 / MAX_STRETCH <= unfit.ratio <= MAX_STRETCH:
            return replace(self, tried=unfit), None
        return replace(self, tried=unfit, busy=self.mode == "stretch"), unfit

    def done(self) -> Adapting:
        """What was to be stretched is, or cannot be."""
        return replace(self, busy=False)
