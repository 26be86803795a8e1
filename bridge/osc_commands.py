"""What messages become: commands, and how they are made from arguments that are in range.

A command is an event of the session (``midi/events.py``) or one of the values here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal, get_args

from bridge.osc_arguments import Value
from bridge.osc_errors import OutOfRange
from bridge.time_tags import TimeTag
from midi import events as ev
from midi.chords import ChordChange, parse_chord
from midi.drums import STEP_VELOCITIES, DrumHit, parse_steps, voice_named, voice_of_note
from midi.melody import Note
from midi.time import Beats, Bpm, Meter, MeterPoint, TempoPoint

DEFAULT_VELOCITY: Final = STEP_VELOCITIES["x"]
"""The velocity of hits and notes that are sent without one: that of an ``x`` in the grid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping:
    """Is the daemon there?"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscribe:
    """Send broadcasts to this address too; None is the sender's own host or port.

    ``token`` is what a sender on another machine shows to be heard at all.
    """

    host: str | None = None
    port: int | None = None
    token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsubscribe:
    """Send no more broadcasts to this address; None is the sender's own host or port."""

    host: str | None = None
    port: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AskState:
    """What is the session?"""


@dataclass(frozen=True, slots=True, kw_only=True)
class GridPattern:
    """A drum pattern as text, of a voice of the table. Its length is judged against the session's meter map."""

    voice: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ContinueClip:
    """Clips are to continue one that this daemon made."""

    id: str
    take: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Infill:
    """Clips are to keep the audio of a file but for some song beats. Where the file lies is judged by the daemon."""

    path: str
    start: float
    end: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ChordNotes:
    """The notes of a chord track; the chords are heard under the session's tempo map and key."""

    text: str
    length: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ChordMarkers:
    """Locators, some of them named as chords."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DrumNotes:
    """The strokes of a drum track, and the names of its pads."""

    text: str
    pads: str
    length: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DawHere:
    """A script inside a DAW is there, and can take clips."""

    name: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DawLeaves:
    """The script goes: its DAW is closed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceDone:
    """The script has placed an offer."""

    offer: int
    where: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceFailed:
    """The script cannot place an offer."""

    offer: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipPlaced:
    """A clip was placed in a DAW that this daemon does not reach itself: a relay's."""

    id: str
    take: int
    where: str


ChartCommand = ChordNotes | ChordMarkers | DrumNotes
"""What a DAW's tracks hold."""
DawCommand = DawHere | DawLeaves | PlaceDone | PlaceFailed
"""What the script inside a DAW says of itself and of clips."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UseDrumTrack:
    """Clips are to hear the drums of a file. Where the file lies is judged by the daemon."""

    path: str
    separate: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NextTake:
    """Make the last clip again, from the next seeds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepTake:
    """A take is to be kept: one of a request, or the last that was made."""

    id: str | None = None
    take: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectTake:
    """A take is not wanted: one of a request or a clip by its name, or the last that was made."""

    id: str | None = None
    take: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TagTake:
    """A take gets words of the player's own, and loses those with a minus before them."""

    id: str
    take: int
    tags: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AgainTake:
    """A take is made again, with the chart as it is now; None is the newest of a request."""

    id: str
    take: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchLibrary:
    """Which clips are there? The query is read by ``bridge.library_query``."""

    query: str


LibraryCommand = KeepTake | RejectTake | TagTake | AgainTake | SearchLibrary | ClipPlaced
"""What is said to the library of takes, and asked of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayerDo:
    """The player as a whole: it is switched ``on`` or ``off``, its clips ``stop``, or all is silent at once."""

    action: Literal["on", "off", "stop", "panic"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayerTake:
    """A take is to be heard: it is launched in the song, or heard alone."""

    action: Literal["play", "audition"]
    id: str
    take: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayerLevel:
    """The player's level in dB."""

    level_db: float


PlayerCommand = PlayerDo | PlayerTake | PlayerLevel
"""What the player is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A button was let go; nothing happens."""


TakeCommand = NextTake | LibraryCommand
"""What is said of takes."""
OtherCommand = (
    TakeCommand | ChartCommand | DawCommand | PlayerCommand | Ping | Subscribe | Unsubscribe | AskState | Release
)
"""What changes nothing of the session by itself."""
Command = ev.SessionEvent | GridPattern | ContinueClip | Infill | UseDrumTrack | OtherCommand
"""Everything that the table's addresses become."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreign:
    """A message to an address that is not in the table: the DAW's dialect may know it. ``due`` None is now."""

    due: TimeTag | None = None
    address: str
    arguments: tuple[Value, ...]


# Commands from arguments


