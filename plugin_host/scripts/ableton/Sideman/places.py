"""Where a clip goes: the next empty slot of a track, its arrangement, or a take lane. Nothing is overwritten here.

In the arrangement Live gives a new clip the length that it guesses, cuts what lies behind it, and lets nobody change
the length of a clip that loops. So a clip for the arrangement is made in a slot, fitted there, and moved when it is as
long as its bars.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Generator, Optional, Sequence

    from .lom import Clip, Song, Track

TRACK = "Sideman"
LAST_BEAT = 1576800.0
"""Live's arrangement ends here."""
AREAS = ("slots", "arrangement", "lanes")
SLOTS_A_STEP = 24
"""Slots and clips that are looked into in one step."""
SAME_BEATS = 1e-3


class NotPlaced(Exception):
    """Why a clip cannot be placed, and what to do; the file stays where it is."""


class Put:
    """A clip that was made, and where it is in words."""

    def __init__(self, clip: Clip, where: str) -> None:
        self.clip, self.where = clip, where

    def finish(self) -> str:
        """The clip is fitted; says where it is now."""
        return self.where

    def lying(self) -> Optional[Clip]:
        """What lies now where the clip was put, where that can be said."""
        return None

    def playing(self) -> bool:
        """Whether it is heard, or about to be, by its own launch button."""
        return False

    def take(self, better: Put) -> str:
        """Put another fitted clip over this one; says where. Raises what Live raises; then this one is as it was."""
        raise NotPlaced("it lies where no clip is put over another")


class InSlot(Put):
    """A clip in a slot."""

    def __init__(self, clip: Clip, song: Song, track: Track, index: int, *, new_scene: bool) -> None:
        super().__init__(clip, "track %s, slot %d" % (track.name, index + 1))
        self.song, self.track, self.index, self.new_scene = song, track, index, new_scene

    def lying(self) -> Optional[Clip]:
        """The clip in the slot."""
        slots = self.track.clip_slots
        return slots[self.index].clip if self.index < len(slots) else None

    def playing(self) -> bool:
        """Whether the slot plays or blinks."""
        return self.index in (self.track.playing_slot_index, self.track.fired_slot_index)

    def take(self, better: Put) -> str:
        """Copy a clip of another slot into this one."""
        if not isinstance(better, InSlot):
            return super().take(better)
        slot = self.track.clip_slots[self.index]
        better.track.clip_slots[better.now_at()].duplicate_clip_to(slot)
        copied = slot.clip
        if copied is None or not is_of(copied, better.clip.file_path):
            raise NotPlaced("Live has not copied the clip")
        self.clip = copied
        better.empty()
        return self.where

    def now_at(self) -> int:
        """The slot that it is in now: scenes come and go while it is fitted. Raises ``NotPlaced`` where it is gone."""
        for index, slot in enumerate(self.track.clip_slots):
            if slot.has_clip and slot.clip == self.clip:
                return index
        raise NotPlaced("the new clip was taken out of its slot")

    def empty(self) -> None:
        """Take the clip out again, and the scene that was made for it unless something else is in it by now.

        What Live does not take back stays: a clip or an empty scene more is no harm.
        """
        with contextlib.suppress(RuntimeError, NotPlaced):
            index = self.now_at()
            self.track.clip_slots[index].delete_clip()
            slots = [track.clip_slots[index] for track in self.song.tracks if index < len(track.clip_slots)]
            if self.new_scene and not any(slot.has_clip for slot in slots):
                self.song.delete_scene(index)


