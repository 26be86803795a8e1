"""Category: integration. A whole session in the stand-in for Live: the shipped script and a real daemon."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from live_session import AM_DM_G_C, F_C_G_AM, eventually, heard, live_with_script, said, tick_until

from bridge.osc_client import Heard, OscClient
from bridge.spawned import SpawnedDaemon, spawned_daemon
from plugin_host.standins.live import Clip, DrumRack, Live, MidiNote, Song


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SpawnedDaemon]:
    with spawned_daemon(tmp_path_factory.mktemp("clips"), "--host", "ableton") as spawned:
        yield spawned


@pytest.fixture
def client(daemon: SpawnedDaemon) -> Iterator[OscClient]:
    with OscClient(daemon.host, daemon.port) as one:
        one.send("/sideman/subscribe")
        assert one.hear(10).address == "/sideman/subscribed"
        one.send("/sideman/target", "s", "")
        one.send("/sideman/takes", "i", 1)
        yield one
        one.send("/sideman/unsubscribe")


def finished(client: OscClient, request: str) -> list[Heard]:
    """What is told of a request until it is done."""
    messages: list[Heard] = []
    while ("/sideman/done", request) not in [(message.address, message.arguments[0]) for message in messages]:
        messages += client.hear_until("/sideman/done", within_s=30)
    return [message for message in messages if request in message.arguments[:1]]


def song_with_chords() -> Song:
    song = Song(scenes=4)
    song.change(tempo=100.0)
    track = song.add_track("Chords", "midi")
    track.clip_slots[0].hold(Clip(song.core, length=16.0, notes=AM_DM_G_C))
    return song


def test_a_whole_session(daemon: SpawnedDaemon, client: OscClient) -> None:
    song = song_with_chords()
    drums = song.add_track("DRUMS", "midi")
    drums.load(DrumRack(song.core, {36: "Kick 808", 40: "Hi-Hat Closed", 41: "Perc"}))
    beat = [MidiNote(pitch=pitch, start_time=at, duration=0.25) for pitch, at in ((36, 0.0), (40, 1.0), (40, 3.0))]
    drums.clip_slots[0].hold(Clip(song.core, length=4.0, notes=beat))
    ask = song.add_track("ASK", "midi")
    ask.clip_slots[0].hold(Clip(song.core, name="bossa nova | 2 takes"))
    with live_with_script(song, (daemon.host, daemon.port)) as live:
        tick_until(live, lambda: said(live, "Connected"))
        eventually(
            live, client, lambda session: [c["chord"] for c in session["chord_changes"]] == ["Am", "Dm", "G", "C"]
        )
        eventually(live, client, lambda s: {hit["voice"] for hit in s["drum_hits"]} == {"kick", "closed_hat"})
        eventually(live, client, lambda s: (s["transport"]["tempo"], s["bars"]) == (100.0, 4))
        # The chords are edited, and the scale is chosen.
        clip = song.track("Chords").clip_slots[0].clip
        assert clip
        clip.set_notes(F_C_G_AM)
        song.change(scale_mode=True, root_note=9, scale_name="Minor")
        eventually(
            live, client, lambda session: [c["chord"] for c in session["chord_changes"]] == ["F", "C", "G", "Am"]
        )
        eventually(live, client, lambda session: session["key"] == "A minor")
        song.start_playing()
        eventually(live, client, lambda session: session["transport"]["playing"])
        # Asked from inside Live: two takes come into the next two slots, warped, looped, named.
        ask.launch(0)
        first, second = heard(client, "/sideman/placed", live), heard(client, "/sideman/placed", live)
        assert (first[1:], second[1:]) == ((0, "track Sideman, slot 1"), (1, "track Sideman, slot 2"))
        tick_until(live, lambda: not song.core.step_is_open)
        eventually(live, client, lambda session: session["prompt"] == "bossa nova")
        slots = [slot.clip for slot in song.track("Sideman").clip_slots]
        takes = [take for take in slots if take is not None]
        assert [(take.warping, take.looping, take.loop_start, take.loop_end, take.warp_mode) for take in takes] == [
            (True, True, 0.0, 16.0, 6)
        ] * 2
        assert [take.name for take in takes] == [Path(take.file_path).stem for take in takes]
        assert takes[0].seconds == pytest.approx(16 * 60 / 100)
        # One step back for each take; the files stay, and nothing is placed again.
        song.undo()
        assert [slot.has_clip for slot in song.track("Sideman").clip_slots] == [True, False, False, False]
        song.undo()
        assert all(track.name != "Sideman" for track in song.tracks)
        live.tick(50)
        assert all(track.name != "Sideman" for track in song.tracks)
        assert Path(takes[0].file_path).is_file()
        live.close()
        assert song.listener_count() + sum(track.listener_count() for track in song.tracks) + clip.listener_count() == 0
        assert live.instance.log == []


def test_live_closed_during_a_job_gets_the_clip_when_it_returns(daemon: SpawnedDaemon, client: OscClient) -> None:
    song = song_with_chords()
    with live_with_script(song, (daemon.host, daemon.port)) as live:
        tick_until(live, lambda: said(live, "Connected"))
        eventually(live, client, lambda session: len(session["chord_changes"]) == 4)
    client.send("/sideman/generate", "s", "while-closed")
    finished(client, "while-closed")
    with live_with_script(song, (daemon.host, daemon.port)) as again:
        name, take, where = heard(client, "/sideman/placed", again)
        assert (name, take, where) == ("while-closed", 0, "track Sideman, slot 1")
        assert song.track("Sideman").clip_slots[0].has_clip
    # A third run of the script is not offered it any more.
    with live_with_script(song, (daemon.host, daemon.port)) as third:
        third.tick(60)
        assert [slot.has_clip for slot in song.track("Sideman").clip_slots] == [True, False, False, False]


def test_a_clip_while_live_is_closed_is_told_with_its_path(daemon: SpawnedDaemon, client: OscClient) -> None:
    client.send("/sideman/chords", "s", "C | F")
    client.send("/sideman/generate", "s", "alone")
    messages = finished(client, "alone")
    (path,) = [str(message.arguments[3]) for message in messages if message.address == "/sideman/clip"]
    (notice,) = [m.arguments for m in messages if m.address == "/sideman/notice" and m.arguments[1] == "host"]
    assert notice[0] == "alone"
    assert "Live is not there" in str(notice[2])
    assert path in str(notice[2])
    assert "drag it" in str(notice[2])
    with live_with_script(Song(), (daemon.host, daemon.port)) as live:
        assert heard(client, "/sideman/placed", live)[0] == "alone"


def test_two_sets_at_once_are_explained_and_the_first_is_undisturbed(daemon: SpawnedDaemon, client: OscClient) -> None:
    first, second = song_with_chords(), Song()
    second.change(tempo=77.0)
    address = (daemon.host, daemon.port)
    with live_with_script(first, address) as one:
        tick_until(one, lambda: said(one, "Connected"))
        with live_with_script(second, address) as two:
            tick_until(two, lambda: said(two, "connected to this daemon already"))
            two.tick(30)
            assert not said(two, "Connected")
            eventually(one, client, lambda session: session["transport"]["tempo"] == 100.0)
    with live_with_script(second, address) as two:
        eventually(two, client, lambda session: session["transport"]["tempo"] == 77.0)


def test_a_frozen_track_is_said_in_live_and_to_the_clients(daemon: SpawnedDaemon, client: OscClient) -> None:
    song = song_with_chords()
    song.add_track("Sideman", "audio").freeze()
    with live_with_script(song, (daemon.host, daemon.port)) as live:
        tick_until(live, lambda: said(live, "Connected"))
        eventually(live, client, lambda session: len(session["chord_changes"]) == 4)
        client.send("/sideman/generate", "s", "frozen")
        while True:
            notice = heard(client, "/sideman/notice", live)
            if notice[:2] == ("frozen", "host"):
                break
        assert "frozen: unfreeze it" in notice[2]
        assert ".wav" in notice[2]
        assert said(live, "is frozen")


def test_lanes_at_the_loop_and_a_second_take_beside_the_first(daemon: SpawnedDaemon, client: OscClient) -> None:
    song = song_with_chords()
    song.change(loop=True, loop_start=32.0, loop_length=8.0)
    with live_with_script(song, (daemon.host, daemon.port)) as live:
        tick_until(live, lambda: said(live, "Connected"))
        eventually(live, client, lambda session: (session["from"], session["bars"]) == (32.0, 2))
        client.send("/sideman/target", "s", "lanes:Keys")
        client.send("/sideman/takes", "i", 2)
        client.send("/sideman/generate", "s", "lanes")
        assert heard(client, "/sideman/placed", live)[2] == "track Keys, take lane 1, beat 32"
        assert heard(client, "/sideman/placed", live)[2] == "track Keys, take lane 2, beat 32"
        lanes = song.track("Keys").take_lanes
        assert [(lane.arrangement_clips[0].start_time, lane.arrangement_clips[0].loop_end) for lane in lanes] == [
            (32.0, 8.0)
        ] * 2


def test_a_daemon_that_starts_anew_hears_the_whole_set(tmp_path: Path) -> None:
    song = song_with_chords()
    live: Live
    with spawned_daemon(tmp_path, "--host", "ableton") as spawned:
        port = spawned.port
        with live_with_script(song, (spawned.host, port)) as live:
            tick_until(live, lambda: said(live, "Connected"))
            spawned.process.terminate()
            spawned.process.wait(20)
            tick_until(live, lambda: said(live, "does not answer"))
            anew = spawned_daemon(tmp_path, "--host", "ableton", "--osc", f"127.0.0.1:{port}")
            with anew, OscClient(spawned.host, port) as client:
                eventually(live, client, lambda session: len(session["chord_changes"]) == 4)
