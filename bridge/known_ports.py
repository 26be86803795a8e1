"""Ports of this machine that Sideman and the programs around it use: which are taken, and by whom."""

from __future__ import annotations

import contextlib
import errno
import importlib
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

Kind = Literal["udp", "tcp"]
LOOPBACK: Final = "127.0.0.1"
_PROC: Final = Path("/proc")
_LISTENING: Final = "0A"
"""The state of a listening socket in ``/proc/net/tcp``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownPort:
    """A port, which program usually has it, and what to know when it is taken."""

    port: int
    kind: Kind
    program: str
    advice: str = ""


KNOWN_PORTS: Final = (
    KnownPort(port=9130, kind="udp", program="Sideman"),
    KnownPort(port=9131, kind="tcp", program="Sideman's pages"),
    KnownPort(
        port=11000,
        kind="udp",
        program="AbletonOSC in Live",
        advice="sideman serve --host abletonosc follows this Live.",
    ),
    KnownPort(
        port=11001,
        kind="udp",
        program="a client of AbletonOSC",
        advice="AbletonOSC answers to this port alone: close the other client before sideman serve --host abletonosc.",
    ),
    KnownPort(port=3819, kind="udp", program="Ardour", advice="Ardour's OSC surface is on."),
    KnownPort(port=8000, kind="udp", program="REAPER or TouchOSC", advice="Choose other ports for what is to be new."),
    KnownPort(port=9000, kind="udp", program="REAPER or TouchOSC", advice="Choose other ports for what is to be new."),
    KnownPort(port=8080, kind="tcp", program="REAPER's web interface"),
    KnownPort(port=7400, kind="udp", program="Max"),
    KnownPort(port=57110, kind="udp", program="SuperCollider's server"),
    KnownPort(port=57120, kind="udp", program="SuperCollider's language"),
)
"""The table, by who asks first when a port is taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A port that is taken, and by which process, where the system tells."""

    port: int
    kind: Kind
    process: str | None

    @property
    def words(self) -> str:
        """``UDP port 9130, taken by python3 (process 4711)``."""
        by = f"taken by {self.process}" if self.process else "taken by a program whose name the system does not tell"
        return f"{self.kind.upper()} port {self.port}, {by}"


def taken(port: int, kind: Kind, host: str = LOOPBACK) -> Taken | None:
    """Who has a port; None where it is free. Raises ``OSError`` for a port or host that cannot be asked for."""
    try:
        with socket.socket(
            socket.AF_INET6 if ":" in host else socket.AF_INET,
            socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM,
        ) as probe:
            if kind == "tcp" and os.name == "posix":  # connections that ended a moment ago have no program
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        if not isinstance(error, PermissionError) and _is_taken(error):
            return Taken(port=port, kind=kind, process=process_with(port, kind))
        raise
    return None


def _is_taken(error: OSError) -> bool:
    return error.errno in {errno.EADDRINUSE, getattr(errno, "WSAEADDRINUSE", errno.EADDRINUSE)}


def process_with(port: int, kind: Kind) -> str | None:
    """The name and number of the process that has a port, as far as this user may know."""
    try:
        psutil = importlib.import_module("psutil")
    except ImportError:
        return process_in_proc(port, kind)
    try:
        for one in psutil.net_connections(kind):
            if one.laddr and one.laddr.port == port and one.pid and (kind == "udp" or one.status == "LISTEN"):
                return f"{psutil.Process(one.pid).name()} (process {one.pid})"
    except (psutil.Error, OSError):
        pass
    return process_in_proc(port, kind)


def process_in_proc(port: int, kind: Kind, proc: Path = _PROC) -> str | None:
    """The same from Linux' ``/proc``; None on other systems."""
    sockets = {f"socket:[{inode}]" for inode in _inodes(port, kind, proc)}
    if not sockets:
        return None
    for folder in proc.glob("[0-9]*"):
        with contextlib.suppress(OSError):  # another user's, or gone by now
            if any(str(link.readlink()) in sockets for link in (folder / "fd").iterdir()):
                name = (folder / "comm").read_text(encoding="utf-8", errors="replace").strip()
                return f"{name} (process {folder.name})"
    return None


def _inodes(port: int, kind: Kind, proc: Path) -> Iterator[str]:
    for table in (kind, f"{kind}6"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            for line in (proc / "net" / table).read_text(encoding="ascii").splitlines()[1:]:
                fields = line.split()
                if int(fields[1].rpartition(":")[2], 16) == port and (kind == "udp" or fields[3] == _LISTENING):
                    yield fields[9]