class ForArrangement(Put):
    """A clip in a slot that goes into the arrangement when it is as long as its bars."""

    def __init__(self, made: InSlot, start: float, beats: float) -> None:
        super().__init__(made.clip, made.where)
        self._made, self._start, self._beats = made, start, beats

    def finish(self) -> str:
        """Move it; where that cannot be it stays in its slot, and the words say why."""
        try:
            return self._move(None)
        except NotPlaced as error:
            return self.where + ", not in the arrangement: %s" % error

    def lying(self) -> Optional[Clip]:
        """The clip that begins at its beat."""
        clips = self._made.track.arrangement_clips
        return next((clip for clip in clips if abs(clip.start_time - self._start) < SAME_BEATS), None)

    def take(self, better: Put) -> str:
        """Move another one here: Live cuts what a clip is moved over, and that is all of this one."""
        same = isinstance(better, ForArrangement) and better._made.track == self._made.track
        if not same or not isinstance(better, ForArrangement) or abs(better._start - self._start) > SAME_BEATS:
            return super().take(better)
        return better._move(self.lying())

    def _move(self, over: Optional[Clip]) -> str:
        """Move it to its beat, where ``over`` alone may lie. Raises ``NotPlaced``; then it is in its slot."""
        made, clip, start = self._made, self.clip, self._start
        if not clip.looping or abs(clip.loop_end - clip.loop_start - self._beats) > SAME_BEATS:
            raise NotPlaced("Live has not made it as long as its bars")
        if not _free([other for other in made.track.arrangement_clips if other != over], start, self._beats):
            raise NotPlaced("there is a clip at beat %g now" % start)
        try:
            made.track.duplicate_clip_to_arrangement(clip, float(start))
        except Exception as error:
            raise NotPlaced(str(error).strip() or type(error).__name__)
        if not is_of(self.lying(), clip.file_path):
            raise NotPlaced("Live has not put it there")
        made.empty()
        return "track %s, beat %g of the arrangement" % (made.track.name, start)


class Place:
    """A target as the daemon writes it: ``AREA:TRACK``, ``AREA``, ``:TRACK``; empty for the slots of Sideman."""

    def __init__(self, target: object) -> None:
        area, _, track = str(target).partition(":")
        self.area = area if area in AREAS else AREAS[0]
        self.track = track.strip() or TRACK

    def put(
        self, song: Song, path: str, start: float, beats: float, *, steady: bool, over: Optional[Clip] = None
    ) -> Put:
        """Make the clip; ``finish`` is to be called when it is fitted. Raises ``NotPlaced``, and what Live raises.

        ``steady`` is whether one tempo fills it: only then is it warped, and as long as its bars everywhere. ``over``
        is a draft in the arrangement that it may take the place of.
        """
        if not os.path.isfile(path):
            raise NotPlaced("The file of %s is gone." % os.path.splitext(os.path.basename(path))[0])
        track = self._track(song)
        if self.area == "slots":
            return _into_slot(song, track, path)
        if not 0 <= start <= LAST_BEAT - beats:
            raise NotPlaced("Live's arrangement has no beat %g." % start)
        if self.area == "arrangement":
            if not _free([clip for clip in track.arrangement_clips if clip != over], start, beats):
                raise NotPlaced(
                    "There is a clip on %s at beat %g of the arrangement already: move it, or ask for lanes."
                    % (track.name, start)
                )
            if steady:
                return ForArrangement(_into_slot(song, track, path), start, beats)
            return _into_arrangement(track, path, start)
        return _into_lane(track, path, start)

    def _track(self, song: Song) -> Track:
        """The track of that name, made where there is none."""
        named = [track for track in song.tracks if track.name.strip() == self.track]
        usable = [track for track in named if track.has_audio_input and not track.is_foldable]
        for track in usable:
            if not track.is_frozen:
                return track
        if usable:
            raise NotPlaced("The track %s is frozen: unfreeze it, or rename it and a new one is made." % self.track)
        if named:
            raise NotPlaced("The track %s is no audio track: rename it, and one is made." % self.track)
        try:
            song.create_audio_track(-1)
        except Exception as error:
            raise NotPlaced("There is no track %s, and Live makes no new one: %s" % (self.track, error))
        track = song.tracks[len(song.tracks) - 1]
        track.name = self.track
        return track


