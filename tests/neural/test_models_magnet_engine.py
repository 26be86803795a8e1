"""Category: unit. MAGNeT as an engine, on a small model of random weights: takes, windows, audio to go on from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given
from hypothesis import strategies as st
from small_checkpoints import converted_small, converted_small_magnet
from torch import Tensor

from models.batching import SINGLE_PRECISION
from models.checkpoints import load_magnet
from models.errors import Cancelled, GeneratorError, ModelError
from models.generator import BeatGrid, GivenAudio, MagnetPrompt, Waveform
from models.magnet import Told, choose_by_seed
from models.magnet_engine import OVERLAP_S, MagnetEngine, filled, layout
from models.presets import DECODINGS, Decoding

RATE, HOP = 32000, 640
PROMPT = MagnetPrompt(description="funk bass", duration_s=0.8, decoding=Decoding(decoding_steps=(4, 2, 2, 2)), seed=1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return converted_small_magnet(tmp_path_factory.mktemp("magnet"))


@pytest.fixture
def engine(folder: Path) -> MagnetEngine:
    return MagnetEngine(folder, device="cpu")


def made(
    engine: MagnetEngine,
    *batch: MagnetPrompt,
    report: Callable[[float], None] = lambda share: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> list[Waveform]:
    return list(engine.generate(batch, report=report, cancelled=cancelled))


def noise_file(path: Path, seconds: float, rate: int = RATE) -> Path:
    noise = np.random.default_rng(0).normal(0.0, 0.3, int(seconds * rate)).astype(np.float32)
    soundfile.write(path, noise, rate, subtype="FLOAT")
    return path


def through_the_codec(engine: MagnetEngine, audio: np.ndarray) -> Tensor:
    return engine._model.encode(torch.from_numpy(audio.astype(np.float32))[None, None])


# Takes


def test_a_take_lasts_as_long_as_the_clip_and_a_moment_more(engine: MagnetEngine) -> None:
    (waveform,) = made(engine, PROMPT)
    assert waveform.sample_rate_hz == RATE
    assert waveform.samples.shape == (round((0.8 + OVERLAP_S) * RATE), 1)
    assert np.isfinite(waveform.samples).all()


def test_what_is_to_be_fitted_fills_its_windows(engine: MagnetEngine) -> None:
    """No window more than the spare audio asks for, and all of each."""
    grid = BeatGrid(beats=2, bar_beats=2, beat_quarters=1.0, spare_s=0.05)
    (one,) = made(engine, replace(PROMPT, grid=grid))
    (plain,) = made(engine, PROMPT)
    assert len(one.windows_s) == 1
    assert one.frames > plain.frames
    assert one.windows_s[0][1] == pytest.approx(one.frames / RATE - OVERLAP_S)
    np.testing.assert_allclose(one.samples[: plain.frames // 2], plain.samples[: plain.frames // 2], atol=1e-4)
    (two,) = made(engine, replace(PROMPT, grid=replace(grid, spare_s=0.3)))
    assert len(two.windows_s) == 2
    assert two.frames / RATE >= 0.8 + 0.3 + OVERLAP_S


@given(frames=st.integers(1, 4000), window=st.integers(3, 1500), unit=st.sampled_from([1, 3]))
def test_full_windows_are_no_more_windows(frames: int, window: int, unit: int) -> None:
    window -= window % unit
    full = filled(frames, window, unit)
    assert full >= frames
    assert len(layout(full, window, unit).windows) == len(layout(frames, window, unit).windows)
    assert len(layout(full, window, unit).known) == full


def test_takes_differ_and_a_seed_repeats_in_any_batch(engine: MagnetEngine) -> None:
    together = made(engine, PROMPT, replace(PROMPT, seed=2))
    (alone,) = made(engine, replace(PROMPT, seed=2))
    assert not np.allclose(together[0].samples, together[1].samples)
    np.testing.assert_allclose(together[1].samples, alone.samples, atol=1e-4)


@pytest.mark.parametrize(
    "change",
    [
        {"description": "warm strings"},
        {"description": ""},
        {"decoding": replace(PROMPT.decoding, temperature=1.0)},
        {"decoding": replace(PROMPT.decoding, top_p=0.1)},
        {"decoding": replace(PROMPT.decoding, top_p=0.0, top_k=2)},
        {"decoding": replace(PROMPT.decoding, cfg_max=1.0)},
        {"decoding": replace(PROMPT.decoding, cfg_min=9.0)},
        {"decoding": replace(PROMPT.decoding, span_arrangement="stride1")},
        {"decoding": replace(PROMPT.decoding, span_scoring="prod", decoding_steps=(8, 4, 4, 4))},
        {"decoding": replace(PROMPT.decoding, anneal_temperature=False)},
        {"decoding": replace(PROMPT.decoding, sampling=False)},
        {"decoding": replace(PROMPT.decoding, decoding_steps=(5, 2, 2, 2))},
    ],
    ids=lambda change: repr(next(iter(change.values())))[:60],
)
def test_every_parameter_changes_what_is_made(engine: MagnetEngine, change: dict[str, object]) -> None:
    (before,) = made(engine, PROMPT)
    (after,) = made(engine, replace(PROMPT, **change))
    assert not np.array_equal(before.samples, after.samples)


@pytest.mark.parametrize("duration_s", [0.5, 2.5], ids=["one window", "windows"])
def test_progress_rises_to_one(engine: MagnetEngine, duration_s: float) -> None:
    told: list[float] = []
    made(engine, replace(PROMPT, duration_s=duration_s), replace(PROMPT, duration_s=duration_s, seed=2),
         report=told.append)  # fmt: skip
    assert told == sorted(told)
    assert told[-1] == pytest.approx(1.0)
    assert len(told) > 10


def test_cancel_is_heard_between_steps(engine: MagnetEngine) -> None:
    asked = 0

    def cancelled() -> bool:
        nonlocal asked
        asked += 1
        return asked > 3

    with pytest.raises(Cancelled):
        made(engine, PROMPT, cancelled=cancelled)
    assert asked == 4


def test_a_batch_that_does_not_fit_is_halved(engine: MagnetEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    generate = engine._model.generate
    sizes: list[int] = []

    def tight(descriptions: list[str | None], *arguments: object, **options: object) -> Tensor:
        sizes.append(len(descriptions))
        if len(descriptions) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return generate(descriptions, *arguments, **options)

    monkeypatch.setattr(engine._model, "generate", tight)
    assert len(made(engine, *(replace(PROMPT, seed=seed) for seed in range(5)))) == 5
    assert sizes == [5, 3, 2, 1, 2]


def test_numbers_that_are_none_are_made_again_in_single_precision_and_then_are_an_error(
    engine: MagnetEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine._model.tokens.half()
    engine._model.conditioner.half()
    precisions: list[torch.dtype] = []
    head = engine._model.tokens.out[3]

    def overflowing(hidden: Tensor) -> Tensor:
        precisions.append(hidden.dtype)
        return type(head).forward(head, hidden) * (float("nan") if hidden.dtype == torch.float16 else 1.0)

    monkeypatch.setattr(head, "forward", overflowing)
    (waveform,) = made(engine, PROMPT)
    assert waveform.notices == (SINGLE_PRECISION,)
    assert set(precisions) == {torch.float16, torch.float32}
    monkeypatch.setattr(head, "forward", lambda hidden: type(head).forward(head, hidden) * float("inf"))
    with pytest.raises(GeneratorError, match="another seed"):
        made(engine, PROMPT)


def test_half_precision_makes_tokens_too(folder: Path) -> None:
    """What a GPU computes in, on the CPU; the first codebook's logits stay near."""
    half, _ = load_magnet(folder, dtype=torch.float16)
    single, _ = load_magnet(folder)
    found = []
    for model in (half, single):
        told: list[Told] = []
        model.generate(["funk"], 48, PROMPT.decoding, choose_by_seed([1]), watch=told.append)
        found.append(told[0].logits)
    assert found[0].dtype == torch.float32
    assert float((found[0] - found[1]).norm() / found[1].norm()) < 0.02


