"""What the models take a description from, and which of the two that is: T5, or a table of words of our own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol

from torch import Tensor

from models.errors import ModelError
from models.words import CONFIG_FILE, ENCODER, load_words
from models.xp_config import XpConfig

T5: Final = "t5"
_DECLARED: Final = "encoder"
"""The key of ``config.json`` by which a folder says that it is not of transformers."""


class EncodesText(Protocol):
    """A text encoder: descriptions in, states [B, L, dim] and their attention mask [B, L] out."""

    @property
    def dim(self) -> int:
        """The size of a state."""
        ...

    def save(self, folder: Path) -> None:
        """Write what ``load_text_encoder`` reads; T5 without its tokenizer. Raises ``OSError``."""
        ...

    def to(self, device: str) -> None:
        """Move it to a device."""
        ...

    def tokens(self, descriptions: Sequence[str | None]) -> tuple[Tensor, Tensor]:
        """Token ids and attention mask [B, L]; a row without text is masked whole. Raises ``ModelError``."""
        ...

    def encode(self, descriptions: Sequence[str | None]) -> tuple[Tensor, Tensor]:
        """States, zero at padding and where there is no text, and the mask. Raises ``ModelError``."""
        ...


def declared_encoder(folder: Path | str) -> str:
    """Which encoder a folder says it holds: ``t5`` where it says nothing. Raises ``ModelError`` for an unknown one."""
    try:
        config = json.loads((Path(folder) / CONFIG_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):  # a name of the Hub, or a damaged folder, which T5's loader tells of
        return T5
    declared = config.get(_DECLARED, T5) if isinstance(config, dict) else T5
    if declared not in {T5, ENCODER}:
        raise ModelError(
            f"{folder} holds the text encoder {str(declared)[:64]!r}, which this version does not know; "
            f"it knows {T5} and {ENCODER}."
        )
    return str(declared)


def named_encoder(config: XpConfig) -> str:
    """Which encoder a checkpoint's ``xp.cfg`` names. Raises ``ModelError`` for an unknown one."""
    named = config.get("conditioners.description.model", T5)
    if named not in {T5, ENCODER}:
        raise ModelError(
            f"The checkpoint's text encoder is {str(named)[:64]!r}, which this version does not know; "
            f"it knows {T5} and {ENCODER}."
        )
    return str(named)


def require_named(config: XpConfig, folder: Path) -> None:
    """See that a folder holds the encoder that ``xp.cfg`` names. Raises ``ModelError``."""
    named, found = named_encoder(config), declared_encoder(folder)
    if named != found:
        raise ModelError(f"The model's text encoder is {named}, and {folder} holds {found}: it is another model's.")


def load_text_encoder(folder: Path | str, *, local_only: bool = False) -> EncodesText:
    """The text encoder of a folder, by what the folder declares; T5 also by its name on the Hub.

    Raises ``ModelError``.
    """
    if declared_encoder(folder) == ENCODER:
        return load_words(Path(folder))
    from models.text import load_t5_encoder  # noqa: PLC0415  a model with words of its own needs no T5

    return load_t5_encoder(folder, local_only=local_only)
