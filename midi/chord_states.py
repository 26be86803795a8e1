"""What the chord recogniser can hear: every chord over every bass it looks for, and how well it explains what sounds.

The notes of a stretch are taken as drawn from the chord: each of its tones with a likelihood by its degree, any other
tone with a small one (a multinomial over pitch classes). A chord of four tones spreads its likelihood thinner than a
triad, so it wins only where its fourth tone sounds. The bass is hidden as the chord is: it is heard with errors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from midi.chord_qualities import QUALITIES, Quality
from midi.chords import Chord
from midi.keys import Key
from midi.sounding import Heard

RECOGNISED_QUALITIES: Final[Mapping[str, float]] = {
    "": 0.0,
    "m": 0.0,
    "7": 0.3,
    "m7": 0.5,
    "maj7": 0.6,
    "dim": 0.3,
    "m7b5": 0.5,
    "dim7": 0.5,
    "aug": 1.0,
    "sus4": 1.2,
    "6": 1.0,
    "m6": 0.9,
    "7sus4": 1.5,
    "sus2": 1.5,
    "mMaj7": 1.7,
    "add9": 1.7,
    "9": 1.7,
    "m9": 1.7,
    "maj9": 1.7,
}
"""The qualities that are looked for by their symbols, and what choosing each costs: the rarer, the more."""

_ANY_BASS: Final = ("", "m")
"""Qualities that are also looked for over a bass that is none of their tones."""

# Likelihood of a tone by its degree, before a chord's are scaled to a sum of 1.
_ROOT: Final = 1.0
_THIRD: Final = 1.0
_FIFTH: Final = 0.9
_SEVENTH: Final = 0.7
_STRANGE_BASS: Final = 0.3
_OTHER_TONE: Final = 0.075

_BASS_ERROR: Final = 0.25
"""Likelihood that the lowest tone heard is not the chord's bass."""
_BASS_WEIGHT: Final = 0.3
_DENSITY: Final = 0.7
"""How far many tones at once count for more than one: 0 for as much more as they are, 1 for no more."""
_SILENCE_COST: Final = 0.19
"""What a beat of silence costs a chord; no chord costs nothing there."""
_NOISE_COST: Final = 2.0
"""What a beat of sound costs no chord, beyond twelve tones that are all alike."""

_KEY_BONUS: Final = 0.6
"""What choosing a chord costs where none of its tones is in the key; in part where some are."""

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class _BassRole:
    """What a bass costs by its place in the chord: when it is chosen, and each beat that it sounds."""

    chosen: float
    a_beat: float


_ROLES: Final[Mapping[str, _BassRole]] = {
    "root": _BassRole(chosen=0.0, a_beat=0.0),
    "third": _BassRole(chosen=0.1, a_beat=0.15),
    "fifth": _BassRole(chosen=0.3, a_beat=0.4),
    "seventh": _BassRole(chosen=0.3, a_beat=0.4),
    "suspended": _BassRole(chosen=1.0, a_beat=0.6),
    "strange": _BassRole(chosen=1.5, a_beat=0.4),
}


@dataclass(frozen=True, eq=False, kw_only=True)
class ChordStates:
    """Every chord over every bass, and no chord at the end: tables by state [states].

    ``group`` is one number for all basses of a chord; ``members`` holds the states of each group [groups, 12], its
    first one again and again where there are fewer.
    """

    chords: tuple[Chord | None, ...]
    log_tones: Array
    """Log likelihood of each pitch class [states, 12]."""
    log_bass: Array
    """Log likelihood of each pitch class as the lowest tone, weighted [states, 12]."""
    bass_cost: Array
    """Cost a beat of sound."""
    choice_cost: Array
    silence_cost: Array
    group: npt.NDArray[np.intp]
    members: npt.NDArray[np.intp]


