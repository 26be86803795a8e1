"""The waveform of a clip as few numbers: the lowest and highest sample of each of equal stretches."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from bridge.errors import ClipError
from models.generator import Samples

MAX_WIDTH: Final = 8192
DEFAULT_WIDTH: Final = 1000
BLOCK_FRAMES: Final = 1 << 17
MAX_KEPT: Final = 64
"""Waveforms that are kept, the latest."""
DECIMALS: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Peaks:
    """``low`` and ``high`` are [channels, width], of samples from -1 to 1."""

    sample_rate_hz: int
    frames: int
    low: npt.NDArray[np.float32]
    high: npt.NDArray[np.float32]

    @property
    def view(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "sample_rate_hz": self.sample_rate_hz,
            "frames": self.frames,
            "width": self.low.shape[1],
            "channels": [
                {"min": _rounded(low), "max": _rounded(high)} for low, high in zip(self.low, self.high, strict=True)
            ],
        }


def edges(frames: int, width: int) -> npt.NDArray[np.int64]:
    """Where each of ``width`` stretches of ``frames`` begins, and the end; none is empty where width is no more."""
    return np.arange(width + 1, dtype=np.int64) * frames // width


class PeakFinder:
    """Lowest and highest samples of audio that comes in blocks."""

    def __init__(self, frames: int, channels: int, width: int) -> None:
        """``width`` is cut down to ``frames``, which are one at least."""
        self._edges = edges(frames, min(width, frames))
        shape = (channels, len(self._edges) - 1)
        self.low = np.full(shape, np.inf, dtype=np.float32)
        self.high = np.full(shape, -np.inf, dtype=np.float32)
        self._at = 0

    def add(self, block: Samples) -> None:
        """The next frames [frames, channels]."""
        first = int(np.searchsorted(self._edges, self._at, side="right")) - 1
        last = int(np.searchsorted(self._edges, self._at + len(block) - 1, side="right")) - 1
        starts = np.maximum(self._edges[first : last + 1] - self._at, 0)
        span = slice(first, last + 1)
        np.minimum(self.low[:, span], np.minimum.reduceat(block, starts).T, out=self.low[:, span])
        np.maximum(self.high[:, span], np.maximum.reduceat(block, starts).T, out=self.high[:, span])
        self._at += len(block)


def peaks_of(path: Path, width: int) -> Peaks:
    """The waveform of an audio file. Raises ``ClipError`` for one that cannot be read, or holds nothing."""
    import soundfile  # noqa: PLC0415  loaded with the first waveform

    try:
        with soundfile.SoundFile(path) as file:
            if not file.frames:
                raise ClipError(f"{path.name} holds no audio.")
            finder = PeakFinder(file.frames, file.channels, width)
            for block in file.blocks(BLOCK_FRAMES, dtype="float32", always_2d=True):
                finder.add(block)
            return Peaks(sample_rate_hz=file.samplerate, frames=file.frames, low=finder.low, high=finder.high)
    except (OSError, RuntimeError) as error:
        raise ClipError(f"{path.name} cannot be read: {error}") from None


class KeptPeaks:
    """The waveforms that were asked for last. Several threads may use it."""

    def __init__(self, limit: int = MAX_KEPT) -> None:
        self._limit = limit
        self._kept: OrderedDict[tuple[Path, int, int, int], Peaks] = OrderedDict()
        self._lock = Lock()

    def of(self, path: Path, width: int) -> Peaks:
        """As ``peaks_of``; a file that has changed is read anew."""
        try:
            state = path.stat()
        except OSError as error:
            raise ClipError(f"{path.name} cannot be read: {error.strerror}.") from None
        key = (path, state.st_mtime_ns, state.st_size, width)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        found = peaks_of(path, width)
        with self._lock:
            self._kept[key] = found
            while len(self._kept) > self._limit:
                self._kept.popitem(last=False)
        return found


def _rounded(values: npt.NDArray[np.float32]) -> list[float]:
    return [round(value, DECIMALS) for value in values.tolist()]
