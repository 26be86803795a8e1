"""Files of a training that are there whole or not at all."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from models.errors import TrainingError


def write_whole(path: Path, content: bytes, what: str) -> None:
    """Write a file over the one before, onto the disk. Raises ``TrainingError``; that one is then as it was.

    ``what`` names it at the beginning of a message.
    """
    temporary = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise TrainingError(
            f"{what} {path} cannot be written ({error.strerror or error}): make room, and the same command goes on "
            "from what was written before."
        ) from error
