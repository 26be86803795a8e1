"""``sideman demo``: a daemon in a process of its own, and a session played into it over real OSC.

The demo is the DAW: it knows nothing of the daemon but its address, sends the bundled session message by
message, asks for clips, waits for them, and draws what was asked beside what came back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Final

from bridge.demo_picture import draw_picture
from bridge.errors import SidemanError
from bridge.osc_client import Heard, OscClient, read_script
from bridge.spawned import spawned_daemon

REQUEST_ID: Final = "demo"
SESSION_LIMIT_S: Final = 10.0
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
    with spawned_daemon(out, "--host", "virtual") as daemon, OscClient(daemon.host, daemon.port) as client:
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
    for message in client.hear_until("/sideman/pong", "/sideman/error", within_s=SESSION_LIMIT_S):
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
