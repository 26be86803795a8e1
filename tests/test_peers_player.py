"""Category: peer. What the player plays on a JACK server, recorded on the other side."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
from jack_server import PERIOD, RATE, Recorder, Recording, jack_server, recorder, until
from player_rig import loops_of

from bridge.osc_client import Heard, OscClient
from bridge.spawned import spawned_daemon

pytestmark = pytest.mark.peer
PATIENCE_S = 30.0
SERVER = f"sideman-player-{os.getpid()}"
FADE = 480
BAR = 96000
TRIES = 6
"""A recording in which the server itself lost time says nothing: it is made again, so many times at the most."""


@pytest.fixture(scope="module")
def jack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with jack_server(SERVER, tmp_path_factory.mktemp("jack")):
        yield


class Client:
    """Speaks to a daemon that plays on the server."""

    def __init__(self, osc: OscClient) -> None:
        self.osc = osc
        self.heard: list[Heard] = []
        for address, types, *values in (
            ("/sideman/subscribe", ""),
            ("/sideman/tempo", "f", 120.0),
            ("/sideman/bars", "i", 1),
            ("/sideman/chords", "s", "C | F |"),
        ):
            osc.send(address, types, *values)

    def until(self, address: str, *arguments: object) -> tuple[object, ...]:
        end = time.monotonic() + PATIENCE_S
        while True:
            while self.heard:
                one = self.heard.pop(0)
                if one.address == address and one.arguments[: len(arguments)] == arguments:
                    return one.arguments
            assert time.monotonic() < end, f"{address} {arguments} was never heard"
            self.heard += self.osc.hear_until(address, within_s=PATIENCE_S)

    def player(self, state: str, *arguments: object) -> tuple[object, ...]:
        return self.until("/sideman/player", state, *arguments)

    def clip(self, name: str, seed: int) -> npt.NDArray[np.float32]:
        self.osc.send("/sideman/seed", "i", seed)
        self.osc.send("/sideman/generate", "s", name)
        samples: npt.NDArray[np.float32] = soundfile.read(str(self.until("/sideman/clip", name)[3]), dtype="float32")[0]
        return samples

    def state(self) -> dict[str, Any]:
        self.osc.send("/sideman/state")
        view: dict[str, Any] = json.loads(str(self.until("/sideman/state")[0]))
        return view

    def begun(self) -> tuple[float, float]:
        """The monotonic time at which the running song was at beat 0, and how far that may be off."""
        looks = []
        for _ in range(20):
            before = time.monotonic()
            position = self.state()["transport"]["position"]
            after = time.monotonic()
            looks.append((after - before, (before + after) / 2 - position / 2))
        trip, begun = min(looks)
        return begun, trip / 2


@contextmanager
def played(tmp_path: Path) -> Iterator[tuple[Client, Recorder]]:
    options = ("--play", "system", "--set", "player.auto=false")
    with spawned_daemon(tmp_path / "clips", *options) as spawned, OscClient(spawned.host, spawned.port) as osc:
        client = Client(osc)
        assert client.state()["player"]["device"] == "system"
        with recorder(tmp_path) as recording:
            recording.connect()
            yield client, recording


def whole(tmp_path: Path, do: Callable[[Client], Any], judge: Callable[[Recording, Any], None]) -> None:
    """Do something, and judge the first recording of it that is whole."""
    lost = []
    for number in range(TRIES):
        folder = tmp_path / str(number)
        folder.mkdir()
        with played(folder) as (client, recording):
            found = do(client)
            made = recording.stop()
        if made.xruns == 0 and made.missed == 0:
            judge(made, found)
            return
        lost.append((made.xruns, made.missed))
    pytest.fail(f"the server lost time in each recording, which says nothing then; xruns and blocks: {lost}")


def place_of(needle: npt.NDArray[np.float32], audio: npt.NDArray[np.float32]) -> int:
    """Where some frames are in what was recorded, to 1e-6."""
    loudest = int(np.argmax(np.abs(needle[:, 0])))
    for place in np.flatnonzero(np.abs(audio[:, 0] - needle[loudest, 0]) < 1e-6) - loudest:
        cut = audio[max(0, place) : place + len(needle)]
        if len(cut) == len(needle) and np.abs(cut - needle).max() < 1e-6:
            return int(place)
    raise AssertionError("the clip was not recorded as it is")


def test_what_is_played_is_the_clip_at_its_bar_line_and_the_next_take_follows_without_a_click(
    jack: None, tmp_path: Path
) -> None:
    def do(client: Client) -> Any:
        first, second = client.clip("one", 1), client.clip("two", 2)
        client.osc.send("/sideman/player/play", "s", "one")
        client.player("waiting", "one")
        client.osc.send("/sideman/play", "f", 3.0)
        client.player("launched", "one", 0, 2)
        begun = client.begun()
        client.osc.send("/sideman/player/play", "s", "two")
        bar = int(str(client.player("launched", "two")[3]))
        until(lambda: client.state()["transport"]["position"] > 4 * bar - 1, "the song stands")
        return first, second, bar, begun

    def judge(made: Recording, found: Any) -> None:
        first, second, bar, (begun, unsure_s) = found
        place = place_of(first[: BAR - FADE], made.audio)
        late_s = made.heard_at(place) - (begun + 2.0)
        assert abs(late_s) < PERIOD / RATE + unsure_s, f"bar 2 was {1e3 * late_s:.1f} ms late"
        line = place_of(second[: BAR // 2], made.audio)
        assert abs(line - place - BAR * (bar - 2)) < RATE / 1000  # the server's clock is not quite the song's
        assert np.abs(made.audio[place : line - FADE] - loops_of(first, 0, line - FADE - place)).max() < 1e-6
        share = np.arange(FADE) / FADE
        share = (share * share * (3 - 2 * share) * np.pi / 2)[:, None]
        faded = loops_of(first, line - FADE - place, FADE) * np.cos(share) + second[-FADE:] * np.sin(share)
        assert np.abs(made.audio[line - FADE : line] - faded).max() < 1e-6
        bend = [np.abs(np.diff(audio, n=2, axis=0)).max() for audio in (made.audio[line - FADE : line], first, second)]
        assert bend[0] < 1.5 * max(bend[1:])

    whole(tmp_path, do, judge)


def test_jump_and_stop_are_heard(jack: None, tmp_path: Path) -> None:
    def do(client: Client) -> Any:
        first = client.clip("one", 1)
        client.osc.send("/sideman/player/play", "s", "one")
        client.player("waiting", "one")
        client.osc.send("/sideman/play", "f", 0.0)
        client.player("launched", "one", 0, 1)
        until(lambda: client.state()["transport"]["position"] > 2.0, "the song stands")
        client.osc.send("/sideman/position", "f", 30.0)
        begun = client.begun()
        until(lambda: client.state()["transport"]["position"] > 33.0, "the song stands")
        stopped = time.monotonic()
        client.osc.send("/sideman/stop")
        until(lambda: time.monotonic() > stopped + 1.0, "time stands")
        return first, begun, stopped

    def judge(made: Recording, found: Any) -> None:
        first, (begun, unsure_s), stopped = found
        place = place_of(loops_of(first, BAR // 2 + 8000, 30000), made.audio)
        late_s = made.heard_at(place) - (begun + 15.0 + 8000 / RATE)
        assert abs(late_s) < PERIOD / RATE + unsure_s, f"after the jump it was {1e3 * late_s:.1f} ms late"
        heard = np.flatnonzero(np.abs(made.audio).max(axis=1))
        assert made.heard_at(int(heard[-1])) - stopped < 0.1
        assert made.heard_at(int(heard[-1])) - stopped > 0.0

    whole(tmp_path, do, judge)


def test_a_server_that_ends_is_told_and_one_that_comes_back_is_played_on(tmp_path: Path) -> None:
    name = f"{SERVER}-again"
    folder = tmp_path / "jack"
    folder.mkdir()
    with jack_server(name, folder) as server:
        options = ("--play", "system", "--set", "player.auto=false")
        with spawned_daemon(tmp_path / "clips", *options) as spawned, OscClient(spawned.host, spawned.port) as osc:
            client = Client(osc)
            first = client.clip("one", 1)
            client.osc.send("/sideman/player/play", "s", "one")
            client.osc.send("/sideman/play", "f", 0.0)
            client.player("launched", "one")
            server.terminate()
            server.wait(PATIENCE_S)
            client.player("lost")
            assert client.state()["player"]["playing"] == {"id": "one", "take": 0}
            with jack_server(name, folder):
                client.player("opened")
                lost = []
                for _ in range(TRIES):
                    with recorder(tmp_path) as recording:
                        recording.connect()
                        here = client.state()["transport"]["position"]
                        until(lambda here=here: client.state()["transport"]["position"] > here + 9.0, "the song stands")
                        made = recording.stop()
                    if made.xruns == 0 and made.missed == 0:
                        place_of(first[4000:30000], made.audio)
                        return
                    lost.append((made.xruns, made.missed))
                pytest.fail(f"the server lost time in each recording, which says nothing then: {lost}")
