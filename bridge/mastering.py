"""From an engine's audio to a finished loop: length, seam, loudness and ceiling.

Pure. The clip is a loop, and is treated as one throughout: what rings on after its end is added to its
start, and the limiter runs around the seam.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import soxr

from bridge.errors import ClipError
from bridge.limiter import Limiter
from bridge.loops import fold
from bridge.loudness import WeightedPower, loop_loudness
from bridge.wav import FULL_SCALE, dequantise, quantise
from models.generator import Samples, Waveform

Audio = npt.NDArray[np.float64]
"""Audio while it is worked on, shape [frames, 2]."""

CHANNELS: Final = 2
SILENCE_LUFS: Final = -70.0
"""The absolute gate of ITU-R BS.1770-4: what is softer has no loudness."""
MAX_LIMITING_DB: Final = 12.0
"""More gain reduction than this would be heard as distortion, so the clip stays softer instead."""
LOUDNESS_TOLERANCE_LU: Final = 0.2
MAX_ITERATIONS: Final = 6
MAX_ROUNDS: Final = 3
SHORT_BY_FRAMES: Final = 8
"""Audio may end this early from the rounding of lengths; its last frame is then held."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MasterSettings:
    """What a clip must be: its rate in Hz, its length in frames, its loudness, and its highest sample."""

    sample_rate_hz: int
    frames: int
    loudness_lufs: float = -14.0
    ceiling_dbfs: float = -1.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Mastered:
    """A finished clip.

    ``samples`` are float32 [frames, 2] on the 24-bit grid, so a WAV file holds exactly them. ``loudness_lufs``
    and ``peak_dbfs`` are measured on them (-inf for silence). ``folded_s`` is the length of the tail that was
    folded into the start, ``gain_db`` the steady gain, ``limited_db`` the largest reduction by the limiter.
    """

    samples: Samples
    loudness_lufs: float
    peak_dbfs: float
    folded_s: float
    gain_db: float
    limited_db: float
    notices: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Levelled:
    audio: Audio
    loudness_lufs: float
    gain_db: float
    limited_db: float
    notices: tuple[str, ...] = ()


def master(waveform: Waveform, settings: MasterSettings, between: Callable[[], None] = lambda: None) -> Mastered:
    """Make a clip of an engine's audio; ``between`` is called between the stages, and may raise to stop.

    The result has exactly ``settings.frames`` frames, and no sample of it, rounded to 24 bits, passes the
    ceiling. Raises ``ClipError`` for audio that ends before the clip does, that is neither mono nor stereo,
    or that holds samples which are not numbers.
    """
    scale, normal = _normalised(waveform)
    between()
    audio = _to_length(_resampled(normal, waveform.sample_rate_hz, settings.sample_rate_hz), settings)
    between()
    loop, folded_frames = fold(audio, settings.frames, settings.sample_rate_hz)
    between()
    levelled = _levelled(loop, _db(scale), settings)
    between()
    samples = _on_grid(levelled.audio, settings.ceiling_dbfs)
    return Mastered(
        samples=samples,
        loudness_lufs=levelled.loudness_lufs,
        peak_dbfs=_db(float(np.abs(samples).max())),
        folded_s=folded_frames / settings.sample_rate_hz,
        gain_db=levelled.gain_db,
        limited_db=levelled.limited_db,
        notices=levelled.notices,
    )


def _normalised(waveform: Waveform) -> tuple[float, Audio]:
    """The peak, and the audio in stereo with its peak at 1 (silence stays as it is)."""
    samples = waveform.samples
    if samples.ndim != 2 or samples.shape[1] not in (1, CHANNELS):
        raise ClipError(f"The engine made audio of the shape {samples.shape}; a clip is mono or stereo.")
    if not np.isfinite(samples).all():
        first = int(np.argmin(np.isfinite(samples).all(axis=1)))
        raise ClipError(
            f"The engine made samples that are not numbers, first at {first / waveform.sample_rate_hz:.3f} s: "
            "try another seed."
        )
    audio = np.array(np.broadcast_to(samples, (len(samples), CHANNELS)), dtype=np.float64)
    peak = max(float(audio.max(initial=0.0)), -float(audio.min(initial=0.0)))
    if peak:
        audio /= peak
    return peak, audio


def _resampled(audio: Audio, from_hz: int, to_hz: int) -> Audio:
    if from_hz == to_hz:
        return audio
    resampled: Audio = soxr.resample(audio, from_hz, to_hz, quality=soxr.HQ)
    return resampled


def _to_length(audio: Audio, settings: MasterSettings) -> Audio:
    """At least the clip's length. Raises ``ClipError`` for audio that is shorter by more than rounding."""
    missing = settings.frames - len(audio)
    if missing <= 0:
        return audio
    if missing > SHORT_BY_FRAMES or not len(audio):
        rate = settings.sample_rate_hz
        raise ClipError(
            f"The engine's audio is {missing / rate:.3f} s too short: it lasts {len(audio) / rate:.3f} s, "
            f"and the clip {settings.frames / rate:.3f} s."
        )
    return np.pad(audio, ((0, missing), (0, 0)), mode="edge")


