"""The command line: arguments in, one call, messages out. No logic lives here."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer.core import TyperCommand

from bridge.cli_bench import bench
from bridge.cli_evaluate import evaluate
from bridge.cli_library import library_app, replay
from bridge.cli_models import models_app
from bridge.cli_progress import progress
from bridge.cli_relay import relay
from bridge.cli_train import train_app
from bridge.errors import SidemanError
from models.bundled import BUNDLED

if TYPE_CHECKING:
    from bridge.config import Config
    from midi.events import AudioRegion

SET_HELP = "Any setting of the configuration, such as magnet.temperature=2.5; may come again."
app = typer.Typer(
    name="sideman",
    help="An AI session player for a DAW: it hears tempo, meter, chords and drums, and returns bar-exact clips.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


app.add_typer(models_app, name="models")
app.add_typer(library_app, name="library")
app.add_typer(train_app, name="train")
app.command()(evaluate)
app.command()(bench)
app.command()(replay)
app.command()(relay)


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


def _address(text: str | None) -> tuple[str | None, int | None]:
    from bridge.config import parse_address
    from bridge.errors import ConfigError

    if text is None:
        return None, None
    try:
        return parse_address(text)
    except ConfigError as error:
        raise typer.BadParameter(str(error)) from None


def _http(text: str | None) -> dict[str, object]:
    """The settings of HTTP that ``--http`` stands for."""
    if text is not None and text.lower() == "off":
        return {"enabled": False}
    host, port = _address(text)
    return {"host": host, "port": port}


def _configured(
    path: Path | None,
    options: dict[str, dict[str, object]],
    assignments: list[str] | None,
    *,
    model: str | None,
    engine: str | None,
) -> Config:
    """The configuration file with the command line's options over it."""
    from bridge.config import load_config, with_model

    for assignment in assignments or ():
        name, equals, value = assignment.partition("=")
        section, dot, key = name.strip().partition(".")
        if not (equals and dot and key):
            raise typer.BadParameter(f"{assignment!r} is no NAME=VALUE such as magnet.temperature=2.5.")
        options.setdefault(section, {})[key] = value.strip()
    settings = load_config(path, options)
    return settings if model is None else with_model(settings, model, engine)


def _given_audio(continued: Path | None, infill: Path | None, beats: str | None) -> AudioRegion | None:
    from midi.events import AudioRegion
    from midi.time import Beats

    if continued and infill:
        raise typer.BadParameter("--continue and --infill exclude each other.")
    if bool(infill) != bool(beats):
        raise typer.BadParameter("--infill and --beats belong together.")
    if continued:
        return AudioRegion(path=continued, place="before")
    if infill is None or beats is None:
        return None
    start, _, end = beats.partition(":")
    try:
        region = AudioRegion(path=infill, place="within", start=Beats(float(start)), end=Beats(float(end)))
    except ValueError:
        raise typer.BadParameter(f"{beats!r} is no FROM:TO in song beats, such as 4:8.") from None
    if not 0 <= region.start < region.end < float("inf"):
        raise typer.BadParameter(f"{beats!r} is nothing to make anew.")
    return region


