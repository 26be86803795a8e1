"""Category: integration. MAGNeT from the Hub to a clip over OSC, settings, continuation and infill."""

from __future__ import annotations

import json
import subprocess
import sys
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hub_server import Hub, hub_server
from small_checkpoints import converted_small, copy_of, write_small
from test_models_hub import models, stored

from bridge.config import Config
from bridge.engine_parts import model_settings
from bridge.magnet_plan import MagnetSettings
from bridge.neural_config import MagnetConfig
from bridge.osc_client import OscClient
from bridge.spawned import SpawnedDaemon, spawned_daemon
from models.card import CARD_FILE, read_card

PARITY = Path(__file__).parent.parent / "data" / "parity"
ENDS = ("/sideman/done", "/sideman/cancelled", "/sideman/error")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The emulated checkpoint, pulled from a server that speaks the Hub's protocol."""
    home = tmp_path_factory.mktemp("home")
    write_small(home / "hub")
    held = {
        "facebook/magnet-small-10secs": PARITY / "checkpoint_emulation" / "magnet_32khz",
        "facebook/encodec_32khz": PARITY / "encodec_32khz_hf_tiny",
        "google-t5/t5-base": home / "hub" / "text",
    }
    with hub_server(Hub(repositories=held)) as hub:
        pulled = models(hub, home, "pull", "magnet-small-10secs")
        assert pulled.returncode == 0, pulled.stderr
        assert models(hub, home, "check", "magnet-small-10secs").returncode == 0
    return stored(home) / "magnet-small-10secs"


@pytest.fixture(scope="module")
def daemon(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SpawnedDaemon]:
    clips = tmp_path_factory.mktemp("clips")
    options = ("--model", str(model), "--device", "cpu", "--set", "magnet.preset=draft")
    with spawned_daemon(clips, *options) as spawned:
        yield spawned


def made(client: OscClient, name: str) -> tuple[list[Path], list[Any]]:
    """The clips of a request, and everything that was said."""
    client.send("/sideman/generate", "s", name)
    heard = list(client.hear_until(*ENDS, within_s=120))
    return [Path(str(message.arguments[3])) for message in heard if message.address == "/sideman/clip"], heard


def receipt_of(clip: Path) -> dict[str, Any]:
    receipt: dict[str, Any] = json.loads(clip.with_suffix(".json").read_text(encoding="utf-8"))
    return receipt


def fresh(client: OscClient, bars: int = 1, takes: int = 1) -> None:
    client.send("/sideman/tempo", "f", 240.0)
    client.send("/sideman/prompt", "s", "warm synth")
    client.send("/sideman/bars", "i", bars)
    client.send("/sideman/takes", "i", takes)
    client.send("/sideman/seed", "i", 7)
    client.send("/sideman/audio/clear")
    client.send("/sideman/chords/clear")
    for setting in ("magnet.temperature", "magnet.decoding_steps", "magnet.preset"):
        client.send("/sideman/set", "s", setting)


def test_the_model_decides_the_engine_and_two_takes_differ(daemon: SpawnedDaemon, model: Path) -> None:
    assert read_card(model).kind == "magnet"
    with OscClient(daemon.host, daemon.port) as client:
        fresh(client, takes=2)
        client.send("/sideman/chords", "s", "Am7 |")
        clips, heard = made(client, "two")
        assert heard[-1].arguments == ("two", 2), heard[-1]
        again, _ = made(client, "again")
    notices = [message.arguments for message in heard if message.address == "/sideman/notice"]
    assert any(code == "not_heard" and "chords" in text for _, code, text in notices)
    assert clips[0].read_bytes() != clips[1].read_bytes()
    for clip in clips:
        with wave.open(str(clip)) as file:
            assert file.getnframes() == 48000
        receipt = receipt_of(clip)
        assert receipt["engine"] == "magnet"
        assert receipt["model"].startswith("magnet-small-10secs (facebook/magnet-small-10secs, SHA-256 ")
        assert receipt["weights_licence"] == "CC-BY-NC-4.0"
        assert receipt["soundfont"] is None
        assert receipt["engine_settings"]["decoding_steps"] == [10, 5, 5, 5]
        assert receipt["chords_used"] == []
    assert [receipt_of(clip)["audio_sha256"] for clip in clips] == [
        receipt_of(clip)["audio_sha256"] for clip in again
    ], "one seed repeats"


