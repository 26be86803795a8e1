"""Drum hits as audio, for a model that hears its drums."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import soxr

from midi.drums import voice_named
from midi.errors import VoiceError
from models.audio_files import as_mono, read_audio
from models.errors import ModelError
from models.generator import Samples, TimedHit
from models.soundfont import DRUM_CHANNEL, SAMPLE_RATE_HZ, ChannelSetup, SoundfontRenderer, TimedNote

TAIL_S: Final = 1.0
"""Audio after the last hit."""
NOTE_S: Final = 0.1
"""How long a drum is held; it rings on by itself."""
PEAK: Final = 0.9
AUDIO_SUFFIXES: Final = frozenset({".wav", ".flac", ".aif", ".aiff", ".ogg"})
LOUDEST_VELOCITY: Final = 127


class SampleKit:
    """A folder with one audio file for each voice, named after it as in the grid: ``kick.wav``, ``hat.flac``."""

    def __init__(self, folder: Path) -> None:
        """Find the files. Raises ``ModelError`` where none is named after a voice."""
        self._files: dict[str, Path] = {}
        try:
            paths = sorted(folder.iterdir())
        except OSError as error:
            raise ModelError(f"The drum kit {folder} cannot be read: {error.strerror}.") from error
        for path in paths:
            if path.suffix.lower() in AUDIO_SUFFIXES:
                try:
                    self._files[voice_named(path.stem).name] = path
                except VoiceError:
                    continue
        if not self._files:
            raise ModelError(f"The drum kit {folder} holds no audio file named after a voice, such as kick.wav.")
        self._sounds: dict[tuple[str, int], Samples] = {}

    def __contains__(self, voice: str) -> bool:
        return voice in self._files

    def sound(self, voice: str, sample_rate_hz: int) -> Samples:
        """A voice as mono audio [N]. Raises ``ModelError`` where its file cannot be used."""
        key = voice, sample_rate_hz
        if key not in self._sounds:
            audio, rate = read_audio(self._files[voice], what="The drum sound")
            self._sounds[key] = as_mono(audio, rate, sample_rate_hz)
        return self._sounds[key]


class DrumRenderer:
    """Plays drum hits dry, nothing but the drums: with a soundfont, or with a kit of samples where it has the voice."""

    def __init__(self, soundfont: Path | None, kit: Path | None = None) -> None:
        """``kit`` is a folder of samples, or another soundfont. Raises ``ModelError`` for a folder without samples."""
        self._samples = SampleKit(kit) if kit and kit.is_dir() else None
        self._soundfont = kit if kit and not kit.is_dir() else soundfont
        self._renderer: SoundfontRenderer | None = None

    def __call__(self, hits: Sequence[TimedHit], sample_rate_hz: int) -> Samples | None:
        """Mono audio [N] that peaks at ``PEAK``; None where there is no hit.

        Raises ``SoundfontError``, and ``ModelError`` for a sample that cannot be used.
        """
        if not hits:
            return None
        kit = self._samples
        sampled = [hit for hit in hits if kit and hit.voice in kit]
        others = [hit for hit in hits if not (kit and hit.voice in kit)]
        parts = [
            *([_from_samples(kit, sampled, sample_rate_hz)] if kit and sampled else []),
            *([self._from_soundfont(others, sample_rate_hz)] if others else []),
        ]
        mono = np.zeros(max(len(part) for part in parts))
        for part in parts:
            mono[: len(part)] += part
        peak = float(np.abs(mono).max(initial=0.0))
        scaled: Samples = (mono * (PEAK / peak) if peak else mono).astype(np.float32)
        return scaled

    def _from_soundfont(self, hits: Sequence[TimedHit], rate: int) -> Samples:
        self._renderer = self._renderer or SoundfontRenderer(self._soundfont)
        notes = [
            TimedNote(
                start_s=hit.at_s,
                end_s=hit.at_s + NOTE_S,
                channel=DRUM_CHANNEL,
                pitch=voice_named(hit.voice).note,
                velocity=hit.velocity,
            )
            for hit in hits
        ]
        last_s = max(hit.at_s for hit in hits)
        played = self._renderer.render(notes, [ChannelSetup(channel=DRUM_CHANNEL)], last_s + TAIL_S)
        mono: Samples = soxr.resample(played.samples.mean(axis=1), SAMPLE_RATE_HZ, rate, quality=soxr.HQ)
        return mono


def _from_samples(kit: SampleKit, hits: Sequence[TimedHit], rate: int) -> Samples:
    """Each hit's sample at its frame; amplitude goes with the square of the velocity, as soundfonts have it."""
    sounds = [kit.sound(hit.voice, rate) for hit in hits]
    starts = [round(hit.at_s * rate) for hit in hits]
    mix = np.zeros(max(start + len(sound) for start, sound in zip(starts, sounds, strict=True)), dtype=np.float32)
    for hit, start, sound in zip(hits, starts, sounds, strict=True):
        mix[start : start + len(sound)] += sound * (hit.velocity / LOUDEST_VELOCITY) ** 2
    return mix
