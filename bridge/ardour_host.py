"""The host ``ardour``: clips go to Ardour's script by the mailbox; without the script, the state comes by OSC.

The dialect is ``plugin_host.ardour``. Nothing of it is told while the script is there: the script has the whole tempo
map, and says where the transport is itself.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import Final

from bridge.errors import HostError, SidemanError
from bridge.osc_errors import MessageError
from bridge.osc_peer import HOST, OscPeer
from bridge.osc_wire import read_datagram
from midi.events import SessionEvent
from midi.time import Seconds
from plugin_host import ardour as dialect
from plugin_host.host import Desk, OscArgument
from plugin_host.offering import OfferingHost

log = logging.getLogger(__name__)

LOOK_S: Final = 0.5
REPLY: Final = (b"#reply\0\0", b"/reply\0\0")
"""Ardour answers some questions to an address that OSC does not have."""
GONE: Final = "Ardour does not answer any more. The session is as it was told last."


class ArdourHost(OfferingHost):
    """Ardour: takes clips by its script, and is heard over its OSC."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, *, port: int = dialect.PORT) -> None:
        """``port`` is where Ardour's OSC listens, on this machine; ``clock`` is monotonic."""
        super().__init__("ardour", "Ardour", clock)
        self._peer = OscPeer("Ardour", port, self.receive)
        self._song = dialect.Song()
        self._hearer: Desk | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._heard_at: Seconds | None = None
        self._asked_at = Seconds(float("-inf"))
        self._scripted = False

    def attach(self, desk: Desk, wake: Callable[[], None]) -> None:
        """Whom to tell what Ardour says, and of clips that were taken late."""
        super().attach(desk, wake)
        self._hearer = desk

    async def start(self) -> None:
        """Ask Ardour to tell of itself, from any free port. Raises ``HostError`` where there is none."""
        try:
            await self._peer.open()
        except OSError as error:
            raise HostError(f"No UDP port can be opened on {HOST}: {error.strerror}.") from None
        self.look()

    async def close(self) -> None:
        """Ask for nothing more, and let go of the port; safe to call twice."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        self._ask(dialect.FAREWELL)
        await self._peer.close()
        await super().close()

    def interpret(self, address: str, arguments: Sequence[OscArgument]) -> tuple[SessionEvent, ...] | None:
        """Ardour's messages come to a port of this host; one that comes to the daemon's is understood as well."""
        heard = dialect.hear(self._song, address, arguments, self._now())
        if heard is None:
            return None
        self._song, events = heard
        return () if self._scripted else events

    def receive(self, datagram: bytes) -> None:
        """What Ardour sends; what cannot be read is passed over."""
        if datagram.startswith(REPLY[0]):
            datagram = REPLY[1] + datagram[len(REPLY[0]) :]
        try:
            messages = list(read_datagram(datagram))
        except MessageError as error:
            log.info("Ardour: %s", error)
            return
        self._heard_at = self._now()
        for message in messages:
            try:
                for event in self.interpret(message.address, message.values) or ():
                    if self._hearer:
                        self._hearer.hear(event)
            except SidemanError as error:
                log.info("Ardour: %s: %s", message.address, error)

    def look(self) -> None:
        """See who is there, and ask where nobody answers; it comes again by itself twice a second."""
        now = self._now()
        scripted = self._has_script()
        if self._scripted and not scripted:
            self._song, self._heard_at = dialect.tell_again(self._song), None
        self._scripted = scripted
        if self._heard_at is not None and now - self._heard_at > dialect.SILENCE_S:
            self._heard_at, self._song = None, dialect.Song()
            if self._hearer and not scripted:
                self._hearer.tell("", GONE)
        if self._heard_at is None and now - self._asked_at >= dialect.RENEW_S:
            self._asked_at = now
            self._ask(dialect.greeting(self._peer.own_port))
        self._timer = asyncio.get_running_loop().call_later(LOOK_S, self.look)

    def _has_script(self) -> bool:
        return self._offers.daw_at(self._now()) is not None

    def _ask(self, asked: Sequence[dialect.Asked]) -> None:
        for address, arguments in asked:
            self._peer.send(address, "i" * len(arguments), *arguments)
