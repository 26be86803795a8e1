"""Category: unit. Who may be subscribed, under which address, and how many."""

from __future__ import annotations

import pytest

from bridge.errors import StartError
from bridge.osc_clients import Client, Subscribers
from bridge.osc_errors import NotAllowed, OutOfRange

HERE = Client("127.0.0.1", 5000)
LAN = Client("192.168.1.20", 5000)
IPV6 = Client("::1", 5000)


@pytest.mark.parametrize(
    ("sender", "host", "port", "place"),
    [
        (HERE, None, None, HERE),
        (HERE, None, 9001, Client("127.0.0.1", 9001)),
        (HERE, "127.0.0.1", 9001, Client("127.0.0.1", 9001)),
        (HERE, "localhost", 9001, Client("127.0.0.1", 9001)),
        (HERE, "LocalHost", 9001, Client("127.0.0.1", 9001)),
        (HERE, "::1", 9001, Client("127.0.0.1", 9001)),
        (IPV6, "::1", 9001, Client("::1", 9001)),
        (IPV6, "localhost", 9001, Client("::1", 9001)),
        (LAN, "192.168.1.20", 9001, Client("192.168.1.20", 9001)),
        (Client("::ffff:127.0.0.1", 5000), "localhost", 9001, Client("::ffff:127.0.0.1", 9001)),
        (Client("::ffff:192.168.1.20", 5000), "192.168.1.20", 9001, Client("::ffff:192.168.1.20", 9001)),
    ],
)
def test_a_sender_may_subscribe_itself(sender: Client, host: str | None, port: int | None, place: Client) -> None:
    assert Subscribers().place(sender, host, port) == place


@pytest.mark.parametrize(
    ("sender", "host"), [(HERE, "192.0.2.1"), (LAN, "127.0.0.1"), (LAN, "192.168.1.21"), (IPV6, "2001:db8::1")]
)
def test_another_host_is_refused(sender: Client, host: str) -> None:
    with pytest.raises(NotAllowed, match="allow_hosts"):
        Subscribers().place(sender, host, 9001)


def test_another_host_that_was_allowed_is_taken() -> None:
    assert Subscribers(["192.0.2.1"]).place(HERE, "192.0.2.1", 9001) == Client("192.0.2.1", 9001)


@pytest.mark.parametrize("host", ["example.org", "", "127.1", "0x7f000001", "192.168.1.20:80"])
def test_names_are_not_looked_up(host: str) -> None:
    with pytest.raises(OutOfRange, match="not looked up"):
        Subscribers().place(HERE, host, 9001)


def test_a_socket_of_ipv4_does_not_reach_ipv6() -> None:
    with pytest.raises(OutOfRange, match="listens on IPv4"):
        Subscribers(["2001:db8::1"]).place(LAN, "2001:db8::1", 9001)


def test_an_allowed_host_that_is_a_name_does_not_start() -> None:
    with pytest.raises(StartError, match=r"studio\.local"):
        Subscribers(["studio.local"])


def test_one_too_many_takes_the_place_of_the_oldest() -> None:
    subscribers = Subscribers(limit=2)
    first, second, third = (Client("127.0.0.1", port) for port in (1, 2, 3))
    assert [subscribers.add(HERE, one) for one in (first, second)] == [None, None]
    assert subscribers.add(HERE, first) is None  # renewed
    assert subscribers.add(HERE, third) == second
    assert list(subscribers) == [first, third]


def test_one_that_left_is_forgotten_and_may_leave_again() -> None:
    subscribers = Subscribers()
    subscribers.add(HERE, HERE)
    subscribers.remove(HERE)
    subscribers.remove(HERE)
    assert len(subscribers) == 0


def test_a_sender_has_the_places_that_it_subscribed() -> None:
    subscribers = Subscribers()
    ear, other = Client("127.0.0.1", 9001), Client("127.0.0.1", 9002)
    subscribers.add(HERE, ear)
    subscribers.add(other, other)
    assert subscribers.places_of(HERE) == (ear,)
    assert subscribers.places_of(ear) == ()
