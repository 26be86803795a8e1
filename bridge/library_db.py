"""The library's database: its tables, how it is opened, and what its errors mean.

Nothing is in it that the receipts do not have (but for what is known of clips that are gone), so one that is damaged is
set aside and made anew. It is SQLite in WAL mode: other programs read while one writes.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bridge.errors import SidemanError

log = logging.getLogger(__name__)

FILE_NAME: Final = "library.sqlite3"
VERSION: Final = 1
"""Raised when the tables change; a database of an older version is made anew from receipts."""
BUSY_S: Final = 2.0
"""As long is waited for another program that writes."""
SIDE_FILES: Final = ("-wal", "-shm")

_TABLES: Final = """
CREATE TABLE clips (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    changed_ns INTEGER NOT NULL,
    size INTEGER NOT NULL,
    request TEXT NOT NULL,
    take INTEGER NOT NULL,
    engine TEXT NOT NULL,
    model TEXT,
    prompt TEXT NOT NULL,
    target TEXT NOT NULL,
    tempo REAL NOT NULL,
    key TEXT,
    bars INTEGER NOT NULL,
    start REAL NOT NULL,
    seconds REAL NOT NULL,
    sample_rate_hz INTEGER NOT NULL,
    frames INTEGER NOT NULL,
    seed INTEGER NOT NULL,
    chords TEXT NOT NULL,
    score REAL,
    kept INTEGER NOT NULL,
    rejected INTEGER NOT NULL,
    placed TEXT NOT NULL,
    tags TEXT NOT NULL,
    created REAL NOT NULL,
    created_at TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    gone INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX clips_created ON clips (created, tempo, key, engine, score, bars, kept, rejected, tags, placed)
    WHERE NOT gone;
CREATE INDEX clips_tempo ON clips (tempo, key, engine, score, bars, kept, rejected) WHERE NOT gone;
CREATE INDEX clips_score ON clips (score, tempo, key, engine, bars, kept, rejected) WHERE NOT gone;
CREATE INDEX clips_request ON clips (request, take);
CREATE VIRTUAL TABLE words USING fts5 (text, chords, tokenize = "unicode61 remove_diacritics 2");
CREATE TABLE facts (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
"""
_NAMES: Final = ("clips", "words", "facts")


class LibraryError(SidemanError):
    """The library cannot be used; clips and receipts are as they were."""

    code = "library"


class LibraryLocked(LibraryError):
    """Another program writes into the library for long."""


class LibraryDamaged(LibraryError):
    """The database is none any more."""


def connect(path: Path) -> tuple[sqlite3.Connection, bool]:
    """Open a database, and whether it is empty and is to be filled. Raises ``LibraryError``."""
    with meanings(path):
        connection = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
        try:
            return connection, _prepared(connection, path)
        except BaseException:
            connection.close()
            raise


def _prepared(connection: sqlite3.Connection, path: Path) -> bool:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > VERSION:
        raise LibraryError(
            f"The library {path} is of version {version}, and this Sideman knows them up to {VERSION}: update Sideman. "
            "It was left as it is; clips are made and kept without it."
        )
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA temp_store = MEMORY")
    if version == VERSION:
        return False
    with transaction(connection):
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version == VERSION:  # another program was faster
            return False
        for name in _NAMES:
            connection.execute(f"DROP TABLE IF EXISTS {name}")
        for statement in _TABLES.split(";"):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {VERSION}")
    return True


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Everything inside, or nothing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


@contextlib.contextmanager
def meanings(path: Path) -> Iterator[None]:
    """SQLite's errors as ours: raises ``LibraryError`` and its kinds."""
    try:
        yield
    except sqlite3.Error as error:
        raise _meaning(error, path) from error


def _meaning(error: sqlite3.Error, path: Path) -> LibraryError:
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    match code:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return LibraryLocked(
                f"The library {path} is in use by another program, which has not let go of it for {BUSY_S:g} seconds; "
                "try again. Clips and receipts are written as ever, and it takes them in later."
            )
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return LibraryDamaged(f"The library {path} is damaged ({error}).")
        case sqlite3.SQLITE_FULL:
            return LibraryError(
                f"The library {path} could not be written: the disk is full. Free some space; what is missing in it is "
                "taken in from the receipts by the next scan."
            )
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_IOERR | sqlite3.SQLITE_PERM:
            return LibraryError(f"The library {path} cannot be used: {error}. See that its folder can be written to.")
        case _ if "fts5" in str(error):
            return LibraryError("This Python's SQLite has no full-text search (FTS5): use another build of Python.")
        case _:
            return LibraryError(f"The library {path} cannot be used: {error}.")


def set_aside(path: Path) -> Path | None:
    """Move a damaged database out of the way; its new name, None where it is gone. Raises ``LibraryError``."""
    target = next(
        name
        for number in itertools.count(1)
        if not (name := path.with_name(f"{path.stem}-damaged-{number}{path.suffix}")).exists()
    )
    try:
        path.rename(target)
        for suffix in SIDE_FILES:
            path.with_name(path.name + suffix).unlink(missing_ok=True)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise LibraryError(f"The library {path} is damaged, and cannot be set aside: {error.strerror}.") from None
    log.warning("The library was damaged; it is now %s, and another is made from the receipts.", target)
    return target
