"""The receipt that lies beside every clip: what it is, what it was made of, and by what.

JSON that a person can read: two spaces of indent, fields always in the order of ``Receipt``. Beats are
quarter notes from the start of the song; seconds count from the start of the clip.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, ConfigDict, Field, PlainSerializer, TypeAdapter, ValidationError, with_config

from bridge.errors import ClipError
from bridge.fit_record import FitRecord
from bridge.made_from import MadeFrom
from bridge.notices import Notice
from bridge.score_record import Score
from midi.chords import Chord, parse_chord
from midi.drums import DrumHit
from midi.errors import SidemanError
from midi.keys import Key, parse_key, tonic_chord
from midi.melody import Note
from midi.time import Beats, Bpm, MeterPoint, Seconds, TempoMap, TempoPoint

SCHEMA_VERSION: Final = 1
"""Raised when a field changes its meaning or goes away; new fields leave it as it is."""
MAX_WHOLE: Final = 2**63 - 1
MAX_START: Final = 1e9
"""Beats; a song of years."""


def _key_label(key: Key) -> str:
    return key.label


def _key_of(value: object) -> object:
    return parse_key(value) if isinstance(value, str) else value


def _number_or_none(level: float) -> float | None:
    return level if math.isfinite(level) else None


def _number_of(value: object) -> object:
    return -math.inf if value is None else value


KeyText = Annotated[Key, BeforeValidator(_key_of), PlainSerializer(_key_label)]
Level = Annotated[float, Field(allow_inf_nan=True), BeforeValidator(_number_of), PlainSerializer(_number_or_none)]
"""A level in decibels; JSON has no infinity, so that of silence is null there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChordAsked:
    """A chord as it was asked for, in the spelling of the client."""

    start: Beats
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChordUsed:
    """A chord as the engine was given it."""

    start_s: Seconds
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChordSubstituted:
    """A chord that the model does not know, and the label that it was given for it.

    ``distance`` counts the pitch classes that only one of the two has, and one more for another bass.
    """

    asked: str
    label: str
    distance: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioWindow:
    """A stretch of the clip that the engine made in one go.

    ``heard_s`` is how much it heard or made before that, which is not in this stretch; ``join_db`` how much the level
    of its first second differs from that of the second before.
    """

    start_s: Seconds
    duration_s: Seconds
    heard_s: Seconds | None = None
    join_db: float | None = None


