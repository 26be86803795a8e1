"""JASCO's fixed-step solvers, captured: over tensors that stay where they are, one evaluation at a time or all at once.

All at once is one launch for a whole window, and nothing of Python or of a number on the device is between two
evaluations: which one it is, is written down in the capture. It cannot be stopped on its way, so it is for windows that
are short; the others go one evaluation at a time.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from models.compiling import Compiler, faster
from models.flow_stack import Prepared, Stack, with_held
from models.graphs import Capture, Pace, Work
from models.solvers import Evaluation, Watch

MOST_EVALUATIONS: Final = 64
"""Evaluations that a captured solver has room for."""
LONGEST_LOOP_S: Final = 0.5
"""A whole loop is captured where it takes no longer: so long a request waits to be cancelled, and says nothing."""
LOOPS_KEPT: Final = 3
"""Captured loops of one shape of work, one for each number of evaluations."""


Slope = Callable[[Tensor, Tensor], Tensor]
"""The slope at latents [B, T, C], at the time that shifts [layers, D] are of."""


@dataclass(frozen=True, slots=True)
class _Step:
    """One evaluation, captured with a slope."""

    slope: Slope
    replay: Work


class CapturedSolver:
    """The solvers for one shape of work. ``load`` begins a run, and ``run`` ends it.

    One capture of an evaluation serves every fixed-step solver, a captured loop those of its number of evaluations.
    """

    def __init__(
        self,
        stack: Stack,
        prepared: Prepared,
        start: Tensor,
        capture: Capture,
        *,
        pace: Pace | None = None,
        compiler: Compiler | None = None,
    ) -> None:
        """``pace`` measures an evaluation once; without it no loop is captured, and nothing is compiled.

        With ``compiler`` the slope is compiled where that is faster. Raises what ``capture`` raises.
        """
        self._prepared = prepared
        self._slope: Slope = lambda z, shifts: with_held(prepared, stack.slope(prepared, z, shifts))
        self._capture = capture
        self.z, self._last = torch.zeros_like(start), torch.zeros_like(start)
        layers, dim = len(stack.layers), prepared.rows.shape[-1]
        self._shifts = prepared.rows.new_zeros(MOST_EVALUATIONS, layers, dim)
        self._steps = start.new_zeros(MOST_EVALUATIONS, 2)
        self._place = torch.zeros(1, dtype=torch.long, device=start.device)
        self._loops: OrderedDict[int, Work] = OrderedDict()
        step = self._step_with(self._slope)
        if pace and compiler:
            step = faster(step, lambda: self._step_with(compiler(self._slope)), lambda one: pace(one.replay))
        self._slope = step.slope
        self._step: Work | None = step.replay
        self._evaluation_s = pace(step.replay) if pace else None

    def _step_with(self, slope: Slope) -> _Step:
        """An evaluation with this slope, captured; the captures that follow have it too."""
        self._slope = slope
        return _Step(slope, self._capture(self._next))

    def load(self, prepared: Prepared, start: Tensor, steps: Sequence[Evaluation], shifts: Tensor) -> None:
        """Begin a run: capture what is missing, and put what it needs where the captured work looks for it."""
        self._make_ready(len(steps))
        for mine, given in zip(_tensors(self._prepared), _tensors(prepared), strict=True):
            if mine is not given:
                mine.copy_(given)
        self.z.copy_(start)
        self._last.zero_()
        self._place.zero_()
        self._shifts[: len(steps)] = shifts
        self._steps[: len(steps)] = self._steps.new_tensor([[one.new, one.last] for one in steps])

    def run(self, steps: int, watch: Watch) -> Tensor:
        """The latents after so many evaluations, from what was loaded; ``watch`` is told before each replay."""
        if self.is_short(steps):
            watch(0.0)
            self._loops[steps]()
            return self.z.clone()
        for index in range(steps):
            watch(index / steps)
            if self._step:
                self._step()
        return self.z.clone()

    def is_short(self, steps: int) -> bool:
        """Whether so many evaluations are one replay."""
        return self._evaluation_s is not None and steps * self._evaluation_s <= LONGEST_LOOP_S

    def _make_ready(self, steps: int) -> None:
        if not self.is_short(steps):
            self._step = self._step or self._capture(self._next)
            return
        self._step = None  # each capture holds memory of its own
        if steps not in self._loops:
            while len(self._loops) >= LOOPS_KEPT:
                self._loops.popitem(last=False)
            self._loops[steps] = self._capture(lambda: self._all(steps))
        self._loops.move_to_end(steps)

    def _all(self, steps: int) -> None:
        """The whole loop; times, factors and conditions are where ``load`` puts them."""
        for index in range(steps):
            self._evaluate(self._shifts[index], self._steps[index])

    def _next(self) -> None:
        """The evaluation whose number is on the device; a replay goes on to the next one."""
        self._evaluate(self._shifts.index_select(0, self._place)[0], self._steps.index_select(0, self._place)[0])
        self._place.add_(1).clamp_(max=MOST_EVALUATIONS - 1)

    def _evaluate(self, shifts: Tensor, factors: Tensor) -> None:
        new, last = factors.unbind(0)
        slope = self._slope(self.z, shifts)
        self.z.add_(new * slope + last * self._last)
        self._last.copy_(slope)


def _tensors(prepared: Prepared) -> list[Tensor]:
    """Everything in it that differs from run to run."""
    heard = [part for one in prepared.heard for part in (one.keys, one.values, one.mask) if part is not None]
    rest = (prepared.rows, prepared.weights, prepared.held, prepared.velocity)
    return [*heard, *(part for part in rest if part is not None)]
