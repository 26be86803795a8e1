"""Chord symbols: lead-sheet and Harte spellings, labels, and errors that name a place."""

from __future__ import annotations

import mir_eval.chord
import pytest
from hypothesis import given
from hypothesis import strategies as st

from midi.chord_qualities import ALTERATIONS, QUALITIES, QualityRow, canonical_tones, quality_of
from midi.chords import NO_CHORD_LABEL, Chord, Quality, chord_label, parse_chord
from midi.errors import ChordError

BASSES = (None, *range(1, 12))
BY_SYMBOL = pytest.mark.parametrize("row", QUALITIES, ids=lambda row: row.quality.symbol or "major")


def read(text: str) -> Chord:
    """A chord that is one."""
    chord = parse_chord(text)
    assert chord is not None
    return chord


def chords_of(quality: Quality) -> list[Chord]:
    """The quality on every root, over every bass."""
    return [
        Chord(root=root, quality=quality, bass=None if step is None else (root + step) % 12)
        for root in range(12)
        for step in BASSES
    ]


@BY_SYMBOL
def test_every_label_is_read_back(row: QualityRow) -> None:
    chords = chords_of(row.quality)
    assert [parse_chord(chord.label) for chord in chords] == chords


@BY_SYMBOL
def test_every_harte_label_is_read_back(row: QualityRow) -> None:
    chords = chords_of(row.quality)
    assert [parse_chord(chord.harte) for chord in chords] == chords


@BY_SYMBOL
def test_mir_eval_hears_the_same_tones_in_harte_labels(row: QualityRow) -> None:
    chord = Chord(root=0, quality=row.quality)
    _, tones, bass = mir_eval.chord.encode(chord.harte, reduce_extended_chords=True)
    heard = {pitch for pitch in range(12) if tones[pitch]}
    assert (frozenset(heard), int(bass)) == (chord.pitch_classes, 0)


@BY_SYMBOL
def test_every_other_spelling_of_the_table_means_its_row(row: QualityRow) -> None:
    assert {read(f"C{spelling}").quality for spelling in row.spellings} <= {row.quality}


@BY_SYMBOL
def test_rows_stand_in_canonical_form(row: QualityRow) -> None:
    assert canonical_tones(row.quality.intervals) == row.quality.intervals


def test_no_two_rows_have_the_same_tones() -> None:
    assert len({row.quality.intervals for row in QUALITIES}) == len(QUALITIES)


def test_every_set_of_pitch_classes_has_a_symbol_that_is_read_back() -> None:
    chords = [
        Chord(root=10, quality=quality_of(tone for tone in range(1, 12) if bits >> tone & 1))
        for bits in range(0, 4096, 2)
    ]
    assert [read(chord.label) for chord in chords] == chords
    assert [read(chord.harte) for chord in chords] == chords


@given(tones=st.sets(st.integers(0, 24)), root=st.integers(0, 11))
def test_any_stack_of_tones_has_labels_that_are_read_back(tones: set[int], root: int) -> None:
    chord = Chord(root=root, quality=quality_of(tones))
    assert (parse_chord(chord.label), parse_chord(chord.harte)) == (chord, chord)


@given(tones=st.sets(st.integers(0, 24)))
def test_the_canonical_form_keeps_the_pitch_classes(tones: set[int]) -> None:
    assert {tone % 12 for tone in canonical_tones(tones)} == {tone % 12 for tone in tones} | {0}


@given(
    base=st.sampled_from(QUALITIES),
    names=st.lists(st.sampled_from(sorted(ALTERATIONS)), min_size=1, max_size=4),
)
def test_a_base_with_alterations_keeps_its_tones_through_its_label(base: QualityRow, names: list[str]) -> None:
    chord = read(f"D{base.quality.symbol}({','.join(names)})")
    assert parse_chord(chord.label) == chord


