"""The table of hosts: the DAW dialects that the daemon can be told to speak."""

from __future__ import annotations

import difflib
import time
from collections.abc import Callable
from typing import Final

from bridge.abletonosc_host import AbletonOscHost
from bridge.errors import HostError
from plugin_host.ableton import AbletonHost
from plugin_host.host import Host
from plugin_host.virtual import VirtualHost


def _no_host() -> None:
    return None


def _ableton() -> Host:
    return AbletonHost(time.monotonic)


HOSTS: Final[dict[str, Callable[[], Host | None]]] = {
    "none": _no_host,
    "virtual": VirtualHost,
    "ableton": _ableton,
    "abletonosc": AbletonOscHost,
}
"""Name -> how the host is made; ``none`` leaves clips where they were written."""


def require_host(name: str) -> Callable[[], Host | None]:
    """How the host of that name is made. Raises ``HostError`` when there is none."""
    if name not in HOSTS:
        near = difflib.get_close_matches(name, HOSTS, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise HostError(f"There is no host {name[:64]!r}; the hosts are {', '.join(HOSTS)}.{hint}")
    return HOSTS[name]
