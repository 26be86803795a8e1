"""REAPER's web interface: what it answers, and what that says of the session. Pure.

It tells of transport, meter, markers and regions, and not of tempo. But each answer has the song's place in seconds and
in beats at once, so the tempo is told by two of them; and one is enough where there is only one tempo. Where the tempo
changes, seconds of markers cannot be told in beats: then their chords are left out, and that is said.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final, TypeVar

from midi import events as ev
from midi.charts import ChordChart
from midi.chords import Chord, ChordChange, parse_chord
from midi.errors import ChordError, MeterError
from midi.time import MAX_BPM, MIN_BPM, Beats, Bpm, Meter
from plugin_host.host import HostError

T = TypeVar("T")

PORT: Final = 8080
"""REAPER's own choice."""
STATE: Final = "BEATPOS"
NAMES: Final = "MARKER;REGION"
MAX_NAMES: Final = 512
TEMPO_CHANGES: Final = (
    "The tempo changes in this REAPER project, and REAPER's web interface does not say where: chords of markers are "
    "left out. Sideman's own script tells all of it (sideman install reaper)."
)
_PLAYING: Final = (1, 5)
_STEP_S: Final = 0.02
"""Places nearer to each other tell no tempo."""
_LEAP_S: Final = 2.0
"""Nor do those of a song that plays and are farther from each other: it has jumped."""
_SAME_BPM: Final = 0.05
_ESCAPES: Final = MappingProxyType({"n": "\n", "t": "\t", "\\": "\\"})


@dataclass(frozen=True, slots=True, kw_only=True)
class BeatPosition:
    """Where the song is: seconds, beats as REAPER counts them, the measure and the beats into it, and the meter."""

    playing: bool
    seconds: float
    full_beats: float
    measure: int
    beats: float
    meter: Meter


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A marker, or with an end a region; in seconds."""

    name: str
    start: float
    end: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What an answer has; a part that was not asked for is None."""

    position: BeatPosition | None = None
    names: tuple[Named, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Song:
    """What REAPER has said so far."""

    position: BeatPosition | None = None
    beat: float = 0.0
    told: float | None = None
    tempo: Bpm | None = None
    tempo_changes: bool = False
    chart: ChordChart | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """The song after an answer, what changed of the session, and what is to be said."""

    song: Song
    events: tuple[ev.SessionEvent, ...] = ()
    notice: str = ""


# Reading


def read(text: str) -> Answer:
    """An answer; lines of other commands are passed over. Raises ``HostError`` for a line that is damaged."""
    position: BeatPosition | None = None
    names: list[Named] = []
    asked = False
    for line in text.replace("\r", "").split("\n"):
        word, *fields = line.split("\t")
        if word == "BEATPOS":
            position = _line(line, fields, 7, _position)
        elif word == "MARKER":
            names.append(_line(line, fields, 3, _marker))
        elif word == "REGION":
            names.append(_line(line, fields, 4, _region))
        elif word in {"MARKER_LIST", "REGION_LIST"}:
            asked = True
    return Answer(position=position, names=tuple(names[:MAX_NAMES]) if asked else None)


def _line(line: str, fields: Sequence[str], count: int, reader: Callable[[Sequence[str]], T]) -> T:
    try:
        if len(fields) < count:
            raise ValueError
        return reader(fields)
    except (ValueError, OverflowError, MeterError):
        raise HostError(f"REAPER's web interface answered {line[:80]!r}, which this version does not know.") from None


def _position(fields: Sequence[str]) -> BeatPosition:
    meter = Meter(numerator=int(fields[5]), denominator=int(fields[6]))
    return BeatPosition(
        playing=int(fields[0]) in _PLAYING,
        seconds=_number(fields[1]),
        full_beats=_number(fields[2]),
        measure=int(fields[3]),
        beats=_number(fields[4]),
        meter=meter,
    )


def _marker(fields: Sequence[str]) -> Named:
    return Named(name=_unescaped(fields[0]), start=_number(fields[2]))


def _region(fields: Sequence[str]) -> Named:
    return Named(name=_unescaped(fields[0]), start=_number(fields[2]), end=_number(fields[3]))


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value) or abs(value) > 1e7:
        raise ValueError(text)
    return value


def _unescaped(text: str) -> str:
    parts, escaped = [], False
    for character in text:
        if escaped:
            parts.append(_ESCAPES.get(character, "\\" + character))
        elif character != "\\":
            parts.append(character)
        escaped = character == "\\" and not escaped
    return "".join(parts)


