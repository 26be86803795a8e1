"""What is known of a converted checkpoint. Importing this module imports no torch."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from models.bundled import mending
from models.errors import ModelError
from models.presets import known_solver

CARD_FILE: Final = "model.json"
TENSORS_FILE: Final = "model.safetensors"
TEXT_FOLDER: Final = "text"
CARD_FORMAT: Final = 1


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class SourceFile(_Frozen):
    """A file that a checkpoint was converted from."""

    name: str
    bytes: int
    sha256: str


_Size = Annotated[int, Field(strict=True, ge=1)]


class CodecShape(_Frozen):
    """The fields of ``models.codec.CodecConfig``, which says what they mean; here they are only checked."""

    sample_rate_hz: _Size
    channels: _Size
    dimension: _Size
    filters: _Size
    ratios: Annotated[tuple[_Size, ...], Field(min_length=1)]
    kernel_size: _Size
    last_kernel_size: _Size
    residual_kernel_size: _Size
    residual_layers: _Size
    dilation_base: _Size
    compress: _Size
    lstm_layers: Annotated[int, Field(strict=True, ge=0)]
    pad_mode: Literal["reflect", "constant"]
    codebooks: _Size
    bins: _Size


class Recommended(_Frozen):
    """How a JASCO is best asked where the user says nothing else: guidance and solver; None is what all models have."""

    all_weight: Annotated[float, Field(ge=0, le=20)] | None = None
    text_weight: Annotated[float, Field(ge=0, le=20)] | None = None
    solver: Annotated[str, AfterValidator(known_solver)] | None = None


class Card(_Frozen):
    """A converted checkpoint: its origin and licence, what it can do, its configuration and checksums.

    ``segment_s`` is the window that it plays, ``melody`` whether it takes one, ``sound`` whether it makes sounds
    rather than music, ``codec`` the fields of ``CodecConfig``, ``dropped`` the tensors that were left out with the
    reason. A model of our own says in ``summary`` what it is, in ``trained_on`` what it has heard, in ``measured`` its
    scores by name.
    """

    format: int = CARD_FORMAT
    name: str
    kind: str
    repository: str = ""
    revision: str = ""
    licence: str
    segment_s: float
    sample_rate_hz: int
    melody: bool
    sound: bool = False
    xp_config: str
    codec: dict[str, Any]
    sources: tuple[SourceFile, ...] = ()
    tensors_sha256: str
    dropped: dict[str, str] = {}
    summary: str = ""
    trained_on: str = ""
    measured: dict[str, Annotated[float, Field(allow_inf_nan=False)]] = {}
    recommended: Recommended = Recommended()

    @property
    def frame_rate_hz(self) -> float:
        """Latent frames of the codec in a second."""
        shape = CodecShape.model_validate(self.codec)
        return shape.sample_rate_hz / math.prod(shape.ratios)

    def to_json(self) -> str:
        """The text of ``model.json``."""
        return self.model_dump_json(indent=2) + "\n"


def read_card(folder: Path) -> Card:
    """The card in a converted folder. Raises ``ModelError`` with what is wrong and what to do."""
    path = folder / CARD_FILE
    missing = [name for name in (CARD_FILE, TENSORS_FILE, TEXT_FOLDER) if not (folder / name).exists()]
    if missing:
        raise ModelError(f"{folder} is no whole model: it lacks {' and '.join(missing)}; {mending(folder)}.")
    unreadable = f"{path} cannot be read: {mending(folder)}."
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(unreadable) from error
    if not isinstance(values, dict):
        raise ModelError(unreadable)
    if values.get("format") != CARD_FORMAT:
        raise ModelError(f"{folder} was converted by another version of Sideman: {mending(folder)}.")
    try:
        card = Card.model_validate(values)
        CodecShape.model_validate(card.codec)
    except ValidationError as error:
        raise ModelError(unreadable) from error
    return card
