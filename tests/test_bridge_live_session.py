"""Category: unit. Live MIDI made into a session: clocks, leaders, chords, drums and melody, with time passed in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

import mido
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.live_session import JUMP, LiveState, Outcome, Playing, heard, port_gone, ticked
from bridge.notices import Notice
from bridge.session import SessionState, reduce
from midi import events as ev
from midi.chords import chord_label, parse_progression
from midi.controls import Controls, parse_binding
from midi.events import SessionEvent
from midi.files import read_song
from midi.port_roles import Channels, Role
from midi.ports import Heard
from midi.time import Beats, Bpm, Seconds, TempoMap

TICK_S = 0.02
WALTZ = Path(__file__).parent / "data" / "midi" / "waltz.mid"


@dataclass
class Player:
    """A session that hears MIDI, in time of its own."""

    state: LiveState = field(default_factory=lambda: LiveState(playing=Playing()))
    session: SessionState = field(default_factory=SessionState)
    now: float = 100.0
    notices: list[Notice] = field(default_factory=list)
    actions: list[str] = field(default_factory=list)
    events: list[SessionEvent] = field(default_factory=list)

    def follow(self, state: LiveState, outcome: Outcome) -> None:
        self.state = state
        self.notices += outcome.notices
        self.actions += outcome.actions
        self.events += outcome.events
        for event in outcome.events:
            self.give(event)

    def give(self, event: SessionEvent) -> None:
        self.session, _ = reduce(self.session, event, Seconds(self.now))

    def hear(self, message: mido.Message, port: str = "keys", role: Role = "all") -> None:
        one = Heard(port=port, roles=(role,), message=message, at=Seconds(self.now))
        self.follow(*heard(self.state, one, self.session))

    def wait(self, seconds: float) -> None:
        end = self.now + seconds
        while self.now < end - 1e-9:
            self.now = min(end, self.now + TICK_S)
            self.follow(*ticked(self.state, self.session, Seconds(self.now)))

    def play(
        self, notes: Iterable[int], beats: float, channel: int = 0, port: str = "keys", bpm: float = 120.0
    ) -> None:
        held = tuple(notes)
        for note in held:
            self.hear(mido.Message("note_on", note=note, velocity=80, channel=channel))
        self.wait(beats / 2)
        for note in held:
            self.hear(mido.Message("note_off", note=note, channel=channel))

    @property
    def chords(self) -> list[tuple[float, str]]:
        """The chart that the session has."""
        return [(change.at, chord_label(change.chord)) for change in self.session.chords.changes]


def running(at: float = 0.0, playing: Playing | None = None) -> Player:
    """A session whose transport runs, as OSC has told."""
    player = Player(state=LiveState(playing=playing or Playing()))
    player.give(ev.Play(at=Beats(at)))
    return player


def clock(player: Player, beats: float, bpm: float, port: str = "clock") -> None:
    """Ticks for so many beats."""
    for _ in range(round(beats * 24)):
        player.hear(mido.Message("clock"), port)
        player.wait(60 / bpm / 24)


C, F, G, AM7 = (48, 60, 64, 67), (41, 60, 65, 69), (43, 59, 62, 67), (45, 60, 64, 67)


# Chords


def test_what_is_played_becomes_the_chart_of_the_bars_that_follow() -> None:
    player = running()
    for chord in (C, F, G, AM7):
        player.play(chord, 4.0)
    player.wait(0.1)
    assert player.chords == [(0.0, "C"), (4.0, "F"), (8.0, "G"), (12.0, "Am7")]
    assert player.session.chords.bars == 4


def test_the_chart_is_that_of_the_last_bars_and_stays_in_phase() -> None:
    """After six bars the loop is bars 3 to 6, and bar 5 of the song is the chart's first."""
    player = running()
    for chord in (C, F, G, AM7, F, C):
        player.play(chord, 4.0)
    player.wait(0.1)
    assert player.chords == [(0.0, "F"), (4.0, "C"), (8.0, "G"), (12.0, "Am7")]


def test_before_four_bars_are_played_the_chart_is_as_long_as_what_was() -> None:
    player = running()
    player.play(C, 4.0)
    player.play(F, 4.0)
    player.wait(0.1)
    assert (player.chords, player.session.chords.bars) == ([(0.0, "C"), (4.0, "F")], 2)


def test_a_bar_that_was_entered_late_is_no_whole_one() -> None:
    player = running()
    player.wait(1.0)
    player.play(C, 2.0)
    player.play(F, 4.0)
    player.wait(0.1)
    assert player.chords == [(0.0, "F")]


def test_a_chart_is_sent_once_and_not_again_while_the_player_repeats_it() -> None:
    player = running(playing=Playing(bars=1))
    for _ in range(6):
        player.play(C, 4.0)
    assert len([event for event in player.events if isinstance(event, ev.SetChordChart)]) == 1


def test_who_plays_nothing_leaves_the_sessions_chords_as_they_are() -> None:
    player = running()
    player.give(ev.SetChords(progression=parse_progression("Em |")))
    before = player.session.chords
    player.wait(20.0)
    assert player.session.chords == before
    assert player.session.drums.is_empty


