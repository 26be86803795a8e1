"""Who hears what: clients by address, and the list of subscribers with its rules. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from bridge.errors import StartError
from bridge.osc_errors import NotAllowed, OutOfRange
from bridge.tokens import same_token

MAX_SUBSCRIBERS: Final = 64
LOCALHOST: Final = "localhost"

Address = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class Client:
    """A client: the IP address and UDP port that its messages come from, or that it wants its answers at."""

    host: str
    port: int


def address_of(host: str) -> Address | None:
    """The IP address that a host is written as; None for a name, which is never looked up.

    ``localhost`` is 127.0.0.1. An IPv4 address inside an IPv6 one comes out as IPv4.
    """
    if host.lower() == LOCALHOST:
        return IPv4Address("127.0.0.1")
    try:
        address = ip_address(host)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def same_host(one: Address, other: Address) -> bool:
    """Whether two addresses are of one machine; all loopback addresses are."""
    return one == other or (one.is_loopback and other.is_loopback)


class Subscribers:
    """The clients that hear every broadcast, at most ``limit``.

    UDP does not say when a client is gone. So a new one takes the place of the one that subscribed longest
    ago; to subscribe again renews.
    """

    def __init__(self, allowed_hosts: Iterable[str] = (), *, limit: int = MAX_SUBSCRIBERS) -> None:
        """``allowed_hosts`` may be subscribed by any client. Raises ``StartError`` for one that is no address."""
        self._limit = limit
        self._clients: dict[Client, Client] = {}  # place to the sender that subscribed it
        self._allowed: list[Address] = []
        for host in allowed_hosts:
            address = address_of(host)
            if address is None:
                raise StartError(f"allow_hosts has {host!r}, which is not an IP address: names are not looked up.")
            self._allowed.append(address)

    def __len__(self) -> int:
        return len(self._clients)

    def __iter__(self) -> Iterator[Client]:
        return iter(self._clients)

    def places_of(self, sender: Client) -> tuple[Client, ...]:
        """Where a sender's own answers go too: the places that it subscribed."""
        return tuple(place for place, subscriber in self._clients.items() if subscriber == sender)

    def place(self, sender: Client, host: str | None, port: int | None) -> Client:
        """Where a sender that names ``host`` and ``port`` wants its broadcasts; None is its own.

        Raises ``OutOfRange`` for a host that is no address and ``NotAllowed`` for one that is not the
        sender's and was not allowed.
        """
        if host is None:
            return Client(sender.host, sender.port if port is None else port)
        wanted, here = address_of(host), address_of(sender.host)
        if wanted is None:
            raise OutOfRange(f"{host[:64]!r} is not an IP address or localhost: names are not looked up.")
        own = here is not None and same_host(wanted, here)
        if not own and not any(same_host(wanted, allowed) for allowed in self._allowed):
            raise NotAllowed(
                f"{sender.host} may not subscribe {host}: add it to allow_hosts under [osc] in the configuration."
            )
        return Client(_reachable(wanted, sender.host), sender.port if port is None else port)

    def add(self, sender: Client, place: Client) -> Client | None:
        """Subscribe a place for a sender; returns the place that had to make room for it."""
        self._clients.pop(place, None)
        oldest = next(iter(self._clients)) if len(self._clients) >= self._limit else None
        if oldest is not None:
            del self._clients[oldest]
        self._clients[place] = sender
        return oldest

    def remove(self, place: Client) -> None:
        """Unsubscribe a place; one that is not subscribed is none the worse."""
        self._clients.pop(place, None)


class Trust:
    """Which senders are heard: those of this machine, of hosts that were allowed, and those that showed the token.

    Without a token only the first two are. A sender that showed it is remembered by its address and port, the last
    ``limit`` of them.
    """

    def __init__(self, token: str | None, allowed_hosts: Iterable[str] = (), *, limit: int = MAX_SUBSCRIBERS) -> None:
        self._token = token
        self._allowed = [address for host in allowed_hosts if (address := address_of(host))]
        self._limit = limit
        self._shown: dict[Client, None] = {}

    def hears(self, sender: Client) -> bool:
        """Whether a sender is heard. One whose host is no IP address came in another way, and was judged there."""
        here = address_of(sender.host)
        return (
            here is None
            or here.is_loopback
            or sender in self._shown
            or any(same_host(here, allowed) for allowed in self._allowed)
        )

    def show(self, sender: Client, token: str | None) -> bool:
        """Hear a sender from now on if the token is the right one; tells whether it is."""
        if self._token is None or token is None or not same_token(token, self._token):
            return False
        self._shown.pop(sender, None)
        self._shown[sender] = None
        if len(self._shown) > self._limit:
            del self._shown[next(iter(self._shown))]
        return True


def _reachable(wanted: Address, sender_host: str) -> str:
    """``wanted`` as the socket that heard ``sender_host`` can send to it.

    An IPv4 socket sends to IPv4 alone, an IPv6 socket to IPv6 and to IPv4 inside IPv6.
    Raises ``OutOfRange`` for an IPv6 address from an IPv4 socket.
    """
    over_ipv6 = ":" in sender_host
    if wanted.version == (6 if over_ipv6 else 4):
        return str(wanted)
    if wanted.is_loopback:
        return "::1" if over_ipv6 and not sender_host.startswith("::ffff:") else _mapped("127.0.0.1", over_ipv6)
    if isinstance(wanted, IPv6Address):
        raise OutOfRange(f"{wanted} is an IPv6 address, and the daemon listens on IPv4.")
    return _mapped(str(wanted), over_ipv6)


def _mapped(ipv4: str, over_ipv6: bool) -> str:
    return f"::ffff:{ipv4}" if over_ipv6 else ipv4
