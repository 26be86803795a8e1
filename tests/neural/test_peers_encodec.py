"""Category: peer. The package ``encodec``: a second opinion on the codec, and what reads and writes ``.ecdc``."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import parity_set as sets
import pytest
import soundfile
import torch
from torch import Tensor
from typer.testing import CliRunner

from bridge.cli import app
from models import ecdc
from models.catalogue import ECDC_CODECS
from models.drum_audio import read_drums
from models.ecdc import convert_file, pull_codec, read_ecdc, write_ecdc
from models.errors import ModelError

pytestmark = pytest.mark.peer
NAMES = list(ECDC_CODECS)


@pytest.fixture(scope="session")
def package() -> Any:
    return ecdc._package()


@pytest.fixture(scope="session")
def weights(package: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with random weights of both codecs, under the published names."""
    folder = tmp_path_factory.mktemp("codecs")
    torch.manual_seed(1)
    for name, codec in ECDC_CODECS.items():
        model = getattr(package.model.EncodecModel, f"encodec_model_{name[-5:]}")(pretrained=False)
        for layer in model.quantizer.vq.layers:
            layer._codebook.embed.normal_()
            layer._codebook.inited.fill_(1)
        torch.save(model.state_dict(), folder / codec.weights)
    return folder


def tone(seconds: float, rate: int, channels: int) -> np.ndarray:
    time = np.arange(int(seconds * rate)) / rate
    return np.stack([0.3 * np.sin(2 * np.pi * (220 + 110 * c) * time) for c in range(channels)], axis=1).astype("f4")


def packed(folder: Path, weights: Path, name: str, seconds: float = 1.3) -> Path:
    codec, path = ECDC_CODECS[name], folder / f"{name}.ecdc"
    sound = tone(seconds, codec.sample_rate_hz, codec.channels)
    write_ecdc(path, sound, codec.sample_rate_hz, weights, codec=codec, bitrate_kbps=6.0)
    return path


# A second opinion on the codec


def packages_own(package: Any, ours: Any) -> Any:
    """The package's model of the shape of ours."""
    from encodec import modules, quantization

    shape = {
        "channels": ours.channels, "dimension": ours.dimension, "n_filters": ours.filters,
        "n_residual_layers": ours.residual_layers, "ratios": list(ours.ratios), "norm": "weight_norm",
        "kernel_size": ours.kernel_size, "last_kernel_size": ours.last_kernel_size,
        "residual_kernel_size": ours.residual_kernel_size, "dilation_base": ours.dilation_base,
        "causal": False, "pad_mode": ours.pad_mode, "true_skip": True, "compress": ours.compress,
        "lstm": ours.lstm_layers,
    }  # fmt: skip
    return package.model.EncodecModel(
        modules.SEANetEncoder(**shape),
        modules.SEANetDecoder(**shape),
        quantization.ResidualVectorQuantizer(dimension=ours.dimension, n_q=ours.codebooks, bins=ours.bins),
        target_bandwidths=[1.0],
        sample_rate=ours.sample_rate_hz,
        channels=ours.channels,
    ).eval()


def close(ours: Tensor, theirs: Tensor) -> bool:
    return bool((ours - theirs).abs().max() <= 1e-4 * max(1.0, float(theirs.abs().max())))


@torch.inference_mode()
def test_the_package_agrees_about_latents_codes_and_audio(package: Any, parity: Path, codec_variant: str) -> None:
    ours = sets.codec(parity, codec_variant, "state_dict.safetensors")
    theirs = packages_own(package, ours.config)
    theirs.load_state_dict(sets.tensors(parity / "encodec_tiny" / codec_variant / "state_dict.safetensors"))
    noise = torch.randn(2, 1, ours.config.hop * 21 + 5, generator=torch.Generator().manual_seed(3))
    latents = theirs.encoder(noise)
    assert close(ours.encode(noise), latents)
    codes = theirs.quantizer.vq.encode(latents, n_q=ours.config.codebooks).transpose(0, 1)
    assert torch.equal(ours.quantise(latents), codes)
    assert close(ours.decode(latents), theirs.decoder(latents))


# Files


@pytest.mark.parametrize("name", NAMES)
def test_a_file_holds_what_the_codec_makes_of_the_audio(package: Any, weights: Path, tmp_path: Path, name: str) -> None:
    codec = ECDC_CODECS[name]
    path = packed(tmp_path, weights, name)
    audio, rate = read_ecdc(path, weights)
    assert (rate, audio.shape) == (codec.sample_rate_hz, (int(1.3 * codec.sample_rate_hz), codec.channels))
    model = ecdc._model(package, codec, weights)
    model.set_target_bandwidth(6.0)
    sound = torch.from_numpy(tone(1.3, codec.sample_rate_hz, codec.channels).T.copy())
    with torch.inference_mode():
        direct = model(sound[None])[0].T.numpy()
    assert np.abs(audio - direct).max() <= 1e-4 * np.abs(direct).max()
    assert path.stat().st_size < 0.05 * 4 * audio.size
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_audio_of_another_rate_and_mono_is_fitted(weights: Path, tmp_path: Path) -> None:
    write_ecdc(
        tmp_path / "a.ecdc", tone(0.5, 44100, 1), 44100, weights, codec=ECDC_CODECS["encodec-48khz"], bitrate_kbps=24.0
    )
    audio, rate = read_ecdc(tmp_path / "a.ecdc", weights)
    assert (rate, audio.shape) == (48000, (24000, 2))


