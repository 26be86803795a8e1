"""Category: unit. How the ReaScript puts clips into a project, in the stand-in for REAPER with a played daemon."""

from __future__ import annotations

import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reaper_session import LUAS, NEWEST, PlayedDaemon, connected, offer, opened, said

from bridge.osc_replies import Accepted, Hosting
from plugin_host.standins.reaper import Reaper

Session = tuple[Reaper, PlayedDaemon]
RATE = 8000


@pytest.fixture(params=LUAS)
def session(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Session]:
    with connected(request.param, tmp_path / "resources") as pair:
        yield pair


@pytest.fixture(params=NEWEST)
def newest(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Session]:
    with connected(request.param, tmp_path / "resources") as pair:
        yield pair


def wav(path: Path, frames: int = 8 * RATE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(bytes(2 * frames))
    return path


def answers(daemon: PlayedDaemon) -> list[tuple[Any, ...]]:
    return [
        (message.address.rsplit("/", 1)[1], *message.values)
        for message in daemon.heard
        if message.address.startswith("/sideman/place/")
    ]


def test_takes_of_a_request_are_takes_of_one_item_each_in_one_undo_step(session: Session, tmp_path: Path) -> None:
    reaper, daemon = session
    first, second = wav(tmp_path / "verse-1.wav"), wav(tmp_path / "verse-2.wav")
    daemon.send(offer(first, 1), offer(second, 2, take=1))
    daemon.live(reaper, 2)
    assert answers(daemon) == [
        ("done", 1, "track Sideman, at 1.1.00, take 1"), ("done", 2, "track Sideman, at 1.1.00, take 2")
    ]  # fmt: skip
    (item,) = reaper.tracks["Sideman"]
    assert (item["position"], item["length"], item["active"]) == (0.0, 8.0, 1)
    assert [(take["name"], take["path"], take["rate"]) for take in item["takes"]] == [
        ("verse-1", str(first), 1), ("verse-2", str(second), 1)
    ]  # fmt: skip
    values = item["values"]
    assert (values["C_BEATATTACHMODE"], values["B_LOOPSRC"], values["D_FADEINLEN"], values["D_FADEOUTLEN"]) == (
        1,
        1,
        0,
        0,
    )
    assert [take["peaks"] for take in item["takes"]] == [True, True]
    assert reaper.project["undo"] == ["Sideman: verse-1", "Sideman: verse-2"]
    assert reaper.do("undo") == "Sideman: verse-2"
    assert [take["name"] for take in reaper.tracks["Sideman"][0]["takes"]] == ["verse-1"]
    reaper.do("undo")
    assert reaper.tracks == {}
    # Neither comes back by itself; the files stay.
    daemon.live(reaper, 3)
    assert reaper.tracks == {}
    assert first.is_file() and second.is_file()
    assert reaper.messages["console"] == []


def test_an_offer_that_comes_again_is_answered_as_before_and_not_placed_twice(session: Session, tmp_path: Path) -> None:
    reaper, daemon = session
    path = wav(tmp_path / "a.wav")
    daemon.send(offer(path))
    daemon.live(reaper, 1)
    daemon.send(offer(path, again=1), offer(path, again=1))
    daemon.live(reaper, 1)
    assert answers(daemon) == [("done", 1, "track Sideman, at 1.1.00, take 1")] * 3
    assert [len(item["takes"]) for item in reaper.tracks["Sideman"]] == [1]


def test_after_the_script_was_started_anew_a_clip_that_is_there_is_found(session: Session, tmp_path: Path) -> None:
    reaper, daemon = session
    path = wav(tmp_path / "a.wav")
    for index in range(200):
        reaper.do("add_track", name=f"track {index}")
        reaper.do("add_audio_item", track=index + 1, position=0.0, length=1.0)
    daemon.send(offer(path))
    daemon.live(reaper, 1)
    reaper.close(crash=True)
    reaper.do("start")
    reaper.run()
    daemon.run, daemon.client, daemon.number = "abad1dea", None, 0
    daemon.live(reaper, 3.5)
    daemon.send(offer(path, 7, again=1))
    daemon.live(reaper, 2)
    assert answers(daemon)[-1] == ("done", 7, "track Sideman, at 1.1.00, take 1, where it was already")
    assert [len(item["takes"]) for item in reaper.tracks["Sideman"]] == [1]


def test_what_lies_there_is_not_overwritten_another_track_is_taken(newest: Session, tmp_path: Path) -> None:
    reaper, daemon = newest
    track = reaper.do("add_track", name="Sideman")
    reaper.do("add_audio_item", track=track, position=7.0, length=3.0)
    before = reaper.tracks["Sideman"]
    daemon.send(offer(wav(tmp_path / "a.wav")), offer(wav(tmp_path / "b.wav"), 2, beats=8.0, seconds=4.0, take=1))
    daemon.live(reaper, 1)
    daemon.send(offer(wav(tmp_path / "c.wav", 4 * RATE), 3, beats=8.0, seconds=4.0, start=20.0))
    daemon.live(reaper, 1)
    assert [answer[2] for answer in answers(daemon)] == [
        "track Sideman 2, at 1.1.00, take 1",
        "track Sideman, at 1.1.00, take 1",  # it ends where the other item has not begun
        "track Sideman, at 6.1.00, take 1",  # just where the other item ends
    ]
    assert [item for item in reaper.tracks["Sideman"] if item["position"] == 7.0] == before


def test_another_s_item_of_the_same_bars_gets_no_take_of_ours(newest: Session, tmp_path: Path) -> None:
    reaper, daemon = newest
    track = reaper.do("add_track", name="Sideman")
    reaper.do("add_audio_item", track=track, position=0.0, length=8.0)
    before = reaper.tracks["Sideman"]
    daemon.send(offer(wav(tmp_path / "a.wav")))
    daemon.live(reaper, 1)
    assert answers(daemon)[0][2] == "track Sideman 2, at 1.1.00, take 1"
    assert reaper.tracks["Sideman"] == before


def test_a_further_request_for_the_same_bars_is_a_take_that_is_heard(newest: Session, tmp_path: Path) -> None:
    reaper, daemon = newest
    daemon.send(offer(wav(tmp_path / "a.wav")), offer(wav(tmp_path / "b.wav"), 2, take=1))
    daemon.live(reaper, 1)
    reaper.do("choose_take", track=1, item=1, take=2)
    daemon.send(offer(wav(tmp_path / "c.wav"), 3, id="next"), offer(wav(tmp_path / "d.wav"), 4, id="next", take=1))
    daemon.live(reaper, 1)
    (item,) = reaper.tracks["Sideman"]
    assert ([take["name"] for take in item["takes"]], item["active"]) == (["a", "b", "c", "d"], 3)
    reaper.do("undo")
    reaper.do("undo")
    (item,) = reaper.tracks["Sideman"]
    assert ([take["name"] for take in item["takes"]], item["active"]) == (["a", "b"], 2)


@pytest.mark.parametrize(
    ("target", "track"),
    [
        ("", "Sideman"),
        ("lanes", "Sideman"),
        ("slots:Keys", "Keys"),
        (":Keys", "Keys"),
        ('arrangement: a "b" / \\ c: d \U0001f3b8 ', 'a "b" / \\ c: d \U0001f3b8'),
    ],
)
def test_a_target_names_the_track_whatever_is_in_its_name(
    newest: Session, tmp_path: Path, target: str, track: str
) -> None:
    reaper, daemon = newest
    daemon.send(offer(wav(tmp_path / "a.wav"), target=target), offer(wav(tmp_path / "b.wav"), 2, take=1, target=target))
    daemon.live(reaper, 1)
    assert list(reaper.tracks) == [track]
    assert len(reaper.tracks[track][0]["takes"]) == 2


@pytest.mark.parametrize("name", ['a "b"', "a b", "\U0001f3b8 ü", "a.b.c", "semi;colon", "per%cent", "new\\nline"])
def test_names_of_files_come_through(newest: Session, tmp_path: Path, name: str) -> None:
    reaper, daemon = newest
    path = wav(tmp_path / f"folder, 'with' \U0001f3b8 {name}" / f"{name}.wav")
    daemon.send(offer(path))
    daemon.live(reaper, 1)
    (take,) = reaper.tracks["Sideman"][0]["takes"]
    assert (take["name"], take["path"], take["seconds"]) == (name, str(path), 8.0)


# Time


def test_the_item_begins_at_the_exact_time_of_its_beat_after_ramps(newest: Session, tmp_path: Path) -> None:
    reaper, daemon = newest
    reaper.do("set_markers", markers=[[0.0, 97.3, 4, 4, True], [7.5, 140.0, 0, 0, True], [13.0, 71.0, 3, 4, False]])
    (after,) = reaper.do("beats", times=[13.0])
    begin = int(after) + 6.0
    at, end = reaper.times([begin, begin + 12.0])
    seconds = 12 * 60 / 71.0
    daemon.send(offer(wav(tmp_path / "a.wav"), start=begin, beats=12.0, seconds=seconds, tempo=71.0))
    daemon.live(reaper, 1)
    (item,) = reaper.tracks["Sideman"]
    assert item["position"] == pytest.approx(at, abs=1e-12)
    assert item["length"] == seconds
    assert item["position"] + item["length"] == pytest.approx(end, abs=1e-9)


def test_a_clip_with_a_ramp_in_it_keeps_its_length_and_goes_by_its_position(newest: Session, tmp_path: Path) -> None:
    reaper, daemon = newest
    reaper.do("set_markers", markers=[[0.0, 120.0, 4, 4, True], [7.5, 140.0, 0, 0, False]])
    (seconds,) = reaper.times([16.0])
    daemon.send(offer(wav(tmp_path / "a.wav"), seconds=seconds, tempo=120.0))
    daemon.live(reaper, 1)
    (item,) = reaper.tracks["Sideman"]
    assert (item["length"], item["takes"][0]["rate"]) == (seconds, 1)
    assert (item["values"]["C_BEATATTACHMODE"], item["values"]["B_LOOPSRC"]) == (2, 0)
    assert answers(daemon) == [("done", 1, "track Sideman, at 1.1.00, take 1")]


def test_a_clip_of_another_tempo_than_the_song_has_now_is_matched(newest: Session, tmp_path: Path) -> None:
    reaper, daemon = newest
    reaper.do("set_tempo", bpm=100.0)
    daemon.send(offer(wav(tmp_path / "a.wav")))
    daemon.live(reaper, 1)
    (item,) = reaper.tracks["Sideman"]
    assert (item["length"], item["takes"][0]["rate"]) == pytest.approx((9.6, 100 / 120))
    # It goes with the tempo from then on.
    reaper.do("set_tempo", bpm=150.0)
    (item,) = reaper.tracks["Sideman"]
    assert (item["length"], item["takes"][0]["rate"]) == pytest.approx((6.4, 150 / 120))


def test_a_steady_clip_where_the_tempo_changes_now_is_placed_with_a_word(newest: Session, tmp_path: Path) -> None:
    reaper, daemon = newest
    reaper.do("set_markers", markers=[[0.0, 120.0, 4, 4, True], [7.5, 140.0, 0, 0, False]])
    daemon.send(offer(wav(tmp_path / "a.wav")))
    daemon.live(reaper, 1)
    assert "the tempo is another than it was made in" in answers(daemon)[0][2]
    assert reaper.tracks["Sideman"][0]["length"] == 8.0


@settings(max_examples=40)
@given(bpm=st.floats(20, 300), start=st.floats(0, 2000), beats=st.integers(1, 64), frames=st.integers(-2, 2))
def test_any_clip_begins_exactly_and_is_exactly_as_long(
    tmp_path_factory: pytest.TempPathFactory, bpm: float, start: float, beats: int, frames: int
) -> None:
    folder = tmp_path_factory.mktemp("clip")
    seconds = beats * 60 / bpm + frames / 48000
    with connected("5.4", folder / "resources") as (reaper, daemon):
        reaper.do("set_tempo", bpm=bpm)
        daemon.send(offer(wav(folder / "a.wav", 80), start=start, beats=float(beats), seconds=seconds, tempo=bpm))
        daemon.live(reaper, 1)
        (item,) = reaper.tracks["Sideman"]
        assert item["position"] == pytest.approx(start * 60 / bpm, abs=1e-9)
        assert abs(item["length"] - seconds) < 1e-9
        assert item["takes"][0]["rate"] == 1


# What does not work


def test_a_file_that_is_gone_one_that_is_no_audio_and_a_frozen_track(newest: Session, tmp_path: Path) -> None:
    reaper, daemon = newest
    gone, text = tmp_path / "gone.wav", tmp_path / "text.wav"
    text.write_text("no audio")
    daemon.send(offer(gone, 1), offer(text, 2))
    daemon.live(reaper, 1)
    reaper.do("add_track", name="Sideman")
    reaper.do("freeze_track", track=1, frozen=True)
    path = wav(tmp_path / "a.wav")
    daemon.send(offer(path, 3))
    daemon.live(reaper, 1)
    assert answers(daemon) == [
        ("failed", 1, "The file of gone is gone."),
        ("failed", 2, "REAPER cannot read the file of text."),
        ("failed", 3, "The track Sideman is frozen: unfreeze it, or rename it and a new one is made."),
    ]
    # What needs the user is in the console, with the path; nothing half-made is there, and no undo point.
    assert [str(one) in line for one, line in zip((gone, text, path), reaper.messages["console"], strict=True)] == [
        True
    ] * 3
    assert (reaper.tracks, reaper.project["undo"]) == ({"Sideman": []}, [])
    assert reaper.messages["boxes"] == []


def test_a_locked_item_gets_no_take(newest: Session, tmp_path: Path) -> None:
    reaper, daemon = newest
    daemon.send(offer(wav(tmp_path / "a.wav")))
    daemon.live(reaper, 1)
    reaper.do("set_item", track=1, item=1, name="C_LOCK", value=1)
    daemon.send(offer(wav(tmp_path / "b.wav"), 2, take=1))
    daemon.live(reaper, 1)
    assert answers(daemon)[-1][0] == "failed"
    assert "The item on the track Sideman is locked" in answers(daemon)[-1][2]
    assert [len(item["takes"]) for item in reaper.tracks["Sideman"]] == [1]


def test_what_reaper_refuses_in_the_middle_leaves_nothing_half_made(newest: Session, tmp_path: Path) -> None:
    reaper, daemon = newest
    reaper.do("add_track", name="Keys")
    reaper.do("refuse", track=1, refuses=True)
    daemon.send(offer(wav(tmp_path / "a.wav"), target="Keys"))
    daemon.live(reaper, 1)
    reaper.do(
        "evaluate",
        chunk="local add = reaper.AddTakeToMediaItem; reaper.AddTakeToMediaItem = function() error('no room') end",
    )
    daemon.send(offer(wav(tmp_path / "b.wav"), 2))
    daemon.live(reaper, 1)
    assert [answer[0] for answer in answers(daemon)] == ["failed", "failed"]
    assert "REAPER does not take it" in answers(daemon)[1][2]
    assert reaper.tracks == {"Keys": []}
    assert said(reaper, "REAPER does not take it")


def test_a_source_that_reaper_does_not_make_is_said(newest: Session, tmp_path: Path) -> None:
    reaper, daemon = newest
    reaper.do("no_sources", so=True)
    daemon.send(offer(wav(tmp_path / "a.wav")))
    daemon.live(reaper, 1)
    assert answers(daemon) == [("failed", 1, "REAPER cannot read the file of a.")]


def test_an_offer_of_another_kind_is_said(newest: Session) -> None:
    reaper, daemon = newest
    assert daemon.client
    name = f"{daemon.client.run:09d}-000000900.txt"
    (daemon.folder / "from-sideman" / name).write_text("sideman 1\n/sideman/place\ti\t1\n/sideman/place\n")
    daemon.live(reaper, 1)
    assert said(reaper, "install it anew")
    assert answers(daemon) == []


# Other tabs


def test_a_clip_waits_for_the_tab_that_it_was_asked_in(newest: Session, tmp_path: Path) -> None:
    reaper, daemon = newest
    reaper.do("new_project", name="other.rpp")
    daemon.send(Accepted(id="ask", revision=1))
    daemon.live(reaper, 1)
    reaper.do("choose_project", number=2)
    daemon.send(offer(wav(tmp_path / "a.wav")), offer(wav(tmp_path / "b.wav"), 2, id="unknown"))
    daemon.live(reaper, 2)
    assert answers(daemon) == [("done", 2, "track Sideman, at 1.1.00, take 1")]
    assert said(reaper, "a waits for the project tab")
    reaper.do("choose_project", number=1)
    daemon.live(reaper, 1)
    assert answers(daemon)[1:] == [("done", 1, "track Sideman, at 1.1.00, take 1")]
    assert [take["name"] for take in reaper.tracks["Sideman"][0]["takes"]] == ["a"]


def test_a_clip_whose_project_was_closed_is_told_with_its_path(newest: Session, tmp_path: Path) -> None:
    reaper, daemon = newest
    daemon.send(Accepted(id="ask", revision=1))
    daemon.live(reaper, 1)
    reaper.do("new_project", name="other.rpp")
    reaper.do("close_project", number=1)
    path = wav(tmp_path / "a.wav")
    daemon.send(offer(path))
    daemon.live(reaper, 1)
    assert answers(daemon) == [("failed", 1, "The project that the clip was made for is closed.")]
    assert str(path) in reaper.messages["console"][0]


def test_keep_names_the_take_of_the_selected_item(newest: Session, tmp_path: Path) -> None:
    reaper, daemon = newest
    daemon.send(offer(wav(tmp_path / "a.wav"), id="verse-1"), offer(wav(tmp_path / "b.wav"), 2, id="verse-1", take=1))
    daemon.live(reaper, 1)
    reaper.do("choose_take", track=1, item=1, take=2)
    reaper.do("set_item", track=1, item=1, name="B_UISEL", value=1)
    reaper.action("Keep the take")
    daemon.live(reaper, 1)
    assert daemon.told("/sideman/keep") == [("verse-1", 1)]


def test_an_answer_is_written_before_reaper_closes(tmp_path: Path) -> None:
    daemon = PlayedDaemon(tmp_path / "resources")
    with opened("5.4", tmp_path / "resources") as reaper:
        reaper.run()
        daemon.live(reaper, 3.5)
        daemon.send(Hosting(run=daemon.run, places=1), offer(wav(tmp_path / "a.wav")))
        reaper.tick(3)
        reaper.close()
        daemon.read()
        assert [answer[0] for answer in answers(daemon)] == ["done"]
        assert daemon.heard[-1].address == "/sideman/daw/bye"
