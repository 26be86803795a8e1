"""A clip's windows: where they meet, what they reach, and that what they play is the clip to the frame."""

from __future__ import annotations

import itertools
import math
import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.conditioning import AudioFormat, plan_window
from bridge.loops import OVERLAP_S
from bridge.session import SessionState
from bridge.windows import (
    EDGE_S,
    EDGE_SHARE,
    LEAST_HEARD_SHARE,
    Cuts,
    ModelWindow,
    cuts_of,
    half_a_bar_s,
    plan_windows,
    windows_told,
)
from midi.time import Beats, Bpm, Meter, MeterPoint, TempoMap, TempoPoint
from models.generator import SAME_TIME_S, JascoControls, PlannedWindow
from models.jasco_windows import Frames, require_windows

EXAMPLES = {"default": 300, "ci": 10_000}[os.environ.get("HYPOTHESIS_PROFILE", "default")]
MODEL = ModelWindow(seconds=10.0, frame_rate_hz=50.0)


@st.composite
def songs(draw: st.DrawFn) -> TempoMap:
    """Tempos of 20 to 400 with ramps, and meters that change."""
    beats = sorted(draw(st.sets(st.integers(1, 120), max_size=4)))
    tempos = [TempoPoint(at=Beats(0.0), bpm=Bpm(draw(st.floats(20, 400))))]
    tempos += [
        TempoPoint(at=Beats(float(beat)), bpm=Bpm(draw(st.floats(20, 400))), ramp=draw(st.booleans())) for beat in beats
    ]
    bars = sorted(draw(st.sets(st.integers(2, 24), max_size=3)))
    meter = st.builds(Meter, numerator=st.integers(1, 12), denominator=st.sampled_from([4, 8, 16]))
    return TempoMap(tempos=tuple(tempos), meters=tuple(MeterPoint(bar=bar, meter=draw(meter)) for bar in [1, *bars]))


@st.composite
def models(draw: st.DrawFn) -> ModelWindow:
    """The released window, and others of between one and thirty seconds."""
    if draw(st.booleans()):
        return MODEL
    return ModelWindow(seconds=draw(st.floats(1.0, 30.0)), frame_rate_hz=draw(st.sampled_from([25.0, 50.0, 75.0])))


@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.too_slow])
@given(
    tempo_map=songs(), start=st.floats(0.0, 60.0), bars=st.integers(1, 24), model=models(),
    rate=st.sampled_from([44100, 48000]),
)  # fmt: skip
def test_windows_tile_the_bars_exactly(
    tempo_map: TempoMap, start: float, bars: int, model: ModelWindow, rate: int
) -> None:
    state = SessionState(tempo_map=tempo_map, start=Beats(start), bars=bars)
    window = plan_window(state, AudioFormat(sample_rate_hz=rate))
    cuts = cuts_of(window, tempo_map)
    windows = plan_windows(window.seconds, cuts, model, lead_s=half_a_bar_s(window, tempo_map))

    edges = [windows[0].from_s, *(one.to_s for one in windows)]
    assert [one.from_s for one in windows] == edges[:-1], "they follow each other without a gap"
    assert (edges[0], edges[-1]) == (0.0, window.seconds)
    frames = [round(rate * edge) for edge in edges]
    assert sum(after - before for before, after in itertools.pairwise(frames)) == window.frames
    for one in windows:
        assert one.start_frame / model.frame_rate_hz <= one.from_s + SAME_TIME_S
        assert one.to_s <= one.start_frame / model.frame_rate_hz + model.seconds + SAME_TIME_S
    edge_s = min(EDGE_S, EDGE_SHARE * model.seconds)
    for before, after in itertools.pairwise(windows):
        assert before.start_frame <= after.start_frame, "what a window hears, the one before it has made"
        assert after.heard_s >= LEAST_HEARD_SHARE * model.seconds - 2 * SAME_TIME_S
        assert before.to_s <= model.end_s(before.start_frame) - edge_s + SAME_TIME_S
    require_windows(_controls(window.seconds, windows), _frames(model))


def _frames(model: ModelWindow) -> Frames:
    return Frames(window_s=model.seconds, rate_hz=model.frame_rate_hz)


def _controls(duration_s: float, windows: tuple[PlannedWindow, ...]) -> JascoControls:
    return JascoControls(
        description="", chords=(), drums=(), melody=(), duration_s=duration_s, all_weight=5.0, text_weight=0.0,
        solver="draft", windows=windows, seed=1,
    )  # fmt: skip


