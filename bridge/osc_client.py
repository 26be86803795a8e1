"""A small OSC client: what the demo and the tests use to speak to the daemon as a DAW would."""

from __future__ import annotations

import shlex
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Self

from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import ArgValue, OscMessageBuilder

from bridge.errors import SidemanError

DATAGRAM_CAP: Final = 65536


class NoAnswer(SidemanError):
    """The daemon did not answer in time."""

    code = "no_answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A message that came back."""

    address: str
    arguments: tuple[float | str, ...]


def datagram(address: str, types: str, *arguments: ArgValue) -> bytes:
    """One OSC message; ``types`` are OSC type tags without the comma, one for each argument."""
    builder = OscMessageBuilder(address=address)
    for tag, argument in zip(types, arguments, strict=True):
        builder.add_arg(argument, tag)
    return bytes(builder.build().dgram)


def read_script(text: str) -> Iterator[tuple[str, str, tuple[ArgValue, ...]]]:
    """Messages of a script: a line is an address, type tags and arguments, quoted as a shell quotes them.

    Lines that are empty or begin with ``#`` are left out. Raises ``SidemanError`` naming a line that
    cannot be read.
    """
    readers = {"i": int, "f": float, "s": str}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        address, *rest = shlex.split(line)
        types, words = (rest[0], rest[1:]) if rest else ("", [])
        if len(words) != len(types):
            raise SidemanError(f"Line {number} of the script has {len(words)} arguments for the types {types!r}.")
        try:
            yield address, types, tuple(readers[tag](word) for tag, word in zip(types, words, strict=True))
        except (KeyError, ValueError) as error:
            raise SidemanError(f"Line {number} of the script cannot be read: {error}.") from None


class OscClient:
    """A UDP socket that sends to one daemon and hears what comes back."""

    def __init__(self, host: str, port: int) -> None:
        self._socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.connect((host, port))

    def __enter__(self) -> Self:
        """The client itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the socket."""
        self._socket.close()

    def send(self, address: str, types: str = "", *arguments: ArgValue) -> None:
        """Send one message. Raises ``NoAnswer`` when nobody listens any more."""
        self.send_raw(datagram(address, types, *arguments))

    def send_raw(self, packet: bytes) -> None:
        """Send a datagram as it is. Raises ``NoAnswer`` when nobody listens any more."""
        try:
            self._socket.send(packet)
        except ConnectionRefusedError:
            raise NoAnswer("The daemon is not there any more.") from None

    def hear(self, within_s: float) -> Heard:
        """The next message. Raises ``NoAnswer`` when none comes in time."""
        self._socket.settimeout(within_s)
        try:
            message = OscMessage(self._socket.recv(DATAGRAM_CAP))
        except TimeoutError:
            raise NoAnswer(f"The daemon did not answer within {within_s:g} seconds.") from None
        except ConnectionRefusedError:
            raise NoAnswer("The daemon is not there any more.") from None
        arguments = tuple(value if isinstance(value, float | int) else str(value) for value in message.params)
        return Heard(address=message.address, arguments=arguments)

    def hear_until(self, *addresses: str, within_s: float) -> Iterator[Heard]:
        """Messages as they come, the last of them one of ``addresses``. Raises ``NoAnswer``."""
        deadline = time.monotonic() + within_s
        while True:
            heard = self.hear(max(0.01, deadline - time.monotonic()))
            yield heard
            if heard.address in addresses:
                return
