"""MAGNeT's network as its description has it, to compare with: nothing is kept, nothing is left out.

A dense mask, the logits of all four codebooks, text projected anew in every layer and step, and cross-attention for the
branch without text too.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import gelu, linear, scaled_dot_product_attention

from models.layers import Attention, Band, TransformerLayer, sinusoidal_positions
from models.magnet import HeardText, TokenModel


class PlainTokens(TokenModel):
    """A ``TokenModel`` in the plainest way, with the weights of another one."""

    def __init__(self, model: TokenModel) -> None:
        """The weights are shared, not copied."""
        with torch.device("meta"):
            super().__init__(model.config)
        self.load_state_dict(model.state_dict(), assign=True)
        self._text = torch.zeros(0)

    def hear(self, text: Tensor) -> HeardText:
        """Nothing is made once: the text itself, and zeros for the branch without it."""
        self._text = torch.cat([text, torch.zeros_like(text)])
        return HeardText(layers=(), rows=len(text))

    def band(self, stage: int, frames: int) -> Band | None:
        """Who hears whom, as a dense mask."""
        if stage == 0 or self.config.reach is None:
            return None
        return DenseBand(frames, self.config.reach, device=self.out_norm.weight.device)

    def forward(self, codes: Tensor, text: HeardText, band: Band | None) -> Tensor:
        """What the heads read [rows, T, dim], after all of them were asked."""
        x = torch.stack([embed(codes[:, book]) for book, embed in enumerate(self.embed)]).sum(dim=0)
        x = x + sinusoidal_positions(x.shape[1], self.config.dim, device=x.device).to(x.dtype)
        mask = band.mask if isinstance(band, DenseBand) else None
        for layer in self.layers:
            if isinstance(layer, TransformerLayer):
                normal = layer.norm1(x)
                x = x + _attention(layer.self_attn, normal, normal, mask)
                x = x + _attention(layer.cross_attn, layer.norm_cross(x), self._text, None)
                x = x + layer.linear2(gelu(layer.linear1(layer.norm2(x))))
        hidden: Tensor = self.out_norm(x)
        for head in self.out:
            head(hidden)
        return hidden


class DenseBand(Band):
    """A band as a mask [T, T] of who hears whom."""

    def __init__(self, frames: int, reach: int, *, device: torch.device) -> None:
        place = torch.arange(frames, device=device)
        self.mask = (place[:, None] - place).abs() <= reach


def _attention(weights: Attention, x: Tensor, source: Tensor, mask: Tensor | None) -> Tensor:
    query, key, value = (
        linear(given, matrix).reshape(*given.shape[:2], weights.heads, -1).transpose(1, 2)
        for given, matrix in zip((x, source, source), weights.in_proj_weight.chunk(3), strict=True)
    )
    heard = scaled_dot_product_attention(query, key, value, attn_mask=mask)
    out: Tensor = weights.out_proj(heard.transpose(1, 2).flatten(2))
    return out
