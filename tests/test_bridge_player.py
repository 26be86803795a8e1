"""Category: integration. The player in a daemon of its own process, on a device that the tests plug in and out."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from player_rig import noise_take
from test_bridge_clips import receipt_of, samples_of, tags_of

from bridge.clips import Clip, ClipFolder
from bridge.config import load_config
from bridge.errors import ClipError, ConfigError, StartError
from bridge.osc_client import Heard, OscClient
from bridge.player_health import MAX_AHEAD_S, TELL_S, Health
from bridge.player_take import Take, fitted, load_take, resampled
from bridge.player_tempo import SETTLE_S, Adapting, Unfit
from bridge.spawned import SpawnedDaemon, spawned_daemon

PATIENCE_S = 30.0
STANDINS = Path(__file__).parent / "standins"


class Device:
    """The stand-in's device, and what was played on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.plug()

    def plug(self, *, rate: int = 48000, channels: int = 2) -> None:
        self.channels = channels
        part = self.folder / "part"
        part.write_text(json.dumps({"rate": rate, "channels": channels}))
        part.replace(self.folder / "device")

    def unplug(self) -> None:
        (self.folder / "device").unlink()

    def hang(self) -> None:
        (self.folder / "hung").touch()

    def wake(self) -> None:
        (self.folder / "hung").unlink()

    def played(self, stream: int = -1) -> npt.NDArray[np.float32]:
        files = sorted(self.folder.glob("played-*.raw"))
        if not files:
            return np.zeros((0, self.channels), dtype=np.float32)
        raw = files[stream].read_bytes()
        whole = len(raw) // (4 * self.channels) * 4 * self.channels
        return np.frombuffer(raw[:whole], dtype=np.float32).reshape(-1, self.channels)


