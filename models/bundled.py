"""The model that comes with Sideman, as data of this package. Importing this module imports no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Final

BUNDLED: Final = "sideman-tiny"
"""Its name: what the engine ``jasco`` plays when no other model is chosen."""
COMES_WITH_US: Final = "comes with Sideman"
"""Its origin, in receipts and lists."""
FOLDER = Path(__file__).with_name("sideman_tiny")
"""Where it lies; a source tree without it is one in which it was not trained yet."""


def is_bundled(folder: Path) -> bool:
    """Whether a folder is the one that came with Sideman."""
    return folder.resolve() == FOLDER.resolve()


def mending(folder: Path) -> str:
    """What to do about a model in this folder that is not whole."""
    return "install Sideman again" if is_bundled(folder) else "run sideman models pull or convert again"
