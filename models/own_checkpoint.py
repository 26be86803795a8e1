"""Checkpoints of our own: the folder that ``models.checkpoints`` reads, made of what a trainer has in memory.

They differ from converted ones in three things: the text encoder is a table of words, the codec may be in half
precision as well, and the card says what the model is and how it is best asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import torch
from omegaconf import OmegaConf
from torch import Tensor

from models.card import CARD_FILE, TENSORS_FILE, TEXT_FOLDER, Card, Recommended
from models.checkpoints import card_of, check, save_tensors
from models.codec import CodecConfig
from models.errors import ModelError
from models.folders import appearing_folder
from models.jasco import TEMPORAL, JascoConfig
from models.magnet import MagnetConfig
from models.words import ENCODER, WordsEncoder

README_FILE: Final = "README.md"
_CHORDS, _DRUMS, _MELODY = TEMPORAL


def write_checkpoint(
    folder: Path,
    *,
    config: JascoConfig | MagnetConfig | str,
    tensors: Mapping[str, Tensor],
    codec: CodecConfig,
    words: WordsEncoder,
    name: str,
    licence: str = "MIT",
    summary: str = "",
    trained_on: str = "",
    measured: Mapping[str, float] | None = None,
    recommended: Recommended | None = None,
    readme: str = "",
    dtype: torch.dtype = torch.float16,
) -> Card:
    """Make the folder of a model, strictly: it is read again, by the loader of all models, before it appears.

    ``tensors`` are those of a ``Jasco`` or a ``Magnet`` with its codec (``model.state_dict()``), ``config`` its
    architecture, or the YAML of one. All numbers are written in ``dtype``; the same ones give the same bytes.
    ``summary`` is one line, ``trained_on`` what it has heard, ``measured`` scores by name, ``readme`` a model card in
    Markdown. Raises ``ModelError``; then ``folder`` does not exist, or is as it was.
    """
    xp_config = config if isinstance(config, str) else xp_config_of(config, words.dim)
    written = {key: _in(key, tensors[key], dtype) for key in sorted(tensors)}
    with appearing_folder(folder, CARD_FILE) as made:
        save_tensors(written, made / TENSORS_FILE)
        words.save(made / TEXT_FOLDER, dtype=dtype)
        card = card_of(
            xp_config,
            codec,
            made / TENSORS_FILE,
            name=name,
            licence=licence,
            summary=summary,
            trained_on=trained_on,
            measured=dict(measured or {}),
            recommended=recommended or Recommended(),
        )
        (made / CARD_FILE).write_text(card.to_json(), encoding="utf-8")
        if readme:
            (made / README_FILE).write_text(readme, encoding="utf-8")
        check(made)
    return card


def xp_config_of(config: JascoConfig | MagnetConfig, text_dim: int) -> str:
    """The YAML that an architecture is read from, with the word encoder as its text encoder."""
    values = _jasco_values(config) if isinstance(config, JascoConfig) else _magnet_values(config)
    values["conditioners"]["description"] = {"model": ENCODER, ENCODER: {"dim": text_dim}}
    return OmegaConf.to_yaml(OmegaConf.create(values))


def _jasco_values(config: JascoConfig) -> dict[str, Any]:
    dropped = config.dropped_for_text
    melody = {_MELODY: {"model": _MELODY, _MELODY: {"card": config.melody_rows, "out_dim": config.melody_dim}}}
    return {
        "lm_model": "flow_matching",
        "sample_rate": config.sample_rate_hz,
        "dataset": {"segment_duration": config.segment_s},
        "compression_model_latent_mean": config.latent_mean,
        "compression_model_latent_std": config.latent_std,
        "compression_model_framerate": config.frame_rate_hz,
        "compression_model_latent_dim": config.flow_dim,
        "conditioners": {
            _CHORDS: {"model": "chords_emb", "chords_emb": {"card": config.chord_count, "out_dim": config.chords_dim}},
            _DRUMS: {
                "model": "drum_latents",
                "drum_latents": {"out_dim": config.drums_dim, "blurring_factor": config.blur_frames},
            },
            **(melody if config.melody_dim else {}),
        },
        "attribute_dropout": {
            "symbolic": {name: 1.0 for name in (_CHORDS, _MELODY) if name in dropped},
            "wav": {name: 1.0 for name in (_DRUMS,) if name in dropped},
        },
        "transformer_lm": {
            **_transformer(config),
            "time_embedding_dim": config.time_dim,
            "skip_connections": config.skips,
            "flow_dim": config.flow_dim,
            "chords_dim": config.chords_dim,
            "drums_dim": config.drums_dim,
            "melody_dim": config.melody_dim,
        },
    }


def _magnet_values(config: MagnetConfig) -> dict[str, Any]:
    return {
        "lm_model": "transformer_lm_magnet",
        "solver": "audio_magnet" if config.sound else "magnet",
        "sample_rate": config.sample_rate_hz,
        "dataset": {"segment_duration": config.segment_s},
        "codebooks_pattern": {"modeling": "parallel"},
        "conditioners": {},
        "transformer_lm": {
            **_transformer(config),
            "card": config.bins,
            "n_q": config.codebooks,
            "subcodes_context": -1 if config.reach is None else config.reach,
        },
        "masking": {"span_len": config.span},
    }


def _transformer(config: JascoConfig | MagnetConfig) -> dict[str, Any]:
    return {
        "dim": config.dim,
        "num_heads": config.heads,
        "num_layers": config.layers,
        "hidden_scale": config.hidden_scale,
        "norm_first": True,
    }


def _in(name: str, tensor: Tensor, dtype: torch.dtype) -> Tensor:
    """A tensor as the file has it. Raises ``ModelError`` for what is no number there."""
    written = tensor.detach().to(device="cpu", dtype=dtype, copy=True).contiguous()
    if not torch.isfinite(written).all():
        raise ModelError(f"The tensor {name} holds what is not a number in {str(dtype).removeprefix('torch.')}.")
    return written
