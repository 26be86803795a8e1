"""Category: unit. The script's OSC against python-osc, both ways, and bytes that are none."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder

from plugin_host.standins.live.program import live_python

ADDRESSES = st.from_regex(r"/[a-z/]{1,30}", fullmatch=True)
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)
ARGUMENTS = st.lists(
    st.one_of(
        st.tuples(st.just("i"), st.integers(-(2**31), 2**31 - 1)),
        st.tuples(st.just("f"), st.floats(width=32, allow_nan=False)),
        st.tuples(st.just("s"), TEXTS),
        st.tuples(st.just("h"), st.integers(-(2**63), 2**63 - 1)),
        st.tuples(st.just("d"), st.floats(allow_nan=False)),
    ),
    max_size=12,
)


@pytest.fixture(scope="module")
def osc() -> Iterator[Any]:
    with live_python():
        from Sideman import osc as module  # type: ignore[import-not-found]

        yield module


@given(address=ADDRESSES, arguments=ARGUMENTS)
def test_python_osc_reads_what_the_script_writes(osc: Any, address: str, arguments: list[tuple[str, Any]]) -> None:
    tags = "".join(tag for tag, _ in arguments)
    message = OscMessage(osc.encode(address, tags, *[value for _, value in arguments]))
    assert (message.address, list(message.params)) == (address, [value for _, value in arguments])


@given(address=ADDRESSES, arguments=ARGUMENTS)
def test_the_script_reads_what_python_osc_writes(osc: Any, address: str, arguments: list[tuple[str, Any]]) -> None:
    builder = OscMessageBuilder(address)
    for tag, value in arguments:
        builder.add_arg(value, tag)
    assert osc.decode(builder.build().dgram) == (address, tuple(value for _, value in arguments))


@given(st.binary(max_size=64))
def test_bytes_that_are_no_message_raise_one_kind_of_error(osc: Any, datagram: bytes) -> None:
    try:
        address, _ = osc.decode(datagram)
    except ValueError:
        return
    assert address.startswith("/")


@given(ADDRESSES, ARGUMENTS, st.data())
def test_a_message_that_is_cut_short_is_refused(osc: Any, address: str, arguments: Any, data: st.DataObject) -> None:
    whole = osc.encode(address, "".join(tag for tag, _ in arguments), *[value for _, value in arguments])
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(ValueError, match=r"cut|begins|type tag|read|UTF"):
        osc.decode(whole[:cut])


@pytest.mark.parametrize("arguments", [("i", 2**31), ("i", "4"), ("x", 1), ("ii", 1), ("f", 1e39), ("i", math.inf)])
def test_what_does_not_fit_is_refused(osc: Any, arguments: tuple[Any, ...]) -> None:
    with pytest.raises((ValueError, struct.error)):
        osc.encode("/a", *arguments)


def test_a_zero_and_half_a_surrogate_pair_become_question_marks(osc: Any) -> None:
    assert osc.decode(osc.encode("/a", "s", "a\0b\ud800"))[1] == ("a?b?",)
