"""How near a take comes to its chart. Heard from the audio alone, in the process of the engine or of a command.

``docs/evaluation.md`` says what each measure means, and what it is for audio that follows its chart and for audio that
does not.
"""

from __future__ import annotations

from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt
import soxr

from bridge.asked import NEITHER, NO_CHORD, Asked, AskedChord
from bridge.chord_hearing import HOP, RATE_HZ, Frames, HeardChords, hear_chords
from bridge.onset_hearing import onset_strength, onset_times, tempo_error
from bridge.score_record import Score
from models.generator import Samples, TimedPitch

ONSET_WINDOW_S: Final = 0.05
"""An onset this near to a hit is that hit, as MIREX counts."""
AROUND_S: Final = 0.5
"""A clip is a loop: so much of its other end is heard before its start and after its end."""
LEAST_S: Final = 2
"""Shorter clips are heard several times over: low tones need a while."""
SILENCE: Final = 1e-5
"""A peak of -100 dB: there is nothing to hear."""


def score_of(samples: Samples, sample_rate_hz: int, asked: Asked) -> Score:
    """The score of a clip [frames, channels], whatever its level. Silence scores 0 in all that was asked for."""
    return Listened(samples, sample_rate_hz).score(asked)


class Listened:
    """A clip [frames, channels] that is held against several charts: what is heard in it is heard once."""

    def __init__(self, samples: Samples, sample_rate_hz: int) -> None:
        mono = samples.mean(axis=1, dtype=np.float32)
        peak = float(np.abs(mono).max(initial=0.0))
        self._silent = not np.isfinite(peak) or peak < SILENCE
        self._seconds = len(mono) / sample_rate_hz
        if not self._silent:
            heard = soxr.resample(mono / peak, sample_rate_hz, RATE_HZ, quality=soxr.HQ).astype(np.float32)
            reach = round(AROUND_S * RATE_HZ)
            self._loop = heard[np.arange(-reach, max(len(heard) + reach, LEAST_S * RATE_HZ)) % len(heard)]

    def score(self, asked: Asked) -> Score:
        """As ``score_of``."""
        if self._silent:
            return Score(
                chords=0.0 if _counted(asked.chords) else None,
                drums=0.0 if asked.drums_s else None,
                melody=0.0 if asked.melody else None,
            )
        chords, chroma = self._chords if _counted(asked.chords) or asked.melody else (None, None)
        return Score(
            chords=None if chords is None else chord_overlap(chords, asked.chords),
            drums=onset_f1(onset_times(self._strength) - AROUND_S, asked.drums_s, self._seconds),
            melody=None if chroma is None else melody_cosine(chroma, asked.melody),
            tempo_error=tempo_error(self._strength, np.array(asked.beats_s) + AROUND_S),
        )

    @cached_property
    def _chords(self) -> tuple[HeardChords, Frames]:
        return hear_chords(self._loop)

    @cached_property
    def _strength(self) -> Frames:
        return onset_strength(self._loop)


def chord_overlap(heard: HeardChords, chords: tuple[AskedChord, ...]) -> float | None:
    """The share of the time of major, minor and no chords that is heard as such, by mir_eval's ``majmin``.

    None where no such chord was asked for. ``heard`` begins ``AROUND_S`` before the clip.
    """
    if not _counted(chords):
        return None
    import mir_eval  # noqa: PLC0415  scipy comes with it

    asked = np.array([[one.start_s, one.end_s] for one in chords])
    labels = [one.label for one in chords]
    intervals, found = mir_eval.util.adjust_intervals(
        heard.intervals - AROUND_S, list(heard.labels), asked[0, 0], asked[-1, 1], NO_CHORD, NO_CHORD
    )
    merged, wanted, found = mir_eval.util.merge_labeled_intervals(asked, labels, intervals, found)
    right = mir_eval.chord.majmin(wanted, found)
    return float(mir_eval.chord.weighted_accuracy(right, mir_eval.util.intervals_to_durations(merged)))


def onset_f1(found_s: npt.NDArray[np.float64], hits_s: tuple[float, ...], seconds: float) -> float | None:
    """The F-measure of onsets against hits, by mir_eval; None where no hit was asked for.

    An onset just before the loop's end may be a hit at its start, and the other way round.
    """
    if not hits_s:
        return None
    import mir_eval  # noqa: PLC0415

    inside = found_s[(found_s >= -ONSET_WINDOW_S) & (found_s < seconds - ONSET_WINDOW_S)]
    if not len(inside):
        return 0.0
    hits = np.array(sorted(hit - seconds if hit >= seconds - ONSET_WINDOW_S / 2 else hit for hit in hits_s))
    f1, _, _ = mir_eval.onset.f_measure(hits + ONSET_WINDOW_S, inside + ONSET_WINDOW_S, window=ONSET_WINDOW_S)
    return float(f1)


def melody_cosine(chroma: Frames, melody: tuple[TimedPitch, ...]) -> float | None:
    """The mean cosine, over the frames in which the melody sounds, between its pitch class and those heard.

    None where there is no melody. ``chroma`` [12, frames] begins ``AROUND_S`` before the clip.
    """
    times = np.arange(chroma.shape[1]) * HOP / RATE_HZ - AROUND_S
    wanted = np.zeros_like(chroma)
    for note in melody:
        wanted[note.pitch % 12, (times >= note.start_s) & (times < note.end_s)] = 1.0
    sounding = wanted.any(axis=0)
    if not sounding.any():
        return None
    lengths = np.linalg.norm(wanted[:, sounding], axis=0)
    return float(np.mean((wanted[:, sounding] * chroma[:, sounding]).sum(axis=0) / lengths))


def _counted(chords: tuple[AskedChord, ...]) -> bool:
    """Whether there is a chord whose time counts."""
    return any(one.label != NEITHER for one in chords)
