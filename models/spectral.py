"""How far two sounds are apart in their spectra: what a codec is trained by, and what it is measured by."""

from __future__ import annotations

from functools import cache
from typing import Final

import librosa
import torch
from torch import Tensor

RESOLUTIONS: Final = (2048, 1024, 512, 128)
"""Windows of the spectra that training compares, in samples; they overlap by three quarters."""
MEL_BANDS: Final = 80
MEL_WINDOW: Final = 1024
FLOOR: Final = 1e-5
"""What a magnitude counts as at the least: -100 dB of a full-scale sine's order."""


def magnitudes(audio: Tensor, window: int) -> Tensor:
    """Magnitudes of the spectra of audio [B, N]: [B, window / 2 + 1, frames], of which a sine of 1 has about 0.5."""
    shape = torch.hann_window(window, dtype=audio.dtype, device=audio.device)
    spectra = torch.stft(audio, window, window // 4, window=shape, return_complex=True)
    power = torch.view_as_real(spectra).square().sum(-1)
    return (power + FLOOR**2).sqrt() / shape.sum()


def spectral_loss(heard: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """Spectral convergence and log-magnitude distance of audio [B, N], the mean over all resolutions.

    Yamamoto et al. 2020, Parallel WaveGAN, section 2.2; the norm of the convergence is the batch's, or silent items
    would count for everything.
    """
    convergence, distance = heard.new_zeros(()), heard.new_zeros(())
    for window in RESOLUTIONS:
        ours, theirs = magnitudes(heard, window), magnitudes(wanted, window)
        convergence = convergence + (theirs - ours).norm() / (theirs.norm() + FLOOR)
        distance = distance + (_log(theirs) - _log(ours)).abs().mean()
    return convergence / len(RESOLUTIONS), distance / len(RESOLUTIONS)


def log_mel(audio: Tensor, sample_rate_hz: int) -> Tensor:
    """Common logarithms of the mel spectrum of audio [B, N]: [B, MEL_BANDS, frames]."""
    bands = _mel_filters(sample_rate_hz).to(audio)
    return _log(bands @ magnitudes(audio, MEL_WINDOW))


def log_mel_distance(heard: Tensor, wanted: Tensor, sample_rate_hz: int) -> Tensor:
    """The mean absolute difference of ``log_mel``, in decades; 0.05 of it are one decibel."""
    return (log_mel(heard, sample_rate_hz) - log_mel(wanted, sample_rate_hz)).abs().mean()


@cache
def _mel_filters(sample_rate_hz: int) -> Tensor:
    """Bands [MEL_BANDS, MEL_WINDOW / 2 + 1] that each add up to 1."""
    bands = torch.from_numpy(librosa.filters.mel(sr=sample_rate_hz, n_fft=MEL_WINDOW, n_mels=MEL_BANDS, norm=None))
    return bands / bands.sum(1, keepdim=True).clamp_min(FLOOR)


def _log(values: Tensor) -> Tensor:
    return values.clamp_min(FLOOR).log10()
