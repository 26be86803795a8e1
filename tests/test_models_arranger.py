"""The arranger: styles from prompts, rhythm in any meter, voicings, bass lines, and what is played when."""

from __future__ import annotations

import dataclasses
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sketch_charts import chart_of, meter_of, span_seconds

from midi.chord_qualities import QUALITIES
from midi.chords import Chord, parse_chord
from midi.drums import VOICES, DrumHit
from midi.melody import Note
from midi.pulse import Figure, Swing, bar_text, pulse_steps, strokes_between, strokes_in_span
from midi.time import DENOMINATORS, FOUR_FOUR, Beats, Bpm, Meter, TempoMap, TempoPoint
from models.arranger import BASS_CHANNEL, COMPING_CHANNEL, LEAD_CHANNEL, Arrangement, arrange, volume_for
from models.bass import MAX_APPROACH_BEATS
from models.feel import MAX_SHIFT_S
from models.instruments import BASS_RANGE, COMPING_RANGE, GENERAL_WORDS, INSTRUMENTS
from models.soundfont import DRUM_CHANNEL, TimedNote
from models.style_words import choose_ensemble
from models.styles import STYLES
from models.voicing import comping_tones, voice_chords

METERS = ("4/4", "3/4", "6/8", "7/8", "5/4", "9/8", "12/8", "5/8", "2/2", "7/16", "9/16", "1/8", "1/16")
CHORDS = st.builds(
    lambda root, row, over: Chord(root=root, quality=row.quality, bass=None if over == 0 else (root + over) % 12),
    st.integers(0, 11),
    st.sampled_from(QUALITIES),
    st.sampled_from([0, 0, 0, 3, 4, 7, 10]),
)


def on_channel(arrangement: Arrangement, channel: int) -> list[TimedNote]:
    return [note for note in arrangement.notes if note.channel == channel]


# Prompts


@pytest.mark.parametrize(
    ("prompt", "style", "comping", "bass"),
    [
        ("", "pop", "fm piano", "finger bass"),
        ("qwertz 123", "pop", "fm piano", "finger bass"),
        ("A slow Piano Ballad in the rain", "ballad", "piano", "piano"),
        ("jazz trio", "jazz", "piano", "upright bass"),
        ("neo-soul with a Rhodes", "soul", "electric piano", "finger bass"),
        ("lo-fi hip-hop", "hip hop", "electric piano", "sub bass"),
        ("reggae with organ and synth bass", "reggae", "drawbar organ", "synth bass"),
        ("rock, then jazz", "rock", "overdriven guitar", "pick bass"),
        ("jazz, then rock", "jazz", "piano", "upright bass"),
        ("rock guitar", "rock", "overdriven guitar", "pick bass"),
        ("jazz guitar", "jazz", "jazz guitar", "upright bass"),
        ("pop with guitar", "pop", "clean guitar", "finger bass"),
        ("strings", "orchestral", "strings", "low strings"),
        ("house with strings", "electronic", "strings", "synth bass"),
        ("acoustic guitar strumming", "folk", "steel guitar", "upright bass"),
        ("ballad with rhodes", "ballad", "electric piano", "finger bass"),
        ("ballad, no strings, upright bass", "ballad", "piano", "upright bass"),
        ("a rocket on a popsicle", "pop", "fm piano", "finger bass"),
        ("bossa nova, electric piano", "bossa", "electric piano", "upright bass"),
        ("funk with a synth bass", "funk", "clavinet", "synth bass"),
    ],
)
def test_words_choose_the_ensemble(prompt: str, style: str, comping: str, bass: str) -> None:
    ensemble = choose_ensemble(prompt)
    assert (ensemble.style.name, ensemble.comping.name, ensemble.bass.name) == (style, comping, bass)


def test_a_lead_is_chosen_by_name() -> None:
    assert choose_ensemble("jazz with flute").lead.name == "flute"


def test_every_phrase_means_one_thing() -> None:
    phrases = [phrase for style in STYLES.values() for phrase in style.phrases]
    phrases += [phrase for instrument in INSTRUMENTS.values() for phrase in instrument.phrases]
    phrases += list(GENERAL_WORDS)
    assert sorted(phrases) == sorted(set(phrases))


@pytest.mark.parametrize("name", sorted(STYLES))
def test_a_styles_instruments_exist_and_fit_their_roles(name: str) -> None:
    style = STYLES[name]
    for role, instrument in (("comping", style.comping), ("bass", style.bass), ("lead", style.lead)):
        assert role in INSTRUMENTS[instrument].roles


@pytest.mark.parametrize("name", sorted(INSTRUMENTS))
def test_an_instruments_home_is_a_style(name: str) -> None:
    assert INSTRUMENTS[name].home in STYLES


