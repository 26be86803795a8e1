"""What is learnt from, in memory: music in shards, and crops of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Generator, Tensor, nn

from collections.abc import Mapping

from models.errors import TrainingError
from models.training_chart import TrainingChart
from models.training_codec import REST_SHARE, STEM_SHARE, CodecTraining
from models.training_music import FULL_SCALE, Integers
from models.training_shards import read_shard


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Music:
    """Mixes and drum stems [pieces, samples] as 16-bit numbers, each piece with its chart."""

    mixes: Integers
    drums: Integers
    charts: tuple[TrainingChart, ...]


def read_music(
    shards: Sequence[Path], *, pieces: int | None = None, report: Callable[[float], None] = lambda share: None
) -> Music:
    """The music of shards, at most so many pieces. Raises ``TrainingError`` where there is none."""
    mixes, drums, charts = [], [], []
    for number, shard in enumerate(shards, start=1):
        mix, stem, chart = read_shard(shard)
        mixes.append(mix)
        drums.append(stem)
        charts += chart
        report(number / len(shards))
        if pieces is not None and len(charts) >= pieces:
            break
    if not charts:
        raise TrainingError("There is no music to train on: compose some with sideman train compose.")
    return Music(mixes=np.concatenate(mixes)[:pieces], drums=np.concatenate(drums)[:pieces], charts=tuple(charts[:pieces]))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Crops:
    """Audio [B, N] of some pieces, by their places in the music."""

    audio: Tensor
    places: tuple[int, ...]


class CodecLesson:
    """Sound through a codec."""

    def __init__(self, training: CodecTraining, music: Music) -> None:
        self._training, self._music = training, music

    @property
    def module(self) -> nn.Module:
        """The codec, and the statistics of its codebooks."""
        return self._training

    def batch(self, chance: Generator) -> Crops:
        """Crops from anywhere: of the mix, of the drums alone, of all but the drums."""
        recipe, music = self._training.recipe, self._music
        length = recipe.crop_frames * self._training.codec.config.hop
        places = torch.randint(len(music.charts), (recipe.batch,), generator=chance).tolist()
        starts = torch.randint(music.mixes.shape[1] - length + 1, (recipe.batch,), generator=chance).tolist()
        kinds = torch.rand(recipe.batch, generator=chance).tolist()
        crops = np.stack([
            self._crop(place, slice(start, start + length), kind)
            for place, start, kind in zip(places, starts, kinds, strict=True)
        ])
        return Crops(audio=torch.from_numpy(crops), places=tuple(places))

    def _crop(self, place: int, span: slice, kind: float) -> np.ndarray:
        mix, drums = (part[place, span].astype(np.float32) / FULL_SCALE for part in (self._music.mixes, self._music.drums))
        if kind < STEM_SHARE and drums.any():
            return drums
        return mix - drums if kind > 1.0 - REST_SHARE else mix

    def losses(self, batch: Crops, chance: Generator) -> Mapping[str, Tensor]:
        """As of the training."""
        device = next(self._training.parameters()).device
        return self._training.losses(batch.audio.to(device), chance)

    def named(self, batch: Crops) -> str:
        """The seeds of the pieces."""
        seeds = ", ".join(str(self._music.charts[place].seed) for place in batch.places)
        return f"the pieces of seeds {seeds}"
