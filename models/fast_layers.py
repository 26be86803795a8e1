"""The transformers' layers for speed: one product for query, key and value, and every matrix behind one function.

The arithmetic is that of ``models.layers``, which is the place to read it. Here a matrix is a ``Matrix``, which
may be a view of the module's own weight or an int8 copy of it, and what a layer hears in a text is given to it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, layer_norm, linear, scaled_dot_product_attention

from models.layers import Attention, Band, TransformerLayer

BUCKETS: Final = (8, 16, 32, 64, 128, 256, 512)
"""Text is padded to one of these lengths where shapes must not change; the padding is masked."""

Matrix = Callable[[Tensor], Tensor]
"""A product with a matrix, over the last dimension."""
MakeMatrix = Callable[[Tensor], Matrix]
"""A matrix of a weight [out, in]."""


@dataclass(frozen=True, slots=True, eq=False)
class Plain:
    """A product with a weight [out, in] as it is, and a bias where there is one."""

    weight: Tensor
    bias: Tensor | None = None

    def __call__(self, x: Tensor) -> Tensor:
        """``x`` [..., in] to [..., out]."""
        return linear(x, self.weight, self.bias)


@dataclass(frozen=True, slots=True, eq=False)
class Normal:
    """Layer normalisation with these weights."""

    weight: Tensor
    bias: Tensor
    eps: float

    def __call__(self, x: Tensor) -> Tensor:
        """``x`` normalised over its last dimension."""
        return layer_norm(x, self.weight.shape, self.weight, self.bias, self.eps)


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """What a layer hears in a text: keys and values [rows or 1, heads, S, D / heads], and a mask [1, 1, 1, S].

    Where the mask is False there is nothing: padding of ours, not of the model's.
    """

    keys: Tensor
    values: Tensor
    mask: Tensor | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FastLayer:
    """One layer of a transformer."""

    heads: int
    norm1: Normal
    norm_cross: Normal
    norm2: Normal
    own: Matrix
    """Query, key and value of self-attention, in one."""
    own_out: Matrix
    query: Matrix
    """The query of cross-attention."""
    cross_out: Matrix
    up: Matrix
    down: Matrix

    def with_itself(self, x: Tensor, band: Band | None = None) -> Tensor:
        """``x`` [B, T, D], and what its frames hear of each other."""
        all_three = self.own(self.norm1(x)).reshape(*x.shape[:2], 3, self.heads, -1)
        query, key, value = all_three.permute(2, 0, 3, 1, 4).unbind(0)
        heard = band.attend(query, key, value) if band else scaled_dot_product_attention(query, key, value)
        return x + self.own_out(heard.transpose(1, 2).flatten(2))

    def told(self, x: Tensor, heard: Heard) -> Tensor:
        """What ``x`` hears of a text, to be added to it."""
        query = self.query(self.norm_cross(x)).reshape(*x.shape[:2], self.heads, -1).transpose(1, 2)
        keys, values = (part.expand(len(x), -1, -1, -1) for part in (heard.keys, heard.values))
        out = scaled_dot_product_attention(query, keys, values, attn_mask=heard.mask)
        return self.cross_out(out.transpose(1, 2).flatten(2))

    def with_feed_forward(self, x: Tensor) -> Tensor:
        """``x``, and its feed-forward layer."""
        return x + self.down(gelu(self.up(self.norm2(x))))


def fast_layer(layer: TransformerLayer, make: MakeMatrix = Plain) -> FastLayer:
    """A layer with the weights of ``layer``; ``make`` says what becomes of each matrix."""
    dim = layer.norm1.weight.shape[0]
    return FastLayer(
        heads=layer.self_attn.heads,
        norm1=_normal(layer.norm1),
        norm_cross=_normal(layer.norm_cross),
        norm2=_normal(layer.norm2),
        own=make(layer.self_attn.in_proj_weight),
        own_out=make(layer.self_attn.out_proj.weight),
        query=make(layer.cross_attn.in_proj_weight[:dim]),
        cross_out=make(layer.cross_attn.out_proj.weight),
        up=make(layer.linear1.weight),
        down=make(layer.linear2.weight),
    )


def heard_of(attention: Attention, text: Tensor, bucket: int | None = None) -> Heard:
    """What there is to hear in ``text`` [rows, S, D]; with a ``bucket`` it is padded to that length and masked."""
    keys, values = attention.keys_and_values(text)
    if bucket is None:
        return Heard(keys, values)
    padding = (0, 0, 0, bucket - text.shape[1])
    keys, values = (nn.functional.pad(part, padding) for part in (keys, values))
    return Heard(keys, values, mask_of(text, bucket))


def mask_of(text: Tensor, bucket: int) -> Tensor:
    """[1, 1, 1, bucket]: True where ``text`` has a position."""
    return (torch.arange(bucket, device=text.device) < text.shape[1])[None, None, None]


def bucket_of(length: int) -> int:
    """The bucket for a text of ``length`` positions; a longer one than any has its own."""
    return next((bucket for bucket in BUCKETS if bucket >= length), length)


def _normal(norm: nn.LayerNorm) -> Normal:
    return Normal(norm.weight, norm.bias, norm.eps)
