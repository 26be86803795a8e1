"""The files through which audio comes from the engine process: in the temporary folder, for one request at a time."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from bridge.errors import DiskError
from models.generator import Samples

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


def part_path(audio: Path, part: int) -> Path:
    """The file of a part of the take whose file is ``audio``."""
    return audio.with_name(f"{audio.stem}.{part}{audio.suffix}")


def write_shared(path: Path, samples: Samples) -> None:
    """Write audio [frames, channels] in the machine's byte order. Raises ``DiskError`` where there is no room.

    Written, and not mapped: a full disk is an error then, and not the end of the process that meets it.
    """
    try:
        with path.open("wb") as file:
            file.write(np.ascontiguousarray(samples, dtype=np.float32).data)
    except OSError as error:
        raise DiskError(
            f"No room for {samples.nbytes / 1e6:.0f} MB of audio in {path.parent.parent}: {error.strerror}; free some "
            "space, or set TMPDIR to another disk."
        ) from None


def read_shared(path: Path, frames: int, channels: int) -> Samples:
    """Read audio back, and remove the file. Raises ``DiskError`` when it is not all there."""
    try:
        samples: Samples = np.fromfile(path, dtype=np.float32)
        path.unlink()
    except OSError as error:
        raise DiskError(f"The engine's audio in {path.parent} cannot be read: {error.strerror}.") from None
    if samples.size != frames * channels:
        raise DiskError(f"The engine's audio in {path.parent} is cut short; the next request starts anew.")
    return samples.reshape(frames, channels)


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
