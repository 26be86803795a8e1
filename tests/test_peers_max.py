"""Category: peer. The Max device's programs under Node, unchanged, and a session of theirs with a real daemon."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from bridge.osc_client import OscClient
from bridge.spawned import spawned_daemon

ROOT = Path(__file__).parent.parent
HERE = Path(__file__).parent / "max"
STANDINS = ROOT / "plugin_host" / "standins" / "max"

pytestmark = pytest.mark.peer


def node(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("node")
    assert program, "Node is missing: apt-get install nodejs"
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "NODE_PATH": str(STANDINS)}
    return subprocess.run(
        [program, *arguments], capture_output=True, text=True, timeout=120, env=environment, check=False
    )


def test_the_programs_parts(tmp_path: Path) -> None:
    files = sorted(str(path) for path in HERE.glob("*.test.js"))
    assert len(files) == 4
    done = node(tmp_path, "--test", "--test-reporter=tap", *files)
    assert done.returncode == 0, done.stdout + done.stderr
    counts = dict(line[2:].split(" ", 1) for line in done.stdout.splitlines() if line.startswith("# "))
    assert int(counts["pass"]) >= 36
    assert (counts["fail"], counts["skipped"], counts["cancelled"]) == ("0", "0", "0")


def test_a_session_with_a_real_daemon(tmp_path: Path) -> None:
    clips = tmp_path / "clips"
    with spawned_daemon(clips, "--host", "ableton") as daemon:
        done = node(tmp_path, str(HERE / "session.js"), f"{daemon.host}:{daemon.port}")
        assert done.returncode == 0, done.stderr
        with OscClient(daemon.host, daemon.port) as client:
            client.send("/sideman/state")
            *_, answer = client.hear_until("/sideman/state", within_s=10)
    seen = json.loads(done.stdout)
    state = json.loads(str(answer.arguments[0]))
    assert state["transport"]["tempo"] == 112.0
    assert state["key"] == "A minor"
    assert [change["chord"] for change in state["chord_changes"]] == ["Am", "Dm"]
    assert (state["prompt"], state["bars"], state["target"]) == ("bossa nova", 2, "slots:Keys 2")
    assert seen["track"] == "Keys 2"
    assert seen["placed"] == ["track Keys 2, slot 1", "track Keys 2, slot 2"]
    assert sorted(seen["files"]) == sorted(str(path) for path in clips.glob("*.wav"))
    assert seen["names"] == [Path(file).stem for file in seen["files"]]
    assert seen["errors"] == [] and seen["posts"] == []
    assert any("is kept" in line for line in seen["statuses"])
    assert seen["shares"][-1] == 1
