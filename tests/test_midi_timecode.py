"""MIDI timecode: all four frame rates, drop frames, pieces lost and doubled, backwards, jitter."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midi.mtc import MTC_STOPPED_S, RATES, Mtc, Timecode, full_frame, hear_full_frame, hear_quarter_frame, timecode_of
from midi.time import Seconds

Piece = tuple[float, int, int]


def code(text: str, rate: int = 1) -> Timecode:
    hours, minutes, seconds, frames = map(int, text.split(":"))
    return Timecode(hours=hours, minutes=minutes, seconds=seconds, frames=frames, rate=rate)


def later(timecode: Timecode, frames: int) -> Timecode:
    """The timecode so many frames later, counted one by one."""
    text = timecode
    for _ in range(frames):
        text = _next(text)
    return text


def _next(timecode: Timecode) -> Timecode:
    rate = RATES[timecode.rate]
    total = timecode.frames + 1
    seconds, frames = timecode.seconds + total // rate.nominal, total % rate.nominal
    minutes, seconds = timecode.minutes + seconds // 60, seconds % 60
    hours, minutes = timecode.hours + minutes // 60, minutes % 60
    if rate.drops and frames == 0 and seconds == 0 and minutes % 10:
        frames = 2
    return Timecode(hours=hours, minutes=minutes, seconds=seconds, frames=frames, rate=timecode.rate)


def values(timecode: Timecode) -> tuple[int, ...]:
    """The eight pieces that spell a timecode."""
    hours = timecode.hours | timecode.rate << 5
    return tuple(
        value >> shift & 15
        for value in (timecode.frames, timecode.seconds, timecode.minutes, hours)
        for shift in (0, 4)
    )  # fmt: skip


def running(start: Timecode, sets: int, at: float = 100.0) -> list[Piece]:
    """The pieces of a song that runs from ``start``, two frames to a set."""
    quarter = RATES[start.rate].frame / 4
    timecode, pieces = start, []
    for number in range(sets):
        spelled = values(timecode)
        pieces += [(at + (8 * number + piece) * quarter, piece, spelled[piece]) for piece in range(8)]
        timecode = later(timecode, 2)
    return pieces


def heard(pieces: list[Piece], mtc: Mtc | None = None) -> Mtc:
    mtc = mtc or Mtc()
    for at, piece, value in pieces:
        mtc = hear_quarter_frame(mtc, piece, value, Seconds(at))
    return mtc


@given(st.integers(min_value=0, max_value=3), st.integers(min_value=0, max_value=40_000))
def test_each_frame_is_one_frame_after_the_one_before(rate: int, minutes: int) -> None:
    frames = minutes % RATES[rate].nominal
    here = Timecode(hours=minutes // 60 % 23, minutes=minutes % 60, seconds=59, frames=max(2, frames), rate=rate)
    assert _next(here).time - here.time == pytest.approx(RATES[rate].frame)


def test_an_hour_of_drop_frame_code_is_an_hour_to_four_milliseconds() -> None:
    assert code("01:00:00:00", 2).time == pytest.approx(3600, abs=0.004)


@pytest.mark.parametrize("rate", range(4))
def test_a_running_song_is_where_its_pieces_say(rate: int) -> None:
    pieces = running(code("01:02:58:06", rate), 60)
    mtc = heard(pieces)
    end = pieces[-1][0]
    assert mtc.runs_at(Seconds(end))
    expected = code("01:02:58:06", rate).time + end + 0.005 - 100.0
    assert mtc.time_at(Seconds(end + 0.005)) == pytest.approx(expected, abs=1e-6)


def test_the_time_is_known_with_the_first_whole_set() -> None:
    pieces = running(code("00:00:10:00"), 1)
    assert not heard(pieces[:-1]).known
    assert heard(pieces).time_at(Seconds(pieces[-1][0])) == pytest.approx(10.07)


@pytest.mark.parametrize("start", range(1, 8))
def test_one_may_begin_to_listen_at_any_piece(start: int) -> None:
    mtc = heard(running(code("00:00:10:00"), 4)[start:])
    assert mtc.time_at(Seconds(101.0)) == pytest.approx(10.0 + 0.31 + MTC_STOPPED_S, abs=0.001)


def test_jitter_of_three_milliseconds_is_averaged_away() -> None:
    random_ = random.Random(1)
    pieces = [
        (at + random_.uniform(-0.003, 0.003), piece, value) for at, piece, value in running(code("00:00:10:00"), 50)
    ]
    mtc = heard(pieces)
    assert mtc.time_at(Seconds(104.0)) == pytest.approx(14.0, abs=0.001)


@pytest.mark.parametrize("place", [40, 43, 47])
def test_a_lost_piece_and_a_doubled_one_move_nothing(place: int) -> None:
    pieces = running(code("00:00:10:00"), 20)
    for changed in (pieces[:place] + pieces[place + 1 :], [*pieces[:place], pieces[place], *pieces[place:]]):
        assert heard(changed).time_at(Seconds(101.6)) == pytest.approx(11.6, abs=0.001)


def test_a_song_that_jumps_is_found_again_within_two_sets() -> None:
    jumped = running(code("00:05:00:00"), 2, 102.0)
    mtc = heard([*running(code("00:00:10:00"), 25), *jumped])
    assert mtc.time_at(Seconds(102.16)) == pytest.approx(300.16, abs=0.001)


def test_backwards_is_no_running_but_is_followed() -> None:
    pieces = running(code("00:00:10:00"), 2)
    backwards = [(100.0 + number * 0.01, piece, value) for number, (_, piece, value) in enumerate(reversed(pieces))]
    mtc = heard(backwards)
    assert not mtc.runs_at(Seconds(100.16))
    assert mtc.time_at(Seconds(100.16)) == pytest.approx(10.0, abs=0.08)


def test_a_song_that_ceased_stands_and_goes_on_from_there() -> None:
    first = heard(running(code("00:00:10:00"), 25))
    assert not first.runs_at(Seconds(103.0))
    stood = first.time_at(Seconds(103.0))
    assert stood == first.time_at(Seconds(1000.0)) == pytest.approx(12.0, abs=0.2)
    again = heard(running(code("00:00:12:00"), 25, 200.0), first)
    assert again.time_at(Seconds(202.0)) == pytest.approx(14.0, abs=0.001)


def test_the_full_frame_of_the_specification() -> None:
    found = full_frame(bytes.fromhex("7F 7F 01 01 21 02 03 04"))
    assert found == code("01:02:03:04", 1)
    assert hear_full_frame(Mtc(), code("01:02:03:04"), Seconds(0.0)).time_at(Seconds(9.0)) == 3723.16


@pytest.mark.parametrize(
    "data", ["7E 7F 01 01 21 02 03 04", "7F 7F 01 02 21 02 03 04", "7F 7F 01 01 21 02 03", "7F 7F 01 01 21 3C 03 04"]
)
def test_other_exclusive_messages_and_impossible_times_are_no_full_frames(data: str) -> None:
    assert full_frame(bytes.fromhex(data)) is None


@given(st.lists(st.integers(min_value=0, max_value=127), min_size=4, max_size=4))
def test_bytes_are_a_time_or_nothing(data: list[int]) -> None:
    found = timecode_of(data)
    assert found is None or 0 <= found.time < 86_500


@given(
    st.lists(
        st.tuples(
            st.floats(min_value=0.0, max_value=0.3),
            st.integers(min_value=0, max_value=7),
            st.integers(min_value=0, max_value=15),
        )
    )
)
def test_any_pieces_leave_a_time_that_is_finite(coming: list[Piece]) -> None:
    mtc, at = Mtc(), 0.0
    for gap, piece, value in coming:
        at += gap
        mtc = hear_quarter_frame(mtc, piece, value, Seconds(at))
        assert 0 <= mtc.time_at(Seconds(at)) < 90_000
        assert len(mtc.pieces) < 8
