"""Category: integration. The daemon's side of AbletonOSC against a stand-in for it on real sockets."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder

from bridge.abletonosc_host import NOT_THERE, AbletonOscHost
from bridge.errors import HostError
from midi import events as ev
from midi.time import Beats, Bpm, Meter
from plugin_host.abletonosc import FAREWELL, QUESTIONS, SILENCE_S
from plugin_host.host import Placement


class Desk:
    """What the host tells the daemon."""

    def __init__(self) -> None:
        self.events: list[object] = []
        self.told: list[str] = []

    def hear(self, event: object) -> None:
        self.events.append(event)

    def tell(self, request_id: str, message: str) -> None:
        self.told.append(message)

    def placed(self, placement: Placement, where: str) -> None:
        raise AssertionError("AbletonOSC places nothing")


class Live:
    """AbletonOSC: it hears on one port, and answers to a fixed other one, whoever asks."""

    def __init__(self) -> None:
        self.asked = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.asked.bind(("127.0.0.1", 0))
        self.asked.settimeout(5)
        self.port = self.asked.getsockname()[1]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
            free.bind(("127.0.0.1", 0))
            self.answer_port = free.getsockname()[1]

    def heard(self, count: int) -> list[str]:
        return [OscMessage(self.asked.recv(4096)).address for _ in range(count)]

    def say(self, address: str, *values: float | str) -> None:
        builder = OscMessageBuilder(address)
        for value in values:
            builder.add_arg(value)
        self.send(builder.build().dgram)

    def send(self, datagram: bytes) -> None:
        self.asked.sendto(datagram, ("127.0.0.1", self.answer_port))


def session(act: Callable[[AbletonOscHost, Live, Desk, list[float]], object]) -> Desk:
    """Run a host against the stand-in; ``act`` is awaited with the host, the stand-in, the desk and a settable time."""
    live, desk, now = Live(), Desk(), [0.0]

    async def run() -> None:
        host = AbletonOscHost(lambda: now[0], ask_port=live.port, answer_port=live.answer_port)
        host.attach(desk, lambda: None)
        await host.start()
        try:
            await act(host, live, desk, now)  # type: ignore[misc]
        finally:
            await host.close()

    with live.asked:
        asyncio.run(run())
    return desk


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not true():
            await asyncio.sleep(0.002)


def test_everything_is_asked_at_the_start_and_listeners_are_stopped_at_the_end() -> None:
    addresses: list[str] = []

    async def act(host: AbletonOscHost, live: Live, desk: Desk, now: list[float]) -> None:
        addresses.extend(live.heard(len(QUESTIONS)))
        await host.close()
        addresses.extend(live.heard(len(FAREWELL)))
        await host.close()

    session(act)
    assert tuple(addresses) == QUESTIONS + FAREWELL


def test_what_it_answers_is_told() -> None:
    async def act(host: AbletonOscHost, live: Live, desk: Desk, now: list[float]) -> None:
        live.say("/live/song/get/tempo", 87.0)
        live.say("/live/song/get/beat", 12)
        await until(lambda: len(desk.events) == 2)

    assert session(act).events == [ev.SetTempo(bpm=Bpm(87.0)), ev.Locate(at=Beats(12.0))]


def test_rubbish_is_passed_over_and_a_scale_that_is_none_is_told() -> None:
    async def act(host: AbletonOscHost, live: Live, desk: Desk, now: list[float]) -> None:
        live.send(b"\xff\x00rubbish")
        live.say("/live/song/get/tempo", "fast")
        live.say("/live/error", "no such thing")
        live.say("/live/song/get/root_note", 2)
        live.say("/live/song/get/scale_name", "Pelog Selisir")
        await until(lambda: bool(desk.told))

    desk = session(act)
    assert desk.events == []
    assert "Pelog" in desk.told[0]


def test_a_live_that_starts_anew_is_asked_everything_and_told_again() -> None:
    async def act(host: AbletonOscHost, live: Live, desk: Desk, now: list[float]) -> None:
        live.heard(len(QUESTIONS))
        live.say("/live/song/get/tempo", 87.0)
        live.say("/live/startup")
        live.say("/live/song/get/tempo", 87.0)
        await until(lambda: len(desk.events) == 2)
        assert tuple(live.heard(len(QUESTIONS))) == QUESTIONS

    session(act)


def test_silence_is_told_once_until_it_speaks() -> None:
    async def act(host: AbletonOscHost, live: Live, desk: Desk, now: list[float]) -> None:
        now[0] = SILENCE_S + 1
        host.renew()
        host.renew()
        assert desk.told == [NOT_THERE]
        live.say("/live/song/get/tempo", 87.0)
        await until(lambda: bool(desk.events))
        now[0] += SILENCE_S + 1
        host.renew()

    assert session(act).told == [NOT_THERE, NOT_THERE]


def test_a_port_in_use_is_explained() -> None:
    async def act(host: AbletonOscHost, live: Live, desk: Desk, now: list[float]) -> None:
        second = AbletonOscHost(ask_port=live.port, answer_port=live.answer_port)
        with pytest.raises(HostError, match="another client of AbletonOSC"):
            await second.start()
        await second.close()

    session(act)


def test_clips_are_told_by_their_path() -> None:
    async def act(host: AbletonOscHost, live: Live, desk: Desk, now: list[float]) -> None:
        placement = Placement(
            request_id="one", take=0, path=Path("/clips/one.wav"), name="one", start=Beats(0.0), bars=4,
            tempo=Bpm(120.0), meter=Meter(numerator=4, denominator=4), sample_rate_hz=44100, frames=352800, target="",
        )  # fmt: skip
        with pytest.raises(HostError, match="sideman install ableton"):
            await host.place(placement)

    session(act)
