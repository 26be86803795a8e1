"""Category: unit. The ring between feeder and callback: frames, counts and time stamps."""

from __future__ import annotations

import mmap

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.ring import STAMPS, Ring, RingReader, Stamp, ring_bytes

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
        self.reader.read_into(memoryview(out), count, at, late)
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
    reader.read_into(memoryview(out), 5, 1.0, late=False)
    assert np.frombuffer(out, dtype=np.float32).tolist() == [0.25] * 5
    assert ring.read == 5
    reader.release()
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
