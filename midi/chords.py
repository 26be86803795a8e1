"""Chords: symbols in lead-sheet and Harte spelling, progressions in bars."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from midi.chord_qualities import Quality, harte_degree, harte_quality
from midi.chord_syntax import quoted, read_symbol
from midi.errors import ChordError
from midi.pitch_names import NOTE_NAMES, spell_above
from midi.time import Beats

__all__ = [
    "MAX_BARS",
    "MAX_CHORDS_A_BAR",
    "NO_CHORD_LABEL",
    "Chord",
    "ChordChange",
    "ChordSpan",
    "Progression",
    "Quality",
    "chord_label",
    "parse_chord",
    "parse_progression",
]

NO_CHORD_LABEL: Final = "N.C."
MAX_BARS: Final = 1024
MAX_CHORDS_A_BAR: Final = 32


_LETTER_STEPS: Final = {3: 2, 4: 2, 6: 4, 7: 4, 8: 4, 10: 6, 11: 6}
"""Semitones above a root that are its third, fifth or seventh, and the letters that these lie above the root's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chord:
    """A root and a bass as pitch classes (0 is C; ``bass`` is None in root position) and a quality.

    ``text`` is the symbol as it was written; it takes no part in comparisons.
    """

    root: int
    quality: Quality
    bass: int | None = None
    text: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        if not 0 <= self.root < 12 or self.bass == self.root or not 0 <= self.bass_pitch_class < 12:
            raise ChordError(
                f"Root {self.root} and bass {self.bass} make no chord: both are pitch classes from 0 to 11, "
                "and a bass on the root is None."
            )

    @property
    def bass_pitch_class(self) -> int:
        """The pitch class of the lowest tone."""
        return self.root if self.bass is None else self.bass

    @property
    def pitch_classes(self) -> frozenset[int]:
        """Every pitch class that sounds, the bass among them."""
        return frozenset((self.root + tone) % 12 for tone in self.quality.intervals) | {self.bass_pitch_class}

    @property
    def label(self) -> str:
        """The canonical lead-sheet symbol, whatever was written: ``F#m7b5``, ``Bbmaj7/D``."""
        bass = "" if self.bass is None else f"/{self._bass_name(self.bass)}"
        return f"{NOTE_NAMES[self.root]}{self.quality.symbol}{bass}"

    def _bass_name(self, bass: int) -> str:
        """A third, fifth or seventh of the chord is spelled as one (``E7/G#``), any other bass as usual."""
        interval = (bass - self.root) % 12
        steps = _LETTER_STEPS.get(interval) if interval in self.quality.intervals else None
        return NOTE_NAMES[bass] if steps is None else spell_above(self.root, steps, bass)

    @property
    def harte(self) -> str:
        """The chord in Harte's syntax: ``F#:hdim7``, ``Bb:maj7/3``."""
        bass = "" if self.bass is None else f"/{harte_degree(self.bass - self.root)}"
        return f"{NOTE_NAMES[self.root]}:{harte_quality(self.quality)}{bass}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChordSpan:
    """A chord, or None for no chord, that sounds from ``start`` until ``end``."""

    start: Beats
    end: Beats
    chord: Chord | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChordChange:
    """A chord, or None for no chord, that begins at a beat and holds until the next change."""

    at: Beats
    chord: Chord | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Progression:
    """Chords in bars as written: each bar holds one or more chords that share it equally."""

    bars: tuple[tuple[Chord | None, ...], ...]
    text: str = field(default="", compare=False)


def chord_label(chord: Chord | None) -> str:
    """The chord's canonical symbol, or ``N.C.``."""
    return NO_CHORD_LABEL if chord is None else chord.label


def parse_chord(text: str) -> Chord | None:
    """Read one chord symbol; None for no chord (``N.C.``, ``NC``, ``N``).

    Raises ``ChordError``, which names the symbol and the character where reading failed.
    """
    symbol = text.strip()
    read = read_symbol(symbol)
    if read is None:
        return None
    return Chord(root=read.root, quality=read.quality, bass=None if read.bass == read.root else read.bass, text=symbol)


# Progressions

_TOKEN: Final = re.compile(r"\S+")
_REPEAT: Final = "%"
_HINTS: Final = {
    "/": "a slash for a beat is not read: chords in a bar share it equally",
    ".": "a dot for a beat is not read: chords in a bar share it equally",
    ":": "repeat signs are not read: write the bars out, or let the chart repeat by itself",
}


def parse_progression(text: str) -> Progression:
    """Read a progression in bars: ``Am7 | Dm7 G7 | Cmaj7 | % |``.

    Bars are parted by ``|``, one at the start or end is free; ``%`` alone in a bar repeats the bar before.
    Raises ``ChordError``, which names bar, column (from 1) and token.
    """
    bars: list[tuple[Chord | None, ...]] = []
    for number, (column, bar) in enumerate(_bars(text), start=1):
        tokens = [(column + match.start(), match.group()) for match in _TOKEN.finditer(bar)]
        if number > MAX_BARS:
            raise ChordError(f"A progression has at most {MAX_BARS} bars: send the rest as chord changes.")
        if not tokens:
            raise ChordError(
                f"Bar {number}, column {column}: the bar is empty. Write % to repeat a bar, N.C. for silence."
            )
        if len(tokens) > MAX_CHORDS_A_BAR:
            raise ChordError(f"Bar {number} holds {len(tokens)} chords: a bar holds at most {MAX_CHORDS_A_BAR}.")
        if [token for _, token in tokens] == [_REPEAT]:
            bars.append(_bar_before(bars, column=tokens[0][0]))
        else:
            bars.append(tuple(_chord_in_bar(token, number, place) for place, token in tokens))
    return Progression(bars=tuple(bars), text=text)


def _bars(text: str) -> Iterator[tuple[int, str]]:
    """Each bar's column (from 1) and text, without the bars that an outer bar line would make."""
    if not text.strip():
        raise ChordError("The progression is empty: send chords such as Am7 | Dm7 G7 | Cmaj7 | % |.")
    cells = text.split("|")
    column = 1
    last = len(cells) - 1
    for index, cell in enumerate(cells):
        outer = index in {0, last} and last > 0 and not cell.strip()
        if not outer or (last == 1 and index == 1 and not cells[0].strip()):
            yield column, cell
        column += len(cell) + 1


def _bar_before(bars: list[tuple[Chord | None, ...]], column: int) -> tuple[Chord | None, ...]:
    if not bars:
        raise ChordError(f'Bar 1, column {column}: "%" repeats the bar before, and there is none. Write a chord.')
    return bars[-1]


def _chord_in_bar(token: str, bar: int, column: int) -> Chord | None:
    place = f"Bar {bar}, column {column}: "
    if token == _REPEAT:
        raise ChordError(f'{place}"%" repeats a whole bar and stands there alone.')
    if token[0] in _HINTS:
        raise ChordError(f"{place}cannot read {quoted(token)}; {_HINTS[token[0]]}.")
    try:
        return parse_chord(token)
    except ChordError as error:
        raise ChordError(place + str(error)) from None
