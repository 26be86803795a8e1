"""Solvers of the flow by name. Importing this module imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal


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
