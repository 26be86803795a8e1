"""In the engine's process: windows of a take on their way to the daemon, in the clip's sample rate."""

from __future__ import annotations

import logging
from collections.abc import Callable

import numpy as np
import soxr
from pydantic import BaseModel

from bridge.errors import DiskError
from bridge.requests import Run, TakeHeard
from bridge.shared_audio import part_path, write_shared
from models.generator import HeardWindow

log = logging.getLogger(__name__)

CHANNELS = 2


class WindowSender:
    """Hands over the windows of one request. What cannot be handed over is left out: the finished take has it."""

    def __init__(self, run: Run, send: Callable[[BaseModel], None]) -> None:
        self._run, self._send = run, send
        self._takes = {one.seed: take for take, one in enumerate(run.request.controls)}
        self._streams: dict[int, _Stream] = {}

    def hear(self, window: HeardWindow) -> None:
        """Take a window; one that was handed over before, or follows none, is passed over."""
        take = self._takes.get(window.seed)
        if take is None:
            return
        stream = self._streams.setdefault(take, _Stream(window, self._run.request.window.sample_rate_hz))
        samples = stream.next(window)
        if samples is None:
            return
        try:
            write_shared(part_path(self._run.audio[take], stream.parts), samples)
        except DiskError as error:
            log.info("a window of take %s: %s", take, error)
            del self._takes[window.seed]
            return
        self._send(
            TakeHeard(id=self._run.request.id, take=take, part=stream.parts, start=stream.sent, frames=len(samples))
        )
        stream.parts += 1
        stream.sent += len(samples)


class _Stream:
    """One take, resampled without a seam from window to window."""

    def __init__(self, first: HeardWindow, rate: int) -> None:
        self._resampler = soxr.ResampleStream(first.sample_rate_hz, rate, CHANNELS, dtype="float32")
        self._rate, self._heard = first.sample_rate_hz, 0
        self.parts = self.sent = 0

    def next(self, window: HeardWindow) -> np.ndarray[tuple[int, int], np.dtype[np.float32]] | None:
        samples = window.samples
        if round(window.from_s * self._rate) != self._heard or not len(samples) or not np.isfinite(samples).all():
            return None
        self._heard += len(samples)
        stereo = np.ascontiguousarray(np.broadcast_to(samples, (len(samples), CHANNELS)), dtype=np.float32)
        resampled = self._resampler.resample_chunk(stereo)
        return resampled if len(resampled) else None
