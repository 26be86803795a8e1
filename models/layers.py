"""What the transformers of JASCO and MAGNeT share: pre-norm blocks with self- and cross-attention.

Every linear layer of a block is without bias, activations are the exact GELU, and positions are added to the
input once. The layout follows the checkpoints: one matrix holds the rows of query, key and value, and each of them
is head-major.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, scaled_dot_product_attention

NORM_EPS = 1e-5


def sinusoidal_positions(length: int, dim: int, *, device: torch.device | None = None) -> Tensor:
    """Positions [1, length, dim]: cosines in the first half, sines in the second.

    The frequencies run from 1 to 1/10000, both included (Vaswani et al. 2017, section 3.5, in this order).
    """
    half = dim // 2
    exponent = torch.arange(half, device=device, dtype=torch.float32) / (half - 1)
    angle = torch.arange(length, device=device, dtype=torch.float32)[:, None] / 10000.0**exponent
    return torch.cat([angle.cos(), angle.sin()], dim=-1)[None]


class Attention(nn.Module):
    """Multi-head attention of ``x`` [B, T, D] to ``source`` [B, S, D]; the two are one in self-attention."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.in_proj_weight = nn.Parameter(torch.empty(3 * dim, dim))
        self.out_proj = nn.Linear(dim, dim, bias=False)
        nn.init.xavier_uniform_(self.in_proj_weight)

    def forward(self, x: Tensor, source: Tensor, mask: Tensor | None = None) -> Tensor:
        """``mask`` [T, S] is True where a query may look, None where it may look everywhere."""
        dim = x.shape[-1]
        query = self._by_head(nn.functional.linear(x, self.in_proj_weight[:dim]))
        both = nn.functional.linear(source, self.in_proj_weight[dim:])
        key, value = self._by_head(both[..., :dim]), self._by_head(both[..., dim:])
        heard = scaled_dot_product_attention(query, key, value, attn_mask=mask)
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

    def forward(self, x: Tensor, source: Tensor, mask: Tensor | None = None) -> Tensor:
        """``x`` [B, T, D], cross-attention source [B, S, D]; ``mask`` is for the self-attention alone."""
        normal = self.norm1(x)
        x = x + self.self_attn(normal, normal, mask)
        x = x + self.cross_attn(self.norm_cross(x), source)
        out: Tensor = x + self.linear2(gelu(self.linear1(self.norm2(x))))
        return out
