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

SCENE = """
import json, sys, threading, time
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

peer = link.Link(127.0)
peer.startStopSyncEnabled = True
peer.enabled = True
with spawned_daemon(Path(sys.argv[1]), "--link") as daemon, OscClient(daemon.host, daemon.port) as client:
    until(lambda: state(client)["midi"]["link_peers"] == 1)
    until(lambda: abs(state(client)["transport"]["tempo"] - 127.0) < 0.01)
    session, now = peer.captureAppSessionState(), peer.clock().micros()
    session.setIsPlaying(True, now)
    peer.commitAppSessionState(session)
    until(lambda: state(client)["transport"]["playing"])
    found = state(client)
    beat = peer.captureAppSessionState().beatAtTime(peer.clock().micros(), 4.0)
    print(json.dumps({"leader": found["midi"]["leader"], "position": found["transport"]["position"], "beat": beat}))
    session = peer.captureAppSessionState()
    session.setTempo(90.0, peer.clock().micros())
    peer.commitAppSessionState(session)
    until(lambda: abs(state(client)["transport"]["tempo"] - 90.0) < 0.01)
peer.enabled = False
"""


def test_tempo_beat_and_start_come_from_a_peer(tmp_path: Path) -> None:
    """In a network namespace: Link multicasts, and must not reach the network of whoever runs the tests."""
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
    assert found["position"] == pytest.approx(found["beat"], abs=0.25)
