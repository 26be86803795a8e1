"""The command line's part for clips that were made: ``sideman library`` and ``sideman replay``."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bridge.cli_progress import progress

if TYPE_CHECKING:
    from bridge.library import Library
    from bridge.library_rows import Entry

ClipsOption = Annotated[Path | None, typer.Option("--clips", metavar="DIR", help="The clips folder.")]
ConfigOption = Annotated[Path | None, typer.Option("--config", metavar="FILE", help="Configuration in TOML.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
ClipArgument = Annotated[str, typer.Argument(metavar="CLIP", help="A clip's file name, or the id of a request.")]
TakeOption = Annotated[int | None, typer.Option(min=0, help="The take of a request; the newest when not given.")]
library_app = typer.Typer(
    help="The takes that were made: find, keep, reject, tag and remove them.", no_args_is_help=True
)


@contextlib.contextmanager
def _library(clips: Path | None, config: Path | None) -> Iterator[Library]:
    from bridge.clips import ClipFolder
    from bridge.config import load_config
    from bridge.library import Library

    library = Library(ClipFolder(load_config(config, {"clips": {"folder": clips}}).clips.folder))
    with contextlib.closing(library):
        yield library


def _clip_id(library: Library, name: str, take: int | None) -> str:
    library.scan_if_changed()
    name = Path(name).name
    for suffix in (".wav", ".json"):
        name = name.removesuffix(suffix)
    return library.find(name, take).id


@library_app.command("search", context_settings={"ignore_unknown_options": True})
def library_search(
    query: Annotated[
        list[str] | None, typer.Argument(metavar="[QUERY]...", help="Such as: tempo:110-120 key:Am bossa kept")
    ] = None,
    clips: ClipsOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find clips by tempo, key, chords, engine, words of the prompt, score, marks, tags and date."""
    from bridge.library_query import parse_query

    wanted = parse_query(" ".join(query or ()))
    with _library(clips, config) as library:
        library.scan_if_changed()
        entries, count = library.search(wanted), library.count(wanted)
        if as_json:
            views = [_view(library, entry) for entry in entries]
            print(json.dumps({"found": count, "clips": views}, ensure_ascii=False, indent=2))
            return
    for entry in entries:
        print(_line(entry))
    if count > len(entries):
        print(f"{count - len(entries)} more; limit:{min(count, 1000)} shows them.", file=sys.stderr)
    if not entries:
        print("No clip is found.", file=sys.stderr)


@library_app.command("keep")
def library_keep(
    clip: ClipArgument, take: TakeOption = None, clips: ClipsOption = None, config: ConfigOption = None
) -> None:
    """Keep a clip: its receipt says so, and it is never removed."""
    with _library(clips, config) as library:
        print(_line(library.keep(_clip_id(library, clip, take))))


@library_app.command("reject")
def library_reject(
    clip: ClipArgument, take: TakeOption = None, clips: ClipsOption = None, config: ConfigOption = None
) -> None:
    """Reject a clip: its receipt says so, and its files stay."""
    with _library(clips, config) as library:
        print(_line(library.reject(_clip_id(library, clip, take))))


@library_app.command("tag")
def library_tag(
    clip: ClipArgument,
    tags: Annotated[list[str], typer.Argument(help="Words to add.")],
    remove: Annotated[list[str] | None, typer.Option("--remove", metavar="TAG", help="Take a tag away.")] = None,
    take: TakeOption = None,
    clips: ClipsOption = None,
    config: ConfigOption = None,
) -> None:
    """Give a clip words of your own."""
    from bridge.library_query import parse_tags

    add, gone = parse_tags(" ".join((*tags, *(f"-{tag}" for tag in remove or ()))))
    with _library(clips, config) as library:
        print(_line(library.tag(_clip_id(library, clip, take), add, gone)))


