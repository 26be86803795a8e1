"""A sound that is heard: voices, fades, slips, and how each becomes samples. Pure.

Everything is a function of the output's frame: a voice holds where it lies, and what it sounds at frame ``n`` does not
depend on what was rendered before. So what was mixed ahead can be taken back and mixed anew from any frame.

A voice that lies still is copied, sample by sample. A slip moves it by whole frames, so slowly that no one hears it:
meanwhile it is read between its samples, by a windowed sinc, and afterwards it is copied again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt

from models.generator import Samples

SLIP_SHARE: Final = 0.004
"""A slip changes the speed by this share at the most: seven hundredths of a semitone."""
TAPS: Final = 32
PHASES: Final = 512
_KAISER: Final = 9.0


@dataclass(frozen=True, slots=True, eq=False)
class Sound:
    """Audio [frames, channels], float32, that repeats without a seam; two sounds are one when they are one object."""

    samples: Samples

    @property
    def frames(self) -> int:
        """Its length."""
        return len(self.samples)


@dataclass(frozen=True, slots=True)
class Fade:
    """From frame ``start`` on, over ``frames``."""

    start: int
    frames: int

    @property
    def end(self) -> int:
        """The first frame after it."""
        return self.start + self.frames

    def share(self, first: int, count: int) -> npt.NDArray[np.float64]:
        """How much of it is done at each of ``count`` frames, from 0 to 1, without a bend at either end."""
        share = np.clip((np.arange(first, first + count) - self.start) / self.frames, 0.0, 1.0)
        done: npt.NDArray[np.float64] = share * share * (3.0 - 2.0 * share)
        return done


@dataclass(frozen=True, slots=True)
class Slip:
    """A voice is moved ahead by ``by`` frames, in the course of a fade."""

    fade: Fade
    by: int

    def moved(self, first: int, count: int) -> npt.NDArray[np.float64]:
        """How far it is moved at each of ``count`` frames."""
        return self.by * self.fade.share(first, count)


def slip_of(by: int, start: int) -> Slip:
    """The slip of so many frames, as slow as slips are."""
    return Slip(Fade(start, max(1, math.ceil(1.5 * abs(by) / SLIP_SHARE))), by)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Voice:
    """A sound whose frame 0 lies at the output's frame ``origin``, and which repeats before and after for ever.

    ``rise`` and ``falls`` fade in and out with equal power.
    """

    sound: Sound
    origin: int
    rise: Fade | None = None
    falls: tuple[Fade, ...] = ()
    slip: Slip | None = None

    def place_at(self, frame: int) -> float:
        """The sound's frame at an output's frame, counted on through repeats."""
        return frame - self.origin + (self.slip.moved(frame, 1)[0] if self.slip else 0.0)

    def settled(self, frame: int) -> Voice:
        """The same voice without what lies before ``frame``: slips and rises that have ended."""
        voice = self
        if voice.slip and voice.slip.fade.end <= frame:
            voice = replace(voice, origin=voice.origin - voice.slip.by, slip=None)
        if voice.rise and voice.rise.end <= frame:
            voice = replace(voice, rise=None)
        return voice

    def falling(self, start: int, frames: int) -> Voice:
        """The voice as it fades out; where it does already, at the earlier time."""
        if any(fall.end <= start + frames for fall in self.falls):
            return self
        return replace(self, falls=(*self.falls, Fade(start, max(1, frames))))

    def is_over(self, frame: int) -> bool:
        """Whether nothing is heard of it from a frame on."""
        return any(fall.end <= frame for fall in self.falls)

    def ending(self, frame: int, fade: int) -> Voice:
        """The voice as it fades out where the repeat that it is in at ``frame`` ends, or at once where that is near."""
        frames = self.sound.frames
        end = self.origin + (math.floor(self.place_at(frame) / frames) + 1) * frames
        return self.falling(max(frame, end - fade), fade)

    def render(self, first: int, count: int) -> Samples:
        """What it sounds at ``count`` frames from ``first`` on: [count, channels]."""
        slip = self.slip
        if slip is None or slip.fade.end <= first or first + count <= slip.fade.start:
            place = first - self.origin + (slip.by if slip and slip.fade.end <= first else 0)
            audio = _looped(self.sound.samples, place, count)
        else:
            places = np.arange(first, first + count) - self.origin + slip.moved(first, count)
            audio = _between(self.sound.samples, places)
        return self._faded(audio, first, count)

    def _faded(self, audio: Samples, first: int, count: int) -> Samples:
        if self.rise and first < self.rise.end:
            audio = audio * _column(np.sin(self.rise.share(first, count) * (math.pi / 2)))
        for fall in self.falls:
            if first + count > fall.start:
                audio = audio * _column(np.sin((1.0 - fall.share(first, count)) * (math.pi / 2)))
        return audio


@dataclass(frozen=True, slots=True, kw_only=True)
class Ramp:
    """A gain that goes from ``before`` to ``after`` in the course of a fade."""

    before: float
    after: float
    fade: Fade

    @classmethod
    def still(cls, gain: float) -> Ramp:
        """A gain that does not change."""
        return cls(before=gain, after=gain, fade=Fade(0, 1))

    def at(self, frame: int) -> float:
        """The gain at a frame."""
        return float(self._gains(frame, 1)[0])

    def to(self, gain: float, start: int, frames: int) -> Ramp:
        """From where it is at ``start`` to another gain."""
        return Ramp(before=self.at(start), after=gain, fade=Fade(start, max(1, frames)))

    def apply(self, audio: Samples, first: int) -> Samples:
        """``audio`` from frame ``first`` on, with this gain; a gain of 1 leaves it as it is."""
        if first >= self.fade.end:
            return audio if self.after == 1.0 else audio * np.float32(self.after)
        return audio * _column(self._gains(first, len(audio)))

    def is_silent(self, first: int) -> bool:
        """Whether nothing is heard from a frame on."""
        return self.after == 0.0 and first >= self.fade.end

    def _gains(self, first: int, count: int) -> npt.NDArray[np.float64]:
        return self.before + (self.after - self.before) * self.fade.share(first, count)


def _column(gains: npt.NDArray[np.float64]) -> Samples:
    return gains.astype(np.float32)[:, None]


def _looped(samples: Samples, place: int, count: int) -> Samples:
    """``count`` frames of a loop from a place on; the places before 0 are its end."""
    start = place % len(samples)
    if start + count <= len(samples):
        return samples[start : start + count]
    return samples[np.arange(start, start + count) % len(samples)]


def _between(samples: Samples, places: npt.NDArray[np.float64]) -> Samples:
    """A loop read at places between its samples."""
    whole = np.floor(places)
    phase = (places - whole) * PHASES
    row = phase.astype(np.int64)
    part = (phase - row)[:, None]
    table = _kernels()
    weights = table[row] * (1.0 - part) + table[row + 1] * part
    index = whole.astype(np.int64)[:, None] + np.arange(1 - TAPS // 2, TAPS // 2 + 1)
    audio: Samples = np.einsum("nt,ntc->nc", weights, samples[index % len(samples)]).astype(np.float32)
    return audio


@cache
def _kernels() -> npt.NDArray[np.float64]:
    """The weights of ``TAPS`` samples for each share of the way to the next sample; row 0 is the sample itself."""
    shares = np.arange(PHASES + 1)[:, None] / PHASES
    distance = np.arange(1 - TAPS // 2, TAPS // 2 + 1) - shares
    half = TAPS / 2
    window = np.i0(_KAISER * np.sqrt(np.clip(1.0 - (distance / half) ** 2, 0.0, 1.0))) / np.i0(_KAISER)
    kernel = np.sinc(distance) * window
    kernel[0] = np.arange(1 - TAPS // 2, TAPS // 2 + 1) == 0
    kernel[-1] = np.arange(1 - TAPS // 2, TAPS // 2 + 1) == 1
    normal: npt.NDArray[np.float64] = kernel / kernel.sum(axis=1, keepdims=True)
    return normal
