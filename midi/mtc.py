"""MIDI timecode: the time of the song in hours, minutes, seconds and frames, told a quarter of a frame at a time.

A running song sends eight pieces of four bits over two frames; the time that they spell is the one at which the first
of them was sent. A song that was moved sends a full frame as a system exclusive message. There is no message for
stopping: the pieces just cease. Played backwards, the pieces come in falling order. (MIDI 1.0 Detailed Specification,
MIDI Time Code, 1987.) Timecode tells a time, and neither beats nor tempo.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from midi.clock_line import NEVER
from midi.time import Seconds

MIDNIGHT: Final = Seconds(0.0)
PIECES: Final = 8
MTC_STOPPED_S: Final = Seconds(0.15)
"""After so long without a piece the song has stopped: at 24 frames a second, fourteen pieces are missing."""
MEMORY: Final = 64
"""Pieces over which jitter is averaged, two thirds of a second at 24 frames."""
MOST_LOST: Final = 3
"""So many pieces may be missing in a row without the song being lost; more look like playing backwards."""
FULL_FRAME_HEADER: Final = (0x7F, 0x01, 0x01)
"""Universal real time, and the message's two numbers; the device's own stands in second place."""
FULL_FRAME_BYTES: Final = 8


@dataclass(frozen=True, slots=True)
class FrameRate:
    """Frames counted in a second of timecode, and how long one really takes."""

    nominal: int
    frame: Seconds
    drops: bool = False


RATES: Final = (
    FrameRate(24, Seconds(1 / 24)),
    FrameRate(25, Seconds(1 / 25)),
    FrameRate(30, Seconds(1001 / 30000), drops=True),
    FrameRate(30, Seconds(1 / 30)),
)
"""By the two bits that stand above the hours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timecode:
    """A time of day at a frame rate, as sent."""

    hours: int
    minutes: int
    seconds: int
    frames: int
    rate: int

    @property
    def is_real(self) -> bool:
        """Whether the numbers are a time: a garbled set of pieces mostly is none."""
        in_range = self.hours < 24 and self.minutes < 60 and self.seconds < 60
        return in_range and self.frames < RATES[self.rate].nominal

    @property
    def time(self) -> Seconds:
        """Seconds from midnight. Drop-frame code leaves out frames 0 and 1 of each minute but every tenth."""
        rate = RATES[self.rate]
        minutes = self.hours * 60 + self.minutes
        frames = (minutes * 60 + self.seconds) * rate.nominal + self.frames
        if rate.drops:
            frames -= 2 * (minutes - minutes // 10)
        return Seconds(frames * rate.frame)


def timecode_of(bytes_: Sequence[int]) -> Timecode | None:
    """The timecode of the four bytes hour (with the rate), minute, second and frame; None where they are no time."""
    hours, minutes, seconds, frames = bytes_
    code = Timecode(hours=hours & 0x1F, minutes=minutes, seconds=seconds, frames=frames, rate=hours >> 5 & 0x03)
    return code if code.is_real else None


def full_frame(data: Sequence[int]) -> Timecode | None:
    """The timecode of a system exclusive message without its frame of F0 and F7; None for any other message."""
    if len(data) != FULL_FRAME_BYTES or (data[0], *data[2:4]) != FULL_FRAME_HEADER:
        return None
    return timecode_of(data[4:])


@dataclass(frozen=True, slots=True, kw_only=True)
class Mtc:
    """What the timecode so far tells. The default has heard none."""

    pieces: tuple[int, ...] = ()
    """The values of a set of pieces so far, in the order they came."""
    first: int = 0
    """The number of the first of them: 0, or 7 where the song runs backwards."""
    ahead: float | None = None
    """The song's time less the monotonic time, while it runs forwards."""
    heard: int = 0
    """Pieces that ``ahead`` is an average of, up to ``MEMORY``."""
    piece: int = 0
    """The number of the latest piece."""
    base: Seconds = MIDNIGHT
    """The song's time at piece 0 of the set that is being sent."""
    rate: int = 0
    held: Seconds = MIDNIGHT
    """The song's time while it stands, and the furthest that was told while it runs."""
    last: Seconds = NEVER
    """When a piece or a full frame was last heard."""
    known: bool = False
    """Whether a time was ever told."""

    def runs_at(self, at: Seconds) -> bool:
        """Whether the song runs forwards."""
        return self.ahead is not None and at - self.last <= MTC_STOPPED_S

    def time_at(self, at: Seconds) -> Seconds:
        """The song's time: it stands a moment after the pieces ceased."""
        if self.ahead is None:
            return self.held
        reached = min(at, Seconds(self.last + MTC_STOPPED_S))
        return Seconds(max(self.held, self.ahead + reached))


def hear_full_frame(mtc: Mtc, timecode: Timecode, at: Seconds) -> Mtc:
    """After a full frame: the song stands there."""
    return Mtc(held=timecode.time, rate=timecode.rate, last=at, known=True, piece=mtc.piece)


def hear_quarter_frame(mtc: Mtc, piece: int, value: int, at: Seconds) -> Mtc:
    """After one piece of a running timecode."""
    told = mtc.time_at(at)
    running = mtc.runs_at(at)
    if running and piece == mtc.piece:
        return replace(mtc, last=at)
    if running and (piece - mtc.piece) % PIECES <= MOST_LOST + 1:
        mtc = _in_step(mtc, piece, at, told)
    elif not running:
        mtc = replace(mtc, ahead=None, heard=0, held=told)
    return _collected(replace(mtc, piece=piece, last=at), piece, value, at)


def _in_step(mtc: Mtc, piece: int, at: Seconds, told: Seconds) -> Mtc:
    """The piece that was due, or one soon after: where the song is goes into the average."""
    frame = RATES[mtc.rate].frame
    base = Seconds(mtc.base + 2 * frame) if piece < mtc.piece else mtc.base
    return _averaged(replace(mtc, base=base, held=told), Seconds(base + piece * frame / 4), at)


def _averaged(mtc: Mtc, time: Seconds, at: Seconds) -> Mtc:
    heard = min(MEMORY, mtc.heard + 1)
    before = mtc.ahead or 0.0
    return replace(mtc, ahead=before + (time - at - before) / heard, heard=heard)


def _collected(mtc: Mtc, piece: int, value: int, at: Seconds) -> Mtc:
    """The piece put to those before it; a set that is whole tells the time."""
    if mtc.pieces and piece == mtc.first + (len(mtc.pieces) if mtc.first == 0 else -len(mtc.pieces)):
        mtc = replace(mtc, pieces=(*mtc.pieces, value))
    elif mtc.pieces and mtc.first == PIECES - 1 and piece == 0:
        mtc = replace(mtc, pieces=(value,), first=0)
    elif piece in {0, PIECES - 1}:
        mtc = replace(mtc, pieces=(value,), first=piece)
    else:
        mtc = replace(mtc, pieces=())
    return _told(mtc, at) if len(mtc.pieces) == PIECES else mtc


def _told(mtc: Mtc, at: Seconds) -> Mtc:
    """After a whole set of pieces, rising or falling."""
    nibbles = mtc.pieces if mtc.first == 0 else tuple(reversed(mtc.pieces))
    mtc = replace(mtc, pieces=())
    frames, seconds, minutes, hours = (nibbles[low] | nibbles[low + 1] << 4 for low in (0, 2, 4, 6))
    code = timecode_of((hours, minutes, seconds, frames))
    if code is None:
        return mtc
    mtc = replace(mtc, rate=code.rate, base=code.time, known=True)
    if mtc.first != 0:
        return replace(mtc, ahead=None, heard=0, held=code.time)
    frame = RATES[code.rate].frame
    now = Seconds(code.time + (PIECES - 1) * frame / 4)
    if mtc.ahead is not None and abs(mtc.ahead + at - now) < frame:
        return mtc
    return _averaged(replace(mtc, ahead=None, heard=0, held=now), now, at)
