"""Category: unit, integration. Clips that make themselves: in time or told, once, from the chart as it stands."""

from __future__ import annotations

import heapq
import itertools
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge import engine as jobs
from bridge import osc_schema as osc
from bridge.engine_pace import SPARE_S, Paces, Shape, lead_s, measured, needed_s, shape_of
from bridge.notices import Chart
from bridge.osc_client import OscClient
from bridge.osc_clients import Client
from bridge.receipt_schema import Receipt, receipt_from_json
from bridge.requests import GenerationRequest, Window
from bridge.session import SessionState, reduce
from bridge.spawned import spawned_daemon
from bridge.takes import Order
from bridge.trigger_clock import TriggerClock
from midi import events as ev
from midi.charts import ChordChart
from midi.chords import parse_progression
from midi.time import Beats, Bpm, Meter, MeterPoint, Seconds, TempoMap, TempoPoint

CHART = ChordChart(progression=parse_progression("C |"))
OTHER = ev.SetChords(progression=parse_progression("Am | F |"))
BEGAN_S = 10.0


@dataclass
class Timer:
    """A timer of virtual time."""

    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True


@dataclass
class Clip:
    """A request as the stage saw it."""

    id: str
    state: SessionState
    begun: float
    ready: float | None = None
    cancelled: bool = False

    @property
    def bar(self) -> int:
        return int(self.id.removeprefix("bar").partition("-")[0])


@dataclass
class Stage:
    """The trigger clock in virtual time, and an engine that needs what ``takes_s`` says, with a queue."""

    session: SessionState
    takes_s: Callable[[SessionState], float]
    now: float = BEGAN_S
    clips: list[Clip] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    due: list[tuple[str, int, float]] = field(default_factory=list)
    looks: int = 0
    warm: bool = True
    began: float = BEGAN_S

    def __post_init__(self) -> None:
        self.timers: list[tuple[float, int, Timer, Callable[[], None]]] = []
        self.count = itertools.count()
        self.running: jobs.Job[Order] | None = None
        self.waiting: list[jobs.Job[Order]] = []
        self.clock = TriggerClock(
            monotonic=lambda: self.now,
            session=lambda: self.session,
            queue=self,
            generate=self.generate,
            new_id=lambda: str(next(self.count)),
            tell=self.tell,
            warm=lambda: self.warm,
            call_later=self.call_later,
        )
        self.clock.start()

    # What the clock sees

    def call_later(self, after_s: float, ring: Callable[[], None]) -> Timer:
        timer = Timer()
        heapq.heappush(self.timers, (self.now + after_s, next(self.count), timer, ring))
        return timer

    def holds(self, request_id: str) -> bool:
        return any(job.request.id == request_id for job in (self.running, *self.waiting) if job)

    def cancel(self, request_id: str | None) -> None:
        (clip,) = [clip for clip in self.clips if clip.id == request_id]
        clip.cancelled = True
        if self.running and self.running.request.id == request_id:
            job, self.running = self.running, None
            self.clock.heard(job, jobs.WasCancelled())
            self.next_job()

    def generate(self, request_id: str, state: SessionState, client: Client | None = None) -> None:
        window = Window(
            start=state.start, end=state.start, bars=state.bars, seconds=Seconds(1.0), sample_rate_hz=48000,
            frames=48000, bpm=Bpm(120.0), meter=Meter(numerator=4, denominator=4),
        )  # fmt: skip
        request = GenerationRequest(
            id=request_id, revision=state.revision, engine=state.engine, controls=(), window=window,
            loudness_lufs=-14.0, ceiling_dbfs=-1.0,
        )  # fmt: skip
        order = Order(client=None, state=state, chart=Chart(chords=(), drums=(), melody=()), notices=())
        job = jobs.Job(request=request, owner=order)
        if request_id.startswith("bar"):
            assert state.transport.playing, "nothing is begun while the song stands still"
            assert not any(one.request.id.startswith("bar") for one in (self.running, *self.waiting) if one), "two"
        self.clips.append(Clip(id=request_id, state=state, begun=self.now))
        self.clock.heard(job, jobs.Accepted())
        self.waiting.append(job)
        self.call_later(0.0, self.next_job)

    def tell(self, reply: osc.Reply, client: Client | None) -> None:
        match reply:
            case osc.NoticeReply(code=code, message=message):
                assert code == "late"
                self.said.append(message)
            case osc.DueReply(id=request_id, bar=bar, beat=beat):
                self.due.append((request_id, bar, beat))
            case _:
                raise AssertionError(reply)

    # The engine

    def next_job(self) -> None:
        if self.running or not self.waiting:
            return
        job = self.running = self.waiting.pop(0)
        self.clock.heard(job, jobs.Progress(share=0.0))
        self.call_later(self.takes_s(job.owner.state), lambda: self.done(job))

    def done(self, job: jobs.Job[Order]) -> None:
        if self.running is not job:
            return
        self.running = None
        (clip,) = [clip for clip in self.clips if clip.id == job.request.id]
        clip.ready = self.now
        self.clock.heard(job, jobs.Done(clips=1))
        self.next_job()

    # The test's hand

    def go(self, seconds: float) -> None:
        end = self.now + seconds
        while self.timers and self.timers[0][0] <= end:
            due, _, timer, ring = heapq.heappop(self.timers)
            self.now = max(self.now, due)
            if not timer.cancelled:
                self.looks += 1
                ring()
        self.now = end

    def give(self, event: ev.SessionEvent) -> None:
        self.session, _ = reduce(self.session, event, Seconds(self.now))
        self.clock.changed()

    def learn(self, bars: int, start: float = 0.0) -> None:
        """The engine makes a clip of this length before the song runs, and its time is known."""
        self.generate("asked", replace(self.session, bars=bars, start=Beats(start)))
        self.go(1000.0)

    @property
    def made(self) -> list[Clip]:
        """What was begun without being asked for."""
        return [clip for clip in self.clips if clip.id.startswith("bar")]

    def told_bars(self, grid: int) -> set[int]:
        """Every bar that a notice was about."""
        bars: set[int] = set()
        for text in self.said:
            if found := re.match(r"No clip for bar (\d+) can", text):
                bars.add(int(found[1]))
            elif found := re.match(r"No clip for the bars (\d+) to (\d+) can", text):
                bars |= set(range(int(found[1]), int(found[2]) + 1, grid))
            else:
                late = re.match(r"The clip for bar (\d+) was ready [\d.]+ s after its bar began\.", text)
                assert late, text
                bars.add(int(late[1]))
        return bars


