"""Captured work: a function over tensors that stay where they are, recorded once as a CUDA graph and replayed.

A replay costs one launch instead of thousands. What is captured looks at no number on the host, so a run can be
stopped between two replays, and nowhere else.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Final, Generic, TypeVar

import torch
from torch import Tensor

Work = Callable[[], None]
Pace = Callable[[Work], float]
"""The seconds that work takes on the device, by doing it."""
Capture = Callable[[Work], Work]
"""Makes work that can be repeated of work. It may run the work while it does, so tensors are loaded afterwards."""

WARM_RUNS: Final = 2
"""Runs before a capture: libraries choose their kernels and take their workspaces in them."""

Captured = TypeVar("Captured")


def eager(work: Work) -> Work:
    """No capture: the work itself, which has the same tensors as a captured one. It is run once, as a capture does."""
    work()
    return work


def cuda_graph(work: Work) -> Work:
    """A CUDA graph of the work. Raises what CUDA raises where it cannot be captured."""
    side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(WARM_RUNS):
            work()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        work()
    return graph.replay


def timed(work: Work) -> float:
    """The seconds that work takes on the GPU, by doing it twice: the first replay of a capture sets it up there."""
    work()
    torch.cuda.synchronize()
    began = time.perf_counter()
    work()
    torch.cuda.synchronize()
    return time.perf_counter() - began


class Replays(Generic[Captured]):
    """What was captured, by its shapes; the one that was used longest ago goes first.

    Captured work reads the weights where they were. Where the weights are elsewhere by now, it is captured anew.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[Hashable, tuple[int, Captured]] = OrderedDict()

    def get(self, key: Hashable, weight: Tensor, make: Callable[[], Captured]) -> Captured:
        """What was captured for ``key``, made where it is not there; ``weight`` is one of the weights it reads."""
        place, found = self._kept.pop(key, (0, None))
        if found is None or place != weight.data_ptr():
            while len(self._kept) >= self._most:
                self._kept.popitem(last=False)
            found = make()
        self._kept[key] = weight.data_ptr(), found
        return found