@settings(max_examples=EXAMPLES // 3)
@given(tempo_map=songs(), bars=st.integers(1, 32))
def test_windows_meet_at_bar_lines_wherever_bars_are_short_enough(tempo_map: TempoMap, bars: int) -> None:
    """A window hears a third, so it can always reach a bar line when no bar lasts over half of it."""
    window = plan_window(SessionState(tempo_map=tempo_map, bars=bars), AudioFormat())
    cuts = cuts_of(window, tempo_map)
    longest_s = max(after - before for before, after in itertools.pairwise([0.0, *cuts.bar_lines, window.seconds]))
    windows = plan_windows(window.seconds, cuts, MODEL, lead_s=half_a_bar_s(window, tempo_map))
    if longest_s <= MODEL.seconds / 2:
        assert {one.from_s for one in windows[1:]} <= set(cuts.bar_lines)
    if longest_s <= MODEL.seconds / 2 and window.seconds > MODEL.seconds:
        at_the_most = math.ceil((window.seconds - MODEL.seconds) / (MODEL.seconds * 2 / 3 - longest_s - 0.2)) + 2
        assert len(windows) <= at_the_most


def drawn(tempo_map: TempoMap, bars: int, start: float = 0.0) -> list[str]:
    """The windows as text: frame at which each begins, and the seconds that it plays."""
    state = SessionState(tempo_map=tempo_map, start=Beats(start), bars=bars)
    window = plan_window(state, AudioFormat())
    windows = plan_windows(window.seconds, cuts_of(window, tempo_map), MODEL, lead_s=half_a_bar_s(window, tempo_map))
    return [f"{one.start_frame:+d}: {one.from_s:.2f} to {one.to_s:.2f}, hears {one.heard_s:.2f}" for one in windows]


def test_a_clip_that_fits_is_one_window_with_half_a_bar_before_it() -> None:
    assert drawn(TempoMap.constant(Bpm(120.0)), 4) == ["-50: 0.00 to 8.00, hears 1.00"]


def test_the_half_bar_before_a_clip_is_given_up_for_its_end() -> None:
    """24 beats at 144 are ten seconds, 23 beats 9.58: what is left goes to the beginning."""
    tempo_map = TempoMap.constant(Bpm(144.0))
    assert drawn(tempo_map, 6) == ["+0: 0.00 to 10.00, hears 0.00"]
    odd = TempoMap(tempos=tempo_map.tempos, meters=(MeterPoint(bar=1, meter=Meter(numerator=23, denominator=4)),))
    assert drawn(odd, 1) == ["-18: 0.00 to 9.58, hears 0.36"]


def test_eight_bars_at_120_are_three_windows_that_meet_at_bar_lines() -> None:
    assert drawn(TempoMap.constant(Bpm(120.0)), 8) == [
        "-50: 0.00 to 8.00, hears 1.00",
        "+205: 8.00 to 14.00, hears 3.90",
        "+303: 14.00 to 16.00, hears 7.94",
    ]


def test_three_bars_at_20_meet_at_bar_lines_and_at_beats() -> None:
    """A bar lasts twelve seconds, more than the window."""
    assert drawn(TempoMap.constant(Bpm(20.0)), 3) == [
        "-45: 0.00 to 9.00, hears 0.90",
        "+105: 9.00 to 12.00, hears 6.90",
        "+405: 12.00 to 18.00, hears 3.90",
        "+705: 18.00 to 24.00, hears 3.90",
        "+1005: 24.00 to 30.00, hears 3.90",
        "+1303: 30.00 to 36.00, hears 3.94",
    ]


def test_a_beat_longer_than_the_window_is_cut_anywhere() -> None:
    """A half note at 5 is 24 seconds, and there is no place in it that would be better than another."""
    tempo_map = TempoMap(
        tempos=(TempoPoint(at=Beats(0.0), bpm=Bpm(5.0)),),
        meters=(MeterPoint(bar=1, meter=Meter(numerator=1, denominator=2)),),
    )
    meeting = [line.split()[1] for line in drawn(tempo_map, 1)]
    assert meeting == ["0.00", "9.90", "16.46"]


def test_a_pickup_is_a_bar_line_like_others() -> None:
    """A clip that begins a beat before a bar line meets at 0.5 s and every two seconds after it."""
    places = [float(line.split()[1]) for line in drawn(TempoMap.constant(Bpm(120.0)), 8, start=3.0)]
    assert places == [0.0, 8.5, 14.5]


@pytest.mark.parametrize(
    ("bpm", "bars", "text"),
    [
        (120.0, 8, "plays 10 seconds at a time: the clip is made in 3 windows, joined at bars 5 and 8 of the clip."),
        (
            20.0, 3, "plays 10 seconds at a time: the clip is made in 6 windows, joined at 9.00, 12.00, 18.00, 24.00 "
            "and 30.00 seconds, not all of them bar lines: bars are too long here for that.",
        ),
        (200.0, 64, "plays 10 seconds at a time: the clip is made in 13 windows, joined at bars 9, 14, 19, 24, 29, 34, "
            "39, 44 and 4 more of the clip."),
    ],
)  # fmt: skip
def test_where_windows_meet_is_told(bpm: float, bars: int, text: str) -> None:
    tempo_map = TempoMap.constant(Bpm(bpm))
    window = plan_window(SessionState(tempo_map=tempo_map, bars=bars), AudioFormat())
    cuts = cuts_of(window, tempo_map)
    windows = plan_windows(window.seconds, cuts, MODEL, lead_s=half_a_bar_s(window, tempo_map))
    assert windows_told(windows, cuts, MODEL) == text


def test_the_last_window_runs_on_for_the_loops_seam() -> None:
    tempo_map = TempoMap.constant(Bpm(120.0))
    window = plan_window(SessionState(tempo_map=tempo_map, bars=8), AudioFormat())
    last = plan_windows(window.seconds, cuts_of(window, tempo_map), MODEL, lead_s=1.0)[-1]
    assert MODEL.end_s(last.start_frame) >= window.seconds + OVERLAP_S


def test_without_places_to_meet_windows_are_still_planned() -> None:
    windows = plan_windows(60.0, Cuts(bar_lines=(), beats=()), MODEL, lead_s=0.0)
    assert windows[-1].to_s == 60.0
