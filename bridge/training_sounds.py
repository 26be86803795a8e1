"""Music to train on from a user's own folder: WAV files, each with its chart and its drums beside it.

``song.wav`` is cut into windows of ten seconds, mono at the codec's rate. ``song.toml`` is its chart
(``bridge.training_sheet``), ``song.drums.wav`` its drums alone; both may be missing. What cannot be used is left out,
and said.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from bridge.training_sheet import Sheet, chart_from, chart_of_nothing, read_sheet
from models.audio_files import as_mono, read_audio
from models.checksums import sha256_of
from models.errors import ModelError, TrainingError
from models.generator import Samples
from models.training_chart import WINDOW_S, TrainingChart
from models.training_music import FULL_SCALE
from models.training_pieces import Music

AUDIO: Final = ".wav"
STEM: Final = ".drums.wav"
CHART: Final = ".toml"
READER: Final = 1
"""Raised when the same folder gives other music."""
SILENCE: Final = 1e-4
"""A peak of -80 dB: there is nothing to learn from."""
ROUNDING_S: Final = 0.005
"""So much too short a window may be: resampling rounds."""
NEAR_S: Final = 0.1
"""A chart or stem that is longer or shorter than its sound by less fits it."""
TAIL_S: Final = 1.0
"""A rest of a sound that is longer than this gets a window of its own, which reaches back."""


@dataclass(slots=True, kw_only=True)
class _Windows:
    """What was gathered so far."""

    mixes: list[Samples] = field(default_factory=list)
    drums: list[Samples] = field(default_factory=list)
    charts: list[TrainingChart] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    stems: list[bool] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)


def sounds_of(folder: Path) -> list[Path]:
    """The sounds of a folder and of those in it, in order. Raises ``TrainingError`` where there are none."""
    if not folder.is_dir():
        raise TrainingError(f"There is no folder {folder} to train on.")
    found = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() == AUDIO and not path.name.lower().endswith(STEM) and path.is_file()
    )
    if not found:
        raise TrainingError(
            f"{folder} holds no music to train on: compose some with sideman train compose, or put WAV files there."
        )
    return found


def sounds_digest(folder: Path) -> str:
    """What tells the folder's music from every other. Raises ``TrainingError``."""
    digest = hashlib.sha256(f"{READER}".encode())
    try:
        for sound in sounds_of(folder):
            for path in (sound, *_beside(sound)):
                digest.update(f"{path.relative_to(folder)} {sha256_of(path)}".encode())
    except OSError as error:
        raise TrainingError(f"The folder {folder} cannot be read: {error.strerror or error}.") from error
    return digest.hexdigest()


def read_sounds(folder: Path, sample_rate_hz: int) -> tuple[Music, tuple[str, ...]]:
    """The music of a folder, and what there is to say of it.

    Raises ``TrainingError`` for a chart that cannot be read, and where nothing is left.
    """
    gathered = _Windows()
    for sound in sounds_of(folder):
        try:
            _gather(sound, sample_rate_hz, gathered)
        except ModelError as error:
            gathered.notices.append(f"{error} It is left out.")
    if not gathered.charts:
        told = "\n".join(f"  {notice}" for notice in gathered.notices)
        raise TrainingError(f"{folder} holds no music that can be trained on:\n{told}")
    music = Music(
        mixes=np.stack([_integers(one) for one in gathered.mixes]),
        drums=np.stack([_integers(one) for one in gathered.drums]),
        charts=tuple(gathered.charts),
        names=tuple(gathered.names),
        stems=tuple(gathered.stems),
        sample_rate_hz=sample_rate_hz,
    )
    return music, tuple(gathered.notices)


