"""Category: peer. Ableton Link between the daemon and another process, in a network of their own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.peer

SCENE = '''
import json, statistics, sys, threading, time
from pathlib import Path
import link
from bridge.osc_client import OscClient
from bridge.spawned import spawned_daemon

def wait():
    threading.Event().wait(0.05)

def state(client):
    client.send("/sideman/state")
    *_, answer = client.hear_until("/sideman/state", within_s=10)
    return json.loads(str(answer.arguments[0]))

def until(holds):
    end = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < end, "it never came"
        wait()

def capture():
    return peer.captureAppSessionState()

def change(name, value):
    session = capture()
    getattr(session, name)(value, peer.clock().micros())
    peer.commitAppSessionState(session)

def apart_s(client):
    """How far the daemon's song is from the peer's place in the bar; the answer lies between two looks."""
    before = peer.clock().micros()
    transport = state(client)["transport"]
    middle = (before + peer.clock().micros()) // 2
    beats = (transport["position"] - capture().phaseAtTime(middle, 4.0) + 2.0) % 4.0 - 2.0
    return abs(beats) * 60.0 / transport["tempo"]

def median_apart_s(client):
    return statistics.median(apart_s(client) for _ in range(21))

found = {}
peer = link.Link(127.0)
peer.startStopSyncEnabled = True
peer.enabled = True
with spawned_daemon(Path(sys.argv[1]), "--link") as daemon, OscClient(daemon.host, daemon.port) as client:
    until(lambda: state(client)["midi"]["link_peers"] == 1)
    until(lambda: abs(state(client)["transport"]["tempo"] - 127.0) < 0.01)
    found["leader"] = state(client)["midi"]["leader"]
    client.send("/sideman/position", "f", 16.0)
    until(lambda: state(client)["transport"]["position"] == 16.0)
    change("setIsPlaying", True)
    until(lambda: state(client)["transport"]["playing"])
    found["start"] = state(client)["transport"]["position"]
    wait()
    found["apart_s"] = median_apart_s(client)
    change("setTempo", 90.0)
    until(lambda: abs(state(client)["transport"]["tempo"] - 90.0) < 0.01)
    wait()
    found["apart_after_s"] = median_apart_s(client)
    client.send("/sideman/tempo", "f", 101.5)
    until(lambda: abs(capture().tempo() - 101.5) < 0.01)
    client.send("/sideman/stop")
    until(lambda: not capture().isPlaying())
    client.send("/sideman/play", "f", 0.0)
    until(lambda: capture().isPlaying())
    until(lambda: state(client)["transport"]["playing"])
    wait()
    found["apart_at_last_s"] = median_apart_s(client)
peer.enabled = False
print(json.dumps(found))
'''


def test_tempo_bar_start_and_stop_go_both_ways(tmp_path: Path) -> None:
    """In a network namespace: Link multicasts, and must not reach the network of whoever runs the tests.

    The song starts where it stands, at the next bar of the peer, and keeps in phase through changes of tempo.
    """
    unshare = shutil.which("unshare")
    assert unshare, "unshare is not installed; .ci/peers.txt lists what these tests need"
    up = 'ip link set lo up && ip route add 224.0.0.0/4 dev lo && exec "$@"'
    ran = subprocess.run(
        [unshare, "--net", "bash", "-c", up, "bash", sys.executable, "-c", SCENE, str(tmp_path)],
        capture_output=True, text=True, timeout=120, check=False, env=dict(os.environ),
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout.strip().splitlines()[-1])
    assert found["leader"] == "link"
    assert found["start"] == pytest.approx(16.0, abs=0.5)
    assert max(found["apart_s"], found["apart_after_s"], found["apart_at_last_s"]) < 0.008
