"""What a followed clock tells the session: the reducer arrives where the clock is, and is told seldom."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.session import SessionState, reduce
from midi.clock_events import Told, round_tempo, tell
from midi.clock_follower import FollowerState, estimate, hear
from midi.clock_messages import ClockMessage, Continue, SongPosition, Start, Stop, Tick
from midi.events import Locate, SessionEvent
from midi.time import MAX_BPM, MIN_BPM, Bpm, Seconds

Timeline = list[tuple[float, ClockMessage]]


def clock(bpm: float, beats: int, start: float, jitter: float = 0.0) -> Timeline:
    random_ = random.Random(1)
    return [
        (start + index * 2.5 / bpm + random_.uniform(-jitter, jitter), Tick()) for index in range(beats * 24)
    ]  # fmt: skip


def played(timeline: Timeline) -> tuple[SessionState, list[SessionEvent]]:
    """A session that is told of a clock, and all that it was told."""
    follower, told, session, every = FollowerState(), Told(), SessionState(), list[SessionEvent]()
    for at, message in sorted(timeline, key=lambda entry: entry[0]):
        follower = hear(follower, message, Seconds(at))
        told, events = tell(told, estimate(follower, Seconds(at)), Seconds(at))
        every += events
        for event in events:
            session, _ = reduce(session, event, Seconds(at))
    return session, every


@pytest.mark.parametrize("jitter", [0.0, 0.001, 0.003])
@pytest.mark.parametrize("bpm", [90.0, 120.0, 128.5])
def test_the_session_is_where_the_clock_is_at_its_tempo(bpm: float, jitter: float) -> None:
    session, every = played([(0.9, Start()), *clock(bpm, 32, 1.0, jitter)])
    end = 1.0 + 30 * 60 / bpm
    assert session.transport.playing
    assert session.transport.tempo == bpm
    assert abs(session.position_at(Seconds(end)) - 30) * 60 / bpm < 0.008
    assert len(every) < 40


def test_a_tempo_is_told_seldom_so_that_clips_stay_fresh() -> None:
    session, _ = played([(0.9, Start()), *clock(120, 64, 1.0, 0.003)])
    assert session.revision <= 4


def test_a_jump_of_the_tempo_reaches_the_session() -> None:
    session, _ = played([(0.9, Start()), *clock(120, 8, 1.0), *clock(90, 8, 5.0)])
    assert session.transport.tempo == 90


def test_stop_and_pointer_reach_the_session() -> None:
    timeline: Timeline = [(0.9, Start()), *clock(120, 4, 1.0), (3.0, Stop()), (3.1, SongPosition(32))]
    session, _ = played(timeline)
    assert (session.transport.playing, session.transport.position) == (False, 8.0)
    session, _ = played([*timeline, (3.2, Continue()), *clock(120, 4, 3.3)])
    assert session.position_at(Seconds(5.3)) == pytest.approx(12.0, abs=0.01)


def test_a_clock_without_start_tells_a_tempo_and_no_position() -> None:
    session, every = played(clock(97, 8, 1.0))
    assert session.transport.tempo == 97
    assert not [event for event in every if isinstance(event, Locate)]


@pytest.mark.parametrize(
    ("measured", "error", "told"),
    [(120.13, 0.1, 120.0), (119.62, 0.1, 119.5), (119.8, 0.02, 119.8), (97.5312, 0.0, 97.53), (998.99, 0.4, 999.0)],
)
def test_tempos_are_rounded_within_their_error(measured: float, error: float, told: float) -> None:
    assert round_tempo(Bpm(measured), Bpm(error)) == told


@given(st.floats(min_value=MIN_BPM, max_value=MAX_BPM), st.floats(min_value=0.0, max_value=100.0))
def test_a_rounded_tempo_is_a_tempo_and_near(tempo: float, error: float) -> None:
    rounded = round_tempo(Bpm(tempo), Bpm(error))
    assert MIN_BPM <= rounded <= MAX_BPM
    assert abs(rounded - tempo) <= max(0.005, min(0.25, 2 * error)) + 1e-9
