"""Category: integration. The whole daemon with HTTP, in a process of its own, and the command line around it."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from websockets.sync.client import connect

from bridge.errors import StartError
from bridge.osc_client import OscClient
from bridge.spawned import SpawnedDaemon, spawned_daemon


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SpawnedDaemon]:
    with spawned_daemon(tmp_path_factory.mktemp("clips"), "--host", "virtual", "--http", "127.0.0.1:0") as spawned:
        yield spawned


@pytest.fixture
def client(daemon: SpawnedDaemon) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=daemon.url, trust_env=False, timeout=20) as one:
        yield one


def test_a_session_over_http_becomes_a_clip_that_can_be_fetched(daemon: SpawnedDaemon, client: httpx2.Client) -> None:
    url = f"ws{daemon.url.removeprefix('http')}api/events"
    with connect(url, proxy=None) as events, OscClient(daemon.host, daemon.port) as osc:
        assert json.loads(events.recv(20))["session"]["clips_folder"]
        osc.send("/sideman/subscribe")
        assert osc.hear(10).address == "/sideman/subscribed"
        client.post("/api/command/tempo", json={"bpm": 120})
        client.post("/api/command/bars", json={"bars": 2})
        events.send(json.dumps({"address": "/sideman/chords", "arguments": ["C | F"]}))
        events.send(json.dumps({"address": "/sideman/generate", "arguments": {"id": "over-http"}}))
        heard: list[dict[str, Any]] = []
        while not heard or heard[-1].get("address") != "/sideman/done":
            heard.append(json.loads(events.recv(60)))
        told = [message.address for message in osc.hear_until("/sideman/done", within_s=20)]
    names = [one["address"].removeprefix("/sideman/") for one in heard if "address" in one]
    steps = [name for name in names if name not in {"notice", "progress"}]
    assert steps == ["accepted", "clip", "placed", "score", "done"]
    assert told[0] == "/sideman/accepted", "OSC hears the same"
    assert any(one["session"]["chords"] == "C | F" for one in heard if "session" in one)
    assert any(one["session"]["jobs"]["running"] == "over-http" for one in heard if "session" in one)
    clip_id = next(one["clip"] for one in heard if one.get("address") == "/sideman/clip")
    receipt = client.get(f"/api/clips/{clip_id}").json()
    audio = client.get(f"/api/clips/{clip_id}/audio").content
    assert hashlib.sha256(audio).hexdigest() == receipt["sha256"]
    assert client.get("/api/clips").json()["clips"][0]["id"] == clip_id
    kept = client.post("/api/command/keep", json={"id": "over-http", "take": 0}).json()["replies"]
    assert kept[0]["address"] == "/sideman/kept"
    assert client.get("/api/clips").json()["clips"][0]["kept"] is True


def test_a_clip_that_a_relay_has_placed_is_told_to_everybody(client: httpx2.Client, daemon: SpawnedDaemon) -> None:
    with connect(f"ws{daemon.url.removeprefix('http')}api/events", proxy=None) as events:
        lost = {"address": "/sideman/clip/placed", "arguments": {"id": "nobody", "take": 0, "where": "x"}}
        events.send(json.dumps(lost))
        while (event := json.loads(events.recv(20))).get("address") != "/sideman/error":
            pass
        assert event["arguments"]["code"] == "no_such_clip"
        asked = {"/sideman/key": "C", "/sideman/generate": "p"}
        client.post("/api/command", json=[{"address": one, "arguments": [text]} for one, text in asked.items()])
        while json.loads(events.recv(60)).get("address") != "/sideman/done":
            pass
        client.post("/api/command/clip/placed", json={"id": "p", "take": 0, "where": "slot 9"})
        while (event := json.loads(events.recv(20))).get("address") != "/sideman/placed":
            pass
        assert event["arguments"] == {"id": "p", "take": 0, "where": "slot 9"}


def test_a_clip_of_an_earlier_run_is_placed_by_a_relay_and_of_no_other(tmp_path: Path) -> None:
    with spawned_daemon(tmp_path / "clips") as spawned, OscClient(spawned.host, spawned.port) as osc:
        osc.send("/sideman/subscribe")
        osc.send("/sideman/chords", "s", "C |")
        osc.send("/sideman/generate", "s", "old")
        list(osc.hear_until("/sideman/done", within_s=60))
    with spawned_daemon(tmp_path / "clips") as spawned, OscClient(spawned.host, spawned.port) as osc:
        osc.send("/sideman/subscribe")
        osc.send("/sideman/clip/placed", "sis", "old", 0, "slot 3")
        told = list(osc.hear_until("/sideman/placed", within_s=20))[-1]
        assert told.arguments == ("old", 0, "slot 3")
        osc.send("/sideman/clip/placed", "sis", "old", 7, "slot 4")
        told = list(osc.hear_until("/sideman/error", within_s=20))[-1]
        assert told.arguments[1] == "no_such_clip"
    (receipt,) = (tmp_path / "clips").glob("*.json")
    assert json.loads(receipt.read_text())["placed"] == "slot 3"


def test_the_session_says_where_http_is(client: httpx2.Client, daemon: SpawnedDaemon) -> None:
    assert client.get("/api/session").json()["http"] == daemon.url


def test_the_daemon_ends_while_clients_are_connected(tmp_path: Path) -> None:
    with (
        spawned_daemon(tmp_path, "--http", "127.0.0.1:0") as spawned,
        connect(f"ws{spawned.url.removeprefix('http')}api/events", proxy=None) as events,
    ):
        events.recv(20)
        began = time.monotonic()
        spawned.process.terminate()
        assert spawned.process.wait(20) == 0
        assert time.monotonic() - began < 15


def test_a_chosen_port_that_is_taken_ends_the_daemon_with_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with (
            pytest.raises(StartError, match=f"TCP port {port} on 127.0.0.1 is in use"),
            spawned_daemon(tmp_path, "--http", f"127.0.0.1:{port}"),
        ):
            pass


def test_beyond_loopback_a_token_is_needed_and_can_be_made(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="needs a token"), spawned_daemon(tmp_path, "--http", "0.0.0.0:0"):
        pass
    token = tmp_path / "token"
    with spawned_daemon(tmp_path / "clips", "--http", "0.0.0.0:0", "--token-file", str(token)) as spawned:
        if os.name == "posix":
            assert stat.S_IMODE(token.stat().st_mode) == 0o600
        url = spawned.url.replace("0.0.0.0", "127.0.0.1")
        assert httpx2.get(f"{url}api/health", trust_env=False).status_code == 401
        headers = {"authorization": f"Bearer {token.read_text().strip()}"}
        assert httpx2.get(f"{url}api/health", headers=headers, trust_env=False).status_code == 200
        with OscClient(spawned.host, spawned.port) as osc:
            osc.send("/sideman/ping")
            assert osc.hear(10).address == "/sideman/pong", "OSC on loopback needs none"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", "bridge", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["127.0.0.1:x"], 2, "HOST:PORT"),
        (["127.0.0.1", "--osc", "nowhere"], 2, "HOST:PORT"),
        (["127.0.0.1", "--token-file", "/nowhere/token"], 1, "cannot be read"),
        (["127.0.0.1", "--host", "nodaw"], 1, "no host 'nodaw'"),
    ],
)
def test_a_relay_that_cannot_start_says_why(tmp_path: Path, arguments: list[str], status: int, words: str) -> None:
    ran = run("relay", *arguments, "--clips", str(tmp_path / "clips"))
    assert ran.returncode == status
    assert words in " ".join(ran.stderr.replace("│", " ").split())
    assert "Traceback" not in ran.stderr


def test_a_relay_without_the_token_ends_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "none.toml").touch()
    with spawned_daemon(
        tmp_path / "there", "--http", "127.0.0.1:0", "--token-file", str(tmp_path / "token")
    ) as spawned:
        address = spawned.url.removeprefix("http://").rstrip("/")
        ran = run(
            "relay",
            address,
            "--osc",
            "127.0.0.1:0",
            "--clips",
            str(tmp_path / "here"),
            "--config",
            str(tmp_path / "none.toml"),
        )
    assert ran.returncode == 1
    assert "wants its token" in ran.stderr
