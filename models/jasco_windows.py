"""What JASCO hears in each of a clip's windows. Pure, without torch.

A clip is a loop: what a window covers before the clip is its end, and what it covers after the clip is its start. So
all windows are cut from one schedule of chords, one melody and one drum track, and none holds anything empty.
"""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from models.errors import ModelError
from models.generator import SAME_TIME_S, JascoControls, PlannedWindow, Samples, TimedPitch

JOIN_FADE_S: Final = 0.04
JOIN_LIMIT_DB: Final = 1.5
"""A change of level where windows meet that is worth a word, when the clip changes less everywhere else."""
LEVEL_S: Final = 1.0
"""Levels are those of a second."""
SILENT: Final = 1e-5
"""Below this root mean square there is nothing to hear, and no level to compare."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frames:
    """A model's window: its seconds, and how many latent frames are a second."""

    window_s: float
    rate_hz: float

    @property
    def count(self) -> int:
        """The whole frames of the window."""
        return int(self.window_s * self.rate_hz)


def windows_of(chart: JascoControls) -> tuple[PlannedWindow, ...]:
    """The windows that a clip is made in; one that begins with the clip where none are planned."""
    return chart.windows or (PlannedWindow(start_frame=0, from_s=0.0, to_s=chart.duration_s),)


def require_windows(chart: JascoControls, frames: Frames) -> None:
    """See that the windows can be made, and play the clip without a gap. Raises ``ModelError``."""
    windows = windows_of(chart)
    edges = [0.0, *(window.to_s for window in windows)]
    tiled = all(
        abs(window.from_s - edge) < SAME_TIME_S and window.to_s > window.from_s
        for window, edge in zip(windows, edges, strict=False)
    )
    if not tiled or abs(edges[-1] - chart.duration_s) >= SAME_TIME_S:
        raise ModelError("The windows do not play the clip from its start to its end.")
    for window in windows:
        reach_s = window.start_frame / frames.rate_hz + frames.window_s
        if window.start_frame / frames.rate_hz > window.from_s + SAME_TIME_S or reach_s < window.to_s - SAME_TIME_S:
            raise ModelError(
                f"JASCO plays {frames.window_s:g} s at a time, and a window of it does not reach from "
                f"{window.from_s:.2f} s to {window.to_s:.2f} s of the clip: ask for fewer bars."
            )
    for before, after in itertools.pairwise(windows):
        if after.start_frame < before.start_frame:
            raise ModelError("The windows do not begin one after the other.")


def heard_frames(before: PlannedWindow, after: PlannedWindow, rate_hz: float) -> slice:
    """The frames of one window that the next one hears as its own first ones: those before it takes over."""
    first = after.start_frame - before.start_frame
    return slice(first, first + math.floor((after.from_s + SAME_TIME_S) * rate_hz) - after.start_frame)


def window_chords(chart: JascoControls, window: PlannedWindow, frames: Frames) -> list[tuple[str | None, float]]:
    """The chord changes of a window, in seconds from its start; None before the first chord of the clip."""
    if not chart.chords:
        return []
    starts = [start_s for start_s, _ in chart.chords]
    loop_s = _loop_s(chart, frames)
    changes: list[tuple[str | None, float]] = []
    for frame in range(frames.count):
        at_s = ((window.start_frame + frame) / frames.rate_hz + SAME_TIME_S) % loop_s
        last = bisect.bisect_right(starts, at_s + SAME_TIME_S) - 1
        label = chart.chords[last][1] if last >= 0 else None
        if not changes or changes[-1][0] != label:
            changes.append((label, frame / frames.rate_hz))
    return changes


def window_melody(chart: JascoControls, window: PlannedWindow, frames: Frames) -> Iterator[TimedPitch]:
    """The melody notes that sound in a window, in seconds from its start."""
    loop_s = _loop_s(chart, frames)
    begin_s = window.start_frame / frames.rate_hz
    longest_s = max((note.end_s for note in chart.melody), default=0.0)
    rounds = range(math.floor((begin_s - longest_s) / loop_s), math.ceil((begin_s + frames.window_s) / loop_s))
    for shift_s in (loop_round * loop_s - begin_s for loop_round in rounds):
        for note in chart.melody:
            start_s, end_s = max(0.0, note.start_s + shift_s), note.end_s + shift_s
            if start_s < min(end_s, frames.window_s):
                yield TimedPitch(start_s=start_s, end_s=end_s, pitch=note.pitch)


