"""Bringing a clip from the daemon's machine: resumed after every break, and checked by its SHA-256."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import quote

import httpx2

from bridge.errors import ClipError
from bridge.receipt_schema import Receipt, receipt_from_json
from bridge.relay_files import RelayFolder, disk_error

FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 15.0
ResultT = TypeVar("ResultT")
MAX_WRONG: Final = 3
"""A file that is never what its receipt says is given up after this many times."""
TIMEOUT: Final = httpx2.Timeout(10.0, connect=5.0)


class ClipGone(ClipError):
    """The daemon has the clip no more, or never whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A clip that is here."""

    path: Path
    receipt: Receipt


class Fetcher:
    """Brings clips. Used on one event loop."""

    def __init__(
        self,
        client: httpx2.AsyncClient,
        folder: RelayFolder,
        *,
        tell: Callable[[str], None],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """``tell`` is told of every break in words; ``sleep`` stands in for the loop's own."""
        self._client, self._folder = client, folder
        self._tell, self._sleep = tell, sleep
        self._came = 0
        """Bytes that have come."""

    async def fetch(self, clip_id: str) -> Fetched:
        """Bring a clip, however often the link breaks.

        Raises ``ClipGone`` for one that is not there, ``ClipError`` for an id that is none, ``DiskError`` where the
        folder does not take it.
        """
        wrong = 0
        receipt = await self._patiently(clip_id, lambda: self._receipt(clip_id))
        if path := await asyncio.to_thread(self._folder.find, clip_id, receipt.sha256):
            return Fetched(path=path, receipt=receipt)
        part = self._folder.part(clip_id, receipt.sha256)
        while wrong < MAX_WRONG:
            await self._patiently(clip_id, lambda: self._audio(clip_id, receipt.sha256, part))
            path = await asyncio.to_thread(self._folder.finish, clip_id, part, receipt)
            if path:
                return Fetched(path=path, receipt=receipt)
            wrong += 1
            self._tell(f"{clip_id}: what came is not what its receipt says; it is brought again")
        raise ClipGone(f"{clip_id} came {MAX_WRONG} times with another SHA-256 than its receipt says, and is given up.")

    async def _patiently(self, clip_id: str, step: Callable[[], Awaitable[ResultT]]) -> ResultT:
        """Repeat a step with growing pauses until the link holds; progress makes the pause short again."""
        pause_s = FIRST_PAUSE_S
        while True:
            before = self._came
            try:
                return await step()
            except httpx2.TransportError as error:
                pause_s = FIRST_PAUSE_S if self._came > before else pause_s
                why = str(error) or type(error).__name__
                self._tell(f"{clip_id}: the link broke ({why}); on again in {pause_s:g} s")
            await self._sleep(pause_s)
            pause_s = min(LONGEST_PAUSE_S, 2 * pause_s)

    async def _receipt(self, clip_id: str) -> Receipt:
        response = await self._client.get(_path(clip_id), timeout=TIMEOUT)
        _require(response, clip_id)
        try:
            return receipt_from_json(response.content)
        except ClipError as error:
            raise ClipGone(f"{clip_id}: {error}") from None

    async def _audio(self, clip_id: str, sha256: str, part: Path) -> None:
        """What is missing of the file; from the start where the file is another one by now."""
        have = await asyncio.to_thread(_size_of, part)
        headers = {"accept-encoding": "identity"}
        if have:
            headers |= {"range": f"bytes={have}-", "if-range": f'"{sha256}"'}
        async with self._client.stream("GET", f"{_path(clip_id)}/audio", headers=headers, timeout=TIMEOUT) as response:
            if response.status_code == 416:
                return  # all of it is here
            _require(response, clip_id)
            if response.headers.get("etag") != f'"{sha256}"':
                raise ClipGone(f"{clip_id} is another file by now than its receipt says.")
            try:
                with part.open("ab" if response.status_code == 206 else "wb") as file:
                    async for block in response.aiter_bytes(1 << 16):
                        await asyncio.to_thread(file.write, block)
                        self._came += len(block)
            except OSError as error:
                raise disk_error(part.parent, error) from None


def _path(clip_id: str) -> str:
    return f"/api/clips/{quote(clip_id, safe='')}"


def _require(response: httpx2.Response, clip_id: str) -> None:
    """Raises ``ClipGone`` for a clip that is not there, and an error of the link for an answer that is none."""
    if response.status_code in {404, 410}:
        raise ClipGone(f"{clip_id} is not on the daemon's machine any more.")
    if response.status_code not in {200, 206}:
        raise httpx2.RemoteProtocolError(f"the daemon answered {response.status_code}")


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
