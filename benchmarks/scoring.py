"""Whether the scores measure: clips of the sketch engine against their own charts, and against each other's.

``python benchmarks/scoring.py`` plays four bars in every style, prints the scores of each clip against the chart that
it plays (the ceiling) and against the charts of the others (the floor), and what a score costs; ``--plot FILE`` draws
them.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.adherence import score_of
from bridge.asked import Asked
from bridge.conditioning import AudioFormat, plan
from bridge.mastering import MasterSettings, master
from bridge.session import SessionState
from midi.charts import ChordChart, DrumChart, MelodyChart
from midi.chords import parse_progression
from midi.drums import parse_pattern
from midi.melody import Note
from midi.time import Beats, Bpm, TempoMap
from models.generator import Samples
from models.sketch import SketchEngine
from models.styles import STYLES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

RATE_HZ = 48000
BPM = 100.0
PROGRESSIONS = (
    "Am7 | Dm7 G7 | Cmaj7 | Fmaj7 |", "Ebm | B | Gb | Db |", "E | B/D# | C#m | A |", "Cm7 | Fm7 | Bb7 | Ebmaj7 |",
    "F#m | D | A | E |", "Bm7b5 E7 | Am7 | F#m7 B7 | Em7 |", "Gm | Eb | Bb | F |", "Db | Ab | Bbm | Gb |",
)  # fmt: skip
GROOVES = (
    {"kick": "x...x...x...x...", "snare": "....x.......x...", "hat": "x.x.x.x.x.x.x.x."},
    {"kick": "x..x..x...x..x..", "snare": "....x..x.x..x...", "hat": "xxxxxxxxxxxxxxxx"},
    {"kick": "x.....x.x.......", "snare": "........x.......", "ride": "x..x..x.x..x..x."},
    {"kick": "x.......x.......", "rim": "...x..x...x..x..", "shaker": "x.x.x.x.x.x.x.x."},
    {"kick": "x.x.......x.....", "clap": "....x.......x..x", "open_hat": "..x...x...x...x."},
)
MELODY = ((0.0, 1.5, 0), (1.5, 0.5, 1), (2.0, 2.0, 2), (5.0, 1.0, 1), (6.0, 2.0, 0), (9.0, 3.0, 2), (12.0, 2.0, 1))
"""Beat, length, and which of the chord's tones."""
LOWEST_MELODY_PITCH = 72
PARTS = ("chords", "drums", "melody", "total")


@dataclass(frozen=True)
class Clip:
    """A clip, its chart, and its style."""

    style: str
    samples: Samples
    asked: Asked


def clips() -> Iterator[Clip]:
    """Four bars in every style, each with a progression, a groove and a melody of its own."""
    engine = SketchEngine()
    tempo_map = TempoMap.constant(Bpm(BPM))
    for number, style in enumerate(STYLES):
        groove = GROOVES[number % len(GROOVES)]
        progression = parse_progression(PROGRESSIONS[number % len(PROGRESSIONS)])
        chart = ChordChart(progression=progression)
        state = SessionState(
            tempo_map=tempo_map,
            bars=4,
            prompt=style,
            chords=chart,
            drums=DrumChart(patterns=tuple(parse_pattern(*voice, tempo_map) for voice in groove.items())),
            melody=MelodyChart(notes=tuple(melody_over(chart, tempo_map)), bars=4),
        )
        made = plan(state, request_id="a", seed=number, audio=AudioFormat())
        (waveform,) = engine.generate(made.request.controls, report=lambda share: None, cancelled=lambda: False)
        settings = MasterSettings(sample_rate_hz=RATE_HZ, frames=made.request.window.frames)
        asked = made.request.asked
        if asked is None:
            raise AssertionError("a plan is measured unless told otherwise")
        yield Clip(style, master(waveform, settings).samples, asked)


def melody_over(chart: ChordChart, tempo_map: TempoMap) -> Iterator[Note]:
    """A line of chord tones."""
    spans = chart.spans(tempo_map, Beats(0.0), Beats(16.0))
    for at, length, tone in MELODY:
        chord = next(span.chord for span in spans if span.start <= at < span.end)
        if chord:
            above = (chord.root + chord.quality.intervals[tone]) % 12
            yield Note(at=Beats(at), length=Beats(length), pitch=LOWEST_MELODY_PITCH + above, velocity=100)


def main() -> None:
    """Print the scores, and draw them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--plot", type=Path, help="Where the picture goes.")
    options = parser.parse_args()
    made = list(clips())
    score_of(made[0].samples, RATE_HZ, made[0].asked)  # loads what it needs
    own, others, spent = {part: [] for part in PARTS}, {part: [] for part in PARTS}, []
    for clip in made:
        began = time.perf_counter()
        score = score_of(clip.samples, RATE_HZ, clip.asked)
        spent.append(time.perf_counter() - began)
        foreign = [score_of(clip.samples, RATE_HZ, other.asked) for other in made if other is not clip]
        print(f"{clip.style:12} {score.told()}")
        for part in PARTS:
            own[part].append(getattr(score, part))
            others[part].append(statistics.fmean(getattr(one, part) for one in foreign))
    for part in PARTS:
        print(
            f"{part:8} own chart {statistics.fmean(own[part]):.3f}   other charts {statistics.fmean(others[part]):.3f}"
        )
    seconds = len(made[0].samples) / RATE_HZ
    print(f"a score of {seconds:.1f} s of audio: median {1000 * statistics.median(spent):.0f} ms")
    if options.plot:
        draw(options.plot, [clip.style for clip in made], own, others)


def draw(path: Path, styles: Sequence[str], own: dict[str, list[float]], others: dict[str, list[float]]) -> None:
    """A panel for each part: every style's score against its own chart, and its mean against the others'."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.2), layout="constrained")
    panels: Sequence[Axes] = figure.subplots(1, len(PARTS), sharey=True)
    for panel, part in zip(panels, PARTS, strict=True):
        rows = range(len(styles))
        panel.hlines(rows, others[part], own[part], color="#c8ccd4", linewidth=1)
        panel.plot(others[part], rows, "o", color="#d1495b", label="another chart")
        panel.plot(own[part], rows, "o", color="#00798c", label="its own chart")
        panel.set(title=part, xlim=(-0.03, 1.03), xlabel="score")
        panel.spines[["top", "right"]].set_visible(False)
        panel.grid(axis="x", color="#eceef2")
    panels[0].set_yticks(range(len(styles)), styles)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False)
    figure.suptitle("Clips of the sketch engine, against their own charts and each other's", fontsize=11)
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
