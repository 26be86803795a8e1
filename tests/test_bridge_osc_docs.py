"""Category: unit. The OSC reference and the tables agree, and every error code is explained."""

from __future__ import annotations

import ast
import shlex
from pathlib import Path

import pytest

from bridge.osc_client import datagram, read_script
from bridge.osc_codec import Message, decode
from bridge.osc_docs import PAGE, example_line, reference
from bridge.osc_errors import ERROR_CODES, INTERNAL
from bridge.osc_replies import NOTICE_CODES, PLAYER_STATES
from bridge.osc_schema import COMMANDS, CommandRow
from midi.errors import SidemanError
from plugin_host.host import HostError

ROOT = Path(__file__).parent.parent
ROOMS = ("bridge", "midi", "models", "plugin_host")


def test_the_reference_is_fresh() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference(), "run python -m bridge.osc_docs"


@pytest.mark.parametrize("row", COMMANDS.values(), ids=COMMANDS)
def test_each_example_of_the_reference_is_understood(row: CommandRow) -> None:
    ((address, types, arguments),) = read_script(example_line(row))
    (incoming,) = decode(datagram(address, types, *arguments))
    assert isinstance(incoming, Message), incoming
    assert shlex.split(example_line(row))[0] == row.address


def codes_in_the_source() -> set[str]:
    """The codes that error classes of any room carry, read from the source so that nothing need be imported."""
    codes = {SidemanError.code}
    for path in (path for room in ROOMS for path in (ROOT / room).glob("**/*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                codes |= {code for statement in node.body if (code := _code(statement))}
    return codes


def _code(statement: ast.stmt) -> str | None:
    match statement:
        case ast.Assign(targets=[ast.Name(id="code")], value=ast.Constant(value=str(code))):
            return code
        case _:
            return None


def test_every_code_is_explained_and_every_explained_code_exists() -> None:
    assert codes_in_the_source() | {INTERNAL} == set(ERROR_CODES)


@pytest.mark.parametrize("sentence", ERROR_CODES.values(), ids=ERROR_CODES)
def test_a_code_is_explained_in_a_sentence(sentence: str) -> None:
    assert sentence[0].isupper()
    assert sentence.endswith(".")


def notices_in_the_source() -> set[str]:
    """The codes that notices are made with."""
    codes = {HostError.code}
    for path in (path for room in ROOMS for path in (ROOT / room).glob("**/*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Name(id="Notice"), keywords=keywords):
                    codes |= {
                        keyword.value.value
                        for keyword in keywords
                        if keyword.arg == "code" and isinstance(keyword.value, ast.Constant)
                    }
    return codes


def test_every_notice_is_explained_and_every_explained_notice_exists() -> None:
    assert notices_in_the_source() == set(NOTICE_CODES)


def test_every_state_of_the_player_is_explained_and_every_explained_state_exists() -> None:
    """States are the first argument of ``_say``, and what the mixer tells."""
    states = set()
    for node in (
        node for path in (ROOT / "bridge").glob("player*.py") for node in ast.walk(ast.parse(path.read_text()))
    ):
        match node:
            case ast.Call(func=ast.Attribute(attr="_say"), args=[ast.Constant(value=str(state)), *_]):
                states.add(state)
            case ast.keyword(arg="state", value=ast.Constant(value=str(state))):
                states.add(state)
    assert states == set(PLAYER_STATES)
