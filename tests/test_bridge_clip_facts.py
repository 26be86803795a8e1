"""Category: unit. The tags of a clip: what a host that follows them would make of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bridge.clip_facts import loop_tags
from bridge.conditioning import AudioFormat, plan_window
from bridge.session import SessionState
from bridge.wav import LoopTags
from midi.keys import parse_key
from midi.time import Beats, Bpm, Meter, TempoMap, TempoPoint

RAMP = TempoPoint(at=Beats(16.0), bpm=Bpm(180.0), ramp=True)


def tags(tempo_map: TempoMap, bars: int) -> tuple[LoopTags, float]:
    """The tags of a clip from the start of the song, and its seconds."""
    window = plan_window(replace(SessionState(), tempo_map=tempo_map, bars=bars), AudioFormat())
    return loop_tags(window, parse_key("A minor")), window.seconds


@pytest.mark.parametrize(
    ("tempo_map", "bars"),
    [
        (TempoMap(), 4),
        (TempoMap.constant(Bpm(97.5), Meter(numerator=3, denominator=4)), 3),
        (TempoMap.constant(Bpm(120.0), Meter(numerator=7, denominator=8)), 2),
    ],
    ids=["4/4", "3/4", "two bars of 7/8"],
)
def test_a_steady_clip_may_be_stretched_and_its_tags_tell_its_length(tempo_map: TempoMap, bars: int) -> None:
    found, seconds = tags(tempo_map, bars)
    assert found.stretch
    assert found.beats * 60 / found.bpm == pytest.approx(seconds, abs=1e-6)


@pytest.mark.parametrize(
    ("tempo_map", "bars"),
    [
        (TempoMap.constant(Bpm(120.0), Meter(numerator=7, denominator=8)), 1),
        (TempoMap.constant(Bpm(120.0), Meter(numerator=7, denominator=8)), 3),
        (TempoMap.constant(Bpm(120.0), Meter(numerator=4, denominator=4)).with_tempo(RAMP), 4),
    ],
    ids=["one bar of 7/8", "three bars of 7/8", "a ramp"],
)
def test_a_clip_that_the_tags_cannot_tell_is_not_to_be_stretched(tempo_map: TempoMap, bars: int) -> None:
    found, seconds = tags(tempo_map, bars)
    assert not found.stretch
    beats = tempo_map.advance_bars(Beats(0.0), bars)
    assert found.bpm == pytest.approx(60 * beats / seconds), "the mean tempo"


def test_the_root_note_is_the_tonic() -> None:
    assert tags(TempoMap(), 1)[0].root_note == 69
