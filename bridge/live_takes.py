"""Takes that can be heard while they are made: their parts as they come, and the rest from the finished clip.

A listener gets the clip from its start. What it gets before the take is finished is as the engine made it; what comes
after that is mastered. Everything happens on one event loop; the finished file is read on worker threads.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bridge.requests import GenerationRequest
from bridge.wav import BYTES_PER_SAMPLE, pcm24, wav_head
from models.generator import Samples

CHANNELS: Final = 2
BLOCK_FRAMES: Final = 1 << 15
MAX_REQUESTS: Final = 64
"""Requests that can be listened to, the latest."""

Late = Callable[[str, int, float], None]
"""Told that a listener of a request's take has come to a second of the clip that is not made yet."""


class LiveBroken(OSError):
    """The take that is listened to will never be finished."""


@dataclass(slots=True, kw_only=True, eq=False)
class LiveTake:
    """A take as far as it is made."""

    frames: int
    sample_rate_hz: int
    parts: list[Samples] = field(default_factory=list)
    have: int = 0
    path: Path | None = None
    ended: bool = False
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def size(self) -> int:
        """Bytes of the stream, headers included."""
        return len(self.head()) + self.frames * CHANNELS * BYTES_PER_SAMPLE

    def head(self) -> bytes:
        """The stream's first bytes: those of a WAV file of the whole clip."""
        return wav_head(self.frames, CHANNELS, sample_rate_hz=self.sample_rate_hz, tags=None)

    def tell(self) -> None:
        """Wake all that wait for more."""
        self.changed.set()
        self.changed = asyncio.Event()

    def block(self, start: int) -> Samples | None:
        """Frames from ``start`` on, of what is there before the take is finished."""
        at = 0
        for part in self.parts:
            if start < at + len(part):
                return part[start - at : start - at + BLOCK_FRAMES]
            at += len(part)
        return None


class LiveTakes:
    """The takes of the latest requests."""

    def __init__(self, *, late: Late, clock: Callable[[], float] = time.monotonic) -> None:
        """``late`` is told where the play head of a listener overtakes the engine; ``clock`` is monotonic."""
        self._late, self._clock = late, clock
        self._requests: OrderedDict[str, list[LiveTake]] = OrderedDict()

    def begin(self, request: GenerationRequest) -> None:
        """A request was accepted."""
        window = request.window
        self._requests.pop(request.id, None)
        self._requests[request.id] = [
            LiveTake(frames=window.frames, sample_rate_hz=window.sample_rate_hz) for _ in request.controls
        ]
        while len(self._requests) > MAX_REQUESTS:
            _, takes = self._requests.popitem(last=False)
            for take in takes:
                take.ended = True
                take.tell()

    def get(self, request_id: str, take: int) -> LiveTake | None:
        """A take; None where nobody knows of it."""
        takes = self._requests.get(request_id, [])
        return takes[take] if 0 <= take < len(takes) else None

    def add(self, request_id: str, take: int, start: int, samples: Samples) -> None:
        """A part of a take that is being made; one that does not follow the last is passed over."""
        live = self.get(request_id, take)
        if live and live.have == start and not live.path:
            part = samples[: live.frames - start]
            live.parts.append(part)
            live.have += len(part)
            live.tell()

    def finish(self, request_id: str, take: int, path: Path) -> None:
        """A take lies on disk: what is not heard yet comes from there."""
        if live := self.get(request_id, take):
            live.path = path
            live.parts.clear()
            live.tell()

    def end(self, request_id: str) -> None:
        """A request has ended; takes that are not finished never will be."""
        for live in self._requests.get(request_id, []):
            live.ended = True
            live.parts.clear()
            live.tell()

    async def stream(self, request_id: str, take: int) -> AsyncIterator[bytes]:
        """A take as a WAV file, as it is made. Raises ``LiveBroken`` where it comes to no end."""
        live = self.get(request_id, take)
        if live is None:
            return
        yield live.head()
        sent, began_at = 0, None
        while sent < live.frames:
            block = await asyncio.to_thread(_read, live.path, sent) if live.path else live.block(sent)
            if block is not None and len(block):
                began_at = self._clock() if began_at is None else began_at
                sent += len(block)
                yield pcm24(block)
            elif live.ended or live.path:
                raise LiveBroken("the take was not finished")
            else:
                await self._wait(request_id, take, live, sent / live.sample_rate_hz, began_at)

    async def _wait(self, request_id: str, take: int, live: LiveTake, sent_s: float, began_at: float | None) -> None:
        """Wait for more; where the play head arrives before it, say so once."""
        changed = live.changed
        if began_at is not None:
            try:
                await asyncio.wait_for(changed.wait(), max(0.0, sent_s - (self._clock() - began_at)))
            except TimeoutError:
                self._late(request_id, take, sent_s)
        await changed.wait()


def _read(path: Path, start: int) -> Samples:
    """Frames of a finished clip; they are exactly those of the file."""
    import soundfile  # noqa: PLC0415  loaded with the first listener

    try:
        with soundfile.SoundFile(path) as file:
            file.seek(start)
            samples: Samples = file.read(BLOCK_FRAMES, dtype="float32", always_2d=True)
            return samples
    except RuntimeError as error:
        raise LiveBroken(str(error)) from None
