"""Category: unit. Planning: bars to frames, controls, and everything that was assumed."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bridge.conditioning import MAX_CLIP, AudioFormat, ClipTooLong, plan
from bridge.errors import NothingToPlay, PatternError
from bridge.session import SessionState
from midi.charts import ChordChart, DrumChart, MelodyChart
from midi.chords import chord_label, parse_progression
from midi.drums import DrumHit, parse_pattern
from midi.keys import parse_key
from midi.melody import Note
from midi.time import Beats, Bpm, Meter, MeterPoint, TempoMap, TempoPoint

AUDIO = AudioFormat()
CHART = ChordChart(progression=parse_progression("Am7 | Dm7 G7 |"))
KNOWN = SessionState(chords=CHART, tempo_said=True, meter_said=True)


def planned(state: SessionState, **audio: int) -> plan:  # type: ignore[valid-type]
    return plan(state, request_id="a", seed=5, audio=AudioFormat(**audio))


@given(
    bpm=st.floats(20, 400),
    end_bpm=st.floats(20, 400),
    numerator=st.integers(1, 13),
    denominator=st.sampled_from([2, 4, 8, 16]),
    start_bar=st.integers(1, 40),
    bars=st.integers(1, 16),
    rate=st.sampled_from([44100, 48000, 96000]),
)
def test_a_clip_has_as_many_frames_as_its_bars_have_seconds(
    bpm: float, end_bpm: float, numerator: int, denominator: int, start_bar: int, bars: int, rate: int
) -> None:
    meter = Meter(numerator=numerator, denominator=denominator)
    ramp = TempoPoint(at=Beats(64.0), bpm=Bpm(end_bpm), ramp=True)
    tempo_map = TempoMap.constant(Bpm(bpm), meter).with_tempo(ramp)
    state = replace(KNOWN, tempo_map=tempo_map, start=tempo_map.bar_start(start_bar), bars=bars)
    beats = bars * numerator * 4 / denominator
    steps = 4000
    width = beats / steps
    middles = (state.start + (index + 0.5) * width for index in range(steps))
    seconds = math.fsum(60 / tempo_map.bpm_at(Beats(beat)) * width for beat in middles)
    assume(seconds < MAX_CLIP * 0.999)
    window = plan(state, request_id="a", seed=1, audio=AudioFormat(sample_rate_hz=rate)).request.window
    assert window.end - window.start == pytest.approx(beats)
    assert window.frames == round(rate * window.seconds)
    assert window.seconds == pytest.approx(seconds, rel=2e-5)


def test_four_bars_at_120_are_384000_frames() -> None:
    assert planned(KNOWN).request.window.frames == 384_000


def test_meter_changes_are_counted_bar_by_bar() -> None:
    tempo_map = TempoMap().with_meter(MeterPoint(bar=2, meter=Meter(numerator=7, denominator=8)))
    window = planned(replace(KNOWN, tempo_map=tempo_map, bars=3)).request.window
    assert window.end == 4 + 3.5 + 3.5


def test_every_take_has_its_own_seed_and_the_same_chart() -> None:
    request = planned(replace(KNOWN, takes=3)).request
    assert [controls.seed for controls in request.controls] == [5, 6, 7]
    assert len({controls.chords for controls in request.controls}) == 1


def test_controls_hold_what_the_window_covers() -> None:
    state = replace(
        KNOWN,
        start=Beats(4.0),
        bars=1,
        drums=DrumChart(hits=(DrumHit(at=Beats(5.0), voice="kick", velocity=100),)),
        melody=MelodyChart(notes=(Note(at=Beats(6.0), length=Beats(1.0), pitch=60, velocity=90),)),
    )
    (controls,) = planned(state).request.controls
    assert [(span.start, span.end, chord_label(span.chord)) for span in controls.chords] == [
        (4.0, 6.0, "Dm7"),
        (6.0, 8.0, "G7"),
    ]
    assert [hit.at for hit in controls.drums] == [5.0]
    assert [note.at for note in controls.melody] == [6.0]


def test_what_was_said_is_not_noticed() -> None:
    assert planned(KNOWN).notices == ()


def test_a_tempo_and_meter_that_were_never_said_are_noticed() -> None:
    notices = planned(SessionState(chords=CHART)).notices
    assert [notice.code for notice in notices] == ["assumed_tempo", "assumed_meter"]
    assert "120" in notices[0].message


def test_an_empty_session_has_nothing_to_play() -> None:
    with pytest.raises(NothingToPlay, match="/sideman/chords"):
        planned(SessionState())


def test_a_key_alone_plays_its_own_chord_and_says_so() -> None:
    result = planned(replace(KNOWN, chords=ChordChart(), key=parse_key("C minor")))
    assert [chord_label(span.chord) for span in result.request.controls[0].chords] == ["Cm"]
    assert [notice.code for notice in result.notices] == ["assumed_chord"]


def test_drums_alone_stay_alone() -> None:
    drums = DrumChart(patterns=(parse_pattern("kick", "x...x...x...x...", TempoMap()),))
    result = planned(replace(KNOWN, chords=ChordChart(), drums=drums, key=parse_key("C minor")))
    assert result.request.controls[0].chords == ()


def test_a_pattern_that_no_longer_fits_is_refused() -> None:
    drums = DrumChart(patterns=(parse_pattern("kick", "x...x...x...x...", TempoMap()),))
    tempo_map = TempoMap.constant(Bpm(120.0), Meter(numerator=7, denominator=8))
    with pytest.raises(PatternError, match="kick"):
        planned(replace(KNOWN, drums=drums, tempo_map=tempo_map))


def test_a_clip_that_is_too_long_is_refused() -> None:
    with pytest.raises(ClipTooLong, match="fewer bars"):
        planned(replace(KNOWN, bars=512, tempo_map=TempoMap.constant(Bpm(5.0))))


def test_every_seed_can_be_sent_back() -> None:
    state = replace(KNOWN, takes=3)
    request = plan(state, request_id="a", seed=2**31 - 2, audio=AUDIO).request
    assert [controls.seed for controls in request.controls] == [2**31 - 2, 2**31 - 1, 0]
