"""Category: unit. ``sideman install``: where scripts go on each system, what is never overwritten, and dry runs."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path, PurePosixPath

import pytest
from typer.testing import CliRunner

from bridge import install as module
from bridge.cli import app
from bridge.install import MANIFEST, SCRIPTS, InstallError, install
from bridge.machine import Machine, reaper_resources

DAEMON = "127.0.0.1:9130"
SOURCE = Path(module.__file__).parents[1] / "plugin_host" / "scripts" / "ableton" / "Sideman"


def machine(tmp_path: Path, system: str = "darwin") -> Machine:
    home = tmp_path / "home"
    settings = {"darwin": "Library/Application Support", "win32": "AppData/Roaming", "linux": ".config"}[system]
    return Machine(system=system, home=home, documents=home / "Documents", settings=home / settings)


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(PurePosixPath(path.relative_to(folder))): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


@pytest.mark.parametrize(
    ("system", "folder"),
    [
        ("darwin", "Music/Ableton/User Library/Remote Scripts/Sideman"),
        ("win32", "Documents/Ableton/User Library/Remote Scripts/Sideman"),
        ("linux", "Documents/Ableton/User Library/Remote Scripts/Sideman"),
    ],
)
def test_live_s_script_goes_where_live_looks(tmp_path: Path, system: str, folder: str) -> None:
    done = install("ableton", machine(tmp_path, system), daemon=DAEMON)
    assert done.folder == tmp_path / "home" / folder
    written = files(done.folder)
    assert written["daemon.txt"] == b"127.0.0.1:9130\n"
    assert {name: written[name] for name in written if name.endswith(".py")} == {
        path.name: path.read_bytes() for path in SOURCE.glob("*.py")
    }
    assert {step.action for step in done.steps} == {"write"}


@pytest.mark.parametrize(
    ("system", "resources"),
    [
        ("darwin", "Library/Application Support/REAPER"),
        ("win32", "AppData/Roaming/REAPER"),
        ("linux", ".config/REAPER"),
    ],
)
def test_reaper_s_scripts_and_patterns_go_where_reaper_looks(tmp_path: Path, system: str, resources: str) -> None:
    done = install("reaper", machine(tmp_path, system), daemon=DAEMON)
    source = SOURCE.parents[1] / "reaper" / "Sideman"
    folder = tmp_path / "home" / resources
    assert done.folder == folder / "Scripts" / "Sideman"
    written = files(folder)
    written.pop(f"Scripts/Sideman/{MANIFEST}")
    patterns = written.pop("OSC/Sideman.ReaperOSC")
    assert patterns == (source / "Sideman.ReaperOSC").read_bytes()
    expected = {f"Scripts/Sideman/{path}": data for path, data in files(source).items() if path.endswith(".lua")}
    assert written == expected
    assert "host.mailbox" not in done.then
    assert all(".." not in step.path.parts for step in done.steps)


def test_a_portable_reaper_is_told_where_the_daemon_meets_it(tmp_path: Path) -> None:
    portable = tmp_path / "my reaper"
    done = install("reaper", machine(tmp_path), daemon=DAEMON, to=portable)
    assert (portable / "Scripts" / "Sideman" / "Sideman.lua").is_file()
    assert (portable / "OSC" / "Sideman.ReaperOSC").is_file()
    assert f"--set 'host.mailbox={portable}/Sideman'" in done.then
    assert not (tmp_path / "home").exists()


def test_another_s_pattern_file_stops_everything_and_a_manifest_removes_nothing_outside(tmp_path: Path) -> None:
    resources = reaper_resources(machine(tmp_path))
    other = resources / "OSC" / "Sideman.ReaperOSC"
    other.parent.mkdir(parents=True)
    other.write_bytes(b"mine")
    with pytest.raises(InstallError, match=r"OSC/Sideman\.ReaperOSC.*Nothing was written"):
        install("reaper", machine(tmp_path), daemon=DAEMON)
    assert files(resources) == {"OSC/Sideman.ReaperOSC": b"mine"}
    other.unlink()
    folder = install("reaper", machine(tmp_path), daemon=DAEMON).folder
    precious = resources / "OSC" / "Default.ReaperOSC"
    precious.write_bytes(b"REAPER's")
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["files"]["../../OSC/Default.ReaperOSC"] = hashlib.sha256(b"REAPER's").hexdigest()
    (folder / MANIFEST).write_text(json.dumps(manifest))
    install("reaper", machine(tmp_path), daemon=DAEMON)
    assert precious.read_bytes() == b"REAPER's"


@pytest.mark.parametrize("system", ["darwin", "win32", "linux"])
@pytest.mark.parametrize(
    ("there", "version"), [((), "Max 9"), (("Max 8",), "Max 8"), (("Max 8", "Max 9"), "Max 9")], ids=str
)
def test_max_s_package_goes_into_the_newest_max_that_is_there(
    tmp_path: Path, system: str, there: tuple[str, ...], version: str
) -> None:
    here = machine(tmp_path, system)
    for name in there:
        (here.documents / name).mkdir(parents=True)
    done = install("max", here, daemon=DAEMON)
    assert done.folder == here.documents / version / "Packages" / "Sideman"
    written = files(done.folder)
    assert written["daemon.txt"] == b"127.0.0.1:9130\n"
    source = SOURCE.parents[1] / "max" / "Sideman"
    assert {name: written[name] for name in written if name not in {"daemon.txt", MANIFEST}} == files(source)
    assert {"patchers/Sideman.maxpat", "patchers/sideman-node.js", "package-info.json"} <= set(written)


@pytest.mark.parametrize("name", SCRIPTS)
@pytest.mark.parametrize("system", ["darwin", "win32", "linux"])
def test_the_manifest_names_every_file_and_what_is_installed_is_left_as_it_is(
    tmp_path: Path, system: str, name: str
) -> None:
    done = install(name, machine(tmp_path, system), daemon=DAEMON)
    folder, home = done.folder, tmp_path / "home"
    before = files(home)
    manifest_path = str(PurePosixPath(folder.relative_to(home) / MANIFEST))
    manifest = json.loads(before.pop(manifest_path))["files"]
    in_home = {os.path.normpath(folder.relative_to(home) / path): digest for path, digest in manifest.items()}
    assert in_home == {path: hashlib.sha256(content).hexdigest() for path, content in before.items()}
    again = install(name, machine(tmp_path, system), daemon=DAEMON)
    assert {step.action for step in again.steps} == {"keep"}
    assert not list(folder.rglob(f"*{module.PART_SUFFIX}"))


def test_a_dry_run_says_the_same_and_writes_nothing(tmp_path: Path) -> None:
    would = install("ableton", machine(tmp_path), daemon=DAEMON, dry_run=True)
    assert not (tmp_path / "home").exists()
    assert install("ableton", machine(tmp_path), daemon=DAEMON).steps == would.steps


def test_a_newer_version_replaces_what_was_ours_and_removes_what_it_has_no_more(tmp_path: Path) -> None:
    folder = install("ableton", machine(tmp_path), daemon=DAEMON).folder
    old = b"# an older version\n"
    (folder / "osc.py").write_bytes(old)
    (folder / "gone.py").write_bytes(old)
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["files"] |= {"osc.py": hashlib.sha256(old).hexdigest(), "gone.py": hashlib.sha256(old).hexdigest()}
    (folder / MANIFEST).write_text(json.dumps(manifest))
    done = install("ableton", machine(tmp_path), daemon=DAEMON)
    assert {step.path.name: step.action for step in done.steps if step.action != "keep"} == {
        "osc.py": "replace",
        "gone.py": "remove",
    }
    assert not (folder / "gone.py").exists()
    assert (folder / "osc.py").read_bytes() == (SOURCE / "osc.py").read_bytes()


@pytest.mark.parametrize("kind", ["file", "changed", "folder", "link"])
def test_what_is_not_ours_stops_everything_before_anything_is_written(tmp_path: Path, kind: str) -> None:
    folder = SCRIPTS["ableton"].folders["darwin"](machine(tmp_path)) / "Sideman"
    other = folder / "osc.py"
    if kind == "changed":
        install("ableton", machine(tmp_path), daemon=DAEMON)
    folder.mkdir(parents=True, exist_ok=True)
    if kind == "folder":
        other.mkdir()
    elif kind == "link":
        (tmp_path / "elsewhere").write_bytes(b"mine")
        other.symlink_to(tmp_path / "elsewhere")
    else:
        other.write_bytes(b"# somebody else's\n")
    before = files(folder)
    with pytest.raises(InstallError, match=r"osc\.py.*Nothing was written"):
        install("ableton", machine(tmp_path), daemon=DAEMON)
    assert files(folder) == before


def test_where_the_daemon_is_may_be_changed_and_stays(tmp_path: Path) -> None:
    folder = install("ableton", machine(tmp_path), daemon=DAEMON).folder
    (folder / "daemon.txt").write_text("10.0.0.2:9200\n")
    install("ableton", machine(tmp_path), daemon=DAEMON)
    install("ableton", machine(tmp_path), daemon=DAEMON)
    assert (folder / "daemon.txt").read_text() == "10.0.0.2:9200\n"


def test_a_manifest_that_is_damaged_is_said(tmp_path: Path) -> None:
    folder = install("ableton", machine(tmp_path), daemon=DAEMON).folder
    (folder / MANIFEST).write_text("{")
    with pytest.raises(InstallError, match="is damaged"):
        install("ableton", machine(tmp_path), daemon=DAEMON)


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "home").write_bytes(b"a file")
    with pytest.raises(InstallError, match="cannot be written"):
        install("ableton", machine(tmp_path), daemon=DAEMON)


def test_a_daw_without_a_script_is_said_with_a_near_one(tmp_path: Path) -> None:
    with pytest.raises(InstallError, match="Did you mean ableton"):
        install("abelton", machine(tmp_path), daemon=DAEMON)


def test_the_command_says_what_it_would_do_and_then_does_it(tmp_path: Path) -> None:
    runner = CliRunner()
    to = tmp_path / "Remote Scripts"
    dry = runner.invoke(app, ["install", "ableton", "--to", str(to), "--dry-run"])
    assert dry.exit_code == 0
    assert f"would be {to / 'Sideman' / 'surface.py'}: written" in dry.output
    assert not to.exists()
    done = runner.invoke(app, ["install", "ableton", "--to", str(to)])
    assert done.exit_code == 0
    assert "choose Sideman as a control surface" in done.output
    assert (to / "Sideman" / "surface.py").is_file()
