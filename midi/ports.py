"""Live MIDI ports: opened by name, watched as they come and go, and drained by whoever makes music of them.

The system calls back on a thread of its own. That thread only puts the bytes and their time into a bounded queue and
calls ``wake``, once until the queue is next drained; parsing and everything else happens where ``drain`` is called.
``wake`` is given by the owner, and for asyncio is ``lambda: loop.call_soon_threadsafe(...)``.

``scan`` looks at which ports there are, and is to be called every second or so. A port that has vanished is closed and
told; one that returns is opened again. No port's trouble touches another.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Literal, Self

import mido

from midi.errors import MidiUnavailable
from midi.midi_bytes import MidiParser
from midi.port_roles import ROLES, Role
from midi.port_system import Deliver, InputPort, MidiSystem, find_port
from midi.time import Seconds

MAX_WAITING: Final = 8192
"""Messages that wait to be drained; more are dropped and counted. At 3,000 a second that is 2.7 s."""
MAX_WISHES: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class PortWish:
    """A port that is wanted: its name or a part of it, and what it is for.

    With ``virtual`` it is one that we make ourselves, under that name.
    """

    name: str
    role: Role = "all"
    virtual: bool = False

    def __post_init__(self) -> None:
        if self.role not in ROLES:
            raise MidiUnavailable(f"A MIDI port cannot be for {self.role!r}; the roles are {', '.join(ROLES)}.")
        if not self.name.strip():
            raise MidiUnavailable("A MIDI port needs a name, or a part of one; `sideman devices` lists the ports.")


@dataclass(frozen=True, slots=True, kw_only=True)
class PortNotice:
    """Something that a user is told about a port."""

    kind: Literal["opened", "lost", "missing", "refused", "system"]
    port: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """One MIDI message: from which port, for what it may be, and when it came in (monotonic)."""

    port: str
    roles: tuple[Role, ...]
    message: mido.Message
    at: Seconds


@dataclass(slots=True, kw_only=True, eq=False)
class _Open:
    """A port that is open, for one wish or more."""

    name: str
    wishes: list[PortWish]
    port: InputPort | None = None
    parser: MidiParser = field(default_factory=MidiParser)

    @property
    def roles(self) -> tuple[Role, ...]:
        return tuple(dict.fromkeys(wish.role for wish in self.wishes))


class LivePorts:
    """The ports that were asked for, as far as they are there. A context manager: leaving it closes everything."""

    def __init__(self, system: MidiSystem, wishes: Iterable[PortWish], wake: Callable[[], object]) -> None:
        """``wake`` is called from the system's threads when there is something to drain."""
        self.dropped = 0
        """Messages that were dropped because nobody drained the queue in time."""
        self._system = system
        self._wishes = tuple(wishes)
        if len(self._wishes) > MAX_WISHES:
            raise MidiUnavailable(f"{len(self._wishes)} MIDI ports are asked for, and {MAX_WISHES} are the most.")
        self._wake = wake
        self._waiting: deque[tuple[_Open, bytes, Seconds]] = deque()
        self._woken = False
        self._open: dict[str, _Open] = {}
        self._told: dict[str, str] = {}
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def open_ports(self) -> tuple[str, ...]:
        """Names of the ports that are open."""
        return tuple(self._open)

    @property
    def troubles(self) -> tuple[str, ...]:
        """What is told of ports that are not open."""
        return tuple(self._told.values())

    @property
    def garbage(self) -> int:
        """Bytes and messages of the open ports that could not be read."""
        return sum(one.parser.dropped for one in self._open.values())

    def scan(self) -> tuple[PortNotice, ...]:
        """Open what is wanted and there, close what has vanished, and say what changed since the last time."""
        if self._closed:
            return ()
        try:
            names = self._system.inputs()
        except MidiUnavailable as error:
            lost = self._lose(lambda one: not _is_virtual(one))
            return (*lost, *self._tell_once("", PortNotice(kind="system", port="", text=str(error))))
        self._told.pop("", None)
        notices = list(self._lose(lambda one: not _is_virtual(one) and one.name not in names))
        for wish in self._wishes:
            notices += self._grant(wish, names)
        return tuple(notices)

    def drain(self) -> list[Heard]:
        """Everything that came in since the last time, parsed, in the order it came."""
        self._woken = False
        heard: list[Heard] = []
        for _ in range(len(self._waiting)):
            source, data, at = self._waiting.popleft()
            roles = source.roles
            heard += [
                Heard(port=source.name, roles=roles, message=message, at=at) for message in source.parser.feed(data)
            ]
        return heard

    def close(self) -> None:
        """Close every port and let go of the system. Closing twice is nothing."""
        self._closed = True
        try:
            for one in self._open.values():
                if one.port is not None:
                    one.port.close()
        finally:
            self._open.clear()
            self._waiting.clear()
            self._system.close()

    def _lose(self, is_lost: Callable[[_Open], bool]) -> Sequence[PortNotice]:
        notices = []
        for one in [one for one in self._open.values() if is_lost(one)]:
            del self._open[one.name]
            if one.port is not None:
                one.port.close()
            text = f"The MIDI port {one.name!r} has vanished; it is taken up again when it returns."
            notices.append(PortNotice(kind="lost", port=one.name, text=text))
            self._told.update({wish.name: text for wish in one.wishes})
        return notices

    def _grant(self, wish: PortWish, names: Sequence[str]) -> Sequence[PortNotice]:
        """Open the port of one wish, unless it is open already."""
        if any(wish in one.wishes for one in self._open.values()):
            return ()
        found = wish.name if wish.virtual else find_port(wish.name, names)
        if found is None:
            text = f"There is no MIDI port {wish.name!r} yet; it is opened when it appears."
            return () if wish.name in self._told else self._tell_once(wish.name, _missing(wish, text))
        if found in self._open:
            self._open[found].wishes.append(wish)
            return (self._opened(found, wish),)
        one = _Open(name=found, wishes=[wish])
        opening = self._system.open_virtual_input if wish.virtual else self._system.open_input
        try:
            one.port = opening(found, self._deliver_from(one))
        except MidiUnavailable as error:
            return self._tell_once(wish.name, PortNotice(kind="refused", port=found, text=str(error)))
        self._open[found] = one
        return (self._opened(found, wish),)

    def _opened(self, name: str, wish: PortWish) -> PortNotice:
        self._told.pop(wish.name, None)
        return PortNotice(kind="opened", port=name, text=f"The MIDI port {name!r} is open, for {wish.role}.")

    def _tell_once(self, key: str, notice: PortNotice) -> Sequence[PortNotice]:
        """The notice, unless it was the last thing said about this."""
        if self._told.get(key) == notice.text:
            return ()
        self._told[key] = notice.text
        return (notice,)

    def _deliver_from(self, one: _Open) -> Deliver:
        def deliver(data: bytes, at: Seconds) -> None:
            if len(self._waiting) >= MAX_WAITING:
                self.dropped += 1
                return
            self._waiting.append((one, data, at))
            if not self._woken:
                self._woken = True
                self._wake()

        return deliver


def _is_virtual(one: _Open) -> bool:
    return any(wish.virtual for wish in one.wishes)


def _missing(wish: PortWish, text: str) -> PortNotice:
    return PortNotice(kind="missing", port=wish.name, text=text)
