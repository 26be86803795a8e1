"""Small JASCO checkpoints in the released layout, made by the script that makes the large ones."""

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


def copy_of(folder: Path, target: Path) -> Path:
    return Path(shutil.copytree(folder, target))
