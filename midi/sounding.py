"""What sounds while it is played: keys that are held, notes that the pedal holds, and the bass under them.

Stretches between events are summed into a slot of the grid as weights of the twelve pitch classes and of the bass,
so a chord weighs as much in time when its notes come one after the other as when they come together. Pure and bounded.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

from midi.performance import AllOff, NoteOff, NoteOn, Pedal, PlayedEvent
from midi.time import Beats

MAX_HELD: Final = Beats(64.0)
"""A key that is never released is let go after so many beats."""
MAX_VOICES: Final = 128
"""Most notes that sound at once; the oldest is let go for one more."""
MAX_PEDALS: Final = 256
"""Most sources whose pedal is remembered as down."""
SUSTAINED_SHARE: Final = 0.7
"""What a note that only the pedal holds keeps of its weight from one slot to the next."""
_FAINT: Final = 0.1
"""Share of weight under which a note that only the pedal holds is let go."""
_CLEAR: Final = 0.5
"""Least share of weight of a note that may be the bass above fainter ones."""

BASS_MEMORY: Final = Beats(1.0)
"""How long a note that has ended may still be the bass under a texture of fewer than ``FULL_TEXTURE`` notes."""
FULL_TEXTURE: Final = 3
"""Notes at once from which on the lowest of them is the bass."""

Weights = tuple[float, ...]
SILENT_WEIGHTS: Final[Weights] = (0.0,) * 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """A note that sounds; ``share`` falls from 1 once only the pedal holds it."""

    pitch: int
    velocity: int
    since: float
    share: float = 1.0
    released: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What sounded in one slot so far: beats weighted by pitch class, beats of each bass, beats of any sound."""

    tones: Weights = SILENT_WEIGHTS
    bass: Weights = SILENT_WEIGHTS
    beats: float = 0.0


SILENCE: Final = Heard()
_Voices = Mapping[tuple[int, int], Voice]
_NO_VOICES: Final[_Voices] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Sounding:
    """The voices by source and pitch, the pedals that are down, and low notes that ended a short while ago."""

    voices: _Voices = field(default_factory=lambda: _NO_VOICES)
    pedals: frozenset[int] = frozenset()
    ended: tuple[tuple[int, float], ...] = ()
    """Pitch and end, both rising: a note is forgotten when one as low ends after it."""


def after_event(sounding: Sounding, event: PlayedEvent) -> Sounding:
    """What sounds after an event."""
    match event:
        case NoteOn():
            return _struck(sounding, event)
        case NoteOff():
            return _released(sounding, event)
        case Pedal(down=True):
            full = len(sounding.pedals) >= MAX_PEDALS
            return sounding if full else replace(sounding, pedals=sounding.pedals | {event.source})
        case Pedal():
            lifted = replace(sounding, pedals=sounding.pedals - {event.source})
            return _without(lifted, [key for key in _of(lifted, event) if lifted.voices[key].released], event.at)
        case AllOff():
            return _without(sounding, _of(sounding, event), event.at)


def _of(sounding: Sounding, event: PlayedEvent) -> list[tuple[int, int]]:
    """The voices of an event's source."""
    return [key for key in sounding.voices if key[0] == event.source]


def after_slot(sounding: Sounding, at: Beats) -> Sounding:
    """What sounds as a new slot begins: notes under the pedal are fainter, and what was held for too long is let go."""
    if not sounding.voices:
        return sounding
    faded = {
        key: replace(voice, share=voice.share * SUSTAINED_SHARE) if voice.released else voice
        for key, voice in sounding.voices.items()
    }
    over = [key for key, voice in faded.items() if voice.share < _FAINT or at - voice.since >= MAX_HELD]
    return _without(replace(sounding, voices=faded), over, at)


def added(heard: Heard, sounding: Sounding, start: float, end: float) -> Heard:
    """``heard`` with what sounds from ``start`` to ``end``, between two events."""
    length = end - start
    if not sounding.voices or length <= 0:
        return heard
    voices = sounding.voices.values()
    loudest = max(voice.velocity for voice in voices)
    weights = [0.0] * 12
    for voice in voices:
        weights[voice.pitch % 12] += voice.share * voice.velocity / loudest
    clear = [voice.pitch for voice in voices if voice.share >= _CLEAR] or [voice.pitch for voice in voices]
    lowest = min(clear)
    if len(clear) < FULL_TEXTURE:
        lowest = min([lowest, *(pitch for pitch, ended in sounding.ended if ended > start - BASS_MEMORY)])
    bass = list(heard.bass)
    bass[lowest % 12] += length
    tones = tuple(before + length * math.sqrt(weight) for before, weight in zip(heard.tones, weights, strict=True))
    return Heard(tones=tones, bass=tuple(bass), beats=heard.beats + length)


def _struck(sounding: Sounding, event: NoteOn) -> Sounding:
    key = (event.source, event.pitch)
    voices = dict(sounding.voices)
    voices.pop(key, None)
    if len(voices) >= MAX_VOICES:
        del voices[next(iter(voices))]
    voices[key] = Voice(pitch=event.pitch, velocity=event.velocity, since=event.at)
    return replace(sounding, voices=voices)


def _released(sounding: Sounding, event: NoteOff) -> Sounding:
    key = (event.source, event.pitch)
    voice = sounding.voices.get(key)
    if voice is None:
        return sounding
    if event.source in sounding.pedals:
        return replace(sounding, voices={**sounding.voices, key: replace(voice, released=True)})
    return _without(sounding, (key,), event.at)


def _without(sounding: Sounding, keys: Iterable[tuple[int, int]], at: Beats) -> Sounding:
    """Without some voices, whose ends are remembered for the bass."""
    voices = dict(sounding.voices)
    ended = [entry for entry in sounding.ended if entry[1] > at - BASS_MEMORY]
    for key in keys:
        pitch = voices.pop(key).pitch
        while ended and ended[-1][0] >= pitch:
            ended.pop()
        ended.append((pitch, at))
    return replace(sounding, voices=voices, ended=tuple(ended))
