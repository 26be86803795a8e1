"""Category: unit. Audio of a known tempo laid on a clip's beats: where its onsets end up, and what is left as it is."""

from __future__ import annotations

import builtins
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from listening import score_onsets
from off_tempo import RATE_HZ, WINDOW_S, click_times, clicks, played

from bridge.beats import hear
from bridge.stretching import PHASE_VOCODER, SIGNALSMITH, stretched, stretcher
from bridge.tempo_fit import MAX_CHANGE, fit
from models.generator import BeatGrid, Samples
from models.sketch import SketchEngine

BPM = 120.0
SECONDS = 8.0
TAIL_S = 0.05
GRID = BeatGrid(beats=16, bar_beats=4, beat_quarters=1.0, spare_s=1.2)
FRAMES = round((SECONDS + TAIL_S) * RATE_HZ)
FACTORS = (0.93, 0.97, 1.0, 1.03, 1.07)


@pytest.fixture(scope="module")
def engine() -> SketchEngine:
    return SketchEngine()


# Stretching


@pytest.mark.parametrize("ratio", [0.93, 1.07])
@pytest.mark.parametrize(("by", "share", "within_ms"), [(SIGNALSMITH, 100, 2.0), (PHASE_VOCODER, 75, 15.0)])
def test_stretched_clicks_lie_where_they_belong(by: str, share: int, within_ms: float, ratio: float) -> None:
    """All of them; of the vocoder's, which smears attacks, three quarters."""
    before = clicks(BPM)
    after = stretched(before, RATE_HZ, ratio, by=by)
    assert len(after) == round(len(before) * ratio)
    wanted = click_times(before) * ratio
    found = click_times(after)
    nearest = np.array([found[np.argmin(np.abs(found - time))] for time in wanted])
    assert np.percentile(np.abs(nearest - wanted), share) * 1000 < within_ms


@pytest.mark.parametrize("ratio", [0.93, 1.07])
def test_a_sine_keeps_its_pitch_and_level(ratio: float) -> None:
    sine = 0.5 * np.sin(2 * np.pi * 440 * np.arange(5 * RATE_HZ) / RATE_HZ)
    after = stretched(np.stack([sine, -sine], axis=1).astype(np.float32), RATE_HZ, ratio)
    middle = after[RATE_HZ : 3 * RATE_HZ, 0]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle)), 1 << 20))
    assert np.argmax(spectrum) * RATE_HZ / (1 << 20) == pytest.approx(440.0, abs=0.1)
    assert middle.std() / sine.std() == pytest.approx(1.0, abs=0.01)


def test_the_same_audio_is_stretched_the_same_way() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, (RATE_HZ, 1)).astype(np.float32)
    np.testing.assert_array_equal(stretched(noise, RATE_HZ, 1.05), stretched(noise, RATE_HZ, 1.05))


def test_without_its_wheel_the_phase_vocoder_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def missing(name: str, *arguments: object, **options: object) -> object:
        if name == "python_stretch":
            raise ImportError(name)
        return real(name, *arguments, **options)

    monkeypatch.delitem(sys.modules, "python_stretch", raising=False)
    monkeypatch.setattr(builtins, "__import__", missing)
    assert stretcher() == PHASE_VOCODER
    assert len(stretched(clicks(BPM), RATE_HZ, 1.05)) == round(WINDOW_S * RATE_HZ * 1.05)


# Hearing


@pytest.mark.parametrize("bpm", [111.6, 120.0, 128.4])
def test_the_beats_of_clicks_are_heard_to_the_millisecond(bpm: float) -> None:
    heard = hear(clicks(bpm, first_s=0.2)[:, 0], RATE_HZ, near_bpm=BPM)
    assert heard is not None
    assert 60 / heard.period_s == pytest.approx(bpm, rel=2e-4)
    assert heard.first_s == pytest.approx(0.2, abs=0.002)
    assert heard.spread_s < 0.003
    assert heard.pulse > 0.8


