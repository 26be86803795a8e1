"""A text encoder of Sideman's own: a word is a row of a table, and a description is the rows of its words.

JASCO and MAGNeT attend to the rows, so that no network is needed before them. Words that the table has not are left
out; a description of such words alone is none. How tempos, keys and meters are spelled is in ``models.word_spelling``.

A folder of it:

``config.json``
    ``{"encoder": "sideman-words", "format": 1, "dim": 64}``.
``tokenizer.json``
    the words, as the library ``tokenizers`` writes them.
``words.safetensors``
    the table [words, dim]; its first row stands for words that are not known, and is never given.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Final, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from tokenizers import Regex, Tokenizer, pre_tokenizers
from tokenizers.models import WordLevel
from torch import Tensor

from models.errors import ModelError
from models.word_spelling import TEMPO_WORDS, TONIC_WORDS, spelled

ENCODER: Final = "sideman-words"
FORMAT: Final = 1
CONFIG_FILE: Final = "config.json"
TOKENIZER_FILE: Final = "tokenizer.json"
TABLE_FILE: Final = "words.safetensors"
TABLE: Final = "words"

MAX_WORDS: Final = 128
"""Longer descriptions are refused rather than cut."""
UNKNOWN: Final = "[unknown]"
"""The first row: it pads, and stands for what is not known."""
ALWAYS: Final = (*TEMPO_WORDS, *TONIC_WORDS, "major", "minor")
"""Words that a vocabulary has even if no caption has them."""
_WORD: Final = r"[\w#&]+"


class WordsConfig(BaseModel):
    """What ``config.json`` holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    encoder: Literal["sideman-words"] = ENCODER
    format: Literal[1] = FORMAT
    dim: Annotated[int, Field(strict=True, ge=1)]


class WordsEncoder:
    """A vocabulary and its table [words, dim], for whatever takes ``models.text_encoders.EncodesText``.

    ``encode`` is differentiable by the table where that asks for a gradient.
    """

    def __init__(self, tokenizer: Tokenizer, table: Tensor) -> None:
        """Raises ``ModelError`` when the table has not one row for each word."""
        self.tokenizer = tokenizer
        self.table = table
        _require_rows(tokenizer, table)

    @property
    def dim(self) -> int:
        """The size of a row."""
        return self.table.shape[1]

    def save(self, folder: Path, *, dtype: torch.dtype | None = None) -> None:
        """Write the folder, the table in ``dtype`` where one is given. Raises ``OSError``."""
        folder.mkdir(parents=True, exist_ok=True)
        config = WordsConfig(dim=self.dim).model_dump_json(indent=2)
        (folder / CONFIG_FILE).write_text(config + "\n", encoding="utf-8")
        (folder / TOKENIZER_FILE).write_text(self.tokenizer.to_str(pretty=True) + "\n", encoding="utf-8")
        table = self.table.detach().to(device="cpu", dtype=dtype or self.table.dtype).contiguous()
        try:
            save_file({TABLE: table}, folder / TABLE_FILE)
        except SafetensorError as error:
            raise OSError(str(error)) from error

    def to(self, device: str) -> None:
        """Move the table to a device. One that learns is a parameter there too: hand it to an optimizer afterwards."""
        moved = self.table.detach().to(device)
        if moved.device != self.table.device:
            learns = self.table.requires_grad
            self.table = torch.nn.Parameter(moved, requires_grad=learns) if learns else moved

    def tokens(self, descriptions: Sequence[str | None]) -> tuple[Tensor, Tensor]:
        """Rows of the table and attention mask [B, L]; 0 where there is no word.

        Raises ``ModelError`` for a description that is too long.
        """
        rows = [self._rows_of(description) if description else [] for description in descriptions]
        longest = max(1, *(len(row) for row in rows))
        ids = torch.zeros(len(rows), longest, dtype=torch.long)
        for place, row in enumerate(rows):
            ids[place, : len(row)] = torch.tensor(row, dtype=torch.long)
        return ids, (ids > 0).long()

    def encode(self, descriptions: Sequence[str | None]) -> tuple[Tensor, Tensor]:
        """States [B, L, D] in float32, zero where there is no word, and the attention mask [B, L].

        Raises ``ModelError`` for a description that is too long.
        """
        ids, mask = (part.to(self.table.device) for part in self.tokens(descriptions))
        states = torch.nn.functional.embedding(ids, self.table.float())
        return states * mask[..., None], mask

    def _rows_of(self, description: str) -> list[int]:
        known = [row for row in self.tokenizer.encode(spelled(description), add_special_tokens=False).ids if row]
        if len(known) > MAX_WORDS:
            raise ModelError(
                f"The description has {len(known)} words that the model knows, and it reads {MAX_WORDS}: shorten it."
            )
        return known


