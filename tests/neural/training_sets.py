"""Music and models for tests of the trainer, small enough for a step to take milliseconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Generator, Tensor, nn

from models.codec import Codec, CodecConfig
from models.jasco import JascoConfig
from models.magnet import MagnetConfig
from models.training_chart import WINDOW_S, TrainingChart
from models.training_codec import CodecRecipe, CodecTraining, new_codec
from models.training_lessons import CodecLesson
from models.training_pieces import Music
from models.training_run import Run, RunSettings

RATE_HZ = 4000
CODEC = CodecConfig(
    sample_rate_hz=RATE_HZ, dimension=8, filters=2, ratios=(8, 5, 2), lstm_layers=0, codebooks=3, bins=16
)
"""50 frames a second."""
JASCO = JascoConfig(
    dim=16,
    heads=2,
    layers=2,
    hidden_scale=2,
    flow_dim=8,
    chords_dim=40,
    drums_dim=4,
    melody_dim=4,
    melody_rows=53,
    chord_count=194,
    time_dim=8,
    skips=True,
    blur_frames=3,
    latent_mean=0.1,
    latent_std=0.9,
    frame_rate_hz=50.0,
    sample_rate_hz=RATE_HZ,
    segment_s=WINDOW_S,
    dropped_for_text=frozenset({"chords", "self_wav", "melody"}),
)
MAGNET = MagnetConfig(
    dim=16,
    heads=2,
    layers=2,
    hidden_scale=2,
    codebooks=3,
    bins=16,
    reach=5,
    span=3,
    frame_rate_hz=50,
    sample_rate_hz=RATE_HZ,
    segment_s=WINDOW_S,
    sound=False,
)
SETTINGS = RunSettings(steps=6, rate=1e-2, warm_steps=2, save_every=100, log_every=2)


def chart(seed: int = 0) -> TrainingChart:
    return TrainingChart(
        seed=seed,
        split="train",
        words="warm piano",
        caption=f"warm piano. swing drums. bpm: {90 + seed}",
        chords=((0.0, "C"), (2.0, "Am"), (4.0, "N"), (6.0, "Fmaj7" if seed % 2 else "F")),
        drums=((0.0, "kick", 100), (0.5, "snare", 90)),
        melody=((1.0, 2.0, 60), (3.0, 3.5, 67)),
        bars_s=(0.0, 2.0),
        bpm=120.0,
        meter="4/4",
        key="C major",
        progression="a",
        groove="b",
        band="c",
    )


def music(pieces: int = 3, *, rate: int = RATE_HZ) -> Music:
    """Tones with clicks as drums."""
    length = round(WINDOW_S * rate)
    times = np.arange(length) / rate
    tones = np.stack([np.sin(2 * np.pi * 110 * (place + 2) * times) * 8000 for place in range(pieces)])
    drums = np.zeros((pieces, length))
    for place in range(pieces):
        drums[place, :: rate // (place + 2)] = 20000
    return Music(
        mixes=np.round(tones + drums * 0.5).astype(np.int16),
        drums=np.round(drums * 0.5).astype(np.int16),
        charts=tuple(chart(place) for place in range(pieces)),
        names=tuple(f"the piece of seed {place}" for place in range(pieces)),
        stems=(True,) * pieces,
        sample_rate_hz=rate,
    )


def filled_codec(seed: int = 0, config: CodecConfig = CODEC) -> Codec:
    """A codec whose codebooks hold something."""
    codec = new_codec(config, seed)
    chance = Generator().manual_seed(seed)
    for layer in codec.quantizer.layers:
        layer.codebook.embed.copy_(torch.randn(layer.codebook.embed.shape, generator=chance))
    return codec.eval().requires_grad_(False)


def codec_run(folder: Path, recipe: CodecRecipe | None = None, settings: RunSettings = SETTINGS) -> Run:
    recipe = recipe or CodecRecipe(batch=2, crop_frames=52)
    training = CodecTraining(new_codec(CODEC, 0), recipe)
    return Run(CodecLesson(training, music()), settings, folder, recipe="one")


class Line:
    """A line through points: the smallest lesson there is. ``spoilt`` is a step whose loss is no number."""

    def __init__(self, *, spoilt: int | None = None, torn: int | None = None) -> None:
        torch.manual_seed(0)
        self._module = nn.Linear(3, 1)
        self._spoilt, self._torn = spoilt, torn

    @property
    def module(self) -> nn.Module:
        return self._module

    def batch(self, chance: Generator) -> Tensor:
        return torch.randn(8, 3, generator=chance)

    def losses(self, batch: Tensor, chance: Generator, step: int) -> Mapping[str, Tensor]:
        off = (self._module(batch)[:, 0] - batch.sum(dim=1)).square().mean()
        if step == self._torn:
            off = (off - off.detach()).abs().sqrt()  # its gradient is not finite, and it is
        return {"loss": off * float("nan") if step == self._spoilt else off}

    def named(self, batch: Tensor) -> str:
        return "the piece of seed 7"


def with_steps(settings: RunSettings, steps: int) -> RunSettings:
    return replace(settings, steps=steps)
