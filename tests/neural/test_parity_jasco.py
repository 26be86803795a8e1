"""Category: parity. JASCO against the reference's numbers: conditions, field, solvers, audio, checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import parity_set as sets
import pytest
import torch
from torch import Tensor

from models.codec import Codec
from models.convert import CODEC_PREFIX, convert_jasco
from models.errors import ModelError
from models.fast_jasco import FastFlow
from models.graphs import Capture, eager
from models.jasco import (
    Conditions,
    Controls,
    Guidance,
    Jasco,
    chord_frames,
    combined,
    read_config,
)
from models.presets import Solver
from models.released import transformers_codec_config
from models.solvers import dopri5, euler
from models.vocabulary import chord_vocabulary
from models.xp_config import XpConfig

pytestmark = pytest.mark.parity

CONDITION_ABS = 1e-5
FORWARD_ABS = 5e-5
FORWARD_OF_MAX = 1e-5
FIELD_ABS = 1e-4
EULER_ABS = 2e-4
DOPRI5_ABS = 1e-3
EVALUATIONS = 6
AUDIO_ABS = 1e-4
AUDIO_OF_MAX = 1e-5
FIELD_TIMES = {"t0": 0.0, "t037": 0.37, "t1": 0.99999}


def error(ours: Tensor, theirs: Tensor) -> float:
    assert ours.shape == theirs.shape
    return float((ours - theirs).abs().max())


def forward_close(ours: Tensor, theirs: Tensor) -> None:
    assert error(ours, theirs) <= min(FORWARD_ABS, max(FORWARD_OF_MAX * float(theirs.abs().max()), 1e-6))


def conditions(run: sets.Run) -> Conditions:
    model = run.model
    return model.conditioner(run.controls, run.terms, model.codec, model.text_encoder)


def by_row(rows: Tensor, run: sets.Run) -> Tensor:
    return rows.repeat_interleave(run.rows, dim=0)


# Chords


def test_the_vocabulary_is_metas(parity: Path) -> None:
    theirs = sets.load_json(parity / "chords" / "chord_to_index_mapping.json")
    assert list(chord_vocabulary().items()) == list(theirs.items())


def test_chords_become_frames_alike(chord_case: dict[str, Any]) -> None:
    def frames() -> Tensor | None:
        return chord_frames(
            [tuple(change) for change in chord_case["chords"] or ()],
            frame_rate_hz=chord_case["frame_rate"],
            duration_s=chord_case["segment_duration"],
        )

    if "exception" in chord_case:
        with pytest.raises(ModelError, match=chord_case["message"].strip("'")):
            frames()
        return
    theirs = [index for index, length in chord_case["run_length"] for _ in range(length)]
    ours = frames()
    assert ([-1] if ours is None else ours.tolist()) == theirs


# One forward pass


@torch.inference_mode()
def test_the_time_embedding_is_the_same(parity: Path, jasco_variant: str) -> None:
    model = sets.jasco(parity, jasco_variant)
    numbers = sets.tensors(parity / "jasco_tiny" / jasco_variant / "forward.safetensors")
    assert error(model.flow.time.sinusoid(numbers["temb.t"]), numbers["temb.sinusoid"]) <= CONDITION_ABS
    forward_close(model.flow.time.hidden(numbers["temb.t"]), numbers["temb.out"])


@torch.inference_mode()
def test_every_layer_gives_the_same(parity: Path, jasco_variant: str) -> None:
    model = sets.jasco(parity, jasco_variant)
    numbers = sets.tensors(parity / "jasco_tiny" / jasco_variant / "forward.safetensors")
    heard: dict[str, Tensor] = {}

    def hear(name: str) -> Any:
        return lambda module, given, made: heard.__setitem__(name, made)

    hooks = [model.flow.embed.register_forward_hook(hear("emb")), model.flow.time.register_forward_hook(hear("temb"))]
    hooks += [layer.register_forward_hook(hear(f"layer{i}")) for i, layer in enumerate(model.flow.layers)]
    given = Conditions(
        temporal={name: numbers[f"forward.cond.{name}"] for name in model.config.conditions},
        text=numbers["forward.cond.description"],
    )
    out = model.flow(numbers["forward.z"], numbers["forward.t"], given)
    for hook in hooks:
        hook.remove()
    forward_close(out, numbers["forward.out"])
    wanted = [name for name in numbers if name.startswith("forward.inter.")]
    assert sorted(wanted) == sorted(f"forward.inter.{name}" for name in heard)
    for name, made in heard.items():
        forward_close(made, numbers[f"forward.inter.{name}"])


# Scenarios


def test_the_terms_of_guidance_are_the_same(run: sets.Run) -> None:
    assert [(term.kind, pytest.approx(term.weight)) for term in run.terms] == [
        (sets.TERM_KINDS[name], weight) for name, weight in run.facts["terms"]
    ]


@torch.inference_mode()
def test_text_is_tokenised_masked_and_encoded_alike(run: sets.Run) -> None:
    model = run.model
    ids, mask = model.text_encoder.tokens(model.conditioner.descriptions(run.controls, run.terms))
    assert torch.equal(ids, run["t5.input_ids"])
    assert torch.equal(mask, run["t5.attention_mask"])
    assert torch.equal(mask, run["mask.description"])
    assert error(conditions(run).text, run["cond.description"]) <= CONDITION_ABS


@torch.inference_mode()
def test_temporal_conditions_are_the_same(run: sets.Run) -> None:
    found = conditions(run).temporal
    assert tuple(found) == run.model.config.conditions
    for name, rows in found.items():
        assert error(rows, run[f"cond.{name}"]) <= CONDITION_ABS
        assert torch.equal(torch.ones(rows.shape[:2]), run[f"mask.{name}"]), "no frame of a condition is masked"


def audio_close(ours: Tensor, theirs: Tensor) -> None:
    assert error(ours, theirs) <= min(AUDIO_ABS, max(1e-6, AUDIO_OF_MAX * float(theirs.abs().max())))


@torch.inference_mode()
def test_chords_and_drums_reach_every_term_alike(run: sets.Run) -> None:
    model, controls = run.model, run.controls
    chords = model.conditioner.chord_indices(controls, run.terms)
    assert torch.equal(by_row(chords, run), run["frame_chords"])
    codes = model.conditioner.drum_codes(controls, run.terms, model.codec)
    assert (codes is None) == ("drum_codes0" not in run)
    if codes is not None:
        assert torch.equal(by_row(codes, run), run["drum_codes0"])
        blurred = model.conditioner.drum_latents(controls, run.terms, model.codec)
        assert error(by_row(blurred, run), run["drum_latents_blurred"]) <= CONDITION_ABS


@torch.inference_mode()
def test_the_field_is_the_same_term_by_term_and_guided(run: sets.Run) -> None:
    model, given = run.model, conditions(run)
    for name, t in FIELD_TIMES.items():
        raw = model.flow(run["vf.z"].repeat(len(run.terms), 1, 1), torch.tensor([t]), given)
        if f"vf.{name}.raw" in run:
            forward_close(raw, run[f"vf.{name}.raw"])
        assert error(combined(raw, run.terms), run[f"vf.{name}.combined"]) <= FIELD_ABS
    needed = FIELD_TIMES if run.index == 0 else ("t037",)
    assert all(f"vf.{name}.raw" in run for name in needed), "the first run has raw fields at every time"


@torch.inference_mode()
def test_euler_arrives_at_the_same_latents(run: sets.Run) -> None:
    field = run.model.field(conditions(run), run.terms)
    assert error(euler(field, run.numbers["z_0"], run.facts["euler_steps"]), run["euler"]) <= EULER_ABS


@torch.inference_mode()
def test_dopri5_arrives_at_the_same_latents_and_audio(run: sets.Run) -> None:
    field = run.model.field(conditions(run), run.terms)
    asked: list[float] = []

    def counted(z: Tensor, t: Tensor) -> Tensor:
        asked.append(float(t))
        return field(z, t)

    latents = dopri5(counted, run.numbers["z_0"], 1e-5)
    assert error(latents, run["dopri5"]) <= DOPRI5_ABS
    assert abs(len(asked) - run.facts["dopri5_nfe"]) <= EVALUATIONS
    if "dopri5_t_evals" in run.facts and len(asked) == run.facts["dopri5_nfe"]:
        assert asked == pytest.approx(run.facts["dopri5_t_evals"], abs=5e-2)
    if "audio_from_dopri5_item0" in run:
        theirs = run["audio_from_dopri5_item0"]
        audio_close(run.model.decode(run["dopri5"])[:1], theirs)


@torch.inference_mode()
@pytest.mark.parametrize("capture", [None, eager], ids=["eager", "captured"])
def test_the_fast_path_arrives_at_the_same_latents(run: sets.Run, capture: Capture | None) -> None:
    """Within the tolerance of the plain path: with Euler's steps, and with those that the adaptive solver chooses."""
    path, start = FastFlow(run.model.flow, capture=capture), run.numbers["z_0"]
    for solver, name, limit in (
        (Solver(method="euler", evaluations=run.facts["euler_steps"]), "euler", EULER_ABS),
        (Solver(method="dopri5", tolerance=1e-5), "dopri5", DOPRI5_ABS),
    ):
        latents = path(conditions(run), run.terms, start, solver=solver, kept=None, watch=lambda share: None)
        assert error(latents, run[name]) <= limit


