"""Category: property. The waveform that a panel draws has every sample between its peaks."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import ClipError
from bridge.peaks import KeptPeaks, PeakFinder, edges, peaks_of


@given(st.integers(1, 100_000), st.integers(1, 9000))
def test_stretches_are_equal_and_none_is_empty(frames: int, width: int) -> None:
    width = min(width, frames)
    cut = edges(frames, width)
    lengths = np.diff(cut)
    assert (cut[0], cut[-1], len(lengths)) == (0, frames, width)
    assert lengths.min() >= 1
    assert lengths.max() - lengths.min() <= 1


@given(
    st.integers(1, 400),
    st.integers(1, 60),
    st.integers(1, 3),
    st.integers(0, 2**32 - 1),
    st.lists(st.integers(1, 400), max_size=6),
)
def test_peaks_are_the_lowest_and_highest_of_each_stretch_however_the_audio_comes(
    frames: int, width: int, channels: int, seed: int, cuts: list[int]
) -> None:
    samples = np.random.default_rng(seed).uniform(-1, 1, (frames, channels)).astype(np.float32)
    finder = PeakFinder(frames, channels, width)
    places = sorted({0, *(cut for cut in cuts if cut < frames), frames})
    for start, end in itertools.pairwise(places):
        finder.add(samples[start:end])
    cut = edges(frames, min(width, frames))
    for index, (start, end) in enumerate(itertools.pairwise(cut)):
        np.testing.assert_array_equal(finder.low[:, index], samples[start:end].min(axis=0))
        np.testing.assert_array_equal(finder.high[:, index], samples[start:end].max(axis=0))


def test_a_file_is_read_in_blocks(tmp_path: Path) -> None:
    path = tmp_path / "clip.wav"
    samples = np.zeros((300_001, 2), dtype=np.float32)
    samples[299_999, 0], samples[3, 1] = 0.5, -0.25
    soundfile.write(path, samples, 48000, subtype="PCM_24")
    view = peaks_of(path, 7).view
    assert (view["width"], view["frames"], view["sample_rate_hz"]) == (7, 300_001, 48000)
    assert view["channels"][0]["max"] == [0, 0, 0, 0, 0, 0, 0.5]
    assert view["channels"][1]["min"] == [-0.25, 0, 0, 0, 0, 0, 0]


def test_a_file_that_changed_is_read_anew_and_the_oldest_are_forgotten(tmp_path: Path) -> None:
    path, kept = tmp_path / "clip.wav", KeptPeaks(limit=1)
    soundfile.write(path, np.full((10, 1), 0.5), 8000)
    first = kept.of(path, 2)
    assert kept.of(path, 2) is first
    soundfile.write(path, np.full((11, 1), 0.25), 8000)
    assert kept.of(path, 2).view["channels"][0]["max"] == [0.25, 0.25]
    kept.of(path, 3)
    assert kept.of(path, 2) is not first


@pytest.mark.parametrize("content", [b"", b"RIFF", b"not audio at all" * 10])
def test_what_is_no_audio_is_said(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "clip.wav"
    path.write_bytes(content)
    with pytest.raises(ClipError, match=r"clip\.wav"):
        peaks_of(path, 10)


def test_a_file_that_is_gone_is_said(tmp_path: Path) -> None:
    with pytest.raises(ClipError, match="cannot be read"):
        KeptPeaks().of(tmp_path / "gone.wav", 10)


def test_an_empty_file_is_said(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "clip.wav", np.zeros((0, 1)), 8000)
    with pytest.raises(ClipError, match="no audio"):
        peaks_of(tmp_path / "clip.wav", 10)
