"""Where music to train on comes from: composed folders, shard by shard, and folders of the user's own sounds."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bridge.training_set import MANIFEST
from bridge.training_sounds import read_sounds, sounds_digest
from models.errors import TrainingError
from models.training_pieces import Music, joined_music, shard_music
from models.training_shards import read_charts

SHARDS: Final = "*.safetensors"
Tell = Callable[[str], None]
Report = Callable[[float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Music that can be read: ``digest`` tells it from every other, whatever the rate."""

    path: Path
    digest: str
    read: Callable[[int, Tell], Music]
    """At a sample rate; what there is to say of it is told. Raises ``TrainingError``."""


def sources_of(folders: Sequence[Path]) -> list[Source]:
    """The music of folders. Raises ``TrainingError`` for one that holds none."""
    return [source for folder in folders for source in _sources(folder)]


def digest_of(sources: Sequence[Source]) -> str:
    """What tells so much music from every other."""
    return hashlib.sha256(" ".join(source.digest for source in sources).encode()).hexdigest()


def read_pieces(
    sources: Sequence[Source], sample_rate_hz: int, *, pieces: int | None, tell: Tell, report: Report
) -> Music:
    """The music of sources, at most so many pieces. Raises ``TrainingError``."""
    parts: list[Music] = []
    for number, source in enumerate(sources, start=1):
        parts.append(source.read(sample_rate_hz, tell))
        report(number / len(sources))
        if pieces is not None and sum(len(part.charts) for part in parts) >= pieces:
            break
    music = joined_music(parts)
    return music if pieces is None else music.first(pieces)


def _sources(folder: Path) -> Iterator[Source]:
    shards = sorted(folder.glob(SHARDS)) if folder.is_dir() else []
    if not shards:
        yield Source(path=folder, digest=sounds_digest(folder), read=_Sounds(folder))
        return
    manifest = _content(folder / MANIFEST)
    for shard in shards:
        charts = "".join(chart.model_dump_json() for chart in read_charts(shard))
        digest = hashlib.sha256(manifest + shard.name.encode() + charts.encode()).hexdigest()
        yield Source(path=shard, digest=digest, read=_Shard(shard))


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes() if path.is_file() else b""
    except OSError as error:
        raise TrainingError(f"{path} cannot be read: {error.strerror or error}.") from error


@dataclass(frozen=True, slots=True)
class _Shard:
    path: Path

    def __call__(self, sample_rate_hz: int, tell: Tell) -> Music:
        return shard_music(self.path).at_rate(sample_rate_hz)


@dataclass(frozen=True, slots=True)
class _Sounds:
    folder: Path

    def __call__(self, sample_rate_hz: int, tell: Tell) -> Music:
        music, notices = read_sounds(self.folder, sample_rate_hz)
        for notice in notices:
            tell(notice)
        return music
