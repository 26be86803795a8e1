"""Category: integration. The server over real UDP on loopback; wall clock and timer are in the test's hands."""

from __future__ import annotations

import asyncio
import functools
import logging
import math
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, ParamSpec, Self

import pytest
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import ArgValue

from bridge.errors import NothingToPlay, SidemanError, StartError
from bridge.osc_client import datagram
from bridge.osc_clients import MAX_SUBSCRIBERS
from bridge.osc_schema import (
    COMMANDS,
    REPLY_ADDRESSES,
    AskState,
    Command,
    DoneReply,
    Foreign,
    GridPattern,
    StateReply,
)
from bridge.osc_server import Client, OscServer
from bridge.time_tags import HORIZON_S, time_tag_at
from midi import events as ev
from midi.time import Beats

P = ParamSpec("P")
NOW = 1_790_000_000.0
WITHIN_S = 10.0
PONG = ("/sideman/pong", "1.2.3")


def on_loop(test: Callable[P, Awaitable[None]]) -> Callable[P, None]:
    """Run a test on an event loop of its own."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        async def main() -> None:
            await test(*args, **kwargs)

        asyncio.run(main())

    return run


class Peer:
    """A client's UDP socket; it sends to the server and hears what comes from anywhere."""

    def __init__(self, server: tuple[str, int]) -> None:
        self._server = server
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.client = Client("127.0.0.1", self.port)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send_raw(self, packet: bytes) -> None:
        self._socket.sendto(packet, self._server)

    def send(self, address: str, types: str = "", *arguments: ArgValue) -> None:
        self.send_raw(datagram(address, types, *arguments))

    async def hear(self) -> tuple[Any, ...]:
        loop = asyncio.get_running_loop()
        packet = await asyncio.wait_for(loop.sock_recv(self._socket, 65536), WITHIN_S)
        message = OscMessage(packet)
        return (message.address, *message.params)

    async def ask(self, address: str, types: str = "", *arguments: ArgValue) -> tuple[Any, ...]:
        self.send(address, types, *arguments)
        return await self.hear()

    async def hears_nothing(self) -> None:
        """Nothing came before the answer to a ping, and everything sent before it was taken."""
        assert await self.ask("/sideman/ping") == PONG


class Bench:
    """A server, what its handler was given, its wall clock and its timer."""

    def __init__(self) -> None:
        self.now = NOW
        self.handled: list[tuple[Command | Foreign, Client]] = []
        self.error: Exception | None = None
        self.timers: list[tuple[float, Callable[[], None], asyncio.TimerHandle]] = []
        self.server = self.made()

    def made(self, *allowed_hosts: str) -> OscServer:
        return OscServer(
            handler=self.handle,
            version="1.2.3",
            allowed_hosts=frozenset(allowed_hosts),
            wall_clock=lambda: self.now,
            call_later=self.call_later,
        )

    def handle(self, command: Command | Foreign, client: Client) -> None:
        self.handled.append((command, client))
        if self.error is not None:
            raise self.error

    @property
    def commands(self) -> list[Command | Foreign]:
        return [command for command, _ in self.handled]

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
        handle = asyncio.get_running_loop().call_later(1e6, callback)
        self.timers.append((delay_s, callback, handle))
        return handle

    @property
    def timer(self) -> tuple[float, Callable[[], None]] | None:
        """The one timer that runs: seconds, and what it calls."""
        running = [(delay_s, callback) for delay_s, callback, handle in self.timers if not handle.cancelled()]
        assert len(running) <= 1
        return running[0] if running else None

    def pass_time(self, seconds: float) -> None:
        """Set the wall clock forward and let the timer that runs ring."""
        self.now += seconds
        assert self.timer is not None
        _, callback = self.timer
        callback()


@asynccontextmanager
async def serving(*allowed_hosts: str) -> AsyncIterator[tuple[Bench, Peer]]:
    bench = Bench()
    bench.server = bench.made(*allowed_hosts)
    await bench.server.start("127.0.0.1", 0)
    try:
        with Peer(bench.server.address) as peer:
            yield bench, peer
    finally:
        await bench.server.close()


def bundle(ahead_s: float, *elements: bytes) -> bytes:
    """A bundle that is due so many seconds after ``NOW``."""
    sized = b"".join(struct.pack(">i", len(one)) + one for one in elements)
    return b"#bundle\0" + struct.pack(">Q", time_tag_at(NOW + ahead_s)) + sized


def bars(count: int) -> bytes:
    return datagram("/sideman/bars", "i", count)


# Commands and answers


