"""Onsets in audio, and the tempo that they keep.

Onset strength is the spectral flux of Böck and Widmer (2013, Maximum Filter Vibrato Suppression for Onset Detection),
by librosa. The tempo is where the Fourier transform of the strength, taken along the beats that were asked for, is
largest (a Fourier tempogram, Grosche and Müller 2011, on musical time), so that ramps are followed.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

RATE_HZ: Final = 22050
HOP: Final = 256
"""Frames of 11.6 ms."""
WINDOW: Final = 1024
MEL_BANDS: Final = 96
LAG: Final = 2
VIBRATO_BANDS: Final = 3
LATE_S: Final = 0.010
"""How much later than an attack begins its onset is found."""
TEMPO_RANGE: Final = 0.15
"""Tempos are looked for so far around the one that was asked for."""
TEMPO_STEP: Final = 0.0005
PULSES_PER_BEAT: Final = (1, 2, 4)
"""Quarter notes, eighths and sixteenths."""
FEWEST_BEATS: Final = 3

Series = npt.NDArray[np.float64]


def onset_strength(mono: npt.NDArray[np.float32]) -> Series:
    """Onset strength [frames of ``HOP``] of audio [frames] at ``RATE_HZ``."""
    import librosa  # noqa: PLC0415  numba comes with it, which the daemon does not load

    powers: Any = librosa.feature.melspectrogram(
        y=mono, sr=RATE_HZ, n_fft=WINDOW, hop_length=HOP, n_mels=MEL_BANDS, fmin=30.0
    )
    strength: Any = librosa.onset.onset_strength(
        S=librosa.power_to_db(powers), sr=RATE_HZ, hop_length=HOP, lag=LAG, max_size=VIBRATO_BANDS
    )
    return np.asarray(strength, dtype=np.float64)


def onset_times(strength: Series) -> Series:
    """The times of onsets, in seconds from the first frame."""
    import librosa  # noqa: PLC0415

    if not strength.any():
        return np.zeros(0)
    found: Any = librosa.onset.onset_detect(onset_envelope=strength, sr=RATE_HZ, hop_length=HOP, units="time")
    return np.asarray(found, dtype=np.float64) - LATE_S


def tempo_error(strength: Series, beats_s: Series) -> float | None:
    """How much faster than the beats at ``beats_s`` the onsets are, as a share; None where there is nothing to tell.

    Tempos are looked for within ``TEMPO_RANGE``. ``strength`` begins with the first beat.
    """
    times = np.arange(len(strength)) * HOP / RATE_HZ - LATE_S
    within = (times >= beats_s[0]) & (times <= beats_s[-1])
    if len(beats_s) <= FEWEST_BEATS or not strength[within].any():
        return None
    beats = np.interp(times[within], beats_s, np.arange(len(beats_s), dtype=np.float64))
    normal = strength[within] - strength[within].mean()
    ratios = np.exp(np.arange(np.log1p(-TEMPO_RANGE), np.log1p(TEMPO_RANGE), TEMPO_STEP))
    found = np.zeros(len(ratios))
    for pulses in PULSES_PER_BEAT:
        found += np.abs(np.exp(-2j * np.pi * pulses * np.outer(ratios, beats)) @ normal)
    return float(ratios[int(found.argmax())] - 1.0)
