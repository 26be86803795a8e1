"""Music to train on, in memory: mixes, drum stems and charts of windows of ten seconds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import soxr

from models.errors import TrainingError
from models.training_chart import WINDOW_S, TrainingChart
from models.training_music import FULL_SCALE, SAMPLE_RATE_HZ, Integers
from models.training_shards import read_shard


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Music:
    """Mixes and drum stems [pieces, samples] as 16-bit numbers, each piece with its chart and a name for messages.

    ``stems`` says of each piece whether its drums are known: then a silent stem is a piece without drums.
    """

    mixes: Integers
    drums: Integers
    charts: tuple[TrainingChart, ...]
    names: tuple[str, ...]
    stems: tuple[bool, ...]
    sample_rate_hz: int = SAMPLE_RATE_HZ

    def first(self, pieces: int) -> Music:
        """At most so many pieces."""
        return replace(
            self,
            mixes=self.mixes[:pieces],
            drums=self.drums[:pieces],
            charts=self.charts[:pieces],
            names=self.names[:pieces],
            stems=self.stems[:pieces],
        )

    def at_rate(self, sample_rate_hz: int) -> Music:
        """The same at another sample rate."""
        if sample_rate_hz == self.sample_rate_hz:
            return self
        return replace(
            self,
            mixes=_resampled(self.mixes, self.sample_rate_hz, sample_rate_hz),
            drums=_resampled(self.drums, self.sample_rate_hz, sample_rate_hz),
            sample_rate_hz=sample_rate_hz,
        )


def shard_music(path: Path) -> Music:
    """The music of a composed shard. Raises ``TrainingError``."""
    mixes, drums, charts = read_shard(path)
    names = tuple(f"the piece of seed {chart.seed}" for chart in charts)
    return Music(mixes=mixes, drums=drums, charts=charts, names=names, stems=(True,) * len(charts))


def read_music(
    shards: Sequence[Path], *, pieces: int | None = None, report: Callable[[float], None] = lambda share: None
) -> Music:
    """The music of shards, at most so many pieces. Raises ``TrainingError`` where there is none."""
    parts: list[Music] = []
    for number, shard in enumerate(shards, start=1):
        parts.append(shard_music(shard))
        report(number / len(shards))
        if pieces is not None and sum(len(part.charts) for part in parts) >= pieces:
            break
    music = joined_music(parts)
    return music if pieces is None else music.first(pieces)


def joined_music(parts: Sequence[Music]) -> Music:
    """Music of one sample rate, one part after the other. Raises ``TrainingError`` where there is none."""
    if not any(part.charts for part in parts):
        raise TrainingError("There is no music to train on: compose some with sideman train compose.")
    if len(parts) == 1:
        return parts[0]
    return Music(
        mixes=np.concatenate([part.mixes for part in parts]),
        drums=np.concatenate([part.drums for part in parts]),
        charts=tuple(chart for part in parts for chart in part.charts),
        names=tuple(name for part in parts for name in part.names),
        stems=tuple(stem for part in parts for stem in part.stems),
        sample_rate_hz=parts[0].sample_rate_hz,
    )


def _resampled(audio: Integers, rate: int, wanted: int) -> Integers:
    length = round(WINDOW_S * wanted)
    made = np.zeros((len(audio), length), dtype=np.int16)
    for place, one in enumerate(audio):
        heard = soxr.resample(one.astype(np.float32), rate, wanted, quality=soxr.HQ)[:length]
        made[place, : len(heard)] = np.round(np.clip(heard, -FULL_SCALE, FULL_SCALE))
    return made
