"""Ticks out of place: were some lost or doubled, or has the tempo jumped?

One long gap may be a lost tick or a slower tempo, and one short gap a doubled tick or a faster one; the next ticks
tell. Two explanations of the ticks since the last one in place are compared by their negative log likelihood:

* the clock runs on as before, and each tick out of place is a tick lost or doubled, which is rare;
* none was lost or doubled, and the ticks lie on a line of another period, which is rarer still, but rare only once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from midi.clock_line import MAX_PERIOD, MIN_PERIOD, LineBank
from midi.time import Seconds

MOST_TICKS: Final = 12
"""Half a beat: by then one explanation is chosen."""
FEWEST_TICKS: Final = 3
"""Two may be chance."""
COST_OF_A_TICK: Final = 4.0
"""Of a tick lost or doubled: one in fifty is a bad cable."""
COST_OF_A_JUMP: Final = 12.0
COST_OF_A_SHIFT: Final = 20.0
"""Of a jump to another phase at the same tempo."""
ANOTHER_TEMPO: Final = 0.03
"""Relative change of a period that is a jump: a smaller one brings no tick out of place within half a beat."""
MARGIN: Final = 3.0
"""By how much a jump must be the better explanation to be chosen before ``MOST_TICKS``."""
MARGIN_OF_SAME: Final = 6.0
"""The same for ticks lost or doubled: of the 8 that a jump is dearer, fitting a line to a few ticks saves 1 or 2. Where
it saves more the ticks are drifting, and four that lie near their places by chance prove nothing."""
BACK_IN_PLACE: Final = 4
"""So many ticks in a row where they belong, and nothing has changed."""


class Verdict(Enum):
    """What the ticks out of place are taken for."""

    OPEN = auto()
    SAME = auto()
    JUMP = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class RawLine:
    """The plain least-squares line through ticks counted one by one, in seconds."""

    period: float
    squares: float
    """Sum of the squared deviations."""


def raw_line(times: Sequence[float]) -> RawLine:
    """The line through two or more ticks of which none was lost or doubled."""
    count = len(times)
    middle, mean = (count - 1) / 2, sum(times) / count
    spread = count * (count * count - 1) / 12
    period = sum((place - middle) * (at - mean) for place, at in enumerate(times)) / spread
    squares = sum((at - mean - period * (place - middle)) ** 2 for place, at in enumerate(times))
    return RawLine(period=period, squares=squares)


def judge(bank: LineBank, times: Sequence[Seconds]) -> Verdict:
    """What ``times``, the ticks since the bank's latest, are taken for; ``OPEN`` while too few tell."""
    if len(times) < FEWEST_TICKS:
        return Verdict.OPEN
    same, in_place = _cost_of_same(bank, times)
    jump = _cost_of_jump(bank, times)
    if len(times) == MOST_TICKS:
        return Verdict.JUMP if jump < same else Verdict.SAME
    if jump + MARGIN < same:
        return Verdict.JUMP
    if same + MARGIN_OF_SAME < jump and in_place >= BACK_IN_PLACE:
        return Verdict.SAME
    return Verdict.OPEN


def _noise(bank: LineBank) -> float:
    """Twice the variance that the ticks' deviations are measured by."""
    return 2 * bank.spread**2


def _cost_of_same(bank: LineBank, times: Sequence[Seconds]) -> tuple[float, int]:
    """The cost, and how many ticks at the end are in place, each the next one."""
    cost, before, in_place = 0.0, 0, 0
    for at in times:
        due = bank.ticks_since(at)
        place = max(before, round(due))
        off = ((due - place) * bank.period) ** 2 / _noise(bank)
        if place > before:
            cost += min(COST_OF_A_TICK, off)
        if place == before + 1:
            in_place = in_place + 1 if off < COST_OF_A_TICK else 0
        else:
            cost += COST_OF_A_TICK
            in_place = 0
        before = place
    return cost, in_place


def _cost_of_jump(bank: LineBank, times: Sequence[Seconds]) -> float:
    line = raw_line(times)
    if not MIN_PERIOD <= line.period <= MAX_PERIOD:
        return math.inf
    is_another = abs(line.period - bank.period) >= ANOTHER_TEMPO * bank.period
    return line.squares / _noise(bank) + (COST_OF_A_JUMP if is_another else COST_OF_A_SHIFT)
