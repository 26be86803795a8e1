"""MIDI files: bytes written by hand, broken files, and songs that survive being written and read."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from midi.chords import ChordChange, chord_label, parse_chord
from midi.drums import VOICES, DrumHit
from midi.errors import MidiFileError
from midi.files import Song, read_song, song_bytes, song_from_bytes, write_song
from midi.keys import Key
from midi.melody import Note
from midi.time import Beats, Bpm, Meter, MeterPoint, Seconds, TempoMap, TempoPoint

END = "00 ff 2f 00"


def header(file_format: int, tracks: int, division: str = "00 60") -> bytes:
    """A header chunk; the division is 96 ticks to the quarter note."""
    return bytes.fromhex(f"4d546864 00000006 {file_format:04x} {tracks:04x} {division}")


def track(*events: str) -> bytes:
    """A track chunk of events in hexadecimal."""
    body = bytes.fromhex(" ".join(events))
    return b"MTrk" + len(body).to_bytes(4, "big") + body


def file_of(*tracks: bytes, file_format: int = 1) -> bytes:
    """A whole file."""
    return header(file_format, len(tracks)) + b"".join(tracks)


def text(kind: int, words: str) -> str:
    """A text meta event without delta time: 01 text, 03 track name, 05 lyric, 06 marker."""
    raw = words.encode()
    return f"ff {kind:02x} {len(raw):02x} {raw.hex()}"


# The example of the standard MIDI file specification: 4/4, 120 bpm, and a chord that is built over two beats.
FORMAT_0 = file_of(
    track(
        "00 ff 58 04 04 02 18 08",  # 4/4
        "00 ff 51 03 07 a1 20",  # 500,000 microseconds to the quarter note
        "00 c0 05",
        "00 c1 2e",
        "00 c2 46",
        "00 92 30 60",  # C3
        "00 3c 60",  # middle C, by running status
        "60 91 43 40",  # G4 after one beat
        "60 90 4c 20",  # E5 after two
        "81 40 82 30 40",  # both C end after four beats
        "00 3c 40",  # running status again
        "00 81 43 40",
        "00 80 4c 40",
        END,
    ),
    file_format=0,
)

FORMAT_1 = file_of(
    track(
        "00 " + text(3, "Song"),
        "00 ff 51 03 09 27 c0",  # 100 bpm
        "00 ff 58 04 03 02 18 08",  # 3/4
        "00 ff 59 02 fd 01",  # three flats, minor
        "00 " + text(6, "Cm7"),
        "82 20 " + text(6, "Ab/C"),  # after 288 ticks, one bar of 3/4
        "00 ff 51 03 07 a1 20",  # 120 bpm
        "82 20 " + text(6, "N.C."),
        "82 20 ff 2f 00",
    ),
    track(
        "00 " + text(3, "Lead Vocal"),
        "00 90 48 50",
        "60 48 00",  # released by a strike of velocity 0
        "00 4b 50",
        "60 80 4b 00",
        END,
    ),
    track("00 99 24 64", "30 2a 50", "30 26 7f", "00 22 7f", "00 99 24 00", END),
)


# What files say


def test_a_file_of_format_0_with_running_status() -> None:
    song = song_from_bytes(FORMAT_0)
    assert (song.tempo_map, song.end, song.notices) == (TempoMap(), 4.0, ())
    assert [(change.at, chord_label(change.chord)) for change in song.chord_changes] == [(0.0, "C")]
    assert song.chord_source == "notes"


def test_a_file_of_format_1_has_tempos_and_meter() -> None:
    song = song_from_bytes(FORMAT_1)
    assert song.tempo_map == TempoMap(
        tempos=(TempoPoint(at=Beats(0.0), bpm=Bpm(100.0)), TempoPoint(at=Beats(3.0), bpm=Bpm(120.0))),
        meters=(MeterPoint(bar=1, meter=Meter(numerator=3, denominator=4)),),
    )
    assert song.end == 9.0


def test_a_file_of_format_1_has_its_key() -> None:
    assert song_from_bytes(FORMAT_1).key == Key(tonic=0, mode="minor")


def test_markers_are_chords() -> None:
    song = song_from_bytes(FORMAT_1)
    assert [(change.at, chord_label(change.chord)) for change in song.chord_changes] == [
        (0.0, "Cm7"), (3.0, "Ab/C"), (6.0, "N.C."),
    ]  # fmt: skip
    assert song.chord_source == "markers"


def test_channel_10_is_drums_and_unknown_notes_are_reported() -> None:
    song = song_from_bytes(FORMAT_1)
    assert song.drums == (
        DrumHit(at=Beats(0.0), voice="kick", velocity=100),
        DrumHit(at=Beats(0.5), voice="closed_hat", velocity=80),
        DrumHit(at=Beats(1.0), voice="snare", velocity=127),
    )
    assert song.notices == ("1 drum hits were left out: notes 34 have no drum voice.",)


def test_a_track_named_vocal_is_the_melody() -> None:
    assert song_from_bytes(FORMAT_1).melody == (
        Note(at=Beats(0.0), length=Beats(1.0), pitch=72, velocity=80),
        Note(at=Beats(1.0), length=Beats(1.0), pitch=75, velocity=80),
    )


def melody_of(*events: str) -> list[tuple[float, float, int]]:
    """Start, length and pitch of a melody track's notes."""
    song = song_from_bytes(file_of(track("00 " + text(3, "Melody"), *events)))
    return [(note.at, note.length, note.pitch) for note in song.melody]