@cache
def chord_states() -> ChordStates:
    """The table of states."""
    chords = tuple(_chords())
    groups: dict[tuple[int, str], int] = {}
    group = [groups.setdefault((chord.root, chord.quality.symbol), len(groups)) for chord in chords] + [len(groups)]
    members = [[state for state, number in enumerate(group) if number == wanted] for wanted in range(group[-1] + 1)]
    padded = [(states + states[:1] * 12)[:12] for states in members]
    noise = np.full((1, 12), -np.log(12))
    return ChordStates(
        chords=(*chords, None),
        log_tones=np.concatenate([[_log_tones(chord) for chord in chords], noise]),
        log_bass=np.concatenate([[_log_bass(chord.bass_pitch_class) for chord in chords], noise * _BASS_WEIGHT]),
        bass_cost=np.array([*(_ROLES[_role(chord)].a_beat for chord in chords), _NOISE_COST]),
        choice_cost=np.array([*(_choice_cost(chord) for chord in chords), 0.0]),
        silence_cost=np.array([_SILENCE_COST] * len(chords) + [0.0]),
        group=np.array(group),
        members=np.array(padded),
    )


def likelihood(heard: Heard, length: float) -> Array:
    """Log likelihood [states] of what sounded in a slot of a length in beats."""
    states = chord_states()
    if heard.beats == 0:
        return -length * states.silence_cost
    tones = np.array(heard.tones)
    density = float(tones.sum()) / length
    fit = states.log_tones @ tones / density**_DENSITY + states.log_bass @ np.array(heard.bass)
    return np.asarray(fit - heard.beats * states.bass_cost, dtype=np.float64)


@lru_cache(maxsize=64)
def choice_costs(key: Key | None) -> Array:
    """What choosing each state costs [states] in a key."""
    states = chord_states()
    if key is None:
        return states.choice_cost
    scale = set(key.scale)
    inside = [len(chord.pitch_classes & scale) / len(chord.pitch_classes) if chord else 1.0 for chord in states.chords]
    return states.choice_cost + _KEY_BONUS * (1 - np.array(inside))


def _chords() -> list[Chord]:
    qualities = [row.quality for row in QUALITIES if row.quality.symbol in RECOGNISED_QUALITIES]
    return [
        Chord(root=root, quality=quality, bass=None if bass == root else bass)
        for root in range(12)
        for quality in qualities
        for bass in range(12)
        if quality.symbol in _ANY_BASS or bass in _tones(root, quality)
    ]


def _tones(root: int, quality: Quality) -> list[int]:
    return [(root + interval) % 12 for interval in quality.intervals]


def _role(chord: Chord) -> str:
    """The place of a chord's bass in it."""
    interval = (chord.bass_pitch_class - chord.root) % 12
    if interval not in {tone % 12 for tone in chord.quality.intervals}:
        return "strange"
    return _DEGREES[interval]


_DEGREES: Final = ("root", "third", "suspended", "third", "third", "suspended", *("fifth",) * 3, *("seventh",) * 3)
"""What each interval is in a chord; a sixth stands for the seventh, a second or fourth is suspended or added."""
_TONE_LIKELIHOODS: Final = {"root": _ROOT, "third": _THIRD, "suspended": _THIRD, "fifth": _FIFTH, "seventh": _SEVENTH}


def _choice_cost(chord: Chord) -> float:
    return RECOGNISED_QUALITIES[chord.quality.symbol] + _ROLES[_role(chord)].chosen


def _log_tones(chord: Chord) -> Array:
    likelihoods = np.full(12, _OTHER_TONE)
    for interval in chord.quality.intervals:
        likelihoods[(chord.root + interval) % 12] = _TONE_LIKELIHOODS[_DEGREES[interval % 12]]
    if _role(chord) == "strange":
        likelihoods[chord.bass_pitch_class] = _STRANGE_BASS
    return np.asarray(np.log(likelihoods / likelihoods.sum()), dtype=np.float64)


def _log_bass(bass: int) -> Array:
    likelihoods = np.full(12, _BASS_ERROR / 11)
    likelihoods[bass] = 1 - _BASS_ERROR
    return np.asarray(_BASS_WEIGHT * np.log(likelihoods), dtype=np.float64)
