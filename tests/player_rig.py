"""A player without a device: the feeder and the callback's end of its ring, in a time that the test makes pass."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from bridge import player_mix as mix
from bridge.player_feed import CHUNK, Feeder
from bridge.player_take import Take
from bridge.player_voices import Sound
from bridge.ring import Ring, ring_bytes
from bridge.ring_reader import RingReader
from bridge.session import SessionState, reduce
from midi import events as ev
from midi.time import Beats, Bpm, Seconds

RATE = 48000
FADE = 480


def noise_take(name: str, *, bars: int = 1, bpm: float = 120.0, start: float = 0.0, seed: int = 0) -> Take:
    """A take of 4/4 whose every frame is another."""
    frames = round(bars * 4 * 60 / bpm * RATE)
    samples = np.random.default_rng(seed).uniform(-0.5, 0.5, (frames, 2)).astype(np.float32)
    return take_of(name, samples, beats=4.0 * bars, start=start)


def sine_take(name: str, hz: float, *, seconds: float = 2.0, beats: float = 4.0, amplitude: float = 0.5) -> Take:
    """A take of a tone with whole periods, so that it repeats without a seam."""
    frames = round(seconds * RATE)
    periods = round(hz * seconds)
    tone = amplitude * np.sin(2 * np.pi * periods * np.arange(frames) / frames)
    return take_of(name, np.stack((tone, tone), axis=1).astype(np.float32), beats=beats)


def take_of(name: str, samples: npt.NDArray[np.float32], *, beats: float, start: float = 0.0) -> Take:
    return Take(id=name, number=0, start=Beats(start), beats=Beats(beats), rate_hz=RATE, sounds=(Sound(samples),))


@dataclass
class Rig:
    """Time passes by blocks of the device. ``drift`` is by how much its crystal is fast, ``jitter_s`` how late blocks
    may come, ``latency_s`` how long after its block a frame sounds."""

    quantise: mix.Quantise = "bar"
    align: mix.Align = "song"
    block: int = 256
    drift: float = 0.0
    jitter_s: float = 0.0
    latency_s: float = 0.01
    ahead_s: float = 0.2
    early_s: float = 0.0
    now: float = 1000.0
    session: SessionState = field(default_factory=SessionState)
    told: list[mix.Told] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.settings = mix.Settings(
            rate_hz=RATE, channels=2, crossfade=FADE, fade=2400, quantise=self.quantise, align=self.align
        )
        self.feeder = Feeder(self.settings, self.session, self.now, ahead_s=self.ahead_s, early_s=self.early_s)
        self._random = random.Random(1)
        self.plug()

    def plug(self) -> None:
        """A device is there; what it plays is kept in ``blocks``."""
        frames = 2 * RATE
        memory = bytearray(ring_bytes(frames, 2))
        self.ring, self._reader = Ring(memory, frames, 2), RingReader(memory, frames, 2)
        self.began = self.now
        self.blocks: list[npt.NDArray[np.float32]] = []
        self.feeder.attach(self.ring, self.now, self.latency_s)

    @property
    def audio(self) -> npt.NDArray[np.float32]:
        return np.concatenate(self.blocks)

    def sounds_at(self, frame: float) -> float:
        """When a frame of the device sounds."""
        return self.began + frame / (RATE * (1 + self.drift)) + self.latency_s

    def frame_of(self, beat: float) -> float:
        """The frame of the device that sounds when the song is at a position, as the session's last report has it."""
        heard = self.session.transport
        seconds = self.session.tempo_map.seconds_between(heard.position, Beats(beat))
        return (heard.observed_at + seconds - self.began - self.latency_s) * RATE * (1 + self.drift)

    def tell(self, event: ev.SessionEvent, *, at: float | None = None) -> None:
        """The session hears something, at a time."""
        self.session, _ = reduce(self.session, event, Seconds(self.now if at is None else at))

    def tempo(self, bpm: float) -> None:
        self.tell(ev.SetTempo(bpm=Bpm(bpm)))

    def play(self, beat: float = 0.0) -> None:
        self.tell(ev.Play(at=Beats(beat)))

    def do(self, change: Callable[[mix.PlayerState, mix.View, int], mix.PlayerState]) -> None:
        self.feeder.tick_song(self.session)
        self.feeder.change(change)

    def launch(self, take: Take) -> None:
        self.do(lambda state, view, at: mix.launched(state, take, view, at, self.settings))

    def run(self, seconds: float, *, feeding: bool = True) -> None:
        """Let time pass; the feeder works before each block."""
        end = self.now + seconds
        while self.now < end:
            if feeding:
                self.told += self.feeder.tick(self.session, self.now)
            out = bytearray(self.block * 2 * 4)
            late = self._random.uniform(0.0, self.jitter_s)
            first = self.ring.read
            self._reader.read_into(out, self.block, self.sounds_at(first) + late, late=False)
            self.blocks.append(np.frombuffer(out, dtype=np.float32).reshape(-1, 2))
            self.now = self.began + self.ring.read / (RATE * (1 + self.drift))

    def states(self) -> list[str]:
        return [f"{told.state} {told.take.id if told.take else ''}".strip() for told in self.told]


def settle_chunks(rig: Rig) -> None:
    """Time until a change is heard."""
    rig.run((4 * CHUNK + 2 * rig.block) / RATE)


def loops_of(samples: npt.NDArray[np.float32], place: int, count: int) -> npt.NDArray[np.float32]:
    """What a loop sounds from a place on."""
    return samples[np.arange(place, place + count) % len(samples)]


def clicks(audio: npt.NDArray[np.float32], hz: float, amplitude: float) -> float:
    """The largest bend of a tone (second difference), as a share of the tone's own largest."""
    bend = np.abs(np.diff(audio, n=2, axis=0)).max()
    return float(bend / (amplitude * (2 * np.pi * hz / RATE) ** 2))