def test_a_jasco_is_no_magnet(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="holds the model jasco, not MAGNeT"):
        MagnetEngine(converted_small(tmp_path), device="cpu")


def test_a_description_of_ten_thousand_words_is_refused(engine: MagnetEngine) -> None:
    with pytest.raises(ModelError, match="shorten it"):
        made(engine, replace(PROMPT, description="word " * 10_000))


# Windows


@given(
    frames=st.integers(1, 4000),
    window=st.integers(2, 170).map(lambda thirds: 3 * thirds),
    heard=st.integers(0, 100),
)
def test_windows_cover_the_clip_and_each_goes_on_from_the_last(frames: int, window: int, heard: int) -> None:
    heard = min(heard, window // 3 // 3 * 3)
    plan = layout(frames, window, 3, known=(True,) * heard, start=heard)
    assert len(plan.known) >= frames + heard
    assert all(last - first == window and first % 3 == 0 for first, last in plan.windows)
    known = list(plan.known)
    for index, (first, last) in enumerate(plan.windows):
        assert not all(known[first:last]), "it makes something"
        if index:
            assert any(known[first:last]), "it hears something"
        known[first:last] = [True] * window
    assert all(known)


def test_the_parts_of_a_long_clip_share_their_tokens(engine: MagnetEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each window keeps what it heard of the one before."""
    generate = engine._model.generate
    seen: list[tuple[Tensor, Tensor, tuple[bool, ...]]] = []

    def watching(*arguments: object, **options: object) -> Tensor:
        codes = generate(*arguments, **options)
        kept = options["kept"]
        seen.append((codes.clone(), kept.codes.clone(), kept.frames))
        return codes

    monkeypatch.setattr(engine._model, "generate", watching)
    (waveform,) = made(engine, replace(PROMPT, duration_s=2.5))
    assert len(seen) == len(waveform.windows_s) > 2
    for codes, kept, frames in seen:
        assert torch.equal(codes[..., list(frames)], kept[..., list(frames)])
    assert not any(seen[0][2])
    assert all(any(frames) and not all(frames) for _, _, frames in seen[1:])
    assert waveform.windows_s[0][0] == 0.0
    assert waveform.windows_s[-1][1] == 2.5


# Audio to go on from


def test_a_clip_continues_the_audio_before_it(engine: MagnetEngine, tmp_path: Path) -> None:
    """What is heard is the end of the file, frame for frame, and the clip begins after it."""
    path = noise_file(tmp_path / "before.wav", 0.7)
    audio, _ = soundfile.read(path, dtype="float32")
    plan, codes = engine._plan(replace(PROMPT, given=GivenAudio(path=path, place="before")))
    assert codes is not None
    assert plan.start == codes.shape[-1] == 15, "a third of the window, in whole spans"
    assert torch.equal(codes, through_the_codec(engine, audio[-15 * HOP :]))
    (after,) = made(engine, replace(PROMPT, given=GivenAudio(path=path, place="before")))
    (alone,) = made(engine, PROMPT)
    assert after.samples.shape == alone.samples.shape
    assert not np.array_equal(after.samples, alone.samples)


def test_what_is_outside_the_hole_comes_back_from_the_codec(engine: MagnetEngine, tmp_path: Path) -> None:
    """0.2 s to 0.4 s are made anew: frames 10 to 20. The rest is what the codec makes of the file."""
    path = noise_file(tmp_path / "loop.wav", 1.0)
    audio, _ = soundfile.read(path, dtype="float32")
    prompt = replace(PROMPT, given=GivenAudio(path=path, place="within", from_s=0.2, to_s=0.4))
    plan, codes = engine._plan(prompt)
    assert codes is not None
    assert [place for place, known in enumerate(plan.known[:40]) if not known] == list(range(10, 20))
    told: list[Tensor] = []
    decoding = engine._model.decoding
    engine._model.decoding = lambda found, chunk: told.append(found) or decoding(found, chunk)  # type: ignore[method-assign]
    (waveform,) = made(engine, prompt)
    direct = through_the_codec(engine, audio[: round(0.86 * RATE)])
    kept = [place for place in range(43) if not 10 <= place < 20]
    assert torch.equal(told[0][..., kept], direct[..., kept])
    assert not torch.equal(told[0][..., 10:20], direct[..., 10:20])
    assert waveform.samples.shape == (round(0.85 * RATE), 1)


def test_what_the_file_does_not_reach_is_made(engine: MagnetEngine, tmp_path: Path) -> None:
    path = noise_file(tmp_path / "short.wav", 0.3)
    plan, _ = engine._plan(replace(PROMPT, given=GivenAudio(path=path, place="within")))
    assert list(plan.known[:16]) == [True] * 15 + [False]


def test_a_file_at_another_rate_is_resampled(engine: MagnetEngine, tmp_path: Path) -> None:
    path = noise_file(tmp_path / "other.wav", 0.5, 44100)
    plan, codes = engine._plan(replace(PROMPT, given=GivenAudio(path=path, place="within")))
    assert codes is not None and codes.shape[-1] == 25
    assert sum(plan.known) == 25


@pytest.mark.parametrize(
    ("write", "words"),
    [
        (lambda path: None, "cannot be read"),
        (lambda path: path.write_bytes(b"RIFF"), "cannot be read"),
        (lambda path: noise_file(path, 0.0), "no audio"),
        (lambda path: noise_file(path, 0.01), "too short to go on from"),
    ],
    ids=["missing", "no audio file", "empty", "shorter than a frame"],
)
def test_audio_that_cannot_be_used_is_refused(
    engine: MagnetEngine, tmp_path: Path, write: Callable[[Path], object], words: str
) -> None:
    write(tmp_path / "a.wav")
    with pytest.raises(ModelError, match=words):
        made(engine, replace(PROMPT, given=GivenAudio(path=tmp_path / "a.wav", place="before")))


def test_every_preset_plays(engine: MagnetEngine) -> None:
    for decoding in DECODINGS.values():
        assert len(made(engine, replace(PROMPT, decoding=decoding, duration_s=0.3))) == 1
