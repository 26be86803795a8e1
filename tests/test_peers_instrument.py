"""Category: peer. A real instrument and the daemon hear one player over JACK: what sounds is what the chart says."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import soundfile
from jack_peers import bars_of_clock, device, jack_server, state_of, until
from listening import HeardSpan, chord_overlap

from bridge.osc_client import OscClient
from bridge.spawned import spawned_daemon
from midi.chords import parse_chord
from models.generator import Samples
from models.soundfont_file import find_soundfont

pytestmark = pytest.mark.peer

BPM = 100.0
BAR_S = 4 * 60 / BPM
PLAYED = ((45, 57, 60, 64), (41, 57, 60, 65), (48, 55, 60, 64), (43, 55, 59, 62, 65))
"""Am, F, C and G7, each for a bar."""


@pytest.fixture(scope="module")
def jack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with jack_server(tmp_path_factory.mktemp("jack")):
        yield


def program(name: str) -> str:
    found = shutil.which(name)
    assert found, f"{name} is not installed; .ci/peers.txt lists what these tests need"
    return found


def ports() -> list[str]:
    return subprocess.run([program("jack_lsp")], capture_output=True, text=True, check=False).stdout.splitlines()


@contextmanager
def fluidsynth(home: Path) -> Iterator[None]:
    """The synthesizer as a JACK client, with an acoustic piano on every channel."""
    command = [program("fluidsynth"), "-q", "-a", "jack", "-m", "jack", "-r", "48000"]
    command += ["-o", "audio.jack.id=piano", "-o", "midi.jack.id=piano", str(find_soundfont())]
    own = {**os.environ, "HOME": str(home), "XDG_RUNTIME_DIR": str(home)}
    with (
        (home / "fluidsynth.log").open("wb") as log,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log, env=own) as process,
    ):
        try:
            until(lambda: {"piano:left", "piano:right"} <= set(ports()), f"no synthesizer came; {log.name} says why")
            yield
        finally:
            assert process.stdin is not None
            process.stdin.write(b"quit\n")
            process.stdin.close()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def connected_to_the_player() -> None:
    """The player's port feeds the piano, as a patch bay would have it."""
    keys = next(name for name in ports() if name.startswith("digitakt:"))
    piano = next(name for name in ports() if name.startswith("piano:midi"))
    subprocess.run([program("jack_connect"), keys, piano], check=True, capture_output=True)


@contextmanager
def recorded(path: Path, seconds: int) -> Iterator[None]:
    """What the piano plays meanwhile goes into a file, so many seconds of it."""
    command = [program("jack_rec"), "-f", str(path), "-d", str(seconds), "-b", "16", "piano:left", "piano:right"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            until(lambda: any(name.startswith("jackrec") for name in ports()), "the recorder never came")
            yield
            process.wait(seconds + 20)
        finally:
            process.kill()


def struck_at(samples: Samples, rate_hz: int) -> list[float]:
    """When chords are struck, in seconds: the level rises to a good part of the loudest, a second or more apart."""
    frame = rate_hz // 50
    level = abs(samples[: len(samples) // frame * frame]).max(axis=1).reshape(-1, frame).max(axis=1)
    assert level.max() > 0.01, "the piano played nothing"
    found: list[float] = []
    for place in range(len(level)):
        before = level[max(0, place - 3) : place].min(initial=1.0) if place else 0.0
        at = place / 50
        if level[place] > max(0.3 * level.max(), 2.0 * before) and (not found or at - found[-1] > 1.0):
            found.append(at)
    return found


def spans_at(times_s: list[float], end_s: float, session: dict[str, Any]) -> list[HeardSpan]:
    """The chords of the daemon's chart at the times when chords were struck."""
    chords = [parse_chord(change["chord"]) for change in session["chord_changes"]]
    ends_s = [*times_s[1:], end_s]
    return [
        HeardSpan(start_s=start, end_s=end, chord=chord)
        for start, end, chord in zip(times_s, ends_s, chords, strict=True)
    ]


def turned(spans: list[HeardSpan]) -> list[HeardSpan]:
    """The same places with the chords of their neighbours: a chart that is wrong."""
    return [
        HeardSpan(start_s=span.start_s, end_s=span.end_s, chord=other.chord)
        for span, other in zip(spans, [*spans[1:], spans[0]], strict=True)
    ]


def test_what_a_piano_plays_is_what_the_chart_says_and_what_the_next_clip_plays(jack: None, tmp_path: Path) -> None:
    """One player, heard by fluidsynth and by the daemon; the piano's sound, the chart and the clip have to agree."""
    home, take = tmp_path / "home", tmp_path / "piano.wav"
    home.mkdir()
    with (
        device() as player,
        fluidsynth(home),
        spawned_daemon(tmp_path / "clips", "--midi-in", "digitakt") as daemon,
        OscClient(daemon.host, daemon.port) as client,
    ):
        connected_to_the_player()
        until(lambda: state_of(client)["midi"]["ports"], "the daemon never opened the port")
        client.send("/sideman/subscribe")
        with recorded(take, round(len(PLAYED) * BAR_S) + 3):
            player.begin()
            player.send(*bars_of_clock(PLAYED, BPM), "f8")
            until(lambda: state_of(client)["chart_bars"]["chords"] == len(PLAYED), "the chart never came")
            session = state_of(client)
            player.send("fc")
        client.send("/sideman/bars", "i", len(PLAYED))
        client.send("/sideman/seed", "i", 1)
        client.send("/sideman/generate", "s", "after")
        *clips, done = client.hear_until("/sideman/done", "/sideman/error", within_s=60)
        assert done.address == "/sideman/done", done
        (clip,) = [str(message.arguments[3]) for message in clips if message.address == "/sideman/clip"]
    assert [change["chord"] for change in session["chord_changes"]] == ["Am", "F", "C", "G7"]
    assert session["transport"]["tempo"] == pytest.approx(BPM, abs=1.0)
    assert [change["beat"] for change in session["chord_changes"]] == pytest.approx([0.0, 4.0, 8.0, 12.0], abs=0.01)
    sound, rate_hz = soundfile.read(take, dtype="float32", always_2d=True)
    struck = struck_at(sound, rate_hz)  # not counted out: a busy machine's JACK without real time loses moments
    assert len(struck) == len(PLAYED)
    played = spans_at(struck, struck[-1] + 0.8 * BAR_S, session)
    assert chord_overlap(sound, rate_hz, played) > 0.9
    assert chord_overlap(sound, rate_hz, turned(played)) < 0.1
    made, made_rate_hz = soundfile.read(clip, dtype="float32", always_2d=True)
    bar_s = 240 / session["transport"]["tempo"]
    asked = spans_at([bar * bar_s for bar in range(len(PLAYED))], len(PLAYED) * bar_s, session)
    assert chord_overlap(made, made_rate_hz, asked) > 0.9
