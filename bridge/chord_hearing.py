"""The chords that are heard in audio, as major and minor triads.

Constant-Q pitch classes are compared with templates of chords whose tones have harmonics (Gomez 2006, Tonal
Description of Music Audio Signals, section 3.5), and a Viterbi search with a cost for every change finds the
sequence (Sheh and Ellis 2003, section 3). The bass counts apart, which tells Am7 from C6 (as Mauch and Dixon 2010 do).
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from bridge.asked import NO_CHORD
from midi.pitch_names import NOTE_NAMES

RATE_HZ: Final = 22050
HOP: Final = 1024
"""Frames of 46 ms."""
TREBLE_PITCH: Final = 45
TREBLE_OCTAVES: Final = 4
BASS_PITCH: Final = 28
BASS_OCTAVES: Final = 2
"""Treble is heard from A2 up, bass from E1 up to below A3, as far as a bass plays."""
BASS_WEIGHT: Final = 0.2
SHARPNESS: Final = 12.0
CHANGE_COST: Final = 14.0
"""How much a frame's likeness counts, and what a change of chord costs."""
QUIET: Final = 0.01
"""A frame with less than this share of the loudest one's strength holds no chord."""
HARMONIC_FALL: Final = 0.75
_HARMONICS: Final = (0, 0, 7, 0, 4, 7)
_SHAPES: Final = {"maj": ((0, 4, 7), (0, 4, 7, 11), (0, 4, 7, 10)), "min": ((0, 3, 7), (0, 3, 7, 10))}
"""Chords that count as major or as minor, by their tones."""

Frames = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HeardChords:
    """Chords one after the other: ``intervals`` [count, 2] in seconds, and a label for each."""

    intervals: Frames
    labels: tuple[str, ...]


def hear_chords(mono: npt.NDArray[np.float32]) -> tuple[HeardChords, Frames]:
    """The chords of audio [frames] at ``RATE_HZ``, and its pitch classes [12, frames of ``HOP``], each of length 1."""
    parts = [_chroma(mono, TREBLE_PITCH, TREBLE_OCTAVES), _chroma(mono, BASS_PITCH, BASS_OCTAVES)]
    frames = min(part.shape[1] for part in parts)  # octaves are heard at rates of their own, and may round otherwise
    treble, bass = (part[:, :frames] for part in parts)
    names, templates, roots = _templates()
    strength = np.linalg.norm(treble, axis=0)
    likeness = templates @ _unit(treble) + BASS_WEIGHT * _unit(bass)[roots]
    quiet = strength < QUIET * strength.max(initial=0.0) if strength.any() else np.ones(len(strength), dtype=bool)
    scores = np.vstack([SHARPNESS * likeness, np.where(quiet, 4.0 * SHARPNESS, 0.0)])
    path = _best_path(scores)
    labels = [*names, NO_CHORD]
    edges = np.flatnonzero(np.diff(path)) + 1
    bounds = np.concatenate([[0], edges, [len(path)]]) * HOP / RATE_HZ
    heard = HeardChords(
        intervals=np.column_stack([bounds[:-1], bounds[1:]]),
        labels=tuple(labels[path[first]] for first in np.concatenate([[0], edges])),
    )
    return heard, _unit(treble)


def _chroma(mono: npt.NDArray[np.float32], lowest_pitch: int, octaves: int) -> Frames:
    """Pitch classes [12, frames] of some octaves, C first."""
    import librosa  # noqa: PLC0415  numba comes with it, which the daemon does not load

    chroma: Any = librosa.feature.chroma_cqt(
        y=mono,
        sr=RATE_HZ,
        hop_length=HOP,
        fmin=librosa.midi_to_hz(lowest_pitch),
        n_octaves=octaves,
        norm=None,
        tuning=0.0,
    )
    return np.asarray(chroma, dtype=np.float64)


def _unit(chroma: Frames) -> Frames:
    length = np.linalg.norm(chroma, axis=0)
    scaled: Frames = chroma / np.where(length > 0, length, 1.0)
    return scaled


@functools.cache
def _templates() -> tuple[tuple[str, ...], Frames, npt.NDArray[np.intp]]:
    """Labels, templates [count, 12] of length 1, and roots; several templates may have one label."""
    names, rows, roots = [], [], []
    for root in range(12):
        for quality, shapes in _SHAPES.items():
            for shape in shapes:
                row = np.zeros(12)
                for tone in shape:
                    for harmonic, offset in enumerate(_HARMONICS):
                        row[(root + tone + offset) % 12] += HARMONIC_FALL**harmonic
                names.append(f"{NOTE_NAMES[root]}:{quality}")
                rows.append(row / np.linalg.norm(row))
                roots.append(root)
    return tuple(names), np.array(rows), np.array(roots)


def _best_path(scores: Frames) -> npt.NDArray[np.intp]:
    """The states [frames] with the largest sum of scores [states, frames] less ``CHANGE_COST`` for each change."""
    states, frames = scores.shape
    total = scores[:, 0].copy()
    came_from = np.empty((frames, states), dtype=np.intp)
    stay = np.arange(states)
    for frame in range(1, frames):
        best = int(total.argmax())
        moved = total[best] - CHANGE_COST > total
        came_from[frame] = np.where(moved, best, stay)
        total = np.where(moved, total[best] - CHANGE_COST, total) + scores[:, frame]
    path = np.empty(frames, dtype=np.intp)
    path[-1] = int(total.argmax())
    for frame in range(frames - 1, 0, -1):
        path[frame - 1] = came_from[frame, path[frame]]
    return path
