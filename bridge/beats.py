"""The beats of a piece of music, by librosa's tracker (Ellis 2007, Beat Tracking by Dynamic Programming).

librosa brings numba, so it is imported when something is heard, which only the engine process does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

HOP_S: Final = 0.008
"""Time between frames: fine enough for onsets, and beats are lines through many of them."""
_WINDOW_S: Final = 0.032
_MEL_BANDS: Final = 64
_LOWEST_MEL_HZ: Final = 30.0
_BASS_HZ: Final = 150.0
"""Below it lie the kick and the bass, which mark strong beats."""
_CHROMA_SIZE: Final = 4
"""Pitch classes need a window so many times as long."""
_SNAP_S: Final = 0.048
"""An onset this close to a beat of the grid is its own."""
_AROUND: Final = np.linspace(0.96, 1.04, 161)
"""Periods that are tried around another, as shares of it: the tracker knows whole frames alone."""
_NEARBY: Final = (0.93, 1.0, 1.07)
"""Periods around the one that is hoped for, as shares of it, which are tried beside the tracked one."""
_HOPE: Final = 0.9
"""What a period that is hoped for counts, beside the tracked one."""
_HARMONICS: Final = (1, 2, 4)
"""Beats, eighths and sixteenths: the grid is the one on which all of them lie."""
_LATE_S: Final = 0.007
"""How much later than an attack begins the onset strength peaks."""
_PULSE_LAGS: Final = (1.0, 2.0, 4.0)
"""Beats after which music with a beat repeats: a beat, half a bar, a bar."""
SHORTEST_S: Final = 1.0
"""Less than this has no beats that could be told from chance."""
SILENCE: Final = 1e-5
"""A peak of -100 dB: there is nothing to hear."""

_FEWEST_BEATS: Final = 4
_NEAR: Final = 3
"""Frames around a beat in which its onset may lie."""

Series = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Heard:
    """What was heard in audio: a steady grid of beats, and what lies on it.

    Beat ``n`` lies at ``first_s + n * period_s`` seconds. ``spread_s`` is how far onsets lie from it (root of the mean
    square, by strength), ``pulse`` how much the onsets repeat with it: 0 is chance, 1 a click. ``onsets`` and
    ``bass`` [frames] are the onset strength of everything and of the bass alone, ``spectrum`` [bands, frames] is in
    decibels, ``chroma`` [12, frames] how strong each pitch class is; a frame is ``hop_s`` seconds.
    """

    first_s: float
    period_s: float
    spread_s: float
    pulse: float
    hop_s: float
    onsets: Series
    bass: Series
    spectrum: Series
    chroma: Series

    def strength_at(self, series: Series, times_s: Series) -> Series:
        """The largest value of ``onsets`` or ``bass`` near each time."""
        middles = np.round((times_s + _LATE_S) / self.hop_s).astype(int)
        near = middles[:, None] + np.arange(-_NEAR, _NEAR + 1)
        values: Series = series[np.clip(near, 0, len(series) - 1)].max(axis=1)
        return values

    def harmony_change_at(self, times_s: Series, around_s: float) -> Series:
        """How unlike the pitch classes after each time are to those before: 0 is alike, 1 has none in common."""
        reach = max(1, round(around_s / self.hop_s))
        sums = np.concatenate([np.zeros((len(self.chroma), 1)), np.cumsum(self.chroma, axis=1)], axis=1)
        middle = np.clip(np.round(times_s / self.hop_s).astype(int), 0, self.chroma.shape[1])
        before = sums[:, middle] - sums[:, np.maximum(middle - reach, 0)]
        after = sums[:, np.minimum(middle + reach, self.chroma.shape[1])] - sums[:, middle]
        scale = np.linalg.norm(before, axis=0) * np.linalg.norm(after, axis=0)
        change: Series = np.where(scale > 0, 1.0 - (before * after).sum(axis=0) / np.where(scale > 0, scale, 1.0), 0.0)
        return change


def hear(mono: npt.NDArray[np.floating[Any]], sample_rate_hz: int, *, near_bpm: float) -> Heard | None:
    """The beats of ``mono`` [frames]; of several readings of its tempo the one near ``near_bpm`` is preferred.

    None where there is too little audio, silence, samples that are not numbers, or nothing that repeats.
    """
    if len(mono) < SHORTEST_S * sample_rate_hz or not np.isfinite(mono).all():
        return None
    peak = float(np.abs(mono).max())
    if peak < SILENCE:
        return None
    import librosa  # noqa: PLC0415  numba comes with it, which the daemon does not load

    audio = np.asarray(mono / peak, dtype=np.float32)
    hop, size = round(HOP_S * sample_rate_hz), round(_WINDOW_S * sample_rate_hz)
    powers: Any = librosa.feature.melspectrogram(
        y=audio, sr=sample_rate_hz, hop_length=hop, n_fft=size, n_mels=_MEL_BANDS, fmin=_LOWEST_MEL_HZ
    )
    spectrum = librosa.power_to_db(powers)
    low = librosa.mel_frequencies(_MEL_BANDS, fmin=_LOWEST_MEL_HZ, fmax=sample_rate_hz / 2) < _BASS_HZ
    timing: Any = {"sr": sample_rate_hz, "hop_length": hop}
    onsets = np.asarray(librosa.onset.onset_strength(S=spectrum, n_fft=size, **timing), dtype=np.float64)
    bass = np.asarray(librosa.onset.onset_strength(S=spectrum[low], n_fft=size, **timing), dtype=np.float64)
    chroma = librosa.feature.chroma_stft(y=audio, n_fft=_CHROMA_SIZE * size, tuning=0.0, norm=None, **timing)
    _, beats = librosa.beat.beat_track(onset_envelope=onsets, start_bpm=near_bpm, trim=False, **timing)
    if len(beats) < _FEWEST_BEATS:
        return None
    hop_s = hop / sample_rate_hz
    period = _repeating(onsets, float(np.median(np.diff(beats))), 60.0 / near_bpm / hop_s)
    first, period, spread = _line(onsets, _phase(onsets, period), period)
    return Heard(
        first_s=first * hop_s - _LATE_S,
        period_s=period * hop_s,
        spread_s=spread * hop_s,
        pulse=_pulse(onsets, period),
        hop_s=hop_s,
        onsets=onsets,
        bass=bass,
        spectrum=np.asarray(spectrum, dtype=np.float64),
        chroma=np.asarray(chroma, dtype=np.float64),
    )


def _repeating(onsets: Series, tracked: float, hoped: float) -> float:
    """The period, in frames, with which the onsets repeat: near the tracked one, or near the one hoped for.

    The latter must be clearly better, for a third of it or two may seem as good in music that is busy.
    """
    found = _refined(onsets, tracked)
    others = [_refined(onsets, hoped * share) for share in _NEARBY]
    better = max(others, key=lambda period: _pulse(onsets, period))
    return better if _HOPE * _pulse(onsets, better) > _pulse(onsets, found) else found


def _refined(onsets: Series, period: float) -> float:
    """The period near another with the most onset strength on a grid of beats, eighths and sixteenths."""
    tried = period * _AROUND
    normal = onsets - onsets.mean()
    frames = np.arange(len(onsets))
    found = sum(np.abs(np.exp(-2j * np.pi * frames * harmonic / tried[:, None]) @ normal) for harmonic in _HARMONICS)
    return float(tried[int(np.argmax(found))])


def _phase(onsets: Series, period: float) -> float:
    """The first beat, in frames, of the grid that holds most onset strength."""
    firsts = np.arange(0.0, period, 0.5)
    beats = np.arange(int((len(onsets) - 1 - firsts[-1]) / period) + 1)
    places = np.round(firsts[:, None] + beats * period).astype(int)
    return float(firsts[int(np.argmax(onsets[np.clip(places, 0, len(onsets) - 1)].sum(axis=1)))])


def _line(onsets: Series, first: float, period: float) -> tuple[float, float, float]:
    """First beat, period and spread, all in frames, of the line through the onsets on a grid.

    Each beat counts by the strength of the strongest onset near it, by weighted least squares.
    """
    numbers = np.arange(int((len(onsets) - 1 - first) / period) + 1, dtype=np.float64)
    reach = max(1, round(min(_SNAP_S / HOP_S, period / 4)))
    peaks = [_peak(onsets, round(first + number * period), reach) for number in numbers]
    places = np.array([place for place, _ in peaks])
    weights = np.array([weight for _, weight in peaks]) + 1e-9
    middle, mean = np.average(numbers, weights=weights), np.average(places, weights=weights)
    across = np.average((numbers - middle) ** 2, weights=weights)
    if across > 0:
        period = float(np.average((numbers - middle) * (places - mean), weights=weights) / across)
    first = float(mean - period * middle)
    spread = float(np.sqrt(np.average((places - first - period * numbers) ** 2, weights=weights)))
    return first, period, spread


def _peak(onsets: Series, frame: int, reach: int) -> tuple[float, float]:
    """Place, to a part of a frame, and strength of the strongest onset near a frame."""
    begin = max(0, frame - reach)
    peak = begin + int(np.argmax(onsets[begin : frame + reach + 1]))
    return peak + _vertex(onsets, peak), float(onsets[peak])


def _vertex(onsets: Series, peak: int) -> float:
    """Where between frames the parabola through a peak and its neighbours has its top, from -0.5 to 0.5."""
    if not 0 < peak < len(onsets) - 1:
        return 0.0
    before, at, after = onsets[peak - 1 : peak + 2]
    bend = before - 2.0 * at + after
    return float(np.clip(0.5 * (before - after) / bend, -0.5, 0.5)) if bend < 0 else 0.0


def _pulse(onsets: Series, period: float) -> float:
    """How alike the onsets are to themselves some beats later: the largest autocorrelation at ``_PULSE_LAGS``."""
    normal = onsets - onsets.mean()
    found = 0.0
    for beats in _PULSE_LAGS:
        middle = round(period * beats)
        for lag in range(max(1, middle - 1), middle + 2):
            if 2 * lag <= len(normal):
                one, other = normal[:-lag], normal[lag:]
                scale = float(np.sqrt((one @ one) * (other @ other)))
                found = max(found, float(one @ other) / scale if scale > 0 else 0.0)
    return found