def test_noise_has_no_pulse() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 10 * RATE_HZ)
    for bpm in (80.0, 100.0, 120.0, 150.0):
        heard = hear(noise, RATE_HZ, near_bpm=bpm)
        assert heard is not None
        assert heard.pulse < 0.15


# Fitting


@pytest.mark.parametrize("factor", FACTORS)
def test_clicks_lie_on_the_grid_after_it(factor: float) -> None:
    found, audio = fit(clicks(BPM * factor, first_s=0.37), RATE_HZ, GRID, seconds=SECONDS, tail_s=TAIL_S)
    assert found.outcome == "fitted"
    assert found.bpm == pytest.approx(BPM * factor, rel=5e-4)
    assert found.ratio == pytest.approx(factor, rel=5e-4)
    assert len(audio) == FRAMES
    on_beats = click_times(audio) * BPM / 60
    on_beats = on_beats[on_beats > 0.5]
    assert len(on_beats) >= 15
    assert np.abs(on_beats - np.round(on_beats)).max() * 60 / BPM < 0.005


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize("prompt", ["funk", "rock", "jazz"])
def test_a_sketch_lies_on_the_grid_after_it(engine: SketchEngine, prompt: str, factor: float) -> None:
    """F1 of onsets against eighths at 50 ms, and the loop's own beats against the grid."""
    late_s = 0.37
    found, audio = fit(
        played(engine, BPM * factor, prompt=prompt, late_s=late_s), RATE_HZ, GRID, seconds=SECONDS, tail_s=TAIL_S
    )
    assert found.outcome == "fitted"
    first = (found.start_s + late_s) * BPM * factor / 60
    errors_s = (np.arange(round(first), round(first) + 16) - first) * 60 / (BPM * factor) * found.ratio
    errors_s = errors_s - np.arange(16) * 60 / BPM
    assert np.abs(errors_s).mean() < 0.012, "a sampled attack begins some milliseconds late"
    score = score_onsets(audio[: round(SECONDS * RATE_HZ)], RATE_HZ, list(np.arange(32) * 30 / BPM))
    assert score.f1 > 0.8


@pytest.mark.parametrize("factor", FACTORS)
def test_most_loops_begin_on_a_bar(engine: SketchEngine, factor: float) -> None:
    """A bar line lies among the starts that there are to choose from."""
    late_s, starts = 1.2, []
    for prompt in ("funk", "pop", "soul"):
        audio = played(engine, BPM * factor, prompt=prompt, late_s=late_s)
        found, _ = fit(audio, RATE_HZ, GRID, seconds=SECONDS, tail_s=TAIL_S)
        starts.append(round((found.start_s + late_s) * BPM * factor / 60) % 4)
    assert starts.count(0) >= 2, starts


@pytest.mark.parametrize("octave", [0.5, 2.0])
def test_double_and_half_time_are_the_same_tempo(octave: float) -> None:
    found, _ = fit(clicks(BPM * octave * 1.02), RATE_HZ, GRID, seconds=SECONDS, tail_s=TAIL_S)
    assert found.outcome == "fitted"
    assert found.bpm == pytest.approx(BPM * 1.02, rel=2e-3)


@pytest.mark.parametrize("bpm", [90.0, 100.0, 135.0, 160.0])
def test_another_tempo_is_not_stretched(engine: SketchEngine, bpm: float) -> None:
    audio = played(engine, bpm)
    found, kept = fit(audio, RATE_HZ, GRID, seconds=SECONDS, tail_s=TAIL_S)
    assert found.outcome == "other_tempo"
    assert (found.ratio, found.stretcher) == (1.0, None)
    assert found.change is not None and abs(found.change) > MAX_CHANGE
    first = round(found.start_s * RATE_HZ)
    np.testing.assert_array_equal(kept, audio[first : first + FRAMES])


