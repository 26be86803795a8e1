"""What a search of the library means: ``tempo:110-120 key:Am engine:sketch bossa kept`` as a value. Pure.

A query is words, each of which narrows it. ``name:value`` asks for a fact, the words of ``MARKS`` for what was said of
a clip, and every other word for itself in prompt, caption, target or tags. ``-`` before a word asks for clips without
it, and quotes hold together what has spaces.
"""

from __future__ import annotations

import difflib
import itertools
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final, Literal, get_args

from bridge.errors import RequestError
from midi.chords import Chord, chord_label, parse_progression
from midi.errors import ChordError, KeyNameError
from midi.keys import Key, parse_key

Mark = Literal["kept", "rejected", "placed", "tagged", "scored", "gone"]
MARKS: Final[tuple[Mark, ...]] = get_args(Mark)
"""What a clip can be; ``gone`` is one whose files are no longer there, and which nothing else finds."""
Order = Literal["newest", "oldest", "score", "tempo"]
ORDERS: Final[tuple[Order, ...]] = get_args(Order)
MAX_QUERY_CHARACTERS: Final = 1024
MAX_LIMIT: Final = 1000
DEFAULT_LIMIT: Final = 50
TEMPO_WIDTH: Final = 0.5
"""A single tempo finds those that are rounded to it."""


