"""Category: unit. ``sideman install ardour``: the folder of the newest Ardour, and nothing of a user's overwritten."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge import install as module
from bridge.install import MANIFEST, InstallError, install
from bridge.machine import Machine

DAEMON = "127.0.0.1:9130"
SOURCE = Path(module.__file__).parents[1] / "plugin_host" / "scripts" / "ardour"
SETTINGS = {"darwin": "Library/Preferences/Ardour", "win32": "AppData/Local/ardour", "linux": ".config/ardour"}


def machine(home: Path, system: str) -> Machine:
    return Machine(system=system, home=home, documents=home / "Documents", settings=home / ".config")


@pytest.mark.parametrize("system", SETTINGS)
@pytest.mark.parametrize(("versions", "chosen"), [((7,), 7), ((7, 8), 8), ((9, 7), 9), ((), 8)])
def test_the_scripts_go_to_the_newest_ardour_that_is_there(
    tmp_path: Path, system: str, versions: tuple[int, ...], chosen: int
) -> None:
    for version in versions:
        (tmp_path / f"{SETTINGS[system]}{version}").mkdir(parents=True)
    folder = install("ardour", machine(tmp_path, system), daemon=DAEMON).folder
    assert folder == tmp_path / f"{SETTINGS[system]}{chosen}" / "scripts"
    ours = {str(path.relative_to(SOURCE)) for path in SOURCE.rglob("*.lua")}
    assert {str(path.relative_to(folder)) for path in folder.rglob("*.lua")} == ours
    assert {"sideman.lua", "sideman-make.lua", "sideman-ask.lua", "sideman/surface.lua"} <= ours
    assert (folder / "sideman.lua").read_bytes() == (SOURCE / "sideman.lua").read_bytes()


def test_scripts_of_the_user_stay_as_they_are(tmp_path: Path) -> None:
    home = machine(tmp_path, "linux")
    folder = tmp_path / ".config" / "ardour7" / "scripts"
    folder.mkdir(parents=True)
    (folder / "mine.lua").write_text("-- mine")
    install("ardour", home, daemon=DAEMON)
    assert (folder / "mine.lua").read_text() == "-- mine"
    (folder / "sideman.lua").write_text("-- changed by hand")
    with pytest.raises(InstallError, match=r"sideman\.lua.*Nothing was written"):
        install("ardour", home, daemon=DAEMON)
    assert (folder / "sideman.lua").read_text() == "-- changed by hand"


def test_a_dry_run_writes_nothing_and_what_ardour_is_told_to_write_is_kept(tmp_path: Path) -> None:
    home = machine(tmp_path, "linux")
    done = install("ardour", home, daemon=DAEMON, dry_run=True)
    assert {step.action for step in done.steps} == {"write"}
    assert list(tmp_path.iterdir()) == []
    folder = install("ardour", home, daemon=DAEMON).folder
    (folder / "sideman" / "mailbox.txt").write_text("/elsewhere\n")
    (folder / "sideman" / "said.txt").write_text("Connected to the daemon\n")
    again = install("ardour", home, daemon=DAEMON)
    assert {step.action for step in again.steps} == {"keep"}
    assert (folder / "sideman" / "mailbox.txt").read_text() == "/elsewhere\n"
    assert (folder / MANIFEST).is_file()
    assert "Action Hooks" in again.then and "sideman serve --host ardour" in again.then
