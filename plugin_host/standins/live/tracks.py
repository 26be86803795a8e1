"""Tracks of the stand-in: slots, the arrangement, take lanes, Drum Racks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from plugin_host.standins.live.clips import Clip
from plugin_host.standins.live.objects import Core, LiveObject

if TYPE_CHECKING:
    from plugin_host.standins.live.live_set import Song

Kind = Literal["midi", "audio", "group"]
LAST_BEAT: Final = 1576800.0


class ClipSlot(LiveObject):
    """A slot of a track."""

    LISTENABLE = ("has_clip",)

    def __init__(self, track: Track) -> None:
        super().__init__(track.core)
        self._track = track
        self._clip: Clip | None = None
        self.missing: frozenset[str] = track.song.missing

    def __getattribute__(self, name: str) -> object:
        """A call that this version of Live lacks is not there."""
        if name == "create_audio_clip" and "ClipSlot.create_audio_clip" in object.__getattribute__(self, "missing"):
            raise AttributeError(name)
        return object.__getattribute__(self, name)

    @property
    def has_clip(self) -> bool:
        """Whether there is a clip."""
        return self._clip is not None

    @property
    def clip(self) -> Clip | None:
        """The clip, or None."""
        return self._clip

    def hold(self, clip: Clip | None) -> None:
        """What a user does by dragging a clip in, or deleting it."""
        if self._clip is not None and clip is None:
            self._clip.gone = True
        self.put("_clip", clip, "has_clip")

    def create_audio_clip(self, path: str) -> Clip:
        """A clip of the file. Raises ``RuntimeError`` where it cannot be."""
        self._track.takes_audio()
        if self._clip is not None:
            raise RuntimeError("Slot is not empty")
        self.core.may_change()
        clip = self._track.song.audio_clip(path)
        self.hold(clip)
        return clip

    def duplicate_clip_to(self, target: ClipSlot) -> None:
        """Copy the clip into another slot, over what is there. Raises ``RuntimeError`` where it cannot be."""
        if not isinstance(target, ClipSlot):
            raise TypeError("Python argument types did not match C++ signature")
        if self._clip is None:
            raise RuntimeError("Slot is empty")
        if target._track.kind != self._track.kind:
            raise RuntimeError("Source and target are slots of tracks of different types")
        self.core.may_change()
        if target._clip is not None:
            target._clip.put("gone", True)
        target.put("_clip", self._clip.copy(), "has_clip")

    def delete_clip(self) -> None:
        """Empty it. Raises ``RuntimeError`` where it is."""
        if self._clip is None:
            raise RuntimeError("Slot is empty")
        self.put("_clip", None, "has_clip")


class TakeLane(LiveObject):
    """A take lane."""

    LISTENABLE = ("name", "arrangement_clips")

    def __init__(self, track: Track, name: str) -> None:
        super().__init__(track.core)
        self._track = track
        self.name = name
        self._clips: tuple[Clip, ...] = ()

    @property
    def arrangement_clips(self) -> tuple[Clip, ...]:
        """Its clips."""
        return self._clips

    def create_audio_clip(self, path: str, start: float) -> Clip:
        """A clip of the file at a beat. Raises ``RuntimeError`` where it cannot be."""
        self._track.takes_audio()
        _check_beat(start)
        clip = self._track.song.audio_clip(path, at=start)
        kept = [other for other in self._clips if other.end_time <= start or other.start_time >= clip.end_time]
        self.put("_clips", (*kept, clip), "arrangement_clips")
        return clip


class DrumPad(LiveObject):
    """A pad; one that holds nothing has no chains."""

    LISTENABLE = ("name", "chains")

    def __init__(self, core: Core, note: int, name: str, *, filled: bool) -> None:
        super().__init__(core)
        self.note, self.name = note, name
        self.chains = [object()] if filled else []


class DrumRack(LiveObject):
    """A Drum Rack of 128 pads."""

    LISTENABLE = ("drum_pads", "chains")

    def __init__(self, core: Core, names: Mapping[int, str]) -> None:
        super().__init__(core)
        self.can_have_drum_pads = self.can_have_chains = True
        self.drum_pads = tuple(
            DrumPad(core, note, names.get(note, f"Pad {note}"), filled=note in names) for note in range(128)
        )
        self.chains = tuple(pad.chains[0] for pad in self.drum_pads if pad.chains)


class Track(LiveObject):
    """A track with as many slots as the set has scenes."""

    LISTENABLE = (
        "name", "clip_slots", "arrangement_clips", "take_lanes", "playing_slot_index", "fired_slot_index", "devices",
        "is_frozen",
    )  # fmt: skip

    def __init__(self, song: Song, name: str, kind: Kind) -> None:
        super().__init__(song.core)
        self.song, self.kind = song, kind
        self._name = name
        self._frozen = False
        self._playing = self._fired = -1
        self._clips: tuple[Clip, ...] = ()
        self._lanes: tuple[TakeLane, ...] = ()
        self._devices: tuple[DrumRack, ...] = ()
        self.clip_slots = [ClipSlot(self) for _ in song.scenes]

    def __getattribute__(self, name: str) -> object:
        """A call that this version of Live lacks is not there."""
        if name in ("create_audio_clip", "create_take_lane", "take_lanes"):
            song = object.__getattribute__(self, "song")
            if f"Track.{name}" in song.missing:
                raise AttributeError(name)
        return object.__getattribute__(self, name)

    @property
    def name(self) -> str:
        """As in its header."""
        self.check()
        return self._name

    @name.setter
    def name(self, name: str) -> None:
        self.put("_name", str(name), "name")

    @property
    def has_midi_input(self) -> bool:
        """Whether it is a MIDI track."""
        return self.kind == "midi"

    @property
    def has_audio_input(self) -> bool:
        """Whether it is an audio track."""
        return self.kind == "audio"

    @property
    def is_foldable(self) -> bool:
        """Whether it is a group."""
        return self.kind == "group"

    @property
    def is_frozen(self) -> bool:
        """Whether it is frozen."""
        return self._frozen

    def freeze(self, frozen: bool = True) -> None:
        """What a user does."""
        self.put("_frozen", frozen, "is_frozen")

    @property
    def arrangement_clips(self) -> tuple[Clip, ...]:
        """Its clips in the arrangement."""
        return self._clips

    @property
    def take_lanes(self) -> tuple[TakeLane, ...]:
        """Its take lanes."""
        return self._lanes

    @property
    def devices(self) -> tuple[DrumRack, ...]:
        """Its devices."""
        return self._devices

    def load(self, rack: DrumRack) -> None:
        """What a user does by dragging a Drum Rack in."""
        self.put("_devices", (*self._devices, rack), "devices")

    def arrange(self, clips: Iterable[Clip]) -> None:
        """What a user does in the arrangement."""
        self.put("_clips", tuple(clips), "arrangement_clips")

    @property
    def playing_slot_index(self) -> int:
        """The slot that plays, -1 for none."""
        return self._playing

    @property
    def fired_slot_index(self) -> int:
        """The slot that blinks, -1 for none."""
        return self._fired

    def launch(self, index: int, *, quantised: bool = True) -> None:
        """What a user does by clicking a launch button; without quantisation the slot never blinks."""
        if quantised:
            self._fired = index
            self.tell("fired_slot_index")
            self._fired = -1
            self.tell("fired_slot_index")
        moved, self._playing = self._playing != index, index
        if moved:
            self.tell("playing_slot_index")

    def add_slot(self) -> None:
        """A new scene has a slot on every track."""
        self.put("clip_slots", [*self.clip_slots, ClipSlot(self)], "clip_slots")

    def drop_slot(self, index: int) -> None:
        """A scene's slot goes with it."""
        self.put("clip_slots", self.clip_slots[:index] + self.clip_slots[index + 1 :], "clip_slots")

    def takes_audio(self) -> None:
        """Raise ``RuntimeError`` where no audio clip can be made."""
        self.check()
        if self.kind != "audio":
            raise RuntimeError("Audio clips can only be created on audio tracks")
        if self._frozen:
            raise RuntimeError("Clips cannot be created on frozen tracks")

    def create_audio_clip(self, path: str, start: float) -> Clip:
        """A clip of the file in the arrangement; what it covers is cut, as in Live."""
        self.takes_audio()
        _check_beat(start)
        return self._lay(self.song.audio_clip(path, at=start))

    def duplicate_clip_to_arrangement(self, clip: Clip, start: float) -> Clip:
        """A copy of a clip in the arrangement; what it covers is cut."""
        if not isinstance(clip, Clip):
            raise TypeError("Python argument types did not match C++ signature")
        if clip.is_audio_clip:
            self.takes_audio()
        _check_beat(start)
        return self._lay(clip.copy_at(start))

    def _lay(self, clip: Clip) -> Clip:
        start, end = clip.start_time, clip.end_time
        kept = [other for other in self._clips if other.end_time <= start or other.start_time >= end]
        self.put("_clips", (*kept, clip), "arrangement_clips")
        return clip

    def create_take_lane(self) -> TakeLane:
        """A new lane at the end."""
        self.check()
        lane = TakeLane(self, f"Take {len(self._lanes) + 1}")
        self.put("_lanes", (*self._lanes, lane), "take_lanes")
        return lane


def _check_beat(start: float) -> None:
    if not isinstance(start, float):
        raise TypeError("Python argument types did not match C++ signature")
    if not 0 <= start <= LAST_BEAT:
        raise RuntimeError("The time is outside the arrangement")


def audio_file(path: str) -> Path:
    """The file of a path as Live takes it: absolute. Raises ``RuntimeError``."""
    if not isinstance(path, str) or not Path(path).is_absolute():
        raise RuntimeError("The path doesn't point to a valid audio file")
    return Path(path)
