"""The clock follower: start-up, jitter, lost and doubled ticks, jumps, dropout, SPP and timecode, in simulated time."""

from __future__ import annotations

import math
import pickle
import random
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midi.clock_follower import COAST_S, FollowerState, estimate, hear
from midi.clock_messages import (
    ClockMessage,
    Continue,
    FullFrame,
    QuarterFrame,
    SongPosition,
    Start,
    Stop,
    Tick,
)
from midi.mtc import Timecode
from midi.tick_clock import SILENCE_S
from midi.time import MAX_BPM, MIN_BPM, Bpm, Seconds, TempoMap

Timeline = list[tuple[float, ClockMessage]]


def heard(timeline: Timeline, state: FollowerState | None = None) -> FollowerState:
    state = state or FollowerState()
    for at, message in timeline:
        state = hear(state, message, Seconds(at))
    return state


def tick_times(bpm: float, beats: float, start: float = 0.0) -> list[float]:
    return [start + index * 60 / (24 * bpm) for index in range(round(beats * 24))]


def clock(bpm: float, beats: float, start: float = 0.0) -> Timeline:
    return [(at, Tick()) for at in tick_times(bpm, beats, start)]


def started(bpm: float, beats: float) -> Timeline:
    return [(-0.01, Start()), *clock(bpm, beats)]


def tempo_at(state: FollowerState, at: float) -> float:
    return estimate(state, Seconds(at)).tempo


def position_at(state: FollowerState, at: float) -> float:
    return estimate(state, Seconds(at)).position


@pytest.mark.parametrize("bpm", [5, 20, 60, 97.5, 120, 180, 300, 999])
def test_a_clean_clock_is_known_after_two_beats(bpm: float) -> None:
    state = heard(started(bpm, 2))
    at = 2 * 60 / bpm
    said = estimate(state, Seconds(at))
    assert said.tempo == pytest.approx(bpm, abs=0.1)
    assert abs(said.position - 2) * 60 / bpm < 0.002
    assert said.playing
    assert said.sure
    assert said.confidence > 0.5


def test_nothing_heard_is_no_confidence_and_no_tempo_of_its_own() -> None:
    said = estimate(FollowerState(), Seconds(3.0))
    assert (said.confidence, said.playing, said.position, said.lost) == (0.0, False, 0.0, False)


def test_the_position_is_right_within_the_first_beat() -> None:
    state = FollowerState()
    for at, message in started(120, 1):
        state = hear(state, message, Seconds(at))
        assert position_at(state, max(0.0, at)) == pytest.approx(max(0.0, at) * 2, abs=1e-6)


def test_confidence_grows_with_the_ticks() -> None:
    state, grown = FollowerState(), []
    for at, message in started(120, 1):
        state = hear(state, message, Seconds(at))
        grown.append(estimate(state, Seconds(at)).confidence)
    assert grown == sorted(grown)
    assert grown[2] < 0.1
    assert grown[-1] > 0.7


def jittered(seed: int, bpm: float, beats: float, jitter: Callable[[random.Random], float]) -> Timeline:
    random_ = random.Random(seed)
    return [(-0.02, Start()), *sorted((at + jitter(random_), Tick()) for at in tick_times(bpm, beats))]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("jitter", "beats"),
    [(lambda r: r.uniform(-0.003, 0.003), 2), (lambda r: r.gauss(0.0, 0.003), 4)],
    ids=["uniform", "gaussian"],
)
def test_three_milliseconds_of_jitter_are_averaged_away(
    seed: int, jitter: Callable[[random.Random], float], beats: float
) -> None:
    state = FollowerState()
    for at, message in jittered(seed, 120, 24, jitter):
        state = hear(state, message, Seconds(at))
        if at > beats * 0.5:
            assert tempo_at(state, at) == pytest.approx(120, abs=0.3)
            assert abs(position_at(state, at) - at * 2) * 0.5 < 0.005


def two_tempos(before: float, after: float) -> tuple[Timeline, Callable[[float], float]]:
    change = 8 * 60 / before
    timeline = [(-0.01, Start()), *clock(before, 8), *clock(after, 8, change)]
    return timeline, lambda at: at * before / 60 if at < change else 8 + (at - change) * after / 60


@pytest.mark.parametrize(("before", "after"), [(60, 180), (180, 60), (120, 60), (60, 120), (120, 90), (120, 130)])
def test_a_jump_is_followed_within_a_beat_and_no_tick_is_miscounted(before: float, after: float) -> None:
    timeline, truth = two_tempos(before, after)
    state = FollowerState()
    for at, message in timeline:
        state = hear(state, message, Seconds(at))
        if truth(at) > 9:
            assert tempo_at(state, at) == pytest.approx(after, abs=0.5)
            assert position_at(state, at) == pytest.approx(truth(at), abs=0.01)


