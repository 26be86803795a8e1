"""Drums as they are played, and the loop in them.

Strokes keep their place to the tick: swing and feel are not quantised. A flam is one stroke. The loop is the last one,
two, four or eight whole bars, whichever number repeats best; it becomes a chart that goes on where the player is.
Pure; bounded in bars and in strokes.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from midi.bar_loops import MAX_BARS, bars_apart, chart_place, on_bar_line
from midi.charts import DrumChart
from midi.drum_layouts import DRUM_LAYOUTS, DrumLayout
from midi.drums import DrumHit
from midi.performance import NoteOn, PlayedEvent
from midi.time import Beats, TempoMap

MAX_HITS: Final = 4096
FLAM: Final = Beats(1 / 16)
"""Strokes of one voice closer than this are one: 31 ms at 120. Rolls in thirty-seconds are twice as wide."""
LOOP_BARS: Final = (1, 2, 4, 8)

SAME_STROKE: Final = Beats(0.12)
"""How far a stroke may lie from where it was one loop before and still be a repetition."""
REPEATS: Final = 0.8
"""Least likeness (0 to 1) of two stretches that repeat."""
_AS_GOOD: Final = 0.05
"""A longer loop must be more alike than a shorter one by this."""
_UNREPEATED_BARS: Final = 4
"""Most bars of a loop where nothing repeats."""
_BACK: Final = Beats(1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class DrumCapture:
    """The strokes of the last ``MAX_BARS`` bars, sorted by place.

    ``channel`` (from 0) is the one that is heard; None where everything on the port is drums. ``unknown`` are notes
    that the layout has no voice for, as they came.
    """

    layout: DrumLayout = field(default_factory=lambda: DRUM_LAYOUTS["general midi"])
    channel: int | None = None
    hits: tuple[DrumHit, ...] = ()
    unknown: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class DrumLoop:
    """The bars that repeat: their number, the strokes at song positions, and how alike (0 to 1) the bars before are."""

    bars: int
    hits: tuple[DrumHit, ...]
    likeness: float


def drummed(capture: DrumCapture, event: PlayedEvent, tempo_map: TempoMap) -> DrumCapture:
    """The capture after an event; releases and pedals say nothing.

    Positions run on; after a jump of the transport send ``drums_moved`` first. A stroke that comes late from the port
    may lie before the last one by less than a beat; earlier ones are left out.
    """
    if not isinstance(event, NoteOn) or (capture.channel is not None and event.source % 16 != capture.channel):
        return capture
    voice = capture.layout.get(event.pitch)
    if voice is None:
        return replace(capture, unknown=capture.unknown | {event.pitch})
    hit = DrumHit(at=on_bar_line(tempo_map, event.at), voice=voice, velocity=event.velocity)
    hits = capture.hits
    if hits and hit.at < hits[-1].at - _BACK:
        return capture
    same = next((index for index in _lately(hits, hit.at) if hits[index].voice == voice), None)
    if same is not None:
        if hits[same].velocity >= hit.velocity:
            return capture
        hits = (*hits[:same], *hits[same + 1 :])
    place = bisect_left(hits, (hit.at, hit.voice), key=_order)
    return replace(capture, hits=_bounded((*hits[:place], hit, *hits[place:]), tempo_map))


def drums_moved(capture: DrumCapture, left: Beats, reached: Beats, tempo_map: TempoMap) -> DrumCapture:
    """The capture when the transport jumps: what was played comes to lie in the bars before the one that is reached."""
    shift = bars_apart(tempo_map, left, reached)
    return replace(capture, hits=tuple(replace(hit, at=Beats(hit.at + shift)) for hit in capture.hits))


def drum_loop(capture: DrumCapture, at: Beats, tempo_map: TempoMap) -> DrumLoop | None:
    """The loop in what was played up to a position; None before a whole bar was played.

    The bar that is being played does not count, nor empty bars at the end, nor a first bar that was entered after its
    first beat (a count-in, an upbeat). Bars of another meter than the last one do not count either.
    """
    bars = _whole_bars(capture.hits, at, tempo_map)
    fitting = [number for number in LOOP_BARS if number <= len(bars)]
    if not fitting:
        return None
    likenesses = {number: _likeness(bars[-number:], bars[-2 * number : -number]) for number in fitting}
    best = fitting[0]
    for number in fitting:
        if likenesses[number] > likenesses[best] + _AS_GOOD:
            best = number
    if likenesses[best] < REPEATS:
        best = max(number for number in fitting if number <= _UNREPEATED_BARS)
    hits = tuple(hit for bar in bars[-best:] for hit in bar.hits)
    return DrumLoop(bars=best, hits=hits, likeness=likenesses[best])


def loop_chart(loop: DrumLoop, tempo_map: TempoMap) -> DrumChart:
    """The loop as a chart that goes on in phase: the song's next bars repeat its bars in their order."""
    hits = [replace(hit, at=chart_place(tempo_map, hit.at, loop.bars)) for hit in loop.hits]
    return DrumChart(hits=tuple(sorted(hits, key=_order)), bars=loop.bars)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bar:
    start: Beats
    hits: tuple[DrumHit, ...]