@on_loop
async def test_a_ping_is_answered_where_it_came_from() -> None:
    async with serving() as (bench, peer):
        assert await peer.ask("/sideman/ping") == PONG
        assert bench.handled == []


@on_loop
async def test_commands_reach_the_handler_with_their_client() -> None:
    async with serving() as (bench, peer):
        peer.send("/sideman/position", "f", 17.25)
        peer.send("/sideman/drums", "ss", "bd", "x...")
        peer.send("/live/song/tempo", "f", 97.3)
        peer.send("/sideman/state")
        await peer.hears_nothing()
        assert bench.handled == [
            (ev.Locate(at=Beats(17.25)), peer.client),
            (GridPattern(voice="kick", text="x..."), peer.client),
            (Foreign(address="/live/song/tempo", arguments=(97.3,)), peer.client),
            (AskState(), peer.client),
        ]


@on_loop
async def test_an_error_of_the_handler_is_answered_with_its_code_and_the_id() -> None:
    async with serving() as (bench, peer):
        bench.error = NothingToPlay("Send chords first.")
        answer = await peer.ask("/sideman/generate", "s", "verse")
        assert answer == ("/sideman/error", "verse", "nothing_to_play", "Send chords first.")


@on_loop
async def test_a_mistake_in_the_handler_is_logged_and_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async with serving() as (bench, peer):
        bench.error = ZeroDivisionError("secret")
        with caplog.at_level(logging.ERROR, logger="bridge.osc_server"):
            _, request_id, code, sentence = await peer.ask("/sideman/generate", "s", "verse")
        assert (request_id, code) == ("verse", "internal")
        assert "secret" not in sentence
        assert "ZeroDivisionError" in caplog.text
        await peer.hears_nothing()


BAD_INPUT = [
    (b"", "malformed"),
    (b"\xff" * 1000, "malformed"),
    (b"/sideman/ping", "malformed"),
    (datagram("/sideman/tempo", "f", 0.0), "out_of_range"),
    (datagram("/sideman/tempo", "f", math.nan), "out_of_range"),
    (datagram("/sideman/position", "f", math.inf), "out_of_range"),
    (datagram("/sideman/position", "f", -1.0), "out_of_range"),
    (datagram("/sideman/tempo", "s", "fast"), "wrong_types"),
    (datagram("/sideman/meter", "ii", 5, 3), "bad_meter"),
    (datagram("/sideman/chord", "sf", "\u0421\u043c\u0438", 0.0), "bad_chord"),
    (datagram("/sideman/prompt", "s", "x" * 60_000), "too_long"),
    (functools.reduce(lambda inner, _: bundle(0, inner), range(1000), bars(1)), "too_many"),
    (bundle(HORIZON_S + 60, bars(1)), "out_of_range"),
]


@pytest.mark.parametrize(("packet", "code"), BAD_INPUT, ids=[f"{code}-{len(packet)}" for packet, code in BAD_INPUT])
@on_loop
async def test_bad_input_is_answered_and_reaches_nobody(packet: bytes, code: str) -> None:
    async with serving() as (bench, peer):
        peer.send_raw(packet)
        address, request_id, told, sentence = await peer.hear()
        assert (address, request_id, told) == ("/sideman/error", "", code)
        assert sentence.endswith(".")
        assert bench.handled == []
        assert bench.server.counts.malformed == 1


@on_loop
async def test_a_bundle_with_one_bad_element_reaches_nobody() -> None:
    async with serving() as (bench, peer):
        peer.send_raw(bundle(0, bars(2), bars(0)))
        assert (await peer.hear())[2] == "out_of_range"
        assert bench.handled == []


@pytest.mark.parametrize("address", sorted(REPLY_ADDRESSES - set(COMMANDS)))
@on_loop
async def test_an_answer_is_never_answered(address: str) -> None:
    async with serving() as (bench, peer):
        peer.send(address, "s", "x")
        await peer.hears_nothing()
        assert bench.handled == []
        assert bench.server.counts.ignored == 1


@on_loop
async def test_two_servers_that_subscribed_each_other_fall_silent() -> None:
    async with serving() as (one, peer), serving() as (other, _):
        assert (await peer.ask("/sideman/subscribe", "i", other.server.address[1]))[0] == "/sideman/subscribed"
        one.server.broadcast(DoneReply(id="a", clips=1), None)
        with Peer(other.server.address) as witness:
            await witness.hears_nothing()
        await peer.hears_nothing()
        assert other.server.counts.ignored == other.server.counts.packets - 1, "all but the witness's ping"
        assert other.server.counts.packets < 10


