"""The computer that a DAW runs on: where its programs keep what is the user's."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import platformdirs


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


def max_folder(machine: Machine) -> Path:
    """Max's folder in the user's documents: that of the newest version that is there, or of Max 9."""
    versions = [machine.documents / f"Max {number}" for number in (9, 8)]
    return next((folder for folder in versions if folder.is_dir()), versions[0])
