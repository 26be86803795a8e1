"""Category: unit. What the neural engines share: devices, memory that ends, numbers that do not hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn

from models.batching import alike, by_halves, choose_device, finite, precision_of, within_memory
from models.errors import GeneratorError, ModelError
from models.generator import Progress
from models.solvers import NotFinite


@dataclass(frozen=True)
class Take:
    seed: int
    text: str = ""


def test_devices_that_are_there() -> None:
    assert choose_device("auto") in {"cpu", "cuda", "mps"}
    assert choose_device("cpu:0") == choose_device("cpu") == "cpu"
    assert precision_of("cpu") == torch.float32
    assert precision_of("cuda") == precision_of("cuda:1") == torch.float16


@pytest.mark.parametrize("name", ["tpu", "cpu:x", "", "cuda:99", "meta"])
def test_a_device_that_is_not_there_says_which_there_are(name: str) -> None:
    with pytest.raises(ModelError, match="no device"):
        choose_device(name)


def test_takes_that_share_all_but_the_seed_are_one_batch() -> None:
    batch = [Take(1), Take(2), Take(3, "b"), Take(4, "b"), Take(5)]
    assert [[one.seed for one in group] for group in alike(batch)] == [[1, 2], [3, 4], [5]]


OUT_OF_MEMORY = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:127] . DefaultCPUAllocator: can't allocate memory: you tried to"),
    RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes."),
    RuntimeError("MPS backend out of memory (MPS allocated: 9.05 GB)"),
    MemoryError(),
]


@pytest.mark.parametrize("error", OUT_OF_MEMORY, ids=["CUDA", "CPU", "Windows", "MPS", "Python"])
def test_what_does_not_fit_is_halved_until_it_does_or_one_is_too_much(error: Exception) -> None:
    sizes: list[int] = []
    told: list[float] = []

    def make(takes: Sequence[Take], report: Progress, most: int = 2) -> Tensor:
        sizes.append(len(takes))
        if len(takes) > most:
            raise error
        report(1.0)
        return torch.tensor([one.seed for one in takes])

    takes = [Take(seed) for seed in range(7)]
    assert by_halves(takes, make, told.append, "cpu").tolist() == list(range(7))
    assert sizes == [7, 4, 2, 2, 3, 2, 1]
    assert told == [0.25, 0.5, 0.75, 1.0]
    with pytest.raises(GeneratorError, match="memory of cpu"):
        by_halves(takes, lambda some, report: make(some, report, most=0), told.append, "cpu")


def test_other_errors_are_not_taken_for_memory() -> None:
    def broken(takes: Sequence[Take], report: Progress) -> Tensor:
        raise RuntimeError("shape mismatch")

    for takes in ([Take(1)], [Take(1), Take(2)]):
        with pytest.raises(RuntimeError, match="shape mismatch"):
            by_halves(takes, broken, lambda share: None, "cpu")
    with pytest.raises(RuntimeError, match="shape mismatch"), within_memory("cpu"):
        raise RuntimeError("shape mismatch")


def half_model() -> nn.Linear:
    return nn.Linear(2, 2).half()


@pytest.mark.parametrize("raises", [False, True], ids=["told", "raised"])
def test_numbers_that_do_not_hold_are_made_once_more_in_single_precision(raises: bool) -> None:
    model, seen = half_model(), list[torch.dtype]()

    def make() -> tuple[Tensor, bool]:
        seen.append(model.weight.dtype)
        if raises and model.weight.dtype == torch.float16:
            raise NotFinite
        return torch.zeros(1), model.weight.dtype == torch.float32

    _, again = finite(model, make)
    assert again
    assert seen == [torch.float16, torch.float32]
    assert {tensor.dtype for tensor in model.parameters()} == {torch.float16}


def test_a_model_is_whole_after_memory_ended_in_single_precision() -> None:
    """All in one precision again, so that the halved batch can be tried."""
    model = half_model()
    before = [tensor.clone() for tensor in model.parameters()]

    def make() -> tuple[Tensor, bool]:
        if model.weight.dtype == torch.float32:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return torch.zeros(1), False

    with pytest.raises(torch.OutOfMemoryError):
        finite(model, make)
    assert all(torch.equal(one, two) for one, two in zip(model.parameters(), before, strict=True))


def test_numbers_that_never_hold_are_an_error() -> None:
    for model in (half_model(), nn.Linear(2, 2)):
        with pytest.raises(GeneratorError, match="another seed"):
            finite(model, lambda: (torch.zeros(1), False))
