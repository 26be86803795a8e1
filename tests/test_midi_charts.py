"""Charts laid out in time: repetition, overlays, meters that change, and cost far from the start."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midi.charts import ChordChart, DrumChart, MelodyChart
from midi.chords import Chord, ChordChange, ChordSpan, chord_label, parse_chord, parse_progression
from midi.drums import DrumHit, Pattern, parse_pattern
from midi.errors import PatternError
from midi.melody import Note
from midi.time import Beats, Bpm, Meter, MeterPoint, TempoMap

FOUR = TempoMap()
THREE_FOUR = Meter(numerator=3, denominator=4)
SEVEN_EIGHT = Meter(numerator=7, denominator=8)
LABELS = st.sampled_from(["C", "Am7", "G7", "N.C."])
METERS = st.sampled_from([Meter(numerator=4, denominator=4), THREE_FOUR, SEVEN_EIGHT])


def with_meter(bar: int, meter: Meter) -> TempoMap:
    """4/4 until a bar."""
    return FOUR.with_meter(MeterPoint(bar=bar, meter=meter))


def change(label: str, at: float) -> ChordChange:
    """A chord change."""
    return ChordChange(at=Beats(at), chord=parse_chord(label))


def chart_of(text: str, *changes: ChordChange) -> ChordChart:
    """A progression with changes over it."""
    return ChordChart(progression=parse_progression(text), changes=changes)


def shown(spans: tuple[ChordSpan, ...]) -> list[tuple[float, float, str]]:
    """Spans as start, end and label."""
    return [(span.start, span.end, chord_label(span.chord)) for span in spans]


def labels(chart: ChordChart, tempo_map: TempoMap, start: float, end: float) -> list[tuple[float, str]]:
    """Starts and labels of the spans of a range."""
    return [(at, label) for at, _, label in shown(chart.spans(tempo_map, Beats(start), Beats(end)))]


@st.composite
def maps(draw: st.DrawFn) -> TempoMap:
    """Maps with a few meter changes."""
    tempo_map = TempoMap.constant(Bpm(120.0), draw(METERS))
    for bar in draw(st.lists(st.integers(2, 12), max_size=3)):
        tempo_map = tempo_map.with_meter(MeterPoint(bar=bar, meter=draw(METERS)))
    return tempo_map


@st.composite
def chord_charts(draw: st.DrawFn) -> ChordChart:
    """Charts of a progression, of changes, or of both."""
    bars = draw(st.lists(st.lists(LABELS, min_size=1, max_size=3), max_size=4))
    chart = ChordChart(progression=parse_progression(" | ".join(" ".join(bar) for bar in bars)) if bars else None)
    for at, label in draw(st.lists(st.tuples(st.integers(0, 100), LABELS), min_size=0 if bars else 1, max_size=4)):
        chart = chart.with_change(change(label, at / 4))
    return chart


# Chords


def test_a_progression_repeats_and_equal_neighbours_merge() -> None:
    spans = chart_of("Am7 | Dm7 G7 | Cmaj7 | %").spans(FOUR, Beats(0.0), Beats(20.0))
    assert shown(spans) == [(0, 4, "Am7"), (4, 6, "Dm7"), (6, 8, "G7"), (8, 16, "Cmaj7"), (16, 20, "Am7")]


def test_spans_are_clipped_to_the_range() -> None:
    spans = chart_of("Am7 | Dm7 G7").spans(FOUR, Beats(3.0), Beats(7.0))
    assert shown(spans) == [(3, 4, "Am7"), (4, 6, "Dm7"), (6, 7, "G7")]


def test_three_chords_share_a_bar_equally() -> None:
    assert labels(chart_of("C F G"), FOUR, 0, 4) == [(0, "C"), (pytest.approx(4 / 3), "F"), (pytest.approx(8 / 3), "G")]


def test_chords_share_the_length_that_the_bar_has_there() -> None:
    assert labels(chart_of("C G"), with_meter(2, SEVEN_EIGHT), 0, 7.5) == [(0, "C"), (2, "G"), (4, "C"), (5.75, "G")]


def test_a_change_holds_until_the_next_symbol() -> None:
    assert labels(chart_of("C | G", change("F", 3.0)), FOUR, 0, 12) == [
        (0, "C"), (3, "F"), (4, "G"), (8, "C"), (11, "F"),
    ]  # fmt: skip


def test_a_change_at_a_symbol_replaces_it() -> None:
    assert labels(chart_of("C | G", change("F", 4.0)), FOUR, 0, 8) == [(0, "C"), (4, "F")]


def test_a_change_past_the_progression_makes_the_period_longer() -> None:
    assert labels(chart_of("C | G", change("F", 8.0)), FOUR, 0, 20) == [
        (0, "C"),
        (4, "G"),
        (8, "F"),
        (12, "C"),
        (16, "G"),
    ]


@pytest.mark.parametrize("at", [3.99999, 4.00001])
def test_a_change_that_just_misses_a_bar_line_lies_on_it(at: float) -> None:
    assert labels(chart_of("C | G", change("F", at)), FOUR, 0, 8) == [(0, "C"), (4, "F")]


def test_before_the_first_change_there_is_no_chord_and_then_the_last_one_holds() -> None:
    chart = ChordChart(changes=(change("C", 1.0), change("G", 6.0)))
    assert labels(chart, FOUR, 0, 16) == [(0, "N.C."), (1, "C"), (6, "G"), (9, "C"), (14, "G")]


def test_a_least_length_delays_the_repetition() -> None:
    chart = ChordChart(changes=(change("C", 0.0), change("G", 2.0)), bars=2)
    assert labels(chart, FOUR, 0, 12) == [(0, "C"), (2, "G"), (8, "C"), (10, "G")]


def test_a_change_that_a_shorter_bar_has_no_room_for_comes_at_its_end() -> None:
    chart = ChordChart(changes=(change("C", 0.0), change("G", 3.5)), bars=2)
    assert labels(chart, with_meter(3, THREE_FOUR), 8, 14) == [(8, "C"), (11, "G")]


def test_an_empty_chart_has_no_spans() -> None:
    assert (ChordChart().spans(FOUR, Beats(0.0), Beats(4.0)), ChordChart().is_empty) == ((), True)


def test_an_empty_range_has_no_spans() -> None:
    assert chart_of("C").spans(FOUR, Beats(4.0), Beats(4.0)) == ()


def test_a_chart_of_no_chord_is_not_empty() -> None:
    assert (chart_of("N.C.").is_empty, labels(chart_of("N.C."), FOUR, 0, 4)) == (False, [(0, "N.C.")])


def test_with_change_sorts_and_replaces_at_the_same_beat() -> None:
    chart = ChordChart().with_change(change("G", 4.0)).with_change(change("C", 0.0)).with_change(change("F", 4.0))
    assert [(item.at, chord_label(item.chord)) for item in chart.changes] == [(0.0, "C"), (4.0, "F")]


@given(chart=chord_charts(), tempo_map=maps(), start=st.integers(0, 400), length=st.integers(1, 200))
def test_spans_cover_the_range_without_gaps_or_equal_neighbours(
    chart: ChordChart, tempo_map: TempoMap, start: int, length: int
) -> None:
    low, high = Beats(start / 4), Beats((start + length) / 4)
    spans = chart.spans(tempo_map, low, high)
    assert (spans[0].start, spans[-1].end) == (low, high)
    assert all(span.start < span.end for span in spans)
    assert all(a.end == b.start and a.chord != b.chord for a, b in pairwise(spans))


@given(chart=chord_charts(), tempo_map=maps(), start=st.integers(0, 300), beat=st.integers(0, 60))
def test_what_sounds_at_a_beat_does_not_depend_on_where_the_range_begins(
    chart: ChordChart, tempo_map: TempoMap, start: int, beat: int
) -> None:
    def sounding(low: float, at: float) -> Chord | None:
        spans = chart.spans(tempo_map, Beats(low), Beats(at + 1))
        return next(span.chord for span in spans if span.start <= at < span.end)

    low, at = start / 4, (start + beat) / 4 + 0.01
    assert sounding(low, at) == sounding(0.0, at)


def test_a_chart_repeats_exactly_a_million_beats_in() -> None:
    chart = chart_of("Am7 | Dm7 G7 | Cmaj7 | %", change("F", 9.0))
    near = labels(chart, FOUR, 0, 16)
    assert [(at - 1e6, label) for at, label in labels(chart, FOUR, 1e6, 1e6 + 16)] == near


def test_a_change_a_billion_beats_in_costs_no_more_than_the_range() -> None:
    chart = ChordChart(changes=(change("C", 0.0), change("G", 4e9)))
    assert labels(chart, FOUR, 4e9 - 4, 4e9 + 8) == [(4e9 - 4, "C"), (4e9, "G"), (4e9 + 4, "C")]


# Drums


def hits(chart: DrumChart, tempo_map: TempoMap, start: float, end: float) -> list[tuple[float, str, int]]:
    """Hits of a range as place, voice and velocity."""
    layout = chart.layout(tempo_map, Beats(start), Beats(end))
    return [(hit.at, hit.voice, hit.velocity) for hit in layout.hits]


def hit(at: float, voice: str = "snare", velocity: int = 100) -> DrumHit:
    """One stroke."""
    return DrumHit(at=Beats(at), voice=voice, velocity=velocity)


def drums_of(**grids: str) -> DrumChart:
    """Patterns in 4/4."""
    return DrumChart(patterns=tuple(parse_pattern(voice, grid, FOUR) for voice, grid in grids.items()))


def test_patterns_of_different_lengths_repeat_on_their_own() -> None:
    chart = drums_of(kick="x...............", snare="....x..........." + "........x.......")
    assert hits(chart, FOUR, 0, 12) == [
        (0, "kick", 96), (1, "snare", 96), (4, "kick", 96), (6, "snare", 96), (8, "kick", 96), (9, "snare", 96),
    ]  # fmt: skip


def test_a_range_holds_its_start_and_not_its_end() -> None:
    assert hits(drums_of(kick="x...x...x...x..."), FOUR, 1, 3) == [(1, "kick", 96), (2, "kick", 96)]


def test_a_pattern_is_cut_in_a_shorter_bar_with_one_notice() -> None:
    layout = drums_of(kick="x...x...x...x...").layout(with_meter(2, THREE_FOUR), Beats(0.0), Beats(10.0))
    assert [hit.at for hit in layout.hits] == [float(beat) for beat in range(10)]
    assert layout.notices == ("The kick pattern is cut in bars of 3/4.",)


def test_a_pattern_is_followed_by_rests_in_a_longer_bar_with_a_notice() -> None:
    tempo_map = TempoMap.constant(Bpm(120.0), THREE_FOUR)
    chart = DrumChart(patterns=(parse_pattern("kick", "x...x...x...", tempo_map),))
    longer = tempo_map.with_meter(MeterPoint(bar=2, meter=Meter(numerator=4, denominator=4)))
    layout = chart.layout(longer, Beats(3.0), Beats(11.0))
    assert [hit.at for hit in layout.hits] == [3.0, 4.0, 5.0, 7.0, 8.0, 9.0]
    assert layout.notices == ("The kick pattern is followed by rests in bars of 4/4.",)


def test_a_pattern_written_over_a_meter_change_keeps_its_bars() -> None:
    tempo_map = with_meter(2, SEVEN_EIGHT)
    chart = DrumChart(patterns=(parse_pattern("kick", "x" + "." * 15 + "x" + "." * 13, tempo_map),))
    assert [at for at, _, _ in hits(chart, tempo_map, 0, 14.5)] == [0, 4, 7.5, 11]


def test_a_pattern_that_no_longer_fits_the_meter_is_refused() -> None:
    with pytest.raises(PatternError, match=r"kick pattern has 16 steps.*7/8.*send 14 or 28"):
        drums_of(kick="x...............").layout(TempoMap.constant(Bpm(120.0), SEVEN_EIGHT), Beats(0.0), Beats(4.0))


def test_single_hits_repeat_together_after_the_bar_of_the_last() -> None:
    chart = DrumChart().with_hit(hit(5.0, "snare")).with_hit(hit(0.5, "kick"))
    assert hits(chart, FOUR, 0, 16) == [(0.5, "kick", 100), (5, "snare", 100), (8.5, "kick", 100), (13, "snare", 100)]


def test_a_least_length_delays_the_repetition_of_hits() -> None:
    assert [at for at, _, _ in hits(DrumChart(hits=(hit(1.0),), bars=3), FOUR, 0, 24)] == [1, 13]


def test_single_hits_past_a_shorter_bar_are_left_out_with_a_notice() -> None:
    layout = DrumChart(hits=(hit(0.0), hit(3.5))).layout(with_meter(2, THREE_FOUR), Beats(4.0), Beats(10.0))
    assert [hit.at for hit in layout.hits] == [4.0, 7.0]
    assert layout.notices == ("Single snare hits past the end of a bar of 3/4 are left out.",)


def test_of_two_hits_at_one_place_the_louder_stays() -> None:
    chart = drums_of(snare="x...............").with_hit(hit(0.0, velocity=110)).with_hit(hit(0.00001, velocity=20))
    assert hits(chart, FOUR, 0, 4) == [(0, "snare", 110)]


def test_with_hit_replaces_the_hit_of_its_voice_at_the_same_beat() -> None:
    chart = DrumChart().with_hit(hit(1.0, "kick", 90)).with_hit(hit(1.0)).with_hit(hit(1.0, "kick", 70))
    assert chart.hits == (hit(1.0, "kick", 70), hit(1.0))


def test_with_pattern_replaces_the_voice() -> None:
    chart = drums_of(kick="x...............").with_pattern(Pattern(voice="kick", steps=(0,) * 16))
    assert [pattern.text for pattern in chart.patterns] == ["." * 16]


def test_a_hit_a_billion_beats_in_costs_no_more_than_the_range() -> None:
    assert [at for at, _, _ in hits(DrumChart(hits=(hit(0.0), hit(4e9))), FOUR, 4e9 - 8, 4e9 + 8)] == [4e9, 4e9 + 4]


@given(tempo_map=maps(), places=st.lists(st.integers(0, 60), max_size=8), start=st.integers(0, 100))
def test_a_layout_is_sorted_lies_in_its_range_and_has_no_hit_twice(
    tempo_map: TempoMap, places: list[int], start: int
) -> None:
    chart = DrumChart(patterns=(Pattern(voice="kick", steps=(96,) * tempo_map.meter_of(1).steps),))
    for place in places:
        chart = chart.with_hit(hit(place / 4, "kick", 100))
    laid = hits(chart, tempo_map, start / 4, start / 4 + 10)
    assert laid == sorted(set(laid))
    assert all(start / 4 <= at < start / 4 + 10 for at, _, _ in laid)
    assert len({at for at, _, _ in laid}) == len(laid)


# Melody


def note(at: float, length: float = 1.0, pitch: int = 60) -> Note:
    """One note."""
    return Note(at=Beats(at), length=Beats(length), pitch=pitch, velocity=90)


def starts(chart: MelodyChart, tempo_map: TempoMap, start: float, end: float) -> list[float]:
    """Where the notes of a range begin."""
    return [item.at for item in chart.notes_between(tempo_map, Beats(start), Beats(end))]


def test_notes_repeat_after_the_bar_in_which_the_last_one_ends() -> None:
    chart = MelodyChart(notes=(note(0.0), note(3.0, length=2.0)))
    assert starts(chart, FOUR, 0, 24) == [0, 3, 8, 11, 16, 19]


def test_a_note_that_ends_on_a_bar_line_does_not_open_another_bar() -> None:
    assert starts(MelodyChart(notes=(note(3.0),)), FOUR, 0, 12) == [3, 7, 11]


def test_a_least_length_delays_the_repetition_of_notes() -> None:
    assert starts(MelodyChart(notes=(note(0.0),), bars=2), FOUR, 0, 16) == [0, 8]


def test_notes_are_chosen_by_their_start_and_keep_their_length() -> None:
    chart = MelodyChart(notes=(note(0.0, length=6.0), note(2.0, length=6.0)))
    assert chart.notes_between(FOUR, Beats(1.0), Beats(4.0)) == (note(2.0, length=6.0),)


def test_notes_past_a_shorter_bar_are_left_out() -> None:
    chart = MelodyChart(notes=(note(0.0), note(3.0)))
    assert starts(chart, with_meter(2, THREE_FOUR), 4, 10) == [4, 7]


def test_with_note_keeps_the_order() -> None:
    chart = MelodyChart().with_note(note(2.0)).with_note(note(0.0)).with_note(note(2.0, pitch=55))
    assert [(item.at, item.pitch) for item in chart.notes] == [(0.0, 60), (2.0, 55), (2.0, 60)]


def test_with_note_replaces_the_note_of_its_pitch_at_the_same_beat() -> None:
    assert MelodyChart().with_note(note(2.0)).with_note(note(2.0, length=3.0)).notes == (note(2.0, length=3.0),)


def test_an_empty_melody() -> None:
    assert (MelodyChart().is_empty, starts(MelodyChart(), FOUR, 0, 8)) == (True, [])


@given(places=st.lists(st.integers(0, 40), min_size=1, max_size=8), start=st.integers(0, 200), tempo_map=maps())
def test_notes_of_two_ranges_that_meet_are_those_of_the_whole(
    places: list[int], start: int, tempo_map: TempoMap
) -> None:
    chart = MelodyChart()
    for place in places:
        chart = chart.with_note(note(place / 4))
    low, middle, high = start / 4, start / 4 + 5, start / 4 + 12
    parts = starts(chart, tempo_map, low, middle) + starts(chart, tempo_map, middle, high)
    assert parts == starts(chart, tempo_map, low, high)


def test_the_first_pass_of_a_melody_is_what_was_written() -> None:
    notes = tuple(note(at, pitch=60 + index) for index, at in enumerate((0.0, 0.5, math.pi, 6.25)))
    assert MelodyChart(notes=notes).notes_between(FOUR, Beats(0.0), Beats(8.0)) == notes
