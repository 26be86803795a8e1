"""Category: parity. MAGNeT against the reference's numbers."""

from __future__ import annotations

import copy
from pathlib import Path

import parity_set as sets
import pytest
import torch
from torch import Tensor, nn

from models.convert import CODEC_PREFIX, convert_codec, convert_magnet
from models.magnet import HeardText, Magnet, Told, read_config
from models.released import audiocraft_codec_config, read_text_model, transformers_codec_config
from models.xp_config import XpConfig

pytestmark = pytest.mark.parity
CONDITION_ABS = 1e-5
FORWARD_ABS, FORWARD_OF_MAX = 5e-5, 1e-5
PROBABILITY_ABS = 1e-3
AUDIO_ABS, AUDIO_OF_MAX = 1e-4, 1e-5
LOG_SCORE_ABS = 5e-2
"""A score is what a probability lacks to 1, or its negative logarithm, which low temperatures magnify further."""


def error(ours: Tensor, theirs: Tensor) -> float:
    assert ours.shape == theirs.shape
    return float((ours - theirs).abs().max())


def close(ours: Tensor, theirs: Tensor) -> bool:
    """Within the tolerance of one forward pass."""
    return error(ours, theirs) <= min(FORWARD_ABS, max(FORWARD_OF_MAX * float(theirs.abs().max()), 1e-6))


# One forward pass


def numbers_of(parity: Path, variant: str) -> dict[str, Tensor]:
    return sets.tensors(parity / "magnet_tiny" / variant / "forward.safetensors")


def descriptions_of(parity: Path, variant: str) -> list[str]:
    found: list[str] = sets.load_json(parity / "magnet_tiny" / variant / "info.json")["descriptions"]
    return found


def heard(parity: Path, variant: str) -> HeardText:
    """The text of the rows that have one: the first half of the reference's batch."""
    model, texts = sets.magnet(parity, variant), descriptions_of(parity, variant)
    condition = model.conditioner([*texts, *[None] * len(texts)], model.text_encoder)
    return model.tokens.hear(condition[: len(texts)])


def all_logits(model: Magnet, hidden: Tensor) -> Tensor:
    return torch.stack([head(hidden) for head in model.tokens.out], dim=1)


@torch.inference_mode()
def test_tokens_and_the_text_condition_are_the_same(parity: Path, magnet_variant: str) -> None:
    model, numbers = sets.magnet(parity, magnet_variant), numbers_of(parity, magnet_variant)
    texts = descriptions_of(parity, magnet_variant)
    both = [*texts, *[None] * len(texts)]
    ids, mask = model.text_encoder.tokens(both)
    assert torch.equal(mask, numbers["t5.attention_mask"])
    assert torch.equal(ids, numbers["t5.input_ids"])
    assert torch.equal(mask, numbers["mask.description"])
    assert error(model.conditioner(both, model.text_encoder), numbers["cond.description"]) <= CONDITION_ABS


@torch.inference_mode()
def test_logits_are_the_same_with_and_without_the_band(parity: Path, magnet_variant: str) -> None:
    model, numbers = sets.magnet(parity, magnet_variant), numbers_of(parity, magnet_variant)
    text, codes = heard(parity, magnet_variant), numbers["sequence"]
    short = numbers["logits.stage1.shortT"].shape[2]
    for name, given, stage in (
        ("logits.stage0", codes, 0),
        ("logits.stage1", codes, 1),
        ("logits.stage1.shortT", codes[..., :short], 1),
    ):
        hidden = model.tokens(given, text, model.tokens.band(stage, given.shape[-1]))
        assert close(all_logits(model, hidden), numbers[name]), name


