"""Why a message cannot be used, and the table of every code that an error can carry.

::

    MessageError                    malformed
    ├── WrongTypes                  wrong_types
    ├── OutOfRange                  out_of_range
    ├── TooLong                     too_long
    ├── TooManyElements             too_many
    └── NotAllowed                  not_allowed
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from midi.errors import SidemanError


class MessageError(SidemanError):
    """Bytes that are not OSC."""

    code = "malformed"


class WrongTypes(MessageError):
    """Arguments of another number or kind than the address takes."""

    code = "wrong_types"


class OutOfRange(MessageError):
    """A value outside its range, or not a finite number."""

    code = "out_of_range"


class TooLong(MessageError):
    """A text, message or reply with more characters or bytes than it may have."""

    code = "too_long"


class TooManyElements(MessageError):
    """More of one kind than the daemon keeps or reads."""

    code = "too_many"


class NotAllowed(MessageError):
    """Something that the daemon was not told to allow."""

    code = "not_allowed"


INTERNAL: Final = "internal"
"""The code of a mistake in the daemon itself; there is no class for it."""

ERROR_CODES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "malformed": "The datagram is not OSC: cut short, unknown type tags, not UTF-8, or bytes left over.",
        "unknown_address": "No table knows the address.",
        "wrong_types": "The address does not take arguments of this number or kind.",
        "out_of_range": "A value is outside its range, is not a finite number, or is due too far in the future.",
        "too_long": "A text, a clip or a reply is longer than it may be.",
        "too_many": "More of one kind than the daemon keeps or reads.",
        "not_allowed": "The daemon was not told to allow this, such as subscribing another host.",
        "bad_notation": "Text or numbers that do not spell music.",
        "bad_chord": "A chord symbol or progression cannot be read; the message names the token and its place.",
        "bad_key": "The key cannot be read.",
        "bad_pattern": "A drum pattern has the wrong length, or a character that is not a step.",
        "bad_voice": "The drum voice or General MIDI percussion note is not in the table.",
        "bad_meter": "The meter cannot be used.",
        "bad_midi_file": "A MIDI file cannot be read.",
        "midi_unavailable": "The system's MIDI, or one of its ports, cannot be used.",
        "link_unavailable": "Ableton Link was asked for, and its package is not installed.",
        "not_leading": "Another source leads tempo and position; OSC's are not followed.",
        "bad_config": "The configuration cannot be used.",
        "cannot_start": "A part of the daemon cannot start.",
        "bad_request": "The request cannot be taken on.",
        "bad_setting": "There is no setting of this name, or it does not take the value.",
        "nothing_to_play": "The session holds nothing that the engine could play.",
        "no_such_request": "No request with this id is waiting or running.",
        "id_in_use": "A request with this id is waiting or running.",
        "bad_query": "A search of the library cannot be read; the message names the word.",
        "no_such_clip": "The clips folder has no clip of this name, or no longer.",
        "library": "The library of takes cannot be used; clips and receipts are as they were.",
        "cannot_replay": "A clip cannot be made again; `sideman replay` says this, the daemon never does.",
        "queue_full": "More requests wait than the queue holds, or the library has too much to do.",
        "engine_unavailable": "The engine is not known, or cannot run here.",
        "engine_failed": "The engine could not make the audio.",
        "engine_crashed": "The engine process ended or hung while it worked; the next request starts it again.",
        "soundfont": "There is no soundfont, or it cannot be played.",
        "model": "A checkpoint cannot be used, is not on this machine, or cannot take what it was given.",
        "cancelled": "The request was cancelled while it ran.",
        "clip": "A clip cannot be made from the audio.",
        "disk": "The clips folder cannot be written, or the disk is full.",
        "host": "The DAW did not take a clip, or said something that cannot be understood.",
        "daw_taken": "Another DAW is connected to this daemon, which serves one at a time.",
        "install": "A DAW's script cannot be installed; `sideman install` says this, the daemon never does.",
        "training": "A training, or its music, cannot be used; `sideman train` says this, the daemon never does.",
        "no_answer": "A client of the daemon waited for an answer in vain; the demo says this, the daemon never does.",
        "failed": "Something else went wrong; the message says what.",
        INTERNAL: "A mistake in the daemon itself; its log has the details, and the daemon goes on.",
    }
)
"""Every code of ``/sideman/error``, and what it means."""
