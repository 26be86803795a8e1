"""The better take in the place of its draft: only a clip that this run of the script made, and that is as it left it.

The better take is made and fitted in a slot of its own first, and copied over the draft when it is ready. So nothing is
lost where Live does not take the file. What a user can change of a clip is noted when it was fitted, and a clip that
nobody touched is one that is so still.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from typing import TYPE_CHECKING

from .places import ForArrangement, InSlot, is_of

if TYPE_CHECKING:
    from typing import List, Optional, Tuple

    from .lom import Clip
    from .places import Put

    State = List[object]

MOST_KNOWN = 1024
SAME = 1e-6
COMPARED = (
    "name", "color_index", "looping", "loop_start", "loop_end", "start_marker", "end_marker", "warping", "warp_mode",
    "ram_mode", "muted", "gain", "pitch_coarse", "pitch_fine", "launch_mode", "launch_quantization", "legato",
    "velocity_amount", "signature_numerator", "signature_denominator", "has_groove", "has_envelopes",
)  # fmt: skip
IN_PLACE = ", in the place of its draft"
NOT_OURS = "this run of the script did not put it there"
MOVED = "it is not where it was put"
PLAYING = "it is playing"
TOUCHED = "it was changed"
ELSEWHERE = "only clips in slots and in the arrangement are replaced"


def stays(why: str) -> str:
    """What is said behind the place of a clip whose draft stays."""
    return "; its draft is not replaced: %s" % why


class Made:
    """The clips that this run of the script made, by their files; and the better takes' way into their places."""

    def __init__(self) -> None:
        self._puts: OrderedDict[str, Tuple[Put, Optional[State]]] = OrderedDict()

    def finish(self, path: str, put: Put) -> str:
        """A clip of a file is fitted; says where it is now."""
        where = put.finish()
        self._note(path, put)
        return where

    def draft_at(self, replaces: str) -> Optional[Clip]:
        """The draft of this file where it lies in the arrangement, where it does: it is in nobody's way."""
        put, _ = self._puts.get(os.path.normcase(replaces), (None, None))
        try:
            return put.lying() if isinstance(put, ForArrangement) else None
        except Exception:  # Live has its own errors for tracks that are gone
            return None

    def replace(self, path: str, replaces: str, put: Put) -> str:
        """A better take is fitted in ``put``: copy it over its draft; says where it is then, or why it is not there."""
        draft, state = self._puts.get(os.path.normcase(replaces), (None, None))
        why = self._why_not(draft, state, put, replaces)
        if why or draft is None:
            return self.finish(path, put) + stays(why)
        try:
            where = draft.take(put)
        except Exception as error:
            return self.finish(path, put) + stays(str(error).strip() or type(error).__name__)
        self._note(path, draft)
        return where + IN_PLACE

    def _note(self, path: str, put: Put) -> None:
        try:
            clip = put.lying()
            state = _state(clip) if clip is not None and is_of(clip, path) else None
        except Exception:  # as above
            state = None
        self._puts[os.path.normcase(path)] = put, state
        while len(self._puts) > MOST_KNOWN:
            self._puts.popitem(last=False)

    def _why_not(self, draft: Optional[Put], state: Optional[State], put: Put, file: str) -> str:
        """Why a draft stays; empty where it can be replaced."""
        if draft is None:
            return NOT_OURS
        if type(put) is not type(draft) or not isinstance(put, (InSlot, ForArrangement)):
            return ELSEWHERE
        try:
            clip = draft.lying()
            if clip is None or not is_of(clip, file):
                return MOVED
            if draft.playing():
                return PLAYING
            return "" if state is not None and _same(_state(clip), state) else TOUCHED
        except Exception:  # Live has its own errors for tracks and clips that are gone
            return MOVED


def _state(clip: Clip) -> State:
    """What a user can change of a clip, as far as Live tells a script."""
    state: State = [_value(clip, name) for name in COMPARED]
    if clip.is_arrangement_clip:  # of one in a slot they say when it was launched
        state += [clip.start_time, clip.end_time]
    for marker in clip.warp_markers if clip.warping else ():
        state += [marker.sample_time, marker.beat_time]
    return state


def _value(clip: Clip, name: str) -> Optional[object]:
    """A property; None where this version of Live, or this clip, has none."""
    try:
        value: object = getattr(clip, name, None)
    except RuntimeError:
        return None
    return value


def _same(one: State, other: State) -> bool:
    return len(one) == len(other) and all(_equal(left, right) for left, right in zip(one, other))


def _equal(one: object, other: object) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) < SAME
    return one == other
