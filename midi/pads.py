"""Drum voices from the names that producers give to pads: ``Kick 808 Deep``, ``Hi-Hat Open 2``, ``SD Rim``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Final

from midi.drums import VOICES, Voice

_WORD: Final = re.compile(r"[a-z]+\d*|\d+")
_JOINED: Final = re.compile(r"\b(hi|high)[ _-]+hats?\b|\bhats?\b|\bhh\b")
_NUMBERED_TOM: Final = re.compile(r"\btom[ _-]+(\d)\b")
SHORT: Final = 2
"""A name of so many letters or fewer counts only where it comes first: ``CH 909``, not ``Bass ch 2``."""


def voice_of_pad(name: str) -> Voice | None:
    """The voice that a pad's name tells of; None where it tells of none.

    A name of the table, or another name of its voice, has all its words among the pad's. The one with the most words
    counts, and of those the one whose last word comes last: the noun comes last in ``Snare Rim``.
    """
    words = _words(name)
    best: tuple[int, int] = (0, -1)
    found = None
    for spelled, voice in _names().items():
        if not set(spelled) <= set(words):
            continue
        if len(spelled) == 1 and len(spelled[0]) <= SHORT and words[0] != spelled[0]:
            continue
        rank = (len(spelled), max(words.index(word) for word in spelled))
        if rank > best:
            best, found = rank, voice
    return found


@cache
def _names() -> Mapping[tuple[str, ...], Voice]:
    return {_words(name): voice for voice in VOICES for name in (voice.name, *voice.aliases)}


def _words(name: str) -> tuple[str, ...]:
    """The words of a name in small letters; every spelling of a hi-hat is one word, and so is a numbered tom."""
    text = re.sub(r"([a-z])([A-Z])", r"\1 \2", name).lower().replace("_", " ")
    text = _NUMBERED_TOM.sub(r"tom\1", _JOINED.sub("hihat", text))
    return tuple(_WORD.findall(text))