def _into_slot(song: Song, track: Track, path: str) -> InSlot:
    if not hasattr(track.clip_slots[0] if track.clip_slots else None, "create_audio_clip") and track.clip_slots:
        raise NotPlaced(too_old("12.0.5"))
    index = next((index for index, slot in enumerate(track.clip_slots) if not slot.has_clip), None)
    new_scene = index is None
    if index is None:
        try:
            song.create_scene(-1)
        except Exception as error:
            raise NotPlaced("Every slot of %s is taken, and Live makes no new scene: %s" % (track.name, error))
        index = len(track.clip_slots) - 1
    slot = track.clip_slots[index]
    slot.create_audio_clip(path)
    clip = slot.clip
    if clip is None:
        raise NotPlaced("Live made no clip of the file.")
    return InSlot(clip, song, track, index, new_scene=new_scene)


def _into_arrangement(track: Track, path: str, start: float) -> Put:
    """A clip that is not warped: Live says how long it is."""
    if not hasattr(track, "create_audio_clip"):
        raise NotPlaced(too_old("12.0.5"))
    if not _last(track.arrangement_clips, start):
        raise NotPlaced(
            "The tempo changes in the clip, so Live may make it longer than its bars, and a clip lies behind it on %s: "
            "ask for lanes." % track.name
        )
    where = "track %s, beat %g of the arrangement" % (track.name, start)
    return Put(track.create_audio_clip(path, float(start)), where)


def _into_lane(track: Track, path: str, start: float) -> Put:
    """A clip in the first lane that has nothing behind its beginning: it may be longer than its bars until it fits."""
    if not hasattr(track, "create_take_lane"):
        raise NotPlaced(too_old("12.2"))
    lanes = track.take_lanes
    index = next((index for index, lane in enumerate(lanes) if _last(lane.arrangement_clips, start)), None)
    if index is None:
        track.create_take_lane()
        lanes = track.take_lanes
        index = len(lanes) - 1
    clip = lanes[index].create_audio_clip(path, float(start))
    return Put(clip, "track %s, take lane %d, beat %g" % (track.name, index + 1, start))


def too_old(version: str) -> str:
    """This Live lacks a call that came with a version."""
    return (
        "This version of Live takes no audio clip from a script (that came with Live %s): drag the file in." % version
    )


def _free(clips: Sequence[Clip], start: float, beats: float) -> bool:
    return all(clip.end_time <= start + 1e-6 or clip.start_time >= start + beats - 1e-6 for clip in clips)


def _last(clips: Sequence[Clip], start: float) -> bool:
    """Whether nothing lies behind this beat."""
    return all(clip.end_time <= start + 1e-6 for clip in clips)


def holding(song: Song, path: str) -> Generator[None, None, Optional[str]]:
    """Where a clip of this file is already, in words; for offers that an earlier run of the script may have taken.

    It goes through the set in slices.
    """
    seen = 0
    for track in song.tracks:
        if not track.has_audio_input:
            continue
        for index, slot in enumerate(track.clip_slots):
            if slot.has_clip and is_of(slot.clip, path):
                return "track %s, slot %d" % (track.name, index + 1)
            seen += 1
            if seen % SLOTS_A_STEP == 0:
                yield
        lanes = [lane.arrangement_clips for lane in getattr(track, "take_lanes", ())]
        for clip in [clip for clips in [track.arrangement_clips] + lanes for clip in clips]:
            if is_of(clip, path):
                return "track %s, the arrangement" % track.name
            seen += 1
            if seen % SLOTS_A_STEP == 0:
                yield
    return None


def is_of(clip: Optional[Clip], path: str) -> bool:
    """Whether it is a clip of this file; one that Live does not tell the file of is another's."""
    try:
        return clip is not None and clip.is_audio_clip and os.path.normcase(clip.file_path) == os.path.normcase(path)
    except RuntimeError:
        return False
