"""The command line's part for measuring: ``sideman evaluate``."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bridge.cli_progress import progress

if TYPE_CHECKING:
    from bridge.evaluate import Evaluation


def evaluate(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Clips with their receipts.")],
    reference: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Audio that FAD and KLD compare the clips with.")
    ] = None,
    clap: Annotated[str | None, typer.Option(metavar="DIR-OR-ID", help="CLAP, for CLAP and FAD.")] = None,
    classifier: Annotated[str | None, typer.Option(metavar="DIR-OR-ID", help="A classifier, for KLD.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Measure how near the clips of a folder come to their charts."""
    from bridge.evaluate import evaluate as evaluate_folder
    from bridge.evaluate_models import Wanted, measure_all

    with progress("Measuring") as bar:
        task = bar.add_task("measure", total=1.0)
        evaluation = evaluate_folder(folder, lambda share: bar.update(task, completed=share))
        wanted = Wanted(reference=reference, clap=clap, classifier=classifier)
        measured = measure_all(evaluation.clips, wanted)
    for failure in evaluation.failures:
        print(f"not measured: {failure}", file=sys.stderr)
    if as_json:
        models = {name: asdict(one) for name, one in measured.items()}
        print(json.dumps({**_view(evaluation), "models": models}, ensure_ascii=False, indent=2))
        return
    _print_table(evaluation)
    for name, one in measured.items():
        print(f"{name}: {one.value:.3f}" if one.value is not None else f"{name}: not measured: {one.why}")


def _view(evaluation: Evaluation) -> dict[str, Any]:
    from bridge.evaluate import MEASURES

    return {
        "clips": [
            {
                "file": clip.path.name,
                "engine": clip.receipt.engine,
                **{measure: getattr(clip.score, measure) for measure in (*MEASURES, "tempo_error")},
                "loudness_lufs": clip.receipt.loudness_lufs,
            }
            for clip in evaluation.clips
        ],
        "mean": {
            **{measure: evaluation.mean(measure) for measure in MEASURES},
            "loudness_lufs": evaluation.mean_loudness_lufs,
        },
        "not_measured": list(evaluation.failures),
    }


def _print_table(evaluation: Evaluation) -> None:
    from rich.console import Console
    from rich.table import Table

    from bridge.evaluate import table_rows

    table = Table("clip")
    for title in ("chord IOU", "onset F1", "melody cosine", "tempo", "total", "LUFS"):
        table.add_column(title, justify="right")
    for row in table_rows(evaluation):
        table.add_row(*row)
    Console(width=None if sys.stdout.isatty() else 140).print(table)
