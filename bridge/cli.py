"""The command line: arguments in, one call, messages out. No logic lives here."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bridge.errors import SidemanError

if TYPE_CHECKING:
    from rich.progress import Progress

models_app = typer.Typer(help="Checkpoints of neural engines.", no_args_is_help=True)
app = typer.Typer(
    name="sideman",
    help="An AI session player for a DAW: it hears tempo, meter, chords and drums, and returns bar-exact clips.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


app.add_typer(models_app, name="models")


def main() -> None:
    """Run the command line. Exit status: 0 done, 1 the work failed, 2 usage."""
    try:
        app()
    except SidemanError as error:
        print(f"sideman: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(1)


def _progress(label: str) -> Progress:
    """A progress bar on standard error; nothing where that is no terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    return Progress(
        TextColumn(label),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    )


def _address(text: str | None) -> tuple[str | None, int | None]:
    from bridge.config import parse_address
    from bridge.errors import ConfigError

    if text is None:
        return None, None
    try:
        return parse_address(text)
    except ConfigError as error:
        raise typer.BadParameter(str(error)) from None


@app.command()
def serve(
    osc: Annotated[str | None, typer.Option(metavar="HOST:PORT", help="Where to listen; port 0 picks one.")] = None,
    clips: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder for clips and receipts.")] = None,
    engine: Annotated[str | None, typer.Option(metavar="NAME", help="Engine that a session begins with.")] = None,
    soundfont: Annotated[Path | None, typer.Option(metavar="FILE", help="Soundfont of the sketch engine.")] = None,
    model: Annotated[str | None, typer.Option(metavar="PATH-OR-ID", help="Model of a neural engine.")] = None,
    device: Annotated[str | None, typer.Option(metavar="NAME", help="auto, cpu, cuda or mps.")] = None,
    host: Annotated[str | None, typer.Option(metavar="NAME", help="DAW to place clips in.")] = None,
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="Configuration in TOML.")] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log to standard error.")] = False,
) -> None:
    """Run the daemon until it is stopped with Ctrl-C."""
    listen_host, port = _address(osc)
    import asyncio

    from bridge.config import load_config
    from bridge.daemon import Daemon

    logging.basicConfig(level=logging.DEBUG if verbose else logging.ERROR, format="%(name)s: %(message)s")
    settings = load_config(
        config,
        {
            "osc": {"host": listen_host, "port": port},
            "clips": {"folder": clips},
            "engine": {"name": engine, "soundfont": soundfont, "model": model, "device": device},
            "host": {"name": host},
        },
    )
    asyncio.run(Daemon(settings).run(ready=lambda line: print(line, flush=True)))


@app.command()
def demo(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for clips, receipts and the picture.")] = Path(
        "demo"
    ),
) -> None:
    """Play a bundled session into a daemon over OSC, as a DAW would, and draw what came back."""
    from bridge.demo import run_demo

    with _progress("Making clips") as bar:
        task = bar.add_task("demo", total=1.0)
        result = run_demo(out, lambda share: bar.update(task, completed=share))
    for notice in result.notices:
        print(f"notice: {notice}")
    for clip, place in zip(result.clips, result.placed, strict=True):
        print(f"clip: {clip} (placed in {place})")
    print(f"picture: {result.picture}")


@app.command()
def render(
    file: Annotated[Path, typer.Argument(metavar="FILE.mid", help="MIDI file, format 0 or 1.")],
    bars: Annotated[int | None, typer.Option(min=1, max=512, help="Length in bars; to the end when not given.")] = None,
    start_bar: Annotated[int, typer.Option(min=1, help="First bar, counted from 1.")] = 1,
    engine: Annotated[str | None, typer.Option(metavar="NAME", help="Engine.")] = None,
    model: Annotated[str | None, typer.Option(metavar="PATH-OR-ID", help="Model of a neural engine.")] = None,
    device: Annotated[str | None, typer.Option(metavar="NAME", help="auto, cpu, cuda or mps.")] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="The same seed makes the same clip.")] = 0,
    takes: Annotated[int, typer.Option(min=1, max=16, help="Variations to make.")] = 1,
    prompt: Annotated[str, typer.Option(help="Text description of the music wanted.")] = "",
    drum_track: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Drums as audio, for the engine jasco.")
    ] = None,
    separate_drums: Annotated[bool, typer.Option(help="Isolate the drums of the drum track with Demucs.")] = False,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the clip and its receipt.")] = Path(),
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="Configuration in TOML.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Make a clip from a MIDI file: chords from its markers or notes, drums from channel 10."""
    from bridge.config import load_config
    from bridge.offline import RenderOptions
    from bridge.offline import render as render_file

    settings = load_config(config, {"engine": {"name": engine, "model": model, "device": device}})
    options = RenderOptions(
        file=file,
        out=out,
        bars=bars,
        start_bar=start_bar,
        seed=seed,
        takes=takes,
        prompt=prompt,
        drum_track=drum_track,
        separate_drums=separate_drums,
    )
    with _progress("Rendering") as bar:
        task = bar.add_task("render", total=1.0)
        result = render_file(options, settings, lambda share: bar.update(task, completed=share))
    if as_json:
        print(json.dumps(result.view(), ensure_ascii=False, indent=2))
        return
    for notice in result.notices:
        print(f"notice: {notice.message}", file=sys.stderr)
    for clip in result.clips:
        print(f"clip: {clip.path} ({clip.bars} bars, {clip.seconds:.3f} s)")


