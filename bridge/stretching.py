"""Time-stretching: another length, the same pitch.

Signalsmith Stretch (MIT; Luff 2023) does it where its wheel is, and librosa's phase vocoder where it is not. Both are
imported when they are needed, which is in the engine process alone.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from models.generator import Samples

SIGNALSMITH: Final = "Signalsmith Stretch"
PHASE_VOCODER: Final = "phase vocoder"
_SEED: Final = 1
"""Signalsmith's phases are drawn from it: the same audio is stretched the same way each time."""
_PHASE_VOCODER_S: Final = 0.032
"""The vocoder's window: a longer one smears attacks, a shorter one makes low notes rough."""


def stretcher() -> str:
    """The one that is used here, by name."""
    try:
        import python_stretch  # noqa: F401, PLC0415
    except ImportError:
        return PHASE_VOCODER
    return SIGNALSMITH


def stretched(samples: Samples, sample_rate_hz: int, ratio: float, *, by: str | None = None) -> Samples:
    """``samples`` [frames, channels] made ``ratio`` times as long: ``round(frames * ratio)`` frames.

    What lay at frame ``n`` lies at ``n * ratio``. ``by`` names the stretcher; None is the one of ``stretcher()``.
    """
    frames = round(len(samples) * ratio)
    if not frames or not samples.any():
        return np.zeros((frames, samples.shape[1]), dtype=np.float32)
    use = _by_signalsmith if (by or stretcher()) == SIGNALSMITH else _by_phase_vocoder
    audio = use(samples, sample_rate_hz, ratio)[:frames]
    return np.pad(audio, ((0, frames - len(audio)), (0, 0)))


def _by_signalsmith(samples: Samples, sample_rate_hz: int, ratio: float) -> Samples:
    """Its ``process`` compensates its own latency."""
    import python_stretch  # noqa: PLC0415

    processor = python_stretch.Signalsmith.Stretch(_SEED)
    processor.preset(samples.shape[1], float(sample_rate_hz))
    processor.setTimeFactor(1.0 / ratio)
    return np.asarray(processor.process(np.ascontiguousarray(samples.T)), dtype=np.float32).T


def _by_phase_vocoder(samples: Samples, sample_rate_hz: int, ratio: float) -> Samples:
    import librosa  # noqa: PLC0415

    size = 1 << round(np.log2(_PHASE_VOCODER_S * sample_rate_hz))
    audio = librosa.effects.time_stretch(np.ascontiguousarray(samples.T), rate=1.0 / ratio, n_fft=size)
    return np.asarray(audio, dtype=np.float32).T
