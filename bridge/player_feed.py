"""The feeder: mixes ahead of the device, and takes back what was not heard yet when the music changes.

Pure but for the ring that it writes: time is passed in. Frames are counted by the player's own timeline, which goes on
where no device is there, so that a clip keeps its place in the song while it is not heard. A ring that is attached has
its frame 0 at some frame of the timeline.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from bridge.player_clock import DeviceClock
from bridge.player_mix import SLIP_S, PlayerState, Settings, Told, advance, laid_anew, moved, sound_wanted
from bridge.player_song import Song
from bridge.player_tempo import Unfit
from bridge.player_voices import Fade, Ramp
from bridge.ring import Ring
from bridge.session import SessionState
from midi.time import Beats, TempoMap

CHUNK: Final = 256
"""Frames that are mixed in one step; what changes the music takes effect at the next such boundary."""
NEAR_S: Final = 0.003
"""No frame is written that is nearer than two blocks and this to being heard."""
MAX_STEPS: Final = 4096
"""Chunks that are mixed in one call at the most."""

Change = Callable[[PlayerState, "SongView", int], PlayerState]


@dataclass(frozen=True, slots=True, kw_only=True)
class SongView:
    """Where the song is by the frames of the output; clips sound ``early_s`` before the transport's time."""

    song: Song
    clock: DeviceClock
    early_s: float = 0.0

    @property
    def playing(self) -> bool:
        """Whether the song runs."""
        return self.song.playing

    @property
    def tempo_map(self) -> TempoMap:
        """Its tempo and meter."""
        return self.song.tempo_map

    def beat_at(self, frame: float) -> Beats:
        """The song position at a frame."""
        return self.song.beat_at(self.clock.time_of(frame) + self.early_s)

    def frame_of(self, beat: Beats) -> float:
        """The frame at which a running song is at a position."""
        return self.clock.frame_at(self.song.time_of(beat) - self.early_s)


@dataclass(frozen=True, slots=True)
class _Step:
    """A chunk that was mixed: where it begins, the state before it, and what it tells."""

    first: int
    before: PlayerState
    told: tuple[Told, ...]


