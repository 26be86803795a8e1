"""When underruns are told, and how far ahead is mixed after them. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

TELL_S: Final = 5.0
"""Underruns are told no more often than this."""
GROW: Final = 1.5
MAX_AHEAD_S: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What is known of a device's underruns.

    ``missed`` counts blocks whose frames were not mixed in time, ``late`` those before which the device itself ran dry.
    ``ahead_s`` is how far ahead is to be mixed.
    """

    ahead_s: float
    grows: bool
    missed: int = 0
    late: int = 0
    told_missed: int = 0
    told_late: int = 0
    told_at: float = float("-inf")

    def seen(self, missed: int, late: int, now: float) -> tuple[Health, str]:
        """After the counts of a moment; and what is to be told, empty for nothing."""
        health = replace(self, missed=missed, late=late)
        new_missed, new_late = missed - self.told_missed, late - self.told_late
        if not (new_missed or new_late) or now - self.told_at < TELL_S:
            return health, ""
        health = replace(health, told_missed=missed, told_late=late, told_at=now)
        text = []
        if new_missed:
            text.append(f"{_blocks(new_missed)} not mixed in time.")
            if self.grows and self.ahead_s < MAX_AHEAD_S:
                health = replace(health, ahead_s=min(MAX_AHEAD_S, self.ahead_s * GROW))
                text.append(f"{1e3 * health.ahead_s:.0f} ms are mixed ahead from now on.")
        if new_late:
            text.append(
                f"Before {_blocks(new_late, was=False)} the device ran dry; a larger player.block or player.latency = "
                '"high" helps.'
            )
        return health, " ".join(text)

    def anew(self) -> Health:
        """For another device, whose counts begin at 0."""
        return Health(ahead_s=self.ahead_s, grows=self.grows, told_at=self.told_at)


def _blocks(count: int, *, was: bool = True) -> str:
    verb = (" was" if count == 1 else " were") if was else ""
    return f"{count} block{'' if count == 1 else 's'}{verb}"
