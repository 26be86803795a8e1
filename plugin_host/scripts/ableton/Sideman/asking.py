"""Asking from inside Live: a clip that is launched on the track ASK is a request, and its name says what is asked.

The name is the prompt. Parts are set off by ``|``: ``N takes``, ``N bars``, ``seed N``, ``engine NAME``, and where the
clips go: ``slots``, ``arrangement`` or ``lanes``, each also with a track, as ``lanes: Keys``. ``cancel`` alone cancels.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Callable, List, Optional, Tuple

    from .listeners import Listeners
    from .lom import Track
    from .osc import Value

    Wish = Tuple[str, str, Tuple[Value, ...]]

GROUP = "ask"
_NUMBERED = re.compile(r"(\d{1,4})\s*(take|bar)s?$", re.IGNORECASE)
_NAMED = re.compile(r"(seed|engine)\s+(\S+)$", re.IGNORECASE)
_PLACE = re.compile(r"(slots|arrangement|lanes)\s*(?::\s*(.+))?$", re.IGNORECASE)


def wishes(name: str) -> List[Wish]:
    """The messages that a clip's name stands for; the last one asks."""
    parts = [part.strip() for part in name.split("|")]
    if [part.lower() for part in parts] == ["cancel"]:
        return [("/sideman/cancel", "", ())]
    messages: List[Wish] = []
    words = []
    for part in parts:
        wish = _wish(part)
        if wish is not None:
            messages.append(wish)
        elif part:
            words.append(part)
    if words:
        messages.append(("/sideman/prompt", "s", (" ".join(words),)))
    return messages + [("/sideman/generate", "", ())]


def _wish(part: str) -> Optional[Wish]:
    numbered, named, place = _NUMBERED.match(part), _NAMED.match(part), _PLACE.match(part)
    if numbered:
        return "/sideman/%ss" % numbered.group(2).lower(), "i", (int(numbered.group(1)),)
    if named and named.group(1).lower() == "engine":
        return "/sideman/engine", "s", (named.group(2).lower(),)
    if named and named.group(2).isdigit() and int(named.group(2)) < 2**31:
        return "/sideman/seed", "i", (int(named.group(2)),)
    if place:
        target = place.group(1).lower() + (":" + place.group(2).strip() if place.group(2) else "")
        return "/sideman/target", "s", (target,)
    return None


class AskTrack:
    """Hears what is launched on one track. The listeners only note it; ``asked`` hands it out in the tick."""

    def __init__(self, listeners: Listeners) -> None:
        self._listeners = listeners
        self._track: Optional[Track] = None
        self._slots: List[int] = []
        self._fired = -1

    def watch(self, track: Optional[Track]) -> None:
        """Hear this track from now on, or none."""
        if track == self._track:
            return
        self._listeners.clear(GROUP)
        self._track, self._fired = track, -1
        self._slots.clear()
        if track is not None:
            self._listeners.add(GROUP, track, "fired_slot_index", partial(self._note, "fired_slot_index"))
            self._listeners.add(GROUP, track, "playing_slot_index", partial(self._note, "playing_slot_index"))

    def _note(self, name: str) -> None:
        """A slot was fired, or plays without having been seen fired: once for each launch."""
        slot = getattr(self._track, name)
        if slot < 0:
            return
        if name == "fired_slot_index":
            self._fired = slot
            self._slots.append(slot)
        elif slot == self._fired:
            self._fired = -1
        else:
            self._slots.append(slot)

    def asked(self, ask: Callable[[str], None]) -> None:
        """Hand out the names of the clips that were launched since the last tick."""
        slots, self._slots = self._slots[:4], []
        for index in slots:
            track = self._track
            if track is not None and index < len(track.clip_slots) and track.clip_slots[index].has_clip:
                clip = track.clip_slots[index].clip
                if clip is not None:
                    ask(clip.name)
