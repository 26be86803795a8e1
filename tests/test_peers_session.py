"""Category: peer. Whole sessions driven by other OSC implementations: liblo and SuperCollider."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import threading
import time
import wave
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.spawned import SpawnedDaemon, spawned_daemon

pytestmark = pytest.mark.peer
HERE = Path(__file__).parent
PATIENCE_S = 60.0
PROBE = b"/are/you/there\0\0,\0\0\0"


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[SpawnedDaemon]:
    with spawned_daemon(tmp_path / "clips", "--host", "virtual") as spawned:
        yield spawned


def program(name: str) -> str:
    found = shutil.which(name)
    assert found, f"{name} is not installed; .ci/peers.txt lists what these tests need"
    return found


def lines_until(process: subprocess.Popen[str], end: str) -> list[str]:
    """What a program prints up to the line that has ``end`` in it; one that never prints it is killed."""
    assert process.stdout is not None
    lines = []
    watchdog = threading.Timer(PATIENCE_S, process.kill)
    watchdog.start()
    try:
        for line in process.stdout:
            lines.append(line.strip())
            if end in line:
                return lines
    finally:
        watchdog.cancel()
        watchdog.join()
    raise AssertionError(f"{end} was never heard: {lines}")


def test_oscsend_drives_a_session_and_oscdump_hears_it(daemon: SpawnedDaemon) -> None:
    def send(*arguments: str, port: int = daemon.port) -> None:
        subprocess.run([program("oscsend"), f"osc.udp://127.0.0.1:{port}", *arguments], check=True, timeout=10)

    port = free_port()
    with subprocess.Popen([program("oscdump"), "-L", str(port)], stdout=subprocess.PIPE, text=True) as dump:
        try:
            wait_for_a_listener(port)
            send("/sideman/subscribe", "i", str(port))
            send("/sideman/tempo", "f", "97.5")
            send("/sideman/meter", "ii", "7", "8")
            send("/sideman/key", "s", "F# dorian")
            send("/sideman/chords", "s", "F#m7 | B7 | Emaj7 | % |")
            send("/sideman/drums", "ss", "kick", "x.....x.......")
            send("/sideman/drums", "ss", "snare", "....x.......x.")
            send("/sideman/note", "iffi", "73", "0", "1.5", "90")
            send("/sideman/bars", "i", "4")
            send("/sideman/generate", "s", "from-liblo")
            heard = lines_until(dump, "/sideman/done")
        finally:
            dump.terminate()
    assert not [line for line in heard if "/sideman/error" in line]
    (clip,) = [line for line in heard if "/sideman/clip " in line]
    found = re.search(r'siisiff "from-liblo" 0 4 "([^"]+)" 48000 (\S+) (\S+)', clip)
    assert found, clip
    with wave.open(found[1]) as file:
        assert file.getnframes() == round(48000 * 14 * 60 / 97.5)
    assert float(found[3]) == pytest.approx(97.5)


def wait_for_a_listener(port: int) -> None:
    """Return when something listens on a UDP port of loopback: to write to it is no longer refused."""
    deadline = time.monotonic() + PATIENCE_S
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("127.0.0.1", port))
        probe.settimeout(0.1)
        while time.monotonic() < deadline:
            try:
                probe.send(PROBE)
                probe.recv(1)
            except ConnectionRefusedError:
                continue
            except TimeoutError:
                return
    raise AssertionError(f"Nothing listens on UDP port {port}.")


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_supercollider_drives_a_whole_session(daemon: SpawnedDaemon, tmp_path: Path) -> None:
    home = tmp_path / "home"
    runtime = tmp_path / "runtime"
    home.mkdir()
    runtime.mkdir(mode=0o700)
    environment = os.environ | {
        "HOME": str(home),
        "XDG_RUNTIME_DIR": str(runtime),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "XDG_DATA_HOME": str(home / ".local"),
        "QT_QPA_PLATFORM": "offscreen",
        "QTWEBENGINE_DISABLE_SANDBOX": "1",
        "SIDEMAN_PORT": str(daemon.port),
    }
    ran = subprocess.run(
        [program("sclang"), "-u", str(free_port()), str(HERE / "data" / "session.scd")],
        env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    heard = [line for line in ran.stdout.splitlines() if line.startswith("HEARD")]
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert heard[0].startswith("HEARD pong")
    assert "HEARD accepted from-sclang" in heard
    assert "HEARD done 2" in heard
    clips = [line.split() for line in heard if line.startswith("HEARD clip")]
    assert [clip[2:4] for clip in clips] == [["0", "4"], ["1", "4"]]
    for clip in clips:
        with wave.open(clip[4]) as file:
            assert file.getnframes() == round(48000 * 12 * 60 / 132)
