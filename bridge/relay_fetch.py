"""Bringing a clip from the daemon's machine: resumed after every break, and checked by its SHA-256."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import quote

import httpx2

from bridge.clip_shelf import CLIP_ID, MAX_RECEIPT_BYTES
from bridge.errors import ClipError
from bridge.live_takes import CHANNELS
from bridge.receipt_schema import Receipt, receipt_from_json
from bridge.relay_files import NotWhole, RelayFolder, disk_error
from bridge.wav import BYTES_PER_SAMPLE

FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 15.0
ResultT = TypeVar("ResultT")
MAX_REFUSALS: Final = 10
"""A daemon that is there and answers no clip is given up after this many times: a minute and a half."""
MAX_WRONG: Final = 3
"""A file that is never what its receipt says is given up after this many times."""
TIMEOUT: Final = httpx2.Timeout(10.0, connect=5.0)
IDENTITY: Final = {"accept-encoding": "identity"}
MAX_HEAD_BYTES: Final = 1 << 16
"""What a WAV file has besides its samples."""
MAX_AUDIO_BYTES: Final = 1 << 32


class Refusal(httpx2.RemoteProtocolError):
    """The daemon, or what stands before it, has answered, and not with the clip."""


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
        if not CLIP_ID.fullmatch(clip_id):
            raise ClipError(f"{clip_id[:64]!r} is no id of a clip.")
        receipt = await self._patiently(clip_id, lambda: self._receipt(clip_id))
        if path := await asyncio.to_thread(self._folder.find, clip_id, receipt.sha256):
            return Fetched(path=path, receipt=receipt)
        part = self._folder.part(clip_id, receipt.sha256)
        while wrong < MAX_WRONG:
            await self._patiently(clip_id, lambda: self._audio(clip_id, receipt, part))
            try:
                path = await asyncio.to_thread(self._folder.finish, clip_id, part, receipt)
            except NotWhole as error:
                wrong += 1
                self._tell(f"{error} It is brought again.")
            else:
                return Fetched(path=path, receipt=receipt)
        raise ClipGone(f"{clip_id} came {MAX_WRONG} times as another file than its receipt says, and is given up.")

    async def _patiently(self, clip_id: str, step: Callable[[], Awaitable[ResultT]]) -> ResultT:
        """Repeat a step with growing pauses until the link holds; progress makes the pause short again.

        Raises ``ClipGone`` where what answers goes on refusing.
        """
        pause_s, refusals = FIRST_PAUSE_S, 0
        while True:
            before = self._came
            try:
                return await step()
            except httpx2.RequestError as error:
                refusals = 0 if self._came > before else refusals + isinstance(error, Refusal)
                if refusals == MAX_REFUSALS:
                    raise ClipGone(f"{clip_id}: {error}, {MAX_REFUSALS} times; it is given up.") from None
                pause_s = FIRST_PAUSE_S if self._came > before else pause_s
                why = str(error) or type(error).__name__
                self._tell(f"{clip_id}: the link broke ({why}); on again in {pause_s:g} s")
            await self._sleep(pause_s)
            pause_s = min(LONGEST_PAUSE_S, 2 * pause_s)

    async def _receipt(self, clip_id: str) -> Receipt:
        content = await read_bounded(
            self._client, _path(clip_id), MAX_RECEIPT_BYTES, lambda response: _require(response, clip_id)
        )
        try:
            receipt = receipt_from_json(content)
        except ClipError as error:
            raise ClipGone(f"{clip_id}: {error}") from None
        if most_bytes(receipt) > MAX_AUDIO_BYTES:
            raise ClipGone(f"{clip_id}: its receipt says that it is longer than any WAV file.")
        return receipt

    async def _audio(self, clip_id: str, receipt: Receipt, part: Path) -> None:
        """What is missing of the file; from the start where the file is another one by now."""
        sha256, room = receipt.sha256, most_bytes(receipt)
        have = await asyncio.to_thread(_size_of, part)
        headers = dict(IDENTITY)
        if have:
            headers |= {"range": f"bytes={have}-", "if-range": f'"{sha256}"'}
        async with self._client.stream("GET", f"{_path(clip_id)}/audio", headers=headers, timeout=TIMEOUT) as response:
            if response.status_code == 416:
                return  # all of it is here
            _require(response, clip_id)
            if response.headers.get("etag") != f'"{sha256}"':
                raise ClipGone(f"{clip_id} is another file by now than its receipt says.")
            goes_on = response.status_code == 206
            room -= have if goes_on else 0
            try:
                async with contextlib.aclosing(response.aiter_bytes(1 << 16)) as blocks:
                    with part.open("ab" if goes_on else "wb") as file:
                        async for block in blocks:
                            room -= len(block)
                            if room < 0:
                                raise ClipGone(f"{clip_id} is longer than its receipt says.")
                            await asyncio.to_thread(file.write, block)
                            self._came += len(block)
            except ClipGone:
                await asyncio.to_thread(part.unlink, missing_ok=True)
                raise
            except OSError as error:
                raise disk_error(part.parent, error) from None


async def read_bounded(
    client: httpx2.AsyncClient, path: str, limit: int, judge: Callable[[httpx2.Response], object]
) -> bytes:
    """What a path of the daemon answers, of at most ``limit`` bytes. Raises ``ClipGone`` for more, and as ``judge``."""
    content = bytearray()
    async with client.stream("GET", path, headers=IDENTITY, timeout=TIMEOUT) as response:
        judge(response)
        async with contextlib.aclosing(response.aiter_bytes(1 << 16)) as blocks:
            async for block in blocks:
                content += block
                if len(content) > limit:
                    raise ClipGone(f"The daemon answers {path} with more than {limit} bytes.")
    return bytes(content)


def most_bytes(receipt: Receipt) -> int:
    """As many bytes as the WAV file of a receipt can have."""
    return MAX_HEAD_BYTES + receipt.frames * CHANNELS * BYTES_PER_SAMPLE


def _path(clip_id: str) -> str:
    return f"/api/clips/{quote(clip_id, safe='')}"


def _require(response: httpx2.Response, clip_id: str) -> None:
    """Raises ``ClipGone`` for a clip that is not there, and an error of the link for an answer that is none."""
    if response.status_code in {404, 410}:
        raise ClipGone(f"{clip_id} is not on the daemon's machine any more.")
    if response.status_code not in {200, 206}:
        raise Refusal(f"the daemon answered {response.status_code}")


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
