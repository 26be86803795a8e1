"""The time of an audio device: which of its frames sounds when. Pure.

A device counts frames by its own crystal and says with each block, more or less late, when its first frame will sound.
A straight line is led through these stamps by a delay-locked loop of second order (Adriaensen 2005): it averages
their jitter away and follows the crystal. The first stamps are averaged alone, so that one late block does not set the
line. A callback may be late and never early, so lateness counts for little. Stamps that stay off mean that the device
stood still, and the line begins anew.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

_AVERAGED: Final = 40
"""As many first stamps are averaged."""
_BANDWIDTH_HZ: Final = 0.05
_EARLY_S: Final = 0.002
_LATE_S: Final = 0.0005
"""A stamp counts as no earlier and no later than this."""
_OFF_S: Final = 0.02
_PATIENCE_S: Final = 0.4
"""After stamps that were further off than ``_OFF_S`` for so long, the line begins anew."""
_MAX_DRIFT: Final = 1e-3
"""No crystal is further off than this share."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceClock:
    """Frame ``frame`` sounds at the monotonic time ``at``, and each later one a ``period_s`` after the one before."""

    rate_hz: int
    frame: float
    at: float
    period_s: float
    heard: int = 0
    off_since: int | None = None

    @classmethod
    def free(cls, rate_hz: int, *, frame: float, at: float) -> DeviceClock:
        """A clock that runs at its nominal rate until a stamp is heard."""
        return cls(rate_hz=rate_hz, frame=frame, at=at, period_s=1.0 / rate_hz)

    def time_of(self, frame: float) -> float:
        """When a frame sounds, in monotonic seconds."""
        return self.at + (frame - self.frame) * self.period_s

    def frame_at(self, at: float) -> float:
        """The frame that sounds at a monotonic time: the inverse of ``time_of``."""
        return self.frame + (at - self.at) / self.period_s

    def hear(self, frame: int, at: float) -> DeviceClock:
        """The clock after a stamp."""
        expected = self.time_of(frame)
        error = at - expected
        is_young = self.heard < _AVERAGED
        if self.heard == 0 or frame <= self.frame or (is_young and error < -_EARLY_S):  # those before were late
            return replace(self, frame=frame, at=at, heard=1, off_since=None)
        off_since = None if abs(error) <= _OFF_S else frame if self.off_since is None else self.off_since
        if off_since is not None and frame - off_since > _PATIENCE_S * self.rate_hz:
            return replace(DeviceClock.free(self.rate_hz, frame=frame, at=at), heard=1)
        heard = self.heard + 1
        error = min(max(error, -_EARLY_S), _LATE_S)
        if is_young:
            return replace(self, frame=frame, at=expected + error / heard, heard=heard, off_since=off_since)
        frames = frame - self.frame
        turn = min(2.0 * math.pi * _BANDWIDTH_HZ * frames / self.rate_hz, 0.5)
        period = self.period_s + turn * turn * error / frames
        nominal = 1.0 / self.rate_hz
        period = min(max(period, nominal * (1 - _MAX_DRIFT)), nominal * (1 + _MAX_DRIFT))
        return DeviceClock(
            rate_hz=self.rate_hz,
            frame=frame,
            at=expected + math.sqrt(2.0) * turn * error,
            period_s=period,
            heard=heard,
            off_since=off_since,
        )
