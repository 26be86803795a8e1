"""The TouchOSC layout that ships with Sideman: ``python -m bridge.touchosc_layout`` writes it anew.

A ``.tosc`` file is XML, compressed by zlib. Its vendor publishes no schema; the elements here are those that files of
version 3 hold. Each button sends one message of the daemon's table when it is pressed.
"""

from __future__ import annotations

import uuid
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import plugin_host

FILE: Final = Path(plugin_host.__file__).parent / "scripts" / "touchosc" / "Sideman.tosc"
WIDTH: Final = 1024
HEIGHT: Final = 600
RECEIVE_PORT: Final = 9000
"""What TouchOSC's connection has to receive on, for the button Connect."""
MARGIN: Final = 10
_CONNECTION: Final = "00001"
"""The first of TouchOSC's connections alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Button:
    """A button: what is written on it, and the message that it sends when it is pressed."""

    text: str
    address: str
    arguments: tuple[int | str, ...] = ()
    colour: str = "2f4858"


ROWS: Final[tuple[tuple[Button, ...], ...]] = (
    (
        Button(text="Generate", address="/sideman/generate", colour="2a9d5c"),
        Button(text="Next bar", address="/sideman/generate/next", colour="2a9d5c"),
        Button(text="Next take", address="/sideman/next", colour="33658a"),
        Button(text="Keep", address="/sideman/keep", colour="33658a"),
        Button(text="Cancel", address="/sideman/cancel", colour="a63d40"),
        Button(text="Connect", address="/sideman/subscribe", arguments=(RECEIVE_PORT,), colour="555555"),
    ),
    tuple(Button(text=f"{bars} bars", address="/sideman/bars", arguments=(bars,)) for bars in (1, 2, 4, 8, 16, 32)),
    tuple(Button(text=f"{takes} takes", address="/sideman/takes", arguments=(takes,)) for takes in (1, 2, 3, 4, 6, 8)),
    tuple(
        Button(text=prompt, address="/sideman/prompt", arguments=(prompt,), colour="5b4b8a")
        for prompt in (
            "bossa nova, nylon guitar",
            "jazz trio",
            "funk, clean guitar",
            "rock band",
            "ballad, piano",
            "house",
        )
    ),
    (
        Button(text="On request", address="/sideman/trigger", arguments=("request",), colour="6d4c41"),
        Button(text="Every 4 bars", address="/sideman/trigger", arguments=("bars", 4), colour="6d4c41"),
        Button(text="On new chords", address="/sideman/trigger", arguments=("chords",), colour="6d4c41"),
        Button(text="Slots", address="/sideman/target", arguments=("slots",)),
        Button(text="Arrangement", address="/sideman/target", arguments=("arrangement",)),
        Button(text="Take lanes", address="/sideman/target", arguments=("lanes",)),
    ),
)
SCRIPT: Final = """\
-- What the daemon tells, once Connect was pressed: how far a clip is, and the last sentence.
local function show(text)
  self:findByName('status', true).values.text = text
end

function onReceiveOSC(message, connections)
  local path, arguments = message[1], message[2]
  if path == '/sideman/progress' then
    self:findByName('progress', true).values.x = arguments[2].value
  elseif path == '/sideman/placed' then
    show(arguments[3].value)
  elseif path == '/sideman/error' or path == '/sideman/notice' then
    show(arguments[3].value)
  elseif path == '/sideman/subscribed' then
    show('Connected.')
  end
end
"""


def layout() -> bytes:
    """The file's bytes."""
    return zlib.compress(document().encode(), 9)


