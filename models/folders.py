"""Folders that appear whole or not at all, and never in the place of something else of the user's."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from models.errors import ModelError

_LEFT_BEHIND_S: Final = 24 * 3600.0
"""What a killed process left is removed after this long; another one may be at work on what is younger."""


def require_apart(target: Path, sources: Mapping[str, Path]) -> None:
    """See that ``target`` neither is, holds nor lies in a folder that is read. Raises ``ModelError``."""
    place = target.resolve()
    for what, source in sources.items():
        read = source.resolve()
        if place == read or place in read.parents or read in place.parents:
            raise ModelError(f"{target} is, holds or lies in the folder of the {what}: name another one.")


@contextlib.contextmanager
def appearing_folder(target: Path, mark: str) -> Iterator[Path]:
    """A folder to write to, that is put in the place of ``target`` when all went well, and otherwise removed.

    ``target`` may be missing, empty, or hold the file ``mark``: then it is of our making, and replaced. Raises
    ``ModelError`` for anything else that lies there, and for a disk that is full; then ``target`` is as it was.
    """
    require_ours(target, mark)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=_prefix(target), dir=target.parent))
    except OSError as error:
        raise ModelError(f"{target.parent} cannot be written: {error.strerror}.") from error
    try:
        _sweep(target, folder)
        made = folder / "made"
        made.mkdir()
        yield made
        _put(made, target, aside=folder / "before")
    except OSError as error:
        raise ModelError(f"{target} could not be written: {error.strerror or error}. Nothing was kept.") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def require_ours(target: Path, mark: str) -> None:
    """See that ``target`` is missing, empty, or of our making: it holds the file ``mark``. Raises ``ModelError``."""
    if not target.exists() and not target.is_symlink():
        return
    if not target.is_dir() or (any(target.iterdir()) and not (target / mark).is_file()):
        raise ModelError(f"{target} holds something else than a converted model: name another folder, or empty it.")


def _put(made: Path, target: Path, *, aside: Path) -> None:
    """Put ``made`` in the place of ``target``; what lies there is back when that fails."""
    if not target.exists():
        made.rename(target)
        return
    target.rename(aside)
    try:
        made.rename(target)
    except OSError:
        aside.rename(target)
        raise


def _prefix(target: Path) -> str:
    return f".{target.name}-"


def _sweep(target: Path, folder: Path) -> None:
    """Remove what processes that were killed left of the same target."""
    now = folder.stat().st_mtime
    for left in target.parent.glob(f"{_prefix(target)}*"):
        if left != folder and left.is_dir() and now - left.stat().st_mtime > _LEFT_BEHIND_S:
            shutil.rmtree(left, ignore_errors=True)
