"""Meta's EnCodec files (``.ecdc``): 24 kHz mono and 48 kHz stereo, read and written by the package ``encodec``.

The package is an extra: it asks for torchaudio, which does not load beside every build of torch. It uses torchaudio
for resampling and files alone, and neither is needed here, so an empty module takes its place where it is missing.
"""

from __future__ import annotations

import importlib
import io
import struct
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from urllib.error import URLError

import numpy as np
import soundfile
import soxr

from models.catalogue import ECDC_CODECS, EcdcCodec
from models.errors import ModelError
from models.generator import Samples

ECDC_SUFFIX: Final = ".ecdc"
LONGEST_S: Final = 3600.0
"""A longer file is refused before anything is decoded."""
_ADDRESS: Final = "https://dl.fbaipublicfiles.com/encodec/v0/"


def pull_codec(short_name: str, folder: Path, *, address: str = _ADDRESS) -> Path:
    """Download a codec's weights into ``folder``, and see that they are what Meta published. Raises ``ModelError``."""
    from torch.hub import download_url_to_file  # noqa: PLC0415  torch is loaded when it is needed

    codec = ECDC_CODECS[short_name]
    path = folder / codec.weights
    folder.mkdir(parents=True, exist_ok=True)
    try:
        download_url_to_file(
            address + codec.weights, str(path), hash_prefix=_hash_prefix(codec), progress=sys.stderr.isatty()
        )
    except RuntimeError as error:
        raise ModelError(f"{codec.weights} did not come as it was published: pull {short_name} again.") from error
    except (URLError, OSError) as error:
        raise ModelError(f"{codec.weights} could not be fetched ({error}): try again.") from error
    return path


def read_ecdc(path: Path, folder: Path) -> tuple[Samples, int]:
    """Audio [frames, channels] of a file, and its sample rate in Hz; the codec's weights are in ``folder``.

    Raises ``ModelError`` for a file that is damaged, too long, or packed with the package's language model, and
    where the package or the weights are missing.
    """
    package = _package()
    try:
        content = path.read_bytes()
        codec = _codec_of(package.binary.read_ecdc_header(io.BytesIO(content)), path)
    except (OSError, EOFError, ValueError, struct.error) as error:
        raise ModelError(f"{path} is no EnCodec file that can be read: {error}.") from error
    package.compress.MODELS[codec.name] = lambda: _model(package, codec, folder)  # its own would unpickle
    try:
        audio, rate = package.compress.decompress(content)
    except (EOFError, ValueError, RuntimeError, struct.error) as error:
        raise ModelError(f"{path} is cut short or damaged: {error}.") from error
    return np.ascontiguousarray(audio.T.numpy()), int(rate)


def write_ecdc(
    path: Path, audio: Samples, sample_rate_hz: int, folder: Path, *, codec: EcdcCodec, bitrate_kbps: float
) -> None:
    """Write audio [frames, channels] as a file of ``codec``, resampled and mixed to what it takes.

    Raises ``ModelError`` for a bit rate that the codec has not, and where the package or the weights are missing.
    """
    import torch  # noqa: PLC0415

    if bitrate_kbps not in codec.bitrates_kbps:
        known = ", ".join(f"{rate:g}" for rate in codec.bitrates_kbps)
        raise ModelError(f"{codec.name} has no bit rate of {bitrate_kbps:g} kbit/s; it has {known}.")
    if not len(audio) or len(audio) > LONGEST_S * sample_rate_hz:
        raise ModelError(f"An EnCodec file is made of audio of up to {LONGEST_S:.0f} s, and not of none.")
    package = _package()
    model = _model(package, codec, folder)
    model.set_target_bandwidth(bitrate_kbps)
    fitted = audio.mean(axis=1, keepdims=True) if codec.channels == 1 else audio[:, : codec.channels]
    resampled = soxr.resample(fitted, sample_rate_hz, codec.sample_rate_hz, quality=soxr.HQ).astype(np.float32)
    sound = torch.from_numpy(resampled.T.copy()).expand(codec.channels, -1)
    content = package.compress.compress(model, sound, use_lm=False)
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_bytes(content)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise ModelError(f"{path} cannot be written: {error.strerror}.") from error


