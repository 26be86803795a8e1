"""Controls for free hands: how they are written, when they act, and how they are learnt."""

from __future__ import annotations

from itertools import pairwise

import mido
import pytest
from hypothesis import given
from hypothesis import strategies as st

from midi.controls import (
    ACTIONS,
    Binding,
    ControlEvent,
    ControlKind,
    Controls,
    conflicts,
    control_event,
    controlled,
    note_name,
    parse_binding,
)
from midi.errors import NotationError
from midi.learn import Learner, learned
from midi.time import Seconds

# The notation


@pytest.mark.parametrize(("text", "kind", "number", "channel", "threshold"), [
    ("cc:64@1", "cc", 64, 1, 64),
    ("cc:4@2>=100", "cc", 4, 2, 100),
    ("note:C-2@10", "note", 0, 10, 1),
    ("note:C3@1", "note", 60, 1, 1),
    ("note:f#3@16", "note", 66, 16, 1),
    ("note:Bb2@1", "note", 58, 1, 1),
    ("note:B#2@1", "note", 60, 1, 1),
    ("note:Cb3@1", "note", 59, 1, 1),
    ("note:G8@1", "note", 127, 1, 1),
    ("note:36@*>=20", "note", 36, None, 20),
])  # fmt: skip
def test_what_is_written(text: str, kind: ControlKind, number: int, channel: int | None, threshold: int) -> None:
    assert parse_binding(text) == Binding(kind=kind, number=number, channel=channel, threshold=threshold)


@pytest.mark.parametrize("text", [
    "", "cc:64", "cc@1", "cc:64@0", "cc:64@17", "cc:120@1", "cc:C3@1", "note:128@1", "note:H3@1", "note:Cb-2@1",
    "note:G#8@1", "cc:64@1>=0", "cc:64@1>=128", "pitch:1@1", "cc:64@1 and more", "cc:٦٤@1",
])  # fmt: skip
def test_what_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(NotationError):
        parse_binding(text)


@st.composite
def bindings(draw: st.DrawFn) -> Binding:
    kind: ControlKind = draw(st.sampled_from(["cc", "note"]))
    number = draw(st.integers(0, 119 if kind == "cc" else 127))
    channel = draw(st.none() | st.integers(1, 16))
    return Binding(kind=kind, number=number, channel=channel, threshold=draw(st.integers(1, 127)))


@given(binding=bindings())
def test_a_binding_is_read_back(binding: Binding) -> None:
    assert parse_binding(binding.text) == binding


@given(text=st.text(max_size=20))
def test_any_text_is_a_binding_or_an_error(text: str) -> None:
    try:
        binding = parse_binding(text)
    except NotationError:
        return
    assert parse_binding(binding.text) == binding


def test_names_of_notes() -> None:
    assert [note_name(pitch) for pitch in (0, 59, 60, 127)] == ["C-2", "B2", "C3", "G8"]


# Conflicts


@pytest.mark.parametrize(("other", "clash"), [
    ("cc:64@1", True), ("cc:64@*", True), ("cc:64@1>=100", True), ("cc:64@2", False), ("cc:65@1", False),
    ("note:64@1", False),
])  # fmt: skip
def test_two_actions_on_one_control_are_told(other: str, clash: bool) -> None:
    found = conflicts({"generate": parse_binding("cc:64@1"), "keep": parse_binding(other)})
    assert bool(found) == clash
    assert all("generate and keep" in sentence for sentence in found)


# Acting


def acted(binding: str, values: list[tuple[float, int]], kind: ControlKind = "cc", number: int = 64) -> list[float]:
    """The times at which ``generate`` acts."""
    controls, times = Controls(bindings={"generate": parse_binding(binding)}), list[float]()
    for at, value in values:
        event = ControlEvent(at=Seconds(at), kind=kind, number=number, channel=1, value=value)
        controls, actions = controlled(controls, event)
        times += [at] * len(actions)
    return times


def test_a_press_acts_once_until_it_is_released() -> None:
    assert acted("cc:64@1", [(0, 127), (1, 127), (2, 0), (3, 127)]) == [0, 3]


def test_a_bounce_does_not_act() -> None:
    assert acted("cc:64@1", [(0, 127), (0.005, 0), (0.01, 127), (1, 0), (1.01, 127), (2, 0)]) == [0]


def test_a_sweep_acts_once_at_its_threshold() -> None:
    assert acted("cc:64@1>=100", [(index / 10, index * 10) for index in range(13)]) == [1.0]


def test_another_channel_does_not_act() -> None:
    assert acted("cc:64@2", [(0, 127)]) == []


def test_every_action_says_what_it_does() -> None:
    assert list(ACTIONS) == ["generate", "cancel", "next_take", "keep"]
    assert all(text.endswith(".") for text in ACTIONS.values())


