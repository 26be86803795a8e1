"""A folder of reference numbers: what is in it, and our models loaded with its weights.

The structure is that of ``tests/data/parity/README.md``. Cases are found in the folder, so that any set of the same
structure can be named with ``--parity-dir``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor
from transformers import T5Config, T5EncoderModel

from models.codec import Codec, CodecConfig, config_from_audiocraft, folded_state, load_exactly
from models.convert import CODEC_PREFIX, convert_jasco, convert_magnet
from models.jasco import Controls, Guidance, Jasco, Term, chord_frames, read_config
from models.magnet import Kept, Magnet
from models.magnet import read_config as read_magnet_config
from models.presets import Decoding
from models.released import (
    audiocraft_codec_config,
    read_codec_source,
    read_state,
    read_text_model,
    transformers_codec_config,
    transformers_codec_state,
)
from models.text import TextEncoder, load_t5
from models.xp_config import XpConfig

BUNDLED = Path(__file__).parent.parent / "data" / "parity"
T5_WIDTHS = {"t5-base": 768, "t5-large": 1024}
TERM_KINDS = {"AllCFGTerm": "all", "TextCFGTerm": "text", "NullCFGTerm": "null"}


def load_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


tensors = cache(load_file)


def stub_tokens(vocabulary: int) -> Any:
    """The tokenizer of the reference numbers: a hash of each word, and 1 at the end."""

    def tokenise(text: str) -> list[int]:
        return [2 + int(hashlib.sha256(word.encode()).hexdigest(), 16) % (vocabulary - 2) for word in text.split()] + [
            1
        ]

    return tokenise


@cache
def text_encoder(root: Path, name: str = "t5-base") -> TextEncoder:
    named = root / f"{name.replace('-', '_')}_tiny"
    model = load_t5(named if named.is_dir() else next(_of_width(root, T5_WIDTHS[name])))
    return TextEncoder(model, stub_tokens(model.config.vocab_size))


def _of_width(root: Path, width: int) -> Iterator[Path]:
    """Text encoders of that width, whatever their folders are called."""
    for path in sorted(root.glob("*/config.json")):
        if load_json(path).get("d_model") == width:
            yield path.parent


def full_size_text_encoder(name: str = "t5-base") -> TextEncoder:
    """T5-base, which is 768 wide, or T5-large, which is 1024 wide, without weights."""
    with torch.device("meta"):
        return TextEncoder(T5EncoderModel(T5Config(d_model=T5_WIDTHS[name])), stub_tokens(64))


# What is in the folder


def codec_variants(root: Path) -> list[str]:
    return sorted(path.name for path in (root / "encodec_tiny").iterdir() if path.is_dir())


def codec_states(root: Path, variant: str) -> list[str]:
    """The files that hold a variant's weights, under one naming or another."""
    folder = root / "encodec_tiny" / variant
    found = sorted(path.name for path in folder.glob("*state_dict.safetensors"))
    wanted = {"state_dict.safetensors", *(["hf_state_dict.safetensors"] * (folder / "hf_config.json").exists())}
    assert wanted <= set(found), f"{folder} lacks {wanted - set(found)}"
    return found


def codec_cases(root: Path, variant: str) -> list[str]:
    names = tensors(root / "encodec_tiny" / variant / "cases.safetensors")
    return sorted({name.partition(".")[0] for name in names if name.endswith(".wav")})


def blur_cases(root: Path) -> list[str]:
    return sorted({name.rpartition(".")[0] for name in tensors(root / "encodec_tiny" / "blur.safetensors")})


def jasco_variants(root: Path) -> list[str]:
    return sorted(path.name for path in (root / "jasco_tiny").iterdir() if path.is_dir())


def chord_cases(root: Path) -> list[dict[str, Any]]:
    cases: list[dict[str, Any]] = load_json(root / "chords" / "cases.json")
    return cases


def jasco_checkpoints(root: Path) -> list[str]:
    return sorted(path.name for path in (root / "checkpoint_emulation").glob("jasco_*"))


def half_precision(root: Path) -> list[str]:
    """Variants with the numbers of a half-precision checkpoint."""
    return sorted(path.parent.name for path in (root / "jasco_tiny").glob("*/fp16_checkpoint.safetensors"))


def packed_codecs(root: Path) -> list[str]:
    return sorted(path.name for path in (root / "checkpoint_emulation").glob("encodec_*"))


def manifests(root: Path, kind: str) -> list[str]:
    return sorted(path.name for path in (root / "full_manifests").glob(f"{kind}*.json") if "config" not in path.name)


