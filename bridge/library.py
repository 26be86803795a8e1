"""The library of takes: every clip of a clips folder and what its receipt says, found again in a moment.

The receipts are the truth, and the database is an index of them: what the player says of a clip goes into its receipt
first. So nothing is lost with the database, and ``scan`` brings it up to date with what was changed by hand.

Every method may be called on any thread; calls wait for one another, for milliseconds but for ``scan``, which lets
others in between. Nothing here is for an event loop: ``bridge.library_desk`` is the daemon's end.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from bridge.clips import AUDIO_SUFFIX, OWN_FOLDER, RECEIPT_SUFFIX, Clip, ClipFolder
from bridge.errors import RequestError, SidemanError
from bridge.library_db import FILE_NAME, LibraryDamaged, LibraryError, connect, meanings, set_aside
from bridge.library_query import Query
from bridge.library_rows import Entry, condition_of, entry_of, order_of, tags_with, text_of
from bridge.library_store import (
    NOTE_FACT,
    Known,
    changed_ns,
    inode_of,
    known_clips,
    mark_gone,
    read_receipt,
    taking_in,
)
from bridge.receipt_schema import Receipt
from bridge.score_record import Score

__all__ = ["Entry", "Library", "LibraryError", "NoSuchClip", "Scanned"]

BATCH: Final = 200
"""Receipts that are taken in at a time; others are let in between."""
FEW: Final = 5000
"""As many matches of words are all sorted; where there are more, clips are looked at in order until it is enough."""
MAX_NAMED: Final = 20
"""As many receipts that cannot be read are named."""
T = TypeVar("T")


class NoSuchClip(RequestError):
    """The library knows no clip of this name."""

    code = "no_such_clip"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanned:
    """What a scan of the folder found: clips in all, new or changed ones, and those that are gone.

    ``unreadable`` has a line for each receipt that cannot be read, the first of them.
    """

    clips: int
    changed: int
    gone: int
    unreadable: tuple[str, ...] = ()


class Library:
    """The clips of a folder. Nothing is opened before it is used; close it in the end."""

    def __init__(self, folder: ClipFolder) -> None:
        self.folder = folder
        self.path = folder.path / OWN_FOLDER / FILE_NAME
        self._lock = threading.RLock()
        self._scanning = threading.Lock()
        self._stop = threading.Event()
        self._connection: sqlite3.Connection | None = None
        self._inode: tuple[int, int] | None = None
        self._is_new = False
        self._awaited: dict[str, None] = {}
        self.is_scanned = False
        """It has what was in the folder when this program looked, and all that was taken in since."""

    def close(self) -> None:
        """Close the database; safe to call twice. It is opened anew by the next call of another method."""
        with self._lock:
            if self._connection:
                self._connection.close()
            self._connection = None

    def stop_scanning(self) -> None:
        """Have a scan that is under way end early, and later ones at once: the program ends."""
        self._stop.set()

    # Looking

    def search(self, query: Query, offset: int = 0) -> list[Entry]:
        """The clips that a query means, in its order, as many as it has room for after the first ``offset``.

        Raises ``LibraryError``.
        """
        return self._do(lambda db: [entry_of(row) for row in _search(db, query, offset)])

    def count(self, query: Query) -> int:
        """How many clips a query means, whatever its limit. Raises ``LibraryError``."""
        condition = condition_of(query, in_order=False)
        sql = f"SELECT count(*) FROM clips WHERE {condition.sql}"  # noqa: S608
        return int(self._do(lambda db: db.execute(sql, condition.values).fetchone()[0]))

    def get(self, clip_id: str) -> Entry | None:
        """The clip of a name, gone or not. Raises ``LibraryError``."""
        row = self._do(lambda db: db.execute("SELECT * FROM clips WHERE name = ?", (clip_id,)).fetchone())
        return entry_of(row) if row else None

    def find(self, name: str, take: int | None = None) -> Entry:
        """The clip of a name; or the newest of a request's id, of one take or of all. Raises ``NoSuchClip``."""
        sql = (
            "SELECT * FROM clips WHERE NOT gone AND (name = ?1 OR request = ?1 AND take = coalesce(?2, take)) "
            "ORDER BY name = ?1 DESC, created DESC, id DESC LIMIT 1"
        )
        row = self._do(lambda db: db.execute(sql, (name, take)).fetchone())
        if row is None:
            which = name[:128] if take is None else f"{name[:128]}, take {take}"
            raise NoSuchClip(f"There is no clip {which} in {self.folder.path}.")
        return entry_of(row)

    def path_of(self, entry: Entry) -> Path:
        """The WAV file of a clip. Raises ``NoSuchClip`` for one that is not in the folder any more."""
        path = self.folder.path / f"{entry.id}{AUDIO_SUFFIX}"
        if path.parent != self.folder.path or not path.is_file():
            raise NoSuchClip(f"The clip {entry.id} is not in {self.folder.path} any more.")
        return path

    def receipt_of(self, entry: Entry) -> Receipt:
        """The receipt of a clip. Raises ``ClipError`` where it cannot be read."""
        return self.receipt_at(self.folder.path / f"{entry.id}{AUDIO_SUFFIX}")

    def receipt_at(self, path: Path) -> Receipt:
        """The receipt of a WAV file. Raises ``ClipError`` where it cannot be read."""
        return read_receipt(path.with_suffix(RECEIPT_SUFFIX))[0]

    # Saying

    def add(self, clip: Clip) -> None:
        """Take in a clip that was written. Raises as ``refresh``; a later scan takes it in then."""
        self.refresh(clip.path)

    def announce(self, path: Path) -> None:
        """A clip was written, and will be taken in."""
        with self._lock:
            self._awaited[path.stem] = None

    def awaited(self) -> list[str]:
        """Clips that were announced and are not taken in yet, the newest first. Raises ``LibraryError``."""
        with self._lock:
            names = list(reversed(self._awaited))
        return [name for name in names if self.get(name) is None]

    def refresh(self, path: Path) -> None:
        """Take in what the receipt of a clip says now. Raises ``LibraryError`` and ``ClipError``."""
        receipt_path = path.with_suffix(RECEIPT_SUFFIX)
        receipt, facts = read_receipt(receipt_path)
        self._do(taking_in([(path.stem, receipt, facts)]))
        with self._lock:
            self._awaited.pop(path.stem, None)

    def keep(self, clip_id: str) -> Entry:
        """The clip is kept, and not rejected.

        Raises ``NoSuchClip`` and ``ClipError``; and ``LibraryError``, when the receipt says so and the database does
        not yet.
        """
        return self._say(clip_id, kept=True, rejected=False)

    def reject(self, clip_id: str) -> Entry:
        """The clip is rejected, and not kept. Raises as ``keep``."""
        return self._say(clip_id, kept=False, rejected=True)

    def tag(self, clip_id: str, add: Iterable[str], remove: Iterable[str] = ()) -> Entry:
        """Give a clip tags, and take others away. Raises as ``keep``."""
        return self._amended(self._path(clip_id), lambda receipt: {"tags": tags_with(receipt.tags, add, remove)})

    def placed(self, clip_id: str, where: str) -> Entry:
        """The DAW took the clip. Raises as ``keep``."""
        return self._say(clip_id, placed=where)

    def scored(self, clip_id: str, score: Score) -> Entry:
        """The clip was measured. Raises as ``keep``."""
        return self._say(clip_id, score=score, total_score=score.total)

    def _say(self, clip_id: str, **changes: object) -> Entry:
        return self._amended(self._path(clip_id), lambda _: changes)

    def _path(self, clip_id: str) -> Path:
        """The WAV file of a clip, by the folder first: so what is said of it needs no database."""
        return self.path_named(clip_id) or self.path_of(self.find(clip_id))

    def path_named(self, clip_id: str) -> Path | None:
        """The WAV file of a clip by its name alone, without the database; None where the folder has none."""
        path = self.folder.path / f"{clip_id}{AUDIO_SUFFIX}"
        if "/" in clip_id or "\0" in clip_id or path.parent != self.folder.path:
            return None
        return path if path.with_suffix(RECEIPT_SUFFIX).is_file() and path.is_file() else None

    def _amended(self, path: Path, changes: Callable[[Receipt], Mapping[str, object]]) -> Entry:
        self.folder.amend_by(path, changes)
        self.refresh(path)
        entry = self.get(path.stem)
        if entry is None:
            raise NoSuchClip(f"The clip {path.stem} is not in the library any more.")
        return entry

    def forget(self, clip_id: str) -> None:
        """The files of a clip are no longer in the folder. Raises ``LibraryError``."""
        self._do(lambda db: mark_gone(db, [clip_id]))

    # Scanning

    def scan(self) -> Scanned:
        """Bring the library up to date with the folder: new clips, changed receipts, and clips that are gone.

        Receipts that cannot be read are told, and left out. Raises ``LibraryError``.
        """
        with self._scanning:
            try:
                return self._scan()
            except LibraryDamaged:
                self._set_aside()
                return self._scan()

    def _scan(self) -> Scanned:
        known = self._once(known_clips)
        self._is_new = False
        folder_ns = changed_ns(self.folder.path)
        changed, unreadable, seen = 0, list[str](), set[str]()
        batch: list[tuple[str, Receipt, os.stat_result]] = []
        for name, receipt_path, facts in self._receipts():
            if self._stop.is_set():
                return Scanned(clips=len(seen), changed=changed, gone=0)
            seen.add(name)
            if known.get(name) == Known(facts.st_mtime_ns, facts.st_size, gone=False):
                continue
            try:
                batch.append((name, *read_receipt(receipt_path)))
            except SidemanError as error:
                unreadable.append(f"{receipt_path.name}: {error}")
                continue
            changed += 1
            if len(batch) >= BATCH:
                self._once(taking_in(batch))
                batch = []
        self._once(taking_in(batch))
        gone = [name for name, one in known.items() if not one.gone and name not in seen]
        self._once(lambda db: mark_gone(db, gone))
        self._once(lambda db: db.execute(NOTE_FACT, ("folder_ns", folder_ns)))
        self.is_scanned = True
        count = len(seen) - len(unreadable)
        return Scanned(clips=count, changed=changed, gone=len(gone), unreadable=tuple(unreadable[:MAX_NAMED]))

    def scan_if_changed(self) -> Scanned | None:
        """Scan where files came, went or were renamed since the last scan. Raises ``LibraryError``."""
        noted = self._do(lambda db: db.execute("SELECT value FROM facts WHERE name = 'folder_ns'").fetchone())
        return None if noted and noted[0] == changed_ns(self.folder.path) else self.scan()

    def _receipts(self) -> Iterator[tuple[str, Path, os.stat_result]]:
        """The receipts in the folder that have a WAV file beside them: the clip's name, the file, and its facts."""
        try:
            with os.scandir(self.folder.path) as entries:
                files = {entry.name: entry for entry in entries if entry.name[:1] != "."}
        except OSError as error:
            raise LibraryError(f"The clips folder {self.folder.path} cannot be read: {error.strerror}.") from None
        for name, entry in files.items():
            stem = name.removesuffix(RECEIPT_SUFFIX)
            if stem == name or f"{stem}{AUDIO_SUFFIX}" not in files:
                continue
            try:
                if entry.is_file(follow_symlinks=False):
                    yield stem, Path(entry.path), entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue

    # The database

    def _do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Work with a database that is whole: one that is new or damaged is filled from the receipts first."""
        try:
            if self._is_fresh():
                self.scan()
            return self._once(work)
        except LibraryDamaged:
            self._set_aside()
            self.scan()
            return self._once(work)

    def _is_fresh(self) -> bool:
        with self._lock:
            self._connected()
            fresh, self._is_new = self._is_new, False
            return fresh

    def _once(self, work: Callable[[sqlite3.Connection], T]) -> T:
        with self._lock, meanings(self.path):
            return work(self._connected())

    def _connected(self) -> sqlite3.Connection:
        """The open database; opened anew where its file is another one, or none, by now."""
        if self._connection and self._inode == inode_of(self.path):
            return self._connection
        self.close()
        try:
            self.path.parent.mkdir(exist_ok=True)
        except OSError as error:
            raise LibraryError(f"The library {self.path} cannot be made: {error.strerror}.") from None
        self._connection, self._is_new = connect(self.path)
        self._connection.row_factory = sqlite3.Row
        self._inode = inode_of(self.path)
        return self._connection

    def _set_aside(self) -> None:
        with self._lock:
            same = self._connection is None or self._inode == inode_of(self.path)
            self.close()
            if same:  # else another program has set it aside
                set_aside(self.path)


def _search(db: sqlite3.Connection, query: Query, offset: int) -> list[Any]:
    condition = condition_of(query, in_order=True)
    if text := text_of(query):
        ids = [row[0] for row in db.execute("SELECT rowid FROM words WHERE words MATCH ? LIMIT ?", (text, FEW + 1))]
        if len(ids) <= FEW:
            condition = condition_of(query, in_order=False, ids=ids)
    sql = f"SELECT * FROM clips WHERE {condition.sql} ORDER BY {order_of(query)} LIMIT ? OFFSET ?"  # noqa: S608
    return db.execute(sql, (*condition.values, query.limit, offset)).fetchall()