@pytest.mark.parametrize(("before", "after"), [(120, 130), (120, 110), (120, 160), (120, 90)])
def test_no_tick_is_miscounted_where_a_tempo_jumps_under_jitter(before: float, after: float) -> None:
    """A small jump looks like lost or doubled ticks at first: no count of 100 seeds is off."""
    timeline, truth = two_tempos(before, after)
    end, late = timeline[-1][0] + 0.02, []
    for seed in range(100):
        random_ = random.Random(seed)
        ticks = sorted(at + random_.gauss(0.0, 0.003) for at, message in timeline if message == Tick())
        state = heard([(-0.02, Start()), *((at, Tick()) for at in ticks)])
        if abs(position_at(state, end) - truth(end)) > 0.5 / 24:
            late.append(seed)
    assert late == []


def test_a_start_after_a_miscount_counts_from_its_own_tick() -> None:
    """Two ticks are lost, the song starts anew, and then the tempo jumps: the start's count is not put right."""
    before = [entry for place, entry in enumerate(started(120, 4)) if place not in {80, 81}]
    again = [(1.995, Start()), *clock(120, 0.5, 2.0), *clock(150, 4, 2.25)]
    state = heard([*before, *again])
    assert position_at(state, 2.25 + 4 * 0.4) == pytest.approx(4.5, abs=0.02)


def test_ticks_that_are_lost_amid_jitter_are_no_jump() -> None:
    for seed in range(30):
        random_ = random.Random(seed)
        kept = [at for place, at in enumerate(tick_times(120, 16)) if place not in {120, 190, 191, 260}]
        ticks = sorted(at + random_.gauss(0.0, 0.002) for at in kept)
        state = heard([(-0.02, Start()), *((at, Tick()) for at in ticks)])
        assert position_at(state, 8.0) == pytest.approx(16.0, abs=0.4 / 24)


def test_a_slow_ramp_is_followed() -> None:
    state, at = hear(FollowerState(), Start(), Seconds(-0.01)), 0.0
    for index in range(40 * 24):
        state = hear(state, Tick(), Seconds(at))
        bpm = 100 + index / 24 * 0.5
        if index > 48:
            assert tempo_at(state, at) == pytest.approx(bpm, abs=0.8)
            assert abs(position_at(state, at) - index / 24) * 60 / bpm < 0.002
        at += 60 / (24 * bpm)


def without(timeline: Timeline, places: set[int]) -> Timeline:
    return [entry for place, entry in enumerate(timeline) if place not in places]


@pytest.mark.parametrize("places", [{100}, {100, 101}, {60, 70, 71, 90, 120}, set(range(100, 110))])
def test_lost_ticks_are_counted(places: set[int]) -> None:
    state = heard(without(started(120, 8), places))
    assert position_at(state, 4.0) == pytest.approx(8.0, abs=1e-6)
    assert tempo_at(state, 4.0) == pytest.approx(120.0, abs=1e-6)


BEATS_APART = st.lists(st.integers(min_value=2, max_value=7), unique=True).map(
    lambda beats: [24 * one for one in beats]
)


@given(BEATS_APART, st.floats(min_value=0.0, max_value=0.02))
def test_doubled_ticks_are_not_counted(places: list[int], later: float) -> None:
    """A single one tells nothing about the tempo; several in a row at half a tick are a faster clock."""
    doubles = [(at + later, Tick()) for place, (at, _) in enumerate(started(120, 8)) if place in places]
    state = heard(sorted([*started(120, 8), *doubles], key=lambda entry: entry[0]))
    assert position_at(state, 4.0) == pytest.approx(8.0, abs=0.001)


def test_a_hiccup_that_delays_ticks_and_delivers_them_together_is_nothing() -> None:
    timeline = [(max(at, 2.06) if 2.0 <= at <= 2.06 else at, message) for at, message in started(120, 8)]
    state = heard(timeline)
    assert position_at(state, 4.0) == pytest.approx(8.0, abs=0.001)


def test_a_dropout_coasts_and_then_says_so() -> None:
    state = heard(started(120, 4))
    end = 4 * 0.5 - 0.5 / 24
    early = estimate(state, Seconds(end + SILENCE_S * 0.9))
    late = estimate(state, Seconds(end + SILENCE_S * 1.1))
    assert (early.playing, early.lost, early.sure) == (True, False, True)
    assert (late.playing, late.lost, late.sure, late.confidence) == (True, True, False, 0.0)
    assert late.position == pytest.approx((end + SILENCE_S * 1.1) * 2, abs=1e-6)