# What it says of the session


def hear(song: Song, answer: Answer) -> Heard:
    """What an answer changes. What was said before is not told again; only a position that is another always is."""
    events: list[ev.SessionEvent] = []
    notice = ""
    if answer.position:
        before = song
        song, told = _moved(song, answer.position)
        events += told
        if song.tempo_changes and not before.tempo_changes:
            notice = TEMPO_CHANGES
    if answer.names is not None:
        chart = _chart(song, answer.names)
        if chart != song.chart:
            events.append(ev.SetChordChart(chart=chart) if chart else ev.ClearChords())
            song = replace(song, chart=chart)
    return Heard(song=song, events=tuple(events), notice=notice)


def _moved(song: Song, now: BeatPosition) -> tuple[Song, list[ev.SessionEvent]]:
    before, beat = song.position, _quarters(now)
    events: list[ev.SessionEvent] = []
    if before is None or before.meter != now.meter:
        events.append(ev.SetMeter(meter=now.meter))
    tempo = _tempo(song, now, beat)
    changes = song.tempo_changes or _varies(now, beat, tempo)
    if tempo is not None and (song.tempo is None or abs(tempo - song.tempo) > _SAME_BPM):
        events.append(ev.SetTempo(bpm=tempo))
    else:
        tempo = song.tempo
    told = song.told
    if before is None or before.playing != now.playing:
        events.append(ev.Play(at=Beats(beat)) if now.playing else ev.Stop())
        told = beat if now.playing else told
    if told is None or abs(beat - told) >= (1.0 if now.playing else 1e-3):
        events.append(ev.Locate(at=Beats(beat)))
        told = beat
    return replace(song, position=now, beat=beat, told=told, tempo=tempo, tempo_changes=changes), events


def _quarters(now: BeatPosition) -> float:
    """The place in quarter notes. Whether ``full_beats`` counts those or the meter's beats shows in other meters."""
    den = now.meter.denominator
    counted = [(now.measure - first) * now.meter.numerator + now.beats for first in (0, 1)]
    as_own = min(abs(now.full_beats - one) for one in counted)
    as_quarters = min(abs(now.full_beats * den / 4 - one) for one in counted)
    return max(0.0, now.full_beats * 4 / den if as_own < as_quarters else now.full_beats)


def _tempo(song: Song, now: BeatPosition, beat: float) -> Bpm | None:
    """By this place and the last one while the song plays; where no tempo is known yet, by the song's start."""
    if song.position and song.position.playing and now.playing:
        passed = now.seconds - song.position.seconds
        return _bpm(passed, beat - song.beat) if passed < _LEAP_S else None
    return _bpm(now.seconds, beat) if song.tempo is None else None


def _bpm(seconds: float, beats: float) -> Bpm | None:
    if seconds < _STEP_S:
        return None
    bpm = 60 * beats / seconds
    return Bpm(round(bpm, 2)) if MIN_BPM <= bpm <= MAX_BPM else None


def _varies(now: BeatPosition, beat: float, tempo: Bpm | None) -> bool:
    """Whether the song would have got elsewhere at this tempo from its start."""
    return tempo is not None and abs(beat - now.seconds * tempo / 60) > 0.01 + 0.002 * beat


def _chart(song: Song, names: Sequence[Named]) -> ChordChart | None:
    """Regions that are named as chords, else markers; None where there are none, or there is not one tempo."""
    if song.tempo is None or song.tempo_changes:
        return None
    found = sorted(_chords(names), key=lambda pair: pair[0].start)
    chosen = [pair for pair in found if pair[0].end is not None] or found
    changes: dict[Beats, Chord | None] = {}
    for index, (named, chord) in enumerate(chosen):
        changes[_beat(song.tempo, named.start)] = chord
        following = chosen[index + 1][0].start if index + 1 < len(chosen) else math.inf
        if named.end is not None and following > named.end + 0.001:
            changes[_beat(song.tempo, named.end)] = None
    if not changes:
        return None
    return ChordChart(changes=tuple(ChordChange(at=at, chord=changes[at]) for at in sorted(changes)))


def _chords(names: Sequence[Named]) -> Iterator[tuple[Named, Chord | None]]:
    for named in names:
        try:
            yield named, parse_chord(named.name.strip())
        except ChordError:
            continue


def _beat(tempo: Bpm, seconds: float) -> Beats:
    return Beats(max(0.0, round(seconds * tempo / 60, 3)))
