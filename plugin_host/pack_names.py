"""Names of loop packs: what a clip is called for programs and samplers that read nothing but its name. Pure.

``bossa-nova_112bpm_Am_4bars_take1.wav`` is a name on macOS, Windows and Linux, on a FAT card of a sampler and in an
archive: ASCII letters, digits, ``-``, ``_`` and the dot of a broken tempo.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from plugin_host.host import Placement

MOST_WORDS: Final = 48
"""Characters of the prompt that are part of a name."""
MOST_FOLDER: Final = 40
NO_PROMPT: Final = "sideman"
NO_FOLDER: Final = "track"
_NO_WORD: Final = re.compile(r"[^A-Za-z0-9]+")
_NO_FOLDER_LETTER: Final = re.compile(r"[^A-Za-z0-9_-]+")
_TAKEN: Final = re.compile(r"CON|PRN|AUX|NUL|COM\d|LPT\d|in", re.IGNORECASE)
"""What Windows takes for a device, and the folder that MIDI files are dropped into."""


def pack_name(placement: Placement, take: int) -> str:
    """The name of a clip's file without its extension; ``take`` counts from 1."""
    parts = [_words(placement.prompt), f"{round(placement.tempo, 2):g}bpm"]
    if placement.key is not None:
        parts.append(placement.key.short)
    parts += [f"{placement.bars}bar{'s' if placement.bars != 1 else ''}", f"take{take}"]
    return "_".join(parts)


def _words(prompt: str) -> str:
    """The prompt as words with dashes between, cut where a word ends."""
    words = _NO_WORD.sub("-", _ascii(prompt).lower()).strip("-")
    if len(words) > MOST_WORDS:
        whole, dash, _ = words[: MOST_WORDS + 1].rpartition("-")
        words = whole if dash else words[:MOST_WORDS]
    return words or NO_PROMPT


def folder_name(track: str) -> str:
    """A track's name as that of a folder; never empty, a path, a device of Windows, or ``in``."""
    name = _NO_FOLDER_LETTER.sub(" ", _ascii(track))
    name = " ".join(name.split())[:MOST_FOLDER].strip(" -") or NO_FOLDER
    return f"{name} {NO_FOLDER}" if _TAKEN.fullmatch(name) else name


def _ascii(text: str) -> str:
    """Letters without their marks; what is no ASCII then is a blank."""
    plain = unicodedata.normalize("NFKD", text.replace("ß", "ss").replace("ø", "o").replace("Ø", "O"))
    return "".join(letter if letter.isascii() else "" if unicodedata.combining(letter) else " " for letter in plain)
