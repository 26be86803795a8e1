"""The sketch engine, listened to: what was asked for is measured back from the audio."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from listening import HeardSpan, chord_overlap, level_db, score_onsets
from sketch_charts import chart_of, meter_of, span_seconds

from midi.drums import VOICES, DrumHit
from midi.melody import Note
from midi.time import Beats, Bpm, TempoMap, TempoPoint
from models.arranger import BASS_CHANNEL, COMPING_CHANNEL, arrange
from models.errors import Cancelled, SoundfontError
from models.generator import Samples, SketchChart, Waveform
from models.sketch import TAIL_S, SketchEngine
from models.soundfont import DRUM_CHANNEL, SAMPLE_RATE_HZ, SoundfontRenderer
from models.styles import STYLES

PROGRESSION = "Am7 | Dm7 G7 | Cmaj7 | F | Em | A7 Dm | Bb | Gm6 E7"
TIMES = (("4/4", 76.0), ("3/4", 120.0), ("7/8", 168.0))


@pytest.fixture(scope="module")
def engine() -> SketchEngine:
    return SketchEngine()


def play(engine: SketchEngine, *charts: SketchChart) -> list[Waveform]:
    return list(engine.generate(charts, report=lambda share: None, cancelled=lambda: False))


def beat(tempo_map: TempoMap, bars: int) -> tuple[DrumHit, ...]:
    """Kick on the first beat, snare in the middle of each bar: never together."""
    hits = []
    for bar in range(1, bars + 1):
        line, half = tempo_map.bar_start(bar), tempo_map.meter_of(bar).beats / 2
        hits.append(DrumHit(at=line, voice="kick", velocity=105))
        hits.append(DrumHit(at=Beats(line + half), voice="snare", velocity=100))
    return tuple(hits)


def heard_spans(chart: SketchChart) -> list[HeardSpan]:
    spans = []
    for span in chart.chords:
        if span.chord is not None:
            start_s, end_s = span_seconds(chart, span)
            spans.append(HeardSpan(start_s=start_s, end_s=end_s, chord=span.chord))
    return spans


def between(waveform: Waveform, start_s: float, end_s: float) -> Samples:
    return waveform.samples[round(start_s * SAMPLE_RATE_HZ) : round(end_s * SAMPLE_RATE_HZ)]


# What is heard


@pytest.mark.parametrize(("meter", "bpm"), TIMES)
@pytest.mark.parametrize("prompt", sorted(STYLES))
def test_the_chords_asked_for_are_heard(engine: SketchEngine, prompt: str, meter: str, bpm: float) -> None:
    tempo_map = TempoMap.constant(Bpm(bpm), meter_of(meter))
    chart = chart_of(PROGRESSION, tempo_map=tempo_map, prompt=prompt, drums=beat(tempo_map, 8))
    (waveform,) = play(engine, chart)
    assert chord_overlap(waveform.samples, SAMPLE_RATE_HZ, heard_spans(chart)) >= 0.9


def test_other_chords_are_not_heard(engine: SketchEngine) -> None:
    chart = chart_of(PROGRESSION, prompt="soul")
    (waveform,) = play(engine, chart)
    moved = [
        dataclasses.replace(span, chord=dataclasses.replace(span.chord, root=(span.chord.root + 1) % 12))
        for span in heard_spans(chart)
    ]
    assert chord_overlap(waveform.samples, SAMPLE_RATE_HZ, moved) < 0.2


@pytest.mark.parametrize(("meter", "bpm"), TIMES)
def test_kicks_and_snares_are_heard_where_they_were_asked_for(engine: SketchEngine, meter: str, bpm: float) -> None:
    tempo_map = TempoMap.constant(Bpm(bpm), meter_of(meter))
    chart = chart_of("N.C. | N.C. | N.C. | N.C.", tempo_map=tempo_map, drums=beat(tempo_map, 4))
    (waveform,) = play(engine, chart)
    times_s = [tempo_map.seconds_at(hit.at) for hit in chart.drums]
    assert score_onsets(waveform.samples, SAMPLE_RATE_HZ, times_s).f1 >= 0.95


@pytest.mark.parametrize(("meter", "bpm"), TIMES)
def test_the_onsets_of_drums_and_pads_are_those_of_both(engine: SketchEngine, meter: str, bpm: float) -> None:
    """Comping that strikes only at chord changes, which fall on kicks here: the mix has the drums' onsets."""
    tempo_map = TempoMap.constant(Bpm(bpm), meter_of(meter))
    chart = chart_of("C | F | G | Am", tempo_map=tempo_map, prompt="ambient", drums=beat(tempo_map, 4))
    (waveform,) = play(engine, chart)
    times_s = [tempo_map.seconds_at(hit.at) for hit in chart.drums]
    assert score_onsets(waveform.samples, SAMPLE_RATE_HZ, times_s).f1 >= 0.95


