"""Voice-led chord voicings.

Each chord has a set of candidates in the comping range. The path through them that moves the voices least in
total is found by dynamic programming (Viterbi's algorithm), with a mild pull towards a register.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, combinations_with_replacement, pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from midi.chords import Chord
from models.instruments import COMPING_RANGE

MAX_WIDTH: Final = 19
"""Widest voicing in semitones."""
MAX_GAP: Final = 9
"""Widest step between neighbouring voices."""
LOW_LIMIT: Final = 57
"""Below this pitch, voices closer than a minor third sound muddy and are avoided."""

Voicing = tuple[int, ...]

_THIRDS: Final = (4, 3, 5, 2)
_SEVENTHS: Final = (10, 11, 9)
_CANDIDATES_KEPT: Final = 80
_REGISTER_PULL: Final = 0.15


@dataclass(frozen=True, slots=True, eq=False)
class _Candidates:
    """Voicings, shape [count, voices], and the roughness of each, shape [count]."""

    voicings: npt.NDArray[np.int64]
    roughness: npt.NDArray[np.float64]


def comping_tones(chord: Chord, voices: int) -> tuple[int, ...]:
    """The pitch classes that ``voices`` notes play, the most telling first.

    Chords of up to ``voices`` tones are played whole. Larger ones keep third (or suspended tone), seventh and
    the highest tensions; fifth and root go first, the root only where the bass plays it.
    """
    tones = chord.quality.intervals
    if len(tones) > voices:
        guides = [next((tone for tone in row if tone in tones), 0) for row in (_THIRDS, _SEVENTHS)]
        colours = [tone for tone in reversed(tones) if tone not in (0, 7)]
        first = [*guides, 0] if chord.bass is not None else guides
        order = dict.fromkeys(tone for tone in (*first, *colours, 7, 0) if tone in tones)
        tones = tuple(order)[:voices]
    return tuple(dict.fromkeys((chord.root + tone) % 12 for tone in tones))


def voice_chords(chords: Sequence[Chord], *, voices: int, register: float) -> tuple[Voicing, ...]:
    """One voicing for each chord, ``voices`` notes each and rising, with the least total movement.

    ``register`` is the MIDI pitch that the voicings' mean is drawn to.
    """
    if not chords:
        return ()
    options = [_candidates(comping_tones(chord, voices), _single_tones(chord), voices) for chord in chords]
    costs = [_own_cost(option, register) for option in options]
    best = costs[0]
    back: list[npt.NDArray[np.intp]] = []
    for (before, here), own in zip(pairwise(options), costs[1:], strict=True):
        total = best[:, None] + movement(before.voicings, here.voicings)
        back.append(total.argmin(axis=0))
        best = total.min(axis=0) + own
    index = int(best.argmin())
    path = [index]
    for pointers in reversed(back):
        index = int(pointers[index])
        path.append(index)
    path.reverse()
    return tuple(tuple(int(pitch) for pitch in option.voicings[i]) for option, i in zip(options, path, strict=True))


def movement(before: npt.NDArray[np.int64], here: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Semitones that all voices move, for each pair of voicings of two arrays [count, voices]."""
    moved: npt.NDArray[np.float64] = np.abs(before[:, None, :] - here[None, :, :]).sum(axis=2, dtype=np.float64)
    return moved


def _single_tones(chord: Chord) -> frozenset[int]:
    """The tones that had better not be doubled: all but root and fifth, as a doubled third or seventh sticks out."""
    return frozenset((chord.root + tone) % 12 for tone in chord.quality.intervals if tone % 12 not in (0, 7))


@functools.lru_cache(maxsize=512)
def _candidates(tones: tuple[int, ...], single: frozenset[int], voices: int) -> _Candidates:
    """Voicings that hold every tone, the roundest first; unisons where the chord has too few tones to do without."""
    low, high = COMPING_RANGE
    pitches = [pitch for pitch in range(low, high + 1) if pitch % 12 in tones]
    whole = [voicing for voicing in combinations(pitches, voices) if {pitch % 12 for pitch in voicing} == set(tones)]
    found = [voicing for voicing in whole if _is_close(voicing)]
    if not found:
        found = list(combinations_with_replacement(pitches, voices))
        found = [voicing for voicing in found if {pitch % 12 for pitch in voicing} == set(tones)]
    ranked = sorted((_roughness(voicing, single), voicing) for voicing in found)[:_CANDIDATES_KEPT]
    return _Candidates(
        voicings=np.array([voicing for _, voicing in ranked], dtype=np.int64),
        roughness=np.array([roughness for roughness, _ in ranked], dtype=np.float64),
    )


def _is_close(voicing: Voicing) -> bool:
    return voicing[-1] - voicing[0] <= MAX_WIDTH and all(b - a <= MAX_GAP for a, b in pairwise(voicing))


def _roughness(voicing: Voicing, single: frozenset[int]) -> float:
    """How much a voicing wants: mud in the low register, a semitone on top, doubled colour tones, width."""
    gaps = [there - here for here, there in pairwise(voicing)]
    muddy = sum(gap < 3 and pitch < LOW_LIMIT for gap, pitch in zip(gaps, voicing, strict=False))
    colours = [pitch % 12 for pitch in voicing if pitch % 12 in single]
    doubled = len(colours) - len(set(colours))
    return muddy + (gaps[-1] == 1) + sum(gap == 1 for gap in gaps) * 0.5 + doubled + max(0, sum(gaps) - 14) * 0.2


def _own_cost(options: _Candidates, register: float) -> npt.NDArray[np.float64]:
    """What a voicing costs wherever it stands: its roughness, and its distance from the register."""
    pull = _REGISTER_PULL * np.abs(options.voicings.mean(axis=1) - register) * options.voicings.shape[1]
    return np.asarray(pull + options.roughness, dtype=np.float64)
