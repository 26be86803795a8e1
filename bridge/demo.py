"""``sideman demo``: a daemon in a process of its own, and a session played into it over real OSC.

The demo is the DAW: it knows nothing of the daemon but its address, sends the bundled session message by
message, asks the sketch engine and then a model for clips of it, waits for them, and draws what was asked beside
what came back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Final

from bridge.demo_picture import draw_picture
from bridge.engines import JASCO, SKETCH
from bridge.errors import SidemanError
from bridge.osc_client import Heard, OscClient, read_script
from bridge.spawned import spawned_daemon
from models.bundled import BUNDLED

SESSION_LIMIT_S: Final = 10.0
SILENCE_LIMIT_S: Final = 300.0
"""A daemon that makes clips may say nothing for so long; a large model on a CPU takes longer, and says its share."""
ENDS: Final = ("/sideman/done", "/sideman/cancelled", "/sideman/superseded", "/sideman/error")
TO_JASCO: Final = f"/sideman/engine s {JASCO}\n/sideman/takes i 1"
SKETCH_SHARE: Final = 0.3
"""The share of the work that is done when the sketch engine's clips are there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoResult:
    """What the demo left behind. ``missing`` says why there is no clip of the model; it is empty where there is one."""

    clips: tuple[Path, ...]
    placed: tuple[str, ...]
    notices: tuple[str, ...]
    picture: Path
    missing: str = ""


def run_demo(out: Path, report: Callable[[float], None], *, model: str = BUNDLED) -> DemoResult:
    """Play the bundled session into a daemon and leave clips, receipts and ``demo.png`` in ``out``.

    Two takes are the sketch engine's, the third is of ``model``; where that cannot be made, the others are left all the
    same. ``report`` is told the share that is done. Raises ``SidemanError``.
    """
    missing, sketch, neural = "", list[Heard](), list[Heard]()
    options = ("--host", "virtual", "--engine", SKETCH, "--set", f"jasco.model={model}")
    with spawned_daemon(out, *options) as daemon, OscClient(daemon.host, daemon.port) as client:
        script = resources.files("bridge.data").joinpath("demo_session.txt").read_text(encoding="utf-8")
        try:
            sketch = _made(client, script, SKETCH, lambda share: report(SKETCH_SHARE * share))
        except SidemanError as error:
            raise SidemanError(f"The demo's clips were not made: {error}") from None
        try:
            neural = _made(client, TO_JASCO, JASCO, lambda share: report(SKETCH_SHARE + (1.0 - SKETCH_SHARE) * share))
        except SidemanError as error:
            missing = f"There is no clip of the model {model}: {error}"
    report(1.0)
    return _result(out, sketch, neural, missing)


def _made(client: OscClient, script: str, request_id: str, report: Callable[[float], None]) -> list[Heard]:
    """Play a session, ask for its clips, and gather what comes back until they are there. Raises ``SidemanError``."""
    _play(client, script)
    client.send("/sideman/generate", "s", request_id)
    heard: list[Heard] = []
    while not heard or heard[-1].address not in ENDS:
        heard.append(client.hear(SILENCE_LIMIT_S))
        if heard[-1].address == "/sideman/progress":
            report(float(heard[-1].arguments[1]))
    end = heard[-1]
    if end.address != "/sideman/done":
        raise SidemanError(str(end.arguments[-1]))
    return heard


def _play(client: OscClient, script: str) -> None:
    """Send every line of a session, and make sure that the daemon has understood it. Raises ``SidemanError``."""
    for address, types, arguments in read_script(script):
        client.send(address, types, *arguments)
    client.send("/sideman/ping")
    for message in client.hear_until("/sideman/pong", "/sideman/error", within_s=SESSION_LIMIT_S):
        if message.address == "/sideman/error":
            raise SidemanError(f"the daemon did not take the session. {message.arguments[2]}")


def _result(out: Path, sketch: list[Heard], neural: list[Heard], missing: str) -> DemoResult:
    picture = out / "demo.png"
    firsts = [clips[0] for heard in (sketch, neural) if (clips := _clips(heard))]
    draw_picture(firsts, picture, missing=missing)
    both = [*sketch, *neural]
    notices = (str(message.arguments[2]) for message in both if message.address == "/sideman/notice")
    return DemoResult(
        clips=tuple(_clips(both)),
        placed=tuple(str(message.arguments[2]) for message in both if message.address == "/sideman/placed"),
        notices=tuple(dict.fromkeys(notices)),
        picture=picture,
        missing=missing,
    )


def _clips(heard: list[Heard]) -> list[Path]:
    return [Path(str(message.arguments[3])) for message in heard if message.address == "/sideman/clip"]
