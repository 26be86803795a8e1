"""Category: unit. The time of a device by its stamps, and the song by the transport's reports."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.player_clock import DeviceClock
from bridge.player_song import JUMP_S, Song
from bridge.session import SessionState, reduce
from midi import events as ev
from midi.time import Beats, Bpm, Seconds, TempoMap, TempoPoint

RATE = 48000
BLOCK = 256


def stamped(
    clock: DeviceClock, seconds: float, *, drift: float, jitter_s: float, begin: float = 100.0, first: int = 0
) -> DeviceClock:
    """The clock after so many seconds of blocks, each up to ``jitter_s`` late."""
    noise = random.Random(4)
    for frame in range(first, first + round(seconds * RATE), BLOCK):
        clock = clock.hear(frame, begin + frame / (RATE * (1 + drift)) + noise.uniform(0, jitter_s))
    return clock


@pytest.mark.parametrize("drift", [0.0, 60e-6, -300e-6])
def test_a_crystal_is_followed_through_jitter(drift: float) -> None:
    clock = stamped(DeviceClock.free(RATE, frame=0, at=5.0), 60.0, drift=drift, jitter_s=0.002)
    for frame in (60 * RATE, 61 * RATE):
        true = 100.0 + frame / (RATE * (1 + drift)) + 0.001
        assert clock.time_of(frame) == pytest.approx(true, abs=0.0006)


def test_one_late_block_moves_the_clock_by_little() -> None:
    clock = stamped(DeviceClock.free(RATE, frame=0, at=0.0), 10.0, drift=0.0, jitter_s=0.0)
    frame = 10 * RATE
    late = clock.hear(frame, 100.0 + 10.0 + 0.5)
    assert late.time_of(frame) == pytest.approx(110.0, abs=1e-4)


@pytest.mark.parametrize("place", [0, 1, 5])
def test_a_late_stamp_among_the_first_is_made_up_for(place: int) -> None:
    clock = DeviceClock.free(RATE, frame=0, at=0.0)
    for number in range(40):
        late = 0.05 if number == place else 0.0
        clock = clock.hear(number * BLOCK, 100.0 + number * BLOCK / RATE + late)
    assert clock.time_of(0) == pytest.approx(100.0, abs=2e-4)


def test_a_device_that_is_held_up_and_catches_up_is_believed() -> None:
    """A hundred milliseconds nothing, and then all that is due at once: the frames sound when they would have."""
    clock = stamped(DeviceClock.free(RATE, frame=0, at=0.0), 10.0, drift=0.0, jitter_s=0.0)
    for number in range(20):
        frame = 10 * RATE + number * BLOCK
        clock = clock.hear(frame, max(110.1 + number * 0.0005, 100.0 + frame / RATE))
    assert clock.time_of(11 * RATE) == pytest.approx(111.0, abs=0.001)


def test_a_device_that_stood_still_is_followed_anew() -> None:
    clock = stamped(DeviceClock.free(RATE, frame=0, at=0.0), 10.0, drift=0.0, jitter_s=0.0)
    clock = stamped(clock, 1.0, drift=0.0, jitter_s=0.0, begin=100.3, first=10 * RATE)
    assert clock.time_of(11 * RATE) == pytest.approx(111.3, abs=1e-6)


@given(st.floats(-1e3, 1e6), st.floats(-1e4, 1e4), st.floats(1e-6, 1e-3))
def test_frames_and_times_are_inverse(frame: float, at: float, period: float) -> None:
    clock = DeviceClock(rate_hz=RATE, frame=17.0, at=at, period_s=period)
    assert clock.frame_at(clock.time_of(frame)) == pytest.approx(frame, abs=1e-2)


# The song


def told(session: SessionState, event: ev.SessionEvent, now: float) -> SessionState:
    return reduce(session, event, Seconds(now))[0]


def test_jitter_of_reports_is_averaged_away() -> None:
    noise = random.Random(2)
    session = told(SessionState(), ev.Play(at=Beats(0.0)), 50.0)
    song = Song.of(session)
    for tenth in range(1, 300):
        now = 50.0 + tenth / 10
        beat = 2.0 * (tenth / 10 + noise.uniform(-0.015, 0.015))
        session = told(session, ev.Locate(at=Beats(max(0.0, beat))), now)
        followed = song.follow(session)
        song = followed.song
        assert not followed.moved
        if tenth > 50:
            assert song.seconds_at(now) == pytest.approx(tenth / 10, abs=0.008)


def test_a_clock_that_runs_faster_than_ours_is_followed() -> None:
    session = told(SessionState(), ev.Play(at=Beats(0.0)), 0.0)
    song = Song.of(session)
    for tenth in range(1, 600):
        session = told(session, ev.Locate(at=Beats(2.0 * 1.0005 * tenth / 10)), tenth / 10)
        song = song.follow(session).song
    assert song.seconds_at(59.9) == pytest.approx(1.0005 * 59.9, abs=0.002)


@pytest.mark.parametrize("by_s", [JUMP_S + 0.01, -3.0, 100.0])
def test_a_jump_is_believed_at_once(by_s: float) -> None:
    session = told(SessionState(), ev.Play(at=Beats(20.0)), 0.0)
    song = Song.of(session)
    session = told(session, ev.Locate(at=Beats(22.0 + 2 * by_s)), 1.0)
    followed = song.follow(session)
    assert followed.moved
    assert followed.song.beat_at(1.0) == pytest.approx(22.0 + 2 * by_s)


def test_start_and_stop_are_moves_and_a_locate_while_it_stands_is_none() -> None:
    session = SessionState()
    song = Song.of(session)
    session = told(session, ev.Locate(at=Beats(8.0)), 1.0)
    followed = song.follow(session)
    assert not followed.moved
    assert followed.song.beat_at(99.0) == 8.0
    session = told(session, ev.Play(), 2.0)
    followed = followed.song.follow(session)
    assert followed.moved
    assert followed.song.beat_at(3.0) == 10.0
    followed = followed.song.follow(told(session, ev.Stop(), 3.0))
    assert followed.moved
    assert followed.song.beat_at(9.0) == 10.0


@given(
    bpms=st.lists(st.floats(40, 240), min_size=1, max_size=5),
    waits=st.lists(st.floats(0.05, 3.0), min_size=5, max_size=5),
)
def test_a_tempo_change_leaves_the_position(bpms: list[float], waits: list[float]) -> None:
    session, now = told(SessionState(), ev.Play(at=Beats(3.0)), 0.0), 0.0
    song = Song.of(session)
    for bpm, wait in zip(bpms, waits, strict=False):
        now += wait
        before = song.beat_at(now)
        session = told(session, ev.SetTempo(bpm=Bpm(bpm)), now)
        followed = song.follow(session)
        song = followed.song
        assert not followed.moved
        assert song.beat_at(now) == pytest.approx(before, abs=1e-6)
        assert song.tempo_map.bpm_at(before) == bpm


@given(st.floats(0, 500), st.floats(30, 300), st.floats(30, 300))
def test_positions_and_times_are_inverse(beat: float, bpm: float, later: float) -> None:
    tempo_map = TempoMap.constant(Bpm(bpm)).with_tempo(TempoPoint(at=Beats(100.0), bpm=Bpm(later), ramp=True))
    session = told(SessionState(tempo_map=tempo_map), ev.Play(at=Beats(4.0)), 10.0)
    song = Song.of(session)
    assert song.beat_at(song.time_of(Beats(beat))) == pytest.approx(beat, abs=1e-6)