def test_a_clock_that_never_returns_stops_the_song() -> None:
    state = heard(started(120, 4))
    gone = estimate(state, Seconds(2.0 + COAST_S))
    assert (gone.playing, gone.lost) == (False, True)
    assert position_at(state, 1000.0) == position_at(state, 2.0 + COAST_S) == pytest.approx(4 + COAST_S * 2, abs=0.05)


def test_a_clock_that_returns_is_taken_up_where_it_has_got_to() -> None:
    state = heard([*started(120, 8), *clock(120, 4, 4.0 + 5.0)])
    said = estimate(state, Seconds(11.0))
    assert said.position == pytest.approx(22.0, abs=0.01)
    assert (said.playing, said.lost, said.sure) == (True, False, False)


def test_a_clock_that_returns_after_the_song_was_given_up_moves_nothing() -> None:
    state = heard([*started(120, 4), *clock(90, 8, 60.0)])
    said = estimate(state, Seconds(65.0))
    assert not said.playing
    assert said.tempo == pytest.approx(90, abs=0.1)


def test_ticks_without_start_tell_the_tempo_and_move_nothing() -> None:
    said = estimate(heard(clock(97, 8)), Seconds(5.0))
    assert said.tempo == pytest.approx(97, abs=1e-6)
    assert (said.playing, said.position, said.lost) == (False, 0.0, False)


@pytest.mark.parametrize("phase", [0.0, 0.003, 0.009, 0.015])
def test_a_start_amid_ticks_counts_from_the_next_tick_whatever_its_phase(phase: float) -> None:
    """Some devices begin a new phase with the start, others tick on."""
    first = 2.0 + phase
    state = heard([*clock(120, 4), (1.999, Start()), *clock(120, 2, first)])
    assert position_at(state, first + 1.0) == pytest.approx(2.0, abs=0.002)
    assert tempo_at(state, first + 1.0) == pytest.approx(120, abs=0.1)


def test_a_start_without_a_clock_plays_nothing_on_and_says_so() -> None:
    state = heard([(1.0, Start())])
    soon, late = estimate(state, Seconds(1.5)), estimate(state, Seconds(60.0))
    assert (soon.playing, soon.position, soon.lost) == (True, 0.0, False)
    assert (late.position, late.lost, late.confidence) == (0.0, True, 0.0)


def test_stop_stands_and_continue_goes_on_with_the_next_tick() -> None:
    state = heard([*started(120, 2), (1.0, Stop()), *clock(120, 2, 1.0)])
    assert not estimate(state, Seconds(1.9)).playing
    assert position_at(state, 1.9) == pytest.approx(2.0, abs=1e-6)
    state = heard([(1.99, Continue()), *clock(120, 2, 2.0)], state)
    assert position_at(state, 3.0) == pytest.approx(4.0, abs=0.001)


def test_a_pointer_while_stopped_is_where_continue_begins() -> None:
    state = heard([*clock(120, 2), (1.0, SongPosition(66))])
    assert position_at(state, 1.0) == 16.5
    state = heard([(1.01, Continue()), *clock(120, 2, 1.02)], state)
    said = estimate(state, Seconds(2.02))
    assert said.position == pytest.approx(18.5, abs=0.002)
    assert said.sure


def test_a_pointer_while_playing_moves_the_song() -> None:
    state = heard([*started(120, 4), (1.999, SongPosition(4)), *clock(120, 2, 2.0)])
    assert position_at(state, 3.0) == pytest.approx(3.0, abs=0.001)


def test_start_while_playing_begins_again() -> None:
    state = heard([*started(120, 4), (1.999, Start()), *clock(120, 2, 2.0)])
    assert position_at(state, 3.0) == pytest.approx(2.0, abs=0.001)


def test_five_thousand_ticks_a_second_are_no_tempo_to_believe() -> None:
    state = heard([(-0.01, Start()), *((index / 5000, Tick()) for index in range(20_000))])
    said = estimate(state, Seconds(4.0))
    assert MIN_BPM <= said.tempo <= MAX_BPM
    assert said.confidence < 0.5
    assert len(pickle.dumps(state)) < 4096


def quarter_frames(start: Timecode, frames: int, at: float, seconds_a_frame: float) -> Timeline:
    """The pieces of so many frames of running 25 frames a second timecode from a whole second on."""
    timeline: Timeline = []
    for quarter in range(frames * 4):
        piece = quarter % 8
        frame = start.frames + quarter // 8 * 2
        seconds = start.seconds + frame // 25
        values = (
            frame % 25 & 15, frame % 25 >> 4, seconds & 15, seconds >> 4,
            start.minutes & 15, start.minutes >> 4, start.hours & 15, start.hours >> 4 | start.rate << 1,
        )  # fmt: skip
        timeline.append((at + quarter * seconds_a_frame / 4, QuarterFrame(piece, values[piece])))
    return timeline


