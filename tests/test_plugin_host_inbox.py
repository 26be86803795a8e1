"""Category: unit. Which dropped file is read when: half files, broken ones, those that cannot be moved."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from midi.time import Seconds
from plugin_host.inbox import PATIENCE, Dropped, Inbox, gone, is_song, later, looked, next_file, stuck, unreadable


def file(name: str = "a.mid", size: int = 10, at: int = 1) -> Dropped:
    return Dropped(name=name, size=size, modified_ns=at)


def after(*looks: tuple[float, list[Dropped]], inbox: Inbox | None = None) -> Inbox:
    inbox = inbox or Inbox()
    for at, files in looks:
        inbox = looked(inbox, files, Seconds(at))
    return inbox


def test_only_midi_files_that_are_not_hidden_are_read() -> None:
    assert [name for name in ("a.mid", "B.MIDI", "c.smf", "._a.mid", "a.wav", "mid", ".mid") if is_song(name)] == [
        "a.mid", "B.MIDI", "c.smf"
    ]  # fmt: skip


def test_a_file_is_ready_when_it_was_the_same_in_two_looks() -> None:
    assert next_file(after((0, [file()])), Seconds(0)) is None
    assert next_file(after((0, [file()]), (1, [file(size=20)])), Seconds(1)) is None
    assert next_file(after((0, [file()]), (1, [file(at=2)])), Seconds(1)) is None
    assert next_file(after((0, [file()]), (0.1, [file()])), Seconds(0.1)) is None
    assert next_file(after((0, [file()]), (1, [file()])), Seconds(1)) == file()


def test_a_file_that_vanished_between_is_new() -> None:
    assert next_file(after((0, [file()]), (1, []), (2, [file()])), Seconds(2)) is None


def test_the_first_name_comes_first_and_what_was_taken_is_forgotten() -> None:
    inbox = after((0, [file("b.mid"), file("a.mid")]), (1, [file("b.mid"), file("a.mid")]))
    assert next_file(inbox, Seconds(1)) == file("a.mid")
    assert next_file(gone(inbox, file("a.mid")), Seconds(1)) == file("b.mid")
    assert next_file(later(inbox, file("a.mid"), Seconds(5)), Seconds(1)) == file("b.mid")
    assert next_file(later(inbox, file("a.mid"), Seconds(5)), Seconds(5)) == file("a.mid")


def test_what_cannot_be_read_gets_time_and_then_is_given_up_unless_it_changes() -> None:
    inbox = after((0, [file()]), (1, [file()]))
    inbox, given_up = unreadable(inbox, file(), Seconds(1))
    assert not given_up
    assert next_file(inbox, Seconds(PATIENCE - 1)) is None
    assert next_file(inbox, PATIENCE) == file()
    assert unreadable(inbox, file(), PATIENCE)[1]
    grown = after((5, [file(size=11)]), (6, [file(size=11)]), inbox=inbox)
    assert next_file(grown, Seconds(6)) == file(size=11)
    assert not unreadable(grown, file(size=11), PATIENCE)[1]


def test_what_cannot_be_moved_is_passed_over_until_it_changes() -> None:
    inbox = stuck(after((0, [file()]), (1, [file()])), file())
    inbox = after((2, [file()]), (3, [file()]), inbox=inbox)
    assert next_file(inbox, Seconds(3)) is None
    inbox = after((4, [file(at=9)]), (5, [file(at=9)]), inbox=inbox)
    assert next_file(inbox, Seconds(5)) == file(at=9)


@given(st.lists(st.lists(st.builds(file, st.sampled_from(["a.mid", "b.mid"]), st.integers(0, 2), st.just(1)),
                         max_size=2, unique_by=lambda one: one.name), max_size=8))  # fmt: skip
def test_what_is_ready_is_there_as_it_was_a_look_before(looks: list[list[Dropped]]) -> None:
    inbox = after(*((float(at), files) for at, files in enumerate(looks)))
    ready = next_file(inbox, Seconds(len(looks)))
    expected = [one for one in looks[-1] if one in looks[-2]] if len(looks) > 1 else []
    assert ready == min(expected, key=lambda one: one.name, default=None)
