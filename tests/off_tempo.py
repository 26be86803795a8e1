"""Music at a tempo that is known, as a model makes it: mono, a window long, from anywhere in a bar."""

from __future__ import annotations

import numpy as np
import soxr
from sketch_charts import chart_of

from midi.drums import DrumHit
from midi.time import Beats, Bpm, Meter, TempoMap
from models.generator import Samples
from models.sketch import SketchEngine

RATE_HZ = 32000
WINDOW_S = 9.96


def house(bars: int, beats: int) -> tuple[DrumHit, ...]:
    """A kick on each beat, a hat between them."""
    hits = []
    for beat in range(bars * beats):
        hits.append(DrumHit(at=Beats(beat), voice="kick", velocity=110))
        hits.append(DrumHit(at=Beats(beat + 0.5), voice="closed_hat", velocity=80))
    return tuple(hits)


def played(
    engine: SketchEngine, bpm: float, *, prompt: str = "funk", late_s: float = 0.3, seed: int = 1, drums: bool = True
) -> Samples:
    """Twelve bars of 4/4 by the sketch engine, of which a window from ``late_s`` on is kept: [frames, 1]."""
    tempo_map = TempoMap.constant(Bpm(bpm), Meter(numerator=4, denominator=4))
    chart = chart_of(
        "Am7 | Dm7 | G7 | Cmaj7 | Am7 | Dm7 | G7 | Cmaj7 | Am7 | Dm7 | G7 | Cmaj7",
        tempo_map=tempo_map,
        prompt=prompt,
        seed=seed,
        drums=house(12, 4) if drums else (),
    )
    (waveform,) = engine.generate([chart], report=lambda share: None, cancelled=lambda: False)
    mono = soxr.resample(waveform.samples.mean(axis=1), waveform.sample_rate_hz, RATE_HZ)
    first = round(late_s * RATE_HZ)
    audio: Samples = mono[first : first + round(WINDOW_S * RATE_HZ), None].astype(np.float32)
    return audio


def clicks(bpm: float, *, first_s: float = 0.2, seconds: float = WINDOW_S) -> Samples:
    """A click on each beat: [frames, 1]."""
    audio = np.zeros(round(seconds * RATE_HZ), dtype=np.float32)
    time = np.arange(round(0.03 * RATE_HZ)) / RATE_HZ
    click = (np.exp(-200 * time) * np.sin(2 * np.pi * 1500 * time)).astype(np.float32)
    for place in np.arange(first_s, seconds, 60.0 / bpm):
        start = round(place * RATE_HZ)
        part = click[: len(audio) - start]
        audio[start : start + len(part)] += part
    return audio[:, None]


def click_times(audio: Samples) -> np.ndarray:
    """Where each click begins, in seconds: the first sample after a quiet tenth of a second that stands out."""
    loud = np.flatnonzero(np.abs(audio[:, 0]) > 0.25 * np.abs(audio).max())
    first = np.concatenate([[True], np.diff(loud) > 0.1 * RATE_HZ])
    return loud[first] / RATE_HZ
