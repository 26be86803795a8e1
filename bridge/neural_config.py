"""How the neural engines are asked: sections of the configuration whose values a session may override.

The table of settings (``SETTINGS``) is derived from the sections, so OSC, command line and file know the same names.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from bridge.captions import DEFAULT_CAPTION, check_parts
from bridge.errors import RequestError
from bridge.user_paths import expanded
from models.bundled import BUNDLED
from models.card import Recommended
from models.presets import DECODINGS, Decoding, SpanArrangement, SpanScoring, known_solver

AUTO: Final = "auto"
"""The decoding that suits the model: ``sound`` for a model of sounds, ``standard`` for one of music."""
SOUND: Final = "sound"
STANDARD: Final = "standard"
CODEBOOKS: Final = 4


class BadSetting(RequestError):
    """There is no such setting, or it does not take the value."""

    code = "bad_setting"


class Section(BaseModel):
    """A table of the configuration."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)


def _preset(name: str) -> str:
    if name != AUTO and name not in DECODINGS:
        raise ValueError(f"the presets are {AUTO}, {', '.join(DECODINGS)}")
    return name


def _listed(value: object) -> object:
    """``20, 10, 10, 10`` as a list, the way it comes from a command line or a message."""
    return re.findall(r"[^\s,\[\]]+", value) if isinstance(value, str) else value


_Steps = Annotated[tuple[Annotated[int, Field(ge=1, le=1000)], ...], Field(min_length=CODEBOOKS, max_length=CODEBOOKS)]


def _parts(value: object) -> object:
    """``{prompt} | bpm: {bpm}`` as its parts, the way it comes from a command line or a message."""
    return [part.strip() for part in value.split("|")] if isinstance(value, str) else value


def _known_parts(parts: tuple[str, ...]) -> tuple[str, ...]:
    check_parts(parts)
    return parts


_Caption = Annotated[
    tuple[Annotated[str, Field(max_length=200)], ...],
    BeforeValidator(_parts),
    Field(max_length=16),
    AfterValidator(_known_parts),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class JascoAsked:
    """How a JASCO is asked; the defaults are how the released models are."""

    solver: str = STANDARD
    all_weight: float = 5.0
    text_weight: float = 0.0


def jasco_asked(
    recommended: Recommended,
    *,
    solver: str | None = None,
    all_weight: float | None = None,
    text_weight: float | None = None,
) -> JascoAsked:
    """How a model is asked whose card recommends this, where the user chose that; None is no choice."""
    chosen = {"solver": solver, "all_weight": all_weight, "text_weight": text_weight}
    told = {name: value for name, value in chosen.items() if value is not None}
    return JascoAsked(**(recommended.model_dump(exclude_none=True) | told))


class JascoConfig(Section):
    """The engine ``jasco``: its model, the solver, and guidance by all conditions and by the text alone.

    Of solver and guidance, None is what the model's card recommends, or else the default of ``JascoAsked``.
    """

    model: str = BUNDLED
    """A short name, a repository of the Hub, or a converted folder."""
    solver: Annotated[str, AfterValidator(known_solver)] | None = None
    all_weight: Annotated[float, Field(ge=0, le=20)] | None = None
    text_weight: Annotated[float, Field(ge=0, le=20)] | None = None
    caption: _Caption = DEFAULT_CAPTION
    """What the model is asked for in words; what chords and drums say already is left out."""
    kit: Annotated[Path, AfterValidator(expanded)] | None = None
    """What the model hears its drums with: a folder of one audio file for each voice, or a soundfont."""

    def asked(self, recommended: Recommended) -> JascoAsked:
        """How a model is asked whose card recommends this."""
        return jasco_asked(recommended, solver=self.solver, all_weight=self.all_weight, text_weight=self.text_weight)


class MagnetConfig(Section):
    """The engine ``magnet``: its model, a preset, and what is to be other than the preset has it (None: nothing)."""

    model: str = "magnet-small-10secs"
    caption: _Caption = DEFAULT_CAPTION
    preset: Annotated[str, AfterValidator(_preset)] = AUTO
    decoding_steps: Annotated[_Steps | None, BeforeValidator(_listed)] = None
    temperature: Annotated[float, Field(gt=0, le=100)] | None = None
    anneal_temperature: bool | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    top_k: Annotated[int, Field(ge=0, le=100_000)] | None = None
    cfg_max: Annotated[float, Field(ge=0, le=100)] | None = None
    cfg_min: Annotated[float, Field(ge=0, le=100)] | None = None
    span_arrangement: SpanArrangement | None = None
    span_scoring: SpanScoring | None = None
    sampling: bool | None = None
    tempo_fit: bool = True
    """Whether what the model made is laid on the session's beats."""

    def decoding(self, *, sound: bool) -> Decoding:
        """What MAGNeT is told; ``sound`` is whether the model makes sounds rather than music."""
        name = (SOUND if sound else STANDARD) if self.preset == AUTO else self.preset
        given = {one.name: getattr(self, one.name) for one in fields(Decoding)}
        return replace(DECODINGS[name], **{name: value for name, value in given.items() if value is not None})


class DraftConfig(Section):
    """How soon takes come, of the section ``engine``."""

    draft_first: bool = False
    """Whether a take comes as a draft first, and is replaced by a better one from the same seed."""


Neural = JascoConfig | MagnetConfig
_SECTIONS: Final[Mapping[str, type[Neural]]] = {"jasco": JascoConfig, "magnet": MagnetConfig}

DRAFT_FIRST: Final = "engine.draft_first"

SETTINGS: Final[Mapping[str, tuple[type[Section], str]]] = MappingProxyType(
    {DRAFT_FIRST: (DraftConfig, "draft_first")}
    | {
        f"{section}.{name}": (model, name)
        for section, model in _SECTIONS.items()
        for name in model.model_fields
        if name not in {"model", "kit"}
    }
)
"""What a session may set, by name. Model and kit are files that the daemon starts with, so they are none of them."""


def require_setting(name: str, value: str | None) -> None:
    """See that a setting takes a value, written as in the configuration. Raises ``BadSetting``."""
    if name not in SETTINGS:
        near = difflib.get_close_matches(name, SETTINGS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(SETTINGS)}."
        raise BadSetting(f"There is no setting {name[:64]!r}; {hint}")
    if value is None:
        return
    section, field = SETTINGS[name]
    try:
        section.model_validate({field: value})
    except ValidationError as error:
        told = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise BadSetting(f"{name} cannot be {value[:64]!r}: {told[:1].lower()}{told[1:]}.") from None


def drafts_first(config: DraftConfig, settings: Iterable[tuple[str, str]]) -> bool:
    """Whether a session's takes come as drafts first."""
    given = dict(settings).get(DRAFT_FIRST)
    return config.draft_first if given is None else DraftConfig.model_validate({"draft_first": given}).draft_first


def overlaid_jasco(config: JascoConfig, settings: Iterable[tuple[str, str]]) -> JascoConfig:
    """The section with what a session set."""
    return JascoConfig.model_validate(_laid_over(config, "jasco", settings))


def overlaid_magnet(config: MagnetConfig, settings: Iterable[tuple[str, str]]) -> MagnetConfig:
    """The section with what a session set."""
    return MagnetConfig.model_validate(_laid_over(config, "magnet", settings))


def _laid_over(config: Neural, section: str, settings: Iterable[tuple[str, str]]) -> dict[str, Any]:
    prefix = f"{section}."
    set_now = {name.removeprefix(prefix): value for name, value in settings if name.startswith(prefix)}
    return config.model_dump() | set_now
