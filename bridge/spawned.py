"""A daemon in a process of its own, for the demo, the benchmarks and the tests."""

from __future__ import annotations

import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from bridge.config import parse_address
from bridge.errors import StartError

READY_LIMIT_S: Final = 60.0
END_LIMIT_S: Final = 15.0
"""A daemon that was told to end may take this long."""
READY: Final = "osc udp://"
HTTP: Final = "http "


@dataclass(frozen=True, slots=True, kw_only=True)
class SpawnedDaemon:
    """A daemon that is ready: where it listens, and its process. ``url`` is that of HTTP, where it was asked for."""

    host: str
    port: int
    process: subprocess.Popen[str]
    url: str = ""


@contextmanager
def spawned_daemon(clips: Path, *options: str) -> Iterator[SpawnedDaemon]:
    """A daemon on a free port of loopback that runs on the defaults, and is stopped at the end.

    ``options`` go to ``sideman serve``; HTTP is off unless they say ``--http``. Raises ``StartError`` with what the
    daemon said when it does not start.
    """
    with tempfile.TemporaryDirectory(prefix="sideman-daemon-") as folder:
        config = Path(folder) / "config.toml"
        config.touch()
        command = [
            sys.executable,
            "-P",
            "-m",
            "bridge",
            "serve",
            "--osc",
            "127.0.0.1:0",
            "--clips",
            str(clips.resolve()),
        ]
        serves_http = "--http" in options
        command += ["--config", str(config), *options, *(() if serves_http else ("--http", "off"))]
        pipe = subprocess.PIPE
        # This very Python and our own module: nothing of the command line comes from outside.
        said = (Path(folder) / "stderr.txt").open("w+", encoding="utf-8", errors="replace")
        with said, subprocess.Popen(command, stdout=pipe, stderr=said, text=True) as process:  # noqa: S603
            try:
                yield _ready(process, said, serves_http=serves_http)
            finally:
                _end(process)


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(END_LIMIT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _ready(process: subprocess.Popen[str], said: IO[str], *, serves_http: bool) -> SpawnedDaemon:
    line = _first_line(process.stdout) if process.stdout else ""
    if not line.startswith(READY):
        _end(process)
        said.seek(0)
        words = said.read().strip().removeprefix("sideman: ")
        raise StartError(f"The daemon did not start. {words or 'It said nothing.'}")
    host, port = parse_address(line.removeprefix(READY).strip())
    url = _first_line(process.stdout).removeprefix(HTTP).strip() if serves_http and process.stdout else ""
    return SpawnedDaemon(host=host, port=port, process=process, url=url)


def _first_line(stream: IO[str]) -> str:
    """The first line; empty when the process ended, or said nothing in time."""
    lines: queue.Queue[str] = queue.Queue(maxsize=1)
    reader = threading.Thread(target=lambda: lines.put(stream.readline()), daemon=True)
    reader.start()
    try:
        line = lines.get(timeout=READY_LIMIT_S)
    except queue.Empty:
        return ""
    reader.join()
    return line
