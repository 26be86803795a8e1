"""JASCO's flow for speed: what does not change from one evaluation to the next is made once.

``models.jasco`` is the place to read what is computed; this computes the same, up to rounding.

* The text's source of cross-attention is the description plus one vector for the time, the same at every position. In
  the keys that vector adds the same to every score, so it cancels in the softmax; in the values it adds one vector to
  what is heard. So keys and values of the description are made once, and the vectors of all times and layers once for
  each solver. A row without a description has that vector alone.
* The first matrix is split: conditions and positions go through their part of it once, latents in each evaluation, once
  for all terms of guidance.
* A skip connection is two products rather than one of the two joined.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from models.fast_layers import FastLayer, Heard, MakeMatrix, Matrix, Plain, bucket_of, fast_layer, heard_of
from models.graphs import Capture, Replays
from models.jasco import Conditions, FlowModel, Term, holding, to_frames
from models.layers import TransformerLayer, sinusoidal_positions
from models.presets import Solver
from models.solvers import Watch, integrate, sway

MOST_EVALUATIONS: Final = 64
"""Evaluations that a captured solver has room for."""
SHAPES_KEPT: Final = 6
"""Shapes of work whose captured steps are kept; each holds its own intermediate results."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """One evaluation of a fixed-step solver, at a time, and what becomes of its slope and of the one before it."""

    time: float
    new: float
    last: float


def evaluations(solver: Solver) -> tuple[Evaluation, ...]:
    """A fixed-step solver as the sum that it is: ``z + new * slope + last * the slope before``."""
    count = solver.evaluations
    if solver.method == "euler":
        return tuple(Evaluation(time=index / count, new=1.0 / count, last=0.0) for index in range(count))
    found, before = [], None
    for start, end in itertools.pairwise(sway(count)):
        step = end - start
        ratio = step / (2.0 * before) if before else 0.0
        found.append(Evaluation(time=start, new=step * (1.0 + ratio), last=-step * ratio))
        before = step
    return tuple(found)


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


class FastFlow:
    """The vector field of a ``FlowModel``, and its fixed-step solvers; ``models.jasco.Solve``."""

    def __init__(self, flow: FlowModel, *, matrix: MakeMatrix | None = None, capture: Capture | None = None) -> None:
        """``matrix`` makes the layers' matrices once, of copies; None reads the flow's own weights in each run.

        With ``capture`` each shape of work is captured once and replayed; it may be taken away at any time.
        """
        self._flow = flow
        self._kept = None if matrix is None else self._stack(matrix)
        self.capture = capture
        self._replays: Replays[_Captured] = Replays(SHAPES_KEPT)

    def __call__(
        self,
        conditions: Conditions,
        terms: Sequence[Term],
        start: Tensor,
        *,
        solver: Solver,
        kept: Tensor | None,
        watch: Watch,
    ) -> Tensor:
        """Latents [B, T, C] from noise; frames that are ``kept`` [B, K, C] go straight to what they are to be."""
        stack = self._kept or self._stack(Plain)
        velocity = None if kept is None else kept - start[:, : kept.shape[1]]
        if solver.method == "dopri5":
            prepared = self._prepared(conditions, terms, start, None)

            def field(z: Tensor, t: Tensor) -> Tensor:
                return stack.slope(prepared, z, stack.shifts(t.reshape(1))[0])

            return integrate(field if velocity is None else holding(field, velocity), start, solver, watch)
        steps = evaluations(solver)
        times = torch.tensor([one.time for one in steps], dtype=start.dtype, device=start.device)
        shifts = stack.shifts(times)
        if self.capture and len(steps) <= MOST_EVALUATIONS:
            prepared = self._prepared(conditions, terms, start, bucket_of(conditions.text.shape[1]), velocity)
            captured = self._captured(stack, self.capture, prepared, start)
            captured.load(prepared, start, steps, shifts)
            return captured.run(len(steps), watch)
        prepared = self._prepared(conditions, terms, start, None, velocity)
        return solved(stack, prepared, start, steps=steps, shifts=shifts, watch=watch)

    def _stack(self, make: MakeMatrix) -> Stack:
        return stack_of(self._flow, make)

    def _prepared(
        self,
        conditions: Conditions,
        terms: Sequence[Term],
        start: Tensor,
        bucket: int | None,
        velocity: Tensor | None = None,
    ) -> Prepared:
        flow, frames = self._flow, start.shape[1]
        parts = [to_frames(conditions.temporal[name], frames) for name in flow.config.conditions]
        rest = torch.nn.functional.linear(torch.cat(parts, dim=-1), flow.embed.weight[:, flow.config.flow_dim :])
        positions = sinusoidal_positions(frames, flow.config.dim, device=start.device).to(rest.dtype)
        weights = [1.0] if len(terms) == 1 else [term.weight for term in terms]
        told = len(conditions.text) if conditions.told is None else conditions.told
        layers = [layer for layer in flow.layers if isinstance(layer, TransformerLayer)]
        held = bucket is not None or velocity is not None  # a captured step has room for it whether or not it is used
        return Prepared(
            rows=rest + positions,
            heard=tuple(heard_of(layer.cross_attn, conditions.text[:told], bucket) for layer in layers) if told else (),
            told=told,
            weights=torch.tensor(weights, dtype=start.dtype, device=start.device),
            held=_first_frames(start, 0 if velocity is None else velocity.shape[1]) if held else None,
            velocity=_padded(velocity, start) if held else None,
        )

    def _captured(self, stack: Stack, capture: Capture, prepared: Prepared, start: Tensor) -> _Captured:
        """The captured evaluation for work of this shape."""
        text = prepared.heard[0].keys.shape if prepared.heard else ()
        weight = self._flow.embed.weight
        key = (tuple(prepared.rows.shape), tuple(start.shape), tuple(text), prepared.told, weight.dtype)
        return self._replays.get(key, weight, lambda: _Captured(stack, prepared, start, capture))


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


def solved(
    stack: Stack, prepared: Prepared, start: Tensor, *, steps: Sequence[Evaluation], shifts: Tensor, watch: Watch
) -> Tensor:
    """The latents at the end of a fixed-step solver's steps."""
    z, last = start, torch.zeros_like(start)
    for index, one in enumerate(steps):
        watch(index / len(steps))
        slope = _with_held(prepared, stack.slope(prepared, z, shifts[index]))
        z = z + one.new * slope
        if one.last:
            z = z + one.last * last
        last = slope
    return z


