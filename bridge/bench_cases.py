"""What ``sideman bench`` measures, and what it finds. Importing it imports no torch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

SCHEMA: Final = 1


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Shape(_Frozen):
    """The numbers of a released model that decide its speed."""

    kind: Literal["jasco", "magnet"]
    dim: int
    layers: int
    heads: int
    seconds: float
    filters: int = 64
    """Of the codec."""

    @property
    def frames(self) -> int:
        """Frames of the window, at 50 a second."""
        return int(self.seconds * 50)


SHAPES: Final[dict[str, Shape]] = {
    "jasco-400M": Shape(kind="jasco", dim=1024, layers=24, heads=16, seconds=10),
    "jasco-1B": Shape(kind="jasco", dim=1536, layers=48, heads=24, seconds=10),
    "magnet-small-10secs": Shape(kind="magnet", dim=1024, layers=24, heads=16, seconds=10),
    "magnet-small-30secs": Shape(kind="magnet", dim=1024, layers=24, heads=16, seconds=30),
    "magnet-medium-10secs": Shape(kind="magnet", dim=1536, layers=48, heads=24, seconds=10),
    "magnet-medium-30secs": Shape(kind="magnet", dim=1536, layers=48, heads=24, seconds=30),
}
"""The shapes of the released models."""
QUICK_SHAPES: Final[dict[str, Shape]] = {
    "jasco-quick": Shape(kind="jasco", dim=256, layers=4, heads=4, seconds=2, filters=8),
    "magnet-quick": Shape(kind="magnet", dim=256, layers=4, heads=4, seconds=2, filters=8),
}
"""Small ones, to see that everything runs."""
TEXT_LENGTH: Final = 12
"""Tokens of a description of a few words."""
TEXT_DIM: Final = 768


class Case(_Frozen):
    """One line of the table: a model, how it is sampled, and what it computes on and in.

    ``runs`` are whole runs of ours, ``pairs`` short ones of the plain path and ours by turns.
    """

    model: str
    way: str
    device: str
    dtype: str
    graphs: bool = False
    compile: bool = False
    runs: int = 1
    pairs: int = 2

    @property
    def shape(self) -> Shape:
        """The shape of the model."""
        return (SHAPES | QUICK_SHAPES)[self.model]


class Found(_Frozen):
    """What a case took, in seconds, bytes, and operations.

    ``work_s`` is the processor's time of the last run, shared out to its threads: what it would take on cores that have
    nothing else to do. ``plain_s`` is the plain path's whole run, from short runs by turns with ours, and ``ratio``
    theirs. ``first_s`` is the first run of ours after loading, with whatever it has to make once. ``peak_flops`` is
    what the device does in a large product in the same precision, in the same run; of a CPU too it is by the time
    that its threads work. ``error`` is how far latents are
    from those of the plain path in single precision, relative; None in that precision, and where there are tokens.
    """

    case: Case
    median_s: float
    work_s: float
    first_s: float
    plain_s: float
    ratio: float
    codec_s: float
    flop: float
    peak_flops: float
    peak_bytes: int
    error: float | None = None

    @property
    def share(self) -> float:
        """The share of the device's peak that the run reaches, by the operations that the description asks for."""
        spent = self.work_s if self.case.device == "cpu" else self.median_s
        return self.flop / spent / self.peak_flops


class Report(_Frozen):
    """All that a run of the benchmark found, and where."""

    schema_version: int = SCHEMA
    processor: str
    threads: int
    gpu: str | None
    torch: str
    python: str
    version: str
    quick: bool
    rows: tuple[Found, ...]

    def with_rows_of(self, earlier: Report) -> Report:
        """This report, and what another of the same machine found of cases that are not in this one."""
        mine = [(row.case.model, row.case.way, row.case.device, row.case.dtype) for row in self.rows]
        others = [
            row for row in earlier.rows if (row.case.model, row.case.way, row.case.device, row.case.dtype) not in mine
        ]
        return self.model_copy(update={"rows": (*others, *self.rows)}) if earlier.machine == self.machine else self

    @property
    def machine(self) -> str:
        """The machine in words."""
        where = f"{self.processor}, {self.threads} threads" + (f", {self.gpu}" if self.gpu else "")
        return f"{where}; torch {self.torch}, Python {self.python}"


def flop_of(shape: Shape, passes: int) -> float:
    """Operations of so many passes with two branches, by the description: nothing kept, nothing left out."""
    dim, frames = shape.dim, shape.frames
    layer = 28 * dim**2 + 4 * dim * frames + 4 * dim * TEXT_LENGTH
    heads = 4 if shape.kind == "magnet" else 0
    return passes * 2.0 * frames * (shape.layers * layer + heads * 2 * dim * 2048)


def cases_of(
    device: str,
    dtypes: Iterable[str],
    models: Iterable[str],
    *,
    quick: bool,
    runs: int,
    graphs: bool,
    compile_: bool = False,
) -> list[Case]:
    """The cases for a device: every model in every precision; on a CPU the solvers and models that it has time for."""
    gpu = device.startswith(("cuda", "mps"))
    names = tuple(models) or (tuple(QUICK_SHAPES) if quick else tuple(SHAPES) if gpu else _FOR_A_CPU)
    found = []
    for name in names:
        kind = (SHAPES | QUICK_SHAPES)[name].kind
        ways = _WAYS[kind][:1] if quick else _WAYS[kind] if gpu else _WAYS_ON_A_CPU[kind]
        for way in ways:
            for dtype in dtypes:
                captured = graphs and device.startswith("cuda")
                case = Case(model=name, way=way, device=device, dtype=dtype, runs=runs, graphs=captured)
                found.append(case.model_copy(update={"compile": captured and compile_}))
    return found


_FOR_A_CPU: Final = ("jasco-400M", "magnet-small-10secs")
_WAYS: Final = {"jasco": ("draft", "standard", "fine"), "magnet": ("draft", "standard")}
_WAYS_ON_A_CPU: Final = {"jasco": ("draft", "standard"), "magnet": ("draft",)}
