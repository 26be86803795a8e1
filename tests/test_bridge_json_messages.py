"""Category: property. Commands and replies as JSON mean what they mean over OSC."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.json_messages import command_json, messages_of, named_message, read_json, reply_json, reply_of, table_json
from bridge.openapi import document
from bridge.osc_arguments import Argument, Real, Text, Whole
from bridge.osc_codec import Foreign, Malformed, Message, decode, encode, understand
from bridge.osc_errors import MessageError, OutOfRange, TooLong, TooManyElements, WrongTypes
from bridge.osc_replies import REPLIES, ClipReply, PlaceRequest, Reply
from bridge.osc_schema import COMMANDS, CommandRow
from bridge.osc_wire import MAX_ELEMENTS, read_datagram
from midi.errors import SidemanError

SHORT_TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=40)


def values_of(argument: Argument) -> st.SearchStrategy[Any]:
    """Values in an argument's range, and some that are not."""
    match argument:
        case Real(low=low, high=high):
            return st.floats(low, high, width=32 if high <= 1e30 else 64) | st.floats(
                allow_nan=False, allow_infinity=False
            )
        case Whole(low=low, high=high):
            return st.integers(low, high) | st.integers(-(2**70), 2**70)
        case Text():
            return SHORT_TEXT


@st.composite
def sent(draw: st.DrawFn) -> tuple[str, tuple[Argument, ...], list[Any]]:
    row: CommandRow = draw(st.sampled_from(list(COMMANDS.values())))
    form = draw(st.sampled_from(row.forms))
    if len(row.example) == len(form) and draw(st.booleans()):
        return row.address, form, list(row.example)
    return row.address, form, [draw(values_of(argument)) for argument in form]


def meaning(value: object) -> tuple[object, ...]:
    """What the daemon makes of JSON: commands, or the code of an error."""
    try:
        incoming = understand(messages_of(value))
    except SidemanError as error:
        return (error.code,)
    return tuple(one.code if isinstance(one, Malformed) else one for one in incoming)


@given(sent())
def test_by_name_and_in_a_list_mean_the_same(case: tuple[str, tuple[Argument, ...], list[Any]]) -> None:
    address, form, values = case
    named = {argument.name: value for argument, value in zip(form, values, strict=True)}
    listed = json.loads(json.dumps({"address": address, "arguments": values}))
    assert meaning(listed) == meaning(json.loads(json.dumps({"address": address, "arguments": named})))


@pytest.mark.parametrize("row", COMMANDS.values(), ids=COMMANDS)
def test_each_example_of_the_table_is_the_command_that_osc_carries(row: CommandRow) -> None:
    from bridge.osc_client import datagram

    form = row.form_of(len(row.example)) or ()
    over_osc = decode(datagram(row.address, "".join(argument.tag for argument in form), *row.example))
    over_json = understand(messages_of({"address": row.address, "arguments": list(row.example)}))
    assert isinstance(over_json[0], Message)
    assert over_json == over_osc


@given(sent())
def test_a_command_that_was_written_as_json_is_read_back(case: tuple[str, tuple[Argument, ...], list[Any]]) -> None:
    address, _, values = case
    if all(not isinstance(value, int) or -(2**63) <= value < 2**63 for value in values):
        (message,) = messages_of(read_json(json.dumps(command_json(address, values))))
        assert (message.address, list(message.values)) == (address, values)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON | st.fixed_dictionaries({"address": st.sampled_from(list(COMMANDS)), "arguments": JSON}))
def test_any_json_is_a_command_or_an_error_and_never_an_exception(value: object) -> None:
    assert all(isinstance(one, str | Message | Foreign) for one in meaning(value))