def test_the_melody_is_the_highest_line() -> None:
    events = ["00 90 48 50", "00 4c 50", "30 43 50", "30 4f 50", "60 48 00", "00 4c 00", "00 43 00", "00 4f 00", END]
    assert melody_of(*events) == [(0, 1, 76), (1, 1, 79)]


def test_a_lower_note_that_follows_without_a_gap_belongs_to_the_line() -> None:
    # 227 and 386 ticks of 96: the sum of this start and length misses the end by a rounding.
    events = ["81 63 90 01 50", "83 02 80 01 40", "00 90 00 50", "01 80 00 40", END]
    assert [pitch for _, _, pitch in melody_of(*events)] == [1, 0]


def test_the_sustain_pedal_holds_notes_until_it_is_lifted() -> None:
    assert melody_of("00 b0 40 7f", "00 90 48 50", "60 48 00", "60 b0 40 00", END) == [(0, 2, 72)]


def test_a_note_struck_again_under_the_pedal_ends_there() -> None:
    events = ["00 b0 40 7f", "00 90 48 50", "30 48 00", "30 48 50", "30 48 00", "30 b0 40 00", END]
    assert melody_of(*events) == [(0, 1, 72), (1, 1, 72)]


def test_all_notes_off_ends_notes() -> None:
    assert melody_of("00 90 48 50", "60 b0 7b 00", "60 ff 2f 00") == [(0, 1, 72)]


@pytest.mark.parametrize(("ticks", "end"), [("83 01", 4.0), ("83 17", 4.0), ("83 18", 4.25), ("82 7f", 383 / 96)])
def test_a_track_that_ends_just_after_a_bar_line_ends_on_it(ticks: str, end: float) -> None:
    assert song_from_bytes(file_of(track("00 90 3c 40", f"{ticks} 80 3c 40", END))).end == end


def test_a_note_just_after_a_bar_line_keeps_the_end() -> None:
    assert song_from_bytes(file_of(track("83 00 90 3c 40", "01 80 3c 40", END))).end == 385 / 96


def notices_of(*events: str) -> tuple[str, ...]:
    """The notices of one track, the one about the missing tempo apart."""
    return tuple(notice for notice in song_from_bytes(file_of(track(*events))).notices if "tempo;" not in notice)