def test_every_parameter_is_reached_over_osc(daemon: SpawnedDaemon) -> None:
    values: dict[str, tuple[object, object]] = {
        "preset": ("fine", None), "decoding_steps": ("3 2 2 2", [3, 2, 2, 2]), "temperature": (2.5, 2.5),
        "anneal_temperature": ("false", False), "top_p": (0.0, 0.0), "top_k": (5, 5), "cfg_max": (4.0, 4.0),
        "cfg_min": (2.0, 2.0), "span_arrangement": ("nonoverlap", "nonoverlap"), "span_scoring": ("prod", "prod"),
        "sampling": ("true", True),
    }  # fmt: skip
    with OscClient(daemon.host, daemon.port) as client:
        fresh(client)
        for name, (value, _) in values.items():
            tag = {str: "s", int: "i", float: "f"}[type(value)]
            client.send("/sideman/set", f"s{tag}", f"magnet.{name}", value)
        (clip,), _ = made(client, "set")
        client.send("/sideman/state")
        state = json.loads(str(next(iter(client.hear_until("/sideman/state", within_s=10))).arguments[0]))
        for name in values:
            client.send("/sideman/set", "s", f"magnet.{name}")
        (after,), _ = made(client, "unset")
    asked = receipt_of(clip)["engine_settings"]
    assert {name: asked[name] for name in values if name != "preset"} == {
        name: told for name, (_, told) in values.items() if name != "preset"
    }
    assert state["settings"]["magnet.temperature"] == "2.5"
    assert receipt_of(after)["engine_settings"]["decoding_steps"] == [10, 5, 5, 5], "as configured"


def test_how_a_take_was_fitted_is_told_and_written_down_and_can_be_switched_off(daemon: SpawnedDaemon) -> None:
    with OscClient(daemon.host, daemon.port) as client:
        fresh(client)
        client.send("/sideman/tempo", "f", 120.0)
        (fitted,), heard = made(client, "fitted")
        client.send("/sideman/set", "ss", "magnet.tempo_fit", "false")
        (plain,), heard_plain = made(client, "plain")
        client.send("/sideman/set", "s", "magnet.tempo_fit")
    told = [str(message.arguments[2]) for message in heard if message.arguments[1:2] == ("tempo_fit",)]
    record = receipt_of(fitted)["tempo_fit"]
    assert len(told) == 1
    assert record["attempts"][0]["seed"] == 7
    assert receipt_of(fitted)["seed"] in {one["seed"] for one in record["attempts"]}
    assert (record["used"]["outcome"] == "no_beat") == told[0].startswith("No steady beat")
    assert {"code": "tempo_fit", "message": told[0]} in receipt_of(fitted)["notices"]
    assert receipt_of(fitted)["versions"].keys() >= {"librosa", "python-stretch"}
    assert receipt_of(plain)["tempo_fit"] is None
    assert not [message for message in heard_plain if message.arguments[1:2] == ("tempo_fit",)]
    for clip in (fitted, plain):
        with wave.open(str(clip)) as file:
            assert file.getnframes() == 2 * 48000


def test_a_clip_is_continued_and_its_successor_is_another(daemon: SpawnedDaemon) -> None:
    with OscClient(daemon.host, daemon.port) as client:
        fresh(client)
        (first,), _ = made(client, "first")
        client.send("/sideman/continue", "s", "first")
        (second,), heard = made(client, "second")
    assert heard[-1].address == "/sideman/done"
    assert receipt_of(second)["given_audio"] == f"{first.name}, before the clip"
    assert receipt_of(second)["audio_sha256"] != receipt_of(first)["audio_sha256"]