def _order(hit: DrumHit) -> tuple[Beats, str]:
    return hit.at, hit.voice


def _lately(hits: Sequence[DrumHit], at: Beats) -> Iterator[int]:
    """The strokes within a flam of a place, from the last one back."""
    for index in range(len(hits) - 1, -1, -1):
        if hits[index].at <= at - FLAM:
            return
        if hits[index].at < at + FLAM:
            yield index


def _bounded(hits: tuple[DrumHit, ...], tempo_map: TempoMap) -> tuple[DrumHit, ...]:
    """The strokes of the last bars, and no more than ``MAX_HITS``."""
    oldest = tempo_map.bar_start(tempo_map.bar_at(hits[-1].at).bar - MAX_BARS + 1)
    first = 0 if hits[0].at >= oldest else bisect_left(hits, oldest, key=lambda hit: hit.at)
    return hits[max(first, len(hits) - MAX_HITS) :] if first or len(hits) > MAX_HITS else hits


def _whole_bars(hits: Sequence[DrumHit], at: Beats, tempo_map: TempoMap) -> list[_Bar]:
    """The bars that were played from their first beat to their end, the last of them with a stroke in it."""
    now = tempo_map.bar_at(on_bar_line(tempo_map, at)).bar
    by_bar: dict[int, list[DrumHit]] = {}
    for hit in hits:
        by_bar.setdefault(tempo_map.bar_at(hit.at).bar, []).append(hit)
    played = [bar for bar in by_bar if bar < now]
    if not played:
        return []
    first, last = min(played), max(played)
    if by_bar[first][0].at - tempo_map.bar_start(first) >= 1.0:
        first += 1
    meter = tempo_map.meter_of(last)
    bars: list[_Bar] = []
    for bar in range(last, max(first, last - MAX_BARS + 1) - 1, -1):
        if tempo_map.meter_of(bar) != meter:
            break
        bars.append(_Bar(start=tempo_map.bar_start(bar), hits=tuple(by_bar.get(bar, ()))))
    return bars[::-1]


def _likeness(bars: Sequence[_Bar], before: Sequence[_Bar]) -> float:
    """How many strokes of two stretches of bars have a partner in the other, from 0 to 1; 0 where there are none."""
    if len(before) < len(bars):
        return 0.0
    total = sum(len(bar.hits) for bar in (*bars, *before))
    paired = sum(_paired(one, other) for one, other in zip(bars, before, strict=True))
    return 2 * paired / total if total else 0.0


def _paired(one: _Bar, other: _Bar) -> int:
    """Strokes of one bar that lie at the same place, of the same voice, in another; each has one partner at most."""
    free: dict[str, list[float]] = {}
    for hit in other.hits:
        free.setdefault(hit.voice, []).append(hit.at - other.start)
    pairs = 0
    for hit in one.hits:
        places = free.get(hit.voice, [])
        index = next((i for i, place in enumerate(places) if abs(place - (hit.at - one.start)) <= SAME_STROKE), None)
        if index is not None:
            del places[: index + 1]
            pairs += 1
    return pairs


def unknown_notes(capture: DrumCapture) -> Mapping[int, str]:
    """A sentence for each note that was played and has no voice."""
    return {
        note: f"Note {note} has no drum voice in this layout: give it one in the drum map."
        for note in sorted(capture.unknown)
    }
