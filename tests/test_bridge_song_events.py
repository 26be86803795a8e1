"""Category: unit. A MIDI file's song as events: the session that they make is the one that ``sideman render`` makes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from bridge.offline import RenderOptions, state_of_song
from bridge.session import SessionState, reduce
from bridge.song_events import says_tempo, song_bars, song_events
from midi import events as ev
from midi.chords import ChordChange, parse_chord
from midi.drums import DrumHit
from midi.file_timeline import NO_TEMPO
from midi.files import song_from_bytes
from midi.keys import parse_key
from midi.melody import Note
from midi.song import Song
from midi.time import Beats, Bpm, Meter, MeterPoint, Seconds, TempoMap, TempoPoint

BEAT = st.integers(0, 63).map(lambda place: Beats(place / 2))
METERS = st.builds(Meter, numerator=st.integers(1, 12), denominator=st.sampled_from([2, 4, 8]))


@st.composite
def songs(draw: st.DrawFn) -> Song:
    tempo_map = TempoMap.constant(Bpm(draw(st.integers(40, 240))), draw(METERS))
    for at in draw(st.sets(BEAT, max_size=4)):
        tempo_map = tempo_map.with_tempo(TempoPoint(at=at, bpm=Bpm(draw(st.integers(40, 240)))))
    for bar in draw(st.sets(st.integers(1, 9), max_size=4)):
        tempo_map = tempo_map.with_meter(MeterPoint(bar=bar, meter=draw(METERS)))
    chords = [ChordChange(at=at, chord=parse_chord(draw(st.sampled_from(["Am7", "F/C", "N.C."])))) for at in
              sorted(draw(st.sets(BEAT, max_size=5)))]  # fmt: skip
    return Song(
        tempo_map=tempo_map,
        key=draw(st.sampled_from([None, parse_key("D dorian")])),
        chord_changes=tuple(chords),
        drums=tuple(DrumHit(at=at, voice="kick", velocity=90) for at in sorted(draw(st.sets(BEAT, max_size=5)))),
        melody=tuple(Note(at=at, length=Beats(0.5), pitch=70, velocity=90) for at in sorted(draw(st.sets(BEAT)))),
        end=Beats(draw(st.integers(1, 80))),
    )


STANDING = SessionState(
    tempo_map=TempoMap.constant(Bpm(77.0)), key=parse_key("C major"), bars=9, start=Beats(12.0), revision=3
)


@given(songs(), st.sampled_from([SessionState(), STANDING]))
def test_the_session_is_the_one_that_a_render_has(song: Song, before: SessionState) -> None:
    state = before
    for event in song_events(song):
        state, effects = reduce(state, event, Seconds(0.0))
        assert effects == ()
    rendered = state_of_song(song, RenderOptions(file=Path("a.mid"), out=Path()), "sketch")
    names = ("tempo_map", "key", "chords", "drums", "melody", "bars", "start", "tempo_said", "meter_said")
    assert {name: getattr(state, name) for name in names} == {name: getattr(rendered, name) for name in names}


def test_a_song_of_very_many_bars_asks_for_as_many_as_a_clip_may_have() -> None:
    song = Song(tempo_map=TempoMap.constant(Bpm(120.0)), end=Beats(4000.0))
    assert song_bars(song) == 1000
    assert ev.SetBars(bars=512) in tuple(song_events(song))


def test_a_file_without_a_tempo_says_none() -> None:
    note = b"\x00\x90\x3c\x64\x83\x60\x80\x3c\x00\x00\xff\x2f\x00"
    bare = b"MThd" + bytes([0, 0, 0, 6, 0, 0, 0, 1, 1, 0xE0]) + b"MTrk" + len(note).to_bytes(4, "big") + note
    song = song_from_bytes(bare)
    assert NO_TEMPO in song.notices
    assert not says_tempo(song)
    assert says_tempo(replace(song, notices=()))
    assert not any(isinstance(event, ev.SetTempo) for event in song_events(song))
