"""What a training is told, in TOML: ``sideman train codec|jasco|magnet PLAN.toml``.

Paths are relative to the file. Everything but the music, the run's folder and the codec has a value of its own, with
which Sideman's own model was trained on a CPU.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

from pydantic import AfterValidator, Field, ValidationError, model_validator

from bridge.neural_config import Section
from bridge.toml_tables import mistakes_of, read_table
from bridge.user_paths import expanded
from models.codec import CodecConfig
from models.errors import TrainingError
from models.jasco import JascoConfig
from models.magnet import MagnetConfig
from models.presets import DECODINGS, known_solver
from models.training_chart import WINDOW_S
from models.training_codec import CodecRecipe
from models.training_flow import FlowRecipe
from models.training_numbers import Count
from models.training_run import RunSettings
from models.training_tokens import TokenRecipe
from models.vocabulary import chord_vocabulary

MELODY_ROWS: Final = 53
"""The notes that a melody may have, as in JASCO's release."""
UserPath = Annotated[Path, AfterValidator(expanded)]
_Small = Annotated[int, Field(strict=True, ge=1, le=64)]
_PLACE: Final = ("run", "music", "held_out", "codec", "start", "latents", "device", "threads", "listening")
"""What a run does not hang on: where things are, what computes, and who listens; the music counts by its content."""
_PACE: Final = ("save_every", "log_every")


class CodecModel(Section):
    """The shape of a codec, as ``models.codec.CodecConfig`` has it; it has no recurrent layers."""

    sample_rate_hz: Annotated[int, Field(strict=True, ge=4000, le=96000)] = 32000
    dimension: Count = 64
    filters: Count = 16
    ratios: tuple[_Small, ...] = Field(default=(8, 5, 4, 4), min_length=1, max_length=8)
    kernel_size: Count = 7
    last_kernel_size: Count = 7
    residual_kernel_size: Count = 3
    residual_layers: Count = 1
    dilation_base: Count = 2
    compress: Count = 2
    codebooks: Annotated[int, Field(strict=True, ge=1, le=32)] = 4
    bins: Annotated[int, Field(strict=True, ge=2, le=16384)] = 1024

    @model_validator(mode="after")
    def _wide_enough(self) -> CodecModel:
        if self.filters < self.compress:
            raise ValueError(f"filters cannot be fewer than compress, {self.filters} than {self.compress}")
        return self

    @property
    def config(self) -> CodecConfig:
        """As the codec takes it."""
        return CodecConfig(lstm_layers=0, **self.model_dump())


class _Heads(Section):
    """A transformer whose heads share its size evenly."""

    dim: Annotated[int, Field(strict=True, ge=4)] = 192
    heads: Count = 4
    layers: Count = 6
    hidden_scale: Count = 4
    words_dim: Count = 64
    """The size of a word's row."""

    @model_validator(mode="after")
    def _even(self) -> _Heads:
        if self.dim % self.heads or self.dim % 2:
            raise ValueError(f"{self.heads} heads do not share a dim of {self.dim} evenly, or it is odd")
        return self


class FlowModel(_Heads):
    """The shape of a JASCO."""

    chords_dim: Count = 40
    drums_dim: Count = 16
    melody_dim: Annotated[int, Field(strict=True, ge=0)] = 16
    time_dim: Annotated[int, Field(strict=True, ge=4)] = 128
    blur_frames: Count = 3
    skips: bool = True

    @model_validator(mode="after")
    def _paired(self) -> FlowModel:
        if self.skips and self.layers % 2:
            raise ValueError(f"with skips the number of layers is even, and {self.layers} is not")
        return self

    def config(self, codec: CodecConfig, *, mean: float, std: float) -> JascoConfig:
        """As the model takes it, on the latents of a codec."""
        return JascoConfig(
            **self.model_dump(exclude={"words_dim"}),
            flow_dim=codec.dimension,
            melody_rows=MELODY_ROWS if self.melody_dim else 0,
            chord_count=len(chord_vocabulary()),
            latent_mean=mean,
            latent_std=std,
            frame_rate_hz=codec.frame_rate_hz,
            sample_rate_hz=codec.sample_rate_hz,
            segment_s=WINDOW_S,
            dropped_for_text=frozenset({"chords", "self_wav", "melody"}),
        )


class TokensModel(_Heads):
    """The shape of a MAGNeT; ``reach`` are the frames that the finer codebooks hear to either side."""

    reach: Count = 5
    span: _Small = 3

    def config(self, codec: CodecConfig) -> MagnetConfig:
        """As the model takes it, on the tokens of a codec."""
        return MagnetConfig(
            **self.model_dump(exclude={"words_dim"}),
            codebooks=codec.codebooks,
            bins=codec.bins,
            frame_rate_hz=int(codec.frame_rate_hz),
            sample_rate_hz=codec.sample_rate_hz,
            segment_s=WINDOW_S,
            sound=False,
        )


