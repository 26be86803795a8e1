"""What a sound is like, beside what it plays: how noisy, how clear its tones are, how much treble it has. Pure.

These tell a codec's and a model's sound from that of instruments where the scores of chords and drums do not.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Final

import librosa
import numpy as np
from pydantic import BaseModel, ConfigDict

from models.generator import Samples

WINDOW: Final = 4096
"""Samples of a spectrum: at 32 kHz neighbouring notes are apart from C3 on."""
LOUDEST_DB: Final = 40.0
"""Spectra this far below the loudest do not count: there is silence."""
TREBLE_HZ: Final = 2000.0
PEAK_BINS: Final = 2
"""A tone fills so many bins to either side of its peak."""
PEAK_OVER_MEDIAN: Final = 4.0
"""A peak is a tone when it is so many times the median around it, in magnitude."""
_AROUND: Final = 25
_FLOOR: Final = 1e-12


class Texture(BaseModel):
    """Of some sound: spectral flatness from 0 (one tone) to 1 (white noise), tones to noise and treble to all in dB."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    flatness: float
    tones_to_noise_db: float
    treble_db: float


def texture_of(sound: Samples, sample_rate_hz: int) -> Texture | None:
    """The texture of a sound [N]; None where there is nothing to hear.

    Flatness is the geometric by the arithmetic mean of the power spectrum (Johnston 1988), the mean over frames. Tones
    are the spectral peaks that stand out of the median around them, and noise is what is left: a harmonic-to-noise
    ratio for more than one voice. Treble is the power above ``TREBLE_HZ``.
    """
    power = np.abs(librosa.stft(sound.astype(np.float32), n_fft=WINDOW, hop_length=WINDOW // 4)) ** 2
    levels = power.sum(axis=0)
    if levels.max(initial=0.0) < _FLOOR:
        return None
    power = power[:, levels > levels.max() * 10.0 ** (-LOUDEST_DB / 10.0)]
    flatness = librosa.feature.spectral_flatness(S=power, power=1.0, amin=_FLOOR)
    tones = _tones(power)
    tonal, noise = float(power[tones].sum()), float(power[~tones].sum())
    treble = float(power[round(TREBLE_HZ * WINDOW / sample_rate_hz) :].sum())
    return Texture(
        flatness=float(flatness.mean()),
        tones_to_noise_db=_db(tonal, noise),
        treble_db=_db(treble, tonal + noise),
    )


def mean_texture(textures: Sequence[Texture]) -> Texture:
    """The mean of each figure."""
    return Texture(**{name: statistics.fmean(getattr(one, name) for one in textures) for name in Texture.model_fields})


def _tones(power: np.ndarray) -> np.ndarray:
    """Where a tone is, [bins, frames]."""
    from scipy.ndimage import maximum_filter1d, median_filter  # noqa: PLC0415  scipy takes a moment

    magnitude = np.sqrt(power)
    around = median_filter(magnitude, size=(2 * _AROUND + 1, 1), mode="nearest")
    local = maximum_filter1d(magnitude, size=3, axis=0, mode="nearest") == magnitude
    peaks = local & (magnitude > PEAK_OVER_MEDIAN * around)
    around_peaks: np.ndarray = maximum_filter1d(peaks.astype(np.uint8), size=2 * PEAK_BINS + 1, axis=0, mode="constant")
    return around_peaks > 0


def _db(part: float, whole: float) -> float:
    return float(10.0 * np.log10((part + _FLOOR) / (whole + _FLOOR)))