@given(values=st.lists(st.tuples(st.floats(0, 10), st.integers(0, 127)), max_size=40))
def test_actions_are_never_closer_than_a_bounce(values: list[tuple[float, int]]) -> None:
    times = acted("cc:64@1", sorted(values))
    assert all(b - a >= 0.03 for a, b in pairwise(times))


# Learning


def learnt(*moves: str) -> tuple[str | None, int]:
    """What is learnt from moves such as ``0.5 cc:64@1 127``, and after how many of them."""
    learner = Learner()
    for count, move in enumerate(moves, start=1):
        at, control, value = move.split()
        binding = parse_binding(control)
        event = ControlEvent(
            at=Seconds(float(at)), kind=binding.kind, number=binding.number, channel=binding.channel or 1,
            value=int(value),
        )  # fmt: skip
        learner, found = learned(learner, event)
        if found is not None:
            return found.text, count
    return None, len(moves)


TWICE = ("0 cc:64@1 127", "0.3 cc:64@1 0", "0.8 cc:64@1 127", "1.1 cc:64@1 0")


def test_a_pedal_pressed_and_released_twice_is_learnt() -> None:
    assert learnt(*TWICE) == ("cc:64@1", 4)


def test_a_pad_struck_twice_is_learnt() -> None:
    assert learnt("0 note:36@10 90", "0.1 note:36@10 0", "0.5 note:36@10 90", "0.6 note:36@10 0") == ("note:C1@10", 4)


def test_a_control_pressed_in_between_begins_anew() -> None:
    moves = [*TWICE[:2], "0.5 note:60@1 80", "0.6 note:60@1 0", *TWICE[2:]]
    assert learnt(*moves)[0] is None


def test_a_wheel_is_passed_over() -> None:
    sweep = [f"{index / 100} cc:1@1 {value}" for index, value in enumerate([*range(0, 128, 4), *range(127, 0, -4)] * 2)]
    late = [f"{float(move.split()[0]) + 2} {move.split(maxsplit=1)[1]}" for move in TWICE]
    assert learnt(*sweep) == (None, len(sweep))
    assert learnt(*sweep, *late)[0] == "cc:64@1"


def test_a_wheel_that_moves_while_the_button_is_pressed_does_not_disturb() -> None:
    assert learnt(*TWICE[:2], "0.5 cc:1@1 50", *TWICE[2:])[0] == "cc:64@1"


def test_a_bounce_is_not_a_press() -> None:
    bounced = ["0 cc:64@1 127", "0.004 cc:64@1 0", "0.008 cc:64@1 127", "0.3 cc:64@1 0"]
    assert learnt(*bounced)[0] is None
    assert learnt(*bounced, *TWICE[2:])[0] == "cc:64@1"


def test_two_presses_far_apart_are_not_learnt() -> None:
    assert learnt(*TWICE[:2], "9 cc:64@1 127", "9.3 cc:64@1 0")[0] is None


def test_a_touch_is_not_clear() -> None:
    assert learnt("0 note:36@10 5", "0.1 note:36@10 0", "0.5 note:36@10 5", "0.6 note:36@10 0")[0] is None


@pytest.mark.parametrize("message", [
    mido.Message("clock"), mido.Message("active_sensing"), mido.Message("aftertouch", value=127),
    mido.Message("polytouch", note=1, value=127), mido.Message("pitchwheel", pitch=8000), mido.Message("sysex"),
    mido.Message("program_change", program=3), mido.Message("control_change", control=123, value=127),
    mido.Message("songpos", pos=4), mido.Message("start"),
], ids=lambda message: message.type)  # fmt: skip
def test_what_is_no_control(message: mido.Message) -> None:
    assert control_event(message, Seconds(0.0)) is None


def test_messages_as_controls() -> None:
    messages = [
        mido.Message("control_change", channel=0, control=64, value=127),
        mido.Message("note_on", channel=9, note=36, velocity=0),
        mido.Message("note_off", channel=9, note=36, velocity=64),
    ]
    events = [control_event(message, Seconds(1.0)) for message in messages]
    assert [(e.kind, e.number, e.channel, e.value) for e in events if e] == [
        ("cc", 64, 1, 127), ("note", 36, 10, 0), ("note", 36, 10, 0),
    ]  # fmt: skip


@given(raw=st.lists(st.tuples(st.integers(0, 3), st.sampled_from([0, 10, 64, 100, 127])), max_size=60))
def test_only_what_was_pressed_twice_is_ever_learnt(raw: list[tuple[int, int]]) -> None:
    learner, presses = Learner(), dict[int, int]()
    for index, (number, value) in enumerate(raw):
        presses[number] = presses.get(number, 0) + (value >= 96)
        event = ControlEvent(at=Seconds(index / 4), kind="cc", number=number, channel=1, value=value)
        learner, found = learned(learner, event)
        if found is not None:
            assert (found.number, value, presses[number] >= 2) == (number, min(value, 31), True)
