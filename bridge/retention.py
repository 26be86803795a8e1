"""What the library lets go of: clips that nobody kept and no DAW took, when there are many of them or they are old.

Nothing is removed unless it was asked for. A clip that is removed moves to a folder of its own, receipt and WAV, and is
deleted from there only after more days: until then it can be moved back by hand.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field

from bridge.clips import AUDIO_SUFFIX, OWN_FOLDER, RECEIPT_SUFFIX, ClipFolder
from bridge.errors import ClipError, DiskError
from bridge.library import Library
from bridge.library_query import Query
from bridge.library_rows import Entry, created_of
from bridge.neural_config import Section
from bridge.receipt_schema import Receipt, receipt_from_json

REMOVED: Final = "removed"
"""The folder, in Sideman's own, that removed clips move to."""
GRACE_S: Final = 3600.0
"""A clip as young as this is never removed: a DAW may be about to take it, and someone to listen."""
DAY_S: Final = 86_400.0
MANY: Final = 1_000_000


class LibraryConfig(Section):
    """What the library lets go of. Kept, placed and tagged clips stay whatever is set."""

    retain_clips: Annotated[int, Field(ge=0, le=10_000_000)] = 0
    """Of the clips that are neither kept, placed nor tagged, as many stay, the newest; 0 is all."""
    retain_days: Annotated[int, Field(ge=0, le=36_500)] = 0
    """They stay for so many days; 0 is for ever."""
    removed_days: Annotated[int, Field(ge=0, le=36_500)] = 30
    """Clips that were removed can be had back for so many days; then they are deleted."""

    @property
    def is_on(self) -> bool:
        """Whether anything is ever removed."""
        return bool(self.retain_clips or self.retain_days)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """The clips that were removed, or would be, where they went, and how many earlier ones were deleted there."""

    removed: tuple[str, ...]
    folder: Path
    deleted: int = 0


def chosen(entries: Iterable[Entry], config: LibraryConfig, now_s: float, spared: Collection[str] = ()) -> list[Entry]:
    """The clips to remove, of all. Pure; ``now_s`` is in seconds since 1970, ``spared`` are clips in use.

    Rejected ones go before others when there are too many; of equals the oldest goes first.
    """
    free = [entry for entry in entries if is_free(entry) and entry.id not in spared]
    free.sort(key=lambda entry: (not entry.rejected, created_of(entry.created_at), entry.id))
    over = max(0, len(free) - config.retain_clips) if config.retain_clips else 0
    return [
        entry
        for place, entry in enumerate(free)
        if now_s - created_of(entry.created_at) > GRACE_S
        and (place < over or (config.retain_days and now_s - created_of(entry.created_at) > config.retain_days * DAY_S))
    ]


def is_free(entry: Entry) -> bool:
    """Whether nobody has a claim on a clip."""
    return not (entry.kept or entry.placed or entry.tags or entry.gone)


def prune(
    library: Library, config: LibraryConfig, now: datetime, *, spared: Collection[str] = (), dry_run: bool = False
) -> Pruned:
    """Remove what may go. Raises ``LibraryError``, and ``DiskError`` for files that cannot be moved."""
    removed_folder = library.folder.path / OWN_FOLDER / REMOVED
    if not config.is_on:
        return Pruned(removed=(), folder=removed_folder)
    if not dry_run:
        _mend(library.folder, removed_folder)
    library.scan()
    going = chosen(library.search(Query(limit=MANY)), config, now.timestamp(), spared)
    if dry_run:
        return Pruned(removed=tuple(entry.id for entry in going), folder=removed_folder)
    removed = []
    for entry in going:
        if remove(library.folder, entry.id, now.timestamp()):
            library.forget(entry.id)
            removed.append(entry.id)
    deleted = empty_removed(removed_folder, older_than_s=now.timestamp() - config.removed_days * DAY_S)
    return Pruned(removed=tuple(removed), folder=removed_folder, deleted=deleted)


def remove(folder: ClipFolder, clip_id: str, now_s: float) -> bool:
    """Move a clip to the folder of removed ones, both files or none; False where its receipt says that it stays.

    Its receipt is read once more, alone among all writers: what was kept or placed this moment stays. From ``now_s``
    on, in seconds since 1970, its days there are counted. Raises ``DiskError``.
    """
    audio, receipt_path = (folder.path / f"{clip_id}{suffix}" for suffix in (AUDIO_SUFFIX, RECEIPT_SUFFIX))
    target = folder.path / OWN_FOLDER / REMOVED
    try:
        with folder.changing():
            if _claimed(receipt_from_json(receipt_path.read_bytes())):
                return False
            target.mkdir(exist_ok=True)
            stem = _free_stem(target, clip_id)
            kept_audio, kept_receipt = (target / f"{stem}{suffix}" for suffix in (AUDIO_SUFFIX, RECEIPT_SUFFIX))
            os.utime(receipt_path, (now_s, now_s))  # first: an old receipt would be deleted there at once
            receipt_path.rename(kept_receipt)
            try:
                audio.rename(kept_audio)
            except OSError:
                with contextlib.suppress(OSError):
                    kept_receipt.rename(receipt_path)
                raise
    except FileNotFoundError:
        return False
    except ClipError as error:
        if isinstance(error, DiskError):
            raise
        return False
    except OSError as error:
        raise DiskError(f"The clip {clip_id} cannot be moved to {target}: {error.strerror}.") from None
    return True


def _mend(folder: ClipFolder, removed: Path) -> None:
    """Put back receipts whose WAV files are still in the folder: a removal was cut short between the two."""
    with contextlib.suppress(OSError, DiskError):
        halves = [receipt for receipt in _receipts(removed) if not receipt.with_suffix(AUDIO_SUFFIX).exists()]
        for receipt in halves:
            audio, target = (folder.path / f"{receipt.stem}{suffix}" for suffix in (AUDIO_SUFFIX, RECEIPT_SUFFIX))
            with folder.changing():  # looked at once more: another program may have been between the two files
                if receipt.with_suffix(AUDIO_SUFFIX).exists() or target.exists() or not audio.is_file():
                    continue
                receipt.rename(target)


def empty_removed(folder: Path, *, older_than_s: float) -> int:
    """Delete clips that were removed before a time, in seconds since 1970; how many. Raises ``DiskError``."""
    count = 0
    try:
        for receipt in _receipts(folder):
            if receipt.stat().st_mtime < older_than_s:
                receipt.with_suffix(AUDIO_SUFFIX).unlink(missing_ok=True)
                receipt.unlink(missing_ok=True)
                count += 1
    except OSError as error:
        raise DiskError(f"Removed clips in {folder} cannot be deleted: {error.strerror}.") from None
    return count


def _receipts(folder: Path) -> Iterator[Path]:
    return iter(sorted(path for path in folder.glob(f"*{RECEIPT_SUFFIX}") if path.is_file() and not path.is_symlink()))


def _claimed(receipt: Receipt) -> bool:
    return bool(receipt.kept or receipt.placed or receipt.tags)


def _free_stem(folder: Path, stem: str) -> str:
    tried, number = stem, 1
    while any((folder / f"{tried}{suffix}").exists() for suffix in (AUDIO_SUFFIX, RECEIPT_SUFFIX)):
        number += 1
        tried = f"{stem}-{number}"
    return tried
