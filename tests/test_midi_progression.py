"""Progressions in bar notation."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midi.chords import MAX_BARS, MAX_CHORDS_A_BAR, chord_label, parse_progression
from midi.errors import ChordError

LABELS = st.sampled_from(["C", "Am7", "F#m7b5", "Bbmaj7/D", "N.C.", "G7sus4", "C6/9"])
BARS = st.lists(st.lists(LABELS, min_size=1, max_size=4), min_size=1, max_size=12)


def labels(text: str) -> list[list[str]]:
    """The canonical labels of each bar."""
    return [[chord_label(chord) for chord in bar] for bar in parse_progression(text).bars]


@pytest.mark.parametrize(
    ("text", "bars"),
    [
        ("Am7 | Dm7 G7 | Cmaj7 | % |", [["Am7"], ["Dm7", "G7"], ["Cmaj7"], ["Cmaj7"]]),
        ("Am7", [["Am7"]]),
        ("| Am7 |", [["Am7"]]),
        ("|Am7|%|%|", [["Am7"], ["Am7"], ["Am7"]]),
        ("  | N.C. | C |\n", [["N.C."], ["C"]]),
        ("C G |\n% | F", [["C", "G"], ["C", "G"], ["F"]]),
        ("C:min7/b3 | NC", [["Cm7/Eb"], ["N.C."]]),
    ],
)
def test_bars(text: str, bars: list[list[str]]) -> None:
    assert labels(text) == bars


@given(bars=BARS, opened=st.booleans(), closed=st.booleans(), space=st.sampled_from([" ", "  ", "\t", "\n"]))
def test_bars_survive_being_written_and_read(bars: list[list[str]], opened: bool, closed: bool, space: str) -> None:
    text = f"{space}|{space}".join(space.join(bar) for bar in bars)
    assert labels("|" * opened + text + "|" * closed) == bars


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Am7 | Dm7 X7", 'Bar 2, column 11: Cannot read the chord "X7", character 1, "X"'),
        ("Am7 | | C", "Bar 2, column 6: the bar is empty"),
        ("Am7 || C", "Bar 2, column 6: the bar is empty"),
        ("% | C", 'Bar 1, column 1: "%" repeats the bar before'),
        ("C | % G", 'Bar 2, column 5: "%" repeats a whole bar'),
        ("C / / /", 'Bar 1, column 3: cannot read "/"; a slash for a beat'),
        ("C . G .", 'Bar 1, column 3: cannot read "."; a dot for a beat'),
        ("|: C | G :|", 'Bar 1, column 2: cannot read ":"; repeat signs'),
        ("Сmaj7", "Bar 1, column 1: .*CYRILLIC CAPITAL LETTER ES"),
        ("", "The progression is empty"),
        (" \n ", "The progression is empty"),
        ("|", "the bar is empty"),
        ("||", "the bar is empty"),
    ],
)
def test_errors_name_bar_column_and_token(text: str, message: str) -> None:
    with pytest.raises(ChordError, match=message):
        parse_progression(text)


def test_the_longest_progression_is_read() -> None:
    assert len(parse_progression("C|" * MAX_BARS).bars) == MAX_BARS


def test_one_bar_more_is_refused() -> None:
    with pytest.raises(ChordError, match=f"at most {MAX_BARS} bars"):
        parse_progression("C|" * (MAX_BARS + 1))


def test_too_many_chords_in_a_bar_are_refused() -> None:
    with pytest.raises(ChordError, match=f"Bar 2 holds {MAX_CHORDS_A_BAR + 1} chords"):
        parse_progression("C | " + "C " * (MAX_CHORDS_A_BAR + 1))


@given(text=st.text(alphabet="CGAm7b| %N./:\n", max_size=60))
def test_any_text_is_a_progression_or_a_chord_error(text: str) -> None:
    try:
        progression = parse_progression(text)
    except ChordError:
        return
    assert all(progression.bars)
