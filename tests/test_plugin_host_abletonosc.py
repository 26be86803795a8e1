"""Category: unit. The dialect of AbletonOSC: what its messages mean, said once, and values that make no sense."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midi import events as ev
from midi.chords import chord_label
from midi.errors import SidemanError
from midi.events import SessionEvent
from midi.keys import parse_key
from midi.time import Meter
from plugin_host.abletonosc import LISTENED, QUESTIONS, Song, hear


def told(*messages: tuple[Any, ...]) -> list[SessionEvent]:
    """The events of messages that come one after another; ``/live/song/get/`` is left out of their addresses."""
    song = Song()
    events: list[SessionEvent] = []
    for name, *arguments in messages:
        answer = hear(song, f"/live/song/get/{name}", arguments)
        assert answer is not None, name
        song = answer[0]
        events += answer[1]
    return events


ROUND = (
    ("tempo", 93.5),
    ("signature_numerator", 6),
    ("signature_denominator", 8),
    ("is_playing", True),
    ("root_note", 9),
    ("scale_name", "Minor"),
    ("loop", 1),
    ("loop_start", 12.0),
    ("loop_length", 6.0),
)


def test_a_round_of_answers_is_the_session() -> None:
    events = told(*ROUND)
    assert ev.SetTempo(bpm=93.5) in events  # type: ignore[arg-type]
    assert ev.SetMeter(meter=Meter(numerator=6, denominator=8)) in events
    assert ev.SetKey(key=parse_key("A minor")) in events
    assert ev.Play() in events
    assert events[-2:] == [ev.SetStart(at=12.0), ev.SetBars(bars=2)]  # type: ignore[arg-type]


def test_the_next_round_tells_nothing_that_others_may_have_changed() -> None:
    assert told(*ROUND, *ROUND) == told(*ROUND)


def test_a_position_is_always_told() -> None:
    assert told(("beat", 4), ("beat", 4), ("current_song_time", 5.25)) == [
        ev.Locate(at=at)  # type: ignore[arg-type]
        for at in (4.0, 4.0, 5.25)
    ]


def test_a_loop_that_is_off_says_nothing_and_one_that_is_switched_off_frees_the_start() -> None:
    assert told(("loop", 0), ("loop_start", 8.0), ("loop_length", 4.0)) == []
    assert told(("loop_start", 8.0), ("loop", 1), ("loop", 0))[-1] == ev.SetStart(at=0.0)  # type: ignore[arg-type]


def test_a_loop_of_broken_bars_sets_the_start_alone() -> None:
    events = told(("signature_numerator", 4), ("signature_denominator", 4), ("loop_length", 5.0), ("loop", 1))
    assert not [event for event in events if isinstance(event, ev.SetBars)]


def test_locators_named_as_chords_are_the_chords_and_others_are_not() -> None:
    (event,) = told(("cue_points", "Verse", 0.0, "G", 4.0, "Am7", 0.0))
    assert isinstance(event, ev.SetChordChart)
    assert [(change.at, chord_label(change.chord)) for change in event.chart.changes] == [(0.0, "Am7"), (4.0, "G")]
    assert told(("cue_points", "Verse", 0.0, "Chorus", 16.0)) == []


def test_chords_go_with_the_last_locator_that_is_one() -> None:
    chords, none = ("cue_points", "Am7", 0.0), ("cue_points", "Verse", 0.0)
    assert told(chords, none, none)[1:] == [ev.ClearChords()]
    assert told(chords, ("cue_points",))[1:] == [ev.ClearChords()]


def test_c_major_is_what_live_shows_where_nobody_chose_a_scale() -> None:
    unchosen = (("root_note", 0), ("scale_name", "Major"))
    assert told(*unchosen) == []
    (key, cleared) = told(("root_note", 2), ("scale_name", "Dorian"), ("scale_name", "Major"), *unchosen)[::2]
    assert isinstance(key, ev.SetKey)
    assert cleared == ev.ClearKey()


def test_another_address_means_nothing_here() -> None:
    assert hear(Song(), "/live/track/get/volume", (0, 0.5)) is None


@pytest.mark.parametrize(
    "message",
    [
        ("tempo", 0.0), ("tempo", "fast"), ("tempo",), ("tempo", float("nan")), ("tempo", float("inf")),
        ("signature_numerator", None), ("scale_name", 5), ("beat", float("nan")), ("is_playing", "yes"),
    ],
)  # fmt: skip
def test_values_that_make_no_sense_are_refused(message: tuple[Any, ...]) -> None:
    with pytest.raises(SidemanError):
        told(message)


def test_a_meter_that_is_none_is_refused() -> None:
    with pytest.raises(SidemanError):
        told(("signature_numerator", 0), ("signature_denominator", 4))


ANYTHING = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.binary(max_size=4))


@given(st.lists(st.tuples(st.sampled_from(QUESTIONS), st.lists(ANYTHING, max_size=6)), max_size=12))
def test_no_answer_raises_anything_else(messages: list[tuple[str, list[Any]]]) -> None:
    song = Song()
    for question, arguments in messages:
        address = question.replace("start_listen", "get")
        try:
            answer = hear(song, address, arguments)
        except SidemanError:
            continue
        assert answer is not None, address
        song = answer[0]


def test_everything_that_is_listened_to_is_read() -> None:
    values: dict[str, Any] = {"scale_name": "Major"}
    for name in LISTENED:
        assert hear(Song(), f"/live/song/get/{name}", (values.get(name, 40),)) is not None, name
