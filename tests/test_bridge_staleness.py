"""Category: unit, property. Takes whose chart has changed since, and takes made again with the chart as it is now."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.clip_facts import receipt_for
from bridge.conditioning import AudioFormat, plan
from bridge.receipt_schema import Receipt, receipt_from_json, receipt_to_json
from bridge.requests import TakeMade
from bridge.session import SessionState, reduce
from bridge.staleness import PARTS, again_of, changed_parts, state_again
from midi import events as ev
from midi.chords import parse_progression
from midi.drums import DrumHit, parse_pattern
from midi.keys import parse_key
from midi.melody import Note
from midi.time import Beats, Bpm, Meter, MeterPoint, Seconds, TempoMap, TempoPoint

SESSION = (
    ev.SetTempo(bpm=Bpm(112.0)),
    ev.SetMeter(meter=Meter(numerator=4, denominator=4)),
    ev.SetKey(key=parse_key("A minor")),
    ev.SetChords(progression=parse_progression("Am7 | Dm7 G7 | Cmaj7 | % |")),
    ev.SetPattern(pattern=parse_pattern("kick", "x...x...x...x...", TempoMap())),
    ev.AddNote(note=Note(at=Beats(17.0), length=Beats(1.0), pitch=69, velocity=90)),
    ev.SetPrompt(text="bossa"),
    ev.SetStart(at=Beats(16.0)),
    ev.SetBars(bars=2),
    ev.SetTakes(takes=3),
    ev.SetSeed(seed=5),
    ev.SetTarget(target="track:Bass"),
)


def after(*events: ev.SessionEvent, state: SessionState | None = None) -> SessionState:
    state = state or SessionState()
    for event in events:
        state, _ = reduce(state, event, Seconds(0.0))
    return state


def take_of(state: SessionState, take: int = 0) -> Receipt:
    """The receipt of a take of the session, as it is read from disk."""
    planned = plan(state, request_id="verse", seed=state.seed or 0, audio=AudioFormat())
    facts = TakeMade(
        id="verse", take=take, seed=planned.request.controls[take].seed, loudness_lufs=-14.0, peak_dbfs=-1.0,
        gain_db=0.0, limited_db=0.0, folded_s=0.0, notices=(), seconds_spent=0.1, versions={},
    )  # fmt: skip
    made = receipt_for(
        planned.request, planned.chart, facts, state, planned.notices, soundfont=None, created_at=datetime.now(UTC)
    )
    return receipt_from_json(receipt_to_json(made))


STATE = after(*SESSION)


def test_a_take_of_the_session_as_it_is_is_not_stale() -> None:
    assert changed_parts(take_of(STATE), STATE) == ()


@pytest.mark.parametrize(
    ("event", "parts"),
    [
        (ev.SetChords(progression=parse_progression("Am7 | Dm7 G7 | Cmaj7 | E7 |")), ()),
        (ev.SetChords(progression=parse_progression("A-7 | D-7 G7 | C^7 | % |")), ()),
        (ev.SetChords(progression=parse_progression("Am7 | Dm7 G7 Dm7 G7 | Cmaj7 | % |")), ("chords",)),
        (ev.SetChords(progression=parse_progression("Fmaj7 | Dm7 G7 | Cmaj7 | % |")), ("chords",)),
        (ev.ClearChords(), ("chords",)),
        (ev.SetPattern(pattern=parse_pattern("snare", "....x.......x...", TempoMap())), ("drums",)),
        (ev.AddHit(hit=DrumHit(at=Beats(17.5), voice="clap", velocity=90)), ("drums",)),
        (ev.AddHit(hit=DrumHit(at=Beats(50.0), voice="clap", velocity=90)), ()),
        (ev.ClearDrums(), ("drums",)),
        (ev.ClearMelody(), ("melody",)),
        (ev.SetTempo(bpm=Bpm(113.0)), ("tempo",)),
        (ev.AddTempoPoint(point=TempoPoint(at=Beats(18.0), bpm=Bpm(90.0))), ("tempo",)),
        (ev.AddTempoPoint(point=TempoPoint(at=Beats(30.0), bpm=Bpm(90.0))), ()),
        (ev.AddTempoPoint(point=TempoPoint(at=Beats(30.0), bpm=Bpm(90.0), ramp=True)), ("tempo",)),
        (ev.AddTempoPoint(point=TempoPoint(at=Beats(20.0), bpm=Bpm(112.0))), ()),
        (ev.AddMeterPoint(point=MeterPoint(bar=8, meter=Meter(numerator=3, denominator=4))), ()),
        (ev.SetKey(key=parse_key("C major")), ("key",)),
        (ev.ClearKey(), ("key",)),
        (ev.SetPrompt(text="funk"), ()),
        (ev.SetBars(bars=8), ()),
        (ev.SetStart(at=Beats(0.0)), ()),
        (ev.SetEngine(name="magnet"), ()),
        (ev.Play(at=Beats(3.0)), ()),
    ],
)  # fmt: skip
def test_what_has_changed_in_its_bars_makes_it_stale(event: ev.SessionEvent, parts: tuple[str, ...]) -> None:
    """The bars are 5 and 6: those of Am7 and of Dm7 G7, and no more of the chart."""
    assert changed_parts(take_of(STATE), after(event, state=STATE)) == parts


def test_another_meter_moves_bars_and_what_is_in_them() -> None:
    waltz = after(ev.SetMeter(meter=Meter(numerator=3, denominator=4)), state=STATE)
    assert changed_parts(take_of(STATE), waltz) == ("chords", "drums", "melody", "meter")


def test_what_nobody_has_said_is_not_compared() -> None:
    """A daemon that was started anew, and one that knows the tempo alone."""
    receipt = take_of(STATE)
    assert changed_parts(receipt, SessionState()) == ()
    assert changed_parts(receipt, after(ev.SetTempo(bpm=Bpm(90.0)))) == ("tempo",)
    assert changed_parts(receipt, after(ev.SetKey(key=parse_key("A minor")))) == ("chords", "drums", "melody")


def test_a_key_s_own_chord_is_not_stale_while_the_key_is_the_same() -> None:
    state = after(ev.SetKey(key=parse_key("C minor")))
    assert changed_parts(take_of(state), state) == ()
    assert changed_parts(take_of(state), after(ev.SetKey(key=parse_key("D minor")))) == ("chords", "key")


def test_again_asks_for_the_take_with_the_chart_of_now() -> None:
    receipt = take_of(STATE, take=2)
    chords = ev.SetChords(progression=parse_progression("Fmaj7 | E7 |"))
    now = after(chords, ev.SetPrompt(text="funk"), ev.SetBars(bars=8), ev.SetStart(at=Beats(0.0)), state=STATE)
    again = state_again(now, again_of(receipt))
    assert (again.prompt, again.engine, again.bars, again.takes) == ("bossa", "sketch", 2, 3)
    assert (again.start, again.target, again.seed) == (16.0, "track:Bass", 7)
    assert again.chords == now.chords
    made = take_of(again)
    assert changed_parts(made, now) == ()
    assert made.seed == receipt.seed


EVENTS = st.lists(
    st.sampled_from(
        [
            ev.SetChords(progression=parse_progression("F | % | Bb C |")),
            ev.SetTempo(bpm=Bpm(97.3)),
            ev.AddTempoPoint(point=TempoPoint(at=Beats(20.0), bpm=Bpm(150.0), ramp=True)),
            ev.AddMeterPoint(point=MeterPoint(bar=2, meter=Meter(numerator=7, denominator=8))),
            ev.AddMeterPoint(point=MeterPoint(bar=6, meter=Meter(numerator=3, denominator=4))),
            ev.SetKey(key=parse_key("F# dorian")),
            ev.AddHit(hit=DrumHit(at=Beats(17.5), voice="snare", velocity=80)),
            ev.ClearDrums(),
            ev.ClearChords(),
            ev.SetStart(at=Beats(1.5)),
            ev.SetBars(bars=5),
        ]
    ),
    max_size=6,
)


@given(EVENTS)
def test_no_take_is_stale_in_the_session_that_it_was_made_in(events: list[ev.SessionEvent]) -> None:
    state = after(ev.ClearDrums(), *events, state=STATE)
    assert changed_parts(take_of(state), state) == ()


@given(EVENTS, EVENTS)
def test_only_parts_of_a_chart_are_ever_stale(before: list[ev.SessionEvent], then: list[ev.SessionEvent]) -> None:
    state = after(ev.ClearDrums(), *before, state=STATE)
    changed = changed_parts(take_of(state), after(*then, state=state))
    assert changed == tuple(part for part in PARTS if part in changed)
    assert replace(state, revision=0) != SessionState()
