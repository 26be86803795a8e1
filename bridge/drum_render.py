"""Drum hits as audio, for a model that hears its drums."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import soxr

from midi.drums import voice_named
from models.generator import Samples, TimedHit
from models.soundfont import DRUM_CHANNEL, SAMPLE_RATE_HZ, ChannelSetup, SoundfontRenderer, TimedNote

TAIL_S: Final = 1.0
"""Audio after the last hit."""
NOTE_S: Final = 0.1
"""How long a drum is held; it rings on by itself."""
PEAK: Final = 0.9


class DrumRenderer:
    """Plays drum hits with the soundfont of the sketch engine, dry: nothing but the drums."""

    def __init__(self, soundfont: Path | None) -> None:
        self._soundfont = soundfont
        self._renderer: SoundfontRenderer | None = None

    def __call__(self, hits: Sequence[TimedHit], sample_rate_hz: int) -> Samples | None:
        """Mono audio [N] that peaks at ``PEAK``; None where there is no hit. Raises ``SoundfontError``."""
        if not hits:
            return None
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
        mono = soxr.resample(played.samples.mean(axis=1), SAMPLE_RATE_HZ, sample_rate_hz, quality=soxr.HQ)
        peak = float(np.abs(mono).max(initial=0.0))
        scaled: Samples = (mono * (PEAK / peak) if peak else mono).astype(np.float32)
        return scaled