def by_length(pace: float, overhead_s: float = 0.0) -> Callable[[SessionState], float]:
    """An engine that needs so many seconds for a second of all takes, and some more for each clip."""
    return lambda state: overhead_s + pace * shape_of(state).work_s


def stage(
    mode: ev.TriggerMode, bars: int = 4, *, bpm: float = 120.0, pace: float = 0.1, takes: int = 1,
    tempo_map: TempoMap | None = None,
) -> Stage:  # fmt: skip
    session = SessionState(
        tempo_map=tempo_map or TempoMap.constant(Bpm(bpm)), bars=bars, takes=takes, chords=CHART,
        trigger=ev.SetTrigger(mode=mode),
    )  # fmt: skip
    return Stage(session=session, takes_s=by_length(pace))


def playing(mode: ev.TriggerMode, bars: int = 4, *, pace: float = 0.1, at: float = 0.0, learnt: bool = True) -> Stage:
    """A stage at 120 whose song runs from ``at`` on; the engine's time for a clip is known where it was ``learnt``."""
    one = stage(mode, bars, pace=pace)
    if learnt:
        one.learn(bars)
    one.began = one.now
    one.give(ev.Play(at=Beats(at)))
    return one


# Every so many bars


def test_every_four_bars_a_clip_is_ready_before_its_bar_and_begun_as_late_as_can_be() -> None:
    """At 120 a clip lasts 8 s and takes 0.8 s: it is begun 1.25 s before its bar, whose number the id and `due` say."""
    one = playing("bars")
    one.go(40.0)
    assert [clip.bar for clip in one.made] == [5, 9, 13, 17, 21]
    for clip in one.made:
        line = one.began + one.session.tempo_map.seconds_at(clip.state.start)
        assert line - clip.begun == pytest.approx(0.8 * 1.25 + SPARE_S, abs=0.002)
        assert clip.ready is not None and clip.ready < line
        assert (clip.state.start, clip.state.bars) == ((clip.bar - 1) * 4.0, 4)
    assert one.due == [(clip.id, clip.bar, clip.state.start) for clip in one.made]
    assert one.said == []