@on_loop
async def test_packets_and_bytes_are_counted() -> None:
    async with serving() as (bench, peer):
        peer.send_raw(bars(4))
        await peer.hears_nothing()
        ping = datagram("/sideman/ping", "")
        assert (bench.server.counts.packets, bench.server.counts.bytes) == (2, len(bars(4)) + len(ping))


@on_loop
async def test_a_reply_that_no_datagram_carries_is_an_error() -> None:
    async with serving() as (bench, peer):
        bench.server.send(peer.client, StateReply(json="x" * 70_000))
        assert (await peer.hear())[:3] == ("/sideman/error", "", "too_long")
        bench.server.send(peer.client, StateReply(json="x" * 60_000))
        assert await peer.hear() == ("/sideman/state", "x" * 60_000)


# Subscribers


@on_loop
async def test_a_broadcast_reaches_requester_and_subscribers_once_each() -> None:
    async with serving() as (bench, peer):
        with Peer(bench.server.address) as other, Peer(bench.server.address) as stranger:
            assert await peer.ask("/sideman/subscribe") == ("/sideman/subscribed", "127.0.0.1", peer.port)
            assert await other.ask("/sideman/subscribe") == ("/sideman/subscribed", "127.0.0.1", other.port)
            bench.server.broadcast(DoneReply(id="a", clips=2), peer.client)
            for one in (peer, other):
                assert await one.hear() == ("/sideman/done", "a", 2)
                await one.hears_nothing()
            await stranger.hears_nothing()


@on_loop
async def test_a_requester_need_not_subscribe() -> None:
    async with serving() as (bench, peer):
        bench.server.broadcast(DoneReply(id="a", clips=2), peer.client)
        assert await peer.hear() == ("/sideman/done", "a", 2)


@pytest.mark.parametrize("host", [None, "127.0.0.1", "localhost", "::1"])
@on_loop
async def test_broadcasts_go_to_the_port_that_was_named(host: str | None) -> None:
    async with serving() as (bench, peer):
        with Peer(bench.server.address) as ear:
            named = ("si", host, ear.port) if host else ("i", ear.port)
            assert await peer.ask("/sideman/subscribe", *named) == ("/sideman/subscribed", "127.0.0.1", ear.port)
            assert await ear.hear() == ("/sideman/subscribed", "127.0.0.1", ear.port)
            bench.server.broadcast(DoneReply(id="a", clips=0), None)
            assert await ear.hear() == ("/sideman/done", "a", 0)
            peer.send("/sideman/tempo", "f", 0.0)
            assert (await ear.hear())[2] == "out_of_range", "the sender's errors are heard where it listens"
            assert (await peer.hear())[2] == "out_of_range"
            peer.send("/sideman/unsubscribe", *named)
            await peer.hears_nothing()
            bench.server.broadcast(DoneReply(id="b", clips=0), None)
            await ear.hears_nothing()


@pytest.mark.parametrize(("host", "code"), [("192.0.2.1", "not_allowed"), ("example.org", "out_of_range")])
@on_loop
async def test_another_host_is_refused(host: str, code: str) -> None:
    async with serving() as (_, peer):
        assert (await peer.ask("/sideman/subscribe", "si", host, 9001))[:3] == ("/sideman/error", "", code)


@on_loop
async def test_another_host_that_was_allowed_is_taken() -> None:
    async with serving("192.0.2.1") as (_, peer):
        answer = await peer.ask("/sideman/subscribe", "si", "192.0.2.1", 9001)
        assert answer == ("/sideman/subscribed", "192.0.2.1", 9001)


@on_loop
async def test_the_oldest_subscriber_makes_room_and_is_told() -> None:
    async with serving() as (_, peer):
        await peer.ask("/sideman/subscribe")
        for port in range(1, MAX_SUBSCRIBERS):
            assert (await peer.ask("/sideman/subscribe", "i", port))[0] == "/sideman/subscribed"
        assert (await peer.ask("/sideman/subscribe", "i", MAX_SUBSCRIBERS))[0] == "/sideman/subscribed"
        assert (await peer.hear())[:3] == ("/sideman/error", "", "too_many")


@on_loop
async def test_a_subscriber_that_is_gone_harms_nobody() -> None:
    async with serving() as (bench, peer):
        with Peer(bench.server.address) as gone:
            await gone.ask("/sideman/subscribe")
        await peer.ask("/sideman/subscribe")
        for number in range(20):
            bench.server.broadcast(DoneReply(id="a", clips=number), None)
            assert await peer.hear() == ("/sideman/done", "a", number)
        bench.server.receive_error(ConnectionRefusedError())
        assert bench.server.counts.socket_errors == 1
        await peer.hears_nothing()


