"""Every error that a user can meet, in one tree.

::

    SidemanError                        midi/errors.py          failed
    ├── NotationError                                           bad_notation
    │   ├── ChordError                                          bad_chord
    │   ├── KeyNameError                                        bad_key
    │   ├── PatternError                                        bad_pattern
    │   ├── VoiceError                                          bad_voice
    │   └── MeterError                                          bad_meter
    ├── MidiFileError                                           bad_midi_file
    ├── MidiUnavailable                                         midi_unavailable
    ├── GeneratorError                  models/errors.py        engine_failed
    │   ├── SoundfontError                                      soundfont
    │   └── ModelError                                          model
    ├── TrainingError                                           training
    ├── Cancelled                                               cancelled
    ├── HostError                       plugin_host/host.py     host
    │   └── DawTaken                                            daw_taken
    ├── InstallError                    bridge/install.py       install
    ├── LibraryError                    bridge/library_db.py    library
    │   ├── LibraryLocked                                       library
    │   └── LibraryDamaged                                      library
    ├── ConfigError                     bridge/errors.py        bad_config
    ├── LinkUnavailable                                         link_unavailable
    ├── StartError                                              cannot_start
    ├── ClipError                                               clip
    │   ├── DiskError                                           disk
    │   ├── ClipGone                    bridge/relay_fetch.py   clip
    │   └── NotWhole                    bridge/relay_files.py   clip
    ├── RequestError                    bridge/errors.py        bad_request
    │   ├── NothingToPlay                                       nothing_to_play
    │   ├── ClipTooLong                                         too_long
    │   ├── QueueFull                                           queue_full
    │   ├── EngineUnavailable                                   engine_unavailable
    │   ├── BadSetting                  bridge/neural_config.py bad_setting
    │   ├── TooMany                     bridge/session.py       too_many
    │   ├── ClipTooShort                bridge/conditioning.py  out_of_range
    │   ├── BadQuery                    bridge/library_query.py bad_query
    │   ├── NoSuchClip                  bridge/library.py       no_such_clip
    │   ├── CannotReplay                bridge/replay.py        cannot_replay
    │   ├── NoSuchRequest               bridge/engine.py        no_such_request
    │   ├── IdInUse                                             id_in_use
    │   ├── NotLeading                  bridge/daemon.py        not_leading
    │   └── UnknownAddress                                      unknown_address
    ├── EngineCrashed                   bridge/errors.py        engine_crashed
    ├── MessageError                    bridge/osc_errors.py    malformed
    │   ├── WrongTypes                                          wrong_types
    │   ├── OutOfRange                                          out_of_range
    │   ├── TooLong                                             too_long
    │   ├── TooManyElements                                     too_many
    │   └── NotAllowed                                          not_allowed
    ├── RelayRefused                    bridge/relay_link.py    not_allowed
    └── NoAnswer                        bridge/osc_client.py    no_answer

``code`` is the second argument of ``/sideman/error``; the message is its third.
"""

from __future__ import annotations

from midi.errors import (
    ChordError,
    KeyNameError,
    MeterError,
    MidiFileError,
    MidiUnavailable,
    NotationError,
    PatternError,
    SidemanError,
    VoiceError,
)
from models.errors import Cancelled, GeneratorError, ModelError, SoundfontError, TrainingError
from plugin_host.host import DawTaken, HostError

__all__ = [
    "Cancelled",
    "ChordError",
    "ClipError",
    "ClipTooLong",
    "ConfigError",
    "DawTaken",
    "DiskError",
    "EngineCrashed",
    "EngineUnavailable",
    "GeneratorError",
    "HostError",
    "KeyNameError",
    "MeterError",
    "MidiFileError",
    "MidiUnavailable",
    "ModelError",
    "NotationError",
    "NothingToPlay",
    "PatternError",
    "QueueFull",
    "RequestError",
    "SidemanError",
    "SoundfontError",
    "StartError",
    "TrainingError",
    "VoiceError",
]


class ConfigError(SidemanError):
    """The configuration cannot be used; the message lists every mistake at once."""

    code = "bad_config"


class LinkUnavailable(SidemanError):
    """Ableton Link was asked for and cannot be had."""

    code = "link_unavailable"


class StartError(SidemanError):
    """A part of the daemon that was asked for cannot start."""

    code = "cannot_start"


class ClipError(SidemanError):
    """A clip cannot be made from the audio."""

    code = "clip"


class DiskError(ClipError):
    """The clips folder cannot be written, or the disk is full."""

    code = "disk"


class RequestError(SidemanError):
    """A request that cannot be taken on."""

    code = "bad_request"


class NothingToPlay(RequestError):
    """The session holds nothing that the engine could play."""

    code = "nothing_to_play"


class ClipTooLong(RequestError):
    """More seconds than a clip may have, or than the engine plays at a time."""

    code = "too_long"


class QueueFull(RequestError):
    """More requests wait than the queue holds."""

    code = "queue_full"


class EngineUnavailable(RequestError):
    """The engine is known, but cannot run here."""

    code = "engine_unavailable"


class EngineCrashed(SidemanError):
    """The engine process died or hung while it worked on a request."""

    code = "engine_crashed"
