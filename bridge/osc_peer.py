"""The socket to a DAW that speaks OSC itself: what the hosts share that ask it, and hear its answers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from pythonosc.osc_message_builder import ArgValue

from bridge.osc_client import datagram

log = logging.getLogger(__name__)

HOST: Final = "127.0.0.1"


class OscPeer:
    """A UDP socket on loopback, to one port there. Used on the event loop that ``open`` was called on."""

    def __init__(self, name: str, port: int, receive: Callable[[bytes], None] = lambda datagram: None) -> None:
        """``name`` is what the log calls the program, ``port`` where it listens; ``receive`` is given what comes."""
        self._name, self.port, self._receive = name, port, receive
        self._transport: asyncio.DatagramTransport | None = None

    async def open(self, own_port: int = 0) -> None:
        """Take a port for answers; 0 picks a free one. Raises ``OSError``."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(
            lambda: _Protocol(self._name, self._receive), local_addr=(HOST, own_port)
        )

    @property
    def own_port(self) -> int:
        """The port that answers come to; 0 while none is open."""
        return int(self._transport.get_extra_info("sockname")[1]) if self._transport else 0

    def send(self, address: str, types: str = "", *arguments: ArgValue) -> None:
        """Send one message; nothing while the socket is not open."""
        if self._transport:
            self._transport.sendto(datagram(address, types, *arguments), (HOST, self.port))

    async def close(self) -> None:
        """Let go of the port; safe to call twice."""
        if self._transport:
            self._transport.close()
            self._transport = None
            await asyncio.sleep(0)


class _Protocol(asyncio.DatagramProtocol):
    """What asyncio calls. That nobody listens at the other end yet is no error."""

    def __init__(self, name: str, receive: Callable[[bytes], None]) -> None:
        self._name, self._receive = name, receive

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._receive(data)

    def error_received(self, exc: OSError) -> None:  # type: ignore[override]
        log.debug("%s: %s", self._name, exc)
