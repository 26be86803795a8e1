"""Checksums of files. Importing this module imports no torch."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

_HASH_BLOCK: Final = 1 << 20


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_HASH_BLOCK):
            digest.update(block)
    return digest.hexdigest()
