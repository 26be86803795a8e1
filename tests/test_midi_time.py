"""Musical time: conversions between beats, seconds and bars."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from midi.errors import MeterError, NotationError
from midi.time import DENOMINATORS, BarPosition, Beats, Bpm, Meter, MeterPoint, Seconds, TempoMap, TempoPoint

BPMS = st.floats(5.0, 999.0).map(Bpm)
BEATS = st.floats(0.0, 5000.0).map(Beats)
METERS = st.builds(Meter, numerator=st.integers(1, 64), denominator=st.sampled_from(DENOMINATORS))


@st.composite
def tempo_maps(draw: st.DrawFn) -> TempoMap:
    """Maps of jumps, ramps and meter changes."""
    tempo_map = TempoMap.constant(draw(BPMS), draw(METERS))
    for at in draw(st.lists(st.integers(1, 16000), max_size=6)):
        tempo_map = tempo_map.with_tempo(TempoPoint(at=Beats(at / 8), bpm=draw(BPMS), ramp=draw(st.booleans())))
    for bar in draw(st.lists(st.integers(1, 300), max_size=6)):
        tempo_map = tempo_map.with_meter(MeterPoint(bar=bar, meter=draw(METERS)))
    return tempo_map


def ramp(first: float, last: float, beats: float) -> TempoMap:
    """A ramp over some beats, then its last tempo."""
    start = TempoMap.constant(Bpm(first))
    return start.with_tempo(TempoPoint(at=Beats(beats), bpm=Bpm(last), ramp=True))


@given(tempo_map=tempo_maps(), beat=BEATS)
def test_beats_survive_the_way_to_seconds_and_back(tempo_map: TempoMap, beat: Beats) -> None:
    assert tempo_map.beats_at(tempo_map.seconds_at(beat)) == pytest.approx(beat, rel=1e-9, abs=1e-7)


@given(tempo_map=tempo_maps(), seconds=st.floats(0.0, 2000.0).map(Seconds))
def test_seconds_survive_the_way_to_beats_and_back(tempo_map: TempoMap, seconds: Seconds) -> None:
    assert tempo_map.seconds_at(tempo_map.beats_at(seconds)) == pytest.approx(seconds, rel=1e-9, abs=1e-7)


@given(tempo_map=tempo_maps(), first=BEATS, second=BEATS)
def test_time_never_runs_backwards(tempo_map: TempoMap, first: Beats, second: Beats) -> None:
    low, high = Beats(min(first, second)), Beats(max(first, second))
    assert tempo_map.seconds_between(low, high) >= -1e-9


@given(first=BPMS, last=BPMS, beats=st.floats(1.0, 200.0))
def test_a_ramp_takes_the_time_that_numeric_integration_gives(first: Bpm, last: Bpm, beats: float) -> None:
    edges = np.linspace(0.0, beats, 4001)
    middles = (edges[:-1] + edges[1:]) / 2
    tempos = first + (last - first) * middles / beats
    expected = float(np.sum(60.0 / tempos) * beats / 4000)
    assert ramp(first, last, beats).seconds_at(Beats(beats)) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ("tempo_map", "beat", "seconds"),
    [
        (TempoMap.constant(Bpm(120.0)), 4.0, 2.0),
        (TempoMap.constant(Bpm(90.0)), 6.0, 4.0),
        (TempoMap.constant(Bpm(60.0)), -2.0, -2.0),
        (ramp(60.0, 120.0, 8.0), 8.0, 8 * math.log(2)),
        (ramp(60.0, 120.0, 8.0), 10.0, 8 * math.log(2) + 1.0),
        (ramp(100.0, 100.0, 8.0), 8.0, 4.8),
        (TempoMap.constant(Bpm(60.0)).with_tempo(TempoPoint(at=Beats(2.0), bpm=Bpm(120.0))), 4.0, 3.0),
    ],
)
def test_known_times(tempo_map: TempoMap, beat: float, seconds: float) -> None:
    assert tempo_map.seconds_at(Beats(beat)) == pytest.approx(seconds, abs=1e-12)


def test_a_ramp_that_is_almost_flat_loses_no_precision() -> None:
    assert ramp(120.0, 120.0 + 1e-9, 4000.0).seconds_at(Beats(4000.0)) == pytest.approx(2000.0, abs=1e-6)


@pytest.mark.parametrize(("beat", "bpm"), [(0.0, 60.0), (4.0, 90.0), (8.0, 120.0), (20.0, 120.0), (-3.0, 60.0)])
def test_the_tempo_inside_and_outside_a_ramp(beat: float, bpm: float) -> None:
    assert ramp(60.0, 120.0, 8.0).bpm_at(Beats(beat)) == pytest.approx(bpm)


@given(tempo_map=tempo_maps(), bar=st.integers(1, 2000))
def test_a_bar_line_belongs_to_the_bar_that_it_opens(tempo_map: TempoMap, bar: int) -> None:
    assert tempo_map.bar_at(tempo_map.bar_start(bar)) == BarPosition(bar=bar, offset=Beats(0.0))


@given(tempo_map=tempo_maps(), beat=BEATS)
def test_a_position_lies_inside_its_bar(tempo_map: TempoMap, beat: Beats) -> None:
    place = tempo_map.bar_at(beat)
    assert 0.0 <= place.offset < tempo_map.meter_of(place.bar).beats


@given(tempo_map=tempo_maps(), bar=st.integers(1, 400))
def test_a_position_just_before_a_bar_line_is_in_the_bar_before(tempo_map: TempoMap, bar: int) -> None:
    line = tempo_map.bar_start(bar + 1)
    assert tempo_map.bar_at(Beats(math.nextafter(line, 0.0))).bar == bar


@given(tempo_map=tempo_maps(), bar=st.integers(1, 400))
def test_bars_follow_each_other_by_their_meters(tempo_map: TempoMap, bar: int) -> None:
    assert tempo_map.bar_start(bar + 1) - tempo_map.bar_start(bar) == tempo_map.meter_of(bar).beats


@given(tempo_map=tempo_maps(), bar=st.integers(1, 200), bars=st.integers(0, 40))
def test_advancing_from_a_bar_line_reaches_a_bar_line(tempo_map: TempoMap, bar: int, bars: int) -> None:
    assert tempo_map.advance_bars(tempo_map.bar_start(bar), bars) == tempo_map.bar_start(bar + bars)


def test_bars_of_a_song_in_four_then_seven_eight_then_three() -> None:
    song = TempoMap().with_meter(MeterPoint(bar=3, meter=Meter(numerator=7, denominator=8)))
    song = song.with_meter(MeterPoint(bar=5, meter=Meter(numerator=3, denominator=4)))
    assert [song.bar_start(bar) for bar in range(1, 8)] == [0.0, 4.0, 8.0, 11.5, 15.0, 18.0, 21.0]


def test_bar_lines_of_a_range_leave_out_its_end() -> None:
    assert TempoMap().bar_lines(Beats(3.0), Beats(12.0)) == (4.0, 8.0)


def test_advancing_into_a_shorter_bar_stops_at_its_end() -> None:
    song = TempoMap().with_meter(MeterPoint(bar=2, meter=Meter(numerator=2, denominator=4)))
    assert song.advance_bars(Beats(3.0), 1) == 6.0


def test_a_tempo_at_the_same_beat_replaces_the_one_before() -> None:
    tempo_map = TempoMap().with_tempo(TempoPoint(at=Beats(0.0), bpm=Bpm(90.0)))
    assert tempo_map == TempoMap.constant(Bpm(90.0))


@pytest.mark.parametrize(("numerator", "denominator"), [(5, 3), (0, 4), (65, 4), (4, 32), (-1, 4), (4, 0)])
def test_a_meter_that_cannot_be_counted_is_refused(numerator: int, denominator: int) -> None:
    with pytest.raises(MeterError, match=f"{numerator}/{denominator} is not a meter"):
        Meter(numerator=numerator, denominator=denominator)


@pytest.mark.parametrize("bpm", [0.0, 4.99, 999.01, -120.0, math.nan, math.inf])
def test_a_tempo_out_of_range_is_refused(bpm: float) -> None:
    with pytest.raises(NotationError, match="outside 5 to 999"):
        TempoPoint(at=Beats(0.0), bpm=Bpm(bpm))


@pytest.mark.parametrize("at", [-1.0, math.nan, math.inf])
def test_a_tempo_point_before_the_song_is_refused(at: float) -> None:
    with pytest.raises(NotationError, match="before the start"):
        TempoPoint(at=Beats(at), bpm=Bpm(120.0))


def test_a_map_that_does_not_start_at_beat_0_is_refused() -> None:
    with pytest.raises(NotationError, match="starts at beat 0"):
        TempoMap(tempos=(TempoPoint(at=Beats(1.0), bpm=Bpm(120.0)),))
