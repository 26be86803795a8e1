"""Converted checkpoints: a folder with one safetensors file, what there is to know about it, and its text encoder.

``model.safetensors``
    every tensor under our names, in the precision that it was released in (the codec in float32).
``model.json``
    ``Card``: where it came from, its licence, its configuration, and the checksums of what was read and written.
``text/``
    the text encoder as transformers saves it, with its tokenizer.

A folder appears whole or not at all. ``Card`` can be read without torch.
"""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from models.bundled import mending
from models.card import CARD_FILE, TENSORS_FILE, TEXT_FOLDER, Card, SourceFile, read_card
from models.checksums import sha256_of
from models.codec import Codec, CodecConfig, load_exactly
from models.convert import CODEC_PREFIX, Converted, convert_codec, convert_jasco, convert_magnet
from models.errors import ModelError
from models.folders import appearing_folder, require_apart
from models.jasco import Jasco, JascoConfig
from models.jasco import read_config as read_jasco_config
from models.magnet import Magnet, MagnetConfig
from models.magnet import read_config as read_magnet_config
from models.released import (
    audiocraft_codec_config,
    read_codec_source,
    read_kind,
    read_state,
    transformers_codec_config,
    transformers_codec_state,
)
from models.released_names import CODEC_FILE, CODEC_WEIGHTS_FILE, STATE_FILE
from models.text_encoders import EncodesText, load_text_encoder, require_named
from models.xp_config import XpConfig

_TENSORS_AT_A_TIME: Final = 32
"""The file is opened anew after so many tensors, or all of it would stay mapped beside its copy."""
_CONVERTERS: Final[Mapping[str, Callable[[Mapping[str, Tensor]], Converted]]] = {
    "jasco": convert_jasco,
    "magnet": convert_magnet,
}
_PARTS: Final = {"flow": "flow model", "tokens": "token model", "conditioner": "conditioner"}
"""What the parts of the models are called in messages."""


def convert(
    source: Path,
    target: Path,
    *,
    text_encoder: Path,
    codec_config: Path | None,
    name: str,
    repository: str = "",
    revision: str = "",
    licence: str = "CC-BY-NC-4.0",
    report: Callable[[float], None] = lambda share: None,
) -> Card:
    """Make a converted folder of a released one, strictly: every tensor has a place, and every place its tensor.

    ``text_encoder`` is a folder of transformers' with model and tokenizer, ``codec_config`` the ``config.json`` of the
    codec where the checkpoint only names one; a MAGNeT holds no copy of its codec, so that one's weights must lie
    beside. Raises ``ModelError``; then ``target`` does not exist, or is as it was.
    """
    require_apart(target, {"checkpoint": source, "text encoder": text_encoder})
    package = read_state(source)
    xp_config = XpConfig(package.xp_config)
    kind = read_kind(xp_config)
    require_named(xp_config, text_encoder)
    codec = _codec_config(source, codec_config)
    report(0.1)
    converted = _CONVERTERS[kind](package.state)
    codec_apart = not _part(converted.tensors, CODEC_PREFIX)
    if codec_apart:
        converted = _joined(converted, _separate_codec(source, codec_config))
    tensors = _apart(converted.tensors)
    text = load_text_encoder(text_encoder, local_only=True)
    _build(kind, xp_config, codec, tensors, text)
    report(0.3)
    with appearing_folder(target, CARD_FILE) as folder:
        save_tensors(tensors, folder / TENSORS_FILE)
        report(0.7)
        _save_text_encoder(text, text_encoder, folder / TEXT_FOLDER)
        card = card_of(
            package.xp_config,
            codec,
            folder / TENSORS_FILE,
            name=name,
            repository=repository,
            revision=revision,
            licence=licence,
            sources=tuple(_sources(source, codec_config, text_encoder, codec_apart=codec_apart)),
            dropped=dict(converted.dropped),
        )
        (folder / CARD_FILE).write_text(card.to_json(), encoding="utf-8")
        report(0.95)
    return card


