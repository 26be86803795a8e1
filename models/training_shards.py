"""Training music on disk: shards of many pieces, each one safetensors file that is there whole or not at all.

A shard holds ``mix`` and ``drums`` as 16-bit samples [pieces, FRAMES], and the charts as JSON in its header. Reading
runs nothing: the format has no code in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from pydantic import TypeAdapter, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from models.errors import TrainingError
from models.training_chart import TrainingChart
from models.training_files import write_whole
from models.training_music import FRAMES, Integers, TrainingPiece

FORMAT: Final = "sideman-training-music-1"
"""The one entry of a shard's header: of several, the library writes the order by chance, and bytes would differ."""
_CHARTS: Final = TypeAdapter(tuple[TrainingChart, ...])
_MIX, _DRUMS = "mix", "drums"


def write_shard(path: Path, pieces: Sequence[TrainingPiece]) -> None:
    """Write a shard over whatever is there. Raises ``TrainingError``; then the file is as it was."""
    charts = _CHARTS.dump_json(tuple(piece.chart for piece in pieces)).decode()
    tensors = {
        _MIX: np.stack([piece.mix for piece in pieces]),
        _DRUMS: np.stack([piece.drums for piece in pieces]),
    }
    write_whole(path, save(tensors, metadata={FORMAT: charts}), "The shard")


def read_charts(path: Path) -> tuple[TrainingChart, ...]:
    """The charts of a shard, without its audio. Raises ``TrainingError`` for a file that is no whole shard."""
    try:
        with safe_open(path, framework="numpy") as shard:
            metadata = shard.metadata() or {}
            if FORMAT not in metadata:
                raise TrainingError(f"{path} is no shard of training music: it does not say {FORMAT}.")
            charts = _CHARTS.validate_json(metadata[FORMAT])
            for name in (_MIX, _DRUMS):
                audio = shard.get_slice(name)
                if audio.get_shape() != [len(charts), FRAMES] or audio.get_dtype() != "I16":
                    raise TrainingError(f"{path} is damaged: its {name} does not fit its charts. Compose it again.")
    except (OSError, SafetensorError, ValidationError) as error:
        raise TrainingError(f"The shard {path} cannot be read ({_reason(error)}): compose it again.") from error
    return charts


def read_shard(path: Path) -> tuple[Integers, Integers, tuple[TrainingChart, ...]]:
    """Mixes [pieces, FRAMES], drum stems, and charts of a shard. Raises ``TrainingError``."""
    charts = read_charts(path)
    try:
        with safe_open(path, framework="numpy") as shard:
            return shard.get_tensor(_MIX), shard.get_tensor(_DRUMS), charts
    except (OSError, SafetensorError) as error:
        raise TrainingError(f"The shard {path} cannot be read ({_reason(error)}): compose it again.") from error


def pieces_of(path: Path) -> list[TrainingPiece]:
    """The pieces of a shard. Raises ``TrainingError``."""
    mixes, drums, charts = read_shard(path)
    return [TrainingPiece(mix=mixes[at], drums=drums[at], chart=chart) for at, chart in enumerate(charts)]


def _reason(error: Exception) -> str:
    told = error.strerror if isinstance(error, OSError) else None
    return (told or str(error) or type(error).__name__).splitlines()[0][:200]
