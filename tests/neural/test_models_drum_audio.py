"""Category: unit. Drum tracks from files."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from models.drum_audio import read_drums
from models.errors import ModelError


def written(path: Path, audio: np.ndarray, rate: int) -> Path:
    soundfile.write(path, audio, rate, subtype="FLOAT")
    return path


def test_a_file_becomes_mono_at_the_models_rate(tmp_path: Path) -> None:
    time = np.arange(44100) / 44100
    stereo = np.stack([np.sin(2 * np.pi * 220 * time), np.zeros_like(time)], axis=1)
    drums = read_drums(written(tmp_path / "a.wav", stereo, 44100), 32000)
    assert drums.shape == (32000,)
    assert drums.dtype == np.float32
    spectrum = np.abs(np.fft.rfft(drums))
    assert np.argmax(spectrum) == 220
    assert np.abs(drums[100:-100]).max() == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize(
    ("audio", "words"),
    [
        (np.zeros((0, 1)), "no audio"),
        (np.full((100, 1), np.nan), "not numbers"),
        (np.zeros((8000 * 601, 1)), "lasts 601 s"),
    ],
    ids=["empty", "not numbers", "too long"],
)
def test_what_cannot_be_used_is_refused(tmp_path: Path, audio: np.ndarray, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        read_drums(written(tmp_path / "a.wav", audio, 8000), 32000)


def test_a_file_that_is_no_audio_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"not audio")
    with pytest.raises(ModelError, match="cannot be read"):
        read_drums(tmp_path / "a.wav", 32000)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be read"):
        read_drums(tmp_path / "none.wav", 32000)


def test_without_demucs_a_mix_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load = importlib.import_module

    def without(name: str, *arguments: object) -> object:
        if name.startswith("demucs"):
            raise ImportError(name)
        return load(name)

    monkeypatch.setattr("models.drum_audio.importlib.import_module", without)
    with pytest.raises(ModelError, match=r"sideman\[demucs\]"):
        read_drums(written(tmp_path / "a.wav", np.ones((100, 1)), 32000), 32000, separate=True)


def test_without_the_package_an_encodec_file_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "encodec", None)
    with pytest.raises(ModelError, match=r"sideman\[encodec\]"):
        read_drums(tmp_path / "a.ecdc", 32000, codecs=tmp_path)
    assert "torchaudio" not in sys.modules or sys.modules["torchaudio"].__file__
