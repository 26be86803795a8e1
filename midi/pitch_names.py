"""Note names: the twelve pitch classes as they are written and read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

NOTE_NAMES: Final = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
"""The usual spelling of each pitch class."""

_LETTERS: Final = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_ACCIDENTALS: Final = {"#": 1, "♯": 1, "x": 2, "𝄪": 2, "b": -1, "♭": -1, "𝄫": -2}
_NOTE: Final = re.compile(r"([A-G])(#{1,2}|♯{1,2}|x|𝄪|b{1,2}|♭{1,2}|𝄫)?")


_LETTER_ORDER: Final = tuple(_LETTERS)


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteName:
    """A note name that was read: its pitch class (0 is C), and the place in the text where it ended."""

    pitch_class: int
    end: int


def read_note_name(text: str, start: int = 0) -> NoteName | None:
    """The note name at ``start``, with as many accidentals as stand there (two at most); None where there is none.

    Letters are capitals, so that ``b`` is always a flat.
    """
    match = _NOTE.match(text, start)
    if match is None:
        return None
    letter, accidentals = match.group(1), match.group(2) or ""
    shift = sum(_ACCIDENTALS[sign] for sign in accidentals)
    return NoteName(pitch_class=(_LETTERS[letter] + shift) % 12, end=match.end())


def spell_above(root: int, letter_steps: int, pitch_class: int) -> str:
    """A pitch class named by the letter that lies ``letter_steps`` above the root's: over E, 8 is G# as a third.

    Where that takes more than one accidental, the usual spelling stands.
    """
    place = _LETTER_ORDER.index(NOTE_NAMES[root][0]) + letter_steps
    letter = _LETTER_ORDER[place % len(_LETTER_ORDER)]
    accidental = {0: "", 1: "#", 11: "b"}.get((pitch_class - _LETTERS[letter]) % 12)
    return NOTE_NAMES[pitch_class] if accidental is None else f"{letter}{accidental}"
