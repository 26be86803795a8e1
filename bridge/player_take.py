"""A take that is ready to be heard: its audio at the output's rate, and where in the song it belongs."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from bridge.clips import RECEIPT_SUFFIX
from bridge.errors import ClipError
from bridge.player_voices import Sound
from bridge.receipt_schema import receipt_from_json
from midi.time import Beats
from models.generator import Samples

NEAR: Final = 0.001
"""A sound fits a stretch of the song whose length differs by no more than this share: slips make up for it."""
MAX_SECONDS: Final = 600.0
"""No longer clip is held in memory."""
MAX_STRETCHED: Final = 2
"""As many stretched versions of a take are kept."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Take:
    """A clip in memory. ``start`` and ``beats``: the place in the song that it was made for, and its length there."""

    id: str
    number: int
    start: Beats
    beats: Beats
    rate_hz: int
    sounds: tuple[Sound, ...]
    """As it was made, and then stretched to other lengths."""
    path: Path | None = None
    """The file that it was read from."""

    @property
    def name(self) -> str:
        """As users know it."""
        return f"take {self.number} of {self.id}"

    def has_format(self, rate_hz: int, channels: int) -> bool:
        """Whether it can be heard at this rate, on so many channels."""
        return (self.rate_hz, self.sounds[0].samples.shape[1]) == (rate_hz, channels)

    def seconds(self, sound: Sound) -> float:
        """The length of one of its sounds."""
        return sound.frames / self.rate_hz

    def fitting(self, seconds: float) -> Sound | None:
        """The sound that is so long; None where there is none."""
        nearest = self.nearest(seconds)
        return nearest if abs(self.seconds(nearest) / seconds - 1.0) <= NEAR else None

    def nearest(self, seconds: float) -> Sound:
        """Of all its sounds the nearest to a length."""
        return min(self.sounds, key=lambda sound: abs(self.seconds(sound) - seconds))

    def with_stretched(self, sound: Sound) -> Take:
        """The take with another stretched version, of which the newest are kept."""
        return replace(self, sounds=(self.sounds[0], *self.sounds[1:][1 - MAX_STRETCHED :], sound))


def load_take(path: Path, request_id: str, number: int, *, rate_hz: int, channels: int) -> Take:
    """Read a clip and its receipt. Blocks. Raises ``ClipError`` where either cannot be read."""
    import soundfile  # noqa: PLC0415 - the daemon needs it for this alone

    try:
        receipt = receipt_from_json(path.with_suffix(RECEIPT_SUFFIX).read_bytes())
        if receipt.seconds > MAX_SECONDS:
            raise ClipError(
                f"The clip {path} is {receipt.seconds / 60:.0f} minutes long, and the player holds at most "
                f"{MAX_SECONDS / 60:.0f} in memory: ask for fewer bars."
            )
        samples, own_rate = soundfile.read(path, dtype="float32", always_2d=True)
    except OSError as error:
        raise ClipError(f"The clip {path} cannot be read: {error.strerror or error}. Was it deleted?") from None
    except soundfile.LibsndfileError as error:
        raise ClipError(f"The clip {path} cannot be read: {error.error_string} Was it deleted?") from None
    if not len(samples):
        raise ClipError(f"The clip {path} holds no audio.")
    end = receipt.tempo_map.advance_bars(receipt.start, receipt.bars)
    audio = resampled(fitted(samples, channels), own_rate, rate_hz)
    return Take(
        id=request_id,
        number=number,
        start=receipt.start,
        beats=Beats(end - receipt.start),
        rate_hz=rate_hz,
        sounds=(Sound(np.ascontiguousarray(audio)),),
        path=path,
    )


def refitted(take: Take, rate_hz: int, channels: int) -> Take:
    """A take in another format, without its stretched versions; the same one where it has the format."""
    if take.has_format(rate_hz, channels):
        return take
    audio = resampled(fitted(take.sounds[0].samples, channels), take.rate_hz, rate_hz)
    return replace(take, rate_hz=rate_hz, sounds=(Sound(np.ascontiguousarray(audio)),))


def fitted(samples: Samples, channels: int) -> Samples:
    """Audio in as many channels: one is heard on both, of many the first two, and a single one is their mean."""
    if samples.shape[1] == channels:
        return samples
    if channels == 1:
        mean: Samples = samples.mean(axis=1, keepdims=True, dtype=np.float32)
        return mean
    return np.repeat(samples[:, :1], channels, axis=1) if samples.shape[1] == 1 else samples[:, :channels]


def resampled(samples: Samples, from_hz: int, to_hz: int) -> Samples:
    """A loop at another rate, with its seam as it was: it is resampled with its own ends around it."""
    if from_hz == to_hz:
        return samples
    import soxr  # noqa: PLC0415

    unit = from_hz // math.gcd(from_hz, to_hz)
    around = unit * math.ceil(0.1 * from_hz / unit)
    frames = round(len(samples) * to_hz / from_hz)
    before = around * to_hz // from_hz
    wrapped = samples[np.arange(-around, len(samples) + around) % len(samples)]
    audio: Samples = soxr.resample(wrapped, from_hz, to_hz, quality="VHQ")
    return audio[before : before + frames].astype(np.float32, copy=False)
