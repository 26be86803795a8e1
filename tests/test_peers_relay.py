"""Category: peer. The daemon and the relay on two machines: network namespaces with a cable between them."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.peer

CABLE = r"""
set -eu
ip link set lo up
unshare --net sleep 300 &
other=$!
trap 'kill $other' EXIT
until [ "$(readlink /proc/$other/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.05; done
ip link add daw type veth peer name gpu
ip link set gpu netns $other
ip addr add 10.77.0.1/24 dev daw
ip link set daw up
nsenter --net=/proc/$other/ns/net ip link set lo up
nsenter --net=/proc/$other/ns/net ip addr add 10.77.0.2/24 dev gpu
nsenter --net=/proc/$other/ns/net ip link set gpu up
tc qdisc add dev daw root tbf rate 100mbit burst 64kb latency 400ms
nsenter --net=/proc/$other/ns/net tc qdisc add dev gpu root tbf rate 16mbit burst 64kb latency 400ms
GPU=$other "$@"
"""
"""This namespace is the DAW's machine, 10.77.0.1; the other, 10.77.0.2, is the daemon's. The cable carries 2 MB/s."""

SCENE = r"""
import json, os, subprocess, sys, threading, time
from pathlib import Path
import httpx2
from bridge.osc_client import NoAnswer, OscClient

folder = Path(sys.argv[1])
there, here = folder / "there", folder / "here"
gpu = ["nsenter", f"--net=/proc/{os.environ['GPU']}/ns/net"]
python = [sys.executable, "-P", "-m", "bridge"]
token = folder / "token"
found, lines = {}, []

def until(true, within=60.0):
    end = time.monotonic() + within
    while not true():
        assert time.monotonic() < end, ("it never came", lines)
        time.sleep(0.02)

def program(*command):
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

def reading(process, kept):
    def read():
        for line in process.stdout:
            kept.append(line.strip())
    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    return thread

said = []
common = ("--token-file", str(token), "--config", str(folder / "none.toml"))
daemon = program(*gpu, *python, "serve", "--osc", "10.77.0.2:9130", "--http", "0.0.0.0:9131", "--clips", str(there),
                 *common)
relay = None
try:
    reading(daemon, said)
    until(lambda: len(said) == 2)
    found["said"] = said[:2]

    url = "http://10.77.0.2:9131"
    with httpx2.Client(trust_env=False, timeout=10) as client:
        paths = ("/", "/api/health", "/api/session", "/api/clips")
        found["without"] = [client.get(url + path).status_code for path in paths]
        found["without"].append(client.post(url + "/api/command/tempo", json={"bpm": 99}).status_code)
        wrong = {"authorization": "Bearer wrong-wrong-wrong"}
        found["wrong"] = client.get(url + "/api/session", headers=wrong).status_code
        auth = {"authorization": "Bearer " + token.read_text().strip()}
        with OscClient("10.77.0.2", 9130) as stranger:
            stranger.send("/sideman/tempo", "f", 99.0)
            found["osc"] = stranger.hear(10).arguments[1]
            stranger.send("/sideman/subscribe", "sis", "", 0, "wrong-wrong-wrong")
            found["osc wrong"] = stranger.hear(10).arguments[1]
            found["tempo before"] = client.get(url + "/api/session", headers=auth).json()["transport"]["tempo"]
            stranger.send("/sideman/subscribe", "sis", "", 0, token.read_text().strip())
            found["osc right"] = stranger.hear(10).address
            stranger.send("/sideman/tempo", "f", 101.0)
            stranger.send("/sideman/ping")
            stranger.hear(10)
            found["tempo after"] = client.get(url + "/api/session", headers=auth).json()["transport"]["tempo"]
            stranger.send("/sideman/unsubscribe")

    relay = program(*python, "relay", "10.77.0.2", "--osc", "127.0.0.1:0", "--clips", str(here), "--host", "virtual",
                    *common)
    reading(relay, lines)
    until(lambda: any(line.endswith("connected") for line in lines))
    port = int(lines[0].rpartition(":")[2])
    with OscClient("127.0.0.1", port) as daw:
        for address, types, *arguments in [
            ("/sideman/tempo", "f", 120.0), ("/sideman/chords", "s", "Am7 | Dm7 | G7 | Cmaj7 |"),
            ("/sideman/bars", "i", 32),
            ("/sideman/seed", "i", 5), ("/sideman/generate", "s", "song"),
        ]:
            daw.send(address, types, *arguments)
        until(lambda: any(here.glob(".relay-*.part")) and next(here.glob(".relay-*.part")).stat().st_size > 1_000_000)
        subprocess.run(["ip", "link", "set", "daw", "down"], check=True)
        found["broken at"] = next(here.glob(".relay-*.part")).stat().st_size
        until(lambda: any("link broke" in line for line in lines) and any("not reached" in line for line in lines))
        found["whole while broken"] = any(here.glob("*.wav"))
        subprocess.run(["ip", "link", "set", "daw", "up"], check=True)
        until(lambda: any(line.startswith("placed:") for line in lines), 120)
        heard = []
        try:
            while True:
                message = daw.hear(5)
                heard.append(message.address)
                if message.address == "/sideman/clip":
                    found["clip"] = message.arguments[3]
                if {"/sideman/placed", "/sideman/done"} <= set(heard):
                    break
        except NoAnswer:
            pass
        found["heard"] = sorted(set(heard))
    found["lines"] = lines
finally:
    for process in (relay, daemon):
        if process:
            process.terminate()
            process.wait(20)
found["ends"] = [relay.returncode, daemon.returncode]
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """What was found on the two machines, and the folder that both have."""
    unshare = shutil.which("unshare")
    assert unshare, "unshare is not installed; .ci/peers.txt lists what these tests need"
    folder = tmp_path_factory.mktemp("two-machines")
    (folder / "none.toml").touch()
    ran = subprocess.run(
        [unshare, "--net", "bash", "-c", CABLE, "bash", sys.executable, "-c", SCENE, str(folder)],
        capture_output=True, text=True, timeout=400, check=False, env=dict(os.environ),
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-4000:]
    found: dict[str, Any] = json.loads(ran.stdout.strip().splitlines()[-1])
    return folder, found


def test_without_the_token_nothing_is_reachable(scene: tuple[Path, dict[str, Any]]) -> None:
    folder, found = scene
    assert found["said"] == ["osc udp://10.77.0.2:9130", "http http://0.0.0.0:9131/"]
    assert found["without"] == [401] * 5
    assert found["wrong"] == 401
    assert found["osc"] == found["osc wrong"] == "not_allowed"
    assert found["tempo before"] == 120.0
    assert found["osc right"] == "/sideman/subscribed"
    assert found["tempo after"] == 101.0
    assert (folder / "token").stat().st_mode & 0o777 == 0o600


def test_a_clip_comes_whole_over_a_cable_that_was_pulled_in_its_middle(scene: tuple[Path, dict[str, Any]]) -> None:
    folder, found = scene
    (there,) = (folder / "there").glob("*.wav")
    (here,) = (folder / "here").glob("*.wav")
    assert 1_000_000 <= found["broken at"] < there.stat().st_size
    assert not found["whole while broken"]
    receipt = json.loads(here.with_suffix(".json").read_text(encoding="utf-8"))
    assert hashlib.sha256(here.read_bytes()).hexdigest() == receipt["sha256"]
    assert here.read_bytes() == there.read_bytes()
    assert list((folder / "here").glob(".relay*")) == []
    assert found["clip"] == str(here)
    assert {"/sideman/accepted", "/sideman/clip", "/sideman/placed", "/sideman/done"} <= set(found["heard"])
    assert found["ends"] == [0, 0]
