"""Loop WAV files: bytes as specified, read back by us, by libsndfile and by sox."""

from __future__ import annotations

import io
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from bridge.errors import ClipError
from bridge.wav import AcidFlags, LoopTags, dequantise, pcm24, quantise, read_info, wav_bytes, wav_chunks
from midi.time import Bpm, Meter
from models.generator import Samples

RATE = 48000


def tags_for(samples: Samples, root_note: int | None = 60, meter: tuple[int, int] = (4, 4)) -> LoopTags:
    return LoopTags(
        bpm=Bpm(120.0),
        beats=16,
        meter=Meter(numerator=meter[0], denominator=meter[1]),
        root_note=root_note,
        frames=len(samples),
        sample_rate_hz=RATE,
    )


def noise(frames: int, seed: int = 1) -> Samples:
    return np.random.default_rng(seed).uniform(-1, 1, (frames, 2)).astype(np.float32)


def test_the_bytes_of_a_two_frame_loop() -> None:
    samples = np.array([[0.5, -0.5], [-1.0, 1.0]], dtype=np.float32)
    tags = LoopTags(
        bpm=Bpm(92.5),
        beats=7,
        meter=Meter(numerator=7, denominator=8),
        root_note=62,
        frames=2,
        sample_rate_hz=48000,
    )
    expected = """
        52494646 94000000 57415645
        666d7420 10000000 0100 0200 80bb0000 00650400 0600 1800
        61636964 18000000 06000000 3e00 0080 00000000 07000000 0800 0700 0000b942
        736d706c 3c000000 00000000 00000000 61510000 3e000000 00000000 00000000 00000000 01000000 00000000
                          00000000 00000000 00000000 01000000 00000000 00000000
        64617461 0c000000 000040 0000c0 000080 ffff7f
    """
    assert wav_bytes(samples, sample_rate_hz=48000, tags=tags).hex() == "".join(expected.split())


@given(hnp.arrays(np.float32, st.tuples(st.integers(1, 40), st.integers(1, 2)), elements=st.floats(-2, 2, width=32)))
def test_soundfile_reads_the_samples_to_24_bits(samples: Samples) -> None:
    content = wav_bytes(samples, sample_rate_hz=RATE, tags=tags_for(samples))
    read, rate = soundfile.read(io.BytesIO(content), dtype="int32", always_2d=True)
    wanted = np.clip(np.rint(samples.astype(np.float64) * 2**23), -(2**23), 2**23 - 1).astype(np.int64)
    assert rate == RATE
    np.testing.assert_array_equal(read.astype(np.int64) // 256, wanted)


@given(
    samples=hnp.arrays(
        np.float32, st.tuples(st.integers(1, 9), st.integers(1, 2)), elements=st.floats(-1, 1, width=32)
    ),
    root=st.none() | st.integers(0, 127),
    bpm=st.floats(5, 999, width=32),
    beats=st.integers(0, 4000),
    numerator=st.integers(1, 64),
    denominator=st.sampled_from([1, 2, 4, 8, 16]),
)
def test_tags_come_back(
    *, samples: Samples, root: int | None, bpm: float, beats: int, numerator: int, denominator: int
) -> None:
    tags = LoopTags(
        bpm=Bpm(bpm),
        beats=beats,
        meter=Meter(numerator=numerator, denominator=denominator),
        root_note=root,
        frames=len(samples),
        sample_rate_hz=RATE,
    )
    info = read_info(wav_bytes(samples, sample_rate_hz=RATE, tags=tags))
    assert (info.sample_rate_hz, info.channels, info.bits, info.frames) == (RATE, samples.shape[1], 24, len(samples))
    assert info.loops == ((0, len(samples) - 1),)
    assert info.unity_note == (60 if root is None else root)
    assert info.acid is not None
    assert (info.acid.tempo, info.acid.beats, info.acid.meter) == (bpm, beats, (numerator, denominator))
    assert AcidFlags.ONE_SHOT not in info.acid.flags
    assert AcidFlags.STRETCH in info.acid.flags
    assert (AcidFlags.ROOT_NOTE in info.acid.flags) == (root is not None)


@given(hnp.arrays(np.int32, st.tuples(st.integers(1, 50), st.just(2)), elements=st.integers(-(2**23), 2**23 - 1)))
def test_the_24_bit_grid_survives_a_round_trip(integers: np.ndarray) -> None:
    np.testing.assert_array_equal(quantise(dequantise(integers)), integers)


@given(st.integers(0, 7), st.integers(1, 2))
def test_chunks_are_even_and_sizes_add_up(frames: int, channels: int) -> None:
    samples = np.zeros((frames, channels), dtype=np.float32)
    content = wav_bytes(samples, sample_rate_hz=RATE, tags=tags_for(samples) if frames else None)
    assert struct.unpack("<I", content[4:8])[0] == len(content) - 8
    place, names = 12, []
    while place < len(content):
        name, size = struct.unpack_from("<4sI", content, place)
        names.append(name)
        place += 8 + size + size % 2
    assert place == len(content)
    assert names == ([b"fmt ", b"acid", b"smpl", b"data"] if frames else [b"fmt ", b"data"])


def test_long_audio_comes_in_blocks() -> None:
    samples = noise(150_000)
    pieces = list(wav_chunks(samples, sample_rate_hz=RATE, tags=None))
    assert len(pieces) == 4
    assert b"".join(pieces[1:]) == pcm24(samples)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_a_number_is_never_written(bad: float) -> None:
    samples = noise(10)
    samples[7, 1] = bad
    with pytest.raises(ClipError, match="not numbers"):
        wav_bytes(samples, sample_rate_hz=RATE, tags=None)


def test_tags_of_other_audio_are_refused() -> None:
    with pytest.raises(ClipError, match="should have 11 frames at 48000 Hz, and its audio has 10"):
        wav_bytes(noise(10), sample_rate_hz=RATE, tags=tags_for(noise(11)))


@given(st.binary(max_size=300))
@example(b"RIFF\x00\x00\x00\x00WAVE")
@example(b"RIFF\xff\xff\xff\xffWAVEdata\xff\xff\xff\xff")
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    try:
        info = read_info(content)
    except ClipError:
        return
    assert info.frames <= len(content)


@given(st.data())
def test_a_damaged_file_is_read_or_refused(data: st.DataObject) -> None:
    samples = noise(20)
    content = bytearray(wav_bytes(samples, sample_rate_hz=RATE, tags=tags_for(samples)))
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=6)):
        content[place] = data.draw(st.integers(0, 255))
    cut = bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        info = read_info(cut)
    except ClipError:
        return
    assert info.frames <= len(cut)
    assert len(info.loops) <= len(cut)


