"""Takes on their way into the player: read, fitted and stretched beside the event loop, and used when they are ready.

The newest wish counts: a take that comes when another was asked for, or none any more, is not used.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from bridge.errors import SidemanError
from bridge.osc_clients import Client
from bridge.player_stretch import stretch_aside
from bridge.player_take import Take, load_take, refitted
from bridge.player_tempo import Unfit
from bridge.player_voices import Sound

Use = Callable[[Take], None]
Find = Callable[[], Path]
Format = Callable[[], tuple[int, int]]
Failed = Callable[[str, SidemanError, Client | None], None]


class Shelf:
    """Used on one event loop."""

    def __init__(self, wanted: Format, failed: Failed) -> None:
        """``wanted`` is the rate and the channels that takes are to have; ``failed`` tells what could not be read."""
        self._wanted = wanted
        self._failed = failed
        self._wishes = 0
        self._tasks: set[asyncio.Task[None]] = set()

    def fetch(self, request_id: str, number: int, find: Find, client: Client | None, use: Use) -> None:
        """Read a take for a client, and use it unless something else is wished meanwhile.

        ``find`` says where it lies; it is asked on a worker thread, and may raise ``SidemanError``.
        """
        self._wishes += 1
        self._begin(self._fetch(request_id, number, find, client, use=use, wish=self._wishes))

    def refit(self, take: Take, use: Use) -> None:
        """Fit a take that is there to another format, and use it unless something else is wished meanwhile."""
        self._begin(self._refit(take, use, self._wishes))

    def stretch(self, unfit: Unfit, use: Use, done: Callable[[], None]) -> None:
        """Stretch a take, use it, and say in any case that this is done."""
        self._begin(self._stretch(unfit, use, done))

    def forget(self) -> None:
        """Nothing that is on its way is wished any more."""
        self._wishes += 1

    async def close(self) -> None:
        """Stop all work; safe to call twice."""
        for task in tuple(self._tasks):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _fetch(
        self, request_id: str, number: int, find: Find, client: Client | None, *, use: Use, wish: int
    ) -> None:
        rate_hz, channels = self._wanted()
        try:
            path = await asyncio.to_thread(find)
            take = await asyncio.to_thread(load_take, path, request_id, number, rate_hz=rate_hz, channels=channels)
        except SidemanError as error:
            self._failed(request_id, error, client)
            return
        await self._refit(take, use, wish)

    async def _refit(self, take: Take, use: Use, wish: int) -> None:
        """The format may have changed while the take was read."""
        take = await asyncio.to_thread(refitted, take, *self._wanted())
        if wish == self._wishes:
            use(take)

    async def _stretch(self, unfit: Unfit, use: Use, done: Callable[[], None]) -> None:
        take = unfit.take
        try:
            frames = round(unfit.seconds * take.rate_hz)
            samples = await stretch_aside(take.sounds[0].samples, take.rate_hz, frames)
        except SidemanError as error:
            self._failed(take.id, error, None)
        else:
            use(take.with_stretched(Sound(samples)))
        finally:
            done()

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name="player shelf")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