@pytest.mark.parametrize("prompt", sorted(STYLES))
def test_every_kick_and_snare_is_heard_in_the_full_mix(engine: SketchEngine, prompt: str) -> None:
    tempo_map = TempoMap.constant(Bpm(168.0), meter_of("7/8"))
    chart = chart_of(tempo_map=tempo_map, prompt=prompt, drums=beat(tempo_map, 4))
    (waveform,) = play(engine, chart)
    times_s = [tempo_map.seconds_at(hit.at) for hit in chart.drums]
    assert score_onsets(waveform.samples, SAMPLE_RATE_HZ, times_s).recall >= 0.95


def test_a_tempo_ramp_is_followed(engine: SketchEngine) -> None:
    ramp = TempoMap.constant(Bpm(80.0)).with_tempo(TempoPoint(at=Beats(16.0), bpm=Bpm(160.0), ramp=True))
    hits = tuple(DrumHit(at=Beats(float(at)), voice="kick" if at % 2 else "snare", velocity=100) for at in range(16))
    chart = chart_of("N.C. | N.C. | N.C. | N.C.", tempo_map=ramp, drums=hits)
    (waveform,) = play(engine, chart)
    # v(b) = 80 + 5 b quarter notes a minute, so t(b) = 12 ln(1 + b / 16) seconds
    times_s = [12 * float(np.log(1 + at / 16)) for at in range(16)]
    assert score_onsets(waveform.samples, SAMPLE_RATE_HZ, times_s).f1 >= 0.95


def test_no_chord_is_silence_once_the_sound_has_died(engine: SketchEngine) -> None:
    tempo_map = TempoMap.constant(Bpm(40.0))
    (waveform,) = play(engine, chart_of("C | N.C. | F", tempo_map=tempo_map, prompt="funk"))
    assert level_db(between(waveform, 3.0, 5.9)) > -45
    assert level_db(between(waveform, 9.0, 11.9)) < -85


def test_the_melody_is_heard(engine: SketchEngine) -> None:
    note = Note(at=Beats(8.0), length=Beats(4.0), pitch=72, velocity=100)
    (waveform,) = play(engine, chart_of("N.C. | N.C. | N.C. | N.C.", melody=(note,)))
    assert level_db(between(waveform, 0.0, 3.9)) < -90
    assert level_db(between(waveform, 4.1, 5.9)) > -40


# Shape


@pytest.mark.parametrize("prompt", ["", "ambient", "orchestral"])
def test_a_take_is_the_chart_and_a_tail_that_ends_in_silence(engine: SketchEngine, prompt: str) -> None:
    chart = chart_of(prompt=prompt, drums=(DrumHit(at=Beats(15.9), voice="crash", velocity=127),))
    (waveform,) = play(engine, chart)
    assert waveform.samples.dtype == np.float32
    assert waveform.samples.shape == (round((8.0 + TAIL_S) * SAMPLE_RATE_HZ), 2)
    assert level_db(between(waveform, 8.0, 8.5)) > -60
    assert np.abs(waveform.samples[-round(0.05 * SAMPLE_RATE_HZ) :]).max() < 10 ** (-70 / 20)


