"""The clips that can be asked for over HTTP, by their receipts. Methods read files, and belong on worker threads."""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, Final, Protocol

from bridge.clips import AUDIO_SUFFIX, PREFIX, RECEIPT_SUFFIX, Receipt, receipt_from_json
from bridge.errors import ClipError

CLIP_ID: Final = re.compile(rf"{re.escape(PREFIX)}[A-Za-z0-9._#-]{{1,200}}", re.ASCII)
MAX_KEPT: Final = 4096
"""Receipts that are kept in memory."""
MAX_RECEIPT_BYTES: Final = 8 << 20
MAX_BAR_LINES: Final = 1024
SETTLED_NS: Final = 2_000_000_000
"""File systems tell times that differ by less as the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShelvedClip:
    """A clip on disk, and its receipt."""

    id: str
    path: Path
    receipt_path: Path
    receipt: Receipt

    @property
    def view(self) -> dict[str, Any]:
        """The clip in a list."""
        receipt = self.receipt
        tempo_map = receipt.tempo_map
        meter = tempo_map.meter_of(tempo_map.bar_at(receipt.start).bar)
        return {
            "id": self.id,
            "request_id": receipt.request_id,
            "take": receipt.take,
            "file": self.path.name,
            "bars": receipt.bars,
            "seconds": receipt.seconds,
            "frames": receipt.frames,
            "sample_rate_hz": receipt.sample_rate_hz,
            "tempo": receipt.bpm,
            "meter": str(meter),
            "bar_lines": _bar_lines(receipt),
            "key": receipt.key.label if receipt.key else None,
            "start": receipt.start,
            "engine": receipt.engine,
            "prompt": receipt.prompt,
            "seed": receipt.seed,
            "kept": receipt.kept,
            "rejected": receipt.rejected,
            "tags": list(receipt.tags),
            "placed": receipt.placed,
            "total_score": receipt.total_score,
            "sha256": receipt.sha256,
            "created_at": receipt.created_at,
        }


def _bar_lines(receipt: Receipt) -> list[float]:
    """Seconds from the clip's start to each bar line inside it, under its own tempo and meter."""
    tempo_map, start = receipt.tempo_map, receipt.start
    end = tempo_map.advance_bars(start, min(receipt.bars, MAX_BAR_LINES))
    lines = (line for line in tempo_map.bar_lines(start, end) if line > start)
    return [round(tempo_map.seconds_between(start, line), 4) for line in lines]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some clips of all, the newest first."""

    clips: tuple[ShelvedClip, ...]
    total: int


class Shelf(Protocol):
    """Where clips are found."""

    def page(self, limit: int, offset: int) -> Page:
        """The newest clips after the first ``offset``."""
        ...

    def found(self, text: str, limit: int, offset: int) -> Page:
        """The clips that a search means, after the first ``offset``. Raises ``SidemanError`` for no search."""
        ...

    def get(self, clip_id: str) -> ShelvedClip | None:
        """One clip; None where there is none of that id."""
        ...

    def view(self, clip: ShelvedClip) -> dict[str, Any]:
        """The clip in a list."""
        ...


class Listing:
    """The names of a folder's clips.

    The folder is read anew where something of it has changed; of what was there before, nothing but the names.
    """

    def __init__(self, folder: Path, now_ns: Callable[[], int] = time.time_ns) -> None:
        """``now_ns`` is the time of file systems, in nanoseconds."""
        self._folder, self._now_ns = folder, now_ns
        self._written: dict[tuple[str, int], int] = {}
        self._names: tuple[str, ...] = ()
        self._as_of: int | None = None
        self._lock = Lock()

    def newest_first(self) -> tuple[str, ...]:
        """Every clip, by the time at which it was written."""
        with self._lock:
            changed = self._changed_ns()
            if changed is None:
                return ()
            if changed != self._as_of:
                began = self._now_ns()
                self._written = self._read()
                newest = sorted(((time_ns, name) for (name, _), time_ns in self._written.items()), reverse=True)
                self._names = tuple(name for _, name in newest)
                # A folder that has changed this moment may change again without a later time.
                self._as_of = changed if began - changed > SETTLED_NS else None
            return self._names

    def _changed_ns(self) -> int | None:
        try:
            return self._folder.stat().st_mtime_ns
        except OSError:
            self._as_of = None
            return None

    def _read(self) -> dict[tuple[str, int], int]:
        """When each clip was written, by its name and the number of its file."""
        written, known = {}, self._written
        with contextlib.suppress(OSError), os.scandir(self._folder) as entries:
            for entry in entries:
                if entry.name.startswith(PREFIX) and entry.name.endswith(AUDIO_SUFFIX):
                    key = entry.name.removesuffix(AUDIO_SUFFIX), entry.inode()
                    with contextlib.suppress(FileNotFoundError):
                        written[key] = known.get(key) or entry.stat(follow_symlinks=False).st_mtime_ns
        return written


class FolderShelf:
    """The clips of a folder. A file without a receipt that can be read is no clip."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kept: OrderedDict[tuple[str, int, int], Receipt] = OrderedDict()
        self._listing = Listing(folder)
        self._lock = Lock()

    def page(self, limit: int, offset: int) -> Page:
        """The newest clips after the first ``offset``, by the time at which they were written."""
        found = self._listing.newest_first()
        shelved = (self.get(name) for name in found[offset : offset + limit])
        return Page(clips=tuple(clip for clip in shelved if clip), total=len(found))

    def get(self, clip_id: str) -> ShelvedClip | None:
        """One clip. An id is a name, never a path: nothing outside the folder is reached, by no link either."""
        if not CLIP_ID.fullmatch(clip_id):
            return None
        path = self._folder / f"{clip_id}{AUDIO_SUFFIX}"
        receipt_path = path.with_name(f"{clip_id}{RECEIPT_SUFFIX}")
        if path.is_symlink() or receipt_path.is_symlink() or not path.is_file():
            return None
        receipt = self._receipt(receipt_path)
        if receipt is None:
            return None
        return ShelvedClip(id=clip_id, path=path, receipt_path=receipt_path, receipt=receipt)

    def _receipt(self, path: Path) -> Receipt | None:
        try:
            state = path.stat()
            key = (path.name, state.st_mtime_ns, state.st_size)
            with self._lock:
                if key in self._kept:
                    return self._kept[key]
            receipt = receipt_from_json(path.read_bytes()) if state.st_size <= MAX_RECEIPT_BYTES else None
        except (OSError, ClipError):
            return None
        if receipt is not None:
            with self._lock:
                self._kept[key] = receipt
                while len(self._kept) > MAX_KEPT:
                    self._kept.popitem(last=False)
        return receipt
