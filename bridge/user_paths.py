"""Paths as users write them."""

from __future__ import annotations

from pathlib import Path


def expanded(path: Path) -> Path:
    """The path with the home folder for its tilde. Raises ``ValueError`` for a user who is not there."""
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise ValueError(f"{path} names a user that this machine does not know") from error
