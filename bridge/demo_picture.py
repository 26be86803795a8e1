"""The demo's picture: what was asked for above what came back, on one time axis with the bar lines.

Matplotlib draws it without a screen. Asked: the chord lane and the drum lane, from the clip's receipt. Came
back: the waveform and the spectrogram of the WAV file.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import soundfile
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from bridge.errors import DiskError
from bridge.receipt_schema import Receipt, receipt_from_json
from midi.chords import parse_chord
from midi.time import Beats
from models.generator import Samples

CEILING_HZ: Final = 10_000
FFT: Final = 4096
INK, PAPER, ACCENT, FAINT = "#22223b", "#fbfaf7", "#9a348e", "#c9c6d6"
COLOURS: Final = ("#e8b4bc", "#f2c6a0", "#f4dc9b", "#d9e3a5", "#b5dcae", "#a6dcc6", "#a5d8e0", "#a9c5ea", "#b4b4ec",
                  "#cab1ea", "#dfb0e2", "#ebb2d0")  # fmt: skip
"""One colour for each root, around the circle."""


def draw_picture(clip: Path, picture: Path) -> None:
    """Draw the clip and what its receipt says was asked into a PNG file. Raises ``DiskError``."""
    receipt = receipt_from_json(clip.with_suffix(".json").read_bytes())
    samples, _ = soundfile.read(clip, dtype="float32", always_2d=True)
    figure = Figure(figsize=(12, 8), dpi=120, facecolor=PAPER, layout="constrained")
    FigureCanvasAgg(figure)
    lanes: Sequence[Axes] = figure.subplots(4, 1, sharex=True, height_ratios=(1.1, 2.2, 2.2, 4))
    figure.suptitle(_title(receipt), color=INK, fontsize=12)
    _chords(lanes[0], receipt)
    _drums(lanes[1], receipt)
    _waveform(lanes[2], samples, receipt)
    _spectrogram(lanes[3], samples, receipt)
    _bars(lanes, receipt)
    part = picture.with_name(f".{picture.name}.part")
    try:
        figure.savefig(part, format="png")
        part.replace(picture)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise DiskError(f"The picture {picture} cannot be written: {error.strerror}.") from None


def _title(receipt: Receipt) -> str:
    key = f", {receipt.key.label}" if receipt.key else ""
    prompt = f"  “{receipt.prompt}”" if receipt.prompt else ""
    return (
        f"{receipt.bars} bars at {receipt.bpm:g}{key}{prompt}\n"
        f"engine {receipt.engine}, seed {receipt.seed}: {receipt.frames} frames, {receipt.loudness_lufs:.1f} LUFS"
    )


def _label(lane: Axes, text: str) -> None:
    lane.set_ylabel(text, color=INK, fontsize=9)
    lane.set_facecolor("white")
    lane.tick_params(labelsize=8, colors=INK)
    for side in ("top", "right"):
        lane.spines[side].set_visible(False)


def _chords(lane: Axes, receipt: Receipt) -> None:
    _label(lane, "asked:\nchords")
    lane.set_yticks([])
    starts = [chord.start_s for chord in receipt.chords_used]
    for chord, start, end in zip(receipt.chords_used, starts, [*starts[1:], receipt.seconds], strict=True):
        parsed = parse_chord(chord.label)
        colour = COLOURS[parsed.root * 7 % 12] if parsed else "white"
        lane.barh(0.5, end - start, left=start, height=1, color=colour, edgecolor="white", linewidth=2)
        lane.text((start + end) / 2, 0.5, chord.label, ha="center", va="center", color=INK, fontsize=11)
    lane.set_ylim(0, 1)


def _drums(lane: Axes, receipt: Receipt) -> None:
    _label(lane, "asked:\ndrums")
    tempo_map = receipt.tempo_map
    voices = sorted({hit.voice for hit in receipt.drums}, reverse=True)
    for hit in receipt.drums:
        at = tempo_map.seconds_between(receipt.start, hit.at)
        size = 2 + 5 * hit.velocity / 127
        lane.plot(at, voices.index(hit.voice), "o", color=ACCENT, markersize=size, clip_on=False)
    lane.set_yticks(range(len(voices)), [voice.replace("_", " ") for voice in voices])
    lane.set_ylim(-0.7, max(1, len(voices)) - 0.3)


def _waveform(lane: Axes, samples: Samples, receipt: Receipt) -> None:
    _label(lane, "came back:\nwaveform")
    columns = 2400
    mono = samples.mean(axis=1)
    edges = np.linspace(0, len(mono), min(columns, len(mono)) + 1).astype(int)[:-1]
    times = edges / receipt.sample_rate_hz
    lane.fill_between(
        times, np.minimum.reduceat(mono, edges), np.maximum.reduceat(mono, edges), color=ACCENT, linewidth=0
    )
    lane.set_ylim(-1, 1)
    lane.set_yticks([-1, 0, 1])


def _spectrogram(lane: Axes, samples: Samples, receipt: Receipt) -> None:
    _label(lane, "came back:\nspectrogram, Hz")
    mono = np.pad(samples.mean(axis=1), FFT // 2)
    lane.specgram(
        mono, NFFT=FFT, Fs=receipt.sample_rate_hz, noverlap=FFT * 3 // 4, cmap="magma", vmin=-130, vmax=-40,
        xextent=(0, receipt.seconds),
    )  # fmt: skip
    lane.set_yscale("symlog", linthresh=500)
    lane.set_ylim(40, CEILING_HZ)
    lane.set_yticks([100, 200, 500, 1000, 2000, 5000, 10000], ["100", "200", "500", "1k", "2k", "5k", "10k"])


def _bars(lanes: Sequence[Axes], receipt: Receipt) -> None:
    tempo_map = receipt.tempo_map
    end = tempo_map.advance_bars(receipt.start, receipt.bars)
    lines = tempo_map.bar_lines(receipt.start, Beats(end))
    seconds = [tempo_map.seconds_between(receipt.start, line) for line in lines]
    for lane in lanes:
        for second in seconds:
            lane.axvline(second, color=FAINT, linewidth=0.8, zorder=0 if lane is not lanes[3] else 3, alpha=0.7)
    lanes[-1].set_xlim(0, receipt.seconds)
    lanes[-1].set_xticks(seconds, [str(tempo_map.bar_at(line).bar) for line in lines])
    lanes[-1].set_xlabel("bar", color=INK, fontsize=9)