def words_of(captions: Iterable[str], *, at_least: int = 2, at_most: int = 4096) -> Tokenizer:
    """A vocabulary of the words that stand in captions ``at_least`` times, and of ``ALWAYS``; ``at_most`` in all.

    The same captions give the same vocabulary, in whatever order they come.
    """
    split = _splitter()
    counts: Counter[str] = Counter()
    for caption in captions:
        counts.update(word for word, _ in split.pre_tokenize_str(spelled(caption)))
    common = sorted(
        (word for word, count in counts.items() if count >= at_least), key=lambda word: (-counts[word], word)
    )
    words = [UNKNOWN, *ALWAYS, *(word for word in common if word not in {UNKNOWN, *ALWAYS})]
    tokenizer = Tokenizer(WordLevel({word: row for row, word in enumerate(words[:at_most])}, unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = split
    return tokenizer


def new_words(tokenizer: Tokenizer, dim: int = 64, *, seed: int = 0) -> WordsEncoder:
    """An encoder with a table of random rows, for a trainer to begin with: a parameter, its rows about 1 long."""
    source = torch.Generator().manual_seed(seed)
    table = torch.randn(tokenizer.get_vocab_size(), dim, generator=source) * dim**-0.5
    return WordsEncoder(tokenizer, torch.nn.Parameter(table))


def load_words(folder: Path) -> WordsEncoder:
    """The encoder of a folder, in float32. Raises ``ModelError``."""
    config = _read_config(folder / CONFIG_FILE)
    tokenizer = _read_tokenizer(folder / TOKENIZER_FILE)
    table = _read_table(folder / TABLE_FILE)
    if table.shape[1] != config.dim:
        raise ModelError(
            f"The words in {folder} are rows of {table.shape[1]} numbers, and its {CONFIG_FILE} says {config.dim}: "
            "get the model again."
        )
    return WordsEncoder(tokenizer, table)


def _splitter() -> pre_tokenizers.PreTokenizer:
    """Runs of letters, digits and signs of notes are words; all else is between them."""
    splitter: pre_tokenizers.PreTokenizer = pre_tokenizers.Split(Regex(_WORD), behavior="removed", invert=True)
    return splitter


def _read_config(path: Path) -> WordsConfig:
    try:
        return WordsConfig.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, ValidationError) as error:
        raise ModelError(f"{path} is no description of a word encoder of this version: get the model again.") from error


def _read_tokenizer(path: Path) -> Tokenizer:
    damaged = f"{path} cannot be read: get the model again."
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise ModelError(damaged) from error
    try:
        return Tokenizer.from_str(text)
    except Exception as error:  # the library knows no other
        raise ModelError(damaged) from error


def _read_table(path: Path) -> Tensor:
    try:
        tensors = load_file(path)
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path} cannot be read ({error}): get the model again.") from error
    table = tensors.get(TABLE)
    if table is None or len(tensors) != 1 or table.dim() != 2 or not table.is_floating_point():
        raise ModelError(f"{path} holds no table of words: get the model again.")
    if not torch.isfinite(table).all():
        raise ModelError(f"{path} holds what is not a number: get the model again.")
    return table.float()


def _require_rows(tokenizer: Tokenizer, table: Tensor) -> None:
    vocabulary = tokenizer.get_vocab()
    if sorted(vocabulary.values()) != list(range(len(vocabulary))) or vocabulary.get(UNKNOWN) != 0:
        raise ModelError(
            f"The vocabulary is none of a word encoder: its rows have gaps, or {UNKNOWN} is not the first."
        )
    if table.dim() != 2 or len(table) != len(vocabulary):
        raise ModelError(
            f"The vocabulary has {len(vocabulary)} words, and the table is {list(table.shape)}: they are not of one "
            "model."
        )
