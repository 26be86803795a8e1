"""The set of the stand-in: tempo, meter, transport, scale, loop, locators, tracks and scenes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from plugin_host.standins.live.clips import Clip
from plugin_host.standins.live.objects import Core, LimitationError, LiveObject
from plugin_host.standins.live.tracks import Kind, Track, audio_file

SCALES: Final = MappingProxyType(
    {
        "Major": (0, 2, 4, 5, 7, 9, 11),
        "Minor": (0, 2, 3, 5, 7, 8, 10),
        "Dorian": (0, 2, 3, 5, 7, 9, 10),
        "Minor Pentatonic": (0, 3, 5, 7, 10),
        "Hirajoshi": (0, 2, 3, 7, 8),
    }
)
"""Some of Live's scales."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CuePoint:
    """A locator."""

    name: str
    time: float


class View(LiveObject):
    """What is selected."""

    LISTENABLE = ("detail_clip", "selected_track")

    def __init__(self, core: Core) -> None:
        super().__init__(core)
        self.detail_clip: Clip | None = None

    def show(self, clip: Clip | None) -> None:
        """What a user does by clicking a clip."""
        self.detail_clip = clip
        self.tell("detail_clip")


class Song(LiveObject):
    """The set. What a user sets is set by ``change``; the script only reads it."""

    LISTENABLE = (
        "tempo", "signature_numerator", "signature_denominator", "is_playing", "root_note", "scale_name",
        "scale_intervals", "scale_mode", "loop", "loop_start", "loop_length", "tracks", "scenes", "cue_points",
    )  # fmt: skip

    def __init__(
        self, *, scenes: int = 8, missing: Iterable[str] = (), most_tracks: int = 200, most_scenes: int = 200
    ) -> None:
        """``missing`` are calls that an older Live lacks, as ``ClipSlot.create_audio_clip``."""
        super().__init__(Core())
        self.missing = frozenset(missing)
        self._most_tracks, self._most_scenes = most_tracks, most_scenes
        self.view = View(self.core)
        self.tempo = 120.0
        self.signature_numerator = self.signature_denominator = 4
        self.is_playing = False
        self.current_song_time = 0.0
        self.root_note, self.scale_name, self.scale_mode = 0, "Major", False
        self.loop, self.loop_start, self.loop_length = False, 0.0, 16.0
        self.cue_points: tuple[CuePoint, ...] = ()
        self.scenes: tuple[object, ...] = tuple(object() for _ in range(scenes))
        self.tracks: tuple[Track, ...] = ()
        self.guessed_bpm = 120.0
        """The tempo that Live takes the next file for."""

    @property
    def scale_intervals(self) -> tuple[int, ...]:
        """The scale in semitones above its root."""
        return SCALES[self.scale_name]

    def change(self, **values: object) -> None:
        """What a user does in the control bar or the arrangement."""
        for name, value in values.items():
            self.put(name, value, name, *(["scale_intervals"] if name == "scale_name" else []))

    def start_playing(self) -> None:
        """What a user does with the space bar."""
        self.is_playing = True
        self.tell("is_playing")

    def stop_playing(self) -> None:
        """The same again."""
        self.is_playing = False
        self.tell("is_playing")

    # Tracks and scenes

    def add_track(self, name: str, kind: Kind) -> Track:
        """A track at the end, as a user makes it."""
        if len(self.tracks) >= self._most_tracks:
            raise LimitationError("The maximum number of tracks is reached")
        track = Track(self, name, kind)
        self.put("tracks", (*self.tracks, track), "tracks")
        return track

    def track(self, name: str) -> Track:
        """The track of a name. Raises ``KeyError``."""
        for track in self.tracks:
            if track.name == name:
                return track
        raise KeyError(name)

    def delete_track(self, name: str) -> None:
        """What a user does; the track's listeners go with it."""
        track = self.track(name)
        self.put("tracks", tuple(other for other in self.tracks if other is not track), "tracks")
        track.gone = True

    def create_audio_track(self, index: int) -> Track:
        """A new audio track; -1 is the end. Raises ``LimitationError``."""
        self.core.may_change()
        if index not in (-1, len(self.tracks)):
            raise RuntimeError("Invalid track index")
        return self.add_track(f"{len(self.tracks) + 1}-Audio", "audio")

    def create_scene(self, index: int) -> object:
        """A new scene; -1 is the end. Raises ``LimitationError``."""
        self.core.may_change()
        if index not in (-1, len(self.scenes)):
            raise RuntimeError("Invalid scene index")
        if len(self.scenes) >= self._most_scenes:
            raise LimitationError("The maximum number of scenes is reached")
        before = self.scenes
        self.put("scenes", (*before, object()), "scenes")
        for track in self.tracks:
            track.add_slot()
        return self.scenes[-1]

    def delete_scene(self, index: int) -> None:
        """Take a scene away. Raises ``RuntimeError`` for one that is not there, and for the last."""
        self.core.may_change()
        if len(self.scenes) < 2 or not 0 <= index < len(self.scenes):
            raise RuntimeError("Invalid scene index")
        self.put("scenes", self.scenes[:index] + self.scenes[index + 1 :], "scenes")
        for track in self.tracks:
            track.drop_slot(index)

    def audio_clip(self, path: str, at: float | None = None) -> Clip:
        """A clip of a file, named as the file. Raises ``RuntimeError``."""
        file = audio_file(path)
        return Clip(self.core, name=file.stem, file=file, at=at, guessed_bpm=self.guessed_bpm)

    # Undo

    def begin_undo_step(self) -> None:
        """What comes now is one step."""
        self.core.begin_step()

    def end_undo_step(self) -> None:
        """The step is complete."""
        self.core.end_step()

    def undo(self) -> None:
        """What a user does with Ctrl-Z."""
        self.core.undo()
