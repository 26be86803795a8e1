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
from models.convert import CODEC_PREFIX, convert_jasco
from models.jasco import Controls, Guidance, Jasco, Term, chord_frames, read_config
from models.released import audiocraft_codec_config, read_codec_source, read_state, transformers_codec_config
from models.text import TextEncoder, load_t5
from models.xp_config import XpConfig

BUNDLED = Path(__file__).parent.parent / "data" / "parity"
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
def text_encoder(root: Path) -> TextEncoder:
    model = load_t5(root / "t5_base_tiny")
    return TextEncoder(model, stub_tokens(model.config.vocab_size))


def full_size_text_encoder() -> TextEncoder:
    """T5-base, which is 768 wide, without weights."""
    with torch.device("meta"):
        return TextEncoder(T5EncoderModel(T5Config(d_model=768)), stub_tokens(64))


# What is in the folder


def codec_variants(root: Path) -> list[str]:
    return sorted(path.name for path in (root / "encodec_tiny").iterdir() if path.is_dir())


def codec_states(root: Path, variant: str) -> list[str]:
    """The files that hold a variant's weights, under one naming or another."""
    return sorted(path.name for path in (root / "encodec_tiny" / variant).glob("*state_dict.safetensors"))


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
