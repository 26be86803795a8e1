"""Takes on their way into the player: read, fitted and stretched beside the event loop, and used when they are ready.

The newest wish counts, of those to launch a take and of those to hear one alone: a take that comes when another was
asked for, or none any more, is not used. One take is read at a time, and none that is not wished any more, so that many
wishes fill no memory.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from bridge.errors import SidemanError
from bridge.osc_clients import Client
from bridge.osc_errors import INTERNAL
from bridge.osc_replies import ErrorReply
from bridge.player_stretch import stretch_aside
from bridge.player_take import Take, load_take, refitted
from bridge.player_tempo import Unfit
from bridge.player_voices import Sound

log = logging.getLogger(__name__)

Purpose = Literal["play", "audition"]
Use = Callable[[Take], None]
Find = Callable[[], Path]
Format = Callable[[], tuple[int, int]]
Failed = Callable[[ErrorReply, Client | None], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A take that is to be heard; it counts for as long as it is the newest of its purpose."""

    id: str
    take: int
    purpose: Purpose
    client: Client | None = None


class Shelf:
    """Used on one event loop."""

    def __init__(self, wanted: Format, failed: Failed) -> None:
        """``wanted`` is the rate and the channels that takes are to have; ``failed`` tells what could not be read."""
        self._wanted = wanted
        self._failed = failed
        self._wishes: Counter[Purpose] = Counter()
        self._reading = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    def fetch(self, wish: Wish, find: Find, use: Use) -> None:
        """Read a take, and use it unless something else is wished meanwhile.

        ``find`` says where it lies; it is asked on a worker thread, and may raise ``SidemanError``.
        """
        self._wishes[wish.purpose] += 1
        self._begin(self._fetch(wish, find, use, self._wishes[wish.purpose]), wish.id, wish.client)

    def refit(self, take: Take, use: Use) -> None:
        """Fit a take that plays to another format, and use it unless something else is wished meanwhile."""
        self._begin(self._refit(take, use, "play", self._wishes["play"]), take.id, None)

    def stretch(self, unfit: Unfit, use: Use, done: Callable[[], None]) -> None:
        """Stretch a take, use it, and say in any case that this is done."""
        self._begin(self._stretch(unfit, use, done), unfit.take.id, None)

    def forget(self) -> None:
        """Nothing that is on its way is wished any more."""
        self._wishes.update(("play", "audition"))

    async def close(self) -> None:
        """Stop all work; safe to call twice."""
        for task in tuple(self._tasks):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _fetch(self, wish: Wish, find: Find, use: Use, number: int) -> None:
        path = await asyncio.to_thread(find)
        async with self._reading:
            if number != self._wishes[wish.purpose]:
                return
            rate_hz, channels = self._wanted()
            take = await asyncio.to_thread(load_take, path, wish.id, wish.take, rate_hz=rate_hz, channels=channels)
        await self._refit(take, use, wish.purpose, number)

    async def _refit(self, take: Take, use: Use, purpose: Purpose, number: int) -> None:
        """The format may have changed while the take was read, or is fitted."""
        while not take.has_format(*self._wanted()):
            take = await asyncio.to_thread(refitted, take, *self._wanted())
        if number == self._wishes[purpose]:
            use(take)

    async def _stretch(self, unfit: Unfit, use: Use, done: Callable[[], None]) -> None:
        take = unfit.take
        try:
            frames = round(unfit.seconds * take.rate_hz)
            samples = await stretch_aside(take.sounds[0].samples, take.rate_hz, frames)
            use(take.with_stretched(Sound(samples)))
        finally:
            done()

    def _begin(self, work: Coroutine[Any, Any, None], request_id: str, client: Client | None) -> None:
        task = asyncio.create_task(self._told(work, request_id, client), name="player shelf")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _told(self, work: Coroutine[Any, Any, None], request_id: str, client: Client | None) -> None:
        """Do some work; what keeps it from being done is told."""
        try:
            await work
        except SidemanError as error:
            self._failed(ErrorReply(id=request_id, code=error.code, message=str(error)), client)
        except Exception:
            log.exception("A take could not be made ready")
            text = "The clip could not be made ready to play, for an unexpected reason; the log has the details."
            self._failed(ErrorReply(id=request_id, code=INTERNAL, message=text), client)
