"""A look-ahead peak limiter for loops: its gain runs around the seam, so the loop stays continuous."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.ndimage import maximum_filter1d, uniform_filter1d

ATTACK_S: Final = 0.0015
"""The gain falls to a peak in this time, before the peak."""
RELEASE_DB_PER_S: Final = 100.0
"""The gain comes back this fast: 8 dB in 80 ms."""
GROUP_FRAMES: Final = 16
"""Reductions are found for groups of frames; only the smoothing goes frame by frame."""

Audio = npt.NDArray[np.float64]


class Limiter:
    """Limits one loop [frames, channels] at any gain. All channels share one gain curve.

    The level of each frame is found once; ``gain`` can then be called for gain after gain.
    """

    def __init__(self, loop: Audio, sample_rate_hz: int) -> None:
        self._frames = len(loop)
        self._rate = sample_rate_hz
        self._reach = round(ATTACK_S * sample_rate_hz / 2)
        level = _group_maxima(np.maximum.reduce([np.abs(channel) for channel in loop.T]))
        # A group's neighbours within `reach` frames; one more, for the last group may be a short one.
        groups = math.ceil(self._reach / GROUP_FRAMES) + 1
        held = maximum_filter1d(level, size=2 * groups + 1, mode="wrap")
        with np.errstate(divide="ignore"):
            self._held_db = 20.0 * np.log10(held)

    def gain(self, gain_db: float, ceiling_dbfs: float) -> tuple[Audio, float]:
        """The gain of each frame at ``gain_db`` with peaks brought down to the ceiling; the largest reduction in dB.

        What a peak needs is held over the attack time around it, let go at a steady rate, and averaged over
        the attack time, which makes ramps of the hold's edges. Every value in a peak's average was held for
        that peak, so the average is at least what it needs, up to floating-point rounding.
        """
        by_frame = np.repeat(self._reduction_db(gain_db, ceiling_dbfs), GROUP_FRAMES)[: self._frames]
        reduction_db = uniform_filter1d(by_frame, size=2 * self._reach + 1, mode="wrap")
        gain = np.exp((gain_db - reduction_db) * (math.log(10.0) / 20.0))
        return gain, float(reduction_db.max())

    def coarse_gain(self, gain_db: float, ceiling_dbfs: float) -> Audio:
        """``gain`` before it is smoothed: one value for each group of ``GROUP_FRAMES`` frames."""
        gain: Audio = np.exp((gain_db - self._reduction_db(gain_db, ceiling_dbfs)) * (math.log(10.0) / 20.0))
        return gain

    def _reduction_db(self, gain_db: float, ceiling_dbfs: float) -> Audio:
        needed_db = np.maximum(self._held_db + (gain_db - ceiling_dbfs), 0.0)
        return _released(needed_db, RELEASE_DB_PER_S * GROUP_FRAMES / self._rate)


def _group_maxima(level: Audio) -> Audio:
    """The largest level in each group of frames; the last group may be short."""
    return np.maximum.reduceat(level, np.arange(0, len(level), GROUP_FRAMES))


def _released(reduction_db: Audio, fall_db: float) -> Audio:
    """``r[n] = max(reduction[n], r[n - 1] - fall)``, around the loop.

    That is a running maximum of ``reduction[n] + n * fall``. The loop is led in by a copy of itself, so that
    its start knows every reduction before it.
    """
    groups = len(reduction_db)
    rise = np.arange(2 * groups) * fall_db
    peaks = np.maximum.accumulate(np.tile(reduction_db, 2) + rise)
    released: Audio = (peaks - rise)[groups:]
    return released
