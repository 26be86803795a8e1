"""Training an EnCodec: sound through the codec, held against itself.

Défossez et al. 2022, section 3.4: distance of waveform and of spectra at several resolutions; the quantiser is in the loop
for some items. The others get noise on their latents instead, for a flow model that is to learn the latents: what the
noise would hide is not worth a dimension. An adversary (``models.training_adversary``) may join later.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import torch
from torch import Generator, Tensor, nn

from models.codec import Codec, CodecConfig
from models.spectral import log_mel_distance, spectral_loss
from models.training_quantiser import MovingCodebooks
from models.wide_codec import decoded, encoded

STEM_SHARE: Final = 0.25
REST_SHARE: Final = 0.15
"""So many crops are the drums alone, and all but the drums; the others are the mix."""

SOUND_RMS: Final = 0.1
"""About the root mean square of music. Weights begin so that latents of it have that of 1, and what comes out its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodecRecipe:
    """How a codec is trained: crops of so many frames in a batch, and the weights of what counts.

    ``latent_noise`` is added to latents that are not quantised, ``quantised_share`` of a batch is.
    """

    batch: int = 8
    crop_frames: int = 25
    quantised_share: float = 0.25
    latent_noise: float = 0.2
    waveform_weight: float = 5.0
    spectral_weight: float = 1.0
    mel_weight: float = 2.0
    latent_weight: float = 2e-3
    commitment_weight: float = 0.05


def new_codec(config: CodecConfig, seed: int) -> Codec:
    """A codec with weights drawn from a seed, under which the size of signals stays about the same."""
    codec = Codec(config)
    chance = Generator().manual_seed(seed)
    convolutions = [module for module in codec.modules() if isinstance(module, nn.Conv1d | nn.ConvTranspose1d)]
    with torch.no_grad():
        for convolution in convolutions:
            weight, spread = convolution.weight, _inputs(convolution) ** -0.5
            weight.copy_(torch.randn(weight.shape, generator=chance) * spread)
            if convolution.bias is not None:
                convolution.bias.zero_()
        codec.encoder.layers[0].conv.weight.mul_(1.0 / SOUND_RMS)
        codec.decoder.layers[-1].conv.weight.mul_(SOUND_RMS)
    codec._settle()
    return codec


def _inputs(convolution: nn.Conv1d | nn.ConvTranspose1d) -> float:
    """How many numbers make one of a convolution's output."""
    (kernel,), (stride,) = convolution.kernel_size, convolution.stride
    if isinstance(convolution, nn.ConvTranspose1d):
        return convolution.in_channels * kernel / stride
    return convolution.in_channels * kernel


class CodecTraining(nn.Module):
    """A codec under training."""

    def __init__(self, codec: Codec, recipe: CodecRecipe) -> None:
        super().__init__()
        self.codec, self.recipe = codec, recipe
        self.codebooks = MovingCodebooks(codec)

    def losses(self, audio: Tensor, chance: Generator) -> Mapping[str, Tensor]:
        """What counts of a batch of crops [B, N]; ``loss`` is what is learnt from."""
        recipe, rate = self.recipe, self.codec.config.sample_rate_hz
        latents = encoded(self.codec, audio[:, None])
        quantised = round(recipe.quantised_share * len(audio))
        noise = torch.randn(latents.shape, generator=chance).to(latents)
        noisy = latents[quantised:] + recipe.latent_noise * noise[quantised:]
        codes = self.codebooks.quantised(self.codec, latents, chance if self.training else None)
        nearest = codes[:quantised]
        passed = latents[:quantised] + (nearest - latents[:quantised]).detach()
        heard = decoded(self.codec, torch.cat([passed, noisy]))[:, 0, : audio.shape[-1]]
        convergence, distance = spectral_loss(heard, audio)
        parts = {
            "waveform": (heard - audio).abs().mean(),
            "spectral": convergence + distance,
            "mel": log_mel_distance(heard, audio, rate),
            "latent": latents.square().mean(),
            "commitment": (latents - codes.detach()).square().mean(),
        }
        weights = {
            "waveform": recipe.waveform_weight,
            "spectral": recipe.spectral_weight,
            "mel": recipe.mel_weight,
            "latent": recipe.latent_weight,
            "commitment": recipe.commitment_weight,
        }
        total = torch.stack([weights[name] * part for name, part in parts.items()]).sum()
        return {"loss": total, **parts}
