"""The state of a training run on disk: one safetensors file that is there whole or not at all. It holds no code."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from models.errors import TrainingError
from models.training_files import write_whole

FORMAT: Final = "sideman-training-state-1"
_PARTS: Final = ("module", "average", "adam")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunState:
    """After so many steps: the module's state, the average of its weights, and the optimizer's two moments of each."""

    step: int
    module: Mapping[str, Tensor]
    average: Mapping[str, Tensor]
    adam: Mapping[str, Tensor]


def write_state(path: Path, state: RunState, recipe: str) -> None:
    """Write a state over the one before. Raises ``TrainingError``; that one is then as it was."""
    tensors = {
        f"{part}.{name}": tensor.detach().cpu().contiguous()
        for part in _PARTS
        for name, tensor in getattr(state, part).items()
    }
    header = {FORMAT: f"{state.step} {_digest(recipe)}"}
    write_whole(path, save(tensors, metadata=header), "The state")


def read_state(path: Path, recipe: str | None, device: str) -> RunState:
    """The state in a file; without a recipe, that of any.

    Raises ``TrainingError`` for a damaged one, and for one of another recipe.
    """
    try:
        with safe_open(path, framework="pt", device=device) as file:
            told = (file.metadata() or {}).get(FORMAT, "")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  no mapping
    except (OSError, SafetensorError) as error:
        reason = str(error).splitlines()[0]
        raise TrainingError(f"The state {path} cannot be read ({reason}): it is damaged.") from error
    step, _, digest = told.partition(" ")
    if not step.isdigit():
        raise TrainingError(f"{path} is no state of a training run: it does not say {FORMAT}.")
    if recipe is not None and digest != _digest(recipe):
        raise TrainingError(
            f"{path} is of a run with another recipe or other music: go on with the same, or name another folder. "
            "Nothing was changed."
        )
    parts = {part: _part(tensors, part) for part in _PARTS}
    return RunState(step=int(step), **parts)


def _part(tensors: Mapping[str, Tensor], part: str) -> dict[str, Tensor]:
    return {name.removeprefix(f"{part}."): one for name, one in tensors.items() if name.startswith(f"{part}.")}


def _digest(recipe: str) -> str:
    return hashlib.sha256(recipe.encode()).hexdigest()