def test_a_file_without_tempo_is_read_at_120_with_a_notice() -> None:
    song = song_from_bytes(file_of(track("00 90 3c 40", "60 80 3c 00", END)))
    assert (song.tempo_map.bpm_at(Beats(0.0)), song.notices) == (120.0, ("The file says no tempo; 120 is assumed.",))


def test_of_several_tempos_at_one_tick_the_last_counts() -> None:
    song = song_from_bytes(file_of(track("00 ff 51 03 07 a1 20", "00 ff 51 03 0f 42 40", END)))
    assert song.tempo_map == TempoMap.constant(Bpm(60.0))


@pytest.mark.parametrize(("microseconds", "bpm"), [("00 00 00", 999.0), ("00 00 01", 999.0), ("ff ff ff", 5.0)])
def test_a_tempo_out_of_range_is_limited_with_a_notice(microseconds: str, bpm: float) -> None:
    song = song_from_bytes(file_of(track(f"00 ff 51 03 {microseconds}", END)))
    assert (song.tempo_map, song.notices) == (TempoMap.constant(Bpm(bpm)), ("1 tempos outside 5 to 999 were limited.",))


def test_a_note_that_is_never_released_lasts_to_the_end_with_a_notice() -> None:
    assert notices_of("00 90 3c 40", "60 ff 2f 00") == (
        "1 notes are never released; they last until the end of the file.",
    )


def test_a_meter_change_inside_a_bar_moves_to_the_next_bar_line_with_a_notice() -> None:
    song = song_from_bytes(file_of(track("00 ff 51 03 07 a1 20", "60 ff 58 04 03 02 18 08", END)))
    assert song.tempo_map.meters[1:] == (MeterPoint(bar=2, meter=Meter(numerator=3, denominator=4)),)
    assert song.notices == ("1 meter changes inside a bar (bar 1) were moved to the next bar line.",)


def test_meter_changes_on_bar_lines_stay() -> None:
    events = ["00 ff 58 04 03 02 18 08", "82 20 ff 58 04 07 03 18 08", "82 50 ff 58 04 04 02 18 08"]
    meters = song_from_bytes(file_of(track(*events, END))).tempo_map.meters
    assert [(point.bar, str(point.meter)) for point in meters] == [(1, "3/4"), (2, "7/8"), (3, "4/4")]


def test_of_several_meters_at_one_tick_the_last_counts() -> None:
    song = song_from_bytes(file_of(track("00 ff 58 04 03 02 18 08", "00 ff 58 04 05 02 18 08", END)))
    assert [str(point.meter) for point in song.tempo_map.meters] == ["5/4"]


def test_a_meter_that_cannot_be_counted_is_left_out_with_a_notice() -> None:
    song = song_from_bytes(file_of(track("00 ff 58 04 00 02 18 08", END)))
    assert [str(point.meter) for point in song.tempo_map.meters] == ["4/4"]
    assert song.notices[1].startswith("1 meters were left out. 0/4 is not a meter")


def chords_of(*events: str) -> tuple[str, list[str]]:
    """Source and labels of one track's chords."""
    song = song_from_bytes(file_of(track(*events, END)))
    return song.chord_source, [chord_label(change.chord) for change in song.chord_changes]


@pytest.mark.parametrize("kind", [1, 5, 6, 7])
def test_every_kind_of_text_may_hold_chords(kind: int) -> None:
    assert chords_of("00 " + text(kind, "F♯m7♭5"), "60 " + text(kind, "B7")) == ("markers", ["F#m7b5", "B7"])


def test_words_among_chords_are_left_out_with_a_notice() -> None:
    events = ["00 " + text(6, "Intro"), "00 " + text(6, "Am"), "60 " + text(6, "Dm"), END]
    assert notices_of(*events) == ('1 marker events are no chords and were left out, such as "Intro".',)


