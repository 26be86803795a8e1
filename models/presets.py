"""How the models are sampled, by name: solvers of JASCO's flow, decodings of MAGNeT. Importing it imports no torch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal, get_args


@dataclass(frozen=True, slots=True, kw_only=True)
class Solver:
    """How to integrate: the method, the evaluations of a fixed-step one, the tolerance of the adaptive one."""

    method: Literal["euler", "ab2", "dopri5"]
    evaluations: int = 12
    tolerance: float = 1e-5


SOLVERS: Final[dict[str, Solver]] = {
    "draft": Solver(method="ab2", evaluations=8),
    "standard": Solver(method="ab2", evaluations=12),
    "fine": Solver(method="ab2", evaluations=24),
    "reference": Solver(method="dopri5"),
}
"""Solvers by name; ``standard`` is what is used unless something else is asked for."""


def known_solver(name: str) -> str:
    """The name of a solver, for a field that is checked. Raises ``ValueError`` for one that there is not."""
    if name not in SOLVERS:
        raise ValueError(f"the solvers are {', '.join(SOLVERS)}")
    return name


PrecisionName = Literal["auto", "float32", "int8", "bfloat16", "float16"]
"""What a model computes in; ``auto`` is what a measurement says."""
PRECISIONS: Final[tuple[str, ...]] = get_args(PrecisionName)
GraphsName = Literal["auto", "step", "off"]
"""Whether work is captured and replayed where that can be done: whole solvers that are short, or single steps alone."""

CompileName = Literal["off", "auto"]
"""Whether captured work is compiled where that is measured to be faster."""

SpanArrangement = Literal["nonoverlap", "stride1"]
SpanScoring = Literal["max", "prod"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoding:
    """How MAGNeT fills its masks (Ziv et al. 2024, section 3).

    ``decoding_steps`` are the passes for each codebook. Guidance goes from ``cfg_max`` to ``cfg_min`` as the mask
    empties, the temperature to 0 when it is annealed. ``top_p`` 0 leaves the choice to ``top_k``, and that at 0 to all
    tokens; without ``sampling`` the likeliest token is taken. Spans of frames are masked side by side
    (``nonoverlap``) or from any frame on (``stride1``, section 3.1); ``max`` scores a span by its likeliest token,
    ``prod`` by all of them.
    """

    decoding_steps: tuple[int, ...] = (20, 10, 10, 10)
    temperature: float = 3.0
    anneal_temperature: bool = True
    top_p: float = 0.9
    top_k: int = 0
    cfg_max: float = 10.0
    cfg_min: float = 1.0
    span_arrangement: SpanArrangement = "nonoverlap"
    span_scoring: SpanScoring = "max"
    sampling: bool = True


_STANDARD: Final = Decoding()

DECODINGS: Final[dict[str, Decoding]] = {
    "draft": replace(_STANDARD, decoding_steps=(10, 5, 5, 5)),
    "standard": _STANDARD,
    "fine": replace(_STANDARD, decoding_steps=(60, 10, 10, 10), span_arrangement="stride1"),
    "sound": replace(_STANDARD, temperature=3.5, top_p=0.8, cfg_max=20.0),
}
"""Decodings by name: ``standard`` is the reference's, ``sound`` what the configuration of audio-MAGNeT suggests."""
