"""JASCO on this machine: loading, memory and time of a full-size model with random weights.

``python benchmarks/jasco.py FOLDER`` uses what ``benchmarks/random_checkpoint.py`` wrote to that folder, and converts
it first where it is not converted yet. Each measurement is a process of its own: its memory is that of one thing.
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
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from bridge.engine_client import ENGINE_ENVIRONMENT, engine_command


def peak_bytes() -> int:
    """The most memory that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def measure(folder: Path, device: str, solver: str) -> dict[str, float]:
    """Load, and sample ten seconds; seconds and bytes. Called in a process of its own."""
    import torch

    from models.checkpoints import load_jasco
    from models.jasco import Controls, Guidance, chord_frames, noise_of
    from models.presets import SOLVERS

    before = psutil.Process().memory_info().rss
    began = time.perf_counter()
    dtype = torch.float32 if device == "cpu" else torch.float16
    model, _ = load_jasco(folder, device=device, dtype=dtype)
    load_s = time.perf_counter() - began
    load_peak = peak_bytes() - before
    weights = sum(tensor.numel() * 4 for tensor in model.state_dict().values())
    config = model.config
    controls = Controls(
        descriptions=("funk bass",),
        chords=chord_frames([("C", 0.0), ("Am", 4.0)], frame_rate_hz=config.frame_rate_hz, duration_s=config.segment_s),
    )
    noise = noise_of([0], config.latent_frames, config.flow_dim)
    seconds = []
    for _ in range(1 if device == "cpu" else 5):
        began = time.perf_counter()
        latents = model.sample(controls, noise, guidance=Guidance(), solver=SOLVERS[solver])
        if device.startswith("cuda"):
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - began)
    began = time.perf_counter()
    audio = model.decode(latents.float())
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    decode_s = time.perf_counter() - began
    assert torch.isfinite(audio).all()
    gpu = torch.cuda.max_memory_allocated() if device.startswith("cuda") else 0
    return {
        "load_s": load_s,
        "load_peak": load_peak,
        "weights_float32": weights,
        "sample_s": min(seconds),
        "decode_s": decode_s,
        "peak": peak_bytes(),
        "gpu_peak": gpu,
    }


def ready_s(converted: Path, device: str) -> float:
    """Seconds from the start of an engine's process to the moment when it is loaded and warm."""
    command = engine_command("jasco", models={"jasco": converted}, device=device)
    began = time.perf_counter()
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=ENGINE_ENVIRONMENT | os.environ
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            message = json.loads(line)
            if message["type"] == "failed":
                raise SystemExit(message["message"])
            if message["type"] == "ready":
                break
        took = time.perf_counter() - began
        process.kill()
    return took


def main() -> None:
    """Measure in another process, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--solver", default="standard")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    converted = options.folder / "converted"
    if options.worker:
        print(json.dumps(measure(converted, options.device, options.solver)))
        return
    if not converted.exists():
        convert(options.folder, converted)
    command = [sys.executable, __file__, str(options.folder), "--device", options.device, "--solver", options.solver]
    ran = subprocess.run([*command, "--worker"], check=True, capture_output=True, text=True)
    facts = json.loads(ran.stdout)
    table = Table("what", "measured", title=f"{platform.machine()}, {os.cpu_count()} cores, device {options.device}")
    ratio = facts["load_peak"] / facts["weights_float32"]
    table.add_row("load", f"{facts['load_s']:.2f} s")
    table.add_row(
        "memory at its peak while loading", f"{facts['load_peak'] / 1e9:.2f} GB, {ratio:.2f} of the float32 size"
    )
    table.add_row(f"ten seconds, solver {options.solver}", f"{facts['sample_s']:.2f} s")
    table.add_row("engine process, from start to ready", f"{ready_s(converted, options.device):.2f} s")
    table.add_row("codec", f"{facts['decode_s']:.2f} s")
    table.add_row("memory of the process at its peak", f"{facts['peak'] / 1e9:.2f} GB")
    if facts["gpu_peak"]:
        table.add_row("memory of the GPU at its peak", f"{facts['gpu_peak'] / 1e9:.2f} GB")
    Console().print(table)


def convert(folder: Path, target: Path) -> None:
    """Convert what ``random_checkpoint.py`` wrote."""
    from models.checkpoints import convert as convert_checkpoint

    convert_checkpoint(
        folder / "checkpoint",
        target,
        text_encoder=folder / "text",
        codec_config=folder / "checkpoint" / "config.json",
        name=folder.name,
    )


if __name__ == "__main__":
    main()
