"""How captions and prompts are spelled for the word encoder, so that any tempo, key and meter has a word. Pure.

Tempos are rounded to fives (``118 bpm``, ``bpm: 118`` and ``tempo 118`` are ``bpm_120``), tonics have one name each
(``Db minor`` and ``C# minor`` are ``key_c# minor``), and meters are one word (``3/4`` is ``meter_3_4``). All else is in
small letters, as it stands.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from midi.keys import MODES
from midi.pitch_names import NOTE_NAMES, read_note_name

TEMPO_STEP_BPM: Final = 5
SLOWEST_BPM: Final = 60
FASTEST_BPM: Final = 180
"""Training music is from 60 to 180; what is beyond has the word of the end."""
TEMPO_WORDS: Final = tuple(f"bpm_{bpm}" for bpm in range(SLOWEST_BPM, FASTEST_BPM + 1, TEMPO_STEP_BPM))
TONIC_WORDS: Final = tuple(f"key_{name.lower()}" for name in NOTE_NAMES)

_SIGNS: Final = str.maketrans({"♯": "#", "♭": "b"})
_BPM: Final = r"[0-9]{2,3}(?:\.[0-9]{1,6})?"
_TEMPO: Final = re.compile(
    rf"(?<![\w.])(?:(?:bpm|tempo)\s*[:=]?\s*(?P<after>{_BPM})(?:\s*bpm)?|(?P<before>{_BPM})[\s-]*bpm)(?!\w)"
)
_METER: Final = re.compile(r"(?<![\w/])([0-9]{1,2})/(2|4|8|16)(?![\w/])")
_MODE_NAMES: Final = "|".join(
    re.escape(name) for name in sorted({"maj", "min", *MODES} - {"blues"}, key=len, reverse=True)
)
"""What makes a letter before it a tonic. "A blues" is more often a piece than a key: it is one after "key" alone."""
_TONIC: Final = r"(?P<letter>[a-g])(?P<sign>#|b|[\s-]?sharp|[\s-]?flat)?"
_KEY: Final = re.compile(rf"(?<![\w#]){_TONIC}[\s-]*(?P<mode>{_MODE_NAMES})(?![\w#])")
_KEY_TOLD: Final = re.compile(rf"(?<![\w#])key(?:\s+of|\s*[:=])?\s+{_TONIC}(?![\w#])")
_WHOLE_NAMES: Final = {"maj": "major", "min": "minor"}


def spelled(text: str) -> str:
    """The text with tempos, keys and meters as the words that stand for them, in small letters."""
    plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).translate(_SIGNS).lower())
    plain = " ".join(plain.split())  # patterns that skip blanks would skip many of them again and again
    plain = _TEMPO.sub(lambda match: f" {tempo_word(float(match['after'] or match['before']))} ", plain)
    plain = _METER.sub(lambda match: f" meter_{int(match[1])}_{match[2]} ", plain)
    plain = _KEY.sub(lambda match: f" {_tonic(match)} {_WHOLE_NAMES.get(match['mode'], match['mode'])} ", plain)
    return _KEY_TOLD.sub(lambda match: f" key {_tonic(match)} ", plain)


def tempo_word(bpm: float) -> str:
    """The word of a tempo: the nearest five, the upper one of two, within the range."""
    steps = min(max(bpm, SLOWEST_BPM), FASTEST_BPM) / TEMPO_STEP_BPM
    return f"bpm_{int(steps + 0.5) * TEMPO_STEP_BPM}"


def _tonic(match: re.Match[str]) -> str:
    sign = (match["sign"] or "").strip(" \t\n-")
    note = read_note_name(match["letter"].upper() + {"sharp": "#", "flat": "b"}.get(sign, sign))
    return TONIC_WORDS[note.pitch_class if note else 0]