def convert_file(
    source: Path, target: Path, folder: Path, *, codec: str = "encodec-48khz", bitrate_kbps: float = 24.0
) -> None:
    """Audio to ``.ecdc``, or back, by the suffixes. Raises ``ModelError``; then ``target`` is as it was."""
    unpack = source.suffix.lower() == ECDC_SUFFIX
    if unpack == (target.suffix.lower() == ECDC_SUFFIX):
        raise ModelError(f"One of {source} and {target} must end in {ECDC_SUFFIX}, and the other be an audio file.")
    if codec not in ECDC_CODECS:
        raise ModelError(f"There is no codec {codec!r}; there are {', '.join(ECDC_CODECS)}.")
    try:
        if unpack:
            audio, rate = read_ecdc(source, folder)
            soundfile.write(target, audio, rate, subtype="FLOAT" if target.suffix.lower() == ".wav" else None)
            return
        audio, rate = soundfile.read(source, dtype="float32", always_2d=True)
    except (OSError, TypeError, soundfile.SoundFileError) as error:
        raise ModelError(
            f"{source if not unpack else target} is no audio file that can be used: {str(error).rstrip('.')}."
        ) from error
    write_ecdc(target, audio, rate, folder, codec=ECDC_CODECS[codec], bitrate_kbps=bitrate_kbps)


def _hash_prefix(codec: EcdcCodec) -> str:
    return codec.weights.removesuffix(".th").rpartition("-")[2]


def _codec_of(header: dict[str, Any], path: Path) -> EcdcCodec:
    """The codec that a file's header names. Raises ``ModelError`` for a header that is not to be trusted."""
    codec = next((one for one in ECDC_CODECS.values() if one.name == header.get("m")), None)
    if codec is None:
        raise ModelError(f"{path} is of the codec {header.get('m')!r}; known are {', '.join(ECDC_CODECS)}.")
    length, codebooks = header.get("al"), header.get("nc")
    if not isinstance(length, int) or not 0 < length <= LONGEST_S * codec.sample_rate_hz:
        raise ModelError(f"{path} says that it holds {length!r} samples: it is empty, damaged or too long.")
    if not isinstance(codebooks, int) or not 0 < codebooks <= 32:
        raise ModelError(f"{path} says that it has {codebooks!r} codebooks: it is damaged.")
    if header.get("lm"):
        raise ModelError(f"{path} was packed with a language model: unpack it with the command encodec, to a WAV.")
    return codec


def _model(package: types.SimpleNamespace, codec: EcdcCodec, folder: Path) -> Any:  # noqa: ANN401  the package's
    """The package's model with its weights, read as tensors and nothing else."""
    import torch  # noqa: PLC0415

    path = folder / codec.weights
    short_name = next(name for name, one in ECDC_CODECS.items() if one is codec)
    if not path.is_file():
        raise ModelError(f"The codec {short_name} is not on this machine: run sideman models pull {short_name}.")
    build: Callable[..., Any] = getattr(package.model.EncodecModel, f"encodec_model_{short_name[-5:]}")
    model = build(pretrained=False)
    try:
        model.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    except Exception as error:  # a pickle's, a zip file's or the model's own
        raise ModelError(f"{path} does not hold the weights of {codec.name}: pull {short_name} again.") from error
    model.name = codec.name
    return model.eval()


def _package() -> types.SimpleNamespace:
    """The modules of ``encodec`` that are used. Raises ``ModelError`` where it is not installed."""
    stand_in = _torchaudio_stand_in()
    try:
        return types.SimpleNamespace(
            **{name: importlib.import_module(f"encodec.{name}") for name in ("binary", "model", "compress")}
        )
    except (ImportError, OSError) as error:
        raise ModelError(
            f"EnCodec files need the package encodec, which cannot be used here ({error}): "
            "pip install 'sideman[encodec]'."
        ) from error
    finally:
        if stand_in is not None and sys.modules.get("torchaudio") is stand_in:
            del sys.modules["torchaudio"]


def _torchaudio_stand_in() -> types.ModuleType | None:
    """An empty module for the time of the import, where torchaudio is missing or does not load."""
    try:
        importlib.import_module("torchaudio")
    except (ImportError, OSError, RuntimeError):
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchaudio"]:
            del sys.modules[name]
        sys.modules["torchaudio"] = types.ModuleType("torchaudio")
        return sys.modules["torchaudio"]
    return None
