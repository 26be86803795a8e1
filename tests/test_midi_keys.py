"""Keys: spellings, scales, labels and the tonic chord."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midi.errors import KeyNameError
from midi.keys import MODES, Key, Mode, parse_key, tonic_chord

KEYS = st.builds(Key, tonic=st.integers(0, 11), mode=st.sampled_from(sorted(MODES)))


@given(key=KEYS)
def test_labels_are_read_back(key: Key) -> None:
    assert parse_key(key.label) == key


@given(key=KEYS)
def test_the_short_name_keeps_tonic_and_third(key: Key) -> None:
    short = parse_key(key.short)
    assert (short.tonic, short.is_minor) == (key.tonic, key.is_minor)


@given(key=KEYS)
def test_the_tonic_chord_is_made_of_the_scale(key: Key) -> None:
    assert tonic_chord(key).pitch_classes <= set(key.scale)


@pytest.mark.parametrize("mode", MODES.values(), ids=lambda mode: mode.name)
def test_scales_rise_from_the_tonic_within_the_octave(mode: Mode) -> None:
    assert [0, *sorted(set(mode.intervals) & set(range(1, 12)))] == list(mode.intervals)


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("C minor", "C minor"),
        ("F# dorian", "F# dorian"),
        ("Ebmaj", "Eb major"),
        ("Am", "A minor"),
        ("Bb", "Bb major"),
        ("c# min", "C# minor"),
        ("b", "B major"),
        ("bb minor", "Bb minor"),
        ("CM", "C major"),
        ("C MAJOR", "C major"),
        ("A aeolian", "A minor"),
        ("G Ionian", "G major"),
        ("D harmonic minor", "D harmonic minor"),
        ("  E♭  mixolydian ", "Eb mixolydian"),
        ("C-minor", "C minor"),
        ("Db major", "C# major"),
    ],
)
def test_spellings(text: str, label: str) -> None:
    assert parse_key(text).label == label


def test_the_scale_starts_on_the_tonic() -> None:
    assert parse_key("F# dorian").scale == (6, 8, 9, 11, 1, 3, 4)


@pytest.mark.parametrize(("text", "chord"), [("A minor", "Am"), ("Eb", "Eb"), ("B locrian", "Bdim"), ("G mix", "G")])
def test_tonic_chords(text: str, chord: str) -> None:
    assert tonic_chord(parse_key(text)).label == chord


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "send a key such as"),
        ("H minor", "begins with its tonic"),
        ("С minor", "begins with its tonic"),
        ("C dorain", "did you mean dorian"),
        ("C zzz", "modes are major, minor"),
        ("C" * 100, "send a key such as"),
    ],
)
def test_errors_say_what_is_expected(text: str, message: str) -> None:
    with pytest.raises(KeyNameError, match=message):
        parse_key(text)


@given(text=st.text(max_size=30))
def test_any_text_is_a_key_or_a_key_error(text: str) -> None:
    try:
        key = parse_key(text)
    except KeyNameError:
        return
    assert parse_key(key.label) == key


@pytest.mark.parametrize(("tonic", "mode"), [(12, "major"), (-1, "minor"), (0, "dur")])
def test_a_key_outside_the_tables_is_refused(tonic: int, mode: str) -> None:
    with pytest.raises(KeyNameError, match="There is no key"):
        Key(tonic=tonic, mode=mode)
