"""``sideman install``: the scripts that run inside a DAW, put where the DAW looks for them.

Nothing is overwritten that this command did not write: a manifest beside the files has the SHA-256 of each, and a file
that is not in it, or was changed since, stops the installation before anything is written.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import metadata, resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final, Literal

from bridge.errors import SidemanError
from bridge.machine import Machine, ardour_scripts, max_folder, reaper_resources

MANIFEST: Final = ".sideman-installed.json"
"""In the folder that was installed to: the files that are ours, and the SHA-256 that each was written with."""
PART_SUFFIX: Final = ".sideman-part"

Action = Literal["write", "replace", "keep", "remove"]
_WORDS: Final[Mapping[Action, str]] = {
    "write": "written",
    "replace": "replaced by this version",
    "keep": "as it should be",
    "remove": "removed: this version has it no more",
}


class InstallError(SidemanError):
    """A script cannot be installed; nothing was written."""

    code = "install"


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """A DAW's script: where its files are in the package ``plugin_host``, and where the DAW looks for them.

    ``folders`` has the folder for each system; the files go to the folder ``name`` in it, or right into it where
    ``name`` is empty. ``apart`` has files that go elsewhere in the DAW's folder, by where. ``daemon_file`` is a file
    that says where the daemon listens; a user may change it. ``then`` is what is left to do, and ``then_elsewhere``
    what else is where the DAW's folder is another one, ``{folder}``.
    """

    source: str
    name: str
    folders: Mapping[str, Callable[[Machine], Path]]
    apart: Mapping[str, str] = field(default_factory=dict)
    daemon_file: str = ""
    then: str
    then_elsewhere: str = ""


SCRIPTS: Final[Mapping[str, Script]] = {
    "ableton": Script(
        source="scripts/ableton/Sideman",
        name="Sideman",
        folders={
            "darwin": lambda machine: machine.home / "Music" / "Ableton" / "User Library" / "Remote Scripts",
            "win32": lambda machine: machine.documents / "Ableton" / "User Library" / "Remote Scripts",
            # Live has no version for Linux; under Wine its documents are the user's.
            "linux": lambda machine: machine.documents / "Ableton" / "User Library" / "Remote Scripts",
        },
        daemon_file="daemon.txt",
        then="Start Live anew, choose Sideman as a control surface in Settings, Link, Tempo & MIDI, and run: sideman "
        "serve --host ableton",
    ),
    "ardour": Script(
        source="scripts/ardour",
        name="",
        folders=dict.fromkeys(("darwin", "win32", "linux"), ardour_scripts),
        then="In Ardour, once: Edit, Lua Scripts, Script Manager, Action Hooks, New Hook, choose Sideman, Add. Then "
        "run: sideman serve --host ardour",
    ),
    "reaper": Script(
        source="scripts/reaper/Sideman",
        name="Scripts/Sideman",
        folders=dict.fromkeys(("darwin", "win32", "linux"), reaper_resources),
        apart={"Sideman.ReaperOSC": "OSC/Sideman.ReaperOSC"},
        then="In REAPER choose Actions, Show action list, New action, Load ReaScript, and open Sideman.lua in that "
        "folder; run it, and run: sideman serve --host reaper",
        then_elsewhere="The daemon meets that REAPER in another folder, so run: sideman serve --host reaper --set "
        "'host.mailbox={folder}/Sideman'",
    ),
    "max": Script(
        source="scripts/max/Sideman",
        name="Sideman",
        # Max has no version for Linux; under Wine its documents are the user's.
        folders={system: lambda machine: max_folder(machine) / "Packages" for system in ("darwin", "win32", "linux")},
        daemon_file="daemon.txt",
        then="Start Max or Live anew, open patchers/Sideman.maxpat of this package in a Max MIDI Effect, save it as a "
        "device, and run: sideman serve --host ableton",
    ),
    "touchosc": Script(
        source="scripts/touchosc",
        name="Sideman",
        folders={system: lambda machine: machine.documents / "TouchOSC" for system in ("darwin", "win32", "linux")},
        then="Open Sideman.tosc in TouchOSC, set its OSC connection 1 to this computer, send port 9130, receive port "
        "9000, and press Connect",
    ),
}
"""The DAWs that a script can be installed for, by the word that the command takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What is done, or would be done, with one file."""

    action: Action
    path: Path

    @property
    def line(self) -> str:
        """The step in words."""
        return f"{self.path}: {_WORDS[self.action]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """What was done, or would be done in a dry run, and what is left to do."""

    folder: Path
    steps: tuple[Step, ...]
    then: str


def install(host: str, machine: Machine, *, daemon: str, to: Path | None = None, dry_run: bool = False) -> Installed:
    """Install a DAW's script. ``daemon`` is ``HOST:PORT``; ``to`` is the DAW's folder of scripts where it is another.

    Raises ``InstallError`` for a host without a script, and for files in the way that are not ours; then nothing is
    written.
    """
    script = _script(host)
    usual = script.folders[machine.system](machine)
    parent = (usual if to is None else to).absolute()
    folder = parent / script.name if script.name else parent
    contents = _packaged(script)
    if script.daemon_file:
        contents[script.daemon_file] = f"{daemon}\n".encode()
    try:
        ours = _manifest(folder)
        steps = tuple(_steps(folder, contents, ours, script.daemon_file))
        if not dry_run:
            _carry_out(folder, steps, contents, ours)
    except OSError as error:
        raise InstallError(f"{error.filename or folder} cannot be written: {error.strerror}.") from None
    elsewhere = script.then_elsewhere.format(folder=parent) if parent != usual.absolute() else ""
    return Installed(folder=folder, steps=steps, then="\n".join(filter(None, (script.then, elsewhere))))


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A script that was installed: by which version (None: one that did not note it), and what is other now.

    ``outdated`` are files that this version has otherwise, ``changed`` those that were changed by hand since;
    ``daemon`` is where the script looks for the daemon.
    """

    folder: Path
    version: str | None
    outdated: tuple[str, ...]
    changed: tuple[str, ...]
    daemon: str | None


