"""What a window of training music is measured against: its own chart. Pure."""

from __future__ import annotations

import itertools

from bridge.asked import Asked, AskedChord, triad_label
from midi.chords import parse_chord
from models.generator import TimedPitch
from models.training_chart import WINDOW_S, TrainingChart


def asked_of_training(chart: TrainingChart) -> Asked:
    """The chart of a window as ``bridge.adherence`` takes it."""
    starts = [*(start for start, _ in chart.chords), WINDOW_S]
    labels = [triad_label(parse_chord(label)) for _, label in chart.chords]
    beat_s = 60.0 / chart.bpm
    return Asked(
        chords=tuple(
            AskedChord(start_s=start, end_s=end, label=label)
            for label, (start, end) in zip(labels, itertools.pairwise(starts), strict=True)
        ),
        drums_s=tuple(sorted({round(at, 4) for at, _, _ in chart.drums})),
        melody=tuple(TimedPitch(start_s=start, end_s=end, pitch=pitch) for start, end, pitch in chart.melody),
        beats_s=tuple(count * beat_s for count in range(int(WINDOW_S / beat_s) + 2)),
    )
