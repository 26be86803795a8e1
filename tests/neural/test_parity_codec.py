"""Category: parity. EnCodec against the reference's numbers."""

from __future__ import annotations

from pathlib import Path

import parity_set as sets
import pytest
import torch
from torch import Tensor

from models.codec import Codec, CodecConfig, folded_state
from models.jasco import blur
from models.released import audiocraft_codec_config, transformers_codec_config

pytestmark = pytest.mark.parity
CODEC_ABS = 1e-4
CODEC_OF_MAX = 1e-5
CONDITION_ABS = 1e-5
LATENT_STD, LATENT_MEAN = 4.0102, -0.0074
"""What JASCO's latents are scaled by, in every configuration of the reference."""


def close(ours: Tensor, theirs: Tensor) -> None:
    """Within the tolerance of latents and audio."""
    assert ours.shape == theirs.shape
    error = (ours - theirs).abs().max().item()
    assert error <= CODEC_ABS
    assert error <= max(CODEC_OF_MAX * theirs.abs().max().item(), 1e-6)


@torch.inference_mode()
def test_every_case_is_encoded_quantised_and_decoded_alike(parity: Path, codec_state: tuple[str, str]) -> None:
    variant, state = codec_state
    every_case_agrees(parity, variant, sets.codec(parity, variant, state))


def every_case_agrees(parity: Path, variant: str, codec: Codec) -> None:
    numbers = sets.tensors(parity / "encodec_tiny" / variant / "cases.safetensors")
    cases = sets.codec_cases(parity, variant)
    assert cases
    for case in cases:
        latents = codec.encode(numbers[f"{case}.wav"])
        close(latents, numbers[f"{case}.latents"])
        codes = codec.quantise(numbers[f"{case}.latents"])
        assert torch.equal(codes, numbers[f"{case}.codes"])
        assert torch.equal(codec.quantise(latents), numbers[f"{case}.codes"])
        close(codec.dequantise(codes), numbers[f"{case}.quantized"])
        close(codec.decode(codec.dequantise(codes)), numbers[f"{case}.audio_from_codes"])
        close(codec.decode(latents), numbers[f"{case}.audio_from_latents"])
        first = codec.quantise(latents, codebooks=1)
        assert torch.equal(first[:, 0], numbers[f"{case}.codes0"])
        close(codec.dequantise(first), numbers[f"{case}.quantized0"])


@torch.inference_mode()
def test_random_codes_and_latents_are_decoded_alike(parity: Path, codec_state: tuple[str, str]) -> None:
    variant, state = codec_state
    codec = sets.codec(parity, variant, state)
    numbers = sets.tensors(parity / "encodec_tiny" / variant / "cases.safetensors")
    quantised = codec.dequantise(numbers["rand.codes"])
    close(quantised, numbers["rand.quantized"])
    close(codec.decode(quantised), numbers["rand.audio"])
    unnormalised = numbers["jasco.z"] * LATENT_STD + LATENT_MEAN
    close(unnormalised, numbers["jasco.unnormalized"])
    close(codec.decode(unnormalised.transpose(1, 2)), numbers["jasco.audio"])


def test_the_blur_is_the_same(parity: Path, blur_case: str) -> None:
    numbers = sets.tensors(parity / "encodec_tiny" / "blur.safetensors")
    factor = int(blur_case.partition(".")[0].removeprefix("f"))
    ours = blur(numbers[f"{blur_case}.in"], factor)
    assert (ours - numbers[f"{blur_case}.out"]).abs().max().item() <= CONDITION_ABS


def test_a_full_size_codec_has_the_keys_and_shapes_of_the_manifest(parity: Path, codec_manifest: str) -> None:
    """Folding needs numbers, so the manifest's names are folded with empty tensors of its shapes."""
    folder = parity / "full_manifests"
    shapes = sets.manifest_shapes(folder / codec_manifest)
    state = folded_state({name: torch.empty(shape, device="meta") for name, shape in shapes.items()})
    config = codec_config(folder, codec_manifest)
    with torch.device("meta"):
        ours = {name: tuple(tensor.shape) for name, tensor in Codec(config).state_dict().items()}
    assert ours == {name: tuple(tensor.shape) for name, tensor in state.items()}


def codec_config(folder: Path, manifest: str) -> CodecConfig:
    stem = manifest.removesuffix(".json")
    if (folder / f"{stem}.config.json").exists():
        return transformers_codec_config(folder / f"{stem}.config.json")
    return audiocraft_codec_config((folder / f"{stem}.xp_cfg.yaml").read_text(encoding="utf-8"))


@torch.inference_mode()
def test_a_codec_in_a_package_of_its_own_loads_and_runs(parity: Path, packed_codec: str) -> None:
    codec = sets.load_packed_codec(parity, packed_codec)
    audio = codec.decode(codec.dequantise(codec.quantise(codec.encode(torch.zeros(1, 1, 5 * codec.config.hop)))))
    assert audio.shape == (1, 1, 5 * codec.config.hop)
    assert torch.isfinite(audio).all()
    for variant in sets.codec_variants(parity):
        known = sets.codec(parity, variant, "state_dict.safetensors").state_dict()
        if all(
            name in known and known[name].shape == tensor.shape and torch.equal(known[name], tensor)
            for name, tensor in codec.state_dict().items()
        ):
            every_case_agrees(parity, variant, codec)
            return
