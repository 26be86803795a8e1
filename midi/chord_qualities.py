"""Chord qualities: one table of the common ones, and alterations that build every other.

A quality is a set of tones above the root. Tones are kept in one canonical form (``canonical_tones``):
each pitch class once, a second or fourth beside a third as ninth or eleventh, a flat fifth or sixth
beside a perfect fifth as tension. So two spellings of one chord are equal, and a symbol can be
written for any set of tones (``quality_of``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """A chord's shape: its canonical suffix (``m7b5``; empty for a major triad) and its tones.

    ``intervals`` are semitones above the root, rising, the root (0) first, extensions above the octave
    (a ninth is 14).
    """

    symbol: str
    intervals: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityRow:
    """A row of the table: a quality, its other lead-sheet spellings, and its names in Harte's syntax.

    Spellings are in normal form: ``m`` for every sign of minor, ``maj`` for every sign of major,
    ``dim``, ``aug``, ``hdim``, and ``#`` and ``b`` for accidentals (``midi.chord_syntax`` brings text
    into it). Forms that alterations spell anyway, as ``m7(b5)``, are not listed. The first Harte name
    is the one that is written; the others are shorthands that are read.
    """

    quality: Quality
    spellings: tuple[str, ...]
    harte: tuple[str, ...]


def _row(symbol: str, tones: str, harte: str, *spellings: str) -> QualityRow:
    intervals = tuple(int(tone) for tone in tones.split())
    quality = Quality(symbol=symbol, intervals=intervals)
    return QualityRow(quality=quality, spellings=spellings, harte=tuple(harte.split()))


QUALITIES: Final[tuple[QualityRow, ...]] = (
    # Triads and power chord
    _row("", "0 4 7", "maj", "maj"),
    _row("m", "0 3 7", "min"),
    _row("dim", "0 3 6", "dim"),
    _row("aug", "0 4 8", "aug"),
    _row("sus2", "0 2 7", "sus2"),
    _row("sus4", "0 5 7", "sus4", "sus", "4"),
    _row("5", "0 7", "5"),
    _row("5(no5)", "0", "1"),
    # Sixths and added tones
    _row("6", "0 4 7 9", "maj6 6", "maj6", "add6"),
    _row("m6", "0 3 7 9", "min6"),
    _row("6/9", "0 4 7 9 14", "maj6(9)", "69", "maj69", "maj6/9"),
    _row("m6/9", "0 3 7 9 14", "min6(9)", "m69"),
    _row("add9", "0 4 7 14", "maj(9)", "add2", "2"),
    _row("madd9", "0 3 7 14", "min(9)", "madd2", "m2"),
    _row("add11", "0 4 7 17", "maj(11)", "add4"),
    _row("madd11", "0 3 7 17", "min(11)", "madd4"),
    # Sevenths
    _row("7", "0 4 7 10", "7", "dom7", "dom"),
    _row("maj7", "0 4 7 11", "maj7"),
    _row("m7", "0 3 7 10", "min7"),
    _row("mMaj7", "0 3 7 11", "minmaj7"),
    _row("m7b5", "0 3 6 10", "hdim7 hdim", "hdim", "hdim7"),
    _row("dim7", "0 3 6 9", "dim7"),
    _row("7sus4", "0 5 7 10", "sus4(b7)", "7sus"),
    _row("7sus2", "0 2 7 10", "sus2(b7)"),
    # Ninths
    _row("9", "0 4 7 10 14", "9"),
    _row("maj9", "0 4 7 11 14", "maj9"),
    _row("m9", "0 3 7 10 14", "min9"),
    _row("mMaj9", "0 3 7 11 14", "minmaj7(9)"),
    _row("m9b5", "0 3 6 10 14", "hdim7(9)", "hdim9"),
    _row("9sus4", "0 5 7 10 14", "sus4(b7,9)", "9sus"),
    # Elevenths and thirteenths
    _row("11", "0 4 7 10 14 17", "9(11) 11"),
    _row("maj11", "0 4 7 11 14 17", "maj9(11) maj11"),
    _row("m11", "0 3 7 10 14 17", "min9(11) min11"),
    _row("13", "0 4 7 10 14 21", "9(13) 13"),
    _row("maj13", "0 4 7 11 14 21", "maj9(13) maj13"),
    _row("m13", "0 3 7 10 14 21", "min9(13) min13"),
    _row("13sus4", "0 5 7 10 14 21", "sus4(b7,9,13)", "13sus"),
    # Altered
    _row("7b5", "0 4 6 10", "7(*5,b5)"),
    _row("7#5", "0 4 8 10", "aug(b7)", "aug7"),
    _row("7b9", "0 4 7 10 13", "7(b9)"),
    _row("7#9", "0 4 7 10 15", "7(#9)"),
    _row("7#11", "0 4 7 10 18", "7(#11)"),
    _row("7b13", "0 4 7 10 20", "7(b13)"),
    _row("7alt", "0 4 10 13 15 18 20", "7(*5,b9,#9,#11,b13)", "alt"),
    _row("9#5", "0 4 8 10 14", "aug(b7,9)", "aug9"),
    _row("9#11", "0 4 7 10 14 18", "9(#11)"),
    _row("13b9", "0 4 7 10 13 21", "7(b9,13)"),
    _row("7sus4b9", "0 5 7 10 13", "sus4(b7,b9)", "7susb9"),
    _row("maj7#5", "0 4 8 11", "aug(7)", "augmaj7"),
    _row("maj7b5", "0 4 6 11", "maj7(*5,b5)"),
    _row("maj7#11", "0 4 7 11 18", "maj7(#11)"),
    _row("maj9#11", "0 4 7 11 14 18", "maj9(#11)"),
)
"""Every quality that has a name of its own."""

_BY_TONES: Final[Mapping[tuple[int, ...], QualityRow]] = {row.quality.intervals: row for row in QUALITIES}

LEAD_SHEET_SPELLINGS: Final[Mapping[str, Quality]] = {
    spelling: row.quality for row in QUALITIES for spelling in (row.quality.symbol.lower(), *row.spellings)
}
"""Every suffix of the table in normal form."""

HARTE_SHORTHANDS: Final[Mapping[str, Quality]] = {
    name: row.quality for row in QUALITIES for name in row.harte if "(" not in name
}
"""Harte's shorthands, with the usual extensions of them."""

