"""Training music as the models hear it: latents of the mix, and the controls of each frame. Encoded once.

Encoded music is kept in files beside the run, one for each source of music and codec, so that another run finds it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from models.codec import Codec
from models.errors import TrainingError
from models.generator import TimedPitch
from models.jasco import NULL_CHORD, JascoConfig, chord_frames
from models.jasco_engine import melody_roll
from models.training_chart import TrainingChart
from models.training_files import write_whole
from models.training_music import FULL_SCALE
from models.training_pieces import Music

NO_MELODY: Final = -1
DRUM_PEAK: Final = 0.9
"""Drum stems peak here, as the drums of a chart do when they are played for a model."""
FORMAT: Final = "sideman-latents-1"
_AT_ONCE: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Encoded:
    """Music through a codec.

    ``mix`` [pieces, T, C] in float16, ``drums`` the first codebook's codes of the drum stem [pieces, T], ``silence``
    those of no sound at all [T]. Charts, names and stems are those of the music.
    """

    mix: Tensor
    drums: Tensor
    silence: Tensor
    charts: tuple[TrainingChart, ...]
    names: tuple[str, ...]
    stems: tuple[bool, ...]

    @property
    def mean(self) -> float:
        """Of all latents."""
        return float(self.mix.float().mean())

    @property
    def std(self) -> float:
        """Of all latents, as one number: the flow keeps what channels are to each other."""
        return float(self.mix.float().std())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Latents:
    """Encoded music with its controls, frame by frame: the index of a chord, the row of a melody or ``NO_MELODY``."""

    encoded: Encoded
    chords: Tensor
    melody: Tensor


class _Header(BaseModel):
    """What stands in a file of encoded music beside the numbers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    charts: tuple[TrainingChart, ...]
    names: tuple[str, ...]
    stems: tuple[bool, ...]


def drums_as_heard(drums: Tensor) -> Tensor:
    """Drum stems [..., samples] at the level that a model is played them at; silence stays silent."""
    return drums * (DRUM_PEAK / drums.abs().amax(dim=-1, keepdim=True).clamp_min(1.0 / FULL_SCALE))


@torch.inference_mode()
def encode_music(music: Music, codec: Codec, report: Callable[[float], None] = lambda share: None) -> Encoded:
    """Music through a codec, on the device where that is."""
    mixes, stems = [], []
    device = next(codec.parameters()).device
    for start in range(0, len(music.charts), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        mix, drums = (
            torch.from_numpy(one[part]).to(device).float()[:, None] / FULL_SCALE for one in (music.mixes, music.drums)
        )
        mixes.append(codec.encode(mix).transpose(1, 2).half().cpu())
        stems.append(codec.quantise(codec.encode(drums_as_heard(drums)), codebooks=1)[:, 0].short().cpu())
        report(min(1.0, (start + _AT_ONCE) / len(music.charts)))
    nothing = torch.zeros(1, 1, music.mixes.shape[1], device=device)
    return Encoded(
        mix=torch.cat(mixes),
        drums=torch.cat(stems),
        silence=codec.quantise(codec.encode(nothing), codebooks=1)[0, 0].short().cpu(),
        charts=music.charts,
        names=music.names,
        stems=music.stems,
    )


def joined(parts: Sequence[Encoded]) -> Encoded:
    """Music of one codec, one part after the other. Raises ``TrainingError`` where there is none."""
    if not parts:
        raise TrainingError("There is no music to train on: compose some with sideman train compose.")
    return Encoded(
        mix=torch.cat([part.mix for part in parts]),
        drums=torch.cat([part.drums for part in parts]),
        silence=parts[0].silence,
        charts=tuple(chart for part in parts for chart in part.charts),
        names=tuple(name for part in parts for name in part.names),
        stems=tuple(stem for part in parts for stem in part.stems),
    )


def first(encoded: Encoded, pieces: int) -> Encoded:
    """At most so many pieces."""
    return Encoded(
        mix=encoded.mix[:pieces],
        drums=encoded.drums[:pieces],
        silence=encoded.silence,
        charts=encoded.charts[:pieces],
        names=encoded.names[:pieces],
        stems=encoded.stems[:pieces],
    )


def with_controls(encoded: Encoded, config: JascoConfig) -> Latents:
    """Encoded music with the controls of its charts; ``config`` says rates and rows."""
    return Latents(
        encoded=encoded,
        chords=torch.stack([_chords(chart, config) for chart in encoded.charts]),
        melody=torch.stack([_melody(chart, config) for chart in encoded.charts]),
    )


def write_encoded(path: Path, encoded: Encoded, key: str) -> None:
    """Keep encoded music in a file; ``key`` is what it hangs on. Raises ``TrainingError``."""
    header = _Header(key=key, charts=encoded.charts, names=encoded.names, stems=encoded.stems)
    tensors = {"mix": encoded.mix, "drums": encoded.drums, "silence": encoded.silence}
    write_whole(path, save(tensors, metadata={FORMAT: header.model_dump_json()}), "The encoded music")


def read_encoded(path: Path, key: str) -> Encoded | None:
    """What ``write_encoded`` kept; None where there is nothing, something else, or a damaged file."""
    try:
        with safe_open(path, framework="pt") as file:
            header = _Header.model_validate_json((file.metadata() or {})[FORMAT])
            mix, drums, silence = (file.get_tensor(name) for name in ("mix", "drums", "silence"))
    except (OSError, SafetensorError, KeyError, ValidationError):
        return None
    if header.key != key or not len(mix) == len(drums) == len(header.charts):
        return None
    return Encoded(mix=mix, drums=drums, silence=silence, charts=header.charts, names=header.names, stems=header.stems)


def _chords(chart: TrainingChart, config: JascoConfig) -> Tensor:
    changes = [(label, start) for start, label in chart.chords]
    indices = chord_frames(changes, frame_rate_hz=config.frame_rate_hz, duration_s=config.segment_s)
    return torch.full((config.segment_frames,), NULL_CHORD).short() if indices is None else indices.short()


def melody_of(chart: TrainingChart, config: JascoConfig) -> Tensor:
    """The piano roll of a chart's melody."""
    notes = [TimedPitch(start_s=start, end_s=end, pitch=pitch) for start, end, pitch in chart.melody]
    return melody_roll(notes, config)


def _melody(chart: TrainingChart, config: JascoConfig) -> Tensor:
    roll = melody_of(chart, config)
    sounding = roll.any(dim=0)
    return torch.where(sounding, roll.argmax(dim=0), NO_MELODY).short()