def test_the_clip_is_made_from_the_chart_as_it_stands_when_it_must_start() -> None:
    one = playing("bars")
    one.go(6.0)
    one.give(OTHER)
    one.go(1.0)
    one.give(ev.SetPrompt(text="too late for this one"))
    one.go(0.9)
    assert [(clip.bar, clip.state.chords.progression, clip.state.prompt) for clip in one.made] == [
        (5, OTHER.progression, "")
    ]


def test_an_engine_that_is_slower_than_the_music_makes_what_it_can_and_tells_the_rest() -> None:
    """A clip of four bars takes ten seconds, and four bars are eight."""
    one = playing("bars", pace=1.25)
    one.go(60.0)
    assert [clip.bar for clip in one.made][:4] == [9, 13, 21, 25]
    assert one.said[:2] == [
        "No clip for bar 5 can be ready in time; the next is for bar 9.",
        "No clip for bar 17 can be ready in time; the next is for bar 21.",
    ]


def test_several_bars_that_cannot_be_made_are_told_at_once() -> None:
    one = playing("bars", 1, pace=3.5)
    one.go(1.0)
    assert one.said == [
        "No clip for the bars 2 to 4 can be ready in time; the next is for bar 5.",
        "No clip for the bars 6 to 7 can be ready in time; the next is for bar 8.",
    ]


def test_a_clip_that_took_longer_than_any_before_is_told_when_it_is_ready() -> None:
    one = playing("bars")
    one.takes_s = by_length(0.2)
    one.go(10.0)
    assert one.said == ["The clip for bar 5 was ready 0.4 s after its bar began."]
    one.go(20.0)
    assert len(one.said) == 1, "the next are begun earlier"


def test_work_that_was_asked_for_is_waited_for_and_looked_ahead_to() -> None:
    """A request of 16 bars keeps the engine for 3.2 s until 0.4 s before bar 5, whose clip needs 0.8 s."""
    one = playing("bars")
    one.go(4.4)
    one.generate("asked-2", replace(one.session, bars=16))
    one.go(0.1)
    assert one.said == ["No clip for bar 5 can be ready in time; the next is for bar 9."], "told long before the bar"
    one.go(12.0)
    assert [clip.bar for clip in one.made] == [9]
    assert max(len(one.waiting), 0) == 0


def test_a_clip_that_can_wait_for_other_work_is_begun_when_the_engine_is_free() -> None:
    one = playing("bars")
    one.go(6.0)
    one.generate("asked-2", replace(one.session, bars=4))
    one.go(0.79)
    assert one.made == []
    one.go(0.02)
    assert [clip.bar for clip in one.made] == [5]


def test_while_the_song_stands_nothing_is_made() -> None:
    one = playing("bars")
    one.give(ev.Stop())
    one.go(30.0)
    assert one.made == []
    one.give(ev.Play())
    one.go(8.0)
    assert [clip.bar for clip in one.made] == [5]


def test_a_clip_that_is_being_made_is_not_begun_again_when_the_song_goes_on() -> None:
    one = playing("bars")
    one.go(6.8)
    one.give(ev.Stop())
    one.go(0.1)
    one.give(ev.Play())
    one.go(1.0)
    assert [clip.bar for clip in one.made] == [5]
    assert one.said == []


def test_a_jump_takes_the_next_bar_of_the_grid_from_there() -> None:
    one = playing("bars")
    one.go(9.0)
    one.give(ev.Locate(at=Beats(100.0)))
    one.go(8.0)
    assert [clip.bar for clip in one.made] == [5, 29]


