"""The daemon's end of the library: it is kept up to date behind the takes, and clients ask it here.

A thin shell around ``bridge.library``: everything that touches the disk runs on a worker thread, one thing after the
other, and nothing that happens there fails a take. What the library misses, it finds by a scan later.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from bridge.errors import ClipError, DiskError, QueueFull, RequestError, SidemanError
from bridge.library import Library, LibraryError, NoSuchClip
from bridge.library_query import MAX_LIMIT, Query, parse_query, parse_tags
from bridge.library_rows import Entry, tags_with
from bridge.notices import Notice
from bridge.osc_clients import Client
from bridge.osc_commands import AgainTake, ClipPlaced, KeepTake, LibraryCommand, RejectTake, SearchLibrary, TagTake
from bridge.osc_errors import INTERNAL
from bridge.osc_replies import ErrorReply, FoundReply, KeptReply, PlacedReply, RejectedReply, Reply, TaggedReply
from bridge.receipt_schema import Receipt
from bridge.retention import LibraryConfig, prune
from bridge.session import SessionState
from bridge.staleness import again_of, changed_parts, state_again
from bridge.takes import notice_reply

log = logging.getLogger(__name__)

MAX_WAITING: Final = 256
"""Commands of clients that may wait."""
MAX_REPLY_BYTES: Final = 60_000
"""A longer list of clips does not fit a datagram, and is cut."""
CLOSE_LIMIT_S: Final = 5.0
"""As long is waited at the end for what is still to be done; the next start's scan takes in what is left."""
PRUNE_S: Final = 3600.0
"""How often clips that may go are looked for, where any may."""

Then = Callable[[Any], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """Something to do on a thread, what to do then on the loop, and who asked (``asked``), if anyone did."""

    do: Callable[[], Any]
    then: Then = lambda _: None
    client: Client | None = None
    asked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """What the desk asks the daemon: the session, the path of a take of this run, clips in use, and to make a clip."""

    session: Callable[[], SessionState]
    made: Callable[[str | None, int], Path | None]
    in_use: Callable[[], Collection[str]]
    generate: Callable[[SessionState, Client | None], None]


class LibraryDesk:
    """Used on one event loop."""

    def __init__(
        self,
        library: Library,
        settings: LibraryConfig,
        paths: Paths,
        *,
        answer: Callable[[Client | None, Reply], None],
        broadcast: Callable[[Reply, Client | None], None],
        now: Callable[[], datetime],
    ) -> None:
        """Nothing is opened before ``start``. ``answer`` tells one client, ``broadcast`` all that subscribed too."""
        self.library = library
        self._settings, self._paths = settings, paths
        self._answer, self._broadcast, self._now = answer, broadcast, now
        self._waiting: asyncio.Queue[_Work] = asyncio.Queue()
        self._worker: asyncio.Task[None] | None = None
        self._scanning: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._behind = False
        self._told = False

    # Life

    def start(self) -> None:
        """Begin to work; the folder is scanned beside it."""
        self._worker = asyncio.create_task(self._work(), name="library")
        self._scan_soon()
        self._prune_later(0.0)

    async def close(self) -> None:
        """Do what waits, and end; safe to call twice, and before ``start``."""
        worker, self._worker = self._worker, None
        if self._timer:
            self._timer.cancel()
        self.library.stop_scanning()
        if self._scanning:
            await self._scanning
        if worker:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_LIMIT_S):
                    await self._waiting.join()
            worker.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await worker
        await asyncio.to_thread(self.library.close)

    # From the takes

    def note(self, path: Path) -> None:
        """A clip was written, or its receipt changed."""
        self.library.announce(path)
        self._waiting.put_nowait(_Work(do=lambda: self.library.refresh(path)))

    def note_placed(self, path: Path, where: str) -> None:
        """The DAW took a clip: its receipt says so, and it is never removed."""

        def place() -> None:
            self.library.folder.amend(path, placed=where)
            self.library.refresh(path)

        self._waiting.put_nowait(_Work(do=place))

    # From clients

    def handle(self, command: LibraryCommand, client: Client | None) -> None:
        """Begin to carry out a command; its answer comes later.

        Raises ``QueueFull`` when too many wait, and ``RequestError`` for what cannot be read.
        """
        if self._waiting.qsize() >= MAX_WAITING:
            raise QueueFull("The library has too much to do; ask again in a moment.")
        match command:
            case SearchLibrary(query=text):
                self._search(text, client)
            case KeepTake(id=name, take=take):
                self._say(name, take, client, lambda _: {"kept": True, "rejected": False}, _kept)
            case RejectTake(id=name, take=take):
                self._say(name, take, client, lambda _: {"kept": False, "rejected": True}, _rejected)
            case TagTake(id=name, take=take, tags=text):
                add, remove = parse_tags(text)
                self._say(name, take, client, lambda one: {"tags": tags_with(one.tags, add, remove)}, _tagged)
            case AgainTake(id=name, take=take):
                self._again(name, take, client)
            case ClipPlaced(id=name, take=take, where=where):
                self._say(name, take, client, lambda _: {"placed": where}, _placed(where))

    def _search(self, text: str, client: Client | None) -> None:
        query, session = parse_query(text), self._paths.session()
        self._do(lambda: found_json(self.library, text, query, session), lambda found: FoundReply(json=found), client)

    def _say(
        self,
        name: str | None,
        take: int,
        client: Client | None,
        changes: Callable[[Receipt], dict[str, object]],
        told: Callable[[Path, Receipt], Reply],
    ) -> None:
        path = self._made(name, take)

        def say() -> tuple[Path, Receipt]:
            chosen = path or self._found(name or "", take)
            return chosen, self.library.folder.amend_by(chosen, changes)

        def then(said: tuple[Path, Receipt]) -> None:
            self._broadcast(told(*said), client)
            self.note(said[0])

        self._waiting.put_nowait(_Work(do=say, then=then, client=client, asked=True))

    def _again(self, name: str, take: int | None, client: Client | None) -> None:
        path, first = (self._paths.made(name, one) for one in (-1 if take is None else take, 0))

        def read() -> Receipt:
            try:
                return self.library.receipt_at(path or self._found(name, take))
            except LibraryError:
                if take is not None or first is None:
                    raise
                return self.library.receipt_at(first)

        def then(receipt: Receipt) -> None:
            self._paths.generate(state_again(self._paths.session(), again_of(receipt)), client)

        self._waiting.put_nowait(_Work(do=read, then=then, client=client, asked=True))

    def _made(self, name: str | None, take: int) -> Path | None:
        path = self._paths.made(name, take)
        if path is None and name is None:
            raise RequestError("There is no take yet: send /sideman/generate first, or name a clip.")
        return path

    def _found(self, name: str, take: int | None) -> Path:
        return self.library.path_named(name) or self.library.path_of(self.library.find(name, take))

    def _do(self, do: Callable[[], Any], told: Callable[[Any], Reply], client: Client | None) -> None:
        work = _Work(do=do, then=lambda result: self._answer(client, told(result)), client=client, asked=True)
        self._waiting.put_nowait(work)

    # Working

    async def _work(self) -> None:
        while True:
            work = await self._waiting.get()
            try:
                await self._carry_out(work)
            finally:
                self._waiting.task_done()

    async def _carry_out(self, work: _Work) -> None:
        try:
            work.then(await asyncio.to_thread(work.do))
        except SidemanError as error:
            if work.asked:
                self._answer(work.client, ErrorReply(id="", code=error.code, message=str(error)))
            elif isinstance(error, NoSuchClip | ClipError) and not isinstance(error, DiskError):
                log.info("library: %s", error)  # a clip that was moved meanwhile is no trouble
            else:
                self._fell_behind(error)
        except Exception:
            log.exception("library")
            if work.asked:
                text = "A mistake in the daemon's library; its log has the details. Nothing else is affected."
                self._answer(work.client, ErrorReply(id="", code=INTERNAL, message=text))
        else:
            if self._behind and not work.asked:
                self._behind = self._told = False
                self._scan_soon()

    def _fell_behind(self, error: SidemanError) -> None:
        """The library missed something: it is told once, and a scan takes it in when the library works again."""
        self._behind = True
        log.info("library: %s", error)
        if not self._told:
            self._told = True
            self._broadcast(notice_reply("", Notice(code="library", message=str(error))), None)

    def _scan_soon(self) -> None:
        if self._scanning is None or self._scanning.done():
            self._scanning = asyncio.create_task(self._scan(), name="library scan")

    async def _scan(self) -> None:
        try:
            found = await asyncio.to_thread(self.library.scan)
        except SidemanError as error:
            self._fell_behind(error)
        except Exception:
            log.exception("library scan")
        else:
            log.info("library: %s", found)

    def _prune_later(self, pause_s: float) -> None:
        if self._settings.is_on:
            self._timer = asyncio.get_running_loop().call_later(pause_s, self._prune)

    def _prune(self) -> None:
        spared = self._paths.in_use()
        do = lambda: log.info("library: %s", prune(self.library, self._settings, self._now(), spared=spared))  # noqa: E731
        self._waiting.put_nowait(_Work(do=do))
        self._prune_later(PRUNE_S)


