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

from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor

from models.captured_solver import MOST_EVALUATIONS, CapturedSolver
from models.compiling import Compiler
from models.fast_layers import MakeMatrix, Plain, bucket_of, heard_of
from models.flow_stack import Prepared, Stack, stack_of, with_held
from models.graphs import Capture, Pace, Replays
from models.jasco import Conditions, FlowModel, Term, holding, to_frames
from models.layers import TransformerLayer, sinusoidal_positions
from models.presets import Solver
from models.solvers import Evaluation, Watch, evaluations, integrate

SHAPES_KEPT: Final = 6
"""Shapes of work whose captured solvers are kept; each holds its own intermediate results."""


class FastFlow:
    """The vector field of a ``FlowModel``, and its fixed-step solvers; ``models.jasco.Solve``."""

    def __init__(
        self,
        flow: FlowModel,
        *,
        matrix: MakeMatrix | None = None,
        capture: Capture | None = None,
        pace: Pace | None = None,
        compiler: Compiler | None = None,
    ) -> None:
        """``matrix`` makes the layers' matrices once, of copies; None reads the flow's own weights in each run.

        With ``capture`` each shape of work is captured once and replayed; it may be taken away at any time. With
        ``pace`` whole solvers are, where they are short, and with ``compiler`` what is captured is compiled, where that
        is faster.
        """
        self._flow = flow
        self._kept = None if matrix is None else self._stack(matrix)
        self.capture, self.pace, self.compiler = capture, pace, compiler
        self._replays: Replays[CapturedSolver] = Replays(SHAPES_KEPT)

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

    def _captured(self, stack: Stack, capture: Capture, prepared: Prepared, start: Tensor) -> CapturedSolver:
        """The captured solver for work of this shape."""
        text = prepared.heard[0].keys.shape if prepared.heard else ()
        weight = self._flow.embed.weight
        key = (tuple(prepared.rows.shape), tuple(start.shape), tuple(text), prepared.told, weight.dtype)
        return self._replays.get(
            key, weight, lambda: CapturedSolver(stack, prepared, start, capture, pace=self.pace, compiler=self.compiler)
        )


def solved(
    stack: Stack, prepared: Prepared, start: Tensor, *, steps: Sequence[Evaluation], shifts: Tensor, watch: Watch
) -> Tensor:
    """The latents at the end of a fixed-step solver's steps."""
    z, last = start, torch.zeros_like(start)
    for index, one in enumerate(steps):
        watch(index / len(steps))
        slope = with_held(prepared, stack.slope(prepared, z, shifts[index]))
        z = z + one.new * slope
        if one.last:
            z = z + one.last * last
        last = slope
    return z


def _first_frames(like: Tensor, count: int) -> Tensor:
    return (torch.arange(like.shape[1], device=like.device) < count)[None, :, None]


def _padded(velocity: Tensor | None, like: Tensor) -> Tensor:
    full = torch.zeros_like(like)
    if velocity is not None:
        full[:, : velocity.shape[1]] = velocity
    return full