def manifest_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """The names and shapes of a full-size state."""
    return {name: tuple(shape) for name, (shape, _) in load_json(path)["state_dict"].items()}


@dataclass(frozen=True)
class Run:
    """One run of one scenario: its guidance, and its numbers by short name."""

    root: Path
    variant: str
    scenario: str
    index: int

    @property
    def info(self) -> dict[str, Any]:
        scenario: dict[str, Any] = load_json(self.folder / "info.json")["scenarios"][self.scenario]
        return scenario

    @property
    def facts(self) -> dict[str, Any]:
        facts: dict[str, Any] = self.info["runs"][self.index]
        return facts

    @property
    def folder(self) -> Path:
        return self.root / "jasco_tiny" / self.variant

    @property
    def numbers(self) -> dict[str, Tensor]:
        return tensors(self.folder / f"scenario_{self.scenario}.safetensors")

    def __getitem__(self, name: str) -> Tensor:
        return self.numbers[f"run{self.index}.{name}"]

    def __contains__(self, name: str) -> bool:
        return f"run{self.index}.{name}" in self.numbers

    def __str__(self) -> str:
        return f"{self.variant}-{self.scenario}-{self.index}"

    @property
    def guidance(self) -> Guidance:
        return Guidance(all_weight=self.facts["cfg_coef_all"], text_weight=self.facts["cfg_coef_txt"])

    @property
    def terms(self) -> tuple[Term, ...]:
        return self.guidance.terms

    @property
    def model(self) -> Jasco:
        return jasco(self.root, self.variant)

    @property
    def controls(self) -> Controls:
        config, info = self.model.config, self.info
        drums = None
        if info["has_drums"]:
            drums = tensors(self.root / "jasco_tiny" / "drums_wav.safetensors")["drums"][0, 0, : info["drums_samples"]]
        return Controls(
            descriptions=tuple(info["desc"]),
            chords=chord_frames(
                [(label, start) for label, start in info["chords"] or ()],
                frame_rate_hz=config.frame_rate_hz,
                duration_s=config.segment_s,
            ),
            drums=drums,
            melody=self.numbers.get("melody_in"),
        )

    @property
    def rows(self) -> int:
        """The members of one guidance term."""
        return len(self.info["desc"])


def runs(root: Path) -> Iterator[Run]:
    """Every run that a variant's ``info.json`` tells of."""
    for variant in jasco_variants(root):
        scenarios = load_json(root / "jasco_tiny" / variant / "info.json")["scenarios"]
        for scenario, facts in scenarios.items():
            for index in range(len(facts["runs"])):
                yield Run(root, variant, scenario, index)


# Models


@cache
def codec(root: Path, variant: str, state: str) -> Codec:
    folder = root / "encodec_tiny" / variant
    shape = load_json(folder / "config_resolved_model_part.json")
    return _codec(
        config_from_audiocraft(shape["seanet"], shape["rvq"], shape["sample_rate"]),
        folded_state(tensors(folder / state)),
    )


def _codec(config: CodecConfig, state: dict[str, Tensor]) -> Codec:
    with torch.device("meta"):
        codec = Codec(config)
    codec.load(state)
    return codec.eval()


@cache
def jasco(root: Path, variant: str) -> Jasco:
    """A variant, from its own state or from the checkpoint that was made of it."""
    folder = root / "jasco_tiny" / variant
    if (folder / "state_dict.safetensors").exists():
        state = tensors(folder / "state_dict.safetensors")
        return build_jasco(root, (folder / "xp_cfg.yaml").read_text(encoding="utf-8"), state)
    return jasco_checkpoint(root, f"jasco_{variant}")


@cache
def jasco_checkpoint(root: Path, name: str) -> Jasco:
    package = read_state(root / "checkpoint_emulation" / name)
    return build_jasco(root, package.xp_config, dict(package.state))


def build_jasco(root: Path, xp_config: str, state: dict[str, Tensor]) -> Jasco:
    converted = {name: tensor.float() for name, tensor in convert_jasco(state).tensors.items()}
    codec_config = transformers_codec_config(root / "encodec_32khz_hf_tiny" / "config.json")
    text = text_encoder(root)
    with torch.device("meta"):
        model = Jasco(read_config(XpConfig(xp_config)), Codec(codec_config), text)
    parts: dict[str, dict[str, Tensor]] = {}
    for name, tensor in converted.items():
        part, _, rest = name.partition(".")
        parts.setdefault(part, {})[rest] = tensor
    model.codec.load(parts[CODEC_PREFIX.rstrip(".")])
    load_exactly(model.flow, parts["flow"], "flow")
    load_exactly(model.conditioner, parts["conditioner"], "conditioner")
    return model.eval()