def card_of(xp_config: str, codec: CodecConfig, tensors: Path, **told: Any) -> Card:  # noqa: ANN401  fields of the card
    """The card of a model with this configuration and file of tensors; ``told`` is what neither says.

    Raises ``ModelError`` for a configuration of a model that is not known.
    """
    xp = XpConfig(xp_config)
    kind = read_kind(xp)
    config = _read_config(kind, xp, codec)
    return Card(
        kind=kind,
        segment_s=config.segment_s,
        sample_rate_hz=config.sample_rate_hz,
        melody=isinstance(config, JascoConfig) and bool(config.melody_dim),
        sound=isinstance(config, MagnetConfig) and config.sound,
        xp_config=xp_config,
        codec=asdict(codec),
        tensors_sha256=sha256_of(tensors),
        **told,
    )


def load_jasco(folder: Path, *, device: str = "cpu", dtype: torch.dtype = torch.float32) -> tuple[Jasco, Card]:
    """A converted JASCO, ready to sample; the codec and the text encoder stay in float32. Raises ``ModelError``."""
    model, card = _load(folder, device, dtype)
    if not isinstance(model, Jasco):
        raise ModelError(f"{folder} holds the model {card.kind}, not JASCO: name another one.")
    return model, card


def load_magnet(folder: Path, *, device: str = "cpu", dtype: torch.dtype = torch.float32) -> tuple[Magnet, Card]:
    """A converted MAGNeT, ready to generate; the codec and the text encoder stay in float32. Raises ``ModelError``."""
    model, card = _load(folder, device, dtype)
    if not isinstance(model, Magnet):
        raise ModelError(f"{folder} holds the model {card.kind}, not MAGNeT: name another one.")
    return model, card


def _load(folder: Path, device: str = "cpu", dtype: torch.dtype = torch.float32) -> tuple[Jasco | Magnet, Card]:
    card = read_card(folder)
    if card.kind not in _CONVERTERS:
        raise ModelError(f"{folder} holds a model of the kind {card.kind!r}, which this version does not know.")
    config = XpConfig(card.xp_config)
    require_named(config, folder / TEXT_FOLDER)
    text = load_text_encoder(folder / TEXT_FOLDER, local_only=True)
    text.to(device)
    tensors = _read_tensors(folder / TENSORS_FILE, device, dtype)
    model = _build(card.kind, config, CodecConfig(**card.codec), tensors, text)
    return model.eval(), card


def check(folder: Path, report: Callable[[float], None] = lambda share: None) -> Card:
    """See that a converted folder is whole: checksum, shapes, and only numbers. Raises ``ModelError``."""
    card = read_card(folder)
    found = sha256_of(folder / TENSORS_FILE)
    if found != card.tensors_sha256:
        raise ModelError(f"{folder / TENSORS_FILE} is not as it was converted: {mending(folder)}.")
    report(0.5)
    model, card = _load(folder)
    for name, tensor in model.state_dict().items():
        if not torch.isfinite(tensor).all():
            raise ModelError(f"The tensor {name} in {folder} holds what is not a number: {mending(folder)}.")
    return card


def _codec_config(source: Path, codec_config: Path | None) -> CodecConfig:
    given = read_codec_source(source)
    if given.package is not None:
        return audiocraft_codec_config(given.package.xp_config)
    if codec_config is None:
        raise ModelError(
            f"The checkpoint in {source} names the codec {given.pretrained}: give its config.json with --codec."
        )
    return transformers_codec_config(codec_config)


