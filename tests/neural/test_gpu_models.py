"""Category: gpu. The models on a CUDA device in half precision, against the same on the CPU in single precision."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small_checkpoints import converted_small, converted_small_magnet

from models.checkpoints import load_jasco, load_magnet
from models.generator import JascoControls, MagnetPrompt
from models.jasco import Controls, Guidance, noise_of
from models.jasco_engine import JascoEngine
from models.magnet import Told, choose_by_seed
from models.magnet_engine import MagnetEngine
from models.presets import DECODINGS, SOLVERS

pytestmark = pytest.mark.gpu
DEVICE = "cuda"
HALF_PRECISION = 0.02
"""How far half precision may be from single precision, relative."""


@pytest.fixture(scope="module")
def jasco(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return converted_small(tmp_path_factory.mktemp("jasco"), melody=True)


@pytest.fixture(scope="module")
def magnet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return converted_small_magnet(tmp_path_factory.mktemp("magnet"))


def apart(one: torch.Tensor, other: torch.Tensor) -> float:
    return float((one.cpu().float() - other.cpu()).norm() / other.cpu().norm())


@pytest.mark.parametrize("solver", SOLVERS)
def test_jasco_makes_nearly_the_same_latents_from_a_seed(jasco: Path, solver: str) -> None:
    controls = Controls(descriptions=("funk bass",), chords=torch.arange(50))
    found = []
    for device, dtype in ((DEVICE, torch.float16), ("cpu", torch.float32)):
        model, _ = load_jasco(jasco, device=device, dtype=dtype)
        noise = noise_of([1], model.config.latent_frames, model.config.flow_dim)
        found.append(model.sample(controls, noise, guidance=Guidance(all_weight=2.0), solver=SOLVERS[solver]))
    assert found[0].device.type == DEVICE
    assert apart(*found) < HALF_PRECISION


def test_magnets_first_logits_are_nearly_the_same(magnet: Path) -> None:
    found = []
    for device, dtype in ((DEVICE, torch.float16), ("cpu", torch.float32)):
        model, _ = load_magnet(magnet, device=device, dtype=dtype)
        told: list[Told] = []
        model.generate(["funk bass"], 48, DECODINGS["draft"], choose_by_seed([1]), watch=told.append)
        found.append(told[0].logits)
    assert found[0].device.type == DEVICE
    assert apart(*found) < HALF_PRECISION


def test_engines_repeat_a_seed_in_any_batch(jasco: Path, magnet: Path) -> None:
    chart = JascoControls(
        description="funk", chords=((0.0, "C"),), drums=(), melody=(), duration_s=0.8, all_weight=5.0,
        text_weight=0.0, solver="standard", seed=1,
    )  # fmt: skip
    prompt = MagnetPrompt(description="funk", duration_s=0.8, decoding=DECODINGS["draft"], seed=1)
    engines = (
        (JascoEngine(jasco, device=DEVICE, render_drums=lambda controls, rate: None), chart),
        (MagnetEngine(magnet, device=DEVICE), prompt),
    )
    for engine, controls in engines:
        takes = [controls, replace(controls, seed=2)]
        first, again = (
            list(engine.generate(takes, report=lambda share: None, cancelled=lambda: False)) for _ in range(2)
        )
        assert all(np.isfinite(take.samples).all() for take in first)
        assert np.array_equal(first[0].samples, again[0].samples)
        assert not np.array_equal(first[0].samples, first[1].samples)
