"""Reading the files that Meta released: two pickles of tensors, a configuration inside, and no code run.

``state_dict.bin`` holds the model, ``compression_state_dict.bin`` its codec or the name of one.
"""

from __future__ import annotations

import json
import pickle
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from models.catalogue import Kind
from models.codec import CodecConfig, config_from_audiocraft, config_from_transformers
from models.errors import ModelError
from models.released_names import CODEC_FILE, CODEC_WEIGHTS_FILE, STATE_FILE
from models.text_encoders import T5, named_encoder
from models.xp_config import XpConfig

_KINDS: Final[Mapping[str, Kind]] = {"flow_matching": "jasco", "transformer_lm_magnet": "magnet"}
"""``lm_model`` in a configuration, and what we call it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """What stands in one of the files: its tensors and the text of its configuration."""

    state: Mapping[str, Tensor]
    xp_config: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CodecSource:
    """Where a checkpoint's codec comes from: the name of a pretrained one, or a package with all of it."""

    pretrained: str | None = None
    package: Package | None = None


def read_state(folder: Path) -> Package:
    """The model of a released checkpoint. Raises ``ModelError``."""
    return _package(_read(folder, STATE_FILE), folder / STATE_FILE)


def read_codec_source(folder: Path) -> CodecSource:
    """What a released checkpoint says of its codec. Raises ``ModelError``."""
    path = folder / CODEC_FILE
    content = _read(folder, CODEC_FILE)
    pretrained = content.get("pretrained")
    if pretrained is None:
        return CodecSource(package=_package(content, path))
    if not isinstance(pretrained, str):
        raise ModelError(f"{path} names no codec: the file is damaged.")
    return CodecSource(pretrained=pretrained.removeprefix("//pretrained/"))


def audiocraft_codec_config(xp_config: str) -> CodecConfig:
    """The shape of a codec by the configuration that audiocraft packed with it. Raises ``ModelError``."""
    config = XpConfig(xp_config)
    seanet = dict(config.need_mapping("seanet"))
    for half in ("encoder", "decoder"):
        seanet |= config.mapping(f"seanet.{half}")
    return config_from_audiocraft(seanet, config.need_mapping("rvq"), config.need_whole("sample_rate"))


def transformers_codec_config(path: Path) -> CodecConfig:
    """The shape of a codec by the ``config.json`` beside its weights. Raises ``ModelError``."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"The codec's configuration {path} cannot be read: {error}.") from error
    if not isinstance(values, dict):
        raise ModelError(f"The codec's configuration {path} is no mapping: it is another file.")
    return config_from_transformers(values)


def transformers_codec_state(folder: Path) -> dict[str, Tensor]:
    """The weights of a codec in a folder of transformers'. Raises ``ModelError``."""
    path = folder / CODEC_WEIGHTS_FILE
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise ModelError(
            f"The checkpoint holds no copy of its codec, and the codec's weights {path} cannot be read ({error})."
        ) from error


def read_kind(config: XpConfig) -> Kind:
    """Which model a configuration is of. Raises ``ModelError`` for one that is not known."""
    found = config.get("lm_model")
    if found not in _KINDS:
        raise ModelError(f"The checkpoint holds the model {found!r}; known are {' and '.join(_KINDS)}.")
    return _KINDS[found]


def _is_plain(tensor: object) -> bool:
    """Whether it is a dense tensor of real numbers, in no more memory than it needs."""
    if not isinstance(tensor, Tensor) or tensor.layout != torch.strided or tensor.is_meta or tensor.is_complex():
        return False
    return tensor.numel() * tensor.element_size() <= max(tensor.untyped_storage().nbytes(), 1)


def read_text_model(config: XpConfig) -> str:
    """The name of the T5 that a model was trained with. Raises ``ModelError`` for a model with another encoder."""
    if named_encoder(config) != T5:
        raise ModelError(
            "The checkpoint's text encoder is a table of words, not T5: it is none of Meta's, and needs no conversion."
        )
    return str(config.get("conditioners.description.t5.name", "t5-base"))


def _read(folder: Path, name: str) -> dict[str, Any]:
    path = folder / name
    if not path.is_file():
        raise ModelError(
            f"{folder} is no complete checkpoint: it lacks {name}. A released one has {STATE_FILE} and {CODEC_FILE}."
        )
    try:
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except pickle.UnpicklingError as error:
        raise ModelError(
            f"{path} holds more than tensors, or is no checkpoint, and was not opened: loading it could run code. "
            "Get the file from its publisher again."
        ) from error
    except MemoryError:
        raise
    except Exception as error:  # a damaged pickle raises whatever its next instruction does
        raise ModelError(f"{path} is cut short or damaged: get it again with sideman models pull.") from error
    if not isinstance(content, dict):
        raise ModelError(f"{path} holds no dictionary: it is no checkpoint of audiocraft.")
    return content


def _package(content: Mapping[str, Any], path: Path) -> Package:
    state, config = content.get("best_state"), content.get("xp.cfg")
    if not isinstance(state, dict) or not isinstance(config, str):
        raise ModelError(f"{path} lacks best_state or xp.cfg: it is no checkpoint of audiocraft.")
    strangers = [name for name, tensor in state.items() if not isinstance(name, str) or not _is_plain(tensor)]
    if strangers:
        raise ModelError(
            f"{path} holds {strangers[0]!r}, which is no tensor of real numbers: it is no checkpoint of audiocraft."
        )
    return Package(state=state, xp_config=config)
