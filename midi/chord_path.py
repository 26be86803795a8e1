"""The most likely path through chords, found while it is played.

Viterbi's algorithm, as A. Sheh and D. Ellis use it for chords ("Chord Segmentation and Recognition using EM-Trained
Hidden Markov Models", ISMIR 2003), run forwards. A slot is decided as soon as every path that can still win agrees on
it, which is exact, and at the latest ``MAX_DELAY`` beats after it; the paths that went another way then end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from midi.chord_slots import Level, Slot
from midi.chord_states import Array, chord_states
from midi.time import Beats

MAX_DELAY: Final = Beats(8.0)
"""A slot is decided at the latest so many beats after its start."""

_CHANGE_COST: Final = {Level.BAR: 0.35, Level.BEAT: 0.65, Level.OFFBEAT: 1.4}
"""What another chord costs by where it begins."""
_BASS_CHANGE_COST: Final = {Level.BAR: 0.4, Level.BEAT: 1.0, Level.OFFBEAT: 1.4}
"""What the same chord over another bass costs."""
_SAME_CHORD_SHARE: Final = 0.3
"""Share of the cost of choosing a state that is paid where only the bass changes."""
_DEAREST: Final = max(_CHANGE_COST.values())

_States = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """The state (an index into ``chord_states``) of a slot."""

    slot: Slot
    state: int


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class ChordPath:
    """The best path into every state: its score [states], and for each undecided slot where it came from.

    The arrays are never written to once they are made.
    """

    scores: Array | None = None
    slots: tuple[Slot, ...] = ()
    """The undecided slots."""
    origins: tuple[_States, ...] = ()
    """For each undecided slot but the first, the state before it on the best path into each state."""


Extended = tuple[ChordPath, tuple[Decided, ...]]


def extended(path: ChordPath, slot: Slot, likelihood: Array, choice_cost: Array) -> Extended:
    """The path with one slot more, and the slots that are decided by it."""
    if path.scores is None:
        return ChordPath(scores=likelihood - choice_cost, slots=(slot,)), ()
    scores, origin = _best_origins(path.scores, slot.level, choice_cost)
    scores = scores + likelihood
    slots, origins = (*path.slots, slot), (*path.origins, origin)
    return _decided(scores - scores.max(), slots, origins, choice_cost)


def best_states(path: ChordPath) -> tuple[Decided, ...]:
    """The best path through the undecided slots as it stands."""
    if path.scores is None or not path.slots:
        return ()
    states = [int(np.argmax(path.scores))]
    for origin in reversed(path.origins):
        states.append(int(origin[states[-1]]))
    return tuple(Decided(slot=slot, state=state) for slot, state in zip(path.slots, reversed(states), strict=True))


def _best_origins(scores: Array, level: Level, choice_cost: Array) -> tuple[Array, _States]:
    """The best score of each state in a slot that begins at a level, before what sounds in it; and its origin."""
    states = chord_states()
    best = int(np.argmax(scores))
    leaders = states.members[np.arange(len(states.members)), scores[states.members].argmax(axis=1)][states.group]
    moved = scores[leaders] - _BASS_CHANGE_COST[level] - _SAME_CHORD_SHARE * choice_cost
    changed = scores[best] - _CHANGE_COST[level] - choice_cost
    found, origin = scores, np.arange(len(scores))
    found, origin = np.where(moved > found, moved, found), np.where(moved > found, leaders, origin)
    return np.maximum(changed, found), np.where(changed > found, best, origin)


def _decided(scores: Array, slots: tuple[Slot, ...], origins: tuple[_States, ...], choice_cost: Array) -> Extended:
    """The path without the slots on which every path that can still win agrees, or that have waited for too long."""
    alive = _alive(scores, choice_cost)
    best = int(np.argmax(scores[alive]))
    keep = np.ones(len(alive), dtype=bool)
    late = slots[-1].end - MAX_DELAY
    decided: list[Decided] = []
    for slot, states in zip(slots[:-1], _ancestors(origins, alive), strict=True):
        agreeing = states == states[best]
        if slot.start < late:
            keep &= agreeing
        elif not agreeing[keep].all():
            break
        decided.append(Decided(slot=slot, state=int(states[best])))
    if not keep.all():
        survivors = np.full(len(scores), -np.inf)
        survivors[alive[keep]] = scores[alive[keep]]
        scores = survivors
    count = len(decided)
    return ChordPath(scores=scores, slots=slots[count:], origins=origins[count:]), tuple(decided)


def _alive(scores: Array, choice_cost: Array) -> _States:
    """The states that the best path may still come through.

    Any other scores so low that the best state, at the dearest change, leads into it and into every other bass of its
    chord with a higher score.
    """
    states = chord_states()
    dearest_bass = choice_cost[states.members].max(axis=1)[states.group]
    margin = _DEAREST + np.maximum(choice_cost, (1 - _SAME_CHORD_SHARE) * dearest_bass)
    return np.flatnonzero(scores >= scores.max() - margin)


def _ancestors(origins: tuple[_States, ...], alive: _States) -> list[_States]:
    """The states of each undecided slot but the last on the best paths into the states ``alive``."""
    found: list[_States] = []
    states = alive
    for origin in reversed(origins):
        states = origin[states]
        found.append(states)
    return found[::-1]
