"""What is written down of how a take was laid on the session's beats. Pure, and light: the daemon reads it too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

MAX_CHANGE: Final = 0.08
"""More stretching than this would be heard; another seed is tried instead."""

Outcome = Literal["fitted", "no_beat", "irregular", "other_tempo", "too_short"]
"""Laid on the beat; or kept as it was made: no beat was heard, none that holds, one of another tempo, or the loop does
not lie in the audio whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TempoFit:
    """What was found and done. ``bpm`` is the tempo of what was made, in quarter notes a minute (None: no beat).

    The clip was cut from ``start_s`` on, and is ``ratio`` times as long as it was there; 1 is as it was made.
    ``change`` is what it would take to fit: 0.02 is two per cent longer.
    """

    outcome: Outcome
    bpm: float | None = None
    start_s: float = 0.0
    ratio: float = 1.0
    change: float | None = None
    pulse: float = 0.0
    spread_s: float | None = None
    stretcher: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One seed, and what became of it. ``bpm`` is what was heard, ``change`` the stretching that it would take."""

    seed: int
    outcome: Outcome
    bpm: float | None
    change: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FitRecord:
    """How a take came to its tempo: what was done to the audio that it is made of, and all that was tried for it."""

    used: TempoFit
    attempts: tuple[Attempt, ...]

    def told(self, seed: int) -> str:
        """The record in a sentence or two; ``seed`` is the one that the take is made of."""
        used = self.used
        if used.outcome == "no_beat":
            return "No steady beat was heard in what the model made; it is cut to the clip's length and not stretched."
        heard = f"about {used.bpm:.1f} bpm"
        if used.outcome != "fitted":
            tried = ", ".join(str(one.seed) for one in self.attempts)
            return (
                f"None of the seeds {tried} gave a steady loop within {MAX_CHANGE:.0%} of the session's tempo; "
                f"{seed} is kept as the model made it, at {heard}: its beats do not lie on the grid. "
                "Try another seed or prompt."
            )
        before = ", ".join(str(one.seed) for one in self.attempts if one.seed != seed)
        again = f" It is the seed {seed}; {before} did not fit." if before else ""
        if used.ratio == 1.0:
            return f"The model played at {heard}; the loop from {used.start_s:.2f} s on fits as it is.{again}"
        longer = "longer" if used.ratio > 1.0 else "shorter"
        return (
            f"The model played at {heard}; the loop from {used.start_s:.2f} s on was made "
            f"{abs(used.ratio - 1.0):.1%} {longer} for the session's tempo.{again}"
        )