@pytest.mark.parametrize(
    ("text", "label"),
    [
        # Signs of minor, major, diminished, half-diminished and augmented
        ("C-7", "Cm7"), ("Cmin7", "Cm7"), ("Cmi7", "Cm7"), ("C−7", "Cm7"), ("CMIN7", "Cm7"),
        ("CM7", "Cmaj7"), ("Cma7", "Cmaj7"), ("CMaj7", "Cmaj7"), ("C^7", "Cmaj7"), ("C△7", "Cmaj7"), ("C△", "Cmaj7"),
        ("Cj7", "Cmaj7"), ("CM", "C"), ("Cmaj", "C"),
        ("Co", "Cdim"), ("C°", "Cdim"), ("Co7", "Cdim7"), ("C°7", "Cdim7"),
        ("Cø", "Cm7b5"), ("Cø7", "Cm7b5"), ("Ch7", "Cm7b5"), ("C-7b5", "Cm7b5"), ("Cm7(b5)", "Cm7b5"),
        ("Cm7-5", "Cm7b5"),
        ("C+", "Caug"), ("C+7", "C7#5"), ("C7+", "C7#5"), ("C7+5", "C7#5"), ("Caug7", "C7#5"), ("C7+9", "C7#9"),
        ("CmM7", "CmMaj7"), ("Cm(maj7)", "CmMaj7"), ("C-△7", "CmMaj7"), ("Cm/maj7", "CmMaj7"), ("CminMaj7", "CmMaj7"),
        ("Cdom7", "C7"),
        # Accidentals
        ("F♯m7♭5", "F#m7b5"), ("B♭maj7/D", "Bbmaj7/D"), ("Db", "C#"), ("Gb7", "F#7"), ("Cb", "B"), ("E#", "F"),
        ("Fx", "G"), ("Bbb", "A"), ("B♭♭", "A"),
        # Suspended, added, sixths, left out
        ("Csus", "Csus4"), ("C7sus", "C7sus4"), ("C9sus", "C9sus4"), ("C4", "Csus4"), ("C2", "Cadd9"),
        ("Csus4(b9)", "Csus4(b9)"),
        ("C69", "C6/9"), ("C6/9/E", "C6/9/E"), ("Cm6/9/G", "Cm6/9/G"), ("Cadd2", "Cadd9"), ("CMadd9", "Cadd9"),
        ("Cm(add9)", "Cmadd9"), ("Cno3", "C5"), ("C(omit5)", "C(no5)"), ("Comit5", "C(no5)"), ("C7no5", "C7(no5)"),
        # Alterations, however they are set
        ("C7(b9,#11)", "C7b9(#11)"), ("C7b9#11", "C7b9(#11)"), ("C7(b9)(#11)", "C7b9(#11)"),
        ("C7[b9/#11]", "C7b9(#11)"),
        ("C7#11b9", "C7b9(#11)"), ("Cmaj7+5", "Cmaj7#5"), ("C13#11", "C13(#11)"), ("Calt", "C7alt"),
        ("Cmaj7#4", "Cmaj7#11"),
        # Slash bass
        ("C7M", "Cmaj7"), ("Cm7M", "CmMaj7"), ("C7M(9)", "Cmaj9"), ("Cminor", "Cm"), ("Cmajor", "C"),
        ("F#minor7", "F#m7"),
        ("E7/G#", "E7/G#"), ("E/Ab", "E/G#"), ("F#m7/C#", "F#m7/C#"), ("C#/F", "C#/E#"), ("Abm/B", "Abm/Cb"),
        ("Adim/Eb", "Adim/Eb"), ("Caug/Ab", "Caug/G#"), ("C/F#", "C/F#"), ("C/Ab", "C/Ab"), ("Bmaj7/Bb", "Bmaj7/A#"),
        ("C/C", "C"), ("Am/G", "Am/G"), ("D/F♯", "D/F#"), ("C7b9/Bb", "C7b9/Bb"), ("Bb/Bb", "Bb"),
        # Harte
        ("C:min7/b3", "Cm7/Eb"), ("C:maj(9)", "Cadd9"), ("C:(1,3,5,b7)", "C7"), ("C:hdim7", "Cm7b5"),
        ("C:hdim", "Cm7b5"),
        ("C:sus4(b7)", "C7sus4"), ("C:min7(*5)", "Cm7(no5)"), ("C:min7(*5,b5)", "Cm7b5"), ("F#:minmaj7", "F#mMaj7"),
        ("C:maj/1", "C"), ("C:7/bb7", "C7/A"), ("C:1", "C5(no5)"), ("A:maj6(9)", "A6/9"),
    ],
)  # fmt: skip
def test_spellings(text: str, label: str) -> None:
    assert read(text).label == label


