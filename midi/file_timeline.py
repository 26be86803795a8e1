"""The tempo map, meter map and key of a MIDI file."""

from __future__ import annotations

import math
from typing import Final

from midi.errors import KeyNameError, MeterError
from midi.file_events import FileEvents
from midi.keys import Key, parse_key
from midi.time import FOUR_FOUR, MAX_BPM, MIN_BPM, Beats, Bpm, Meter, MeterPoint, TempoMap, TempoPoint

DEFAULT_BPM: Final = Bpm(120.0)
"""The tempo of a file that says none, by the MIDI specification."""
NO_TEMPO: Final = f"The file says no tempo; {DEFAULT_BPM:g} is assumed."
"""The notice of such a file."""
_MICROSECONDS_A_MINUTE: Final = 60_000_000
_ROUNDING: Final = 1e-9
"""Part of a bar below which a position lies on the bar line."""


def read_tempo_map(file: FileEvents, notices: list[str]) -> TempoMap:
    """The file's tempo and meter maps; adds to ``notices`` what had to be assumed, limited or moved."""
    return TempoMap(tempos=_tempos(file, notices), meters=_meters(file, notices))


def _tempos(file: FileEvents, notices: list[str]) -> tuple[TempoPoint, ...]:
    """Tempo points; of several at one tick the last counts."""
    bpms: dict[int, float] = {}
    for event in file.events:
        if event.message.type == "set_tempo":
            microseconds = event.message.tempo
            bpms[event.tick] = _MICROSECONDS_A_MINUTE / microseconds if microseconds else math.inf
    if not bpms:
        notices.append(NO_TEMPO)
    limited = [bpm for bpm in bpms.values() if not MIN_BPM <= bpm <= MAX_BPM]
    if limited:
        notices.append(f"{len(limited)} tempos outside {MIN_BPM:g} to {MAX_BPM:g} were limited.")
    points = [TempoPoint(at=Beats(0.0), bpm=DEFAULT_BPM)]
    for tick, bpm in bpms.items():
        point = TempoPoint(at=file.beat(tick), bpm=Bpm(min(max(bpm, MIN_BPM), MAX_BPM)))
        if tick == 0:
            points[0] = point
        elif point.bpm != points[-1].bpm:
            points.append(point)
    return tuple(points)


def _meters(file: FileEvents, notices: list[str]) -> tuple[MeterPoint, ...]:
    """Meter points; a change inside a bar moves to the next bar line, and of several on one the last counts."""
    points = [MeterPoint(bar=1, meter=FOUR_FOUR)]
    line = 0.0
    refused: list[str] = []
    moved: list[int] = []
    for event in file.events:
        if event.message.type != "time_signature":
            continue
        meter = _meter(event.message.numerator, event.message.denominator, refused)
        last = points[-1]
        if meter is None or meter == last.meter:
            continue
        bars = (file.beat(event.tick) - line) / last.meter.beats
        whole = max(0, math.ceil(bars - _ROUNDING))
        if whole - bars > _ROUNDING:
            moved.append(max(last.bar, last.bar + whole - 1))
        line += whole * last.meter.beats
        points[len(points) - (whole == 0) :] = [MeterPoint(bar=last.bar + whole, meter=meter)]
    if refused:
        notices.append(f"{len(refused)} meters were left out. {refused[0]}")
    if moved:
        notices.append(f"{len(moved)} meter changes inside a bar (bar {moved[0]}) were moved to the next bar line.")
    return tuple(points)


def _meter(numerator: int, denominator: int, refused: list[str]) -> Meter | None:
    try:
        return Meter(numerator=numerator, denominator=denominator)
    except MeterError as error:
        refused.append(str(error))
        return None


def read_key(file: FileEvents, notices: list[str]) -> Key | None:
    """The first key signature; None where there is none."""
    names = list(dict.fromkeys(event.message.key for event in file.events if event.message.type == "key_signature"))
    if not names:
        return None
    if len(names) > 1:
        notices.append(f"The file changes key ({', '.join(names[:6])}); the first one is used.")
    try:
        return parse_key(names[0])
    except KeyNameError as error:
        notices.append(str(error))
        return None
