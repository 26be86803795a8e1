"""The host ``abletonosc``: the daemon as a client of AbletonOSC. The dialect is ``plugin_host.abletonosc``.

AbletonOSC answers to port 11001 alone and serves whoever spoke last, so that port is taken for us alone, and a round of
questions every five seconds makes us the one who spoke last.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import time
from collections.abc import Callable, Sequence
from typing import Final

from bridge.errors import HostError, SidemanError
from bridge.osc_errors import MessageError
from bridge.osc_peer import OscPeer
from bridge.osc_wire import read_datagram
from midi.events import SessionEvent
from plugin_host import abletonosc as dialect
from plugin_host.host import Desk, OscArgument, Placement

log = logging.getLogger(__name__)

STARTUP: Final = "/live/startup"
PORT_TAKEN: Final = (
    f"UDP port {dialect.ANSWER_PORT}, where AbletonOSC sends its answers, is in use: another client of AbletonOSC "
    "runs, and it serves one at a time; stop that client, or use Sideman's own script (sideman install ableton)."
)
NOT_THERE: Final = (
    f"AbletonOSC does not answer on port {dialect.ASK_PORT}: open Live, and choose AbletonOSC as a control surface. If "
    "it is chosen, another client on another machine may have its answers."
)


class AbletonOscHost:
    """Live with AbletonOSC: state only. Clips are told by their path."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        *,
        ask_port: int = dialect.ASK_PORT,
        answer_port: int = dialect.ANSWER_PORT,
    ) -> None:
        self._clock = clock
        self._peer, self._answer_port = OscPeer("AbletonOSC", ask_port, self.receive), answer_port
        self._song = dialect.Song()
        self._desk: Desk | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._heard_at = 0.0
        self._silent = False

    @property
    def name(self) -> str:
        """The word that ``--host`` takes."""
        return "abletonosc"

    def attach(self, desk: Desk, wake: Callable[[], None]) -> None:
        """Whom to tell what Live says."""
        self._desk = desk

    async def start(self) -> None:
        """Take the port for answers. Raises ``HostError`` when another client has it."""
        try:
            await self._peer.open(self._answer_port)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise HostError(PORT_TAKEN) from None
            raise HostError(f"UDP port {self._answer_port} cannot be used: {error.strerror}.") from None
        self._heard_at = self._clock()
        self.renew()

    async def close(self) -> None:
        """Stop the listeners, and let go of the port; safe to call twice."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        self._ask(dialect.FAREWELL)
        await self._peer.close()

    def interpret(self, address: str, arguments: Sequence[OscArgument]) -> tuple[SessionEvent, ...] | None:
        """AbletonOSC's messages come to its own port; one that comes to the daemon's is understood as well."""
        heard = dialect.hear(self._song, address, arguments)
        if heard is None:
            return None
        self._song, events = heard
        return events

    async def place(self, placement: Placement) -> str:
        """AbletonOSC makes no audio clips. Raises ``HostError``."""
        raise HostError("AbletonOSC cannot make audio clips; Sideman's own script can (sideman install ableton).")

    def receive(self, datagram: bytes) -> None:
        """What AbletonOSC sends; what cannot be read is passed over."""
        try:
            messages = list(read_datagram(datagram))
        except MessageError as error:
            log.info("AbletonOSC: %s", error)
            return
        self._heard_at, self._silent = self._clock(), False
        for message in messages:
            if message.address == STARTUP:
                self._song = dialect.Song()
                self._ask(dialect.QUESTIONS)
            else:
                self._take(message.address, message.values)

    def _take(self, address: str, arguments: Sequence[OscArgument]) -> None:
        try:
            for event in self.interpret(address, arguments) or ():
                if self._desk:
                    self._desk.hear(event)
        except SidemanError as error:
            if self._desk and address.startswith("/live/song/get/scale"):
                self._desk.tell("", str(error))
            log.info("AbletonOSC: %s: %s", address, error)

    def renew(self) -> None:
        """Ask everything, which renews the listeners; say so once when no answer has come for three rounds.

        It comes again by itself every five seconds.
        """
        if self._timer:
            self._timer.cancel()
        self._ask(dialect.QUESTIONS)
        if not self._silent and self._clock() - self._heard_at > dialect.SILENCE_S:
            self._silent = True
            if self._desk:
                self._desk.tell("", NOT_THERE)
        self._timer = asyncio.get_running_loop().call_later(dialect.RENEW_S, self.renew)

    def _ask(self, addresses: Sequence[str]) -> None:
        for address in addresses:
            self._peer.send(address)
