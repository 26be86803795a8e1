"""From audio that begins with a clip and may ring on after it, to a loop without a click.

* Audio that rings on is a tail: it is added to the start, as often around as it is long, the way it would
  sound if the clip were played again and again. Its own end is faded.
* Audio that runs on for a moment only, where the clip starts in the middle of a sound, is an overlap:
  start and overlap are crossfaded at equal power.
* Audio that ends with the clip is faded at its ends, and only where the seam would step.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

MIN_TAIL_S: Final = 0.005
"""What runs on for less than this is not worth keeping."""
OVERLAP_S: Final = 0.050
"""The longest overlap, and the length of the fade at the end of a tail."""
FADE_IN_S: Final = 0.001
FADE_OUT_S: Final = 0.004
NEIGHBOURHOOD_S: Final = 0.020
"""A seam steps when it moves further than any two neighbouring frames this close to it."""
_INAUDIBLE: Final = 2.0**-24
"""Half a step of 24 bits."""

Audio = npt.NDArray[np.float64]


def fold(audio: Audio, frames: int, sample_rate_hz: int) -> tuple[Audio, int]:
    """A loop of exactly ``frames`` frames, and the frames after the clip's end that went into it.

    ``audio`` [frames, channels] is at least as long as the loop, and peaks at about 1.
    """
    body, tail = audio[:frames], _audible(audio[frames:])
    if len(tail) < MIN_TAIL_S * sample_rate_hz:
        tail = tail[:0]
    overlap = min(len(tail), round(OVERLAP_S * sample_rate_hz))
    ringing = _wrapped(_faded_out(tail, overlap), frames)
    loop = _mixed(body, ringing)
    if seam_steps(loop, sample_rate_hz):
        if not len(tail):
            loop = _faded_in(
                _faded_out(body, _frames_of(FADE_OUT_S, sample_rate_hz)), _frames_of(FADE_IN_S, sample_rate_hz)
            )
        else:
            short = len(tail) <= overlap
            loop = _mixed(_faded_in(body, overlap if short else _frames_of(FADE_IN_S, sample_rate_hz)), ringing)
    return loop, len(tail)


def seam_steps(loop: npt.NDArray[np.floating], sample_rate_hz: int) -> bool:
    """Whether the loop jumps where its end meets its start, by more than it moves from frame to frame nearby."""
    near = min(len(loop) // 2, math.ceil(NEIGHBOURHOOD_S * sample_rate_hz))
    if near < 1:
        return False
    around = np.abs(np.diff(np.concatenate([loop[-near:], loop[:near]]), axis=0)).max(axis=1)
    seam = around[near - 1]
    around[near - 1] = 0.0
    return bool(seam > around.max() * 1.001 + _INAUDIBLE)


def _frames_of(seconds: float, sample_rate_hz: int) -> int:
    return max(1, round(seconds * sample_rate_hz))


def _audible(tail: Audio) -> Audio:
    """The tail up to the last frame that can be heard."""
    heard = np.flatnonzero((np.abs(tail) > _INAUDIBLE).any(axis=1))
    return tail[: heard[-1] + 1] if len(heard) else tail[:0]


def _mixed(body: Audio, start: Audio) -> Audio:
    """``body`` with ``start``, which is no longer, added to its beginning."""
    mixed = body.copy()
    mixed[: len(start)] += start
    return mixed


def _wrapped(tail: Audio, frames: int) -> Audio:
    """A tail longer than the loop laid around it as often as it goes, each round added to the last."""
    if len(tail) <= frames:
        return tail
    rounds = math.ceil(len(tail) / frames)
    padded = np.pad(tail, ((0, rounds * frames - len(tail)), (0, 0)))
    wrapped: Audio = padded.reshape(rounds, frames, tail.shape[1]).sum(axis=0)
    return wrapped


def _ramp(frames: int) -> Audio:
    """A quarter sine from 0 to 1; with its mirror image it keeps the power of unrelated sounds."""
    ramp: Audio = np.sin(np.linspace(0.0, np.pi / 2, frames + 1))[:-1, np.newaxis]
    return ramp


def _faded_in(audio: Audio, frames: int) -> Audio:
    """The first ``frames`` frames (at most all) rise from silence."""
    frames = min(frames, len(audio))
    return np.concatenate([audio[:frames] * _ramp(frames), audio[frames:]])


def _faded_out(audio: Audio, frames: int) -> Audio:
    """The last ``frames`` frames (at most all) fall to silence."""
    return _faded_in(audio[::-1], frames)[::-1]
