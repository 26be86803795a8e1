"""What a codec is taught with: crops of music."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Generator, Tensor, nn

from models.errors import TrainingError
from models.generator import Samples
from models.training_codec import REST_SHARE, STEM_SHARE, CodecTraining
from models.training_music import FULL_SCALE, Integers
from models.training_pieces import Music


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Crops:
    """Audio [B, N] of some pieces, by their places in the music."""

    audio: Tensor
    places: tuple[int, ...]


class CodecLesson:
    """Sound through a codec."""

    def __init__(self, training: CodecTraining, music: Music) -> None:
        """Raises ``TrainingError`` for crops that are longer than the music's windows, or of another rate."""
        self._training, self._music = training, music
        codec = training.codec.config
        self._length = training.recipe.crop_frames * codec.hop
        if music.sample_rate_hz != codec.sample_rate_hz:
            raise TrainingError(f"The codec hears {codec.sample_rate_hz} Hz, and the music has {music.sample_rate_hz}.")
        if self._length > music.mixes.shape[1]:
            raise TrainingError(
                f"Crops of {training.recipe.crop_frames} frames are {self._length / codec.sample_rate_hz:g} s, and a "
                "window of music is shorter: set recipe.crop_frames lower."
            )

    @property
    def module(self) -> nn.Module:
        """The codec, and the statistics of its codebooks."""
        return self._training

    def batch(self, chance: Generator) -> Crops:
        """Crops from anywhere: of the mix, of the drums alone, of all but the drums."""
        recipe, music, length = self._training.recipe, self._music, self._length
        places = torch.randint(len(music.charts), (recipe.batch,), generator=chance).tolist()
        starts = torch.randint(music.mixes.shape[1] - length + 1, (recipe.batch,), generator=chance).tolist()
        kinds = torch.rand(recipe.batch, generator=chance).tolist()
        crops = np.stack(
            [
                self._crop(place, slice(start, start + length), kind)
                for place, start, kind in zip(places, starts, kinds, strict=True)
            ]
        )
        return Crops(audio=torch.from_numpy(crops), places=tuple(places))

    def _crop(self, place: int, span: slice, kind: float) -> Samples:
        mix, drums = (_as_samples(part[place, span]) for part in (self._music.mixes, self._music.drums))
        if kind < STEM_SHARE and drums.any():
            return drums
        rest: Samples = mix - drums
        return rest if kind > 1.0 - REST_SHARE else mix

    def losses(self, batch: Crops, chance: Generator, step: int) -> Mapping[str, Tensor]:
        """As of the training."""
        device = next(self._training.parameters()).device
        return self._training.losses(batch.audio.to(device), chance, step)

    def named(self, batch: Crops) -> str:
        """The names of the pieces."""
        return names_of(self._music.names, batch.places)


def _as_samples(integers: Integers) -> Samples:
    return integers.astype(np.float32) / np.float32(FULL_SCALE)


def names_of(names: Sequence[str], places: Sequence[int]) -> str:
    """The names at some places, each once, for a message."""
    return ", ".join(dict.fromkeys(names[place] for place in places))