def test_a_loop_of_the_daw_gives_a_bar_another_clip_each_time() -> None:
    one = playing("bars")
    for _ in range(3):
        one.go(9.0)
        one.give(ev.Locate(at=Beats(0.0)))
    assert [clip.bar for clip in one.made] == [5, 5, 5]


def test_a_clock_that_is_put_right_by_milliseconds_is_no_jump() -> None:
    one = playing("bars")
    for _ in range(62):
        one.go(0.5)
        one.give(ev.Locate(at=Beats(one.session.position_at(Seconds(one.now)) + 0.01)))
    assert [clip.bar for clip in one.made] == [5, 9, 13, 17]


def test_another_tempo_moves_the_deadline() -> None:
    one = playing("bars")
    one.go(2.0)
    one.give(ev.SetTempo(bpm=Bpm(60.0)))
    one.go(20.0)
    (clip,) = one.made
    assert clip.bar == 5
    assert one.began + 2.0 + 12.0 - clip.begun == pytest.approx(lead_s(1.6), abs=0.002)


def test_a_clip_that_no_longer_fits_is_cancelled_and_made_anew() -> None:
    """The tempo falls 0.3 s after the clip for bar 5 was begun: it would end eight seconds too early."""
    one = playing("bars")
    one.go(7.05)
    one.give(ev.SetTempo(bpm=Bpm(60.0)))
    one.go(5.0)
    assert [(clip.bar, clip.cancelled) for clip in one.made] == [(5, True), (5, False)]
    assert one.said == []


def test_a_tempo_that_wavers_leaves_a_clip_as_it_is() -> None:
    one = playing("bars")
    one.go(7.5)
    one.give(ev.SetTempo(bpm=Bpm(120.1)))
    one.go(5.0)
    assert [(clip.bar, clip.cancelled) for clip in one.made] == [(5, False)]


def test_a_clip_that_was_superseded_is_made_anew_while_there_is_time() -> None:
    one = playing("bars", learnt=False)
    one.takes_s = by_length(0.05)
    one.go(6.4)  # 0.15 a second are expected of an engine that made nothing
    assert len(one.made) == 1
    job = one.running
    assert job is not None
    one.running = None
    one.clock.heard(job, jobs.Superseded(by="newer"))
    one.go(1.0)
    assert [clip.bar for clip in one.made] == [5, 5]


def test_a_failed_clip_is_not_tried_again_for_its_bar() -> None:
    one = playing("bars")
    one.go(6.8)
    job = one.running
    assert job is not None
    one.running = None
    one.clock.heard(job, jobs.WasCancelled())
    one.go(7.5)
    assert [clip.bar for clip in one.made] == [5]


def test_other_bars_are_another_grid() -> None:
    one = playing("bars")
    one.go(8.0)
    one.give(ev.SetTrigger(mode="bars", bars=2))
    one.go(9.0)
    assert [(clip.bar, clip.state.bars) for clip in one.made] == [(5, 4), (7, 2), (9, 2)]


def test_choosing_when_clips_are_made_changes_no_music() -> None:
    state, effects = reduce(SessionState(), ev.SetTrigger(mode="bars", bars=2), Seconds(0.0))
    assert (state.revision, state.trigger.bars, effects) == (0, 2, ())


def test_on_request_nothing_is_made_by_itself() -> None:
    one = playing("request")
    one.give(OTHER)
    one.go(30.0)
    assert one.made == []


# When the chords change


def test_other_chords_make_a_clip_for_the_next_bar_that_can_be_made() -> None:
    one = playing("chords", 2)
    one.go(3.0)
    assert one.made == [], "nothing has changed"
    one.give(OTHER)
    one.go(10.0)
    assert [(clip.bar, clip.state.bars) for clip in one.made] == [(3, 2)]
    one.give(ev.SetBars(bars=1))
    one.go(2.0)
    assert len(one.made) == 1, "bars are no chords"


def test_the_chords_of_a_bar_make_one_clip_from_the_last_of_them() -> None:
    """A player changes chords on each beat; the clip for bar 3 takes 0.4 s and is begun 0.75 s before it."""
    one = playing("chords", 2)
    one.go(2.05)
    for beat, label in enumerate(("Am |", "Dm |", "G |")):
        one.give(ev.SetChords(progression=parse_progression(label)))
        one.go(0.4)
        assert one.made == [] or beat == 2
    one.go(0.8)
    assert [(clip.bar, clip.state.chords.progression) for clip in one.made] == [(3, parse_progression("G |"))]


