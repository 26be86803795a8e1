"""The better take in the place of its draft: only a clip that this run of the script made, and that is as it left it.

The better take is made and fitted in a slot of its own first, and copied over the draft when it is ready. So nothing is
lost where Live does not take the file, and a clip that nobody touched is one that differs from the new one in its file
and name alone.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from typing import TYPE_CHECKING

from .clip_fit import MOST_DRIFT_S, drift_s
from .places import ForArrangement, InSlot, is_of

if TYPE_CHECKING:
    from typing import Optional

    from .lom import Clip
    from .places import Put

MOST_KNOWN = 1024
SAME = 1e-6
COMPARED = (
    "looping", "loop_start", "loop_end", "start_marker", "end_marker", "warping", "warp_mode", "muted", "gain",
    "pitch_coarse", "pitch_fine", "launch_mode", "launch_quantization", "legato", "has_envelopes",
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
        self._puts: OrderedDict[str, Put] = OrderedDict()

    def finish(self, path: str, put: Put) -> str:
        """A clip of a file is fitted; says where it is now."""
        where = put.finish()
        self._note(path, put)
        return where

    def draft_at(self, replaces: str) -> Optional[Clip]:
        """The draft of this file where it lies in the arrangement, where it does: it is in nobody's way."""
        put = self._puts.get(os.path.normcase(replaces))
        try:
            return put.lying() if isinstance(put, ForArrangement) else None
        except Exception:  # Live has its own errors for tracks that are gone
            return None

    def replace(self, path: str, replaces: str, put: Put, beats: float, seconds: float) -> str:
        """A better take is fitted in ``put``: copy it over its draft; says where it is then, or why it is not there."""
        draft = self._puts.get(os.path.normcase(replaces))
        why = self._why_not(draft, put, replaces, beats, seconds)
        if why or draft is None:
            return self.finish(path, put) + stays(why)
        try:
            where = draft.take(put)
        except Exception as error:
            return self.finish(path, put) + stays(str(error).strip() or type(error).__name__)
        self._note(path, draft)
        return where + IN_PLACE

    def _note(self, path: str, put: Put) -> None:
        self._puts[os.path.normcase(path)] = put
        while len(self._puts) > MOST_KNOWN:
            self._puts.popitem(last=False)

    def _why_not(self, draft: Optional[Put], put: Put, file: str, beats: float, seconds: float) -> str:
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
            return "" if _untouched(clip, put.clip, file, beats, seconds) else TOUCHED
        except Exception:  # Live has its own errors for tracks and clips that are gone
            return MOVED


def _untouched(clip: Clip, new: Clip, file: str, beats: float, seconds: float) -> bool:
    """Whether a clip has its file's name, the new one's properties, and the bars where its audio has them."""
    name = os.path.splitext(os.path.basename(file))[0]
    if clip.name != name or any(not _same(_value(clip, one), _value(new, one)) for one in COMPARED):
        return False
    if clip.is_arrangement_clip and not _same(clip.end_time - clip.start_time, float(beats)):
        return False
    return not clip.warping or drift_s(clip.warp_markers, beats, seconds) <= MOST_DRIFT_S


def _value(clip: Clip, name: str) -> Optional[object]:
    """A property; None where this version of Live, or this clip, has none."""
    try:
        value: object = getattr(clip, name, None)
    except RuntimeError:
        return None
    return value


def _same(one: object, other: object) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) < SAME
    return one == other
