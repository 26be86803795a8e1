"""Commands and replies as JSON, derived from the tables of OSC. Pure.

A command is ``{"address": "/sideman/tempo", "arguments": [112.0]}``, or with its arguments by name,
``{"bpm": 112.0}``. It becomes the message that OSC would have carried, and is judged by the same table. A reply is
``{"address": "/sideman/progress", "arguments": {"id": "verse-1", "share": 0.5}}``.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NoReturn, get_args

from bridge.engines import ENGINES
from bridge.osc_arguments import Argument, Text, Value
from bridge.osc_errors import MessageError, OutOfRange, TooLong, TooManyElements, WrongTypes
from bridge.osc_replies import REPLIES, ClipReply, KeptReply, Reply
from bridge.osc_schema import COMMANDS, CommandRow
from bridge.osc_wire import MAX_ADDRESS_CHARACTERS, MAX_ARGUMENTS, MAX_ELEMENTS, WireMessage
from midi.drums import VOICES
from midi.events import TriggerMode
from plugin_host.host import AREAS

MAX_JSON_BYTES: Final = 1 << 20
PREFIX: Final = "/sideman/"
_ADDRESS: Final = re.compile(r"/[\x21-\x7e]+")
_MAX_INT: Final = 2**63
_REPLY_ROWS: Final = {row.address: row for row in REPLIES.values()}


def read_json(text: str | bytes) -> object:
    """A JSON value. Raises ``MessageError`` for what is none, with what RFC 8259 does not know, or too long."""
    if len(text) > MAX_JSON_BYTES:
        raise TooLong(f"The message has {len(text)} bytes; at most {MAX_JSON_BYTES} are taken.")
    try:
        value: object = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        why = f": {error}" if isinstance(error, json.JSONDecodeError) else ""
        raise MessageError(f"The message is not JSON{why}.") from None
    return value


def _no_constant(name: str) -> NoReturn:
    raise OutOfRange(f"{name} is not a finite number.")


def messages_of(value: object) -> tuple[WireMessage, ...]:
    """The messages of one command, or of a list of them, which counts as a whole. Raises ``MessageError``."""
    if not isinstance(value, list):
        return (_message(value, ""),)
    if len(value) > MAX_ELEMENTS:
        raise TooManyElements(f"The list has {len(value)} commands; at most {MAX_ELEMENTS} are taken.")
    return tuple(_message(one, str(number)) for number, one in enumerate(value, 1))


def _message(value: object, place: str) -> WireMessage:
    if not isinstance(value, dict) or not value.keys() <= {"address", "arguments"}:
        raise MessageError('A command is {"address": "/sideman/tempo", "arguments": [112.0]} and nothing more.')
    address, arguments = value.get("address"), value.get("arguments", [])
    if not isinstance(address, str) or len(address) > MAX_ADDRESS_CHARACTERS or not _ADDRESS.fullmatch(address):
        raise MessageError(f"{str(address)[:64]!r} is no address such as /sideman/tempo.")
    if isinstance(arguments, dict):
        return named_message(address, arguments, place)
    if not isinstance(arguments, list):
        raise MessageError(f"{address}: arguments are a list, or an object of names and values.")
    if len(arguments) > MAX_ARGUMENTS:
        raise TooManyElements(f"{address} has {len(arguments)} arguments; at most {MAX_ARGUMENTS} are taken.")
    return _wire(address, arguments, place)


def named_message(address: str, arguments: Mapping[str, object], place: str = "") -> WireMessage:
    """A command of the table with its arguments by name, which are of their types: no button sends names.

    Raises ``MessageError``.
    """
    row = COMMANDS.get(address)
    if row is None:
        raise MessageError(f"{address[:64]} is not in the table of commands, so its arguments have no names.")
    form = next((form for form in row.forms if {one.name for one in form} == arguments.keys()), None)
    if form is None:
        raise WrongTypes(f"{address} takes {named_forms(row)}, and {_names(arguments)} came.")
    for argument in form:
        value, is_text = arguments[argument.name], isinstance(argument, Text) and not argument.numbers
        if isinstance(value, bool) or (is_text and not isinstance(value, str)):
            raise WrongTypes(f"{address}: {argument.name} is {'text' if is_text else 'a number'}, not {value!r:.40}.")
    return _wire(address, [arguments[argument.name] for argument in form], place)


def named_forms(row: CommandRow) -> str:
    """What an address takes by name, in words: ``{beat, bpm} or {beat, bpm, ramp}``."""
    return " or ".join(f"{{{', '.join(argument.name for argument in form)}}}" for form in row.forms)


def _names(arguments: Mapping[str, object]) -> str:
    return f"{{{', '.join(map(str, arguments))[:64]}}}"


def _wire(address: str, arguments: Sequence[object], place: str) -> WireMessage:
    tagged = [_tagged(address, value) for value in arguments]
    return WireMessage(
        due=None,
        place=place,
        address=address,
        tags="".join(tag for tag, _ in tagged),
        values=tuple(value for _, value in tagged),
    )


def _tagged(address: str, value: object) -> tuple[str, Value]:
    match value:
        case None:
            return "N", None
        case bool():
            return ("T" if value else "F"), value
        case int():
            if not -_MAX_INT <= value < _MAX_INT:
                raise OutOfRange(f"{address}: a whole number has more than 64 bits.")
            return ("i" if -(2**31) <= value < 2**31 else "h"), value
        case float():
            if not math.isfinite(value):
                raise OutOfRange(f"{address}: an argument is not a finite number.")
            return "d", value
        case str():
            if "\0" in value or (not value.isascii() and any("\ud800" <= one <= "\udfff" for one in value)):
                raise MessageError(f"{address}: a text holds a character that no message can carry.")
            return "s", value
        case _:
            raise WrongTypes(f"{address}: an argument is a number, a text, true, false or null.")


def reply_json(reply: Reply) -> dict[str, Any]:
    """A reply as a tree of JSON values; ``clip`` is the id by which HTTP has the clip that it is about."""
    row = REPLIES[type(reply)]
    told: dict[str, Any] = {
        "address": row.address,
        "arguments": {argument.name: _plain(getattr(reply, argument.name)) for argument in row.arguments},
    }
    if isinstance(reply, ClipReply | KeptReply):
        told["clip"] = _plain(Path(reply.path).stem)
    return told


def reply_of(value: Mapping[str, object]) -> Reply | None:
    """The reply that an event tells of; None for one that this version does not know, or that is none."""
    row, told = _REPLY_ROWS.get(str(value.get("address"))), value.get("arguments")
    if row is None or not isinstance(told, dict):
        return None
    fields: dict[str, Any] = {}
    try:
        least = len(row.arguments) - row.optional
        for index, argument in enumerate(row.arguments):
            if index >= least and argument.name not in told:
                break
            tag, given = _tagged(row.address, told[argument.name])
            fields[argument.name] = argument.read(tag, given)
    except (KeyError, MessageError):
        return None
    return row.type(**fields)


def command_json(address: str, values: Sequence[Value]) -> dict[str, Any]:
    """A message as a command; what JSON cannot carry (bytes) is left out as null."""
    return {"address": address, "arguments": [None if isinstance(value, bytes) else _plain(value) for value in values]}


def _plain(value: object) -> object:
    """Half of a surrogate pair, in a file's name, is no text that can be sent."""
    return value.encode("utf-8", "replace").decode("utf-8") if isinstance(value, str) else value


def command_name(address: str) -> str:
    """The name of a command in a URL: ``tempo/at`` for ``/sideman/tempo/at``."""
    return address.removeprefix(PREFIX)


def told_arguments(arguments: Sequence[Argument]) -> list[dict[str, Any]]:
    """Arguments as the table has them, for a client that draws a form of them."""
    return [
        {
            "name": argument.name,
            "type": argument.tag,
            "meaning": argument.meaning,
            "unit": argument.unit,
            "range": argument.range,
        }
        for argument in arguments
    ]


def table_json() -> dict[str, Any]:
    """Both tables as JSON, and the words of the tables that arguments are chosen from."""
    return {
        "words": {
            "engines": list(ENGINES),
            "voices": [voice.name for voice in VOICES],
            "areas": list(AREAS),
            "triggers": list(get_args(TriggerMode)),
        },
        "commands": [
            {
                "address": row.address,
                "name": command_name(row.address),
                "meaning": row.meaning,
                "forms": [told_arguments(form) for form in row.forms],
                "example": list(row.example),
            }
            for row in COMMANDS.values()
        ],
        "replies": [
            {"address": row.address, "meaning": row.meaning, "arguments": told_arguments(row.arguments)}
            for row in REPLIES.values()
        ],
    }
