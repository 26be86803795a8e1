"""Category: unit. REAPER's web interface: what its answers say of the session."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midi import events as ev
from midi.errors import SidemanError
from midi.time import Beats, Meter
from plugin_host import reaper_web as dialect
from plugin_host.host import HostError
from plugin_host.reaper_web import TEMPO_CHANGES, Heard, Named, Song, hear, read


def beatpos(seconds: float, beats: float, *, playing: int = 0, num: int = 4, den: int = 4, own: bool = False) -> str:
    """A line as REAPER's documentation has it; ``own`` counts full beats in the meter's beats, not in quarters."""
    counted = beats * den / 4
    measure, rest = divmod(counted, num)
    full = counted if own else beats
    return f"BEATPOS\t{playing}\t{seconds:.10f}\t{full:.10f}\t{measure:.0f}\t{rest:.10f}\t{num}\t{den}\n"


def names(*rows: tuple[object, ...]) -> str:
    """Markers and regions, in seconds, as REAPER lists them."""
    markers = [f"MARKER\t{row[0]}\t{index}\t{row[1]}" for index, row in enumerate(rows) if len(row) == 2]
    regions = [f"REGION\t{row[0]}\t{index}\t{row[1]}\t{row[2]}\t0" for index, row in enumerate(rows) if len(row) == 3]
    lines = ["MARKER_LIST", *markers, "MARKER_LIST_END", "REGION_LIST", *regions, "REGION_LIST_END"]
    return "".join(f"{line}\n" for line in lines)


def heard(*texts: str) -> list[Heard]:
    song, all_heard = Song(), []
    for text in texts:
        all_heard.append(hear(song, read(text)))
        song = all_heard[-1].song
    return all_heard


def events(*texts: str) -> list[ev.SessionEvent]:
    return [event for one in heard(*texts) for event in one.events]


def chords(*texts: str) -> list[tuple[float, str]]:
    charts = [event.chart for event in events(*texts) if isinstance(event, ev.SetChordChart)]
    return [(change.at, change.chord.text if change.chord else "N") for change in charts[-1].changes] if charts else []


def test_meter_position_and_tempo_are_told_once_and_when_they_change() -> None:
    assert events(beatpos(0, 0), beatpos(0, 0), beatpos(4, 8), beatpos(4, 8), beatpos(3, 6, num=3)) == [
        ev.SetMeter(meter=Meter(numerator=4, denominator=4)),
        ev.Stop(),
        ev.Locate(at=Beats(0.0)),
        ev.SetTempo(bpm=120.0),
        ev.Locate(at=Beats(8.0)),
        ev.SetMeter(meter=Meter(numerator=3, denominator=4)),
        ev.Locate(at=Beats(6.0)),
    ]


def test_a_song_that_plays_is_told_by_the_beat() -> None:
    lines = [beatpos(tenth / 10, tenth / 5, playing=1) for tenth in range(20)]
    told = events(*lines, beatpos(2.0, 4.0, playing=2))
    assert [event for event in told if isinstance(event, ev.Play | ev.Stop)] == [ev.Play(at=Beats(0.0)), ev.Stop()]
    assert sum(isinstance(event, ev.Locate) for event in told) == 4
    assert [event.bpm for event in told if isinstance(event, ev.SetTempo)] == [120.0]


@pytest.mark.parametrize("own", [True, False])
def test_beats_are_quarters_whichever_way_reaper_counts_them(own: bool) -> None:
    told = events(beatpos(9, 18, num=7, den=8, own=own))
    assert ev.Locate(at=Beats(18.0)) in told
    assert ev.SetTempo(bpm=120.0) in told


def test_chords_are_regions_then_markers_and_sections_are_none() -> None:
    place = beatpos(4, 8)
    assert chords(place + names(("Am7", 0), ("Verse", 1), ("F/C", 2))) == [(0.0, "Am7"), (4.0, "F/C")]
    regions = [("Am", 0, 2), ("Verse", 0, 8), ("G", 2, 4), ("C", 6, 8)]
    assert chords(place + names(("Dm", 1), *regions)) == [
        (0.0, "Am"), (4.0, "G"), (8.0, "N"), (12.0, "C"), (16.0, "N")
    ]  # fmt: skip
    first, second, third = heard(place + names(("Am", 0)), place + names(("Am", 0)), place + names())
    assert [isinstance(event, ev.SetChordChart) for event in first.events][-1]
    assert second.events == ()
    assert third.events == (ev.ClearChords(),)


def test_where_the_tempo_changes_markers_are_left_out_and_it_is_said_once() -> None:
    texts = [
        beatpos(10, 25, playing=1),
        beatpos(10.1, 25.2, playing=1) + names(("Am", 0)),
        beatpos(10.2, 25.4, playing=1),
    ]
    assert chords(*texts) == []
    assert [one.notice for one in heard(*texts)] == ["", TEMPO_CHANGES, ""]


def test_without_a_tempo_markers_wait() -> None:
    assert chords(beatpos(0, 0) + names(("Am", 2))) == []
    assert chords(beatpos(0, 0) + names(("Am", 2)), beatpos(8, 16) + names(("Am", 2))) == [(4.0, "Am")]


def test_names_are_read_with_their_escapes() -> None:
    text = "MARKER_LIST\nMARKER\ta\\tb\\nc\\\\d\\e \U0001f3b8\t1\t2.5\t16777215\nMARKER_LIST_END\n"
    assert read(text).names == (Named(name="a\tb\nc\\d\\e \U0001f3b8", start=2.5),)


@pytest.mark.parametrize(
    "line",
    ["BEATPOS", "BEATPOS\t0\tx\t0\t0\t0\t4\t4", "BEATPOS\t0\t0\t0\t0\t0\t4\t5", "BEATPOS\t0\tinf\t0\t0\t0\t4\t4",
     "MARKER\ta\t1", "REGION\ta\t1\t2", "MARKER\ta\t1\tnan"],
)  # fmt: skip
def test_a_damaged_line_is_refused(line: str) -> None:
    with pytest.raises(HostError, match="which this version does not know"):
        read(line)


@given(st.text(alphabet=st.sampled_from("BEATPOS\t\n0123456789.-MRKGINLD_ae"), max_size=200))
def test_any_answer_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(SidemanError):
        hear(Song(), read(text))


@given(
    bpm=st.floats(30, 300), places=st.lists(st.floats(0, 600), min_size=1, max_size=12), playing=st.booleans(),
    meter=st.sampled_from([(4, 4), (3, 4), (7, 8), (6, 8), (5, 16), (3, 2)]), own=st.booleans(),
)  # fmt: skip
def test_a_steady_song_is_where_it_is(
    bpm: float, places: list[float], playing: bool, meter: tuple[int, int], own: bool
) -> None:
    lines = [
        beatpos(at, at * bpm / 60, playing=int(playing), num=meter[0], den=meter[1], own=own and meter[1] != 4)
        for at in places
    ]
    all_heard = heard(*lines)
    assert all_heard[-1].song.beat == pytest.approx(places[-1] * bpm / 60, abs=1e-6)
    tempos = [event.bpm for one in all_heard for event in one.events if isinstance(event, ev.SetTempo)]
    assert tempos == pytest.approx([bpm] * len(tempos), abs=0.06)
    assert not any(one.notice for one in all_heard)
    assert dialect.PORT == 8080
