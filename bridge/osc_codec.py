"""The codec: datagrams to commands, replies to datagrams. Pure: it opens nothing and reads no clock.

A datagram that cannot be used is a value, ``Malformed``, and never an exception. A bundle counts as a whole: one
element that cannot be used spoils it, and nothing of it comes out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from pythonosc.osc_message_builder import OscMessageBuilder

from bridge.osc_arguments import BOOLEAN_TAGS, NUMBER_TAGS, Value
from bridge.osc_commands import Release
from bridge.osc_errors import OutOfRange, WrongTypes
from bridge.osc_replies import REPLIES, Reply
from bridge.osc_schema import COMMANDS, Command, CommandRow, Foreign
from bridge.osc_wire import WireMessage, placed, read_datagram
from bridge.time_tags import TimeTag
from midi.errors import SidemanError

MAX_ID_ECHO: Final = 64
"""So many characters of a request's id are repeated in the error about it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A command, and when it is due; None is now."""

    due: TimeTag | None = None
    address: str
    command: Command
    arguments: tuple[Value, ...] = field(default=(), compare=False, repr=False)
    """As they were sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Malformed:
    """A datagram that cannot be used: an error code, a sentence, and the id of the request that it named."""

    code: str
    message: str
    request_id: str = ""


Incoming = Message | Foreign | Malformed


def decode(datagram: bytes) -> tuple[Incoming, ...]:
    """What a datagram says, in order: commands and messages of other vocabularies, or one ``Malformed``."""
    return _understood(lambda: read_datagram(datagram))


def understand(messages: Sequence[WireMessage]) -> tuple[Incoming, ...]:
    """What messages say that came in another way than a datagram, as ``decode`` has it."""
    return _understood(lambda: messages)


def _understood(read: Callable[[], Iterable[WireMessage]]) -> tuple[Incoming, ...]:
    try:
        return tuple(map(_incoming, read()))
    except _Refused as refused:
        return (refused.why,)
    except SidemanError as error:
        return (Malformed(code=error.code, message=str(error)),)


class _Refused(Exception):
    """A message of the table that cannot be used."""

    def __init__(self, why: Malformed) -> None:
        super().__init__(why.message)
        self.why = why


def _incoming(message: WireMessage) -> Message | Foreign:
    row = COMMANDS.get(message.address)
    try:
        if row is None:
            return _foreign(message)
        command = _command(row, message)
        return Message(due=message.due, address=message.address, command=command, arguments=message.values)
    except SidemanError as error:
        sentence = placed(message.place, f"{message.address}: {error}")
        raise _Refused(
            Malformed(code=error.code, message=sentence, request_id=_request_id(row, message.values))
        ) from None


def _foreign(message: WireMessage) -> Foreign:
    _require_finite(message)
    return Foreign(due=message.due, address=message.address, arguments=message.values)


def _require_finite(message: WireMessage) -> None:
    if any(isinstance(value, float) and not math.isfinite(value) for value in message.values):
        raise OutOfRange("an argument is not a finite number.")


def _command(row: CommandRow, message: WireMessage) -> Command:
    if row.is_trigger and len(message.values) == 1 and message.tags in NUMBER_TAGS | BOOLEAN_TAGS:
        _require_finite(message)
        return row.build() if message.values[0] else Release()
    form = row.form_of(len(message.values))
    if form is None:
        raise WrongTypes(f"it takes {_forms(row)}, and {_tags(message.tags)} came.")
    arguments = zip(form, message.tags, message.values, strict=True)
    return row.build(*[argument.read(tag, value) for argument, tag, value in arguments])


def _forms(row: CommandRow) -> str:
    """What an address takes, in words: ``f (bpm) or ff (beat, bpm)``."""
    forms = []
    for form in row.forms:
        tags = _tags("".join(argument.tag for argument in form))
        names = ", ".join(argument.name for argument in form)
        forms.append(f"{tags} ({names})" if names else tags)
    return " or ".join(forms)


def _tags(tags: str) -> str:
    return tags[:16] or "no arguments"


def _request_id(row: CommandRow | None, values: tuple[Value, ...]) -> str:
    """The request's id among the arguments of a message, whether it is one that can be used or not."""
    form = row.form_of(len(values)) if row else None
    for argument, value in zip(form or (), values, strict=False):
        if argument.name == "id" and isinstance(value, str):
            return value[:MAX_ID_ECHO]
    return ""


def encode(reply: Reply) -> bytes:
    """A reply as an OSC message.

    Text is sent as UTF-8; what cannot be in an OSC string (a zero, half of a surrogate pair in a file name)
    is replaced by a question mark.
    """
    row = REPLIES[type(reply)]
    builder = OscMessageBuilder(address=row.address)
    for argument in row.sent(reply):
        value = getattr(reply, argument.name)
        builder.add_arg(_sendable(value) if isinstance(value, str) else value, argument.tag)
    return bytes(builder.build().dgram)


def _sendable(text: str) -> str:
    return text.replace("\0", "?").encode("utf-8", "replace").decode("utf-8")
