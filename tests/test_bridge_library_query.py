"""Category: unit, property. Searches as text: what each word means, what cannot be read, and the way back."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.engines import ENGINES
from bridge.library_query import (
    MARKS,
    MAX_LIMIT,
    MAX_QUERY_CHARACTERS,
    ORDERS,
    BadQuery,
    Query,
    Span,
    merged_chords,
    parse_query,
    parse_tags,
    query_text,
)
from midi.chords import parse_chord
from midi.keys import MODES, Key, parse_key

CHORDS = [parse_chord(text) for text in ("Am7", "Dm7/G", "F#m7b5", "Bb6/9", "N.C.", "C", "E7#9", "Gsus4")]
WORD = st.text(st.characters(codec="utf-8", exclude_characters='"\0', exclude_categories=["Cs", "Cc"]), min_size=1)
WORDS = st.lists(
    WORD.map(lambda text: " ".join(text.split())).filter(lambda text: any(map(str.isalnum, text))), max_size=3
)
NUMBER = st.none() | st.integers(0, 400_000).map(lambda number: number / 1000)
SPANS = st.tuples(NUMBER, NUMBER).map(lambda ends: Span(low=ends[0], high=ends[1])).filter(
    lambda span: span != Span() and (span.low is None or span.high is None or span.low <= span.high)
)  # fmt: skip
TAGS = st.frozensets(st.sampled_from(["chorus", "loud", "späť", "2x", "a-b", "kept"]), max_size=3)
DAYS = st.none() | st.dates(date(2000, 1, 1), date(2100, 1, 1))
QUERIES = st.builds(
    Query,
    words=WORDS.map(tuple),
    without=WORDS.map(tuple),
    tempo=st.none() | SPANS,
    score=st.none() | SPANS,
    bars=st.none() | SPANS,
    key=st.none() | st.builds(Key, tonic=st.integers(0, 11), mode=st.sampled_from(sorted(MODES))),
    chords=st.lists(st.sampled_from(CHORDS), max_size=5).map(lambda chords: merged_chords(tuple(chords))),
    engine=st.sampled_from(["", *ENGINES]),
    clip=st.sampled_from(["", "verse-1", "sideman-verse-t0_120bpm_F#m"]),
    marks=st.frozensets(st.sampled_from(MARKS)),
    unmarked=st.frozensets(st.sampled_from(MARKS)),
    tags=TAGS,
    untagged=TAGS,
    order=st.sampled_from(ORDERS),
    limit=st.integers(1, MAX_LIMIT),
)


@given(QUERIES, DAYS, st.none() | st.integers(0, 1000))
def test_a_query_that_is_written_is_read_as_itself(query: Query, since: date | None, days: int | None) -> None:
    until = None if days is None else (since or date(2026, 1, 1)) + timedelta(days=days)
    query = Query(**{name: getattr(query, name) for name in Query.__slots__} | {"since": since, "until": until})
    text = query_text(query)
    if len(text) <= MAX_QUERY_CHARACTERS:
        assert parse_query(text) == query


@given(st.text(max_size=200) | st.lists(st.sampled_from(
    ["tempo:", "tempo:1-2", "-", '"', "key:H", "chords:", ":", "kept", "-kept", "tag:", "date:2026-13", "..", "é", "*",
     "limit:0", "sort:x", "score:>0.5", "a:b", "--x", "-tag:y", 'chords:"A | |"']
)).map(" ".join))  # fmt: skip
def test_any_text_is_read_or_refused_in_a_sentence(text: str) -> None:
    try:
        query = parse_query(text)
    except BadQuery as error:
        assert str(error).strip()
    else:
        assert 1 <= query.limit <= MAX_LIMIT


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("", Query()),
        ("tempo:110-120", Query(tempo=Span(low=110, high=120))),
        ("tempo:112", Query(tempo=Span(low=111.5, high=112.5))),
        ("tempo:110-", Query(tempo=Span(low=110))),
        ("tempo:-120.5", Query(tempo=Span(high=120.5))),
        ("tempo:>=110", Query(tempo=Span(low=110))),
        ("score:0.8..", Query(score=Span(low=0.8))),
        ("key:Am", Query(key=parse_key("A minor"))),
        ("key:f#_dorian", Query(key=parse_key("F# dorian"))),
        ("chord:A:min7", Query(chords=(parse_chord("Am7"),))),
        ('chords:"A-7 | Dmin7 Dm7 | % |"', Query(chords=(parse_chord("Am7"), parse_chord("Dm7")))),
        ("chords:Am7|Dm7", Query(chords=(parse_chord("Am7"), parse_chord("Dm7")))),
        ("engine:Sketch bossa kept", Query(engine="sketch", words=("bossa",), marks=frozenset({"kept"}))),
        ('"kept" -rejected -"nylon guitar"', Query(
            words=("kept",), unmarked=frozenset({"rejected"}), without=("nylon guitar",)
        )),
        ("date:2026-02", Query(since=date(2026, 2, 1), until=date(2026, 2, 28))),
        ("date:2026-12", Query(since=date(2026, 12, 1), until=date(2026, 12, 31))),
        ("date:2025..2026-04-30", Query(since=date(2025, 1, 1), until=date(2026, 4, 30))),
        ("date:..2026", Query(until=date(2026, 12, 31))),
        ("tag:Loud -tag:slow", Query(tags=frozenset({"loud"}), untagged=frozenset({"slow"}))),
        ("id:verse-1 sort:score limit:5", Query(clip="verse-1", order="score", limit=5)),
    ],
)  # fmt: skip
def test_words_mean_this(text: str, query: Query) -> None:
    assert parse_query(text) == query


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("tmpo:120", "did you mean tempo"),
        ("foo:3", "in quotes"),
        ("tempo:fast", "tempo:fast cannot be read"),
        ("tempo:120-110", "is no range"),
        ("tempo:-", "is no range"),
        ("key:H", "Cannot read the key"),
        ("chords:Xm7", "Cannot read the chord"),
        ("date:2026-13", "'2026-13' is no date"),
        ("date:2026-05..2026-04", "goes backwards"),
        ("sort:colour", "newest, oldest"),
        ("limit:0", "goes from 1"),
        ("-tempo:120", "cannot be left out"),
        ("!!", "is no word"),
        ('tag:"a b c" "', "is no word"),
        ("x" * 2000, "at most 1024 characters"),
    ],
)
def test_what_cannot_be_read_is_named(text: str, words: str) -> None:
    with pytest.raises(BadQuery, match=words):
        parse_query(text)


def test_tags_are_added_and_taken_away() -> None:
    assert parse_tags(" Loud, intro -maybe ") == ({"loud", "intro"}, {"maybe"})
    for text in ("", "-", 'a"b', "x" * 65):
        with pytest.raises(BadQuery, match="is no tag"):
            parse_tags(text)


@given(st.floats(0, 500), SPANS)
def test_a_span_holds_its_ends(value: float, span: Span) -> None:
    for end in (span.low, span.high):
        assert end is None or span.holds(end)
    assert not span.holds(value) or (span.low or 0) <= value