class _Serve(TyperCommand):
    """``--play`` may stand without the name of a device."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override] # typer hides its base
        """The arguments, with an empty name where ``--play`` has none."""
        named: list[str] = []
        for one, following in zip(args, [*args[1:], "-"], strict=True):
            named += [one, ""] if one == "--play" and following.startswith("-") else [one]
        return super().parse_args(ctx, named)


@app.command(cls=_Serve)
def serve(
    osc: Annotated[str | None, typer.Option(metavar="HOST:PORT", help="Where to listen; port 0 picks one.")] = None,
    http: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Where to serve HTTP and WebSocket, or off.")
    ] = None,
    token_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The token that clients show; made where there is none.")
    ] = None,
    clips: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder for clips and receipts.")] = None,
    engine: Annotated[str | None, typer.Option(metavar="NAME", help="Engine that a session begins with.")] = None,
    soundfont: Annotated[Path | None, typer.Option(metavar="FILE", help="Soundfont of the sketch engine.")] = None,
    model: Annotated[str | None, typer.Option(metavar="PATH-OR-ID", help="Model of a neural engine.")] = None,
    device: Annotated[str | None, typer.Option(metavar="NAME", help="auto, cpu, cuda or mps.")] = None,
    host: Annotated[str | None, typer.Option(metavar="NAME", help="DAW to place clips in.")] = None,
    midi_in: Annotated[
        list[str] | None, typer.Option("--midi-in", metavar="[ROLE=]NAME", help="MIDI port to listen to; repeatable.")
    ] = None,
    link: Annotated[bool, typer.Option("--link", help="Share tempo, beat and start over Ableton Link.")] = False,
    play: Annotated[
        str | None, typer.Option("--play", metavar="[DEVICE]", help="Hear clips in time with the session.")
    ] = None,
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="Configuration in TOML.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help=SET_HELP)] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log to standard error.")] = False,
) -> None:
    """Run the daemon until it is stopped with Ctrl-C."""
    listen_host, port = _address(osc)
    import asyncio

    from bridge.daemon import Daemon
    from bridge.promptness import be_prompt

    logging.basicConfig(level=logging.DEBUG if verbose else logging.ERROR, format="%(name)s: %(message)s")
    options: dict[str, dict[str, object]] = {
        "osc": {"host": listen_host, "port": port},
        "http": {**_http(http), "token_file": token_file},
        "clips": {"folder": clips},
        "engine": {"name": engine, "soundfont": soundfont, "device": device},
        "host": {"name": host},
        "midi": {"inputs": midi_in or None},
        "link": {"enabled": link or None},
        "player": {"enabled": True if play is not None else None, "device": play or None},
    }
    settings = _configured(config, options, set_, model=model, engine=engine)

    def ready(line: str) -> None:
        in_time = settings.midi.is_on or settings.link.enabled or settings.player.enabled
        be_prompt(realtime=settings.midi.realtime and in_time)
        print(line, flush=True)

    asyncio.run(Daemon(settings).run(ready=ready))


@app.command()
def demo(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for clips, receipts and the picture.")] = Path(
        "demo"
    ),
    model: Annotated[str, typer.Option(metavar="PATH-OR-ID", help="Model of the neural clip.")] = BUNDLED,
) -> None:
    """Play a bundled session into a daemon over OSC, as a DAW would, and draw what came back of two engines."""
    from bridge.demo import run_demo

    with progress("Making clips") as bar:
        task = bar.add_task("demo", total=1.0)
        result = run_demo(out, lambda share: bar.update(task, completed=share), model=model)
    for notice in result.notices:
        print(f"notice: {notice}")
    for clip, place in zip(result.clips, result.placed, strict=True):
        print(f"clip: {clip} (placed in {place})")
    print(f"picture: {result.picture}")
    if result.missing:
        print(f"sideman: {result.missing}", file=sys.stderr)
        if model != BUNDLED:  # who names a model has asked for its clip
            raise typer.Exit(1)


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
    best: Annotated[bool, typer.Option("--best", help="Of the takes, keep the nearest to the chart alone.")] = False,
    prompt: Annotated[str, typer.Option(help="Text description of the music wanted.")] = "",
    drum_track: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Drums as audio, for the engine jasco.")
    ] = None,
    separate_drums: Annotated[bool, typer.Option(help="Isolate the drums of the drum track with Demucs.")] = False,
    continue_: Annotated[
        Path | None, typer.Option("--continue", metavar="FILE", help="Audio that the clip continues, for magnet.")
    ] = None,
    infill: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Audio that the clip keeps but for --beats, for magnet.")
    ] = None,
    beats: Annotated[
        str | None, typer.Option(metavar="FROM:TO", help="Song beats to make anew, with --infill.")
    ] = None,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the clip and its receipt.")] = Path(),
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="Configuration in TOML.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help=SET_HELP)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Make a clip from a MIDI file: chords from its markers or notes, drums from channel 10."""
    from bridge.offline import RenderOptions
    from bridge.offline import render as render_file

    settings = _configured(config, {"engine": {"name": engine, "device": device}}, set_, model=model, engine=engine)
    options = RenderOptions(
        file=file,
        out=out,
        bars=bars,
        start_bar=start_bar,
        seed=seed,
        takes=takes,
        best=best,
        prompt=prompt,
        drum_track=drum_track,
        separate_drums=separate_drums,
        given=_given_audio(continue_, infill, beats),
    )
    with progress("Rendering") as bar:
        task = bar.add_task("render", total=1.0)
        result = render_file(options, settings, lambda share: bar.update(task, completed=share))
    if as_json:
        print(json.dumps(result.view(), ensure_ascii=False, indent=2))
        return
    for notice in result.notices:
        print(f"notice: {notice.message}", file=sys.stderr)
    for clip, score in zip(result.clips, result.scores, strict=True):
        told = f"; {score.told()}" if score else ""
        print(f"clip: {clip.path} ({clip.bars} bars, {clip.seconds:.3f} s{told})")


