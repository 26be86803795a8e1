"""``sideman monitor``: a daemon's transport, chart, jobs and takes in a terminal, live.

It is a client like any other: it subscribes, and asks for the state a few times a second. A daemon that goes away and
comes back is taken up again.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Callable, Iterator
from typing import Final

from rich.console import Console
from rich.live import Live

from bridge.monitor_view import Monitor, answered, told, view
from bridge.osc_client import Heard, NoAnswer, OscClient

ASK_S: Final = 0.25
"""Time between questions for the state."""
SUBSCRIBE_S: Final = 3.0
"""Time between subscriptions: a daemon that was started anew knows nobody."""
FRAME_S: Final = 0.05
QUIT: Final = frozenset("qQ\x03\x1b")


def run_monitor(host: str, port: int, console: Console | None = None) -> None:
    """Show the daemon at an address until ``q`` or Ctrl-C. The terminal is left as it was."""
    console = console or Console()
    address = f"{host}:{port}"
    monitor = Monitor()
    live = Live(console=console, screen=True, auto_refresh=False)
    with OscClient(host, port) as client, _keys() as pressed, live:
        asked = subscribed = float("-inf")
        with contextlib.suppress(KeyboardInterrupt):
            while not pressed():
                now = time.monotonic()
                if now - subscribed >= SUBSCRIBE_S:
                    subscribed = now
                    _send(client, "/sideman/subscribe")
                if now - asked >= ASK_S:
                    asked = now
                    _send(client, "/sideman/state")
                monitor = _drained(client, monitor)
                live.update(view(monitor, address, time.monotonic()), refresh=True)
        _send(client, "/sideman/unsubscribe")


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

    before = termios.tcgetattr(sys.stdin)
    tty.setcbreak(sys.stdin)
    try:
        yield lambda: bool(select.select([sys.stdin], [], [], 0)[0]) and sys.stdin.read(1) in QUIT
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
