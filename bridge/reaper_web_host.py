"""The host ``reaper-web``: REAPER's web interface, asked again and again. The dialect is ``plugin_host.reaper_web``."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from typing import Final

from bridge.errors import HostError, SidemanError
from midi.events import SessionEvent
from plugin_host import reaper_web as dialect
from plugin_host.host import Desk, OscArgument, Placement

log = logging.getLogger(__name__)

HOST: Final = "127.0.0.1"
POLL_S: Final = 0.2
NAMES_EVERY: Final = 10
"""Markers and regions are asked for once in so many questions."""
ANSWER_S: Final = 2.0
MAX_BYTES: Final = 1 << 20
SILENT_POLLS: Final = 10


class ReaperWebHost:
    """REAPER by its web interface: state only. Clips are told by their path."""

    def __init__(self, *, port: int = 0, poll_s: float = POLL_S) -> None:
        """``port`` 0 is REAPER's usual one."""
        self._port = port or dialect.PORT
        self._poll_s = poll_s
        self._song = dialect.Song()
        self._desk: Desk | None = None
        self._task: asyncio.Task[None] | None = None
        self._problems: set[str] = set()
        self._missed = 0

    @property
    def name(self) -> str:
        """The word that ``--host`` takes."""
        return "reaper-web"

    def attach(self, desk: Desk, wake: Callable[[], None]) -> None:
        """Whom to tell what REAPER says."""
        self._desk = desk

    async def start(self) -> None:
        """Begin to ask. REAPER may come later."""
        self._task = asyncio.create_task(self._poll(), name="reaper web")

    async def close(self) -> None:
        """Ask no more; safe to call twice."""
        if self._task:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    def interpret(self, address: str, arguments: Sequence[OscArgument]) -> tuple[SessionEvent, ...] | None:
        """REAPER's web interface sends no OSC."""
        return None

    async def place(self, placement: Placement) -> str:
        """The web interface takes no clips. Raises ``HostError``."""
        raise HostError("REAPER's web interface takes no clips; Sideman's own script does (sideman install reaper).")

    async def _poll(self) -> None:
        count = 0
        while True:
            commands = dialect.STATE if count % NAMES_EVERY else f"{dialect.STATE};{dialect.NAMES}"
            try:
                async with asyncio.timeout(ANSWER_S):
                    text = await self._ask(commands)
                self._missed = 0
                self._problems.discard(self._not_there)
                self._hear(text)
                count += 1
            except (OSError, TimeoutError, asyncio.IncompleteReadError):
                self._missed += 1
                if self._missed == SILENT_POLLS:
                    self._tell_once(self._not_there)
                count = 0
            except SidemanError as error:
                self._tell_once(str(error))
            await asyncio.sleep(self._poll_s)

    @property
    def _not_there(self) -> str:
        return (
            f"REAPER's web interface does not answer on port {self._port}: in REAPER's preferences, Control/OSC/web, "
            "add a Web browser interface with that port, or set host.port to the port that it has."
        )

    async def _ask(self, commands: str) -> str:
        """Raises ``OSError`` where nobody answers, and ``HostError`` for an answer that is none."""
        reader, writer = await asyncio.open_connection(HOST, self._port)
        try:
            writer.write(
                f"GET /_/{commands} HTTP/1.0\r\nHost: {HOST}:{self._port}\r\nConnection: close\r\n\r\n".encode()
            )
            await writer.drain()
            answer = bytearray()
            while chunk := await reader.read(1 << 16):
                answer += chunk
                if len(answer) > MAX_BYTES:
                    raise HostError(f"What answers on port {self._port} sends more than REAPER's web interface does.")
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
        head, _, body = bytes(answer).partition(b"\r\n\r\n")
        first = head.split(b"\r\n", 1)[0].decode("latin-1")
        if not first.startswith("HTTP/1.") or first.split(" ")[1:2] != ["200"]:
            hint = " It asks for a name and password: take those away." if " 401" in first else ""
            raise HostError(f"Port {self._port} answers {first[:60]!r}, as REAPER's web interface does not.{hint}")
        return body.decode("utf-8", "replace")

    def _hear(self, text: str) -> None:
        heard = dialect.hear(self._song, dialect.read(text))
        self._song = heard.song
        for event in heard.events:
            if self._desk:
                self._desk.hear(event)
        if heard.notice:
            self._tell_once(heard.notice)

    def _tell_once(self, message: str) -> None:
        log.info("REAPER: %s", message)
        if self._desk and message not in self._problems and len(self._problems) < 32:
            self._problems.add(message)
            self._desk.tell("", message)
