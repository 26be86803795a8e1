"""A DAW in memory: it speaks through the ``Host`` protocol as the real ones do.

It holds audio tracks with clip slots and a transport. Its own dialect is a handful of OSC addresses under
``/virtual/song``, which stand for what a DAW would say of itself. It opens each clip that is placed, as a
DAW does, and refuses one that cannot be played or whose length is not what was promised.
"""

from __future__ import annotations

import asyncio
import wave
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from midi import events as ev
from midi.errors import MeterError, NotationError
from midi.time import MAX_BPM, MIN_BPM, Beats, Bpm, Meter
from plugin_host.host import IN_PLACE, HostError, OscArgument, Placement, Target, not_replaced


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotClip:
    """A clip in a slot, as the DAW knows it after reading the file."""

    placement: Placement
    channels: int
    sample_rate_hz: int
    frames: int


@dataclass(slots=True, kw_only=True)
class Track:
    """An audio track with a row of clip slots; slots never shrink, and None is an empty one."""

    name: str
    slots: list[SlotClip | None] = field(default_factory=list)

    def first_empty(self) -> int:
        """Index of the first empty slot, made where there is none."""
        for index, clip in enumerate(self.slots):
            if clip is None:
                return index
        self.slots.append(None)
        return len(self.slots) - 1

    def slot_of(self, path: Path | None) -> int | None:
        """Index of the slot with the clip ``path``; None where there is none."""
        found = (index for index, clip in enumerate(self.slots) if clip and clip.placement.path == path)
        return next(found, None)


class VirtualHost:
    """The in-memory DAW. Clips go into the next empty slot of the track that the target names."""

    default_track: Final = "Sideman"

    def __init__(self) -> None:
        self.tracks: dict[str, Track] = {}
        self.started = False

    @property
    def name(self) -> str:
        """The word that ``--host`` takes."""
        return "virtual"

    async def start(self) -> None:
        """Begin with an empty set."""
        self.started = True

    async def close(self) -> None:
        """Forget nothing, take nothing more."""
        self.started = False

    def interpret(self, address: str, arguments: Sequence[OscArgument]) -> tuple[ev.SessionEvent, ...] | None:
        """The events behind a message of this DAW; None for an address that is not its own."""
        reader = _DIALECT.get(address)
        if reader is None:
            return None
        try:
            return reader(*[_number(argument) for argument in arguments])
        except TypeError:
            raise HostError(f"{address} was sent with {len(arguments)} arguments, which it does not take.") from None

    async def place(self, placement: Placement) -> str:
        """Put a clip into the next empty slot of its track, or where its draft is, and say which."""
        if not self.started:
            raise HostError("The virtual DAW is not running; the clip stays where it was written.")
        clip = await asyncio.to_thread(_read_clip, placement)
        name = Target.parse(placement.target).track or self.default_track
        track = self.tracks.setdefault(name, Track(name=name))
        draft = track.slot_of(placement.replaces)
        slot = track.first_empty() if draft is None else draft
        track.slots[slot] = clip
        remark = "" if placement.replaces is None else IN_PLACE
        if placement.replaces and draft is None:
            remark = not_replaced("it is not on this track")
        return f"track {track.name}, slot {slot + 1}{remark}"


def _read_clip(placement: Placement) -> SlotClip:
    try:
        with wave.open(str(placement.path), "rb") as file:
            clip = SlotClip(
                placement=placement,
                channels=file.getnchannels(),
                sample_rate_hz=file.getframerate(),
                frames=file.getnframes(),
            )
    except (OSError, EOFError, wave.Error) as error:
        raise HostError(f"The clip {placement.path.name} cannot be read: {error}. It stays where it is.") from None
    if (clip.frames, clip.sample_rate_hz) != (placement.frames, placement.sample_rate_hz):
        raise HostError(
            f"The clip {placement.path.name} holds {clip.frames} frames at {clip.sample_rate_hz} Hz, not the "
            f"{placement.frames} at {placement.sample_rate_hz} Hz that were promised."
        )
    return clip


def _number(argument: OscArgument) -> float:
    if not isinstance(argument, float | int):
        raise HostError(f"The virtual DAW speaks in numbers; {str(argument)[:40]!r} is not one.")
    return float(argument)


def _tempo(bpm: float) -> tuple[ev.SessionEvent, ...]:
    if not MIN_BPM <= bpm <= MAX_BPM:
        raise NotationError(f"A tempo of {bpm:g} is outside {MIN_BPM:g} to {MAX_BPM:g} quarter notes a minute.")
    return (ev.SetTempo(bpm=Bpm(bpm)),)


def _signature(numerator: float, denominator: float) -> tuple[ev.SessionEvent, ...]:
    if not (numerator.is_integer() and denominator.is_integer()):
        raise MeterError(f"{numerator:g}/{denominator:g} is not a meter.")
    return (ev.SetMeter(meter=Meter(numerator=int(numerator), denominator=int(denominator))),)


def _is_playing(playing: float) -> tuple[ev.SessionEvent, ...]:
    return (ev.Play() if playing else ev.Stop(),)


def _song_time(beat: float) -> tuple[ev.SessionEvent, ...]:
    if not 0 <= beat <= 1e7:
        raise NotationError(f"Beat {beat:g} is not a position in the song.")
    return (ev.Locate(at=Beats(beat)),)


_DIALECT: Final[dict[str, Callable[..., tuple[ev.SessionEvent, ...]]]] = {
    "/virtual/song/tempo": _tempo,
    "/virtual/song/signature": _signature,
    "/virtual/song/is_playing": _is_playing,
    "/virtual/song/current_song_time": _song_time,
}