_MAJOR_SCALE: Final = (0, 2, 4, 5, 7, 9, 11)
_TENSIONS: Final = frozenset({13, 14, 15, 17, 18, 20, 21})
HIGHEST_DEGREE: Final = 13


def degree_semitones(degree: int, shift: int = 0) -> int:
    """Semitones from the root to a degree of the major scale (from 1), raised by ``shift``."""
    octave, step = divmod(degree - 1, 7)
    return 12 * octave + _MAJOR_SCALE[step] + shift


def canonical_tones(semitones: Iterable[int]) -> tuple[int, ...]:
    """The canonical form of a set of tones, the root added: see the module's description.

    ``[0, 2, 4, 7]`` becomes ``(0, 4, 7, 14)``: a major triad with an added ninth.
    """
    tones = {0} | {tone if tone in _TENSIONS else tone % 12 for tone in semitones}
    _raise(tones, 1, 13)
    if 4 in tones:
        _raise(tones, 3, 15)
    if tones & _THIRDS:
        _raise(tones, 2, 14)
        _raise(tones, 5, 17)
    if 7 in tones:
        _raise(tones, 6, 18)
        _raise(tones, 8, 20)
    if tones & {10, 11}:
        _raise(tones, 9, 21)
    return tuple(sorted(tone for tone in tones if tone < 12 or tone - 12 not in tones))


def _raise(tones: set[int], low: int, high: int) -> None:
    if low in tones:
        tones.remove(low)
        tones.add(high)


# Alterations


@dataclass(frozen=True, slots=True, kw_only=True)
class Alteration:
    """What a part such as ``b9`` or ``no5`` does: the base's tones that it takes out, and the tones it puts in."""

    removes: frozenset[int] = frozenset()
    adds: frozenset[int] = frozenset()


_THIRDS: Final = frozenset({3, 4})
_FAMILIES: Final[Mapping[int, frozenset[int]]] = {
    3: _THIRDS,
    5: frozenset({6, 7, 8}),
    7: frozenset({10, 11}),
    9: frozenset({13, 14, 15}),
    11: frozenset({17, 18}),
    13: frozenset({20, 21}),
}
"""The tones that ``no`` and a degree take out."""

_REPLACING: Final[Mapping[str, tuple[int, int]]] = {
    "b5": (7, 6),
    "#5": (7, 8),
    "b9": (14, 13),
    "b2": (14, 13),
    "#9": (14, 15),
    "#2": (14, 15),
    "#11": (17, 18),
    "#4": (17, 18),
    "b13": (21, 20),
    "b6": (21, 20),
}
"""An altered degree: the natural tone of the base that it replaces, and the tone it puts in."""

