"""The demo's picture: what was asked for above what came back, on one time axis with the bar lines.

Matplotlib draws it without a screen. Asked: the chord lane and the drum lane, from the first clip's receipt. Came back,
for each engine: onsets, pitch classes and spectrogram of the WAV file, as the scores hear them, and the scores.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import soundfile
import soxr
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from bridge.chord_hearing import HOP as CHORD_HOP
from bridge.chord_hearing import hear_chords
from bridge.errors import DiskError
from bridge.onset_hearing import HOP as ONSET_HOP
from bridge.onset_hearing import LATE_S, RATE_HZ, onset_strength, onset_times
from bridge.picture_colours import ACCENT, FAINT, INK, PAPER
from bridge.receipt_schema import Receipt, receipt_from_json
from midi.chords import Chord, chord_label
from midi.pitch_names import NOTE_NAMES
from midi.time import Beats

CEILING_HZ: Final = 10_000
FFT: Final = 4096
COLOURS: Final = ("#e8b4bc", "#f2c6a0", "#f4dc9b", "#d9e3a5", "#b5dcae", "#a6dcc6", "#a5d8e0", "#a9c5ea", "#b4b4ec",
                  "#cab1ea", "#dfb0e2", "#ebb2d0")  # fmt: skip
"""One colour for each root, around the circle."""
_ASKED_HEIGHTS: Final = (1.1, 2.0)
_HEARD_HEIGHTS: Final = (1.6, 2.4, 3.0)
"""Chords and drums; and for each clip onsets, pitch classes and spectrogram."""

Mono = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Clip:
    """A clip as it is drawn: its receipt, and its audio in mono [frames], at its own rate and at that of the scores."""

    receipt: Receipt
    mono: Mono
    heard: Mono


def draw_picture(clips: Sequence[Path], picture: Path, *, missing: str = "") -> None:
    """Draw clips of one chart, and what their receipts say was asked, into a PNG file.

    ``missing`` is told below where a clip is not there. Raises ``DiskError``.
    """
    drawn = [_read(clip) for clip in clips]
    heights = [*_ASKED_HEIGHTS, *_HEARD_HEIGHTS * len(drawn)]
    figure = Figure(figsize=(12, 0.75 * sum(heights) + 1), dpi=120, facecolor=PAPER, layout="constrained")
    FigureCanvasAgg(figure)
    lanes: Sequence[Axes] = figure.subplots(len(heights), 1, sharex=True, height_ratios=heights)
    figure.suptitle(_title(drawn[0].receipt), color=INK, fontsize=12)
    _chords(lanes[0], drawn[0].receipt)
    _drums(lanes[1], drawn[0].receipt)
    for place, clip in enumerate(drawn):
        onsets, classes, spectrogram = lanes[2 + 3 * place : 5 + 3 * place]
        onsets.set_title(made_by(clip.receipt), color=INK, fontsize=10, loc="left")
        _onsets(onsets, clip)
        _pitch_classes(classes, clip)
        _spectrogram(spectrogram, clip)
    _bars(lanes, drawn[0].receipt)
    if missing:
        figure.supxlabel(textwrap.fill(missing, 130), color=INK, fontsize=9)
    part = picture.with_name(f".{picture.name}.part")
    try:
        figure.savefig(part, format="png")
        part.replace(picture)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise DiskError(f"The picture {picture} cannot be written: {error.strerror}.") from None


def _read(clip: Path) -> _Clip:
    receipt = receipt_from_json(clip.with_suffix(".json").read_bytes())
    samples, rate = soundfile.read(clip, dtype="float32", always_2d=True)
    mono: Mono = samples.mean(axis=1)
    return _Clip(receipt=receipt, mono=mono, heard=soxr.resample(mono, rate, RATE_HZ).astype(np.float32))


def _title(receipt: Receipt) -> str:
    key = f", {receipt.key.label}" if receipt.key else ""
    prompt = f"  “{receipt.prompt}”" if receipt.prompt else ""
    return f"{receipt.bars} bars at {receipt.bpm:g}{key}{prompt}"


def made_by(receipt: Receipt) -> str:
    """Who made a clip, and how near it comes to the chart."""
    model = f", model {receipt.model.partition(' (')[0]}" if receipt.model else ""
    score = f": {receipt.score.told()}" if receipt.score else ""
    return f"engine {receipt.engine}{model}, seed {receipt.seed}{score}"


def _label(lane: Axes, text: str) -> None:
    lane.set_ylabel(text, color=INK, fontsize=9)
    lane.set_facecolor("white")
    lane.tick_params(labelsize=8, colors=INK)
    for side in ("top", "right"):
        lane.spines[side].set_visible(False)


def _chords(lane: Axes, receipt: Receipt) -> None:
    _label(lane, "asked:\nchords")
    lane.set_yticks([])
    for start, end, chord in _spans(receipt):
        colour = COLOURS[chord.root * 7 % 12] if chord else "white"
        lane.barh(0.5, end - start, left=start, height=1, color=colour, edgecolor="white", linewidth=2)
        lane.text((start + end) / 2, 0.5, chord_label(chord), ha="center", va="center", color=INK, fontsize=11)
    lane.set_ylim(0, 1)


def _spans(receipt: Receipt) -> Iterator[tuple[float, float, Chord | None]]:
    """The chords that were asked for, with the seconds at which they begin and end."""
    starts = [receipt.tempo_map.seconds_between(receipt.start, start) for start, _ in receipt.chart_chords]
    chords = [chord for _, chord in receipt.chart_chords]
    yield from zip(starts, [*starts[1:], receipt.seconds], chords, strict=True)


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


def _onsets(lane: Axes, clip: _Clip) -> None:
    """The strength of onsets; those that are heard below, the hits that were asked for above."""
    _label(lane, "came back:\nonsets")
    strength = onset_strength(clip.heard)
    times = np.arange(len(strength)) * ONSET_HOP / RATE_HZ - LATE_S
    lane.fill_between(times, strength / max(float(strength.max(initial=0.0)), 1e-9), color=FAINT, linewidth=0)
    receipt = clip.receipt
    hits = sorted({round(receipt.tempo_map.seconds_between(receipt.start, hit.at), 4) for hit in receipt.drums})
    lane.vlines(hits, 1.06, 1.26, color=INK, linewidth=1)
    lane.vlines(onset_times(strength), -0.26, -0.06, color=ACCENT, linewidth=1)
    lane.set_ylim(-0.3, 1.3)
    lane.set_yticks([-0.16, 1.16], ["heard", "asked"])


def _pitch_classes(lane: Axes, clip: _Clip) -> None:
    """The pitch classes that are heard, and a frame around the tones of the chords that were asked for."""
    _label(lane, "came back:\npitch classes")
    _, chroma = hear_chords(clip.heard)
    seconds = clip.receipt.seconds
    lane.imshow(
        chroma, aspect="auto", origin="lower", cmap="Purples", vmin=0, vmax=0.8, interpolation="nearest",
        extent=(0, chroma.shape[1] * CHORD_HOP / RATE_HZ, -0.5, 11.5),
    )  # fmt: skip
    for start, end, chord in _spans(clip.receipt):
        for tone in chord.pitch_classes if chord else ():
            lane.add_patch(
                Rectangle((start, tone - 0.5), end - start, 1, fill=False, edgecolor=ACCENT, linewidth=0.8, alpha=0.7)
            )
    lane.set_xlim(0, seconds)
    lane.set_yticks(range(0, 12, 2), NOTE_NAMES[::2])


def _spectrogram(lane: Axes, clip: _Clip) -> None:
    _label(lane, "came back:\nspectrogram, Hz")
    receipt = clip.receipt
    mono = np.pad(clip.mono, FFT // 2)
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
    for place, lane in enumerate(lanes):
        for second in seconds:
            lane.axvline(second, color=FAINT, linewidth=0.8, zorder=0 if place in {0, 1} else 3, alpha=0.7)
    lanes[-1].set_xlim(0, receipt.seconds)
    lanes[-1].set_xticks(seconds, [str(tempo_map.bar_at(line).bar) for line in lines])
    lanes[-1].set_xlabel("bar", color=INK, fontsize=9)
