"""Charts: what was written, before it is laid out in time.

A chart keeps the notation (bars, patterns, single hits) and is laid out against a tempo map only when
a clip is planned, so the order in which meter and notation arrive does not matter. A chart begins at
beat 0 and repeats when it is shorter than the song.

Repetition goes by bars: song bar ``k`` takes source bar ``(k - 1) mod n + 1``, with ``n`` the chart's
period in bars. Layout costs time for the bars asked for, never for the bars before them.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol, TypeVar

from midi.chords import Chord, ChordChange, ChordSpan, Progression
from midi.drums import DrumHit, Pattern, pattern_bars
from midi.melody import Note
from midi.time import STEPS_PER_BEAT, BarPosition, Beats, TempoMap

SAME_PLACE: Final = Beats(1e-4)
"""Positions closer than this are one position: OSC carries 32-bit floats, which miss a third by as much."""


class _Placed(Protocol):
    @property
    def at(self) -> Beats: ...


_Event = TypeVar("_Event", bound=_Placed)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChordChart:
    """A progression in bars, and single changes laid over it (sorted, one a beat position).

    ``bars`` is the least length in bars; None for as long as the content.
    """

    progression: Progression | None = None
    changes: tuple[ChordChange, ...] = ()
    bars: int | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing was written; a chart of nothing but N.C. is not empty."""
        return self.progression is None and not self.changes

    def with_change(self, change: ChordChange) -> ChordChart:
        """This chart with ``change`` added, or put in the place of the one at the same beat."""
        others = [other for other in self.changes if other.at != change.at]
        insort(others, change, key=_at)
        return replace(self, changes=tuple(others))

    def spans(self, tempo_map: TempoMap, start: Beats, end: Beats) -> tuple[ChordSpan, ...]:
        """The chords of ``[start, end)`` without gaps, neighbours that are equal merged; () for an empty chart.

        Chords of a bar share its length equally. A change replaces what sounds until the next change or
        symbol. Before the first change of a chart without progression there is no chord; when the chart
        repeats, its last chord holds until then.
        """
        if self.is_empty or start >= end:
            return ()
        layout = _ChordLayout(self, tempo_map)
        first = tempo_map.bar_at(start).bar
        starts = [(start, layout.held_into(first))]
        for bar in range(first, _last_bar(tempo_map, end) + 1):
            for at, chord in layout.events_of(bar):
                if at <= start:
                    starts = [(start, chord)]
                elif at < end:
                    starts.append((at, chord))
        return tuple(_merged(starts, end))


class _ChordLayout:
    """A chord chart against a tempo map."""

    def __init__(self, chart: ChordChart, tempo_map: TempoMap) -> None:
        self._map = tempo_map
        self._symbols = chart.progression.bars if chart.progression else ()
        self._places = [_source_place(tempo_map, change.at) for change in chart.changes]
        self._chords = [change.chord for change in chart.changes]
        self._bars = [place.bar for place in self._places]
        self._period = max(len(self._symbols), chart.bars or 1, *self._bars[-1:])

    def held_into(self, bar: int) -> Chord | None:
        """The chord that sounds when a song bar begins, before any symbol or change of that bar."""
        if bar <= 1:
            return None
        if self._symbols:
            return self.events_of(bar - 1)[-1][1]
        before = bisect_left(self._bars, (bar - 1) % self._period + 1)
        if before == 0 and bar <= self._period:
            return None
        return self._chords[before - 1]

    def events_of(self, bar: int) -> list[tuple[Beats, Chord | None]]:
        """Every symbol and change of a song bar, in order; one that the bar is too short for comes at its end."""
        source = (bar - 1) % self._period + 1
        line, length = self._map.bar_start(bar), self._map.meter_of(bar).beats
        symbols = self._symbols[(source - 1) % len(self._symbols)] if self._symbols else ()
        events = {Beats(length * index / len(symbols)): chord for index, chord in enumerate(symbols)}
        for index in range(bisect_left(self._bars, source), bisect_right(self._bars, source)):
            offset = min(self._places[index].offset, length)
            same = next((place for place in events if abs(place - offset) < SAME_PLACE), offset)
            events[same] = self._chords[index]
        return [(Beats(line + offset), chord) for offset, chord in sorted(events.items(), key=lambda item: item[0])]