def window_drums(loop: Samples, window: PlannedWindow, frames: Frames, sample_rate_hz: int) -> Samples:
    """The drums of a window [N], of a clip's drums that ``looped`` made."""
    begin = round(window.start_frame / frames.rate_hz * sample_rate_hz)
    places = np.arange(begin, begin + int(frames.window_s * sample_rate_hz)) % len(loop)
    drums: Samples = loop[places]
    return drums


def looped(audio: Samples, chart: JascoControls, frames: Frames, sample_rate_hz: int) -> Samples:
    """Audio [N] as one round of the clip's loop: what rings on after the end is added to the start."""
    length = max(1, round(_loop_s(chart, frames) * sample_rate_hz))
    rounds = max(1, math.ceil(len(audio) / length))
    padded = np.pad(audio, (0, rounds * length - len(audio)))
    loop: Samples = padded.reshape(rounds, length).sum(axis=0, dtype=np.float32)
    return loop


def joined(parts: Sequence[Samples], windows: Sequence[PlannedWindow], frames: Frames, rate: int) -> Samples:
    """The clip of its windows' audio [N each], from its start to the end of what the last window made.

    Where one takes over from another, at the end of a linear crossfade, both play the same: the later
    one has heard the earlier one.
    """
    begins = [round(window.start_frame / frames.rate_hz * rate) for window in windows]
    clip = parts[0][-begins[0] :].astype(np.float32)
    for part, begin, window in zip(parts[1:], begins[1:], windows[1:], strict=True):
        cut = round(window.from_s * rate)
        fade = min(cut - begin, cut, round(JOIN_FADE_S * rate))
        rise = np.arange(1, fade + 1, dtype=np.float32) / max(1, fade)
        meeting = clip[cut - fade : cut] * (1.0 - rise) + part[cut - fade - begin : cut - begin] * rise
        clip = np.concatenate([clip[: cut - fade], meeting, part[cut - begin :]])
    return clip


def joins_db(clip: Samples, windows: Sequence[PlannedWindow], rate: int) -> tuple[float, ...]:
    """The change of level at each join, in decibels: the second after it against the second before."""
    return tuple(_step_db(clip, round(window.from_s * rate), rate) for window in windows[1:])


def loud_joins(clip: Samples, windows: Sequence[PlannedWindow], rate: int) -> list[PlannedWindow]:
    """The windows that begin with a change of level above ``JOIN_LIMIT_DB`` as the clip has none within a window."""
    cuts = [round(window.from_s * rate) for window in windows[1:]]
    places = range(rate, len(clip) - rate, rate // 2)
    within = [place for place in places if all(abs(place - cut) >= LEVEL_S * rate for cut in cuts)]
    usual_db = max((abs(_step_db(clip, place, rate)) for place in within), default=0.0)
    limit_db = max(JOIN_LIMIT_DB, usual_db)
    found = zip(windows[1:], joins_db(clip, windows, rate), strict=True)
    return [window for window, step_db in found if abs(step_db) > limit_db]


def _step_db(clip: Samples, place: int, rate: int) -> float:
    """The level after a place against the level before it; 0 where one of them is silent."""
    around = round(LEVEL_S * rate)
    before, after = (_level(side) for side in (clip[max(0, place - around) : place], clip[place : place + around]))
    return 20.0 * math.log10(after / before) if min(before, after) > SILENT else 0.0


def _level(audio: Samples) -> float:
    """Root mean square; that of no audio is 0."""
    return math.sqrt(float(np.mean(np.square(audio, dtype=np.float64)))) if len(audio) else 0.0


def _loop_s(chart: JascoControls, frames: Frames) -> float:
    """The clip's length; a loop is one latent frame long at least."""
    return max(chart.duration_s, 1.0 / frames.rate_hz)
