"""Clips on their way into a DAW whose script takes them over a network that may lose messages. Pure: time is passed in.

A clip is offered, and offered again at growing intervals, until the script says where it went or why not. While no DAW
is there the clip waits, and is offered when one comes. One DAW is served at a time: the first that came, until it has
said that it goes, or nothing for a while.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from midi.time import Seconds
from plugin_host.host import DawTaken, Placement

FIRST_AGAIN: Final = Seconds(0.5)
"""An offer without an answer is repeated after this time, then after twice as long, and so on."""
LATEST_AGAIN: Final = Seconds(8.0)
SILENCE: Final = Seconds(7.0)
"""A DAW's script greets every two seconds. One that has not for this long is taken to be gone."""
MAX_WAITING: Final = 64
"""Clips that may wait; the oldest make room, and their files stay."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A clip that waits for an answer; ``sent`` is how often it was offered."""

    number: int
    placement: Placement
    sent: int = 0
    due: Seconds

    def once_more(self, now: Seconds) -> Offer:
        """This offer after it was sent."""
        pause = min(LATEST_AGAIN, FIRST_AGAIN * 2.0**self.sent)
        return replace(self, sent=self.sent + 1, due=Seconds(now + pause))


@dataclass(frozen=True, slots=True, kw_only=True)
class Daw:
    """The DAW that is served: where its messages come from, its name, and when it last greeted."""

    place: str
    name: str
    greeted_at: Seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Offers:
    """What waits, in the order of its making, and for whom."""

    waiting: tuple[Offer, ...] = ()
    last_number: int = 0
    daw: Daw | None = None

    def daw_at(self, now: Seconds) -> Daw | None:
        """The DAW that is there."""
        return self.daw if self.daw and now - self.daw.greeted_at <= SILENCE else None

    def next_due(self, now: Seconds) -> Seconds | None:
        """When an offer has to be sent again; None where none waits, or no DAW is there."""
        return min((offer.due for offer in self.waiting), default=None) if self.daw_at(now) else None


def greeted(offers: Offers, place: str, name: str, now: Seconds) -> tuple[Offers, bool]:
    """A DAW's script says that it is there; tells whether it is a new one, to which everything is offered.

    Raises ``DawTaken`` while another one is served.
    """
    served = offers.daw_at(now)
    if served and served.place != place:
        raise DawTaken(
            f"{served.name} is connected to this daemon already, and one DAW is served at a time. Close it, or start "
            "another daemon for this one: the page of this DAW in docs/ says how its script finds it."
        )
    new = served is None or served.name != name
    waiting = tuple(replace(offer, due=now) for offer in offers.waiting) if new else offers.waiting
    return replace(offers, waiting=waiting, daw=Daw(place=place, name=name, greeted_at=now)), new


def left(offers: Offers, place: str) -> Offers:
    """The DAW has said that it goes; what waits goes on waiting."""
    return replace(offers, daw=None) if offers.daw and offers.daw.place == place else offers


def offered(offers: Offers, placement: Placement, now: Seconds) -> tuple[Offers, Offer, tuple[Offer, ...]]:
    """A clip more; returns its offer, and those that made room for it.

    A draft that waits and was never offered gives way to the take that replaces it, which then replaces nothing.
    """
    kept = tuple(one for one in offers.waiting if one.sent or not _is_draft(one, placement))
    if len(kept) < len(offers.waiting):
        placement = replace(placement, replaces=None)
    offer = Offer(number=offers.last_number + 1, placement=placement, due=now)
    waiting = (*kept, offer)
    kept, dropped = waiting[-MAX_WAITING:], waiting[:-MAX_WAITING]
    return replace(offers, waiting=kept, last_number=offer.number), offer, dropped


def _is_draft(offer: Offer, better: Placement) -> bool:
    return better.replaces is not None and offer.placement.path == better.replaces


def take_due(offers: Offers, now: Seconds) -> tuple[Offers, tuple[Offer, ...]]:
    """The offers that are to be sent now; none while no DAW is there."""
    if offers.daw_at(now) is None:
        return offers, ()
    due = tuple(offer for offer in offers.waiting if offer.due <= now)
    waiting = tuple(offer.once_more(now) if offer in due else offer for offer in offers.waiting)
    return replace(offers, waiting=waiting), due


def answered(offers: Offers, number: int) -> tuple[Offers, Offer | None]:
    """The script has answered; None for an offer that does not wait: the answer came twice."""
    found = next((offer for offer in offers.waiting if offer.number == number), None)
    return replace(offers, waiting=tuple(offer for offer in offers.waiting if offer is not found)), found
