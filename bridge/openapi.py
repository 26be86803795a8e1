"""The OpenAPI document of the HTTP server, derived from the tables of OSC. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from bridge.json_messages import command_name
from bridge.osc_arguments import Argument, Real, Text, Whole
from bridge.osc_replies import REPLIES, ReplyRow
from bridge.osc_schema import COMMANDS, MAX_TAKES, CommandRow
from bridge.osc_wire import MAX_ADDRESS_CHARACTERS, MAX_ARGUMENTS, MAX_ELEMENTS
from bridge.peaks import DEFAULT_WIDTH, MAX_WIDTH

Json = dict[str, Any]
MAX_PAGE: Final = 500
DEFAULT_PAGE: Final = 50

_DESCRIPTION: Final = """\
Commands and events are those of OSC (docs/osc.md), as JSON. The WebSocket `/api/events` takes commands as
`POST /api/command` does, sends every reply as an `Event`, and the session as `{"session": ...}` when a client connects
and after each change.
"""
_ERROR: Final[Json] = {
    "description": "It was refused; nothing has changed.",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
}
_FAILED: Final[Json] = {
    "description": "A mistake in the daemon.",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
}
_AUDIO: Final = "audio/wav"
_CLIP_ID: Final[Json] = {
    "name": "id",
    "in": "path",
    "required": True,
    "description": "The clip's file name without its extension.",
    "schema": {"type": "string", "minLength": 1},
}


def document(version: str) -> Json:
    """The document, of a daemon of this version."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "Sideman", "version": version, "description": _DESCRIPTION},
        "security": [{}, {"bearer": []}],
        "paths": {
            "/api/health": _get("Is the daemon there?", "Health"),
            "/api/session": _get("The session, as `/sideman/state` has it, never shortened.", "Session"),
            "/api/commands": _get("The tables of commands and replies.", "Tables"),
            "/api/openapi.json": _get("This document.", "Document"),
            "/api/command": {"post": _command_operation("Any command, or a list of them.", _any_command())},
            **{_path(row): {"post": _row_operation(row)} for row in COMMANDS.values()},
            "/api/clips": {"get": _clips_operation()},
            "/api/clips/{id}": _get("The receipt of a clip, as it lies beside the file.", "Receipt", _CLIP_ID),
            "/api/clips/{id}/audio": {"get": _audio_operation(), "head": _audio_operation(body=False)},
            "/api/clips/{id}/peaks": _get(
                "The waveform of a clip as lowest and highest samples.",
                "Peaks",
                _CLIP_ID,
                _whole_query("width", 1, MAX_WIDTH, DEFAULT_WIDTH),
            ),
            "/api/requests/{id}/live": {"get": _live_operation()},
        },
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }


def _path(row: CommandRow) -> str:
    return f"/api/command/{command_name(row.address)}"


def _get(meaning: str, schema: str, *parameters: Json) -> Json:
    return {"get": _operation(meaning, {"200": _content(meaning, _ref(schema))}, parameters)}


def _operation(meaning: str, answers: Mapping[str, Json], parameters: Sequence[Json] = ()) -> Json:
    return {
        "summary": meaning,
        "parameters": list(parameters),
        "responses": {**answers, "4XX": _ERROR, "500": _FAILED},
    }


def _content(meaning: str, schema: Json) -> Json:
    return {"description": meaning, "content": {"application/json": {"schema": schema}}}


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _whole_query(name: str, low: int, high: int, usual: int) -> Json:
    schema = {"type": "integer", "minimum": low, "maximum": high, "default": usual}
    return {"name": name, "in": "query", "required": False, "schema": schema}


# Commands


def _command_operation(meaning: str, schema: Json, *, required: bool = True) -> Json:
    operation = _operation(meaning, {"200": _content("It was taken; these are the answers to it.", _ref("Taken"))})
    operation["requestBody"] = {"required": required, "content": {"application/json": {"schema": schema}}}
    return operation


def _row_operation(row: CommandRow) -> Json:
    forms = [form_schema(form) for form in row.forms]
    schema = forms[0] if len(forms) == 1 else {"oneOf": forms}
    named = row.form_of(len(row.example)) or ()
    example = {argument.name: value for argument, value in zip(named, row.example, strict=True)}
    operation = _command_operation(
        row.meaning, {**schema, "example": example} if example else schema, required=row.form_of(0) is None
    )
    operation["operationId"] = command_name(row.address).replace("/", "_")
    return operation


def form_schema(form: Sequence[Argument]) -> Json:
    """One form of a command, its arguments by name."""
    return {
        "type": "object",
        "properties": {argument.name: argument_schema(argument) for argument in form},
        "required": [argument.name for argument in form],
        "additionalProperties": False,
    }