def found_json(library: Library, text: str, query: Query, session: SessionState) -> str:
    """What a search found as JSON of at most ``MAX_REPLY_BYTES``, each clip with what of its chart is stale.

    ``found`` counts all, ``left_off`` those that are not listed. Raises ``LibraryError``.
    """
    entries = library.search(query)
    listed: list[dict[str, Any]] = []
    view = {"query": text, "found": library.count(query), "left_off": MAX_LIMIT * MAX_LIMIT, "clips": listed}
    room = MAX_REPLY_BYTES - len(json.dumps(view, ensure_ascii=False).encode())
    for entry in entries:
        one = entry_view(library, entry, session)
        room -= len(json.dumps(one, ensure_ascii=False).encode()) + 2
        if room < 0:
            break
        listed.append(one)
    view["left_off"] = max(0, view["found"] - len(listed))  # type: ignore[operator]
    return json.dumps(view, ensure_ascii=False)


def entry_view(library: Library, entry: Entry, session: SessionState) -> dict[str, Any]:
    """A clip as JSON values. ``stale`` lists the parts of its chart that are others now; None where it is not known."""
    try:
        stale = None if entry.gone else list(changed_parts(library.receipt_of(entry), session))
    except SidemanError:
        stale = None
    return {**asdict(entry), "path": str(library.folder.path / f"{entry.id}.wav"), "stale": stale}


def _kept(path: Path, receipt: Receipt) -> Reply:
    return KeptReply(id=receipt.request_id, take=receipt.take, path=str(path))


def _rejected(path: Path, receipt: Receipt) -> Reply:
    return RejectedReply(id=receipt.request_id, take=receipt.take, path=str(path))


def _placed(where: str) -> Callable[[Path, Receipt], Reply]:
    return lambda _, receipt: PlacedReply(id=receipt.request_id, take=receipt.take, where=where)


def _tagged(path: Path, receipt: Receipt) -> Reply:
    return TaggedReply(id=receipt.request_id, take=receipt.take, path=str(path), tags=" ".join(receipt.tags))