@torch.inference_mode()
def test_dopri5_at_a_loose_tolerance_stays_near(run: sets.Run) -> None:
    """Its steps are long enough for rounding to show; it stays within the tolerance that it was given, relative."""
    if "dopri5_1e-3" not in run:
        assert run.index > 0, "the first run of each scenario has it"
        return
    field = run.model.field(conditions(run), run.terms)
    theirs = run["dopri5_1e-3"]
    ours = dopri5(field, run.numbers["z_0"], 1e-3)
    assert error(ours, theirs) <= 1e-3 * float(theirs.abs().max())


# Checkpoints


def test_every_full_size_model_has_the_keys_and_shapes_of_the_manifest(parity: Path, jasco_manifest: str) -> None:
    folder = parity / "full_manifests"
    config = read_config(
        XpConfig((folder / jasco_manifest.replace(".json", ".xp_cfg.yaml")).read_text(encoding="utf-8"))
    )
    shapes = sets.manifest_shapes(folder / jasco_manifest)
    state = {name: torch.empty(shape, device="meta") for name, shape in shapes.items()}
    theirs = {name: tuple(tensor.shape) for name, tensor in convert_jasco(state).tensors.items()}
    codec_config = transformers_codec_config(folder / "encodec_32khz_transformers.config.json")
    text = sets.full_size_text_encoder()
    with torch.device("meta"):
        model = Jasco(config, Codec(codec_config), text)
    ours = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    assert ours == theirs
    assert any(name.startswith(CODEC_PREFIX) for name in ours)


