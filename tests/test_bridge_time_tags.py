"""Category: unit. Time tags and the schedule of what waits, in a time that the tests set."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.osc_errors import OutOfRange, TooManyElements
from bridge.time_tags import HORIZON_S, IMMEDIATELY, Schedule, TimeTag, time_tag_at

NOW = 1_790_000_000.0
WRAP = 2_085_978_496.0
"""2036-02-07 06:28:16 UTC, when the seconds of NTP begin anew."""


def admit(schedule: Schedule[str], *items: tuple[TimeTag | None, str], now: float = NOW) -> tuple[str, ...]:
    return schedule.admit(items, now)


def test_a_time_tag_counts_from_1900() -> None:
    assert time_tag_at(0.0) == 2_208_988_800 << 32
    assert time_tag_at(1.5) == (2_208_988_801 << 32) + (1 << 31)


def test_time_tags_begin_anew_in_2036() -> None:
    assert time_tag_at(WRAP + 3.0) == 3 << 32


def test_the_moment_of_the_wrap_is_not_immediately() -> None:
    assert admit(Schedule(), (time_tag_at(WRAP), "a"), now=WRAP - 1) == ()


@pytest.mark.parametrize(
    "tag",
    [
        None,
        TimeTag(0),
        IMMEDIATELY,
        TimeTag(2),
        TimeTag(5 << 32),
        time_tag_at(0.0),
        time_tag_at(NOW - 1),
        time_tag_at(NOW),
    ],
)
def test_now_and_the_past_are_due_at_once(tag: TimeTag | None) -> None:
    schedule: Schedule[str] = Schedule()
    assert admit(schedule, (tag, "a")) == ("a",)
    assert len(schedule) == 0


def test_the_future_waits_until_then() -> None:
    schedule: Schedule[str] = Schedule()
    assert admit(schedule, (time_tag_at(NOW + 2), "a")) == ()
    assert schedule.next_due_in(NOW) == pytest.approx(2.0, abs=1e-6)
    assert schedule.pop_due(NOW + 1.999) == ()
    assert schedule.pop_due(NOW + 2) == ("a",)
    assert schedule.next_due_in(NOW + 2) is None


def test_the_same_time_keeps_the_order_of_arrival() -> None:
    schedule: Schedule[str] = Schedule()
    tag = time_tag_at(NOW + 1)
    admit(schedule, (tag, "b"), (tag, "a"))
    admit(schedule, (tag, "c"))
    assert schedule.pop_due(NOW + 1) == ("b", "a", "c")


def test_what_is_late_is_due_in_no_time() -> None:
    schedule: Schedule[str] = Schedule()
    admit(schedule, (time_tag_at(NOW + 1), "a"))
    assert schedule.next_due_in(NOW + 5) == 0.0


def test_a_bundle_across_the_wrap_waits() -> None:
    schedule: Schedule[str] = Schedule()
    assert admit(schedule, (time_tag_at(WRAP + 1), "a"), now=WRAP - 1) == ()
    assert schedule.pop_due(WRAP + 0.5) == ()
    assert schedule.pop_due(WRAP + 1) == ("a",)


def test_a_bundle_from_before_the_wrap_is_past_after_it() -> None:
    assert admit(Schedule(), (time_tag_at(WRAP - 1), "a"), now=WRAP + 10) == ("a",)


@pytest.mark.parametrize("ahead_s", [HORIZON_S + 1, 86400.0, 9 * 365 * 86400.0])
def test_more_than_the_horizon_ahead_is_refused(ahead_s: float) -> None:
    with pytest.raises(OutOfRange, match="clocks agree"):
        admit(Schedule(), (time_tag_at(NOW + ahead_s), "a"))


def test_the_horizon_itself_is_taken() -> None:
    assert admit(Schedule(), (time_tag_at(NOW + HORIZON_S), "a")) == ()


def test_a_datagram_that_is_refused_leaves_nothing_behind() -> None:
    schedule: Schedule[str] = Schedule()
    with pytest.raises(OutOfRange):
        admit(schedule, (time_tag_at(NOW + 1), "a"), (time_tag_at(NOW + 2 * HORIZON_S), "b"))
    assert len(schedule) == 0


def test_there_is_room_for_so_many() -> None:
    schedule: Schedule[str] = Schedule(limit=2)
    tag = time_tag_at(NOW + 1)
    admit(schedule, (tag, "a"))
    with pytest.raises(TooManyElements):
        admit(schedule, (tag, "b"), (tag, "c"))
    assert admit(schedule, (tag, "b"), (None, "now")) == ("now",)
    assert schedule.pop_due(NOW + 1) == ("a", "b")


def test_clear_forgets_what_waits() -> None:
    schedule: Schedule[str] = Schedule()
    admit(schedule, (time_tag_at(NOW + 1), "a"))
    schedule.clear()
    assert schedule.pop_due(NOW + 10) == ()


@given(
    offsets=st.lists(st.floats(-10, HORIZON_S - 1), max_size=30),
    looks=st.lists(st.floats(0, HORIZON_S), max_size=10),
    now=st.sampled_from([NOW, WRAP - 1800, WRAP, WRAP + 1800]),
)
def test_everything_comes_out_once_in_order_and_never_early(
    offsets: Sequence[float], looks: Sequence[float], now: float
) -> None:
    schedule: Schedule[int] = Schedule()
    tags = [time_tag_at(now + offset) for offset in offsets]
    heard = list(schedule.admit([(tag, index) for index, tag in enumerate(tags)], now))
    assert all(offsets[index] <= 1e-6 for index in heard)
    for look in [*sorted(looks), HORIZON_S]:
        due = schedule.pop_due(now + look)
        assert all(offsets[index] <= look + 1e-6 for index in due)
        assert list(due) == sorted(due, key=lambda index: ((tags[index] - time_tag_at(now)) % 2**64, index))
        heard += due
    assert sorted(heard) == list(range(len(offsets)))