def test_chords_that_change_while_a_clip_is_made_make_the_next_one() -> None:
    one = playing("chords", 2, pace=1.0)
    one.give(OTHER)
    one.go(4.0)
    one.give(ev.SetChords(progression=parse_progression("E |")))
    one.go(20.0)
    assert [clip.state.chords.progression for clip in one.made] == [OTHER.progression, parse_progression("E |")]


def test_cleared_chords_make_nothing() -> None:
    one = playing("chords")
    one.give(ev.ClearChords())
    one.go(20.0)
    assert one.made == []


# The next bar


def test_a_clip_for_the_next_bar_that_it_can_be_ready_for() -> None:
    """At 120 a bar is 2 s; a clip of four takes 0.8 s, and is begun 1.25 s before its bar or earlier."""
    one = playing("request")

    def due() -> tuple[int, float]:
        one.clock.generate_next(f"chorus-{len(one.clips)}", one.session, None)
        assert one.clips[-1].state.start == one.due[-1][2]
        return one.due[-1][1:]

    one.go(0.7)
    assert due() == (2, 4.0)
    one.go(0.9)
    assert due() == (3, 8.0)
    one.generate("asked-2", replace(one.session, bars=16))
    assert due() == (5, 16.0), "the engine is busy for 4 s more"
    one.go(30.0)
    one.give(ev.Stop())
    one.give(ev.Locate(at=Beats(8.0)))
    assert due() == (3, 8.0), "where the song stands, and waits"


def test_a_clip_for_the_next_bar_with_an_id_that_is_in_use_is_left_to_the_daemon() -> None:
    one = playing("request")
    one.generate("chorus-1", one.session)
    one.clock.generate_next("chorus-1", one.session, None)
    assert one.due == []


# What an engine needs


def shape(clip_s: float, takes: int = 1, engine: str = "jasco") -> Shape:
    return Shape(way=(engine, (), takes, False), clip_s=clip_s)


def test_the_slowest_of_the_last_clips_says_what_the_next_will_take() -> None:
    paces = Paces()
    for spent in (1.0, 4.0, 1.0, 1.0, 1.0):
        paces = measured(paces, shape(10.0), spent)
    assert needed_s(paces, shape(10.0)) == 4.0
    for _ in range(2):
        paces = measured(paces, shape(10.0), 1.0)
    assert needed_s(paces, shape(10.0)) == 1.0, "it is forgotten after five more"


def test_another_shape_is_judged_by_the_nearest_and_never_too_short() -> None:
    paces = measured(measured(Paces(), shape(10.0), 2.0), shape(40.0), 5.0)
    assert needed_s(paces, shape(12.0)) == pytest.approx(2.4)
    assert needed_s(paces, shape(5.0)) == 2.0, "half the length may take as long"
    assert needed_s(paces, shape(80.0)) == 10.0
    assert needed_s(paces, shape(10.0, takes=2)) == 4.0, "of the engine, asked in another way"
    assert needed_s(paces, shape(10.0, engine="magnet")) == 10.0, "nothing is known"
    assert needed_s(paces, shape(10.0, engine="sketch")) == 1.5


def test_a_clip_that_waited_for_the_engine_to_start_says_nothing_of_its_pace() -> None:
    one = stage("bars")
    one.warm = False
    one.takes_s = by_length(1.5)
    one.learn(4)
    one.warm, one.takes_s = True, by_length(0.1)
    one.give(ev.Play(at=Beats(0.0)))
    one.go(8.0)
    assert [clip.bar for clip in one.made] == [5]


