"""The table of hosts: the DAW dialects that the daemon can be told to speak."""

from __future__ import annotations

import difflib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from bridge.abletonosc_host import AbletonOscHost
from bridge.ardour_host import ArdourHost
from bridge.drivenbymoss_host import DrivenByMossHost
from bridge.errors import HostError
from bridge.folder_host import FolderHost
from bridge.machine import Machine, ardour_settings, reaper_resources
from bridge.reaper_web_host import ReaperWebHost
from plugin_host import ardour, drivenbymoss
from plugin_host.host import Host
from plugin_host.offering import OfferingHost
from plugin_host.reaper import ReaperHost
from plugin_host.virtual import VirtualHost


class HostSettings(Protocol):
    """What can be set of a host (``bridge.host_config``)."""

    @property
    def mailbox(self) -> Path | None:
        """The folder in which a script is met; None is the DAW's own place."""
        ...

    @property
    def folder(self) -> Path | None:
        """The folder of the host ``folder``."""
        ...

    @property
    def port(self) -> int:
        """The port that the DAW listens on; 0 is its usual one."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class HostKind:
    """How a host is made from its settings, and where its script is met if that has no sockets."""

    make: Callable[[HostSettings], Host | None]
    mailbox: Callable[[Machine], Path] | None = None


HOSTS: Final[dict[str, HostKind]] = {
    "none": HostKind(make=lambda _: None),
    "virtual": HostKind(make=lambda _: VirtualHost()),
    "ableton": HostKind(make=lambda _: OfferingHost("ableton", "Live", time.monotonic)),
    "abletonosc": HostKind(make=lambda _: AbletonOscHost()),
    "reaper": HostKind(
        make=lambda _: ReaperHost(time.monotonic),
        mailbox=lambda machine: reaper_resources(machine) / "Sideman",
    ),
    "ardour": HostKind(
        make=lambda settings: ArdourHost(port=settings.port or ardour.PORT),
        mailbox=lambda machine: ardour_settings(machine) / "sideman-ardour",
    ),
    "reaper-web": HostKind(make=lambda settings: ReaperWebHost(port=settings.port)),
    "folder": HostKind(make=lambda settings: _folder_host(settings.folder)),
    "drivenbymoss": HostKind(make=lambda settings: DrivenByMossHost(settings.port or drivenbymoss.PORT)),
}
"""Name -> the host; ``none`` leaves clips where they were written."""


def _folder_host(folder: Path | None) -> FolderHost:
    if folder is None:
        raise HostError("The host folder needs a folder: say --set host.folder=DIR.")
    return FolderHost(folder)


def require_host(name: str) -> HostKind:
    """The host of that name. Raises ``HostError`` when there is none."""
    if name not in HOSTS:
        near = difflib.get_close_matches(name, HOSTS, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise HostError(f"There is no host {name[:64]!r}; the hosts are {', '.join(HOSTS)}.{hint}")
    return HOSTS[name]


def mailbox_folder(name: str, settings: HostSettings, machine: Machine) -> Path | None:
    """Where the daemon meets the script of a host; None for a host that needs no such place."""
    place = require_host(name).mailbox
    return None if place is None else settings.mailbox or place(machine)
