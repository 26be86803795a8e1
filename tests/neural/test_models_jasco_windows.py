"""Clips longer than JASCO's window: what each window hears, what it keeps, and how windows meet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from small_checkpoints import converted_small

from models.errors import Cancelled, ModelError
from models.generator import HeardWindow, JascoControls, PlannedWindow, TimedHit, TimedPitch, Waveform
from models.jasco import Controls, Guidance, noise_of, noises_of
from models.jasco_engine import JascoEngine, track_told
from models.jasco_windows import (
    JOIN_FADE_S,
    Frames,
    heard_frames,
    joined,
    joins_db,
    looped,
    loud_joins,
    window_chords,
    window_drums,
    window_melody,
)
from models.presets import SOLVERS

FRAMES = Frames(window_s=1.0, rate_hz=50.0)
WINDOWS = (
    PlannedWindow(start_frame=-10, from_s=0.0, to_s=0.7, heard_s=0.2),
    PlannedWindow(start_frame=15, from_s=0.7, to_s=1.2, heard_s=0.4),
    PlannedWindow(start_frame=36, from_s=1.2, to_s=1.65, heard_s=0.48),
)
CONTROLS = JascoControls(
    description="funk bass",
    chords=((0.0, "C"), (0.7, "Am7"), (1.2, "F")),
    drums=(TimedHit(at_s=0.0, voice="kick", velocity=100), TimedHit(at_s=1.2, voice="kick", velocity=100)),
    melody=(TimedPitch(start_s=0.5, end_s=0.9, pitch=60),),
    duration_s=1.65,
    all_weight=5.0,
    text_weight=0.0,
    solver="draft",
    windows=WINDOWS,
    seed=1,
)


def drums_of(controls: JascoControls, sample_rate_hz: int) -> np.ndarray | None:
    """A burst of noise for each hit, loud enough for a codec of random weights; the last rings on after the end."""
    if not controls.drums:
        return None
    audio = np.zeros(2 * sample_rate_hz, dtype=np.float32)
    noise = np.random.default_rng(0).normal(0.0, 30.0, sample_rate_hz // 2).astype(np.float32)
    for hit in controls.drums:
        start = int(hit.at_s * sample_rate_hz)
        audio[start : start + len(noise)] += noise
    return audio


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return converted_small(tmp_path_factory.mktemp("jasco"), melody=True)


@pytest.fixture
def engine(folder: Path) -> JascoEngine:
    return JascoEngine(folder, device="cpu", render_drums=drums_of)


def made(
    engine: JascoEngine,
    *batch: JascoControls,
    report: Callable[[float], None] = lambda share: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> list[Waveform]:
    return list(engine.generate(batch, report=report, cancelled=cancelled))


def runs(engine: JascoEngine, monkeypatch: pytest.MonkeyPatch, batch: Sequence[JascoControls]) -> list[torch.Tensor]:
    """The latents of each window of a batch, as the model gave them."""
    sample, latents = engine._model.sample, []

    def watched(controls: Controls, noise: torch.Tensor, **options: object) -> torch.Tensor:
        latents.append(sample(controls, noise, **options))
        return latents[-1]

    monkeypatch.setattr(engine._model, "sample", watched)
    made(engine, *batch)
    return latents


# What is kept


@pytest.mark.parametrize("solver", SOLVERS)
def test_kept_latents_come_out_as_they_were_given(engine: JascoEngine, solver: str) -> None:
    model = engine._model
    noise = noise_of([1, 2], 50, model.config.flow_dim)
    kept = torch.randn(2, 20, model.config.flow_dim)
    latents = model.sample(
        Controls(descriptions=("a", "b")), noise, guidance=Guidance(), solver=SOLVERS[solver], kept=kept
    )
    assert torch.equal(latents[:, :20], kept)
    assert torch.isfinite(latents).all()


def test_kept_latents_are_as_noisy_as_the_others_at_every_step(
    engine: JascoEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the time t of the flow they are t parts of themselves and 1 - t parts of noise."""
    model = engine._model
    noise, kept = noise_of([1], 50, model.config.flow_dim), torch.randn(1, 20, model.config.flow_dim)
    model.fast = None  # the plain way, whose every evaluation can be looked at
    forward, seen = model.flow.forward, []

    def watched(z: torch.Tensor, t: torch.Tensor, *rest: object) -> torch.Tensor:
        expected = (1 - t) * noise[:, :20] + t * kept
        seen.append(float((z[:1, :20] - expected).abs().max()))
        return forward(z, t, *rest)

    monkeypatch.setattr(model.flow, "forward", watched)
    model.sample(Controls(descriptions=("a",)), noise, guidance=Guidance(), solver=SOLVERS["standard"], kept=kept)
    assert len(seen) == 12
    assert max(seen) < 1e-5


