"""Drums captured while they are played: layouts, flams, and the loop in what was played."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midi.bar_loops import MAX_BARS
from midi.drum_capture import (
    FLAM,
    MAX_HITS,
    DrumCapture,
    DrumLoop,
    drum_loop,
    drummed,
    drums_moved,
    loop_chart,
    unknown_notes,
)
from midi.drum_layouts import DRUM_LAYOUTS, layout_with
from midi.drums import DrumHit, parse_steps
from midi.errors import VoiceError
from midi.performance import NoteOff, NoteOn
from midi.time import Beats, Bpm, Meter, TempoMap

FOUR = TempoMap()
NOTES = {"kick": 36, "snare": 38, "hat": 42, "tom": 45}

BEAT = {"kick": "x...x...x...x...", "snare": "....x.......x...", "hat": "x.x.x.x.x.x.x.x."}
BUSY = {"kick": "x..x..x.x.......", "snare": "....x.......x..o"}
FILL = {"snare": "x.x.xxx.xxxxxxxx", "tom": "........x.x.x.x."}


def played(bars: list[dict[str, str]], first: int = 1, swing: float = 0.0, jitter: float = 0.0) -> DrumCapture:
    """A capture of bars in grid notation, with offbeat sixteenths late by ``swing`` beats."""
    rng = random.Random(1)
    strokes = [
        (4.0 * (first - 1 + bar) + step / 4 + swing * (step % 2) + rng.uniform(-jitter, jitter), NOTES[voice], velocity)
        for bar, grid in enumerate(bars)
        for voice, text in grid.items()
        for step, velocity in enumerate(parse_steps(voice, text))
        if velocity
    ]
    return capture_of(sorted(strokes))


def capture_of(strokes: list[tuple[float, int, int]], start: DrumCapture | None = None) -> DrumCapture:
    """A capture of strokes: place, note, velocity."""
    capture = start or DrumCapture()
    for at, note, velocity in strokes:
        capture = drummed(capture, NoteOn(at=Beats(at), pitch=note, velocity=velocity), FOUR)
    return capture


def loop_of(capture: DrumCapture, at: float) -> DrumLoop:
    found = drum_loop(capture, Beats(at), FOUR)
    assert found is not None
    return found


# Strokes


def test_strokes_keep_their_place_and_velocity() -> None:
    assert capture_of([(0.51, 38, 77)]).hits == (DrumHit(at=Beats(0.51), voice="snare", velocity=77),)


@pytest.mark.parametrize(("layout", "voices"), [
    ("general midi", ["kick", "low_tom", "low_tom", "pedal_hat", "low_tom", "ride"]),
    ("drum rack", ["kick", "low_tom", "mid_tom", "closed_hat", "high_tom", "ride"]),
])  # fmt: skip
def test_layouts(layout: str, voices: list[str]) -> None:
    strokes = [(float(index), note, 80) for index, note in enumerate((36, 41, 43, 44, 45, 51))]
    capture = capture_of(strokes, DrumCapture(layout=DRUM_LAYOUTS[layout]))
    assert [hit.voice for hit in capture.hits] == voices


def test_a_map_of_ones_own_is_laid_over_a_layout() -> None:
    layout = layout_with("general midi", {20: "Side Stick", 36: ""})
    capture = capture_of([(0.0, 20, 80), (1.0, 36, 80), (2.0, 38, 80)], DrumCapture(layout=layout))
    assert [hit.voice for hit in capture.hits] == ["sidestick", "snare"]
    assert list(unknown_notes(capture)) == [36]


@pytest.mark.parametrize(("base", "own"), [("roland", {}), ("drum rack", {128: "kick"}), ("drum rack", {20: "kck"})])
def test_a_map_that_cannot_be_read_is_refused(base: str, own: dict[int, str]) -> None:
    with pytest.raises(VoiceError):
        layout_with(base, own)


def test_another_channel_is_not_heard() -> None:
    capture = DrumCapture(channel=9)
    for channel in (0, 9):
        capture = drummed(capture, NoteOn(at=Beats(0.0), pitch=36 + channel, velocity=80, source=channel), FOUR)
    assert [hit.voice for hit in capture.hits] == ["low_tom"]


def test_releases_are_no_strokes() -> None:
    assert drummed(DrumCapture(), NoteOff(at=Beats(0.0), pitch=36), FOUR).hits == ()


def test_a_flam_is_one_stroke_where_it_is_loudest() -> None:
    capture = capture_of([(0.97, 38, 30), (1.0, 38, 100), (1.02, 40, 20)])
    assert capture.hits == (DrumHit(at=Beats(1.0), voice="snare", velocity=100),)


def test_thirty_seconds_are_no_flam() -> None:
    assert len(capture_of([(index / 8, 38, 80) for index in range(8)]).hits) == 8


def test_two_voices_at_one_place_are_two_strokes() -> None:
    assert len(capture_of([(0.0, 36, 80), (0.0, 42, 80)]).hits) == 2


def test_a_stroke_just_before_a_bar_line_lies_on_it() -> None:
    assert capture_of([(3.95, 36, 80)]).hits[0].at == 4.0


# Loops


@pytest.mark.parametrize(("bars", "expected"), [
    ([BEAT] * 4, 1),
    ([BEAT, BUSY] * 2, 2),
    ([BEAT, BEAT, BEAT, FILL] * 2, 4),
    ([BEAT, BUSY, BEAT, FILL, BUSY, BUSY, BEAT, BUSY] * 2, 8),
])  # fmt: skip
@pytest.mark.parametrize("jitter", [0.0, 0.03])
def test_the_loop_is_as_long_as_what_repeats(bars: list[dict[str, str]], expected: int, jitter: float) -> None:
    loop = loop_of(played(bars, jitter=jitter), 4.0 * len(bars))
    assert (loop.bars, loop.likeness > 0.95) == (expected, True)


def test_where_nothing_repeats_the_loop_is_the_last_four_bars() -> None:
    bars = [{"kick": "x..............."}, FILL, BUSY, BEAT, {"tom": "xxxxxxxxxxxxxxxx"}]
    loop = loop_of(played(bars), 20.0)
    assert (loop.bars, min(hit.at for hit in loop.hits) >= 4.0) == (4, True)


def test_swing_and_velocities_are_kept() -> None:
    ghosts = {"hat": "xoxoxoxoxoxoxoxo"}
    loop = loop_of(played([ghosts] * 2, swing=0.08), 8.0)
    assert [hit.at - 4.0 for hit in loop.hits[:4]] == pytest.approx([0.0, 0.33, 0.5, 0.83])
    assert [hit.velocity for hit in loop.hits[:4]] == [96, 48, 96, 48]


def test_the_bar_that_is_being_played_does_not_count() -> None:
    loop = loop_of(played([BEAT, BEAT, {"kick": "xx.............."}]), 8.6)
    assert (loop.bars, max(hit.at for hit in loop.hits) < 8.0) == (1, True)


def test_a_bar_entered_late_does_not_count() -> None:
    upbeat = {"snare": "............xxxx"}
    assert drum_loop(played([upbeat]), Beats(4.0), FOUR) is None
    assert loop_of(played([upbeat, BEAT]), 8.0).bars == 1


def test_a_count_in_of_half_a_bar_does_not_count() -> None:
    assert loop_of(played([{"hat": "........x...x..."}, BEAT, BUSY]), 12.0).bars == 2


def test_silence_after_the_loop_does_not_count() -> None:
    assert loop_of(played([BEAT] * 4), 32.0).hits[0].at == 12.0


def test_bars_of_another_meter_do_not_count() -> None:
    tempo_map = TempoMap.constant(Bpm(120.0), Meter(numerator=3, denominator=4))
    capture = DrumCapture()
    for beat in range(9):
        capture = drummed(
            capture, NoteOn(at=Beats(float(beat)), pitch=36 if beat % 3 == 0 else 42, velocity=80), tempo_map
        )
    loop = drum_loop(capture, Beats(9.0), tempo_map)
    assert loop is not None
    assert (loop.bars, [hit.at for hit in loop.hits]) == (1, [6.0, 7.0, 8.0])


def test_nothing_played_is_no_loop() -> None:
    assert drum_loop(DrumCapture(), Beats(64.0), FOUR) is None


def test_the_chart_goes_on_in_phase() -> None:
    loop = loop_of(played([BEAT, BEAT, BEAT, BEAT, FILL, BEAT, FILL, BEAT, FILL]), 36.0)
    assert loop.bars == 2
    layout = loop_chart(loop, FOUR).layout(FOUR, Beats(36.0), Beats(44.0))
    voices = [{hit.voice for hit in layout.hits if line <= hit.at < line + 4} for line in (36.0, 40.0)]
    assert voices == [{"kick", "snare", "closed_hat"}, {"snare", "low_tom"}]


def test_a_cycle_of_the_transport_goes_on_as_one_stretch() -> None:
    once = played([BEAT, BUSY], first=5)
    again = drums_moved(once, Beats(24.0), Beats(16.0), FOUR)
    assert [hit.at for hit in again.hits] == [hit.at - 8.0 for hit in once.hits]
    strokes = [(hit.at, NOTES.get(hit.voice, 42), hit.velocity) for hit in once.hits]
    loop = loop_of(capture_of(strokes, again), 24.0)
    assert (loop.bars, loop.likeness) == (2, 1.0)


# Any strokes


STROKES = st.lists(st.tuples(st.floats(0.0, 400.0), st.integers(0, 127), st.integers(1, 127)), max_size=80)


@given(strokes=STROKES, at=st.floats(0.0, 420.0))
def test_loops_lie_in_whole_bars_before_the_place(strokes: list[tuple[float, int, int]], at: float) -> None:
    loop = drum_loop(capture_of(sorted(strokes)), Beats(at), FOUR)
    if loop is not None:
        places = [hit.at for hit in loop.hits]
        assert max(places) < at + 0.2
        assert max(places) - min(places) < loop.bars * 4
        assert all(0 <= hit.at < loop.bars * 4 for hit in loop_chart(loop, FOUR).hits)


@given(strokes=STROKES)
def test_strokes_are_sorted_and_no_voice_is_closer_to_itself_than_a_flam(strokes: list[tuple[float, int, int]]) -> None:
    hits = capture_of(sorted(strokes)).hits
    assert list(hits) == sorted(hits, key=lambda hit: (hit.at, hit.voice))
    for voice in {hit.voice for hit in hits}:
        places = [hit.at for hit in hits if hit.voice == voice]
        assert all(b - a >= FLAM for a, b in pairwise(places))


def test_a_flood_is_bounded() -> None:
    rng = random.Random(2)
    capture = capture_of([(index / 1500, rng.randrange(35, 82), 80) for index in range(20_000)])
    assert len(capture.hits) <= MAX_HITS
    later = capture_of([(800.0, 36, 80)], capture)
    assert [hit.at for hit in later.hits] == [800.0]
    assert MAX_BARS == 17
