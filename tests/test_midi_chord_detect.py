"""Chords heard in notes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midi.chord_detect import chords_from_notes
from midi.chord_qualities import QUALITIES
from midi.chord_states import RECOGNISED_QUALITIES
from midi.chords import Chord, Quality, chord_label, parse_chord, parse_progression
from midi.keys import parse_key
from midi.melody import Note
from midi.time import Beats, Bpm, Meter, TempoMap

FOUR = TempoMap()
NAMED = [row.quality for row in QUALITIES if row.quality.symbol in RECOGNISED_QUALITIES]


def block(label: str, start: float, end: float, octave: int = 48, velocity: int = 80) -> list[Note]:
    """A chord held in root position, or over its bass."""
    chord = parse_chord(label)
    assert chord is not None
    pitches = [octave + chord.root + tone for tone in chord.quality.intervals]
    if chord.bass is not None:
        pitches.append(octave - 12 + chord.bass)
    length = Beats(end - start)
    return [Note(at=Beats(start), length=length, pitch=pitch, velocity=velocity) for pitch in pitches]


def heard(notes: list[Note], end: float, tempo_map: TempoMap = FOUR, key: str | None = None) -> list[tuple[float, str]]:
    """Changes as beat and label."""
    changes = chords_from_notes(notes, tempo_map, Beats(0.0), Beats(end), parse_key(key) if key else None)
    return [(change.at, chord_label(change.chord)) for change in changes]


@given(root=st.integers(0, 11), quality=st.sampled_from(NAMED))
def test_a_held_chord_in_root_position_is_named(root: int, quality: Quality) -> None:
    chord = Chord(root=root, quality=quality)
    assert heard(block(chord.label, 0, 4), 4) == [(0, chord.label)]


@given(
    bars=st.lists(st.sampled_from(["C", "Am7", "Dm", "G7", "Fmaj7", "Bm7b5", "Ebdim", "E7"]), min_size=1, max_size=8)
)
def test_a_chord_a_bar_is_heard_as_it_was_written(bars: list[str]) -> None:
    notes = [note for index, label in enumerate(bars) for note in block(label, index * 4, index * 4 + 4)]
    changes = [(index * 4, label) for index, label in enumerate(bars) if index == 0 or bars[index - 1] != label]
    assert heard(notes, len(bars) * 4) == changes


def test_two_chords_in_a_bar() -> None:
    notes = block("Am7", 0, 4) + block("Dm7", 4, 6) + block("G7", 6, 8)
    assert heard(notes, 8) == [(0, "Am7"), (4, "Dm7"), (6, "G7")]


def test_chords_in_seven_eight_change_on_its_bar_lines() -> None:
    tempo_map = TempoMap.constant(Bpm(120.0), Meter(numerator=7, denominator=8))
    assert heard(block("Am", 0, 3.5) + block("F", 3.5, 7), 7, tempo_map) == [(0, "Am"), (3.5, "F")]


def test_an_arpeggio_is_one_chord() -> None:
    pitches = [48, 55, 52, 55] * 4
    notes = [Note(at=Beats(i / 2), length=Beats(0.5), pitch=pitch, velocity=80) for i, pitch in enumerate(pitches)]
    assert heard(notes, 8) == [(0, "C")]


def test_a_quiet_passing_tone_does_not_change_the_chord() -> None:
    passing = Note(at=Beats(1.0), length=Beats(0.5), pitch=74, velocity=60)
    assert heard([*block("C", 0, 4), passing], 4) == [(0, "C")]


def test_another_chord_tone_in_the_bass_makes_a_slash_chord() -> None:
    assert heard(block("Bb/D", 0, 4), 4) == [(0, "Bb/D")]


def test_the_bass_tells_a_sixth_from_a_seventh() -> None:
    tones = [Note(at=Beats(0.0), length=Beats(4.0), pitch=pitch, velocity=80) for pitch in (60, 64, 67, 69)]
    bass = [Note(at=Beats(0.0), length=Beats(4.0), pitch=pitch, velocity=80) for pitch in (36, 45)]
    assert (heard([*tones, bass[0]], 4), heard([*tones, bass[1]], 4)) == ([(0, "C6")], [(0, "Am7")])


def test_silence_is_no_chord() -> None:
    assert heard(block("C", 0, 4) + block("G", 8, 12), 12) == [(0, "C"), (4, "N.C."), (8, "G")]


def test_a_chord_holds_through_a_short_rest() -> None:
    assert heard(block("C", 0, 3) + block("C", 4, 8), 8) == [(0, "C")]


def test_the_key_decides_between_major_and_minor_on_a_bare_fifth() -> None:
    fifth = [Note(at=Beats(0.0), length=Beats(4.0), pitch=pitch, velocity=80) for pitch in (48, 55)]
    assert (heard(fifth, 4, key="C minor"), heard(fifth, 4, key="C major")) == ([(0, "Cm")], [(0, "C")])


def test_no_notes_make_no_changes() -> None:
    assert heard([], 16) == []


def test_notes_outside_the_range_make_no_changes() -> None:
    assert heard(block("C", 20, 24), 16) == []


@pytest.mark.parametrize("meter", [Meter(numerator=3, denominator=4), Meter(numerator=6, denominator=8)])
def test_a_whole_song_is_heard_back(meter: Meter) -> None:
    tempo_map = TempoMap.constant(Bpm(90.0), meter)
    progression = parse_progression("Am7 | Dm7 | G7 | Cmaj7 | Fmaj7 | Bm7b5 | E7 | Am7")
    labels = [chord_label(bar[0]) for bar in progression.bars]
    notes = [note for bar, label in enumerate(labels) for note in block(label, bar * 3, bar * 3 + 3)]
    assert heard(notes, 24, tempo_map) == [(bar * 3, label) for bar, label in enumerate(labels)]


@given(
    raw=st.lists(
        st.tuples(st.integers(0, 60), st.integers(1, 20), st.integers(0, 127), st.integers(1, 127)), max_size=20
    )
)
def test_any_notes_give_changes_that_rise_inside_the_range(raw: list[tuple[int, int, int, int]]) -> None:
    notes = [Note(at=Beats(a / 4), length=Beats(n / 4), pitch=p, velocity=v) for a, n, p, v in raw]
    changes = chords_from_notes(notes, FOUR, Beats(2.0), Beats(13.0))
    places = [change.at for change in changes]
    assert places == sorted(set(places))
    assert all(2.0 <= place < 13.0 for place in places)