def _apart(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors, each in memory of its own, as the file has them."""
    seen: set[int] = set()
    apart = {}
    for name, tensor in tensors.items():
        place = tensor.untyped_storage().data_ptr()
        apart[name] = tensor.clone() if place in seen else tensor.contiguous()
        seen.add(place)
    return apart


def _separate_codec(source: Path, codec_config: Path | None) -> Converted:
    """The codec of a checkpoint that holds none itself: from its package, or from beside ``codec_config``."""
    given = read_codec_source(source)
    if given.package is not None:
        return convert_codec(given.package.state)
    if codec_config is None:
        raise ModelError(
            f"The checkpoint in {source} needs the codec {given.pretrained}: give its folder with --codec."
        )
    return convert_codec(transformers_codec_state(codec_config.parent))


def save_tensors(tensors: dict[str, Tensor], path: Path) -> None:
    """Write the tensors. Raises ``OSError`` where the disk is full, which the library says in an error of its own."""
    try:
        save_file(tensors, path)
    except SafetensorError as error:
        raise OSError(errno.EIO, str(error)) from error


def _sources(source: Path, codec_config: Path | None, text_encoder: Path, *, codec_apart: bool) -> Iterator[SourceFile]:
    """Every file that a model is made of."""
    paths = {file: source / file for file in (STATE_FILE, CODEC_FILE)}
    if codec_apart and codec_config is not None and read_codec_source(source).package is None:
        paths[f"codec/{CODEC_WEIGHTS_FILE}"] = codec_config.parent / CODEC_WEIGHTS_FILE
    for file in ("model.safetensors", "tokenizer.json"):
        paths[f"text/{file}"] = text_encoder / file
    for name, path in paths.items():
        if path.is_file():
            yield SourceFile(name=name, bytes=path.stat().st_size, sha256=sha256_of(path))


def _joined(first: Converted, second: Converted) -> Converted:
    return Converted(tensors={**first.tensors, **second.tensors}, dropped={**first.dropped, **second.dropped})


def _build(
    kind: str, config: XpConfig, codec: CodecConfig, tensors: Mapping[str, Tensor], text: EncodesText
) -> Jasco | Magnet:
    """A model of these tensors, without a copy. Raises ``ModelError`` when they do not fit the configuration."""
    model: Jasco | Magnet
    with torch.device("meta"):
        shape = _read_config(kind, config, codec)
        if isinstance(shape, JascoConfig):
            model = Jasco(shape, Codec(codec), text)
        else:
            model = Magnet(shape, Codec(codec), text)
    _require_its_codec(model, codec)
    model.codec.load(_part(tensors, CODEC_PREFIX))
    for name, part in model.named_children():
        if name != "codec":
            load_exactly(part, _part(tensors, f"{name}."), _PARTS[name])
    return model


def _read_config(kind: str, config: XpConfig, codec: CodecConfig) -> JascoConfig | MagnetConfig:
    return read_jasco_config(config) if kind == "jasco" else read_magnet_config(config, codec)


def _require_its_codec(model: Jasco | Magnet, codec: CodecConfig) -> None:
    """See that the codec is the one that the model was trained with, by its numbers. Raises ``ModelError``."""
    config = model.config
    pairs: dict[str, tuple[float, float]] = {
        "a sample rate of": (config.sample_rate_hz, codec.sample_rate_hz),
        "channels, in number": (1, codec.channels),
    }
    if isinstance(config, JascoConfig):
        pairs["latents of the size"] = (config.flow_dim, codec.dimension)
        pairs["a frame rate of"] = (config.frame_rate_hz, codec.frame_rate_hz)
    else:
        pairs["codebooks, in number"] = (config.codebooks, codec.codebooks)
        pairs["tokens in a codebook, in number"] = (config.bins, codec.bins)
    for what, (wanted, found) in pairs.items():
        if wanted != found:
            raise ModelError(
                f"The model needs {what} {wanted:g}, and the codec has {found:g}: it is another model's codec."
            )


def _part(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _read_tensors(path: Path, device: str, dtype: torch.dtype) -> dict[str, Tensor]:
    """The tensors, copied out of the file: the codec in float32, the rest in ``dtype``."""
    try:
        with safe_open(path, framework="pt") as file:
            names = list(file.keys())
        tensors: dict[str, Tensor] = {}
        for start in range(0, len(names), _TENSORS_AT_A_TIME):
            with safe_open(path, framework="pt") as file:
                for name in names[start : start + _TENSORS_AT_A_TIME]:
                    wanted = torch.float32 if name.startswith(CODEC_PREFIX) else dtype
                    tensors[name] = file.get_tensor(name).to(device=device, dtype=wanted, copy=True)
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path} cannot be read ({error}): {mending(path.parent)}.") from error
    return tensors


def _save_text_encoder(text: EncodesText, source: Path, target: Path) -> None:
    """The encoder, and the files of its tokenizer where it writes none itself."""
    text.save(target)
    for path in source.iterdir():
        if path.suffix in {".json", ".model", ".txt"} and not (target / path.name).exists():
            shutil.copyfile(path, target / path.name)
