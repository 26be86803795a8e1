"""``sideman train compose``: a folder of composed music, in shards, that a later run goes on with.

``training.json`` says what the folder is made from. The pieces are those of the first seeds that belong to its split,
so a folder for training and one for testing have none in common.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

from bridge.training_pool import Composers, composers
from midi.compose_split import Split, seeds_of
from models.checksums import sha256_of
from models.errors import TrainingError
from models.soundfont import SoundfontRenderer
from models.soundfont_file import find_soundfont
from models.training_music import TrainingPiece
from models.training_shards import pieces_of, read_charts, write_shard

MANIFEST: Final = "training.json"
SHARD_PIECES: Final = 64
"""A shard of so many pieces is 82 MB."""
COMPOSER: Final = 1
"""Raised when the same seed makes other music."""
MAX_PIECES: Final = 1_000_000
MAX_JOBS: Final = 256
MAX_SEED: Final = 2**62

Report = Callable[[float], None]


class Manifest(BaseModel):
    """What a folder of composed music is made from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    composer: int = COMPOSER
    split: Split
    seed: int
    shard_pieces: int
    soundfont: str
    soundfont_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Composed:
    """What a run did: pieces that the folder has, those of them that were made now, and the soundfont that played."""

    pieces: int
    made: int
    soundfont: Path


def compose_folder(
    folder: Path,
    *,
    pieces: int,
    seed: int,
    split: Split = "train",
    soundfont: Path | None = None,
    jobs: int = 1,
    report: Report = lambda share: None,
) -> Composed:
    """Compose music into a folder, or go on with what is there; shards that are whole are left as they are.

    More pieces than before may be asked for, with everything else as before. Raises ``TrainingError`` and
    ``GeneratorError``; what was complete stays.
    """
    _require_within("pieces", pieces, 1, MAX_PIECES)
    _require_within("jobs", jobs, 1, MAX_JOBS)
    _require_within("seed", seed, 0, MAX_SEED)
    path = SoundfontRenderer(soundfont).path if soundfont else find_soundfont()
    wanted = Manifest(
        split=split,
        seed=seed,
        shard_pieces=SHARD_PIECES,
        soundfont=path.name,
        soundfont_sha256=sha256_of(path),
    )
    _begin(folder, wanted)
    made = 0
    with composers(path, jobs) as pool:
        done = 0
        for shard, seeds in _shards(folder, wanted, pieces):
            kept = _seeds_in(shard)
            if kept[: len(seeds)] != seeds:
                before = pieces_of(shard) if kept == seeds[: len(kept)] and kept else []
                missing = seeds[len(before) :]
                write_shard(shard, before + list(_counted(pool, missing, done + len(before), pieces, report)))
                made += len(missing)
            done += len(seeds)
            report(done / pieces)
    return Composed(pieces=pieces, made=made, soundfont=path)


def _counted(pool: Composers, seeds: tuple[int, ...], done: int, total: int, report: Report) -> Iterator[TrainingPiece]:
    for count, piece in enumerate(pool.pieces(seeds), start=1):
        yield piece
        report((done + count) / total)


def _shards(folder: Path, manifest: Manifest, pieces: int) -> Iterator[tuple[Path, tuple[int, ...]]]:
    """Each shard's file and seeds."""
    seeds = seeds_of(manifest.split, manifest.seed)
    for number, first in enumerate(range(0, pieces, manifest.shard_pieces)):
        count = min(manifest.shard_pieces, pieces - first)
        yield folder / f"{manifest.split}-{number:05d}.safetensors", tuple(itertools.islice(seeds, count))


def _seeds_in(shard: Path) -> tuple[int, ...]:
    """The seeds of a shard that is there and whole."""
    if not shard.is_file():
        return ()
    try:
        return tuple(chart.seed for chart in read_charts(shard))
    except TrainingError:
        return ()


def _begin(folder: Path, wanted: Manifest) -> None:
    """Make the folder, or see that it is made from the same."""
    path = folder / MANIFEST
    part = folder / f".{MANIFEST}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if path.exists():
            there = Manifest.model_validate_json(path.read_bytes())
            _require_same(folder, there, wanted)
            return
        if any(folder.glob("*.safetensors")):
            raise TrainingError(f"{folder} holds .safetensors files of something else: name an empty folder.")
        try:
            part.write_text(wanted.model_dump_json(indent=2) + "\n", encoding="utf-8")
            part.replace(path)
        finally:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
    except ValidationError as error:
        raise TrainingError(
            f"{path} cannot be read: it is not what this version writes. Name another folder."
        ) from error
    except OSError as error:
        raise TrainingError(f"The folder {folder} cannot be used: {error.strerror or error}.") from error


def _require_same(folder: Path, there: Manifest, wanted: Manifest) -> None:
    other = {
        name: (before, now)
        for name, before in there.model_dump().items()
        if (now := getattr(wanted, name)) != before and name != "soundfont"
    }
    if other:
        told = ", ".join(f"{name} {before} and not {now}" for name, (before, now) in other.items())
        raise TrainingError(
            f"{folder} was made otherwise ({told}): ask for the same, or name another folder. Nothing was changed."
        )


def _require_within(name: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise TrainingError(f"{value} {name} cannot be: it goes from {least} to {most}.")