def windows_of(begin_s: float, end_s: float) -> Iterator[float]:
    """Where windows of a stretch begin: side by side, and one at the end where more than ``TAIL_S`` is left over."""
    count = int((end_s - begin_s + ROUNDING_S) // WINDOW_S)
    yield from (begin_s + place * WINDOW_S for place in range(count))
    if count and end_s - begin_s - count * WINDOW_S > TAIL_S:
        yield end_s - WINDOW_S


def _beside(sound: Path) -> list[Path]:
    """The chart and the drums of a sound, where they are there."""
    return [path for path in (_named(sound, CHART), _named(sound, STEM)) if path.is_file()]


def _named(sound: Path, suffix: str) -> Path:
    return sound.with_name(f"{sound.stem}{suffix}")


def _gather(sound: Path, rate: int, gathered: _Windows) -> None:
    """Add the windows of a sound. Raises ``ModelError`` for audio that cannot be read."""
    mix = as_mono(*read_audio(sound, what="The sound"), rate)
    if np.abs(mix).max(initial=0.0) < SILENCE:
        gathered.notices.append(f"{sound} is silent. It is left out.")
        return
    sheet = read_sheet(_named(sound, CHART)) if _named(sound, CHART).is_file() else None
    begin_s, end_s = _stretch(sound, sheet, len(mix) / rate, gathered.notices)
    starts = list(windows_of(begin_s, end_s))
    if not starts:
        gathered.notices.append(
            f"{sound} has {max(0.0, end_s - begin_s):.1f} s that can be used, and a window is {WINDOW_S:g} s. It is "
            "left out."
        )
        return
    drums = _drums(sound, rate, len(mix), gathered.notices)
    silent = 0
    for start_s in starts:
        span = slice(round(start_s * rate), round(start_s * rate) + round(WINDOW_S * rate))
        if np.abs(mix[span]).max(initial=0.0) < SILENCE:
            silent += 1
            continue
        gathered.mixes.append(_filled(mix[span], rate))
        gathered.drums.append(_filled(np.zeros(0, dtype=np.float32) if drums is None else drums[span], rate))
        gathered.stems.append(drums is not None)
        gathered.names.append(f"{sound.name} from {start_s:g} s")
        place = len(gathered.charts)
        gathered.charts.append(chart_of_nothing(place) if sheet is None else chart_from(sheet, start_s, place))
    if silent:
        gathered.notices.append(f"{sound}: {silent} of its {len(starts)} windows are silent. They are left out.")


def _stretch(sound: Path, sheet: Sheet | None, length_s: float, notices: list[str]) -> tuple[float, float]:
    """From where to where a sound can be used: where it has a chart, or all of it where it has none."""
    if sheet is None:
        notices.append(f"{sound} has no chart beside it ({sound.stem}{CHART}): it is heard without one.")
        return 0.0, length_s
    ends_s = sheet.ends_s
    if ends_s is None or abs(ends_s - length_s) <= NEAR_S:
        return sheet.starts_s, length_s
    if ends_s < length_s:
        notices.append(
            f"{sound} lasts {length_s:.1f} s, and its chart ends at {ends_s:.1f} s: what follows is left out. Write "
            "more chords, or repeats = true."
        )
        return sheet.starts_s, ends_s
    notices.append(f"{sound} lasts {length_s:.1f} s, and its chart {ends_s:.1f} s: the chart's end is not used.")
    return sheet.starts_s, length_s


def _drums(sound: Path, rate: int, length: int, notices: list[str]) -> Samples | None:
    """The drums of a sound, as long as it; None where there are none beside it. Raises ``ModelError``."""
    path = _named(sound, STEM)
    if not path.is_file():
        return None
    drums = as_mono(*read_audio(path, what="The drums"), rate)
    if abs(len(drums) - length) > NEAR_S * rate:
        notices.append(
            f"{path} lasts {len(drums) / rate:.1f} s, and its sound {length / rate:.1f} s: no drums are heard where it "
            "is not."
        )
    fitted: Samples = np.zeros(length, dtype=np.float32)
    fitted[: len(drums)] = drums[:length]
    return fitted


def _filled(samples: Samples, rate: int) -> Samples:
    """A window, exactly as long as one."""
    window: Samples = np.zeros(round(WINDOW_S * rate), dtype=np.float32)
    window[: len(samples)] = samples
    return window


def _integers(samples: Samples) -> np.ndarray[tuple[int, ...], np.dtype[np.int16]]:
    return np.round(np.clip(samples, -1.0, 1.0) * FULL_SCALE).astype(np.int16)
