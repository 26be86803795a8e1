"""Text descriptions as a condition: T5's last hidden states, projected, with zeros where there is no text.

A description is encoded on its own and kept; a batch is padded with zeros to its longest member. The models
attend to that padding, so its length is part of what they compute.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError
from torch import Tensor
from transformers import AutoTokenizer, T5EncoderModel
from transformers.utils import logging

from models.errors import ModelError

MAX_TOKENS: Final = 512
"""What T5 was trained on at the most; longer descriptions are refused rather than cut."""
CACHED_PROMPTS: Final = 64

Tokenise = Callable[[str], list[int]]
"""The tokens of a description, the end-of-sentence token last."""


class TextEncoder:
    """T5 with a memory for the descriptions that it encoded last."""

    def __init__(self, model: T5EncoderModel, tokenise: Tokenise, *, cached: int = CACHED_PROMPTS) -> None:
        self._model: Any = model
        model.eval()  # type: ignore[no-untyped-call]
        self._tokenise = tokenise
        self._cached = cached
        self._cache: OrderedDict[tuple[str, str], Tensor] = OrderedDict()

    @property
    def dim(self) -> int:
        """The size of a hidden state."""
        return int(self._model.config.d_model)

    def save(self, folder: Path) -> None:
        """Write T5's encoder as transformers does, without a tokenizer."""
        self._model.save_pretrained(folder)

    def to(self, device: str) -> None:
        """Move T5 to a device; what was remembered on another one is forgotten."""
        self._model.to(device)
        self._cache.clear()

    def tokens(self, descriptions: Sequence[str | None]) -> tuple[Tensor, Tensor]:
        """Token ids and attention mask [B, L]; a row without text has its one token masked.

        Raises ``ModelError`` for a description that is too long.
        """
        rows = [self._tokens_of(description or "") for description in descriptions]
        longest = max(len(row) for row in rows)
        ids = torch.zeros(len(rows), longest, dtype=torch.long)
        mask = torch.zeros(len(rows), longest, dtype=torch.long)
        for place, (description, row) in enumerate(zip(descriptions, rows, strict=True)):
            ids[place, : len(row)] = torch.tensor(row)
            mask[place, : len(row)] = 1 if description else 0
        return ids, mask

    def encode(self, descriptions: Sequence[str | None]) -> tuple[Tensor, Tensor]:
        """Hidden states [B, L, D], zero at padding and where there is no text, and the attention mask [B, L].

        Raises ``ModelError`` for a description that is too long.
        """
        ids, mask = self.tokens(descriptions)
        device = next(self._model.parameters()).device
        states = torch.zeros(*ids.shape, self.dim, device=device)
        for place, description in enumerate(descriptions):
            if description:
                found = self._states_of(description, device)
                states[place, : len(found)] = found
        return states, mask.to(device)

    def _tokens_of(self, description: str) -> list[int]:
        tokens = self._tokenise(description)
        if len(tokens) > MAX_TOKENS:
            raise ModelError(
                f"The description has {len(tokens)} tokens, and the text encoder reads {MAX_TOKENS}: shorten it."
            )
        return tokens

    def _states_of(self, description: str, device: torch.device) -> Tensor:
        """The hidden states [L, D] of one description, from memory when they are there."""
        key = (description, str(device))
        found = self._cache.pop(key, None)
        if found is None:
            ids = torch.tensor([self._tokens_of(description)], device=device)
            with torch.inference_mode(), torch.autocast(device.type, enabled=False):
                found = self._model(input_ids=ids).last_hidden_state[0]
        self._cache[key] = found
        while len(self._cache) > self._cached:
            self._cache.popitem(last=False)
        return found


def load_t5(folder: Path | str, *, local_only: bool = False) -> T5EncoderModel:
    """The encoder half of T5, from safetensors alone and without a progress bar of its own. Raises ``OSError``."""
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    return T5EncoderModel.from_pretrained(folder, local_files_only=local_only, use_safetensors=True)


def load_t5_encoder(folder: Path | str, *, local_only: bool = False) -> TextEncoder:
    """T5 and its tokenizer from a folder, or by the name of a repository of the Hub. Raises ``ModelError``."""
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=local_only, trust_remote_code=False)
        model = load_t5(folder, local_only=local_only)
    except (OSError, ValueError, SafetensorError) as error:
        reason = str(error).splitlines()[0][:200]
        raise ModelError(
            f"The text encoder {folder} cannot be loaded ({reason}): run sideman models pull, or name its folder."
        ) from error
    return TextEncoder(model, lambda text: list(tokenizer(text)["input_ids"]))