@app.command()
def install(
    daw: Annotated[str, typer.Argument(metavar="DAW", help="ableton, reaper, ardour, max or touchosc.")],
    to: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="REAPER's resource folder, or another DAW's folder of scripts, where not the usual one."
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be written, and write nothing.")] = False,
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="Configuration in TOML.")] = None,
) -> None:
    """Put the script that runs inside a DAW where the DAW looks for it."""
    from bridge.config import load_config
    from bridge.install import install as install_script
    from bridge.machine import Machine

    osc = load_config(config).osc
    host = "127.0.0.1" if osc.host in {"0.0.0.0", "::"} else osc.host  # noqa: S104 - the script is on this machine
    done = install_script(daw, Machine.this(), daemon=f"{host}:{osc.port}", to=to, dry_run=dry_run)
    for step in done.steps:
        print(f"would be {step.line}" if dry_run else step.line)
    print(f"folder: {done.folder}")
    if not dry_run:
        print(done.then)


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
def learn(
    action: Annotated[str, typer.Argument(help="generate, cancel, next_take or keep.")],
    midi_in: Annotated[
        list[str] | None, typer.Option("--midi-in", metavar="NAME", help="MIDI port to listen to; repeatable.")
    ] = None,
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="Configuration in TOML.")] = None,
) -> None:
    """Learn the pedal, button or key for an action: press and release it twice."""
    from bridge.config import default_config_path, load_config
    from bridge.errors import RequestError
    from bridge.learning import hear_control, require_action, write_binding
    from midi.rtmidi_ports import RtMidiPorts

    require_action(action)
    settings = load_config(config, {"midi": {"inputs": midi_in or None}})
    if not settings.midi.is_on:
        raise RequestError("No MIDI port is named: use --midi-in NAME; sideman devices lists the ports.")
    print(f"Press and release the control for {action} twice.", file=sys.stderr)
    binding = hear_control(RtMidiPorts(), settings.midi.wishes(), tell=lambda text: print(text, file=sys.stderr))
    path = config or default_config_path()
    write_binding(path, action, binding)
    print(f"{action}: {binding.text} (in {path})")


@app.command()
def monitor(
    osc: Annotated[str, typer.Option(metavar="HOST:PORT", help="Where the daemon listens.")] = "127.0.0.1:9130",
) -> None:
    """Show a daemon's transport, chart, jobs and takes, live; q ends it."""
    host, port = _address(osc)
    from bridge.monitor import run_monitor

    run_monitor(host or "127.0.0.1", port or 0)


@app.command()
def doctor(
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="Configuration in TOML.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Say what is installed, reachable and missing, and what to do about each."""
    from bridge.config import load_config
    from bridge.doctor import examine

    findings = examine(load_config(config) if config else None)
    if as_json:
        print(json.dumps([finding.view for finding in findings], ensure_ascii=False, indent=2))
    else:
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
