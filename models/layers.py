"""What the transformers of JASCO and MAGNeT share: pre-norm blocks with self- and cross-attention.

Every linear layer of a block is without bias, activations are the exact GELU, and positions are added to the
input once. The layout follows the checkpoints: one matrix holds the rows of query, key and value, and each of them
is head-major.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, pad, scaled_dot_product_attention

NORM_EPS = 1e-5
BAND_BLOCK = 32
"""Queries that share their keys in banded attention."""


def sinusoidal_positions(length: int, dim: int, *, device: torch.device | None = None) -> Tensor:
    """Positions [1, length, dim]: cosines in the first half, sines in the second.

    The frequencies run from 1 to 1/10000, both included (Vaswani et al. 2017, section 3.5, in this order).
    """
    half = dim // 2
    exponent = torch.arange(half, device=device, dtype=torch.float32) / (half - 1)
    angle = torch.arange(length, device=device, dtype=torch.float32)[:, None] / 10000.0**exponent
    return torch.cat([angle.cos(), angle.sin()], dim=-1)[None]


class Band:
    """Attention within ``reach`` frames to either side: |query - key| <= reach (MAGNeT, section 3.2).

    Queries are taken in blocks, each with the keys around it, so that time and memory grow with the length and not
    with its square. The result is that of a dense mask.
    """

    def __init__(self, frames: int, reach: int, *, device: torch.device | None = None) -> None:
        self._frames, self._reach = frames, reach
        self._blocks = -(-frames // BAND_BLOCK)
        query = torch.arange(self._blocks * BAND_BLOCK, device=device).reshape(self._blocks, BAND_BLOCK, 1)
        first = torch.arange(self._blocks, device=device).reshape(self._blocks, 1, 1) * BAND_BLOCK - reach
        key = first + torch.arange(BAND_BLOCK + 2 * reach, device=device)
        near = (query - key).abs() <= reach
        within = (key >= 0) & (key < frames)
        self._mask = (near & within) | (query >= frames)  # a query after the end is cut off; it must hear something

    def attend(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Attention of queries to keys and values, all [B, heads, T, D / heads]."""
        batch, heads, frames, dim = query.shape
        filling = self._blocks * BAND_BLOCK - frames
        blocks = pad(query, (0, 0, 0, filling)).reshape(batch * heads, self._blocks, BAND_BLOCK, dim)
        keys, values = (
            pad(part, (0, 0, self._reach, filling + self._reach))
            .unfold(2, BAND_BLOCK + 2 * self._reach, BAND_BLOCK)
            .transpose(-1, -2)
            .reshape(batch * heads, self._blocks, BAND_BLOCK + 2 * self._reach, -1)
            for part in (key, value)
        )
        heard = scaled_dot_product_attention(blocks, keys, values, attn_mask=self._mask[None])
        return heard.reshape(batch, heads, self._blocks * BAND_BLOCK, -1)[:, :, :frames]


class Attention(nn.Module):
    """Multi-head attention of ``x`` [B, T, D] to ``source`` [B, S, D]; the two are one in self-attention."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.in_proj_weight = nn.Parameter(torch.empty(3 * dim, dim))
        self.out_proj = nn.Linear(dim, dim, bias=False)
        nn.init.xavier_uniform_(self.in_proj_weight)

    def forward(self, x: Tensor, source: Tensor, band: Band | None = None) -> Tensor:
        """With a ``band`` a frame hears only those near it; ``source`` is then ``x`` itself."""
        return self.heard(x, self.keys_and_values(source), band)

    def keys_and_values(self, source: Tensor) -> tuple[Tensor, Tensor]:
        """What there is to hear in ``source``, each [B, heads, S, D / heads]; worth keeping where it stays the same."""
        dim = source.shape[-1]
        both = nn.functional.linear(source, self.in_proj_weight[dim:])
        return self._by_head(both[..., :dim]), self._by_head(both[..., dim:])

    def heard(self, x: Tensor, keys_and_values: tuple[Tensor, Tensor], band: Band | None = None) -> Tensor:
        """What ``x`` hears of the keys and values."""
        query = self._by_head(nn.functional.linear(x, self.in_proj_weight[: x.shape[-1]]))
        key, value = keys_and_values
        heard = band.attend(query, key, value) if band else scaled_dot_product_attention(query, key, value)
        out: Tensor = self.out_proj(heard.transpose(1, 2).flatten(2))
        return out

    def _by_head(self, x: Tensor) -> Tensor:
        """[B, T, D] to [B, heads, T, D / heads]."""
        return x.reshape(*x.shape[:2], self.heads, -1).transpose(1, 2)


class TransformerLayer(nn.Module):
    """Self-attention, cross-attention and a feed-forward layer, each on its normalised input, each added to it."""

    def __init__(self, dim: int, heads: int, hidden_scale: int) -> None:
        super().__init__()
        self.self_attn = Attention(dim, heads)
        self.cross_attn = Attention(dim, heads)
        self.linear1 = nn.Linear(dim, hidden_scale * dim, bias=False)
        self.linear2 = nn.Linear(hidden_scale * dim, dim, bias=False)
        self.norm1 = nn.LayerNorm(dim, eps=NORM_EPS)
        self.norm_cross = nn.LayerNorm(dim, eps=NORM_EPS)
        self.norm2 = nn.LayerNorm(dim, eps=NORM_EPS)

    def forward(self, x: Tensor, source: Tensor) -> Tensor:
        """``x`` [B, T, D], cross-attention source [B, S, D]."""
        x = self.with_itself(x)
        x = x + self.cross_attn(self.norm_cross(x), source)
        return self.with_feed_forward(x)

    def with_itself(self, x: Tensor, band: Band | None = None) -> Tensor:
        """``x``, and what its frames hear of each other."""
        normal = self.norm1(x)
        out: Tensor = x + self.self_attn(normal, normal, band)
        return out

    def with_feed_forward(self, x: Tensor) -> Tensor:
        """``x``, and its feed-forward layer."""
        out: Tensor = x + self.linear2(gelu(self.linear1(self.norm2(x))))
        return out