@pytest.mark.parametrize("markers", [["Intro", "Verse", "C"], ["A", "B", "C"], ["A"], ["Solo"], ["N.C."]])
def test_parts_of_a_song_are_not_chords(markers: list[str]) -> None:
    assert chords_of(*("60 " + text(6, marker) for marker in markers)) == ("none", [])


def test_lyrics_are_not_chords_but_the_notes_are_heard() -> None:
    lyrics = ["00 " + text(5, word) for word in ("Am", "I", "blue", "too")]
    assert chords_of(*lyrics, "00 90 3c 50", "00 40 50", "00 43 50", "83 00 3c 00", "00 40 00", "00 43 00") == (
        "notes", ["C"],
    )  # fmt: skip


def test_a_melody_beside_other_tracks_does_not_change_the_chords() -> None:
    melody = track("00 " + text(3, "Melody"), "00 90 4a 7f", "83 00 4a 00", END)
    chords = track("00 90 3c 50", "00 40 50", "00 43 50", "83 00 3c 00", "00 40 00", "00 43 00", END)
    song = song_from_bytes(file_of(melody, chords))
    assert [chord_label(change.chord) for change in song.chord_changes] == ["C"]


# Broken files


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (b"RIFF" + bytes(40), "not a MIDI file"),
        (b"hello", "not a MIDI file"),
        (b"MThd", "cut off in its header"),
        (header(2, 1) + track(END), "format 2 are not read"),
        (header(1, 1, "e7 28") + track(END), "SMPTE frames"),
        (header(1, 1, "00 00") + track(END), "header promises"),
        (header(1, 0), "header promises"),
        (header(1, 2) + track(END), "is cut off"),
        (header(1, 1) + b"XXXX" + track(END)[4:], "is broken: no MTrk header"),
        (file_of(track("00 3c 40", END)), "is broken: running status"),
        (file_of(track("00 90 3c ff", END)), "is broken: data byte"),
        (file_of(track("00 f4", END)), "is broken: undefined status"),
        (file_of(track("00 ff 51 01 07", END)), "is broken"),
        (file_of(track("00 ff 59 02 20 00", END)), "key signature that does not exist"),
        (file_of(track("ff ff ff 7f 90 3c 40", "ff ff ff 7f 3c 00", END)), "longer than 100000 quarter notes"),
        (header(1, 1) + b"MTrk\x7f\xff\xff\xff" + b"\xff" * 100_000, "a number in it has no end"),
        (FORMAT_0 + bytes(16 * 1024 * 1024), "at most 16777216 are read"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_a_sentence(data: bytes, message: str) -> None:
    with pytest.raises(MidiFileError, match=message):
        song_from_bytes(data)


@pytest.mark.parametrize("whole", [FORMAT_0, FORMAT_1], ids=["format 0", "format 1"])
def test_a_file_cut_at_any_byte_is_refused(whole: bytes) -> None:
    for length in range(len(whole)):
        with pytest.raises(MidiFileError, match=r"empty|cut off"):
            song_from_bytes(whole[:length])


@settings(max_examples=400, deadline=None)
@given(
    whole=st.sampled_from([FORMAT_0, FORMAT_1]),
    changes=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), min_size=1, max_size=4),
)
def test_a_file_with_wrong_bytes_is_a_song_or_a_midi_file_error(whole: bytes, changes: list[tuple[int, int]]) -> None:
    data = bytearray(whole)
    for place, value in changes:
        data[place % len(data)] = value
    try:
        song = song_from_bytes(bytes(data))
    except MidiFileError:
        return
    assert song.end >= 0


@settings(max_examples=300, deadline=None)
@given(body=st.binary(max_size=120))
def test_a_track_of_any_bytes_is_a_song_or_a_midi_file_error(body: bytes) -> None:
    try:
        song = song_from_bytes(header(1, 1) + b"MTrk" + len(body).to_bytes(4, "big") + body)
    except MidiFileError:
        return
    assert song.end >= 0


