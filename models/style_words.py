"""From the words of a prompt to a style and its instruments."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from models.instruments import GENERAL_WORDS, INSTRUMENTS, Instrument, Role
from models.styles import DEFAULT_STYLE, STYLES, Style

_WORD: Final = re.compile(r"[a-z0-9&#]+")
_NEGATIONS: Final = frozenset({"no", "without", "not"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Ensemble:
    """A style, and who plays it."""

    style: Style
    comping: Instrument
    bass: Instrument
    lead: Instrument


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """What a phrase asks for: a style, an instrument, or a family of instruments."""

    style: Style | None = None
    instrument: Instrument | None = None
    family: str = ""


def choose_ensemble(prompt: str) -> Ensemble:
    """The ensemble that a prompt suggests; the default style where it suggests nothing.

    Whole words count, in any case, hyphens as spaces; of several styles, or instruments of a role, the one
    named first. The longest phrase wins: "synth bass" is no synth. What follows "no" or "without" does not count.
    """
    entries = list(_entries_in(prompt))
    instruments = [entry.instrument for entry in entries if entry.instrument is not None]
    named = next((entry.style for entry in entries if entry.style is not None), None)
    comping = _first(instruments, "comping")
    style = named or (STYLES[comping.home] if comping is not None else DEFAULT_STYLE)
    if comping is None:
        comping = _from_family(entries, style) or INSTRUMENTS[style.comping]
    return Ensemble(
        style=style,
        comping=comping,
        bass=_first(instruments, "bass") or _usual_bass(style, comping),
        lead=_first(instruments, "lead") or INSTRUMENTS[style.lead],
    )


def _first(instruments: list[Instrument], role: Role) -> Instrument | None:
    """The first instrument asked for whose own role this is: a piano is asked to comp, a flute to lead."""
    return next((instrument for instrument in instruments if instrument.roles[0] == role), None)


def _from_family(entries: list[_Entry], style: Style) -> Instrument | None:
    usual = INSTRUMENTS[style.comping]
    family = next((entry.family for entry in entries if entry.family), "")
    if not family or usual.family == family:
        return None
    return next(INSTRUMENTS[member] for name, member in GENERAL_WORDS.values() if name == family)


def _usual_bass(style: Style, comping: Instrument) -> Instrument:
    """The style's bass, unless that is the left hand of a comping instrument that was replaced."""
    if style.bass == style.comping != comping.name:
        return INSTRUMENTS[DEFAULT_STYLE.bass]
    return INSTRUMENTS[style.bass]


def _entries_in(prompt: str) -> Iterator[_Entry]:
    words = tuple(_WORD.findall(prompt.lower()))
    vocabulary = _vocabulary()
    longest = max(map(len, vocabulary))
    index = 0
    while index < len(words):
        length = next((n for n in range(longest, 0, -1) if words[index : index + n] in vocabulary), 0)
        if length and not (index and words[index - 1] in _NEGATIONS):
            yield vocabulary[words[index : index + length]]
        index += length or 1


@functools.cache
def _vocabulary() -> Mapping[tuple[str, ...], _Entry]:
    """Every phrase of both tables, as words."""
    phrases: dict[str, _Entry] = {}
    for style in STYLES.values():
        phrases |= dict.fromkeys(style.phrases, _Entry(style=style))
    for instrument in INSTRUMENTS.values():
        phrases |= dict.fromkeys(instrument.phrases, _Entry(instrument=instrument))
    for word, (family, _) in GENERAL_WORDS.items():
        phrases[word] = _Entry(family=family)
    return {tuple(_WORD.findall(phrase)): entry for phrase, entry in phrases.items()}
