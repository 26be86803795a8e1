"""Category: unit. Engines in every precision, warm, with and without captures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small_checkpoints import converted_small, converted_small_magnet

from models.errors import GeneratorError, ModelError
from models.generator import JascoControls, MagnetPrompt, Waveform
from models.graphs import Work, eager
from models.jasco_engine import JascoEngine
from models.magnet_engine import MagnetEngine
from models.presets import Decoding
from models.speed import Speed

Engine = JascoEngine | MagnetEngine
CHART = JascoControls(
    description="funk bass", chords=((0.0, "C"),), drums=(), melody=(), duration_s=0.8, all_weight=2.0, text_weight=0.0,
    solver="draft", seed=1,
)  # fmt: skip
PROMPT = MagnetPrompt(description="funk bass", duration_s=0.8, decoding=Decoding(decoding_steps=(4, 2, 2, 2)), seed=1)


@pytest.fixture(scope="module", params=["jasco", "magnet"])
def opened(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Callable[[Speed], Engine], JascoControls | MagnetPrompt]:
    """How one of the engines is opened, and what it is asked for."""
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "jasco":
        model = converted_small(folder)
        return lambda speed: JascoEngine(model, device="cpu", render_drums=lambda one, rate: None, speed=speed), CHART
    model = converted_small_magnet(folder)
    return lambda speed: MagnetEngine(model, device="cpu", speed=speed), PROMPT


def made(engine: Engine, asked: JascoControls | MagnetPrompt) -> Waveform:
    (one,) = engine.generate([asked], report=lambda share: None, cancelled=lambda: False)  # type: ignore[list-item]
    return one


@pytest.mark.parametrize("dtype", ["float32", "int8", "bfloat16"])
def test_every_precision_makes_takes_and_is_told(
    opened: tuple[Callable[[Speed], Engine], JascoControls | MagnetPrompt], dtype: str
) -> None:
    open_it, asked = opened
    engine = open_it(Speed(dtype=dtype))  # type: ignore[arg-type]
    one, again, other = made(engine, asked), made(engine, asked), made(engine, replace(asked, seed=2))
    assert one.computed_on == f"cpu, {dtype}"
    assert np.isfinite(one.samples).all() and one.samples.any()
    np.testing.assert_array_equal(one.samples, again.samples)
    assert not np.array_equal(one.samples, other.samples)


def test_int8_holds_no_second_copy(opened: tuple[Callable[[Speed], Engine], JascoControls | MagnetPrompt]) -> None:
    """The weights that were copied are let go; those that are used as they are, are not."""
    engine = opened[0](Speed(dtype="int8"))
    layers = engine._model.flow.layers if isinstance(engine, JascoEngine) else engine._model.tokens.layers
    for layer in layers:
        assert layer.linear1.weight.numel() == layer.self_attn.in_proj_weight.numel() == 0
        assert layer.cross_attn.in_proj_weight.numel() > 0


def test_an_engine_gets_warm_and_says_how_far_it_is(
    opened: tuple[Callable[[Speed], Engine], JascoControls | MagnetPrompt],
) -> None:
    told: list[tuple[float, str]] = []
    opened[0](Speed()).warm(lambda share, what: told.append((share, what)))
    assert told == [(0.0, "the model"), (0.7, "the codec"), (1.0, "ready")]


def test_captured_work_makes_the_same_audio(
    opened: tuple[Callable[[Speed], Engine], JascoControls | MagnetPrompt],
) -> None:
    engine = opened[0](Speed())
    plain = made(engine, opened[1])
    engine._fast.capture = eager
    np.testing.assert_allclose(made(engine, opened[1]).samples, plain.samples, atol=1e-4)


def test_where_work_cannot_be_captured_it_runs_all_the_same(
    opened: tuple[Callable[[Speed], Engine], JascoControls | MagnetPrompt],
) -> None:
    def refuse(work: Work) -> Work:
        raise RuntimeError("CUDA error: operation not permitted when stream is capturing")

    engine = opened[0](Speed())
    engine._computing = replace(engine._computing, capture=refuse)
    engine._fast.capture = refuse
    engine.warm()
    assert engine._fast.capture is None
    assert "graphs" not in made(engine, opened[1]).computed_on


def test_memory_that_runs_out_while_warming_is_said(
    opened: tuple[Callable[[Speed], Engine], JascoControls | MagnetPrompt],
) -> None:
    def full(work: Work) -> Work:
        raise torch.OutOfMemoryError("CUDA out of memory")

    engine = opened[0](Speed())
    engine._computing = replace(engine._computing, capture=full)
    engine._fast.capture = full
    with pytest.raises(GeneratorError, match="smaller model"):
        engine.warm()


def test_a_precision_that_there_is_not_is_refused_before_anything_is_loaded(
    opened: tuple[Callable[[Speed], Engine], JascoControls | MagnetPrompt],
) -> None:
    with pytest.raises(ModelError, match="A CPU is slow in float16"):
        opened[0](Speed(dtype="float16"))


def test_an_engine_on_a_cpu_gains_nothing_by_batches(
    opened: tuple[Callable[[Speed], Engine], JascoControls | MagnetPrompt],
) -> None:
    assert not opened[0](Speed()).batches


def test_choices_are_noted_where_they_are_to_be(tmp_path: Path) -> None:
    """A small model is not measured, so nothing is noted for it."""
    model = converted_small(tmp_path / "model")
    JascoEngine(model, device="cpu", render_drums=lambda one, rate: None, speed=Speed(memory=tmp_path / "speed.json"))
    assert not (tmp_path / "speed.json").exists()
