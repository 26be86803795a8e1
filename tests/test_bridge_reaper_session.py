"""Category: integration. A whole session in the stand-in for REAPER: the shipped script and a real daemon."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from reaper_session import (
    AM_DM_G_C,
    F_C_G_AM,
    NEWEST,
    Clock,
    add_chords,
    heard,
    opened,
    said,
    state_of,
    until,
)

from bridge.osc_client import Heard, OscClient
from bridge.spawned import SpawnedDaemon, spawned_daemon
from plugin_host.standins.reaper import Reaper
from plugin_host.standins.reaper.program import MAIN


@dataclass
class Place:
    """A daemon, and the resource folder whose mailbox it serves."""

    daemon: SpawnedDaemon
    resources: Path
    clips: Path


@contextlib.contextmanager
def served(folder: Path, *options: str) -> Iterator[Place]:
    resources, clips = folder / "REAPER", folder / "clips"
    resources.mkdir(parents=True, exist_ok=True)
    mailbox = f"host.mailbox={resources / 'Sideman'}"
    with spawned_daemon(clips, "--host", "reaper", "--set", mailbox, *options) as daemon:
        yield Place(daemon, resources, clips)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with served(tmp_path_factory.mktemp("session")) as one:
        yield one


@pytest.fixture
def client(place: Place) -> Iterator[OscClient]:
    with OscClient(place.daemon.host, place.daemon.port) as one:
        one.send("/sideman/subscribe")
        assert one.hear(10).address == "/sideman/subscribed"
        one.send("/sideman/target", "s", "")
        one.send("/sideman/takes", "i", 1)
        one.send("/sideman/bars", "i", 4)
        yield one
        one.send("/sideman/unsubscribe")


@pytest.fixture(params=NEWEST)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@contextlib.contextmanager
def running(kind: str, place: Place) -> Iterator[tuple[Clock, Reaper]]:
    """REAPER with the script, taken by the daemon; closed in the end."""
    with opened(kind, place.resources) as reaper:
        clock = Clock()
        reaper.run()
        until(clock, reaper, lambda: said(reaper, "Connected"))
        yield clock, reaper
        reaper.close()


def eventually(
    clock: Clock, reaper: Reaper, client: OscClient, true: Callable[[dict[str, Any]], bool], within_s: float = 30.0
) -> None:
    session: dict[str, Any] = {}

    def is_so() -> bool:
        session.update(state_of(client))
        return true(session)

    try:
        until(clock, reaper, is_so, within_s=within_s)
    except AssertionError:
        raise AssertionError((session, reaper.messages)) from None


def chords(session: dict[str, Any]) -> list[str]:
    return [change["chord"] for change in session["chord_changes"]]


def finished(client: OscClient, request: str) -> list[Heard]:
    """What is told of a request until it is done."""
    messages: list[Heard] = []
    while ("/sideman/done", request) not in [(message.address, message.arguments[0]) for message in messages]:
        messages += client.hear_until("/sideman/done", within_s=40)
    return [message for message in messages if request in message.arguments[:1]]


def names_of(reaper: Reaper, track: str = "Sideman") -> list[list[str]]:
    return [[take["name"] for take in item["takes"]] for item in reaper.tracks.get(track, [])]


def test_a_whole_session(kind: str, place: Place, client: OscClient) -> None:
    with running(kind, place) as (clock, reaper):
        reaper.do("set_tempo", bpm=100.0)
        add_chords(reaper)
        drums = reaper.do("add_track", name="DRUMS")
        beat = [[36, 0.0, 0.25, 110], [40, 1.0, 1.25, 96], [40, 3.0, 3.25, 96]]
        reaper.do("add_midi_item", track=drums, at=0.0, beats=16.0, source_beats=4.0, notes=beat)
        reaper.do("name_note", track=drums, pitch=40, name="Hi-Hat Closed")
        eventually(clock, reaper, client, lambda session: chords(session) == ["Am", "Dm", "G", "C"])
        eventually(clock, reaper, client, lambda s: {hit["voice"] for hit in s["drum_hits"]} == {"kick", "closed_hat"})
        eventually(clock, reaper, client, lambda s: s["transport"]["tempo"] == 100.0)
        # The chords are edited, and the song plays.
        reaper.do("set_notes", track=1, item=1, notes=F_C_G_AM)
        eventually(clock, reaper, client, lambda session: chords(session) == ["F", "C", "G", "Am"])
        reaper.do("play", state=1)
        eventually(clock, reaper, client, lambda session: session["transport"]["playing"])
        reaper.do("play", state=0)
        # Asked for the time selection: two takes of one item, at its place, as long as it is.
        reaper.do("select", **{"from": 8.0, "to": 16.0})
        reaper.do("answer", fields=['bossa "nova", \\ nylon / \U0001f3b8', "", "2", ""])
        reaper.action("Prompt")
        first, second = (heard(client, "/sideman/placed", clock, reaper) for _ in range(2))
        assert (first[1:], second[1:]) == (
            (0, "track Sideman, at 3.1.00, take 1"), (1, "track Sideman, at 3.1.00, take 2")
        )  # fmt: skip
        state = state_of(client)
        assert (state["prompt"], state["from"], state["bars"]) == ('bossa "nova", \\ nylon / \U0001f3b8', 8.0, 2)
        (item,) = reaper.tracks["Sideman"]
        assert item["position"] == pytest.approx(8 * 60 / 100, abs=1e-12)
        assert item["length"] == pytest.approx(8 * 60 / 100, abs=1e-9)
        assert [take["seconds"] for take in item["takes"]] == pytest.approx([item["length"]] * 2, abs=1e-9)
        assert (item["active"], item["values"]["C_BEATATTACHMODE"]) == (1, 1)
        assert [Path(take["path"]).stem for take in item["takes"]] == names_of(reaper)[0]
        # The same bars again are two takes more, the first of which is heard; it is kept by choosing its item.
        reaper.action("Next take")
        third, fourth = (heard(client, "/sideman/placed", clock, reaper) for _ in range(2))
        assert [one[2] for one in (third, fourth)] == [f"track Sideman, at 3.1.00, take {take}" for take in (3, 4)]
        assert reaper.tracks["Sideman"][0]["active"] == 3
        reaper.do("set_item", track=3, item=1, name="B_UISEL", value=1)
        reaper.action("Keep the take")
        assert heard(client, "/sideman/kept", clock, reaper)[:2] == (third[0], 0)
        # One step back for each take; the files stay, and nothing is placed again.
        files = [take["path"] for take in reaper.tracks["Sideman"][0]["takes"]]
        for _ in reaper.project["undo"]:
            reaper.do("undo")
        assert "Sideman" not in reaper.tracks
        for _ in range(30):
            clock.pass_time(reaper)
        assert "Sideman" not in reaper.tracks
        assert all(Path(path).is_file() for path in files)
        assert reaper.messages["console"] == []


def test_reaper_closed_during_a_job_gets_the_clip_when_it_returns(kind: str, place: Place, client: OscClient) -> None:
    with running(kind, place) as (clock, reaper):
        add_chords(reaper)
        eventually(clock, reaper, client, lambda session: chords(session) == ["Am", "Dm", "G", "C"])
    client.send("/sideman/generate", "s", f"closed-{kind}")
    finished(client, f"closed-{kind}")
    with running(kind, place) as (clock, reaper):
        assert heard(client, "/sideman/placed", clock, reaper)[0] == f"closed-{kind}"
        assert len(names_of(reaper)) == 1
        # The script is ended and started again: what is there is not offered any more.
        reaper.run()
        reaper.run()
        for _ in range(100):
            clock.pass_time(reaper)
        assert [len(names) for names in names_of(reaper)] == [1]


def test_a_crash_during_a_job_places_nothing_twice(kind: str, place: Place, client: OscClient) -> None:
    with running(kind, place) as (clock, reaper):
        client.send("/sideman/chords", "s", "C | F")
        client.send("/sideman/generate", "s", f"crash-{kind}")
        reaper.close(crash=True)
        reaper.do("start")
        reaper.run()
        assert heard(client, "/sideman/placed", clock, reaper)[0] == f"crash-{kind}"
        assert [len(names) for names in names_of(reaper)] == [1]


def test_a_clip_deleted_before_it_is_placed_is_said_in_reaper_and_to_clients(place: Place, client: OscClient) -> None:
    client.send("/sideman/chords", "s", "C | F")
    client.send("/sideman/generate", "s", "deleted")
    messages = finished(client, "deleted")
    (path,) = [str(message.arguments[3]) for message in messages if message.address == "/sideman/clip"]
    (notice,) = [m.arguments for m in messages if m.address == "/sideman/notice" and m.arguments[1] == "host"]
    assert "REAPER is not there" in str(notice[2]) and path in str(notice[2])
    Path(path).unlink()
    with running("5.4", place) as (clock, reaper):
        while True:
            told = heard(client, "/sideman/notice", clock, reaper)
            if told[:2] == ("deleted", "host"):
                break
        assert "is gone" in told[2] and path in told[2]
        assert any("is gone" in line and path in line for line in reaper.messages["console"])
        assert "Sideman" not in reaper.tracks


def test_two_reapers_at_once_are_explained_and_the_first_is_undisturbed(place: Place, client: OscClient) -> None:
    with opened("5.4", place.resources) as second:
        with running("5.4", place) as (clock, first):
            first.do("set_tempo", bpm=101.0)
            second.do("set_tempo", bpm=77.0)
            second.run()
            until(clock, first, lambda: said(second, "connected to this daemon already"), second)
            assert not said(second, "Connected")
            eventually(clock, first, client, lambda session: session["transport"]["tempo"] == 101.0)
            client.send("/sideman/chords", "s", "C | F")
            client.send("/sideman/generate", "s", "first")
            until(clock, first, lambda: len(names_of(first)) == 1, second)
            assert names_of(second) == []
        until(clock, second, lambda: said(second, "Connected"))
        eventually(clock, second, client, lambda session: session["transport"]["tempo"] == 77.0)
        second.close()


def test_a_ramp_and_the_clip_in_it_are_where_reaper_has_them(kind: str, place: Place, client: OscClient) -> None:
    with running(kind, place) as (clock, reaper):
        reaper.do(
            "set_markers", markers=[[0.0, 97.3, 4, 4, False], [4.9, 97.3, 0, 0, True], [12.4, 140.0, 0, 0, False]]
        )
        add_chords(reaper, AM_DM_G_C, 32.0)
        reaper.do("select", **{"from": 8.0, "to": 24.0})
        eventually(clock, reaper, client, lambda session: (session["from"], session["bars"]) == (8.0, 4))
        reaper.action("Generate for the time selection")
        heard(client, "/sideman/placed", clock, reaper)
        (item,) = reaper.tracks["Sideman"]
        at, end = reaper.times([8.0, 24.0])
        assert item["position"] == pytest.approx(at, abs=1e-12)
        assert item["length"] == pytest.approx(item["takes"][0]["seconds"], abs=1e-9)
        # The daemon's length of these bars is REAPER's, to a frame of the clip and a sample of the ramp.
        assert item["position"] + item["length"] == pytest.approx(end, abs=2 / 32000)
        assert item["values"]["C_BEATATTACHMODE"] == 2


def test_names_with_anything_in_them_reach_the_project(kind: str, tmp_path: Path) -> None:
    odd = tmp_path / 'it\'s "odd", 50% \\ \U0001f3b8 ü; [x]'
    with served(odd) as place, OscClient(place.daemon.host, place.daemon.port) as client:
        client.send("/sideman/subscribe")
        with running(kind, place) as (clock, reaper):
            track = 'a "b" / \\ c: d \U0001f3b8 $HOME ../..'
            client.send("/sideman/chords", "s", "C | F")
            client.send("/sideman/target", "s", f":{track}")
            client.send("/sideman/generate")
            assert heard(client, "/sideman/placed", clock, reaper)[2] == f"track {track}, at 1.1.00, take 1"
            (item,) = reaper.tracks[track]
            assert item["takes"][0]["path"].startswith(f"{place.clips}/")
            assert item["takes"][0]["seconds"] == item["length"]


def test_a_mailbox_full_of_rubbish_holds_nothing_up(kind: str, tmp_path: Path) -> None:
    with served(tmp_path) as place, OscClient(place.daemon.host, place.daemon.port) as client:
        mailbox = place.resources / "Sideman"
        kept: dict[Path, bytes] = {}
        for folder in (mailbox, mailbox / "to-sideman", mailbox / "from-sideman"):
            for index in range(300):
                kept[folder / f"note {index} \U0001f3b8.txt"] = os.urandom(64)
            kept[folder / "000000001-000000002.part"] = b"half"
            (folder / "a folder").mkdir()
        kept |= {mailbox / "from-sideman" / f"00000000{run}-000000001.txt": b"\xff\xfe" for run in range(3, 6)}
        for path, data in kept.items():
            path.write_bytes(data)
        (mailbox / "to-sideman" / "000000001-000000001.txt").write_bytes(b"\xff\xfe")
        with running(kind, place) as (clock, reaper):
            client.send("/sideman/subscribe")
            client.send("/sideman/chords", "s", "C | F")
            client.send("/sideman/generate")
            heard(client, "/sideman/placed", clock, reaper)
            assert len(names_of(reaper)) == 1
        assert {path: path.read_bytes() for path in kept} == kept
        assert (mailbox / "rejected" / "000000001-000000001.txt").read_bytes() == b"\xff\xfe"


def test_a_daemon_that_starts_anew_hears_the_whole_project(kind: str, tmp_path: Path) -> None:
    with served(tmp_path) as place, running(kind, place) as (clock, reaper):
        add_chords(reaper)
        place.daemon.process.terminate()
        place.daemon.process.wait(20)
        until(clock, reaper, lambda: said(reaper, "does not answer any more"))
        before = len(list((place.resources / "Sideman" / "to-sideman").iterdir()))
        for _ in range(50):
            clock.pass_time(reaper)
        assert len(list((place.resources / "Sideman" / "to-sideman").iterdir())) == before
        with served(tmp_path) as again, OscClient(again.daemon.host, again.daemon.port) as client:
            eventually(clock, reaper, client, lambda session: chords(session) == ["Am", "Dm", "G", "C"])
            client.send("/sideman/subscribe")
            reaper.action("Generate for the time selection")
            heard(client, "/sideman/placed", clock, reaper)
        assert reaper.messages["boxes"] == []


def test_a_mailbox_that_vanishes_does_no_harm(tmp_path: Path) -> None:
    with served(tmp_path) as place, running("5.4", place) as (clock, reaper):
        shutil.rmtree(place.resources / "Sideman" / "from-sideman")
        shutil.rmtree(place.resources / "Sideman" / "to-sideman")
        for _ in range(100):
            clock.pass_time(reaper)
        assert reaper.do("is_running", path=str(MAIN))


def test_reaper_s_own_osc_is_understood_beside_the_script(place: Place, client: OscClient) -> None:
    for address, tags, value in (
        ("/reaper/tempo", "f", 132.0),
        ("/reaper/time", "f", 10.0),
        ("/reaper/beat", "s", "6.3.00"),
        ("/reaper/play", "f", 1.0),
    ):
        client.send(address, tags, value)
    transport = state_of(client)["transport"]
    assert (transport["tempo"], transport["playing"]) == (132.0, True)
    client.send("/reaper/stop", "f", 1.0)
    assert state_of(client)["transport"]["position"] >= 22.0
    client.send("/reaper/beat", "s", "soon")
    *_, error = client.hear_until("/sideman/error", within_s=10)
    assert "where measure, beat and hundredths belong" in str(error.arguments[2])
