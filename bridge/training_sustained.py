"""Held chords, as the sketch engine plays them and as a model makes them: what a model's tones are like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import soxr

from bridge.neural_config import JascoAsked
from midi.chords import ChordSpan, parse_chord
from midi.time import FOUR_FOUR, Beats, Bpm, TempoMap
from models.generator import JascoControls, Samples, SketchChart
from models.sketch import SketchEngine
from models.training_chart import WINDOW_S
from models.training_music import SAMPLE_RATE_HZ

TEMPO_BPM: Final = 96.0
"""A bar of four beats lasts a quarter of the window."""
_BAR_S: Final = WINDOW_S / 4
HELD: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    ("ambient, string section", ("Am", "F", "C", "G")),
    ("ambient, choir pad", ("Dm", "Bb", "F", "C")),
    ("ambient, church organ", ("Em", "C", "G", "D")),
    ("ambient, electric piano", ("Cmaj7", "Am7", "Dm7", "G7")),
    ("ambient, sweep pad", ("F#m", "D", "A", "E")),
    ("ambient, harmonium", ("Gm", "Eb", "Bb", "F")),
)
"""What is asked for: a description and a chord for each bar."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sustained:
    """A description, its chords with the seconds at which they begin, and how the sketch engine plays them [N]."""

    description: str
    chords: tuple[tuple[float, str], ...]
    played: Samples


def sustained(soundfont: Path | None = None, held: Sequence[tuple[str, tuple[str, ...]]] = HELD) -> list[Sustained]:
    """What is held, played. Raises ``SoundfontError``."""
    engine = SketchEngine(soundfont)
    return [_played(engine, description, chords) for description, chords in held]


def controls_of_sustained(one: Sustained, asking: JascoAsked) -> JascoControls:
    """What a model is asked for: these chords, and neither drums nor a melody."""
    return JascoControls(
        description=one.description,
        chords=one.chords,
        drums=(),
        melody=(),
        duration_s=WINDOW_S,
        all_weight=asking.all_weight,
        text_weight=asking.text_weight,
        solver=asking.solver,
        seed=0,
    )


def _played(engine: SketchEngine, description: str, labels: tuple[str, ...]) -> Sustained:
    beats = FOUR_FOUR.numerator
    chart = SketchChart(
        tempo_map=TempoMap.constant(Bpm(TEMPO_BPM), FOUR_FOUR),
        start=Beats(0.0),
        end=Beats(float(len(labels) * beats)),
        chords=tuple(
            ChordSpan(start=Beats(float(bar * beats)), end=Beats(float((bar + 1) * beats)), chord=parse_chord(label))
            for bar, label in enumerate(labels)
        ),
        drums=(),
        melody=(),
        key=None,
        prompt=description,
        seed=0,
    )
    (waveform,) = engine.generate([chart], report=lambda share: None, cancelled=lambda: False)
    mono = soxr.resample(waveform.samples.mean(axis=1), waveform.sample_rate_hz, SAMPLE_RATE_HZ, quality=soxr.HQ)
    return Sustained(
        description=description,
        chords=tuple((bar * _BAR_S, label) for bar, label in enumerate(labels)),
        played=mono[: round(WINDOW_S * SAMPLE_RATE_HZ)],
    )