def _merged(starts: Sequence[tuple[Beats, Chord | None]], end: Beats) -> Iterator[ChordSpan]:
    """Spans from their starts, which rise; of two at one place the later one counts."""
    kept: list[tuple[Beats, Chord | None]] = []
    for at, chord in starts:
        if kept and kept[-1][0] == at:
            kept.pop()
        if not kept or kept[-1][1] != chord:
            kept.append((at, chord))
    ends = [at for at, _ in kept[1:]] + [end]
    for (at, chord), until in zip(kept, ends, strict=True):
        yield ChordSpan(start=at, end=until, chord=chord)


@dataclass(frozen=True, slots=True, kw_only=True)
class DrumLayout:
    """Hits sorted by place and voice, and a sentence for each thing that had to be fitted to a meter."""

    hits: tuple[DrumHit, ...]
    notices: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DrumChart:
    """One pattern for each voice at most, each repeating on its own, and single hits that repeat together.

    ``bars`` is the least length of the single hits in bars; None for as long as they need.
    """

    patterns: tuple[Pattern, ...] = ()
    hits: tuple[DrumHit, ...] = ()
    bars: int | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing was written; a pattern of rests counts as written."""
        return not self.patterns and not self.hits

    def with_pattern(self, pattern: Pattern) -> DrumChart:
        """This chart with ``pattern`` in the place of its voice's pattern before."""
        others = [other for other in self.patterns if other.voice != pattern.voice]
        return replace(self, patterns=(*others, pattern))

    def with_hit(self, hit: DrumHit) -> DrumChart:
        """This chart with ``hit`` added, or put in the place of its voice's hit at the same beat."""
        return replace(self, hits=_inserted(self.hits, hit, lambda other: (other.at, other.voice)))

    def layout(self, tempo_map: TempoMap, start: Beats, end: Beats) -> DrumLayout:
        """The hits that begin in ``[start, end)``; of two of one voice at one place the louder stays.

        A bar shorter than its source bar cuts it, a longer one ends in rests, with a notice for each voice
        and meter. Raises ``PatternError`` for a pattern that is no longer whole bars.
        """
        hits: list[DrumHit] = []
        notices: dict[str, None] = {}
        for pattern in self.patterns:
            hits += _pattern_hits(pattern, tempo_map, start, end, notices)
        hits += _single_hits(self, tempo_map, start, end, notices)
        return DrumLayout(hits=_loudest(hits), notices=tuple(notices))


def _pattern_hits(
    pattern: Pattern, tempo_map: TempoMap, start: Beats, end: Beats, notices: dict[str, None]
) -> Iterator[DrumHit]:
    """One pattern's hits; adds to ``notices`` (a dict that serves as an ordered set)."""
    sources = pattern_bars(pattern, tempo_map)
    for bar in _bars_of(tempo_map, start, end):
        source, meter, line = sources[(bar - 1) % len(sources)], tempo_map.meter_of(bar), tempo_map.bar_start(bar)
        if len(source) != meter.steps:
            fitted = "is cut" if len(source) > meter.steps else "is followed by rests"
            notices[f"The {pattern.voice} pattern {fitted} in bars of {meter}."] = None
        for index, velocity in enumerate(source[: meter.steps]):
            at = Beats(line + index / STEPS_PER_BEAT)
            if velocity and start <= at < end:
                yield DrumHit(at=at, voice=pattern.voice, velocity=velocity)


def _single_hits(
    chart: DrumChart, tempo_map: TempoMap, start: Beats, end: Beats, notices: dict[str, None]
) -> Iterator[DrumHit]:
    """The chart's single hits, repeated together; adds to ``notices`` as ``_pattern_hits`` does."""
    if not chart.hits:
        return
    sources = _by_source_bar(tempo_map, chart.hits)
    period = max(*sources, chart.bars or 1)
    for bar in _bars_of(tempo_map, start, end):
        meter, line = tempo_map.meter_of(bar), tempo_map.bar_start(bar)
        for offset, hit in sources.get((bar - 1) % period + 1, ()):
            at = Beats(line + offset)
            if offset >= meter.beats:
                notices[f"Single {hit.voice} hits past the end of a bar of {meter} are left out."] = None
            elif start <= at < end:
                yield replace(hit, at=at)


