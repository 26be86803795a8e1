"""The command line's part for scoring a model on held-out charts: ``sideman train score``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bridge.cli_progress import progress

WIDTH = 120
"""Columns of the table where there is no terminal."""


def train_score(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A JASCO: its name, or its folder.")] = "sideman-tiny",
    pieces: Annotated[int, typer.Option(min=2, max=1000, metavar="N", help="Held-out pieces.")] = 32,
    seed: Annotated[int, typer.Option(min=0, metavar="S", help="The first seed that they may have.")] = 0,
    guidance: Annotated[
        float | None, typer.Option(metavar="W", help="Its weight; the model's own if not given.")
    ] = None,
    solver: Annotated[
        str | None, typer.Option(metavar="NAME", help="The solver; the model's own if not given.")
    ] = None,
    change: Annotated[
        list[str] | None,
        typer.Option(metavar="WHAT", help="Ask with this changed, too: no or other chords, drums, melody; no words."),
    ] = None,
    soundfont: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The soundfont that plays the held-out pieces (.sf2).")
    ] = None,
    keep: Annotated[Path | None, typer.Option(metavar="DIR", help="Keep what was heard as WAV files.")] = None,
    picture: Annotated[Path | None, typer.Option(metavar="FILE", help="Draw the first piece's sounds (PNG).")] = None,
    json: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the scores.")] = None,
) -> None:
    """Have a model make held-out pieces of their charts again, and hear how far it follows them.

    Without --change every change is tried.
    """
    from rich.console import Console
    from rich.table import Table

    from bridge.bench import processor
    from bridge.model_store import default_store, find_model
    from bridge.training_scores import ASKED, CHANGES, PARTS, asked_of, held_out, scores_of

    unknown = [one for one in change or () if one not in CHANGES]
    if unknown:
        raise typer.BadParameter(f"{unknown[0]!r} is none of {', '.join(CHANGES[1:])}", param_hint="--change")
    folder = find_model(model, default_store())
    asking = asked_of(folder, all_weight=guidance, solver=solver)
    with progress("{task.description}") as bar:
        task = bar.add_task("Composing", total=1.0)
        made = held_out(seed, pieces, soundfont)
        bar.update(task, description="Playing and listening")
        found = scores_of(
            folder,
            made,
            asking,
            changes=[one for one in CHANGES if not change or one in {ASKED, *change}],
            keep=keep,
            picture=picture,
            report=lambda share: bar.update(task, completed=share),
        )
    table = Table(
        "heard", *(f"{part}, own / another's" for part in PARTS), title=f"{model}: {pieces} pieces from seed {seed}"
    )
    for row in found.rows:
        table.add_row(row.what, *(row.cell(part) for part in PARTS))
    console = Console()
    (console if console.is_terminal else Console(width=WIDTH)).print(table)
    print("Held chords:")
    for what, texture in found.held.items():
        print(
            f"  {what:18} flatness {texture.flatness:.3f}, tones to noise {texture.tones_to_noise_db:.1f} dB, "
            f"treble {texture.treble_db:.1f} dB"
        )
    print(f"Log-mel distance of the codec: {found.codec_log_mel:.3f} decades. {found.seconds:.2f} s a clip of 10 s.")
    print(
        f"guidance {asking.all_weight:g} for all, {asking.text_weight:g} for text, solver {asking.solver}; "
        f"{processor()}"
    )
    if json:
        json.write_text(found.model_dump_json(indent=2) + "\n", encoding="utf-8")
