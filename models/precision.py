"""What a model computes in: chosen by name, or by measuring what this machine does fastest.

int8 is dynamic: weights are rounded once, row by row, activations in each product, and products of whole
numbers are exact. Elsewhere a precision is that of the weights; what the solvers add up stays in single precision.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from models.errors import ModelError
from models.fast_layers import MakeMatrix, Plain

WORTH_IT: Final = 1.25
"""A precision that is less exact is taken where it is so many times as fast as single precision."""
SMALLEST: Final = 256
"""The size of a transformer below which nothing is gained, and nothing measured."""
MEASURED_ROWS: Final = 1000
MEASURED_RUNS: Final = 5
LEVELS: Final = 127
"""The largest number of int8 that is used, on either side of 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Precision:
    """What a model computes in, on a device."""

    name: str

    @property
    def dtype(self) -> torch.dtype:
        """What its weights are loaded as."""
        return torch.float32 if self.name == "int8" else getattr(torch, self.name)

    @property
    def matrix(self) -> MakeMatrix | None:
        """What its layers' matrices are made by; None where they are as they were loaded."""
        return Int8 if self.name == "int8" else None


class Int8:
    """A product with a weight [out, in] that is rounded to int8, row by row; ``x`` is rounded frame by frame."""

    def __init__(self, weight: Tensor) -> None:
        scale = weight.abs().amax(dim=1).clamp(min=torch.finfo(torch.float32).tiny).double() / LEVELS
        zero = torch.zeros(len(scale), dtype=torch.long)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # a later torch drops these tensors; _has_int8 looks for them
            rounded = torch.quantize_per_channel(weight.detach().float(), scale, zero, 0, torch.qint8)
        self._packed = torch.ops.quantized.linear_prepack(rounded, None)

    def __call__(self, x: Tensor) -> Tensor:
        """``x`` [..., in] to [..., out]."""
        highest, lowest = x.amax(dim=-1, keepdim=True), x.amin(dim=-1, keepdim=True)  # abs() would copy all of it
        largest = torch.maximum(highest, -lowest).clamp_(min=torch.finfo(x.dtype).tiny)
        out: Tensor = torch.ops.quantized.linear_dynamic(x / largest, self._packed, False)
        return out.mul_(largest)


def candidates(device: str) -> tuple[str, ...]:
    """The precisions that ``auto`` chooses from on a device, the surest first."""
    kind = torch.device(device).type
    if kind == "cuda":
        return ("float16",)
    if kind == "mps":
        return ("float32", "float16")
    amx = bool(getattr(torch.cpu, "_is_amx_tile_supported", lambda: False)())
    return ("float32", *(["int8"] if _has_int8() else []), *(["bfloat16"] if amx else []))


def _has_int8() -> bool:
    """Whether products of int8 are exact here: without VNNI an x86 processor adds them up in 16 bits."""
    if not hasattr(torch, "quantize_per_channel") or not hasattr(torch.ops.quantized, "linear_dynamic"):
        return False
    if platform.machine().lower() in {"x86_64", "amd64"}:
        return bool(getattr(torch.cpu, "_is_vnni_supported", lambda: False)())
    return torch.backends.quantized.engine != "none"


def choose_precision(name: str, device: str, dim: int, *, memory: Path | None = None) -> Precision:
    """The precision of that name, or for ``auto`` what is fastest for a transformer of size ``dim``.

    What was measured is noted in the file ``memory``, so that the next start makes the same choice: a seed would not
    repeat otherwise. Raises ``ModelError`` for a precision that the device does not compute in.
    """
    kind = torch.device(device).type
    if name == "int8" and (kind != "cpu" or not _has_int8()):
        raise ModelError(f'{device} does not compute in int8 here: set dtype = "auto".')
    if name == "bfloat16" and kind == "mps":
        raise ModelError('mps does not compute in bfloat16 here: set dtype = "auto".')
    if name == "float16" and kind == "cpu":
        raise ModelError('A CPU is slow in float16: set dtype = "auto", "float32", "int8" or "bfloat16".')
    if name != "auto":
        return Precision(name=name)
    choices = candidates(device)
    if len(choices) == 1 or dim < SMALLEST:
        return Precision(name=choices[0])
    noted, key = _noted(memory), machine_key(device, dim)
    if noted.get(key) not in choices:
        noted[key] = fastest(measured(choices, device, dim))
        _note(memory, noted)
    return Precision(name=noted[key])


def fastest(seconds: Mapping[str, float]) -> str:
    """The precision with the least seconds, where that is worth it; the first otherwise."""
    first = next(iter(seconds))
    best = min(seconds, key=lambda name: seconds[name])
    return best if seconds[first] >= WORTH_IT * seconds[best] else first


def measured(names: tuple[str, ...], device: str, dim: int) -> dict[str, float]:
    """Seconds of the two largest products of a layer in each precision: the median of a few runs, by turns."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(MEASURED_ROWS, dim, generator=generator)
    weights = torch.randn(4 * dim, dim, generator=generator), torch.randn(dim, 4 * dim, generator=generator)
    runs: dict[str, Callable[[], Tensor]] = {}
    for name in names:
        precision = Precision(name=name)
        up, down = ((precision.matrix or Plain)(weight.to(device, precision.dtype)) for weight in weights)
        given = x.to(device, precision.dtype)
        runs[name] = lambda up=up, down=down, given=given: down(up(given))  # type: ignore[misc]
    spent: dict[str, list[float]] = {name: [] for name in names}
    with torch.inference_mode():
        for turn in range(MEASURED_RUNS + 1):
            for name, run in runs.items():
                began = time.perf_counter()
                run()
                if device.startswith("mps"):
                    torch.mps.synchronize()
                if turn:  # the first one warms up
                    spent[name].append(time.perf_counter() - began)
    return {name: statistics.median(times) for name, times in spent.items()}


def machine_key(device: str, dim: int) -> str:
    """What a measurement holds for: this processor, this number of threads, this torch, this size."""
    processor = platform.processor() or platform.machine()
    flags = torch.backends.cpu.get_cpu_capability()
    return f"{device} {processor} {flags} x{torch.get_num_threads()} torch {torch.__version__} d{dim}"


def _noted(memory: Path | None) -> dict[str, str]:
    try:
        found = json.loads(memory.read_text(encoding="utf-8")) if memory else {}
    except (OSError, ValueError):
        return {}
    return {key: value for key, value in found.items() if isinstance(value, str)} if isinstance(found, dict) else {}


def _note(memory: Path | None, noted: Mapping[str, str]) -> None:
    """Write what was measured; a folder that cannot be written costs a measurement at the next start and no more."""
    if memory is None:
        return
    try:
        memory.parent.mkdir(parents=True, exist_ok=True)
        partial = memory.with_suffix(f".{os.getpid()}")
        partial.write_text(json.dumps(dict(noted), indent=2), encoding="utf-8")
        partial.replace(memory)
    except OSError:
        return


def share_cores() -> int:
    """Take the threads of torch down so that the daemon keeps a core where there are several; how many are left.

    On one or two cores all are taken: the engine's process gives way to the daemon's, which is idle nearly always.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    threads = min(torch.get_num_threads(), cores if cores <= 2 else cores - 1)
    torch.set_num_threads(threads)
    return threads


def release(*modules: torch.nn.Module) -> None:
    """Let go of weights that there are copies of now; the modules are of no use afterwards."""
    for module in modules:
        for name in ("weight", "in_proj_weight"):
            if isinstance(getattr(module, name, None), torch.nn.Parameter):
                setattr(module, name, torch.nn.Parameter(torch.empty(0), requires_grad=False))
