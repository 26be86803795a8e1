"""A DAW with a script of ours inside (``plugin_host/scripts``): Ableton Live, REAPER, Ardour.

The script tells of the session in the daemon's own addresses, so there is no dialect to interpret. Clips are offered to
it until it answers: this class keeps what waits (``plugin_host.offers``) and who waits for it. It opens no socket and
reads no clock of its own; the daemon passes messages on, and sends what ``take_due`` says.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from midi.events import SessionEvent
from midi.time import Seconds
from plugin_host import offers
from plugin_host.host import Desk, HostError, OscArgument, Placement

ANSWER_S: Final = 10.0
"""A job waits so long for the DAW to take its clip; then the clip goes on being offered, and the next job runs."""


class OfferingHost:
    """A DAW that takes clips by its script. ``clock`` is monotonic."""

    def __init__(self, word: str, daw: str, clock: Callable[[], float]) -> None:
        """``word`` is what ``--host`` takes, ``daw`` what users call the program."""
        self._word, self._daw = word, daw
        self._clock = clock
        self._offers = offers.Offers()
        self._waiting: dict[int, asyncio.Future[str]] = {}
        self._desk: Desk | None = None
        self._wake: Callable[[], None] = lambda: None

    @property
    def name(self) -> str:
        """The word that ``--host`` takes."""
        return self._word

    def attach(self, desk: Desk, wake: Callable[[], None]) -> None:
        """Whom to tell of clips that the DAW took late, and what to call when ``next_due`` may have changed."""
        self._desk, self._wake = desk, wake

    async def start(self) -> None:
        """The DAW may come later: there is nothing to open."""

    async def close(self) -> None:
        """Nobody waits for an answer any more."""
        for future in self._waiting.values():
            future.cancel()
        self._waiting.clear()

    def interpret(self, address: str, arguments: Sequence[OscArgument]) -> tuple[SessionEvent, ...] | None:
        """The script speaks the daemon's own addresses."""
        return None

    async def place(self, placement: Placement) -> str:
        """Offer a clip, and wait for the answer. Raises ``HostError``; what may still be taken is offered on."""
        self._offers, offer, dropped = offers.offered(self._offers, placement, self._now())
        for old in dropped:
            self._tell(
                old.placement,
                f"{offers.MAX_WAITING} newer clips wait for {self._daw}, so {old.placement.name} does not.",
            )
        self._wake()
        if self._offers.daw_at(self._now()) is None:
            raise HostError(f"{self._daw} is not there. The clip is offered to it when it comes back.")
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._waiting[offer.number] = future
        try:
            async with asyncio.timeout(ANSWER_S):
                return await future
        except TimeoutError:
            text = f"{self._daw} has not answered for {ANSWER_S:g} seconds. The clip goes on being offered to it."
            raise HostError(text) from None
        finally:
            self._waiting.pop(offer.number, None)

    # What the script says

    def greeted(self, place: str, name: str) -> None:
        """The script is there; what it has not been offered is due. Raises ``DawTaken`` while another is served."""
        self._offers, _ = offers.greeted(self._offers, place, name, self._now())

    def left(self, place: str) -> None:
        """The script has said that it goes. Whoever waits for it waits no more."""
        before, self._offers = self._offers, offers.left(self._offers, place)
        if self._offers is not before:
            for future in self._waiting.values():
                _settle(future, HostError(f"{self._daw} was closed. The clip is offered to it when it comes back."))

    def took(self, number: int, where: str) -> None:
        """The script has placed an offer; one that does not wait any more is passed over."""
        offer, future = self._answered(number)
        if offer and future:
            _settle(future, where)
        elif offer and self._desk:
            self._desk.placed(offer.placement, where)

    def refused(self, number: int, why: str) -> None:
        """The script cannot place an offer, and says why."""
        offer, future = self._answered(number)
        if offer and future:
            _settle(future, HostError(why))
        elif offer:
            self._tell(offer.placement, why)

    def _answered(self, number: int) -> tuple[offers.Offer | None, asyncio.Future[str] | None]:
        self._offers, offer = offers.answered(self._offers, number)
        return offer, self._waiting.get(number)

    # What is to be sent

    def take_due(self) -> tuple[offers.Offer, ...]:
        """The offers that are to be sent to the script now; they count as sent."""
        self._offers, due = offers.take_due(self._offers, self._now())
        return due

    def next_due_in(self) -> float | None:
        """Seconds until ``take_due`` has something; None where nothing waits, or nobody is there."""
        due = self._offers.next_due(self._now())
        return None if due is None else max(0.0, due - self._now())

    @property
    def is_there(self) -> bool:
        """Whether a script has greeted, and not left."""
        return self._offers.daw_at(self._now()) is not None

    def is_served(self, place: str) -> bool:
        """Whether this is the DAW that is served."""
        daw = self._offers.daw_at(self._now())
        return daw is not None and daw.place == place

    def _now(self) -> Seconds:
        return Seconds(self._clock())

    def _tell(self, placement: Placement, why: str) -> None:
        if self._desk:
            self._desk.tell(placement.request_id, f"{why} {placement.by_hand}")


def _settle(future: asyncio.Future[str], answer: str | HostError) -> None:
    if future.done():
        return
    if isinstance(answer, str):
        future.set_result(answer)
    else:
        future.set_exception(answer)