def _device(name: str) -> str:
    if not re.fullmatch(r"auto|cpu|cuda(:\d{1,2})?", name):
        raise ValueError("a training runs on auto, cpu, cuda or a GPU by number such as cuda:1")
    return name


def _decoding(name: str) -> str:
    if name not in DECODINGS:
        raise ValueError(f"the decodings are {', '.join(DECODINGS)}")
    return name


class Listening(Section):
    """How often what was learnt so far is listened to (0 is never), on how many pieces, and how it is asked."""

    every: Annotated[int, Field(strict=True, ge=0)] = 1000
    pieces: Annotated[int, Field(strict=True, ge=1, le=512)] = 4
    all_weight: Annotated[float, Field(ge=0, le=20)] = 2.0
    text_weight: Annotated[float, Field(ge=0, le=20)] = 0.0
    solver: Annotated[str, AfterValidator(known_solver)] = "standard"
    decoding: Annotated[str, AfterValidator(_decoding)] = "draft"


class _Plan(Section):
    """What all trainings are told."""

    run: UserPath
    music: tuple[UserPath, ...] = Field(min_length=1)
    held_out: tuple[UserPath, ...] = ()
    """Music to listen on; without any it is the music that is learnt, and scores say less."""
    pieces: Count | None = None
    """At most so many pieces of the music."""
    device: Annotated[str, AfterValidator(_device)] = "auto"
    threads: Annotated[int, Field(strict=True, ge=0, le=1024)] = 0
    """Of the CPU; 0 is as many as there are cores. Other numbers give other roundings."""
    listening: Listening = Listening()

    @property
    def recipe_text(self) -> str:
        """All that the run hangs on, but its music and codec: two texts are the same or the runs are not."""
        tree = self.model_dump(mode="json")
        for name in _PLACE:
            tree.pop(name, None)
        for name in _PACE:
            tree["learning"].pop(name)
        return json.dumps(tree, sort_keys=True)


class CodecPlan(_Plan):
    """``sideman train codec``; ``start`` is a codec to begin with, and its shape is then the model's."""

    start: UserPath | None = None
    model: CodecModel = CodecModel()
    learning: RunSettings = RunSettings(steps=5200, rate=1.2e-3, average=0.998)
    recipe: CodecRecipe = CodecRecipe()

    @model_validator(mode="after")
    def _begun(self) -> CodecPlan:
        if self.recipe.decoder_only and self.start is None:
            raise ValueError(
                "recipe.decoder_only learns a decoder for the latents of another codec: name it with start"
            )
        return self


class _OnCodec(_Plan):
    """A training on a codec: a run of ``sideman train codec``, or a converted checkpoint."""

    codec: UserPath
    latents: UserPath = Path("latents")
    """Where encoded music is kept."""


class JascoPlan(_OnCodec):
    """``sideman train jasco``; ``start`` is a checkpoint of our own to begin with, of the same shape."""

    start: UserPath | None = None
    model: FlowModel = FlowModel()
    learning: RunSettings = RunSettings(steps=9500, rate=1.5e-3, average=0.9985)
    recipe: FlowRecipe = FlowRecipe()


class MagnetPlan(_OnCodec):
    """``sideman train magnet``."""

    model: TokensModel = TokensModel()
    learning: RunSettings = RunSettings(steps=20000, rate=1e-3, average=0.999)
    recipe: TokenRecipe = TokenRecipe()


Plan = TypeVar("Plan", CodecPlan, JascoPlan, MagnetPlan)


def read_plan(path: Path, kind: type[Plan]) -> Plan:
    """Read a plan. Raises ``TrainingError`` with every mistake that it has."""
    try:
        tree = read_table(path)
    except ValueError as error:
        raise TrainingError(f"The plan {path} {error}.") from None
    usual: RunSettings = kind.model_fields["learning"].default
    if isinstance(tree.get("learning"), dict):
        own = {"steps": usual.steps, "rate": usual.rate, "average": usual.average}
        tree["learning"] = {**own, **tree["learning"]}
    try:
        return _placed(kind.model_validate(tree), path.parent)
    except ValidationError as error:
        lines = "\n".join(f"  {line}" for line in mistakes_of(error, kind))
        raise TrainingError(f"The plan {path} cannot be used:\n{lines}") from None


def _placed(plan: Plan, folder: Path) -> Plan:
    """The plan with its paths taken from the folder of its file."""
    values: dict[str, Any] = {}
    for name in ("run", "codec", "latents", "start"):
        place: Path | None = getattr(plan, name, None)
        if place is not None:
            values[name] = folder / place
    for name in ("music", "held_out"):
        values[name] = tuple(folder / one for one in getattr(plan, name))
    return plan.model_copy(update=values)
