"""Bars that repeat: where the last bars of what was played lie in a chart that begins at bar 1 and goes round."""

from __future__ import annotations

from typing import Final

from midi.time import Beats, TempoMap

MAX_BARS: Final = 17
"""Bars that a capture keeps: twice the longest loop, and the bar that is being played."""

EARLY: Final = Beats(0.1)
"""A stroke this little before a bar line belongs to the bar that the line opens, and lies on the line."""


def on_bar_line(tempo_map: TempoMap, at: Beats) -> Beats:
    """The position, or the next bar line where that comes within ``EARLY``."""
    line = tempo_map.bar_start(tempo_map.bar_at(at).bar + 1)
    return line if line - at <= EARLY else at


def chart_place(tempo_map: TempoMap, at: Beats, bars: int) -> Beats:
    """Where a song position lies in a chart of ``bars`` bars that repeats from bar 1 on.

    Song bar ``k`` is the chart's bar ``(k - 1) mod bars + 1``, as ``midi.charts`` lays it out.
    """
    place = tempo_map.bar_at(at)
    return Beats(tempo_map.bar_start((place.bar - 1) % bars + 1) + place.offset)


def bars_apart(tempo_map: TempoMap, left: Beats, reached: Beats) -> Beats:
    """How far what was played moves, in whole bars, when the transport leaves at one place and goes on at another.

    The bar that is left comes to lie before the bar that is reached.
    """
    after = tempo_map.bar_at(left)
    line = tempo_map.bar_start(after.bar + (1 if after.offset > 0 else 0))
    return Beats(tempo_map.bar_start(tempo_map.bar_at(reached).bar) - line)