_ADDED: Final[Mapping[int, int]] = {2: 14, 4: 17, 6: 9, 9: 14, 11: 17, 13: 21}
"""A degree without accidental, and the tone it puts in."""


def _table_of_alterations() -> dict[str, Alteration]:
    table = {
        "sus2": Alteration(removes=_THIRDS, adds=frozenset({2})),
        "sus4": Alteration(removes=_THIRDS, adds=frozenset({5})),
        "sus": Alteration(removes=_THIRDS, adds=frozenset({5})),
        "maj7": Alteration(adds=frozenset({11})),
        "maj9": Alteration(adds=frozenset({11, 14})),
        "alt": Alteration(removes=frozenset({7}), adds=frozenset({13, 15, 18, 20})),
    }
    for degree, family in _FAMILIES.items():
        table[f"no{degree}"] = table[f"omit{degree}"] = Alteration(removes=family)
    for name, (natural, altered) in _REPLACING.items():
        table[name] = Alteration(removes=frozenset({natural}), adds=frozenset({altered}))
        table[f"add{name}"] = Alteration(adds=frozenset({altered}))
    for degree, tone in _ADDED.items():
        table[str(degree)] = table[f"add{degree}"] = Alteration(adds=frozenset({tone}))
    return table


ALTERATIONS: Final[Mapping[str, Alteration]] = _table_of_alterations()
"""Every part that may follow a base, in normal form."""

_TONE_ALTERATIONS: Final[Mapping[int, str]] = {
    2: "sus2",
    5: "sus4",
    6: "b5",
    8: "#5",
    9: "add6",
    11: "maj7",
    13: "b9",
    14: "add9",
    15: "#9",
    17: "add11",
    18: "#11",
    20: "b13",
    21: "add13",
}
"""How a tone that the base lacks is written."""

_TONE_DEGREES: Final[Mapping[int, str]] = {
    **dict(enumerate(("1", "b2", "2", "b3", "3", "4", "b5", "5", "#5", "6", "b7", "7"))),
    **{13: "b9", 14: "9", 15: "#9", 17: "11", 18: "#11", 20: "b13", 21: "13"},
}


def _altered_tones(base: Quality, names: Iterable[str]) -> tuple[int, ...]:
    """The base's tones after alterations. Every removal looks at the base alone, so their order is free."""
    parts = [ALTERATIONS[name] for name in names]
    removed: set[int] = set().union(*(part.removes for part in parts))
    added: set[int] = set().union(*(part.adds for part in parts))
    return canonical_tones((set(base.intervals) - removed) | added)


def compose(base: Quality, names: Iterable[str]) -> Quality:
    """``base`` with alterations of the ``ALTERATIONS`` table."""
    return _quality_of_tones(_altered_tones(base, names))


def quality_of(semitones: Iterable[int]) -> Quality:
    """The quality that has these tones above its root: a row of the table, or the shortest base with alterations."""
    return _quality_of_tones(canonical_tones(semitones))


@lru_cache(maxsize=4096)
def _quality_of_tones(tones: tuple[int, ...]) -> Quality:
    if tones in _BY_TONES:
        return _BY_TONES[tones].quality
    spelled = [(row.quality, names) for row in QUALITIES if (names := _alterations_to(row.quality, tones)) is not None]
    base, names = min(spelled, key=lambda pair: (len(pair[1]), len(pair[0].symbol)))
    return Quality(symbol=f"{base.symbol}({','.join(names)})", intervals=tones)


def _alterations_to(base: Quality, tones: tuple[int, ...]) -> tuple[str, ...] | None:
    """The alterations that make ``tones`` of ``base``; None where there are none."""
    missing = [tone for tone in tones if tone not in base.intervals]
    if not all(tone in _TONE_ALTERATIONS for tone in missing):
        return None
    names = [_TONE_ALTERATIONS[tone] for tone in missing]
    replaced: set[int] = set().union(*(ALTERATIONS[name].removes for name in names))
    surplus = set(base.intervals) - set(tones) - replaced
    names += [f"no{degree}" for degree, family in _FAMILIES.items() if family & surplus]
    return tuple(names) if _altered_tones(base, names) == tones else None


def harte_quality(quality: Quality) -> str:
    """What stands after the colon in Harte's syntax: a name of the table where there is one, else every degree."""
    row = _BY_TONES.get(quality.intervals)
    if row is not None:
        return row.harte[0]
    return f"({','.join(_TONE_DEGREES[tone] for tone in quality.intervals)})"


def harte_degree(semitones: int) -> str:
    """A tone within the octave as a degree in Harte's syntax."""
    return _TONE_DEGREES[semitones % 12]
