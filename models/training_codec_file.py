"""A trained codec on its own: one safetensors file that says its shape, for the models that are trained on it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Final

import torch
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from models.card import TENSORS_FILE, CodecShape, read_card
from models.codec import Codec, CodecConfig
from models.convert import CODEC_PREFIX
from models.errors import ModelError, TrainingError
from models.training_files import write_whole

FORMAT: Final = "sideman-codec-1"


def write_codec(path: Path, codec: Codec) -> None:
    """Write a codec over whatever is there. Raises ``TrainingError``; then the file is as it was."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in codec.state_dict().items()}
    write_whole(path, save(tensors, metadata={FORMAT: json.dumps(asdict(codec.config))}), "The codec")


def read_codec(path: Path) -> Codec:
    """The codec of a file that ``write_codec`` wrote. Raises ``TrainingError``."""
    try:
        with safe_open(path, framework="pt") as file:
            config = _config((file.metadata() or {})[FORMAT])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  no mapping
        return codec_of(config, tensors)
    except (OSError, SafetensorError, KeyError, ValueError, ModelError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise TrainingError(f"{path} is no codec of a training, or is damaged ({reason}).") from error


def checkpoint_codec(folder: Path) -> Codec:
    """The codec of a converted checkpoint, in single precision. Raises ``TrainingError``."""
    try:
        card = read_card(folder)
        with safe_open(folder / TENSORS_FILE, framework="pt") as file:
            names = [name for name in file.keys() if name.startswith(CODEC_PREFIX)]  # noqa: SIM118  no mapping
            tensors = {name.removeprefix(CODEC_PREFIX): file.get_tensor(name).float() for name in names}
        return codec_of(_config(json.dumps(card.codec)), tensors)
    except (OSError, SafetensorError, ValueError, ModelError) as error:
        raise TrainingError(f"The codec of {folder} cannot be read: {str(error).splitlines()[0]}") from error


def codec_of(config: CodecConfig, state: Mapping[str, Tensor]) -> Codec:
    """A codec with these tensors, each copied. Raises ``ModelError`` when they do not fit."""
    with torch.device("meta"):
        codec = Codec(config)
    codec.load({name: tensor.detach().clone() for name, tensor in state.items()})
    return codec.eval().requires_grad_(False)


def codec_digest(codec: Codec) -> str:
    """What tells a codec from every other: the SHA-256 of its shape and numbers."""
    digest = hashlib.sha256(json.dumps(asdict(codec.config)).encode())
    for name, tensor in sorted(codec.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _config(text: str) -> CodecConfig:
    try:
        shape = CodecShape.model_validate_json(text)
    except ValidationError as error:
        raise ValueError("its shape is no codec's") from error
    return CodecConfig(**shape.model_dump())
