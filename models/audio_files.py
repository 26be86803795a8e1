"""Audio from a file, as a model hears it: mono, at its rate."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import soundfile
import soxr

from models.ecdc import ECDC_SUFFIX, read_ecdc
from models.errors import ModelError
from models.generator import Samples

LONGEST_S: Final = 600.0
"""A longer file is refused: a model hears seconds of it."""


def read_audio(path: Path, *, what: str, codecs: Path | None = None) -> tuple[Samples, int]:
    """Audio [frames, channels] of a file, and its sample rate in Hz.

    ``what`` names the file in messages; ``codecs`` is the folder with what ``.ecdc`` files are decoded by. Raises
    ``ModelError`` for a file that cannot be read, is empty or too long, or holds what is not a number.
    """
    if codecs is not None and path.suffix.lower() == ECDC_SUFFIX:
        audio, rate = read_ecdc(path, codecs)
    else:
        audio, rate = _read(path, what)
    _require_length(len(audio), rate, f"{what} {path}")
    if not np.isfinite(audio).all():
        raise ModelError(f"{what} {path} holds samples that are not numbers.")
    return audio, rate


def as_mono(audio: Samples, rate: int, sample_rate_hz: int) -> Samples:
    """Audio [frames, channels] as mono [N] at another rate."""
    mono: Samples = soxr.resample(audio.mean(axis=1), rate, sample_rate_hz, quality=soxr.HQ).astype(np.float32)
    return mono


def _read(path: Path, what: str) -> tuple[Samples, int]:
    try:
        with soundfile.SoundFile(path) as file:
            _require_length(file.frames, file.samplerate, f"{what} {path}")
            audio = file.read(dtype="float32", always_2d=True)
            rate = file.samplerate
    except (OSError, soundfile.SoundFileError) as error:
        raise ModelError(f"{what} {path} cannot be read: {error}") from error
    return audio, int(rate)


def _require_length(frames: int, rate: int, what: str) -> None:
    if not frames:
        raise ModelError(f"{what} holds no audio: leave it out, or give it sound.")
    if frames > LONGEST_S * rate:
        raise ModelError(f"{what} lasts {frames / rate:.0f} s; at most {LONGEST_S:.0f} s are read.")
