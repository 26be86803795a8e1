"""Mastering: length, seam, loudness and ceiling of a loop, measured from outside."""

from __future__ import annotations

import io
import math
from collections.abc import Callable

import numpy as np
import pyloudnorm
import pytest
import soundfile
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bridge.errors import ClipError
from bridge.limiter import Limiter
from bridge.loops import seam_steps
from bridge.loudness import WeightedPower, loop_loudness
from bridge.mastering import MAX_LIMITING_DB, Mastered, MasterSettings, master
from bridge.wav import wav_bytes
from models.generator import Samples, Waveform

RATE = 48000
CEILING = 10 ** (-1 / 20)


def stereo(signal: np.ndarray) -> Samples:
    return np.stack([signal, signal], axis=1).astype(np.float32)


def tone(frames: int, hertz: float = 220.0, level: float = 0.3) -> np.ndarray:
    return level * np.sin(2 * np.pi * hertz * np.arange(frames) / RATE)


def music(frames: int, seed: int = 0) -> Samples:
    """Decaying drum strokes over a quiet chord: high peaks, moderate loudness."""
    rng = np.random.default_rng(seed)
    audio = np.sum([tone(frames, hertz, 0.05) for hertz in (220.0, 277.2, 329.6)], axis=0)
    time = np.arange(RATE // 2) / RATE
    for stroke, start in enumerate(range(0, frames, RATE // 4)):
        kick = np.sin(2 * np.pi * 55 * time) * np.exp(-12 * time)
        snare = 0.6 * rng.standard_normal(len(time)) * np.exp(-20 * time)
        hit = (kick if stroke % 2 == 0 else snare)[: frames - start]
        audio[start : start + len(hit)] += hit
    return stereo(audio)


def mastered(samples: Samples, frames: int | None = None, rate: int = RATE, **wanted: float) -> Mastered:
    settings = MasterSettings(sample_rate_hz=RATE, frames=frames or len(samples), **wanted)
    return master(Waveform(samples=samples, sample_rate_hz=rate), settings)


def meter(samples: Samples) -> float:
    return float(pyloudnorm.Meter(RATE).integrated_loudness(samples.astype(np.float64)))


def largest_step(loop: Samples) -> float:
    return float(np.abs(np.diff(loop, axis=0)).max())


def seam_step(loop: Samples) -> float:
    return float(np.abs(loop[0] - loop[-1]).max())


# The ceiling: a guarantee


def file_peak(samples: Samples) -> int:
    """The highest sample of the file, as a 24-bit integer."""
    file = io.BytesIO(wav_bytes(samples, sample_rate_hz=RATE, tags=None))
    read, _ = soundfile.read(file, dtype="int32", always_2d=True)
    return int(np.abs(read.astype(np.int64)).max()) // 256


SHAPES: dict[str, Callable[[int, np.random.Generator], np.ndarray]] = {
    "impulse": lambda frames, rng: np.eye(1, frames, int(rng.integers(frames)))[0],
    "offset": lambda frames, rng: np.ones(frames),
    "square": lambda frames, rng: np.sign(np.sin(np.arange(frames) * 0.05) + 1e-9),
    "alternating": lambda frames, rng: np.resize([1.0, -1.0], frames),
    "noise": lambda frames, rng: rng.standard_normal(frames),
    "bursts": lambda frames, rng: rng.standard_normal(frames) * (rng.random(frames) < 0.001) * 50,
}


@settings(deadline=None, max_examples=120)
@given(
    shape=st.sampled_from(sorted(SHAPES)),
    frames=st.one_of(st.integers(1, 40), st.integers(41, 30_000)),
    extra=st.integers(0, 5000),
    level=st.floats(1e-6, 1e30),
    ceiling=st.floats(-20, 0),
    loudness=st.floats(-40, -6),
    seed=st.integers(0, 99),
)
@example(shape="offset", frames=1, extra=0, level=1.0, ceiling=-1.0, loudness=-14.0, seed=0)
@example(shape="impulse", frames=1, extra=4000, level=1e30, ceiling=-1.0, loudness=-14.0, seed=0)
@example(shape="square", frames=24000, extra=0, level=1.0, ceiling=0.0, loudness=-6.0, seed=0)
@example(shape="impulse", frames=24000, extra=0, level=1.0, ceiling=-1.0, loudness=-14.0, seed=3)
def test_no_sample_passes_the_ceiling(
    *, shape: str, frames: int, extra: int, level: float, ceiling: float, loudness: float, seed: int
) -> None:
    signal = SHAPES[shape](frames + extra, np.random.default_rng(seed)) * level
    result = mastered(stereo(signal), frames=frames, loudness_lufs=loudness, ceiling_dbfs=ceiling)
    assert result.samples.shape == (frames, 2)
    assert result.samples.dtype == np.float32
    assert file_peak(result.samples) <= 10 ** (ceiling / 20) * 2**23


# Length


@given(frames=st.integers(1, 3000), extra=st.integers(0, 9000), rate=st.sampled_from([32000, 44100, 48000]))
@settings(deadline=None, max_examples=40)
def test_a_clip_has_exactly_its_frames(frames: int, extra: int, rate: int) -> None:
    source = math.ceil(frames * rate / RATE) + extra
    assert mastered(stereo(tone(source)), frames=frames, rate=rate).samples.shape == (frames, 2)


@pytest.mark.parametrize("rate", [22050, 32000, 44100, 96000])
def test_another_rate_keeps_pitch_and_time(rate: int) -> None:
    source = 0.3 * np.sin(2 * np.pi * 440.0 * np.arange(2 * rate) / rate)
    loop = mastered(stereo(source), frames=2 * RATE, rate=rate).samples[:, 0]
    spectrum = np.abs(np.fft.rfft(loop * np.hanning(len(loop))))
    assert np.argmax(spectrum) == 880  # in steps of half a hertz


def test_audio_that_ends_early_is_an_error_that_says_by_how_much() -> None:
    with pytest.raises(ClipError, match=r"0\.500 s too short: it lasts 1\.500 s, and the clip 2\.000 s"):
        mastered(stereo(tone(72000)), frames=96000)


def test_no_audio_at_all_is_an_error() -> None:
    with pytest.raises(ClipError, match="too short"):
        mastered(np.zeros((0, 2), dtype=np.float32), frames=4)


def test_a_length_rounded_down_by_a_frame_is_taken() -> None:
    assert len(mastered(stereo(tone(47999)), frames=48000).samples) == 48000


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_samples_that_are_not_numbers_are_an_error_that_names_the_place(bad: float) -> None:
    samples = stereo(tone(48000))
    samples[24000, 1] = bad
    with pytest.raises(ClipError, match=r"not numbers, first at 0\.500 s"):
        mastered(samples)


@pytest.mark.parametrize("shape", [(480, 3), (480,), (480, 0)])
def test_audio_that_is_neither_mono_nor_stereo_is_an_error(shape: tuple[int, ...]) -> None:
    with pytest.raises(ClipError, match="mono or stereo"):
        mastered(np.zeros(shape, dtype=np.float32), frames=480)


def test_mono_sounds_from_both_sides() -> None:
    samples = mastered(tone(48000)[:, np.newaxis].astype(np.float32)).samples
    np.testing.assert_array_equal(samples[:, 0], samples[:, 1])


# Loudness


@pytest.mark.parametrize("seconds", [3.5, 8.0])
@pytest.mark.parametrize("level", [0.01, 0.3, 4.0])
def test_music_ends_at_the_loudness_asked_for(seconds: float, level: float) -> None:
    samples = music(int(seconds * RATE)) * np.float32(level)
    result = mastered(samples)
    assert meter(result.samples) == pytest.approx(-14.0, abs=0.3)
    assert result.loudness_lufs == pytest.approx(meter(result.samples), abs=0.02)
    assert result.notices == ()


@pytest.mark.parametrize("loudness", [-23.0, -18.0, -12.0])
def test_other_loudnesses_are_reached_too(loudness: float) -> None:
    result = mastered(music(4 * RATE), loudness_lufs=loudness)
    assert meter(result.samples) == pytest.approx(loudness, abs=0.3)


@pytest.mark.parametrize("seconds", [0.05, 0.2, 1.0])
def test_a_short_loop_has_its_loudness_as_it_plays(seconds: float) -> None:
    result = mastered(music(int(seconds * RATE)))
    playing = np.tile(result.samples, (math.ceil(10 / seconds), 1))
    assert meter(playing) == pytest.approx(-14.0, abs=0.4)


def test_the_reported_peak_and_gain_are_those_of_the_samples() -> None:
    source = stereo(tone(96000, hertz=250.0, level=0.05))
    result = mastered(source)
    assert result.peak_dbfs == pytest.approx(20 * math.log10(np.abs(result.samples).max()), abs=1e-6)
    np.testing.assert_allclose(result.samples, source * 10 ** (result.gain_db / 20), atol=2**-22)
    assert result.limited_db == 0.0


def test_silence_stays_silence_and_is_told() -> None:
    result = mastered(np.zeros((48000, 2), dtype=np.float32))
    assert not result.samples.any()
    assert (result.loudness_lufs, result.peak_dbfs, result.gain_db) == (-math.inf, -math.inf, 0.0)
    assert len(result.notices) == 1
    assert "silent" in result.notices[0]


def test_what_is_too_soft_to_measure_keeps_its_level() -> None:
    source = stereo(tone(96000, hertz=250.0, level=1e-5))
    result = mastered(source)
    np.testing.assert_allclose(result.samples, source, atol=2**-23)
    assert "too soft" in result.notices[0]


def test_peaks_that_stand_too_high_leave_the_clip_softer_and_are_told() -> None:
    source = np.zeros((4 * RATE, 2), dtype=np.float32)
    source[::RATE] = 1.0
    result = mastered(source)
    assert result.loudness_lufs < -15
    assert result.limited_db == pytest.approx(MAX_LIMITING_DB, abs=0.1)
    assert f"{result.loudness_lufs:.1f} LUFS, not -14" in result.notices[0]


def test_a_steady_offset_has_no_loudness() -> None:
    assert loop_loudness(np.full((RATE, 2), 0.5), RATE) == -math.inf


# The limiter


def limited(loop: np.ndarray, rate: int, gain_db: float, ceiling_dbfs: float) -> tuple[np.ndarray, float]:
    gain, reduction_db = Limiter(loop, rate).gain(gain_db, ceiling_dbfs)
    return loop * gain[:, np.newaxis], reduction_db


@given(hertz=st.floats(40, 12000), level=st.floats(0.02, 0.5), rate=st.sampled_from([44100, 48000]))
@settings(deadline=None, max_examples=20)
def test_the_estimate_of_loudness_is_the_meters(hertz: float, level: float, rate: int) -> None:
    loop = stereo(tone(4 * rate, hertz=hertz, level=level)).astype(np.float64)
    loop *= np.linspace(0.3, 1.0, len(loop))[:, np.newaxis]
    assert WeightedPower(loop, rate).loudness() == pytest.approx(loop_loudness(loop, rate), abs=0.05)


def test_limiting_changes_no_wave_far_from_the_peaks() -> None:
    source = tone(4 * RATE, level=0.1)
    source[RATE : RATE + 50] += 0.9
    result = mastered(stereo(source), loudness_lufs=-14.0)
    assert result.limited_db > 3
    far = slice(2 * RATE, 4 * RATE)
    np.testing.assert_allclose(result.samples[far, 0], source[far] * 10 ** (result.gain_db / 20), atol=2**-21)


def test_both_channels_are_limited_alike() -> None:
    left = tone(2 * RATE, level=0.1)
    left[RATE : RATE + 50] += 0.9
    samples = np.stack([left, 0.5 * tone(2 * RATE, level=0.1)], axis=1).astype(np.float32)
    result = mastered(samples)
    loud = np.abs(samples[:, 1]) > 0.01
    gains = result.samples[loud] / samples[loud]
    np.testing.assert_allclose(gains[:, 0], gains[:, 1], rtol=1e-3)


@given(turn=st.integers(0, 750).map(lambda groups: 16 * groups), gain_db=st.floats(-6, 24))
@settings(deadline=None, max_examples=25)
def test_the_limiter_knows_no_start(turn: int, gain_db: float) -> None:
    """A loop that begins elsewhere, by a whole number of the limiter's groups, is limited the same."""
    source = tone(12000, hertz=200.0, level=0.2)[:, np.newaxis]
    source[9000:9040] += 0.7
    plain, reduced_db = limited(source, RATE, gain_db, -1.0)
    turned, turned_db = limited(np.roll(source, -turn, axis=0), RATE, gain_db, -1.0)
    assert reduced_db == pytest.approx(turned_db, abs=1e-9)
    np.testing.assert_allclose(np.roll(plain, -turn, axis=0), turned, atol=1e-9)


@given(frames=st.integers(1, 5000), rate=st.sampled_from([8000, 44100, 48000, 192000]), seed=st.integers(0, 99))
@settings(deadline=None, max_examples=60)
def test_the_limiter_alone_keeps_the_ceiling(frames: int, rate: int, seed: int) -> None:
    """Up to rounding: the clamp after it never shapes a wave."""
    rng = np.random.default_rng(seed)
    loop = rng.standard_normal((frames, 2)) * rng.choice([0.01, 1.0], (frames, 1), p=[0.95, 0.05])
    audio, _ = limited(loop, rate, 12.0, -1.0)
    assert np.abs(audio).max() <= CEILING * (1 + 1e-9)


def test_the_limiters_gain_moves_slowly_around_the_seam() -> None:
    loop = np.full((10_007, 1), 0.1)
    loop[0] = 1.0
    audio, reduced_db = limited(loop, RATE, 0.0, -12.0)
    gain_db = 20 * np.log10(audio[:, 0] / loop[:, 0])
    steps = np.abs(np.diff(np.append(gain_db, gain_db[0])))
    assert reduced_db == pytest.approx(12.0, abs=1e-6)
    assert steps.max() < 12.0 / 70  # a ramp of 1.5 ms is 72 frames


# The seam


def ringing(frames: int, tail: int) -> np.ndarray:
    """Strokes that decay slowly, and ring on after the clip."""
    time = np.arange(frames + tail) / RATE
    audio = np.zeros(frames + tail)
    for start in range(0, frames, frames // 4):
        rest = time[: len(time) - start]
        audio[start:] += 0.4 * np.sin(2 * np.pi * 311.0 * rest) * np.exp(-2.5 * rest)
    return audio


def test_the_tail_is_added_to_the_start() -> None:
    source = ringing(RATE, 2 * RATE)
    result = mastered(stereo(source), frames=RATE, loudness_lufs=-30.0)
    faded = source.copy()
    faded[-2400:] *= np.cos(np.linspace(0, np.pi / 2, 2401))[1:]
    around = faded.reshape(3, RATE).sum(axis=0) * 10 ** (result.gain_db / 20)
    assert result.folded_s == pytest.approx(2.0, abs=0.001)
    np.testing.assert_allclose(result.samples[:, 0], around, atol=1e-4)


def test_silence_after_the_clip_is_no_tail() -> None:
    audio = np.concatenate([tone(48000), np.zeros(48000)])
    assert mastered(stereo(audio), frames=48000).folded_s == 0.0


LOOPS = {
    "ringing": (ringing(RATE, RATE), RATE),
    "ringing, cut off": (ringing(RATE, 4800), RATE),
    "ringing, seven times around": (ringing(RATE // 4, 7 * RATE // 4), RATE // 4),
    "no tail, in the middle of a wave": (tone(50000, hertz=101.3), 50000),
    "no tail, an offset at the end only": (np.linspace(0.0, 0.5, 48000), 48000),
    "a few frames more": (tone(50100, hertz=101.3), 50000),
    "an overlap": (tone(51500, hertz=101.3), 50000),
    "a start in the middle of a sound": (np.cos(np.arange(96000) * 0.01) * 0.4, 48000),
}


@pytest.mark.parametrize("name", LOOPS)
def test_loops_play_without_a_click(name: str) -> None:
    audio, frames = LOOPS[name]
    loop = mastered(stereo(audio), frames=frames).samples
    assert seam_step(loop) <= largest_step(loop)
    assert not seam_steps(loop, RATE)


@pytest.mark.parametrize("name", ["no tail, in the middle of a wave", "a start in the middle of a sound"])
def test_the_seam_would_step_if_the_audio_were_only_cut(name: str) -> None:
    audio, frames = LOOPS[name]
    assert seam_steps(stereo(audio[:frames]), RATE)


def test_a_loop_that_is_whole_already_is_not_touched() -> None:
    source = stereo(tone(48000, hertz=200.0))
    result = mastered(source)
    np.testing.assert_allclose(result.samples, source * 10 ** (result.gain_db / 20), atol=2**-22)


def test_the_same_audio_gives_the_same_bits() -> None:
    source = music(2 * RATE)
    np.testing.assert_array_equal(mastered(source).samples, mastered(source).samples)


def test_the_engines_audio_is_left_as_it_was() -> None:
    source = music(RATE)
    before = source.copy()
    mastered(source)
    np.testing.assert_array_equal(source, before)
