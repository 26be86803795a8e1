"""Category: integration. Bitwig by DrivenByMoss: a stand-in for it on real sockets, a session with a daemon."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder

from bridge.drivenbymoss_host import DrivenByMossHost
from bridge.errors import HostError
from bridge.osc_client import OscClient
from bridge.spawned import spawned_daemon
from midi import events as ev
from midi.time import Beats, Bpm, Meter
from plugin_host.host import Placement


class Desk:
    def __init__(self) -> None:
        self.told: list[str] = []

    def tell(self, request_id: str, message: str) -> None:
        self.told.append(message)


class Moss:
    """DrivenByMoss: it hears on its port, and tells another one of changes, in bundles."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(10)
        self.port: int = self.socket.getsockname()[1]

    def heard(self) -> tuple[str, list[object]]:
        message = OscMessage(self.socket.recv(8192))
        return message.address, list(message.params)

    def tell(self, port: int, *messages: tuple[str, object]) -> None:
        bundle = OscBundleBuilder(IMMEDIATELY)
        for address, value in (("/update", 1), *messages, ("/update", 0)):
            builder = OscMessageBuilder(address)
            builder.add_arg(value)  # type: ignore[arg-type]
            bundle.add_content(builder.build())  # type: ignore[arg-type]
        self.socket.sendto(bundle.build().dgram, ("127.0.0.1", port))


WINDOW = (
    ("/track/1/name", "Drums"), ("/track/2/name", "Sideman"), ("/track/2/canHoldAudioData", 1),
    ("/track/2/clip/1/hasContent", 1), ("/track/2/clip/2/hasContent", 0), ("/track/2/clip/3/hasContent", 0),
)  # fmt: skip


def placement(path: Path) -> Placement:
    return Placement(
        request_id="one", take=0, path=path, name="one", start=Beats(0.0), bars=4, tempo=Bpm(120.0),
        meter=Meter(numerator=4, denominator=4), sample_rate_hz=44100, frames=352800, target="",
    )  # fmt: skip


def on(act: Callable[[DrivenByMossHost, Moss, Desk], object], **options: float) -> Desk:
    moss, desk = Moss(), Desk()

    async def run() -> None:
        host = DrivenByMossHost(moss.port, **options)
        host.attach(desk, lambda: None)  # type: ignore[arg-type]
        await host.start()
        try:
            await act(host, moss, desk)  # type: ignore[misc]
        finally:
            await host.close()
            await host.close()

    with moss.socket:
        asyncio.run(run())
    return desk


async def hear(moss: Moss) -> tuple[str, list[object]]:
    return await asyncio.to_thread(moss.heard)


def test_everything_is_asked_until_something_is_heard_and_silence_is_said_once() -> None:
    async def act(host: DrivenByMossHost, moss: Moss, desk: Desk) -> None:
        assert [await hear(moss) for _ in range(5)] == [("/refresh", [])] * 5
        host.interpret("/update", (1,))
        moss.socket.settimeout(0.1)
        with pytest.raises(TimeoutError):
            for _ in range(3):
                await hear(moss)

    desk = on(act, ask_s=0.02)
    assert len(desk.told) == 1 and "receive on" in desk.told[0]


def test_the_daemon_s_own_names_are_not_its(tmp_path: Path) -> None:
    async def act(host: DrivenByMossHost, moss: Moss, desk: Desk) -> None:
        assert host.interpret("/sidemann/tempo", (120.0,)) is None
        assert host.interpret("/track/1/volume", (3,)) == ()
        assert host.interpret("/tempo/raw", (97.5,)) == (ev.SetTempo(bpm=Bpm(97.5)),)

    on(act)


def test_a_clip_goes_into_an_empty_slot_and_a_lost_message_is_sent_again(tmp_path: Path) -> None:
    clip = tmp_path / "clip.wav"
    clip.touch()

    async def act(host: DrivenByMossHost, moss: Moss, desk: Desk) -> None:
        for address, value in WINDOW:
            host.interpret(address, (value,))  # type: ignore[arg-type]
        placing = asyncio.create_task(host.place(placement(clip)))
        await hear(moss)
        insert = ("/track/2/clip/2/insertFile", [str(clip)])
        assert [await hear(moss), await hear(moss)] == [insert, insert]
        host.interpret("/track/2/clip/2/hasContent", (1,))
        assert await placing == "track Sideman, slot 2 of those that DrivenByMoss shows"

    on(act, again_s=0.05)


