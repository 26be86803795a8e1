"""Category: integration. The host ``reaper-web`` against a small HTTP server that answers as REAPER's own says."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from bridge.errors import HostError
from bridge.osc_client import OscClient
from bridge.reaper_web_host import MAX_BYTES, SILENT_POLLS, ReaperWebHost
from bridge.spawned import spawned_daemon
from midi import events as ev
from midi.events import SessionEvent
from plugin_host.host import Placement

ANSWER = "BEATPOS\t0\t4.0\t8.0\t2\t0.0\t3\t4\n"
NAMES = "MARKER_LIST\nMARKER\tAm7\t1\t0.0\nMARKER_LIST_END\nREGION_LIST\nREGION_LIST_END\n"
WITHIN_S = 10.0


class Desk:
    def __init__(self) -> None:
        self.events: list[SessionEvent] = []
        self.told: list[str] = []

    def hear(self, event: SessionEvent) -> None:
        self.events.append(event)

    def tell(self, request_id: str, message: str) -> None:
        self.told.append(message)

    def placed(self, placement: Placement, where: str) -> None:
        raise AssertionError("nothing is placed")


class Web:
    """REAPER's web interface: one answer for each connection."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.status, self.body = "200 OK", ANSWER
        self._server: asyncio.Server | None = None

    async def open(self, port: int = 0) -> int:
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", port)
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        if self._server:
            self._server.close()
            await self._server.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.asked.append(head.split(" ")[1])
        names = NAMES if "MARKER" in self.asked[-1] else ""
        writer.write(f"HTTP/1.1 {self.status}\r\nContent-Type: text/plain\r\n\r\n{self.body}{names}".encode())
        with contextlib.suppress(OSError):
            await writer.drain()
        writer.close()


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(WITHIN_S):
        while not true():
            await asyncio.sleep(0.005)


def with_web(act: Callable[[Web, ReaperWebHost, Desk, int], Awaitable[None]]) -> None:
    async def run() -> None:
        web, desk = Web(), Desk()
        port = await web.open()
        host = ReaperWebHost(port=port, poll_s=0.005)
        host.attach(desk, lambda: None)
        await host.start()
        try:
            await act(web, host, desk, port)
        finally:
            await host.close()
            await host.close()
            await web.close()

    asyncio.run(run())


def test_state_is_asked_often_and_names_seldom() -> None:
    async def act(web: Web, host: ReaperWebHost, desk: Desk, port: int) -> None:
        await until(lambda: len(web.asked) > 12)
        assert web.asked[:11] == ["/_/BEATPOS;MARKER;REGION", *["/_/BEATPOS"] * 9, "/_/BEATPOS;MARKER;REGION"]
        kinds = [type(event) for event in desk.events]
        assert kinds == [ev.SetMeter, ev.SetTempo, ev.Stop, ev.Locate, ev.SetChordChart]
        assert desk.told == []

    with_web(act)


def test_reaper_that_does_not_answer_is_said_once_and_heard_again() -> None:
    async def act(web: Web, host: ReaperWebHost, desk: Desk, port: int) -> None:
        await until(lambda: bool(desk.events))
        await web.close()
        await until(lambda: bool(desk.told))
        await asyncio.sleep(0.005 * 2 * SILENT_POLLS)
        (said,) = desk.told
        assert f"does not answer on port {port}" in said and "Web browser interface" in said
        web.body = ANSWER.replace("3\t4", "5\t4")
        await web.open(port)
        await until(lambda: any(isinstance(event, ev.SetMeter) for event in desk.events[5:]))
        await web.close()
        await until(lambda: len(desk.told) == 2)

    with_web(act)


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        ("404 Not Found", "", "404 Not Found"),
        ("401 Unauthorized", "", "takes? those away|take those away"),
        ("200 OK", "BEATPOS\tsoon\n", "this version does not know"),
        ("200 OK", "x" * (MAX_BYTES + 1), "sends more than"),
    ],
)
def test_an_answer_that_is_none_is_said_once(status: str, body: str, says: str) -> None:
    async def act(web: Web, host: ReaperWebHost, desk: Desk, port: int) -> None:
        web.status, web.body = status, body
        await until(lambda: bool(desk.told))
        count = len(web.asked)
        await until(lambda: len(web.asked) > count + 3)
        import re

        assert len([said for said in desk.told if re.search(says, said)]) == 1

    with_web(act)


def test_clips_are_told_by_their_path() -> None:
    async def run() -> None:
        with pytest.raises(HostError, match="sideman install reaper"):
            await ReaperWebHost().place(None)  # type: ignore[arg-type]

    asyncio.run(run())


def test_a_daemon_follows_reaper_by_its_web_interface(tmp_path: Path) -> None:
    web = Web()
    loop = asyncio.new_event_loop()
    port = loop.run_until_complete(web.open())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        options = ("--host", "reaper-web", "--set", f"host.port={port}")
        with spawned_daemon(tmp_path, *options) as daemon, OscClient(daemon.host, daemon.port) as client:
            deadline = time.monotonic() + WITHIN_S
            session: dict[str, Any] = {"chord_changes": []}
            while not session["chord_changes"]:
                assert time.monotonic() < deadline
                client.send("/sideman/state")
                *_, answer = client.hear_until("/sideman/state", within_s=10)
                session = json.loads(str(answer.arguments[0]))
            assert session["transport"]["tempo"] == 120.0
            assert [change["chord"] for change in session["chord_changes"]] == ["Am7"]
    finally:
        asyncio.run_coroutine_threadsafe(web.close(), loop).result(WITHIN_S)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
