"""Category: integration. A real daemon with ``--host folder``: clips come as files, dropped MIDI files become clips."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bridge.osc_client import OscClient
from bridge.spawned import SpawnedDaemon, spawned_daemon
from bridge.wav import read_info
from midi.chords import ChordChange, parse_chord
from midi.drums import DrumHit
from midi.file_writer import song_bytes
from midi.song import Song
from midi.time import Beats, Bpm, Meter, TempoMap


def song(bpm: float = 97.5, bars: int = 2) -> bytes:
    labels = ("Am7", "Dm7")
    return song_bytes(
        Song(
            tempo_map=TempoMap.constant(Bpm(bpm), Meter(numerator=3, denominator=4)),
            chord_changes=tuple(
                ChordChange(at=Beats(3.0 * bar), chord=parse_chord(labels[bar % 2])) for bar in range(bars)
            ),
            drums=tuple(DrumHit(at=Beats(3.0 * bar), voice="kick", velocity=100) for bar in range(bars)),
            end=Beats(3.0 * bars),
        )
    )


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("clips")


@pytest.fixture(scope="module")
def daemon(clips: Path) -> Iterator[SpawnedDaemon]:
    with spawned_daemon(clips, "--host", "folder") as spawned:
        yield spawned


@pytest.fixture
def client(daemon: SpawnedDaemon) -> Iterator[OscClient]:
    with OscClient(daemon.host, daemon.port) as one:
        one.send("/sideman/subscribe")
        assert one.hear(10).address == "/sideman/subscribed"
        yield one
        one.send("/sideman/unsubscribe")


def state_of(client: OscClient) -> dict[str, Any]:
    client.send("/sideman/state")
    *_, answer = client.hear_until("/sideman/state", within_s=10)
    parsed: dict[str, Any] = json.loads(str(answer.arguments[0]))
    return parsed


def until(true: Callable[[], bool], within_s: float = 60.0) -> None:
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_clip_that_is_asked_for_lies_in_the_folder(daemon: SpawnedDaemon, client: OscClient, clips: Path) -> None:
    client.send("/sideman/tempo", "f", 112.0)
    client.send("/sideman/key", "s", "A minor")
    client.send("/sideman/chords", "s", "Am | Dm | G | C")
    client.send("/sideman/prompt", "s", "Bossa Nova / nylon 🎸")
    client.send("/sideman/target", "s", "lanes:Keys")
    client.send("/sideman/generate", "s", "asked")
    *_, placed = client.hear_until("/sideman/placed", within_s=60)
    path = clips / "For the DAW" / "Keys" / "bossa-nova-nylon_112bpm_Am_4bars_take1.wav"
    assert placed.arguments == ("asked", 0, str(path))
    list(client.hear_until("/sideman/done", within_s=30))
    (original,) = clips.glob("sideman-asked-*.wav")
    assert path.read_bytes() == original.read_bytes()
    info = read_info(path)
    assert info.acid is not None
    assert (info.acid.beats, info.acid.meter, round(info.acid.tempo, 3)) == (16, (4, 4), 112.0)
    assert info.loops == ((0, info.frames - 1),)


def test_a_dropped_file_becomes_the_chart_and_a_clip_and_is_moved(client: OscClient, clips: Path) -> None:
    folder = clips / "For the DAW"
    (folder / "in" / "slow waltz; 2 takes.mid").write_bytes(song())
    places = []
    for _ in range(2):
        *_, placed = client.hear_until("/sideman/placed", within_s=60)
        places.append(placed.arguments[2])
    assert places == [str(folder / f"slow-waltz_97.5bpm_2bars_take{take}.wav") for take in (1, 2)]
    until((folder / "in" / "done" / "slow waltz; 2 takes.mid").exists)
    info = read_info(folder / "slow-waltz_97.5bpm_2bars_take1.wav")
    assert info.acid is not None and info.acid.meter == (3, 4)
    state = state_of(client)
    assert [change["chord"] for change in state["chord_changes"]] == ["Am7", "Dm7"]
    assert state["transport"]["tempo"] == pytest.approx(97.5)
    assert state["bars"] == 2
    # What the name says holds for its clip alone.
    assert (state["prompt"], state["takes"], state["target"]) == ("Bossa Nova / nylon 🎸", 1, "lanes:Keys")


def test_several_files_at_once_all_become_clips(client: OscClient, clips: Path) -> None:
    folder = clips / "For the DAW"
    for number, bpm in enumerate((90.0, 100.0, 110.0)):
        (folder / "in" / f"idea {number}.mid").write_bytes(song(bpm))
    done = {f"idea {number}.mid" for number in range(3)}
    until(lambda: done <= {path.name for path in (folder / "in" / "done").iterdir()})
    assert {path.name for path in folder.glob("idea-*.wav")} == {
        f"idea-{number}_{bpm}bpm_2bars_take1.wav" for number, bpm in enumerate((90, 100, 110))
    }


def test_what_cannot_be_made_changes_nothing_of_the_session(client: OscClient, clips: Path) -> None:
    before = state_of(client)
    folder = clips / "For the DAW" / "in"
    empty = song_bytes(Song(tempo_map=TempoMap.constant(Bpm(50.0)), end=Beats(8.0)))
    (folder / "silence.mid").write_bytes(empty)
    (folder / "epic.mid").write_bytes(song(bpm=20.0, bars=300))
    until(lambda: len(list((folder / "not read").glob("*.txt"))) == 2)
    assert "no notes and no chords" in (folder / "not read" / "silence.mid.txt").read_text()
    assert "ask for fewer bars" in (folder / "not read" / "epic.mid.txt").read_text()
    after = state_of(client)
    assert after["transport"]["tempo"] == before["transport"]["tempo"]
    assert after["chord_changes"] == before["chord_changes"]


def test_a_daemon_that_ends_leaves_the_file_for_the_next_one(tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    options = ("--host", "folder", "--set", f"host.folder={folder}")
    with (
        spawned_daemon(tmp_path / "clips", *options) as spawned,
        OscClient(spawned.host, spawned.port) as client,
    ):
        client.send("/sideman/subscribe")
        (folder / "in" / "long.mid").write_bytes(song(bars=100))
        list(client.hear_until("/sideman/accepted", within_s=30))
    assert {path.name for path in (folder / "in").iterdir()} == {"long.mid"}
