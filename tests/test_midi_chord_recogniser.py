"""Chords recognised while they are played: golden charts as text, and what holds for any stream of notes."""

from __future__ import annotations

import io
import random
import time
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import mido
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from midi.chord_path import MAX_DELAY
from midi.chord_recogniser import (
    Hearing,
    Recogniser,
    advanced,
    chart_now,
    chord_changes,
    chord_now,
    finished,
    heeded,
    listening_from,
    moved,
)
from midi.chords import ChordChange, ChordSpan, chord_label, parse_chord
from midi.controls import parse_binding
from midi.files import read_song, song_from_bytes
from midi.keys import parse_key
from midi.performance import AllOff, NoteOff, NoteOn, Pedal, PlayedEvent, played_event
from midi.sounding import MAX_HELD, MAX_VOICES
from midi.time import Beats, Bpm, Meter, TempoMap

FOUR = TempoMap()
FILES = Path(__file__).parent / "data" / "midi"


def played(text: str) -> list[PlayedEvent]:
    """Read a performance: a line is a beat, then what happens there.

    ``+C3`` presses a key (C3 is middle C), ``-C3`` releases it, ``C3:2`` holds it for two beats; ``ped`` and ``lift``
    are the pedal.
    """
    events: list[PlayedEvent] = []
    for line in text.strip().splitlines():
        beat, *words = line.split()
        for word in words:
            events += _events(Beats(float(beat)), word)
    return sorted(events, key=lambda event: (event.at, isinstance(event, NoteOn)))


def _events(at: Beats, word: str) -> list[PlayedEvent]:
    if word in {"ped", "lift"}:
        return [Pedal(at=at, down=word == "ped")]
    if word[0] == "-":
        return [NoteOff(at=at, pitch=pitch_of(word[1:]))]
    name, _, length = word.lstrip("+").partition(":")
    pressed: list[PlayedEvent] = [NoteOn(at=at, pitch=pitch_of(name), velocity=80)]
    return [*pressed, NoteOff(at=Beats(at + float(length)), pitch=pitch_of(name))] if length else pressed


def pitch_of(name: str) -> int:
    """A pitch by name, middle C being C3."""
    return parse_binding(f"note:{name}@1").number


def chart(changes: Iterable[ChordChange | ChordSpan]) -> str:
    """Changes as text: ``0 C | 4 G/B``."""
    return " | ".join(
        f"{item.at if isinstance(item, ChordChange) else item.start:g} {chord_label(item.chord)}" for item in changes
    )


def heard(text: str, end: float, key: str | None = None, hearing: Hearing = Hearing()) -> str:  # noqa: B008
    """The chart of a performance."""
    named = parse_key(key) if key else None
    return chart(chord_changes(played(text), FOUR, Beats(0.0), Beats(end), key=named, hearing=hearing))