def test_drums_may_come_as_such_a_file(weights: Path, tmp_path: Path) -> None:
    drums = read_drums(packed(tmp_path, weights, "encodec-24khz"), 32000, codecs=weights)
    assert drums.shape == (int(1.3 * 32000),)


def test_the_command_packs_and_unpacks(weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "config.toml"
    store = tmp_path / "store"
    store.mkdir()
    (store / ".codecs").symlink_to(weights)
    config.write_text(f"[engine]\nmodels = {json.dumps(str(store))}\n")
    monkeypatch.setattr("bridge.config.default_config_path", lambda: config)
    soundfile.write(tmp_path / "a.wav", tone(0.5, 48000, 2), 48000)
    for source, target in (("a.wav", "a.ecdc"), ("a.ecdc", "b.wav")):
        result = CliRunner().invoke(app, ["ecdc", str(tmp_path / source), str(tmp_path / target)])
        assert result.exit_code == 0, result.output
    back, rate = soundfile.read(tmp_path / "b.wav")
    assert (rate, back.shape) == (48000, (24000, 2))


# What cannot be used


def with_header(path: Path, content: bytes, package: Any, **changes: object) -> None:
    stream = io.BytesIO(content)
    header = package.binary.read_ecdc_header(stream)
    rest = stream.read()
    with path.open("wb") as file:
        package.binary.write_ecdc_header(file, {**header, **changes})
        file.write(rest)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"m": "other"}, "of the codec 'other'"),
        ({"al": 10**12}, "holds 1000000000000 samples"),
        ({"al": -1}, "holds -1 samples"),
        ({"nc": 4000}, "has 4000 codebooks"),
        ({"lm": True}, "language model"),
        ({"al": 48000}, "cut short"),
    ],
    ids=["codec", "huge", "negative", "codebooks", "language model", "longer than it is"],
)
def test_a_header_that_lies_is_refused(
    package: Any, weights: Path, tmp_path: Path, changes: dict[str, object], words: str
) -> None:
    path = packed(tmp_path, weights, "encodec-24khz", 0.2)
    with_header(path, path.read_bytes(), package, **changes)
    with pytest.raises(ModelError, match=words):
        read_ecdc(path, weights)


def test_a_file_cut_short_anywhere_is_refused(weights: Path, tmp_path: Path) -> None:
    path = packed(tmp_path, weights, "encodec-24khz", 0.1)
    whole = path.read_bytes()
    for length in (0, 3, 8, 20, len(whole) // 2, len(whole) - 4):
        path.write_bytes(whole[:length])
        with pytest.raises(ModelError):
            read_ecdc(path, weights)


def test_weights_that_would_run_code_are_not_opened(weights: Path, tmp_path: Path) -> None:
    class Harm:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "harm",))

    codec = ECDC_CODECS["encodec-24khz"]
    path = packed(tmp_path, weights, "encodec-24khz", 0.1)
    torch.save({"x": Harm()}, tmp_path / codec.weights)
    with pytest.raises(ModelError, match="does not hold the weights"):
        read_ecdc(path, tmp_path)
    assert not (tmp_path / "harm").exists()


def test_missing_weights_say_what_to_run(weights: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="sideman models pull encodec-24khz"):
        read_ecdc(packed(tmp_path, weights, "encodec-24khz", 0.1), tmp_path)


def test_a_bit_rate_that_the_codec_has_not_is_refused(weights: Path, tmp_path: Path) -> None:
    codec = ECDC_CODECS["encodec-48khz"]
    with pytest.raises(ModelError, match="it has 3, 6, 12, 24"):
        write_ecdc(tmp_path / "a.ecdc", tone(0.1, 48000, 2), 48000, weights, codec=codec, bitrate_kbps=1.5)
    assert not list(tmp_path.iterdir())


def test_torchaudios_place_is_empty_again(package: Any) -> None:
    left = sys.modules.get("torchaudio")
    assert left is None or left.__file__


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A web server with the weights' files, one of them not what its name says."""
    import functools
    import http.server
    import threading

    monkeypatch.setattr("tqdm.tqdm.monitor_interval", 0)  # its thread would outlive the test
    served = tmp_path / "served"
    served.mkdir()
    for codec in ECDC_CODECS.values():
        (served / codec.weights).write_bytes(b"not the weights")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments: object) -> None: ...

    handler = functools.partial(Quiet, directory=str(served))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_port}/"
        httpd.shutdown()
        thread.join()


def test_weights_that_are_not_as_published_are_not_kept(server: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="did not come as it was published"):
        pull_codec("encodec-24khz", tmp_path / "codecs", address=server)
    assert not list((tmp_path / "codecs").iterdir())
    with pytest.raises(ModelError, match="could not be fetched"):
        pull_codec("encodec-24khz", tmp_path / "codecs", address=f"{server}none/")
    assert not list((tmp_path / "codecs").iterdir())


def test_one_of_the_two_must_be_a_packed_file(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="must end in"):
        convert_file(tmp_path / "a.wav", tmp_path / "b.wav", tmp_path)
