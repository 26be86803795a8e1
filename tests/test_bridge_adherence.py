"""Category: unit. Scores of sounds whose chords, onsets and tempo are known, and of the sketch engine."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.adherence import onset_f1, score_of
from bridge.asked import Asked, AskedChord, asked_of, triad_label
from bridge.conditioning import AudioFormat, Plan, plan
from bridge.mastering import MasterSettings, master
from bridge.score_record import TEMPO_LIMIT, WEIGHTS, Score
from bridge.session import SessionState
from midi.charts import ChordChart, DrumChart, MelodyChart
from midi.chords import parse_chord, parse_progression
from midi.drums import parse_pattern
from midi.melody import Note
from midi.time import Beats, Bpm, Meter, MeterPoint, TempoMap, TempoPoint
from models.generator import Samples, TimedPitch
from models.sketch import SketchEngine

RATE = 22050
TEMPO = TempoMap.constant(Bpm(120.0))
NOTHING = Asked(chords=(), drums_s=(), melody=(), beats_s=tuple(0.5 * beat for beat in range(9)))


def tone(pitches: tuple[int, ...], seconds: float) -> np.ndarray:
    """Tones with five harmonics that fall off, as mono audio."""
    times = np.arange(round(seconds * RATE)) / RATE
    sound = np.zeros(len(times))
    for pitch, harmonic in itertools.product(pitches, range(1, 6)):
        sound += 0.5**harmonic * np.sin(2 * np.pi * 440 * 2 ** ((pitch - 69) / 12) * harmonic * times)
    return sound / len(pitches)


def clicks(times_s: list[float], seconds: float) -> np.ndarray:
    """Short bursts of noise at some times."""
    audio = np.zeros(round(seconds * RATE))
    burst = np.random.default_rng(0).normal(0, 1, 400) * np.exp(-np.arange(400) / 80)
    for time in times_s:
        start = round(time * RATE)
        audio[start : start + 400] += burst[: len(audio) - start]
    return audio


def stereo(mono: np.ndarray) -> Samples:
    return np.repeat(mono[:, None], 2, axis=1).astype(np.float32)


def chords(*spans: tuple[float, float, str]) -> tuple[AskedChord, ...]:
    return tuple(AskedChord(start_s=start, end_s=end, label=label) for start, end, label in spans)


# Chords


def test_chords_that_sound_as_asked_score_one() -> None:
    audio = np.concatenate([tone((45, 57, 60, 64), 2.0), tone((41, 53, 57, 60), 2.0)])
    asked = replace(NOTHING, chords=chords((0.0, 2.0, "A:min"), (2.0, 4.0, "F:maj")))
    assert score_of(stereo(audio), RATE, asked).chords == pytest.approx(1.0, abs=0.05)
    swapped = replace(NOTHING, chords=chords((0.0, 2.0, "F:maj"), (2.0, 4.0, "A:min")))
    assert score_of(stereo(audio), RATE, swapped).chords == pytest.approx(0.0, abs=0.05)


def test_the_bass_tells_chords_of_the_same_tones_apart() -> None:
    """A C E G over A is Am7, over C it is C6."""
    for bass, label in ((33, "A:min"), (36, "C:maj")):
        asked = replace(NOTHING, chords=chords((0.0, 3.0, label)))
        assert score_of(stereo(tone((bass, 57, 60, 64, 67), 3.0)), RATE, asked).chords == pytest.approx(1.0, abs=0.05)


def test_no_chord_is_heard_in_silence_and_in_nothing_else() -> None:
    audio = np.concatenate([tone((48, 60, 64, 67), 2.0), np.zeros(2 * RATE)])
    asked = replace(NOTHING, chords=chords((0.0, 2.0, "C:maj"), (2.0, 4.0, "N")))
    assert score_of(stereo(audio), RATE, asked).chords == pytest.approx(1.0, abs=0.1)
    none = replace(NOTHING, chords=chords((0.0, 4.0, "N")))
    assert score_of(stereo(audio), RATE, none).chords == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize(
    ("symbol", "label"),
    [("Am7", "A:min"), ("C6", "C:maj"), ("Bb13", "Bb:maj"), ("F#m7b5", "X"), ("Gsus4", "X"), ("Caug", "X"),
     ("E5", "X"), ("D/F#", "D:maj"), ("N.C.", "N"), ("Cmmaj7", "C:min")],
)  # fmt: skip
def test_chords_are_reduced_to_their_triads(symbol: str, label: str) -> None:
    assert triad_label(parse_chord(symbol)) == label


def test_a_chart_of_chords_that_are_neither_has_no_chord_score() -> None:
    asked = replace(NOTHING, chords=chords((0.0, 2.0, "X")))
    assert score_of(stereo(tone((60,), 2.0)), RATE, asked).chords is None


# Drums and tempo


def test_hits_that_sound_score_one_and_others_do_not() -> None:
    times = [0.0, 0.5, 1.25, 2.0, 3.1]
    audio = stereo(clicks(times, 4.0))
    assert score_of(audio, RATE, replace(NOTHING, drums_s=tuple(times))).drums == 1.0
    beside = tuple(time + 0.2 for time in times)
    assert score_of(audio, RATE, replace(NOTHING, drums_s=beside)).drums == 0.0
    assert score_of(audio, RATE, replace(NOTHING, drums_s=(*times, *beside))).drums == pytest.approx(2 / 3, abs=0.01)


def test_a_hit_at_the_loops_start_may_sound_at_its_end() -> None:
    assert onset_f1(np.array([-0.02, 1.0]), (0.0, 1.0), 2.0) == 1.0
    assert onset_f1(np.array([0.0, 1.0]), (1.0, 1.99), 2.0) == 1.0
    assert onset_f1(np.array([1.0]), (), 2.0) is None


@pytest.mark.parametrize("faster", [-0.07, -0.02, 0.0, 0.013, 0.06])
def test_a_tempo_beside_the_one_asked_for_is_measured(faster: float) -> None:
    beat = 0.5 / (1 + faster)
    audio = clicks([count * beat / 2 for count in range(math.floor(8.0 / beat * 2))], 8.0)
    asked = replace(NOTHING, beats_s=tuple(0.5 * count for count in range(17)))
    found = score_of(stereo(audio), RATE, asked)
    assert found.tempo_error == pytest.approx(faster, abs=0.004)
    assert found.tempo == pytest.approx(1 - abs(faster) / TEMPO_LIMIT, abs=0.06)


def test_a_ramp_that_is_followed_is_no_error() -> None:
    tempo_map = TEMPO.with_tempo(TempoPoint(at=Beats(16.0), bpm=Bpm(150.0), ramp=True))
    state = SessionState(
        tempo_map=tempo_map, drums=DrumChart(patterns=(parse_pattern("hat", "x.x.x.x.x.x.x.x.", TEMPO),))
    )
    made = plan(state, request_id="a", seed=1, audio=AudioFormat())
    asked = made.request.asked
    assert asked is not None
    audio = stereo(clicks(list(asked.drums_s), made.request.window.seconds))
    assert score_of(audio, RATE, asked).tempo_error == pytest.approx(0.0, abs=0.003)


# Melody


def test_a_melody_that_sounds_alone_scores_one_and_another_nothing() -> None:
    audio = np.concatenate([tone((72,), 1.0), tone((77,), 1.0)])
    melody = (TimedPitch(start_s=0.0, end_s=1.0, pitch=60), TimedPitch(start_s=1.0, end_s=2.0, pitch=65))
    right = score_of(stereo(audio), RATE, replace(NOTHING, melody=melody)).melody
    wrong = score_of(stereo(audio), RATE, replace(NOTHING, melody=tuple(replace(n, pitch=n.pitch + 1) for n in melody)))
    assert right is not None and wrong.melody is not None
    assert right > 0.85
    assert wrong.melody < 0.35


# The whole score


def test_what_was_not_asked_for_has_no_score() -> None:
    silent = np.zeros((2 * RATE, 2), dtype=np.float32)
    assert score_of(silent, RATE, NOTHING) == Score()
    assert Score().total is None
    assert score_of(stereo(tone((60,), 2.0)), RATE, replace(NOTHING, beats_s=(0.0, 2.0))).tempo is None


def test_silence_scores_nothing_in_all_that_was_asked_for() -> None:
    asked = replace(
        NOTHING, chords=chords((0.0, 2.0, "C:maj")), drums_s=(0.0,),
        melody=(TimedPitch(start_s=0.0, end_s=1.0, pitch=60),),
    )  # fmt: skip
    found = score_of(np.zeros((2 * RATE, 2), dtype=np.float32), RATE, asked)
    assert (found.chords, found.drums, found.melody, found.total) == (0.0, 0.0, 0.0, 0.0)


@given(st.tuples(*[st.none() | st.floats(0.0, 1.0)] * 3), st.none() | st.floats(-0.2, 0.2))
def test_the_total_is_the_mean_of_what_was_asked_for(
    parts: tuple[float | None, float | None, float | None], error: float | None
) -> None:
    score = Score(chords=parts[0], drums=parts[1], melody=parts[2], tempo_error=error)
    there = {name: getattr(score, name) for name in WEIGHTS if getattr(score, name) is not None}
    if not there:
        assert score.total is None
        return
    assert score.total is not None
    assert min(there.values()) - 1e-9 <= score.total <= max(there.values()) + 1e-9


@settings(max_examples=6, deadline=None)
@given(gain_db=st.floats(-60.0, 20.0))
def test_the_level_does_not_count(gain_db: float) -> None:
    audio = stereo(clicks([0.0, 0.5, 1.0, 1.5], 2.0) + tone((48, 60, 64, 67), 2.0))
    asked = replace(
        NOTHING, chords=chords((0.0, 2.0, "C:maj")), drums_s=(0.0, 0.5, 1.0, 1.5), beats_s=NOTHING.beats_s[:5]
    )
    plain, louder = (score_of(one, RATE, asked) for one in (audio, audio * np.float32(10 ** (gain_db / 20))))
    assert louder.chords == pytest.approx(plain.chords, abs=0.03)
    assert louder.drums == pytest.approx(plain.drums, abs=0.15)


@pytest.mark.parametrize("seconds", [0.02, 0.2, 1.0, *(2.0 + 0.013 * step for step in range(8))])
def test_clips_of_any_length_can_be_measured(seconds: float) -> None:
    asked = replace(NOTHING, chords=chords((0.0, seconds, "C:maj")), drums_s=(0.0,), beats_s=(0.0, seconds))
    found = score_of(stereo(tone((48, 60, 64, 67), seconds)), RATE, asked)
    assert found.chords is not None and 0.0 <= found.chords <= 1.0


def test_a_chart_in_seconds_follows_tempo_and_meter() -> None:
    tempo_map = TEMPO.with_meter(MeterPoint(bar=2, meter=Meter(numerator=7, denominator=8)))
    state = SessionState(
        tempo_map=tempo_map, bars=2, chords=ChordChart(progression=parse_progression("Am7 | D9 |")),
        melody=MelodyChart(notes=(Note(at=Beats(1.0), length=Beats(1.0), pitch=60, velocity=90),), bars=2),
    )  # fmt: skip
    made = plan(state, request_id="a", seed=1, audio=AudioFormat())
    window = made.request.window
    asked = asked_of(made.chart, window.start, window.end, tempo_map)
    assert asked.chords == chords((0.0, 2.0, "A:min"), (2.0, 3.75, "D:maj"))
    assert asked.melody == (TimedPitch(start_s=0.5, end_s=1.0, pitch=60),)
    assert asked.beats_s == tuple(0.5 * beat for beat in range(9))


# The measure measures


def played(style: str, progression: str, bpm: float) -> tuple[Samples, Plan]:
    tempo_map = TempoMap.constant(Bpm(bpm))
    patterns = {"kick": "x...x...x...x...", "snare": "....x.......x...", "hat": "x.x.x.x.x.x.x.x."}
    state = SessionState(
        tempo_map=tempo_map, bars=4, prompt=style, chords=ChordChart(progression=parse_progression(progression)),
        drums=DrumChart(patterns=tuple(parse_pattern(voice, text, tempo_map) for voice, text in patterns.items())),
    )  # fmt: skip
    made = plan(state, request_id="a", seed=1, audio=AudioFormat())
    (waveform,) = SketchEngine().generate(made.request.controls, report=lambda share: None, cancelled=lambda: False)
    settings_ = MasterSettings(sample_rate_hz=48000, frames=made.request.window.frames)
    return master(waveform, settings_).samples, made


def test_the_sketch_engine_scores_near_the_ceiling_and_a_shuffled_chart_near_the_floor() -> None:
    clips = [
        played("pop", "Am7 | Dm7 G7 | Cmaj7 | Fmaj7 |", 92.0),
        played("jazz", "Cm7 | Fm7 | Bb7 | Ebmaj7 |", 120.0),
        played("rock", "F#m | D | A | E |", 138.0),
        played("folk", "Em | C | G | D |", 75.0),
    ]
    own = [score_of(samples, 48000, made.request.asked) for samples, made in clips if made.request.asked]
    charts = [made.request.asked for _, made in clips]
    shuffled = []
    for (samples, made), other in zip(clips, [*charts[1:], charts[0]], strict=True):
        assert made.request.asked is not None and other is not None
        scale = made.request.window.seconds / other.chords[-1].end_s
        foreign = tuple(replace(one, start_s=one.start_s * scale, end_s=one.end_s * scale) for one in other.chords)
        shuffled.append(score_of(samples, 48000, replace(made.request.asked, chords=foreign)))
    assert np.mean([score.chords for score in own]) > 0.85
    assert np.mean([score.drums for score in own]) > 0.9
    assert np.mean([score.tempo for score in own]) > 0.95
    assert np.mean([score.chords for score in shuffled]) < 0.25
