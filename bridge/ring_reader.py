"""The callback's end of the ring, in machine code: what a device asks for is copied without the interpreter.

The functions are Python that Numba compiles when the output's process starts; users need no compiler. On the device's
thread nothing of Python runs then: no interpreter lock, no memory that is asked for, no garbage collection.
"""
# ruff: noqa: ANN401 - Numba and ctypes have no types to give

from __future__ import annotations

import ctypes
import importlib
import sys
from mmap import mmap
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from bridge.ring import (
    BLOCK,
    BYTES_PER_SAMPLE,
    CHANNELS,
    CLOCK,
    FIRST_STAMP,
    FRAMES,
    HEADER_BYTES,
    HEADER_WORDS,
    LATE,
    LATENCY,
    MISSED,
    READ,
    SLOWEST,
    STAMPED,
    STAMPS,
    UNDERRUNS,
    WRITTEN,
    Memory,
    ring_bytes,
)

LONGEST_LATENCY_S: Final = 2.0
"""A device that says it is further away than this is not believed."""
OUTPUT_UNDERFLOW: Final = 4
"""PortAudio's flag: the device ran dry before this block."""
_HEADER_FLOATS: Final = HEADER_BYTES // BYTES_PER_SAMPLE
_SILENCE: Final = np.float32(0.0)

_numba: Any = importlib.import_module("numba")  # whose types differ from one version to the next
carray, types = _numba.carray, _numba.types
Words = npt.NDArray[np.int64]
Seconds = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float32]


def _fence_of(_typing: Any) -> Any:
    """What was stored before is seen before what is stored after."""

    def code(context: Any, builder: Any, _signature: Any, _arguments: Any) -> Any:
        builder.fence("seq_cst")
        return context.get_dummy_value()

    return types.void(), code


_fence: Any = importlib.import_module("numba.extending").intrinsic(_fence_of)


def _read_block(  # noqa: PLR0917 - machine code takes no keywords
    words: Words, seconds: Seconds, audio: Floats, out: Floats, frames: int, at: float, late: int
) -> None:
    """Fill ``out`` with the next frames, and with silence where they are missing.

    ``at`` is the monotonic time at which the device sounds the first one; ``late`` is 1 where it ran dry before.
    """
    channels, held = words[CHANNELS], words[FRAMES] * words[CHANNELS]
    first, written = words[READ], words[WRITTEN]
    there = min(max(written - first, 0), frames)
    _fence()
    place = (first * channels) % held
    for index in range(there * channels):
        out[index] = audio[place]
        place += 1
        if place == held:
            place = 0
    for index in range(there * channels, frames * channels):
        out[index] = _SILENCE
    if there < frames and written:
        words[UNDERRUNS] += 1
        words[MISSED] += frames - there
    words[LATE] += late
    words[BLOCK] = max(words[BLOCK], frames)
    slot = FIRST_STAMP + 2 * (words[STAMPED] % STAMPS)
    words[slot] = first
    seconds[slot + 1] = at
    _fence()
    words[READ] = first + frames
    words[STAMPED] += 1


_OPTIONS: Final[dict[str, Any]] = {"error_model": "numpy", "boundscheck": False}
_read: Any = _numba.njit(nogil=True, **_OPTIONS)(_read_block)


class RingReader:
    """The reading end, where there is no device that calls. What it fills ``out`` with is what a device is given."""

    def __init__(self, memory: Memory, frames: int, channels: int) -> None:
        """``memory`` has ``ring_bytes(frames, channels)`` bytes and was zero when the ring was made."""
        prepare(memory, frames, channels, latency_s=0.0)
        whole = np.frombuffer(memory, dtype=np.uint8)
        self._words: Words = whole[:HEADER_BYTES].view(np.int64)
        self._seconds: Seconds = whole[:HEADER_BYTES].view(np.float64)
        self._audio: Floats = whole[HEADER_BYTES : ring_bytes(frames, channels)].view(np.float32)

    def read_into(self, out: bytearray, frames: int, at: float, late: bool) -> None:
        """Fill ``out`` with the next frames, and with silence where they are missing.

        ``at`` is the monotonic time at which the device sounds the first one; ``late`` says that the device ran dry
        before this block.
        """
        floats = np.frombuffer(out, dtype=np.float32)
        _read(self._words, self._seconds, self._audio, floats, frames, at, int(late))


