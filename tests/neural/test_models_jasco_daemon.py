"""Category: integration. JASCO from OSC to a clip: the daemon, a small model of random weights, and a receipt."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import subprocess
import sys
import wave
from collections.abc import Iterator
from pathlib import Path

import httpx2
import numpy as np
import pytest
import soundfile
from small_checkpoints import converted_small

from bridge.errors import StartError
from bridge.osc_client import OscClient
from bridge.spawned import SpawnedDaemon, spawned_daemon
from models.card import CARD_FILE

ENDS = ("/sideman/done", "/sideman/cancelled", "/sideman/error")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return converted_small(tmp_path_factory.mktemp("jasco"), segment_s=2)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("clips")


@pytest.fixture(scope="module")
def daemon(model: Path, clips: Path) -> Iterator[SpawnedDaemon]:
    options = (
        "--engine",
        "jasco",
        "--model",
        str(model),
        "--device",
        "cpu",
        "--host",
        "virtual",
        "--http",
        "127.0.0.1:0",
    )
    with spawned_daemon(clips, *options) as spawned:
        yield spawned


def play_session(client: OscClient) -> None:
    client.send("/sideman/tempo", "f", 240.0)
    client.send("/sideman/chords", "s", "Am7 | Csus4 |")
    client.send("/sideman/drums", "ss", "kick", "x...x...x...x...")
    client.send("/sideman/note", "iff", 69, 0.0, 2.0)
    client.send("/sideman/prompt", "s", "funk bass")
    client.send("/sideman/bars", "i", 2)
    client.send("/sideman/takes", "i", 2)
    client.send("/sideman/seed", "i", 7)


def test_a_session_becomes_clips_that_say_what_made_them(daemon: SpawnedDaemon) -> None:
    with OscClient(daemon.host, daemon.port) as client:
        play_session(client)
        client.send("/sideman/generate", "s", "song")
        heard = list(client.hear_until(*ENDS, within_s=120))
    assert heard[-1].arguments == ("song", 2), heard[-1]
    notices = {str(message.arguments[1]) for message in heard if message.address == "/sideman/notice"}
    assert {"chord_substituted", "melody_ignored"} <= notices
    clips = [Path(str(message.arguments[3])) for message in heard if message.address == "/sideman/clip"]
    for clip in clips:
        with wave.open(str(clip)) as file:
            assert file.getnframes() == 2 * 48000
        receipt = json.loads(clip.with_suffix(".json").read_text(encoding="utf-8"))
        assert receipt["engine"] == "jasco"
        assert receipt["model"].startswith("small ")
        assert receipt["weights_licence"] == "CC-BY-NC-4.0"
        assert [chord["label"] for chord in receipt["chords_asked"]] == ["Am7", "Csus4"]
        assert receipt["chords_used"] == [{"start_s": 0.0, "label": "Am7"}, {"start_s": 1.0, "label": "C"}]
        assert receipt["chords_substituted"] == [{"asked": "Csus4", "label": "C", "distance": 2}]
        assert receipt["caption"] == "funk bass"
        assert len(receipt["drums"]) == 8
        assert "torch" in receipt["versions"]
    assert clips[0].read_bytes() != clips[1].read_bytes()


def test_a_clip_longer_than_the_window_is_made_in_windows_and_says_so(daemon: SpawnedDaemon) -> None:
    with OscClient(daemon.host, daemon.port) as client:
        play_session(client)
        client.send("/sideman/takes", "i", 1)
        client.send("/sideman/bars", "i", 4)
        client.send("/sideman/generate", "s", "long")
        heard = list(client.hear_until(*ENDS, within_s=120))
    assert heard[-1].address == "/sideman/done", heard[-1]
    told = [str(message.arguments[2]) for message in heard if message.arguments[1] == "windows"]
    assert told == [
        "JASCO plays 2 seconds at a time: the clip is made in 4 windows, joined at bars 2, 3 and 4 of the clip."
    ]
    (clip,) = [Path(str(message.arguments[3])) for message in heard if message.address == "/sideman/clip"]
    receipt = json.loads(clip.with_suffix(".json").read_text(encoding="utf-8"))
    assert receipt["computed_on"] == "cpu, float32"
    assert [window["start_s"] for window in receipt["windows"]] == [0.0, 1.0, 2.0, 3.0]
    assert [window["join_db"] is None for window in receipt["windows"]] == [True, False, False, False]
    with wave.open(str(clip)) as file:
        assert file.getnframes() == 4 * 48000


def test_a_clip_is_heard_over_http_while_its_windows_are_made(daemon: SpawnedDaemon) -> None:
    with OscClient(daemon.host, daemon.port) as client, httpx2.Client(base_url=daemon.url, trust_env=False) as http:
        play_session(client)
        client.send("/sideman/takes", "i", 1)
        client.send("/sideman/bars", "i", 8)
        client.send("/sideman/generate", "s", "live")
        assert [message.address for message in client.hear_until("/sideman/accepted", within_s=30)]
        with http.stream("GET", "/api/requests/live/live", timeout=120) as response:
            assert int(response.headers["content-length"]) == 44 + 8 * 48000 * 6
            heard = response.read()
        *_, told = client.hear_until("/sideman/clip", within_s=120)
        list(client.hear_until(*ENDS, within_s=120))
    clip, _ = soundfile.read(str(told.arguments[3]), dtype="float32")
    live, rate = soundfile.read(io.BytesIO(heard), dtype="float32")
    assert (rate, live.shape) == (48000, clip.shape)
    np.testing.assert_array_equal(live[-24000:], clip[-24000:], "the end is the finished clip's")
    early = np.flatnonzero((live != clip).any(axis=1))
    assert len(early) > 48000, "what came before is as the model made it, before mastering"
    at = slice(4800, 19200)
    assert np.corrcoef(live[at, 0], clip[at, 0])[0, 1] > 0.99, "and it is the same music"


def test_a_drum_track_of_the_session_is_heard_from_an_allowed_folder_alone(
    daemon: SpawnedDaemon, clips: Path, tmp_path: Path
) -> None:
    allowed, outside = clips / "drums.wav", tmp_path / "outside.wav"
    drums = np.random.default_rng(0).normal(0, 0.1, 64000).astype(np.float32)
    for path in (allowed, outside):
        soundfile.write(path, drums, 32000)
    with OscClient(daemon.host, daemon.port) as client:
        play_session(client)
        client.send("/sideman/takes", "i", 1)
        client.send("/sideman/drums/track", "s", str(outside))
        *_, refused = client.hear_until("/sideman/error", within_s=30)
        client.send("/sideman/drums/track", "s", str(allowed))
        client.send("/sideman/generate", "s", "drummed")
        heard = list(client.hear_until(*ENDS, within_s=120))
        client.send("/sideman/drums/track", "")
        client.send("/sideman/generate", "s", "charted")
        after = list(client.hear_until(*ENDS, within_s=120))
    assert refused.arguments[1] == "not_allowed"
    receipts = []
    for messages in (heard, after):
        assert messages[-1].address == "/sideman/done", messages[-1]
        (clip,) = [Path(str(message.arguments[3])) for message in messages if message.address == "/sideman/clip"]
        receipts.append(json.loads(clip.with_suffix(".json").read_text(encoding="utf-8")))
    sha256 = hashlib.sha256(allowed.read_bytes()).hexdigest()
    assert receipts[0]["drum_track"] == f"drums.wav (SHA-256 {sha256})"
    assert receipts[0]["drums"] == []
    assert receipts[1]["drum_track"] is None
    assert receipts[1]["drums"]


def test_the_session_may_change_to_the_sketch_engine_and_back(daemon: SpawnedDaemon) -> None:
    with OscClient(daemon.host, daemon.port) as client:
        play_session(client)
        client.send("/sideman/takes", "i", 1)
        engines = []
        for engine in ("sketch", "jasco"):
            client.send("/sideman/engine", "s", engine)
            client.send("/sideman/generate", "s", engine)
            heard = list(client.hear_until(*ENDS, within_s=120))
            assert heard[-1].address == "/sideman/done", heard[-1]
            (clip,) = [Path(str(message.arguments[3])) for message in heard if message.address == "/sideman/clip"]
            engines.append(json.loads(clip.with_suffix(".json").read_text(encoding="utf-8"))["engine"])
    assert engines == ["sketch", "jasco"]


def test_a_model_that_is_not_there_is_one_clear_line(tmp_path: Path) -> None:
    missing = spawned_daemon(tmp_path, "--engine", "jasco", "--model", str(tmp_path / "none"))
    with pytest.raises(StartError, match="is no converted model: name a folder"), missing:
        pass


def test_render_plays_a_midi_file_with_jasco(model: Path, tmp_path: Path) -> None:
    waltz = Path(__file__).parent.parent / "data" / "midi" / "waltz.mid"
    command = [sys.executable, "-P", "-m", "bridge", "render", str(waltz), "--bars", "1", "--engine", "jasco"]
    command += ["--model", str(model), "--device", "cpu", "--out", str(tmp_path), "--json"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stderr
    (clip,) = json.loads(ran.stdout)["clips"]
    receipt = json.loads(Path(clip["receipt_path"]).read_text(encoding="utf-8"))
    assert receipt["engine"] == "jasco"


def test_a_drum_track_stands_in_the_receipt(model: Path, tmp_path: Path) -> None:
    track = tmp_path / "drums.wav"
    soundfile.write(track, np.random.default_rng(0).normal(0, 0.1, 32000).astype(np.float32), 32000)
    waltz = Path(__file__).parent.parent / "data" / "midi" / "waltz.mid"
    command = [sys.executable, "-P", "-m", "bridge", "render", str(waltz), "--bars", "1", "--engine", "jasco"]
    command += ["--model", str(model), "--device", "cpu", "--out", str(tmp_path / "out"), "--json"]
    ran = subprocess.run(
        [*command, "--drum-track", str(track)], capture_output=True, text=True, timeout=120, check=False
    )
    assert ran.returncode == 0, ran.stderr
    (clip,) = json.loads(ran.stdout)["clips"]
    receipt = json.loads(Path(clip["receipt_path"]).read_text(encoding="utf-8"))
    sha256 = hashlib.sha256(track.read_bytes()).hexdigest()
    assert receipt["drum_track"] == f"drums.wav (SHA-256 {sha256})"
    assert receipt["drums"] == []
    assert receipt["soundfont"] is None
    ran = subprocess.run([*command, "--separate-drums"], capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 1
    assert "There is no drum track to isolate drums from" in ran.stderr


def test_weights_that_were_replaced_under_a_daemon_are_told(model: Path, tmp_path: Path) -> None:
    """The receipt would name weights that did not play."""
    copied = tmp_path / "model"
    shutil.copytree(model, copied)
    started = spawned_daemon(tmp_path / "clips", "--engine", "jasco", "--model", str(copied), "--device", "cpu")
    with started as spawned, OscClient(spawned.host, spawned.port) as client:
        play_session(client)
        client.send("/sideman/takes", "i", 1)
        client.send("/sideman/generate", "s", "before")
        assert list(client.hear_until(*ENDS, within_s=120))[-1].address == "/sideman/done"
        card = json.loads((copied / CARD_FILE).read_text(encoding="utf-8"))
        (copied / CARD_FILE).write_text(json.dumps(card | {"tensors_sha256": "0" * 64}), encoding="utf-8")
        client.send("/sideman/generate", "s", "after")
        *_, error = client.hear_until(*ENDS, within_s=120)
    assert error.arguments[0] == "after"
    assert "was replaced while Sideman ran: start the daemon again" in str(error.arguments[2])


def test_a_draft_comes_first_where_the_session_says_so(daemon: SpawnedDaemon) -> None:
    with OscClient(daemon.host, daemon.port) as client:
        play_session(client)
        client.send("/sideman/takes", "i", 1)
        client.send("/sideman/set", "ss", "engine.draft_first", "on")
        client.send("/sideman/generate", "s", "drafted")
        heard = list(client.hear_until(*ENDS, within_s=120))
        client.send("/sideman/set", "ss", "engine.draft_first", "off")
    assert heard[-1].arguments == ("drafted", 1), "one clip, though two files"
    clips = [Path(str(message.arguments[3])) for message in heard if message.address == "/sideman/clip"]
    draft, better = (json.loads(clip.with_suffix(".json").read_text(encoding="utf-8")) for clip in clips)
    assert (draft["draft"], draft["engine_settings"]["solver"]) == (True, "draft")
    assert (better["draft"], better["engine_settings"]["solver"]) == (False, "standard")
    assert better["replaces"] == clips[0].name
    assert draft["seed"] == better["seed"] == 7
    placed = [message.arguments for message in heard if message.address == "/sideman/placed"]
    (first, second) = placed
    assert second == (*first[:2], f"{first[2]}, in the place of its draft")