@torch.inference_mode()
def test_the_first_layer_gives_the_same(parity: Path, magnet_variant: str) -> None:
    model, numbers = sets.magnet(parity, magnet_variant), numbers_of(parity, magnet_variant)
    text, codes = heard(parity, magnet_variant), numbers["sequence"]
    one_layer = copy.copy(model.tokens)
    one_layer._modules = {
        **model.tokens._modules, "layers": nn.ModuleList([model.tokens.layers[0]]), "out_norm": nn.Identity(),
    }  # fmt: skip
    first = HeardText(layers=text.layers[:1], rows=text.rows)
    hidden = one_layer(codes, first, model.tokens.band(1, codes.shape[-1]))
    assert close(hidden, numbers["stage1.layer0_out"])


def test_the_band_is_the_references_mask(parity: Path, magnet_variant: str) -> None:
    model, numbers = sets.magnet(parity, magnet_variant), numbers_of(parity, magnet_variant)
    if model.config.reach is None:
        assert model.tokens.band(1, 50) is None
        assert "attn_mask.stage1_3.valid" not in numbers
        return
    theirs = numbers["attn_mask.stage1_3.valid"]
    frames = len(theirs)
    band = model.tokens.band(1, frames)
    assert model.tokens.band(0, frames) is None
    assert band is not None
    nothing = torch.zeros(1, 1, frames, 4)
    weights = band.attend(nothing, nothing, torch.eye(frames)[None, None])[0, 0]
    assert torch.equal(weights > 0, theirs.bool())


# Generation


def generated(run: sets.MagnetRun) -> tuple[Tensor, list[Told]]:
    """Ours, with the draws of the reference: ``torch.multinomial`` once a step, from its seed."""
    told: list[Told] = []

    def multinomial(probabilities: Tensor) -> Tensor:
        return torch.multinomial(probabilities.flatten(0, 1), 1).reshape(probabilities.shape[:2])

    torch.manual_seed(run.facts["torch_manual_seed"])
    codes = sets.magnet(run.root, run.variant).generate(
        run.facts["descriptions"], run.facts["T"], run.decoding, multinomial, kept=run.kept, watch=told.append
    )
    return codes, told


def test_every_generation_gives_the_same_tokens_step_by_step(magnet_run: sets.MagnetRun) -> None:
    codes, told = generated(magnet_run)
    numbers = magnet_run.numbers
    assert torch.equal(codes, numbers["tokens"].long())
    for index, step in enumerate(told):
        assert torch.equal(step.masked, numbers["trace.masked_before_sampling"][index].bool()), f"mask of step {index}"
        assert torch.equal(step.tokens, numbers["trace.sampled_tokens"][index].long()), f"draw of step {index}"
        assert torch.equal(step.codes, numbers["trace.codes_after"][index].long()), f"codes after step {index}"
    assert len(told) == len(numbers["trace.codes_after"])
    if magnet_run.kept is not None:
        assert torch.equal(codes[..., : magnet_run.facts["prompt_len"]], magnet_run.kept.codes)


def test_every_generation_gives_the_same_probabilities_scores_and_logits(magnet_run: sets.MagnetRun) -> None:
    _, told = generated(magnet_run)
    numbers, decoding = magnet_run.numbers, magnet_run.decoding
    plain = decoding.span_arrangement == "nonoverlap" and decoding.span_scoring == "max"
    score_abs = PROBABILITY_ABS if plain else LOG_SCORE_ABS
    for index, step in enumerate(told):
        probability = torch.where(step.masked, step.probability, 0.0)
        theirs = torch.where(step.masked, numbers["trace.sampled_probs"][index], 0.0)
        assert error(probability, theirs) <= PROBABILITY_ABS
        assert error(step.scores, numbers["trace.scores_after"][index]) <= score_abs
    largest = max(abs(one.step.guidance) for one in told)
    for place, index in enumerate(numbers["trace.cfg_logits_at"].tolist()):
        theirs = numbers["trace.cfg_logits"][place]
        assert error(told[index].logits, theirs) <= FORWARD_ABS * 2 * largest, "guidance multiplies what differs"


