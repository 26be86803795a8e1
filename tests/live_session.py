"""A set in the stand-in for Live, the shipped script in it, and a real daemon: what the tests of a session share."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from bridge.osc_client import NoAnswer, OscClient
from plugin_host.standins.live import Live, MidiNote, Song
from plugin_host.standins.live.program import live_python

TICK_PAUSE_S = 0.002
"""Live's ticks are played faster than in life: the program's clock goes 0.1 s for each."""


def chord(pitches: str, at: float, length: float = 4.0) -> list[MidiNote]:
    """A block chord."""
    return [MidiNote(pitch=int(pitch), start_time=at, duration=length) for pitch in pitches.split()]


AM_DM_G_C = [*chord("57 60 64", 0), *chord("50 53 57", 4), *chord("55 59 62", 8), *chord("48 52 55", 12)]
F_C_G_AM = [*chord("53 57 60", 0), *chord("48 52 55", 4), *chord("55 59 62", 8), *chord("57 60 64", 12)]


@contextmanager
def live_with_script(song: Song, address: tuple[str, int]) -> Iterator[Live]:
    """Live with the shipped script chosen as a control surface; it is closed at the end."""
    live = Live(song)
    with live_python() as package:
        script: Any = package
        live.surface = script.Sideman(live.instance, live.clock, address)
        try:
            yield live
        finally:
            live.close()


def tick_until(live: Live, true: Callable[[], bool], within_s: float = 20.0) -> None:
    """Let Live tick until something is true. Fails with what the status bar said."""
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline, (live.instance.messages[-5:], live.instance.log)
        live.tick()
        time.sleep(TICK_PAUSE_S)


def said(live: Live, words: str) -> bool:
    """Whether the status bar has shown a line with these words."""
    return any(words in message for message in live.instance.messages)


def state_of(client: OscClient) -> dict[str, Any]:
    """The daemon's session, as JSON has it."""
    import json

    client.send("/sideman/state")
    *_, answer = client.hear_until("/sideman/state", within_s=10)
    parsed: dict[str, Any] = json.loads(str(answer.arguments[0]))
    return parsed


def eventually(live: Live, client: OscClient, true: Callable[[dict[str, Any]], bool], within_s: float = 20.0) -> None:
    """Let Live tick until the daemon's session is so."""
    deadline = time.monotonic() + within_s
    session = state_of(client)
    while not true(session):
        assert time.monotonic() < deadline, (session, live.instance.messages[-5:], live.instance.log)
        live.tick(2)
        session = state_of(client)


def heard(client: OscClient, address: str, live: Live, within_s: float = 30.0) -> tuple[Any, ...]:
    """The next message at an address, while Live ticks."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        try:
            message = client.hear(TICK_PAUSE_S)
        except NoAnswer:
            live.tick()
            continue
        if message.address == address:
            return message.arguments
    raise AssertionError((address, live.instance.messages[-5:], live.instance.log))