@library_app.command("prune")
def library_prune(
    retain_clips: Annotated[
        int | None, typer.Option("--retain-clips", min=0, help="How many that nobody kept may stay; 0 is all.")
    ] = None,
    retain_days: Annotated[
        int | None, typer.Option("--retain-days", min=0, help="For how many days they may stay; 0 is for ever.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be removed, and remove nothing.")] = False,
    clips: ClipsOption = None,
    config: ConfigOption = None,
) -> None:
    """Remove clips that were neither kept nor placed nor tagged, as the configuration or the options say."""
    from datetime import UTC, datetime

    from bridge.config import load_config
    from bridge.retention import prune

    given = {"retain_clips": retain_clips, "retain_days": retain_days}
    settings = load_config(config, {"library": given}).library
    if not settings.is_on:
        print("Nothing is removed: set retain_clips or retain_days under [library], or use the options.")
        return
    with _library(clips, config) as library:
        done = prune(library, settings, datetime.now(UTC), dry_run=dry_run)
    for clip in done.removed:
        print(f"{'would be removed' if dry_run else 'removed'}: {clip}")
    print(f"{len(done.removed)} clips {'would move' if dry_run else 'moved'} to {done.folder}")
    if done.deleted:
        print(f"{done.deleted} clips that were removed before are deleted")


@library_app.command("scan")
def library_scan(clips: ClipsOption = None, config: ConfigOption = None) -> None:
    """Take in what was changed in the clips folder by hand."""
    with _library(clips, config) as library:
        found = library.scan()
    for line in found.unreadable:
        print(f"unreadable: {line}", file=sys.stderr)
    print(f"{found.clips} clips; {found.changed} new or changed, {found.gone} gone")


def replay(
    receipt: Annotated[Path, typer.Argument(metavar="RECEIPT", help="A clip's receipt, or the WAV file beside it.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the clip that is made again.")] = Path(),
    check: Annotated[bool, typer.Option("--check", help="Compare alone, and write nothing.")] = False,
    model: Annotated[str | None, typer.Option(metavar="PATH-OR-ID", help="The model, where it is another.")] = None,
    device: Annotated[str | None, typer.Option(metavar="NAME", help="auto, cpu, cuda or mps.")] = None,
    soundfont: Annotated[Path | None, typer.Option(metavar="FILE", help="Soundfont of the sketch engine.")] = None,
    audio_folder: Annotated[
        list[Path] | None,
        typer.Option("--audio-folder", metavar="DIR", help="Where audio that the receipt names may lie; repeatable."),
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make the audio of a receipt again, and say whether it is the same to the bit."""
    from datetime import UTC, datetime

    from bridge.config import load_config, with_model
    from bridge.replay import ReplayOptions
    from bridge.replay import replay as replay_receipt

    settings = load_config(config, {"engine": {"device": device, "soundfont": soundfont}})
    settings = settings if model is None else with_model(settings, model, None)
    options = ReplayOptions(
        receipt=receipt, out=None if check else out, audio_folders=tuple(one.absolute() for one in audio_folder or ())
    )
    with progress("Making it again") as bar:
        task = bar.add_task("replay", total=1.0)
        done = replay_receipt(options, settings, datetime.now(UTC), lambda share: bar.update(task, completed=share))
    if as_json:
        view = {
            "same": done.same,
            "audio_sha256": done.sha256,
            "differences": done.differences,
            "path": str(done.clip.path) if done.clip else None,
        }
        print(json.dumps(view, ensure_ascii=False, indent=2))
    else:
        for line in done.lines():
            print(line)
    if not done.same:
        raise typer.Exit(1)


def _line(entry: Entry) -> str:
    marks = [
        mark for mark, there in (("kept", entry.kept), ("rejected", entry.rejected), ("gone", entry.gone)) if there
    ]
    facts = [
        f"{entry.tempo:g} bpm",
        entry.key or "no key",
        f"{entry.bars} bars",
        entry.engine,
        "not scored" if entry.score is None else f"score {entry.score:.2f}",
        *marks,
        *([f"placed: {entry.placed}"] if entry.placed else []),
        *(f"#{tag}" for tag in entry.tags),
    ]
    return f"{entry.id}  {', '.join(facts)}\n    {' '.join(entry.chords) or 'no chords'}  {entry.prompt}".rstrip()


def _view(library: Library, entry: Entry) -> dict[str, object]:
    from dataclasses import asdict

    return {**asdict(entry), "path": str(library.folder.path / f"{entry.id}.wav")}