class BadQuery(RequestError):
    """A search that cannot be read; the message names the word."""

    code = "bad_query"


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """From ``low`` to ``high``, both included; None is no limit."""

    low: float | None = None
    high: float | None = None

    def holds(self, value: float) -> bool:
        """Whether a value lies in it."""
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What is looked for; everything that is set narrows it.

    ``words`` and ``without`` are words or phrases; one that ends in ``*`` stands for all that begin so. ``chords`` come
    one after the other somewhere in the clip, neighbours that are equal as one. ``until`` is a day that counts too.
    ``clip`` is a request's id or a clip's name.
    """

    words: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    tempo: Span | None = None
    score: Span | None = None
    bars: Span | None = None
    key: Key | None = None
    chords: tuple[Chord | None, ...] = ()
    engine: str = ""
    clip: str = ""
    since: date | None = None
    until: date | None = None
    marks: frozenset[Mark] = frozenset()
    unmarked: frozenset[Mark] = frozenset()
    tags: frozenset[str] = frozenset()
    untagged: frozenset[str] = frozenset()
    order: Order = "newest"
    limit: int = DEFAULT_LIMIT


_WORD: Final = re.compile(r'(?P<minus>-)?(?:(?P<name>[A-Za-z]+):)?(?:"(?P<quoted>[^"]*)"?|(?P<plain>[^\s"]+))')
_SPAN: Final = re.compile(r"(?P<low>\d+(?:\.\d+)?)?(?:\.\.|-)(?P<high>\d+(?:\.\d+)?)?")
_LIMIT: Final = re.compile(r"(?P<sign>[<>]=?)?(?P<number>\d+(?:\.\d+)?)")
_DAY: Final = re.compile(r"(\d{4})(?:-(\d{1,2}))?(?:-(\d{1,2}))?")
_TAG: Final = re.compile(r"[^\s,\"]{1,64}")


def parse_query(text: str) -> Query:
    """Read a query. Raises ``BadQuery``, which names the word that cannot be read."""
    if len(text) > MAX_QUERY_CHARACTERS:
        raise BadQuery(f"A search has at most {MAX_QUERY_CHARACTERS} characters, and this one has {len(text)}.")
    query = Query()
    for match in _WORD.finditer(text):
        query = _narrowed(query, match)
    return query


def query_text(query: Query) -> str:
    """A text that ``parse_query`` reads as this query."""
    return " ".join(_parts(query))


def merged_chords(chords: tuple[Chord | None, ...]) -> tuple[Chord | None, ...]:
    """The chords, neighbours that are equal as one."""
    return tuple(chord for chord, _ in itertools.groupby(chords))


def parse_tags(text: str) -> tuple[frozenset[str], frozenset[str]]:
    """Tags to add and to take away, from words such as ``funky -slow``. Raises ``BadQuery``."""
    add: set[str] = set()
    remove: set[str] = set()
    for word in re.split(r"[\s,]+", text.strip()):
        chosen, tag = (remove, word[1:]) if word.startswith("-") else (add, word)
        if not _TAG.fullmatch(tag):
            raise BadQuery(
                f"{word[:80]!r} is no tag: a tag is a word of up to 64 characters, without commas and quotes."
            )
        chosen.add(tag.casefold())
    return frozenset(add), frozenset(remove)


def _narrowed(query: Query, match: re.Match[str]) -> Query:
    minus, name, quoted = bool(match["minus"]), (match["name"] or "").lower(), match["quoted"]
    value = match["plain"] if quoted is None else quoted
    if not name:
        if quoted is None and value in MARKS:
            return _marked(query, value, minus=minus)
        return _worded(query, value, minus=minus)
    if name == "tag":
        tags, _ = parse_tags(value.removeprefix("-"))
        field = "untagged" if minus else "tags"
        return replace(query, **{field: getattr(query, field) | tags})
    if name not in _READERS:
        near = difflib.get_close_matches(name, [*_READERS, "tag"], n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join([*_READERS, 'tag'])}."
        raise BadQuery(
            f'Nothing is looked for by {name}: {hint} A word with a colon is looked for in quotes: "{name}:".'
        )
    if minus:
        raise BadQuery(f"-{name}: cannot be left out of a search; a minus goes before words, tags and marks.")
    return _READERS[name](query, value)


def _marked(query: Query, value: str, *, minus: bool) -> Query:
    mark = next(one for one in MARKS if one == value)
    if minus:
        return replace(query, unmarked=query.unmarked | {mark})
    return replace(query, marks=query.marks | {mark})


def _worded(query: Query, value: str, *, minus: bool) -> Query:
    if not any(letter.isalnum() for letter in value):
        raise BadQuery(f"{value[:64]!r} is no word: a word has a letter or a digit.")
    word = " ".join(value.replace("\0", " ").split())
    return replace(query, without=(*query.without, word)) if minus else replace(query, words=(*query.words, word))


def _span(name: str, value: str) -> Span:
    """``110-120``, ``110..``, ``-120``, ``>=110`` or one number. Raises ``BadQuery``."""
    if match := _SPAN.fullmatch(value):
        low, high = (None if match[one] is None else float(match[one]) for one in ("low", "high"))
        if (low, high) == (None, None) or (low is not None and high is not None and low > high):
            raise BadQuery(f"{name}:{value[:40]} is no range: write {name}:LOW-HIGH.")
        return Span(low=low, high=high)
    if match := _LIMIT.fullmatch(value):
        number, sign = float(match["number"]), match["sign"] or ""
        if not sign:
            return Span(low=number, high=number)
        past = number if "=" in sign else math.nextafter(number, math.inf if ">" in sign else -math.inf)
        return Span(low=past) if ">" in sign else Span(high=past)
    raise BadQuery(f"{name}:{value[:40]} cannot be read: write a number, or a range such as {name}:LOW-HIGH.")


def _tempo(query: Query, value: str) -> Query:
    span = _span("tempo", value)
    if span.low is not None and span.low == span.high and ".." not in value:
        span = Span(low=max(0.0, span.low - TEMPO_WIDTH), high=span.low + TEMPO_WIDTH)
    return replace(query, tempo=span)


def _key(query: Query, value: str) -> Query:
    try:
        return replace(query, key=parse_key(value))
    except KeyNameError as error:
        raise BadQuery(str(error)) from None


def _chords(query: Query, value: str) -> Query:
    try:
        bars = parse_progression(value).bars
    except ChordError as error:
        raise BadQuery(f'{error} Several chords go in quotes: chords:"Am7 | Dm7 G7".') from None
    return replace(query, chords=merged_chords(tuple(itertools.chain(*bars))))


def _engine(query: Query, value: str) -> Query:
    return replace(query, engine=value.lower())


def _clip(query: Query, value: str) -> Query:
    return replace(query, clip=value)


def _dates(query: Query, value: str) -> Query:
    first, dots, last = value.partition("..")
    since = _days(first)[0] if first or not dots else None
    until = _days(last or first)[1] if last or not dots else None
    if since and until and since > until:
        raise BadQuery(f"date:{value[:40]} goes backwards.")
    return replace(query, since=since, until=until)


def _days(text: str) -> tuple[date, date]:
    """The first and the last day of a year, a month or a day. Raises ``BadQuery``."""
    match = _DAY.fullmatch(text)
    try:
        if match is None:
            raise ValueError
        year, month, day = (None if part is None else int(part) for part in match.groups())
        first = date(year or 0, month or 1, day or 1)
        if day:
            return first, first
        if month:
            following = date(first.year + month // 12, month % 12 + 1, 1)
            return first, following - timedelta(days=1)
        return first, date(first.year, 12, 31)
    except (ValueError, OverflowError):
        raise BadQuery(
            f"{text[:40]!r} is no date: write 2026, 2026-04 or 2026-04-30, and two dots between two."
        ) from None


def _order(query: Query, value: str) -> Query:
    order = next((one for one in ORDERS if one == value.lower()), None)
    if order is None:
        raise BadQuery(f"Clips are not sorted by {value[:40]!r}: use {', '.join(ORDERS)}.")
    return replace(query, order=order)


def _limit(query: Query, value: str) -> Query:
    if not (value.isascii() and value.isdigit() and 1 <= int(value) <= MAX_LIMIT):
        raise BadQuery(f"limit:{value[:40]} cannot be: it goes from 1 to {MAX_LIMIT}.")
    return replace(query, limit=int(value))


_READERS: Final[Mapping[str, Callable[[Query, str], Query]]] = {
    "tempo": _tempo,
    "key": _key,
    "chords": _chords,
    "chord": _chords,
    "engine": _engine,
    "score": lambda query, value: replace(query, score=_span("score", value)),
    "bars": lambda query, value: replace(query, bars=_span("bars", value)),
    "date": _dates,
    "id": _clip,
    "sort": _order,
    "limit": _limit,
}
"""How the value of each name is read."""


def _parts(query: Query) -> Iterator[str]:
    yield from (_quoted(word) for word in query.words)
    yield from (f"-{_quoted(word)}" for word in query.without)
    for name in ("tempo", "score", "bars"):
        span: Span | None = getattr(query, name)
        if span:
            yield f"{name}:{_number(span.low)}..{_number(span.high)}"
    if query.key:
        yield f'key:"{query.key.label}"'
    if query.chords:
        yield f'chords:"{" | ".join(chord_label(chord) for chord in query.chords)}"'
    if query.engine:
        yield f'engine:"{query.engine}"'
    if query.clip:
        yield f'id:"{query.clip}"'
    if query.since or query.until:
        yield f"date:{query.since or ''}..{query.until or ''}"
    yield from sorted(query.marks)
    yield from (f"-{mark}" for mark in sorted(query.unmarked))
    yield from (f"tag:{tag}" for tag in sorted(query.tags))
    yield from (f"-tag:{tag}" for tag in sorted(query.untagged))
    if query.order != "newest":
        yield f"sort:{query.order}"
    if query.limit != DEFAULT_LIMIT:
        yield f"limit:{query.limit}"


def _quoted(word: str) -> str:
    return f'"{word}"'


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:f}".rstrip("0").rstrip(".")
