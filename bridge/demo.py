"""``sideman demo``: a daemon in a process of its own, and a session played into it over real OSC.

The demo is the DAW: it knows nothing of the daemon but its address, sends the bundled session message by
message, asks for clips, waits for them, and draws what was asked beside what came back.
"""

from __future__ import annotations

import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import IO, Final

from bridge.demo_picture import draw_picture
from bridge.errors import SidemanError, StartError
from bridge.osc_client import Heard, OscClient, read_script

REQUEST_ID: Final = "demo"
READY_LIMIT_S: Final = 60.0
CLIP_LIMIT_S: Final = 300.0
ENDS: Final = ("/sideman/done", "/sideman/cancelled", "/sideman/superseded", "/sideman/error")


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoResult:
    """What the demo left behind."""

    clips: tuple[Path, ...]
    placed: tuple[str, ...]
    notices: tuple[str, ...]
    picture: Path


def run_demo(out: Path, report: Callable[[float], None]) -> DemoResult:
    """Play the bundled session into a daemon and leave clips, receipts and ``demo.png`` in ``out``.

    ``report`` is told the share of the clips that is done. Raises ``SidemanError``.
    """
    with _daemon(out) as (host, port), OscClient(host, port) as client:
        _play_session(client)
        client.send("/sideman/generate", "s", REQUEST_ID)
        heard = []
        for message in client.hear_until(*ENDS, within_s=CLIP_LIMIT_S):
            if message.address == "/sideman/progress":
                report(float(message.arguments[1]))
            heard.append(message)
    return _result(out, heard)


def _play_session(client: OscClient) -> None:
    """Send every line of the session, and make sure that the daemon has understood it."""
    script = resources.files("bridge.data").joinpath("demo_session.txt").read_text(encoding="utf-8")
    for address, types, arguments in read_script(script):
        client.send(address, types, *arguments)
    client.send("/sideman/ping")
    for message in client.hear_until("/sideman/pong", "/sideman/error", within_s=READY_LIMIT_S):
        if message.address == "/sideman/error":
            raise SidemanError(f"The daemon did not take the demo session: {message.arguments[2]}")


def _result(out: Path, heard: list[Heard]) -> DemoResult:
    end = heard[-1]
    if end.address != "/sideman/done":
        raise SidemanError(f"The demo's clips were not made: {end.arguments[-1]}")
    clips = tuple(Path(str(message.arguments[3])) for message in heard if message.address == "/sideman/clip")
    picture = out / "demo.png"
    draw_picture(clips[0], picture)
    return DemoResult(
        clips=clips,
        placed=tuple(str(message.arguments[2]) for message in heard if message.address == "/sideman/placed"),
        notices=tuple(str(message.arguments[2]) for message in heard if message.address == "/sideman/notice"),
        picture=picture,
    )


@contextmanager
def _daemon(clips: Path) -> Iterator[tuple[str, int]]:
    """A daemon on a free port with the virtual DAW as its host; it is stopped at the end."""
    with tempfile.TemporaryDirectory(prefix="sideman-demo-") as folder:
        config = Path(folder) / "config.toml"
        config.write_text("# The demo runs on the defaults.\n", encoding="utf-8")
        command = [sys.executable, "-P", "-m", "bridge", "serve", "--osc", "127.0.0.1:0", "--host", "virtual"]
        command += ["--clips", str(clips.resolve()), "--config", str(config)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None and process.stderr is not None
            try:
                yield _address(_first_line(process.stdout), process)
            finally:
                process.terminate()
                process.communicate()


def _first_line(stream: IO[str]) -> str:
    """The daemon's first line; empty when it ended, or said nothing in time."""
    lines: queue.Queue[str] = queue.Queue(maxsize=1)
    threading.Thread(target=lambda: lines.put(stream.readline()), daemon=True).start()
    try:
        return lines.get(timeout=READY_LIMIT_S)
    except queue.Empty:
        return ""


def _address(line: str, process: subprocess.Popen[str]) -> tuple[str, int]:
    if not line.startswith("osc udp://"):
        process.terminate()
        _, said = process.communicate()
        raise StartError(f"The daemon did not start. {said.strip() or 'It said nothing.'}")
    host, _, port = line.removeprefix("osc udp://").strip().rpartition(":")
    return host.strip("[]"), int(port)
