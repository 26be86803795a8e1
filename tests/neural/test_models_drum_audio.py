"""Category: unit. Drum tracks from files."""

from __future__ import annotations

import importlib
import sys
import types
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import soundfile
import torch

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


class StubOfDemucs:
    """A separator whose stems are the mix times 1, 2, 3 and 4; the third is the drums."""

    sources = ("vocals", "bass", "drums", "other")
    samplerate = 44100

    def __init__(self) -> None:
        self.heard: torch.Tensor | None = None

    def apply_model(self, model: object, mix: torch.Tensor, **options: object) -> torch.Tensor:
        assert model is self
        assert options == {"shifts": 0}, "a random shift would make two renderings differ"
        self.heard = mix
        return torch.stack([mix * factor for factor in (1.0, 2.0, 3.0, 4.0)], dim=1)


REASONS = [
    (URLError("Name or service not known"), r"\(<urlopen error Name or service not known>\): .* the network"),
    (RuntimeError("invalid hash value\nfrom here\nand there"), r"\(invalid hash value\): .* the network"),
    (EOFError(), r"\(EOFError\): .* the network"),
]


@pytest.fixture
def demucs(monkeypatch: pytest.MonkeyPatch) -> StubOfDemucs:
    stub = StubOfDemucs()
    apply, pretrained = types.ModuleType("demucs.apply"), types.ModuleType("demucs.pretrained")
    apply.apply_model = stub.apply_model  # type: ignore[attr-defined]
    pretrained.get_model = lambda name: stub  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "demucs", types.ModuleType("demucs"))
    monkeypatch.setitem(sys.modules, "demucs.apply", apply)
    monkeypatch.setitem(sys.modules, "demucs.pretrained", pretrained)
    return stub


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_the_drum_stem_of_a_mix_comes_back_at_its_level(demucs: StubOfDemucs, tmp_path: Path, channels: int) -> None:
    """The mix is heard normalised, in stereo, at the separator's rate; the stem is scaled back."""
    time = np.arange(22050) / 22050
    mix = np.stack([0.1 * np.sin(2 * np.pi * (220 + 100 * c) * time) for c in range(channels)], axis=1)
    drums = read_drums(written(tmp_path / "a.wav", mix, 22050), 32000, separate=True)
    assert demucs.heard is not None
    assert demucs.heard.shape == (1, 2, 44100)
    assert float(demucs.heard.mean()) == pytest.approx(0.0, abs=1e-4)
    assert float(demucs.heard.std()) == pytest.approx(1.0, abs=1e-3)
    wanted = read_drums(written(tmp_path / "b.wav", 3.0 * mix[:, :2], 22050), 32000)
    np.testing.assert_allclose(drums[200:-200], wanted[200:-200], atol=5e-3)


@pytest.mark.parametrize(("reason", "words"), REASONS, ids=["no network", "many lines", "no words"])
def test_a_separator_that_cannot_be_loaded_says_so(
    demucs: StubOfDemucs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reason: Exception, words: str
) -> None:
    def unreachable(name: str) -> None:
        raise reason

    monkeypatch.setattr(sys.modules["demucs.pretrained"], "get_model", unreachable)
    with pytest.raises(ModelError, match=f"^Demucs cannot load its model htdemucs {words}"):
        read_drums(written(tmp_path / "a.wav", np.ones((100, 1)), 32000), 32000, separate=True)


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