def find_installed(host: str, machine: Machine) -> Found | None:
    """What is installed of a DAW's script where the DAW usually looks; None where nothing is.

    Raises ``InstallError`` for a host without a script, and for what cannot be read.
    """
    script = _script(host)
    parent = script.folders[machine.system](machine)
    folder = parent.absolute() / script.name if script.name else parent.absolute()
    try:
        ours = _manifest(folder)
        if not ours:
            return None
        contents = _packaged(script)
        inside = {name for name in ours if ".." not in Path(name).parts}  # a manifest may have been written by anyone
        there = {name: _digest_of(folder / name) for name in {*inside, *contents} if name != script.daemon_file}
        daemon = folder / script.daemon_file
        return Found(
            folder=folder,
            version=_manifest_version(folder),
            outdated=tuple(sorted(name for name, digest in there.items() if digest != _digest(contents.get(name)))),
            changed=tuple(sorted(name for name, digest in there.items() if name in ours and digest != ours[name])),
            daemon=daemon.read_text(encoding="utf-8").strip() if script.daemon_file and daemon.is_file() else None,
        )
    except (OSError, UnicodeDecodeError) as error:
        raise InstallError(f"{folder} cannot be read: {error}.") from None


def _digest(content: bytes | None) -> str | None:
    return None if content is None else hashlib.sha256(content).hexdigest()


def _manifest_version(folder: Path) -> str | None:
    version = json.loads((folder / MANIFEST).read_text(encoding="utf-8")).get("version")
    return version if isinstance(version, str) else None


def _packaged(script: Script) -> dict[str, bytes]:
    """The files of a script as this version has them, by where they go from its folder."""
    up = "../" * len(Path(script.name).parts)
    found = dict(_contents(resources.files("plugin_host").joinpath(script.source)))
    return {f"{up}{script.apart[name]}" if name in script.apart else name: data for name, data in found.items()}


