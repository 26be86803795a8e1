"""From the tensors of a released checkpoint to ours: one explicit map of names, and nothing left over.

A rule maps a name, drops it for a reason that is told, or the name is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from torch import Tensor

from models.codec import folded_state
from models.errors import ModelError

_CODEC_COPY: Final = "condition_provider.conditioners.self_wav.compression_model.model."
CODEC_PREFIX: Final = "codec."

_LAYER_NAMES: Final[tuple[tuple[str, str], ...]] = (
    (r"transformer\.layers\.(\d+)\.self_attn\.(in_proj_weight|out_proj\.weight)", r"layers.\1.self_attn.\2"),
    (r"transformer\.layers\.(\d+)\.cross_attention\.(in_proj_weight|out_proj\.weight)", r"layers.\1.cross_attn.\2"),
    (r"transformer\.layers\.(\d+)\.(linear[12]\.weight)", r"layers.\1.\2"),
    (r"transformer\.layers\.(\d+)\.(norm1|norm2|norm_cross)\.(weight|bias)", r"layers.\1.\2.\3"),
    (r"out_norm\.(weight|bias)", r"out_norm.\1"),
)
_TEXT_NAMES: Final = (
    (r"condition_provider\.conditioners\.description\.output_proj\.(weight|bias)", r"conditioner.text.\1"),
)


def _within(part: str, names: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    return tuple((theirs, f"{part}.{ours}") for theirs, ours in names)


JASCO_NAMES: Final[tuple[tuple[str, str], ...]] = (
    (r"emb\.weight", r"flow.embed.weight"),
    (r"temb\.dense\.([01])\.(weight|bias)", r"flow.time.dense\1.\2"),
    (r"temb_proj\.(weight|bias)", r"flow.time.out.\1"),
    (r"transformer\.skip_projections\.(\d+)\.(weight|bias)", r"flow.skips.\1.\2"),
    (r"linear\.weight", r"flow.out.weight"),
    *_within("flow", _LAYER_NAMES),
    (r"condition_provider\.conditioners\.chords\.emb\.weight", r"conditioner.chords.weight"),
    (r"condition_provider\.conditioners\.self_wav\.output_proj\.(weight|bias)", r"conditioner.drums.\1"),
    (r"condition_provider\.conditioners\.melody\.output_proj\.(weight|bias)", r"conditioner.melody.\1"),
    *_TEXT_NAMES,
)
"""Names in a JASCO checkpoint of audiocraft, and ours, as regular expressions of whole names."""

MAGNET_NAMES: Final[tuple[tuple[str, str], ...]] = (
    (r"emb\.(\d+)\.weight", r"tokens.embed.\1.weight"),
    (r"linears\.(\d+)\.weight", r"tokens.out.\1.weight"),
    *_within("tokens", _LAYER_NAMES),
    *_TEXT_NAMES,
)
"""Names in a MAGNeT checkpoint of audiocraft, and ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Converted:
    """Tensors under our names, and the names that were dropped with the reason."""

    tensors: Mapping[str, Tensor]
    dropped: Mapping[str, str] = field(default_factory=dict)


def convert_jasco(state: Mapping[str, Tensor]) -> Converted:
    """A JASCO state, and the codec that it holds, under our names; the codec, folded, in float32.

    Raises ``ModelError`` for a name that no rule knows.
    """
    codec = {name.removeprefix(_CODEC_COPY): tensor for name, tensor in state.items() if name.startswith(_CODEC_COPY)}
    model = {name: tensor for name, tensor in state.items() if not name.startswith(_CODEC_COPY)}
    converted = convert_codec(codec, _CODEC_COPY)
    return Converted(tensors={**_renamed(model, JASCO_NAMES), **converted.tensors}, dropped=converted.dropped)


def convert_magnet(state: Mapping[str, Tensor]) -> Converted:
    """A MAGNeT state under our names; it holds no codec. Raises ``ModelError`` for a name that no rule knows."""
    return Converted(tensors=_renamed(state, MAGNET_NAMES))


def convert_codec(state: Mapping[str, Tensor], prefix: str = "") -> Converted:
    """A codec's state under our names, folded, in float32; ``prefix`` is what its names began with."""
    return Converted(
        tensors={f"{CODEC_PREFIX}{name}": tensor for name, tensor in folded_state(state).items()},
        dropped={
            f"{prefix}{name}": "a statistic of the codebook's training"
            for name in state
            if name.endswith((".inited", ".cluster_size", ".embed_avg"))
        },
    )


def _renamed(state: Mapping[str, Tensor], names: tuple[tuple[str, str], ...]) -> dict[str, Tensor]:
    renamed = {}
    unknown = []
    for name, tensor in state.items():
        for pattern, ours in names:
            match = re.fullmatch(pattern, name)
            if match:
                renamed[match.expand(ours)] = tensor
                break
        else:
            unknown.append(name)
    if unknown:
        raise ModelError(
            f"The checkpoint holds {len(unknown)} tensors that have no place in the model, "
            f"among them {', '.join(sorted(unknown)[:3])}: it is of another model."
        )
    return renamed
