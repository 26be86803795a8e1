"""A training run: steps, a moving average of the weights, and a state on disk from which it goes on exactly.

What is drawn by chance in a step hangs on the seed and the step's number alone, so a run that was stopped takes the
same next step as one that was not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal, Protocol

import torch
from pydantic import ConfigDict, Field
from torch import Generator, Tensor, nn

from models.errors import TrainingError
from models.training_codec import ADVERSARY
from models.training_numbers import CLOSED, Count, Positive, Weight
from models.training_optimizer import Learner
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

    __pydantic_config__: ClassVar[ConfigDict] = CLOSED

    steps: Count
    rate: Positive
    warm_steps: Annotated[int, Field(strict=True, ge=0)] = 100
    weight_decay: Weight = 0.01
    clip: Positive = 1.0
    average: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.999
    save_every: Count = 500
    log_every: Count = 25
    seed: Annotated[int, Field(strict=True, ge=0, lt=2**31)] = 0
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

    def losses(self, batch: Any, chance: Generator, step: int) -> Mapping[str, Tensor]:  # noqa: ANN401
        """What counts of a batch at a step, each a number; ``loss`` is what is learnt from.

        Where ``adversary`` is among them, the part of the module of that name learns from it, and from nothing else.
        """
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

    def __init__(
        self, lesson: Lesson, settings: RunSettings, folder: Path, *, recipe: str, device: str = "cpu"
    ) -> None:
        """Begin, or go on with the state in ``folder``; ``recipe`` is the text of all that a run hangs on.

        Raises ``TrainingError`` for a state that is damaged, or of another recipe.
        """
        self._lesson, self._settings, self._device = lesson, settings, device
        self._path, self._recipe = folder / STATE_FILE, recipe
        self._module = lesson.module.to(device)
        learnt = {name: one for name, one in self._module.named_parameters() if one.requires_grad}
        against = {name: one for name, one in learnt.items() if name.startswith(f"{ADVERSARY}.")}
        self._parameters = {name: one for name, one in learnt.items() if name not in against}
        self._learner = Learner(self._parameters, weight_decay=settings.weight_decay, clip=settings.clip)
        self._adversary = Learner(against, weight_decay=settings.weight_decay, clip=settings.clip) if against else None
        self.average = {name: one.detach().clone() for name, one in self._parameters.items()}
        self.step = 0
        if self._path.exists():
            self._take(read_state(self._path, recipe, device))

    @property
    def done(self) -> bool:
        """Whether all steps were taken."""
        return self.step >= self._settings.steps

    def learn(
        self,
        *,
        noted: Callable[[Noted], None] = lambda one: None,
        stopped: Callable[[], bool] = lambda: False,
        until: int | None = None,
        stepped: Callable[[int], None] = lambda step: None,
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
            stepped(self.step)
            if self.step % settings.save_every == 0:
                self.save()
            if self.step % settings.log_every == 0:
                noted(Noted(step=self.step, rate=self._rate(), figures={one: sums[one] / count for one in sums}))
                sums, count = {}, 0
        self.save()

    def save(self) -> None:
        """Write the state. Raises ``TrainingError``; the one before is then still there."""
        self._require_finite_weights()
        moments = {name: one for learner in self._learners for name, one in learner.moments().items()}
        state = RunState(step=self.step, module=self._module.state_dict(), average=self.average, adam=moments)
        write_state(self._path, state, self._recipe)

    def averaged(self) -> dict[str, Tensor]:
        """The module's state with the moving average in place of the weights."""
        return {**self._module.state_dict(), **self.average}

    @property
    def _learners(self) -> list[Learner]:
        return [self._learner, *([self._adversary] if self._adversary else [])]

    def _take(self, state: RunState) -> None:
        try:
            self._module.load_state_dict(dict(state.module))
            for name in self._parameters:
                self.average[name].copy_(state.average[name])
            for learner in self._learners:
                learner.take(state.adam, state.step)
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
        half = settings.precision == "bfloat16"
        with torch.autocast(torch.device(self._device).type, torch.bfloat16, enabled=half):
            losses = self._lesson.losses(batch, chance, self.step)
        for name in ("loss", ADVERSARY):
            if name in losses:
                self._require_finite(losses[name], "The loss", batch)

        def check(norm: Tensor) -> None:
            self._require_finite(norm, "The gradient", batch)

        figures = {name: float(value.detach()) for name, value in losses.items()}
        figures["gradient"] = self._learner.learn(losses["loss"], self._rate(), check)
        if self._adversary and ADVERSARY in losses:
            self._adversary.learn(losses[ADVERSARY], self._rate(), check)
        self.step += 1
        self._follow()
        return figures

    def _require_finite(self, value: Tensor, what: str, batch: Any) -> None:  # noqa: ANN401
        if not torch.isfinite(value):
            raise TrainingError(
                f"{what} of step {self.step + 1} is no number, on {self._lesson.named(batch)}. {self._kept()} Look at "
                "what it was made of, or begin again with a lower rate."
            )

    def _require_finite_weights(self) -> None:
        for name, tensor in self._module.state_dict().items():
            if not torch.isfinite(tensor).all():
                raise TrainingError(
                    f"After step {self.step} {name} holds what is no number. {self._kept()} Begin again with a lower "
                    "rate."
                )

    def _kept(self) -> str:
        if not self._path.exists():
            return "Nothing was saved yet."
        return f"The state of step {read_state(self._path, self._recipe, 'cpu').step} is kept."

    @torch.no_grad()
    def _follow(self) -> None:
        decay = min(self._settings.average, (1 + self.step) / (_EMA_WARM + self.step))
        names = list(self._parameters)
        torch._foreach_lerp_(
            [self.average[name] for name in names], [self._parameters[name].detach() for name in names], 1.0 - decay
        )
