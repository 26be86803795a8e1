"""Charts for the tests of the sketch engine."""

from __future__ import annotations

from midi.chords import ChordSpan, parse_progression
from midi.drums import DrumHit
from midi.melody import Note
from midi.time import Beats, Bpm, Meter, TempoMap
from models.generator import SketchChart


def meter_of(text: str) -> Meter:
    numerator, denominator = text.split("/")
    return Meter(numerator=int(numerator), denominator=int(denominator))


def chart_of(
    progression: str = "Am7 | Dm7 G7 | Cmaj7 | F",
    *,
    tempo_map: TempoMap | None = None,
    prompt: str = "",
    seed: int = 1,
    drums: tuple[DrumHit, ...] = (),
    melody: tuple[Note, ...] = (),
) -> SketchChart:
    """A chart from beat 0 whose bars all have the first meter of the map."""
    used = tempo_map or TempoMap.constant(Bpm(120.0))
    bar_beats = used.meter_of(1).beats
    bars = parse_progression(progression).bars
    spans = tuple(
        ChordSpan(
            start=Beats(bar_beats * (number + index / len(bar))),
            end=Beats(bar_beats * (number + (index + 1) / len(bar))),
            chord=chord,
        )
        for number, bar in enumerate(bars)
        for index, chord in enumerate(bar)
    )
    return SketchChart(
        tempo_map=used,
        start=Beats(0.0),
        end=spans[-1].end,
        chords=spans,
        drums=drums,
        melody=melody,
        key=None,
        prompt=prompt,
        seed=seed,
    )


def span_seconds(chart: SketchChart, span: ChordSpan) -> tuple[float, float]:
    return (
        chart.tempo_map.seconds_between(chart.start, span.start),
        chart.tempo_map.seconds_between(chart.start, span.end),
    )
