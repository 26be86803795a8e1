"""Category: unit. The lanes of the monitor: chords and strokes where they lie, in as many bars as there is room for."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bridge.monitor_lanes import BARS, RULE, Lanes, lanes, song_of
from bridge.session import SessionState, reduce
from bridge.state_view import state_view
from midi import events as ev
from midi.charts import ChordChart
from midi.chords import ChordChange, parse_chord, parse_progression
from midi.drums import DrumHit, parse_pattern
from midi.time import Beats, Bpm, Meter, MeterPoint, Seconds, TempoMap, TempoPoint

NOW = Seconds(0.0)


def drawn(*events: ev.SessionEvent, bar: int = 1, width: int = 200) -> Lanes:
    """The lanes of a session, by way of the state that a daemon would send."""
    state = SessionState()
    for event in events:
        state, _ = reduce(state, event, NOW)
    return lanes(song_of(state_view(state, NOW)), bar, width)


def texts(found: Lanes) -> dict[str, str]:
    return {lane.name: lane.text for lane in found.lanes}


def chords(text: str) -> ev.SetChords:
    return ev.SetChords(progression=parse_progression(text))


def test_a_name_that_the_next_leaves_no_room_for_is_cut() -> None:
    text = texts(drawn(chords("Ebmaj7/Bb G C F | C |")))["chords"]
    assert text.startswith("│Ebm…G   C   F   │C     ")


def test_a_chord_that_begins_late_in_a_bar_runs_on_over_the_rule() -> None:
    change = ev.AddChord(change=ChordChange(at=Beats(3.5), chord=parse_chord("F#m7")))
    assert texts(drawn(chords("C | % | % | %"), change))["chords"].startswith("│C             F…│C  ")
    held = ev.SetChordChart(chart=ChordChart(changes=(change.change,), bars=4))
    assert texts(drawn(held))["chords"].startswith("│N.C.          F#│m7              │")


def test_what_was_played_repeats_after_the_bars_that_were_heard() -> None:
    """A chart of one change in four bars: without its length it would repeat in each."""
    chart = ChordChart(changes=(ChordChange(at=Beats(0.0), chord=parse_chord("Em")),), bars=4)
    found = texts(drawn(ev.SetChordChart(chart=chart), bar=6))["chords"]
    assert found.count("Em") == 1


def test_a_meter_of_its_own_has_its_steps() -> None:
    seven = ev.AddMeterPoint(point=MeterPoint(bar=2, meter=Meter(numerator=7, denominator=8)))
    found = drawn(chords("C"), seven)
    assert [len(bar) for bar in texts(found)["chords"].strip(RULE).split(RULE)] == [16, 14, 14, 14]


def test_strokes_between_the_steps_stand_at_the_nearer_and_the_loudest_counts() -> None:
    hits = [ev.AddHit(hit=DrumHit(at=Beats(at), voice="snare", velocity=velocity)) for at, velocity in (
        (1.1, 30), (2.2, 100), (3.0, 127),
    )]  # fmt: skip
    assert texts(drawn(*hits))["snare"].startswith("│····o····x··X···│")


def test_a_pattern_that_fits_the_meter_no_more_is_left_out() -> None:
    kick = ev.SetPattern(pattern=parse_pattern("kick", "x...x...x...x...", TempoMap()))
    assert list(texts(drawn(kick))) == ["chords", "kick"]
    assert list(texts(drawn(kick, ev.SetMeter(meter=Meter(numerator=7, denominator=8))))) == ["chords"]


def test_the_step_that_sounds() -> None:
    found = drawn(chords("C"), bar=3)
    assert found.columns[0] is None
    assert found.column_of(Beats(0.0)) == 1
    assert found.column_of(Beats(4.3)) == 1 + 16 + 1 + 1
    assert found.column_of(Beats(-1.0)) is None


METERS = st.builds(
    lambda upper, lower: Meter(numerator=upper, denominator=lower), st.integers(1, 9), st.sampled_from((4, 8))
)


@given(
    st.lists(st.tuples(st.integers(2, 30), METERS), max_size=4), st.integers(1, 60), st.integers(0, 90),
    st.sampled_from(("C | Am F |", "Dm7b5 G7#9/B | % |", "N.C.")),
)  # fmt: skip
def test_every_lane_is_as_long_as_its_columns_and_fits(
    meters: list[tuple[int, Meter]], bar: int, width: int, progression: str
) -> None:
    events: list[Any] = [ev.AddMeterPoint(point=MeterPoint(bar=at, meter=meter)) for at, meter in meters]
    ramp = ev.AddTempoPoint(point=TempoPoint(at=Beats(16.0), bpm=Bpm(90.0), ramp=True))
    stroke = ev.AddHit(hit=DrumHit(at=Beats(2.5), voice="kick", velocity=90))
    found = drawn(*events, ramp, stroke, chords(progression), bar=bar, width=width)
    assert bar in found.bars
    assert 1 <= len(found.bars) <= BARS
    for lane in found.lanes:
        assert len(lane.text) == len(found.columns)
        assert [index for index, letter in enumerate(lane.text) if letter == RULE] == [
            index for index, beat in enumerate(found.columns) if beat is None
        ]
    assert len(found.columns) <= width or len(found.bars) == 1
