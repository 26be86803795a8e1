"""Composed pieces as audio to train on: a mix and its drum stem, in a room, at a level, with a chart and words.

Windows are 10 s of mono at 32 kHz: 500 frames of JASCO's 50 a second.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import scipy.fft
import soxr

from midi.chance import Chance
from midi.composing import Piece, compose
from models.generator import Samples
from models.soundfont import SAMPLE_RATE_HZ as RENDERED_HZ
from models.soundfont import ChannelSetup, SoundfontRenderer, TimedNote
from models.training_band import KITS, Band, band_for, parts_of
from models.training_chart import WINDOW_S, TrainingChart, chart_of

SAMPLE_RATE_HZ: Final = 32000
FRAMES: Final = round(WINDOW_S * SAMPLE_RATE_HZ)
FULL_SCALE: Final = 32767
DRY_SHARE: Final = 0.3
"""So many rooms are none."""
DECAY_S: Final = (0.15, 0.9)
"""The time in which a room's sound falls by 60 dB."""
WET_DB: Final = (-26.0, -11.0)
"""The energy of a room's sound, against what comes straight."""
TILT_DB: Final = 1.5
"""Most that the spectrum is tilted by, in dB an octave, around 1 kHz and as far as three octaves from it."""
BALANCE_DB: Final = (-5.0, 4.0)
"""The level of the drums against the others'."""
PEAK_DB: Final = (-14.0, -1.0)
"""The peak of a mix."""
_SILENT: Final = 1e-6
_ROOMY_DB: Final = -16.0
_TILTED_DB: Final = 0.8

Integers = npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrainingPiece:
    """A window of music: mix and drum stem as 16-bit samples [FRAMES] of one level, and its chart.

    The mix less the stem is what all others play, but for rounding.
    """

    mix: Integers
    drums: Integers
    chart: TrainingChart


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """Where the music sounds: a decay in seconds, the room's energy in dB (None for none), the tilt in dB an octave."""

    decay_s: float
    wet_db: float | None
    tilt_db: float


def make_piece(seed: int, renderer: SoundfontRenderer) -> TrainingPiece:
    """The music of a seed. The same seed and soundfont give the same bytes, with the same libraries on a machine.

    Raises ``GeneratorError``.
    """
    piece = compose(seed, WINDOW_S)
    band = band_for(piece)
    chance = Chance(seed, "sound")
    room = _room(chance)
    parts = parts_of(piece, band)
    others = _heard(renderer, parts.band, parts.band_channels, piece)
    drums = _heard(renderer, parts.drums, parts.drum_channels, piece) if parts.drums else np.zeros_like(others)
    drums *= _level(others) / max(_level(drums), _SILENT) * _gain(chance.between(*BALANCE_DB))
    others, drums = (_in_room(samples, room, seed) for samples in (others, drums))
    mix = others + drums
    scale = FULL_SCALE * _gain(chance.between(*PEAK_DB)) / max(float(np.abs(mix).max()), _SILENT)
    return TrainingPiece(
        mix=np.round(mix * scale).astype(np.int16),
        drums=np.round(np.clip(drums * scale, -FULL_SCALE, FULL_SCALE)).astype(np.int16),
        chart=chart_of(piece, words=_words(piece, band, room, chance), band=band.name),
    )


def _heard(
    renderer: SoundfontRenderer, notes: tuple[TimedNote, ...], channels: tuple[ChannelSetup, ...], piece: Piece
) -> Samples:
    """The window of a part, mono at ``SAMPLE_RATE_HZ``; what began before it rings on in it."""
    start_s = piece.heard_from * 60.0 / piece.bpm
    end_s = start_s + WINDOW_S
    stereo = renderer.render((note for note in notes if note.start_s < end_s), channels, end_s).samples
    mono = stereo[round(start_s * RENDERED_HZ) :].mean(axis=1)
    heard = soxr.resample(mono, RENDERED_HZ, SAMPLE_RATE_HZ, quality=soxr.HQ).astype(np.float32)
    samples: Samples = np.zeros(FRAMES, dtype=np.float32)
    samples[: len(heard)] = heard[:FRAMES]
    return samples


def _level(samples: Samples) -> float:
    return float(np.sqrt(np.mean(np.square(samples))))


def _gain(decibels: float) -> float:
    return float(10 ** (decibels / 20))


# The room


def _room(chance: Chance) -> Room:
    wet = None if chance.happens(DRY_SHARE) else chance.between(*WET_DB)
    return Room(decay_s=chance.between(*DECAY_S), wet_db=wet, tilt_db=chance.between(-TILT_DB, TILT_DB))


def _in_room(samples: Samples, room: Room, seed: int) -> Samples:
    """Audio [frames] with the room's sound and tilt, as long as before."""
    response = _response(room, seed)
    length = scipy.fft.next_fast_len(len(samples) + len(response) - 1, real=True)
    spectrum = scipy.fft.rfft(samples, length) * scipy.fft.rfft(response, length)
    octaves = np.log2(np.maximum(scipy.fft.rfftfreq(length, 1 / SAMPLE_RATE_HZ), 1.0) / 1000.0).clip(-3.0, 3.0)
    spectrum *= (10 ** (room.tilt_db * octaves / 20)).astype(np.float32)
    heard: Samples = scipy.fft.irfft(spectrum, length)[: len(samples)].astype(np.float32)
    return heard


def _response(room: Room, seed: int) -> Samples:
    """What straight sound and room make of a click: noise that decays, after a few milliseconds."""
    if room.wet_db is None:
        return np.ones(1, dtype=np.float32)
    times = np.arange(round(room.decay_s * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    noise = np.random.default_rng(seed).standard_normal(len(times)) * 10 ** (-3 * times / room.decay_s)
    noise[: round(0.004 * SAMPLE_RATE_HZ)] = 0.0
    noise *= _gain(room.wet_db) / np.sqrt(np.sum(noise**2))
    noise[0] = 1.0
    return noise.astype(np.float32)


# Words


def _words(piece: Piece, band: Band, room: Room, chance: Chance) -> str:
    """What a user might ask for to get this: some of the style, the instruments, the drums and the sound."""
    players = band.ensemble
    told = [chance.one_of(players.style.phrases)] if chance.happens(0.75) else []
    asked = [(players.comping, 0.7), (players.lead, 0.6 if piece.melody else 0.0)]
    asked += [(players.bass, 0.4 if band.has_bass else 0.0), *([(band.layer, 0.5)] if band.layer else [])]
    told += [chance.one_of(player.phrases) for player, likely in asked if chance.happens(likely)]
    told += [word for word in _sound_words(piece, band, room) if chance.happens(0.5)]
    return ", ".join(dict.fromkeys(told)) or players.style.name


def _sound_words(piece: Piece, band: Band, room: Room) -> list[str]:
    rooms: Mapping[bool, str] = {True: "roomy", False: "dry"}
    kit = KITS[band.kit]
    return [
        *([f"{kit} drums"] if kit and piece.drums else []),
        *([] if piece.drums else ["no drums"]),
        *([f"{piece.family} groove"] if piece.drums else []),
        *([rooms[room.wet_db is not None]] if room.wet_db is None or room.wet_db > _ROOMY_DB else []),
        *(["bright"] if room.tilt_db > _TILTED_DB else ["dark"] if room.tilt_db < -_TILTED_DB else []),
        *(["slow"] if piece.bpm < 80 else ["fast"] if piece.bpm > 150 else []),
    ]


__all__ = ["FRAMES", "SAMPLE_RATE_HZ", "WINDOW_S", "TrainingPiece", "make_piece"]