def prepare(memory: Memory, frames: int, channels: int, *, latency_s: float) -> None:
    """Say in the ring's memory what the callback needs, and have all of it there before the first block.

    ``latency_s`` is how long after it is asked for a block sounds, where the device does not say.
    """
    whole = np.frombuffer(memory, dtype=np.uint8)
    words = whole[:HEADER_BYTES].view(np.int64)
    words[FRAMES], words[CHANNELS] = frames, channels
    words.view(np.float64)[LATENCY] = latency_s
    whole[HEADER_BYTES : ring_bytes(frames, channels)] = 0  # each page is there now


def hold_in_memory() -> None:
    """Have the system keep what this process uses in memory, where it knows that and allows it."""
    if sys.platform == "linux":
        current, on_fault = 1, 4
        ctypes.CDLL(None).mlockall(current | on_fault)


def address_of(memory: bytearray | mmap) -> int:
    """Where the memory lies, for a callback's ``userdata``; it has to stay there for as long as it is called."""
    return int(np.frombuffer(memory, dtype=np.uint8).ctypes.data)


def _monotonic_ns(python: Any) -> Any:
    """``time.monotonic`` in nanoseconds, of C and without the interpreter's lock; it is given the ring's words."""
    if hasattr(python, "PyTime_MonotonicRaw"):  # from Python 3.13 on
        raw = python.PyTime_MonotonicRaw
        raw.argtypes, raw.restype = [ctypes.c_void_p], ctypes.c_int

        def now(words: Any) -> int:
            raw(words[CLOCK:].ctypes)
            return int(words[CLOCK])

    else:
        clock = python._PyTime_GetMonotonicClock
        clock.argtypes, clock.restype = [], ctypes.c_int64

        def now(words: Any) -> int:
            return int(clock())

    return _numba.njit(nogil=True, **_OPTIONS)(now)


def device_callback(python: Any = ctypes.pythonapi) -> Any:
    """What PortAudio calls for each block, compiled; its ``address`` is that of a ``PaStreamCallback``.

    It is given the address of a ring's memory as ``userdata``. ``python`` is the interpreter's own library.
    """
    monotonic_ns = _monotonic_ns(python)
    long = types.uint32 if ctypes.sizeof(ctypes.c_ulong) == 4 else types.uint64
    signature = types.intc(types.voidptr, types.voidptr, long, types.voidptr, long, types.voidptr)

    def block(_input: Any, output: Any, count: Any, times: Any, status: Any, ring: Any) -> int:
        words = carray(ring, (HEADER_WORDS,), np.int64)
        began = monotonic_ns(words)
        seconds = carray(ring, (HEADER_WORDS,), np.float64)
        frames, channels = np.int64(count), words[CHANNELS]
        held = words[FRAMES] * channels
        audio = carray(ring, (_HEADER_FLOATS + held,), np.float32)[_HEADER_FLOATS:]
        out = carray(output, (frames * channels,), np.float32)
        said = carray(times, (3,), np.float64)  # of the input, the present, of the output
        ahead_s = said[2] - said[1]
        if not 0.0 < ahead_s < LONGEST_LATENCY_S:
            ahead_s = seconds[LATENCY]
        late = 1 if np.int64(status) & OUTPUT_UNDERFLOW else 0
        _read(words, seconds, audio, out, frames, began * 1e-9 + ahead_s, late)
        words[SLOWEST] = max(words[SLOWEST], monotonic_ns(words) - began)
        return 0

    return _numba.cfunc(signature, nopython=True, **_OPTIONS)(block)
