"""Models made of what a training has learnt, in memory, to be listened to or written as a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import torch
from tokenizers import Tokenizer
from torch import Tensor

from models.codec import Codec, CodecConfig, load_exactly
from models.jasco import Jasco, JascoConfig
from models.magnet import Magnet, MagnetConfig
from models.training_codec_file import codec_of
from models.words import WordsEncoder

_TABLE: Final = "table"


def trained_codec(config: CodecConfig, state: Mapping[str, Tensor]) -> Codec:
    """The codec of a ``CodecTraining``'s state. Raises ``ModelError`` when it does not fit."""
    return codec_of(config, _part(state, "codec."))


def trained_jasco(config: JascoConfig, codec: Codec, tokenizer: Tokenizer, state: Mapping[str, Tensor]) -> Jasco:
    """The model of a ``FlowTraining``'s state. Raises ``ModelError`` when it does not fit."""
    words = WordsEncoder(tokenizer, state[_TABLE].detach().clone())
    with torch.device("meta"):
        model = Jasco(config, codec, words)
    load_exactly(model.flow, _part(state, "flow."), "flow model")
    load_exactly(model.conditioner, _part(state, "conditioner."), "conditioner")
    return model.eval()


def trained_magnet(config: MagnetConfig, codec: Codec, tokenizer: Tokenizer, state: Mapping[str, Tensor]) -> Magnet:
    """The model of a ``TokenTraining``'s state. Raises ``ModelError`` when it does not fit."""
    words = WordsEncoder(tokenizer, state[_TABLE].detach().clone())
    with torch.device("meta"):
        model = Magnet(config, codec, words)
    load_exactly(model.tokens, _part(state, "tokens."), "token model")
    load_exactly(model.conditioner.text, _part(state, "text."), "conditioner")
    return model.eval()


def _part(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors under a prefix, each copied: training goes on in those of the state."""
    return {name.removeprefix(prefix): one.detach().clone() for name, one in state.items() if name.startswith(prefix)}
