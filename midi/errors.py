"""The root of the error tree and the errors of musical notation.

The whole tree is drawn in ``bridge/errors.py``. Every error carries a ``code``, the word that
``/sideman/error`` sends in its second argument, and a message of one sentence or two that says
what happened and what to do.
"""

from __future__ import annotations

from typing import ClassVar


class SidemanError(Exception):
    """Something that a user is told about: what happened, and what to do."""

    code: ClassVar[str] = "failed"


class NotationError(SidemanError):
    """Text or numbers that do not spell music."""

    code = "bad_notation"


class ChordError(NotationError):
    """A chord symbol or progression that cannot be read; the message names the token and its place."""

    code = "bad_chord"


class KeyNameError(NotationError):
    """A key that cannot be read."""

    code = "bad_key"


class PatternError(NotationError):
    """A drum pattern of the wrong length, or with a character that is not a step."""

    code = "bad_pattern"


class VoiceError(NotationError):
    """A drum voice or General MIDI percussion note that is not in the table."""

    code = "bad_voice"


class MeterError(NotationError):
    """A meter that cannot be used."""

    code = "bad_meter"


class MidiFileError(SidemanError):
    """A MIDI file that cannot be read."""

    code = "bad_midi_file"


class MidiUnavailable(SidemanError):
    """The system's MIDI, or one of its ports, cannot be used."""

    code = "midi_unavailable"
