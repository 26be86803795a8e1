"""The relay's WebSocket to the daemon, taken up again with growing pauses after every break."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI

from bridge.errors import SidemanError

log = logging.getLogger(__name__)

Json = dict[str, Any]
FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 30.0
PING_S: Final = 5.0
"""A daemon that has not answered a ping for so long is not reached any more."""
MAX_WAITING: Final = 4096
MAX_EVENT_BYTES: Final = 64 << 20


class RelayRefused(SidemanError):
    """The daemon is there and does not take this relay."""

    code = "not_allowed"


class RelayLink:
    """One connection at a time. Used on one event loop."""

    def __init__(
        self,
        url: str,
        token: str | None,
        *,
        heard: Callable[[Json], None],
        up: Callable[[], None],
        down: Callable[[], None],
        tell: Callable[[str], None],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """``url`` is that of the daemon's HTTP. ``heard`` is given every message.

        ``up`` is called before the first message of a link, ``down`` after its last; ``tell`` is given lines for the
        user.
        """
        self._url, self._token = url.rstrip("/"), token
        self._heard, self._up, self._down, self._tell = heard, up, down, tell
        self._sleep = sleep
        self._outbox: asyncio.Queue[str] | None = None
        self.is_up = False

    def send(self, command: Json) -> bool:
        """Send a command; tells whether there is a link to send it over."""
        if self._outbox is None:
            return False
        try:
            self._outbox.put_nowait(json.dumps(command))
        except asyncio.QueueFull:
            return False
        return True

    async def run(self) -> None:
        """Connect, and connect again, until cancelled. Raises ``RelayRefused``."""
        pause_s = FIRST_PAUSE_S
        while True:
            why = ""
            try:
                async with self._connected() as socket:
                    await self._talk(socket)
                why = "it was closed"
            except InvalidStatus as error:
                self._judge(error)
                why = f"it answered {error.response.status_code}"
            except InvalidURI:
                raise RelayRefused(f"{self._url} is no address of a daemon.") from None
            except ConnectionClosed as error:
                why = error.rcvd.reason if error.rcvd and error.rcvd.reason else "the link broke"
            except (OSError, InvalidHandshake) as error:
                why = str(error) or "nobody answers there"
            finally:
                was_up, self.is_up, self._outbox = self.is_up, False, None
                if was_up:
                    self._down()
            pause_s = FIRST_PAUSE_S if was_up else pause_s
            self._tell(f"daemon {self._url}: not reached ({why}); again in {pause_s:g} s")
            await self._sleep(pause_s)
            pause_s = min(LONGEST_PAUSE_S, 2 * pause_s)

    def _connected(self) -> connect:
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        return connect(
            f"ws{self._url.removeprefix('http')}/api/events",
            additional_headers=headers,
            proxy=None,
            compression=None,
            max_size=MAX_EVENT_BYTES,
            open_timeout=10.0,
            close_timeout=1.0,
            ping_interval=PING_S,
            ping_timeout=PING_S,
        )

    async def _talk(self, socket: ClientConnection) -> None:
        outbox = self._outbox = asyncio.Queue(MAX_WAITING)
        sender = asyncio.create_task(_send_all(socket, outbox), name="relay out")
        try:
            async for text in socket:
                if not self.is_up:
                    self.is_up = True
                    self._up()
                self._take(text)
        finally:
            sender.cancel()
            await asyncio.gather(sender, return_exceptions=True)

    def _take(self, text: str | bytes) -> None:
        try:
            event = json.loads(text)
        except (ValueError, RecursionError):
            event = None
        if isinstance(event, dict):
            self._heard(event)
        else:
            log.info("relay: the daemon said %r", text[:100])

    def _judge(self, error: InvalidStatus) -> None:
        """Raises ``RelayRefused`` where trying again is of no use."""
        status = error.response.status_code
        if status == 401:
            raise RelayRefused(
                f"The daemon at {self._url} wants its token: copy the file that it was started with here, and say "
                "--token-file FILE."
            ) from None
        if status in {403, 404}:
            raise RelayRefused(f"What answers at {self._url} ({status}) is no daemon that takes this relay.") from None


async def _send_all(socket: ClientConnection, outbox: asyncio.Queue[str]) -> None:
    while True:
        await socket.send(await outbox.get())
