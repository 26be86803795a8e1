"""Category: unit. A session and Link: tempo, start and stop both ways, and one place in the bar."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.link_session import LinkOrder, LinkReading, Shared, share, stopped
from bridge.session import SessionState, reduce
from midi import events as ev
from midi.time import Beats, Bpm, Meter, Seconds, TempoMap

TICK_S = 0.02


@dataclass
class Network:
    """A Link timeline that others share, and a session at its side, in virtual time."""

    tempo: float = 120.0
    beat: float = 0.0
    playing: bool = False
    started: float = 0.0
    quantum: float = 4.0
    peers: int = 1
    now: float = 10.0
    two_way: bool = True
    session: SessionState = field(default_factory=SessionState)
    shared: Shared = field(default_factory=Shared)
    orders: list[LinkOrder] = field(default_factory=list)
    events: list[ev.SessionEvent] = field(default_factory=list)

    def tick(self) -> None:
        reading = LinkReading(
            tempo=Bpm(self.tempo), beat=Beats(self.beat), started=Beats(self.started), playing=self.playing,
            peers=self.peers, quantum=Beats(self.quantum),
        )  # fmt: skip
        self.shared, events, order = share(self.shared, reading, self.session, Seconds(self.now), two_way=self.two_way)
        for event in events:
            self.give(event)
        self.events += events
        if not order.is_empty:
            self.orders.append(order)
            self.tempo = self.tempo if order.tempo is None else order.tempo
            if order.playing is not None:
                self.playing, self.started = order.playing, self.beat

    def go(self, seconds: float) -> None:
        for _ in range(round(seconds / TICK_S)):
            self.now += TICK_S
            self.beat += TICK_S * self.tempo / 60.0
            self.tick()

    def give(self, event: ev.SessionEvent) -> None:
        self.session, _ = reduce(self.session, event, Seconds(self.now))

    def starts(self) -> None:
        """A peer starts now."""
        self.playing, self.started = True, self.beat

    @property
    def position(self) -> float:
        return self.session.position_at(Seconds(self.now))

    @property
    def apart_s(self) -> float:
        """How far the song is from its place in the bar, as Link has it."""
        offset = self.session.tempo_map.bar_at(Beats(self.position)).offset
        beats = (offset - self.beat + self.quantum / 2) % self.quantum - self.quantum / 2
        return abs(beats) * 60.0 / self.tempo


def met(**fields: float) -> Network:
    """A network that the session has met."""
    network = Network(**fields)  # type: ignore[arg-type]
    network.tick()
    return network


def test_who_joins_takes_on_the_tempo_that_is_there() -> None:
    network = met(tempo=131.0)
    assert network.session.tempo_map.bpm_at(Beats(0.0)) == 131.0
    assert network.orders == []


def test_a_tempo_is_told_as_people_write_it() -> None:
    """Link counts whole microseconds to a beat: 97.3 comes back as 97.29993."""
    network = met(tempo=60e6 / 616650)
    assert network.session.tempo_map.bpm_at(Beats(0.0)) == 97.3


def test_a_tempo_goes_both_ways_and_not_back() -> None:
    network = met()
    network.give(ev.SetTempo(bpm=Bpm(90.0)))
    network.go(0.1)
    assert network.orders == [LinkOrder(tempo=Bpm(90.0))]
    network.tempo = 60e6 / 750_000  # 80
    network.go(0.1)
    assert network.session.tempo_map.bpm_at(Beats(0.0)) == 80.0
    assert len(network.orders) == 1
    assert [event for event in network.events if isinstance(event, ev.SetTempo)] == [ev.SetTempo(bpm=Bpm(80.0))]


def test_a_start_in_the_middle_of_a_bar_waits_for_the_next_and_begins_where_the_song_stands() -> None:
    network = met(beat=273.4)
    network.give(ev.Locate(at=Beats(32.0)))
    network.starts()
    network.go(1.0)
    assert not network.session.transport.playing
    assert network.position == 32.0
    network.go(1.0)
    assert network.session.transport.playing
    assert network.position == pytest.approx(32.0 + network.beat - 276.0)


def test_a_song_that_stands_inside_a_bar_begins_there() -> None:
    network = met(beat=100.5)
    network.give(ev.Locate(at=Beats(6.0)))
    network.starts()
    network.go(2.0)
    assert network.position == pytest.approx(6.0 + network.beat - 102.0)


def test_a_start_that_was_heard_just_after_its_bar_begins_with_it() -> None:
    network = met(beat=8.0005)
    network.starts()
    network.go(0.1)
    assert network.position == pytest.approx(network.beat - 8.0)


def test_a_start_that_lies_ahead_is_waited_for() -> None:
    network = met(beat=5.0)
    network.playing, network.started = True, 12.0
    network.go(3.4)
    assert not network.session.transport.playing
    network.go(0.2)
    assert network.position == pytest.approx(network.beat - 12.0)


def test_who_joins_a_song_that_runs_begins_at_the_next_bar() -> None:
    network = Network(beat=64.5, playing=True, started=0.0)
    network.go(2.0)
    assert network.session.transport.playing
    assert network.position == pytest.approx(network.beat - 68.0)


def test_a_stop_goes_both_ways() -> None:
    network = met()
    network.starts()
    network.go(1.0)
    network.playing = False
    network.go(0.1)
    assert not network.session.transport.playing
    network.starts()
    network.go(4.0)
    network.give(ev.Stop())
    network.go(0.1)
    assert network.orders == [LinkOrder(playing=False)]
    assert not network.playing


def test_a_start_of_the_session_starts_link_and_waits_for_the_bar() -> None:
    network = met(beat=9.0)
    network.give(ev.Play(at=Beats(16.0)))
    network.go(0.5)
    assert network.orders == [LinkOrder(playing=True)]
    assert not network.session.transport.playing
    network.go(2.0)
    assert network.session.transport.playing
    assert network.apart_s < 0.001
    assert network.position == pytest.approx(16.0 + network.beat - 12.0, abs=0.05)


def test_a_start_that_is_asked_for_again_still_waits() -> None:
    network = met(beat=9.0)
    network.give(ev.Play(at=Beats(16.0)))
    network.go(0.5)
    network.give(ev.Play(at=Beats(16.0)))
    network.go(0.5)
    assert not network.session.transport.playing
    network.go(1.5)
    assert network.session.transport.playing
    assert network.apart_s < 0.001


def test_a_start_that_waits_is_given_up_by_a_stop() -> None:
    network = met(beat=9.0)
    network.give(ev.Play(at=Beats(16.0)))
    network.go(0.2)
    network.shared = stopped(network.shared)
    network.go(4.0)
    assert not network.session.transport.playing
    assert not network.playing


def test_a_start_that_waits_goes_on_when_the_others_leave() -> None:
    network = met(beat=9.0)
    network.starts()
    network.go(0.2)
    network.peers = 0
    network.go(0.1)
    assert network.session.transport.playing


def test_a_song_that_is_moved_while_it_waits_begins_there() -> None:
    network = met(beat=9.0)
    network.starts()
    network.go(0.5)
    network.give(ev.Locate(at=Beats(40.0)))
    network.go(2.0)
    assert network.position == pytest.approx(40.0 + network.beat - 12.0)


def test_link_beats_that_jump_while_a_song_waits_let_it_wait_no_longer_than_a_bar() -> None:
    network = met(beat=901.0)
    network.starts()
    network.go(0.2)
    network.beat, network.started = 1.0, 1.0
    network.go(2.0)
    assert network.position == pytest.approx(network.beat - 4.0)


def test_a_song_is_never_moved_before_its_start() -> None:
    network = met(beat=3.5)
    network.starts()
    network.go(6.0)
    network.give(ev.Locate(at=Beats(0.0)))
    network.go(TICK_S)
    assert network.position >= 0.0
    assert network.apart_s < 0.006


def test_a_song_that_is_moved_stays_in_phase() -> None:
    network = met()
    network.starts()
    network.go(1.3)
    network.give(ev.Locate(at=Beats(64.0)))
    network.go(0.1)
    assert network.apart_s < 0.006
    assert abs(network.position - 64.0) < 2.5, "moved by no more than half a bar"


def test_link_beats_that_jump_move_the_song_by_no_more_than_half_a_bar() -> None:
    """As when two sessions meet: the beats of one become those of the other."""
    network = met()
    network.starts()
    network.go(10.0)
    before = network.position
    network.beat += 1001.3
    network.go(TICK_S)
    assert network.apart_s < 0.006
    assert abs(network.position - before) <= 2.1


def test_where_another_leads_link_gets_the_session_again_and_again() -> None:
    network = Network(two_way=False)
    network.give(ev.SetTempo(bpm=Bpm(90.0)))
    network.give(ev.Play(at=Beats(0.0)))
    network.go(0.1)
    assert network.orders == [LinkOrder(tempo=Bpm(90.0), playing=True)]
    network.tempo = 140.0
    network.go(0.1)
    assert network.tempo == 90.0
    assert network.events == []


MOMENTS = st.lists(
    st.tuples(
        st.sampled_from(("peer tempo", "tempo", "peer start", "peer stop", "play", "stop", "locate", "jump")),
        st.floats(0.0, 3.0), st.floats(40.0, 240.0),
    ),
    max_size=12,
)  # fmt: skip


@given(beat=st.floats(-10.0, 1000.0), quantum=st.sampled_from((3.0, 4.0, 7.0)), scene=MOMENTS)
def test_whatever_happens_both_come_together(
    beat: float, quantum: float, scene: list[tuple[str, float, float]]
) -> None:
    meter = Meter(numerator=round(quantum), denominator=4)
    network = Network(beat=beat, quantum=quantum, session=SessionState(tempo_map=TempoMap.constant(Bpm(120.0), meter)))
    network.tick()
    for what, seconds, number in scene:
        network.go(seconds)
        match what:
            case "peer tempo":
                network.tempo = number
            case "tempo":
                network.give(ev.SetTempo(bpm=Bpm(number)))
            case "peer start":
                network.starts()
            case "peer stop":
                network.playing = False
            case "play":
                network.give(ev.Play(at=Beats(number)))
            case "stop":
                network.shared = stopped(network.shared)
                network.give(ev.Stop())
            case "locate":
                network.give(ev.Locate(at=Beats(number)))
            case "jump":
                network.beat += number
    network.go(12.0)  # a bar of 7/4 at 40, and more
    here = network.session.tempo_map.bpm_at(Beats(network.position))
    assert here == pytest.approx(network.tempo, abs=0.02)
    assert network.session.transport.playing == network.playing
    if network.playing:
        assert network.apart_s < 0.006
    before = len(network.orders)
    network.go(1.0)
    assert len(network.orders) == before, "they have agreed"


@given(st.floats(0.0, 100.0), st.floats(20.0, 300.0))
def test_nothing_is_told_while_nothing_changes(beat: float, tempo: float) -> None:
    network = met(beat=beat, tempo=tempo)
    network.starts()
    network.go(15.0)
    network.events.clear()
    network.go(5.0)
    assert network.events == []
    assert network.orders == []
    assert replace(network.shared, offset=None) == Shared(tempo=Bpm(tempo), playing=True)
