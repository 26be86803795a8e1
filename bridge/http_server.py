"""The HTTP server in the daemon's own event loop: a thin shell around uvicorn, started and stopped in order."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
from collections.abc import Generator
from typing import Final

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from bridge.errors import StartError
from bridge.osc_clients import LOCALHOST

log = logging.getLogger(__name__)

MAX_CONNECTIONS: Final = 256
MAX_MESSAGE_BYTES: Final = 1 << 20
PING_S: Final = 15.0
"""A WebSocket client that has not answered a ping for so long is gone."""
IDLE_S: Final = 20
ASK_LIMIT_S: Final = 10.0
"""A new connection has to ask something within this time."""
END_S: Final = 1
"""What is under way when the daemon stops may take this long."""


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: the daemon has its own."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


class _Patient(H11Protocol):
    """A connection over which nothing is asked is closed after a while."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.loop.call_later(ASK_LIMIT_S, self._expect_request)

    def _expect_request(self) -> None:
        if getattr(self, "scope", None) is None:
            self.transport.abort()


class HttpServer:
    """Serves one application. Used on one event loop."""

    def __init__(self) -> None:
        """Nothing is opened before ``listen``."""
        self._socket: socket.socket | None = None
        self._server: _Server | None = None
        self._task: asyncio.Task[None] | None = None

    async def listen(self, host: str, port: int) -> None:
        """Take the address; port 0 picks a free one. Raises ``StartError`` with one line that says what to do."""
        loop = asyncio.get_running_loop()
        name = "127.0.0.1" if host == LOCALHOST else host
        listener: socket.socket | None = None
        try:
            ((family, kind, number, _, address), *_) = await loop.getaddrinfo(
                name, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )
            listener = socket.socket(family, kind, number)
            if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):  # Windows, where SO_REUSEADDR shares a port that is taken
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
            else:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(128)
            listener.setblocking(False)
        except (OSError, OverflowError, UnicodeError) as error:
            if listener:
                listener.close()
            raise StartError(_why_not(host, port, error)) from None
        self._socket = listener

    @property
    def address(self) -> tuple[str, int]:
        """Host and port in use. Raises ``StartError`` before ``listen``."""
        if self._socket is None:
            raise StartError("The HTTP server is not started.")
        name = self._socket.getsockname()
        return name[0], name[1]

    @property
    def url(self) -> str:
        """Where a browser on this machine finds it."""
        host, port = self.address
        return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"

    async def start(self, app: ASGIApp, *, verbose: bool = False) -> None:
        """Serve the application at the address that was taken."""
        if self._socket is None:
            raise StartError("The HTTP server is not started.")
        config = uvicorn.Config(
            app,
            log_config=None,
            log_level=None if verbose else logging.CRITICAL,
            access_log=verbose,
            lifespan="off",
            http=_Patient,
            ws="websockets-sansio",
            ws_max_size=MAX_MESSAGE_BYTES,
            ws_ping_interval=PING_S,
            ws_ping_timeout=PING_S,
            ws_per_message_deflate=False,
            proxy_headers=False,
            server_header=False,
            limit_concurrency=MAX_CONNECTIONS,
            timeout_keep_alive=IDLE_S,
            timeout_graceful_shutdown=END_S,
        )
        self._server = _Server(config)
        self._task = asyncio.create_task(self._server.serve(sockets=[self._socket]), name="http")
        while not self._server.started and not self._task.done():
            await asyncio.sleep(0)
        if self._task.done():
            await self._task
            raise StartError("The HTTP server did not start.")

    def cut(self, client: tuple[str, int]) -> None:
        """End the connection of a client at once, whatever is still to be sent."""
        for connection in tuple(self._server.server_state.connections) if self._server else ():
            if getattr(connection, "client", None) == client and connection.transport is not None:
                connection.transport.abort()

    async def close(self) -> None:
        """Take nothing more, finish what is under way within limits, and let go; safe to call twice."""
        if self._server and self._task:
            self._server.should_exit = True
            await self._task
            for connection in tuple(self._server.server_state.connections):
                if connection.transport is not None:
                    connection.transport.abort()
            await asyncio.sleep(0)
            self._task = None
        if self._socket:
            self._socket.close()
            self._socket = None


def _why_not(host: str, port: int, error: Exception) -> str:
    """One line about an address that cannot be listened on."""
    advice = "choose another with --http HOST:PORT, where port 0 picks a free one, or --http off."
    number = error.errno if isinstance(error, OSError) else None
    if number == errno.EADDRINUSE:
        return f"TCP port {port} on {host} is in use: stop the program that has it, or {advice}"
    if number == errno.EACCES:
        return f"TCP port {port} on {host} needs rights that this user does not have: {advice}"
    reason = getattr(error, "strerror", None) or str(error)
    return f"Cannot listen on TCP port {port} of {host} ({reason}): is the host one of this machine's? Or {advice}"
