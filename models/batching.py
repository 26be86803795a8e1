"""What the neural engines share: the device, takes in one batch, and what is done when memory or numbers run out."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Protocol, TypeVar

import torch
from torch import Tensor, nn

from models.errors import GeneratorError, ModelError
from models.generator import Progress
from models.solvers import NotFinite


class Seeded(Protocol):
    """The controls of one take: a dataclass with a seed."""

    @property
    def seed(self) -> int:
        """What the take's numbers are drawn from."""
        ...


Take = TypeVar("Take", bound=Seeded)
SINGLE_PRECISION = "Numbers overflowed in half precision; the take was made again in single precision."

Make = Callable[[Sequence[Take], Progress], Tensor]
"""Makes takes in one batch, a row for each."""


def choose_device(name: str) -> str:
    """``auto`` is the first of CUDA, Apple's MPS and the CPU. Raises ``ModelError`` for one that is not there."""
    there = {"cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available()), "cpu": 1}
    if name == "auto":
        return next(device for device, count in there.items() if count)
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or (device.index or 0) >= there.get(device.type, 0):
        raise ModelError(f"There is no device {name!r} here: use auto, cpu, cuda or mps; sideman devices lists them.")
    return device.type if device.index is None or device.type == "cpu" else str(device)


def precision_of(device: str) -> torch.dtype:
    """Single precision on a CPU, half precision elsewhere."""
    return torch.float32 if torch.device(device).type == "cpu" else torch.float16


def computed_on(
    device: str, precision: str, notices: Sequence[str], *, graphs: bool = False, compiled: bool = False
) -> str:
    """A device and a precision in words, such as ``cuda (NVIDIA H200), float16``, for a take with these notices.

    ``graphs`` says that work is captured, ``compiled`` that it may be compiled.
    """
    used = "float32" if SINGLE_PRECISION in notices else precision
    name = f" ({torch.cuda.get_device_name(device)})" if torch.device(device).type == "cuda" else ""
    if used != precision:
        return f"{device}{name}, {used}"
    return f"{device}{name}, {used}{', graphs' if graphs else ''}{', compile auto' if compiled else ''}"


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


@contextlib.contextmanager
def within_memory(device: str) -> Iterator[None]:
    """Turn running out of memory into a ``GeneratorError`` that says what to do."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        _release(device)
        raise GeneratorError(
            f"It does not fit into the memory of {device}: close what else uses it, take a smaller model, ask for "
            'fewer bars, or set device = "cpu".'
        ) from error


def by_halves(takes: Sequence[Take], make: Make[Take], report: Progress, device: str) -> Tensor:
    """The rows of ``make``, in as many parts as memory asks for. Raises ``GeneratorError`` when one is too much."""
    if len(takes) == 1:
        with within_memory(device):
            return make(takes, report)
    try:
        return make(takes, report)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
    _release(device)
    half = math.ceil(len(takes) / 2)
    first = by_halves(takes[:half], make, part_of(report, 0.0, 0.5), device)
    second = by_halves(takes[half:], make, part_of(report, 0.5, 0.5), device)
    return torch.cat([first, second])


def is_out_of_memory(error: BaseException) -> bool:
    """CUDA has a class for it; the CPU and MPS say it in a ``RuntimeError``."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return any(words in str(error) for words in ("out of memory", "can't allocate memory", "not enough memory"))


def _release(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.empty_cache()


def finite(model: nn.Module, make: Callable[[], tuple[Tensor, bool]]) -> tuple[Tensor, bool]:
    """What ``make`` gives with numbers that held, and whether single precision was needed for it.

    ``make`` tells whether its numbers held, or raises ``NotFinite``. Raises ``GeneratorError`` when they did not hold
    in single precision either.
    """
    made = _held(make)
    if made is not None:
        return made, False
    if any(tensor.dtype == torch.float16 for tensor in model.parameters()):
        with _in_single_precision(model):
            made = _held(make)
        if made is not None:
            return made, True
    raise GeneratorError("The model made numbers that are none, in single precision too: try another seed or prompt.")


def _held(make: Callable[[], tuple[Tensor, bool]]) -> Tensor | None:
    try:
        made, held = make()
    except NotFinite:
        return None
    return made if held else None


@contextlib.contextmanager
def _in_single_precision(model: nn.Module) -> Iterator[None]:
    """The model in single precision; it is as it was afterwards, also where memory ran out in between."""
    halves = [tensor for tensor in model.parameters() if tensor.dtype == torch.float16]
    try:
        for tensor in halves:
            tensor.data = tensor.data.float()
        yield
    finally:
        for tensor in halves:
            tensor.data = tensor.data.half()