def test_a_better_take_goes_beside_its_draft_and_says_so(tmp_path: Path) -> None:
    """Bitwig takes a file into an empty slot, and tells nobody what is in the others."""
    clip = tmp_path / "clip.wav"
    clip.touch()

    async def act(host: DrivenByMossHost, moss: Moss, desk: Desk) -> None:
        for address, value in WINDOW:
            host.interpret(address, (value,))  # type: ignore[arg-type]
        placing = asyncio.create_task(host.place(replace(placement(clip), replaces=tmp_path / "draft.wav")))
        await hear(moss)
        await hear(moss)
        host.interpret("/track/2/clip/2/hasContent", (1,))
        where = await placing
        assert where.startswith("track Sideman, slot 2 of") and "its draft is not replaced: DrivenByMoss" in where

    on(act, again_s=5.0)


@pytest.mark.parametrize("full", [0, 1])
def test_a_window_that_was_scrolled_is_said_and_nothing_is_loaded_elsewhere(tmp_path: Path, full: int) -> None:
    clip = tmp_path / "clip.wav"
    clip.touch()

    async def act(host: DrivenByMossHost, moss: Moss, desk: Desk) -> None:
        for address, value in WINDOW:
            host.interpret(address, (value,))  # type: ignore[arg-type]
        placing = asyncio.create_task(host.place(placement(clip)))
        await hear(moss)
        assert (await hear(moss))[0] == "/track/2/clip/2/insertFile"
        host.interpret("/track/2/name", ("Bass",))
        host.interpret("/track/2/clip/2/hasContent", (full,))
        with pytest.raises(HostError, match=r"was scrolled.*slot 2 of Sideman"):
            await placing
        moss.socket.settimeout(0.1)
        with pytest.raises(TimeoutError):
            await hear(moss)

    on(act, again_s=0.05)


def test_a_clip_that_is_not_taken_is_said(tmp_path: Path) -> None:
    clip = tmp_path / "clip.wav"

    async def act(host: DrivenByMossHost, moss: Moss, desk: Desk) -> None:
        with pytest.raises(HostError, match="is gone"):
            await host.place(placement(clip))
        clip.touch()
        with pytest.raises(HostError, match="none is named Sideman"):
            await host.place(placement(clip))
        for address, value in WINDOW:
            host.interpret(address, (value,))  # type: ignore[arg-type]
        with pytest.raises(HostError, match="has not loaded the clip into slot 2 of Sideman"):
            await host.place(placement(clip))

    on(act, again_s=0.005)


def test_a_session_with_a_real_daemon(tmp_path: Path) -> None:
    moss = Moss()
    options = ("--host", "drivenbymoss", "--set", f"host.port={moss.port}")
    with (
        moss.socket,
        spawned_daemon(tmp_path / "clips", *options) as daemon,
        OscClient(daemon.host, daemon.port) as client,
    ):
        assert moss.heard() == ("/refresh", [])
        moss.tell(daemon.port, ("/tempo/raw", 97.5), ("/time/signature", "3 / 4"), ("/beat/str", "2.1.1:00"), *WINDOW)
        client.send("/sideman/subscribe")
        assert client.hear(10).address == "/sideman/subscribed"
        deadline = time.monotonic() + 10
        transport: dict[str, object] = {}
        while transport.get("tempo") != 97.5:
            assert time.monotonic() < deadline
            client.send("/sideman/state")
            *_, answer = client.hear_until("/sideman/state", within_s=10)
            transport = json.loads(str(answer.arguments[0]))["transport"]
        assert transport["position"] == 3.0
        client.send("/sideman/chords", "s", "C | F")
        client.send("/sideman/bars", "i", 2)
        client.send("/sideman/generate", "s", "one")
        address, arguments = moss.heard()
        while address == "/refresh":
            address, arguments = moss.heard()
        assert address == "/track/2/clip/2/insertFile"
        assert Path(str(arguments[0])).is_file()
        moss.tell(daemon.port, ("/track/2/clip/2/hasContent", 1))
        *_, placed = client.hear_until("/sideman/placed", within_s=30)
        assert placed.arguments == ("one", 0, "track Sideman, slot 2 of those that DrivenByMoss shows")
