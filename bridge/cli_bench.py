"""The command line's part for speed: ``sideman bench``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bridge.cli_progress import progress

WIDTH = 180
"""Columns of the table where there is no terminal."""


def bench(
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.")] = "auto",
    dtype: Annotated[list[str] | None, typer.Option(help="A precision; may come again.")] = None,
    model: Annotated[list[str] | None, typer.Option(help="A released model's name; may come again.")] = None,
    way: Annotated[list[str] | None, typer.Option(help="A solver or decoding; may come again.")] = None,
    runs: Annotated[int, typer.Option(min=1, max=100, help="Whole runs of each case.")] = 1,
    graphs: Annotated[bool, typer.Option(help="Capture the work on a GPU.")] = True,
    compile_: Annotated[
        bool, typer.Option("--compile", help="Compile what is captured, where that is faster.")
    ] = False,
    quick: Annotated[bool, typer.Option("--quick", help="Small shapes, to see that everything runs.")] = False,
    json: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the figures, beside those of other cases.")
    ] = None,
    picture: Annotated[Path | None, typer.Option("--plot", metavar="FILE", help="Draw them.")] = None,
) -> None:
    """Measure the models on this machine, with random weights of the released shapes."""
    from rich.console import Console
    from rich.table import Table

    from bridge.bench import HEADINGS, cells, plot, precisions, run
    from bridge.bench_cases import QUICK_SHAPES, SHAPES, Report, cases_of
    from models.batching import choose_device

    unknown = [name for name in model or () if name not in SHAPES | QUICK_SHAPES]
    if unknown:
        raise typer.BadParameter(f"there is no {unknown[0]}: the models are {', '.join(SHAPES)}", param_hint="--model")
    chosen = choose_device(device)
    cases = cases_of(
        chosen, precisions(chosen, dtype or ()), model or (), quick=quick, runs=runs, graphs=graphs, compile_=compile_
    )
    cases = [case for case in cases if not way or case.way in way]
    if not cases:
        raise typer.BadParameter("no model is sampled in that way here", param_hint="--way")
    with progress("{task.description}") as bar:
        task = bar.add_task("", total=1.0)
        report = run(cases, quick=quick, report=lambda share, what: bar.update(task, completed=share, description=what))
    table = Table(*HEADINGS, title=report.machine)
    for found in report.rows:
        table.add_row(*cells(found))
    console = Console()
    (console if console.is_terminal else Console(width=WIDTH)).print(table)
    if json:
        if json.is_file():
            report = report.with_rows_of(Report.model_validate_json(json.read_bytes()))
        json.write_text(report.model_dump_json(indent=2) + "\n", encoding="utf-8")
    if picture:
        plot(report, picture)
