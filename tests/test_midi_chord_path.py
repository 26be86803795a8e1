"""The path through chords that is found while it is played, against Viterbi's algorithm over the whole."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from midi.chord_path import (
    _BASS_CHANGE_COST,
    _CHANGE_COST,
    _SAME_CHORD_SHARE,
    MAX_DELAY,
    ChordPath,
    Decided,
    best_states,
    extended,
)
from midi.chord_slots import Level, Slot, slot_at
from midi.chord_states import Array, choice_costs, chord_states, likelihood
from midi.chords import chord_label
from midi.keys import parse_key
from midi.sounding import Heard
from midi.time import Beats, Bpm, Meter, TempoMap

SLOTS = tuple(slot_at(TempoMap(), Beats(index / 2), "half beat") for index in range(14))


def evidence(seed: int, sharpness: float) -> list[Array]:
    """Log likelihoods of slots, drawn at random around chords that hold for some slots."""
    rng = np.random.default_rng(seed)
    count = len(chord_states().chords)
    found, favourite = [], 0
    for _ in SLOTS:
        if rng.random() < 0.4:
            favourite = int(rng.integers(count))
        values = -rng.random(count) * sharpness
        values[favourite] += sharpness / 2
        found.append(values)
    return found


def whole(likelihoods: list[Array], costs: Array) -> list[int]:
    """The best path when all is known, with a table of every change."""
    group = chord_states().group
    same_chord = group[:, None] == group[None, :]
    scores, origins = likelihoods[0] - costs, []
    for slot, values in zip(SLOTS[1:], likelihoods[1:], strict=True):
        bass = _BASS_CHANGE_COST[slot.level] + _SAME_CHORD_SHARE * costs
        prices = np.where(
            same_chord, np.minimum(bass, _CHANGE_COST[slot.level] + costs), _CHANGE_COST[slot.level] + costs
        )
        np.fill_diagonal(prices, 0.0)
        reached = scores[:, None] - prices
        origins.append(reached.argmax(axis=0))
        scores = reached.max(axis=0) + values
    path = [int(scores.argmax())]
    for origin in reversed(origins):
        path.append(int(origin[path[-1]]))
    return path[::-1]


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10_000), sharpness=st.sampled_from([0.5, 1.5, 4.0, 10.0]))
def test_what_is_decided_early_is_the_best_path_of_the_whole(seed: int, sharpness: float) -> None:
    likelihoods, costs = evidence(seed, sharpness), choice_costs(None)
    path, decided = ChordPath(), list[Decided]()
    for slot, values in zip(SLOTS, likelihoods, strict=True):
        path, more = extended(path, slot, values, costs)
        decided += more
    assert [item.state for item in (*decided, *best_states(path))] == whole(likelihoods, costs)


def test_clear_chords_are_decided_before_the_longest_delay() -> None:
    states, path, decided = chord_states(), ChordPath(), list[Decided]()
    for index, slot in enumerate(SLOTS):
        values = np.full(len(states.chords), -5.0)
        values[index // 4] = 0.0
        path, more = extended(path, slot, values, choice_costs(None))
        decided += more
    assert len(decided) >= len(SLOTS) - 4


def test_nothing_waits_longer_than_the_longest_delay() -> None:
    path = ChordPath()
    for index in range(100):
        slot = slot_at(TempoMap(), Beats(index / 2), "half beat")
        path, _ = extended(path, slot, np.zeros(len(chord_states().chords)), choice_costs(None))
        assert slot.end - path.slots[0].start <= MAX_DELAY


# What stands in the table


def test_no_chord_is_the_best_state_of_silence_and_never_of_a_triad() -> None:
    names = [chord_label(chord) for chord in chord_states().chords]
    assert names[int(likelihood(Heard(), 1.0).argmax())] == "N.C."
    triad = Heard(tones=tuple(float(tone in {0, 4, 7}) for tone in range(12)), bass=(1.0, *(0.0,) * 11), beats=1.0)
    assert names[int((likelihood(triad, 1.0) - choice_costs(None)).argmax())] == "C"


def test_every_chord_over_every_bass_stands_there_once() -> None:
    chords = [chord for chord in chord_states().chords if chord]
    assert len({chord.label for chord in chords}) == len(chords)


def test_a_key_makes_other_chords_dearer_and_its_own_no_cheaper() -> None:
    states, key = chord_states(), parse_key("C major")
    more = choice_costs(key) - choice_costs(None)
    outside = np.array([bool(chord and chord.pitch_classes - set(key.scale)) for chord in states.chords])
    assert (more[outside] > 0).all()
    assert (more[~outside] == 0).all()


# The grid


def test_a_position_that_misses_a_bar_line_by_a_rounding_lies_on_it() -> None:
    slot = slot_at(TempoMap(), Beats(math.nextafter(8.0, 0.0)), "half beat")
    assert slot == Slot(start=Beats(8.0), end=Beats(8.5), level=Level.BAR)


@given(
    numerator=st.integers(1, 17), denominator=st.sampled_from([2, 4, 8, 16]), at=st.floats(0.0, 500.0),
    half=st.booleans(),
)  # fmt: skip
def test_slots_hold_their_position_and_follow_each_other(
    numerator: int, denominator: int, at: float, half: bool
) -> None:
    tempo_map = TempoMap.constant(Bpm(120.0), Meter(numerator=numerator, denominator=denominator))
    grid = "half beat" if half else "beat"
    slot = slot_at(tempo_map, Beats(at), grid)  # type: ignore[arg-type]
    following: Slot = slot_at(tempo_map, slot.end, grid)  # type: ignore[arg-type]
    assert slot.start - 1e-6 <= at < slot.end + 1e-6
    assert slot.end - slot.start > 1e-6
    assert abs(following.start - slot.end) < 1e-6
    assert (slot.level is Level.BAR) == (slot.start == tempo_map.bar_start(tempo_map.bar_at(slot.start).bar))