def test_beats_of_no_steady_tempo_are_irregular() -> None:
    """Clicks up to a tenth of a second beside their beats."""
    away = np.random.default_rng(3).uniform(-0.1, 0.1, 20)
    audio = np.zeros((round(WINDOW_S * RATE_HZ), 1), dtype=np.float32)
    one = clicks(BPM, first_s=0.0, seconds=0.1)
    for number, late in enumerate(away[1:], start=1):
        first = round((number * 0.5 + late) * RATE_HZ)
        part = one[: len(audio) - first]
        audio[first : first + len(part)] += part
    found, _ = fit(audio, RATE_HZ, GRID, seconds=SECONDS, tail_s=TAIL_S)
    assert found.outcome in {"irregular", "no_beat"}
    assert found.ratio == 1.0


def test_what_already_lies_on_the_beat_is_not_stretched() -> None:
    audio = clicks(BPM, first_s=0.0)
    found, kept = fit(audio, RATE_HZ, GRID, seconds=SECONDS, tail_s=TAIL_S)
    assert (found.outcome, found.ratio, found.stretcher) == ("fitted", 1.0, None)
    assert len(kept) == FRAMES


def test_a_loop_that_the_audio_does_not_hold_is_too_short() -> None:
    audio = clicks(BPM * 0.95, seconds=SECONDS + TAIL_S)
    found, kept = fit(audio, RATE_HZ, GRID, seconds=SECONDS, tail_s=TAIL_S)
    assert (found.outcome, found.ratio) == ("too_short", 1.0)
    assert len(kept) == FRAMES


def sound(kind: str, frames: int, level: float) -> Samples:
    rng = np.random.default_rng(frames)
    audio = {
        "silence": np.zeros(frames),
        "noise": rng.normal(0.0, 1.0, frames),
        "steady": np.ones(frames),
        "clicks": clicks(97.0, seconds=max(frames, 1) / RATE_HZ)[:frames, 0],
        "one click": np.eye(1, frames, frames // 2)[0] if frames else np.zeros(0),
    }[kind]
    return (level * np.stack([audio, audio], axis=1)).astype(np.float32)


@settings(max_examples=60)
@given(
    kind=st.sampled_from(["silence", "noise", "steady", "clicks", "one click"]),
    frames=st.one_of(st.integers(0, 4), st.integers(0, 4 * RATE_HZ)),
    level=st.sampled_from([1e-12, 1e-3, 1.0, 1e6]),
    beats=st.integers(1, 9),
    seconds=st.floats(0.01, 4.0),
)
def test_whatever_comes_in_a_clip_comes_out(kind: str, frames: int, level: float, beats: int, seconds: float) -> None:
    """Numbers, the clip's frames where there are so many, a start inside the audio, and a change within the limit."""
    samples = sound(kind, frames, level)
    grid = BeatGrid(beats=beats, bar_beats=max(1, beats // 2), beat_quarters=1.0, spare_s=0.1)
    found, audio = fit(samples, RATE_HZ, grid, seconds=seconds, tail_s=TAIL_S)
    wanted = round((seconds + TAIL_S) * RATE_HZ)
    assert len(audio) == wanted if found.ratio != 1.0 else len(audio) == min(wanted, len(samples))
    assert np.isfinite(audio).all()
    assert 0.0 <= found.start_s <= max(0.0, frames / RATE_HZ)
    assert abs(found.ratio - 1.0) <= MAX_CHANGE
    assert found.outcome == "fitted" or found.ratio == 1.0


def test_samples_that_are_no_numbers_are_left_for_the_mastering_to_refuse() -> None:
    audio = clicks(BPM)
    audio[1000] = np.nan
    found, kept = fit(audio, RATE_HZ, GRID, seconds=SECONDS, tail_s=TAIL_S)
    assert found.outcome == "no_beat"
    assert np.isnan(kept).sum() == 1