class Feeder:
    """Keeps a ring filled. Used by one thread."""

    def __init__(
        self, settings: Settings, session: SessionState, now: float, *, ahead_s: float, early_s: float = 0.0
    ) -> None:
        """``ahead_s``: how far ahead is mixed. ``early_s``: as in ``SongView``."""
        self.settings = settings
        self.ahead_s = ahead_s
        self._early_s = early_s
        self.state = PlayerState()
        self.song = Song.of(session)
        self._clock = DeviceClock.free(settings.rate_hz, frame=0.0, at=now)
        self._ring: Ring | None = None
        self._base = 0
        self._head = 0
        self._steps: deque[_Step] = deque()
        self._telling: deque[Told] = deque()

    @property
    def view(self) -> SongView:
        """Where the song is by frames."""
        return SongView(song=self.song, clock=self._clock, early_s=self._early_s)

    @property
    def heard(self) -> int:
        """Frames of the timeline that the device has taken."""
        return self._base + self._ring.read if self._ring else self._head

    def attach(self, ring: Ring, now: float, latency_s: float) -> None:
        """Feed a ring, from the frame on that is due at ``now``. What is heard there is faded in."""
        self._base = self._due(now + latency_s)
        self._ring = ring
        self._clock = DeviceClock.free(self.settings.rate_hz, frame=self._base, at=now + latency_s)
        self._leave_steps()
        self._head = self._base
        rise = Fade(self._base, self.settings.crossfade)
        self.state = replace(self.state, gain=Ramp(before=0.0, after=self.state.gain.after, fade=rise))

    def detach(self, now: float) -> None:
        """There is no device: time goes on, and nothing is written."""
        self._ring = None
        at = self._clock.time_of(self._head)
        self._clock = DeviceClock.free(self.settings.rate_hz, frame=self._head, at=max(at, now))
        self._leave_steps()

    def drop(self) -> None:
        """Play nothing more, at the same level."""
        self.state = PlayerState(gain=self.state.gain)
        self._steps.clear()
        self._telling.clear()

    def change(self, do: Change) -> None:
        """Do something to the state at the first frame that can still be changed."""
        at = self._take_back()
        self.state = do(self.state, self.view, at)

    def tick(self, session: SessionState, now: float) -> tuple[Told, ...]:
        """Follow the session, mix what is due, and say what is heard by now."""
        self._hear_device()
        self.tick_song(session)
        self._mix(now)
        return tuple(self._reached())

    def tick_song(self, session: SessionState) -> None:
        """Follow the session."""
        followed = self.song.follow(session)
        if followed.moved or followed.tempo:
            self._take_back()
        self.song = followed.song
        if followed.moved:
            self.state = moved(self.state, self.view, session.transport.position, self.settings)

    def unfit(self) -> Unfit | None:
        """A take that is or will be heard and has another length than its place in the song."""
        if not self.song.playing:
            return None
        for launch in (self.state.playing, self.state.pending):
            if launch:
                seconds, sound = sound_wanted(launch, self.view, self._head)
                if sound is None:
                    return Unfit(launch.take, seconds)
        return None

    def _hear_device(self) -> None:
        """Follow the device's clock. Where it has stood still, what was mixed by the old one is mixed anew."""
        stamps = self._ring.new_stamps() if self._ring else ()
        if not stamps:
            return
        is_new, expected = self._clock.heard == 0, self._clock.time_of(self._head)
        for stamp in stamps:
            self._clock = self._clock.hear(self._base + stamp.frame, stamp.at)
        if is_new:
            self.change(lambda state, _, at: laid_anew(state, at, self.settings))
        elif abs(self._clock.time_of(self._head) - expected) > SLIP_S:
            self._take_back()

    def _due(self, now: float) -> int:
        return max(self._head, math.ceil(self._clock.frame_at(now)))

    def _nearest(self) -> int:
        """The first frame that can still be written."""
        if self._ring is None:
            return self._head
        near = 2 * max(self._ring.block, CHUNK) + round(NEAR_S * self.settings.rate_hz)
        return self._base + self._ring.read + near

    def _take_back(self) -> int:
        """Forget what was mixed and can still be changed; the frame at which that begins."""
        nearest = self._nearest()
        while self._steps and self._steps[-1].first >= nearest:
            step = self._steps.pop()
            self._head, self.state = step.first, step.before
        self._catch_up()
        return self._head

    def _catch_up(self) -> None:
        """Where the device has taken what was never mixed, go on at the nearest frame that can be."""
        if self._ring is not None and self._head <= self._base + self._ring.read:
            self._head = self._nearest()

    def _mix(self, now: float) -> None:
        """Up to ``ahead_s`` before the device, or up to the present where there is none."""
        ring = self._ring
        if ring is None:
            end = self._due(now)
        else:
            self._catch_up()
            end = self._base + max(ring.read + round(self.ahead_s * self.settings.rate_hz), ring.written)
        view = self.view
        if end - self._head > MAX_STEPS * CHUNK:
            self._head = end - CHUNK
        while self._head < end:
            before, first = self.state, self._head
            self.state, audio, told = advance(before, view, first, CHUNK, self.settings)
            if ring is not None:
                ring.write(first - self._base, audio)
            self._steps.append(_Step(first, before, told))
            self._head = first + CHUNK

    def _leave_steps(self) -> None:
        """What was mixed stays as it is; what it tells is told when it is due."""
        for step in self._steps:
            self._telling.extend(step.told)
        self._steps.clear()

    def _reached(self) -> Iterator[Told]:
        """What is true by now; steps that were heard are forgotten."""
        heard = self.heard
        while self._steps and self._steps[0].first + CHUNK <= heard:
            self._telling.extend(self._steps.popleft().told)
        while self._telling and self._telling[0].frame <= heard:
            yield self._telling.popleft()