@app.command()
def ecdc(
    source: Annotated[Path, typer.Argument(metavar="SOURCE", help="An audio file, or an .ecdc file.")],
    target: Annotated[Path, typer.Argument(metavar="TARGET", help="An .ecdc file, or an audio file.")],
    codec: Annotated[str, typer.Option(metavar="NAME", help="encodec-24khz or encodec-48khz.")] = "encodec-48khz",
    kbps: Annotated[float, typer.Option(help="Bit rate: 3, 6, 12 or 24; 1.5 too at 24 kHz.")] = 24.0,
) -> None:
    """Pack audio with Meta's EnCodec, or unpack it. Needs the extra encodec."""
    from bridge.config import load_config
    from bridge.model_store import codec_folder
    from models.ecdc import convert_file

    convert_file(source, target, codec_folder(load_config(None).engine.models), codec=codec, bitrate_kbps=kbps)
    print(f"file: {target}")


@app.command()
def doctor() -> None:
    """Say what is installed, reachable and missing, and what to do about each."""
    from bridge.doctor import examine

    findings = examine()
    for finding in findings:
        print(finding.line)
    if any(finding.fatal for finding in findings):
        raise typer.Exit(1)


@app.command()
def devices() -> None:
    """List MIDI ports, audio devices and compute devices."""
    from bridge.devices import device_lines

    for line in device_lines():
        print(line)


@models_app.command("list")
def models_list() -> None:
    """List the models that are known, and those on this machine."""
    from bridge.config import load_config
    from bridge.model_store import model_lines

    for line in model_lines(load_config(None).engine.models):
        print(line)


@models_app.command("pull")
def models_pull(name: Annotated[str, typer.Argument(help="A short name, or OWNER/NAME on the Hub.")]) -> None:
    """Download a model from the Hugging Face Hub, and convert it."""
    from bridge.config import load_config
    from bridge.model_store import DOWNLOADS, codec_folder, local_name
    from models.catalogue import ECDC_CODECS
    from models.ecdc import pull_codec
    from models.hub import pull

    store = load_config(None).engine.models
    if name in ECDC_CODECS:
        print(f"{name}: {pull_codec(name, codec_folder(store))} (licence CC-BY-NC-4.0)")
        return
    target = store / local_name(name)
    with _progress("{task.description}") as bar:
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
    codec: Annotated[Path | None, typer.Option(metavar="FILE", help="config.json of the codec it names.")] = None,
) -> None:
    """Convert a released checkpoint that lies in a folder."""
    from bridge.config import load_config
    from bridge.model_store import DOWNLOADS
    from models.checkpoints import convert
    from models.hub import local_text_encoder

    store = load_config(None).engine.models
    target = to or store / folder.resolve().name
    with _progress("Converting") as bar:
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
def models_check(name: Annotated[str, typer.Argument(help="A short name, OWNER/NAME, or a converted folder.")]) -> None:
    """See that a model on this machine is whole: checksum, shapes, and nothing but numbers."""
    from bridge.config import load_config
    from bridge.model_store import find_model
    from models.checkpoints import check

    folder = find_model(name, load_config(None).engine.models)
    with _progress("Checking") as bar:
        task = bar.add_task("check", total=1.0)
        card = check(folder, lambda share: bar.update(task, completed=share))
    print(f"{card.name}: whole ({folder}, licence {card.licence})")
