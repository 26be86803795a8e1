"""The files through which audio comes from the engine process: in the temporary folder, for one request at a time."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bridge.errors import DiskError

PREFIX: Final = "sideman-audio-"
LEFTOVER_AGE_S: Final = 3600.0
"""A folder that was not touched for this long is what a daemon that died left behind."""


@contextlib.contextmanager
def shared_folder() -> Iterator[Path]:
    """A folder of its own for one request, removed at the end. Raises ``DiskError`` when there can be none."""
    try:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    except OSError as error:
        raise DiskError(f"No folder for audio can be made in {_place()}: {error.strerror}; set TMPDIR.") from None
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def shared_file(path: Path, size: int) -> Path:
    """A file of ``size`` bytes that all have their place on the disk. Raises ``DiskError`` where they have none.

    A file with holes would do as well, until the disk is full: then the process that fills it is killed.
    """
    try:
        with path.open("wb") as file:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, size)
            else:
                file.truncate(size)
    except OSError as error:
        raise DiskError(
            f"No room for {size / 1e6:.0f} MB of audio in {path.parent.parent}: {error.strerror}; free some space, or "
            "set TMPDIR to another disk."
        ) from None
    return path


def sweep_leftovers(now: float) -> None:
    """Remove what daemons that died left behind; ``now`` is in seconds since 1970."""
    with contextlib.suppress(OSError):
        for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
            with contextlib.suppress(OSError):
                if now - max(path.stat().st_mtime for path in (folder, *folder.iterdir())) > LEFTOVER_AGE_S:
                    shutil.rmtree(folder, ignore_errors=True)


def _place() -> str:
    try:
        return tempfile.gettempdir()
    except FileNotFoundError:
        return "the temporary folder"
