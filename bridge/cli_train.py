"""The command line's part for training: ``sideman train``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from bridge.cli_progress import progress
from bridge.cli_train_scores import train_score

if TYPE_CHECKING:
    from bridge.training_loop import Outcome

train_app = typer.Typer(help="Music to train models on, and models that are trained on it.", no_args_is_help=True)
train_app.command("score")(train_score)
PlanFile = Annotated[Path, typer.Argument(metavar="PLAN.toml", help="What is trained, on what, and where it goes.")]


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


@train_app.command("codec")
def train_codec(plan: PlanFile) -> None:
    """Train a codec on music; a run that was stopped goes on where it was."""
    from bridge import training_kinds
    from bridge.training_plan import CodecPlan, read_plan

    _train(training_kinds.train_codec, read_plan(plan, CodecPlan), plan)


@train_app.command("jasco")
def train_jasco(plan: PlanFile) -> None:
    """Train a JASCO on a codec's latents; a run that was stopped goes on where it was."""
    from bridge import training_kinds
    from bridge.training_plan import JascoPlan, read_plan

    _train(training_kinds.train_jasco, read_plan(plan, JascoPlan), plan)


@train_app.command("magnet")
def train_magnet(plan: PlanFile) -> None:
    """Train a MAGNeT on a codec's tokens; a run that was stopped goes on where it was."""
    from bridge import training_kinds
    from bridge.training_plan import MagnetPlan, read_plan

    _train(training_kinds.train_magnet, read_plan(plan, MagnetPlan), plan)


@train_app.command("export")
def train_export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run of jasco or magnet.")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where the model goes.")],
    name: Annotated[str | None, typer.Option(metavar="NAME", help="What the model is called.")] = None,
    licence: Annotated[str, typer.Option(metavar="NAME", help="The licence of the weights.")] = "unknown",
    summary: Annotated[str, typer.Option(metavar="TEXT", help="One line on what it is.")] = "",
    trained_on: Annotated[str, typer.Option(metavar="TEXT", help="What it has heard.")] = "",
    codec: Annotated[
        Path | None, typer.Option(metavar="RUN", help="A codec whose decoder was trained further (decoder_only).")
    ] = None,
    single: Annotated[bool, typer.Option("--float32", help="Write single precision, not half.")] = False,
) -> None:
    """Write what a run has learnt as a model that sideman loads; --model DIR plays it."""
    from bridge.training_export import export_run

    card = export_run(
        run,
        folder,
        name=name or folder.name,
        licence=licence,
        summary=summary,
        trained_on=trained_on,
        half=not single,
        codec=codec,
    )
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    print(f"{folder}: the {card.kind} model {card.name}, {size / 1e6:.1f} MB")


def _train(work: Callable[..., Outcome], plan: Any, path: Path) -> None:  # noqa: ANN401  the plan of that work
    """Train with a bar, until the end or Ctrl-C."""
    from bridge.training_loop import Telling, stopping

    with progress("Training {task.description}") as bar, stopping() as stopped:
        task = bar.add_task("", total=1.0)

        def stepped(step: int, steps: int, line: str) -> None:
            bar.update(task, completed=step / steps, description=line)

        def prepared(what: str, share: float) -> None:
            if stopped():
                raise KeyboardInterrupt  # what was encoded so far is kept
            bar.update(task, completed=share, description=what)

        telling = Telling(
            stepped=stepped,
            prepared=prepared,
            say=lambda sentence: bar.console.print(sentence, highlight=False, soft_wrap=True),
        )
        outcome = work(plan, path, telling=telling, stopped=stopped)
    if outcome.done:
        print(f"{plan.run}: all {outcome.steps} steps are done")
    else:
        print(
            f"{plan.run}: stopped after step {outcome.step} of {outcome.steps}; everything is saved, and the same "
            "command goes on from there"
        )