@cache
def load_packed_codec(root: Path, name: str) -> Codec:
    """A codec that comes as a package of audiocraft's."""
    source = read_codec_source(root / "checkpoint_emulation" / name)
    assert source.package is not None
    return _codec(audiocraft_codec_config(source.package.xp_config), folded_state(source.package.state))


# MAGNeT


def magnet_variants(root: Path) -> list[str]:
    return sorted(path.name for path in (root / "magnet_tiny").iterdir() if path.is_dir())


@dataclass(frozen=True)
class MagnetRun:
    """One generation of one variant: how it was asked, and its numbers."""

    root: Path
    variant: str
    name: str

    @property
    def folder(self) -> Path:
        return self.root / "magnet_tiny" / self.variant

    @property
    def facts(self) -> dict[str, Any]:
        facts: dict[str, Any] = load_json(self.folder / "info.json")["runs"][self.name]
        return facts

    @property
    def numbers(self) -> dict[str, Tensor]:
        return tensors(self.folder / f"gen_{self.name}.safetensors")

    def __str__(self) -> str:
        return f"{self.variant}-{self.name}"

    @property
    def decoding(self) -> Decoding:
        return magnet_decoding(self.facts["params"])

    @property
    def kept(self) -> Kept | None:
        prompt = self.numbers.get("prompt")
        assert (prompt is None) == (self.facts["prompt_len"] == 0)
        return None if prompt is None else Kept(codes=prompt, frames=(True,) * prompt.shape[-1])


def magnet_apis(root: Path) -> list[str]:
    """Variants that were run through the reference's own interface, from their checkpoints."""
    return [
        variant
        for variant in magnet_variants(root)
        if "api_generate" in load_json(root / "magnet_tiny" / variant / "info.json")
    ]


def magnet_decoding(params: dict[str, Any]) -> Decoding:
    """The parameters of the reference's ``generate`` as ours; one that is not known is a mistake of this test."""
    names = {
        "use_sampling": "sampling", "temp": "temperature", "max_cfg_coef": "cfg_max", "min_cfg_coef": "cfg_min",
        "anneal_temp": "anneal_temperature",
    }  # fmt: skip
    values = {names.get(name, name): value for name, value in params.items()}
    return Decoding(**values | {"decoding_steps": tuple(values["decoding_steps"])})


def magnet_runs(root: Path) -> list[MagnetRun]:
    """Every generation that a variant's ``info.json`` tells of."""
    return [
        MagnetRun(root, variant, name)
        for variant in magnet_variants(root)
        for name in load_json(root / "magnet_tiny" / variant / "info.json")["runs"]
    ]


@cache
def magnet(root: Path, variant: str) -> Magnet:
    """A variant, from the checkpoint that was made of it or from its own state."""
    checkpoint, folder = root / "checkpoint_emulation" / variant, root / "magnet_tiny" / variant
    if checkpoint.is_dir():
        package = read_state(checkpoint)
        xp_config, state = XpConfig(package.xp_config), dict(package.state)
        codec = magnet_codec(root, checkpoint)
    else:
        xp_config = XpConfig((folder / "xp_cfg.yaml").read_text(encoding="utf-8"))
        state = tensors(folder / "state_dict.safetensors")
        codec = next(one for one in known_codecs(root) if one.config.sample_rate_hz == xp_config.need("sample_rate"))
    text = text_encoder(root, read_text_model(xp_config))
    with torch.device("meta"):
        model = Magnet(read_magnet_config(xp_config, codec.config), codec, text)
    converted = {name: tensor.float() for name, tensor in convert_magnet(state).tensors.items()}
    for name, part in (("tokens", model.tokens), ("conditioner", model.conditioner)):
        prefix = f"{name}."
        held = {key.removeprefix(prefix): tensor for key, tensor in converted.items() if key.startswith(prefix)}
        load_exactly(part, held, name)
    return model.eval()


@cache
def magnet_codec(root: Path, checkpoint: Path) -> Codec:
    """The codec that a checkpoint names, or brings."""
    source = read_codec_source(checkpoint)
    return transformers_codec(root) if source.package is None else load_packed_codec(root, checkpoint.name)


@cache
def transformers_codec(root: Path) -> Codec:
    folder = root / "encodec_32khz_hf_tiny"
    return _codec(transformers_codec_config(folder / "config.json"), folded_state(transformers_codec_state(folder)))


def known_codecs(root: Path) -> Iterator[Codec]:
    yield transformers_codec(root)
    for name in packed_codecs(root):
        yield load_packed_codec(root, name)