def argument_schema(argument: Argument) -> Json:
    """What is taken for an argument; a value may still be no music, and is refused then."""
    schema: Json
    match argument:
        case Real(low=low, high=high, above=above):
            schema = {"type": "number", "exclusiveMinimum" if above else "minimum": low, "maximum": high}
        case Whole(low=low, high=high):
            schema = {"type": "integer", "minimum": low, "maximum": high}
        case Text(longest=longest, numbers=True):
            schema = {"anyOf": [{"type": "string", "maxLength": longest}, {"type": "number"}]}
        case Text(longest=longest):
            schema = {"type": "string", "maxLength": longest}
    unit = f", in {argument.unit}" if argument.unit else ""
    return {**schema, "description": f"{argument.meaning}{unit}; {argument.range}"}


def _any_command() -> Json:
    one = _ref("Command")
    return {"anyOf": [one, {"type": "array", "items": one, "maxItems": MAX_ELEMENTS}]}


# Clips


def _clips_operation() -> Json:
    return _operation(
        "The clips, the newest first.",
        {"200": _content("Some clips, and how many there are.", _ref("Clips"))},
        [_whole_query("limit", 1, MAX_PAGE, DEFAULT_PAGE), _whole_query("offset", 0, 10_000_000, 0)],
    )


def _audio_operation(*, body: bool = True) -> Json:
    content: Json = {"content": {_AUDIO: {"schema": {}}}} if body else {}
    headers = {"ETag": {"description": "SHA-256 of the file.", "schema": {"type": "string"}}}
    several: Json = {"content": {_AUDIO: {"schema": {}}, "multipart/byteranges": {"schema": {}}}} if body else {}
    ranged = {"name": "Range", "in": "header", "required": False, "schema": {"type": "string"}}
    operation = _operation(
        "The audio of a clip, whole or in ranges.",
        {
            "200": {"description": "The file.", "headers": headers, **content},
            "206": {"description": "The ranges that were asked for.", "headers": headers, **several},
            "304": {"description": "The client has it already."},
        },
        [_CLIP_ID, ranged],
    )
    refused = {**_ERROR, "content": {"application/json": {"schema": _ref("Error")}}} if body else {"description": ""}
    return {**operation, "responses": {**operation["responses"], "4XX": refused}}


def _live_operation() -> Json:
    request = {**_CLIP_ID, "description": "The request's id."}
    return _operation(
        "A take as a WAV file, while it is made: a part is sent as soon as it is there.",
        {"200": {"description": "The take, from its start.", "content": {_AUDIO: {"schema": {}}}}},
        [request, _whole_query("take", 0, MAX_TAKES - 1, 0)],
    )


# Schemas


def _schemas() -> Json:
    value = {"type": ["number", "string", "boolean", "null"]}
    listed = {"type": "array", "items": value, "maxItems": MAX_ARGUMENTS}
    return {
        "Error": _object(error=_object(code={"type": "string"}, message={"type": "string"})),
        "Health": _object(version={"type": "string"}, started={"type": "string"}),
        "Session": {"type": "object"},
        "Document": {"type": "object"},
        "Tables": _object(commands={"type": "array"}, replies={"type": "array"}),
        "Command": {
            "type": "object",
            "properties": {
                "address": {"type": "string", "pattern": "^/[!-~]+$", "maxLength": MAX_ADDRESS_CHARACTERS},
                "arguments": {"anyOf": [listed, {"type": "object"}]},
            },
            "required": ["address"],
            "additionalProperties": False,
            "example": {"address": "/sideman/tempo", "arguments": [112.0]},
        },
        "Event": {"oneOf": [reply_schema(row) for row in REPLIES.values()]},
        "Taken": _object(replies={"type": "array", "items": _ref("Event")}),
        "Receipt": {"type": "object", "required": ["engine", "request_id", "take", "sha256"]},
        "Clip": {"type": "object", "required": ["id", "request_id", "take", "file", "bars", "seconds", "sha256"]},
        "Clips": _object(clips={"type": "array", "items": _ref("Clip")}, total={"type": "integer"}),
        "Peaks": _object(
            sample_rate_hz={"type": "integer"},
            frames={"type": "integer"},
            width={"type": "integer"},
            channels={"type": "array", "items": _object(min=_numbers(), max=_numbers())},
        ),
    }


def reply_schema(row: ReplyRow) -> Json:
    """A reply as an event."""
    arguments = {argument.name: _told_schema(argument) for argument in row.arguments}
    return {
        "type": "object",
        "description": row.meaning,
        "properties": {"address": {"const": row.address}, "arguments": _object(**arguments)},
        "required": ["address", "arguments"],
    }


def _told_schema(argument: Argument) -> Json:
    kind = {"f": "number", "i": "integer", "s": "string"}[argument.tag]
    return {"type": kind, "description": argument.meaning}


def _object(**properties: Json) -> Json:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _numbers() -> Json:
    return {"type": "array", "items": {"type": "number"}}
