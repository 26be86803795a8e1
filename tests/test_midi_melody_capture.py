"""A melody captured while it is played."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midi.bar_loops import MAX_BARS
from midi.melody import Note
from midi.melody_capture import (
    MAX_NOTES,
    MelodyCapture,
    melody_chart,
    melody_moved,
    melody_notes,
    one_at_a_time,
    sung,
)
from midi.performance import AllOff, NoteOff, NoteOn, Pedal, PlayedEvent
from midi.sounding import MAX_HELD
from midi.time import Beats, TempoMap

FOUR = TempoMap()
START = Beats(0.0)


def on(at: float, pitch: int, source: int = 0) -> NoteOn:
    return NoteOn(at=Beats(at), pitch=pitch, velocity=80, source=source)


def off(at: float, pitch: int, source: int = 0) -> NoteOff:
    return NoteOff(at=Beats(at), pitch=pitch, source=source)


def captured(*events: PlayedEvent, split: int | None = None) -> MelodyCapture:
    capture = MelodyCapture(split=split)
    for event in events:
        capture = sung(capture, event, FOUR)
    return capture


def short(notes: tuple[Note, ...]) -> list[tuple[float, float, int]]:
    return [(note.at, note.length, note.pitch) for note in notes]


def heard(*events: PlayedEvent, at: float = 16.0, split: int | None = None) -> list[tuple[float, float, int]]:
    return short(melody_notes(captured(*events, split=split), START, Beats(at)))


def test_a_note_lasts_as_long_as_its_key_is_down() -> None:
    assert heard(on(1, 72), off(2.5, 72)) == [(1, 1.5, 72)]


def test_a_note_that_is_held_ends_now() -> None:
    assert heard(on(1, 72), at=3.0) == [(1, 2, 72)]


def test_the_left_hand_is_not_heard() -> None:
    assert heard(on(0, 59), on(0, 60), off(1, 59), off(1, 60), split=60) == [(0, 1, 60)]


def test_a_key_that_comes_down_again_ends_its_note() -> None:
    assert heard(on(0, 72), on(1, 72), off(3, 72)) == [(0, 1, 72), (1, 2, 72)]


def test_the_pedal_says_nothing() -> None:
    assert heard(Pedal(at=START, down=True), on(0, 72), off(1, 72)) == [(0, 1, 72)]


def test_all_notes_off_ends_the_notes_of_its_source() -> None:
    assert heard(on(0, 72), on(0, 76, source=1), AllOff(at=Beats(2.0)), at=3.0) == [(0, 2, 72), (0, 3, 76)]


def test_a_slip_of_the_finger_is_left_out() -> None:
    assert heard(on(0, 72), off(0.02, 72)) == []


def test_a_note_that_is_never_released_is_let_go() -> None:
    assert heard(on(0, 72), on(MAX_HELD + 4, 74), at=MAX_HELD + 5) == [(0, MAX_HELD, 72), (MAX_HELD + 4, 1, 74)]


def test_legato_is_made_monophonic_when_asked() -> None:
    capture = captured(on(0, 72), on(1, 74), off(1.2, 72), on(2, 76), off(2.2, 74), off(3, 76))
    assert short(melody_notes(capture, START, Beats(4.0), monophonic=True)) == [(0, 1, 72), (1, 1, 74), (2, 1, 76)]


def test_of_notes_that_begin_together_the_highest_stays() -> None:
    capture = captured(on(0, 60), on(0.02, 64), on(0.04, 67), off(1, 60), off(1, 64), off(1, 67))
    assert [note.pitch for note in melody_notes(capture, START, Beats(4.0), monophonic=True)] == [67]


def test_a_cycle_of_the_transport_puts_what_was_played_before_it() -> None:
    capture = melody_moved(captured(on(16, 72), off(17, 72), on(23, 74)), Beats(24.0), Beats(16.0), FOUR)
    assert short(capture.notes) == [(8, 1, 72), (15, 1, 74)]


def test_the_chart_goes_on_in_phase() -> None:
    capture = captured(on(20, 72), off(21, 72), on(24, 74), off(25, 74))
    chart = melody_chart(melody_notes(capture, Beats(20.0), Beats(28.0)), 2, FOUR)
    assert short(chart.notes_between(FOUR, Beats(28.0), Beats(36.0))) == [(28, 1, 72), (32, 1, 74)]


EVENTS = st.lists(
    st.tuples(st.floats(0.0, 300.0), st.sampled_from([on, off]), st.integers(0, 127), st.integers(0, 1)), max_size=80
)


@given(raw=EVENTS, bars=st.sampled_from([1, 2, 4, 8]))
def test_any_events_make_notes_within_the_last_bars(raw: list[tuple[float, object, int, int]], bars: int) -> None:
    events = [make(at, pitch, source) for at, make, pitch, source in sorted(raw, key=lambda item: item[0])]  # type: ignore[operator]
    capture = captured(*events)
    now = Beats(events[-1].at + 1 if events else 1.0)
    notes = melody_notes(capture, START, now)
    assert all(0 < note.length <= MAX_HELD and note.at + note.length <= now for note in notes)
    assert len(capture.notes) <= MAX_NOTES
    assert all(note.at + note.length >= now - (MAX_BARS + 70) * 4 for note in capture.notes)
    assert all(0 <= note.at < bars * 4 for note in melody_chart(notes, bars, FOUR).notes)


@given(raw=EVENTS)
def test_one_at_a_time_never_overlaps(raw: list[tuple[float, object, int, int]]) -> None:
    events = [make(at, pitch, source) for at, make, pitch, source in sorted(raw, key=lambda item: item[0])]  # type: ignore[operator]
    line = one_at_a_time(melody_notes(captured(*events), START, Beats(400.0)))
    assert all(a.at + a.length <= b.at + 1e-9 and a.length > 0 for a, b in pairwise(line))


def test_a_flood_is_bounded() -> None:
    capture = MelodyCapture()
    for index in range(12_000):
        at = index / 1500
        capture = sung(capture, on(at, index % 128), FOUR)
    assert len(capture.notes) <= MAX_NOTES
    assert len(capture.held) <= 128


@pytest.mark.parametrize("at", [0.0, 100.0])
def test_nothing_played_is_no_melody(at: float) -> None:
    assert melody_notes(MelodyCapture(), START, Beats(at)) == ()