def test_while_the_song_stands_nothing_is_captured() -> None:
    player = Player()
    player.play(C, 8.0)
    assert player.events == []


def test_a_chord_that_is_down_when_the_song_starts_counts_from_its_start() -> None:
    player = Player()
    for note in C:
        player.hear(mido.Message("note_on", note=note, velocity=80))
    player.wait(0.5)
    player.give(ev.Play(at=Beats(0.0)))
    player.wait(2.0)
    for note in C:
        player.hear(mido.Message("note_off", note=note))
    player.wait(0.1)
    assert player.chords == [(0.0, "C")]


def test_keys_that_come_up_while_the_song_stands_are_up() -> None:
    player = running()
    player.play(C, 4.0)
    for note in F:
        player.hear(mido.Message("note_on", note=note, velocity=80))
    player.wait(1.0)
    player.give(ev.Stop())
    player.wait(0.1)
    for note in F:
        player.hear(mido.Message("note_off", note=note))
    player.play(G, 2.0)
    assert player.state.recogniser is not None
    assert not player.state.recogniser.sounding.voices
    player.give(ev.Play(at=Beats(0.0)))
    player.wait(4.0)
    player.play(AM7, 4.0)
    player.wait(0.1)
    assert [label for _, label in player.chords] == ["Am7"], "what was played while it stood is not in the chart"


def test_a_recorded_performance_gives_the_chart_of_its_file() -> None:
    """The waltz, note by note at its own time, and the chords that reading the file gives."""
    song = read_song(WALTZ)
    file = mido.MidiFile(WALTZ)
    player = running(playing=Playing(bars=12))
    player.session = replace(player.session, tempo_map=song.tempo_map)
    player.give(ev.Play(at=Beats(0.0)))
    player.state = replace(player.state, playing=Playing(bars=12, channels=Channels(drums=10)))
    for message in file:
        player.wait(message.time)
        if not message.is_meta:
            player.hear(message)
    player.wait(0.6)
    live = player.session.chords.spans(song.tempo_map, Beats(0.0), song.tempo_map.bar_start(9))
    assert [(span.start, chord_label(span.chord)) for span in live] == [
        (change.at, chord_label(change.chord)) for change in song.chord_changes if change.at < 24.0
    ], "the chords of its eight bars; drums go on after them"


# Drums and melody


def test_drums_on_channel_ten_become_the_pattern_with_their_swing() -> None:
    player = running()
    for bar in range(2):
        for place, note in ((0.0, 36), (0.66, 42), (1.0, 38), (2.0, 36), (2.66, 42), (3.0, 38)):
            player.wait(max(0.0, 100.0 + bar * 2.0 + place * 0.5 - player.now))
            player.hear(mido.Message("note_on", note=note, velocity=90, channel=9))
    player.wait(100.0 + 4.1 - player.now)
    hits = [(round(hit.at, 2), hit.voice) for hit in player.session.drums.hits]
    assert hits == [
        (0.0, "kick"),
        (0.66, "closed_hat"),
        (1.0, "snare"),
        (2.0, "kick"),
        (2.66, "closed_hat"),
        (3.0, "snare"),
    ]
    assert player.session.chords.is_empty, "drums are no chords"


def test_a_melody_on_its_channel_becomes_the_melody() -> None:
    player = running(playing=Playing(channels=Channels(melody=2), bars=1))
    player.play((72,), 1.0, channel=1)
    player.play((74,), 3.0, channel=1)
    player.wait(0.1)
    assert [(round(note.at, 1), note.pitch) for note in player.session.melody.notes] == [(0.0, 72), (1.0, 74)]


# Clocks and leaders


def test_a_clock_that_starts_gives_tempo_and_transport() -> None:
    player = Player()
    player.hear(mido.Message("start"), "clock")
    clock(player, 8.0, 132.0)
    assert player.session.transport.playing
    assert player.session.tempo_map.bpm_at(Beats(0.0)) == 132.0
    assert player.session.position_at(Seconds(player.now)) == pytest.approx(8.0, abs=0.02)
    assert player.state.leadership.leader == "midi:clock"
    assert [notice.message for notice in player.notices] == ["Tempo and position come from midi:clock now."]


def test_a_song_position_and_a_stop_move_the_session() -> None:
    player = Player()
    player.hear(mido.Message("songpos", pos=64), "clock")
    player.hear(mido.Message("continue"), "clock")
    clock(player, 2.0, 120.0)
    assert player.session.position_at(Seconds(player.now)) == pytest.approx(18.0, abs=0.02)
    player.hear(mido.Message("stop"), "clock")
    player.wait(1.0)
    assert not player.session.transport.playing
    assert player.session.position_at(Seconds(player.now)) == pytest.approx(18.0, abs=0.02)


def test_a_clock_without_start_tells_a_tempo_and_moves_nothing() -> None:
    player = Player()
    clock(player, 8.0, 97.0)
    assert player.session.tempo_map.bpm_at(Beats(0.0)) == 97.0
    assert not player.session.transport.playing