def test_infill_keeps_what_is_outside(daemon: SpawnedDaemon) -> None:
    """Beats 2 and 3 of 4 are made anew in two ways; before and after them the two clips agree.

    The edges are left out: the codec's layers reach over them, and its memory beyond.
    """
    with OscClient(daemon.host, daemon.port) as client:
        fresh(client, bars=2)
        (loop,), _ = made(client, "loop")
        client.send("/sideman/infill", "sff", str(loop), 4.0, 8.0)
        (one,), heard = made(client, "one")
        client.send("/sideman/seed", "i", 8)
        (other,), _ = made(client, "other")
    assert heard[-1].address == "/sideman/done", heard[-1]
    assert receipt_of(one)["given_audio"] == f"{loop.name}, kept but for 1.000 s to 2.000 s"
    first, second = (soundfile.read(clip)[0].mean(axis=1) for clip in (one, other))
    gain = [10 ** (receipt_of(clip)["gain_db"] / 20) for clip in (one, other)]
    head = slice(4800, 40000)
    kept = np.corrcoef(first[head], second[head])[0, 1]
    made_anew = np.corrcoef(first[52000:90000], second[52000:90000])[0, 1]
    assert kept > 0.99, "what is kept is the same, at another gain"
    assert made_anew < 0.9
    assert all(np.isfinite(gain))


def test_a_file_outside_the_users_folders_is_not_read(daemon: SpawnedDaemon, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "loop.wav", np.zeros(48000), 48000)
    with OscClient(daemon.host, daemon.port) as client:
        fresh(client)
        client.send("/sideman/infill", "sff", str(tmp_path / "loop.wav"), 0.0, 2.0)
        (error,) = client.hear_until("/sideman/error", within_s=10)
    assert error.arguments[1] == "not_allowed"
    assert "audio_folders" in str(error.arguments[2])


def test_the_wrong_kind_of_model_is_one_clear_line(tmp_path: Path, model: Path) -> None:
    jasco = converted_small(tmp_path / "jasco")
    for engine, path in (("jasco", model), ("magnet", jasco)):
        command = [sys.executable, "-P", "-m", "bridge", "serve", "--engine", engine, "--model", str(path)]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert ran.returncode == 1
        assert "is a model of the engine" in ran.stderr
        assert "Traceback" not in ran.stderr


def test_render_goes_on_from_a_file(model: Path, tmp_path: Path) -> None:
    waltz = Path(__file__).parent.parent / "data" / "midi" / "waltz.mid"
    soundfile.write(tmp_path / "loop.wav", np.random.default_rng(0).normal(0, 0.1, 96000), 48000)
    base = [sys.executable, "-P", "-m", "bridge", "render", str(waltz), "--bars", "1", "--model", str(model), "--json"]
    base += ["--device", "cpu", "--prompt", "waltz", "--set", "magnet.decoding_steps=3,2,2,2", "--out", str(tmp_path)]
    for more, told in (
        (["--continue", str(tmp_path / "loop.wav")], "loop.wav, before the clip"),
        (["--infill", str(tmp_path / "loop.wav"), "--beats", "0:1"], "loop.wav, kept but for 0.000 s"),
    ):
        ran = subprocess.run([*base, *more], capture_output=True, text=True, timeout=120, check=False)
        assert ran.returncode == 0, ran.stderr
        (clip,) = json.loads(ran.stdout)["clips"]
        assert receipt_of(Path(clip["path"]))["given_audio"].startswith(told)
    sketch = [one for one in base if one not in {"--model", str(model)}] + ["--engine", "sketch"]
    refused = subprocess.run(
        [*sketch, "--continue", str(tmp_path / "loop.wav")], capture_output=True, text=True, timeout=60, check=False
    )
    assert refused.returncode == 1
    assert "magnet goes on from audio; sketch does not" in refused.stderr
    wrong = subprocess.run([*base, "--beats", "0:1"], capture_output=True, text=True, timeout=60, check=False)
    assert wrong.returncode == 2
    assert "belong together" in wrong.stderr


@pytest.mark.parametrize(("sound", "fitted"), [(False, True), (True, False)])
def test_a_model_of_sounds_is_not_fitted(model: Path, tmp_path: Path, sound: bool, fitted: bool) -> None:
    folder = copy_of(model, tmp_path / "model")
    card = read_card(folder).model_copy(update={"sound": sound})
    (folder / CARD_FILE).write_text(card.to_json(), encoding="utf-8")
    settings = model_settings("magnet", Config(magnet=MagnetConfig(model=str(folder))))
    assert isinstance(settings, MagnetSettings)
    assert settings.tempo_fit is fitted