class _Captured:
    """One evaluation of a fixed-step solver over tensors that stay where they are; a replay goes on to the next one.

    Which evaluation it is, is a number on the device, so one capture serves every fixed-step solver.
    """

    def __init__(self, stack: Stack, prepared: Prepared, start: Tensor, capture: Capture) -> None:
        self._stack = stack
        self._prepared = prepared
        self.z, self._last = torch.zeros_like(start), torch.zeros_like(start)
        layers, dim = len(stack.layers), prepared.rows.shape[-1]
        self._shifts = prepared.rows.new_zeros(MOST_EVALUATIONS, layers, dim)
        self._steps = start.new_zeros(MOST_EVALUATIONS, 2)
        self._place = torch.zeros(1, dtype=torch.long, device=start.device)
        self.replay = capture(self._evaluate)

    def load(self, prepared: Prepared, start: Tensor, steps: Sequence[Evaluation], shifts: Tensor) -> None:
        """Begin a run: put what it needs where the captured step looks for it."""
        for mine, given in zip(_tensors(self._prepared), _tensors(prepared), strict=True):
            if mine is not given:
                mine.copy_(given)
        self.z.copy_(start)
        self._last.zero_()
        self._place.zero_()
        self._shifts[: len(steps)] = shifts
        self._steps[: len(steps)] = self._steps.new_tensor([[one.new, one.last] for one in steps])

    def run(self, steps: int, watch: Watch) -> Tensor:
        """The latents after so many evaluations, from what was loaded."""
        for index in range(steps):
            watch(index / steps)
            self.replay()
        return self.z.clone()

    def _evaluate(self) -> None:
        shifts = self._shifts.index_select(0, self._place)[0]
        new, last = self._steps.index_select(0, self._place)[0].unbind(0)
        slope = _with_held(self._prepared, self._stack.slope(self._prepared, self.z, shifts))
        self.z.add_(new * slope + last * self._last)
        self._last.copy_(slope)
        self._place.add_(1)


def _tensors(prepared: Prepared) -> list[Tensor]:
    """Everything in it that differs from run to run."""
    heard = [part for one in prepared.heard for part in (one.keys, one.values, one.mask) if part is not None]
    rest = (prepared.rows, prepared.weights, prepared.held, prepared.velocity)
    return [*heard, *(part for part in rest if part is not None)]


def _with_held(prepared: Prepared, slope: Tensor) -> Tensor:
    if prepared.held is None or prepared.velocity is None:
        return slope
    return torch.where(prepared.held, prepared.velocity, slope)


def _first_frames(like: Tensor, count: int) -> Tensor:
    return (torch.arange(like.shape[1], device=like.device) < count)[None, :, None]


def _padded(velocity: Tensor | None, like: Tensor) -> Tensor:
    full = torch.zeros_like(like)
    if velocity is not None:
        full[:, : velocity.shape[1]] = velocity
    return full


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