@pytest.mark.parametrize("text", ["N.C.", "NC", "N", "n.c.", "nc", " N.C. "])
def test_no_chord(text: str) -> None:
    assert parse_chord(text) is None


def test_no_chord_has_a_label_that_is_read_back() -> None:
    assert (chord_label(None), parse_chord(NO_CHORD_LABEL)) == ("N.C.", None)


def test_a_chord_keeps_what_was_written_but_compares_without_it() -> None:
    assert read("C-7").text == "C-7"
    assert read("C-7") == read("Cmin7")


def test_pitch_classes_hold_the_bass() -> None:
    chord = read("C/D")
    assert (chord.pitch_classes, chord.bass_pitch_class) == (frozenset({0, 2, 4, 7}), 2)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("С", "CYRILLIC CAPITAL LETTER ES"),
        ("Аm7", "CYRILLIC CAPITAL LETTER A"),
        ("Cмaj7", "character 2: \"м\" is CYRILLIC SMALL LETTER EM"),
        ("H7", "character 1, \"H\": a chord begins with its root"),
        ("am7", "character 1, \"a\""),
        ("Cxyz", "character 3, \"y\""),
        ("C7q", "character 3, \"q\""),
        ("C79", "character 2, \"7\""),
        ("C14", "character 2, \"1\""),
        ("C7b", "character 3, \"b\""),
        ("C7b8", "character 3, \"b\""),
        ("C7(b9", "character 3, \"\\(\": this bracket is not closed"),
        ("C7)", "character 3, \"\\)\""),
        ("C7()", "character 4, \"\\)\""),
        ("C7(b9,)", "character 7, \"\\)\""),
        ("C7(b9,", "character 3, \"\\(\": this bracket is not closed"),
        ("C7/", "a slash is followed by the bass"),
        ("C/H", "character 3, \"H\": a slash is followed by the bass"),
        ("Cmaj7/D7", "character 8, \"7\": the bass is the last part"),
        ("C/b3", "character 3, \"b\""),
        ("C(no1)", "character 3, \"n\""),
        ("C:foo", "character 3, \"f\": a shorthand"),
        ("C:", "a shorthand"),
        ("Cm:7", "character 2, \"m\": in Harte's syntax a colon follows the root"),
        ("C:min7(*9)", "character 8, \"\\*\": a star takes out"),
        ("C:maj(*1)", "character 7, \"\\*\": a star takes out"),
        ("C:(1,14)", "character 6, \"1\": this is not a degree"),
        ("C:()", "character 4, \"\\)\": this is not a degree"),
        ("C:min/x", "character 7, \"x\": in Harte's syntax the bass is a degree"),
        ("C:min/", "the bass is a degree"),
        ("", "it is empty"),
        ("C" * 65, "at most 64 characters"),
        ("\x00", "character 1, .*u0000"),
        ("C|D", "character 2"),
    ],
)  # fmt: skip
def test_errors_name_the_symbol_and_the_character(text: str, place: str) -> None:
    with pytest.raises(ChordError, match=f"^Cannot read the chord .*{place}"):
        parse_chord(text)


@given(text=st.text(max_size=40))
def test_any_text_is_a_chord_or_a_chord_error(text: str) -> None:
    try:
        chord = parse_chord(text)
    except ChordError:
        return
    assert parse_chord(chord_label(chord)) == chord


@given(text=st.text(alphabet="ABCDEFGb#majdisugo79+-(),/:*13", max_size=12))
def test_any_text_of_chord_letters_is_a_chord_or_a_chord_error(text: str) -> None:
    try:
        chord = parse_chord(text)
    except ChordError:
        return
    assert parse_chord(chord_label(chord)) == chord


@pytest.mark.parametrize(("root", "bass"), [(12, None), (-1, None), (0, 0), (0, 12)])
def test_a_chord_of_impossible_pitch_classes_is_refused(root: int, bass: int | None) -> None:
    with pytest.raises(ChordError, match="make no chord"):
        Chord(root=root, quality=quality_of((0, 4, 7)), bass=bass)
