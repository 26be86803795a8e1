"""The host ``drivenbymoss``: Bitwig Studio by the extension DrivenByMoss. The dialect is ``plugin_host.drivenbymoss``.

What it tells comes to the daemon's own port; this module has the socket that asks it to tell everything, and to load
clips into slots.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Final

from bridge.errors import HostError
from bridge.osc_peer import OscPeer
from midi.events import SessionEvent
from plugin_host import drivenbymoss as dialect
from plugin_host.host import Desk, OscArgument, Placement, Target, not_replaced

log = logging.getLogger(__name__)

ASK_S: Final = 5.0
"""It is asked to tell everything this often until something is heard of it."""
ROUNDS_BEFORE_TOLD: Final = 3
AGAIN_S: Final = 2.0
"""A clip is sent again when its slot has stayed empty for this long."""
TRIES: Final = 4
NOT_THERE: Final = (
    "DrivenByMoss has said nothing yet: in Bitwig's settings of its controller Open Sound Control, send to 127.0.0.1 "
    "and the daemon's port, and receive on {port}."
)


class DrivenByMossHost:
    """Bitwig: it tells of tempo, meter and position, and takes clips into the slots that DrivenByMoss shows."""

    def __init__(self, port: int = dialect.PORT, *, ask_s: float = ASK_S, again_s: float = AGAIN_S) -> None:
        self._port, self._ask_s, self._again_s = port, ask_s, again_s
        self._bitwig = dialect.Bitwig()
        self._heard, self._changed = False, asyncio.Event()
        self._rounds = 0
        self._desk: Desk | None = None
        self._peer = OscPeer("DrivenByMoss", port)  # answers come to the daemon's own port
        self._timer: asyncio.TimerHandle | None = None

    @property
    def name(self) -> str:
        """The word that ``--host`` takes."""
        return "drivenbymoss"

    def attach(self, desk: Desk, wake: Callable[[], None]) -> None:
        """Whom to tell that nothing is heard."""
        self._desk = desk

    async def start(self) -> None:
        """Open a socket and ask for everything; Bitwig may come later."""
        await self._peer.open()
        self.ask()

    async def close(self) -> None:
        """Let go of the socket; safe to call twice."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        await self._peer.close()

    def interpret(self, address: str, arguments: Sequence[OscArgument]) -> tuple[SessionEvent, ...] | None:
        """DrivenByMoss tells very much; what means nothing here is no error. The daemon's own names are not its."""
        if address.startswith("/sideman"):
            return None
        self._heard = True
        self._bitwig, events = dialect.hear(self._bitwig, address, arguments)
        self._changed.set()
        return events

    async def place(self, placement: Placement) -> str:
        """Load the clip into the first empty slot, and wait until that holds something. Raises ``HostError``."""
        if not placement.path.is_file():
            raise HostError(f"The file of {placement.name} is gone.")
        track = Target.parse(placement.target).track or dialect.TRACK
        slot = self._bitwig.empty_slot(track)
        for _ in range(TRIES):
            self._send(dialect.insert_address(slot), str(placement.path))
            filled = await self._fills(slot)
            if not self._bitwig.shows(slot, track):
                raise HostError(
                    f"Bitwig was scrolled while the clip was loaded: look whether it is in slot {slot[1]} of {track}."
                )
            if filled:
                remark = not_replaced("DrivenByMoss loads files into empty slots alone") if placement.replaces else ""
                return f"track {track}, slot {slot[1]} of those that DrivenByMoss shows{remark}"
        raise HostError(f"Bitwig has not loaded the clip into slot {slot[1]} of {track} within {TRIES} tries.")

    async def _fills(self, slot: dialect.Slot) -> bool:
        try:
            async with asyncio.timeout(self._again_s):
                while not self._bitwig.slots.get(slot):
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return False
        return True

    def ask(self) -> None:
        """Ask for everything; it comes again by itself until something is heard."""
        self._timer = None
        if self._heard:
            return
        self._send(dialect.REFRESH)
        self._rounds += 1
        if self._rounds == ROUNDS_BEFORE_TOLD and self._desk:
            self._desk.tell("", NOT_THERE.format(port=self._port))
        self._timer = asyncio.get_running_loop().call_later(self._ask_s, self.ask)

    def _send(self, address: str, *arguments: str) -> None:
        self._peer.send(address, "s" * len(arguments), *arguments)
