"""The curves of a training run as a picture: what is learnt from above, and what was heard below."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from bridge.picture_colours import FAINT, INK, PAPER
from bridge.training_log import DISTANCES, Lines
from models.training_files import write_whole

NOT_DRAWN: Final = frozenset({"rate", "gradient"})
FLOORS: Final = ("shuffled",)
CEILINGS: Final = ("ceiling",)
Curves = Mapping[str, Sequence[tuple[int, float]]]


def draw_curves(lines: Lines, picture: Path, *, title: str) -> None:
    """Draw a log into a PNG file. Raises ``TrainingError`` when it cannot be written."""
    scores, distances = _parted(lines.heard)
    learnt = {name: one for name, one in lines.figures.items() if name not in NOT_DRAWN}
    lanes: list[tuple[str, Curves, bool]] = [("learnt from", learnt, True)]
    lanes += [("heard: scores", scores, False)] if scores else []
    lanes += [("heard: distances", distances, False)] if distances else []
    figure = Figure(figsize=(10, 1.2 + 3.2 * len(lanes)), dpi=110, facecolor=PAPER, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, color=INK, fontsize=11)
    axes = figure.subplots(len(lanes), 1, sharex=True, squeeze=False)[:, 0]
    for axis, (label, curves, logarithmic) in zip(axes, lanes, strict=True):
        _lane(axis, label, curves, logarithmic=logarithmic)
    axes[-1].set_xlabel("step", color=INK, fontsize=9)
    content = io.BytesIO()
    figure.savefig(content, format="png")
    write_whole(picture, content.getvalue(), "The picture")


def _parted(heard: Curves) -> tuple[Curves, Curves]:
    """Shares from 0 to 1, where more is better, and distances."""
    scores = {name: one for name, one in heard.items() if name.split(" ")[0] not in DISTANCES}
    return scores, {name: one for name, one in heard.items() if name not in scores}


def _lane(axis: Axes, label: str, curves: Curves, *, logarithmic: bool) -> None:
    axis.set_facecolor("white")
    axis.set_ylabel(label, color=INK, fontsize=9)
    axis.tick_params(labelsize=8, colors=INK)
    axis.grid(color=FAINT, linewidth=0.5, alpha=0.6)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)
    if logarithmic and any(value > 0 for points in curves.values() for _, value in points):
        axis.set_yscale("log")
    parts = sorted({name.partition(" ")[0] for name in curves})
    for name, points in sorted(curves.items()):
        part, _, beside = name.partition(" ")
        style = ":" if beside in FLOORS else "--" if beside in CEILINGS else "-"
        axis.plot(
            [step for step, _ in points],
            [value for _, value in points],
            color=f"C{parts.index(part) % 10}",
            linestyle=style,
            linewidth=1.2,
            marker="." if len(points) < 30 else "",
            label=name,
        )
    if curves:
        axis.legend(fontsize=7, frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
