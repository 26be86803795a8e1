"""Category: unit. The reducer: what each event does to the session, and what never changes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import SidemanError
from bridge.session import MAX_NOTES, Cancel, Generate, SessionState, TooMany, reduce
from midi import events as ev
from midi.charts import MelodyChart
from midi.chords import ChordChange, parse_chord, parse_progression
from midi.drums import DrumHit, parse_pattern
from midi.keys import parse_key
from midi.melody import Note
from midi.time import Beats, Bpm, Meter, MeterPoint, Seconds, TempoMap, TempoPoint

NOW = Seconds(100.0)


def after(*events: ev.SessionEvent, state: SessionState | None = None, now: Seconds = NOW) -> SessionState:
    state = state or SessionState()
    for event in events:
        state, effects = reduce(state, event, now)
        assert effects == ()
    return state


MUSIC: list[ev.SessionEvent] = [
    ev.SetTempo(bpm=Bpm(97.5)),
    ev.AddTempoPoint(point=TempoPoint(at=Beats(8.0), bpm=Bpm(140.0), ramp=True)),
    ev.SetMeter(meter=Meter(numerator=7, denominator=8)),
    ev.AddMeterPoint(point=MeterPoint(bar=3, meter=Meter(numerator=3, denominator=4))),
    ev.SetStart(at=Beats(16.0)),
    ev.SetKey(key=parse_key("F# dorian")),
    ev.SetChords(progression=parse_progression("Am7 | Dm7 G7 |")),
    ev.AddChord(change=ChordChange(at=Beats(2.0), chord=parse_chord("C"))),
    ev.SetPattern(pattern=parse_pattern("kick", "x...x...x...x...", TempoMap())),
    ev.AddHit(hit=DrumHit(at=Beats(1.0), voice="snare", velocity=100)),
    ev.AddNote(note=Note(at=Beats(0.0), length=Beats(1.0), pitch=60, velocity=90)),
    ev.SetPrompt(text="warm"),
    ev.SetBars(bars=8),
    ev.SetTakes(takes=3),
    ev.SetSeed(seed=7),
]
CLEARS: list[ev.SessionEvent] = [ev.ClearChords(), ev.ClearDrums(), ev.ClearMelody()]
MOVES: list[ev.SessionEvent] = [ev.Play(), ev.Play(at=Beats(4.0)), ev.Stop(), ev.Locate(at=Beats(9.5))]


@pytest.mark.parametrize("event", MUSIC, ids=lambda event: type(event).__name__)
def test_music_raises_the_revision_once(event: ev.SessionEvent) -> None:
    once = after(event)
    assert once.revision == 1
    assert after(event, state=once).revision == 1, "saying the same again changes nothing"


@pytest.mark.parametrize("event", MOVES, ids=str)
def test_the_transport_leaves_the_revision(event: ev.SessionEvent) -> None:
    assert after(*MUSIC, event).revision == after(*MUSIC).revision


@given(st.lists(st.sampled_from(MUSIC + CLEARS + MOVES), max_size=30))
def test_revision_never_falls_and_follows_the_music(events: list[ev.SessionEvent]) -> None:
    state = SessionState()
    for event in events:
        before, (state, _) = state, reduce(state, event, NOW)
        blank = {"revision": 0, "transport": SessionState().transport}
        assert (replace(state, **blank) != replace(before, **blank)) == (state.revision == before.revision + 1)


def test_clears_empty_each_chart() -> None:
    state = after(*MUSIC, *CLEARS)
    assert state.chords.is_empty
    assert state.drums.is_empty
    assert state.melody.is_empty


def test_a_progression_replaces_single_changes() -> None:
    change = ev.AddChord(change=ChordChange(at=Beats(2.0), chord=parse_chord("C")))
    assert after(change, ev.SetChords(progression=parse_progression("Am7 |"))).chords.changes == ()


def test_tempo_replaces_the_tempo_map_and_keeps_the_meters() -> None:
    state = after(*MUSIC, ev.SetTempo(bpm=Bpm(100.0)))
    assert [point.bpm for point in state.tempo_map.tempos] == [100.0]
    assert len(state.tempo_map.meters) == 2


def test_a_running_transport_moves_with_the_tempo_map() -> None:
    state = after(ev.SetTempo(bpm=Bpm(60.0)), ev.Play(at=Beats(2.0)))
    assert state.position_at(Seconds(NOW + 3.0)) == pytest.approx(5.0)


def test_a_tempo_change_keeps_the_place_of_a_running_transport() -> None:
    state = after(ev.SetTempo(bpm=Bpm(60.0)), ev.Play(at=Beats(0.0)))
    state = after(ev.SetTempo(bpm=Bpm(120.0)), state=state, now=Seconds(NOW + 4.0))
    assert state.position_at(Seconds(NOW + 4.0)) == pytest.approx(4.0)
    assert state.position_at(Seconds(NOW + 5.0)) == pytest.approx(6.0)


def test_stop_holds_the_position() -> None:
    state = after(ev.SetTempo(bpm=Bpm(60.0)), ev.Play(at=Beats(0.0)))
    state = after(ev.Stop(), state=state, now=Seconds(NOW + 2.0))
    assert state.position_at(Seconds(NOW + 50.0)) == pytest.approx(2.0)


def test_requests_become_effects_and_change_nothing() -> None:
    state = after(*MUSIC)
    assert reduce(state, ev.RequestClip(id="a"), NOW) == (state, (Generate(id="a", state=state),))
    assert reduce(state, ev.RequestCancel(), NOW) == (state, (Cancel(id=None),))


@pytest.mark.parametrize("name", ["magnat", "skech", ""])
def test_an_engine_that_cannot_run_is_refused(name: str) -> None:
    with pytest.raises(SidemanError, match="engine") as caught:
        after(ev.SetEngine(name=name))
    assert caught.value.code == "engine_unavailable"


def test_the_session_is_bounded() -> None:
    note = Note(at=Beats(0.0), length=Beats(1.0), pitch=60, velocity=90)
    full = SessionState(melody=MelodyChart(notes=(note,) * MAX_NOTES))
    with pytest.raises(TooMany, match="/sideman/melody/clear"):
        after(ev.AddNote(note=replace(note, at=Beats(3.0))), state=full)
