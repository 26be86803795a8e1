"""A codec whose latents lie around zero: what is learnt from them then knows no channel's mean."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from models.codec import Codec
from models.training_music import FULL_SCALE
from models.training_pieces import Music


@torch.no_grad()
def centre(codec: Codec, means: Tensor) -> None:
    """Take ``means`` [C] out of the latents of a codec, so that it encodes to them and decodes from them as before.

    They go into the biases of the convolutions around the latents, and out of the coarsest codebook.
    """
    last: Any = codec.encoder.layers[-1].conv
    first: Any = codec.decoder.layers[0].conv
    coarsest: Any = codec.quantizer.layers[0].codebook
    last.bias.sub_(means)
    first.bias.add_(torch.einsum("oik,i->o", first.weight, means))
    coarsest.embed.sub_(means)


@torch.no_grad()
def mean_latents(codec: Codec, music: Music, pieces: int) -> Tensor:
    """The mean of each channel [C] over the mixes of the first pieces."""
    means = [
        codec.encode(torch.from_numpy(mix).float()[None, None] / FULL_SCALE).mean(dim=(0, 2))
        for mix in music.mixes[:pieces]
    ]
    return torch.stack(means).mean(dim=0)
