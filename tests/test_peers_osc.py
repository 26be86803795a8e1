"""Category: peer. liblo's oscsend and oscdump on the other end of the wire."""

from __future__ import annotations

import asyncio
import shlex
import shutil
import socket
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from bridge.osc_docs import example_line
from bridge.osc_replies import ClipReply, ErrorReply, Pong, ProgressReply, Reply
from bridge.osc_schema import COMMANDS, Command, Foreign
from bridge.osc_server import Client, OscServer
from midi import events as ev
from midi.time import Bpm

pytestmark = pytest.mark.peer
WITHIN_S = 20.0


def program(name: str) -> str:
    found = shutil.which(name)
    assert found, f"{name} is not installed; .ci/peers.txt lists what these tests need"
    return found


@asynccontextmanager
async def serving(handled: list[Command | Foreign]) -> AsyncIterator[OscServer]:
    server = OscServer(
        handler=lambda command, client: handled.append(command), version="1.2.3", allowed_hosts=frozenset()
    )
    await server.start("127.0.0.1", 0)
    try:
        yield server
    finally:
        await server.close()


async def oscsend(server: OscServer, *arguments: str) -> None:
    """Send a message with liblo, and wait until the server has it."""
    before = server.counts.packets
    sender = await asyncio.create_subprocess_exec(
        program("oscsend"), f"osc.udp://127.0.0.1:{server.address[1]}", *arguments
    )
    assert await asyncio.wait_for(sender.wait(), WITHIN_S) == 0
    async with asyncio.timeout(WITHIN_S):
        while server.counts.packets == before:
            await asyncio.sleep(0)


@asynccontextmanager
async def oscdump(port: int) -> AsyncIterator[Process]:
    dump = await asyncio.create_subprocess_exec(program("stdbuf"), "-oL", program("oscdump"), str(port), stdout=PIPE)
    try:
        yield dump
    finally:
        with suppress(ProcessLookupError):
            dump.terminate()
        await dump.communicate()


async def line(dump: Process, within_s: float = WITHIN_S) -> str:
    """The next message that oscdump printed, without its time in front."""
    assert dump.stdout is not None
    text = (await asyncio.wait_for(dump.stdout.readline(), within_s)).decode()
    return text.split(" ", 1)[1].strip()


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_every_example_of_the_reference_is_understood_from_oscsend() -> None:
    async def scenario() -> None:
        handled: list[Command | Foreign] = []
        async with serving(handled) as server:
            for row in COMMANDS.values():
                await oscsend(server, *shlex.split(example_line(row)))
            assert server.counts.malformed == 0
            own = {"/sideman/ping", "/sideman/subscribe", "/sideman/unsubscribe"}
            assert len(handled) == len(set(COMMANDS) - own)
            assert not [one for one in handled if isinstance(one, Foreign)]

    asyncio.run(scenario())


@pytest.mark.parametrize(("types", "value"), [("i", "97"), ("h", "97"), ("f", "97.3"), ("d", "97.3")])
def test_numbers_of_liblo_are_read_whatever_their_type(types: str, value: str) -> None:
    async def scenario() -> None:
        handled: list[Command | Foreign] = []
        async with serving(handled) as server:
            await oscsend(server, "/sideman/tempo", types, value)
        assert handled == [ev.SetTempo(bpm=Bpm(float(value)))]

    asyncio.run(scenario())


def test_other_types_of_liblo_come_out_as_they_are() -> None:
    async def scenario() -> None:
        handled: list[Command | Foreign] = []
        async with serving(handled) as server:
            await oscsend(server, "/elsewhere", "sTFNi", "né", "-1")
        assert handled == [Foreign(address="/elsewhere", arguments=("né", True, False, None, -1))]

    asyncio.run(scenario())


def test_types_of_liblo_that_are_not_read_are_refused() -> None:
    async def scenario() -> None:
        handled: list[Command | Foreign] = []
        async with serving(handled) as server:
            await oscsend(server, "/sideman/bars", "c", "4")
            assert (server.counts.malformed, handled) == (1, [])

    asyncio.run(scenario())


REPLIES: list[tuple[Reply, str]] = [
    (
        ClipReply(id="a", take=1, bars=4, path="/clips/a.wav", sample_rate_hz=48000, seconds=8.0, tempo=97.5),
        '/sideman/clip siisiff "a" 1 4 "/clips/a.wav" 48000 8.000000 97.500000',
    ),
    (ProgressReply(id="a", share=0.5), '/sideman/progress sf "a" 0.500000'),
    (ErrorReply(code="disk", message="Full."), '/sideman/error sss "" "disk" "Full."'),
]


def test_oscdump_reads_the_replies() -> None:
    async def scenario() -> None:
        async with serving([]) as server, oscdump(free_port_used := free_port()) as dump:
            client = Client("127.0.0.1", free_port_used)
            async with asyncio.timeout(WITHIN_S):
                heard = ""
                while not heard:  # until oscdump listens
                    server.send(client, Pong(version="1.2.3"))
                    with suppress(TimeoutError):
                        heard = await line(dump, within_s=0.1)
            assert heard == '/sideman/pong s "1.2.3"'
            for reply, expected in REPLIES:
                server.send(client, reply)
                while (heard := await line(dump)).startswith("/sideman/pong"):
                    pass
                assert heard == expected

    asyncio.run(scenario())