def test_a_file_cut_short_tells_the_frames_it_still_has(tmp_path: Path) -> None:
    path = tmp_path / "cut.wav"
    path.write_bytes(wav_bytes(noise(100), sample_rate_hz=RATE, tags=None)[:-60])
    assert read_info(path).frames == 90


def test_files_of_other_programs_are_read(tmp_path: Path) -> None:
    path = tmp_path / "other.wav"
    soundfile.write(path, noise(321)[:, 0], 44100, subtype="PCM_16")
    info = read_info(path)
    assert (info.sample_rate_hz, info.channels, info.bits, info.frames) == (44100, 1, 16, 321)
    assert (info.acid, info.loops, info.unity_note) == (None, (), None)


@pytest.fixture
def loop_file(tmp_path: Path) -> Path:
    path = tmp_path / "loop.wav"
    samples = noise(48000)
    tags = LoopTags(
        bpm=Bpm(105.0),
        beats=4,
        meter=Meter(numerator=7, denominator=8),
        root_note=63,
        frames=48000,
        sample_rate_hz=RATE,
    )
    path.write_bytes(wav_bytes(samples, sample_rate_hz=RATE, tags=tags))
    return path


@pytest.mark.peer
def test_sndfile_info_reads_tempo_meter_beats_and_loop(loop_file: Path) -> None:
    said = subprocess.run(["sndfile-info", loop_file], check=True, capture_output=True, text=True).stdout
    lines = [" ".join(line.split()) for line in said.splitlines()]
    assert "Tempo : 105.000000" in lines
    assert "Meter : 7/8" in lines
    assert "Beats : 4" in lines
    assert "Loop Count : 1" in lines
    assert any("Start : 0 End : 47999" in line for line in lines)
    assert "Frames : 48000" in lines


@pytest.mark.peer
def test_soxi_reads_the_length_and_the_format(loop_file: Path) -> None:
    def ask(option: str) -> str:
        return subprocess.run(["soxi", option, loop_file], check=True, capture_output=True, text=True).stdout.strip()

    assert [ask(option) for option in ("-s", "-r", "-c", "-b")] == ["48000", "48000", "2", "24"]
