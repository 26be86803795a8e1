"""Category: gpu. The fast paths on a CUDA device: graphs, bands, precisions, memory, each against the plain path."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from small_checkpoints import converted_small, converted_small_magnet
from torch import Tensor

from bridge.bench_cases import Case
from bridge.bench_worker import measure, memory
from models.checkpoints import load_jasco, load_magnet
from models.compiling import compiled
from models.errors import Cancelled
from models.fast_jasco import FastFlow
from models.fast_magnet import FastTokens
from models.flex_band import FlexBand, flex_band
from models.generator import JascoControls, MagnetPrompt
from models.graphs import Pace, cuda_graph, timed
from models.jasco import Controls, Guidance, Jasco, noise_of
from models.jasco_engine import JascoEngine
from models.layers import Band
from models.magnet import Magnet, Told, choose_by_seed
from models.magnet_engine import MagnetEngine
from models.presets import DECODINGS, SOLVERS
from models.speed import Speed
from models.streaming_codec import decoding, whole

pytestmark = pytest.mark.gpu
DEVICE = torch.device("cuda")
EXACT = 1e-9
"""In double precision the two differ by rounding alone."""
HALF = {torch.float16: 0.01, torch.bfloat16: 0.05}
"""How far half precision may be from single precision, relative."""


@pytest.fixture(scope="module")
def jasco_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return converted_small(tmp_path_factory.mktemp("jasco"))


@pytest.fixture(scope="module")
def magnet_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return converted_small_magnet(tmp_path_factory.mktemp("magnet"))


def jasco(folder: Path, dtype: torch.dtype) -> Jasco:
    model, _ = load_jasco(folder, device="cuda", dtype=dtype)
    return model


def magnet(folder: Path, dtype: torch.dtype) -> Magnet:
    model, _ = load_magnet(folder, device="cuda", dtype=dtype)
    return model


def latents(model: Jasco, solver: str, *, words: str = "funk bass", kept: Tensor | None = None) -> Tensor:
    controls = Controls(descriptions=(words, words), chords=torch.arange(50))
    noise = noise_of([1, 2], model.config.latent_frames, model.config.flow_dim)
    return model.sample(controls, noise, guidance=Guidance(all_weight=2.0), solver=SOLVERS[solver], kept=kept).cpu()


def apart(one: Tensor, other: Tensor) -> float:
    return float((one.double() - other.double()).norm() / other.double().norm())


@pytest.mark.parametrize("pace", [None, timed], ids=["single evaluations", "whole solvers"])
@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize("solver", ["draft", "standard", "fine"])
def test_replayed_evaluations_are_the_plain_ones(
    jasco_folder: Path, solver: str, kept: bool, pace: Pace | None
) -> None:
    model = jasco(jasco_folder, torch.float64)
    given = torch.full((2, 9, model.config.flow_dim), 0.2) if kept else None
    plain = latents(model, solver, kept=given)
    model.fast = FastFlow(model.flow, capture=cuda_graph, pace=pace)
    for _ in range(2):
        assert apart(latents(model, solver, kept=given), plain) < 1e-5  # what is summed up is in single precision


def test_a_capture_is_replayed_for_other_texts_solvers_and_weights(jasco_folder: Path) -> None:
    model = jasco(jasco_folder, torch.float32)
    found = {}
    for fast in (
        None,
        FastFlow(model.flow, capture=cuda_graph),
        FastFlow(model.flow, capture=cuda_graph, pace=timed),
    ):
        model.fast = fast
        for words in ("funk bass", "jazz piano drums warm slow", "funk bass"):
            for solver in ("draft", "fine"):
                made = latents(model, solver, words=words)
                assert apart(made, found.setdefault((words, solver), made)) < 1e-4


def test_compiled_work_is_captured_and_gives_the_plain_latents_and_tokens(
    jasco_folder: Path, magnet_folder: Path
) -> None:
    """Used whatever was measured: that it is right is asked here, and not whether it pays."""
    turns = itertools.cycle([1.0, 0.01])
    flow = jasco(jasco_folder, torch.float32)
    plain = latents(flow, "draft")
    flow.fast = FastFlow(flow.flow, capture=cuda_graph, pace=lambda work: next(turns), compiler=compiled)
    assert apart(latents(flow, "draft"), plain) < 1e-3
    turns = itertools.cycle([1.0, 0.01])
    tokens = magnet(magnet_folder, torch.float32)
    found = []
    for fast in (
        None,
        FastTokens(
            tokens.tokens, capture=cuda_graph, pace=lambda work: next(turns), compiler=compiled, compiled_band=flex_band
        ),
    ):
        tokens.fast = fast
        told: list[Tensor] = []

        def watch(one: Told, told: list[Tensor] = told) -> None:
            told.append(one.logits.clone())

        tokens.generate(["funk"], 48, DECODINGS["draft"], choose_by_seed([3]), watch=watch)
        found.append(told[0])
    assert apart(found[1], found[0]) < 1e-2


@pytest.mark.parametrize("dtype", HALF)
def test_half_precision_is_near_single(jasco_folder: Path, dtype: torch.dtype) -> None:
    exact = latents(jasco(jasco_folder, torch.float32), "standard")
    model = jasco(jasco_folder, dtype)
    model.fast = FastFlow(model.flow, capture=cuda_graph)
    assert apart(latents(model, "standard"), exact) < HALF[dtype]


@pytest.mark.parametrize("arrangement", ["nonoverlap", "stride1"])
def test_replayed_steps_give_the_plain_tokens(magnet_folder: Path, arrangement: str) -> None:
    model = magnet(magnet_folder, torch.float64)
    decoding_ = replace(DECODINGS["draft"], span_arrangement=arrangement)
    found = []
    for fast in (None, FastTokens(model.tokens, capture=cuda_graph)):
        model.fast = fast
        told: list[Tensor] = []

        def watch(one: Told, told: list[Tensor] = told) -> None:
            told.append(one.logits.clone())

        codes = [model.generate(["funk"], 48, decoding_, choose_by_seed([3]), watch=watch) for _ in range(2)]
        assert torch.equal(codes[0], codes[1])
        found.append((codes[0], told))
    assert float((found[0][0] == found[1][0]).float().mean()) > 0.99
    assert apart(found[1][1][0], found[0][1][0]) < EXACT


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("frames", [498, 1500])
def test_flex_attention_is_the_band(frames: int, dtype: torch.dtype) -> None:
    parts = [torch.randn(2, 16, frames, 64, device=DEVICE, dtype=dtype) for _ in range(3)]
    blocks = Band(frames, 5, device=DEVICE).attend(*parts)
    assert apart(FlexBand(frames, 5, device=DEVICE).attend(*parts).float(), blocks.float()) < 0.01


def test_the_codec_streams(jasco_folder: Path) -> None:
    model = jasco(jasco_folder, torch.float32)
    given = torch.randn(1, model.codec.config.dimension, 120, device=DEVICE)
    with torch.inference_mode():
        exact = model.codec.decode(given)
    assert apart(whole(decoding(model.codec, given, 30)), exact) < 1e-4


def test_the_loops_wait_for_nothing(jasco_folder: Path, magnet_folder: Path) -> None:
    """CUDA itself raises where the host waits for the device inside the loops, once everything is captured."""
    model, tokens = jasco(jasco_folder, torch.float16), magnet(magnet_folder, torch.float16)
    model.fast = FastFlow(model.flow, capture=cuda_graph)
    tokens.fast = FastTokens(tokens.tokens, capture=cuda_graph)
    latents(model, "draft")
    tokens.generate(["funk"], 48, DECODINGS["draft"], choose_by_seed([3]))
    begun = False

    def strict(share: float) -> None:
        nonlocal begun
        torch.cuda.set_sync_debug_mode("error" if share < 7 / 8 else "default")
        begun = True

    def strictly(one: Told) -> None:
        torch.cuda.set_sync_debug_mode("error" if one.step.index < 3 else "default")

    try:
        model.sample(
            Controls(descriptions=("a", "a"), chords=torch.arange(50)),
            noise_of([1, 2], model.config.latent_frames, model.config.flow_dim),
            guidance=Guidance(all_weight=2.0), solver=SOLVERS["draft"], watch=strict,
        )  # fmt: skip
        tokens.generate(["funk"], 48, DECODINGS["draft"], choose_by_seed([3]), watch=strictly)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert begun


@pytest.mark.parametrize("graphs", ["auto", "step", "off"])
def test_engines_warm_up_say_what_they_used_and_can_be_stopped(
    jasco_folder: Path, magnet_folder: Path, graphs: str
) -> None:
    chart = JascoControls(
        description="funk", chords=((0.0, "C"),), drums=(), melody=(), duration_s=0.8, all_weight=5.0,
        text_weight=0.0, solver="standard", seed=1,
    )  # fmt: skip
    prompt = MagnetPrompt(description="funk", duration_s=0.8, decoding=DECODINGS["draft"], seed=1)
    speed = Speed(graphs=graphs)  # type: ignore[arg-type]
    for engine, controls in (
        (JascoEngine(jasco_folder, device="cuda", render_drums=lambda one, rate: None, speed=speed), chart),
        (MagnetEngine(magnet_folder, device="cuda", speed=speed), prompt),
    ):
        told: list[float] = []
        engine.warm(lambda share, what, told=told: told.append(share))  # type: ignore[misc]
        assert told == sorted(told) and told[-1] == 1.0
        (made,) = engine.generate([controls], report=lambda share: None, cancelled=lambda: False)
        assert "float16" in made.computed_on and ("graphs" in made.computed_on) is (graphs != "off")
        with pytest.raises(Cancelled):
            list(engine.generate([controls], report=lambda share: None, cancelled=lambda: True))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "way", "most_gb"), [("jasco-400M", "standard", 2.5), ("magnet-medium-30secs", "standard", 6.0)]
)
def test_full_size_models_stay_within_their_memory(model: str, way: str, most_gb: float) -> None:
    case = Case(model=model, way=way, device="cuda", dtype="float16", graphs=True)
    assert memory(case) < most_gb * 1e9


@pytest.mark.slow
def test_full_size_latents_are_near_the_plain_ones() -> None:
    found = measure(Case(model="jasco-400M", way="standard", device="cuda", dtype="float16", graphs=True, runs=3))
    assert found.error is not None and found.error < 0.02