def document() -> str:
    """The layout as XML."""
    rows = len(ROWS) + 1
    height = (HEIGHT - MARGIN) // rows
    nodes = [node for index, row in enumerate(ROWS) for node in _row(row, MARGIN + index * height, height - MARGIN)]
    top = MARGIN + len(ROWS) * height
    frame = (MARGIN, top, WIDTH - 2 * MARGIN, (height - 2 * MARGIN) // 2)
    nodes.append(_node("FADER", "progress", frame, "2a9d5c", [("x", "0")], orientation=1, interactive=0))
    below = (MARGIN, top + frame[3] + MARGIN, frame[2], frame[3])
    nodes.append(_label("status", "Press Connect to hear of clips.", below))
    script = _property("s", "script", _text(SCRIPT))
    root = _node("GROUP", "Sideman", (0, 0, WIDTH, HEIGHT), "101418", [], children=nodes, more=[script])
    return f"<?xml version='1.0' encoding='UTF-8'?>\n<lexml version='3'>{root}</lexml>\n"


def _row(buttons: Sequence[Button], top: int, height: int) -> Iterable[str]:
    width = (WIDTH - MARGIN) // len(buttons)
    for index, button in enumerate(buttons):
        frame = (MARGIN + index * width, top, width - MARGIN, height)
        name = " ".join((button.address, *map(str, button.arguments)))
        yield _node("BUTTON", name, frame, button.colour, [("x", "0")], messages=_message(button), buttonType=0)
        yield _label(f"{name} text", button.text, frame)


def _message(button: Button) -> str:
    arguments = "".join(_constant("INTEGER" if isinstance(one, int) else "STRING", one) for one in button.arguments)
    return (
        "<osc><enabled>1</enabled><send>1</send><receive>0</receive><feedback>0</feedback>"
        f"<connections>{_CONNECTION}</connections>"
        "<triggers><trigger><var><![CDATA[x]]></var><condition>RISE</condition></trigger></triggers>"
        f"<path>{_constant('STRING', button.address)}</path><arguments>{arguments}</arguments></osc>"
    )


def _constant(conversion: str, value: int | str) -> str:
    return (
        f"<partial><type>CONSTANT</type><conversion>{conversion}</conversion><value>{_text(str(value))}</value>"
        "<scaleMin>0</scaleMin><scaleMax>1</scaleMax></partial>"
    )


def _label(name: str, text: str, frame: tuple[int, int, int, int]) -> str:
    return _node("LABEL", name, frame, "000000", [("text", text)], background=0, interactive=0, outline=0, textSize=20)


def _node(
    kind: str,
    name: str,
    frame: tuple[int, int, int, int],
    colour: str,
    values: Iterable[tuple[str, str]],
    *,
    messages: str = "",
    children: Sequence[str] = (),
    more: Sequence[str] = (),
    **numbers: int,
) -> str:
    x, y, width, height = frame
    red, green, blue = (round(int(colour[at : at + 2], 16) / 255, 3) for at in (0, 2, 4))
    flags = {"background": 1, "interactive": 1, "locked": 0, "outline": 1, "visible": 1, "grabFocus": 1} | numbers
    integers = {"orientation", "buttonType", "textSize"}
    properties = [
        _property("s", "name", _text(name)),
        _property("r", "frame", f"<x>{x}</x><y>{y}</y><w>{width}</w><h>{height}</h>"),
        _property("c", "color", f"<r>{red}</r><g>{green}</g><b>{blue}</b><a>1</a>"),
        *(_property("i" if key in integers else "b", key, str(value)) for key, value in flags.items()),
        *more,
    ]
    inner = "".join(_value(key, default) for key, default in [*values, ("touch", "false")])
    identity = uuid.uuid5(uuid.NAMESPACE_URL, f"sideman/touchosc/{kind}/{name}")
    return (
        f"<node ID='{identity}' type='{kind}'><properties>{''.join(properties)}</properties><values>{inner}</values>"
        f"<messages>{messages}</messages><children>{''.join(children)}</children></node>"
    )


def _property(kind: str, key: str, value: str) -> str:
    return f"<property type='{kind}'><key><![CDATA[{key}]]></key><value>{value}</value></property>"


def _value(key: str, default: str) -> str:
    return (
        f"<value><key><![CDATA[{key}]]></key><locked>0</locked><lockedDefaultCurrent>0</lockedDefaultCurrent>"
        f"<default>{_text(default)}</default><defaultPull>0</defaultPull></value>"
    )


def _text(text: str) -> str:
    return f"<![CDATA[{text}]]>"


if __name__ == "__main__":
    FILE.write_bytes(layout())
