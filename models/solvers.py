"""Solvers of the flow's differential equation dz/dt = v(z, t), from noise at t = 0 to audio latents at t = 1.

A field is asked once per evaluation, which is where the time goes; ``Watch`` is told before each one and may
raise to stop.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import torch
import torchdiffeq
from torch import Tensor

from models.presets import Solver

Field = Callable[[Tensor, Tensor], Tensor]
"""``v(z, t)``: z [B, T, C], t a tensor of no dimension."""
Watch = Callable[[float], None]
"""Told the share that is done before each evaluation; raises to stop."""


class NotFinite(ArithmeticError):
    """The field has a value that is no number; an adaptive solver would halve its steps for ever."""


END_OF_DOPRI5: Final = 1.0 - 1e-5
"""Where the adaptive solver ends, as the reference has it."""


def integrate(field: Field, noise: Tensor, solver: Solver, watch: Watch = lambda share: None) -> Tensor:
    """The latents that the flow carries ``noise`` to."""
    match solver.method:
        case "euler":
            return euler(field, noise, solver.evaluations, watch)
        case "ab2":
            return ab2(field, noise, sway(solver.evaluations), watch)
        case "dopri5":
            return dopri5(field, noise, solver.tolerance, watch)


def euler(field: Field, noise: Tensor, steps: int, watch: Watch = lambda share: None) -> Tensor:
    """Equal steps along the field, added up in the precision of ``noise``."""
    z, t = noise, torch.zeros((), dtype=noise.dtype, device=noise.device)
    step = 1.0 / steps
    for index in range(steps):
        watch(index / steps)
        z = z + step * field(z, t)
        t = t + step
    return z


def sway(steps: int, coefficient: float = -1.0) -> list[float]:
    """Times from 0 to 1, denser where the path bends: ``u + s (cos(pi u / 2) - 1 + u)``.

    Sway sampling (Chen et al. 2024, F5-TTS, section 3.4); a negative coefficient puts more of them at the start.
    """
    shares = [index / steps for index in range(steps + 1)]
    return [u + coefficient * (math.cos(math.pi / 2 * u) - 1.0 + u) for u in shares]


def ab2(field: Field, noise: Tensor, times: Sequence[float], watch: Watch = lambda share: None) -> Tensor:
    """The two-step method of Adams and Bashforth for uneven steps; its first step is Euler's.

    One evaluation for each step. Hairer, Norsett, Wanner, Solving Ordinary Differential Equations I, section III.5.
    """
    z = noise
    last: Tensor | None = None
    last_step = 0.0
    for index, (start, end) in enumerate(itertools.pairwise(times)):
        watch(index / (len(times) - 1))
        slope = field(z, torch.tensor(start, dtype=noise.dtype, device=noise.device))
        step = end - start
        if last is None:
            z = z + step * slope
        else:
            ratio = step / (2.0 * last_step)
            z = z + step * ((1.0 + ratio) * slope - ratio * last)
        last, last_step = slope, step
    return z


def dopri5(field: Field, noise: Tensor, tolerance: float, watch: Watch = lambda share: None) -> Tensor:
    """The adaptive method of Dormand and Prince (order 5 with an embedded 4), by torchdiffeq.

    Its steps are chosen for the whole batch together, so a take depends on its batch mates. Raises ``NotFinite``.
    """

    def watched(t: Tensor, z: Tensor) -> Tensor:
        watch(min(1.0, float(t)))
        slope = field(z, t)
        if not torch.isfinite(slope).all():
            raise NotFinite
        return slope

    ends = torch.tensor([0.0, END_OF_DOPRI5], device=noise.device)
    options = {"dtype": torch.float32} if noise.device.type == "mps" else {}  # Apple's has no double precision
    path: Tensor = torchdiffeq.odeint(
        watched, noise, ends, rtol=tolerance, atol=tolerance, method="dopri5", options=options
    )
    return path[-1]


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
