"""Which source leads: the one that is configured, or the first that speaks, until it is silent or gone."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from midi.leader import HANDOVER_S, MAX_OTHERS, OSC, Leadership, gone, midi_source, spoke
from midi.time import Seconds

CLOCK = midi_source("Digitakt")


def after(*said: tuple[str, float], wanted: str | None = None) -> Leadership:
    state = Leadership(wanted=wanted)
    for source, at in said:
        state = spoke(state, source, Seconds(at))
    return state


def test_the_first_that_speaks_leads_and_the_others_are_named() -> None:
    state = after((CLOCK, 0.0), (OSC, 1.0), (CLOCK, 2.0))
    assert state.leads(CLOCK)
    assert not state.leads(OSC)
    assert state.others == (OSC,)


def test_a_silent_leader_is_replaced_and_does_not_take_the_lead_back() -> None:
    state = after((CLOCK, 0.0), (OSC, HANDOVER_S + 0.1), (CLOCK, HANDOVER_S + 0.2))
    assert (state.leader, state.others) == (OSC, (CLOCK,))


def test_a_leader_that_is_gone_is_replaced_at_once() -> None:
    state = gone(after((CLOCK, 0.0), (OSC, 0.1)), CLOCK)
    assert state.leader is None
    assert spoke(state, OSC, Seconds(0.2)).leads(OSC)


def test_a_configured_leader_is_never_replaced() -> None:
    state = after((OSC, 0.0), (OSC, 100.0), wanted=CLOCK)
    assert state.leader is None
    state = spoke(spoke(state, CLOCK, Seconds(101.0)), OSC, Seconds(200.0))
    assert state.leads(CLOCK)


SOURCES = st.lists(st.tuples(st.integers(min_value=0, max_value=60).map(str), st.floats(min_value=0, max_value=4)))


@given(SOURCES)
def test_there_is_one_leader_and_few_others_whoever_speaks(said: list[tuple[str, float]]) -> None:
    state, at = Leadership(), 0.0
    for source, gap in said:
        at += gap
        state = spoke(state, source, Seconds(at))
        assert state.leader is not None
        assert state.leader not in state.others
        assert len(state.others) == len(set(state.others)) <= MAX_OTHERS
