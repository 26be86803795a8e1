"""Category: unit. Which senders OSC hears: this machine's, hosts that were allowed, and those that showed the token."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pythonosc.osc_message_builder import ArgValue

from bridge.osc_client import datagram
from bridge.osc_clients import Client, Trust
from bridge.osc_replies import ErrorReply, Pong, Reply, Subscribed
from bridge.osc_schema import Command, Foreign, Subscribe
from bridge.osc_server import OscServer
from midi import events as ev
from midi.time import Bpm

TOKEN = "the-token-of-the-tests"
ELSEWHERE = Client("192.0.2.7", 5000)
HERE = Client("127.0.0.1", 5000)


class Bench:
    """A server without a socket: what its handler was given, and what a client was answered."""

    def __init__(self, *allowed: str, token: str | None = TOKEN) -> None:
        self.handled: list[Command | Foreign] = []
        self.answers: list[Reply] = []
        self.server = OscServer(
            handler=lambda command, _: self.handled.append(command),
            version="1",
            allowed_hosts=frozenset(allowed),
            token=token,
        )
        for client in (ELSEWHERE, HERE):
            self.server.add_route(client.host, lambda _, reply: self.answers.append(reply))

    def receive(self, client: Client, address: str, types: str = "", *arguments: ArgValue) -> list[Reply]:
        """What a client is answered at once."""
        self.answers.clear()
        self.server.receive(datagram(address, types, *arguments), client)
        return list(self.answers)


def refused(answers: list[Reply]) -> bool:
    (error,) = answers
    return isinstance(error, ErrorReply) and error.code == "not_allowed" and TOKEN not in error.message


def test_another_machine_is_heard_once_it_has_subscribed_with_the_token() -> None:
    bench = Bench()
    assert refused(bench.receive(ELSEWHERE, "/sideman/subscribe"))
    assert refused(bench.receive(ELSEWHERE, "/sideman/subscribe", "sis", "", 0, "another-token-0123"))
    assert refused(bench.receive(ELSEWHERE, "/sideman/tempo", "f", 99.0))
    assert refused(bench.receive(ELSEWHERE, "/sideman/tempo", "s", "no tempo")), "it is not even read aloud"
    assert bench.server.counts.refused == 4
    assert bench.receive(ELSEWHERE, "/sideman/subscribe", "sis", "", 0, TOKEN) == [
        Subscribed(host="192.0.2.7", port=5000)
    ]
    assert bench.receive(ELSEWHERE, "/sideman/tempo", "f", 99.0) == []
    assert bench.handled == [ev.SetTempo(bpm=Bpm(99.0))]
    assert refused(bench.receive(Client("192.0.2.7", 5001), "/sideman/ping")), "another port is another client"


def test_this_machine_and_hosts_that_were_allowed_need_no_token() -> None:
    assert Bench().receive(HERE, "/sideman/ping") == [Pong(version="1")]
    assert Bench("192.0.2.7").receive(ELSEWHERE, "/sideman/ping") == [Pong(version="1")]
    assert Bench("192.0.2.7", token=None).receive(ELSEWHERE, "/sideman/ping") == [Pong(version="1")]


def test_a_token_names_another_port_too() -> None:
    answers = Bench().receive(ELSEWHERE, "/sideman/subscribe", "sis", "", 9001, TOKEN)
    assert Subscribed(host="192.0.2.7", port=9001) in answers


@given(st.text().filter(lambda text: text != TOKEN) | st.none())
def test_nothing_but_the_token_opens(given_token: str | None) -> None:
    trust = Trust(TOKEN)
    assert not trust.show(ELSEWHERE, given_token)
    assert not trust.hears(ELSEWHERE)


@given(st.lists(st.integers(1, 12), min_size=1), st.integers(1, 5))
def test_the_last_that_showed_it_are_remembered(ports: list[int], limit: int) -> None:
    trust = Trust(TOKEN, limit=limit)
    for port in ports:
        assert trust.show(Client("192.0.2.7", port), TOKEN)
    latest = list(dict.fromkeys(reversed(ports)))[:limit]
    assert {port for port in range(1, 13) if trust.hears(Client("192.0.2.7", port))} == set(latest)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "::ffff:127.0.0.1", "127.5.5.5", "mailbox", "web"])
def test_what_comes_from_this_machine_is_heard(host: str) -> None:
    assert Trust(TOKEN).hears(Client(host, 1))


@pytest.mark.parametrize("host", ["192.0.2.7", "::ffff:192.0.2.7", "2001:db8::1"])
def test_what_comes_from_elsewhere_is_not(host: str) -> None:
    assert not Trust(TOKEN).hears(Client(host, 1))


def test_a_token_is_not_shown_by_what_is_logged() -> None:
    assert TOKEN not in repr(Subscribe(token=TOKEN))


def test_without_a_token_this_machine_and_hosts_that_were_named_are_heard_and_nobody_else() -> None:
    trust = Trust(None, ["10.0.0.5"])
    assert trust.hears(Client("127.0.0.1", 1))
    assert trust.hears(Client("::ffff:10.0.0.5", 1))
    assert not trust.hears(Client("10.0.0.6", 1))
    assert not trust.show(Client("10.0.0.6", 1), "")