def _levelled(loop: Audio, scale_db: float, settings: MasterSettings) -> _Levelled:
    """The loop at its loudness. ``scale_db`` is what the engine's audio lost when it was normalised."""
    peak = float(np.abs(loop).max())
    power = WeightedPower(loop, settings.sample_rate_hz)
    own_lufs = power.loudness()
    if own_lufs + scale_db < SILENCE_LUFS:
        return _left_alone(loop, scale_db, settings.ceiling_dbfs)
    most_db = settings.ceiling_dbfs + MAX_LIMITING_DB - _db(peak)
    wanted_db = settings.loudness_lufs - own_lufs
    gain_db = min(wanted_db, most_db)
    if gain_db + _db(peak) <= settings.ceiling_dbfs:
        audio = loop * _ratio(gain_db)
        return _Levelled(
            audio=audio,
            loudness_lufs=loop_loudness(audio, settings.sample_rate_hz),
            gain_db=gain_db - scale_db,
            limited_db=0.0,
        )
    limiter = Limiter(loop, settings.sample_rate_hz)
    search = _Search(limiter=limiter, power=power, most_db=most_db, ceiling_dbfs=settings.ceiling_dbfs)
    limited = _limited_to_loudness(loop, search, gain_db, settings)
    notices: tuple[str, ...] = ()
    short_by = settings.loudness_lufs - limited.loudness_lufs
    if short_by > LOUDNESS_TOLERANCE_LU:
        notices = (
            f"The clip is at {limited.loudness_lufs:.1f} LUFS, not {settings.loudness_lufs:g}: its peaks stand so far "
            f"above the rest that more would take over {MAX_LIMITING_DB:g} dB of limiting.",
        )
    return _Levelled(
        audio=limited.audio,
        loudness_lufs=limited.loudness_lufs,
        gain_db=limited.gain_db - scale_db,
        limited_db=limited.limited_db,
        notices=notices,
    )


def _limited_to_loudness(loop: Audio, search: _Search, gain_db: float, settings: MasterSettings) -> _Levelled:
    """Gain and limiter, repeated with more gain until the limited loop is as loud as it should be.

    Limiting takes loudness away. Each round finds the gain for which the estimated loudness is right, then
    measures; what the estimate missed corrects the next round. It ends within the tolerance, at the most gain
    there may be, or after ``MAX_ROUNDS``.
    """
    bias_db = 0.0
    for _ in range(MAX_ROUNDS):
        gain_db = search.gain_for(settings.loudness_lufs - bias_db, gain_db)
        gain, limited_db = search.limiter.gain(gain_db, search.ceiling_dbfs)
        audio = loop * gain[:, np.newaxis]
        loudness = loop_loudness(audio, settings.sample_rate_hz)
        result = _Levelled(audio=audio, loudness_lufs=loudness, gain_db=gain_db, limited_db=limited_db)
        missed_db = settings.loudness_lufs - loudness
        if abs(missed_db) <= LOUDNESS_TOLERANCE_LU or (missed_db > 0 and gain_db >= search.most_db):
            break
        bias_db -= missed_db
    return result


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Search:
    """The search for the gain of a limited loop, by estimated loudness."""

    limiter: Limiter
    power: WeightedPower
    most_db: float
    ceiling_dbfs: float

    def gain_for(self, target_lufs: float, gain_db: float) -> float:
        """The gain in dB, ``most_db`` at the most, at which the limited loop should have the target loudness."""
        for _ in range(MAX_ITERATIONS):
            missed_db = target_lufs - self.power.loudness(self.limiter.coarse_gain(gain_db, self.ceiling_dbfs))
            if abs(missed_db) <= LOUDNESS_TOLERANCE_LU / 2 or (missed_db > 0 and gain_db >= self.most_db):
                break
            gain_db = min(gain_db + missed_db, self.most_db)
        return gain_db


def _left_alone(loop: Audio, scale_db: float, ceiling_dbfs: float) -> _Levelled:
    """What has no loudness keeps its level, unless that passes the ceiling."""
    gain_db = min(0.0, ceiling_dbfs - scale_db)
    audio = loop * _ratio(gain_db + scale_db) if math.isfinite(scale_db) else loop
    return _Levelled(
        audio=audio,
        loudness_lufs=-math.inf,
        gain_db=gain_db,
        limited_db=0.0,
        notices=("The clip is silent, or too soft to measure; its level was left as it is.",),
    )


def _on_grid(audio: Audio, ceiling_dbfs: float) -> Samples:
    """Samples of the 24-bit grid, held at its last point under the ceiling: the guarantee, whatever came before."""
    highest = min(math.floor(_ratio(ceiling_dbfs) * FULL_SCALE), FULL_SCALE - 1)
    return dequantise(np.clip(quantise(audio), -highest, highest))


def _db(ratio: float) -> float:
    return 20.0 * math.log10(ratio) if ratio > 0 else -math.inf


def _ratio(db: float) -> float:
    return float(10.0 ** (db / 20.0))
