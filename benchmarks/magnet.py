"""MAGNeT against a straightforward version of itself: seconds, memory, and their ratio.

``python benchmarks/magnet.py`` builds the shapes of magnet-small with random weights, for 10 and for 30 seconds, and
times one step of the first codebook (every frame hears all) and one of the others (a band) in both versions. The
straightforward one is what the description says, word for word: a dense mask, the logits of all four codebooks, text
projected anew in every layer and step, and cross-attention for the branch without text too. The two must agree before
anything is timed. Steps of a codebook all cost the same, so the time for a sound is so many times theirs; ``--whole``
makes one instead. Each version runs in a process of its own, so that its memory is its own.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from models.magnet import MagnetConfig, TokenModel
from models.plain_magnet import PlainTokens
from models.presets import DECODINGS

TEXT_LENGTH = 12
"""Tokens of a description of a few words."""
SHORT = 60
"""Frames on which the two versions are compared."""


def build(seconds: float, device: str) -> TokenModel:
    """The shapes of magnet-small, with random weights."""
    config = MagnetConfig(
        dim=1024, heads=16, layers=24, hidden_scale=4, codebooks=4, bins=2048, reach=5, span=3, frame_rate_hz=50,
        sample_rate_hz=32000, segment_s=seconds, sound=False,
    )  # fmt: skip
    torch.manual_seed(0)
    with torch.device(device):
        model = TokenModel(config)
    return model.eval().to(torch.float32 if device == "cpu" else torch.float16)


def ours(model: TokenModel, stage: int, text: Tensor, frames: int) -> Callable[[Tensor], Tensor]:
    """A step as it is shipped: what stays the same is made once, outside."""
    heard, band = model.hear(text[:1]), model.band(stage, frames)
    return lambda codes: model.out[stage](model(codes, heard, band))


def plain(model: TokenModel, stage: int, text: Tensor, frames: int) -> Callable[[Tensor], Tensor]:
    """A step by the description."""
    plainly = PlainTokens(model)
    heard, band = plainly.hear(text[:1]), plainly.band(stage, frames)
    return lambda codes: plainly.out[stage](plainly(codes, heard, band))


VERSIONS = {"ours": ours, "plain": plain}


@torch.inference_mode()
def measure(version: str, seconds: float, device: str, *, whole: bool) -> dict[str, float]:
    """Seconds of a step of either kind, of a whole sound, and the memory at its peak."""
    model = build(seconds, device)
    frames = model.config.segment_frames // 3 * 3
    weight = model.out_norm.weight
    text = torch.randn(2, TEXT_LENGTH, model.config.dim, device=device).to(weight.dtype)
    text[1] = 0.0
    codes = torch.randint(0, model.mask_token + 1, (2, 4, frames), device=device)
    agree(model, text, codes[..., :SHORT])
    steps = DECODINGS["standard"].decoding_steps
    found = {}
    for name, stage, count in (("first", 0, steps[0]), ("later", 1, sum(steps[1:]))):
        step = VERSIONS[version](model, stage, text, frames)
        step(codes)
        found[name] = timed(lambda step=step: step(codes), device, count if whole else 3)
    found["sound"] = found["first"] * steps[0] + found["later"] * sum(steps[1:])
    found["peak"] = (
        torch.cuda.max_memory_allocated()
        if device.startswith("cuda")
        else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    )
    return found


def agree(model: TokenModel, text: Tensor, codes: Tensor) -> None:
    """Both versions give the same logits, or there is nothing to compare."""
    for stage in (0, 1):
        one, other = (make(model, stage, text, codes.shape[-1])(codes).float() for make in VERSIONS.values())
        error = float((one - other).abs().max() / other.abs().max())
        assert error < (1e-4 if text.dtype == torch.float32 else 2e-2), f"they differ by {error}"


def timed(step: Callable[[], Any], device: str, times: int) -> float:
    """The mean of ``times`` steps."""
    began = time.perf_counter()
    for _ in range(times):
        step()
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    return (time.perf_counter() - began) / times


def main() -> None:
    """Measure each version in another process, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--seconds", type=float, nargs="+", default=[10, 30])
    parser.add_argument("--whole", action="store_true", help="every step of a sound, not three of each kind")
    parser.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        version, seconds = options.worker
        print(json.dumps(measure(version, float(seconds), options.device, whole=options.whole)))
        return
    table = Table(
        "seconds of sound", "version", "step, first codebook", "step, later ones", "50 steps", "memory",
        title=f"magnet-small, {platform.machine()}, {os.cpu_count()} cores, {options.device}",
    )  # fmt: skip
    for seconds in options.seconds:
        facts = {version: run(options, version, seconds) for version in VERSIONS}
        for version, found in facts.items():
            table.add_row(f"{seconds:g}", version, *cells(found))
        ratios = {name: facts["plain"][name] / facts["ours"][name] for name in facts["ours"]}
        table.add_row("", "ratio", *(f"{ratios[name]:.2f}" for name in ("first", "later", "sound", "peak")))
    Console().print(table)


def run(options: argparse.Namespace, version: str, seconds: float) -> dict[str, float]:
    """One measurement, in another process."""
    command = [sys.executable, __file__, "--device", options.device, "--worker", version, str(seconds)]
    ran = subprocess.run(
        [*command, *(["--whole"] if options.whole else [])], check=True, stdout=subprocess.PIPE, text=True
    )
    facts: dict[str, float] = json.loads(ran.stdout)
    return facts


def cells(found: dict[str, float]) -> list[str]:
    """The measurements in words."""
    return [
        f"{found['first']:.3f} s", f"{found['later']:.3f} s", f"{found['sound']:.1f} s", f"{found['peak'] / 1e9:.2f} GB"
    ]  # fmt: skip


if __name__ == "__main__":
    main()
