"""The daemon's end of a DAW: what its script says comes in here, and clips are offered to it from here.

A thin shell around ``plugin_host.offering``, which is pure: this module has the socket, the timer and the clients.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, assert_never

from bridge import engine as jobs
from bridge.osc_clients import Client
from bridge.osc_commands import DawCommand, DawHere, DawLeaves, PlaceDone, PlaceFailed
from bridge.osc_replies import Hosting, NoticeReply, PlacedReply, PlaceRequest, Reply
from midi.events import SessionEvent
from plugin_host.host import Ended, Host, HostError, Placement, TalkingHost
from plugin_host.offering import OfferingHost
from plugin_host.offers import Offer

MAX_PAUSE_S: Final = 60.0
REPLACES_FROM: Final = 2
"""The version of a script, from which on it knows what a clip replaces."""

Send = Callable[[Client, Reply], None]
Broadcast = Callable[[Reply, Client | None], None]
Make = Callable[[Sequence[SessionEvent], Sequence[SessionEvent]], str]


class DawDesk:
    """Hears a DAW's script, offers it clips, and tells clients of clips that were placed late.

    It is the ``Desk`` of hosts that have something to say of themselves.
    """

    def __init__(
        self,
        host: Host | None,
        *,
        run: str,
        send: Send,
        broadcast: Broadcast,
        apply: Callable[[SessionEvent], None],
        make: Make,
        note_placed: Callable[[Path, str], None],
    ) -> None:
        """``run`` tells this run of the daemon from others. Nothing is sent before a script has spoken.

        ``make`` asks for a clip of a chart and of what holds for it alone, and returns the request's id.
        ``note_placed`` is told of clips that are placed late, and where.
        """
        self._host = host if isinstance(host, OfferingHost) else None
        self._run = run
        self._send, self._broadcast, self._apply, self._make = send, broadcast, apply, make
        self._note_placed = note_placed
        self._asked: dict[str, Callable[[Ended], None]] = {}
        self._client: Client | None = None
        self._replaces = True
        """Whether the script that is served knows what a clip replaces."""
        self._timer: asyncio.TimerHandle | None = None
        if isinstance(host, TalkingHost):
            host.attach(self, self._offer_due)

    def handle(self, command: DawCommand, client: Client) -> None:
        """What a script says. Raises ``DawTaken`` when a second DAW greets."""
        match command:
            case DawHere(name=name, version=version):
                self._greet(name, version, client)
            case DawLeaves():
                if self._host:
                    self._host.left(_place(client))
            case PlaceDone(offer=offer, where=where):
                if self._host and self._host.is_served(_place(client)):
                    self._host.took(offer, where)
            case PlaceFailed(offer=offer, why=why):
                if self._host and self._host.is_served(_place(client)):
                    self._host.refused(offer, why)
            case _:
                assert_never(command)

    def set_run(self, run: str) -> None:
        """Another run begins: a script that greets is told so, and tells its session anew."""
        self._run = run

    def close(self) -> None:
        """Offer nothing more."""
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def heard(self, request_id: str, event: jobs.JobEvent) -> None:
        """A step of a request: the host that asked for it is told of its end."""
        if request_id not in self._asked:
            return
        match event:
            case jobs.Done():
                self._asked.pop(request_id)(Ended())
            case jobs.WasCancelled():
                self._asked.pop(request_id)(Ended(why="The request was cancelled."))
            case jobs.Superseded():
                self._asked.pop(request_id)(Ended(why="A newer request took its place.", again=True))
            case jobs.JobFailed(error=error):
                self._asked.pop(request_id)(Ended(why=str(error)))

    def forget(self) -> None:
        """The daemon ends: nobody is told any more of what becomes of requests."""
        self._asked.clear()

    def _greet(self, name: str, version: str, client: Client) -> None:
        if self._host:
            self._host.greeted(_place(client), name)
            self._client, self._replaces = client, _knows_drafts(version)
        self._send(client, Hosting(run=self._run, places=1 if self._host else 0))
        if self._host:
            self._offer_due()

    def _offer_due(self) -> None:
        """Send the offers that are due, and come back when the next one is."""
        self.close()
        if self._host is None:
            return
        for offer in self._host.take_due():
            if self._client:
                self._send(self._client, _request(offer, replaces=self._replaces))
            if offer.sent == 0 and offer.placement.replaces and not self._replaces:
                self.tell(offer.placement.request_id, OLD_SCRIPT)
        pause_s = self._host.next_due_in()
        if pause_s is not None:
            self._timer = asyncio.get_running_loop().call_later(min(pause_s, MAX_PAUSE_S), self._offer_due)

    # The Desk of a host

    def hear(self, event: SessionEvent) -> None:
        """The DAW says something of the session."""
        self._apply(event)

    def make(
        self, chart: Sequence[SessionEvent], wishes: Sequence[SessionEvent], ended: Callable[[Ended], None]
    ) -> None:
        """Make a clip of a chart that the DAW gives. Raises ``SidemanError``."""
        self._asked[self._make(chart, wishes)] = ended

    def tell(self, request_id: str, message: str) -> None:
        """Every client hears of it."""
        self._broadcast(NoticeReply(id=request_id, code=HostError.code, message=message), None)

    def placed(self, placement: Placement, where: str) -> None:
        """A clip that the job did not wait for any more is in the session."""
        self._note_placed(placement.path, where)
        self._broadcast(PlacedReply(id=placement.request_id, take=placement.take, where=where), None)


OLD_SCRIPT: Final = (
    "The better take goes beside its draft: the script in the DAW is older than this daemon. Install it anew with "
    "sideman install."
)


def _knows_drafts(version: str) -> bool:
    """What the version of no script of ours looks like is a script that knows nothing of drafts."""
    return version.isascii() and version.isdecimal() and int(version) >= REPLACES_FROM


def _place(client: Client) -> str:
    return f"{client.host} {client.port}"


def _request(offer: Offer, *, replaces: bool) -> PlaceRequest:
    placement = offer.placement
    return PlaceRequest(
        offer=offer.number,
        id=placement.request_id,
        take=placement.take,
        path=str(placement.path),
        target=placement.target,
        start=placement.start,
        beats=placement.length,
        seconds=placement.frames / placement.sample_rate_hz,
        tempo=placement.tempo,
        numerator=placement.meter.numerator,
        denominator=placement.meter.denominator,
        again=int(offer.sent > 0),
        replaces=str(placement.replaces) if placement.replaces and replaces else "",
    )
