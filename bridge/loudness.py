"""Loudness of loops: measured by pyloudnorm, and estimated under a changing gain without measuring again."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt
import pyloudnorm
from scipy.signal import sosfilt

from bridge.limiter import GROUP_FRAMES

Audio = npt.NDArray[np.float64]

MEASURED_S: Final = 3.0
"""A shorter loop is measured as it plays, repeated to at least this length."""
_HOP_S: Final = 0.1
_HOPS_IN_BLOCK: Final = 4
_OFFSET_LU: Final = -0.691
_ABSOLUTE_GATE_LUFS: Final = -70.0
_RELATIVE_GATE_LU: Final = -10.0


def loop_loudness(loop: npt.NDArray[np.floating], sample_rate_hz: int) -> float:
    """Integrated loudness in LUFS (ITU-R BS.1770-4) of a loop [frames, 2] as it plays; -inf for silence.

    A steady offset is taken out first: the K-weighting lets none through, but a meter that starts on one
    hears a click.
    """
    playing = _repeated(loop - _mean(loop), sample_rate_hz)
    return float(pyloudnorm.Meter(sample_rate_hz).integrated_loudness(playing))


class WeightedPower:
    """The K-weighted power of a loop, from which its loudness under any slow gain follows.

    A gain that changes slowly beside the weighting filters (ITU-R BS.1770-4, annex 1) can be applied after
    them as well as before, so a limiter's outcome can be judged without filtering again. It is an estimate:
    what is reported is measured.
    """

    def __init__(self, loop: Audio, sample_rate_hz: int) -> None:
        self._repeats = _repeats(len(loop), sample_rate_hz)
        playing = _repeated(loop - _mean(loop), sample_rate_hz)
        sections = _k_weighting(sample_rate_hz)
        power: Audio = np.zeros(len(playing))
        for channel in playing.T:
            weighted = sosfilt(sections, channel)
            weighted *= weighted
            power += weighted
        groups = np.arange(0, len(loop), GROUP_FRAMES)
        self._power: Audio = np.add.reduceat(power.reshape(self._repeats, -1), groups, axis=1)
        hop = self._hop_frames = _HOP_S * sample_rate_hz
        starts = np.add.outer(np.arange(self._repeats) * len(loop), groups).reshape(-1)
        hops = np.arange(int(len(power) / hop)) * hop
        self._hop_starts, self._hop_ends = np.searchsorted(starts, hops), np.searchsorted(starts, hops + hop)

    def loudness(self, gain: Audio | None = None) -> float:
        """Integrated loudness in LUFS; ``gain`` is that of each group of frames of the loop. -inf for silence."""
        power = self._power
        if gain is not None:
            power = power * np.square(gain)
        so_far = np.concatenate([[0.0], np.cumsum(power)])
        by_hop = (so_far[self._hop_ends] - so_far[self._hop_starts]) / self._hop_frames
        blocks = np.convolve(by_hop, np.full(_HOPS_IN_BLOCK, 1 / _HOPS_IN_BLOCK), mode="valid")
        loud = blocks[blocks > _power_of(_ABSOLUTE_GATE_LUFS)]
        if not len(loud):
            return -math.inf
        gate = _power_of(_loudness_of(float(loud.mean())) + _RELATIVE_GATE_LU)
        return _loudness_of(float(loud[loud > gate].mean()))


def _mean(loop: npt.NDArray[np.floating]) -> Audio:
    """The mean of each channel; ``mean(axis=0)`` is many times slower on two columns."""
    return np.array([channel.mean() for channel in loop.T])


def _repeated(loop: npt.NDArray[np.floating], sample_rate_hz: int) -> npt.NDArray[np.floating]:
    """The loop as often after itself as it takes to be measured."""
    repeats = _repeats(len(loop), sample_rate_hz)
    return np.tile(loop, (repeats, 1)) if repeats > 1 else loop


def _repeats(frames: int, sample_rate_hz: int) -> int:
    return math.ceil(MEASURED_S * sample_rate_hz / frames)


def _k_weighting(sample_rate_hz: int) -> Audio:
    """Both stages of the K-weighting as second-order sections."""
    shelf = pyloudnorm.IIRfilter(4.0, 1 / math.sqrt(2), 1500.0, sample_rate_hz, "high_shelf")
    high_pass = pyloudnorm.IIRfilter(0.0, 0.5, 38.0, sample_rate_hz, "high_pass")
    sections: Audio = np.array([[*stage.b, *stage.a] for stage in (shelf, high_pass)])
    return sections


def _loudness_of(power: float) -> float:
    return _OFFSET_LU + 10.0 * math.log10(power) if power > 0 else -math.inf


def _power_of(loudness_lufs: float) -> float:
    return float(10.0 ** ((loudness_lufs - _OFFSET_LU) / 10.0))
