"""The quantiser of a codec while it is trained: codebooks that follow what they quantise.

Residual vector quantisation with codebooks as moving averages (van den Oord et al. 2017, appendix A.1; Zeghidour et
al. 2021, SoundStream, section III.C): entries that nothing falls on are put where something does.
"""

from __future__ import annotations

from typing import Any, Final

import torch
from torch import Generator, Tensor, nn

from models.codec import Codec

DECAY: Final = 0.98
LEAST_USED: Final = 0.05
"""An entry that takes fewer vectors of a batch than this, on average, is put somewhere else."""
_SMOOTHING: Final = 1e-5


class MovingCodebooks(nn.Module):
    """The statistics behind a codec's codebooks; the codebooks themselves are the codec's own."""

    def __init__(self, codec: Codec) -> None:
        super().__init__()
        config = codec.config
        self.register_buffer("counts", torch.zeros(config.codebooks, config.bins))
        self.register_buffer("sums", torch.zeros(config.codebooks, config.bins, config.dimension))
        self.counts: Tensor
        self.sums: Tensor

    def quantised(self, codec: Codec, latents: Tensor, chance: Generator | None) -> Tensor:
        """What the codebooks make of latents [B, C, T]; with ``chance`` they learn from them, too."""
        rows = latents.detach().transpose(1, 2).reshape(-1, latents.shape[1])
        residual, total = rows, torch.zeros_like(rows)
        for level, layer in enumerate(codec.quantizer.layers[: codec.config.codebooks]):
            book: Any = layer.codebook
            if chance is not None:
                self._learn(level, book, residual, chance)
            part = book.embed[book.quantize(residual)]
            residual, total = residual - part, total + part
        return total.reshape(len(latents), -1, latents.shape[1]).transpose(1, 2)

    def _learn(self, level: int, book: Any, rows: Tensor, chance: Generator) -> None:  # noqa: ANN401
        bins = len(book.embed)
        if not self.counts[level].any():
            book.embed.copy_(rows[torch.randint(len(rows), (bins,), generator=chance)])
        index = book.quantize(rows)
        counts = rows.new_zeros(bins).index_add_(0, index, rows.new_ones(len(rows)))
        sums = torch.zeros_like(book.embed).index_add_(0, index, rows)
        if not self.counts[level].any():
            self.counts[level].fill_(1.0)
            self.sums[level].copy_(book.embed)
        self.counts[level].lerp_(counts, 1.0 - DECAY)
        self.sums[level].lerp_(sums, 1.0 - DECAY)
        dead = self.counts[level] < LEAST_USED
        if dead.any():
            fresh = rows[torch.randint(len(rows), (int(dead.sum()),), generator=chance)]
            self.counts[level][dead] = 1.0
            self.sums[level][dead] = fresh
        total = self.counts[level].sum()
        share = (self.counts[level] + _SMOOTHING) / (total + bins * _SMOOTHING) * total
        book.embed.copy_(self.sums[level] / share[:, None])