@given(st.text(max_size=200))
def test_any_prompt_has_an_ensemble(prompt: str) -> None:
    assert choose_ensemble(prompt) == choose_ensemble(prompt.upper().lower())


# Rhythm


@pytest.mark.parametrize(
    ("meter", "steps"),
    [
        ("4/4", (4, 4, 4, 4)),
        ("3/4", (4, 4, 4)),
        ("6/8", (6, 6)),
        ("7/8", (4, 4, 6)),
        ("5/8", (4, 6)),
        ("8/8", (4, 4, 4, 4)),
        ("2/2", (4, 4, 4, 4)),
        ("7/16", (4, 3)),
        ("9/16", (4, 2, 3)),
        ("1/16", (1,)),
        ("1/8", (2,)),
    ],
)
def test_bars_are_felt_in_pulses(meter: str, steps: tuple[int, ...]) -> None:
    assert pulse_steps(meter_of(meter)) == steps


@given(st.integers(1, 64), st.sampled_from(DENOMINATORS))
def test_pulses_fill_every_bar(numerator: int, denominator: int) -> None:
    meter = Meter(numerator=numerator, denominator=denominator)
    assert sum(pulse_steps(meter)) == meter.steps


def _figures() -> list[Figure]:
    return [figure for style in STYLES.values() for figure in (*style.comping_figures, *style.bass_figures)]


@pytest.mark.parametrize("figure", _figures(), ids=lambda figure: figure.common)
@pytest.mark.parametrize("meter", METERS)
def test_a_figure_fills_every_bar_and_holds_only_what_sounds(figure: Figure, meter: str) -> None:
    text = "".join(bar_text(figure, meter_of(meter), bar) for bar in (1, 2, 3))
    assert len(text) == 3 * meter_of(meter).steps
    assert ".-" not in text
    assert len(figure.common) % 16 == 0
    assert {len(cell) for cell in figure.duple} == {4}
    assert {len(cell) for cell in figure.triple} == {6}


@given(st.floats(0.5, 0.75), st.floats(0, 8), st.floats(0, 8))
def test_swing_keeps_the_order_and_the_beats(share: float, early: float, late: float) -> None:
    swing = Swing(share=share)
    assert swing.warp(round(early)) == pytest.approx(round(early))
    assert swing.warp(min(early, late)) <= swing.warp(max(early, late)) + 1e-9


def test_swing_delays_the_off_beats() -> None:
    figure = Figure(common="x-x-x-x-x-x-x-x-", duple=("x-x-",), triple=("x-x-x-",))
    played = strokes_between(figure, TempoMap.constant(Bpm(120.0)), Beats(0.0), Beats(2.0), Swing(share=2 / 3))
    assert [stroke.start for stroke in played] == pytest.approx([0, 2 / 3, 1, 5 / 3])


@given(
    st.sampled_from(_figures()),
    st.sampled_from(METERS),
    st.floats(0, 20),
    st.floats(0.1, 8),
)
def test_a_chord_is_struck_at_its_start_and_ends_by_its_end(
    figure: Figure, meter: str, start: float, length: float
) -> None:
    tempo_map = TempoMap.constant(Bpm(120.0), meter_of(meter))
    end = start + length
    strokes = strokes_in_span(strokes_between(figure, tempo_map, Beats(0.0), Beats(30.0)), start, end)
    assert strokes[0].start == start
    assert [stroke.downbeat for stroke in strokes] == [True] + [False] * (len(strokes) - 1)
    assert all(stroke.start < stroke.end <= end for stroke in strokes)
    assert all(here.start < there.start for here, there in pairwise(strokes))


# Voicings


@given(st.lists(CHORDS, min_size=1, max_size=8), st.floats(58, 68))
@settings(max_examples=150, deadline=None)
def test_voicings_hold_chord_tones_only_and_stay_in_range(chords: list[Chord], register: float) -> None:
    for chord, voicing in zip(chords, voice_chords(chords, voices=4, register=register), strict=True):
        low, high = COMPING_RANGE
        classes = {pitch % 12 for pitch in voicing}
        tones = {(chord.root + tone) % 12 for tone in chord.quality.intervals}
        assert len(voicing) == 4
        assert list(voicing) == sorted(voicing)
        assert low <= voicing[0]
        assert voicing[-1] <= high
        assert classes <= tones
        assert classes == set(comping_tones(chord, 4))