def test_a_file_that_is_not_there_is_an_error_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(MidiFileError, match=r"Cannot read .*none\.mid: No such file"):
        read_song(tmp_path / "none.mid")


# Writing

TICKS = st.integers(0, 96 * 32)
LABELS = st.sampled_from(["C", "Am7", "F#m7b5", "Bbmaj7/D", "N.C.", "C7b9(#11)", "G13sus4"])


@st.composite
def songs(draw: st.DrawFn) -> Song:
    """Songs whose positions and tempos a file holds exactly."""
    tempo_map = TempoMap.constant(Bpm(60e6 / draw(st.integers(60_061, 12_000_000))))
    for at in draw(st.lists(st.integers(1, 64), max_size=3)):
        bpm = Bpm(60e6 / draw(st.integers(60_061, 12_000_000)))
        if bpm not in {point.bpm for point in tempo_map.tempos}:
            tempo_map = tempo_map.with_tempo(TempoPoint(at=Beats(at / 2), bpm=bpm))
    meters = st.sampled_from([Meter(numerator=3, denominator=4), Meter(numerator=7, denominator=8)])
    tempo_map = tempo_map.with_meter(MeterPoint(bar=draw(st.integers(1, 5)), meter=draw(meters)))
    changes = [ChordChange(at=Beats(0.0), chord=parse_chord("Em9"))]
    changes += [
        ChordChange(at=Beats(at / 96), chord=parse_chord(draw(LABELS))) for at in sorted(draw(st.sets(TICKS))) if at
    ]
    places = sorted(draw(st.sets(st.tuples(TICKS, st.sampled_from([voice.name for voice in VOICES])))))
    velocity = st.integers(1, 127)
    line = sorted(draw(st.sets(TICKS)))
    return Song(
        tempo_map=tempo_map,
        key=draw(st.none() | st.builds(Key, tonic=st.integers(0, 11), mode=st.sampled_from(["major", "minor"]))),
        chord_changes=tuple(changes),
        chord_source="markers",
        drums=tuple(DrumHit(at=Beats(at / 96), voice=voice, velocity=draw(velocity)) for at, voice in places),
        melody=tuple(
            Note(
                at=Beats(a / 96),
                length=Beats(b / 96 - a / 96),
                pitch=draw(st.integers(0, 127)),
                velocity=draw(velocity),
            )
            for a, b in pairwise(line)
        ),
        end=Beats(64.0),
    )


@settings(deadline=None)
@given(song=songs())
def test_a_song_survives_being_written_and_read(song: Song) -> None:
    assert song_from_bytes(song_bytes(song)) == song


@given(
    first=st.floats(20.0, 300.0),
    last=st.floats(20.0, 300.0),
    beats=st.integers(1, 32),
)
def test_a_ramp_is_written_as_steps_that_take_the_same_time(first: float, last: float, beats: int) -> None:
    ramp = TempoMap.constant(Bpm(first)).with_tempo(TempoPoint(at=Beats(beats), bpm=Bpm(last), ramp=True))
    read = song_from_bytes(song_bytes(Song(tempo_map=ramp, end=Beats(40.0)))).tempo_map
    assert read.seconds_at(Beats(beats)) == pytest.approx(ramp.seconds_at(Beats(beats)), abs=Seconds(1e-4))


def test_a_song_is_written_to_a_file_and_nothing_else_is_left(tmp_path: Path) -> None:
    song = song_from_bytes(FORMAT_1)
    write_song(tmp_path / "song.mid", song)
    assert [path.name for path in tmp_path.iterdir()] == ["song.mid"]
    assert read_song(tmp_path / "song.mid").chord_changes == song.chord_changes


def test_a_folder_that_is_not_there_is_an_error_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(MidiFileError, match=r"Cannot write .*song\.mid: No such file"):
        write_song(tmp_path / "none" / "song.mid", song_from_bytes(FORMAT_1))
