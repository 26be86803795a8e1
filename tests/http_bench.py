"""An HTTP service of the daemon's own on a free port, with a session that is in the test's hands."""

from __future__ import annotations

import asyncio
import functools
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, ParamSpec

import numpy as np
from websockets.asyncio.client import ClientConnection, connect

from bridge.clip_shelf import FolderShelf
from bridge.clips import Clip, ClipFolder, Receipt
from bridge.http_config import HttpConfig
from bridge.http_events import HOST
from bridge.http_service import HttpService
from bridge.live_takes import LiveTakes
from bridge.osc_schema import Command, Foreign
from bridge.osc_server import Client, OscServer
from bridge.wav import LoopTags
from midi.time import FOUR_FOUR, Beats, Bpm, MeterPoint, Seconds, TempoPoint

P = ParamSpec("P")
WITHIN_S: Final = 20.0


def on_loop(test: Callable[P, Awaitable[None]]) -> Callable[P, None]:
    """Run a test on an event loop of its own."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        async def main() -> None:
            async with asyncio.timeout(120):
                await test(*args, **kwargs)

        asyncio.run(main())

    # pytest fills in what the test asks for by the signature that ``wraps`` passes on.
    return run


class Bench:
    """A service, the OSC server that it is a listener of, and what its handler was given."""

    def __init__(self, folder: Path, config: HttpConfig, token: str | None) -> None:
        self.handled: list[tuple[Command | Foreign, Client]] = []
        self.on_command: Callable[[Command | Foreign, Client], None] = lambda command, client: None
        self.late: list[tuple[str, int, float]] = []
        self.live = LiveTakes(late=lambda *what: self.late.append(what))
        self.session: dict[str, Any] = {"tempo": 120.0}
        self.osc = OscServer(handler=self._handle, version="1.2.3", allowed_hosts=frozenset(), token=token)
        self.http = HttpService(
            config,
            token=token,
            take=self.osc.take,
            session=lambda: self.session,
            shelf=FolderShelf(folder),
            live=self.live,
            version="1.2.3",
            started="2026-01-01T00:00:00+00:00",
        )
        self.osc.add_listener(HOST, self.http.hub)

    def _handle(self, command: Command | Foreign, client: Client) -> None:
        self.handled.append((command, client))
        self.on_command(command, client)

    @property
    def url(self) -> str:
        """Where it is, without the last slash."""
        assert self.http.url is not None
        return self.http.url.rstrip("/")

    def websocket(self, path: str = "/api/events", **options: Any) -> connect:
        """A WebSocket client, to be entered."""
        return connect(self.url.replace("http", "ws") + path, proxy=None, **options)


@asynccontextmanager
async def serving(folder: Path, *, token: str | None = None, **settings: Any) -> AsyncIterator[Bench]:
    """A bench that serves."""
    bench = Bench(folder, HttpConfig(port=0, **settings), token)
    try:
        await bench.http.start()
        yield bench
    finally:
        await bench.http.close()


async def heard(websocket: ClientConnection) -> dict[str, Any]:
    """The next message."""
    message: dict[str, Any] = json.loads(await asyncio.wait_for(websocket.recv(), WITHIN_S))
    return message


async def heard_at(websocket: ClientConnection, address: str) -> dict[str, Any]:
    """The next event at an address."""
    while True:
        event = await heard(websocket)
        if event.get("address") == address:
            return event


async def until(true: Callable[[], bool]) -> None:
    """Wait until something is true."""
    async with asyncio.timeout(WITHIN_S):
        while not true():
            await asyncio.sleep(0.01)


def a_clip(folder: Path, request_id: str = "verse", seconds: float = 2.0, seed: int = 1) -> Clip:
    """A clip of noise at 120 in 4/4, as the daemon writes it."""
    frames = round(48000 * seconds)
    samples = np.random.default_rng(seed).uniform(-0.5, 0.5, (frames, 2)).astype(np.float32)
    tags = LoopTags(
        bpm=Bpm(120.0), beats=round(seconds * 2), meter=FOUR_FOUR, root_note=None, frames=frames, sample_rate_hz=48000
    )
    receipt = Receipt(
        engine="sketch", request_id=request_id, take=0, seed=seed, prompt="", bpm=Bpm(120.0),
        tempo=(TempoPoint(at=Beats(0.0), bpm=Bpm(120.0)),), meter=(MeterPoint(bar=1, meter=FOUR_FOUR),), key=None,
        start=Beats(0.0), bars=max(1, round(seconds / 2)), sample_rate_hz=48000, frames=frames,
        seconds=Seconds(seconds),
        loudness_lufs=-14.0, peak_dbfs=-6.0, gain_db=0.0, limited_db=0.0, folded_s=Seconds(0.0), versions={},
        seconds_spent=0.0, created_at="2026-01-01T00:00:00+00:00",
    )  # fmt: skip
    clips = ClipFolder(folder)
    clips.prepare()
    return clips.write(samples, tags=tags, receipt=receipt)
