"""A JACK server without a sound card, of a test's own, and a recorder on it in a process of its own."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

RATE = 48000
PERIOD = 256
PATIENCE_S = 30.0

RECORDER = """
import json, sys, time
import jack, numpy as np

path, seconds = sys.argv[1], float(sys.argv[2])
client = jack.Client("recorder", no_start_server=True)
ports = [client.inports.register(f"in_{channel}") for channel in range(2)]
rate, block = client.samplerate, client.blocksize
audio = np.zeros((int(seconds * rate), 2), dtype=np.float32)
times = np.full(len(audio) // block + 1, np.inf)
first = None
xruns = 0

@client.set_process_callback
def process(frames):
    global first
    now, frame = time.monotonic(), client.last_frame_time
    if first is None:
        first = frame
    place = (frame - first) % (1 << 32)
    if place + frames <= len(audio):
        for channel, port in enumerate(ports):
            audio[place : place + frames, channel] = port.get_array()
        times[place // frames] = now

@client.set_xrun_callback
def xrun(delayed):
    global xruns
    xruns += 1

with client:
    print("ready", flush=True)
    for line in sys.stdin:
        if line.strip() == "connect":
            outputs = []
            while len(outputs) < 2:
                outputs = [port for port in client.get_ports(is_output=True, is_audio=True)
                           if not port.name.startswith(("system:", "recorder:"))]
                time.sleep(0.01)
            for output, port in zip(outputs, ports):
                client.connect(output, port)
            print("connected", flush=True)
        elif line.strip() == "xruns":
            print(xruns, flush=True)
        else:
            break
blocks = np.arange(len(times))[np.isfinite(times)]
late = times[blocks] - blocks * block / rate
np.save(path, audio[: (blocks[-1] + 1) * block])
print(json.dumps({"began": float(np.percentile(late, 10)), "xruns": xruns,
                  "missed": int(blocks[-1] + 1 - len(blocks))}), flush=True)
"""
"""Records what it is connected to, each block at its own frame, with the monotonic time at which blocks began."""


def until(holds: Callable[[], Any], complaint: str, within_s: float = PATIENCE_S) -> Any:
    """Wait for something that another process does."""
    end = time.monotonic() + within_s
    while not (found := holds()):
        assert time.monotonic() < end, complaint
        threading.Event().wait(0.02)
    return found


def answers() -> bool:
    """Whether a client of a process of its own can open: libjack keeps what failed in a process."""
    code = "import jack; jack.Client('probe', no_start_server=True).close()"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0


def has_realtime() -> bool:
    """Whether threads here may have a real-time priority, as musicians' machines are set up; it spares other load."""
    code = "import os; os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(5))"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0


@contextmanager
def jack_server(name: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A server that the environment names, which may be ended before its time."""
    server = shutil.which("jackd")
    assert server, "jackd is not installed; .ci/peers.txt lists what these tests need"
    command = [server, "--name", name, "--realtime" if has_realtime() else "--no-realtime", "--sync"]
    command += ["-d", "dummy", "-r", str(RATE), "-p", str(PERIOD)]
    with pytest.MonkeyPatch.context() as environment, (folder / "jackd.log").open("ab") as out:
        environment.setenv("JACK_DEFAULT_SERVER", name)
        environment.setenv("JACK_NO_START_SERVER", "1")
        environment.setenv("XDG_RUNTIME_DIR", str(folder))
        environment.setenv("HOME", str(folder))
        with subprocess.Popen([*command, "-C", "2", "-P", "2"], stdout=out, stderr=out) as process:
            try:
                until(answers, f"JACK never answered; {folder}/jackd.log says why")
                yield process
            finally:
                process.terminate()


@dataclass(frozen=True, slots=True, kw_only=True)
class Xruns:
    """Cycles that a server without a sound card began too late. ``own``: it woke too late itself, for its clients had
    done their part within a period. ``graph``: its clients took longer than a period, or had not finished."""

    own: int
    graph: int

    def __sub__(self, other: Xruns) -> Xruns:
        return Xruns(own=self.own - other.own, graph=self.graph - other.graph)


def xruns_told(folder: Path) -> Xruns:
    """What the server in a folder has told so far."""
    log = (folder / "jackd.log").read_text(errors="replace")
    took = [int(micros) for micros in re.findall(r"JackTimedDriver::Process XRun = (\d+) usec", log)]
    own = sum(micros < 1e6 * PERIOD / RATE for micros in took)
    return Xruns(own=own, graph=len(took) - own + len(re.findall(r"JackEngine::XRun: client", log)))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Recording:
    """``audio`` by the server's frames. Frame 0 began at the monotonic time ``began``, and is heard ``latency``
    frames later. ``xruns`` and ``missed`` blocks say that it is not whole."""

    audio: npt.NDArray[np.float32]
    began: float
    latency: int
    xruns: int
    missed: int

    def heard_at(self, frame: int) -> float:
        """When a frame is heard, in monotonic seconds."""
        return self.began + (frame + self.latency) / RATE


def playback_latency() -> int:
    """How many frames after its block the server says that a frame is heard."""
    said = subprocess.run(["jack_lsp", "-l", "system:playback_1"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"playback latency = \[ *(\d+)", said)
    assert found, said
    return int(found[1])


class Recorder:
    """The recorder's process."""

    def __init__(self, process: subprocess.Popen[str], path: Path) -> None:
        self._process, self._path = process, path
        assert self._said() == "ready"

    def connect(self) -> None:
        """Listen to the one client that plays."""
        self._say("connect")
        assert self._said() == "connected"

    @property
    def xruns(self) -> int:
        self._say("xruns")
        return int(self._said())

    def stop(self) -> Recording:
        self._say("stop")
        facts = json.loads(self._said())
        return Recording(audio=np.load(self._path), latency=playback_latency(), **facts)

    def _say(self, word: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()

    def _said(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


@contextmanager
def recorder(folder: Path, seconds: float = 60.0) -> Iterator[Recorder]:
    path = folder / f"recorded-{time.monotonic_ns()}.npy"
    command = [sys.executable, "-c", RECORDER, str(path), str(seconds)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=dict(os.environ)) as process:
        watchdog = threading.Timer(seconds + 2 * PATIENCE_S, process.kill)
        watchdog.start()
        try:
            yield Recorder(process, path)
        finally:
            if process.stdin:
                process.stdin.close()
            try:
                process.wait(PATIENCE_S)
            finally:
                process.kill()
                watchdog.cancel()
                watchdog.join()
