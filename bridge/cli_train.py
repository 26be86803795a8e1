"""The command line's part for training: ``sideman train``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from bridge.cli_progress import progress

train_app = typer.Typer(help="Music to train models on. (There is no trainer yet.)", no_args_is_help=True)


@train_app.callback()
def train() -> None:
    """Keep ``compose`` a command of its own while it is the only one."""


@train_app.command("compose")
def train_compose(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where the shards go, or go on.")],
    pieces: Annotated[int, typer.Option(metavar="N", help="How many pieces of 10 s the folder shall have.")],
    seed: Annotated[int, typer.Option(metavar="S", help="The first seed.")] = 0,
    split: Annotated[Literal["train", "test"], typer.Option(help="Music to train on, or to test with.")] = "train",
    soundfont: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The soundfont that plays (.sf2); the bundled one is GPL-2.")
    ] = None,
    jobs: Annotated[int, typer.Option(metavar="N", help="Processes that compose.")] = 1,
) -> None:
    """Compose music with charts, drum stems and captions; a run that was stopped goes on where it was."""
    from bridge.training_set import compose_folder

    with progress("Composing") as bar:
        task = bar.add_task("compose", total=1.0)
        done = compose_folder(
            folder,
            pieces=pieces,
            seed=seed,
            split=split,
            soundfont=soundfont,
            jobs=jobs,
            report=lambda share: bar.update(task, completed=share),
        )
    print(f"{folder}: {done.pieces} pieces, {done.made} of them made now, played with {done.soundfont.name}")