@pytest.fixture
def device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Device:
    folder = tmp_path / "audio"
    folder.mkdir()
    monkeypatch.setenv("SIDEMAN_TEST_AUDIO", str(folder))
    paths = [str(STANDINS), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    return Device(folder)


@pytest.fixture
def daemon(tmp_path: Path, device: Device) -> Iterator[SpawnedDaemon]:
    with spawned_daemon(tmp_path / "clips", "--play") as spawned:
        yield spawned


@pytest.fixture
def client(daemon: SpawnedDaemon) -> Iterator[Client]:
    with OscClient(daemon.host, daemon.port) as osc:
        one = Client(osc)
        osc.send("/sideman/subscribe")
        osc.send("/sideman/tempo", "f", 120.0)
        osc.send("/sideman/bars", "i", 1)
        osc.send("/sideman/chords", "s", "C | F |")
        yield one


class Client:
    """Speaks to the daemon, and keeps all that it says."""

    def __init__(self, osc: OscClient) -> None:
        self.osc = osc
        self.heard: list[Heard] = []

    def until(self, address: str, *arguments: object, within_s: float = PATIENCE_S) -> tuple[object, ...]:
        """Wait for a message whose arguments begin like this; what came before is forgotten."""
        end = time.monotonic() + within_s
        while True:
            while self.heard:
                one = self.heard.pop(0)
                if one.address == address and one.arguments[: len(arguments)] == arguments:
                    return one.arguments
            left = end - time.monotonic()
            assert left > 0, f"{address} {arguments} was never heard"
            self.heard += self.osc.hear_until(address, within_s=left)

    def player(self, state: str, *arguments: object) -> tuple[object, ...]:
        return self.until("/sideman/player", state, *arguments)

    def clip(self, name: str) -> npt.NDArray[np.float32]:
        """Have a clip made, and read it back."""
        self.osc.send("/sideman/generate", "s", name)
        path = str(self.until("/sideman/clip", name)[3])
        samples: npt.NDArray[np.float32] = soundfile.read(path, dtype="float32")[0]
        return samples

    def state(self) -> dict[str, Any]:
        self.osc.send("/sideman/state")
        view: dict[str, Any] = json.loads(str(self.until("/sideman/state")[0]))["player"]
        return view


def eventually(holds: Callable[[], Any], complaint: str) -> Any:
    end = time.monotonic() + PATIENCE_S
    while not (found := holds()):
        assert time.monotonic() < end, complaint
        threading.Event().wait(0.05)
    return found


def place_of(needle: npt.NDArray[np.float32], audio: npt.NDArray[np.float32]) -> int | None:
    """Where some frames are, exactly, in what was played."""
    if not len(needle) or len(audio) < len(needle):
        return None
    loudest = int(np.argmax(np.abs(needle[:, 0])))
    for place in np.flatnonzero(audio[:, 0] == needle[loudest, 0]) - loudest:
        if place >= 0 and np.array_equal(audio[place : place + len(needle)], needle):
            return int(place)
    return None


def test_a_new_take_is_heard_with_the_song_and_the_next_at_its_bar_line(client: Client, device: Device) -> None:
    first = client.clip("one")
    client.player("waiting", "one", 0)
    client.osc.send("/sideman/play", "f", 2.0)
    client.player("launched", "one", 0, 2)
    assert client.state()["playing"] == {"id": "one", "take": 0}
    client.osc.send("/sideman/seed", "i", 77)
    client.osc.send("/sideman/chords", "s", "Am | G |")
    second = client.clip("two")
    bar = client.player("launched", "two", 0)[3]
    eventually(lambda: place_of(second[4000:40000], device.played()), "the second clip was never heard")
    audio = device.played()
    here = place_of(first[4000:40000], audio)
    there = place_of(second[4000:40000], audio)
    assert here is not None
    assert there is not None
    assert abs(there - here - 96000 * (int(str(bar)) - 2)) < 48
    assert client.state()["underruns"] == 0


def test_commands_are_heard(client: Client, device: Device) -> None:
    first = client.clip("one")
    client.osc.send("/sideman/player/audition", "si", "one", 0)
    client.player("auditioning", "one", 0)
    client.player("ended", "one", 0)
    assert place_of(first[:90000], device.played()) is not None
    client.osc.send("/sideman/player/level", "f", -20.0)
    client.osc.send("/sideman/play", "f", 0.0)
    client.osc.send("/sideman/player/play", "s", "one")
    client.player("launched", "one", 0)
    eventually(lambda: 0 < np.abs(device.played()[-4800:]).max() <= 0.1001, "it was never heard, or not so softly")
    client.osc.send("/sideman/player/stop")
    client.player("ended", "one", 0)
    eventually(lambda: not device.played()[-4800:].any(), "it never stopped")
    client.osc.send("/sideman/player/panic")
    client.player("off")
    client.osc.send("/sideman/player/play", "s", "one")
    assert client.until("/sideman/error")[1] == "bad_request"
    client.osc.send("/sideman/player/on")
    client.player("on")
    client.osc.send("/sideman/player/off")
    client.player("off")
    assert not client.state()["on"]


@pytest.mark.parametrize("how", ["unplugged", "hung"])
def test_a_device_that_goes_is_taken_up_again_where_the_song_is(how: str, client: Client, device: Device) -> None:
    first = client.clip("one")
    client.osc.send("/sideman/play", "f", 0.0)
    client.player("launched", "one")
    eventually(lambda: place_of(first[4000:40000], device.played()), "the clip was never heard")
    device.unplug() if how == "unplugged" else device.hang()
    gone = client.player("lost")
    assert "is gone" in str(gone[4])
    assert client.state()["device"] is None
    assert client.state()["playing"] == {"id": "one", "take": 0}
    device.plug() if how == "unplugged" else device.wake()
    client.player("opened")
    eventually(lambda: len(list(device.folder.glob("played-*.raw"))) == 2, "the device was never played on again")
    eventually(lambda: place_of(first[4000:40000], device.played()), "the clip was never heard again")


def test_a_device_of_another_rate_is_played_on(tmp_path: Path, device: Device) -> None:
    device.plug(rate=44100, channels=1)
    with spawned_daemon(tmp_path / "clips", "--play") as spawned, OscClient(spawned.host, spawned.port) as osc:
        client = Client(osc)
        osc.send("/sideman/subscribe")
        osc.send("/sideman/bars", "i", 1)
        osc.send("/sideman/chords", "s", "C | F |")
        clip = client.clip("one")
        osc.send("/sideman/play", "f", 0.0)
        client.player("launched", "one")
        wanted = resampled(fitted(clip, 1), 48000, 44100)
        eventually(lambda: place_of(wanted[4000:40000], device.played()), "the clip was never heard at 44100 Hz")
        assert client.state()["sample_rate_hz"] == 44100


def test_a_device_that_is_not_there_at_the_start_is_waited_for(tmp_path: Path, device: Device) -> None:
    device.unplug()
    with spawned_daemon(tmp_path / "clips", "--play") as spawned, OscClient(spawned.host, spawned.port) as osc:
        client = Client(osc)
        osc.send("/sideman/subscribe")
        assert client.state()["on"]
        device.plug()
        client.player("opened")


@pytest.mark.parametrize(("wrong", "words"), [("package", "pip install 'sideman"), ("library", "libportaudio2")])
def test_without_the_library_play_is_refused_and_all_else_goes_on(
    wrong: str, words: str, tmp_path: Path, device: Device
) -> None:
    (device.folder / "missing").write_text(wrong)
    with (
        pytest.raises(StartError, match="The player cannot start") as refused,
        spawned_daemon(tmp_path / "a", "--play"),
    ):
        pass
    assert words in str(refused.value)
    assert "Traceback" not in str(refused.value)
    with spawned_daemon(tmp_path / "b") as spawned, OscClient(spawned.host, spawned.port) as osc:
        client = Client(osc)
        osc.send("/sideman/subscribe")
        osc.send("/sideman/player/on")
        assert words in str(client.player("lost")[4])
        osc.send("/sideman/chords", "s", "C |")
        client.clip("still-made")


def test_a_clip_that_was_deleted_while_it_plays_is_heard_on_and_before_is_told(
    tmp_path: Path, client: Client, device: Device
) -> None:
    first = client.clip("one")
    client.osc.send("/sideman/play", "f", 0.0)
    client.player("launched", "one")
    for path in (tmp_path / "clips").glob("sideman-*"):
        path.unlink()
    played = len(device.played())
    eventually(
        lambda: place_of(first[4000:40000], device.played()[played:]), "the clip was not heard on after it was deleted"
    )
    client.osc.send("/sideman/player/play", "s", "one")
    answer = client.until("/sideman/error", "one")
    assert answer[1] == "clip"
    assert "deleted" in str(answer[2])
    client.osc.send("/sideman/player/play", "s", "nobody")
    assert client.until("/sideman/error", "nobody")[1] == "no_such_clip"


def test_a_take_of_an_earlier_run_is_played(tmp_path: Path, device: Device) -> None:
    with spawned_daemon(tmp_path / "clips") as spawned, OscClient(spawned.host, spawned.port) as osc:
        osc.send("/sideman/chords", "s", "C |")
        first = Client(osc).clip("one")
    with (
        spawned_daemon(tmp_path / "clips", "--play") as spawned,
        OscClient(spawned.host, spawned.port) as osc,
    ):
        client = Client(osc)
        osc.send("/sideman/subscribe")
        osc.send("/sideman/player/audition", "s", "one")
        client.player("auditioning", "one", 0)
        eventually(lambda: place_of(first[4000:40000], device.played()), "the clip was never heard")


def test_a_clip_follows_the_tempo(client: Client, device: Device) -> None:
    client.clip("one")
    client.osc.send("/sideman/play", "f", 0.0)
    client.player("launched", "one")
    client.osc.send("/sideman/tempo", "f", 140.0)
    assert "-14.3 %" in str(client.player("stretched", "one", 0)[4])


def test_a_new_clip_is_asked_for_where_the_tempo_changes(tmp_path: Path, device: Device) -> None:
    options = ("--play", "--set", "player.on_tempo=request")
    with spawned_daemon(tmp_path / "clips", *options) as spawned, OscClient(spawned.host, spawned.port) as osc:
        client = Client(osc)
        osc.send("/sideman/subscribe")
        osc.send("/sideman/chords", "s", "C |")
        osc.send("/sideman/bars", "i", 1)
        client.clip("one")
        osc.send("/sideman/play", "f", 0.0)
        client.player("launched", "one")
        osc.send("/sideman/tempo", "f", 150.0)
        made = client.until("/sideman/clip")
        assert made[6] == pytest.approx(150.0)
        client.player("launched", made[0])


def test_the_command_line_takes_a_device_or_none(tmp_path: Path, device: Device) -> None:
    for options in (("--play", "output", "--verbose"), ("--play", "--verbose")):
        with spawned_daemon(tmp_path / "clips", *options) as spawned, OscClient(spawned.host, spawned.port) as osc:
            assert Client(osc).state()["device"] == "test output"


def test_it_is_off_unless_asked_for(tmp_path: Path, device: Device) -> None:
    with spawned_daemon(tmp_path / "clips") as spawned, OscClient(spawned.host, spawned.port) as osc:
        assert not Client(osc).state()["on"]
    assert not list(device.folder.glob("played-*"))


@pytest.mark.parametrize(
    ("text", "place"),
    [("ahead_ms = 5", "player.ahead_ms"), ('on_tempo = "swing"', "player.on_tempo"), ("level = 3", "player.level")],
)
def test_settings_that_cannot_be_used_are_told(text: str, place: str, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(f"[player]\n{text}\n")
    with pytest.raises(ConfigError, match=place):
        load_config(path)


# What is pure


def written(folder: Path) -> Clip:
    clips = ClipFolder(folder)
    clips.prepare()
    return clips.write(samples_of(), tags=tags_of(), receipt=receipt_of())


def test_a_clip_is_read_with_its_place_in_the_song(tmp_path: Path) -> None:
    clip = written(tmp_path)
    take = load_take(clip.path, "verse", 3, rate_hz=48000, channels=2)
    assert take.path == clip.path
    assert (take.id, take.number, take.start, take.beats) == ("verse", 3, 4.0, 16.0)
    assert np.abs(take.sounds[0].samples - samples_of()).max() < 2**-23
    mono = load_take(clip.path, "verse", 3, rate_hz=44100, channels=1)
    assert mono.sounds[0].samples.shape == (4410, 1)


def test_a_clip_that_cannot_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(path: Path) -> Take:
        return load_take(path, "one", 0, rate_hz=48000, channels=2)

    clip = written(tmp_path)
    with pytest.raises(ClipError, match="deleted"):
        load(tmp_path / "gone.wav")
    with monkeypatch.context() as patch, pytest.raises(ClipError, match="ask for fewer bars"):
        patch.setattr("bridge.player_take.MAX_SECONDS", 0.05)
        load(clip.path)
    clip.path.write_bytes(clip.path.read_bytes()[:20])
    with pytest.raises(ClipError, match="cannot be read"):
        load(clip.path)
    clip.receipt_path.write_text("{}")
    with pytest.raises(ClipError, match="not a receipt"):
        load(clip.path)


@given(st.sampled_from([44100, 88200, 96000, 22050]), st.integers(20, 400))
def test_a_resampled_loop_keeps_its_length_and_its_seam(rate: int, periods: int) -> None:
    tone = 0.5 * np.sin(2 * np.pi * periods * np.arange(48000) / 48000)
    loop = resampled(tone.astype(np.float32)[:, None], 48000, rate)
    assert len(loop) == rate
    wanted = 0.5 * np.sin(2 * np.pi * periods * np.arange(rate) / rate)
    assert np.abs(loop[:, 0] - wanted).max() < 1e-4


def test_underruns_are_told_at_most_every_few_seconds_and_more_is_mixed_ahead() -> None:
    health, texts, now = Health(ahead_s=0.2, grows=True), [], 0.0
    for tenth in range(1, 200):
        now = tenth / 10
        health, text = health.seen(missed=10 * tenth, late=0, now=now)
        texts += [text] if text else []
    assert len(texts) == 1 + int(now / TELL_S)
    assert "10 blocks were not mixed in time. 300 ms are mixed ahead from now on." in texts[0]
    assert health.ahead_s == MAX_AHEAD_S
    assert health.anew().ahead_s == MAX_AHEAD_S
    fixed, text = Health(ahead_s=0.2, grows=False).seen(missed=1, late=2, now=0.0)
    assert fixed.ahead_s == 0.2
    assert text.startswith("1 block was not mixed in time. Before 2 blocks the device ran dry")


def test_a_tempo_that_stands_is_stretched_to_once_and_one_that_moves_is_waited_for() -> None:
    take = noise_take("a")
    adapting = Adapting(mode="stretch")
    for tick in range(20):
        adapting, due = adapting.looked(Unfit(take, 2.0 + tick / 100), tick * SETTLE_S / 2)
        assert due is None
    at = 20 * SETTLE_S / 2
    adapting, due = adapting.looked(Unfit(take, 1.6), at)
    assert due is None
    adapting, due = adapting.looked(Unfit(take, 1.6), at + SETTLE_S)
    assert due is not None
    assert due.ratio == pytest.approx(0.8)
    for mode in (adapting, adapting.done()):
        assert mode.looked(Unfit(take, 1.6), at + 9)[1] is None
    later, _ = adapting.done().looked(Unfit(take, 1.5), at + 10)
    assert later.looked(Unfit(take, 1.5), at + 10.1 + SETTLE_S)[1] is not None
    assert Adapting(mode="keep").looked(Unfit(take, 1.6), at)[0].unfit is None
    far, _ = Adapting(mode="stretch").looked(Unfit(take, 9.0), 0.0)
    assert far.looked(Unfit(take, 9.0), 5.0)[1] is None
