"""Drum voices and the sixteenth-note grid."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midi.drums import MAX_STEPS, STEP_VELOCITIES, VOICES, Pattern, Voice, parse_pattern, voice_named, voice_of_note
from midi.errors import PatternError, VoiceError
from midi.time import Bpm, Meter, MeterPoint, TempoMap

FOUR = TempoMap()
GRID = st.text(alphabet="Xxo.", min_size=16, max_size=16)


def in_meter(numerator: int, denominator: int) -> TempoMap:
    """A map of one meter."""
    return TempoMap.constant(Bpm(120.0), Meter(numerator=numerator, denominator=denominator))


FOUR_THEN_SEVEN = FOUR.with_meter(MeterPoint(bar=2, meter=Meter(numerator=7, denominator=8)))


# Voices


@pytest.mark.parametrize("voice", VOICES, ids=lambda voice: voice.name)
def test_every_name_alias_and_note_leads_to_its_voice(voice: Voice) -> None:
    named = {voice_named(name) for name in (voice.name, *voice.aliases)}
    assert named | {voice_of_note(note) for note in voice.notes} == {voice}


def test_no_name_and_no_note_means_two_voices() -> None:
    names = [name for voice in VOICES for name in (voice.name, *voice.aliases)]
    notes = [note for voice in VOICES for note in voice.notes]
    assert (len(set(names)), len(set(notes))) == (len(names), len(notes))


def test_the_whole_general_midi_percussion_map_has_voices() -> None:
    assert {note for voice in VOICES for note in voice.notes} >= set(range(35, 82))


@pytest.mark.parametrize(
    ("name", "note"),
    [
        ("hat", 42), ("hihat", 42), ("hh", 42), ("CHH", 42), ("Closed Hat", 42), ("open-hat", 46), ("ohh", 46),
        ("bd", 36),
        ("sd", 38), ("rim", 37), ("tom1", 50), ("kick", 36), ("ride_bell", 53), ("shaker", 70), ("low tom", 45),
    ],
)  # fmt: skip
def test_grid_names(name: str, note: int) -> None:
    assert voice_named(name).note == note


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("snar", "did you mean snare"),
        ("kik", "did you mean kick"),
        ("", "voices are kick, snare"),
        ("бочка", "voices are"),
    ],
)
def test_an_unknown_voice_is_named_with_the_nearest_one(name: str, message: str) -> None:
    with pytest.raises(VoiceError, match=f"is not a drum voice; {message}"):
        voice_named(name)


@pytest.mark.parametrize("note", [0, 34, 127, -1])
def test_a_note_without_voice_is_refused(note: int) -> None:
    with pytest.raises(VoiceError, match=f"{note} is not a General MIDI percussion note"):
        voice_of_note(note)


# Grids


def test_the_characters_of_the_grid() -> None:
    assert parse_pattern("bd", "Xxo.-...........", FOUR) == Pattern(voice="kick", steps=(120, 96, 48) + (0,) * 13)


def test_blanks_and_bar_lines_are_free() -> None:
    assert parse_pattern("kick", "x... x...|x...\tx...|", FOUR) == parse_pattern("kick", "x...x...x...x...", FOUR)


@given(bars=st.lists(GRID, min_size=1, max_size=4))
def test_a_grid_survives_being_read_and_written(bars: list[str]) -> None:
    assert parse_pattern("snare", "|".join(bars), FOUR).text == "".join(bars)


@given(steps=st.lists(st.integers(0, 127), min_size=16, max_size=16))
def test_a_step_is_written_with_the_nearest_character(steps: list[int]) -> None:
    written = Pattern(voice="snare", steps=tuple(steps)).text
    missed = [abs(STEP_VELOCITIES[character] - step) for character, step in zip(written, steps, strict=True)]
    nearest = [min(abs(velocity - step) for velocity in (48, 96, 120)) if step else 0 for step in steps]
    assert missed == nearest


@pytest.mark.parametrize(
    ("numerator", "denominator", "steps"), [(4, 4, 16), (3, 4, 12), (7, 8, 14), (5, 16, 5), (2, 2, 16)]
)
def test_a_bar_of_each_meter_fits(numerator: int, denominator: int, steps: int) -> None:
    assert len(parse_pattern("kick", "x" * steps, in_meter(numerator, denominator)).steps) == steps


def test_bars_are_counted_from_bar_1_of_the_meter_map() -> None:
    assert len(parse_pattern("kick", "x" * (16 + 14 + 14), FOUR_THEN_SEVEN).steps) == 44


@pytest.mark.parametrize(
    ("tempo_map", "steps", "message"),
    [
        (FOUR, 15, r"has 15 steps, which are no whole bars of 4/4 \(16 to a bar of 4/4\): send 16 steps"),
        (FOUR, 20, r"has 20 steps.*send 16 or 32 steps"),
        (in_meter(7, 8), 16, r"has 16 steps.*14 to a bar of 7/8\): send 14 or 28 steps"),
        (
            FOUR_THEN_SEVEN,
            32,
            r"has 32 steps.*of 4/4, 7/8 \(16 to a bar of 4/4, 14 to a bar of 7/8\): send 30 or 44 steps",
        ),
        (FOUR, 0, r"has 0 steps.*send 16 steps"),
    ],
)
def test_a_wrong_length_says_count_meter_and_what_would_fit(tempo_map: TempoMap, steps: int, message: str) -> None:
    with pytest.raises(PatternError, match=message):
        parse_pattern("kick", "x" * steps, tempo_map)


def test_a_wrong_character_is_named_with_its_place() -> None:
    with pytest.raises(PatternError, match='kick pattern has "q" at character 8'):
        parse_pattern("kick", "x... x.q........", FOUR)


def test_a_cyrillic_step_is_refused() -> None:
    with pytest.raises(PatternError, match='has "х" at character 1'):
        parse_pattern("kick", "х" + "." * 15, FOUR)


def test_the_longest_pattern_is_read() -> None:
    assert len(parse_pattern("kick", "x" * MAX_STEPS, FOUR).steps) == MAX_STEPS


def test_one_step_more_is_refused() -> None:
    with pytest.raises(PatternError, match=f"more than {MAX_STEPS} steps"):
        parse_pattern("kick", "x" * (MAX_STEPS + 1), FOUR)


@given(text=st.text(alphabet="Xxo.-| q\n", max_size=40))
def test_any_text_is_a_pattern_or_a_pattern_error(text: str) -> None:
    try:
        pattern = parse_pattern("kick", text, FOUR)
    except PatternError:
        return
    assert parse_pattern("kick", pattern.text, FOUR) == pattern
