"""From a clip to the runs of a model that has a window of fixed length. Pure.

What does not fit one window becomes several: each begins inside what the last one made, hears that, and goes on
from it at a bar line. All windows are as long as the model's own. What a window covers before the clip and after
it is the clip itself, which is a loop: nothing is stretched, and nothing is left empty.
"""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bridge.loops import OVERLAP_S
from bridge.requests import Window
from midi.time import Beats, TempoMap
from models.generator import SAME_TIME_S, PlannedWindow

HEARD_SHARE: Final = 1 / 3
"""The share of a window that is heard from the one before, at least."""
LEAST_HEARD_SHARE: Final = 1 / 10
"""The same where a bar is so long that it needs the room."""
MOST_LISTED: Final = 8
"""As many places are named to a user."""
EDGE_S: Final = 0.1
EDGE_SHARE: Final = 1 / 20
"""A window goes on for so long after the place where the next one takes over: a codec is weak at its ends.
The share is for windows of a second or two."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelWindow:
    """A model's window: its seconds, and how many latent frames are a second."""

    seconds: float
    frame_rate_hz: float

    @property
    def frames(self) -> int:
        """The whole frames of the window."""
        return self.frames_down(self.seconds)

    def frames_down(self, seconds: float) -> int:
        """Whole frames at or before a time."""
        return math.floor((seconds + SAME_TIME_S) * self.frame_rate_hz)

    def frames_up(self, seconds: float) -> int:
        """Whole frames at or after a time."""
        return math.ceil((seconds - SAME_TIME_S) * self.frame_rate_hz)

    def end_s(self, start_frame: int) -> float:
        """Where a window that begins at a frame ends."""
        return (start_frame + self.frames) / self.frame_rate_hz


@dataclass(frozen=True, slots=True, kw_only=True)
class Cuts:
    """Where windows may meet, in seconds from the clip's start, ascending: best at bar lines, else at beats."""

    bar_lines: tuple[float, ...]
    beats: tuple[float, ...]


def cuts_of(window: Window, tempo_map: TempoMap) -> Cuts:
    """The bar lines and the beats of the meter inside a clip."""
    lines = [line for line in tempo_map.bar_lines(window.start, window.end) if line > window.start]
    beats: list[Beats] = []
    for begin, end in zip([window.start, *lines], [*lines, window.end], strict=True):
        step = 4.0 / tempo_map.meter_of(tempo_map.bar_at(begin).bar).denominator
        beats += [Beats(begin + count * step) for count in range(1, math.ceil((end - begin) / step - SAME_TIME_S))]

    def seconds(places: Sequence[Beats]) -> tuple[float, ...]:
        return tuple(tempo_map.seconds_between(window.start, place) for place in places)

    return Cuts(bar_lines=seconds(lines), beats=seconds(beats))


def half_a_bar_s(window: Window, tempo_map: TempoMap) -> float:
    """Half of the clip's last bar, in seconds: what is made before the clip, so that it does not begin from silence."""
    half = tempo_map.meter_of(tempo_map.bar_at(Beats(window.end - SAME_TIME_S)).bar).beats / 2
    return min(window.seconds, tempo_map.seconds_between(Beats(max(window.start, window.end - half)), window.end))


def plan_windows(duration_s: float, cuts: Cuts, model: ModelWindow, *, lead_s: float) -> tuple[PlannedWindow, ...]:
    """The windows of a clip, in order; what they play tiles it.

    Each reaches to the furthest bar line that it can, to the furthest beat where it reaches none, and as far as it
    goes where there is no beat either. The first one begins up to ``lead_s`` before the clip, as far as that takes no
    further window, and the others as early as they can, to hear the more.
    """
    if duration_s <= model.seconds + SAME_TIME_S:
        latest, ends = [0], [0.0, duration_s]
    else:
        latest, ends = _furthest(duration_s, cuts, model)
    starts: list[int] = []
    for index, start in enumerate(latest):
        over_s = OVERLAP_S if index == len(latest) - 1 else EDGE_S
        needed = model.frames_up(ends[index + 1] + over_s) - model.frames
        earliest = starts[-1] if starts else -model.frames_down(lead_s)
        starts.append(max(earliest, min(start, needed)))
    return tuple(
        PlannedWindow(
            start_frame=start, from_s=begin_s, to_s=end_s, heard_s=max(0.0, begin_s - start / model.frame_rate_hz)
        )
        for start, (begin_s, end_s) in zip(starts, itertools.pairwise(ends), strict=True)
    )


def windows_told(windows: Sequence[PlannedWindow], cuts: Cuts, model: ModelWindow) -> str:
    """What a user is told of several windows: how many, and where they meet."""
    places = [window.from_s for window in windows[1:]]
    bars = {line: f"{bar}" for bar, line in enumerate(cuts.bar_lines, 2)}
    told = f"plays {model.seconds:g} seconds at a time: the clip is made in {len(windows)} windows, joined at"
    if all(place in bars for place in places):
        return f"{told} bar{'s' if len(places) > 1 else ''} {_listed([bars[place] for place in places])} of the clip."
    seconds = _listed([f"{place:.2f}" for place in places])
    return f"{told} {seconds} seconds, not all of them bar lines: bars are too long here for that."


def _listed(words: Sequence[str]) -> str:
    """The words in a row, the first few of them where they are many."""
    shown = list(words) if len(words) <= MOST_LISTED else [*words[:MOST_LISTED], f"{len(words) - MOST_LISTED} more"]
    return " and ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else shown[0]


def _furthest(duration_s: float, cuts: Cuts, model: ModelWindow) -> tuple[list[int], list[float]]:
    """The latest frame at which each window may begin, and where the windows meet, ends of the clip included."""
    start, cut_s = _step(0.0, (0,), duration_s, cuts, model)
    latest, ends = [start], [0.0, cut_s]
    while cut_s < duration_s:
        choices = [model.frames_down(cut_s - share * model.seconds) for share in (HEARD_SHARE, LEAST_HEARD_SHARE)]
        start, cut_s = _step(cut_s, choices, duration_s, cuts, model)
        latest.append(start)
        ends.append(cut_s)
    return latest, ends


def _step(cut_s: float, choices: Sequence[int], duration_s: float, cuts: Cuts, model: ModelWindow) -> tuple[int, float]:
    """Where the window that takes over at ``cut_s`` begins, of some frames, and where it hands on or ends the clip."""
    for grid in (cuts.bar_lines, cuts.beats):
        for start in choices:
            if duration_s <= model.end_s(start) + SAME_TIME_S:
                return start, duration_s
            following = _next_cut(cut_s, start, grid, model)
            if following is not None:
                return start, following
    return choices[0], _limit_s(choices[0], model)


def _limit_s(start: int, model: ModelWindow) -> float:
    """The last frame at which a window can hand on, in seconds."""
    edge_s = min(EDGE_S, EDGE_SHARE * model.seconds)
    return model.frames_down(model.end_s(start) - edge_s) / model.frame_rate_hz


def _next_cut(last_s: float, start: int, grid: Sequence[float], model: ModelWindow) -> float | None:
    """The furthest place of a grid at which the window that begins at the frame ``start`` can hand on.

    One so near to the last that too little would be heard of it is none.
    """
    nearest_s = last_s + LEAST_HEARD_SHARE * model.seconds
    before = bisect.bisect_right(grid, _limit_s(start, model) + SAME_TIME_S)
    return grid[before - 1] if before and grid[before - 1] >= nearest_s else None
