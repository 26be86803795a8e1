r"""Messages as text in files: what the mailbox carries between the daemon and a script that has no sockets. Pure.

A file is UTF-8. Its first line is ``sideman 1``; each line after it is a message: address, OSC type tags without the
comma, and the arguments, set off by tabs. In text, a backslash, tab, line feed and carriage return are written
``\\``, ``\t``, ``\n`` and ``\r``. Numbers are decimal, and carry all of a double: a message here loses nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from bridge.osc_arguments import TAG_NAMES, Value
from bridge.osc_errors import MessageError, TooLong, TooManyElements, WrongTypes
from bridge.osc_replies import REPLIES, Reply
from bridge.osc_wire import MAX_ADDRESS_CHARACTERS, MAX_ARGUMENTS, MAX_ELEMENTS, WireMessage

HEAD: Final = "sideman 1"
MAX_FILE_BYTES: Final = 1 << 20

_NAME: Final = re.compile(r"(?P<run>\d{9})-(?P<number>\d{9})\.txt", re.ASCII)
_ADDRESS: Final = re.compile(r"/[\x21-\x7e]+")
_ESCAPES: Final = {"\\": "\\", "t": "\t", "n": "\n", "r": "\r"}
_ESCAPED: Final = re.compile(r"\\(.?)")
_TO_ESCAPE: Final = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\0": "?"})
_CONSTANTS: Final = {"T": True, "F": False, "N": None}


@dataclass(frozen=True, slots=True, order=True)
class MailName:
    """The name of a file in the mailbox: the script's run that it is of or for, and its number in that run."""

    run: int
    number: int

    @classmethod
    def parse(cls, name: str) -> MailName | None:
        """The parts of a file's name; None for a file that is not the mailbox's."""
        match = _NAME.fullmatch(name)
        return cls(int(match["run"]), int(match["number"])) if match else None

    def __str__(self) -> str:
        """The file's name."""
        return f"{self.run:09d}-{self.number:09d}.txt"


def read_mail(data: bytes) -> tuple[WireMessage, ...]:
    """The messages of a file, all due now. Raises ``MessageError`` for a file that is none, or is not whole."""
    if len(data) > MAX_FILE_BYTES:
        raise TooLong(f"The file has {len(data)} bytes; at most {MAX_FILE_BYTES} are taken.")
    try:
        head, *lines = data.decode("utf-8").split("\n")
    except UnicodeDecodeError:
        raise MessageError("The file is not UTF-8.") from None
    if head.rstrip("\r") != HEAD:
        raise MessageError(f"The file's first line is not {HEAD!r}.")
    if lines[-1:] != [""]:
        raise MessageError("The file's last line is cut short.")
    if len(lines) > MAX_ELEMENTS + 1:
        raise TooManyElements(f"The file has {len(lines) - 1} messages; at most {MAX_ELEMENTS} are taken.")
    several = len(lines) > 2
    return tuple(
        _message(line.rstrip("\r"), str(number) if several else "") for number, line in enumerate(lines[:-1], 1)
    )


def _message(line: str, place: str) -> WireMessage:
    address, *rest = line.split("\t")
    if len(address) > MAX_ADDRESS_CHARACTERS or not _ADDRESS.fullmatch(address):
        raise MessageError(f"{line[:64]!r} does not begin with an address such as /sideman/tempo.")
    tags, arguments = (rest[0], rest[1:]) if rest else ("", [])
    if len(tags) > MAX_ARGUMENTS:
        raise TooManyElements(f"The message has {len(tags)} arguments; at most {MAX_ARGUMENTS} are taken.")
    if len(tags) != len(arguments):
        raise MessageError(f"{address} has {len(arguments)} arguments for the type tags {tags[:16]!r}.")
    values = tuple(_value(address, tag, text) for tag, text in zip(tags, arguments, strict=True))
    return WireMessage(due=None, place=place, address=address, tags=tags, values=values)


def _value(address: str, tag: str, text: str) -> Value:
    try:
        if tag in "ih":
            return int(text)
        if tag in "fd":
            return float(text)
    except ValueError:
        raise WrongTypes(f"{address}: {text[:40]!r} is no {TAG_NAMES[tag]}.") from None
    if tag == "s":
        return _ESCAPED.sub(lambda match: _unescaped(address, match[1]), text)
    if tag in _CONSTANTS:
        return _CONSTANTS[tag]
    raise WrongTypes(f"{address}: the type tag {tag!r} is not read here; those that are: i h f d s T F N.")


def _unescaped(address: str, character: str) -> str:
    if character not in _ESCAPES:
        raise MessageError(f"{address}: there is no escape \\{character}.")
    return _ESCAPES[character]


def write_mail(*replies: Reply) -> bytes:
    """Replies as a file."""
    return "".join(f"{line}\n" for line in (HEAD, *map(_line, replies))).encode("utf-8", "replace")


def _line(reply: Reply) -> str:
    row = REPLIES[type(reply)]
    sent = row.sent(reply)
    values = [getattr(reply, argument.name) for argument in sent]
    texts = [value.translate(_TO_ESCAPE) if isinstance(value, str) else repr(value) for value in values]
    return "\t".join((row.address, "".join(argument.tag for argument in sent), *texts))
