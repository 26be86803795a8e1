"""The UDP socket to the daemon. It never blocks and never raises: what cannot be sent or read is counted."""

from __future__ import annotations

import contextlib
import os
import socket
from typing import TYPE_CHECKING

from . import osc

if TYPE_CHECKING:
    from typing import Any, List, Optional, Tuple

DEFAULT_ADDRESS = ("127.0.0.1", 9130)
ADDRESS_FILE = "daemon.txt"
MOST_BYTES = 65507
BUFFER_BYTES = 256 * 1024
"""macOS sends no datagram that is larger than its send buffer, 9216 bytes where nothing else is said."""


def daemon_address(folder: Optional[str] = None) -> Tuple[str, int]:
    """Where the daemon listens: ``HOST:PORT`` in ``daemon.txt`` beside this file, else 127.0.0.1:9130."""
    path = os.path.join(folder or os.path.dirname(os.path.abspath(__file__)), ADDRESS_FILE)
    try:
        with open(path, encoding="utf-8") as file:
            host, _, port = file.readline().strip().rpartition(":")
        if host and 0 < int(port) < 65536:
            return host.strip("[]"), int(port)
    except (OSError, ValueError):
        pass
    return DEFAULT_ADDRESS


def resolved(address: Tuple[str, int]) -> Tuple[int, Optional[Tuple[Any, ...]]]:
    """Family and number of an address; looked up once, because that may take seconds. None for a host without one."""
    try:
        found = socket.getaddrinfo(address[0], address[1], 0, socket.SOCK_DGRAM)
    except (OSError, UnicodeError):
        return socket.AF_INET, None
    family, _, _, _, number = next((one for one in found if one[0] == socket.AF_INET), found[0])
    return family, number


class Link:
    """A socket that sends to one daemon and hears what comes back from it."""

    def __init__(self, address: Tuple[str, int]) -> None:
        self.address = address
        self.lost = 0
        family, self._peer = resolved(address)
        self._socket: Optional[socket.socket] = socket.socket(family, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        with contextlib.suppress(OSError):  # the system's own sizes will do
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)

    def send(self, address: str, tags: str = "", *arguments: osc.Value) -> bool:
        """Send one message; False when it cannot be sent."""
        if self._socket is None:
            return False
        try:
            datagram = osc.encode(address, tags, *arguments)
            if len(datagram) > MOST_BYTES:
                raise ValueError("too long")
            if self._peer is None:
                raise OSError("the daemon's host is not known")
            self._socket.sendto(datagram, self._peer)
        except (OSError, ValueError):
            self.lost += 1
            return False
        return True

    def receive(self, most: int) -> List[osc.Message]:
        """The messages that have come from the daemon, at most ``most`` datagrams' worth."""
        messages: List[osc.Message] = []
        for _ in range(most):
            if self._socket is None:
                break
            try:
                datagram, sender = self._socket.recvfrom(65536)
            except (BlockingIOError, InterruptedError):
                break
            except OSError:  # Windows and Linux tell here that a datagram sent before reached nobody
                continue
            if self._peer is None or sender[:2] != self._peer[:2]:  # not the daemon: it may tell us nothing
                continue
            try:
                messages.append(osc.decode(datagram))
            except ValueError:
                self.lost += 1
        return messages

    def close(self) -> None:
        """Close the socket; safe to call twice."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