def test_every_checkpoint_loads(parity: Path, jasco_checkpoint: str) -> None:
    model = sets.jasco_checkpoint(parity, jasco_checkpoint)
    assert all(not tensor.is_meta and torch.isfinite(tensor).all() for tensor in model.state_dict().values())


@torch.inference_mode()
def test_a_half_precision_checkpoint_brings_its_own_codec(parity: Path, half_precision: str) -> None:
    """The copy of the codec in the checkpoint counts, rounded as it is, for the drums and for the audio."""
    folder = parity / "jasco_tiny" / half_precision
    facts = sets.load_json(folder / "info.json")["fp16_checkpoint"]
    numbers = sets.tensors(folder / "fp16_checkpoint.safetensors")
    model = sets.jasco_checkpoint(parity, f"jasco_{half_precision}_fp16")
    config = model.config
    controls = Controls(
        descriptions=tuple(facts["descriptions"]),
        chords=chord_frames(
            [tuple(change) for change in facts["chords"]],
            frame_rate_hz=config.frame_rate_hz,
            duration_s=config.segment_s,
        ),
        drums=sets.tensors(parity / "jasco_tiny" / "drums_wav.safetensors")["drums"][0, 0, : facts["drums_samples"]],
    )
    terms = Guidance(all_weight=facts["cfg_coef_all"], text_weight=facts["cfg_coef_txt"]).terms
    given = model.conditioner(controls, terms, model.codec, model.text_encoder)
    assert error(given.text, numbers["cond.description"]) <= CONDITION_ABS
    for name, rows in given.temporal.items():
        assert error(rows, numbers[f"cond.{name}"]) <= CONDITION_ABS
    latents = euler(model.field(given, terms), numbers["z_0"], facts["euler_steps"])
    assert error(latents, numbers["euler"]) <= EULER_ABS
    audio_close(model.decode(numbers["euler"]), numbers["audio"])
    assert facts["audio_maxdiff_if_the_original_codec_is_used"] > 10 * AUDIO_ABS
