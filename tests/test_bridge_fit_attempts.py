"""Category: unit. Takes tried again with other seeds: which, how often, what is kept, and what is told of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from off_tempo import RATE_HZ, click_times, clicks

from bridge.beat_grid import grid_of
from bridge.clip_facts import receipt_for, take_notices
from bridge.conditioning import MAX_CLIP, SEEDS, AudioFormat, Plan, plan, plan_window
from bridge.errors import Cancelled
from bridge.fit_attempts import MAX_RETRIES, made_takes
from bridge.magnet_plan import MagnetSettings
from bridge.making import Made, facts_of, make_takes
from bridge.receipt_schema import receipt_from_json, receipt_to_json
from bridge.requests import TakeMade
from bridge.session import SessionState
from midi.events import AudioRegion
from midi.time import Beats, Bpm, Meter, MeterPoint, TempoMap, TempoPoint
from models.generator import BeatGrid, CancelCheck, MagnetPrompt, Progress, Samples, Waveform
from models.presets import Decoding

SETTINGS = MagnetSettings(
    model="m", licence="l", segment_s=10.0, decoding=Decoding(), caption=("{prompt}",), tempo_fit=True
)
STATE = SessionState(
    engine="magnet", tempo_map=TempoMap.constant(Bpm(120.0)), tempo_said=True, meter_said=True, bars=2, prompt="dub",
    seed=7,
)  # fmt: skip
NOISE = 0.0


class Player:
    """Clicks at the tempo that a seed stands for (``NOISE``: noise); the batches that it was asked for are kept."""

    def __init__(self, tempos: dict[int, float]) -> None:
        self.tempos = tempos
        self.batches: list[list[int]] = []

    def generate(
        self, batch: Sequence[MagnetPrompt], *, report: Progress, cancelled: CancelCheck
    ) -> Iterator[Waveform]:
        self.batches.append([one.seed for one in batch])
        for place, one in enumerate(batch):
            if cancelled():
                raise Cancelled("stopped")
            report(place / len(batch))
            assert one.grid is not None
            seconds = one.duration_s + one.grid.spare_s + 0.05
            yield Waveform(
                samples=self._samples(self.tempos[one.seed], seconds), sample_rate_hz=RATE_HZ,
                windows_s=((0.0, 3.0), (2.0, seconds)), notices=(f"seed {one.seed}",),
            )  # fmt: skip
            report((place + 1) / len(batch))

    @staticmethod
    def _samples(bpm: float, seconds: float) -> Samples:
        if bpm == NOISE:
            rng = np.random.default_rng(1)
            return rng.normal(0, 0.1, (round(seconds * RATE_HZ), 1)).astype(np.float32)
        return clicks(bpm, first_s=0.1, seconds=seconds)


def planned(state: SessionState = STATE, *, seed: int = 7, settings: MagnetSettings = SETTINGS) -> Plan:
    return plan(state, request_id="a", seed=seed, audio=AudioFormat(), model=settings)


def taken(
    player: Player, state: SessionState = STATE, *, seed: int = 7, report: Progress = lambda share: None,
    cancelled: CancelCheck = lambda: False,
) -> tuple[list[Made], list[TakeMade]]:  # fmt: skip
    request = planned(state, seed=seed).request
    made = list(make_takes(player, request, report=report, cancelled=cancelled))
    return made, [facts_of(request, take, one) for take, one in enumerate(made)]


def test_what_fits_is_made_once() -> None:
    player = Player({7: 117.0})
    (made,), (facts,) = taken(player)
    assert player.batches == [[7]]
    record = facts.tempo_fit
    assert record is not None
    assert (record.used.outcome, facts.seed, len(record.attempts)) == ("fitted", 7, 1)
    assert record.used.ratio == pytest.approx(117 / 120, rel=1e-3)
    beats = click_times(made.mastered.samples[:, :1]) * RATE_HZ / 48000 * 2
    assert len(made.mastered.samples) == 4 * 48000
    assert np.abs(beats - np.round(beats)).max() * 0.5 < 0.01


def test_the_next_seed_is_tried_and_told() -> None:
    player = Player({7: 100.0, 8: 140.0, 9: 122.0})
    _, (facts,) = taken(player)
    assert player.batches == [[7], [8], [9]]
    assert facts.seed == 9
    assert facts.engine_notices == ("seed 9",), "what is told is of the audio that is kept"
    assert facts.tempo_fit is not None
    assert [one.seed for one in facts.tempo_fit.attempts] == [7, 8, 9]
    (first, *_) = take_notices(facts)
    assert first.code == "tempo_fit"
    assert "It is the seed 9; 7, 8 did not fit." in first.message


def test_only_the_takes_that_do_not_fit_are_tried_again_with_seeds_that_none_has() -> None:
    player = Player({7: 120.0, 8: 100.0, 9: 121.0, 10: 119.0})
    _, facts = taken(player, replace(STATE, takes=3))
    assert player.batches == [[7, 8, 9], [10]]
    assert [one.seed for one in facts] == [7, 10, 9]
    assert [one.take for one in facts] == [0, 1, 2]


def test_after_three_more_the_nearest_is_kept_unstretched() -> None:
    player = Player({7: 90.0, 8: 100.0, 9: 106.0, 10: 95.0})
    (made,), (facts,) = taken(player)
    assert len(player.batches) == 1 + MAX_RETRIES
    record = facts.tempo_fit
    assert record is not None
    assert (facts.seed, record.used.outcome, record.used.ratio, record.used.stretcher) == (9, "other_tempo", 1.0, None)
    assert len(made.mastered.samples) == 4 * 48000
    (notice, *_) = take_notices(facts)
    assert "None of the seeds 7, 8, 9, 10" in notice.message
    assert "about 106.0 bpm" in notice.message


def test_what_has_no_beat_is_not_tried_again() -> None:
    player = Player({7: NOISE})
    _, (facts,) = taken(player)
    assert player.batches == [[7]]
    assert facts.tempo_fit is not None
    assert (facts.tempo_fit.used.outcome, facts.tempo_fit.used.bpm, facts.tempo_fit.used.ratio) == (
        "no_beat",
        None,
        1.0,
    )
    (notice, *_) = take_notices(facts)
    assert "No steady beat" in notice.message


def test_seeds_go_around() -> None:
    last = SEEDS - 1
    player = Player({last: 100.0, 0: 120.0})
    _, (facts,) = taken(player, seed=last)
    assert player.batches == [[last], [0]]
    assert facts.seed == 0


@pytest.mark.parametrize("tempos", [{7: 120.0, 8: 121.0}, {7: 90.0, 8: 121.0, 9: 91.0, 10: 92.0, 11: 93.0}])
def test_progress_never_falls_and_ends_at_one(tempos: dict[int, float]) -> None:
    told: list[float] = []
    request = planned(replace(STATE, takes=2)).request
    list(made_takes(Player(tempos), request, report=told.append, cancelled=lambda: False))
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert max(told[:-1]) <= 1.0


def test_cancel_is_heard_between_attempts() -> None:
    player = Player({7: 100.0})
    with pytest.raises(Cancelled):
        taken(player, cancelled=lambda: len(player.batches) == 1)
    assert player.batches == [[7]]


def test_windows_are_those_of_the_clip() -> None:
    _, (facts,) = taken(Player({7: 117.0}))
    assert facts.tempo_fit is not None
    used = facts.tempo_fit.used
    (_, first_end), (second_start, second_end) = facts.windows_s
    assert first_end == pytest.approx((3.0 - used.start_s) * used.ratio)
    assert second_start == pytest.approx((2.0 - used.start_s) * used.ratio)
    assert second_end == 4.0


def test_the_receipt_has_all_of_it() -> None:
    made = planned()
    _, (facts,) = taken(Player({7: 100.0, 8: 118.0}))
    receipt = receipt_for(
        made.request,
        made.chart,
        facts,
        STATE,
        made.notices,
        soundfont=None,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    text = receipt_to_json(receipt)
    assert receipt_from_json(text).tempo_fit == facts.tempo_fit
    written = json.loads(text)
    assert written["seed"] == 8
    assert written["tempo_fit"]["used"]["outcome"] == "fitted"
    assert [one["seed"] for one in written["tempo_fit"]["attempts"]] == [7, 8]
    assert "librosa" in written["versions"]


# When there is a grid


def grid_in(state: SessionState, settings: MagnetSettings = SETTINGS) -> BeatGrid | None:
    prompt = planned(state, settings=settings).request.controls[0]
    assert isinstance(prompt, MagnetPrompt)
    return prompt.grid


def with_meter(numerator: int, denominator: int) -> TempoMap:
    return TempoMap.constant(Bpm(120.0), Meter(numerator=numerator, denominator=denominator))


@pytest.mark.parametrize(
    ("numerator", "denominator", "beats", "bar", "quarters"),
    [
        (4, 4, 8, 4, 1.0),
        (3, 4, 6, 3, 1.0),
        (6, 8, 4, 2, 1.5),
        (12, 8, 8, 4, 1.5),
        (5, 4, 10, 5, 1.0),
        (2, 2, 8, 4, 1.0),
    ],
)
def test_the_beats_of_a_meter(numerator: int, denominator: int, beats: int, bar: int, quarters: float) -> None:
    grid = grid_in(replace(STATE, tempo_map=with_meter(numerator, denominator)))
    assert grid is not None
    assert (grid.beats, grid.bar_beats, grid.beat_quarters, grid.pickup) == (beats, bar, quarters, 0)


def test_a_clip_may_begin_on_any_beat() -> None:
    grid = grid_in(replace(STATE, start=Beats(1.0)))
    assert grid is not None
    assert (grid.beats, grid.pickup) == (8, 3)


def no_grid() -> Iterator[tuple[str, SessionState, MagnetSettings]]:
    base = TempoMap.constant(Bpm(120.0))
    ramp = base.with_tempo(TempoPoint(at=Beats(8.0), bpm=Bpm(140.0), ramp=True))
    jump = base.with_tempo(TempoPoint(at=Beats(4.0), bpm=Bpm(140.0)))
    mixed = base.with_meter(MeterPoint(bar=2, meter=Meter(numerator=6, denominator=8)))
    yield "ramp", replace(STATE, tempo_map=ramp), SETTINGS
    yield "jump", replace(STATE, tempo_map=jump), SETTINGS
    yield "7/8", replace(STATE, tempo_map=with_meter(7, 8)), SETTINGS
    yield "4/4 and 6/8", replace(STATE, tempo_map=mixed), SETTINGS
    yield "beside a beat", replace(STATE, start=Beats(0.5)), SETTINGS
    yield "continued", replace(STATE, given=AudioRegion(path=Path("/a.wav"), place="before")), SETTINGS
    yield "off", STATE, replace(SETTINGS, tempo_fit=False)


@pytest.mark.parametrize(("state", "model"), [pytest.param(*case, id=name) for name, *case in no_grid()])
def test_there_is_nothing_to_fit_to(state: SessionState, model: MagnetSettings) -> None:
    assert grid_in(state, model) is None


@settings(max_examples=100)
@given(
    bpm=st.floats(20, 400), numerator=st.integers(1, 16), denominator=st.sampled_from([2, 4, 8, 16]),
    bars=st.integers(1, 16), start=st.integers(0, 64),
)  # fmt: skip
def test_a_grid_fills_the_window(bpm: float, numerator: int, denominator: int, bars: int, start: int) -> None:
    assume(bars * numerator * 4 / denominator * 60 / bpm <= MAX_CLIP)
    tempo_map = TempoMap.constant(Bpm(bpm), Meter(numerator=numerator, denominator=denominator))
    state = replace(STATE, tempo_map=tempo_map, bars=bars, start=Beats(start / 2))
    window = plan_window(state, AudioFormat())
    grid = grid_of(window, tempo_map)
    if grid is not None:
        assert grid.beats * grid.beat_quarters == pytest.approx(window.end - window.start)
        assert grid.beats == grid.bar_beats * bars
        assert 0 <= grid.pickup < grid.bar_beats
        assert window.seconds + grid.spare_s >= (window.seconds + window.seconds / grid.beats) / 0.92 - 1e-9