def test_every_schedule_is_the_same(magnet_run: sets.MagnetRun) -> None:
    _, told = generated(magnet_run)
    theirs = magnet_run.facts["schedule"]
    assert len(told) == len(theirs)
    for one, wanted in zip((step.step for step in told), theirs, strict=True):
        assert (one.stage, one.index, one.masked) == (wanted["stage"], wanted["step"], wanted["num_masked_target"])
        assert one.share == pytest.approx(wanted["mask_p"], abs=1e-7)
        assert one.guidance == pytest.approx(wanted["cfg_coef"], abs=1e-5)
        assert one.temperature == pytest.approx(max(wanted["temp"], 0.01), abs=1e-9)


@torch.inference_mode()
def test_the_api_gives_the_same_codes_and_audio(parity: Path, magnet_api: str) -> None:
    folder = parity / "magnet_tiny" / magnet_api
    facts, numbers = (
        sets.load_json(folder / "info.json")["api_generate"],
        sets.tensors(folder / "api_generate.safetensors"),
    )
    model = sets.magnet(parity, magnet_api)
    assert not facts["params"]["use_sampling"], "what is drawn depends on a seed, and none is given"

    def never(probabilities: Tensor) -> Tensor:
        raise AssertionError("nothing is drawn here")

    codes = model.generate(
        facts["descriptions"], model.config.segment_frames, sets.magnet_decoding(facts["params"]), never
    )
    assert list(codes.shape) == facts["tokens_shape"]
    assert torch.equal(codes, numbers["tokens"].long())
    audio = model.decode(codes)
    assert list(audio.shape) == facts["audio_shape"]
    theirs = numbers["audio_item0"]
    assert error(audio[:1], theirs) <= min(AUDIO_ABS, max(AUDIO_OF_MAX * float(theirs.abs().max()), 1e-6))


# Checkpoints


def test_the_checkpoint_has_the_references_names_and_shapes(parity: Path, magnet_variant: str) -> None:
    theirs = sets.load_json(parity / "magnet_tiny" / magnet_variant / "info.json")["keys"]
    state = {name: torch.empty(shape, device="meta") for name, (shape, _) in theirs.items()}
    wanted = {name: tuple(tensor.shape) for name, tensor in convert_magnet(state).tensors.items()}
    model = sets.magnet(parity, magnet_variant)
    ours = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    assert {name: shape for name, shape in ours.items() if not name.startswith(CODEC_PREFIX)} == wanted


def test_every_full_size_model_has_the_keys_and_shapes_of_the_manifest(parity: Path, magnet_manifest: str) -> None:
    folder = parity / "full_manifests"
    xp_config = XpConfig((folder / magnet_manifest.replace(".json", ".xp_cfg.yaml")).read_text(encoding="utf-8"))
    shapes = sets.manifest_shapes(folder / magnet_manifest)
    state = {name: torch.empty(shape, device="meta") for name, shape in shapes.items()}
    theirs = {name: tuple(tensor.shape) for name, tensor in convert_magnet(state).tensors.items()}
    sound = xp_config.need("sample_rate") == 16000
    if sound:
        codec_config = audiocraft_codec_config(
            (folder / "encodec_16khz_audiocraft.xp_cfg.yaml").read_text(encoding="utf-8")
        )
    else:
        codec_config = transformers_codec_config(folder / "encodec_32khz_transformers.config.json")
    config = read_config(xp_config, codec_config)
    assert (config.sound, config.frame_rate_hz, config.reach) == (sound, 50, 5)
    text = sets.full_size_text_encoder(read_text_model(xp_config))
    with torch.device("meta"):
        model = Magnet(config, sets.Codec(codec_config), text)
    ours = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    assert {name: shape for name, shape in ours.items() if not name.startswith(CODEC_PREFIX)} == theirs


def test_the_codec_of_sound_models_loads_from_their_own_package(parity: Path, packed_codec: str) -> None:
    package = sets.read_codec_source(parity / "checkpoint_emulation" / packed_codec).package
    assert package is not None
    converted = convert_codec(package.state)
    ours = sets.load_packed_codec(parity, packed_codec).state_dict()
    assert {name.removeprefix(CODEC_PREFIX) for name in converted.tensors} == set(ours)