def _script(host: str) -> Script:
    if host not in SCRIPTS:
        near = difflib.get_close_matches(host, SCRIPTS, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise InstallError(f"There is no script for {host[:64]!r}; there are scripts for {', '.join(SCRIPTS)}.{hint}")
    return SCRIPTS[host]


def _contents(folder: Traversable, before: str = "") -> Iterator[tuple[str, bytes]]:
    """Every file below a folder by its relative path; what Python compiled is left out."""
    for entry in sorted(folder.iterdir(), key=lambda one: one.name):
        if entry.is_dir() and entry.name != "__pycache__":
            yield from _contents(entry, f"{before}{entry.name}/")
        elif entry.is_file() and not entry.name.endswith(".pyc"):
            yield before + entry.name, entry.read_bytes()


def _manifest(folder: Path) -> dict[str, str]:
    """SHA-256 by relative path of what was installed here before. Raises ``InstallError`` for one that is damaged."""
    path = folder / MANIFEST
    if not path.exists():
        return {}
    try:
        files = json.loads(path.read_text(encoding="utf-8"))["files"]
        return {str(name): str(digest) for name, digest in files.items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InstallError(f"{path} is damaged: remove the folder {folder}, and install anew.") from None


def _steps(folder: Path, contents: Mapping[str, bytes], ours: Mapping[str, str], may_be_changed: str) -> Iterator[Step]:
    """What is to be done with each file. Raises ``InstallError`` that names every file in the way."""
    steps, in_the_way = [], []
    for name, content in contents.items():
        path = _path(folder, name)
        digest = _digest_of(path)
        if digest is None:
            steps.append(Step(action="write", path=path))
        elif digest == hashlib.sha256(content).hexdigest():
            steps.append(Step(action="keep", path=path))
        elif digest == ours.get(name):
            steps.append(Step(action="replace", path=path))
        elif name == may_be_changed and name in ours:
            steps.append(Step(action="keep", path=path))
        else:
            in_the_way.append(path)
    left = [name for name in ours if name not in contents and _is_inside(name)]
    gone = [name for name in left if _digest_of(folder / name) == ours[name]]
    steps += [Step(action="remove", path=folder / name) for name in gone]
    if in_the_way:
        files = ", ".join(map(str, in_the_way))
        raise InstallError(
            f"Not written by this command, or changed since: {files}. Move them away, or choose another folder with "
            "--to. Nothing was written."
        )
    return iter(steps)


def _path(folder: Path, name: str) -> Path:
    """A file of the folder, or of one that the DAW has beside it."""
    return Path(os.path.normpath(folder / name))


def _is_inside(name: str) -> bool:
    """Whether a path of the manifest stays in the folder: only then is what is left over removed."""
    return not Path(name).is_absolute() and ".." not in Path(name).parts


def _digest_of(path: Path) -> str | None:
    """SHA-256 of a file; None where there is nothing. What is no plain file has none that could be ours."""
    if path.is_symlink() or (path.exists() and not path.is_file()):
        return ""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else None


def _carry_out(folder: Path, steps: tuple[Step, ...], contents: Mapping[str, bytes], ours: Mapping[str, str]) -> None:
    """The manifest comes first, so that a run which is cut short can be repeated; each file appears whole."""
    written = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    by_path = {_path(folder, name): name for name in contents}
    kept = {by_path[step.path] for step in steps if step.action == "keep"}
    known = {name: ours.get(name, digest) if name in kept else digest for name, digest in written.items()}
    folder.mkdir(parents=True, exist_ok=True)
    manifest = {"files": known, "version": metadata.version("sideman")}
    _write(folder / MANIFEST, json.dumps(manifest, indent=2, sort_keys=True).encode() + b"\n")
    for step in steps:
        if step.action == "remove":
            step.path.unlink()
        elif step.action != "keep":
            step.path.parent.mkdir(parents=True, exist_ok=True)
            _write(step.path, contents[by_path[step.path]])


def _write(path: Path, content: bytes) -> None:
    part = path.with_name(path.name + PART_SUFFIX)
    part.write_bytes(content)
    part.replace(path)
