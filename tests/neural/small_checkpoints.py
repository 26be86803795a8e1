"""Small checkpoints in the released layout, made by the script that makes the large ones."""

from __future__ import annotations

import functools
import importlib.util
import shutil
import sys
from pathlib import Path
from types import ModuleType

from models.checkpoints import convert

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
