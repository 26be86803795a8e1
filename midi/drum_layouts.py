"""Which note plays which drum: General MIDI's percussion map, Live's Drum Rack, and maps of a user's own."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from midi.chord_syntax import quoted
from midi.drums import VOICES, voice_named
from midi.errors import VoiceError

DrumLayout = Mapping[int, str]
"""MIDI note to the name of a voice."""

_GENERAL_MIDI: Final[DrumLayout] = {note: voice.name for voice in VOICES for note in voice.notes}

DRUM_LAYOUTS: Final[Mapping[str, DrumLayout]] = {
    "general midi": MappingProxyType(_GENERAL_MIDI),
    # Pads from C1 (36) up. What lies on a pad is free; Live's own kits put three toms on F1, G1 and A1 and a second
    # closed hi-hat on G#1. All other notes are as in General MIDI.
    "drum rack": MappingProxyType({
        **_GENERAL_MIDI, 41: "low_tom", 43: "mid_tom", 44: "closed_hat", 45: "high_tom",
    }),
}  # fmt: skip
"""The layouts by name."""


def layout_with(base: str, own: Mapping[int, str]) -> DrumLayout:
    """A layout of ``DRUM_LAYOUTS`` with notes of a user's own laid over it; a note on "" plays nothing.

    Raises ``VoiceError`` for a layout, a voice or a note number that does not exist.
    """
    if base not in DRUM_LAYOUTS:
        raise VoiceError(f"{quoted(base)} is not a drum layout; layouts are {', '.join(DRUM_LAYOUTS)}.")
    layout = dict(DRUM_LAYOUTS[base])
    for note, name in own.items():
        if not 0 <= note <= 127:
            raise VoiceError(f"{note} is not a MIDI note: they go from 0 to 127.")
        if name:
            layout[note] = voice_named(name).name
        else:
            layout.pop(note, None)
    return MappingProxyType(layout)
