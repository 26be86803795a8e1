"""A held-out piece as a picture: its spectrogram as it is, through the codec, and as a model makes it of its chart."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from bridge.picture_colours import INK, PAPER
from models.generator import Samples
from models.training_chart import WINDOW_S, TrainingChart
from models.training_files import write_whole

FFT: Final = 2048
LEAST_LABEL_S: Final = 0.4
"""A chord that is shorter has no room for its name."""
_TICKS_HZ: Final = (100, 200, 500, 1000, 2000, 5000, 10000)


def draw_sounds(sounds: Mapping[str, Samples], chart: TrainingChart, sample_rate_hz: int, picture: Path) -> None:
    """Draw sounds [N] below each other into a PNG file, under the chords of their chart. Raises ``TrainingError``."""
    figure = Figure(figsize=(11, 0.8 + 2.6 * len(sounds)), dpi=110, facecolor=PAPER, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(f"seed {chart.seed}: {chart.caption}", color=INK, fontsize=10)
    axes = figure.subplots(len(sounds), 1, sharex=True, squeeze=False)[:, 0]
    for axis, (name, sound) in zip(axes, sounds.items(), strict=True):
        axis.specgram(sound, NFFT=FFT, Fs=sample_rate_hz, noverlap=FFT * 3 // 4, cmap="magma", vmin=-130, vmax=-40)
        axis.set_yscale("symlog", linthresh=500)
        axis.set_ylim(40, sample_rate_hz / 2)
        axis.set_yticks(_TICKS_HZ, [f"{hz // 1000}k" if hz >= 1000 else str(hz) for hz in _TICKS_HZ])
        axis.set_ylabel(f"{name}, Hz", color=INK, fontsize=9)
        axis.tick_params(labelsize=8, colors=INK)
        for start, _ in chart.chords:
            axis.axvline(start, color="white", linewidth=0.8, alpha=0.6)
    starts = [start for start, _ in chart.chords]
    for (start, label), end in zip(chart.chords, [*starts[1:], WINDOW_S], strict=True):
        if end - start < LEAST_LABEL_S:
            continue
        axes[0].text(start + 0.03, sample_rate_hz / 2 * 0.55, label, color="white", fontsize=9)
    axes[-1].set_xlim(0, WINDOW_S)
    axes[-1].set_xlabel("seconds", color=INK, fontsize=9)
    content = io.BytesIO()
    figure.savefig(content, format="png")
    write_whole(picture, content.getvalue(), "The picture")
