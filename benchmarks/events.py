"""From an event in the daemon to its WebSocket clients, with every core busy: ``python benchmarks/events.py``.

The service runs here, its clients in a process of their own. An event carries the time at which the daemon told it.
Here the difference is taken when the system has the event of each client; there, when each client has read it, for
which its process needs a core too. The session, of a long chart, is told twenty times a second beside that. With
``--realtime`` the service runs as a daemon does that follows MIDI or plays.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from starlette.websockets import WebSocket

from bridge.clip_shelf import FolderShelf
from bridge.engine_process import NICENESS
from bridge.http_config import HttpConfig
from bridge.http_events import HOST
from bridge.http_service import HttpService
from bridge.live_takes import LiveTakes
from bridge.osc_replies import ProgressReply
from bridge.osc_server import OscServer
from bridge.promptness import be_prompt
from bridge.session import SessionState, reduce
from bridge.state_view import state_view
from midi import events as ev
from midi.chords import parse_progression
from midi.time import Seconds

EVENTS_A_SECOND = 200
BUSY = """
import os, time
os.nice({niceness})
end = time.monotonic() + {seconds}
while time.monotonic() < end:
    sum(range(10000))
"""
"""What keeps a core busy, with the priority of an engine."""
CLIENTS = """
import asyncio, json, sys, time
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

async def hear(delays):
    async with connect(sys.argv[1], proxy=None, compression=None) as socket:
        await socket.send('{"address": "/sideman/ping"}')
        try:
            async for text in socket:
                now = time.monotonic()
                event = json.loads(text)
                if event.get("address") == "/sideman/progress":
                    delays.append(now - float(event["arguments"]["id"]))
        except ConnectionClosed:
            pass

async def main():
    delays = []
    await asyncio.gather(*(hear(delays) for _ in range(int(sys.argv[2]))))
    print(json.dumps(delays))

asyncio.run(main())
"""


class Written:
    """Takes down when events have left the daemon."""

    def __init__(self) -> None:
        self.delays: list[float] = []
        self._send = WebSocket.send_text

    def __enter__(self) -> Written:
        send, delays = self._send, self.delays

        async def send_text(socket: WebSocket, text: str) -> None:
            await send(socket, text)
            now = time.monotonic()
            if (event := json.loads(text)).get("address") == "/sideman/progress":
                delays.append(now - float(event["arguments"]["id"]))

        WebSocket.send_text = send_text  # type: ignore[method-assign]
        return self

    def __exit__(self, *_: object) -> None:
        WebSocket.send_text = self._send  # type: ignore[method-assign]


async def measured(seconds: float, clients: int) -> list[float]:
    """Seconds from the telling of each event to its reading by each client."""
    progression = " | ".join(["Am7", "Dm7 G7", "Cmaj7", "F#m7b5 B7"] * 32)
    state, _ = reduce(SessionState(), ev.SetChords(progression=parse_progression(progression)), Seconds(0.0))
    osc = OscServer(handler=lambda command, client: None, version="1", allowed_hosts=frozenset())
    with tempfile.TemporaryDirectory() as folder:
        service = HttpService(
            HttpConfig(port=0), token=None, take=osc.take, session=lambda: state_view(state, Seconds(0.0)),
            shelf=FolderShelf(Path(folder)), live=LiveTakes(late=lambda *_: None), version="1", started="",
        )  # fmt: skip
        osc.add_listener(HOST, service.hub)
        await service.start()
        assert service.url
        url = f"ws{service.url.removeprefix('http')}api/events"
        hearing = await asyncio.create_subprocess_exec(
            sys.executable, "-c", CLIENTS, url, str(clients), stdout=asyncio.subprocess.PIPE
        )
        while len(service.hub) < clients:
            await asyncio.sleep(0.05)
        begun = time.monotonic()
        for number in range(int(seconds * EVENTS_A_SECOND)):
            await asyncio.sleep(max(0.0, begun + number / EVENTS_A_SECOND - time.monotonic()))
            service.hub.session_changed()
            osc.broadcast(ProgressReply(id=repr(time.monotonic()), share=0.5), None)
        await asyncio.sleep(0.5)
        await service.close()
        out, _ = await hearing.communicate()
    delays: list[float] = json.loads(out)
    if len(delays) != clients * int(seconds * EVENTS_A_SECOND):
        raise AssertionError(f"{len(delays)} events were heard")
    return delays


def main() -> None:
    """Print the delays, idle and with every core busy."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--realtime", action="store_true", help="with a real-time priority, where it is allowed")
    options = parser.parse_args()
    if be_prompt(realtime=options.realtime):
        print("with real-time priority")
    for name, busy in (("idle", 0), ("all cores busy", os.cpu_count() or 1)):
        command = [sys.executable, "-c", BUSY.format(seconds=options.seconds + 4, niceness=NICENESS)]
        workers = [subprocess.Popen(command) for _ in range(busy)]
        with Written() as written:
            read = asyncio.run(measured(options.seconds, options.clients))
        for worker in workers:
            worker.wait()
        print(f"{name:15} {len(read)} events; left the daemon: {told(written.delays)}; read by a client: {told(read)}")


def told(delays: list[float]) -> str:
    """Some delays in words."""
    ordered = sorted(delays)
    return (
        f"median {1e3 * statistics.median(ordered):.2f} ms, "
        f"99th percentile {1e3 * ordered[int(0.99 * len(ordered))]:.2f} ms, slowest {1e3 * ordered[-1]:.1f} ms"
    )


if __name__ == "__main__":
    main()
