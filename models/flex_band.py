"""Banded attention by FlexAttention: the blocks of ``models.layers.Band`` left to a compiled kernel."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention.flex_attention import create_block_mask, flex_attention

from models.layers import Band


class FlexBand(Band):
    """Attention within ``reach`` frames to either side, as ``Band``; only blocks near the diagonal are computed."""

    def __init__(self, frames: int, reach: int, *, device: torch.device | None = None, compiled: bool = True) -> None:
        """Not ``compiled`` it computes every score and is of use to compare with alone."""
        attend: Any = _compiled() if compiled else flex_attention
        self._attend: Callable[..., Any] = attend
        self._blocks_near = create_block_mask(
            lambda batch, head, query, key: (query - key).abs() <= reach,
            B=None,
            H=None,
            Q_LEN=frames,
            KV_LEN=frames,
            device=str(device or torch.device("cpu")),
        )

    def attend(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Attention of queries to keys and values, all [B, heads, T, D / heads]."""
        heard: Tensor = self._attend(query, key, value, block_mask=self._blocks_near)
        return heard


def flex_band(frames: int, reach: int, device: torch.device) -> Band:
    """A band for work that is compiled as a whole."""
    return FlexBand(frames, reach, device=device, compiled=False)


@cache
def _compiled() -> Callable[..., Any]:
    compiled: Callable[..., Any] = torch.compile(flex_attention, dynamic=False)
    return compiled
