"""A training run: steps, a moving average of the weights, and a state on disk from which it goes on exactly.

What is drawn by chance in a step hangs on the seed and the step's number alone, so a run that was stopped takes the same
next step as one that was not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, Protocol

import torch
from torch import Generator, Tensor, nn

from models.errors import TrainingError
from models.training_state import RunState, read_state, write_state

STATE_FILE: Final = "state.safetensors"
LAST_SHARE_OF_RATE: Final = 0.02
"""What the learning rate has come down to at the end."""
_EMA_WARM: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """How long and how fast something learns.

    ``rate`` rises over ``warm_steps`` and falls along a cosine until ``steps``. ``average`` is the decay of the moving
    average of the weights, which is what is kept. The state is written each ``save_every`` steps, figures are noted
    each ``log_every``.
    """

    steps: int
    rate: float
    warm_steps: int = 100
    weight_decay: float = 0.01
    clip: float = 1.0
    average: float = 0.999
    save_every: int = 500
    log_every: int = 25
    seed: int = 0
    precision: Literal["float32", "bfloat16"] = "float32"


class Lesson(Protocol):
    """Something that can be learnt: a module, batches for it, and how far it is from what it should give."""

    @property
    def module(self) -> nn.Module:
        """All that is learnt, and all that changes with it."""
        ...

    def batch(self, chance: Generator) -> Any:  # noqa: ANN401
        """The next batch, drawn by chance."""
        ...

    def losses(self, batch: Any, chance: Generator) -> Mapping[str, Tensor]:  # noqa: ANN401
        """What counts of a batch, each a number; ``loss`` is what is learnt from."""
        ...

    def named(self, batch: Any) -> str:  # noqa: ANN401
        """What a batch is made of, for a message."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """Figures after some steps, the mean since those before."""

    step: int
    rate: float
    figures: Mapping[str, float]


class Run:
    """A lesson on its way."""

    def __init__(self, lesson: Lesson, settings: RunSettings, folder: Path, *, recipe: str, device: str = "cpu") -> None:
        """Begin, or go on with the state in ``folder``; ``recipe`` is the text of all that a run hangs on.

        Raises ``TrainingError`` for a state that is damaged, or of another recipe.
        """
        self._lesson, self._settings, self._device = lesson, settings, device
        self._path, self._recipe = folder / STATE_FILE, recipe
        self._module = lesson.module.to(device)
        self._parameters = {name: one for name, one in self._module.named_parameters() if one.requires_grad}
        self._optimizer = torch.optim.AdamW(
            self._parameters.values(), lr=settings.rate, betas=(0.9, 0.98), weight_decay=settings.weight_decay
        )
        self.average = {name: one.detach().clone() for name, one in self._parameters.items()}
        self.step = 0
        if self._path.exists():
            self._take(read_state(self._path, recipe, device))

    def learn(
        self,
        *,
        noted: Callable[[Noted], None] = lambda one: None,
        stopped: Callable[[], bool] = lambda: False,
        until: int | None = None,
    ) -> None:
        """Take steps to the end, or ``until`` one, or until ``stopped``; the state is on disk after it.

        Raises ``TrainingError`` when a loss or gradient is no number, or the state cannot be written; the state on
        disk is then the last good one.
        """
        settings = self._settings
        sums: dict[str, float] = {}
        count = 0
        self._module.train()
        while self.step < min(settings.steps, until or settings.steps) and not stopped():
            for name, value in self._one_step().items():
                sums[name] = sums.get(name, 0.0) + value
            count += 1
            if self.step % settings.log_every == 0:
                noted(Noted(step=self.step, rate=self._rate(), figures={one: sums[one] / count for one in sums}))
                sums, count = {}, 0
            if self.step % settings.save_every == 0:
                self.save()
        self.save()

    def save(self) -> None:
        """Write the state. Raises ``TrainingError``; the one before is then still there."""
        adam = {}
        for name, parameter in self._parameters.items():
            kept = self._optimizer.state.get(parameter)
            if kept:
                adam[f"{name}.first"], adam[f"{name}.second"] = kept["exp_avg"], kept["exp_avg_sq"]
        state = RunState(step=self.step, module=self._module.state_dict(), average=self.average, adam=adam)
        write_state(self._path, state, self._recipe)

    def averaged(self) -> dict[str, Tensor]:
        """The module's state with the moving average in place of the weights."""
        return {**self._module.state_dict(), **self.average}

    def _take(self, state: RunState) -> None:
        try:
            self._module.load_state_dict(dict(state.module))
            for name, parameter in self._parameters.items():
                self.average[name].copy_(state.average[name])
                if state.step:
                    self._optimizer.state[parameter] = {
                        "step": torch.tensor(float(state.step)),
                        "exp_avg": state.adam[f"{name}.first"],
                        "exp_avg_sq": state.adam[f"{name}.second"],
                    }
        except (RuntimeError, KeyError) as error:
            reason = str(error).splitlines()[0]
            raise TrainingError(f"The state {self._path} does not fit the model ({reason}): it is damaged.") from error
        self.step = state.step

    def _rate(self) -> float:
        settings = self._settings
        warm = min(1.0, (self.step + 1) / max(1, settings.warm_steps))
        share = min(1.0, self.step / settings.steps)
        fallen = LAST_SHARE_OF_RATE + (1.0 - LAST_SHARE_OF_RATE) * (1.0 + math.cos(math.pi * share)) / 2.0
        return settings.rate * warm * fallen

    def _one_step(self) -> dict[str, float]:
        settings = self._settings
        chance = Generator().manual_seed((settings.seed << 32) + self.step)
        batch = self._lesson.batch(chance)
        for group in self._optimizer.param_groups:
            group["lr"] = self._rate()
        self._optimizer.zero_grad(set_to_none=True)
        half = settings.precision == "bfloat16"
        with torch.autocast(torch.device(self._device).type, torch.bfloat16, enabled=half):
            losses = self._lesson.losses(batch, chance)
        self._require_finite(losses["loss"], "The loss", batch)
        losses["loss"].backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self._parameters.values(), settings.clip)
        self._require_finite(norm, "The gradient", batch)
        self._optimizer.step()
        self.step += 1
        self._follow()
        return {**{name: float(value.detach()) for name, value in losses.items()}, "gradient": float(norm)}

    def _require_finite(self, value: Tensor, what: str, batch: Any) -> None:  # noqa: ANN401
        if not torch.isfinite(value):
            saved = f"The state of step {self._saved_step()} is kept." if self._path.exists() else "Nothing was saved yet."
            raise TrainingError(
                f"{what} of step {self.step + 1} is no number, on {self._lesson.named(batch)}. {saved} Look at what it "
                "was made of, or go on with a lower rate."
            )

    def _saved_step(self) -> int:
        return read_state(self._path, self._recipe, "cpu").step

    @torch.no_grad()
    def _follow(self) -> None:
        decay = min(self._settings.average, (1 + self.step) / (_EMA_WARM + self.step))
        names = list(self._parameters)
        torch._foreach_lerp_(
            [self.average[name] for name in names], [self._parameters[name].detach() for name in names], 1.0 - decay
        )
