"""Small checkpoints in the released layout, made by the script that makes the large ones."""

from __future__ import annotations

import functools
import importlib.util
import shutil
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import nn

from models.checkpoints import convert
from models.codec import Codec, CodecConfig
from models.jasco import Jasco, JascoConfig
from models.magnet import Magnet, MagnetConfig
from models.own_checkpoint import write_checkpoint
from models.words import WordsEncoder, new_words, words_of

SCRIPT = Path(__file__).parent.parent.parent / "benchmarks" / "random_checkpoint.py"


@functools.cache
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("random_checkpoint", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["random_checkpoint"] = module
    spec.loader.exec_module(module)
    return module


def write_small(folder: Path, *, segment_s: float = 1, melody: bool = False, dim: int = 32, layers: int = 2) -> None:
    """A checkpoint in ``folder/released`` and a text encoder in ``folder/text``."""
    size = script().Size(
        dim=dim, heads=4, layers=layers, time_dim=32, segment_s=segment_s, melody=melody, filters=2, latent_dim=16,
        bins=64,
    )  # fmt: skip
    script().write_checkpoint(folder / "released", size)
    script().write_text_encoder(folder / "text", small=True)


def converted_small(folder: Path, *, segment_s: float = 1, melody: bool = False) -> Path:
    """A small checkpoint, converted."""
    write_small(folder, segment_s=segment_s, melody=melody)
    target = folder / "converted"
    convert(
        folder / "released",
        target,
        text_encoder=folder / "text",
        codec_config=folder / "released" / "config.json",
        name="small",
    )
    return target


def write_small_magnet(folder: Path, *, segment_s: float = 1, sound: bool = False) -> None:
    """A MAGNeT in ``folder/released``, its codec beside it, and a text encoder in ``folder/text``."""
    size = script().MagnetSize(
        dim=32, heads=4, layers=2, segment_s=segment_s, filters=2, latent_dim=16, bins=64, sound=sound
    )
    script().write_magnet(folder / "released", size)
    script().write_text_encoder(folder / "text", small=True)


def converted_small_magnet(folder: Path, *, segment_s: float = 1, sound: bool = False) -> Path:
    """A small MAGNeT, converted."""
    write_small_magnet(folder, segment_s=segment_s, sound=sound)
    target = folder / "converted"
    convert(
        folder / "released",
        target,
        text_encoder=folder / "text",
        codec_config=folder / "released" / "codec" / "config.json",
        name="small-magnet",
    )
    return target


def copy_of(folder: Path, target: Path) -> Path:
    return Path(shutil.copytree(folder, target))


OWN_CODEC = CodecConfig(sample_rate_hz=32000, dimension=16, filters=4, bins=32, ratios=(8, 8, 10), lstm_layers=1)
OWN_JASCO = JascoConfig(
    dim=16, heads=2, layers=2, hidden_scale=2, flow_dim=16, chords_dim=8, drums_dim=2, melody_dim=4, melody_rows=53,
    chord_count=194, time_dim=16, skips=True, blur_frames=3, latent_mean=0.01, latent_std=1.5, frame_rate_hz=50.0,
    sample_rate_hz=32000, segment_s=1.0, dropped_for_text=frozenset({"chords", "self_wav"}),
)  # fmt: skip
OWN_MAGNET = MagnetConfig(
    dim=16, heads=2, layers=1, hidden_scale=2, codebooks=4, bins=32, reach=5, span=3, frame_rate_hz=50,
    sample_rate_hz=32000, segment_s=1.0, sound=False,
)  # fmt: skip
OWN_CAPTIONS = ("warm rhodes. key: C minor. bpm: 92", "funk with a warm bass. bpm: 120", "jazz. 3/4 time")


def own_words(dim: int = 8) -> WordsEncoder:
    return new_words(words_of(OWN_CAPTIONS, at_least=1), dim)


def own_model(config: JascoConfig | MagnetConfig = OWN_JASCO, *, seed: int = 0) -> Jasco | Magnet:
    """A model of our own with random weights, as a trainer has it in memory."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        codec = Codec(OWN_CODEC)
        for name, buffer in codec.named_buffers():
            if name.endswith(".embed"):
                buffer.normal_()
        words = own_words()
        model = Jasco(config, codec, words) if isinstance(config, JascoConfig) else Magnet(config, codec, words)
        for parameter in (p for name, p in model.named_parameters() if not name.startswith("codec.")):
            if parameter.dim() > 1:
                nn.init.normal_(parameter, std=parameter.shape[-1] ** -0.5)
    return model.eval()


def write_own(folder: Path, config: JascoConfig | MagnetConfig = OWN_JASCO, **told: Any) -> Path:
    """A small checkpoint of our own, written as a trainer writes it."""
    given = {"name": "small-own", "words": own_words(), **told}
    tensors = given.pop("tensors", None) or own_model(config).state_dict()
    write_checkpoint(folder, config=config, tensors=tensors, codec=OWN_CODEC, **given)
    return folder
