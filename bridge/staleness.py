"""Whether a take is still of the session's chart: what it was made for against what would be asked for now. Pure.

What nobody has told the session is not compared: a daemon that was just started knows no chart, and no take is stale by
that.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from bridge.conditioning import chart_of
from bridge.errors import SidemanError
from bridge.notices import Chart
from bridge.receipt_schema import Receipt
from bridge.session import SessionState
from midi.charts import SAME_PLACE
from midi.chords import chord_label
from midi.drums import DrumHit
from midi.errors import ChordError
from midi.melody import Note
from midi.time import Beats, TempoMap

PARTS: Final = ("chords", "drums", "melody", "tempo", "meter", "key")
"""What of a chart can have changed."""
SAME_SECONDS: Final = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True)
class AgainOf:
    """A take that is to be made again, as its receipt has it: from where, how long, and how many takes."""

    prompt: str
    engine: str
    start: Beats
    bars: int
    takes: int
    target: str
    seed: int


def again_of(receipt: Receipt) -> AgainOf:
    """What of a take stays when it is made again."""
    return AgainOf(
        prompt=receipt.prompt,
        engine=receipt.engine,
        start=receipt.start,
        bars=receipt.bars,
        takes=len(receipt.made_from.seeds) if receipt.made_from else 1,
        target=receipt.target,
        seed=receipt.seed,
    )


def state_again(state: SessionState, again: AgainOf) -> SessionState:
    """The session as it is, asking for the take once more: its prompt, engine, bars, takes, target and seed."""
    return replace(
        state,
        prompt=again.prompt,
        engine=again.engine,
        start=again.start,
        bars=again.bars,
        takes=again.takes,
        best=False,
        target=again.target,
        seed=again.seed,
    )


def changed_parts(receipt: Receipt, state: SessionState) -> tuple[str, ...]:
    """The parts of a take's chart that are others in the session now, in the order of ``PARTS``; () where none is."""
    now = state_again(state, again_of(receipt))
    end = receipt.tempo_map.advance_bars(receipt.start, receipt.bars)
    changed = set()
    if state.tempo_said and not _same_time(receipt.tempo_map, state.tempo_map, receipt.start, end):
        changed.add("tempo")
    if state.meter_said and _meters(receipt.tempo_map, receipt) != _meters(state.tempo_map, receipt):
        changed.add("meter")
    if _is_charted(state):
        changed.update(_of_the_chart(receipt, now))
    return tuple(part for part in PARTS if part in changed)


def _is_charted(state: SessionState) -> bool:
    charts = (state.chords, state.drums, state.melody)
    return state.key is not None or not all(chart.is_empty for chart in charts)


def _of_the_chart(receipt: Receipt, now: SessionState) -> Iterator[str]:
    if receipt.key != now.key:
        yield "key"
    try:
        chart = chart_of(now)
    except SidemanError:  # a pattern that does not fit the meter any more, or nothing to play
        yield from ("chords", "drums", "melody")
        return
    if _chords_asked(receipt) != _chords_of(chart):
        yield "chords"
    if not receipt.drum_track and _strokes(receipt.drums) != _strokes(chart.drums):
        yield "drums"
    if _notes(receipt.melody) != _notes(chart.melody):
        yield "melody"


def _chords_asked(receipt: Receipt) -> list[tuple[int, str]] | None:
    try:
        return [(_place(start), chord_label(chord)) for start, chord in receipt.chart_chords]
    except ChordError:
        return None


def _chords_of(chart: Chart) -> list[tuple[int, str]]:
    return [(_place(span.start), chord_label(span.chord)) for span in chart.chords]


def _strokes(hits: Sequence[DrumHit]) -> list[tuple[int, str, int]]:
    return sorted((_place(hit.at), hit.voice, hit.velocity) for hit in hits)


def _notes(notes: Sequence[Note]) -> list[tuple[int, int, int, int]]:
    return sorted((_place(note.at), note.pitch, _place(note.length), note.velocity) for note in notes)


def _place(beat: float) -> int:
    return round(beat / SAME_PLACE)


def _same_time(then: TempoMap, now: TempoMap, start: Beats, end: Beats) -> bool:
    """Whether the beats of a window last as long as they did."""
    points = [point.at for one in (then, now) for point in one.tempos if start < point.at < end]
    places = sorted({start, *points, end})
    middles = [Beats((one + other) / 2) for one, other in itertools.pairwise(places)]
    return all(
        abs(then.seconds_between(start, place) - now.seconds_between(start, place)) < SAME_SECONDS
        for place in (*places, *middles)
    )


def _meters(tempo_map: TempoMap, receipt: Receipt) -> list[tuple[int, str]]:
    """Where bars begin in a window, and their meters."""
    first = tempo_map.bar_at(receipt.start)
    end = tempo_map.advance_bars(receipt.start, receipt.bars)
    lines = tempo_map.bar_lines(receipt.start, end)
    bars = [first.bar, *(tempo_map.bar_at(line).bar for line in lines)]
    return [
        (_place(tempo_map.bar_start(bar) - receipt.start), str(tempo_map.meter_of(bar))) for bar in dict.fromkeys(bars)
    ]
