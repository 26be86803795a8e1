"""Category: unit. JASCO as an engine, on a small model of random weights: takes, seeds, cancel, memory, numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small_checkpoints import converted_small

from models.batching import SINGLE_PRECISION
from models.checkpoints import load_jasco
from models.errors import Cancelled, GeneratorError, ModelError
from models.generator import JascoControls, TimedHit, TimedPitch, Waveform
from models.jasco import REMEMBERED_DRUMS, Controls, Guidance, noise_of
from models.jasco_engine import OVERLAP_S, JascoEngine, melody_roll
from models.presets import SOLVERS
from models.text import MAX_TOKENS

CONTROLS = JascoControls(
    description="funk bass",
    chords=((0.0, "C"), (0.5, "Am7")),
    drums=(TimedHit(at_s=0.0, voice="kick", velocity=100),),
    melody=(),
    duration_s=0.8,
    all_weight=5.0,
    text_weight=0.0,
    solver="draft",
    seed=1,
)


def drums_of(controls: JascoControls, sample_rate_hz: int) -> np.ndarray | None:
    """A burst of noise for each hit, loud enough for a codec of random weights."""
    if not controls.drums:
        return None
    audio = np.zeros(sample_rate_hz, dtype=np.float32)
    noise = np.random.default_rng(0).normal(0.0, 30.0, sample_rate_hz // 5).astype(np.float32)
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


def test_a_take_lasts_as_long_as_the_clip_and_a_moment_more(engine: JascoEngine) -> None:
    (waveform,) = made(engine, CONTROLS)
    assert waveform.sample_rate_hz == 32000
    assert waveform.samples.shape == (round((0.8 + OVERLAP_S) * 32000), 1)
    assert np.isfinite(waveform.samples).all()


@pytest.mark.parametrize("solver", SOLVERS)
def test_takes_differ_and_a_seed_repeats_in_any_batch(engine: JascoEngine, solver: str) -> None:
    """The adaptive solver chooses its steps for the batch, so there a take is only nearly the same."""
    controls = replace(CONTROLS, solver=solver)
    together = made(engine, controls, replace(controls, seed=2))
    (alone,) = made(engine, replace(controls, seed=2))
    assert not np.allclose(together[0].samples, together[1].samples)
    np.testing.assert_allclose(together[1].samples, alone.samples, atol=1e-4)


@pytest.mark.parametrize(
    "change",
    [
        {"chords": ((0.0, "F#m7"),)},
        {"chords": ()},
        {"drums": ()},
        {"drums": (TimedHit(at_s=0.4, voice="kick", velocity=100),)},
        {"melody": (TimedPitch(start_s=0.0, end_s=0.5, pitch=60),)},
        {"description": "warm strings"},
        {"description": ""},
        {"all_weight": 2.0},
        {"text_weight": 2.0},
        {"solver": "fine"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_every_control_changes_what_is_made(engine: JascoEngine, change: dict[str, object]) -> None:
    (before,) = made(engine, CONTROLS)
    (after,) = made(engine, replace(CONTROLS, **change))
    assert not np.array_equal(before.samples, after.samples)


@pytest.mark.parametrize("solver", SOLVERS)
def test_progress_rises_to_one_on_every_path(engine: JascoEngine, solver: str) -> None:
    told: list[float] = []
    made(engine, replace(CONTROLS, solver=solver), replace(CONTROLS, solver=solver, seed=2), report=told.append)
    assert told[-1] == 1.0
    assert all(0.0 <= share <= 1.0 for share in told)
    if solver != "reference":  # the adaptive solver tries steps again
        assert told == sorted(told)


@pytest.mark.parametrize("solver", SOLVERS)
def test_cancel_is_heard_between_evaluations(engine: JascoEngine, solver: str) -> None:
    asked = 0

    def cancelled() -> bool:
        nonlocal asked
        asked += 1
        return asked > 3

    with pytest.raises(Cancelled):
        made(engine, replace(CONTROLS, solver=solver), cancelled=cancelled)
    assert asked == 4


def test_a_batch_that_does_not_fit_is_halved(engine: JascoEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    sample = engine._model.sample
    sizes: list[int] = []

    def tight(controls: Controls, noise: torch.Tensor, **options: object) -> torch.Tensor:
        sizes.append(len(noise))
        if len(noise) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return sample(controls, noise, **options)

    monkeypatch.setattr(engine._model, "sample", tight)
    batch = [replace(CONTROLS, seed=seed) for seed in range(5)]
    assert len(made(engine, *batch)) == 5
    assert sizes == [5, 3, 2, 1, 2]


def test_one_take_that_does_not_fit_is_an_error_that_says_what_to_do(
    engine: JascoEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object, **options: object) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(engine._model, "sample", full)
    with pytest.raises(GeneratorError, match="smaller model"):
        made(engine, CONTROLS)


@pytest.mark.parametrize("solver", SOLVERS)
def test_half_precision_stays_near_single(folder: Path, engine: JascoEngine, solver: str) -> None:
    """What a GPU computes in, on the CPU: the latents are added up in float32, and stay as near as float16 allows."""
    half, _ = load_jasco(folder, dtype=torch.float16)
    controls = Controls(descriptions=("funk bass",), chords=torch.arange(50))
    noise = noise_of([1], 50, half.config.flow_dim)
    ours, exact = (
        model.sample(controls, noise, guidance=Guidance(all_weight=2.0), solver=SOLVERS[solver])
        for model in (half, engine._model)
    )
    assert ours.dtype == torch.float32
    assert float((ours - exact).norm() / exact.norm()) < 0.01


@pytest.mark.parametrize("solver", SOLVERS)
def test_numbers_that_overflow_are_made_again_in_single_precision(
    engine: JascoEngine, monkeypatch: pytest.MonkeyPatch, solver: str
) -> None:
    """The field itself overflows; the adaptive solver must notice before it halves its steps for ever."""
    engine._model.flow.half()
    engine._model.conditioner.half()
    forward = engine._model.flow.out.forward
    precisions: set[torch.dtype] = set()

    def overflowing(x: torch.Tensor) -> torch.Tensor:
        precisions.add(x.dtype)
        return forward(x) * (float("inf") if x.dtype == torch.float16 else 1.0)

    monkeypatch.setattr(engine._model.flow.out, "forward", overflowing)
    (waveform,) = made(engine, replace(CONTROLS, solver=solver))
    assert waveform.notices == (SINGLE_PRECISION,)
    assert precisions == {torch.float16, torch.float32}
    assert engine._model.flow.embed.weight.dtype == torch.float16, "the next take is fast again"


@pytest.mark.parametrize("solver", SOLVERS)
def test_numbers_that_are_none_in_single_precision_are_an_error(engine: JascoEngine, solver: str) -> None:
    with torch.no_grad():
        engine._model.flow.out.weight[0, 0] = float("nan")
    with pytest.raises(GeneratorError, match="another seed"):
        made(engine, replace(CONTROLS, solver=solver))


def test_memory_that_ends_in_the_codec_is_said_too(engine: JascoEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(latents: torch.Tensor, chunk: int) -> torch.Tensor:
        raise RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)")

    monkeypatch.setattr(engine._model, "decoding", full)
    with pytest.raises(GeneratorError, match="memory of cpu: close what else uses it"):
        made(engine, CONTROLS)


def refused(engine: JascoEngine, words: str, **change: object) -> None:
    with pytest.raises(ModelError, match=words):
        made(engine, replace(CONTROLS, **change))


def test_more_than_the_window_is_refused(engine: JascoEngine) -> None:
    refused(engine, "1 s at a time", duration_s=1.01)


def test_an_unknown_label_is_refused(engine: JascoEngine) -> None:
    refused(engine, "knows no chord 'Csus4'", chords=((0.0, "Csus4"),))


@pytest.mark.parametrize(
    ("chord", "words"),
    [
        ((7.0, "C"), "C begins at 7 s, and the clip lasts 0.8 s"),
        ((0.81, "C"), "clip lasts 0.8 s"),
        ((-0.1, "C"), "begins at -0.1 s"),
        ((0.001, "nonsense"), "knows no chord 'nonsense'"),
        ((0.5, "UNK"), "knows no chord 'UNK'"),
    ],
    ids=["past the end", "after the end", "before the start", "on no frame", "never trained"],
)
def test_a_chord_that_no_frame_can_have_is_refused(engine: JascoEngine, chord: tuple[float, str], words: str) -> None:
    refused(engine, words, chords=((0.0, "C"), chord))


@pytest.mark.parametrize("name", ["duration_s", "all_weight", "text_weight"])
def test_what_is_no_number_is_refused(engine: JascoEngine, name: str) -> None:
    refused(engine, "are numbers", **{name: float("nan")})


def test_a_description_of_ten_thousand_words_is_refused(engine: JascoEngine) -> None:
    refused(engine, f"reads {MAX_TOKENS}: shorten it", description="funk " * 10_000)


def test_chords_that_go_backwards_are_refused(engine: JascoEngine) -> None:
    refused(engine, "do not begin one after the other", chords=((0.5, "C"), (0.2, "F")))


def test_drums_of_no_samples_are_refused(folder: Path) -> None:
    engine = JascoEngine(folder, device="cpu", render_drums=lambda controls, rate: np.zeros(0, dtype=np.float32))
    with pytest.raises(ModelError, match="drum track holds no audio"):
        made(engine, CONTROLS)


def test_a_prompt_is_encoded_once(engine: JascoEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    made(engine, CONTROLS)

    def asked(*arguments: object, **options: object) -> None:
        raise AssertionError("the text encoder was asked again")

    monkeypatch.setattr(engine._model.text_encoder, "_model", replace_call(engine, asked))
    made(engine, replace(CONTROLS, seed=9))


def replace_call(engine: JascoEngine, call: Callable[..., None]) -> torch.nn.Module:
    """A stand-in for T5 that has its parameters and fails when it is called."""

    class Silent(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.config = engine._model.text_encoder._model.config
            self.weight = torch.nn.Parameter(torch.zeros(1))

        def forward(self, *arguments: object, **options: object) -> None:
            call()

    return Silent()


@pytest.mark.parametrize(
    ("notes", "rows"),
    [
        ((), []),
        ((TimedPitch(start_s=0.0, end_s=0.1, pitch=43),), [(0, range(5))]),
        ((TimedPitch(start_s=0.9, end_s=2.0, pitch=95),), [(52, range(45, 50))]),
        ((TimedPitch(start_s=0.0, end_s=1.0, pitch=42),), []),
        (
            (TimedPitch(start_s=0.0, end_s=1.0, pitch=60), TimedPitch(start_s=0.5, end_s=0.6, pitch=64)),
            [(17, [*range(25), *range(30, 50)]), (21, range(25, 30))],
        ),
        (
            (TimedPitch(start_s=0.0, end_s=1.0, pitch=64), TimedPitch(start_s=0.5, end_s=0.6, pitch=60)),
            [(21, range(50))],
        ),
        ((TimedPitch(start_s=0.1, end_s=0.104, pitch=43),), [(0, range(5, 6))]),
    ],
    ids=["none", "lowest", "past the end", "below the range", "a higher one in it", "a lower one in it", "very short"],
)
def test_a_melody_is_one_row_at_most_in_each_frame(
    engine: JascoEngine, notes: Sequence[TimedPitch], rows: Sequence[tuple[int, Sequence[int]]]
) -> None:
    roll = melody_roll(notes, engine._model.config)
    wanted = torch.zeros(53, 50)
    for row, frames in rows:
        wanted[row, list(frames)] = 1
    assert torch.equal(roll, wanted)


@pytest.mark.parametrize(
    ("all_weight", "text_weight", "terms"),
    [
        (5.0, 0.0, [("all", 5.0), ("null", -4.0)]),
        (1.75, 3.5, [("all", 1.75), ("text", 3.5), ("null", -4.25)]),
        (1.0, 0.0, [("all", 1.0), ("null", 0.0)]),
        (0.0, 1.0, [("text", 1.0)]),
        (0.0, 0.0, [("text", 0.0), ("null", 1.0)]),
        (0.0, 3.0, [("text", 3.0), ("null", -2.0)]),
    ],
)
def test_terms_are_left_out_as_the_reference_leaves_them_out(
    all_weight: float, text_weight: float, terms: list[tuple[str, float]]
) -> None:
    """The term after one that is left out stays, even without a weight."""
    found = Guidance(all_weight=all_weight, text_weight=text_weight).terms
    assert [(term.kind, term.weight) for term in found] == terms


def test_drums_are_encoded_once_and_silence_once_for_all(engine: JascoEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    encode, encoded = engine._model.codec.encode, []
    monkeypatch.setattr(engine._model.codec, "encode", lambda audio: encoded.append(audio) or encode(audio))
    first = made(engine, CONTROLS)
    assert len(encoded) == 2, "the drums, and the silence of the branch that has none"
    again = made(engine, CONTROLS)
    made(engine, replace(CONTROLS, seed=5, description="jazz"))
    assert len(encoded) == 2
    np.testing.assert_array_equal(first[0].samples, again[0].samples)
    made(engine, replace(CONTROLS, drums=(TimedHit(at_s=0.2, voice="kick", velocity=100),)))
    assert len(encoded) == 3
    made(engine, *(replace(CONTROLS, drums=(TimedHit(at_s=at / 50, voice="kick", velocity=90),)) for at in range(20)))
    assert len(engine._model.conditioner._coarsest) == REMEMBERED_DRUMS