def test_what_is_kept_changes_what_follows(engine: JascoEngine) -> None:
    model = engine._model
    noise = noise_of([1], 50, model.config.flow_dim)
    first, second = (
        model.sample(
            Controls(descriptions=("a",)), noise, guidance=Guidance(), solver=SOLVERS["draft"],
            kept=torch.full((1, 20, model.config.flow_dim), level),
        )
        for level in (0.0, 2.0)
    )  # fmt: skip
    assert not torch.allclose(first[:, 20:], second[:, 20:])


def test_a_window_keeps_what_the_one_before_it_made(engine: JascoEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, third = runs(engine, monkeypatch, [CONTROLS])
    assert torch.equal(first[:, 25:45], second[:, :20])
    assert torch.equal(second[:, 21:45], third[:, :24])
    assert not torch.allclose(first[:, 45:], second[:, 20:25])


def test_a_continued_windows_kept_part_is_the_first_ones_audio(
    engine: JascoEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the codec's error: it hears what comes after, and its end is weak, so the last frames are left out."""
    first, second, _ = (engine._decoded(one[0]) for one in runs(engine, monkeypatch, [CONTROLS]))
    kept = slice(5 * 640, 15 * 640)
    before, after = first[25 * 640 :][kept], second[kept]
    assert np.abs(before - after).max() < 0.02 * np.abs(before).max()


# What each window hears


def test_one_schedule_of_chords_goes_through_all_windows() -> None:
    """Before the clip is its end, after it its start."""
    assert window_chords(CONTROLS, WINDOWS[0], FRAMES) == [("F", 0.0), ("C", 0.2), ("Am7", 0.9)]
    assert window_chords(CONTROLS, WINDOWS[1], FRAMES) == [("C", 0.0), ("Am7", 0.4), ("F", 0.9)]
    assert window_chords(CONTROLS, WINDOWS[2], FRAMES) == [("Am7", 0.0), ("F", 0.48), ("C", 0.94)]


def test_before_the_first_chord_of_a_clip_there_is_none() -> None:
    late = replace(CONTROLS, chords=((0.5, "C"),))
    assert window_chords(late, WINDOWS[2], FRAMES) == [("C", 0.0), (None, 0.94)]
    assert window_chords(replace(CONTROLS, chords=()), WINDOWS[2], FRAMES) == []


@given(
    starts=st.lists(st.floats(0.0, 9.0), min_size=1, max_size=8), bpm=st.floats(20, 300),
    start_frame=st.integers(-100, 400),
)  # fmt: skip
def test_no_chord_lands_a_frame_late_in_any_window(starts: list[float], bpm: float, start_frame: int) -> None:
    """In every frame, the last chord at or before its time sounds."""
    beat_s = 60.0 / bpm
    times = sorted({round(round(start / beat_s) * beat_s, 6) for start in starts})
    labels = [f"{place}" for place in range(len(times))]
    duration_s = 10.0
    times = [time for time in times if time < duration_s]
    chart = replace(CONTROLS, chords=tuple(zip(times, labels, strict=False)), duration_s=duration_s)
    frames = Frames(window_s=10.0, rate_hz=50.0)
    window = PlannedWindow(start_frame=start_frame, from_s=0.0, to_s=duration_s)
    changes = window_chords(chart, window, frames)
    for frame in range(frames.count):
        sounding = [label for label, at in changes if at <= frame / 50.0][-1]
        micros = round((start_frame + frame) * 20_000) % 10_000_000
        expected = [label for label, time in zip(labels, times, strict=False) if round(time * 1e6) <= micros + 2]
        assert sounding == (expected[-1] if expected else None)


def test_a_melody_is_cut_at_the_windows_edge_and_comes_again_with_the_loop() -> None:
    def heard(window: PlannedWindow) -> list[tuple[float, float]]:
        return [(round(note.start_s, 6), round(note.end_s, 6)) for note in window_melody(CONTROLS, window, FRAMES)]

    assert heard(WINDOWS[0]) == [(0.7, 1.1)]
    assert heard(WINDOWS[1]) == [(0.2, 0.6)]
    assert heard(WINDOWS[2]) == [(0.0, 0.18)]
    assert heard(PlannedWindow(start_frame=70, from_s=1.4, to_s=1.65)) == [(0.75, 1.15)], "of the loop's next round"


def test_a_note_that_rings_over_the_clips_end_is_heard_at_its_start() -> None:
    ringing = replace(CONTROLS, melody=(TimedPitch(start_s=1.5, end_s=2.0, pitch=60),))
    heard = [(round(note.start_s, 6), round(note.end_s, 6)) for note in window_melody(ringing, WINDOWS[0], FRAMES)]
    assert heard == [(0.05, 0.55)]


def test_drums_ring_on_into_the_loops_start() -> None:
    audio = np.arange(1.0, 21.0, dtype=np.float32)
    chart = replace(CONTROLS, duration_s=1.6)
    np.testing.assert_array_equal(looped(audio, chart, FRAMES, 10), [18, 20, 22, 24, *range(5, 17)])
    window = PlannedWindow(start_frame=-10, from_s=0.0, to_s=0.7)
    np.testing.assert_array_equal(window_drums(np.arange(16.0), window, FRAMES, 10), [14, 15, *range(8)])


def test_a_clip_shorter_than_the_window_fills_it_as_a_loop(
    engine: JascoEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What comes after the clip is its start again, not silence."""
    short = replace(CONTROLS, duration_s=0.4, chords=((0.0, "C"), (0.2, "F")), windows=(), drums=CONTROLS.drums[:1])
    heard: list[Controls] = []
    sample = engine._model.sample

    def watched(controls: Controls, noise: torch.Tensor, **options: object) -> torch.Tensor:
        heard.append(controls)
        return sample(controls, noise, **options)

    monkeypatch.setattr(engine._model, "sample", watched)
    (waveform,) = made(engine, short)
    (controls,) = heard
    assert controls.drums is not None and controls.chords is not None
    drums = controls.drums.numpy().reshape(5, -1)[:4].reshape(2, -1)
    np.testing.assert_array_equal(drums[0], drums[1])
    assert controls.chords.tolist() == [*([controls.chords[0]] * 10), *([controls.chords[10]] * 10)] * 2 + (
        [controls.chords[0]] * 10
    )
    assert len(waveform.samples) == round(0.45 * 32000)


@pytest.mark.parametrize(
    ("seconds", "level", "told"),
    [
        (1.65, 1.0, []),
        (1.6, 1.0, []),
        (1.0, 1.0, ["The drum track ends after 1.00 s of 1.65: there are no drums in what follows."]),
        (3.0, 1.0, ["The drum track lasts 3.00 s, and the clip 1.65: what follows is not heard."]),
        (1.65, 0.0, ["The drum track is silent: the model hears that there are no drums."]),
    ],
)
def test_a_drum_track_that_does_not_fit_the_clip_is_told(seconds: float, level: float, told: list[str]) -> None:
    assert list(track_told(np.full(round(seconds * 100), level, dtype=np.float32), 100, 1.65)) == told


def test_what_a_drum_track_has_after_the_clip_is_not_heard(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is no tail that rings on into the loop's start."""
    track = np.concatenate([np.zeros(round(1.65 * 32000)), np.ones(32000)]).astype(np.float32)
    engine = JascoEngine(folder, device="cpu", render_drums=lambda controls, rate: track)
    heard: list[Controls] = []
    sample = engine._model.sample

    def watched(controls: Controls, noise: torch.Tensor, **options: object) -> torch.Tensor:
        heard.append(controls)
        return sample(controls, noise, **options)

    monkeypatch.setattr(engine._model, "sample", watched)
    (waveform,) = made(engine, replace(CONTROLS, drum_track=Path("drums.wav")))
    assert len(heard) == 3
    assert all(not one.drums.any() for one in heard if one.drums is not None)
    assert "lasts 2.65 s, and the clip 1.65" in " ".join(waveform.notices)


# What comes out


def test_a_long_clip_is_whole_and_says_its_windows(engine: JascoEngine) -> None:
    (waveform,) = made(engine, CONTROLS)
    assert len(waveform.samples) == round(1.7 * 32000)
    assert waveform.windows_s == ((0.0, 0.7), (0.7, 1.2), (1.2, 1.65))
    assert len(waveform.joins_db) == 2
    assert np.isfinite(waveform.samples).all()


def test_a_seed_repeats_a_long_clip_in_any_batch(engine: JascoEngine) -> None:
    together = made(engine, CONTROLS, replace(CONTROLS, seed=2))
    (alone,) = made(engine, replace(CONTROLS, seed=2))
    assert not np.allclose(together[0].samples, together[1].samples)
    np.testing.assert_allclose(together[1].samples, alone.samples, atol=1e-4)


def test_every_window_of_a_seed_has_noise_of_its_own() -> None:
    """The first one's is that of a clip of one window, so that such a clip sounds as it did."""
    first, second = noises_of([1, 2], 50, 16, windows=2)
    assert torch.equal(first, noise_of([1, 2], 50, 16))
    assert not torch.allclose(first, second)
    assert torch.equal(second[1:], noises_of([2], 50, 16, windows=2)[1])


def test_windows_meet_without_a_click(engine: JascoEngine) -> None:
    """Where they meet, neighbouring samples differ by no more than elsewhere in the clip."""
    (waveform,) = made(engine, CONTROLS)
    steps = np.abs(np.diff(waveform.samples[:, 0]))
    for cut in (round(0.7 * 32000), round(1.2 * 32000)):
        near = slice(cut - 1500, cut + 200)
        assert steps[near].max() <= np.quantile(steps, 0.9999) * 1.5


def test_progress_rises_to_one_through_all_windows(engine: JascoEngine) -> None:
    told: list[float] = []
    made(engine, CONTROLS, replace(CONTROLS, seed=2), report=told.append)
    assert told == sorted(told)
    assert told[-1] == pytest.approx(1.0)
    assert len(told) > 24, "every evaluation of every window"


def test_cancel_is_heard_in_a_later_window(engine: JascoEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    sample, windows = engine._model.sample, 0

    def counted(controls: Controls, noise: torch.Tensor, **options: object) -> torch.Tensor:
        nonlocal windows
        windows += 1
        return sample(controls, noise, **options)

    monkeypatch.setattr(engine._model, "sample", counted)
    with pytest.raises(Cancelled):
        made(engine, CONTROLS, cancelled=lambda: windows == 2)
    assert windows == 2


@pytest.mark.parametrize(
    ("windows", "message"),
    [
        (WINDOWS[:2], "from its start to its end"),
        (WINDOWS[1:], "from its start to its end"),
        ((WINDOWS[0], replace(WINDOWS[1], from_s=0.8), WINDOWS[2]), "from its start to its end"),
        ((PlannedWindow(start_frame=0, from_s=0.0, to_s=1.65),), "a window of it does not reach"),
        ((WINDOWS[0], replace(WINDOWS[1], start_frame=40), WINDOWS[2]), "a window of it does not reach"),
        (
            (WINDOWS[0], replace(WINDOWS[1], to_s=0.75), PlannedWindow(start_frame=-11, from_s=0.75, to_s=0.76)),
            "from its start to its end",
        ),
    ],
)
def test_windows_that_cannot_be_made_are_refused(
    engine: JascoEngine, windows: tuple[PlannedWindow, ...], message: str
) -> None:
    with pytest.raises(ModelError, match=message):
        made(engine, replace(CONTROLS, windows=windows))


# Joining and measuring


def tone(start_s: float, seconds: float, level: float = 1.0, rate: int = 8000) -> np.ndarray:
    times = np.arange(round(start_s * rate), round((start_s + seconds) * rate)) / rate
    return (level * np.sin(2 * np.pi * 100.0 * times)).astype(np.float32)


def test_windows_of_one_sound_join_to_that_sound() -> None:
    parts = [tone(window.start_frame / 50.0, 1.0) for window in WINDOWS]
    clip = joined(parts, WINDOWS, FRAMES, 8000)
    np.testing.assert_allclose(clip, tone(0.0, 1.72), atol=1e-5)


def test_the_later_window_plays_alone_from_the_bar_line_on() -> None:
    parts = [np.full(8000, level, dtype=np.float32) for level in (1.0, 2.0, 3.0)]
    clip = joined(parts, WINDOWS, FRAMES, 8000)
    first, second = round(0.7 * 8000), round(1.2 * 8000)
    assert clip[first - 321] == 1.0
    assert 1.0 < clip[first - 160] < 2.0
    np.testing.assert_array_equal(clip[first : second - 320], 2.0)
    np.testing.assert_array_equal(clip[second:], 3.0)


def test_a_change_of_level_is_measured_in_decibels() -> None:
    clip = np.concatenate([tone(0, 2.0), tone(2.0, 2.0, 0.5)])
    windows = (PlannedWindow(start_frame=0, from_s=0.0, to_s=2.0), PlannedWindow(start_frame=0, from_s=2.0, to_s=4.0))
    assert joins_db(clip, windows, 8000) == (pytest.approx(-6.02, abs=0.01),)
    assert loud_joins(clip, windows, 8000) == [windows[1]]
    quieter = np.concatenate([tone(0, 2.0), tone(2.0, 2.0, 0.9)])
    assert loud_joins(quieter, windows, 8000) == []


def test_a_clip_that_changes_more_elsewhere_has_no_loud_join() -> None:
    clip = np.concatenate([tone(0, 3.0), tone(3.0, 3.0, 0.5), tone(6.0, 3.0, 0.1)])
    windows = (PlannedWindow(start_frame=0, from_s=0.0, to_s=3.0), PlannedWindow(start_frame=0, from_s=3.0, to_s=9.0))
    assert loud_joins(clip, windows, 8000) == []


def test_silence_has_no_level_to_compare() -> None:
    windows = (PlannedWindow(start_frame=0, from_s=0.0, to_s=2.0), PlannedWindow(start_frame=0, from_s=2.0, to_s=4.0))
    assert joins_db(np.zeros(32000, dtype=np.float32), windows, 8000) == (0.0,)


def test_what_is_heard_ends_where_the_window_takes_over() -> None:
    assert heard_frames(WINDOWS[0], WINDOWS[1], 50.0) == slice(25, 45)
    between = replace(WINDOWS[1], from_s=0.715)
    assert heard_frames(WINDOWS[0], between, 50.0) == slice(25, 45), "a frame that the bar line parts is made anew"


# Heard while it is made


def test_windows_are_heard_before_the_take_is_finished_and_are_what_it_plays(engine: JascoEngine) -> None:
    heard: list[HeardWindow] = []
    engine.listen(heard.append)
    takes = iter(made(engine, CONTROLS, replace(CONTROLS, seed=2)))
    engine.listen(None)
    waveform = next(takes)
    mine = [window for window in heard if window.seed == CONTROLS.seed]
    assert [window.from_s for window in mine] == [0.0, 0.7], "the last one comes with the take"
    assert len(heard) == 4
    for window, following in zip(mine, (0.7, 1.2), strict=True):
        start, end = round(window.from_s * 32000), round(following * 32000)
        assert window.samples.shape == (end - start, 1)
        settled = slice(start, end - round(JOIN_FADE_S * 32000))
        np.testing.assert_allclose(waveform.samples[settled], window.samples[: settled.stop - start], atol=1e-5)