@given(CHORDS)
def test_the_tones_that_tell_a_chord_are_played(chord: Chord) -> None:
    tones = set(comping_tones(chord, 4))
    intervals = chord.quality.intervals
    third = next((tone for tone in (4, 3, 5, 2) if tone in intervals), None)
    seventh = next((tone for tone in (10, 11) if tone in intervals), None)
    for telling in (third, seventh):
        assert telling is None or (chord.root + telling) % 12 in tones
    if len(intervals) <= 4:
        assert tones == {(chord.root + tone) % 12 for tone in intervals}
    if chord.bass is not None:
        assert chord.root in tones


@given(st.lists(CHORDS, min_size=2, max_size=8))
@settings(deadline=None)
def test_voices_move_little(chords: list[Chord]) -> None:
    """Chords of fewer than three tones double them over octaves, and leave the voices less choice."""
    voicings = voice_chords(chords, voices=4, register=64.0)
    for (before, after), (here, there) in zip(pairwise(chords), pairwise(voicings), strict=True):
        moves = np.abs(np.subtract(here, there))
        bare = min(len(before.quality.intervals), len(after.quality.intervals)) < 3
        assert moves.max() <= (12 if bare else 7)
        assert moves.sum() <= (28 if bare else 16)


def test_a_chord_that_repeats_stays_where_it_is() -> None:
    chord = parse_chord("Dm9")
    assert chord is not None
    assert len(set(voice_chords([chord] * 4, voices=4, register=64.0))) == 1


def test_common_tones_are_kept() -> None:
    chords = [chord for symbol in ("C", "Am", "F", "Dm") if (chord := parse_chord(symbol)) is not None]
    for here, there in pairwise(voice_chords(chords, voices=4, register=64.0)):
        assert len(set(here) & set(there)) >= 2


def test_no_chords_have_no_voicings() -> None:
    assert voice_chords([], voices=4, register=64.0) == ()


# The parts


@pytest.mark.parametrize("prompt", sorted(STYLES))
@pytest.mark.parametrize("meter", METERS)
def test_every_chord_is_struck_exactly_where_it_begins(prompt: str, meter: str) -> None:
    tempo_map = TempoMap.constant(Bpm(97.0), meter_of(meter))
    chart = chart_of("Am7 | Dm7 G7 E | Cmaj7/G | Fm", tempo_map=tempo_map, prompt=prompt)
    arrangement = arrange(chart)
    for span in chart.chords:
        assert span.chord is not None
        start_s, end_s = span_seconds(chart, span)
        comping = [n for n in on_channel(arrangement, COMPING_CHANNEL) if start_s - 1e-6 <= n.start_s < end_s - 0.01]
        bass = [n for n in on_channel(arrangement, BASS_CHANNEL) if start_s - 1e-6 <= n.start_s < end_s - 0.01]
        first_chord = {n.pitch % 12 for n in comping if n.start_s <= start_s + 0.01}
        assert first_chord == set(comping_tones(span.chord, 4))
        assert bass[0].start_s == pytest.approx(start_s, abs=1e-9)
        assert bass[0].pitch % 12 == span.chord.bass_pitch_class
        assert {n.pitch % 12 for n in comping} <= span.chord.pitch_classes


@pytest.mark.parametrize("prompt", sorted(STYLES))
@pytest.mark.parametrize("seed", range(4))
def test_the_bass_plays_chord_tones_and_short_approaches(prompt: str, seed: int) -> None:
    chart = chart_of("Am7 | Dm7 G7 | Cmaj7 | Bdim F#aug", prompt=prompt, seed=seed)
    notes = on_channel(arrange(chart), BASS_CHANNEL)
    for span in chart.chords:
        assert span.chord is not None
        start_s, end_s = span_seconds(chart, span)
        played = [n for n in notes if start_s - MAX_SHIFT_S <= n.start_s < end_s - MAX_SHIFT_S]
        strange = [n for n in played if n.pitch % 12 not in span.chord.pitch_classes]
        assert len(strange) <= 1
        assert all(n.end_s - n.start_s <= MAX_APPROACH_BEATS * 0.5 + MAX_SHIFT_S for n in strange)
        assert all(n is played[-1] for n in strange)
    low, high = BASS_RANGE
    assert all(low <= n.pitch <= high for n in notes)


def test_no_chord_is_silence() -> None:
    chart = chart_of("C | N.C. | F", prompt="rock")
    start_s, end_s = span_seconds(chart, chart.chords[1])
    assert not [n for n in arrange(chart).notes if n.end_s > start_s + 1e-6 and n.start_s < end_s - 1e-6]


