"""Error of each solver by number of evaluations, on a flow whose exact solution is known; a table and a plot.

``python benchmarks/solvers.py --plot solvers.png``. The flow carries noise to a Gaussian with another mean and another
spread in each of 256 dimensions, along straight conditional paths (Lipman et al. 2023, example II). At time t the
field is ``mu + (t s^2 - (1 - t)) (z - t mu) / (t^2 s^2 + (1 - t)^2)``, and noise z0 arrives at ``mu + s z0``.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Callable
from pathlib import Path

import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table
from torch import Tensor

from models.solvers import ab2, dopri5, euler, sway

EVALUATIONS = (4, 6, 8, 10, 12, 16, 24, 32, 48, 64)
TOLERANCES = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5)


def flow(dimensions: int = 256) -> tuple[Callable[[Tensor, Tensor], Tensor], Callable[[Tensor], Tensor]]:
    """The field, and where it carries noise to."""
    generator = torch.Generator().manual_seed(0)
    mean = torch.randn(dimensions, generator=generator, dtype=torch.float64)
    spread = torch.logspace(-1.5, 0.3, dimensions, dtype=torch.float64)

    def field(z: Tensor, t: Tensor) -> Tensor:
        variance = t**2 * spread**2 + (1 - t) ** 2
        return mean + (t * spread**2 - (1 - t)) / variance * (z - t * mean)

    return field, lambda noise: mean + spread * noise


def equal(steps: int) -> list[float]:
    """Equal times from 0 to 1."""
    return [index / steps for index in range(steps + 1)]


def main() -> None:
    """Measure, print, and plot when asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plot", type=Path, help="a PNG file to draw into")
    options = parser.parse_args()
    field, exact = flow()
    noise = torch.randn(1, 50, 256, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    goal = exact(noise)

    def error(z: Tensor) -> float:
        return float((z - goal).pow(2).mean().sqrt() / goal.pow(2).mean().sqrt())

    solvers = {
        "Euler": lambda n: euler(field, noise, n),
        "Euler, sway": lambda n: ab2_first_order(field, noise, sway(n)),
        "AB2, equal steps": lambda n: ab2(field, noise, equal(n)),
        "AB2, sway": lambda n: ab2(field, noise, sway(n)),
    }
    lines = {name: [(n, error(solve(n))) for n in EVALUATIONS] for name, solve in solvers.items()}
    adaptive = []
    for tolerance in TOLERANCES:
        asked = 0

        def counted(z: Tensor, t: Tensor) -> Tensor:
            nonlocal asked
            asked += 1
            return field(z, t)

        found = error(dopri5(counted, noise, tolerance))
        adaptive.append((asked, found))
    table = Table("evaluations", *lines, title="relative error of the latents")
    for place, count in enumerate(EVALUATIONS):
        table.add_row(str(count), *(f"{points[place][1]:.4f}" for points in lines.values()))
    console = Console()
    console.print(table)
    told = zip(adaptive, TOLERANCES, strict=True)
    words = (f"{asked} at {tolerance:g}: {found:.5f}" for (asked, found), tolerance in told)
    console.print("dopri5, evaluations at a tolerance:", "; ".join(words))
    if options.plot:
        draw({**lines, "dopri5": adaptive}, options.plot)


def ab2_first_order(field: Callable[[Tensor, Tensor], Tensor], noise: Tensor, times: list[float]) -> Tensor:
    """Euler's steps at uneven times."""
    z = noise
    for start, end in itertools.pairwise(times):
        z = z + (end - start) * field(z, torch.tensor(start, dtype=noise.dtype))
    return z


def draw(lines: dict[str, list[tuple[int, float]]], path: Path) -> None:
    """Error against evaluations, both logarithmic."""
    figure = Figure(figsize=(8, 5), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for name, points in lines.items():
        axes.loglog([n for n, _ in points], [found for _, found in points], "o-", label=name)
    axes.set_xlabel("evaluations of the field")
    axes.set_ylabel("relative error of the latents")
    axes.grid(visible=True, which="both", alpha=0.3)
    axes.legend()
    figure.savefig(path)


if __name__ == "__main__":
    main()
