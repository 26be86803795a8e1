"""Where a clip goes: the next empty slot of a track, its arrangement, or a take lane. Nothing is ever overwritten."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Optional, Sequence, Tuple

    from .lom import Clip, Song, Track

    Put = Tuple[Clip, str]

TRACK = "Sideman"
LAST_BEAT = 1576800.0
"""Live's arrangement ends here."""
AREAS = ("slots", "arrangement", "lanes")


class NotPlaced(Exception):
    """Why a clip cannot be placed, and what to do; the file stays where it is."""


class Place:
    """A target as the daemon writes it: ``AREA:TRACK``, ``AREA``, ``:TRACK``; empty for the slots of Sideman."""

    def __init__(self, target: object) -> None:
        area, _, track = str(target).partition(":")
        self.area = area if area in AREAS else AREAS[0]
        self.track = track.strip() or TRACK

    def put(self, song: Song, path: str, start: float, beats: float, name: str) -> Put:
        """Make the clip; returns it, and where it is in words. Raises ``NotPlaced``, and what Live raises."""
        if not os.path.isfile(path):
            raise NotPlaced("The file of %s is gone." % name)
        track = self._track(song)
        if self.area == "slots":
            return _into_slot(song, track, path)
        if not 0 <= start <= LAST_BEAT - beats:
            raise NotPlaced("Live's arrangement has no beat %g." % start)
        if self.area == "arrangement":
            return _into_arrangement(track, path, start, beats)
        return _into_lane(track, path, start, beats)

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


def _into_slot(song: Song, track: Track, path: str) -> Put:
    if not hasattr(track.clip_slots[0] if track.clip_slots else None, "create_audio_clip") and track.clip_slots:
        raise NotPlaced(too_old("12.0.5"))
    index = next((index for index, slot in enumerate(track.clip_slots) if not slot.has_clip), None)
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
    return clip, "track %s, slot %d" % (track.name, index + 1)


def _into_arrangement(track: Track, path: str, start: float, beats: float) -> Put:
    if not hasattr(track, "create_audio_clip"):
        raise NotPlaced(too_old("12.0.5"))
    if not _free(track.arrangement_clips, start, beats):
        raise NotPlaced(
            "There is a clip on %s at beat %g of the arrangement already: move it, or ask for lanes."
            % (track.name, start)
        )
    return track.create_audio_clip(path, float(start)), "track %s, beat %g of the arrangement" % (track.name, start)


def _into_lane(track: Track, path: str, start: float, beats: float) -> Put:
    if not hasattr(track, "create_take_lane"):
        raise NotPlaced(too_old("12.2"))
    lanes = track.take_lanes
    index = next((index for index, lane in enumerate(lanes) if _free(lane.arrangement_clips, start, beats)), None)
    if index is None:
        track.create_take_lane()
        lanes = track.take_lanes
        index = len(lanes) - 1
    clip = lanes[index].create_audio_clip(path, float(start))
    return clip, "track %s, take lane %d, beat %g" % (track.name, index + 1, start)


def too_old(version: str) -> str:
    """This Live lacks a call that came with a version."""
    return (
        "This version of Live takes no audio clip from a script (that came with Live %s): drag the file in." % version
    )


def _free(clips: Sequence[Clip], start: float, beats: float) -> bool:
    return all(clip.end_time <= start + 1e-6 or clip.start_time >= start + beats - 1e-6 for clip in clips)


def holding(song: Song, path: str) -> Optional[str]:
    """Where a clip of this file is already, in words; for offers that an earlier run of the script may have taken."""
    for track in song.tracks:
        if not track.has_audio_input:
            continue
        for index, slot in enumerate(track.clip_slots):
            if slot.has_clip and _is_of(slot.clip, path):
                return "track %s, slot %d" % (track.name, index + 1)
        lanes = [lane.arrangement_clips for lane in getattr(track, "take_lanes", ())]
        for clips in [track.arrangement_clips] + lanes:
            if any(_is_of(clip, path) for clip in clips):
                return "track %s, the arrangement" % track.name
    return None


def _is_of(clip: Optional[Clip], path: str) -> bool:
    return clip is not None and clip.is_audio_clip and os.path.normcase(clip.file_path) == os.path.normcase(path)
