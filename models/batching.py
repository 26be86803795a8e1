"""What the neural engines share: the device, takes in one batch, and what is done when memory or numbers run out."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol, TypeVar

import torch
from torch import Tensor, nn

from models.errors import GeneratorError, ModelError
from models.generator import Progress


class Seeded(Protocol):
    """The controls of one take: a dataclass with a seed."""

    @property
    def seed(self) -> int:
        """What the take's numbers are drawn from."""
        ...


Take = TypeVar("Take", bound=Seeded)
Make = Callable[[Sequence[Take], Progress], Tensor]
"""Makes takes in one batch, a row for each."""


def choose_device(name: str) -> str:
    """``auto`` is the first of CUDA, Apple's MPS and the CPU. Raises ``ModelError`` for one that is not there."""
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return next(device for device, found in there.items() if found)
    if not there.get(name.split(":", maxsplit=1)[0], False):
        raise ModelError(f"There is no device {name!r} here: use auto, cpu, cuda or mps; sideman devices lists them.")
    return name


def precision_of(device: str) -> torch.dtype:
    """Single precision on a CPU, half precision elsewhere."""
    return torch.float32 if device == "cpu" else torch.float16


def part_of(report: Progress, start: float, size: float) -> Progress:
    """Progress of a part of the work, told as that of the whole."""
    return lambda share: report(start + share * size)


def alike(batch: Sequence[Take]) -> list[list[Take]]:
    """Runs of takes that share all but the seed."""
    groups: list[list[Take]] = []
    for one in batch:
        if groups and replace(groups[-1][0], seed=one.seed) == one:  # type: ignore[type-var]
            groups[-1].append(one)
        else:
            groups.append([one])
    return groups


def by_halves(takes: Sequence[Take], make: Make[Take], report: Progress, device: str) -> Tensor:
    """The rows of ``make``, in as many parts as memory asks for. Raises ``GeneratorError`` when one is too much."""
    try:
        return make(takes, report)
    except (torch.OutOfMemoryError, MemoryError) as error:
        if device.startswith("cuda"):
            torch.cuda.empty_cache()
        if len(takes) == 1:
            raise GeneratorError(
                f"One take does not fit into the memory of {device}: close what else uses it, take a smaller "
                'model, or set device = "cpu".'
            ) from error
    half = math.ceil(len(takes) / 2)
    first = by_halves(takes[:half], make, part_of(report, 0.0, 0.5), device)
    second = by_halves(takes[half:], make, part_of(report, 0.5, 0.5), device)
    return torch.cat([first, second])


def finite(model: nn.Module, make: Callable[[], tuple[Tensor, bool]]) -> Tensor:
    """What ``make`` gives, with whether its numbers held; one that did not is made again in single precision.

    The model stays in single precision then. Raises ``GeneratorError`` when that does not help.
    """
    made, held = make()
    if held:
        return made
    if any(tensor.dtype == torch.float16 for tensor in model.parameters()):
        model.to(torch.float32)
        made, held = make()
        if held:
            return made
    raise GeneratorError("The model made numbers that are none, in single precision too: try another seed or prompt.")
