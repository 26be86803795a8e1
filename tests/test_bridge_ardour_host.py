"""Category: integration. The host ``ardour`` against a stand-in for Ardour's OSC: asked, heard, gone, back."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder

from bridge.ardour_host import GONE, ArdourHost
from bridge.hosts import HOSTS, mailbox_folder
from bridge.machine import Machine
from midi import events as ev
from plugin_host import ardour as dialect
from plugin_host.host import Placement

PATIENCE_S = 5.0


class Clock:
    """A clock that the test sets."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


class Desk:
    """What the host hears and tells."""

    def __init__(self) -> None:
        self.heard: list[ev.SessionEvent] = []
        self.told: list[str] = []

    def hear(self, event: ev.SessionEvent) -> None:
        self.heard.append(event)

    def tell(self, request_id: str, message: str) -> None:
        self.told.append(message)

    def placed(self, placement: Placement, where: str) -> None:
        raise AssertionError


class Ardour:
    """A socket that is asked, and answers as Ardour does: to the port that it is told."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setblocking(False)
        self.client: tuple[str, int] | None = None

    @property
    def port(self) -> int:
        return int(self.socket.getsockname()[1])

    async def asked(self, address: str) -> OscMessage:
        """The next message of this address."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                message = OscMessage(await asyncio.get_running_loop().sock_recv(self.socket, 65536))
                if message.address == "/set_surface":
                    self.client = ("127.0.0.1", message.params[6])
                if message.address == address:
                    return message

    def say(self, address: str, *arguments: float | int | str) -> None:
        assert self.client
        builder = OscMessageBuilder("/reply" if address == "#reply" else address)
        for argument in arguments:
            builder.add_arg(argument)
        datagram = builder.build().dgram
        if address == "#reply":
            datagram = b"#reply" + datagram[6:]
        self.socket.sendto(datagram, self.client)

    def roll(self, bpm: float, *, seconds: float) -> None:
        """Play from the start: a pair of messages each tenth of a second."""
        for step in range(round(10 * seconds)):
            ticks = int(bpm * step * 3.2)
            self.say("/position/bbt", f"{ticks // 7680 + 1:03d}|{ticks % 7680 // 1920 + 1:02d}|{ticks % 1920:04d}")
            self.say("/position/samples", str(4800 * step))


def hosted(act: Callable[[ArdourHost, Ardour, Desk, Clock], Awaitable[None]]) -> Desk:
    desk, clock, ardour = Desk(), Clock(), Ardour()

    async def run() -> None:
        host = ArdourHost(clock, port=ardour.port)
        host.attach(desk, lambda: None)
        await host.start()
        try:
            await act(host, ardour, desk, clock)
        finally:
            await host.close()
            await host.close()

    with ardour.socket:
        asyncio.run(run())
    return desk


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.01)


async def subscribed(ardour: Ardour) -> None:
    message = await ardour.asked("/set_surface")
    assert message.params[:6] == [0, 159, dialect.FEEDBACK, 0, 0, 0]
    await ardour.asked("/strip/list")
    ardour.say("/transport_stop", 1.0)
    ardour.say("#reply", "end_route_list", 48000, 0, 0)


def test_the_session_is_followed_over_osc() -> None:
    async def act(host: ArdourHost, ardour: Ardour, desk: Desk, clock: Clock) -> None:
        await subscribed(ardour)
        ardour.say("/transport_play", 1.0)
        ardour.roll(97.5, seconds=1.5)
        await until(lambda: ev.SetTempo(bpm=97.5) in desk.heard)
        assert ev.Play() in desk.heard
        assert ev.Locate(at=0.0) in desk.heard
        ardour.say("/session_name", "a name that is none of our business")
        ardour.say("/transport_stop", 1.0)
        await until(lambda: desk.heard[-1] == ev.Stop())

    assert hosted(act).told == []


def test_ardour_that_falls_silent_is_told_and_asked_again_until_it_is_back() -> None:
    async def act(host: ArdourHost, ardour: Ardour, desk: Desk, clock: Clock) -> None:
        await subscribed(ardour)
        await until(lambda: desk.heard)
        clock.now += dialect.SILENCE_S + 0.1
        host.look()
        assert desk.told == [GONE]
        await subscribed(ardour)
        await until(lambda: desk.heard.count(ev.Stop()) == 2)
        clock.now += 2.0
        ardour.say("/heartbeat", 1.0)
        await until(lambda: host._heard_at == clock.now)
        host.look()
        clock.now += 2.0
        host.look()
        assert desk.told == [GONE]

    hosted(act)


def test_while_the_script_is_there_nothing_of_osc_is_told_and_afterwards_it_is() -> None:
    async def act(host: ArdourHost, ardour: Ardour, desk: Desk, clock: Clock) -> None:
        await subscribed(ardour)
        await until(lambda: desk.heard)
        host.greeted("mailbox 1", "Ardour")
        host.look()
        before = list(desk.heard)
        ardour.say("/transport_play", 1.0)
        ardour.roll(97.5, seconds=1.5)
        await until(lambda: host._song.follower.tempo == 97.5)
        assert desk.heard == before
        host.left("mailbox 1")
        clock.now += 3.0
        host.look()
        await ardour.asked("/set_surface")
        ardour.say("/transport_play", 1.0)
        await until(lambda: desk.heard[-1] == ev.Play())

    assert hosted(act).told == []


def test_what_cannot_be_read_is_passed_over() -> None:
    async def act(host: ArdourHost, ardour: Ardour, desk: Desk, clock: Clock) -> None:
        await subscribed(ardour)
        await until(lambda: desk.heard)
        assert ardour.client
        for rubbish in (b"", b"#", b"#reply", b"#reply\0\0,i\0", b"/position/bbt\0\0\0,x\0\0", b"\xff" * 40):
            ardour.socket.sendto(rubbish, ardour.client)
        ardour.say("/position/bbt", 3.0)
        ardour.say("/position/samples", "x")
        ardour.say("/transport_play", 1.0)
        await until(lambda: desk.heard[-1] == ev.Play())

    hosted(act)


def test_a_message_of_ardour_s_that_comes_to_the_daemon_is_understood() -> None:
    async def act(host: ArdourHost, ardour: Ardour, desk: Desk, clock: Clock) -> None:
        assert host.interpret("/transport_play", [1.0]) == (ev.Play(),)
        assert host.interpret("/something/else", [1.0]) is None

    hosted(act)


def test_the_table_makes_the_host_with_the_port_and_mailbox_that_are_set(tmp_path: Path) -> None:
    class Settings:
        mailbox: Path | None = None
        folder = None
        port = 3820

    host = HOSTS["ardour"].make(Settings())
    assert isinstance(host, ArdourHost)
    assert host._peer.port == 3820
    assert host.name == "ardour"
    places = {
        "linux": tmp_path / "settings" / "sideman-ardour",
        "darwin": tmp_path / "home/Library/Preferences/sideman-ardour",
        "win32": tmp_path / "home/AppData/Local/sideman-ardour",
    }
    for system, place in places.items():
        machine = Machine(
            system=system, home=tmp_path / "home", documents=tmp_path / "documents", settings=tmp_path / "settings"
        )
        assert mailbox_folder("ardour", Settings(), machine) == place
    Settings.mailbox = tmp_path / "mine"
    assert mailbox_folder("ardour", Settings(), machine) == tmp_path / "mine"
