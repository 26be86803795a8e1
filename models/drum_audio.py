"""A drum track from a file, as the drum control of a model: mono, at its rate, isolated from a mix where asked to."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Final

import numpy as np
import soxr

from models.audio_files import as_mono, read_audio
from models.errors import ModelError
from models.generator import Samples

_SEPARATOR: Final = "htdemucs"
_STEM: Final = "drums"


def read_drums(path: Path, sample_rate_hz: int, *, separate: bool = False, codecs: Path | None = None) -> Samples:
    """The drums in a file as mono audio [N]. With ``separate`` they are isolated from a mix by Demucs.

    ``codecs`` is the folder with what ``.ecdc`` files are decoded by. Raises ``ModelError`` for a file that cannot be
    read, is empty or too long, and where Demucs or a codec is missing.
    """
    audio, rate = read_audio(path, what="The drum track", codecs=codecs)
    if separate:
        audio, rate = _isolated(audio, rate)
    return as_mono(audio, rate, sample_rate_hz)


def _isolated(audio: Samples, rate: int) -> tuple[Samples, int]:
    """The drum stem of a mix [frames, channels], and its sample rate."""
    try:
        import torch  # noqa: PLC0415

        apply = importlib.import_module("demucs.apply")
        pretrained = importlib.import_module("demucs.pretrained")
    except (ImportError, OSError) as error:
        raise ModelError(
            "Isolating drums needs Demucs, which is not installed: pip install 'sideman[demucs]', or give a file that "
            "holds nothing but drums."
        ) from error
    try:
        model = pretrained.get_model(_SEPARATOR)
    except Exception as error:  # whatever its download, its cache and its pickle raise
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise ModelError(
            f"Demucs cannot load its model {_SEPARATOR} ({reason}): it is downloaded when first used, so see that the "
            "network is there, or give a file that holds nothing but drums."
        ) from error
    stereo = np.broadcast_to(audio, (len(audio), 2)) if audio.shape[1] == 1 else audio[:, :2]
    at_rate = soxr.resample(np.ascontiguousarray(stereo), rate, model.samplerate, quality=soxr.HQ)
    mix = torch.from_numpy(at_rate.astype(np.float32).T)
    centre, spread = mix.mean(), mix.std() + 1e-8
    with torch.inference_mode():
        stems = apply.apply_model(model, ((mix - centre) / spread)[None], shifts=0)[0]
    drums = stems[model.sources.index(_STEM)] * spread + centre
    return drums.T.numpy(), int(model.samplerate)
