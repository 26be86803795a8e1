"""A model's audio laid on the session's beats: the loop in it that fits best, cut and stretched to the clip's length.

Pure: audio in, a decision and audio out. A model that is asked in words alone plays at a tempo of its own; here its
beats are heard, so many of them as the clip has are cut out, from a strong beat on and where the end goes over into
the start, and their length is made the clip's. One ratio for all of it: what a model plays is steady, or does not fit.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from bridge.beats import Heard, Series, hear
from bridge.fit_record import MAX_CHANGE, Outcome, TempoFit
from bridge.stretching import stretched, stretcher
from models.generator import BeatGrid, Samples

MIN_PULSE: Final = 0.25
"""Onsets that repeat less than this have no beat: noise gives up to 0.1, a played sketch from 0.5 on."""
MAX_SPREAD_S: Final = 0.018
"""Onsets further from their grid than this are not played to one beat; ones of no beat lie 25 to 29 ms from any."""
READINGS: Final = (1.0, 0.5, 2.0)
"""Beats of the clip that a beat that was heard may be: music is also heard in double and in half time."""
_UNHEARD_S: Final = 0.002
"""A clip whose end is off by less than this is not stretched."""
_CONTEXT_S: Final = 0.25
"""Audio around the loop that is stretched with it, so that its ends are like its middle."""
_EARLY_S: Final = 0.02
"""A first beat this far before the audio is meant to be its start."""
_SEAM_WEIGHT: Final = 1.0
_BEAT_WEIGHT: Final = 0.5
_BASS_WEIGHT: Final = 0.5
_HARMONY_WEIGHT: Final = 0.8
_SEAM_FRAMES: Final = 3
"""The shortest stretch of spectrum that can be compared."""


def fit(
    samples: Samples, sample_rate_hz: int, grid: BeatGrid, *, seconds: float, tail_s: float
) -> tuple[TempoFit, Samples]:
    """Lay ``samples`` [frames, channels] on the beats of a clip of ``seconds``; ``tail_s`` more stay after its end.

    The result has the clip's and the tail's frames; fewer only where it is kept and the audio is no longer.
    """
    found, loop_s = _choose(samples, sample_rate_hz, grid, seconds, tail_s)
    frames = round(sample_rate_hz * (seconds + tail_s))
    if found.ratio == 1.0:
        first = min(round(found.start_s * sample_rate_hz), max(0, len(samples) - frames))
        return found, samples[first : first + frames]
    begin = max(0, round((found.start_s - _CONTEXT_S) * sample_rate_hz))
    end = round((found.start_s + loop_s + tail_s / found.ratio + _CONTEXT_S) * sample_rate_hz)
    audio = stretched(samples[begin:end], sample_rate_hz, found.ratio)
    first = round((found.start_s * sample_rate_hz - begin) * found.ratio)
    part = audio[first : first + frames]
    return found, np.pad(part, ((0, frames - len(part)), (0, 0)), mode="edge")


def _choose(
    samples: Samples, sample_rate_hz: int, grid: BeatGrid, seconds: float, tail_s: float
) -> tuple[TempoFit, float]:
    """What to do, and the length in seconds of the loop that is cut."""
    beat_s = seconds / grid.beats
    heard = hear(samples.mean(axis=1), sample_rate_hz, near_bpm=60.0 / beat_s) if len(samples) else None
    if heard is None or heard.pulse < MIN_PULSE:
        return TempoFit(outcome="no_beat", pulse=heard.pulse if heard else 0.0), seconds
    played_s = min((heard.period_s / reading for reading in READINGS), key=lambda one: abs(np.log(one / beat_s)))
    change = beat_s / played_s - 1.0
    fits = abs(change) <= MAX_CHANGE and heard.spread_s <= MAX_SPREAD_S
    ratio = beat_s / played_s if fits and abs(change) * seconds > _UNHEARD_S else 1.0
    loop_s = seconds / ratio
    starts = _starts(heard, len(samples) / sample_rate_hz - loop_s - tail_s / ratio)
    start_s = _best(heard, starts, seconds / grid.beats / ratio, grid) if len(starts) else 0.0
    outcome: Outcome = "fitted"
    if heard.spread_s > MAX_SPREAD_S:
        outcome = "irregular"
    elif not fits:
        outcome = "other_tempo"
    elif not len(starts):
        outcome, ratio, loop_s = "too_short", 1.0, seconds
    return (
        TempoFit(
            outcome=outcome,
            bpm=60.0 / played_s * grid.beat_quarters,
            start_s=start_s,
            ratio=ratio,
            change=change,
            pulse=heard.pulse,
            spread_s=heard.spread_s,
            stretcher=stretcher() if ratio != 1.0 else None,
        ),
        loop_s,
    )


def _starts(heard: Heard, last_s: float) -> Series:
    """Where a loop may begin: the beats that were heard, and between them, where the tracker may be off by a half."""
    half = heard.period_s / 2
    first = heard.first_s - half * np.floor((heard.first_s + _EARLY_S) / half)
    if last_s < max(0.0, first):
        return np.zeros(0)
    starts: Series = np.maximum(0.0, np.arange(first, last_s + 1e-9, half))
    return starts


def _best(heard: Heard, starts: Series, beat_s: float, grid: BeatGrid) -> float:
    """The start whose beats and bars are the strongest, and whose end goes over into it.

    Bars are told by what the bass plays and where the harmony changes: the backbeat is louder than the downbeat.
    """
    beats = starts[:, None] + beat_s * np.arange(grid.beats)
    bars = beats[:, grid.pickup % grid.beats :: grid.bar_beats]
    both = _normal(heard.onsets) + _normal(heard.bass)
    on_beat = heard.strength_at(both, beats.ravel()).reshape(beats.shape).mean(axis=1)
    bass = heard.strength_at(heard.bass, bars.ravel()).reshape(bars.shape).mean(axis=1)
    change = heard.harmony_change_at(bars.ravel(), beat_s).reshape(bars.shape).mean(axis=1)
    seam = np.array([_alike(heard, start, beat_s * grid.beats, beat_s) for start in starts])
    scores = (
        _BEAT_WEIGHT * _between(on_beat) + _BASS_WEIGHT * _normal(bass) + _HARMONY_WEIGHT * _normal(change)
        + _SEAM_WEIGHT * seam
    )  # fmt: skip
    return float(starts[int(np.argmax(scores))])


def _normal(values: Series) -> Series:
    """The values with their largest at 1."""
    largest = float(np.abs(values).max())
    return values / largest if largest > 0 else values


def _between(values: Series) -> Series:
    """The values from 0 for their smallest to 1 for their largest: beats are a little stronger than what is between."""
    return _normal(values - values.min())


def _alike(heard: Heard, start_s: float, loop_s: float, around_s: float) -> float:
    """How alike what lies around the loop's start is to what lies around its end: the correlation of their spectra."""
    start, end = round(start_s / heard.hop_s), round((start_s + loop_s) / heard.hop_s)
    reach = round(around_s / heard.hop_s)
    before = min(reach, start)
    after = min(reach, heard.spectrum.shape[1] - end)
    if before + after < _SEAM_FRAMES:
        return 0.0
    one = heard.spectrum[:, start - before : start + after]
    other = heard.spectrum[:, end - before : end + after]
    one, other = one - one.mean(), other - other.mean()
    scale = float(np.sqrt((one * one).sum() * (other * other).sum()))
    return float((one * other).sum()) / scale if scale > 0 else 0.0