@on_loop
async def test_replies_are_dropped_and_counted_while_the_system_takes_none() -> None:
    async with serving() as (bench, peer):
        bench.server.set_congested(True)
        bench.server.send(peer.client, DoneReply(id="lost", clips=0))
        bench.server.set_congested(False)
        await peer.hears_nothing()
        assert bench.server.counts.dropped == 1


# Time


@on_loop
async def test_a_bundle_of_the_past_takes_effect_now() -> None:
    async with serving() as (bench, peer):
        peer.send_raw(bundle(-100, bars(2), bars(3)))
        await peer.hears_nothing()
        assert bench.commands == [ev.SetBars(bars=2), ev.SetBars(bars=3)]
        assert bench.timer is None


@on_loop
async def test_a_bundle_of_the_future_takes_effect_then_and_blocks_nobody() -> None:
    async with serving() as (bench, peer):
        peer.send_raw(bundle(0.5, bars(2)))
        await peer.hears_nothing()
        assert (bench.commands, bench.server.waiting) == ([], 1)
        assert bench.timer is not None
        assert bench.timer[0] == pytest.approx(0.5, abs=1e-6)
        bench.pass_time(0.5)
        assert bench.commands == [ev.SetBars(bars=2)]


@on_loop
async def test_an_earlier_bundle_overtakes_a_later_one() -> None:
    async with serving() as (bench, peer):
        peer.send_raw(bundle(0.8, bars(8)))
        peer.send_raw(bundle(0.2, bars(2)))
        await peer.hears_nothing()
        bench.pass_time(0.2)
        assert bench.commands == [ev.SetBars(bars=2)]
        bench.pass_time(0.6)
        assert bench.commands == [ev.SetBars(bars=2), ev.SetBars(bars=8)]


@on_loop
async def test_a_wall_clock_that_is_set_is_noticed() -> None:
    async with serving() as (bench, peer):
        peer.send_raw(bundle(600, bars(2)))
        await peer.hears_nothing()
        assert bench.timer is not None
        assert bench.timer[0] <= 1.0
        bench.pass_time(-3600)
        assert bench.commands == []
        bench.pass_time(3600 + 600)
        assert bench.commands == [ev.SetBars(bars=2)]


@on_loop
async def test_what_waits_is_forgotten_at_the_end() -> None:
    async with serving() as (bench, peer):
        peer.send_raw(bundle(1, bars(2)))
        await peer.hears_nothing()
        await bench.server.close()
        assert (bench.timer, bench.server.waiting) == (None, 0)


# Life


@on_loop
async def test_a_port_in_use_is_one_clear_line() -> None:
    async with serving() as (bench, _):
        port = bench.server.address[1]
        second = bench.made()
        with pytest.raises(StartError, match=rf"UDP port {port} on 127\.0\.0\.1 is in use.*--osc") as caught:
            await second.start("127.0.0.1", port)
        assert "\n" not in str(caught.value)
        await second.close()


@pytest.mark.parametrize(("host", "port"), [("192.0.2.1", 0), ("127.0.0.1", 70000), ("a..b", 0), ("a" * 300, 0)])
@on_loop
async def test_an_address_that_cannot_be_listened_on_is_one_clear_line(host: str, port: int) -> None:
    server = Bench().server
    with pytest.raises(StartError, match=r"Cannot listen on UDP port.*--osc") as caught:
        await server.start(host, port)
    assert "\n" not in str(caught.value)
    await server.close()


@on_loop
async def test_an_allowed_host_that_is_a_name_does_not_start() -> None:
    server = Bench().made("studio.local")
    with pytest.raises(StartError, match="allow_hosts"):
        await server.start("127.0.0.1", 0)


@on_loop
async def test_close_may_come_early_and_twice_and_sending_after_it_is_no_error() -> None:
    bench = Bench()
    await bench.server.close()
    with pytest.raises(SidemanError, match="not started"):
        _ = bench.server.address
    await bench.server.start("127.0.0.1", 0)
    host, port = bench.server.address
    await bench.server.close()
    await bench.server.close()
    bench.server.send(Client(host, port), DoneReply(id="a", clips=0))


@on_loop
async def test_the_port_is_free_after_close() -> None:
    bench = Bench()
    await bench.server.start("127.0.0.1", 0)
    _, port = bench.server.address
    await bench.server.close()
    again = bench.made()
    await again.start("127.0.0.1", port)
    await again.close()