TEN_SECONDS = Timecode(hours=0, minutes=0, seconds=10, frames=0, rate=1)


def test_timecode_moves_the_song_by_the_sessions_tempo_map() -> None:
    state = heard(quarter_frames(TEN_SECONDS, 50, 100.0, 1 / 25))
    said = estimate(state, Seconds(102.0), TempoMap.constant(Bpm(90.0)))
    assert said.playing
    assert said.position == pytest.approx(12 * 1.5, abs=0.001)


def test_timecode_and_ticks_make_beats_at_the_clocks_tempo() -> None:
    both = [*quarter_frames(TEN_SECONDS, 50, 100.0, 1 / 25), *clock(60, 2, 100.0)]
    state = heard(sorted(both, key=lambda entry: entry[0]))
    assert position_at(state, 102.0) == pytest.approx(12.0, abs=0.001)


def test_timecode_that_ceases_stands_still() -> None:
    state = heard(quarter_frames(TEN_SECONDS, 50, 100.0, 1 / 25))
    said = estimate(state, Seconds(110.0), TempoMap.constant(Bpm(60.0)))
    assert not said.playing
    assert said.position == pytest.approx(12.0, abs=0.2)


def test_a_full_frame_moves_the_song_and_a_start_takes_it_from_there() -> None:
    state = heard([(1.0, FullFrame(TEN_SECONDS))])
    said = estimate(state, Seconds(5.0), TempoMap.constant(Bpm(60.0)))
    assert (said.playing, said.position) == (False, 10.0)
    state = heard([(6.0, Start()), *clock(60, 1, 6.1)], state)
    assert position_at(state, 7.1) == pytest.approx(1.0, abs=0.001)


MESSAGES = st.one_of(
    *[st.just(Tick())] * 6,
    st.just(Start()),
    st.just(Continue()),
    st.just(Stop()),
    st.builds(SongPosition, st.integers(min_value=0, max_value=16383)),
    st.builds(QuarterFrame, st.integers(min_value=0, max_value=7), st.integers(min_value=0, max_value=15)),
    st.just(FullFrame(TEN_SECONDS)),
)
GAPS = st.one_of(st.floats(min_value=-0.01, max_value=0.05), st.floats(min_value=0.0, max_value=20.0))


@given(st.lists(st.tuples(GAPS, MESSAGES), max_size=120))
def test_whatever_comes_the_estimate_makes_sense_and_the_state_stays_small(
    heard_: list[tuple[float, ClockMessage]],
) -> None:
    state, at = FollowerState(), 0.0
    for gap, message in heard_:
        at += gap
        state = hear(state, message, Seconds(at))
        for later in (0.0, 0.3, 30.0):
            said = estimate(state, Seconds(at + later))
            assert MIN_BPM <= said.tempo <= MAX_BPM
            assert 0.0 <= said.tempo_error < math.inf
            assert 0.0 <= said.confidence <= 1.0
            assert 0.0 <= said.position < math.inf
    assert len(pickle.dumps(state)) < 4096


GAPS_OF_TICKS = st.lists(
    st.floats(min_value=0.0, max_value=3.0) | st.floats(min_value=0.0, max_value=0.05), max_size=150
)


@given(GAPS_OF_TICKS, st.floats(min_value=0.0, max_value=1.0))
def test_the_position_never_runs_backwards_while_the_song_runs(gaps: list[float], part: float) -> None:
    state, at, told = hear(FollowerState(), Start(), Seconds(0.0)), 0.0, 0.0
    for gap in gaps:
        for asked in (at + gap * part, at + gap):
            position = position_at(state, asked)
            assert position >= told
            told = position
        at += gap
        state = hear(state, Tick(), Seconds(at))


def two_devices(seed: int) -> Iterator[float]:
    """Ticks of two clocks at once on one port."""
    random_ = random.Random(seed)
    yield from sorted([*tick_times(120, 16), *(at + random_.gauss(0, 0.001) for at in tick_times(93, 12, 0.004))])


def test_two_clocks_on_one_port_leave_the_tempo_finite_and_little_believed() -> None:
    state = hear(FollowerState(), Start(), Seconds(-0.01))
    believed = []
    for at in two_devices(1):
        state = hear(state, Tick(), Seconds(at))
        believed.append(estimate(state, Seconds(at)).confidence)
    assert sum(believed[96:]) / len(believed[96:]) < 0.6