@given(
    st.lists(
        st.builds(
            DrumHit,
            at=st.floats(0, 15.99).map(Beats),
            voice=st.sampled_from([voice.name for voice in VOICES]),
            velocity=st.integers(1, 127),
        ),
        max_size=30,
    ),
    st.integers(-(2**63), 2**63 - 1),
)
@settings(max_examples=50, deadline=None)
def test_drums_are_played_as_given(hits: list[DrumHit], seed: int) -> None:
    chart = chart_of(drums=tuple(sorted(hits, key=lambda hit: hit.at)), prompt="jazz swing", seed=seed)
    notes_of = {voice.name: voice.note for voice in VOICES}
    wanted = sorted((chart.tempo_map.seconds_at(hit.at), notes_of[hit.voice], hit.velocity) for hit in hits)
    played = sorted((n.start_s, n.pitch, n.velocity) for n in on_channel(arrange(chart), DRUM_CHANNEL))
    assert played == wanted


def test_the_melody_is_played_as_given_and_ends_with_the_chart() -> None:
    melody = (
        Note(at=Beats(0.5), length=Beats(1.0), pitch=72, velocity=33),
        Note(at=Beats(15.0), length=Beats(4.0), pitch=74, velocity=127),
    )
    played = on_channel(arrange(chart_of(melody=melody, prompt="jazz")), LEAD_CHANNEL)
    assert [(n.start_s, n.end_s, n.pitch, n.velocity) for n in played] == [(0.25, 0.75, 72, 33), (7.5, 8.0, 74, 127)]


def test_a_tempo_ramp_moves_everything() -> None:
    ramp = TempoMap.constant(Bpm(60.0)).with_tempo(TempoPoint(at=Beats(16.0), bpm=Bpm(180.0), ramp=True))
    hits = tuple(DrumHit(at=Beats(float(beat)), voice="kick", velocity=100) for beat in range(16))
    chart = chart_of(tempo_map=ramp, drums=hits)
    # v(b) = 60 + 7.5 b quarter notes a minute, so t(b) = 8 ln(1 + b / 8) seconds
    expected_s = [8 * np.log(1 + beat / 8) for beat in range(16)]
    assert [n.start_s for n in on_channel(arrange(chart), DRUM_CHANNEL)] == pytest.approx(expected_s)


def test_a_chart_from_the_middle_of_the_song_starts_at_zero() -> None:
    whole = chart_of("C | F | G | Am", prompt="funk")
    spans = (
        dataclasses.replace(whole.chords[1], start=Beats(6.0)),
        *whole.chords[2:],
    )
    hit = DrumHit(at=Beats(6.0), voice="snare", velocity=90)
    part = dataclasses.replace(whole, start=Beats(6.0), chords=spans, drums=(hit,))
    notes = arrange(part).notes
    starting = {n.channel for n in notes if n.start_s == 0.0}
    assert min(n.start_s for n in notes) == 0.0
    assert starting == {COMPING_CHANNEL, BASS_CHANNEL, DRUM_CHANNEL}


@pytest.mark.parametrize("prompt", sorted(STYLES))
def test_the_same_chart_is_arranged_the_same(prompt: str) -> None:
    assert arrange(chart_of(prompt=prompt)) == arrange(chart_of(prompt=prompt))


def test_the_hand_moves_notes_a_little() -> None:
    starts_s = {note.start_s for note in on_channel(arrange(chart_of("C | F", prompt="rock")), COMPING_CHANNEL)}
    grid_s = np.arange(64) * 0.125
    moved_s = [float(np.abs(grid_s - start_s).min()) for start_s in starts_s]
    assert 0.0005 < max(moved_s) <= MAX_SHIFT_S + 1e-9


@pytest.mark.parametrize("prompt", sorted(STYLES))
def test_seeds_differ(prompt: str) -> None:
    heard = {arrange(chart_of(prompt=prompt, seed=seed)).notes for seed in range(6)}
    assert len(heard) == 6


def test_a_part_does_not_change_because_another_is_added() -> None:
    alone = arrange(chart_of())
    drums = tuple(DrumHit(at=Beats(float(beat)), voice="kick", velocity=100) for beat in range(16))
    together = arrange(chart_of(drums=drums))
    for channel in (COMPING_CHANNEL, BASS_CHANNEL):
        assert on_channel(alone, channel) == on_channel(together, channel)


@pytest.mark.parametrize(("gain_db", "volume"), [(0.0, 127), (3.0, 127), (-12.04, 64), (-200.0, 1)])
def test_volume_follows_the_square_of_the_controller(gain_db: float, volume: int) -> None:
    assert volume_for(gain_db) == pytest.approx(volume, abs=0.6)


def test_the_common_meter_has_bars_of_its_own() -> None:
    figure = Figure(common="x---------------x-x-x-x-x-x-x-x-", duple=("x---",), triple=("x-----",))
    assert [bar_text(figure, FOUR_FOUR, bar).count("x") for bar in (1, 2, 3)] == [1, 8, 1]
