"""Category: unit. Charts from a DAW's tracks: notes, locators' names, strokes on pads; and what is left out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.osc_errors import OutOfRange, TooManyElements
from bridge.played_charts import chart_of_markers, chart_of_notes, drums_of_notes
from midi.chords import chord_label
from midi.drums import VOICES
from midi.errors import ChordError, SidemanError
from midi.keys import parse_key
from midi.pads import voice_of_pad
from midi.time import Bpm, Meter, TempoMap

IN_FOUR = TempoMap.constant(Bpm(120.0), Meter(numerator=4, denominator=4))
AM_F = "57 0 4 60 0 4 64 0 4 53 4 4 57 4 4 60 4 4"


def test_notes_become_chords_on_the_grid() -> None:
    chart = chart_of_notes(AM_F, 8.0, IN_FOUR, parse_key("A minor"))
    assert [(change.at, chord_label(change.chord)) for change in chart.changes] == [(0.0, "Am"), (4.0, "F")]
    assert chart.bars == 2


def test_no_notes_are_no_chords() -> None:
    assert chart_of_notes("", 16.0, IN_FOUR, None).changes == ()
    assert chart_of_notes("60 0 0", 16.0, IN_FOUR, None).changes == ()


def test_locators_that_are_no_chords_are_left_out_and_named() -> None:
    chart, notices = chart_of_markers("0 Verse\n0 Am7\n8.5 F/C\n16 Chorus")
    assert [(change.at, chord_label(change.chord)) for change in chart.changes] == [(0.0, "Am7"), (8.5, "F/C")]
    assert [notice.code for notice in notices] == ["left_out"]
    assert "Verse" in notices[0].message
    assert "Chorus" in notices[0].message


def test_locators_without_a_chord_are_explained() -> None:
    with pytest.raises(ChordError, match="None of the locators"):
        chart_of_markers("0 Verse")


def test_a_pad_s_name_comes_before_general_midi() -> None:
    chart, notices = drums_of_notes("36 0 110 38 1 96 99 2 80", "36 Hi-Hat Open; 38 Loop", 4.0, IN_FOUR)
    assert [(hit.at, hit.voice, hit.velocity) for hit in chart.hits] == [(0.0, "open_hat", 110), (1.0, "snare", 96)]
    assert chart.bars == 1
    assert "99" in notices[0].message


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("60 0", OutOfRange), ("60 zero 1", OutOfRange), ("128 0 1", OutOfRange), ("60.5 0 1", OutOfRange),
        ("60 -1 1", OutOfRange), ("60 nan 1", OutOfRange), ("60 0 inf", OutOfRange),
        ("60 0 1 " * 4097, TooManyElements),
    ],
)  # fmt: skip
def test_numbers_that_are_no_notes_are_refused(text: str, error: type[SidemanError]) -> None:
    with pytest.raises(error):
        chart_of_notes(text, 4.0, IN_FOUR, None)


@given(st.text(max_size=60), st.text(max_size=40))
def test_no_text_raises_anything_else(text: str, pads: str) -> None:
    for read in (lambda: chart_of_notes(text, 4.0, IN_FOUR, None), lambda: chart_of_markers(text),
                 lambda: drums_of_notes(text, pads, 4.0, IN_FOUR)):  # fmt: skip
        try:
            read()
        except SidemanError as error:
            assert str(error)


@pytest.mark.parametrize(
    ("name", "voice"),
    [
        ("Kick 808 Deep", "kick"), ("BD 1", "kick"), ("Snare Tight", "snare"), ("SD Rim", "sidestick"),
        ("Hi-Hat Open 2", "open_hat"), ("Closed Hat", "closed_hat"), ("CH 909", "closed_hat"),
        ("HiHat Closed", "closed_hat"),
        ("Clap Big", "clap"), ("Crash Left", "crash"), ("Ride Bell", "ride_bell"), ("Vox Stab", None), ("", None),
    ],
)  # fmt: skip
def test_pads_are_known_by_the_names_that_producers_give(name: str, voice: str | None) -> None:
    found = voice_of_pad(name)
    assert (found.name if found else None) == voice


def test_every_voice_is_known_by_its_own_name() -> None:
    for voice in VOICES:
        assert voice_of_pad(voice.name) == voice, voice.name


@given(st.text(max_size=30))
def test_any_name_may_stand_on_a_pad(name: str) -> None:
    assert voice_of_pad(name) is None or voice_of_pad(name) in VOICES
