"""Category: unit. The ring between feeder and callback: frames, counts and time stamps."""

from __future__ import annotations

import ctypes
import mmap
import re
import time
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.ring import STAMPS, Ring, Stamp, ring_bytes
from bridge.ring_reader import RingReader, address_of, device_callback, prepare

FRAMES = 64


class Pair:
    """Both ends of a ring, and a model of what should be heard."""

    def __init__(self, channels: int = 2) -> None:
        self.channels = channels
        memory = bytearray(ring_bytes(FRAMES, channels))
        self.ring, self.reader = Ring(memory, FRAMES, channels), RingReader(memory, FRAMES, channels)
        self.due: dict[int, float] = {}

    def write(self, first: int, count: int, value: float) -> None:
        samples = np.arange(count * self.channels, dtype=np.float32).reshape(count, self.channels) + value
        self.ring.write(first, samples)
        self.due |= {first + index: float(samples[index, 0]) for index in range(count)}

    def read(self, count: int, at: float = 0.0, *, late: bool = False) -> npt.NDArray[np.float32]:
        out = bytearray(b"\xff" * (count * self.channels * 4))
        self.reader.read_into(out, count, at, late)
        return np.frombuffer(out, dtype=np.float32).reshape(count, self.channels)


def test_what_is_written_is_read_once() -> None:
    pair = Pair()
    pair.write(0, 10, 1.0)
    first, second = pair.read(4), pair.read(6)
    assert np.concatenate((first, second))[:, 0].tolist() == [1.0 + 2 * index for index in range(10)]
    assert (pair.ring.read, pair.ring.underruns, pair.ring.block) == (10, 0, 6)


def test_nothing_is_counted_before_the_first_frame_is_written() -> None:
    pair = Pair()
    assert not pair.read(16).any()
    assert (pair.ring.read, pair.ring.underruns) == (16, 0)


def test_what_is_missing_is_silent_and_counted_and_time_goes_on() -> None:
    pair = Pair()
    pair.write(0, 10, 1.0)
    heard = pair.read(16, late=True)
    assert heard[:10, 0].all()
    assert not heard[10:].any()
    assert (pair.ring.read, pair.ring.underruns, pair.ring.missed, pair.ring.late) == (16, 1, 6, 1)


def test_a_gap_is_silent_and_holds_nothing_of_an_earlier_round() -> None:
    pair = Pair()
    for first in range(0, 2 * FRAMES, 16):
        pair.write(first, 16, 5.0)
        pair.read(16)
    pair.write(2 * FRAMES + 20, 4, 7.0)
    heard = pair.read(24)
    assert not heard[:20].any()
    assert heard[20:, 0].tolist() == [7.0, 9.0, 11.0, 13.0]


def test_what_was_not_read_yet_can_be_written_again() -> None:
    pair = Pair()
    pair.write(0, 32, 1.0)
    pair.read(8)
    pair.write(16, 16, 100.0)
    heard = pair.read(24)
    assert heard[:8, 0].tolist() == [1.0 + 2 * index for index in range(8, 16)]
    assert heard[8:, 0].tolist() == [100.0 + 2 * index for index in range(16)]
    assert pair.ring.written == 32


def test_more_than_it_holds_is_refused() -> None:
    pair = Pair()
    with pytest.raises(ValueError, match="holds 64 frames"):
        pair.write(0, FRAMES + 1, 1.0)


def test_stamps_come_in_order_and_once() -> None:
    pair = Pair()
    for number in range(5):
        pair.read(8, at=float(number))
    assert pair.ring.new_stamps() == [Stamp(8 * number, float(number)) for number in range(5)]
    assert pair.ring.new_stamps() == []
    for number in range(5, 5 + 2 * STAMPS):
        pair.read(8, at=float(number))
    newest = pair.ring.new_stamps()
    assert len(newest) == STAMPS // 2
    assert newest[-1] == Stamp(8 * (4 + 2 * STAMPS), float(4 + 2 * STAMPS))


def test_two_maps_of_one_file_are_one_ring(tmp_path: object) -> None:
    from pathlib import Path

    path = Path(str(tmp_path)) / "ring"
    path.write_bytes(bytes(ring_bytes(FRAMES, 1)))
    with path.open("r+b") as one, path.open("r+b") as other:
        feeding, playing = mmap.mmap(one.fileno(), 0), mmap.mmap(other.fileno(), 0)
    ring, reader = Ring(feeding, FRAMES, 1), RingReader(playing, FRAMES, 1)
    ring.write(0, np.full((5, 1), 0.25, dtype=np.float32))
    out = bytearray(20)
    reader.read_into(out, 5, 1.0, late=False)
    assert np.frombuffer(out, dtype=np.float32).tolist() == [0.25] * 5
    assert ring.read == 5
    del reader
    playing.close()
    del ring
    feeding.close()


