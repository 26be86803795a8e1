"""Musical keys: a tonic and a mode."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from midi.chord_qualities import quality_of
from midi.chord_syntax import quoted
from midi.chords import Chord
from midi.errors import KeyNameError
from midi.pitch_names import NOTE_NAMES, read_note_name

MAX_KEY_TEXT: Final = 64
"""Most characters of a key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mode:
    """A scale: its name, semitones above the tonic (rising, 0 first), and its other spellings in lower case."""

    name: str
    intervals: tuple[int, ...]
    spellings: tuple[str, ...] = ()


MODES: Final[Mapping[str, Mode]] = {
    mode.name: mode
    for mode in (
        Mode(name="major", intervals=(0, 2, 4, 5, 7, 9, 11), spellings=("maj", "ionian", "")),
        Mode(name="minor", intervals=(0, 2, 3, 5, 7, 8, 10), spellings=("min", "m", "aeolian", "natural minor")),
        Mode(name="dorian", intervals=(0, 2, 3, 5, 7, 9, 10), spellings=("dor",)),
        Mode(name="phrygian", intervals=(0, 1, 3, 5, 7, 8, 10), spellings=("phr",)),
        Mode(name="lydian", intervals=(0, 2, 4, 6, 7, 9, 11), spellings=("lyd",)),
        Mode(name="mixolydian", intervals=(0, 2, 4, 5, 7, 9, 10), spellings=("mix",)),
        Mode(name="locrian", intervals=(0, 1, 3, 5, 6, 8, 10), spellings=("loc",)),
        Mode(name="harmonic minor", intervals=(0, 2, 3, 5, 7, 8, 11), spellings=("harm minor", "harmonic min")),
        Mode(name="melodic minor", intervals=(0, 2, 3, 5, 7, 9, 11), spellings=("mel minor", "melodic min")),
        Mode(name="harmonic major", intervals=(0, 2, 4, 5, 7, 8, 11)),
        Mode(name="phrygian dominant", intervals=(0, 1, 4, 5, 7, 8, 10), spellings=("spanish",)),
        Mode(name="lydian dominant", intervals=(0, 2, 4, 6, 7, 9, 10), spellings=("acoustic",)),
        Mode(name="major pentatonic", intervals=(0, 2, 4, 7, 9)),
        Mode(name="minor pentatonic", intervals=(0, 3, 5, 7, 10)),
        Mode(name="blues", intervals=(0, 3, 5, 6, 7, 10)),
    )
}
"""Every mode by its name."""

_SPELLINGS: Final[Mapping[str, str]] = {
    spelling: mode.name for mode in MODES.values() for spelling in (mode.name, *mode.spellings)
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A tonic as a pitch class (0 is C) and a mode of the ``MODES`` table (``major``, ``dorian`` ...)."""

    tonic: int
    mode: str

    def __post_init__(self) -> None:
        if not 0 <= self.tonic < 12 or self.mode not in MODES:
            raise KeyNameError(f"There is no key with tonic {self.tonic} and mode {quoted(self.mode)}.")

    @property
    def intervals(self) -> tuple[int, ...]:
        """The scale as semitones above the tonic."""
        return MODES[self.mode].intervals

    @property
    def is_minor(self) -> bool:
        """Whether the third above the tonic is minor."""
        return 3 in self.intervals

    @property
    def label(self) -> str:
        """The key in words: ``C minor``, ``F# dorian``."""
        return f"{NOTE_NAMES[self.tonic]} {self.mode}"

    @property
    def short(self) -> str:
        """The key as loop packs write it in file names: ``Cm`` where the third is minor, else ``C``."""
        return f"{NOTE_NAMES[self.tonic]}{'m' if self.is_minor else ''}"

    @property
    def scale(self) -> tuple[int, ...]:
        """The pitch classes of the scale, from the tonic up."""
        return tuple((self.tonic + interval) % 12 for interval in self.intervals)


def tonic_chord(key: Key) -> Chord:
    """The triad on the tonic, of tones of the scale; diminished where the scale has no perfect fifth."""
    third = 3 if key.is_minor else 4
    fifth = 7 if 7 in key.intervals else 6
    return Chord(root=key.tonic, quality=quality_of((0, third, fifth)), text=key.label)


def key_of_scale(tonic: int, intervals: tuple[int, ...]) -> Key:
    """The key of a scale that is told by its tonic (0 is C) and semitones above it. Raises ``KeyNameError``."""
    scale = tuple(sorted({interval % 12 for interval in intervals}))
    mode = next((mode for mode in MODES.values() if mode.intervals == scale), None)
    if mode is None:
        steps = " ".join(map(str, scale))
        raise KeyNameError(
            f"The scale {steps} (in semitones) is none of the modes {', '.join(MODES)}: choose one of them or none."
        )
    return Key(tonic=tonic % 12, mode=mode.name)


_SPACE: Final = re.compile(r"[\s_]+")


def parse_key(text: str) -> Key:
    """Read a key: ``C minor``, ``F# dorian``, ``Ebmaj``, ``Am``, ``Bb``, ``c# min``.

    The tonic may be a small letter; ``M`` alone is major, ``m`` minor. Raises ``KeyNameError``.
    """
    written = _SPACE.sub(" ", text).strip()
    if not written or len(written) > MAX_KEY_TEXT:
        raise KeyNameError(f"Cannot read the key {quoted(written)}: send a key such as C minor, F# dorian or Ebmaj.")
    note = read_note_name(written[0].upper() + written[1:])
    if note is None:
        raise KeyNameError(f"Cannot read the key {quoted(written)}: it begins with its tonic, a letter from A to G.")
    name = written[note.end :].strip(" -")
    mode = "major" if name == "M" else _SPELLINGS.get(name.lower())
    if mode is None:
        near = get_close_matches(name.lower(), _SPELLINGS, n=1)
        advice = f"did you mean {_SPELLINGS[near[0]]}?" if near else f"modes are {', '.join(MODES)}."
        raise KeyNameError(f"Cannot read the key {quoted(written)}: {quoted(name)} is not a mode; {advice}")
    return Key(tonic=note.pitch_class, mode=mode)
