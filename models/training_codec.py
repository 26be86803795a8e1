"""Training an EnCodec: sound through the codec, held against itself.

Défossez et al. 2022, section 3.4: distance of waveform and of spectra at several resolutions; the quantiser is in the
loop for some items. The others get noise on their latents instead, for a flow model that is to learn the latents: what
the noise would hide is not worth a dimension. An adversary (``models.training_adversary``) may join at some step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

import torch
from pydantic import ConfigDict
from torch import Generator, Tensor, nn

from models.codec import Codec, CodecConfig
from models.spectral import log_mel_distance, spectral_loss
from models.training_adversary import Adversary
from models.training_numbers import CLOSED, Count, Share, Weight
from models.training_quantiser import MovingCodebooks
from models.wide_codec import decoded, encoded

ADVERSARY: Final = "adversary"
"""The figure that the adversary learns from, and the part of the module that learns from it."""
STEM_SHARE: Final = 0.25
REST_SHARE: Final = 0.15
"""So many crops are the drums alone, and all but the drums; the others are the mix."""

SOUND_RMS: Final = 0.1
"""About the root mean square of music. Weights begin so that its latents are about 1 large, and sound its own size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodecRecipe:
    """How a codec is trained: crops of so many frames in a batch, and the weights of what counts.

    ``latent_noise`` is added to latents that are not quantised, ``quantised_share`` of a batch is. With
    ``decoder_only`` encoder and codebooks stay as they are, so that what was trained on the latents still holds. From
    the step ``adversary_from`` on an adversary of so many channels is learnt, too; None is none at all.
    """

    __pydantic_config__: ClassVar[ConfigDict] = CLOSED

    batch: Count = 8
    crop_frames: Count = 25
    quantised_share: Share = 0.25
    latent_noise: Weight = 0.2
    waveform_weight: Weight = 30.0
    spectral_weight: Weight = 1.0
    mel_weight: Weight = 2.0
    latent_weight: Weight = 2e-3
    commitment_weight: Weight = 0.05
    decoder_only: bool = False
    adversary_from: Count | None = None
    adversary_channels: Count = 8
    adversary_weight: Weight = 1.0
    feature_weight: Weight = 2.0


def new_codec(config: CodecConfig, seed: int) -> Codec:
    """A codec with weights drawn from a seed, under which the size of signals stays about the same."""
    with torch.random.fork_rng(devices=[]):
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
    """A codec under training, and its adversary where the recipe has one."""

    def __init__(self, codec: Codec, recipe: CodecRecipe, *, seed: int = 0) -> None:
        super().__init__()
        self.codec, self.recipe = codec, recipe
        self.codebooks = MovingCodebooks(codec)
        if recipe.decoder_only:
            self.codec.encoder.requires_grad_(False)
        if recipe.adversary_from is not None:
            self.adversary = Adversary(recipe.adversary_channels, seed=seed)

    def losses(self, audio: Tensor, chance: Generator, step: int = 0) -> Mapping[str, Tensor]:
        """What counts of a batch of crops [B, N] at a step; ``loss`` is what the codec learns from.

        ``adversary`` is there while there is one, and is what that learns from.
        """
        recipe = self.recipe
        latents = encoded(self.codec, audio[:, None]).float()
        quantised = round(recipe.quantised_share * len(audio))
        noise = torch.randn(latents.shape, generator=chance).to(latents)
        noisy = latents[quantised:] + recipe.latent_noise * noise[quantised:]
        codes = self.codebooks.quantised(self.codec, latents, chance if self._codes_move else None)
        nearest = codes[:quantised]
        passed = latents[:quantised] + (nearest - latents[:quantised]).detach()
        heard = decoded(self.codec, torch.cat([passed, noisy]))[:, 0, : audio.shape[-1]].float()
        with torch.autocast(audio.device.type, enabled=False):
            return self._weighed(heard, audio, latents, codes, step)

    @property
    def _codes_move(self) -> bool:
        return self.training and not self.recipe.decoder_only

    def _weighed(self, heard: Tensor, audio: Tensor, latents: Tensor, codes: Tensor, step: int) -> dict[str, Tensor]:
        recipe = self.recipe
        convergence, distance = spectral_loss(heard, audio)
        parts = {
            "waveform": (heard - audio).abs().mean(),
            "spectral": convergence + distance,
            "mel": log_mel_distance(heard, audio, self.codec.config.sample_rate_hz),
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
        against = {}
        if recipe.adversary_from is not None and step >= recipe.adversary_from:
            parts["deceived"], parts["features"], against[ADVERSARY] = self.adversary.losses(heard, audio)
            weights |= {"deceived": recipe.adversary_weight, "features": recipe.feature_weight}
        total = torch.stack([weights[name] * part for name, part in parts.items()]).sum()
        return {"loss": total, **parts, **against}
