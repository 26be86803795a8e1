"""Category: unit. The TouchOSC layout: the shipped file is the generated one, the daemon takes all that it sends."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
import zlib
from pathlib import Path

import pytest

from bridge.osc_codec import Message, understand
from bridge.osc_replies import REPLIES
from bridge.osc_wire import WireMessage
from bridge.touchosc_layout import FILE, HEIGHT, RECEIVE_PORT, ROWS, SCRIPT, WIDTH, Button, document, layout

DOCS = Path(__file__).parent.parent / "docs"


def nodes() -> list[ET.Element]:
    return list(ET.fromstring(document()).iter("node"))


def prop(node: ET.Element, key: str) -> ET.Element:
    return next(
        value
        for one in node.findall("properties/property")
        if one.findtext("key") == key and (value := one.find("value")) is not None
    )


def test_the_shipped_file_is_the_generated_one() -> None:
    assert zlib.decompress(FILE.read_bytes()).decode() == document()
    assert zlib.decompress(layout()).decode() == document()


@pytest.mark.parametrize("button", [button for row in ROWS for button in row], ids=lambda button: button.text)
def test_the_daemon_understands_every_button(button: Button) -> None:
    tags = "".join("i" if isinstance(one, int) else "s" for one in button.arguments)
    wire = WireMessage(due=None, place="", address=button.address, tags=tags, values=button.arguments)
    assert isinstance(understand([wire])[0], Message)


def test_a_button_s_message_is_in_the_file_as_it_is_in_the_table() -> None:
    sent = []
    for node in nodes():
        for message in node.findall("messages/osc"):
            path = "".join(part.findtext("value", "") for part in message.findall("path/partial"))
            arguments = [
                (part.findtext("conversion"), part.findtext("value")) for part in message.findall("arguments/partial")
            ]
            sent.append((path, arguments))
            assert message.findtext("triggers/trigger/condition") == "RISE"
            assert (message.findtext("send"), message.findtext("enabled")) == ("1", "1")
    assert sent == [
        (button.address, [("INTEGER" if isinstance(one, int) else "STRING", str(one)) for one in button.arguments])
        for row in ROWS
        for button in row
    ]


def test_every_control_lies_on_the_page_and_has_an_id_of_its_own() -> None:
    found = nodes()
    assert len({node.get("ID") for node in found}) == len(found) == 2 * sum(map(len, ROWS)) + 3
    for node in found:
        x, y, width, height = (int(prop(node, "frame").findtext(key, "")) for key in "xywh")
        assert min(x, y) >= 0 and width > 20 and height > 20
        assert x + width <= WIDTH and y + height <= HEIGHT


def test_the_script_hears_addresses_that_the_daemon_sends_and_shows_what_is_there() -> None:
    rows = {row.address: row for row in REPLIES.values()}
    heard = set(re.findall(r"'(/sideman/\w+)'", SCRIPT))
    assert heard and heard <= set(rows)
    assert [argument.name for argument in rows["/sideman/progress"].arguments][1] == "share"
    assert [argument.name for argument in rows["/sideman/placed"].arguments][2] == "where"
    assert [argument.name for argument in rows["/sideman/notice"].arguments][2] == "message"
    names = {prop(node, "name").text for node in nodes()}
    assert set(re.findall(r"findByName\('(\w+)'", SCRIPT)) <= names


def test_the_page_has_every_address_of_the_layout() -> None:
    page = (DOCS / "other-hosts.md").read_text(encoding="utf-8")
    assert all(button.address in page for row in ROWS for button in row)
    assert str(RECEIVE_PORT) in page
