"""From the DAW's machine to the daemon's: what is passed on as it is, what is not, and what cannot be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from bridge.errors import RequestError
from bridge.event_messages import messages_of_event
from bridge.json_messages import command_json
from bridge.osc_arguments import Value
from bridge.osc_client import NoAnswer
from bridge.osc_clients import Client
from bridge.osc_codec import Message
from bridge.osc_commands import (
    AskState,
    Command,
    DawHere,
    DawLeaves,
    Foreign,
    KeepTake,
    NextTake,
    Ping,
    PlaceDone,
    PlaceFailed,
    Release,
    Subscribe,
    Unsubscribe,
)
from bridge.osc_replies import REPLY_ADDRESSES, ErrorReply, Reply
from bridge.osc_schema import COMMANDS
from bridge.relay_clients import Numbers
from bridge.relay_link import Json
from midi import events as ev
from plugin_host.host import Host

OWN: Final = (Subscribe, Unsubscribe, Release, DawHere, DawLeaves, PlaceDone, PlaceFailed)
"""What the relay does itself; everything else is the daemon's."""
ASKING: Final = (Ping, AskState, NextTake, KeepTake, ev.RequestClip, ev.RequestCancel)
"""What wants an answer, each time."""


class Passing:
    """Passes on messages. ``remote_clips`` is the daemon's clips folder, empty until it is known."""

    def __init__(
        self,
        host: Host | None,
        *,
        numbers: Numbers,
        clips: Mapping[str, Path],
        send: Callable[[Json], bool],
        answer: Callable[[Client, Reply], None],
    ) -> None:
        """``clips`` are clips on this machine by their ids; ``send`` tells whether there is a link to send over."""
        self._host, self._numbers, self._clips = host, numbers, clips
        self._send_json, self._answer = send, answer
        self._told: set[tuple[Client, str]] = set()
        self.remote_clips = ""
        self.is_up = False

    def came_up(self) -> None:
        """There is a link."""
        self.is_up = True
        self._told.clear()

    def take(self, message: Message | Foreign, client: Client) -> bool:
        """Pass a message on; False for one that is the relay's own. Raises ``SidemanError`` where it cannot be."""
        if isinstance(message, Foreign):
            return self._take_foreign(message, client)
        command = message.command
        if isinstance(command, DawHere) and not self.is_up:
            self._complain(message.address, command, client)
            return True
        if isinstance(command, OWN):
            return False
        self._send(message.address, self._remote_paths(message), client, command)
        return True

    def _take_foreign(self, message: Foreign, client: Client) -> bool:
        """A DAW's own message is understood here, where the DAW is; one of a daemon is left to the server."""
        if message.address in REPLY_ADDRESSES:
            return False
        events = self._host.interpret(message.address, message.arguments) if self._host else None
        if events is None:
            self._send(message.address, message.arguments, client, message)
        for event in events or ():
            self.tell(event, client)
        return True

    def tell(self, event: ev.SessionEvent, client: Client | None = None) -> None:
        """Pass on what the DAW says of its session."""
        for address, arguments in messages_of_event(event):
            self._send(address, arguments, client, None)

    def _send(
        self, address: str, arguments: tuple[Value, ...], client: Client | None, command: Command | Foreign | None
    ) -> None:
        told = command_json(address, arguments)
        if client is not None:
            told["from"] = self._numbers.of(client)
        if not self._send_json(told) and client is not None:
            self._complain(address, command, client)

    def _complain(self, address: str, command: Command | Foreign | None, client: Client) -> None:
        """Say that there is no link: to what wants an answer each time, of the rest once to each client."""
        if isinstance(command, ASKING) or (client, address) not in self._told:
            self._told.add((client, address))
            text = "The daemon's machine is not reached; the relay goes on trying. This was not passed on."
            request_id = (command.id or "") if isinstance(command, ev.RequestClip) else ""
            self._answer(client, ErrorReply(id=request_id, code=NoAnswer.code, message=text))

    def _remote_paths(self, message: Message) -> tuple[Value, ...]:
        """A clip's path on this machine is another one there. Raises ``RequestError`` for a file that is not there."""
        form = COMMANDS[message.address].form_of(len(message.arguments)) or ()
        values = list(message.arguments)
        for index, argument in enumerate(form):
            if argument.name == "path":
                values[index] = self._remote_path(str(values[index]))
        return tuple(values)

    def _remote_path(self, text: str) -> str:
        path = Path(text)
        clip_id = next((one for one, here in self._clips.items() if here == path), None)
        if clip_id is None or not self.remote_clips:
            raise RequestError(
                f"The daemon on the other machine cannot read {text[:200]}: of this machine's files it knows the clips "
                "that it made."
            )
        slash = "\\" if "\\" in self.remote_clips else "/"
        return f"{self.remote_clips}{slash}{clip_id}{path.suffix}"
