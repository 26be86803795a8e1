"""Category: unit. What the shipped ReaScript tells of a project, in the stand-in for REAPER with a played daemon."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reaper_session import (
    AM_DM_G_C,
    LUAS,
    NEWEST,
    PlayedDaemon,
    add_chords,
    chord,
    connected,
    opened,
    said,
)

from bridge.osc_replies import (
    Accepted,
    ErrorReply,
    Hosting,
    KeptReply,
    NoticeReply,
    ProgressReply,
)
from midi.time import Beats, Bpm, Meter, MeterPoint, TempoMap, TempoPoint
from plugin_host.standins.reaper import Reaper
from plugin_host.standins.reaper.program import MAIN, SCRIPTS

Session = tuple[Reaper, PlayedDaemon]


@pytest.fixture(params=LUAS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=NEWEST)
def session(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Session]:
    with connected(request.param, tmp_path) as pair:
        yield pair


def last(daemon: PlayedDaemon, address: str) -> tuple[Any, ...]:
    return daemon.told(address)[-1]


# Life


def test_it_greets_subscribes_tells_the_project_and_says_goodbye(kind: str, tmp_path: Path) -> None:
    with connected(kind, tmp_path) as (reaper, daemon):
        addresses = [message.address for message in daemon.heard]
        assert daemon.told("/sideman/daw")[0] == ("REAPER", "2")
        assert addresses.count("/sideman/subscribe") == 1
        assert (last(daemon, "/sideman/tempo"), last(daemon, "/sideman/meter")) == ((120.0,), (4, 4))
        assert last(daemon, "/sideman/from") == (0.0,)
        assert "/sideman/stop" in addresses and "/sideman/bars" not in addresses
        assert "/sideman/chords/clear" not in addresses
        assert reaper.do("toggle", path=str(MAIN)) == 1
        reaper.close()
        assert [message.address for message in daemon.read()][-1] == "/sideman/daw/bye"
        assert reaper.do("toggle", path=str(MAIN)) == 0


def test_it_adds_nothing_to_lua_s_globals(kind: str, tmp_path: Path) -> None:
    with opened(kind, tmp_path) as reaper:
        before = reaper.do("globals")
        reaper.run()
        for name in ("Cancel", "Generate for the time selection", "Keep the take", "Next take", "Prompt"):
            reaper.action(name)
        reaper.tick(30)
        assert reaper.do("globals") == before


def test_nothing_is_written_while_no_daemon_is_there(kind: str, tmp_path: Path) -> None:
    daemon = PlayedDaemon(tmp_path)
    daemon.alive()  # left from a daemon that was killed: its counter does not rise
    with opened(kind, tmp_path) as reaper:
        reaper.run()
        reaper.tick(300)
        assert daemon.read() == []
        assert reaper.messages["console"] == [
            f"Sideman: No daemon meets this script in {tmp_path / 'Sideman'}. Run: sideman serve --host reaper\n"
        ]
        daemon.live(reaper, 3.5)
        assert said(reaper, "Connected")


def test_a_daemon_that_ends_is_said_and_a_new_one_is_told_everything(session: Session) -> None:
    reaper, daemon = session
    add_chords(reaper)
    daemon.live(reaper, 2)
    (daemon.folder / "daemon.txt").unlink()
    reaper.tick(30)
    assert said(reaper, "does not answer any more")
    daemon.read()
    daemon.forget()
    reaper.tick(60)
    assert daemon.read() == []
    daemon.run, daemon.number = "def456", 0
    daemon.live(reaper, 4)
    assert len(daemon.told("/sideman/chords/notes")) == 1
    assert daemon.told("/sideman/tempo") == [(120.0,)]


def test_a_daemon_that_falls_silent_is_taken_to_be_gone_after_seven_seconds(session: Session) -> None:
    reaper, daemon = session
    reaper.tick(30 * 6)
    assert not said(reaper, "does not answer")
    reaper.tick(30 * 2)
    assert said(reaper, "does not answer")
    daemon.read()
    reaper.tick(90)
    assert daemon.read() == []


def test_a_refusal_is_said_once_and_nothing_is_told(tmp_path: Path) -> None:
    daemon = PlayedDaemon(tmp_path)
    with opened("5.4", tmp_path) as reaper:
        reaper.run()
        for _ in range(5):
            daemon.live(reaper, 1.2, answer=False)
            if daemon.client:
                daemon.send(ErrorReply(id="", code="daw_taken", message="REAPER is connected to this daemon already."))
        assert reaper.messages["console"] == ["Sideman: REAPER is connected to this daemon already.\n"]
        assert {message.address for message in daemon.heard} == {"/sideman/daw"}


def test_rubbish_in_the_mailbox_is_passed_over_and_left(session: Session) -> None:
    reaper, daemon = session
    inbox = daemon.folder / "from-sideman"
    assert daemon.client
    ours = f"{daemon.client.run:09d}-000000500.txt"
    rubbish = {f"note {index}.txt": b"mine" for index in range(1500)}
    rubbish |= {
        ours: b"sideman 1\n/sideman/notice\tsss\tone",
        "000000001-000000001.txt": b"other",
        "ü\t\U0001f600": b"",
    }
    for name, data in rubbish.items():
        (inbox / name).write_bytes(data)
    (inbox / f"{daemon.client.run:09d}-000000501.txt").mkdir()
    daemon.send(NoticeReply(id="", code="a", message="through all of it"))
    daemon.live(reaper, 2)
    assert said(reaper, "through all of it")
    assert {name: (inbox / name).read_bytes() for name in rubbish} == rubbish


def test_what_the_daemon_says_is_shown_in_the_status_bar_alone(session: Session) -> None:
    reaper, daemon = session
    daemon.send(
        Accepted(id="verse", revision=3),
        NoticeReply(id="verse", code="assumed_tempo", message='a "quoted" line\nand \\ a tab\t\U0001f600'),
        KeptReply(id="verse", take=1, path="/x.wav"),
    )
    daemon.live(reaper, 1)
    daemon.send(ProgressReply(id="verse", share=0.42))
    daemon.live(reaper, 1)
    for words in ("verse waits", 'a "quoted" line\nand \\ a tab\t\U0001f600', "take 2 of verse is kept", "verse: 42 %"):
        assert said(reaper, words)
    assert reaper.messages["console"] == reaper.messages["boxes"] == []


# Tempo and meter


def test_a_project_without_tempo_markers_has_the_tempo_of_its_settings(session: Session) -> None:
    reaper, daemon = session
    daemon.forget()
    reaper.do("set_tempo", bpm=97.3, num=7, den=8)
    daemon.live(reaper, 1)
    assert (daemon.told("/sideman/tempo"), daemon.told("/sideman/meter")) == ([(97.3,)], [(7, 8)])
    assert daemon.told("/sideman/tempo/at") == []
    daemon.forget()
    daemon.live(reaper, 12)
    assert [m.address for m in daemon.heard if m.address != "/sideman/daw"] == []


def test_marks_of_tempo_and_meter_and_a_bar_that_is_cut_off(session: Session) -> None:
    reaper, daemon = session
    daemon.forget()
    # Two bars of 4/4 and two and a half beats at 120, then 3/4 at 90, then 5/8 at the same tempo.
    reaper.do(
        "set_markers",
        markers=[[0.0, 120.0, 4, 4, False], [5.25, 90.0, 3, 4, False], [5.25 + 4.0, 90.0, 5, 8, False]],
    )
    daemon.live(reaper, 1)
    told = daemon.tempo_map()
    assert daemon.told("/sideman/meter/at") == [(3, 5, 8), (4, 3, 4), (6, 5, 8)]
    assert [float(told.bar_start(bar)) for bar in range(1, 8)] == [0.0, 4.0, 8.0, 10.5, 13.5, 16.5, 19.0]
    assert [float(told.bpm_at(Beats(beat))) for beat in (0.0, 10.0, 10.5, 30.0)] == [120.0, 120.0, 90.0, 90.0]


def test_a_meter_without_a_like_is_said(session: Session) -> None:
    reaper, daemon = session
    reaper.do("set_markers", markers=[[0.0, 120.0, 4, 4, False], [2.0, 120.0, 7, 32, False]])
    daemon.live(reaper, 1)
    assert said(reaper, "The bars from bar 2 on are not as in REAPER")
    reaper.do("set_markers", markers=[[0.0, 120.0, 6, 32, False]])
    daemon.live(reaper, 1)
    assert last(daemon, "/sideman/meter") == (3, 16)


READ_MAP = """
local folder = %r
local use = assert(loadfile(folder .. "modules/use.lua"))()(folder)
local map, is_list = use("time_map").read(0, function() end), true
map.tempos.is_list, map.meters.is_list = is_list, is_list
return { tempos = map.tempos, meters = map.meters }
"""


def read_map(reaper: Reaper) -> TempoMap:
    """The project's map as the script's own module reads it."""
    read = reaper.do("evaluate", chunk=READ_MAP % f"{SCRIPTS}/")
    tempos = tuple(TempoPoint(at=Beats(at), bpm=Bpm(bpm), ramp=ramp) for at, bpm, ramp in read["tempos"])
    meters = tuple(
        MeterPoint(bar=bar, meter=Meter(numerator=upper, denominator=lower)) for _, bar, upper, lower in read["meters"]
    )
    return TempoMap(tempos=tempos, meters=meters)


def worst_s(reaper: Reaper, told: TempoMap, beats: list[float]) -> float:
    pairs = zip(beats, reaper.times(beats), strict=True)
    return max(abs(told.seconds_at(Beats(beat)) - seconds) for beat, seconds in pairs)


MARKERS = st.lists(st.tuples(st.floats(0.5, 20.0), st.floats(20.0, 400.0), st.booleans()), min_size=1, max_size=5)


@settings(max_examples=60)
@given(first=st.floats(20.0, 400.0), ramped=st.booleans(), rest=MARKERS)
def test_seconds_of_every_beat_are_those_of_reaper_to_a_sample(
    tmp_path_factory: pytest.TempPathFactory, first: float, ramped: bool, rest: list[tuple[float, float, bool]]
) -> None:
    markers, at = [[0.0, first, 4, 4, ramped]], 0.0
    for pause, bpm, linear in rest:
        at += pause
        markers.append([at, bpm, 0, 0, linear])
    with opened("5.4", tmp_path_factory.getbasetemp()) as reaper:
        reaper.do("set_markers", markers=markers)
        told = read_map(reaper)
        (end,) = reaper.do("beats", times=[at + 2.0])
        beats = [float(beat) for beat in range(int(end) + 1)]
        assert worst_s(reaper, told, beats) < 1 / 48000
        assert len(told.tempos) < 700 * len(markers)


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(st.integers(1, 40), st.integers(1, 12), st.sampled_from([1, 2, 4, 8, 16]), st.integers(60, 180)),
        min_size=1, max_size=6,
    )
)  # fmt: skip
def test_bar_lines_are_those_of_reaper_with_bars_cut_off_at_sixteenths(
    tmp_path_factory: pytest.TempPathFactory, signatures: list[tuple[int, int, int, int]]
) -> None:
    markers: list[list[Any]] = [[0.0, 120.0, 4, 4, False]]
    seconds, bpm, lines, length, qn = 0.0, 120, [0.0], 4.0, 0.0
    for sixteenths, upper, lower, tempo in signatures:
        seconds += sixteenths / 4 * 60 / bpm
        qn += sixteenths / 4
        while lines[-1] + length < qn - 1e-6:
            lines.append(lines[-1] + length)
        lines.append(qn)
        length, bpm = upper * 4 / lower, tempo
        markers.append([seconds, float(bpm), upper, lower, False])
    with opened("5.4", tmp_path_factory.getbasetemp()) as reaper:
        reaper.do("set_markers", markers=markers)
        told = read_map(reaper)
    assert [float(told.bar_start(bar)) for bar in range(1, len(lines) + 1)] == pytest.approx(lines, abs=1e-3)


def test_a_steep_ramp_is_told_in_few_points_and_its_own_ends_are_the_marks(session: Session) -> None:
    reaper, daemon = session
    daemon.forget()
    reaper.do("set_markers", markers=[[0.0, 120.0, 4, 4, True], [7.5, 140.0, 0, 0, False]])
    daemon.live(reaper, 1)
    told = daemon.tempo_map()
    assert len(told.tempos) < 30
    (end,) = reaper.do("beats", times=[7.5])
    assert end == pytest.approx(7.5 * 130 / 60)
    assert (told.bpm_at(Beats(0.0)), told.bpm_at(Beats(end))) == (120.0, 140.0)
    assert worst_s(reaper, told, [0.5 * beat for beat in range(100)]) < 2e-6


def test_where_reaper_s_map_is_of_no_known_shape_it_is_told_in_exact_steps(session: Session) -> None:
    reaper, _ = session
    reaper.do("set_markers", markers=[[0.0, 120.0, 4, 4, True], [8.0, 60.0, 0, 0, False]])
    # A REAPER whose gradual change is not linear over time: its functions go by a curve of their own.
    reaper.do(
        "evaluate",
        chunk="""
        local to_time, to_qn = reaper.TimeMap_QNToTime_abs, reaper.TimeMap_timeToQN_abs
        local function bend(t) return t >= 8 and t or t - math.sin(t * math.pi / 8) / 4 end
        reaper.TimeMap_timeToQN_abs = function(proj, t) return to_qn(proj, bend(t)) end
        reaper.TimeMap_QNToTime_abs = function(proj, q)
          local low, high = 0, 1000
          for _ = 1, 100 do
            local middle = (low + high) / 2
            if reaper.TimeMap_timeToQN_abs(proj, middle) < q then low = middle else high = middle end
          end
          return low
        end
        """,
    )
    told = read_map(reaper)
    beats = [beat / 4 for beat in range(45)]
    seconds = reaper.do(
        "evaluate",
        chunk="local all = { is_list = true } for index = 0, 44 do all[index + 1] = "
        "reaper.TimeMap_QNToTime_abs(0, index / 4) end return all",
    )
    assert [told.seconds_at(Beats(beat)) for beat in beats] == pytest.approx(seconds, abs=1e-6)


def test_a_map_of_thousands_of_marks_is_cut_with_a_word_and_fits_its_files(session: Session) -> None:
    reaper, daemon = session
    daemon.forget()
    reaper.do("set_markers", markers=[[0.5 * index, 100.0 + index % 7, 0, 0, False] for index in range(3000)])
    daemon.live(reaper, 15)
    assert len(daemon.told("/sideman/tempo/at")) == 1999
    assert said(reaper, "The tempo map has too many points")
    daemon.forget()
    reaper.do("select", **{"from": 0.0, "to": 4.0})
    daemon.live(reaper, 8)
    assert daemon.told("/sideman/tempo/at") == []


def test_what_is_dragged_is_told_when_it_rests(session: Session) -> None:
    reaper, daemon = session
    daemon.forget()
    for step in range(30):  # half a second
        reaper.do("set_tempo", bpm=120.0 + step)
        reaper.tick(1, 0.016)
    daemon.live(reaper, 1)
    assert daemon.told("/sideman/tempo") == [(149.0,)]


# Selection and transport


def test_the_time_selection_says_where_and_how_many_bars(session: Session) -> None:
    reaper, daemon = session
    reaper.do("select", **{"from": 32.0, "to": 40.0})
    daemon.live(reaper, 1)
    assert (last(daemon, "/sideman/from"), last(daemon, "/sideman/bars")) == ((32.0,), (2,))
    reaper.do("select", **{"from": 32.0, "to": 41.0})
    daemon.forget()
    daemon.live(reaper, 1)
    assert daemon.told("/sideman/bars") == []
    # Without one, clips begin with the bar at the edit cursor; a loop counts while Repeat is on.
    reaper.do("select", **{"from": 0.0, "to": 0.0})
    reaper.do("locate", beat=13.5)
    daemon.live(reaper, 1)
    assert last(daemon, "/sideman/from") == (12.0,)
    reaper.do("loop", **{"from": 8.0, "to": 24.0, "repeats": True})
    daemon.live(reaper, 1)
    assert (last(daemon, "/sideman/from"), last(daemon, "/sideman/bars")) == ((8.0,), (4,))


def test_a_selection_over_changes_of_meter_is_whole_bars(session: Session) -> None:
    reaper, daemon = session
    reaper.do("set_markers", markers=[[0.0, 97.3, 4, 4, False], [8 * 60 / 97.3, 97.3, 3, 4, False]])
    reaper.do("select", **{"from": 4.0, "to": 14.0})
    daemon.live(reaper, 1)
    assert (last(daemon, "/sideman/from"), last(daemon, "/sideman/bars")) == ((4.0,), (3,))


def test_play_stop_and_a_position_that_jumps(session: Session) -> None:
    reaper, daemon = session
    daemon.forget()
    reaper.do("locate", beat=8.0)
    daemon.live(reaper, 1)
    assert last(daemon, "/sideman/position") == (8.0,)
    reaper.do("play", state=1)
    daemon.live(reaper, 1)
    assert daemon.told("/sideman/play")[0][0] == pytest.approx(8.0, abs=0.4)
    daemon.forget()
    daemon.live(reaper, 1)
    assert daemon.told("/sideman/position") == []
    daemon.live(reaper, 5)
    assert 2 <= len(daemon.told("/sideman/position")) <= 4
    daemon.forget()
    reaper.do("locate", beat=100.0)
    daemon.live(reaper, 0.5)
    assert daemon.told("/sideman/position")[0][0] == pytest.approx(100, abs=0.5)
    paused, recording, recording_paused, stopped = 2, 5, 6, 0
    for state, told in ((paused, ["stop"]), (recording, ["play"]), (recording_paused, ["stop"]), (stopped, [])):
        daemon.forget()
        reaper.do("play", state=state)
        daemon.live(reaper, 0.5)
        words = [message.address.rsplit("/", 1)[1] for message in daemon.heard]
        assert [word for word in words if word in {"play", "stop"}] == told


# Chords and drums


def notes_told(daemon: PlayedDaemon, address: str = "/sideman/chords/notes") -> list[tuple[float, ...]]:
    parts = [float(part) for part in last(daemon, address)[0].split()]
    return [tuple(parts[index : index + 3]) for index in range(0, len(parts), 3)]


def test_chords_come_from_the_notes_of_chords_and_again_when_edited(session: Session) -> None:
    reaper, daemon = session
    add_chords(reaper)
    reaper.do("name_track", track=1, name="  Chords ")
    daemon.live(reaper, 2)
    assert notes_told(daemon) == sorted(
        [(pitch, at, end - at) for pitch, at, end in AM_DM_G_C], key=lambda note: (note[1], note[0])
    )
    assert last(daemon, "/sideman/chords/notes")[1] == 16.0
    daemon.forget()
    daemon.live(reaper, 6)
    assert daemon.told("/sideman/chords/notes") == []
    reaper.do("set_notes", track=1, item=1, notes=chord("53 57 60", 0, 16.0))
    daemon.live(reaper, 1)
    assert notes_told(daemon) == [(53.0, 0.0, 16.0), (57.0, 0.0, 16.0), (60.0, 0.0, 16.0)]
    reaper.do("delete_item", track=1, item=1)
    daemon.live(reaper, 1)
    assert daemon.told("/sideman/chords/clear") == [()]
    daemon.forget()
    daemon.live(reaper, 6)
    assert daemon.told("/sideman/chords/clear") == []


def test_muted_notes_and_items_audio_and_takes_that_are_not_heard_say_nothing(session: Session) -> None:
    reaper, daemon = session
    track = reaper.do("add_track", name="CHORDS")
    notes = [[60, 0.0, 4.0, 96, False], [61, 0.0, 4.0, 96, True], [62, 0.0, 4.0, 0, False]]
    reaper.do("add_midi_item", track=track, at=0.0, beats=4.0, notes=notes)
    reaper.do("add_midi_item", track=track, at=4.0, beats=4.0, notes=chord("70", 0), values={"B_MUTE": 1})
    reaper.do("add_midi_item", track=track, at=8.0, beats=4.0, notes=chord("71", 0))
    reaper.do("add_midi_take", track=track, item=3, source_beats=4.0, notes=chord("48", 0))
    reaper.do("add_audio_item", track=track, position=30.0, length=2.0)
    daemon.live(reaper, 2)
    assert notes_told(daemon) == [(60.0, 0.0, 4.0), (48.0, 8.0, 4.0)]
    assert last(daemon, "/sideman/chords/notes")[1] == 12.0


def test_looped_items_offsets_and_rates_are_read_as_they_sound(session: Session) -> None:
    reaper, daemon = session
    track = reaper.do("add_track", name="CHORDS")
    # Two beats of content, heard from its second beat on, over five beats: C, then D C D C.
    notes = [[60, 0.0, 1.0], [62, 1.0, 3.0]]
    half_a_second = {"D_STARTOFFS": 0.5}
    reaper.do("add_midi_item", track=track, at=8.0, beats=5.0, source_beats=2.0, notes=notes, take_values=half_a_second)
    daemon.live(reaper, 2)
    assert notes_told(daemon) == [(62, 8, 1), (60, 9, 1), (62, 10, 1), (60, 11, 1), (62, 12, 1)]
    reaper.do("set_item", track=track, item=1, name="B_LOOPSRC", value=0)
    daemon.live(reaper, 2)
    assert notes_told(daemon) == [(62.0, 8.0, 2.0)]
    reaper.do("delete_item", track=track, item=1)
    reaper.do(
        "add_midi_item", track=track, at=4.0, beats=4.0, source_beats=4.0, notes=chord("60", 0),
        take_values={"D_PLAYRATE": 2.0},
    )  # fmt: skip
    daemon.live(reaper, 2)
    assert notes_told(daemon) == [(60, 4, 2), (60, 6, 2)]


def test_regions_named_as_chords_then_markers_and_sections_are_no_chords(session: Session) -> None:
    reaper, daemon = session
    markers = [[0.0, "Intro"], [4.0, "Am7"], [8.0, "F#m7b5"], [12.0, "Chorus"], [16.0, "Break"], [20.0, "C/E"]]
    reaper.do("set_regions", regions=markers)
    daemon.live(reaper, 2)
    assert last(daemon, "/sideman/chords/markers") == ("4 Am7\n8 F#m7b5\n20 C/E",)
    regions = [[0.0, " Cmaj7 ", 4.0], [4.0, "G", 8.0], [12.0, "Am", 16.0], [0.0, "Verse 1", 16.0]]
    reaper.do("set_regions", regions=[*markers, *regions])
    daemon.live(reaper, 2)
    assert last(daemon, "/sideman/chords/markers") == ("0 Cmaj7\n4 G\n8 N\n12 Am\n16 N",)
    add_chords(reaper)
    daemon.live(reaper, 2)
    assert len(daemon.told("/sideman/chords/notes")) == 1


def test_drums_come_with_the_names_of_their_notes(session: Session) -> None:
    reaper, daemon = session
    track = reaper.do("add_track", name="drums")
    notes = [[36, 0.0, 0.25, 110], [38, 1.0, 1.25, 96], [40, 1.5, 1.75, 20]]
    reaper.do("add_midi_item", track=track, at=0.0, beats=4.0, notes=notes)
    reaper.do("name_note", track=track, pitch=36, name="Kick; 808")
    reaper.do("name_note", track=track, pitch=40, name="Hi-Hat\tClosed")
    reaper.do("name_note", track=track, pitch=41, name="not played")
    daemon.live(reaper, 2)
    assert last(daemon, "/sideman/drums/notes") == (
        "36 0 110 38 1 96 40 1.5 20", "36 Kick, 808\n40 Hi-Hat Closed", 4.0
    )  # fmt: skip


def test_another_tab_is_told_whole_and_what_it_has_not_is_cleared(session: Session) -> None:
    reaper, daemon = session
    add_chords(reaper)
    daemon.live(reaper, 2)
    reaper.do("new_project", name="other.rpp")
    reaper.do("choose_project", number=2)
    daemon.forget()
    daemon.live(reaper, 2)
    assert daemon.told("/sideman/chords/clear") == [()]
    assert (daemon.told("/sideman/tempo"), daemon.told("/sideman/drums/clear")) == ([(120.0,)], [])
    reaper.do("choose_project", number=1)
    daemon.live(reaper, 2)
    assert len(daemon.told("/sideman/chords/notes")) == 1


def test_items_that_are_deleted_while_they_are_read_are_no_error(session: Session) -> None:
    reaper, daemon = session
    track = reaper.do("add_track", name="CHORDS")
    many = [[60 + index % 12, index / 8, index / 8 + 0.1] for index in range(1500)]
    reaper.do("add_midi_item", track=track, at=0.0, beats=200.0, notes=many)
    daemon.alive()
    for _ in range(4):
        reaper.tick(3)
        reaper.do("delete_track", track=1)
        track = reaper.do("add_track", name="CHORDS")
        reaper.do("add_midi_item", track=track, at=0.0, beats=200.0, notes=many)
    daemon.live(reaper, 5)
    assert len(notes_told(daemon)) == 1500


# Wishes


def test_actions_ask_and_start_the_script_where_it_does_not_run(kind: str, tmp_path: Path) -> None:
    daemon = PlayedDaemon(tmp_path)
    with opened(kind, tmp_path) as reaper:
        add_chords(reaper)
        reaper.action("Generate for the time selection")
        assert reaper.do("is_running", path=str(MAIN))
        daemon.live(reaper, 4)
        asked = [message.address for message in daemon.heard]
        assert asked.index("/sideman/chords/notes") < asked.index("/sideman/generate")
        for name in ("Next take", "Keep the take", "Cancel"):
            reaper.action(name)
        daemon.forget()
        daemon.live(reaper, 1)
        assert [m.address for m in daemon.heard if m.address != "/sideman/daw"] == [
            "/sideman/next", "/sideman/keep", "/sideman/cancel"
        ]  # fmt: skip


def test_an_action_does_not_end_a_script_that_a_dialog_holds_up(session: Session) -> None:
    reaper, daemon = session
    late = "reaper.SetExtState('Sideman', 'alive', tostring(reaper.time_precise() - 30), false)"
    reaper.do("evaluate", chunk=late)
    reaper.action("Cancel")
    assert reaper.do("is_running", path=str(MAIN))
    daemon.forget()
    daemon.live(reaper, 1)
    assert daemon.told("/sideman/cancel") == [()]


def test_a_clip_is_asked_for_when_what_was_just_changed_has_been_told(session: Session) -> None:
    reaper, daemon = session
    add_chords(reaper, chord("57 60 64", 0.0, 2000.0), 2000.0)
    daemon.live(reaper, 2)
    daemon.forget()
    many = [[60 + index % 12, index / 2, index / 2 + 0.4] for index in range(1800)]
    reaper.do("set_notes", track=1, item=1, notes=many)
    reaper.do("select", **{"from": 8.0, "to": 16.0})
    reaper.action("Generate for the time selection")
    daemon.live(reaper, 4)
    told = [message.address for message in daemon.heard if message.address != "/sideman/daw"]
    assert sorted(told[:3]) == ["/sideman/bars", "/sideman/chords/notes", "/sideman/from"]
    assert told[3:] == ["/sideman/generate"]
    assert len(notes_told(daemon)) == 1800


def test_the_prompt_s_fields_are_told_and_remembered(session: Session) -> None:
    reaper, daemon = session
    reaper.action("Prompt")  # cancelled
    text = 'bossa "nova", \\ nylon / \U0001f3b8\tguitar'
    reaper.do("answer", fields=[text, "8", "2", "sketch"])
    daemon.forget()
    reaper.action("Prompt")
    daemon.live(reaper, 1)
    told = {message.address: message.values for message in daemon.heard}
    assert told["/sideman/prompt"] == (text,)
    assert (told["/sideman/bars"], told["/sideman/takes"], told["/sideman/engine"]) == ((8,), (2,), ("sketch",))
    assert daemon.heard[-1].address == "/sideman/generate"
    reaper.do("select", **{"from": 0.0, "to": 9.0})
    reaper.do("answer", fields=["", "", "", ""])
    daemon.forget()
    reaper.action("Prompt")
    daemon.live(reaper, 1)
    assert daemon.told("/sideman/generate") == []
    assert said(reaper, "The time selection is 2.25 bars: set it to whole bars")


def test_a_wish_without_a_daemon_is_said_after_a_while(tmp_path: Path) -> None:
    with opened("5.4", tmp_path) as reaper:
        reaper.action("Next take")
        reaper.tick(30 * 9)
        before = len(reaper.messages["help"])
        reaper.tick(30 * 2)
        assert "No daemon meets this script" in reaper.messages["help"][-1]
        assert len(reaper.messages["help"]) == before + 1


def test_rubbish_as_a_wish_is_passed_over(session: Session) -> None:
    reaper, daemon = session
    daemon.forget()
    for value in ("generate", "/wish/prompt\ts\tone\n/wish/none\n\n\t\t\n", "/wish/prompt\tssss\ta\n", "\n" * 100):
        reaper.do("set_state", key="wish", value=value)
        daemon.live(reaper, 1)
    assert {m.address for m in daemon.heard} <= {"/sideman/daw"}


def test_another_run_of_the_daemon_with_the_same_file_numbers_is_heard(session: Session) -> None:
    reaper, daemon = session
    daemon.run, daemon.number = "fff", 0
    daemon.send(Hosting(run="fff", places=0))
    daemon.live(reaper, 1)
    assert said(reaper, "places no clips in REAPER")


# The stand-in itself


@pytest.mark.parametrize(
    ("name", "arguments", "says"),
    [
        ("GetTrack", [0, "1"], r"bad argument #2 to 'GetTrack' \(integer expected, got string\)"),
        ("GetTrack", [0], r"bad argument #2 to 'GetTrack' \(integer expected, got no value\)"),
        ("GetTrack", [0, 1.5], "integer expected"),
        ("GetTrack", [0, 0, 0], "there are 2 arguments"),
        ("GetActiveTake", [{"track": 1}], "MediaItem expected"),
        ("TimeMap_timeToQN_abs", [0, "0"], "number expected"),
        ("Help_Set", ["a", 1], "boolean expected"),
        ("defer", ["a"], "function expected"),
    ],
)
def test_the_stand_in_refuses_what_is_not_as_documented(
    kind: str, tmp_path: Path, name: str, arguments: list[Any], says: str
) -> None:
    import re

    with opened(kind, tmp_path) as reaper:
        reaper.do("add_track", name="a")
        answer = reaper.do("call", name=name, arguments=arguments, count=len(arguments))
        assert not answer["good"]
        assert re.search(says, answer["results"][0])
