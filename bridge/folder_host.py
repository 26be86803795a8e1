"""The host ``folder``: clips as named files in a folder, and MIDI files dropped into its ``in`` as charts.

For programs and samplers that no script of ours runs in. Copies are ``bridge.folder_copies``, what is read when is
``plugin_host.inbox``, clips that wait for their folder are ``plugin_host.offers``: all pure. This module has the timer,
and hands files to worker threads; everything else happens on the event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from bridge import drop_folder
from bridge.drop_folder import DropFolder, Look
from bridge.errors import HostError, MidiFileError, NothingToPlay, QueueFull, SidemanError
from bridge.folder_copies import Copies
from bridge.osc_codec import Message, understand
from bridge.osc_errors import OutOfRange
from bridge.osc_wire import WireMessage
from bridge.song_events import song_events
from midi import events as ev
from midi.events import SessionEvent
from midi.file_timeline import NO_TEMPO
from midi.song import Song
from midi.time import Seconds
from plugin_host import inbox as dropped
from plugin_host import offers
from plugin_host.asking import wishes
from plugin_host.host import Desk, Ended, OscArgument, Placement
from plugin_host.inbox import Dropped, Inbox

log = logging.getLogger(__name__)

POLL_S: Final = 1.0
BUSY: Final = Seconds(2.0)
"""A file whose clip cannot be made now is tried again after this time."""
MOST_TOLD: Final = 4
"""Notices of one MIDI file that are told; the receipt of a clip from ``sideman render`` would have all."""
_CAUSES: Final = {
    errno.ENOSPC: "the disk is full: free some space",
    errno.EDQUOT: "your disk quota is used up: free some space",
    errno.EROFS: "the disk is read-only",
    errno.EACCES: "it may not be written to: change its permissions",
    errno.EPERM: "it may not be written to: change its permissions",
    errno.ENOENT: "it is gone, or the disk that it is on",
    errno.ENOTDIR: "a part of its path is a file",
}


class FolderHost:
    """A folder that a user's program or sampler looks into. ``clock`` is monotonic."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.monotonic, *, poll_s: float = POLL_S) -> None:
        self.folder = folder.absolute()
        self._clock, self._poll_s = clock, poll_s
        self._drops = DropFolder(self.folder / "in")
        self._inbox, self._offers = Inbox(), offers.Offers()
        self._copies = Copies()
        self._desk: Desk | None = None
        self._task: asyncio.Task[None] | None = None
        self._ring, self._looking = asyncio.Event(), asyncio.Lock()
        self._under_way: Dropped | None = None
        self._ended: Ended | None = None
        self._trouble = ""

    @property
    def name(self) -> str:
        """The word that ``--host`` takes."""
        return "folder"

    def attach(self, desk: Desk, wake: Callable[[], None]) -> None:
        """Whom to ask for clips, and to tell."""
        self._desk = desk

    async def start(self) -> None:
        """Make the folder, and begin to look. Raises ``HostError`` when it cannot be used."""
        if self.folder.is_symlink():  # the user's own; those that come later are not followed
            self.folder = self.folder.resolve()
            self._drops = DropFolder(self.folder / "in")
        look = await self._take_look()
        if look.error:
            parent = self.folder.parent
            why = _cause(look.error) if parent.is_dir() else f"there is no folder {parent} to make it in"
            text = f"The folder {self.folder} cannot be used: {why}. Choose another one with --set host.folder=DIR."
            raise HostError(text)
        self._task = asyncio.create_task(self._watch(), name="folder host")

    async def close(self) -> None:
        """Look no more; safe to call twice."""
        task, self._task = self._task, None
        if task:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def interpret(self, address: str, arguments: Sequence[OscArgument]) -> tuple[SessionEvent, ...] | None:
        """A folder says nothing over OSC."""
        return None

    # Out

    async def place(self, placement: Placement) -> str:
        """Put a copy of the clip into the folder; says its path.

        Raises ``HostError``. A clip that the folder cannot take now is put into it later.
        """
        try:
            return await asyncio.to_thread(self._copies.put, placement, self.folder)
        except OSError as error:
            if not placement.path.exists():
                raise HostError(f"The file of {placement.name} is gone before it could be placed.") from None
            self._wait_with(placement)
            text = f"The clip could not be put into {self.folder}: {_cause(error)}. It is tried again."
            raise HostError(text) from None

    def _wait_with(self, placement: Placement) -> None:
        self._offers, _, old = offers.offered(self._offers, placement, self._now())
        for offer in old:
            text = f"{offers.MAX_WAITING} newer clips wait for {self.folder}, so {offer.placement.name} does not."
            self._tell(f"{text} {offer.placement.by_hand}", offer.placement.request_id)

    async def _put_waiting(self) -> None:
        """Try the clips that wait, while the folder is there."""
        self._offers, _ = offers.greeted(self._offers, "folder", self.name, self._now())
        self._offers, due = offers.take_due(self._offers, self._now())
        for offer in due:
            placement = offer.placement
            try:
                where = await asyncio.to_thread(self._copies.put, placement, self.folder)
            except OSError as error:
                if placement.path.exists():
                    log.info("folder: %s: %s", placement.name, error)
                    continue
                self._tell(f"The file of {placement.name} is gone before it could be placed.", placement.request_id)
            else:
                if self._desk:
                    self._desk.placed(placement, where)
            self._offers, _ = offers.answered(self._offers, offer.number)

    # In

    async def _watch(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._poll_s):
                    await self._ring.wait()
            self._ring.clear()
            try:
                await self.look()
            except Exception:
                log.exception("The folder %s could not be looked into", self.folder)

    async def look(self) -> None:
        """Look once: what ended, what came, what waits. It comes again by itself."""
        async with self._looking:
            await self._look()

    async def _look(self) -> None:
        await self._finish()
        look = await self._take_look()
        self._say_state(look)
        if look.error:
            return
        self._inbox = dropped.looked(self._inbox, look.files, self._now())
        await self._put_waiting()
        if self._under_way is None:
            file = dropped.next_file(self._inbox, self._now())
            if file:
                await self._take(file)

    async def _take_look(self) -> Look:
        kept = {file.name for file in self._inbox.passed_over}
        return await asyncio.to_thread(drop_folder.look, self.folder, self._drops, kept)

    def _say_state(self, look: Look) -> None:
        """Tell once when the folder cannot be used any more, and once when it can again."""
        before, self._trouble = self._trouble, _cause(look.error) if look.error else ""
        if look.error and not before:
            self._tell(f"The folder {self.folder} cannot be used: {self._trouble}. It is waited for.")
        elif before and not look.error:
            self._tell(f"The folder {self.folder} is there again.")
        elif look.made:
            self._tell(f"The folder {self.folder} had vanished, and was made again.")

    async def _take(self, file: Dropped) -> None:
        """Read a file, and ask for a clip of it."""
        try:
            song = await asyncio.to_thread(self._drops.read, file)
        except (MidiFileError, OSError) as error:
            self._inbox, given_up = dropped.unreadable(self._inbox, file, self._now())
            if given_up:
                await self._reject(file, str(error) if isinstance(error, MidiFileError) else f"{_cause(error)}.")
            return
        try:
            self._ask(file, song)
        except QueueFull:
            self._inbox = dropped.later(self._inbox, file, Seconds(self._now() + BUSY))
        except NothingToPlay:
            await self._reject(file, "It holds no notes and no chords: there is nothing to play.")
        except SidemanError as error:
            await self._reject(file, str(error))

    def _ask(self, file: Dropped, song: Song) -> None:
        if self._desk is None:
            return
        self._under_way, self._ended = file, None
        try:
            self._desk.make(tuple(song_events(song)), _own_wishes(Path(file.name).stem), self._note_end)
        except SidemanError:
            self._under_way = None
            raise
        for text in [text for text in song.notices if text != NO_TEMPO][:MOST_TOLD]:
            self._tell(f"{file.name}: {text}")

    def _note_end(self, ended: Ended) -> None:
        self._ended = ended
        self._ring.set()

    async def _finish(self) -> None:
        """Move the file away whose clip was made, or cannot be."""
        file, ended = self._under_way, self._ended
        if file is None or ended is None:
            return
        self._under_way = self._ended = None
        if ended.again:
            self._inbox = dropped.later(self._inbox, file, Seconds(self._now() + BUSY))
        elif ended.why is not None:
            await self._reject(file, ended.why)
        else:
            await self._move(file, self._drops.done)

    async def _reject(self, file: Dropped, why: str) -> None:
        path = await self._move(file, lambda file: self._drops.reject(file, why))
        where = f"It is {path} now." if path else "It stays where it is."
        self._tell(f"No clip was made of {file.name}: {why} {where}")

    async def _move(self, file: Dropped, move: Callable[[Dropped], Path]) -> Path | None:
        """Where a file was moved to; None where it could not be, or is not what it was: then it counts as a new one."""
        try:
            if not await asyncio.to_thread(self._drops.is_still, file):
                return None
            path = await asyncio.to_thread(move, file)
        except OSError as error:
            self._inbox = dropped.stuck(self._inbox, file)
            self._tell(
                f"{file.name} cannot be moved out of {self._drops.folder}: {_cause(error)}. It is not read again."
            )
            return None
        self._inbox = dropped.gone(self._inbox, file)
        return path

    def _tell(self, text: str, request_id: str = "") -> None:
        if self._desk:
            self._desk.tell(request_id, text)

    def _now(self) -> Seconds:
        return Seconds(self._clock())


def _own_wishes(name: str) -> tuple[SessionEvent, ...]:
    """What a file's name asks for, for its own clip: one take where it says nothing of takes.

    Raises ``SidemanError`` for a wish that is none, such as too many takes.
    """
    tags = {int: "i", str: "s"}
    messages = [
        WireMessage(
            due=None, place="", address=address, tags="".join(tags[type(one)] for one in arguments), values=arguments
        )
        for address, arguments in wishes(name)
    ]
    events: list[SessionEvent] = [ev.SetPrompt(text=""), ev.SetTakes(takes=1), ev.SetTarget(target="")]
    for incoming in understand(messages):
        if not isinstance(incoming, Message):
            raise OutOfRange(f"The name of the file: {getattr(incoming, 'message', incoming)}")
        if isinstance(incoming.command, SessionEvent):
            events.append(incoming.command)
    return tuple(events)


def _cause(error: OSError) -> str:
    return _CAUSES.get(error.errno or 0, error.strerror or str(error))