@with_config(ConfigDict(extra="ignore", allow_inf_nan=False))
@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """Everything about a clip.

    ``model`` and ``weights_licence`` belong to a neural engine, ``soundfont`` and ``soundfont_licence`` to what
    played notes: the sketch engine, or the drums that a model was given to hear; the others are None. ``bpm`` is
    the tempo at the clip's start, ``tempo`` and ``meter`` are the song's whole maps. ``chords_asked`` is the chart,
    ``chords_used`` what the engine was given, ``caption`` what a model was asked for in words, ``engine_settings`` how
    it was asked, ``given_audio`` the file that it went on from. ``drums`` and ``melody`` are those inside the clip.
    ``created_at`` is UTC in ISO 8601. What the player says of a clip (``kept``, ``rejected``, ``tags``) and where it
    was placed stand here too, and not in the library alone, which is made anew from receipts when it is lost.

    ``sha256`` is that of the whole WAV file, ``audio_sha256`` that of the audio in it, without the headers: two
    renderings with one seed have it in common. ``ClipFolder`` fills in both, and ``file``.
    """

    schema_version: int = SCHEMA_VERSION
    file: str = ""
    engine: str
    model: str | None = None
    weights_licence: str | None = None
    soundfont: str | None = None
    soundfont_licence: str | None = None
    request_id: str
    take: int
    seed: int
    draft: bool = False
    """Whether it is a draft: a better take from the same seed is being made, to replace it."""
    replaces: str | None = None
    """The file of the draft that this take replaces."""
    prompt: str
    caption: str | None = None
    target: str = ""
    bpm: Bpm
    tempo: tuple[TempoPoint, ...]
    meter: tuple[MeterPoint, ...]
    key: KeyText | None
    start: Beats
    bars: int
    chords_asked: tuple[ChordAsked, ...] = ()
    chords_used: tuple[ChordUsed, ...] = ()
    chords_substituted: tuple[ChordSubstituted, ...] = ()
    drums: tuple[DrumHit, ...] = ()
    drum_track: str | None = None
    """A file that the model heard in the place of the chart's drums, with its SHA-256."""
    melody: tuple[Note, ...] = ()
    engine_settings: dict[str, Any] = field(default_factory=dict)
    given_audio: str | None = None
    windows: tuple[AudioWindow, ...] = ()
    tempo_fit: FitRecord | None = None
    """How a model's audio was laid on the session's beats, where it was to be."""
    score: Score | None = None
    """How near the clip comes to its chart; it is written when it was measured, a moment after the clip."""
    total_score: float | None = None
    kept: bool = False
    """Whether the player said that this take is to be kept."""
    rejected: bool = False
    """Whether the player said that it is not; no take is both."""
    placed: str = ""
    """Where the DAW took the clip, in words; empty where none has said so."""
    tags: tuple[str, ...] = ()
    """The player's own words for it, sorted."""
    best_of: tuple[float | None, ...] = ()
    """The totals of all takes, where this is the best of them."""
    sample_rate_hz: int
    frames: int
    seconds: Seconds
    loudness_lufs: Level
    peak_dbfs: Level
    gain_db: float
    limited_db: float
    folded_s: Seconds
    sha256: str = ""
    audio_sha256: str = ""
    computed_on: str = "cpu"
    """The device that the engine computed on, and the precision of a model."""
    versions: dict[str, str]
    seconds_spent: float
    created_at: str
    notices: tuple[Notice, ...] = ()
    made_from: MadeFrom | None = None
    """What ``sideman replay`` needs to make the audio again; None in receipts of versions that did not write it."""

    @property
    def tempo_map(self) -> TempoMap:
        """The song's tempo and meter."""
        return TempoMap(tempos=self.tempo, meters=self.meter)

    @property
    def chart_chords(self) -> tuple[tuple[Beats, Chord | None], ...]:
        """The chart's chords and where each begins. Raises ``ChordError`` for one that cannot be read."""
        return tuple((asked.start, self._chord(asked.label)) for asked in self.chords_asked)

    def _chord(self, label: str) -> Chord | None:
        """A chord as it was asked for; the key's own chord, where nothing but a key was, is written as the key."""
        if self.key and label == self.key.label:
            return tonic_chord(self.key)
        return parse_chord(label)


_RECEIPT: Final[TypeAdapter[Receipt]] = TypeAdapter(Receipt)


def receipt_to_json(receipt: Receipt) -> bytes:
    """The receipt as UTF-8 JSON that ends with a line break."""
    return _RECEIPT.dump_json(receipt, indent=2) + b"\n"


def receipt_from_json(text: str | bytes) -> Receipt:
    """The inverse of ``receipt_to_json``. Raises ``ClipError`` for what is not a receipt, or of a newer version.

    Anyone may have written it: its numbers are finite and fit a database, and its maps are maps.
    """
    try:
        receipt = _RECEIPT.validate_json(text)
        _require_possible(receipt)
    except ValidationError as error:
        _require_known_version(_version_of(text))
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ClipError(f"This is not a receipt of a clip: {place + ': ' if place else ''}{first['msg']}.") from None
    except SidemanError as error:
        raise ClipError(f"This is not a receipt of a clip: {error}") from None
    _require_known_version(receipt.schema_version)
    return receipt


def _require_possible(receipt: Receipt) -> None:
    """Raises ``ClipError``, and ``NotationError`` for a map that is none."""
    counts = (receipt.take, receipt.bars, receipt.sample_rate_hz, receipt.frames)
    if min(counts) < 0 or max(*counts, abs(receipt.seed)) > MAX_WHOLE:
        raise ClipError("a whole number in it cannot be.")
    if abs(receipt.start) > MAX_START:
        raise ClipError(f"it cannot begin at beat {receipt.start:g}.")
    _ = receipt.tempo_map


def _version_of(text: str | bytes) -> object:
    """The version that a text claims to be of; None where it is no JSON object."""
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return values.get("schema_version") if isinstance(values, dict) else None


def _require_known_version(version: object) -> None:
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise ClipError(
            f"This receipt is of version {version}, and this Sideman reads them up to version {SCHEMA_VERSION}: "
            "update Sideman."
        )
