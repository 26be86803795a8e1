"""Reading one chord symbol, in lead-sheet or Harte spelling.

Lead-sheet: ``F#m7b5``, ``Bbmaj7/D``, ``C7(b9,#11)``, ``C-7``, ``C△7``, ``Cø``. A symbol is a root, the longest
suffix of the quality table, alterations, and a bass after a slash. Harte (after C. Harte et al., "Symbolic
Representation of Musical Chords", ISMIR 2005): ``C:min7/b3``, ``C:maj(9)``, ``C:(1,3,5,b7)``, ``C:min7(*5)``.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from midi.chord_qualities import (
    ALTERATIONS,
    HARTE_SHORTHANDS,
    HIGHEST_DEGREE,
    LEAD_SHEET_SPELLINGS,
    Quality,
    compose,
    degree_semitones,
    quality_of,
)
from midi.errors import ChordError
from midi.pitch_names import read_note_name

MAX_SYMBOL: Final = 64
"""Most characters of one symbol."""

_NO_CHORD: Final = frozenset({"n", "nc", "n.c.", "n.c"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadChord:
    """What a symbol says: root and bass as pitch classes (``bass`` None where none is written)."""

    root: int
    quality: Quality
    bass: int | None


class _Unreadable(Exception):
    """Reading failed at an index of the symbol."""

    def __init__(self, index: int, reason: str) -> None:
        super().__init__(reason)
        self.index = index
        self.reason = reason


def read_symbol(text: str) -> ReadChord | None:
    """Read one symbol; None for no chord. Raises ``ChordError`` naming it and the character where reading failed."""
    if text.casefold() in _NO_CHORD:
        return None
    try:
        if not text:
            raise _Unreadable(0, "it is empty; write N.C. for no chord")
        if len(text) > MAX_SYMBOL:
            raise _Unreadable(MAX_SYMBOL, f"a symbol has at most {MAX_SYMBOL} characters")
        return _read_harte(text) if ":" in text else _read_lead_sheet(text)
    except _Unreadable as failure:
        raise ChordError(_message(text, failure)) from None


def quoted(text: str) -> str:
    """A token as messages show it: in quotes, shortened, nothing unprintable."""
    shown = text if len(text) <= 32 else text[:32] + "..."
    return '"' + "".join(letter if letter.isprintable() else f"\\u{ord(letter):04x}" for letter in shown) + '"'


def _message(text: str, failure: _Unreadable) -> str:
    place = f"Cannot read the chord {quoted(text)}"
    if failure.index >= len(text):
        return f"{place}: {failure.reason}."
    letter = text[failure.index]
    place = f"{place}, character {failure.index + 1}"
    if not letter.isascii() and letter.isalpha():
        name = unicodedata.name(letter, "a letter of another script")
        return f"{place}: {quoted(letter)} is {name}; chord symbols are written with the Latin letters A to Z."
    return f"{place}, {quoted(letter)}: {failure.reason}."


def _root(text: str) -> tuple[int, int]:
    note = read_note_name(text)
    if note is None:
        raise _Unreadable(0, "a chord begins with its root, a capital letter from A to G")
    return note.pitch_class, note.end


# Lead-sheet spelling

_TOKEN: Final = re.compile(
    r"""
    (?P<word>(?i:sus|add|omit|no|alt|dom))
    |(?P<maj7>7M(?!I))
    |(?P<maj>(?i:major|maj|ma(?!dd))|M(?!I)|j(?=7))
    |(?P<triangle>[△Δ∆^])
    |(?P<m>(?i:minor|min|mi)|m)
    |(?P<hdim>(?i:hdim)|[øØ]|h)
    |(?P<dim>(?i:dim)|[o°º])
    |(?P<aug>(?i:aug))
    |(?P<sharp>[#♯])
    |(?P<flat>[b♭])
    |(?P<sign>[+\-−–])
    |(?P<number>\d+)
    |(?P<mark>[(),/\[\]])
    """,
    re.VERBOSE,
)
_MARKS: Final = {"[": "(", "]": ")"}
_NO_BASS: Final = re.compile(r"\d|[#♯+\-]\d|b\d|[mM△Δ∆]")
_NOT_A_PART: Final = "this is not a part of a chord symbol"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Suffix:
    """A suffix in normal form, and for each of its characters the index in the symbol that it came from."""

    text: str
    places: tuple[int, ...]
    end: int

    def place(self, index: int) -> int:
        return self.places[index] if index < len(self.places) else self.end


def _read_lead_sheet(text: str) -> ReadChord:
    root, start = _root(text)
    bass, end = _bass_note(text, start)
    suffix = _normal_form(text, start, end)
    base = _base_length(suffix.text)
    quality = LEAD_SHEET_SPELLINGS[suffix.text[:base]]
    names = _alterations(suffix, base)
    return ReadChord(root=root, quality=compose(quality, names) if names else quality, bass=bass)


def _base_length(suffix: str) -> int:
    """Length of the longest suffix of the table that opens ``suffix`` and cuts no number in two."""
    return max(
        length
        for length in range(len(suffix) + 1)
        if suffix[:length] in LEAD_SHEET_SPELLINGS
        and not (suffix[length - 1 : length].isdigit() and suffix[length : length + 1].isdigit())
    )


def _bass_note(text: str, start: int) -> tuple[int | None, int]:
    """The bass after the last slash, and where the suffix ends. ``6/9`` and ``m/maj7`` hold slashes without a bass."""
    slash = text.rfind("/", start)
    if slash < 0 or _NO_BASS.match(text, slash + 1) or ")" in text[slash:]:
        return None, len(text)
    note = read_note_name(text, slash + 1)
    if note is None:
        raise _Unreadable(slash + 1, "a slash is followed by the bass, a note name such as Eb")
    if note.end != len(text):
        raise _Unreadable(note.end, "the bass is the last part of a chord symbol")
    return note.pitch_class, slash


def _normal_form(text: str, start: int, end: int) -> _Suffix:
    """Bring a suffix into the normal form of the quality table."""
    parts: list[str] = []
    places: list[int] = []
    index = start
    while index < end:
        match = _TOKEN.match(text, index, end)
        if match is None:
            raise _Unreadable(index, _NOT_A_PART)
        part = _normal_part(match, first=index == start, next_is_digit=text[match.end() : match.end() + 1].isdigit())
        parts.append(part)
        places.extend([index] * len(part))
        index = match.end()
    return _Suffix(text="".join(parts), places=tuple(places), end=end)


def _normal_part(match: re.Match[str], *, first: bool, next_is_digit: bool) -> str:
    kind, written = str(match.lastgroup), match.group()
    if kind == "sign":
        plus = written == "+"
        if first:
            return "aug" if plus else "m"
        altered = "#" if plus else "b"
        return altered if next_is_digit else f"{altered}5"
    if kind == "triangle":
        return "maj" if next_is_digit else "maj7"
    if kind in {"word", "number"}:
        return written.lower()
    if kind == "mark":
        return _MARKS.get(written, written)
    return {"sharp": "#", "flat": "b"}.get(kind, kind)


_ALTERATION: Final = re.compile("|".join(sorted(map(re.escape, ALTERATIONS), key=lambda name: -len(name))))


def _alterations(suffix: _Suffix, index: int) -> list[str]:
    """The alterations from ``index`` on; brackets and commas around them are free, but brackets close."""
    names: list[str] = []
    opened: int | None = None
    expects = False
    while index < len(suffix.text):
        letter = suffix.text[index]
        if letter == "(" and opened is None:
            opened, expects = index, True
        elif letter == ")" and opened is not None and not expects:
            opened = None
        elif letter in ",/" and not expects:
            expects = True
        else:
            match = _ALTERATION.match(suffix.text, index)
            if match is None or suffix.text[match.end() : match.end() + 1].isdigit():
                raise _Unreadable(suffix.place(index), _NOT_A_PART)
            names.append(match.group())
            index, expects = match.end() - 1, False
        index += 1
    if opened is not None:
        raise _Unreadable(suffix.place(opened), "this bracket is not closed")
    if expects:
        raise _Unreadable(suffix.place(index - 1), "an alteration such as b9 is missing after this")
    return names


# Harte's syntax

_HARTE: Final = re.compile(r"(?P<shorthand>[^()/]*)(?P<list>\([^()]*\))?(?P<bass>/.*)?")
_DEGREE: Final = re.compile(r"(?P<omit>\*?)(?P<accidentals>[#♯]{0,2}|[b♭]{0,2})(?P<degree>[1-9]\d?)")


def _read_harte(text: str) -> ReadChord:
    root, end = _root(text)
    if text[end] != ":":
        raise _Unreadable(end, "in Harte's syntax a colon follows the root")
    match = _HARTE.fullmatch(text, end + 1)
    if match is None:
        raise _Unreadable(end + 1, "after the colon come a shorthand, degrees in brackets, and a bass after a slash")
    shorthand, degrees, bass = match.group("shorthand"), match.group("list"), match.group("bass")
    if shorthand not in HARTE_SHORTHANDS and (shorthand or degrees is None):
        raise _Unreadable(end + 1, "a shorthand such as maj, min7, hdim7 or sus4 goes here, or degrees in brackets")
    tones = set(HARTE_SHORTHANDS[shorthand].intervals) if shorthand else {0}
    if degrees is not None:
        _apply_degrees(text, match.start("list"), match.end("list"), tones)
    return ReadChord(root=root, quality=quality_of(tones), bass=_harte_bass(text, match.start("bass"), root, bass))


def _apply_degrees(text: str, start: int, end: int, tones: set[int]) -> None:
    """Add every degree of the list to ``tones``; take out those with a star."""
    index = start + 1
    for item in text[start + 1 : end - 1].split(","):
        omit, semitones = _degree(item, index)
        if not omit:
            tones.add(semitones)
        elif semitones in tones and semitones != 0:
            tones.remove(semitones)
        else:
            raise _Unreadable(index, "a star takes out a tone of the shorthand, and never the root")
        index += len(item) + 1


def _degree(item: str, index: int) -> tuple[bool, int]:
    match = _DEGREE.fullmatch(item)
    if match is None or int(match.group("degree")) > HIGHEST_DEGREE:
        raise _Unreadable(index, f"this is not a degree; degrees are 1 to {HIGHEST_DEGREE}, with b or # before them")
    accidentals = match.group("accidentals")
    shift = len(accidentals) if accidentals[:1] in {"#", "♯"} else -len(accidentals)
    return bool(match.group("omit")), degree_semitones(int(match.group("degree")), shift)


def _harte_bass(text: str, start: int, root: int, bass: str | None) -> int | None:
    if bass is None:
        return None
    if not _DEGREE.fullmatch(bass[1:]) or bass[1] == "*":
        raise _Unreadable(min(start + 1, len(text)), "in Harte's syntax the bass is a degree, such as b3")
    _, semitones = _degree(bass[1:], start + 1)
    return (root + semitones) % 12
