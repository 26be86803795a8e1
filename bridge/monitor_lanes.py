"""The chart of a daemon's state as lanes: four bars of chords and drums, as they are laid out for clips. Pure.

A lane is text of one character for each step (a sixteenth), bars parted by a rule. Chords stand where they begin; a
name that the next one leaves no room for is cut.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from midi.charts import ChordChart, DrumChart
from midi.chords import ChordChange, chord_label, parse_chord, parse_progression
from midi.drums import STEP_VELOCITIES, VOICES, DrumHit, parse_pattern
from midi.errors import SidemanError
from midi.time import STEPS_PER_BEAT, Beats, Bpm, Meter, MeterPoint, Seconds, TempoMap, TempoPoint

BARS: Final = 4
"""Bars in a lane at the most; they are as many from bar 1 on, then the next."""
RULE: Final = "│"
REST: Final = "·"
NEAR: Final = 0.01
"""Places that are nearer than this share of a beat are one."""
_STEPS: Final = sorted(((velocity, step) for step, velocity in STEP_VELOCITIES.items() if velocity), reverse=True)
_ORDER: Final = {voice.name: index for index, voice in enumerate(VOICES)}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Song:
    """The time and charts of a state. ``whole`` is false where the state was too long to be sent whole."""

    time: TempoMap
    chords: ChordChart
    drums: DrumChart
    notes: int
    whole: bool

    def position_after(self, position: float, seconds: float) -> Beats:
        """Where a song that runs is some seconds later."""
        reached = self.time.seconds_at(Beats(position)) + seconds
        return self.time.beats_at(Seconds(reached))


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """One line: a name, and a character for each step and rule."""

    name: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lanes:
    """The lanes of some bars. ``columns`` are the steps' beats by column, None at rules."""

    bars: range
    lanes: tuple[Lane, ...]
    columns: tuple[Beats | None, ...]

    def column_of(self, position: Beats) -> int | None:
        """The column that sounds at a position."""
        found = None
        for column, beat in enumerate(self.columns):
            if beat is not None and beat <= position:
                found = column
        return found


def song_of(state: Mapping[str, Any]) -> Song:
    """The song of a daemon's state; what was left out of it, or cannot be read, is left out."""
    time = _time(state)
    lengths = state.get("chart_bars") or {}
    progression = state.get("chords")
    changes = tuple(
        ChordChange(at=Beats(one["beat"]), chord=parse_chord(one["chord"])) for one in state.get("chord_changes") or ()
    )
    hits = tuple(
        DrumHit(at=Beats(one["beat"]), voice=one["voice"], velocity=one["velocity"])
        for one in state.get("drum_hits") or ()
    )
    return Song(
        time=time,
        chords=ChordChart(
            progression=parse_progression(progression) if progression else None,
            changes=changes,
            bars=lengths.get("chords"),
        ),
        drums=DrumChart(patterns=tuple(_patterns(state, time)), hits=hits, bars=lengths.get("drums")),
        notes=int(state.get("melody_count", len(state.get("melody") or ()))),
        whole=not state.get("shortened", False),
    )


def _time(state: Mapping[str, Any]) -> TempoMap:
    transport = state["transport"]
    tempos, meters = state.get("tempo_map"), state.get("meter_map")
    if not tempos or not meters:
        return TempoMap.constant(Bpm(transport["tempo"]), _meter(transport["meter"]))
    return TempoMap(
        tempos=tuple(TempoPoint(at=Beats(one["beat"]), bpm=Bpm(one["bpm"]), ramp=one["ramp"]) for one in tempos),
        meters=tuple(MeterPoint(bar=one["bar"], meter=_meter(one["meter"])) for one in meters),
    )


def _meter(text: str) -> Meter:
    numerator, _, denominator = text.partition("/")
    return Meter(numerator=int(numerator), denominator=int(denominator))


def _patterns(state: Mapping[str, Any], time: TempoMap) -> Iterable[Any]:
    for voice, text in (state.get("drums") or {}).items():
        try:
            yield parse_pattern(voice, text, time)
        except SidemanError:  # one that fits the meter no more: the daemon says so when a clip is asked for
            continue


@lru_cache(maxsize=4)
def lanes(song: Song, bar: int, width: int) -> Lanes:
    """The lanes around a bar: four bars, or two or one where ``width`` columns hold no more."""
    bars = range(bar, bar + 1)
    for count in (BARS, BARS // 2, 1):
        first = bar - (bar - 1) % count
        bars = range(first, first + count)
        if 1 + sum(song.time.meter_of(one).steps + 1 for one in bars) <= width:
            break
    columns: list[Beats | None] = [None]
    for one in bars:
        line = song.time.bar_start(one)
        columns += [Beats(line + step / STEPS_PER_BEAT) for step in range(song.time.meter_of(one).steps)]
        columns.append(None)
    return Lanes(bars=bars, lanes=(_chords(song, columns), *_drums(song, columns)), columns=tuple(columns))


def _ends(columns: list[Beats | None]) -> tuple[Beats, Beats]:
    beats = [beat for beat in columns if beat is not None]
    return beats[0], Beats(beats[-1] + 1 / STEPS_PER_BEAT)


def _blank(columns: list[Beats | None], rest: str) -> list[str]:
    return [RULE if beat is None else rest for beat in columns]


def _column(columns: list[Beats | None], at: Beats) -> int | None:
    """The step nearest to a place."""
    near = [
        column for column, beat in enumerate(columns) if beat is not None and abs(beat - at) <= 0.5 / STEPS_PER_BEAT
    ]
    return near[0] if near else None


def _chords(song: Song, columns: list[Beats | None]) -> Lane:
    start, end = _ends(columns)
    text = _blank(columns, " ")
    for span in song.chords.spans(song.time, start, end):
        room = [
            at for at, beat in enumerate(columns) if beat is not None and span.start <= beat + NEAR < span.end + NEAR
        ]
        label = chord_label(span.chord)
        shown = label if len(label) <= len(room) else label[: len(room) - 1] + "…"
        for at, letter in zip(room, shown, strict=False):
            text[at] = letter
    return Lane(name="chords", text="".join(text))


def _drums(song: Song, columns: list[Beats | None]) -> list[Lane]:
    start, end = _ends(columns)
    rows: dict[str, list[str]] = {pattern.voice: _blank(columns, REST) for pattern in song.drums.patterns}
    try:
        hits = song.drums.layout(song.time, start, end).hits
    except SidemanError:
        hits = ()
    for hit in hits:
        row = rows.setdefault(hit.voice, _blank(columns, REST))
        column = _column(columns, hit.at)
        if column is not None:
            row[column] = next((step for velocity, step in _STEPS if hit.velocity >= velocity), _STEPS[-1][1])
    return [Lane(name=voice, text="".join(rows[voice])) for voice in sorted(rows, key=_ORDER.__getitem__)]
