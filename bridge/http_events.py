"""WebSocket clients: they send commands, and hear every reply and the session, as JSON.

Each is a client of the daemon as one of OSC is; its host is ``web``. Nobody waits for a client: what it has not read
waits in a bounded queue, and a client whose queue is full is closed with a reason. Everything happens on one event
loop.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from bridge.json_messages import messages_of, read_json, reply_json
from bridge.osc_clients import Client
from bridge.osc_errors import MessageError
from bridge.osc_replies import ErrorReply, Reply
from bridge.osc_wire import WireMessage
from bridge.state_view import ViewText

log = logging.getLogger(__name__)

HOST: Final = "web"
"""Stands for an IP address in a client that came over HTTP."""
MAX_LISTENERS: Final = 64
MAX_EVENTS: Final = 512
MAX_WAITING_BYTES: Final = 8 << 20
"""What may wait for one client; more, and it reads too slowly."""
SEND_LIMIT_S: Final = 10.0
"""A client that takes nothing for so long is cut off."""
SESSION_PAUSE_S: Final = 0.05
"""The session is not told more often than this."""
SPEAKERS: Final = 1 << 16
"""Clients that one connection may speak for, by number: those of a relay."""
TOO_SLOW: Final = 1013
GOING: Final = 1001
TOO_MANY: Final = 1013

Take = Callable[[Sequence[WireMessage], Client], None]
Json = dict[str, Any]
Cut = Callable[[tuple[str, int]], None]


class Outbox:
    """What waits for one client. Pure but for the event that wakes its sender."""

    def __init__(self, *, max_events: int = MAX_EVENTS, max_bytes: int = MAX_WAITING_BYTES) -> None:
        self._max_events, self._max_bytes = max_events, max_bytes
        self._waiting: deque[str | None] = deque()
        self._bytes = 0
        self.is_full = False
        """The client has read too slowly, and nothing more is kept for it."""
        self.wake = asyncio.Event()

    def put(self, text: str) -> None:
        """Keep a message for the client."""
        if self.is_full:
            return
        if len(self._waiting) >= self._max_events or self._bytes + len(text) > self._max_bytes:
            self.is_full = True
            self._waiting.clear()
            self._bytes = 0
        else:
            self._waiting.append(text)
            self._bytes += len(text)
        self.wake.set()

    def put_session(self) -> None:
        """The session has changed; where it waits to be sent already, it is sent once, as it is then."""
        if not self.is_full and None not in self._waiting:
            self._waiting.append(None)
            self.wake.set()

    def take(self) -> tuple[str | None] | None:
        """The next message, whose text is None for the session; None when nothing waits."""
        if not self._waiting:
            self.wake.clear()
            return None
        text = self._waiting.popleft()
        self._bytes -= len(text or "")
        return (text,)


class Hub:
    """All WebSocket clients, and those that ask one thing over HTTP: the daemon's ``Listener``."""

    def __init__(self, *, take: Take, session: Callable[[], Json], cut: Cut) -> None:
        """``take`` is given commands and whose they are; ``session`` is the session as it is now.

        ``cut`` ends the connection of a client that takes nothing any more.
        """
        self._take, self._session, self._cut = take, session, cut
        self._view_text = ViewText()
        self._outboxes: dict[int, Outbox] = {}
        self._asked: dict[Client, list[Reply]] = {}
        self._last = 0
        self._timer: asyncio.TimerHandle | None = None
        self._told: str | None = None
        """The session as it was told last, while it is told to other clients."""
        self._closed = asyncio.Event()

    def __len__(self) -> int:
        """Clients that are connected."""
        return len(self._outboxes)

    def close(self) -> None:
        """Every client is told that the daemon goes."""
        self._closed.set()
        if self._timer:
            self._timer.cancel()
            self._timer = None

    # The daemon's listener

    def send(self, client: Client, reply: Reply) -> None:
        """Tell one client something; one that is gone is none the worse."""
        asked = self._asked.get(client)
        if asked is not None:
            asked.append(reply)
        outbox = self._outboxes.get(client.port // SPEAKERS)
        if outbox:
            outbox.put(_event_text(reply, client.port % SPEAKERS, to_all=False))

    def broadcast(self, reply: Reply, requester: Client | None) -> None:
        """Tell every client something, and the one that asked that it is for it."""
        if requester in self._asked:
            self._asked[requester].append(reply)
        if not self._outboxes:
            return
        text = _event_text(reply, 0, to_all=True)
        own = requester.port // SPEAKERS if requester and requester.host == HOST else 0
        for number, outbox in self._outboxes.items():
            speaker = requester.port % SPEAKERS if requester and number == own else 0
            outbox.put(_event_text(reply, speaker, to_all=True) if speaker else text)

    def session_changed(self) -> None:
        """Tell every client the session, soon and once for all changes until then."""
        if self._outboxes and self._timer is None and not self._closed.is_set():
            self._timer = asyncio.get_running_loop().call_later(SESSION_PAUSE_S, self._tell_session)

    def _tell_session(self) -> None:
        self._timer = None
        self._told = None
        for outbox in self._outboxes.values():
            outbox.put_session()

    # One thing over HTTP

    def ask(self, messages: Sequence[WireMessage]) -> list[Reply]:
        """Give the daemon commands, and return what it answers at once."""
        client = self._new_client()
        replies = self._asked[client] = []
        try:
            self._take(messages, client)
        finally:
            del self._asked[client]
        return replies

    def _new_client(self) -> Client:
        self._last += 1
        return Client(HOST, self._last * SPEAKERS)

    # WebSocket

    async def serve(self, websocket: WebSocket) -> None:
        """One connection, from its first word to its last."""
        await websocket.accept()
        if len(self) >= MAX_LISTENERS:
            await websocket.close(TOO_MANY, f"{MAX_LISTENERS} clients are connected, and no more are taken.")
            return
        client, outbox = self._new_client(), Outbox()
        self._outboxes[client.port // SPEAKERS] = outbox
        self._told = None
        outbox.put_session()
        tasks = [
            asyncio.create_task(self._hear(websocket, client), name="websocket in"),
            asyncio.create_task(self._tell(websocket, outbox), name="websocket out"),
            asyncio.create_task(self._closed.wait(), name="websocket end"),
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            del self._outboxes[client.port // SPEAKERS]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        takes_nothing = isinstance(tasks[1].exception() if not tasks[1].cancelled() else None, TimeoutError)
        await self._part(websocket, outbox, takes_nothing=takes_nothing)

    async def _hear(self, websocket: WebSocket, client: Client) -> None:
        """Take commands until the client goes."""
        while True:
            message = await websocket.receive()
            if message["type"] == "websocket.disconnect":
                return
            speaker = client
            try:
                value = read_json(message.get("text") or message.get("bytes") or b"")
                speaker = _speaker(value, client)
                self._take(messages_of(value), speaker)
            except MessageError as error:
                self.send(speaker, ErrorReply(id="", code=error.code, message=str(error)))

    async def _tell(self, websocket: WebSocket, outbox: Outbox) -> None:
        """Send what waits, until the client takes nothing more or reads too slowly."""
        while not outbox.is_full:
            await outbox.wake.wait()
            while taken := outbox.take():
                (text,) = taken
                async with asyncio.timeout(SEND_LIMIT_S):
                    await websocket.send_text(self._session_text() if text is None else text)

    def _session_text(self) -> str:
        self._told = self._told or f'{{"session":{self.session_json()}}}'
        return self._told

    def session_json(self) -> str:
        """The session as it is now, as JSON."""
        return self._view_text.of(self._session())

    async def _part(self, websocket: WebSocket, outbox: Outbox, *, takes_nothing: bool) -> None:
        """Say why, if the client still listens; one that takes nothing is cut off."""
        if websocket.client_state is WebSocketState.DISCONNECTED:
            return
        if takes_nothing:
            self._cut_off(websocket)
            return
        code, reason = GOING, "The daemon stops."
        if outbox.is_full:
            code, reason = TOO_SLOW, f"You read too slowly: {MAX_EVENTS} events waited. Connect again."
        try:
            async with asyncio.timeout(1.0 if self._closed.is_set() else SEND_LIMIT_S):
                await websocket.close(code, reason)
        except TimeoutError:
            self._cut_off(websocket)
        except (WebSocketDisconnect, RuntimeError, OSError):
            pass

    def _cut_off(self, websocket: WebSocket) -> None:
        log.info("websocket: %s takes nothing", websocket.client)
        if websocket.client:
            self._cut((websocket.client.host, websocket.client.port))


def _speaker(value: object, client: Client) -> Client:
    """For whom a connection speaks: ``from`` is taken out of its commands. Raises ``MessageError``."""
    commands = value if isinstance(value, list) else [value]
    numbers = {one.pop("from", 0) for one in commands if isinstance(one, dict) and _hashable(one.get("from", 0))}
    number = next(iter(numbers), 0)
    if len(numbers) > 1 or not isinstance(number, int) or not 0 <= number < SPEAKERS:
        raise MessageError(f"from is one number below {SPEAKERS}, the same in all commands of a message.")
    return Client(client.host, client.port + number)


def _hashable(value: object) -> bool:
    return isinstance(value, int | str | float | None)


def _event_text(reply: Reply, speaker: int, *, to_all: bool) -> str:
    """A reply as a connection hears it; ``to`` is whom it speaks for, ``all`` that everybody hears it."""
    event = reply_json(reply)
    if speaker:
        event |= {"to": speaker}
    return _text(event | {"all": to_all})


def _text(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str).encode("utf-8", "replace").decode()