def _loudest(hits: Iterable[DrumHit]) -> tuple[DrumHit, ...]:
    """Sorted hits, of those of one voice at one place only the loudest."""
    kept: dict[tuple[int, str], DrumHit] = {}
    for hit in hits:
        place = (round(hit.at / SAME_PLACE), hit.voice)
        other = kept.get(place)
        if other is None or other.velocity < hit.velocity:
            kept[place] = hit
    return tuple(sorted(kept.values(), key=lambda hit: (hit.at, hit.voice)))


@dataclass(frozen=True, slots=True, kw_only=True)
class MelodyChart:
    """Notes that repeat together after the bar in which the last one ends.

    ``bars`` is the least length in bars; None for as long as the notes need.
    """

    notes: tuple[Note, ...] = ()
    bars: int | None = None

    @property
    def is_empty(self) -> bool:
        """Whether there is no note."""
        return not self.notes

    def with_note(self, note: Note) -> MelodyChart:
        """This chart with ``note`` added, or put in the place of the one of the same beat and pitch."""
        return replace(self, notes=_inserted(self.notes, note, lambda other: (other.at, other.pitch)))

    def notes_between(self, tempo_map: TempoMap, start: Beats, end: Beats) -> tuple[Note, ...]:
        """The notes that begin in ``[start, end)``, in full length.

        Where a bar is shorter than its source bar, notes that would begin past its end are left out.
        """
        if not self.notes:
            return ()
        sources = _by_source_bar(tempo_map, self.notes)
        last = tempo_map.bar_at(Beats(max(note.at + note.length for note in self.notes)))
        period = max(last.bar if last.offset > SAME_PLACE else last.bar - 1, self.bars or 1, *sources)
        found = [
            replace(note, at=Beats(tempo_map.bar_start(bar) + offset))
            for bar in _bars_of(tempo_map, start, end)
            for offset, note in sources.get((bar - 1) % period + 1, ())
            if offset < tempo_map.meter_of(bar).beats
        ]
        inside = (note for note in found if start <= note.at < end)
        return tuple(sorted(inside, key=lambda note: (note.at, note.pitch)))


def _at(event: _Placed) -> Beats:
    return event.at


def _inserted(
    events: tuple[_Event, ...], event: _Event, key: Callable[[_Event], tuple[float, str | int]]
) -> tuple[_Event, ...]:
    """``events`` with ``event`` in order, in the place of the one with the same key."""
    low, high = bisect_left(events, key(event), key=key), bisect_right(events, key(event), key=key)
    return (*events[:low], event, *events[high:])


def _source_place(tempo_map: TempoMap, at: Beats) -> BarPosition:
    """The bar and offset of a written position; one that just misses a bar line lies on it."""
    place = tempo_map.bar_at(at)
    if tempo_map.meter_of(place.bar).beats - place.offset < SAME_PLACE:
        return BarPosition(bar=place.bar + 1, offset=Beats(0.0))
    return place


def _by_source_bar(tempo_map: TempoMap, events: Iterable[_Event]) -> Mapping[int, list[tuple[Beats, _Event]]]:
    """Events by the bar that holds them, with their offset into it."""
    bars: dict[int, list[tuple[Beats, _Event]]] = defaultdict(list)
    for event in events:
        place = _source_place(tempo_map, event.at)
        bars[place.bar].append((place.offset, event))
    return bars


def _last_bar(tempo_map: TempoMap, end: Beats) -> int:
    """The last bar with a part before ``end``."""
    place = tempo_map.bar_at(end)
    return place.bar if place.offset > 0 else place.bar - 1


def _bars_of(tempo_map: TempoMap, start: Beats, end: Beats) -> range:
    """The bars with a part in ``[start, end)``."""
    return range(tempo_map.bar_at(start).bar, _last_bar(tempo_map, end) + 1)