@given(st.lists(st.tuples(st.floats(0.1, 900.0), st.integers(1, 60), st.floats(0.0, 1000.0)), max_size=200))
def test_what_is_remembered_of_engines_is_bounded(clips: list[tuple[float, int, float]]) -> None:
    paces = Paces()
    for clip_s, takes, spent_s in clips:
        paces = measured(paces, shape(clip_s, takes), spent_s)
        assert needed_s(paces, shape(clip_s, takes)) >= spent_s
    assert sum(len(spent.times_s) for way in paces.ways.values() for spent in way) <= 32 * 8 * 5


# Whatever the music and the engine

TEMPO_MAPS = st.builds(
    lambda bpm, tempos, meters: TempoMap(
        tempos=(TempoPoint(at=Beats(0.0), bpm=Bpm(bpm)), *tempos),
        meters=(MeterPoint(bar=1, meter=Meter(numerator=4, denominator=4)), *meters),
    ),
    st.floats(30.0, 300.0),
    st.lists(
        st.builds(
            lambda beat, bpm, ramp: TempoPoint(at=Beats(beat), bpm=Bpm(bpm), ramp=ramp),
            st.integers(1, 120), st.floats(30.0, 300.0), st.booleans(),
        ),
        max_size=4, unique_by=lambda point: point.at,
    ).map(lambda points: tuple(sorted(points, key=lambda point: point.at))),
    st.lists(
        st.builds(
            lambda bar, upper, lower: MeterPoint(bar=bar, meter=Meter(numerator=upper, denominator=lower)),
            st.integers(2, 40), st.integers(2, 9), st.sampled_from((4, 8)),
        ),
        max_size=3, unique_by=lambda point: point.bar,
    ).map(lambda points: tuple(sorted(points, key=lambda point: point.bar))),
)  # fmt: skip


@given(
    tempo_map=TEMPO_MAPS, bars=st.integers(1, 8), pace=st.floats(0.01, 2.5), overhead=st.floats(0.0, 3.0),
    takes=st.integers(1, 3), at=st.floats(0.0, 80.0), learnt=st.booleans(),
    work=st.lists(st.floats(0.0, 60.0), max_size=6),
)  # fmt: skip
def test_every_bar_of_the_grid_has_a_clip_in_time_or_a_notice(
    tempo_map: TempoMap, bars: int, pace: float, overhead: float, takes: int, at: float, learnt: bool,
    work: list[float],
) -> None:  # fmt: skip
    one = stage("bars", bars, takes=takes, tempo_map=tempo_map)
    one.takes_s = by_length(pace, overhead)
    if learnt:
        one.learn(bars)
    one.began = one.now
    one.give(ev.Play(at=Beats(at)))
    one.go(0.0)
    for count, moment in enumerate(sorted(work)):
        one.go(max(0.0, one.began + moment - one.now))
        one.generate(f"asked-{count}", replace(one.session, bars=1, start=Beats(0.0)))
    one.go(one.began + 60.0 - one.now)
    began_s = tempo_map.seconds_at(Beats(at))
    lines = {bar: one.began + tempo_map.seconds_at(tempo_map.bar_start(bar)) - began_s for bar in range(1, 600, bars)}
    passed = {bar for bar, line in lines.items() if one.began + 0.06 <= line <= one.now}
    in_time = {clip.bar for clip in one.made if clip.ready is not None and clip.ready <= lines[clip.bar]}
    under_way = {clip.bar for clip in one.made if clip.ready is None}
    told = one.told_bars(bars)
    assert passed <= in_time | told | under_way, "no bar goes by without a word"
    assert not in_time & told, "what is told is so"
    numbers = [clip.bar for clip in one.made]
    assert numbers == sorted(set(numbers)), "each once, in order"
    assert one.looks < 60_000


@given(bpm=st.floats(30.0, 300.0), bars=st.integers(1, 8), pace=st.floats(0.01, 0.7), overhead=st.floats(0.0, 2.0))
def test_wherever_it_can_be_a_clip_is_in_time(bpm: float, bars: int, pace: float, overhead: float) -> None:
    """The engine's time is known. Where there is enough of it from bar to bar, all are made and none is told."""
    one = stage("bars", bars, bpm=bpm)
    one.takes_s = by_length(pace, overhead)
    one.learn(bars)
    one.began = one.now
    one.give(ev.Play(at=Beats(0.0)))
    apart_s = bars * 240.0 / bpm
    one.go(apart_s * 6.5)
    if lead_s(overhead + pace * apart_s) <= apart_s:
        assert one.said == []
        assert [clip.bar for clip in one.made if clip.ready] == [1 + bars * count for count in range(1, 7)]
    else:
        assert one.said == [] or overhead + pace * apart_s + 0.01 >= apart_s - lead_s(overhead + pace * apart_s)


