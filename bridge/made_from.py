"""What a clip was made from, exactly: all that ``sideman replay`` needs. It lies in the receipt.

The controls are those that the engine was given, so that a later version which plans otherwise plays them as they were.
Takes of one request are made in one batch, and a model's numbers depend on the batch: so the seeds of all are kept.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, TypeAlias

from pydantic import BeforeValidator, Field, PlainSerializer, TypeAdapter

from bridge.requests import GenerationRequest, Window
from midi.chords import chord_label, parse_chord
from models.checksums import sha256_of
from models.generator import JascoControls, MagnetPrompt, SketchChart

EngineControls: TypeAlias = SketchChart | JascoControls | MagnetPrompt
_CONTROLS: Final[TypeAdapter[EngineControls]] = TypeAdapter(Annotated[EngineControls, Field(discriminator="kind")])
NOT_THERE: Final = "no longer there"
"""Stands for the checksum of a file that was gone when the receipt was written."""


def _controls_to_json(controls: EngineControls) -> dict[str, Any]:
    """The controls as JSON values, chords by their symbols."""
    values: dict[str, Any] = _CONTROLS.dump_python(controls, mode="json")
    if isinstance(controls, SketchChart):
        for written, span in zip(values["chords"], controls.chords, strict=True):
            written["chord"] = chord_label(span.chord)
    return values


def _controls_of_json(value: object) -> object:
    """The inverse. Raises ``ChordError`` for a chord that cannot be read."""
    if not isinstance(value, dict) or value.get("kind") != "sketch" or not isinstance(value.get("chords"), list):
        return value
    spans = [
        {**span, "chord": _chord(span.get("chord"))} if isinstance(span, dict) else span for span in value["chords"]
    ]
    return {**value, "chords": spans}


def _chord(label: object) -> object:
    return parse_chord(label) if isinstance(label, str) else label


Controls = Annotated[
    EngineControls,
    Field(discriminator="kind"),
    BeforeValidator(_controls_of_json),
    PlainSerializer(_controls_to_json),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileUsed:
    """An audio file that the engine heard, and its SHA-256 when the clip was made."""

    path: Path
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeFrom:
    """A take's controls, the seeds of its request's takes in order, and how it was mastered.

    ``sounds_sha256`` is that of the soundfont or drum kit that played notes (``bridge.engine_parts``). ``digest`` is
    that of all the other fields: what was changed by hand has another.
    """

    controls: Controls
    seeds: tuple[int, ...]
    window: Window
    loudness_lufs: float
    ceiling_dbfs: float
    files: tuple[FileUsed, ...] = ()
    sounds_sha256: str | None = None
    digest: str = ""


_MADE_FROM: Final[TypeAdapter[MadeFrom]] = TypeAdapter(MadeFrom)


def made_from(request: GenerationRequest, take: int, *, sounds_sha256: str | None) -> MadeFrom:
    """What a take of a request is made from."""
    found = MadeFrom(
        controls=request.controls[take],
        seeds=tuple(controls.seed for controls in request.controls),
        window=request.window,
        loudness_lufs=request.loudness_lufs,
        ceiling_dbfs=request.ceiling_dbfs,
        files=tuple(_used(path) for path in files_of(request.controls[take])),
        sounds_sha256=sounds_sha256,
    )
    return dataclasses.replace(found, digest=digest_of(_MADE_FROM.dump_python(found, mode="json")))


def digest_of(values: Mapping[str, Any]) -> str:
    """SHA-256 of what stands in a receipt under ``made_from``, without the digest itself."""
    rest = {name: value for name, value in values.items() if name != "digest"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True, ensure_ascii=True).encode()).hexdigest()


def files_of(controls: EngineControls) -> tuple[Path, ...]:
    """The audio files that an engine hears."""
    match controls:
        case JascoControls(drum_track=Path() as path):
            return (path,)
        case MagnetPrompt(given=given) if given is not None:
            return (given.path,)
        case _:
            return ()


def _used(path: Path) -> FileUsed:
    try:
        return FileUsed(path=path, sha256=sha256_of(path))
    except OSError:
        return FileUsed(path=path, sha256=NOT_THERE)