def test_of_two_clocks_the_first_leads_and_the_other_is_told() -> None:
    player = Player()
    player.hear(mido.Message("start"), "clock")
    clock(player, 2.0, 120.0)
    for _ in range(48):
        player.hear(mido.Message("clock"), "clock")
        player.hear(mido.Message("clock"), "other")
        player.wait(60 / 120.0 / 24)
    assert player.state.leadership.leader == "midi:clock"
    assert (
        player.notices[-1].message == "midi:other tells the time too; midi:clock leads, and midi:other is not followed."
    )
    assert len(player.notices) == 2, "it is told once"


def test_a_clock_that_falls_silent_is_told_and_the_song_runs_on_for_a_while() -> None:
    player = Player()
    player.hear(mido.Message("start"), "clock")
    clock(player, 8.0, 120.0)
    player.wait(2.0)
    assert player.notices[-1].code == "clock_lost"
    assert player.session.transport.playing
    player.wait(8.0)
    assert not player.session.transport.playing


def test_a_port_that_vanishes_leads_no_more() -> None:
    player = Player()
    clock(player, 2.0, 120.0)
    player.state = port_gone(player.state, "clock")
    assert player.state.leadership.leader is None
    assert player.state.clocks == {}


def test_a_jump_of_the_transport_keeps_what_was_played_before_it() -> None:
    """A loop of two bars in the DAW: the song is at its start again, and the chart is what was played."""
    player = running(playing=Playing(bars=2))
    for _ in range(3):
        player.play(C, 4.0)
        player.play(G, 4.0)
        player.give(ev.Play(at=Beats(0.0)))
    player.wait(0.1)
    assert [label for _, label in player.chords] == ["C", "G"]


# Controls, and what nobody should send


def test_a_pedal_that_is_bound_acts_once_each_time_it_goes_down() -> None:
    player = Player(
        state=LiveState(playing=Playing(), controls=Controls(bindings={"generate": parse_binding("cc:66@1")}))
    )
    for value in (127, 127, 0, 127, 0):
        player.hear(mido.Message("control_change", control=66, value=value))
        player.wait(0.1)
    assert player.actions == ["generate", "generate"]


def test_notes_that_are_never_released_end_some_day() -> None:
    player = running()
    for note in C:
        player.hear(mido.Message("note_on", note=note, velocity=80))
    player.wait(60.0)
    assert not player.state.recogniser.sounding.voices  # type: ignore[union-attr]
    assert "C" in [label for _, label in player.chords]


def test_who_stops_playing_keeps_the_chart_of_what_was_played() -> None:
    player = running()
    for chord in (C, F, G, AM7):
        player.play(chord, 4.0)
    player.wait(0.1)
    chart = player.session.chords
    player.wait(20.0)
    assert player.session.chords == chart


SEVEN_BITS, CHANNELS = st.integers(0, 127), st.integers(0, 15)
MESSAGES = st.one_of(
    st.builds(mido.Message, st.just("note_on"), note=SEVEN_BITS, velocity=SEVEN_BITS, channel=CHANNELS),
    st.builds(mido.Message, st.just("note_off"), note=SEVEN_BITS, channel=CHANNELS),
    st.builds(mido.Message, st.just("control_change"), control=SEVEN_BITS, value=SEVEN_BITS, channel=CHANNELS),
    st.builds(mido.Message, st.sampled_from(["start", "stop", "continue", "clock", "reset"])),
    st.builds(mido.Message, st.just("songpos"), pos=st.integers(0, 16383)),
    st.builds(mido.Message, st.just("quarter_frame"), frame_type=st.integers(0, 7), frame_value=CHANNELS),
    st.builds(mido.Message, st.just("sysex"), data=st.lists(SEVEN_BITS, max_size=12)),
    st.builds(mido.Message, st.just("pitchwheel"), pitch=st.integers(-8192, 8191)),
)


@given(st.lists(st.tuples(MESSAGES, st.floats(0.0, 0.4), st.sampled_from(["a", "b"])), max_size=60))
def test_whatever_comes_the_session_stays_in_order(messages: list[tuple[mido.Message, float, str]]) -> None:
    player = running()
    for message, pause, port in messages:
        player.hear(message, port)
        player.wait(pause)
    assert 5.0 <= player.session.tempo_map.bpm_at(Beats(0.0)) <= 999.0
    starts = [at for at, _ in player.chords]
    assert starts == sorted(set(starts))
    assert all(start >= 0 for start in starts)


def test_999_bpm_is_followed() -> None:
    player = Player()
    player.hear(mido.Message("start"), "clock")
    clock(player, 40.0, 999.0)
    assert player.session.tempo_map.bpm_at(Beats(0.0)) == pytest.approx(999.0, abs=1.0)
    assert JUMP < 1.0


def test_a_tempo_map_is_not_touched_by_notes() -> None:
    player = running()
    player.session = replace(player.session, tempo_map=TempoMap.constant(Bpm(90.0)))
    before = player.session.tempo_map
    player.play(C, 2.0)
    assert player.session.tempo_map == before
