"""Between receipts, rows of the library, and what is looked for: the columns, and the SQL of a query. Pure."""

from __future__ import annotations

import functools
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from bridge.library_query import Mark, Order, Query, Span
from bridge.receipt_schema import Receipt
from midi.chords import Chord, chord_label
from midi.errors import ChordError

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A clip as the library knows it. ``id`` is its file name without the extension.

    ``chords`` are its chart's, neighbours that are equal as one; ``score`` is the total, None where there is none;
    ``placed`` says where the DAW took it. ``gone`` is a clip whose files are no longer in the folder.
    """

    id: str
    request_id: str
    take: int
    engine: str
    model: str | None
    prompt: str
    target: str
    tempo: float
    key: str | None
    bars: int
    start: float
    seconds: float
    sample_rate_hz: int
    frames: int
    seed: int
    chords: tuple[str, ...]
    score: float | None
    kept: bool
    rejected: bool
    placed: str
    tags: tuple[str, ...]
    created_at: str
    sha256: str
    gone: bool


COLUMNS: Final = (
    "name", "changed_ns", "size", "request", "take", "engine", "model", "prompt", "target", "tempo", "key", "bars",
    "start", "seconds", "sample_rate_hz", "frames", "seed", "chords", "score", "kept", "rejected", "placed", "tags",
    "created", "created_at", "sha256", "gone",
)  # fmt: skip
UPSERT: Final = (
    f"INSERT INTO clips ({', '.join(COLUMNS)}) VALUES ({', '.join(f':{name}' for name in COLUMNS)}) "  # noqa: S608
    f"ON CONFLICT (name) DO UPDATE SET {', '.join(f'{name} = :{name}' for name in COLUMNS[1:])} RETURNING id"
)


def row_of(name: str, receipt: Receipt, *, changed_ns: int, size: int) -> Row:
    """The row of a clip. ``changed_ns`` and ``size`` are those of its receipt's file."""
    labels = _labels(receipt)
    return {
        "name": name,
        "changed_ns": changed_ns,
        "size": size,
        "request": receipt.request_id,
        "take": receipt.take,
        "engine": receipt.engine,
        "model": receipt.model,
        "prompt": receipt.prompt,
        "target": receipt.target,
        "tempo": receipt.bpm,
        "key": receipt.key.label if receipt.key else None,
        "bars": receipt.bars,
        "start": receipt.start,
        "seconds": receipt.seconds,
        "sample_rate_hz": receipt.sample_rate_hz,
        "frames": receipt.frames,
        "seed": receipt.seed,
        "chords": json.dumps([label for label, _ in labels], ensure_ascii=False),
        "score": receipt.total_score,
        "kept": int(receipt.kept),
        "rejected": int(receipt.rejected),
        "placed": receipt.placed,
        "tags": json.dumps(list(receipt.tags), ensure_ascii=False),
        "created": created_of(receipt.created_at),
        "created_at": receipt.created_at,
        "sha256": receipt.sha256,
        "gone": 0,
    }


def words_of(receipt: Receipt) -> tuple[str, str]:
    """What is searched as text: words, and chords as tokens."""
    words = "\n".join((receipt.prompt, receipt.caption or "", receipt.target, " ".join(receipt.tags)))
    return words, " ".join(token for _, token in _labels(receipt))


def entry_of(row: Mapping[str, Any]) -> Entry:
    """A row as what it says."""
    return Entry(
        id=row["name"],
        request_id=row["request"],
        chords=tuple(json.loads(row["chords"])),
        kept=bool(row["kept"]),
        rejected=bool(row["rejected"]),
        tags=tuple(json.loads(row["tags"])),
        gone=bool(row["gone"]),
        **{name: row[name] for name in _AS_THEY_ARE},
    )


_AS_THEY_ARE: Final = (
    "take", "engine", "model", "prompt", "target", "tempo", "key", "bars", "start", "seconds", "sample_rate_hz",
    "frames", "seed", "score", "placed", "created_at", "sha256",
)  # fmt: skip


def created_of(text: str) -> float:
    """A receipt's time in seconds since 1970; 0 for one that is none."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return 0.0
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


@functools.lru_cache(maxsize=4096)
def chord_token(chord: Chord | None) -> str:
    """A chord as one word of the index, the same for every spelling."""
    if chord is None:
        return "none"
    return f"r{chord.root}b{chord.bass_pitch_class}q{'x'.join(map(str, chord.quality.intervals))}"


def _labels(receipt: Receipt) -> list[tuple[str, str]]:
    """The chart's chords as symbols and as tokens, neighbours that are equal as one."""
    try:
        chords = [chord for chord, _ in itertools.groupby(chord for _, chord in receipt.chart_chords)]
    except ChordError:
        return []
    return [(chord_label(chord), chord_token(chord)) for chord in chords]


# Queries

