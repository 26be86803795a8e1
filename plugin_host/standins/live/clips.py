"""Clips of the stand-in: notes, loops, and audio that is warped when Live gets round to it."""

from __future__ import annotations

import wave
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

from plugin_host.standins.live.objects import Core, LiveObject

MODES: Final = (0, 1, 2, 3, 4, 6)
"""The warp modes of a usual audio clip: Beats, Tones, Texture, Re-Pitch, Complex, Complex Pro."""
HIDDEN_BEATS: Final = 1 / 32
"""The last warp marker lies this far behind the one before it, and is not shown."""
BPM_RANGE: Final = (5.0, 999.0)
UNITY: Final = 0.4
"""The gain at which a clip is as loud as its file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MidiNote:
    """A note in beats of the clip's own time."""

    pitch: int
    start_time: float
    duration: float
    velocity: float = 100.0
    mute: bool = False


class WarpMarker:
    """A place in the file, in seconds, and the beat that it is heard at. Live takes no keywords here."""

    def __init__(self, sample_time: float, beat_time: float, /) -> None:
        self.sample_time = float(sample_time)
        self.beat_time = float(beat_time)


class Clip(LiveObject):
    """A clip. A MIDI clip has notes; an audio clip has a file, and is warped or not."""

    LISTENABLE = (
        "name", "notes", "loop_start", "loop_end", "looping", "muted", "start_marker", "end_marker", "start_time",
        "end_time", "warping", "warp_mode", "warp_markers", "gain", "pitch_coarse",
    )  # fmt: skip

    def __init__(
        self,
        core: Core,
        *,
        name: str = "",
        length: float = 4.0,
        notes: Iterable[MidiNote] = (),
        at: float | None = None,
        file: Path | None = None,
        guessed_bpm: float = 120.0,
    ) -> None:
        """``at`` is the beat of an arrangement clip; ``guessed_bpm`` is what Live takes a file's tempo for."""
        super().__init__(core)
        self._name = name
        self._notes = tuple(notes)
        self._muted = False
        self._warping = False
        self._looping = file is None
        self._gain, self._pitch = UNITY, 0
        self._mode = 0
        self._at = at
        self._file = file
        self._guessed_bpm = guessed_bpm
        self.seconds = _seconds(file) if file else 0.0
        self._end = self.seconds if file else length
        self._start = 0.0
        self._start_marker, self._end_marker = 0.0, self._end
        self._markers: tuple[WarpMarker, ...] = ()
        self._region = self._beats(self._end)

    # What it is

    @property
    def is_midi_clip(self) -> bool:
        """Whether it has notes."""
        return self._file is None

    @property
    def is_audio_clip(self) -> bool:
        """Whether it has a file."""
        return self._file is not None

    @property
    def is_arrangement_clip(self) -> bool:
        """Whether it lies in the arrangement."""
        return self._at is not None

    @property
    def start_time(self) -> float:
        """The song beat that an arrangement clip begins at."""
        return self._at or 0.0

    @property
    def end_time(self) -> float:
        """The song beat of an arrangement clip's right edge; a session clip's length in beats.

        What loops keeps its right edge. Where it does not loop, the edge goes with the ends of the loop.
        """
        return self.start_time + (self._region if self.is_arrangement_clip else self._beats(self._end - self._start))

    def _beats(self, length: float) -> float:
        """An unwarped clip takes its seconds at the guessed tempo."""
        return length if self.is_midi_clip or self._warping else length * self._guessed_bpm / 60

    def copy(self, at: float | None = None) -> Clip:
        """This clip once more, in a slot, or at a beat of the arrangement."""
        copy = Clip(self.core, file=self._file, at=at, guessed_bpm=self._guessed_bpm)
        for name in ("_name", "_notes", "_muted", "_warping", "_looping", "_mode", "_end", "_start", "_start_marker",
                     "_end_marker", "_markers", "_gain", "_pitch"):  # fmt: skip
            setattr(copy, name, getattr(self, name))
        return copy

    def copy_at(self, at: float) -> Clip:
        """This clip in the arrangement, once through its loop, or from marker to marker."""
        copy = self.copy(at)
        copy._region = copy._beats(copy.loop_end - copy.loop_start)
        return copy

    @property
    def file_path(self) -> str:
        """The file. Raises ``RuntimeError`` for a MIDI clip."""
        if self._file is None:
            raise RuntimeError("Only audio clips have a file path")
        return str(self._file)

    # What can be set

    @property
    def name(self) -> str:
        """As shown."""
        self.check()
        return self._name

    @name.setter
    def name(self, name: str) -> None:
        self.put("_name", str(name), "name")

    @property
    def muted(self) -> bool:
        """Whether the clip is switched off."""
        return self._muted

    @muted.setter
    def muted(self, muted: bool) -> None:
        self.put("_muted", bool(muted), "muted")

    @property
    def gain(self) -> float:
        """How loud it is, from 0 to 1."""
        self._only_audio()
        return self._gain

    @gain.setter
    def gain(self, gain: float) -> None:
        self._only_audio()
        self.put("_gain", float(gain), "gain")

    @property
    def pitch_coarse(self) -> int:
        """Semitones that it is transposed by."""
        self._only_audio()
        return self._pitch

    @pitch_coarse.setter
    def pitch_coarse(self, semitones: int) -> None:
        self._only_audio()
        self.put("_pitch", int(semitones), "pitch_coarse")

    @property
    def looping(self) -> bool:
        """Whether it loops. Unwarped audio cannot."""
        return self._looping

    @looping.setter
    def looping(self, looping: bool) -> None:
        if looping and self.is_audio_clip and not self._warping:
            raise RuntimeError("Unwarped audio cannot be looped")
        self.put("_looping", bool(looping), "looping")

    @property
    def loop_start(self) -> float:
        """The loop's start in beats, the start marker where it does not loop; seconds for unwarped audio."""
        return self._start if self._looping else self._start_marker

    @loop_start.setter
    def loop_start(self, beat: float) -> None:
        if beat >= self.loop_end:
            raise RuntimeError("Cannot set LoopStart behind LoopEnd")
        self.put("_start" if self._looping else "_start_marker", float(beat), "loop_start")
        self._move_edge()

    @property
    def loop_end(self) -> float:
        """The loop's end, the end marker where it does not loop."""
        return self._end if self._looping else self._end_marker

    @loop_end.setter
    def loop_end(self, beat: float) -> None:
        if beat <= self.loop_start:
            raise RuntimeError("Cannot set LoopEnd before LoopStart")
        self.put("_end" if self._looping else "_end_marker", float(beat), "loop_end")
        self._move_edge()

    def _move_edge(self) -> None:
        if self.is_arrangement_clip and not self._looping:
            self.put("_region", self._beats(self._end_marker - self._start_marker), "end_time")

    @property
    def start_marker(self) -> float:
        """Where playing begins."""
        return self._start_marker

    @start_marker.setter
    def start_marker(self, beat: float) -> None:
        if beat >= self._end_marker:
            raise RuntimeError("Invalid: start marker behind end marker")
        self.put("_start_marker", float(beat), "start_marker")

    @property
    def end_marker(self) -> float:
        """Where playing ends without a loop."""
        return self._end_marker

    @end_marker.setter
    def end_marker(self, beat: float) -> None:
        if beat <= self._start_marker:
            raise RuntimeError("Invalid: end marker before start marker")
        self.put("_end_marker", float(beat), "end_marker")

    # Notes

    def set_notes(self, notes: Iterable[MidiNote]) -> None:
        """What a user does in the note editor."""
        self.put("_notes", tuple(notes), "notes")

    def get_notes_extended(self, pitch: int, pitches: int, start: float, span: float) -> tuple[MidiNote, ...]:
        """The notes that begin in a range. Raises ``RuntimeError`` for an audio clip and a span that is none."""
        self.check()
        if not self.is_midi_clip:
            raise RuntimeError("Only MIDI clips have notes")
        if span <= 0:
            raise RuntimeError("The time span must be greater than 0")
        return tuple(
            note
            for note in self._notes
            if pitch <= note.pitch < pitch + pitches and start <= note.start_time < start + span
        )

    # Warping

    @property
    def warping(self) -> bool:
        """Whether it is warped. Live sets it later than it is told to."""
        self._only_audio()
        return self._warping

    @warping.setter
    def warping(self, warping: bool) -> None:
        self._only_audio()
        self.core.may_change()
        self.core.deferred.append(lambda: self._warp(bool(warping)))

    def _warp(self, warping: bool) -> None:
        if self.gone or warping == self._warping:
            return
        rate = self._guessed_bpm / 60 if warping else 60 / self._guessed_bpm
        names = ("_start", "_end", "_start_marker", "_end_marker")
        for name in names:
            self.put(name, getattr(self, name) * rate)
        first = WarpMarker(0.0, 0.0)
        hidden = WarpMarker(HIDDEN_BEATS * 60 / self._guessed_bpm, HIDDEN_BEATS)
        self.put("_markers", (first, hidden) if warping else (), "warp_markers")
        self.put("_warping", warping, "warping")

    @property
    def warp_mode(self) -> int:
        """How it is stretched."""
        self._only_audio()
        return self._mode

    @warp_mode.setter
    def warp_mode(self, mode: int) -> None:
        self._only_audio()
        if mode not in MODES:
            raise RuntimeError("Invalid warp mode")
        self.put("_mode", mode, "warp_mode")

    @property
    def available_warp_modes(self) -> tuple[int, ...]:
        """The modes it can be stretched with."""
        self._only_audio()
        return MODES

    @property
    def warp_markers(self) -> Sequence[WarpMarker]:
        """The markers in order; the last one is hidden."""
        self._only_audio()
        return self._markers

    def add_warp_marker(self, marker: WarpMarker) -> None:
        """Pin a place of the file to a beat; the hidden marker moves behind the last one."""
        self._only_audio()
        if not isinstance(marker, WarpMarker):
            raise TypeError("Python argument types did not match C++ signature")
        if not self._warping or not 0 <= marker.sample_time <= self.seconds + 1e-6:
            raise RuntimeError("Warp marker sample time is out of range")
        shown = sorted([*self._markers[:-1], marker], key=lambda one: one.beat_time)
        for left, right in pairwise(shown):
            span = right.sample_time - left.sample_time
            if span <= 0 or not BPM_RANGE[0] <= 60 * (right.beat_time - left.beat_time) / span <= BPM_RANGE[1]:
                raise RuntimeError("Segment length out of range")
        rate = (shown[-1].sample_time - shown[-2].sample_time) / (shown[-1].beat_time - shown[-2].beat_time)
        last = shown[-1]
        hidden = WarpMarker(last.sample_time + HIDDEN_BEATS * rate, last.beat_time + HIDDEN_BEATS)
        self.put("_markers", (*shown, hidden), "warp_markers")

    def remove_warp_marker(self, beat_time: float) -> None:
        """Take a marker away. Raises ``RuntimeError`` for one that there is not, and for the hidden one."""
        self._only_audio()
        kept = tuple(marker for marker in self._markers[:-1] if abs(marker.beat_time - beat_time) > 1e-9)
        if len(kept) != len(self._markers) - 2:
            raise RuntimeError("There is no warp marker at this beat")
        self.put("_markers", (*kept, self._markers[-1]), "warp_markers")

    def _only_audio(self) -> None:
        self.check()
        if not self.is_audio_clip:
            raise RuntimeError("Only available for audio clips")


def _seconds(file: Path) -> float:
    """The length of a WAV file. Raises ``RuntimeError`` as Live does for a file that is none."""
    try:
        with wave.open(str(file), "rb") as audio:
            return audio.getnframes() / audio.getframerate()
    except (OSError, EOFError, wave.Error, ZeroDivisionError):
        raise RuntimeError("The path doesn't point to a valid audio file") from None