@given(st.binary() | st.text().map(lambda text: text.encode("utf-8", "replace")))
def test_bytes_are_json_or_an_error(data: bytes) -> None:
    try:
        read_json(data)
    except MessageError as error:
        assert str(error)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ('{"address": "/sideman/tempo", "arguments": [NaN]}', OutOfRange),
        ('{"address": "/sideman/tempo", "arguments": [1e999]}', OutOfRange),
        ('{"address": "/sideman/bars", "arguments": [' + "9" * 40 + "]}", OutOfRange),
        ('{"address": "/sideman/prompt", "arguments": ["\\ud800"]}', MessageError),
        ('{"address": "/sideman/prompt", "arguments": ["a\\u0000b"]}', MessageError),
        ('{"address": "/sideman/prompt", "arguments": [["a"]]}', WrongTypes),
        ('{"address": "/sideman/tempo", "arguments": {"bpm": true}}', WrongTypes),
        ('{"address": "/sideman/generate", "arguments": {"id": 0}}', WrongTypes),
        ('{"address": "/sideman/tempo", "arguments": {"beat": 1}}', WrongTypes),
        ('{"address": "/sideman/nothing", "arguments": {"bpm": 1}}', MessageError),
        ('{"address": "sideman", "arguments": []}', MessageError),
        ('{"address": "/sideman/stop", "arguments": [], "more": 1}', MessageError),
        ('{"address": "/sideman/stop", "arguments": 1}', MessageError),
        ("[" * 100_000, MessageError),
        ("[" + ",".join(['{"address": "/a"}'] * (MAX_ELEMENTS + 1)) + "]", TooManyElements),
        ('"' + "x" * 2_000_000 + '"', TooLong),
    ],
    ids=range(16),
)
def test_what_cannot_be_a_command_is_said(text: str, error: type[MessageError]) -> None:
    with pytest.raises(error):
        messages_of(read_json(text))


def test_a_list_counts_as_a_whole() -> None:
    good = {"address": "/sideman/tempo", "arguments": [100]}
    bad = {"address": "/sideman/tempo", "arguments": [1]}
    (malformed,) = understand(messages_of([good, bad]))
    assert isinstance(malformed, Malformed)
    assert malformed.message.startswith("Element 2")


@st.composite
def replies(draw: st.DrawFn) -> Reply:
    row = draw(st.sampled_from(list(REPLIES.values())))
    drawn: dict[str, Any] = {}
    for argument in row.arguments:
        match argument:
            case Real(low=low, high=high):
                drawn[argument.name] = draw(st.floats(low, high))
            case Whole(low=low, high=high):
                drawn[argument.name] = draw(st.integers(low, high))
            case Text():
                drawn[argument.name] = draw(SHORT_TEXT)
    return row.type(**drawn)


@given(replies())
def test_a_reply_as_json_has_every_field_and_the_address_that_osc_has(reply: Reply) -> None:
    told = json.loads(json.dumps(reply_json(reply)))
    assert told["arguments"] == {field.name: getattr(reply, field.name) for field in fields(reply)}
    (message,) = read_datagram(encode(reply))
    assert message.address == told["address"]
    assert reply_of(told) == reply


def test_an_older_daemon_says_nothing_of_what_a_clip_replaces() -> None:
    offer = PlaceRequest(
        offer=1, id="a", take=0, path="/a.wav", target="", start=0.0, beats=16.0, seconds=8.0, tempo=120.0,
        numerator=4, denominator=4, again=0,
    )  # fmt: skip
    told = reply_json(offer)
    assert told["arguments"].pop("replaces") == ""
    assert reply_of(told) == offer
    del told["arguments"]["again"]
    assert reply_of(told) is None


@given(JSON)
def test_an_event_that_is_none_is_passed_over(value: object) -> None:
    for event in ({"address": "/sideman/clip", "arguments": value}, {"address": value}):
        assert reply_of(event) is None


def test_a_clip_has_the_id_that_http_has_it_by() -> None:
    reply = ClipReply(
        id="a", take=0, bars=1, path="/music/sideman-a-t0_120bpm.wav", sample_rate_hz=48000, seconds=2.0, tempo=120.0
    )
    assert reply_json(reply)["clip"] == "sideman-a-t0_120bpm"


def test_a_file_name_that_is_no_text_can_be_told() -> None:
    reply = ClipReply(id="a", take=0, bars=1, path="/m\udcff/x.wav", sample_rate_hz=48000, seconds=2.0, tempo=120.0)
    json.dumps(reply_json(reply), ensure_ascii=False).encode()


def test_the_tables_are_told_whole() -> None:
    table = table_json()
    assert [row["address"] for row in table["commands"]] == list(COMMANDS)
    assert [row["address"] for row in table["replies"]] == [row.address for row in REPLIES.values()]
    paths = document("1")["paths"]
    assert {path for path in paths if path.startswith("/api/command/")} == {
        f"/api/command/{row['name']}" for row in table["commands"]
    }


def test_arguments_by_name_need_an_address_of_the_table() -> None:
    with pytest.raises(MessageError, match="not in the table"):
        named_message("/live/song", {})
