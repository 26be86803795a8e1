"""The computer that a DAW runs on: where its programs keep what is the user's."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import platformdirs

ARDOUR_VERSIONS: Final = (9, 8, 7)
"""Newest first; each keeps its settings apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """The computer that is installed on: ``darwin``, ``win32`` or ``linux``, and the user's folders.

    ``settings`` is where programs keep settings: ``~/.config``, ``~/Library/Application Support`` or ``%APPDATA%``.
    """

    system: str
    home: Path
    documents: Path
    settings: Path

    @classmethod
    def this(cls) -> Machine:
        """The one that this runs on."""
        system = sys.platform if sys.platform in ("darwin", "win32") else "linux"
        settings = platformdirs.user_config_path(roaming=True)
        return cls(system=system, home=Path.home(), documents=platformdirs.user_documents_path(), settings=settings)


def reaper_resources(machine: Machine) -> Path:
    """REAPER's resource folder, as Options, Show REAPER resource path has it; a portable REAPER has its own."""
    return machine.settings / "REAPER"


def ardour_settings(machine: Machine) -> Path:
    """The folder that holds the settings of every version of Ardour: ``ardour7``, ``ardour8`` and so on."""
    if machine.system == "darwin":
        return machine.home / "Library" / "Preferences"
    if machine.system == "win32":
        return machine.home / "AppData" / "Local"
    return machine.settings


def ardour_scripts(machine: Machine) -> Path:
    """The folder of scripts of the newest Ardour that has been started here; of 8 where none has."""
    word = "Ardour" if machine.system == "darwin" else "ardour"
    folders = [ardour_settings(machine) / f"{word}{version}" for version in ARDOUR_VERSIONS]
    newest = next((folder for folder in folders if folder.is_dir()), ardour_settings(machine) / f"{word}8")
    return newest / "scripts"


def max_folder(machine: Machine) -> Path:
    """Max's folder in the user's documents: that of the newest version that is there, or of Max 9."""
    versions = [machine.documents / f"Max {number}" for number in (9, 8)]
    return next((folder for folder in versions if folder.is_dir()), versions[0])
