"""Category: unit, integration. Clips that are made without being asked for: in time, once, and from the chart then."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.notices import Notice
from bridge.osc_client import OscClient
from bridge.session import SessionState, reduce
from bridge.spawned import spawned_daemon
from bridge.triggers import SPARE_S, Fire, Triggers, decided, finished, needed_s
from midi import events as ev
from midi.charts import ChordChart
from midi.chords import parse_progression
from midi.time import Beats, Bpm, Meter, Seconds, TempoMap, TempoPoint

STEP_S = 0.05


@dataclass
class Run:
    """A session that runs, and an engine that takes as long as it takes."""

    session: SessionState
    factor: float
    triggers: Triggers = field(default_factory=Triggers)
    now: float = 10.0
    fires: list[tuple[float, Fire]] = field(default_factory=list)
    ready: list[tuple[float, Fire]] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    busy_until: float | None = None

    def clip_s(self, fire: Fire) -> float:
        end = self.session.tempo_map.advance_bars(fire.start, fire.bars)
        return self.session.tempo_map.seconds_between(fire.start, end)

    def go(self, seconds: float) -> None:
        end = self.now + seconds
        while self.now < end:
            self.now += STEP_S
            if self.busy_until is not None and self.now >= self.busy_until:
                began, fire = self.fires[-1]
                self.ready.append((self.now, fire))
                self.triggers = finished(self.triggers, "sketch", self.clip_s(fire), self.busy_until - began)
                self.busy_until = None
            busy = self.busy_until is not None
            self.triggers, fire, notices = decided(self.triggers, self.session, Seconds(self.now), busy=busy)
            self.notices += notices
            if fire:
                assert not busy, "there are never two"
                self.fires.append((self.now, fire))
                self.busy_until = self.now + self.factor * self.clip_s(fire)

    def give(self, event: ev.SessionEvent) -> None:
        self.session, _ = reduce(self.session, event, Seconds(self.now))


def run(mode: ev.TriggerMode, *, bpm: float = 120.0, bars: int = 4, factor: float = 0.1, **session: object) -> Run:
    state = SessionState(
        tempo_map=TempoMap.constant(Bpm(bpm)), bars=bars, chords=ChordChart(progression=parse_progression("C |")),
        trigger=ev.SetTrigger(mode=mode), **session,  # type: ignore[arg-type]
    )  # fmt: skip
    one = Run(session=state, factor=factor)
    one.give(ev.Play(at=Beats(0.0)))
    return one


def test_every_four_bars_a_clip_is_ready_before_its_bar_and_begun_as_late_as_can_be() -> None:
    """At 120 a clip lasts 8 s and takes 0.8 s; the first one is begun early, for nothing is known of the engine."""
    one = run("bars")
    one.go(40.0)
    assert [fire.bar for _, fire in one.fires] == [5, 9, 13, 17, 21]
    for (began, fire), (ready, _) in zip(one.fires, one.ready, strict=False):
        due = 10.0 + one.session.tempo_map.seconds_at(fire.start)
        assert ready <= due
        if fire.bar > 5:
            assert due - began == pytest.approx(0.8 * 1.25 + SPARE_S, abs=2 * STEP_S)
    assert one.notices == []


def test_the_clip_is_made_from_the_chart_as_it_stands_when_it_must_start() -> None:
    one = run("bars")
    one.go(12.0)
    chart = ev.SetChords(progression=parse_progression("Am | F |"))
    one.give(chart)
    one.go(4.0)
    assert one.fires[-1][1].bar == 9
    assert one.triggers.chords == one.session.chords


def test_an_engine_that_is_too_slow_says_for_which_bar_it_is_too_late() -> None:
    """A clip of four bars takes ten seconds, and four bars are eight: now and then one is left out."""
    one = run("bars", factor=1.25)
    one.triggers = finished(one.triggers, "sketch", 8.0, 10.0)
    one.go(40.0)
    assert [fire.bar for _, fire in one.fires][:3] == [9, 13, 21]
    assert one.notices[0].message == (
        "The clip for bar 5 cannot be ready in time; the one for bar 9 is the next that can."
    )
    assert len({notice.message for notice in one.notices}) == len(one.notices), "each is told once"


def test_while_the_song_stands_nothing_is_made() -> None:
    one = run("bars")
    one.give(ev.Stop())
    one.go(30.0)
    assert one.fires == []


def test_a_jump_takes_the_next_bar_of_the_grid_from_there() -> None:
    one = run("bars")
    one.go(9.0)
    one.give(ev.Play(at=Beats(100.0)))
    one.go(8.0)
    assert [fire.bar for _, fire in one.fires] == [5, 29]


def test_other_chords_make_a_clip_for_the_next_bar_that_can_be_made() -> None:
    one = run("chords", bars=2)
    one.triggers = finished(one.triggers, "sketch", 4.0, 0.4)
    one.go(3.0)
    assert one.fires == [], "nothing has changed"
    one.give(ev.SetChords(progression=parse_progression("Am | F |")))
    one.go(10.0)
    assert [fire.bar for _, fire in one.fires] == [3]
    one.give(ev.SetBars(bars=1))
    one.go(2.0)
    assert len(one.fires) == 1, "bars are no chords"


def test_on_request_nothing_is_made_by_itself() -> None:
    one = run("request")
    one.give(ev.SetChords(progression=parse_progression("Am |")))
    one.go(30.0)
    assert one.fires == []


def test_the_slowest_of_the_last_clips_says_what_the_next_will_take() -> None:
    triggers = Triggers()
    for spent in (1.0, 4.0, 1.0, 1.0, 1.0):
        triggers = finished(triggers, "jasco", 10.0, spent)
    assert needed_s(triggers, "jasco", 20.0) == 8.0
    for _ in range(2):
        triggers = finished(triggers, "jasco", 10.0, 1.0)
    assert needed_s(triggers, "jasco", 20.0) == 2.0, "it is forgotten after five more"


@given(
    bpm=st.floats(40, 240), other=st.floats(40, 240), bars=st.integers(1, 8), factor=st.floats(0.01, 2.0),
    numerator=st.integers(2, 7), at=st.floats(0, 60),
)  # fmt: skip
def test_whatever_is_begun_is_ready_in_time_and_never_two(
    bpm: float, other: float, bars: int, factor: float, numerator: int, at: float
) -> None:
    """Once the engine's pace is known. A clip is begun for a bar of the grid, each once, in order."""
    tempo_map = TempoMap.constant(Bpm(bpm), Meter(numerator=numerator, denominator=4))
    tempo_map = tempo_map.with_tempo(TempoPoint(at=Beats(32.0), bpm=Bpm(other), ramp=True))
    one = run("bars", bars=bars, factor=factor)
    one.session = replace(one.session, tempo_map=tempo_map)
    one.give(ev.Play(at=Beats(at)))
    began = tempo_map.seconds_at(Beats(at))
    one.triggers = finished(one.triggers, "sketch", 1.0, factor)
    one.go(30.0)
    for ready, fire in one.ready:
        assert ready <= 10.0 + tempo_map.seconds_at(fire.start) - began + 2 * STEP_S
    numbers = [fire.bar for _, fire in one.fires]
    assert numbers == sorted(set(numbers))
    assert all((bar - 1) % bars == 0 for bar in numbers)


def test_a_daemon_makes_a_clip_for_every_bar(tmp_path_factory: pytest.TempPathFactory) -> None:
    """At 240 a bar is a second; three clips in a row, each for the bar that its name says."""
    with spawned_daemon(tmp_path_factory.mktemp("clips")) as daemon, OscClient(daemon.host, daemon.port) as client:
        client.send("/sideman/subscribe")
        client.send("/sideman/tempo", "f", 240.0)
        client.send("/sideman/chords", "s", "C | F |")
        client.send("/sideman/generate", "s", "first")
        list(client.hear_until("/sideman/done", within_s=30))
        client.send("/sideman/trigger", "si", "bars", 2)
        client.send("/sideman/play", "f", 0.0)
        names = []
        while len(names) < 3:
            *_, clip = client.hear_until("/sideman/clip", within_s=30)
            names.append(str(clip.arguments[0]).partition("-")[0])
            assert clip.arguments[2] == 2
        client.send("/sideman/trigger", "s", "request")
    numbers = [int(name.removeprefix("bar")) for name in names]
    assert all((number - 1) % 2 == 0 for number in numbers)
    assert numbers == sorted(set(numbers))