_MARKED: Final[Mapping[Mark, str]] = {
    "kept": "kept",
    "rejected": "rejected",
    "placed": "placed <> ''",
    "tagged": "tags <> '[]'",
    "scored": "score IS NOT NULL",
    "gone": "gone",
}
_ORDERED: Final[Mapping[Order, str]] = {
    "newest": "created DESC, id DESC",
    "oldest": "created, id",
    "score": "score DESC, id DESC",
    "tempo": "tempo, id DESC",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """SQL and the values of its question marks."""

    sql: str
    values: tuple[str | float, ...] = ()


def condition_of(query: Query, *, in_order: bool, ids: Sequence[int] | None = None) -> Condition:
    """The condition on ``clips`` that a query is. ``ids`` are those of its words and chords, where they are known.

    With ``in_order`` SQLite is led to walk an index in the query's order and to stop when it has enough, else to begin
    with what matches: the first finds the first fifty of many soonest, the second few, and counts.
    """
    plus = "+" if in_order else ""
    conditions = [*_facts(query, "" if query.order == "tempo" else plus), *_marks(query)]
    conditions += _texts(query, plus) if ids is None else [_one_of(ids)]
    if not (in_order or ids or query.words or query.chords or query.clip or query.tempo or query.score):
        conditions.append(Condition(sql="created >= 0"))  # true, and found in an index that has the columns
    return Condition(
        sql=" AND ".join(one.sql for one in conditions) or "1",
        values=tuple(itertools.chain.from_iterable(one.values for one in conditions)),
    )


def _one_of(ids: Sequence[int]) -> Condition:
    return Condition(sql="id IN (SELECT value FROM json_each(?))", values=(json.dumps(list(ids)),))


def order_of(query: Query) -> str:
    """The SQL of a query's order."""
    return _ORDERED[query.order]


def _facts(query: Query, plus: str) -> Iterator[Condition]:
    for column, span in ((f"{plus}tempo", query.tempo), ("score", query.score), ("bars", query.bars)):
        yield from _within(column, span)
    if query.key:
        yield Condition(sql="key = ?", values=(query.key.label,))
    if query.engine:
        yield Condition(sql="engine = ?", values=(query.engine,))
    if query.clip:
        yield Condition(sql="(request = ? OR name = ?)", values=(query.clip, query.clip))
    if query.since:
        yield Condition(sql="created >= ?", values=(_midnight(query.since),))
    if query.until and query.until < date.max:
        yield Condition(sql="created < ?", values=(_midnight(query.until + timedelta(days=1)),))


def _within(column: str, span: Span | None) -> Iterator[Condition]:
    if span and span.low is not None:
        yield Condition(sql=f"{column} >= ?", values=(span.low,))
    if span and span.high is not None:
        yield Condition(sql=f"{column} <= ?", values=(span.high,))


def _marks(query: Query) -> Iterator[Condition]:
    for mark in sorted(query.marks):
        yield Condition(sql=_MARKED[mark])
    for mark in sorted(query.unmarked):
        yield Condition(sql=f"NOT ({_MARKED[mark]})")
    if "gone" not in query.marks:
        yield Condition(sql="NOT gone")
    for tag in sorted(query.tags):
        yield Condition(sql="instr(tags, ?)", values=(json.dumps(tag, ensure_ascii=False),))
    for tag in sorted(query.untagged):
        yield Condition(sql="NOT instr(tags, ?)", values=(json.dumps(tag, ensure_ascii=False),))


def text_of(query: Query) -> str:
    """The words and chords of a query as FTS5 takes them; empty where none are looked for."""
    found = [f"text : {_phrase(word)}" for word in query.words]
    if query.chords:
        found.append(f'chords : "{" ".join(chord_token(chord) for chord in query.chords)}"')
    if not found:
        return ""
    return f"({' AND '.join(found)})" + (f" NOT ({_any_of(query.without)})" if query.without else "")


def _any_of(words: Iterable[str]) -> str:
    return " OR ".join(f"text : {_phrase(word)}" for word in words)


def _texts(query: Query, plus: str) -> Iterator[Condition]:
    if text := text_of(query):
        sql = f"{plus}id IN (SELECT rowid FROM words WHERE words MATCH ?)"  # noqa: S608
        yield Condition(sql=sql, values=(text,))
    elif query.without:
        sql = "id NOT IN (SELECT rowid FROM words WHERE words MATCH ?)"
        yield Condition(sql=sql, values=(_any_of(query.without),))


def _phrase(word: str) -> str:
    """A word or phrase as FTS5 takes it: nothing in it is an operator but a star at its end."""
    star = "*" if word.endswith("*") else ""
    return '"' + word.removesuffix("*").replace('"', '""') + '"' + star


def _midnight(day: date) -> float:
    """When a day begins here, in seconds since 1970."""
    try:
        return datetime.combine(day, time.min).astimezone().timestamp()
    except (OverflowError, OSError, ValueError):  # before 1970 on some systems, and at the ends of the calendar
        return datetime.combine(day, time.min, tzinfo=UTC).timestamp()


def tags_with(tags: Iterable[str], add: Iterable[str], remove: Iterable[str]) -> tuple[str, ...]:
    """Tags after a change, sorted."""
    return tuple(sorted({*tags, *add} - set(remove)))
