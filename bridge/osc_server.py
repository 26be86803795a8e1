"""The UDP server: a thin shell around codec, schedule and list of subscribers.

Everything happens on the event loop that ``start`` was called on. No input stops the server: bytes that cannot
be read and commands that cannot be used are answered with ``/sideman/error``, errors of the socket are counted.
An answer is never given to an answer, so two daemons that are pointed at each other fall silent.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, cast

from bridge.errors import SidemanError, StartError
from bridge.osc_clients import Client, Subscribers, Trust
from bridge.osc_codec import Incoming, Malformed, Message, decode, encode, understand
from bridge.osc_commands import Release
from bridge.osc_errors import INTERNAL, NotAllowed, TooLong, TooManyElements
from bridge.osc_replies import REPLY_ADDRESSES, ErrorReply, Pong, Reply, Subscribed
from bridge.osc_schema import Command, Foreign, Ping, Subscribe, Unsubscribe
from bridge.osc_wire import MAX_DATAGRAM_BYTES, WireMessage
from bridge.time_tags import Schedule
from midi.events import RequestClip

__all__ = ["Client", "Counts", "Listener", "OscServer"]

log = logging.getLogger(__name__)

RECEIVE_BUFFER_BYTES: Final = 4 * 1024 * 1024
"""Room for two seconds of messages while the loop is busy; the system may grant less."""
SEND_BUFFER_BYTES: Final = 256 * 1024
"""macOS sends no datagram that is larger than its send buffer, 9216 bytes where nothing else is said."""
CLOCK_CHECK_S: Final = 1.0
"""While bundles wait, the wall clock is looked at this often: it may be set."""

Handler = Callable[[Command | Foreign, Client], None]
Route = Callable[[Client, Reply], None]
CallLater = Callable[[float, Callable[[], None]], asyncio.TimerHandle]
UdpAddress = tuple[str, int] | tuple[str, int, int, int]


class Listener(Protocol):
    """Clients that are reached in another way than the socket, and hear every broadcast while they are there."""

    def send(self, client: Client, reply: Reply) -> None:
        """Tell one of them something."""
        ...

    def broadcast(self, reply: Reply, requester: Client | None) -> None:
        """Tell all of them something, once each; ``requester`` may be one of them."""
        ...


@dataclass(slots=True, kw_only=True)
class Counts:
    """What went through the socket since the start."""

    packets: int = 0
    bytes: int = 0
    malformed: int = 0
    ignored: int = 0
    """Answers of a daemon that came in; they are never answered."""
    refused: int = 0
    """Datagrams from other machines that had not shown the token."""
    dropped: int = 0
    """Replies that were not sent because the system took no more."""
    socket_errors: int = 0


class OscServer:
    """Hears commands over UDP, and sends replies."""

    def __init__(
        self,
        *,
        handler: Handler,
        version: str,
        allowed_hosts: frozenset[str],
        token: str | None = None,
        first: Callable[[Message | Foreign, Client], bool] = lambda message, client: False,
        wall_clock: Callable[[], float] = time.time,
        call_later: CallLater | None = None,
    ) -> None:
        """Nothing is opened before ``start``.

        ``handler`` is called for each command that is not the server's own business, when it is due. It
        may raise ``SidemanError``, which is answered. ``allowed_hosts`` are IP addresses that any client
        may subscribe, and that are heard without a token. With a ``token``, other machines are not heard before they
        have subscribed with it. ``first`` is given every message when it is due, and tells whether it has dealt with
        it; it may raise as ``handler`` does. ``call_later`` stands in for the loop's own.
        """
        self.counts = Counts()
        self._handler, self._first = handler, first
        self._version = version
        self._allowed_hosts = allowed_hosts
        self._wall_clock = wall_clock
        self._call_later = call_later
        self._schedule: Schedule[tuple[Message | Foreign, Client]] = Schedule()
        self._subscribers = Subscribers()
        self._trust = Trust(token, allowed_hosts)
        self._routes: dict[str, Route] = {}
        self._listeners: dict[str, Listener] = {}
        self._transport: asyncio.DatagramTransport | None = None
        self._closed: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._congested = False
        self._deaf = False

    # Life

    async def start(self, host: str, port: int) -> None:
        """Listen on an address; port 0 picks a free one. Raises ``StartError`` with one line that says what to do."""
        loop = asyncio.get_running_loop()
        self._subscribers = Subscribers(self._allowed_hosts)
        self._call_later = self._call_later or loop.call_later
        self._closed = loop.create_future()
        closed = self._closed
        try:
            self._transport, _ = await loop.create_datagram_endpoint(
                lambda: _Protocol(self, closed), local_addr=(host, port)
            )
        except (OSError, OverflowError, UnicodeError) as error:
            raise StartError(_why_not(host, port, error)) from None
        udp = cast(socket.socket, self._transport.get_extra_info("socket"))
        for option, size in ((socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES), (socket.SO_SNDBUF, SEND_BUFFER_BYTES)):
            with contextlib.suppress(OSError):
                udp.setsockopt(socket.SOL_SOCKET, option, size)

    def add_route(self, host: str, send: Route) -> None:
        """Clients of this host, which is no IP address, are answered by ``send`` in the place of the socket."""
        self._routes[host] = send

    def add_listener(self, host: str, listener: Listener) -> None:
        """Clients of this host, which is no IP address, are a listener's, and need not subscribe."""
        self._routes[host] = listener.send
        self._listeners[host] = listener

    @property
    def address(self) -> tuple[str, int]:
        """Host and port in use. Raises ``StartError`` before ``start``."""
        if self._transport is None:
            raise StartError("The OSC server is not started.")
        name = cast(UdpAddress, self._transport.get_extra_info("sockname"))
        return name[0], name[1]

    @property
    def waiting(self) -> int:
        """Messages that wait for their time."""
        return len(self._schedule)

    def stop_hearing(self) -> None:
        """Take in nothing more; replies are still sent until ``close``."""
        self._deaf = True

    async def close(self) -> None:
        """Let go of the socket and of everything that waits; safe to call twice, and before ``start``."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._schedule.clear()
        if self._transport is not None and self._closed is not None:
            self._transport.close()
            await self._closed
            self._transport = None

    # In

    def receive(self, datagram: bytes, client: Client) -> None:
        """Take one datagram: carry out what is due, keep what is not yet."""
        if self._deaf:
            return
        self.counts.packets += 1
        self.counts.bytes += len(datagram)
        what = decode(datagram)
        if self._trust.hears(client) or any(self._shows_token(incoming, client) for incoming in what):
            self._admit(what, client)
            return
        self.counts.refused += 1
        text = (
            "Other machines are heard once they have subscribed with the daemon's token (/sideman/subscribe ,sis), or "
            "where osc.allow_hosts names them."
        )
        self._answer_error(client, "", NotAllowed.code, text)

    def _shows_token(self, incoming: Incoming, client: Client) -> bool:
        command = incoming.command if isinstance(incoming, Message) else None
        return isinstance(command, Subscribe) and self._trust.show(client, command.token)

    def take(self, messages: Sequence[WireMessage], client: Client) -> None:
        """Take messages that came in another way than the socket, as one datagram's."""
        if not self._deaf:
            self._admit(understand(messages), client)

    def _admit(self, what: Sequence[Incoming], client: Client) -> None:
        messages: list[Message | Foreign] = []
        for incoming in what:
            if isinstance(incoming, Malformed):
                self._refuse(client, incoming)
                return
            messages.append(incoming)
        now = self._wall_clock()
        try:
            due = self._schedule.admit([(message.due, (message, client)) for message in messages], now)
        except SidemanError as error:
            self._refuse(client, Malformed(code=error.code, message=str(error)))
            return
        self._carry_out(due)
        if len(due) < len(messages):
            self._set_timer()

    def receive_error(self, error: OSError) -> None:
        """Count an error of the socket, such as a port that nobody listens on any more."""
        self.counts.socket_errors += 1
        log.debug("socket: %s", error)

    def set_congested(self, congested: bool) -> None:
        """While the system takes no more, replies are dropped: waiting for it would keep them without bound."""
        self._congested = congested

    def _ring(self) -> None:
        if self._deaf:
            return
        self._carry_out(self._schedule.pop_due(self._wall_clock()))
        self._set_timer()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        wait_s = self._schedule.next_due_in(self._wall_clock())
        if wait_s is not None and self._call_later is not None:
            self._timer = self._call_later(min(wait_s, CLOCK_CHECK_S), self._ring)

    def _carry_out(self, due: Sequence[tuple[Message | Foreign, Client]]) -> None:
        for message, client in due:
            command = message.command if isinstance(message, Message) else message
            try:
                if not self._first(message, client):
                    self._perform(command, client)
            except SidemanError as error:
                self._answer_error(client, _request_id(command), error.code, str(error))
            except Exception:
                log.exception("%s from %s", message.address, client)
                text = f"{message.address}: a mistake in the daemon; its log has the details. Nothing else is affected."
                self._answer_error(client, _request_id(command), INTERNAL, text)

    def _perform(self, command: Command | Foreign, client: Client) -> None:
        match command:
            case Ping():
                self.send(client, Pong(version=self._version))
            case Subscribe(host=host, port=port) if host is None and client.host in self._listeners:
                self.send(client, Subscribed(host=client.host, port=port or 1))
            case Subscribe(host=host, port=port):
                self._subscribe(client, self._subscribers.place(client, host, port))
            case Unsubscribe(host=host, port=port):
                self._subscribers.remove(self._subscribers.place(client, host, port))
            case Foreign(address=address) if address in REPLY_ADDRESSES:
                self.counts.ignored += 1
            case Release():
                pass
            case _:
                self._handler(command, client)

    def _subscribe(self, client: Client, place: Client) -> None:
        left_out = self._subscribers.add(client, place)
        self.send(client, Subscribed(host=place.host, port=place.port))
        if left_out is not None:
            text = "Others subscribed since, and the list is full: subscribe again to hear broadcasts."
            self._answer_error(left_out, "", TooManyElements.code, text)

    def _refuse(self, client: Client, malformed: Malformed) -> None:
        self.counts.malformed += 1
        self._answer_error(client, malformed.request_id, malformed.code, malformed.message)

    def _answer_error(self, client: Client, request_id: str, code: str, message: str) -> None:
        self.send(client, ErrorReply(id=request_id, code=code, message=message))

    # Out

    def send(self, client: Client, reply: Reply) -> None:
        """Send a reply to one client, and to the places that it subscribed.

        One that no datagram can carry is answered with ``too_long``.
        """
        self._send_to(tuple(dict.fromkeys((client, *self._subscribers.places_of(client)))), reply)

    def broadcast(self, reply: Reply, requester: Client | None) -> None:
        """Send a reply to the client that it is for and to every subscriber, each once."""
        own = () if requester is None or requester.host in self._listeners else (requester,)
        for listener in self._listeners.values():
            listener.broadcast(reply, requester)
        self._send_to(tuple(dict.fromkeys((*own, *self._subscribers))), reply)

    def _send_to(self, clients: Sequence[Client], reply: Reply) -> None:
        datagram: bytes | None = None
        for client in clients:
            route = self._routes.get(client.host)
            if route is None:
                datagram = datagram or _datagram(reply)
                self._transmit(datagram, client)
            else:
                route(client, reply)

    def _transmit(self, datagram: bytes, client: Client) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if self._congested:
            self.counts.dropped += 1
            return
        transport.sendto(datagram, (client.host, client.port))