@given(
    st.sampled_from(("bars", "chords")),
    st.lists(
        st.tuples(
            st.floats(0.0, 5.0),
            st.sampled_from((
                ev.Play(), ev.Play(at=Beats(3.0)), ev.Stop(), ev.Locate(at=Beats(40.0)), ev.Locate(at=Beats(0.0)),
                ev.SetTempo(bpm=Bpm(90.0)), ev.SetTempo(bpm=Bpm(200.0)), OTHER, ev.ClearChords(),
                ev.SetChords(progression=parse_progression("E |")),
                ev.SetMeter(meter=Meter(numerator=7, denominator=8)),
                ev.SetTrigger(mode="bars", bars=3), ev.SetTrigger(mode="chords"), ev.SetTrigger(mode="request"),
                ev.SetBars(bars=2), ev.SetTakes(takes=2), "ask",
            )),
        ),
        max_size=40,
    ),
    st.floats(0.01, 1.5),
)  # fmt: skip
def test_whatever_happens_there_are_never_two_and_none_while_it_stands(
    mode: ev.TriggerMode, scene: list[tuple[float, ev.SessionEvent | str]], pace: float
) -> None:
    """The stage itself says so at each request; and a clip begins at its bar, in the future, of the session then."""
    one = stage(mode, pace=pace)
    for count, (seconds, event) in enumerate(scene):
        one.go(seconds)
        if isinstance(event, str):
            one.generate(f"asked-{count}", one.session)
        else:
            one.give(event)
    one.go(30.0)
    for clip in one.made:
        assert clip.state.start == clip.state.tempo_map.bar_start(clip.bar)
        assert clip.state.position_at(Seconds(clip.begun)) < clip.state.start
    one.clock.close()
    one.clock.close()
    before = len(one.made)
    one.go(60.0)
    assert len(one.made) == before, "once closed it begins nothing"


# In a daemon


def test_a_daemon_makes_a_clip_for_every_four_bars(tmp_path_factory: pytest.TempPathFactory) -> None:
    """At 480 four bars are two seconds. Three clips, each for its bar; a bar that has none was told."""
    with spawned_daemon(tmp_path_factory.mktemp("clips")) as daemon, OscClient(daemon.host, daemon.port) as client:
        client.send("/sideman/subscribe")
        client.send("/sideman/tempo", "f", 480.0)
        client.send("/sideman/chords", "s", "C | F |")
        client.send("/sideman/generate", "s", "first")
        list(client.hear_until("/sideman/done", within_s=30))
        client.send("/sideman/trigger", "si", "bars", 4)
        client.send("/sideman/play", "f", 0.0)
        due: list[tuple[str, int, float]] = []
        receipts: list[Receipt] = []
        told = ""
        while len(receipts) < 3:
            for heard in client.hear_until("/sideman/clip", within_s=30):
                if heard.address == "/sideman/due":
                    name, bar, beat = heard.arguments
                    due.append((str(name), int(bar), float(beat)))
                elif heard.address == "/sideman/notice":
                    told += str(heard.arguments[2])
            receipts.append(receipt_of(str(heard.arguments[3])))
            assert heard.arguments[2] == 4
        client.send("/sideman/trigger", "s", "request")
    made = due[:3]
    assert [(receipt.request_id, receipt.start) for receipt in receipts] == [(name, beat) for name, _, beat in made]
    assert all(name.startswith(f"bar{bar}-") and beat == (bar - 1) * 4.0 for name, bar, beat in made)
    if "No clip for" not in told:
        assert [bar for _, bar, _ in made] == [5, 9, 13]


def receipt_of(path: str) -> Receipt:
    return receipt_from_json(Path(path).with_suffix(".json").read_bytes())
