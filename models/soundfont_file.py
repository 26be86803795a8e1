"""Where the soundfont lies. Importing this module loads no synthesizer."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Final

from models.errors import SoundfontError

BUNDLED_SOUNDFONT: Final = "TimGM6mb.sf2"
"""The soundfont inside the pretty_midi package."""


def find_soundfont(path: Path | None = None) -> Path:
    """The soundfont file: ``path``, or the one that is installed with pretty_midi.

    Raises ``SoundfontError`` when there is no such file.
    """
    if path is not None:
        if not path.is_file():
            raise SoundfontError(f"There is no soundfont at {path}: name an existing .sf2 file.")
        return path
    spec = importlib.util.find_spec("pretty_midi")
    folders = spec.submodule_search_locations if spec is not None else None
    for folder in folders or ():
        bundled = Path(folder) / BUNDLED_SOUNDFONT
        if bundled.is_file():
            return bundled
    raise SoundfontError(
        f"The soundfont {BUNDLED_SOUNDFONT} of the package pretty_midi is missing: "
        "reinstall it (pip install --force-reinstall pretty_midi), or name a soundfont of your own."
    )
