"""The sketch engine: plays the chart with a soundfont. No weights, no GPU, and no neural model.

It arranges the chart (``models.arranger``) and renders it (``models.soundfont``); the same chart gives the
same audio, bit for bit. Most of the time goes into the synthesizer's voices: sustained strings cost twice what
a piano does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from models.arranger import arrange
from models.errors import Cancelled
from models.generator import CancelCheck, Progress, SketchChart, Waveform
from models.soundfont import SoundfontRenderer

TAIL_S: Final = 2.0
"""Length of what rings on after the end of the chart."""
FADE_S: Final = 1.0
"""The tail is faded out over this long, up to the silence."""
SILENCE_S: Final = 0.06
"""True silence at the very end."""


class SketchEngine:
    """Plays charts; ``Generator[SketchChart]``."""

    def __init__(self, soundfont: Path | None = None) -> None:
        """Load a soundfont (None: the bundled one). Raises ``SoundfontError``."""
        self._renderer = SoundfontRenderer(soundfont)

    def generate(self, batch: Sequence[SketchChart], *, report: Progress, cancelled: CancelCheck) -> Iterator[Waveform]:
        """One waveform for each chart: from its start to its end, and ``TAIL_S`` more that ends in silence.

        Raises ``GeneratorError`` or ``Cancelled``; asks ``cancelled`` between the stages of each take.
        """
        report(0.0)
        for index, chart in enumerate(batch):
            _stop_if(cancelled)
            arrangement = arrange(chart)
            report((index + 0.1) / len(batch))
            _stop_if(cancelled)
            duration_s = chart.tempo_map.seconds_between(chart.start, chart.end)
            waveform = self._renderer.render(arrangement.notes, arrangement.channels, duration_s + TAIL_S)
            _stop_if(cancelled)
            report((index + 1) / len(batch))
            yield _faded(waveform)


def _stop_if(cancelled: CancelCheck) -> None:
    if cancelled():
        raise Cancelled("The request was cancelled while it was being played.")


def _faded(waveform: Waveform) -> Waveform:
    """The waveform with its end brought to silence by half a cosine."""
    rate = waveform.sample_rate_hz
    silence, fade = round(SILENCE_S * rate), round(FADE_S * rate)
    slope = 0.5 + 0.5 * np.cos(np.linspace(0.0, np.pi, fade, dtype=np.float32))
    envelope = np.concatenate([slope, np.zeros(silence, dtype=np.float32)])
    samples = waveform.samples.copy()
    samples[-len(envelope) :] *= envelope[:, None]
    return Waveform(samples=samples, sample_rate_hz=rate)
