"""The MIDI ports of this machine, by python-rtmidi: ALSA or JACK on Linux, CoreMIDI on macOS, WinMM on Windows.

python-rtmidi is an extra (``live``) and is imported when ports are first asked for.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from types import ModuleType
from typing import Final, Protocol

from midi.errors import MidiUnavailable
from midi.port_system import Deliver
from midi.time import Seconds

CLIENT: Final = "sideman"
"""What other programs see us as."""
MISSING: Final = "python-rtmidi is not installed, so there is no live MIDI; pip install 'sideman[live]' brings it."


class RtMidiClient(Protocol):
    """The part of ``rtmidi.MidiIn`` that is used here."""

    def get_ports(self) -> list[str]:
        """Names of the ports."""

    def ignore_types(self, *, sysex: bool, timing: bool, active_sense: bool) -> object:
        """Which kinds of message are not told."""

    def set_callback(self, func: Callable[[tuple[list[int], float], object], None]) -> object:
        """Call back with each message and the seconds since the last."""

    def cancel_callback(self) -> object:
        """Call back no more."""

    def open_port(self, port: int, name: str) -> object:
        """Connect to a port, by its place in the list."""

    def open_virtual_port(self, name: str) -> object:
        """Be a port that others connect to."""

    def close_port(self) -> object:
        """Disconnect."""

    def delete(self) -> object:
        """Let go of the system."""


class RtMidiInput:
    """An open input. Close it: a client that is left open can block the next one on JACK."""

    def __init__(self, client: RtMidiClient) -> None:
        self._client: RtMidiClient | None = client

    def close(self) -> None:
        """Deliver nothing more and let the port go."""
        client, self._client = self._client, None
        if client is not None:
            client.cancel_callback()
            client.close_port()
            client.delete()


class RtMidiPorts:
    """The machine's MIDI system. ``api`` is a name of rtmidi's, such as ``alsa`` or ``jack``; None for any that works.

    Raises ``MidiUnavailable`` where python-rtmidi is not installed, or no MIDI of the system can be opened.
    """

    def __init__(self, api: str | None = None) -> None:
        self._rtmidi = _library()
        self._lister: RtMidiClient | None
        self._api, self._lister = self._working(api)

    @property
    def kind(self) -> str:
        """The system's kind of MIDI, such as ``alsa``."""
        return str(self._rtmidi.get_api_display_name(self._api))

    @property
    def makes_ports(self) -> bool:
        """Whether the system has virtual ports; Windows has none."""
        return self._api not in {self._rtmidi.API_WINDOWS_MM, self._rtmidi.API_RTMIDI_DUMMY}

    def inputs(self) -> tuple[str, ...]:
        """Names of the ports that can be listened to."""
        try:
            if self._lister is None:
                self._lister = self._client(self._api)
            names = self._lister.get_ports()
        except self._rtmidi.RtMidiError as error:
            self.close()
            raise MidiUnavailable(f"The system's MIDI cannot be asked for its ports: {error}") from error
        return tuple(names)

    def open_input(self, name: str, deliver: Deliver) -> RtMidiInput:
        """Listen to the port of exactly that name."""
        client = self._listening(deliver, name)
        try:
            names = client.get_ports()
            if name not in names:
                raise MidiUnavailable(f"The MIDI port {name!r} is gone; plug it in again.")
            client.open_port(names.index(name), name="in")
        except (self._rtmidi.RtMidiError, MidiUnavailable) as error:
            client.delete()
            raise MidiUnavailable(f"The MIDI port {name!r} cannot be opened: {error}") from error
        return RtMidiInput(client)

    def open_virtual_input(self, name: str, deliver: Deliver) -> RtMidiInput:
        """Make a port of our own that others can send to; Windows has none."""
        client = self._listening(deliver, name)
        try:
            client.open_virtual_port(name)
        except (self._rtmidi.RtMidiError, NotImplementedError) as error:
            client.delete()
            raise MidiUnavailable(f"This system has no virtual MIDI ports; name one that exists. ({error})") from error
        return RtMidiInput(client)

    def close(self) -> None:
        """Let go of the client that lists ports."""
        lister, self._lister = self._lister, None
        if lister is not None:
            lister.delete()

    def _listening(self, deliver: Deliver, name: str) -> RtMidiClient:
        """A client that hands on what it hears: the bytes are copied, and the time is taken at once."""

        def heard(event: tuple[list[int], float], _: object) -> None:
            deliver(bytes(event[0]), Seconds(time.monotonic()))

        try:
            client = self._client(self._api)
        except self._rtmidi.RtMidiError as error:
            raise MidiUnavailable(f"The MIDI port {name!r} cannot be opened: {error}") from error
        client.ignore_types(sysex=False, timing=False, active_sense=True)
        client.set_callback(heard)
        return client

    def _client(self, api: int) -> RtMidiClient:
        client: RtMidiClient = self._rtmidi.MidiIn(rtapi=api, name=CLIENT)
        return client

    def _working(self, wanted: str | None) -> tuple[int, RtMidiClient]:
        """The first of the system's kinds of MIDI that can be opened, and a client of it."""
        kinds = {self._rtmidi.get_api_name(api): api for api in self._rtmidi.get_compiled_api()}
        if wanted is not None and wanted not in kinds:
            raise MidiUnavailable(f"There is no MIDI system {wanted!r} here; there is {', '.join(kinds) or 'none'}.")
        refused = []
        for name, api in kinds.items():
            if wanted in {None, name}:
                try:
                    return api, self._client(api)
                except self._rtmidi.RtMidiError as error:
                    refused.append(f"{name}: {error}")
        raise MidiUnavailable(f"The system's MIDI cannot be opened ({'; '.join(refused) or 'there is none'}).")


def _library() -> ModuleType:
    try:
        return importlib.import_module("rtmidi")
    except ModuleNotFoundError as error:
        raise MidiUnavailable(MISSING) from error
    except ImportError as error:
        raise MidiUnavailable(f"python-rtmidi cannot be loaded: {error}; on Debian, install libasound2.") from error