@given(
    channels=st.integers(1, 2),
    steps=st.lists(
        st.tuples(st.booleans(), st.integers(1, 24), st.integers(-12, 6), st.floats(-1e3, 1e3, width=32)), max_size=40
    ),
)
def test_each_frame_is_what_was_last_written_there_or_silence(
    channels: int, steps: list[tuple[bool, int, int, float]]
) -> None:
    """Any order of writing on, writing again, leaving gaps and reading: the model has the answer."""
    pair = Pair(channels)
    for is_write, count, shift, value in steps:
        if is_write:
            first = max(pair.ring.read, pair.ring.written + shift)
            if first + count - pair.ring.read <= FRAMES:
                pair.write(first, count, value)
        else:
            first = pair.ring.read
            heard = pair.read(count)
            due = [pair.due.get(frame, 0.0) for frame in range(first, first + count)]
            assert heard[:, 0].tolist() == due
            assert pair.ring.read == first + count


CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int,
    *(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_ulong, ctypes.c_void_p, ctypes.c_ulong, ctypes.c_void_p),
)


class Device:
    """Calls the compiled callback as PortAudio does."""

    def __init__(self, callback: Any, *, latency_s: float = 0.5) -> None:
        self._memory = bytearray(ring_bytes(FRAMES, 2))
        prepare(self._memory, FRAMES, 2, latency_s=latency_s)
        self.ring = Ring(self._memory, FRAMES, 2)
        self._compiled, self._call = callback, CALLBACK(callback.address)

    def asks(self, count: int, *, now: float = 10.0, sounds: float = 10.02, flags: int = 0) -> list[float]:
        out = (ctypes.c_float * (2 * count + 1))(*[9.0] * (2 * count + 1))
        times = (ctypes.c_double * 3)(0.0, now, sounds)
        assert self._call(None, out, count, times, flags, address_of(self._memory)) == 0
        heard = list(out)
        assert heard.pop() == 9.0, "it wrote beyond what was asked for"
        return heard


@pytest.fixture(scope="module")
def callback() -> Any:
    return device_callback()


def test_the_callback_copies_through_the_end_of_the_ring(callback: Any) -> None:
    device = Device(callback)
    samples = np.arange(4 * FRAMES, dtype=np.float32).reshape(-1, 2) + 1
    device.ring.write(0, samples[:FRAMES])
    first = device.asks(FRAMES - 10)
    device.ring.write(FRAMES, samples[FRAMES : 2 * FRAMES - 10])
    assert first + device.asks(FRAMES) == samples[: 2 * FRAMES - 10].ravel().tolist()
    assert (device.ring.underruns, device.ring.late, device.ring.block) == (0, 0, FRAMES)


def test_the_callback_counts_and_is_silent_where_nothing_is_there(callback: Any) -> None:
    device = Device(callback)
    assert device.asks(4) == [0.0] * 8
    device.ring.write(4, np.ones((2, 2), np.float32))
    assert device.asks(6, flags=4) == [1.0] * 4 + [0.0] * 8
    device.asks(1, flags=1 | 2 | 8 | 16)
    ring = device.ring
    assert (ring.read, ring.underruns, ring.missed, ring.late) == (11, 2, 5, 1)


@pytest.mark.parametrize(
    ("sounds", "ahead"),
    [(10.02, 0.02), (10.0, 0.5), (9.0, 0.5), (12.5, 0.5), (float("nan"), 0.5), (0.0, 0.5)],
)
def test_the_callback_stamps_when_a_block_sounds(callback: Any, sounds: float, ahead: float) -> None:
    """Where the device says something that cannot be, its usual latency counts."""
    device = Device(callback)
    before = time.monotonic()
    device.asks(8, sounds=sounds)
    after = time.monotonic()
    (stamp,) = device.ring.new_stamps()
    assert stamp.frame == 0
    assert before <= stamp.at - ahead + 1e-6
    assert stamp.at - ahead - 1e-6 <= after


def test_the_callback_reads_the_clock_of_newer_pythons() -> None:
    """From 3.13 on the clock has another function."""

    @ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)
    def clock(result: int) -> int:
        ctypes.c_int64.from_address(result).value = 1_234_500_000_000
        return 0

    device = Device(device_callback(SimpleNamespace(PyTime_MonotonicRaw=clock)))
    device.asks(8)
    (stamp,) = device.ring.new_stamps()
    assert stamp.at == pytest.approx(1234.5 + 0.02, abs=1e-9)


def test_the_callback_asks_for_no_memory(callback: Any) -> None:
    assert not re.search(r"call [^\n]*@(NRT_\w*[Aa]lloc\w*|malloc|calloc)\b", callback.inspect_llvm())
