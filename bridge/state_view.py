"""The session as JSON: what ``/sideman/state`` answers. Chords, keys and patterns are written as they are sent."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, Final, Generic, TypeVar

from bridge.session import SessionState
from midi.chords import ChordChange, Progression, chord_label
from midi.drums import DrumHit
from midi.events import AudioRegion
from midi.melody import Note
from midi.time import Seconds, TempoMap

Json = dict[str, Any]
T = TypeVar("T")
SHORT: Final = 64
"""Longer lists and texts are left out of a shortened view."""


class _Kept(Generic[T]):
    """The view of a long tuple, made once for as long as it is the same one; it is not to be changed."""

    def __init__(self, view: Callable[[T], Json]) -> None:
        self._view = view
        self._made: tuple[Sequence[T], list[Json]] = ((), [])

    def __call__(self, source: Sequence[T]) -> list[Json]:
        of, made = self._made
        if of is not source:
            made = [self._view(one) for one in source]
            self._made = source, made
        return made


_changes: Final = _Kept[ChordChange](lambda change: {"beat": change.at, "chord": chord_label(change.chord)})
_hits: Final = _Kept[DrumHit](lambda hit: {"beat": hit.at, "voice": hit.voice, "velocity": hit.velocity})
_notes: Final = _Kept[Note](
    lambda note: {"beat": note.at, "length": note.length, "pitch": note.pitch, "velocity": note.velocity}
)


class ViewText:
    """A view as JSON. What is long is written once for as long as it is the same object: charts change seldom."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[object, str]] = {}

    def of(self, view: Json) -> str:
        """The same as ``json.dumps``, without spaces; half of a surrogate pair becomes a question mark."""
        return f"{{{','.join(f'{_dumped(name)}:{self._text(name, value)}' for name, value in view.items())}}}"

    def _text(self, name: str, value: object) -> str:
        if not isinstance(value, list) or len(value) <= SHORT:
            return _dumped(value)
        of, text = self._kept.get(name, (None, ""))
        if of is not value:
            text = _dumped(value)
            self._kept[name] = value, text
        return text


def _dumped(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
    return text.encode("utf-8", "replace").decode()


def state_view(state: SessionState, now: Seconds) -> Json:
    """The state as a tree of JSON values; positions are beats, and ``now`` is a monotonic time."""
    position = state.position_at(now)
    return {
        "revision": state.revision,
        "transport": {
            "playing": state.transport.playing,
            "position": position,
            "tempo": state.tempo_map.bpm_at(position),
            "meter": str(state.tempo_map.meter_of(state.tempo_map.bar_at(position).bar)),
        },
        **time_view(state.tempo_map),
        "from": state.start,
        "key": state.key.label if state.key else None,
        "chords": progression_text(state.chords.progression),
        "chord_changes": _changes(state.chords.changes),
        "drums": {pattern.voice: pattern.text for pattern in state.drums.patterns},
        "drum_hits": _hits(state.drums.hits),
        "melody": _notes(state.melody.notes),
        "chart_bars": {"chords": state.chords.bars, "drums": state.drums.bars, "melody": state.melody.bars},
        "prompt": state.prompt,
        "engine": state.engine,
        "bars": state.bars,
        "takes": state.takes,
        "best": state.best,
        "trigger": {"mode": state.trigger.mode, "bars": state.trigger.bars},
        "seed": -1 if state.seed is None else state.seed,
        "target": state.target,
        "settings": dict(state.settings),
        "given_audio": _region_view(state.given),
        "drum_track": None if state.drum_track is None else str(state.drum_track.path),
    }


def _region_view(region: AudioRegion | None) -> Json | None:
    if region is None:
        return None
    within = {"from": region.start, "to": region.end} if region.place == "within" else {}
    return {"path": str(region.path), "place": region.place, **within}


def shortened(view: Json) -> Json:
    """A view that fits a datagram: long lists and texts are their lengths, under the name with ``_count``."""
    short: Json = {"shortened": True}
    for name, value in view.items():
        if isinstance(value, list | dict | str) and len(value) > SHORT:
            short[f"{name}_count"] = len(value)
        elif isinstance(value, dict):
            kept = {key: inner for key, inner in value.items() if not isinstance(inner, str) or len(inner) <= SHORT}
            short[name] = kept
        else:
            short[name] = value
    return short


def time_view(tempo_map: TempoMap) -> Json:
    """The tempo map by beats and the meter map by bars."""
    return {
        "tempo_map": [{"beat": point.at, "bpm": point.bpm, "ramp": point.ramp} for point in tempo_map.tempos],
        "meter_map": [{"bar": point.bar, "meter": str(point.meter)} for point in tempo_map.meters],
    }


def progression_text(progression: Progression | None) -> str | None:
    """A progression in bar notation; None where there is none."""
    if progression is None:
        return None
    return " | ".join(" ".join(chord_label(chord) for chord in bar) for bar in progression.bars)
