"""``sideman evaluate``: how near the clips of a folder come to their charts, from the audio and the receipts alone."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import soundfile

from bridge.asked import asked_of
from bridge.clips import AUDIO_SUFFIX, RECEIPT_SUFFIX
from bridge.errors import ClipError, RequestError, SidemanError
from bridge.notices import Chart
from bridge.receipt_schema import Receipt, receipt_from_json
from bridge.score_record import Score
from midi.chords import ChordSpan
from models.checksums import sha256_of
from models.generator import Samples

MEASURES: Final = ("chords", "drums", "melody", "tempo", "total")
"""The measures that a table shows, by their names in ``Score``."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evaluated:
    """One clip: its file, its receipt, and its score."""

    path: Path
    receipt: Receipt
    score: Score


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """The clips of a folder that could be measured, and a line for each that could not."""

    clips: tuple[Evaluated, ...]
    failures: tuple[str, ...]

    def mean(self, measure: str) -> float | None:
        """The mean of a measure over the clips that it was asked of; None where it was asked of none."""
        values = [value for clip in self.clips if (value := getattr(clip.score, measure)) is not None]
        return statistics.fmean(values) if values else None

    @property
    def mean_loudness_lufs(self) -> float | None:
        """The mean loudness of the clips that are not silent."""
        levels = [level for clip in self.clips if np.isfinite(level := clip.receipt.loudness_lufs)]
        return statistics.fmean(levels) if levels else None


def evaluate(folder: Path, report: Callable[[float], None] = lambda share: None) -> Evaluation:
    """Measure every clip of a folder. Raises ``RequestError`` where there is none, or none that can be measured."""
    if not folder.is_dir():
        raise RequestError(f"There is no folder {folder}.")
    receipts = sorted(folder.glob(f"[!.]*{RECEIPT_SUFFIX}"))
    if not receipts:
        raise RequestError(f"{folder} holds no receipts: name a folder of clips with their {RECEIPT_SUFFIX} files.")
    clips, failures = [], []
    for count, path in enumerate(receipts, start=1):
        try:
            clips.append(evaluated(path))
        except SidemanError as error:
            failures.append(f"{path.name}: {error}")
        report(count / len(receipts))
    if not clips:
        raise RequestError("\n".join([f"No clip of {folder} can be measured.", *failures]))
    return Evaluation(clips=tuple(clips), failures=tuple(failures))


def evaluated(receipt_path: Path) -> Evaluated:
    """Measure the clip of a receipt. Raises ``ClipError`` for a receipt or audio that cannot be used."""
    from bridge.adherence import score_of  # noqa: PLC0415  librosa is loaded when something is measured

    try:
        receipt = receipt_from_json(receipt_path.read_bytes())
    except OSError as error:
        raise ClipError(f"the receipt cannot be read: {error.strerror}.") from error
    path = receipt_path.with_suffix(AUDIO_SUFFIX)
    samples = _audio_of(path, receipt)
    end = receipt.tempo_map.advance_bars(receipt.start, receipt.bars)
    asked = asked_of(_chart_of(receipt), receipt.start, end, receipt.tempo_map)
    return Evaluated(path=path, receipt=receipt, score=score_of(samples, receipt.sample_rate_hz, asked))


def _audio_of(path: Path, receipt: Receipt) -> Samples:
    """The audio [frames, channels] of a clip that is the one its receipt speaks of."""
    if not path.is_file():
        raise ClipError(f"its audio {path.name} is not there.")
    try:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (OSError, soundfile.SoundFileError) as error:
        raise ClipError(f"its audio {path.name} cannot be read: {error}") from error
    if (rate, len(samples)) != (receipt.sample_rate_hz, receipt.frames):
        raise ClipError(
            f"its audio {path.name} has {len(samples)} frames at {rate} Hz, and the receipt says {receipt.frames} at "
            f"{receipt.sample_rate_hz}: the file was changed, or belongs to another receipt."
        )
    if receipt.sha256 and sha256_of(path) != receipt.sha256:
        raise ClipError(f"its audio {path.name} is not what the receipt speaks of: the file was changed.")
    audio: Samples = samples
    return audio


def _chart_of(receipt: Receipt) -> Chart:
    """The chart that the clip was asked for."""
    end = receipt.tempo_map.advance_bars(receipt.start, receipt.bars)
    chords = receipt.chart_chords
    starts = [*(start for start, _ in chords), end]
    spans = tuple(
        ChordSpan(start=start, end=following, chord=chord)
        for (_, chord), (start, following) in zip(chords, itertools.pairwise(starts), strict=True)
    )
    return Chart(chords=spans, drums=receipt.drums, melody=receipt.melody)


def table_rows(evaluation: Evaluation) -> Iterator[Sequence[str]]:
    """A row for each clip, and one with the means; a part that was not asked for is empty."""
    for clip in evaluation.clips:
        values = (getattr(clip.score, measure) for measure in MEASURES)
        yield clip.path.name, *map(_number, values), _number(clip.receipt.loudness_lufs, digits=1)
    means = (evaluation.mean(measure) for measure in MEASURES)
    count = len(evaluation.clips)
    yield f"mean of {count}", *map(_number, means), _number(evaluation.mean_loudness_lufs, digits=1)


def _number(value: float | None, *, digits: int = 3) -> str:
    return "" if value is None or not np.isfinite(value) else f"{value:.{digits}f}"
