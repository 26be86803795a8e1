"""``sideman monitor``: a daemon's transport, chart, jobs and takes in a terminal, live.

It is a client like any other: it subscribes, and asks for the state a few times a second. A daemon that goes away and
comes back is taken up again.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from typing import Final

from rich.console import Console, RenderableType
from rich.live import Live

from bridge.monitor_view import Monitor, answered, is_another, told, view
from bridge.osc_client import Heard, NoAnswer, OscClient

ASK_S: Final = 0.25
"""Time between questions for the state."""
SUBSCRIBE_S: Final = 3.0
"""Time between subscriptions: a daemon that was started anew knows nobody."""
FRAME_S: Final = 0.05
QUIT: Final = frozenset("qQ\x03")
END_SIGNALS: Final = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
"""Other ways than a key to be ended; Windows has no SIGHUP."""


def run_monitor(host: str, port: int, console: Console | None = None) -> None:
    """Show the daemon at an address until ``q``, Ctrl-C or a signal. The terminal is left as it was."""
    console = console or Console()
    address = f"{host}:{port}"
    with (
        contextlib.suppress(KeyboardInterrupt),
        _signals(),
        OscClient(host, port) as client,
        _keys() as pressed,
        Live(console=console, screen=True, auto_refresh=False) as live,
    ):
        try:
            _follow(client, pressed, lambda monitor: live.update(_picture(monitor, address, console), refresh=True))
        finally:
            _send(client, "/sideman/unsubscribe")


def _picture(monitor: Monitor, address: str, console: Console) -> RenderableType:
    return view(monitor, address, time.monotonic(), console.width, console.height)


def _follow(client: OscClient, ended: Callable[[], bool], show: Callable[[Monitor], None]) -> None:
    """Ask, hear and show, frame by frame. A daemon that was started anew is subscribed to at once."""
    monitor = Monitor()
    asked = subscribed = float("-inf")
    while not ended():
        now = time.monotonic()
        if now - subscribed >= SUBSCRIBE_S:
            subscribed = now
            _send(client, "/sideman/subscribe")
        if now - asked >= ASK_S:
            asked = now
            _send(client, "/sideman/state")
        before, monitor = monitor, _drained(client, monitor)
        if is_another(before, monitor.state):
            subscribed = float("-inf")
        show(monitor)


@contextlib.contextmanager
def _signals() -> Iterator[None]:
    """Signals that end a program end the monitor as Ctrl-C does."""

    def end(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, end) for number in END_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _send(client: OscClient, address: str) -> None:
    with contextlib.suppress(NoAnswer):
        client.send(address)


def _drained(client: OscClient, monitor: Monitor) -> Monitor:
    """After everything that comes within a frame."""
    end = time.monotonic() + FRAME_S
    while (left := end - time.monotonic()) > 0:
        try:
            monitor = _after(monitor, client.hear(left))
        except NoAnswer:
            if left > FRAME_S / 2:
                time.sleep(max(0.0, end - time.monotonic()))  # nobody listens there: an answer would come at once
            break
    return monitor


def _after(monitor: Monitor, heard: Heard) -> Monitor:
    if heard.address == "/sideman/state":
        return answered(monitor, json.loads(str(heard.arguments[0])), time.monotonic())
    return told(monitor, heard.address, heard.arguments)


@contextlib.contextmanager
def _keys() -> Iterator[Callable[[], bool]]:
    """Whether a key that ends the monitor was pressed; keys are not echoed meanwhile."""
    if not sys.stdin.isatty():
        yield lambda: False
        return
    if sys.platform == "win32":
        import msvcrt  # noqa: PLC0415

        yield lambda: msvcrt.kbhit() and msvcrt.getwch() in QUIT
        return
    import select  # noqa: PLC0415
    import termios  # noqa: PLC0415
    import tty  # noqa: PLC0415

    keyboard = sys.stdin.fileno()

    def typed() -> str:
        is_there = bool(select.select([keyboard], [], [], 0)[0])
        return os.read(keyboard, 64).decode(errors="replace") if is_there else ""

    before = termios.tcgetattr(sys.stdin)
    tty.setcbreak(sys.stdin)
    try:
        yield lambda: not QUIT.isdisjoint(typed())
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
