"""How fast an engine is to be: what it is told, and what comes of that on this machine."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from models.batching import choose_device, computed_on, is_out_of_memory
from models.card import read_card
from models.compiling import Compiler, compiled
from models.graphs import Capture, Pace, cuda_graph, timed
from models.layers import TransformerLayer
from models.precision import Precision, choose_precision, release, share_cores
from models.presets import CompileName, GraphsName, PrecisionName
from models.streaming_codec import CHUNK_FRAMES
from models.xp_config import XpConfig

log = logging.getLogger(__name__)

Told = Callable[[float, str], None]
"""Told the share of getting ready that is done, and what is being done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """What an engine is told: a precision by name or ``auto``, whether and how work is captured where it can be.

    ``memory`` is the file in which choices that were measured are noted.
    """

    dtype: PrecisionName = "auto"
    graphs: GraphsName = "auto"
    compile: CompileName = "off"
    memory: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Computing:
    """Where and in what a model computes."""

    device: str
    precision: Precision
    capture: Capture | None
    pace: Pace | None = None
    """What says whether a whole solver is short enough to be captured; None for single steps alone."""
    compiler: Compiler | None = None
    """What compiles captured work, where that is faster."""

    def chunk_frames(self, frames: int) -> int:
        """How many of so many frames the codec decodes at a time: seconds on a CPU, where they are worth a look."""
        return CHUNK_FRAMES if torch.device(self.device).type == "cpu" else frames

    def words(self, notices: Sequence[str]) -> str:
        """Both in words, for the receipt of a take with these notices."""
        captured = self.capture is not None
        return computed_on(
            self.device, self.precision.name, notices, graphs=captured, compiled=captured and self.compiler is not None
        )


def computing_for(folder: Path, device: str, speed: Speed) -> Computing:
    """What a converted model computes in on a device. Raises ``ModelError`` for what the device cannot do.

    On a CPU it takes down torch's threads where the daemon should have a core.
    """
    chosen = choose_device(device)
    dim, _ = XpConfig(read_card(folder).xp_config).need_heads()
    kind = torch.device(chosen).type
    if kind == "cpu":
        share_cores()
    precision = choose_precision(speed.dtype, chosen, dim, memory=speed.memory)
    capture = cuda_graph if kind == "cuda" and speed.graphs != "off" else None
    pace = timed if capture and speed.graphs == "auto" else None
    compiler = compiled if pace and speed.compile == "auto" else None
    return Computing(device=chosen, precision=precision, capture=capture, pace=pace, compiler=compiler)


def release_copied(layers: Sequence[torch.nn.Module], others: Sequence[torch.nn.Module] = ()) -> None:
    """Let go of the weights of layers whose matrices were copied.

    Keys and values of cross-attention, and its last matrix, are used as they are, for they are used once in a run.
    """
    for layer in layers:
        if isinstance(layer, TransformerLayer):
            release(layer.self_attn, layer.self_attn.out_proj, layer.linear1, layer.linear2)
    release(*others)


def warmed(run: Callable[[], object], drop_capture: Callable[[], None]) -> None:
    """Run the model once, without captures where this machine's driver refuses them. Raises what the run raises."""
    try:
        run()
    except RuntimeError as error:
        if is_out_of_memory(error):
            raise
        log.warning("Work cannot be captured here, so it runs without: %s", str(error).splitlines()[0])
        drop_capture()
        run()
