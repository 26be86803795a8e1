"""Clips that come from another machine, in a folder of this one: whole, checked, with their receipts.

What has come of a file lies under a hidden name with its SHA-256 in it, so that a broken transfer goes on where it
was, in another run of the relay too. Methods touch files, and belong on worker threads.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
from pathlib import Path
from typing import Final

from bridge.clip_shelf import CLIP_ID
from bridge.clips import AUDIO_SUFFIX, RECEIPT_SUFFIX
from bridge.errors import ClipError, DiskError
from bridge.receipt_schema import Receipt, receipt_from_json, receipt_to_json

PART_PREFIX: Final = ".relay-"
PART_SUFFIX: Final = ".part"
BLOCK_BYTES: Final = 1 << 20
MAX_ALIKE: Final = 1000


class RelayFolder:
    """The folder that clips are brought to."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()

    def begun(self) -> frozenset[str]:
        """The ids of clips that a run before began to bring and did not finish."""
        ids = (path.name.removeprefix(PART_PREFIX).rsplit("-", 1)[0] for path in self.path.glob(f"{PART_PREFIX}*"))
        return frozenset(one for one in ids if CLIP_ID.fullmatch(one))

    def find(self, clip_id: str, sha256: str) -> Path | None:
        """A clip that is here already, whole."""
        for path in self._names(clip_id):
            if not path.exists():
                return None
            with contextlib.suppress(OSError, ClipError):
                receipt = receipt_from_json(path.with_suffix(RECEIPT_SUFFIX).read_bytes())
                if receipt.sha256 == sha256 and digest_of(path) == sha256:
                    return path
        return None

    def part(self, clip_id: str, sha256: str) -> Path:
        """Where the clip lies while it comes. Raises ``ClipError`` for an id that is no name of a clip."""
        if not CLIP_ID.fullmatch(clip_id):
            raise ClipError(f"{clip_id[:64]!r} is no id of a clip.")
        return self.path / f"{PART_PREFIX}{clip_id}-{sha256[:16]}{PART_SUFFIX}"

    def finish(self, clip_id: str, part: Path, receipt: Receipt) -> Path | None:
        """Give a clip that has come whole its name, its receipt first; None, and the part is gone, where it is not.

        Another clip of that name stays, and this one gets ``-2``. Raises ``DiskError``.
        """
        try:
            if digest_of(part) != receipt.sha256:
                part.unlink()
                return None
            path = next(path for path in self._names(clip_id) if not os.path.lexists(path))
            receipt_path = path.with_suffix(RECEIPT_SUFFIX)
            receipt_part = part.with_suffix(f"{RECEIPT_SUFFIX}{PART_SUFFIX}")
            receipt_part.write_bytes(receipt_to_json(dataclasses.replace(receipt, file=path.name)))
            receipt_part.replace(receipt_path)
            part.replace(path)
        except OSError as error:
            raise disk_error(self.path, error) from None
        return path

    def _names(self, clip_id: str) -> list[Path]:
        return [
            self.path / f"{clip_id}{'' if number == 1 else f'-{number}'}{AUDIO_SUFFIX}"
            for number in range(1, MAX_ALIKE)
        ]


def digest_of(path: Path) -> str:
    """SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def disk_error(folder: Path, error: OSError) -> DiskError:
    """A folder that does not take a clip."""
    return DiskError(f"The clip cannot be written to {folder}: {error.strerror}. What has come of it is kept.")
