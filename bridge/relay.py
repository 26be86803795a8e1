"""``sideman relay``: a daemon on another machine, as if it were on this one.

The DAW's script and every other client speak OSC (or a mailbox's files) to the relay at the daemon's usual address. It
passes on what they say over one WebSocket, and gives back what the daemon answers to whom it is for. Clips are brought
here before they are told of, with this machine's paths, and placed by the host adapter of this machine. Everything
happens on one event loop; files are touched on worker threads.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from importlib import metadata

import httpx2

from bridge.clips import ClipFolder
from bridge.config import Config
from bridge.daw_desk import DawDesk
from bridge.errors import RequestError, StartError
from bridge.host_config import with_folder
from bridge.hosts import mailbox_folder, require_host
from bridge.http_config import is_loopback
from bridge.json_messages import reply_of
from bridge.machine import Machine
from bridge.mailbox import HOST as MAILBOX
from bridge.mailbox import Mailbox
from bridge.osc_codec import Message
from bridge.osc_commands import Command, DawHere, DawLeaves, Foreign, PlaceDone, PlaceFailed
from bridge.osc_replies import Hosting, KeptReply, PlacedReply, PlaceRequest, Reply, StateReply
from bridge.osc_server import Client, OscServer
from bridge.relay_clients import Numbers
from bridge.relay_clips import ClipLines
from bridge.relay_fetch import Fetcher
from bridge.relay_files import RelayFolder
from bridge.relay_link import Json, RelayLink
from bridge.relay_passing import Passing
from midi.events import SessionEvent


class Relay:
    """The relay's parts and the paths between them."""

    def __init__(
        self,
        url: str,
        token: str | None,
        config: Config,
        *,
        tell: Callable[[str], None],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """``url`` is that of the daemon's HTTP; ``config`` says where to listen, where clips go, and which DAW is here.

        Nothing is opened before ``run``. ``tell`` is given lines for the user. Raises ``StartError`` where OSC would be
        heard from any machine.
        """
        require_hosts_named(config.osc.host, osc_allows_hosts=bool(config.osc.allow_hosts))
        self._url, self._config, self._tell = url, config, tell
        self.folder = RelayFolder(config.clips.folder)
        host = self._host = require_host(config.host.name).make(with_folder(config.host, self.folder.path))
        self.server = OscServer(
            handler=self._handle_own,
            version=metadata.version("sideman"),
            allowed_hosts=frozenset(config.osc.allow_hosts),
            first=self._pass_on,
        )
        self.link = RelayLink(
            url, token, heard=self._hear, up=self._came_up, down=self._went_down, tell=tell, sleep=sleep
        )
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = httpx2.AsyncClient(base_url=url, headers=headers, trust_env=False)
        fetcher = Fetcher(self._http, self.folder, tell=tell, sleep=sleep)
        self._clips = ClipLines(
            self._http, fetcher, self.folder, host, send=self.link.send, deliver=self._deliver, tell=tell
        )
        self._numbers = Numbers()
        self._passing = Passing(
            host, numbers=self._numbers, clips=self._clips.local, send=self.link.send, answer=self.server.send
        )
        self._run, self._links = secrets.token_hex(8), 0
        self.desk = DawDesk(
            host,
            run=self._run,
            send=self.server.send,
            broadcast=self._desk_says,
            apply=self._passing.tell,
            make=_no_charts,
            note_placed=lambda path, where: None,  # the daemon notes it, when it is told
        )
        self.mailbox: Mailbox | None = None
        folder = mailbox_folder(config.host.name, config.host, Machine.this())
        if folder:
            self.mailbox = Mailbox(folder, run=self._run, take=self.server.take, clock=time.monotonic)
            self.server.add_route(MAILBOX, self.mailbox.send)

    async def run(self, ready: Callable[[str], None], stop: asyncio.Event) -> None:
        """Relay until ``stop`` is set. ``ready`` is told the address in use.

        Raises ``SidemanError`` when a part cannot start, ``RelayRefused`` when the daemon does not take the relay.
        """
        async with AsyncExitStack() as stack:
            ClipFolder(self.folder.path).prepare()
            stack.push_async_callback(self._http.aclose)
            if self._host:
                stack.push_async_callback(self._host.close)
                await self._host.start()
            stack.callback(self.desk.close)
            await self.server.start(self._config.osc.host, self._config.osc.port)
            stack.push_async_callback(self.server.close)
            if self.mailbox:
                stack.callback(self.mailbox.close)
                self.mailbox.start()
            stack.push_async_callback(self._clips.close)
            host, port = self.server.address
            ready(f"osc udp://[{host}]:{port}" if ":" in host else f"osc udp://{host}:{port}")
            await self._until(stop)

    async def _until(self, stop: asyncio.Event) -> None:
        linking = asyncio.create_task(self.link.run(), name="relay link")
        stopping = asyncio.create_task(stop.wait(), name="stop")
        try:
            await asyncio.wait({linking, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if linking.done():
                await linking
        finally:
            for task in (linking, stopping):
                task.cancel()
            await asyncio.gather(linking, stopping, return_exceptions=True)

    # The link

    def _came_up(self) -> None:
        self._tell(f"daemon {self._url}: connected")
        self._links += 1
        self._passing.came_up()
        # A script that hears of another run tells its session from the start.
        self.desk.set_run(f"{self._run}-{self._links}")
        self._clips.came_up()

    def _went_down(self) -> None:
        self._passing.is_up = False

    def _hear(self, event: Json) -> None:
        session = event.get("session")
        if isinstance(session, dict):
            self._passing.remote_clips = str(session.get("clips_folder") or self._passing.remote_clips)
            return
        reply = reply_of(event)
        if reply is not None and not isinstance(reply, Hosting | PlaceRequest):
            self._clips.take(reply, event)

    # The DAW and other clients

    def _pass_on(self, message: Message | Foreign, client: Client) -> bool:
        return self._passing.take(message, client)

    def _handle_own(self, command: Command | Foreign, client: Client) -> None:
        match command:
            case DawHere() | DawLeaves() | PlaceDone() | PlaceFailed():
                self.desk.handle(command, client)
            case _:
                raise AssertionError("everything else is passed on")

    def _desk_says(self, reply: Reply, client: Client | None) -> None:
        """A clip that the DAW took late is told by the daemon, to everybody."""
        if isinstance(reply, PlacedReply):
            self._clips.say_placed(reply.id, reply.take, reply.where)
        else:
            self.server.broadcast(reply, client)

    def _deliver(self, reply: Reply, event: Json) -> None:
        """Give an answer to whom it is for, and to all that subscribed here where everybody hears it."""
        client = self._numbers.client(event.get("to"))
        mine = self._with_own_paths(reply, event)
        if event.get("all", True):
            self.server.broadcast(mine, client)
        elif client:
            self.server.send(client, mine)

    def _with_own_paths(self, reply: Reply, event: Json) -> Reply:
        """A reply with this machine's paths in it."""
        match reply:
            case KeptReply():
                here = self._clips.local.get(str(event.get("clip")))
                return dataclasses.replace(reply, path=str(here)) if here else reply
            case StateReply():
                with contextlib.suppress(ValueError, TypeError):
                    view = json.loads(reply.json)
                    view["clips_folder"] = str(self.folder.path)
                    return StateReply(json=json.dumps(view, ensure_ascii=False))
        return reply


def require_hosts_named(host: str, *, osc_allows_hosts: bool) -> None:
    """Raises ``StartError`` where OSC listens beyond this machine and nobody is named: a relay takes no token."""
    if not is_loopback(host) and not osc_allows_hosts:
        raise StartError(
            f"OSC at {host} is reached from other machines: name those that may send in osc.allow_hosts. What they "
            "send goes to the daemon under this relay's token."
        )


def _no_charts(chart: Sequence[SessionEvent], wishes: Sequence[SessionEvent]) -> str:
    """What a host asks for a chart of its own needs the daemon itself. Raises ``RequestError``."""
    raise RequestError(
        "A relay makes no clips of MIDI files: drop the file into the folder of a daemon with --host folder, or use "
        "sideman render there."
    )
