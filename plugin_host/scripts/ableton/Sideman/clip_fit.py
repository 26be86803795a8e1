"""A clip that was placed, fitted to the song: warped at the tempo it was made in, looped over all its beats.

Live guesses a tempo when it warps a file, and sets warping later than it is told to. So the fit waits until the clip is
warped, and pins the end of the audio to the last beat; the guess would be a drift.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Generator, Sequence, Tuple

    from .lom import Clip, Marker

SETTLE_TICKS = 20
"""Warping that has not come after so many ticks is given up."""
WARP_MODES = (6, 4, 0)
"""Complex Pro where this Live has it, else Complex, else Beats."""
MOST_DRIFT_S = 0.002
"""Warp markers that would move the last beat by less than this are left alone."""
SAME_BEATS = 0.01


def fit(clip: Clip, beats: float, tempo: float, steady: bool) -> Generator[None, None, str]:
    """Warp and loop a clip of ``beats``; returns a remark, empty when all is as it should be."""
    if not steady:
        if clip.warping:
            clip.warping = False
        return " (the tempo changes in it, so it is not warped)"
    if not clip.warping:
        clip.warping = True
        for _ in range(SETTLE_TICKS):
            if clip.warping:
                break
            yield
        else:
            return " (Live has not warped it: switch Warp on, and set its tempo to %g)" % tempo
    remark = "" if pinned(clip, beats, tempo) else " (check its tempo in Live: it is %g)" % tempo
    available = list(getattr(clip, "available_warp_modes", WARP_MODES))
    mode = next((mode for mode in WARP_MODES if mode in available), None)
    if mode is not None and clip.warp_mode != mode:
        clip.warp_mode = mode
    set_loop(clip, beats)
    if clip.is_arrangement_clip and abs(clip.end_time - clip.start_time - beats) > SAME_BEATS:
        remark += " (it is %g beats long there: drag its edge to %g)" % (clip.end_time - clip.start_time, beats)
    return remark


def pinned(clip: Clip, beats: float, tempo: float) -> bool:
    """Whether the audio's end lies on the last beat; where it does not, it is put there first."""
    seconds = beats * 60.0 / tempo
    if drift_s(clip.warp_markers, beats, seconds) <= MOST_DRIFT_S:
        return True
    import Live  # Live's own module; there is none outside it

    try:
        for marker in list(clip.warp_markers)[1:-1]:  # the last one is hidden and cannot be removed
            clip.remove_warp_marker(marker.beat_time)
        clip.add_warp_marker(Live.Clip.WarpMarker(seconds, beats))
    except RuntimeError:
        return False
    return drift_s(clip.warp_markers, beats, seconds) <= MOST_DRIFT_S


def drift_s(markers: Sequence[Marker], beats: float, seconds: float) -> float:
    """How far the markers put the last beat from the audio's end, and the first one from its start, in seconds."""
    if len(markers) < 2:
        return float("inf")
    return max(abs(seconds_at(markers, beats) - seconds), abs(seconds_at(markers, 0.0)))


def seconds_at(markers: Sequence[Marker], beat: float) -> float:
    """The time in the file of a beat: a straight line between markers, and the outer lines beyond them."""
    index = 1
    while index < len(markers) - 1 and markers[index].beat_time < beat:
        index += 1
    left, right = markers[index - 1], markers[index]
    slope = (right.sample_time - left.sample_time) / (right.beat_time - left.beat_time)
    return left.sample_time + (beat - left.beat_time) * slope


def set_loop(clip: Clip, beats: float) -> None:
    """Loop from beat 0 to the end. Starts go first: they are 0, and so never lie past an end.

    An arrangement clip is as long as the loop's ends say while it does not loop, and keeps its length after that.
    """
    if clip.is_arrangement_clip:
        clip.looping = False
        _set(clip, ("loop_start", 0.0), ("loop_end", beats))
    clip.looping = True
    _set(clip, ("loop_start", 0.0), ("loop_end", beats), ("start_marker", 0.0), ("end_marker", beats))


def _set(clip: Clip, *properties: Tuple[str, float]) -> None:
    for name, value in properties:
        if abs(getattr(clip, name) - value) > 1e-9:
            setattr(clip, name, value)
