"""What a name asks for, where a DAW's user has nothing but a name to say it in: a file's, or a clip's. Pure.

The name is the prompt. Parts are set off by ``|``, or by ``;`` where a name may hold no ``|``: ``N takes``, ``N bars``,
``seed N``, ``engine NAME``, and where clips go: ``slots``, ``arrangement`` or ``lanes``, each also with a track, as
``lanes: Keys``. The script in Live reads the names of its clips in the same way.
"""

from __future__ import annotations

import re
from typing import Final

from plugin_host.host import AREAS

Wish = tuple[str, tuple[int | str, ...]]
"""An address of the daemon's, and its arguments."""

_PARTS: Final = re.compile(r"[|;]")
_NUMBERED: Final = re.compile(r"(\d{1,4})\s*(take|bar)s?", re.IGNORECASE | re.ASCII)
_NAMED: Final = re.compile(r"(seed|engine)\s+(\S+)", re.IGNORECASE)
_PLACE: Final = re.compile(rf"({'|'.join(AREAS)})\s*(?::\s*(.+))?", re.IGNORECASE)
_MAX_SEED: Final = 2**31


def wishes(name: str) -> tuple[Wish, ...]:
    """The messages that a name stands for, without the one that asks; a prompt comes last."""
    parts = [part.strip() for part in _PARTS.split(name)]
    found = [(part, _wish(part)) for part in parts if part]
    words = " ".join(part for part, wish in found if wish is None)
    prompt: tuple[Wish, ...] = (("/sideman/prompt", (words,)),) if words else ()
    return (*(wish for _, wish in found if wish is not None), *prompt)


def _wish(part: str) -> Wish | None:
    if numbered := _NUMBERED.fullmatch(part):
        return f"/sideman/{numbered[2].lower()}s", (int(numbered[1]),)
    if place := _PLACE.fullmatch(part):
        return "/sideman/target", (place[1].lower() + (f":{place[2].strip()}" if place[2] else ""),)
    named = _NAMED.fullmatch(part)
    if named and named[1].lower() == "engine":
        return "/sideman/engine", (named[2].lower(),)
    if named and named[2].isdecimal() and named[2].isascii() and int(named[2]) < _MAX_SEED:
        return "/sideman/seed", (int(named[2]),)
    return None
