"""From an event in the daemon to its WebSocket clients, with every core busy: ``python benchmarks/events.py``.

The service runs here, its clients in a process of their own. An event carries the time at which the daemon told it;
each client takes the difference when it has read it. The session, of a long chart, is told twenty times a second beside
that.
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

from bridge.clip_shelf import FolderShelf
from bridge.engine_process import NICENESS
from bridge.http_config import HttpConfig
from bridge.http_events import HOST
from bridge.http_service import HttpService
from bridge.live_takes import LiveTakes
from bridge.osc_replies import ProgressReply
from bridge.osc_server import OscServer
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


async def measured(seconds: float, clients: int) -> list[float]:
    """Seconds from the telling of each event to each client."""
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
    options = parser.parse_args()
    for name, busy in (("idle", 0), ("all cores busy", os.cpu_count() or 1)):
        command = [sys.executable, "-c", BUSY.format(seconds=options.seconds + 4, niceness=NICENESS)]
        workers = [subprocess.Popen(command) for _ in range(busy)]
        delays = sorted(asyncio.run(measured(options.seconds, options.clients)))
        for worker in workers:
            worker.wait()
        print(
            f"{name:15} {len(delays)} events heard: median {1e3 * statistics.median(delays):.2f} ms, "
            f"99th percentile {1e3 * delays[int(0.99 * len(delays))]:.2f} ms, slowest {1e3 * delays[-1]:.1f} ms"
        )


if __name__ == "__main__":
    main()
