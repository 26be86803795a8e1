"""Audio on its way from the feeder to the device's callback: a ring in memory that two processes share.

Threading contract. There is one writer, the feeder in the daemon, and one reader, the audio callback in the process of
the output (``bridge.ring_reader``). Neither ever waits for the other: there is no lock. Each counter has one side that
writes it, in one aligned store of eight bytes. The reader copies frames, advances ``read`` by as many as the device
asked for whether they were there or not, counts what was missing, and leaves the time stamp that came with the block;
it does nothing else. So frame ``n`` of the ring is always frame ``n`` of the device, whatever went wrong.

The writer may write again what was not read yet, at a distance of at least a block from ``read``: what it relies on is
older than a block, so the order in which two stores become visible does not matter. A reader that comes nearer hears
old frames beside new ones; it never meets a broken structure.
"""

from __future__ import annotations

from mmap import mmap
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from models.generator import Samples

Memory = bytearray | mmap
BYTES_PER_SAMPLE: Final = 4
STAMPS: Final = 64
"""Blocks whose time stamps are kept."""
_WORD: Final = 8
READ, WRITTEN, UNDERRUNS, MISSED, LATE, BLOCK, STAMPED, SLOWEST, FRAMES, CHANNELS, LATENCY, CLOCK = range(12)
"""Words of the header. From ``FRAMES`` on they are set before the first block; ``LATENCY`` is in seconds, a float, and
``CLOCK`` is the reader's, to read the time into."""
FIRST_STAMP: Final = 12
HEADER_WORDS: Final = FIRST_STAMP + 2 * STAMPS
HEADER_BYTES: Final = HEADER_WORDS * _WORD


class Stamp(NamedTuple):
    """The first frame of a block, and the monotonic time at which the device sounds it."""

    frame: int
    at: float


def ring_bytes(frames: int, channels: int) -> int:
    """The size of the memory that a ring needs."""
    return HEADER_BYTES + frames * channels * BYTES_PER_SAMPLE


class Ring:
    """The feeder's end."""

    def __init__(self, memory: Memory, frames: int, channels: int) -> None:
        """``memory`` has ``ring_bytes(frames, channels)`` bytes and was zero when the ring was made."""
        whole = np.frombuffer(memory, dtype=np.uint8)
        self._counters: npt.NDArray[np.int64] = whole[:HEADER_BYTES].view(np.int64)
        self._times: npt.NDArray[np.float64] = whole[:HEADER_BYTES].view(np.float64)
        audio = whole[HEADER_BYTES : ring_bytes(frames, channels)].view(np.float32)
        self._audio: Samples = audio.reshape(frames, channels)
        self.frames = frames
        self._stamps_seen = 0

    @property
    def read(self) -> int:
        """Frames that the device has taken."""
        return int(self._counters[READ])

    @property
    def written(self) -> int:
        """Frames that were written: the first that was not."""
        return int(self._counters[WRITTEN])

    @property
    def underruns(self) -> int:
        """Blocks for which not every frame was there."""
        return int(self._counters[UNDERRUNS])

    @property
    def missed(self) -> int:
        """Frames that were not there."""
        return int(self._counters[MISSED])

    @property
    def late(self) -> int:
        """Blocks before which the device itself ran dry."""
        return int(self._counters[LATE])

    @property
    def block(self) -> int:
        """Most frames that the device has asked for at once."""
        return int(self._counters[BLOCK])

    @property
    def slowest_ns(self) -> int:
        """How long the callback has taken at most."""
        return int(self._counters[SLOWEST])

    def write(self, first: int, samples: Samples) -> None:
        """Put samples at the frames from ``first`` on. Where that leaves a gap, the gap is silent.

        Raises ``ValueError`` for more than the ring holds beyond what was read.
        """
        end = first + len(samples)
        if end - self.read > self.frames:
            raise ValueError(f"the ring holds {self.frames} frames, and {end - self.read} would wait in it")
        gap = np.arange(max(self.written, self.read, first - self.frames), first)
        self._audio[gap % self.frames] = 0.0
        start = first % self.frames
        upper = min(len(samples), self.frames - start)
        self._audio[start : start + upper] = samples[:upper]
        self._audio[: len(samples) - upper] = samples[upper:]
        self._counters[WRITTEN] = max(end, self.written)

    def new_stamps(self) -> list[Stamp]:
        """The time stamps that came since the last call, oldest first; of too many, the newest."""
        count = int(self._counters[STAMPED])
        first = max(self._stamps_seen, count - STAMPS // 2)
        self._stamps_seen = count
        slots = [FIRST_STAMP + 2 * (number % STAMPS) for number in range(first, count)]
        return [Stamp(int(self._counters[slot]), float(self._times[slot + 1])) for slot in slots]
