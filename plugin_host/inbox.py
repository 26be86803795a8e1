"""MIDI files that users drop into a folder: which one is to be read next. Pure: listings and time are passed in.

A file that another program still writes is not to be read. Its size and time have to be the same in two looks; bytes
that are no MIDI file even then may be half of one, and get some more time before they are given up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from midi.time import Seconds

SUFFIXES: Final = (".mid", ".midi", ".smf")
SETTLE: Final = Seconds(0.5)
"""The two looks that find a file the same lie at least so far apart."""
PATIENCE: Final = Seconds(10.0)
"""A file that cannot be read is given up when it has not changed for this long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """A file as a look finds it."""

    name: str
    size: int
    modified_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """A file that was seen: since when it is as it is, in how many looks, and when it may be read."""

    file: Dropped
    since: Seconds
    looks: int
    due: Seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbox:
    """What was seen so far. ``passed_over`` are files that cannot be moved away; they are left until they change."""

    known: Mapping[str, _Known] = field(default_factory=dict)
    passed_over: frozenset[Dropped] = frozenset()


def is_song(name: str) -> bool:
    """Whether a file of this name is one to read; hidden files are not, such as macOS's ``._song.mid``."""
    return not name.startswith(".") and name.lower().endswith(SUFFIXES)


def looked(inbox: Inbox, files: Iterable[Dropped], now: Seconds) -> Inbox:
    """What is known after a look that found ``files``; a file that is gone is forgotten."""
    known: dict[str, _Known] = {}
    passed_over: set[Dropped] = set()
    for file in files:
        before = inbox.known.get(file.name)
        if file in inbox.passed_over:
            passed_over.add(file)
        elif before is None or before.file != file:
            known[file.name] = _Known(file=file, since=now, looks=1, due=now)
        else:
            known[file.name] = replace(before, looks=before.looks + 1)
    return Inbox(known=known, passed_over=frozenset(passed_over))


def next_file(inbox: Inbox, now: Seconds) -> Dropped | None:
    """The first file by its name that may be read now."""
    ready = (one.file for one in inbox.known.values() if one.looks >= 2 and max(one.due, one.since + SETTLE) <= now)
    return min(ready, key=lambda file: file.name, default=None)


def unreadable(inbox: Inbox, file: Dropped, now: Seconds) -> tuple[Inbox, bool]:
    """A file could not be read; tells whether it is given up, or tried once more when its time is over."""
    known = inbox.known.get(file.name)
    if known is None or known.file != file:
        return inbox, False
    over = Seconds(known.since + PATIENCE)
    if now >= over:
        return inbox, True
    return replace(inbox, known={**inbox.known, file.name: replace(known, due=over)}), False


def later(inbox: Inbox, file: Dropped, due: Seconds) -> Inbox:
    """A file is to be read again from ``due`` on."""
    known = inbox.known.get(file.name)
    return inbox if known is None else replace(inbox, known={**inbox.known, file.name: replace(known, due=due)})


def gone(inbox: Inbox, file: Dropped) -> Inbox:
    """A file was moved away."""
    return replace(inbox, known={name: known for name, known in inbox.known.items() if name != file.name})


def stuck(inbox: Inbox, file: Dropped) -> Inbox:
    """A file cannot be moved away: it is left alone until it changes."""
    return replace(gone(inbox, file), passed_over=inbox.passed_over | {file})
