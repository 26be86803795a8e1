"""Clips that come from another machine, in a folder of this one: whole, checked, with their receipts.

What the other machine says is not trusted: a name or a checksum that is none never becomes part of a path, a file that
is there is never replaced, and what is no WAV file of the receipt's length gets no name of a clip.

What has come of a file lies under a hidden name with its SHA-256 in it, so that a broken transfer goes on where it
was, in another run of the relay too. Methods touch files, and belong on worker threads.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
from pathlib import Path
from typing import Final

from bridge.clip_shelf import CLIP_ID
from bridge.clips import AUDIO_SUFFIX, RECEIPT_SUFFIX
from bridge.errors import ClipError, DiskError
from bridge.receipt_schema import Receipt, receipt_from_json, receipt_to_json
from bridge.safe_files import rename_new
from bridge.wav import read_info
from models.checksums import sha256_of

PART_PREFIX: Final = ".relay-"
PART_SUFFIX: Final = ".part"
MAX_ALIKE: Final = 1000
SHA256: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)


class NotWhole(ClipError):
    """What came is another file than the receipt is of."""


class RelayFolder:
    """The folder that clips are brought to."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()

    def begun(self) -> frozenset[str]:
        """The ids of clips that a run before began to bring and did not finish."""
        ids = (path.name.removeprefix(PART_PREFIX).rsplit("-", 1)[0] for path in self.path.glob(f"{PART_PREFIX}*"))
        return frozenset(one for one in ids if CLIP_ID.fullmatch(one))

    def find(self, clip_id: str, sha256: str) -> Path | None:
        """A clip that is here already, whole. Raises ``ClipError`` for what is no name of a clip."""
        _require_names(clip_id, sha256)
        for path in self._names(clip_id):
            if not os.path.lexists(path):
                return None
            if _is_clip(path, sha256) and sha256_of(path) == sha256:
                return path
        return None

    def part(self, clip_id: str, sha256: str) -> Path:
        """Where the clip lies while it comes. Raises ``ClipError`` for what is no name of a clip, or no checksum."""
        _require_names(clip_id, sha256)
        return self.path / f"{PART_PREFIX}{clip_id}-{sha256[:16]}{PART_SUFFIX}"

    def finish(self, clip_id: str, part: Path, receipt: Receipt) -> Path:
        """Give a clip that has come whole its name, its receipt first.

        Another clip of that name stays, and this one gets ``-2``. Raises ``NotWhole`` for what is another file than the
        receipt is of, and the part is gone; and ``DiskError``.
        """
        try:
            if why := _mistake(part, receipt):
                part.unlink()
                raise NotWhole(f"{clip_id}: what came is {why}.")
            for path in self._names(clip_id):
                with contextlib.suppress(FileExistsError):
                    return self._named(path, part, receipt)
        except OSError as error:
            raise disk_error(self.path, error) from None
        raise DiskError(f"{MAX_ALIKE} clips of the name {clip_id} are in {self.path}.")

    def _named(self, path: Path, part: Path, receipt: Receipt) -> Path:
        """Raises ``FileExistsError`` where another file has the name, of clip or receipt, and ``OSError``."""
        receipt_path = path.with_suffix(RECEIPT_SUFFIX)
        receipt_part = part.with_suffix(f"{RECEIPT_SUFFIX}{PART_SUFFIX}")
        if os.path.lexists(path):
            raise FileExistsError
        if not _is_clip(path, receipt.sha256):  # else a run before came as far as the receipt
            receipt_part.write_bytes(receipt_to_json(dataclasses.replace(receipt, file=path.name)))
            try:
                rename_new(receipt_part, receipt_path)
            finally:
                receipt_part.unlink(missing_ok=True)
        rename_new(part, path)
        return path

    def _names(self, clip_id: str) -> list[Path]:
        return [
            self.path / f"{clip_id}{'' if number == 1 else f'-{number}'}{AUDIO_SUFFIX}"
            for number in range(1, MAX_ALIKE)
        ]


def _require_names(clip_id: str, sha256: str) -> None:
    if not CLIP_ID.fullmatch(clip_id):
        raise ClipError(f"{clip_id[:64]!r} is no id of a clip.")
    if not SHA256.fullmatch(sha256):
        raise ClipError(f"{clip_id}: {sha256[:64]!r} is no SHA-256.")


def _is_clip(path: Path, sha256: str) -> bool:
    """Whether the receipt beside a file says that it is of this clip. A link is none."""
    receipt_path = path.with_suffix(RECEIPT_SUFFIX)
    if path.is_symlink() or receipt_path.is_symlink():
        return False
    try:
        return receipt_from_json(receipt_path.read_bytes()).sha256 == sha256
    except (OSError, ClipError):
        return False


def _mistake(part: Path, receipt: Receipt) -> str:
    """What is wrong with a file that has come; empty where nothing is. Raises ``OSError``."""
    if sha256_of(part) != receipt.sha256:
        return "not what its receipt says"
    try:
        info = read_info(part)
    except ClipError:
        return "no WAV file"
    if (info.frames, info.sample_rate_hz) != (receipt.frames, receipt.sample_rate_hz):
        return "of another length than its receipt says"
    return ""


def disk_error(folder: Path, error: OSError) -> DiskError:
    """A folder that does not take a clip."""
    return DiskError(f"The clip cannot be written to {folder}: {error.strerror}. What has come of it is kept.")
