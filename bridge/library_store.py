"""What is done with the library's open database, and how receipts are read for it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bridge.errors import ClipError
from bridge.library_db import transaction
from bridge.library_rows import UPSERT, Row, row_of, words_of
from bridge.receipt_schema import Receipt, receipt_from_json

MAX_RECEIPT_BYTES: Final = 64_000_000


@dataclass(frozen=True, slots=True)
class Known:
    """What the database has of a receipt's file."""

    changed_ns: int
    size: int
    gone: bool


NOTE_FACT: Final = "INSERT INTO facts VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"


def changed_ns(folder: Path) -> int:
    """When files last came, went or were renamed in a folder; -1 where it is not there."""
    try:
        return folder.stat().st_mtime_ns
    except OSError:
        return -1


def inode_of(path: Path) -> tuple[int, int] | None:
    """Which file a path is now; None where there is none."""
    try:
        facts = path.stat()
    except OSError:
        return None
    return facts.st_dev, facts.st_ino


def known_clips(db: sqlite3.Connection) -> dict[str, Known]:
    """Every clip of the database by its name."""
    rows = db.execute("SELECT name, changed_ns, size, gone FROM clips")
    return {row["name"]: Known(row["changed_ns"], row["size"], bool(row["gone"])) for row in rows}


def taking_in(clips: Sequence[tuple[str, Receipt, os.stat_result]]) -> Callable[[sqlite3.Connection], None]:
    """The work of writing clips, all or none."""
    rows = [
        (row_of(name, receipt, changed_ns=facts.st_mtime_ns, size=facts.st_size), words_of(receipt))
        for name, receipt, facts in clips
    ]

    def write(db: sqlite3.Connection) -> None:
        with transaction(db):
            for row, words in rows:
                _write(db, row, words)

    return write


def mark_gone(db: sqlite3.Connection, names: Sequence[str]) -> None:
    """Clips of these names are no longer in the folder."""
    if names:
        with transaction(db):
            db.executemany("UPDATE clips SET gone = 1 WHERE name = ?", [(name,) for name in names])


def _write(db: sqlite3.Connection, row: Row, words: tuple[str, str]) -> None:
    (rowid,) = db.execute(UPSERT, row).fetchone()
    db.execute("DELETE FROM words WHERE rowid = ?", (rowid,))
    db.execute("INSERT INTO words (rowid, text, chords) VALUES (?, ?, ?)", (rowid, *words))


def read_receipt(path: Path) -> tuple[Receipt, os.stat_result]:
    """A receipt, and the facts of its file when it was read. Raises ``ClipError``."""
    try:
        with path.open("rb") as file:
            facts = os.fstat(file.fileno())
            if facts.st_size > MAX_RECEIPT_BYTES:
                raise ClipError(f"It is no receipt: it is larger than {MAX_RECEIPT_BYTES} bytes.")
            return receipt_from_json(file.read()), facts
    except OSError as error:
        raise ClipError(f"The receipt {path} cannot be read: {error.strerror}.") from None
