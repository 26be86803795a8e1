"""An adversary of the codec: it tells the codec's sound from real sound, and the codec learns to be taken for real.

Défossez et al. 2022, section 3.4: small networks over complex spectra of several resolutions, the hinge loss, and
feature matching. It is left behind when the codec is done.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, relu
from torch.nn.utils.parametrizations import weight_norm

WINDOWS: Final = (2048, 1024, 512, 256, 128)
"""Windows of the spectra, in samples."""
_SLOPE: Final = 0.2
_DILATIONS: Final = (1, 2, 4)
_LEAST: Final = 1e-4

Judged = tuple[Tensor, list[Tensor]]
"""What a judge makes of sounds: how real each place is, and what its layers gave."""


class Judge(nn.Module):
    """A network over the spectrum of one resolution; time is the third dimension, frequency the last."""

    def __init__(self, window: int, channels: int) -> None:
        super().__init__()
        self.window = window
        self.layers = nn.ModuleList(
            [
                _convolution(2, channels, (3, 9)),
                *(_convolution(channels, channels, (3, 9), stride=2, dilation=one) for one in _DILATIONS),
                _convolution(channels, channels, (3, 3)),
            ]
        )
        self.out = _convolution(channels, 1, (3, 3))
        self.register_buffer("shape", torch.hann_window(window), persistent=False)
        self.shape: Tensor

    def forward(self, audio: Tensor) -> Judged:
        """Audio [B, N]."""
        spectra = torch.stft(
            audio, self.window, self.window // 4, window=self.shape, normalized=True, return_complex=True
        )
        x = torch.view_as_real(spectra).permute(0, 3, 2, 1)
        features = []
        for layer in self.layers:
            x = leaky_relu(layer(x), _SLOPE)
            features.append(x)
        return self.out(x), features


class Adversary(nn.Module):
    """Judges of several resolutions."""

    def __init__(self, channels: int, *, seed: int, windows: Sequence[int] = WINDOWS) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.judges = nn.ModuleList(Judge(window, channels) for window in windows)

    def forward(self, audio: Tensor) -> list[Judged]:
        """What each judge makes of audio [B, N]."""
        return [judge(audio) for judge in self.judges]

    def losses(self, heard: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Three numbers for the codec's sound and the real one, [B, N].

        How far the codec is from being taken for real, how far what the layers give is apart, and how far the adversary
        is from telling the two apart. The last reaches no parameter of the codec.
        """
        real, fake, apart = self(wanted), self(heard), self(heard.detach())
        deceived = [relu(1.0 - verdict).mean() for verdict, _ in fake]
        matched = [
            (theirs.detach() - ours).abs().mean() / theirs.detach().abs().mean().clamp_min(_LEAST)
            for (_, given), (_, made) in zip(real, fake, strict=True)
            for theirs, ours in zip(given, made, strict=True)
        ]
        told = [relu(1.0 - yes).mean() + relu(1.0 + no).mean() for (yes, _), (no, _) in zip(real, apart, strict=True)]
        return torch.stack(deceived).mean(), torch.stack(matched).mean(), torch.stack(told).mean()


def _convolution(inner: int, outer: int, kernel: tuple[int, int], *, stride: int = 1, dilation: int = 1) -> nn.Module:
    """Strided along frequency, dilated along time; as long as before in time."""
    padding = (dilation * (kernel[0] - 1) // 2, (kernel[1] - 1) // 2)
    made: nn.Module = weight_norm(nn.Conv2d(inner, outer, kernel, (1, stride), padding, (dilation, 1)))
    return made
