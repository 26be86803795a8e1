"""Parameters that learn together: AdamW with clipped gradients, and its moments as a state holds them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import torch
from torch import Tensor, nn

BETAS: Final = (0.9, 0.98)


class Learner:
    """Some named parameters, and what they learn by."""

    def __init__(self, parameters: Mapping[str, nn.Parameter], *, weight_decay: float, clip: float) -> None:
        self.parameters = dict(parameters)
        self._clip = clip
        self._optimizer = torch.optim.AdamW(self.parameters.values(), betas=BETAS, weight_decay=weight_decay)

    def learn(self, loss: Tensor, rate: float, check: Callable[[Tensor], None]) -> float:
        """Take a step along the gradient of ``loss``, whose norm before clipping is the answer.

        ``check`` is given that norm before anything changes, and may raise.
        """
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self.parameters.values(), self._clip)
        check(norm)
        self._optimizer.step()
        return float(norm)

    def moments(self) -> dict[str, Tensor]:
        """The first and second moment of each parameter that has learnt, and how often it has."""
        moments = {}
        for name, parameter in self.parameters.items():
            kept = self._optimizer.state.get(parameter)
            if kept:
                moments[f"{name}.first"], moments[f"{name}.second"] = kept["exp_avg"], kept["exp_avg_sq"]
                moments[f"{name}.steps"] = kept["step"]
        return moments

    def take(self, moments: Mapping[str, Tensor], steps: int) -> None:
        """Go on with such moments; where they do not say how often a parameter has learnt, it has ``steps`` times.

        Raises ``KeyError`` for those of a parameter in part.
        """
        for name, parameter in self.parameters.items():
            if f"{name}.first" in moments:
                self._optimizer.state[parameter] = {
                    "step": moments.get(f"{name}.steps", torch.tensor(float(steps))).float().cpu(),
                    "exp_avg": moments[f"{name}.first"],
                    "exp_avg_sq": moments[f"{name}.second"],
                }
