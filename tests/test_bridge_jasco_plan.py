"""Category: unit. From a chart to JASCO's controls: labels, times, drums, melody, and what is told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.captions import DEFAULT_CAPTION
from bridge.conditioning import AudioFormat, Plan, plan
from bridge.errors import NothingToPlay
from bridge.jasco_labels import label_of
from bridge.jasco_plan import JascoSettings
from bridge.session import SessionState
from midi.charts import ChordChart, DrumChart, MelodyChart
from midi.chord_qualities import QUALITIES
from midi.chords import Chord, parse_chord, parse_progression
from midi.drums import parse_pattern
from midi.events import DrumTrack
from midi.melody import Note
from midi.time import Beats, Bpm, TempoMap
from models.generator import JascoControls
from models.vocabulary import chord_vocabulary

SETTINGS = JascoSettings(
    model="jasco-400M", licence="CC-BY-NC-4.0", segment_s=10.0, frame_rate_hz=50.0, melody=True,
    all_weight=5.0, text_weight=0.0, solver="standard", caption=("{prompt}",),
)  # fmt: skip
TEMPO = TempoMap.constant(Bpm(120.0))
STATE = SessionState(
    engine="jasco", tempo_map=TEMPO, tempo_said=True, meter_said=True, bars=4, prompt="soul",
    chords=ChordChart(progression=parse_progression("Am7 | Dm7 G7 | Cmaj7 | N.C. |")),
)  # fmt: skip


def planned(state: SessionState, settings: JascoSettings = SETTINGS) -> Plan:
    return plan(state, request_id="a", seed=5, audio=AudioFormat(), model=settings)


def controls(state: SessionState, settings: JascoSettings = SETTINGS) -> JascoControls:
    (one,) = planned(state, settings).request.controls
    assert isinstance(one, JascoControls)
    return one


def codes(state: SessionState, settings: JascoSettings = SETTINGS) -> list[str]:
    return [notice.code for notice in planned(state, settings).notices]


def test_chords_are_labels_with_seconds() -> None:
    assert controls(STATE).chords == ((0.0, "Am7"), (2.0, "Dm7"), (3.0, "G7"), (4.0, "Cmaj7"), (6.0, "N"))
    assert codes(STATE) == []


def test_times_are_rounded_so_that_no_chord_is_a_frame_late() -> None:
    """At 97.3 a beat is 0.6166... s; sums of it must not pass the frame that they mean."""
    tempo = TempoMap.constant(Bpm(300.0))
    state = replace(STATE, tempo_map=tempo, chords=ChordChart(progression=parse_progression("C Am F G |")))
    starts = [start for start, _ in controls(replace(state, bars=1)).chords]
    assert starts == [0.0, 0.2, 0.4, 0.6]


def test_a_chart_without_chords_is_no_condition() -> None:
    drums = DrumChart(patterns=(parse_pattern("kick", "x...x...x...x...", TEMPO),))
    assert controls(replace(STATE, chords=ChordChart(), drums=drums)).chords == ()


def test_a_chart_that_says_no_chord_is_a_condition() -> None:
    assert controls(replace(STATE, chords=ChordChart(progression=parse_progression("N.C. |")))).chords == ((0.0, "N"),)


def test_a_prompt_alone_is_enough() -> None:
    made = controls(replace(STATE, chords=ChordChart()))
    assert (made.description, made.chords, made.drums) == ("soul", (), ())
    with pytest.raises(NothingToPlay):
        controls(replace(STATE, chords=ChordChart(), prompt=""))


def test_a_clip_that_fills_the_window_but_for_rounding_is_planned() -> None:
    """24 beats at 144 are ten seconds; counted from beat 28 the sum is a few units in the last place more."""
    tempo = TempoMap.constant(Bpm(144.0))
    state = replace(STATE, tempo_map=tempo, start=Beats(28.0), bars=6)
    assert controls(state).duration_s == pytest.approx(10.0)


def test_a_substitution_is_told_once() -> None:
    state = replace(STATE, chords=ChordChart(progression=parse_progression("Csus4 | C | Csus4 | C9 |")))
    result = planned(state)
    assert [notice.message for notice in result.notices] == [
        "Csus4 is played as C, the nearest chord that JASCO knows (distance 2).",
        "C9 is played as C7, the nearest chord that JASCO knows (distance 1).",
    ]
    (one,) = result.request.controls
    assert isinstance(one, JascoControls)
    assert one.chords == ((0.0, "C"), (6.0, "C7")), "what sounds the same is no change"


def test_drums_and_melody_are_in_seconds() -> None:
    drums = DrumChart(patterns=(parse_pattern("snare", "....x.......x...", TEMPO),))
    melody = MelodyChart(notes=(Note(at=Beats(2.0), length=Beats(1.0), pitch=60, velocity=90),), bars=4)
    made = controls(replace(STATE, drums=drums, melody=melody, bars=1))
    assert [(hit.at_s, hit.voice) for hit in made.drums] == [(0.5, "snare"), (1.5, "snare")]
    assert [(note.start_s, note.end_s, note.pitch) for note in made.melody] == [(1.0, 1.5, 60)]


def test_a_melody_out_of_range_is_moved_by_octaves_and_told() -> None:
    notes = tuple(Note(at=Beats(at), length=Beats(1.0), pitch=pitch, velocity=90) for at, pitch in ((0, 30), (1, 108)))
    state = replace(STATE, melody=MelodyChart(notes=notes, bars=4))
    assert [note.pitch for note in controls(state).melody] == [54, 84]
    assert codes(state) == ["melody_moved"]


def test_notes_that_sound_together_are_told() -> None:
    def note(at: float, pitch: int) -> Note:
        return Note(at=Beats(at), length=Beats(1.0), pitch=pitch, velocity=90)

    def told(*notes: Note) -> list[str]:
        return codes(replace(STATE, melody=MelodyChart(notes=notes, bars=4)))

    assert told(note(0, 60), note(1, 62)) == []
    assert told(note(0, 60), note(0.5, 62)) == ["melody_reduced"]


def test_a_model_without_melody_says_that_it_ignores_one() -> None:
    notes = (Note(at=Beats(0.0), length=Beats(1.0), pitch=60, velocity=90),)
    state = replace(STATE, melody=MelodyChart(notes=notes, bars=4))
    settings = replace(SETTINGS, melody=False)
    assert controls(state, settings).melody == ()
    assert codes(state, settings) == ["melody_ignored"]


def test_more_than_the_window_is_planned_in_windows_and_told() -> None:
    state = replace(STATE, bars=6)
    assert [window.from_s for window in controls(state).windows] == [0.0, 8.0]
    assert codes(state) == ["windows"]
    assert "made in 2 windows, joined at bar 5 of the clip" in planned(state).notices[0].message


def test_a_drum_track_takes_the_place_of_the_charts_drums() -> None:
    """It says tempo and feel itself, so the words do not."""
    drums = DrumChart(patterns=(parse_pattern("kick", "x...x...x...x...", TEMPO),))
    track = DrumTrack(path=Path("/music/drums.wav"), separate=True)
    state = replace(STATE, drums=drums, drum_track=track)
    made = controls(state, replace(SETTINGS, caption=DEFAULT_CAPTION))
    assert (made.drums, made.drum_track, made.separate_drums) == ((), track.path, True)
    assert made.description == "soul"
    assert [notice.message for notice in planned(state).notices] == [
        "The model hears the drums of drums.wav, isolated from a mix, and not those of the chart."
    ]


def test_a_drum_track_alone_is_enough() -> None:
    track = DrumTrack(path=Path("/music/drums.wav"))
    assert controls(replace(STATE, chords=ChordChart(), prompt="", drum_track=track)).drum_track == track.path


def test_an_engine_that_hears_no_audio_plays_the_charts_drums_and_says_so() -> None:
    drums = DrumChart(patterns=(parse_pattern("kick", "x...x...x...x...", TEMPO),))
    state = replace(STATE, engine="sketch", drums=drums, drum_track=DrumTrack(path=Path("/music/drums.wav")))
    made = plan(state, request_id="a", seed=5, audio=AudioFormat())
    assert len(made.chart.drums) == 16
    assert [notice.code for notice in made.notices] == ["not_heard"]


def test_the_request_says_which_model_and_licence() -> None:
    request = planned(STATE).request
    assert (request.model, request.weights_licence) == ("jasco-400M", "CC-BY-NC-4.0")
    assert planned(STATE).chart.chords[0].chord == parse_chord("Am7")


# Labels


@pytest.mark.parametrize(
    ("chord", "label", "distance"),
    [
        ("C", "C", 0), ("Db", "C#", 0), ("Gbm7", "F#m7", 0), ("E7/G#", "E7/G#", 0), ("D/E", "D/E", 0),
        ("Csus4", "C", 2), ("C7sus4", "C7", 2), ("Cadd9", "C", 1), ("C9", "C7", 1), ("C13", "C7", 2),
        ("Cmaj9", "Cmaj7", 1), ("Cm9", "Cm7", 1), ("CmMaj7", "Cm", 1), ("Cdim7", "Cdim", 1), ("C7#9", "C7", 1),
        ("C5", "C", 1), ("C/F#", "C", 1), ("N.C.", "N", 0),
    ],
)  # fmt: skip
def test_a_chord_gets_its_label_or_the_nearest(chord: str, label: str, distance: int) -> None:
    found = label_of(parse_chord(chord))
    assert (found.label, found.distance) == (label, distance)


@pytest.mark.parametrize("root", range(12))
@pytest.mark.parametrize("quality", ["7alt", "7#9", "7b9", "7#5#9"])
def test_a_sharp_ninth_is_not_taken_for_the_third(quality: str, root: int) -> None:
    name = ["C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"][root]
    played = parse_chord(label_of(parse_chord(f"{name}{quality}")).label)
    assert played is not None
    assert played.root == root
    assert 4 in {tone % 12 for tone in played.quality.intervals}


@given(root=st.integers(0, 11), row=st.sampled_from(QUALITIES), bass=st.none() | st.integers(0, 11))
def test_every_chord_has_a_trained_label_on_its_root(root: int, row: object, bass: int | None) -> None:
    quality = row.quality  # type: ignore[attr-defined]
    chord = Chord(root=root, quality=quality, bass=None if bass == root else bass)
    found = label_of(chord)
    assert found.label in chord_vocabulary()
    assert found.label not in {"UNK", "N"}
    played = parse_chord(found.label)
    assert played is not None
    assert played.root == root
    thirds = {tone % 12 for tone in quality.intervals} & {3, 4}
    if len(thirds) == 1:
        assert {tone % 12 for tone in played.quality.intervals} & {3, 4} == thirds, "a third is kept"


@pytest.mark.parametrize("label", [name for name in chord_vocabulary() if name not in {"N", "UNK"}])
def test_every_label_of_the_vocabulary_stands_for_itself(label: str) -> None:
    found = label_of(parse_chord(label))
    assert found.exact
    assert found.label == label
