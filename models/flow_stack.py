"""The network of JASCO's flow in the fast form: what is made once for a run, and the slope at a time.

Why it is the same as ``models.jasco`` stands in ``models.fast_jasco``.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from models.fast_layers import FastLayer, Heard, MakeMatrix, Matrix, Plain, fast_layer
from models.jasco import FlowModel
from models.layers import TransformerLayer


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prepared:
    """What stays the same through the evaluations of one run.

    ``rows`` [terms * B, T, D] are conditions and positions behind the first matrix, ``heard`` the text of the first
    ``told`` rows by layer, ``weights`` [terms] those of guidance. The first frames keep the ``velocity`` [B, T, C]
    where ``held`` [1, T, 1] says so.
    """

    rows: Tensor
    heard: tuple[Heard, ...]
    told: int
    weights: Tensor
    held: Tensor | None = None
    velocity: Tensor | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stack:
    """The flow's network, from latents to the slope."""

    latents: Matrix
    layers: tuple[FastLayer, ...]
    skips: tuple[tuple[Matrix, Matrix], ...]
    flow: FlowModel

    def shifts(self, times: Tensor) -> Tensor:
        """What each time [E] adds behind each layer's cross-attention, [E, layers, D]."""
        flow, dim = self.flow, self.flow.config.dim
        vector = flow.time(times)[:, 0]
        layers = [layer for layer in flow.layers if isinstance(layer, TransformerLayer)]
        values = [torch.nn.functional.linear(vector, layer.cross_attn.in_proj_weight[2 * dim :]) for layer in layers]
        return torch.stack(
            [layer.cross_attn.out_proj(value) for layer, value in zip(layers, values, strict=True)], dim=1
        )

    def slope(self, prepared: Prepared, z: Tensor, shifts: Tensor) -> Tensor:
        """The guided field [B, T, C] at ``z``, at the time that ``shifts`` [layers, D] are of."""
        latents = self.latents(z.to(prepared.rows.dtype))
        x = (prepared.rows.reshape(-1, len(z), *prepared.rows.shape[1:]) + latents).flatten(0, 1)
        kept: list[Tensor] = []
        for index, layer in enumerate(self.layers):
            later = index - len(self.skips)
            if self.skips and later >= 0:
                from_below, from_opposite = self.skips[later]
                x = from_below(x) + from_opposite(kept.pop())
            x = layer.with_itself(x)
            if prepared.told:
                heard = layer.told(x[: prepared.told], prepared.heard[index])
                x = x + shifts[index]
                x[: prepared.told] += heard
            else:
                x = x + shifts[index]
            x = layer.with_feed_forward(x)
            if self.skips and later < 0:
                kept.append(x)
        raw: Tensor = self.flow.out(self.flow.out_norm(x))
        terms = raw.to(z.dtype).reshape(len(prepared.weights), *z.shape)
        guided: Tensor = (prepared.weights[:, None, None, None] * terms).sum(dim=0)
        return guided


def stack_of(flow: FlowModel, make: MakeMatrix) -> Stack:
    """The network of a flow; ``make`` says what becomes of the matrices of its layers."""
    dim = flow.config.dim
    return Stack(
        latents=Plain(flow.embed.weight[:, : flow.config.flow_dim]),
        layers=tuple(fast_layer(layer, make) for layer in flow.layers if isinstance(layer, TransformerLayer)),
        skips=tuple(_halves(skip, dim, make) for skip in flow.skips if isinstance(skip, torch.nn.Linear)),
        flow=flow,
    )


def with_held(prepared: Prepared, slope: Tensor) -> Tensor:
    """The slope, but that of frames that are held to a velocity of their own."""
    if prepared.held is None or prepared.velocity is None:
        return slope
    return torch.where(prepared.held, prepared.velocity, slope)


def _halves(skip: torch.nn.Linear, dim: int, make: MakeMatrix) -> tuple[Matrix, Matrix]:
    """A matrix over two joined vectors as one over each; the bias is added to the first."""
    first = make(skip.weight[:, :dim])
    bias = skip.bias
    return _Biased(first, bias), make(skip.weight[:, dim:])


@dataclass(frozen=True, slots=True, eq=False)
class _Biased:
    matrix: Matrix
    bias: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        return self.matrix(x) + self.bias