def subscribe(*place: str | int) -> Subscribe:
    """Subscribe the sender, a port of its host, or a host and port; with a token, empty and 0 are the sender's own."""
    if len(place) == 3:
        named, numbered, token = place
        return Subscribe(host=str(named) or None, port=int(numbered) or None, token=str(token))
    host, port = _place(*place)
    return Subscribe(host=host, port=port)


def unsubscribe(*place: str | int) -> Unsubscribe:
    """Unsubscribe the sender, a port of its host, or a host and port."""
    host, port = _place(*place)
    return Unsubscribe(host=host, port=port)


def _place(*place: str | int) -> tuple[str | None, int | None]:
    host: str | None = next((part for part in place if isinstance(part, str)), None)
    port = next((part for part in place if isinstance(part, int)), None)
    return host, port


def tempo_point(beat: float, bpm: float, ramp: int = 0) -> ev.AddTempoPoint:
    """A point of the tempo map."""
    return ev.AddTempoPoint(point=TempoPoint(at=Beats(beat), bpm=Bpm(bpm), ramp=bool(ramp)))


def meter(numerator: int, denominator: int) -> ev.SetMeter:
    """A constant meter. Raises ``MeterError``."""
    return ev.SetMeter(meter=Meter(numerator=numerator, denominator=denominator))


def meter_point(bar: int, numerator: int, denominator: int) -> ev.AddMeterPoint:
    """A point of the meter map. Raises ``MeterError``."""
    return ev.AddMeterPoint(point=MeterPoint(bar=bar, meter=Meter(numerator=numerator, denominator=denominator)))


def play(beat: float | None = None) -> ev.Play:
    """The transport runs, from a beat or from where it stands."""
    return ev.Play(at=None if beat is None else Beats(beat))


def chord(label: str, beat: float) -> ev.AddChord:
    """One chord change. Raises ``ChordError``."""
    return ev.AddChord(change=ChordChange(at=Beats(beat), chord=parse_chord(label)))


def grid_pattern(voice: str, pattern: str) -> GridPattern:
    """A drum pattern whose voice and steps are read. Raises ``VoiceError`` and ``PatternError``."""
    name = voice_named(voice).name
    parse_steps(name, pattern)
    return GridPattern(voice=name, text=pattern)


def hit(note: int, beat: float, velocity: int = DEFAULT_VELOCITY) -> ev.AddHit:
    """A drum stroke of a General MIDI note. Raises ``VoiceError``."""
    return ev.AddHit(hit=DrumHit(at=Beats(beat), voice=voice_of_note(note).name, velocity=velocity))


def continue_clip(clip_id: str, take: int = 0) -> ContinueClip:
    """Continue a take of a request, the first where none is named."""
    return ContinueClip(id=clip_id, take=take)


def trigger(mode: str, bars: int = 0) -> ev.SetTrigger:
    """When clips are made. Raises ``OutOfRange`` for a mode that does not exist."""
    known = next((one for one in get_args(ev.TriggerMode) if one == mode), None)
    if known is None:
        raise OutOfRange(f"There is no trigger {mode[:40]!r}: use {', '.join(get_args(ev.TriggerMode))}.")
    return ev.SetTrigger(mode=known, bars=bars)


def keep_take(clip_id: str | None = None, take: int = 0) -> KeepTake:
    """Keep a take of a request, or the last one made where none is named."""
    return KeepTake(id=clip_id, take=take)


def reject_take(clip_id: str | None = None, take: int = 0) -> RejectTake:
    """Reject a take of a request, or the last one made where none is named."""
    return RejectTake(id=clip_id, take=take)


def tag_take(clip_id: str, *rest: int | str) -> TagTake:
    """Tag a take of a request, the first where none is named."""
    *takes, tags = rest
    return TagTake(id=clip_id, take=int(takes[0]) if takes else 0, tags=str(tags))


def again(clip_id: str, take: int | None = None) -> AgainTake:
    """Make a take again, the newest of a request where none is named."""
    return AgainTake(id=clip_id, take=take)


def infill(path: str, start: float, end: float) -> Infill:
    """Keep the audio of a file but for some beats. Raises ``OutOfRange`` for beats that go backwards."""
    if start >= end:
        raise OutOfRange(f"the beats to be made anew go from {start:g} to {end:g}, which is nothing.")
    return Infill(path=path, start=start, end=end)


def drum_track(path: str | None = None, separate: int = 0) -> UseDrumTrack | ev.SetDrumTrack:
    """Hear the drums of a file; the chart's where none is named."""
    return ev.SetDrumTrack(track=None) if path is None else UseDrumTrack(path=path, separate=bool(separate))


def note(pitch: int, beat: float, length: float, velocity: int = DEFAULT_VELOCITY) -> ev.AddNote:
    """A melody note."""
    return ev.AddNote(note=Note(at=Beats(beat), length=Beats(length), pitch=pitch, velocity=velocity))