GOLDEN = {
    "held chords": (
        """
        0 C2:4 E2:4 G2:4 B2:4
        4 A1:4 G2:4 C3:4 E3:4
        8 D2:2 F2:2 A2:2 C3:2
        10 G1:2 F2:2 B2:2 D3:2
        """, 12, "0 Cmaj7 | 4 Am7 | 8 Dm7 | 10 G7",
    ),
    "an Alberti bass": (
        """
        0 C2:.5
        .5 G2:.5
        1 E2:.5
        1.5 G2:.5
        2 C2:.5
        2.5 G2:.5
        3 E2:.5
        3.5 G2:.5
        4 B1:.5
        4.5 G2:.5
        5 D2:.5
        5.5 G2:.5
        6 B1:.5
        6.5 G2:.5
        7 D2:.5
        7.5 G2:.5
        """, 8, "0 C | 4 G/B",
    ),
    "an arpeggio under the pedal": (
        """
        0 ped F1:.25
        .5 C2:.25
        1 F2:.25
        1.5 A2:.25
        2 C3:.25
        4 lift
        4.05 ped
        4 D1:.25
        4.5 A1:.25
        5 D2:.25
        5.5 F2:.25
        6 A2:.25
        """, 8, "0 F | 4 Dm",
    ),
    "inversions": (
        """
        0 E2:4 G2:4 C3:4 E3:4
        4 A2:4 C3:4 F3:4
        8 F2:4 G2:4 B2:4 D3:4
        """, 12, "0 C/E | 4 F/A | 8 G7/F",
    ),
    "a bass that is no chord tone": ("0 G1:4 F2:4 A2:4 C3:4\n4 C2:4 D3:4 F#3:4 A3:4", 8, "0 F/G | 4 D7/C"),
    "suspensions": (
        "0 A1:2 D2:2 E2:2 A2:2\n2 A1:2 C#2:2 E2:2 A2:2\n4 D2:4 G2:4 A2:4 C3:4", 8, "0 Asus4 | 2 A | 4 D7sus4",
    ),
    "passing notes in the melody": (
        """
        0 C2:4 E2:4 G2:4 C3:1
        1 D3:.5
        1.5 E3:.5
        2 F3:.5
        2.5 G3:1
        3.5 F3:.5
        """, 4, "0 C",
    ),
    "a walking bass": (
        """
        0 A1:1 A2:4 C3:4 E3:4 G3:4
        1 B1:1
        2 C2:1
        3 E2:1
        4 D2:1 C3:4 D3:4 F3:4 A3:4
        5 E2:1
        6 F2:1
        7 A2:1
        """, 8, "0 Am7 | 4 Dm7",
    ),
    "a chord pushed by an eighth": ("0 C2:3.5 E2:3.5 G2:3.5\n3.5 F2:4.5 A2:4.5 C3:4.5", 8, "0 C | 3.5 F"),
    "chords played a little early and late": (
        "0.04 C2:3.9 E2:3.9 G2:3.9\n3.95 F2:4 A2:4 C3:4\n8.03 G2:4 B2:4 D3:4", 12, "0 C | 4 F | 8 G",
    ),
    "stabs": (
        "0 C2:.2 Eb2:.2 G2:.2\n2.5 C2:.2 Eb2:.2 G2:.2\n4 F2:.2 Ab2:.2 C3:.2\n6.5 F2:.2 Ab2:.2 C3:.2", 8, "0 Cm | 4 Fm",
    ),
    "one stab a bar": ("0 C2:.5 Eb2:.5 G2:.5\n4 F2:.5 Ab2:.5 C3:.5\n8 C2:.5 Eb2:.5 G2:.5", 11.5, "0 Cm | 4 Fm | 8 Cm"),
    "a bar of silence": ("0 C2:4 E2:4 G2:4\n8 C2:4 E2:4 G2:4", 12, "0 C | 4 N.C. | 8 C"),
    "diminished and augmented": (
        "0 B1:4 D2:4 F2:4 Ab2:4\n4 C2:4 E2:4 G#2:4\n8 B1:4 D2:4 F2:4 A2:4", 12, "0 Bdim7 | 4 Caug | 8 Bm7b5",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_charts(name: str) -> None:
    text, end, expected = GOLDEN[name]
    assert heard(text, end) == expected


def test_the_beat_grid_moves_a_pushed_chord_to_the_beat() -> None:
    text = "0 C2:3.5 E2:3.5 G2:3.5\n3.5 F2:4.5 A2:4.5 C3:4.5"
    assert heard(text, 8, hearing=Hearing(grid="beat")) in {"0 C | 3 F", "0 C | 4 F"}


def test_the_right_hand_above_the_split_plays_no_chords() -> None:
    text = "0 C2:4 E2:4 G2:4 F#4:1\n1 Ab4:1\n2 C#4:1\n3 Eb4:1"
    assert heard(text, 4, hearing=Hearing(split=60)) == "0 C"


def test_the_key_decides_on_a_bare_fifth() -> None:
    text = "0 D2:4 A2:4"
    assert (heard(text, 4, key="D minor"), heard(text, 4, key="D major")) == ("0 Dm", "0 D")


def test_pedal_down_through_a_change_of_chord_the_new_chord_wins() -> None:
    text = "0 ped C2:3 E2:3 G2:3\n4 F2:3 A2:3 C3:3\n8 G2:3 B2:3 D3:3"
    assert heard(text, 12) == "0 C | 4 F | 8 G"


def test_a_note_that_is_never_released_is_let_go() -> None:
    end = MAX_HELD + 8
    assert heard("0 +C2 +E2 +G2", end) == f"0 C | {MAX_HELD:g} N.C."


def test_all_notes_off_ends_a_hanging_chord() -> None:
    events = [*played("0 +C2 +E2 +G2"), AllOff(at=Beats(4.0))]
    assert chart(chord_changes(events, FOUR, Beats(0.0), Beats(12.0))) == "0 C | 4 N.C."


def test_six_eight_changes_on_dotted_quarters() -> None:
    tempo_map = TempoMap.constant(Bpm(120.0), Meter(numerator=6, denominator=8))
    events = played("0 C2:1.5 E2:1.5 G2:1.5\n1.5 F2:1.5 A2:1.5 C3:1.5")
    assert chart(chord_changes(events, tempo_map, Beats(0.0), Beats(3.0))) == "0 C | 1.5 F"


def sounding_pitches(text: str) -> list[int]:
    """What sounds after a performance."""
    return sorted(voice.pitch for voice in run(played(text))[0].sounding.voices.values())


def test_the_pedal_holds_released_keys_until_it_is_lifted() -> None:
    assert sounding_pitches("0 ped C3:1 E3:1\n1.5 +G3") == [60, 64, 67]
    assert sounding_pitches("0 ped C3:1 E3:1\n1.5 +G3\n2 lift") == [67]


def test_notes_under_the_pedal_die_away() -> None:
    assert sounding_pitches("0 ped C3:1\n8 +G3") == [67]


def test_the_pedal_of_one_source_holds_no_other() -> None:
    events = [Pedal(at=Beats(0.0), down=True), NoteOn(at=Beats(0.0), pitch=60, velocity=80, source=1)]
    recogniser, _ = run([*events, NoteOff(at=Beats(1.0), pitch=60, source=1)])
    assert not recogniser.sounding.voices


# While it is played


def run(events: Iterable[PlayedEvent], start: float = 0.0) -> tuple[Recogniser, list[ChordSpan]]:
    """The recogniser after events, and every span that it finished."""
    recogniser, spans = listening_from(Beats(start)), list[ChordSpan]()
    for event in events:
        recogniser, more = heeded(recogniser, event, FOUR)
        spans += more
    return recogniser, spans


def test_the_chord_as_it_stands_is_known_as_soon_as_it_is_struck() -> None:
    recogniser, _ = run(played("0 C2:4 E2:4 G2:4\n4 F2 A2 C3"))
    assert chord_label(chord_now(recogniser, FOUR)) == "F"


def test_a_passing_note_does_not_show() -> None:
    recogniser, _ = run(played("0 +C2 +E2 +G2 +C3\n1.5 -C3 +D3"))
    assert chord_label(chord_now(recogniser, FOUR)) == "C"


def test_before_anything_is_played_there_is_no_chord() -> None:
    assert chord_now(listening_from(), FOUR) is None


def test_a_span_comes_out_as_soon_as_the_next_chord_is_safe() -> None:
    recogniser, spans = run(played("0 C2:4 E2:4 G2:4\n4 +F2 +A2 +C3"))
    assert spans == []
    _, spans_after = advanced(recogniser, Beats(8.0), FOUR)
    assert chart(spans_after) == "0 C"


def test_the_chart_as_it_stands_ends_with_the_present_slot() -> None:
    recogniser, _ = run(played("0 C2:4 E2:4 G2:4\n4 +F2 +A2 +C3"))
    recogniser, _ = advanced(recogniser, Beats(6.2), FOUR)
    spans = chart_now(recogniser, FOUR)
    assert (chart(spans[-1:]), spans[-1].end) == ("4 F", 6.5)


def test_a_jump_hands_out_what_was_played_and_keeps_held_keys() -> None:
    recogniser, _ = run(played("0 C2:4 E2:4 G2:4\n4 +F2 +A2 +C3\n7 ped"))
    recogniser, spans = moved(recogniser, Beats(32.0), FOUR)
    assert (chart(spans), spans[-1].end) == ("0 C | 4 F", 7.0)
    assert chart(finished(recogniser, Beats(36.0), FOUR)) == "32 F"


def test_an_event_from_before_counts_as_if_it_came_now() -> None:
    late: list[PlayedEvent] = [NoteOn(at=Beats(3.9), pitch=pitch, velocity=80) for pitch in (53, 57, 60)]
    recogniser, _ = run([*played("0 C2:4 E2:4 G2:4"), *late])
    assert chart(finished(recogniser, Beats(8.0), FOUR)).endswith("| 4 F")


# Any stream

PITCHES = st.integers(24, 96)
STEPS = st.integers(0, 16).map(lambda step: step / 16)


@st.composite
def streams(draw: st.DrawFn) -> list[PlayedEvent]:
    """Events in order, with keys that are never released, released twice and struck twice."""
    at = 0.0
    events: list[PlayedEvent] = []
    for _ in range(draw(st.integers(1, 60))):
        at += draw(STEPS)
        kind = draw(st.sampled_from(["on", "on", "on", "off", "off", "pedal", "all"]))
        source = draw(st.integers(0, 2))
        if kind == "on":
            velocity = draw(st.integers(1, 127))
            events.append(NoteOn(at=Beats(at), pitch=draw(PITCHES), velocity=velocity, source=source))
        elif kind == "off":
            events.append(NoteOff(at=Beats(at), pitch=draw(PITCHES), source=source))
        elif kind == "pedal":
            events.append(Pedal(at=Beats(at), down=draw(st.booleans()), source=source))
        else:
            events.append(AllOff(at=Beats(at), source=source))
    return events


@settings(max_examples=40, deadline=None)
@given(events=streams(), rest=st.floats(0.1, 20.0))
def test_spans_tile_the_song_and_neighbours_differ(events: list[PlayedEvent], rest: float) -> None:
    recogniser, spans = run(events)
    end = Beats(recogniser.at + rest)
    spans += finished(recogniser, end, FOUR)
    assert (spans[0].start, spans[-1].end) == (0.0, end)
    assert all(a.end == b.start and a.chord != b.chord for a, b in pairwise(spans))


@settings(max_examples=40, deadline=None)
@given(events=streams(), ticks=st.lists(st.floats(0.0, 70.0), max_size=20))
def test_looking_and_telling_the_time_change_nothing(events: list[PlayedEvent], ticks: list[float]) -> None:
    plain, spans = run(events)
    recogniser, watched = listening_from(), list[ChordSpan]()
    ticks.sort()
    for event in events:
        while ticks and ticks[0] <= event.at:
            recogniser, more = advanced(recogniser, Beats(ticks.pop(0)), FOUR)
            watched += more
            chart_now(recogniser, FOUR)
        recogniser, more = heeded(recogniser, event, FOUR)
        watched += more
    end = Beats(events[-1].at + 4.0)
    assert watched + list(finished(recogniser, end, FOUR)) == spans + list(finished(plain, end, FOUR))


@settings(max_examples=40, deadline=None)
@given(events=streams())
def test_the_state_is_bounded_and_slots_are_decided_in_time(events: list[PlayedEvent]) -> None:
    recogniser = listening_from()
    for event in events:
        recogniser, _ = heeded(recogniser, event, FOUR)
        undecided = recogniser.path.slots
        assert len(undecided) <= MAX_DELAY * 2 + 1
        assert not undecided or recogniser.at - undecided[0].start <= MAX_DELAY + 0.5
        assert len(recogniser.sounding.voices) <= MAX_VOICES


@given(shift=st.integers(1, 11), octave=st.sampled_from([-12, 0, 12]))
def test_a_transposed_performance_gives_the_transposed_chart(shift: int, octave: int) -> None:
    events = played(GOLDEN["held chords"][0])
    raised = [
        NoteOn(at=e.at, pitch=e.pitch + shift + octave, velocity=e.velocity) if isinstance(e, NoteOn)
        else NoteOff(at=e.at, pitch=e.pitch + shift + octave)
        for e in events if isinstance(e, NoteOn | NoteOff)
    ]  # fmt: skip
    chords = [chord.chord for chord in chord_changes(raised, FOUR, Beats(0.0), Beats(12.0))]
    expected = [parse_chord(label) for label in ("Cmaj7", "Am7", "Dm7", "G7")]
    assert [(c.root, c.quality) for c in chords if c] == [((c.root + shift) % 12, c.quality) for c in expected if c]


def test_silence_of_a_million_beats_is_passed_over_at_once() -> None:
    recogniser, _ = run(played("0 C2:4 E2:4 G2:4"))
    started = time.process_time()
    spans = finished(recogniser, Beats(1_000_001.0), FOUR)
    assert time.process_time() - started < 1.0
    assert (chart(spans), spans[-1].end) == ("0 C | 4 N.C.", 1_000_001.0)


def test_ten_seconds_of_three_thousand_notes_a_second_take_less_than_half_of_them() -> None:
    rng = random.Random(1)
    events: list[PlayedEvent] = []
    for index in range(30_000):
        at, pitch = Beats(index / 1500), rng.randrange(128)
        events.append(NoteOn(at=at, pitch=pitch, velocity=80) if index % 3 else NoteOff(at=at, pitch=pitch))
    started = time.process_time()
    recogniser, _ = run(events)
    assert time.process_time() - started < 5.0
    assert len(recogniser.sounding.voices) <= MAX_VOICES


# Files


def live_chart(data: bytes, jitter_s: float, seed: int = 0) -> str:
    """A file's notes replayed as messages with jitter, through the recogniser as a port would feed it."""
    song, file, rng = song_from_bytes(data), mido.MidiFile(file=io.BytesIO(data)), random.Random(seed)
    moments: list[tuple[float, int, mido.Message]] = []
    for number, track in enumerate(file.tracks):
        tick = 0
        for message in track:
            tick += message.time
            if not message.is_meta and message.channel != 9:
                seconds = song.tempo_map.seconds_at(Beats(tick / file.ticks_per_beat))
                moments.append((max(0.0, seconds + rng.uniform(-jitter_s, jitter_s)), number, message))
    recogniser, spans = listening_from(), list[ChordSpan]()
    for seconds, number, message in sorted(moments, key=lambda moment: moment[0]):
        at = song.tempo_map.beats_at(seconds)  # type: ignore[arg-type]
        event = played_event(message, at, number)
        if event is not None:
            recogniser, more = heeded(recogniser, event, song.tempo_map, song.key)
            spans += more
    return chart([*spans, *finished(recogniser, song.end, song.tempo_map, song.key)])


@pytest.mark.parametrize("jitter_s", [0.0, 0.005])
@pytest.mark.parametrize("name", ["waltz.mid", "no_tempo.mid"])
def test_a_file_replayed_live_gives_the_chart_of_the_file(name: str, jitter_s: float) -> None:
    song = read_song(FILES / name)
    assert song.chord_source == "notes"
    assert live_chart((FILES / name).read_bytes(), jitter_s) == chart(song.chord_changes)


def performance(seed: int) -> bytes:
    """A file of block chords and arpeggios with pedal, played with a human touch."""
    rng = random.Random(seed)
    track = mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=500_000, time=0)])
    events: list[tuple[int, mido.Message]] = []
    for bar, label in enumerate(rng.choices(["C", "Am7", "F", "G7", "Dm", "E7", "Bb", "Em"], k=16)):
        chord = parse_chord(label)
        assert chord is not None
        pitches = [36 + chord.root, *(48 + chord.root + tone for tone in chord.quality.intervals)]
        events.append((bar * 1920 + 20, mido.Message("control_change", control=64, value=127)))
        for step in range(8):
            chosen = pitches if bar % 2 and step % 4 == 0 else [pitches[step % len(pitches)]]
            for pitch in chosen:
                at = bar * 1920 + step * 240 + rng.randrange(0, 15)
                events.append((at, mido.Message("note_on", note=pitch, velocity=rng.randrange(50, 100))))
                events.append((at + 200, mido.Message("note_off", note=pitch)))
        events.append(((bar + 1) * 1920 - 5, mido.Message("control_change", control=64, value=0)))
    now = 0
    for at, message in sorted(events, key=lambda event: event[0]):
        track.append(message.copy(time=at - now))
        now = at
    file, data = mido.MidiFile(tracks=[track], ticks_per_beat=480), io.BytesIO()
    file.save(file=data)
    return data.getvalue()


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_any_performance_replayed_live_gives_the_chart_of_its_file(seed: int) -> None:
    data = performance(seed)
    assert live_chart(data, 0.0) == chart(song_from_bytes(data).chord_changes)
