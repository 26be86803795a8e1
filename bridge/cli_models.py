"""The command line's part for checkpoints: ``sideman models``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bridge.cli_progress import progress

ConfigOption = Annotated[Path | None, typer.Option(metavar="FILE", help="Configuration in TOML.")]
models_app = typer.Typer(help="Checkpoints of neural engines.", no_args_is_help=True)


@models_app.command("list")
def models_list(config: ConfigOption = None) -> None:
    """List the models that are known, and those on this machine."""
    from bridge.config import load_config
    from bridge.model_store import model_lines

    for line in model_lines(load_config(config).engine.models):
        print(line)


@models_app.command("pull")
def models_pull(
    name: Annotated[str, typer.Argument(help="A short name, or OWNER/NAME on the Hub.")], config: ConfigOption = None
) -> None:
    """Download a model from the Hugging Face Hub, and convert it."""
    from bridge.config import load_config
    from bridge.model_store import DOWNLOADS, codec_folder, local_name
    from models.catalogue import ECDC_CODECS
    from models.ecdc import pull_codec
    from models.hub import pull

    store = load_config(config).engine.models
    if name in ECDC_CODECS:
        print(f"{name}: {pull_codec(name, codec_folder(store))} (licence CC-BY-NC-4.0)")
        return
    target = store / local_name(name)
    with progress("{task.description}") as bar:
        task = bar.add_task("Pulling", total=1.0)
        card = pull(
            name,
            target,
            store / DOWNLOADS,
            report=lambda share, step: bar.update(task, completed=share, description=step),
        )
    print(f"{card.name}: {target} (licence {card.licence})")


@models_app.command("convert")
def models_convert(
    folder: Annotated[Path, typer.Argument(help="A released checkpoint: state_dict.bin and its codec's file.")],
    to: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where it goes; into the store when not given.")
    ] = None,
    text: Annotated[str, typer.Option(metavar="DIR-OR-ID", help="T5 with its tokenizer.")] = "google-t5/t5-base",
    codec: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="config.json of the codec it names, its weights beside it for MAGNeT."),
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Convert a released checkpoint that lies in a folder."""
    from bridge.config import load_config
    from bridge.model_store import DOWNLOADS
    from models.checkpoints import convert
    from models.hub import local_text_encoder, one_pull
    from models.released import read_codec_source

    store = load_config(config).engine.models
    target = to or store / folder.resolve().name
    read_codec_source(folder)
    with one_pull(store / DOWNLOADS), progress("Converting") as bar:
        task = bar.add_task("convert", total=1.0)
        convert(
            folder,
            target,
            text_encoder=local_text_encoder(text, store / DOWNLOADS),
            codec_config=codec,
            name=target.name,
            report=lambda share: bar.update(task, completed=share),
        )
    print(f"{target.name}: {target}")


@models_app.command("check")
def models_check(
    name: Annotated[str, typer.Argument(help="A short name, OWNER/NAME, or a converted folder.")],
    config: ConfigOption = None,
) -> None:
    """See that a model on this machine is whole: checksum, shapes, and nothing but numbers."""
    from bridge.config import load_config
    from bridge.model_store import find_model
    from models.checkpoints import check

    folder = find_model(name, load_config(config).engine.models)
    with progress("Checking") as bar:
        task = bar.add_task("check", total=1.0)
        card = check(folder, lambda share: bar.update(task, completed=share))
    print(f"{card.name}: whole ({folder}, licence {card.licence})")