class _Protocol(asyncio.DatagramProtocol):
    """What asyncio calls."""

    def __init__(self, server: OscServer, closed: asyncio.Future[None]) -> None:
        self._server = server
        self._closed = closed

    def datagram_received(self, data: bytes, addr: UdpAddress) -> None:
        self._server.receive(data, Client(addr[0], addr[1]))

    def error_received(self, exc: OSError) -> None:  # type: ignore[override]
        self._server.receive_error(exc)

    def pause_writing(self) -> None:
        self._server.set_congested(True)

    def resume_writing(self) -> None:
        self._server.set_congested(False)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._closed.done():
            self._closed.set_result(None)


def _datagram(reply: Reply) -> bytes:
    """A reply as it is sent; the error ``too_long`` in the place of one that no datagram can carry."""
    datagram = encode(reply)
    if len(datagram) > MAX_DATAGRAM_BYTES:
        text = f"The answer has {len(datagram)} bytes, and a datagram carries {MAX_DATAGRAM_BYTES}."
        return encode(ErrorReply(id=getattr(reply, "id", ""), code=TooLong.code, message=text))
    return datagram


def _request_id(command: Command | Foreign) -> str:
    """The id of the request that an error ends; a cancel that is refused ends none."""
    return (command.id or "") if isinstance(command, RequestClip) else ""


def _why_not(host: str, port: int, error: Exception) -> str:
    """One line about an address that cannot be listened on."""
    advice = "choose another with --osc HOST:PORT; port 0 picks a free one."
    number = error.errno if isinstance(error, OSError) else None
    if number == errno.EADDRINUSE:
        return f"UDP port {port} on {host} is in use: stop the program that has it, or {advice}"
    if number == errno.EACCES:
        return f"UDP port {port} on {host} needs rights that this user does not have: {advice}"
    reason = getattr(error, "strerror", None) or str(error)
    return f"Cannot listen on UDP port {port} of {host} ({reason}): is the host one of this machine's? Or {advice}"
