"""Training music as JASCO hears it: latents of the mix, and the controls of each frame. Encoded once, before training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from models.codec import Codec
from models.generator import TimedPitch
from models.jasco import JascoConfig, chord_frames
from models.jasco_engine import melody_roll
from models.training_chart import TrainingChart
from models.training_lessons import Music
from models.training_music import FULL_SCALE

NO_MELODY: Final = -1
DRUM_PEAK: Final = 0.9
"""Drum stems peak here, as the drums of a chart do when they are played for a model."""
_AT_ONCE: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Latents:
    """Pieces as a flow model is taught them, frame by frame.

    ``mix`` [pieces, T, C] in float16, ``drums`` the first codebook's codes of the drum stem [pieces, T], ``chords`` their
    indices, ``melody`` the row that sounds or ``NO_MELODY``. ``silence`` are the codes of no sound at all.
    """

    mix: Tensor
    drums: Tensor
    silence: Tensor
    chords: Tensor
    melody: Tensor
    charts: tuple[TrainingChart, ...]

    @property
    def mean(self) -> float:
        """Of all latents."""
        return float(self.mix.float().mean())

    @property
    def std(self) -> float:
        """Of all latents, as one number: the flow keeps what channels are to each other."""
        return float(self.mix.float().std())


@torch.inference_mode()
def latents_of(
    music: Music, codec: Codec, config: JascoConfig, report: Callable[[float], None] = lambda share: None
) -> Latents:
    """Encode music; ``config`` says rates and rows."""
    mixes, stems = [], []
    for start in range(0, len(music.charts), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        mix, drums = (torch.from_numpy(one[part]).float()[:, None] / FULL_SCALE for one in (music.mixes, music.drums))
        drums = drums * (DRUM_PEAK / drums.abs().amax(dim=2, keepdim=True).clamp_min(1 / FULL_SCALE))
        mixes.append(codec.encode(mix).transpose(1, 2).half())
        stems.append(codec.quantise(codec.encode(drums), codebooks=1)[:, 0].short())
        report(min(1.0, (start + _AT_ONCE) / len(music.charts)))
    silence = codec.quantise(codec.encode(torch.zeros(1, 1, music.mixes.shape[1])), codebooks=1)[0, 0].short()
    return Latents(
        mix=torch.cat(mixes),
        drums=torch.cat(stems),
        silence=silence,
        chords=torch.stack([_chords(chart, config) for chart in music.charts]),
        melody=torch.stack([_melody(chart, config) for chart in music.charts]),
        charts=music.charts,
    )


def _chords(chart: TrainingChart, config: JascoConfig) -> Tensor:
    changes = [(label, start) for start, label in chart.chords]
    indices = chord_frames(changes, frame_rate_hz=config.frame_rate_hz, duration_s=config.segment_s)
    return torch.zeros(config.segment_frames, dtype=torch.short) if indices is None else indices.short()


def _melody(chart: TrainingChart, config: JascoConfig) -> Tensor:
    roll = melody_roll([TimedPitch(start_s=start, end_s=end, pitch=pitch) for start, end, pitch in chart.melody], config)
    sounding = roll.any(dim=0)
    return torch.where(sounding, roll.argmax(dim=0), NO_MELODY).short()