def test_a_very_short_chart_has_its_tail(engine: SketchEngine) -> None:
    chart = dataclasses.replace(chart_of("C"), end=Beats(0.01))
    (waveform,) = play(engine, chart)
    assert waveform.frames == round((0.005 + TAIL_S) * SAMPLE_RATE_HZ)


def test_the_same_chart_is_the_same_to_the_bit(engine: SketchEngine) -> None:
    chart = chart_of(prompt="jazz", seed=7)
    (first,) = play(engine, chart)
    (second,) = play(SketchEngine(), chart)
    assert first.samples.tobytes() == second.samples.tobytes()


@pytest.mark.parametrize("prompt", sorted(STYLES))
def test_seeds_are_heard(engine: SketchEngine, prompt: str) -> None:
    charts = [chart_of(prompt=prompt, seed=seed) for seed in (1, 2)]
    one, other = play(engine, *charts)
    assert level_db(one.samples - other.samples) > level_db(one.samples) - 20


# Level


def dense_chart() -> SketchChart:
    hits = tuple(
        DrumHit(at=Beats(step / 4), voice=voice.name, velocity=127) for step in range(32) for voice in VOICES[:14]
    )
    melody = tuple(
        Note(at=Beats(step / 2), length=Beats(0.5), pitch=pitch, velocity=127)
        for step in range(16)
        for pitch in (60, 67, 72, 79, 84)
    )
    return chart_of("C13 | G7#11", prompt="rock", drums=hits, melody=melody)


def test_a_dense_mix_does_not_clip(engine: SketchEngine) -> None:
    (waveform,) = play(engine, dense_chart())
    assert 0.1 < np.abs(waveform.samples).max() < 0.99


@pytest.mark.parametrize("prompt", sorted(STYLES))
def test_drums_bass_and_comping_are_balanced(prompt: str) -> None:
    import pyloudnorm

    chart = chart_of("Am7 | Dm7 G7 | Cmaj7 | F", prompt=prompt, drums=beat(TempoMap.constant(Bpm(120.0)), 4))
    arrangement = arrange(chart)
    renderer, meter = SoundfontRenderer(), pyloudnorm.Meter(SAMPLE_RATE_HZ)
    loudness = {}
    for channel in (COMPING_CHANNEL, BASS_CHANNEL, DRUM_CHANNEL):
        part = [note for note in arrangement.notes if note.channel == channel]
        samples = renderer.render(part, arrangement.channels, 8.0).samples
        loudness[channel] = meter.integrated_loudness(samples.astype(np.float64))
    assert max(loudness.values()) - min(loudness.values()) < 6.0


# Batches


def test_a_batch_reports_its_progress_and_yields_in_order(engine: SketchEngine) -> None:
    shares: list[float] = []
    charts = [chart_of("C", seed=seed) for seed in (1, 2, 3)]
    takes = list(engine.generate(charts, report=shares.append, cancelled=lambda: False))
    assert [take.samples.tobytes() for take in takes] == [play(engine, chart)[0].samples.tobytes() for chart in charts]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 1.0)


def test_takes_come_one_by_one(engine: SketchEngine) -> None:
    shares: list[float] = []
    takes = engine.generate([chart_of("C"), chart_of("F")], report=shares.append, cancelled=lambda: False)
    next(takes)
    assert max(shares) == 0.5


@pytest.mark.parametrize("patience", range(9))
def test_a_cancelled_batch_stops(engine: SketchEngine, patience: int) -> None:
    answers: Iterator[bool] = itertools.chain([False] * patience, itertools.repeat(True))
    takes = engine.generate([chart_of("C")] * 3, report=lambda share: None, cancelled=lambda: next(answers))
    made: list[Waveform] = []
    with pytest.raises(Cancelled):
        made.extend(takes)
    assert len(made) == patience // 3


def test_a_batch_of_nothing_yields_nothing(engine: SketchEngine) -> None:
    assert play(engine) == []


def test_an_engine_without_a_soundfont_says_so(tmp_path: Path) -> None:
    with pytest.raises(SoundfontError, match="There is no soundfont"):
        SketchEngine(tmp_path / "none.sf2")
