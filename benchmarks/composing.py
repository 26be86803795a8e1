"""Training music: what a piece costs, and how far what is heard in it is what its chart says.

``python benchmarks/composing.py`` makes pieces of held-out seeds in one process, prints pieces a second by stage, and
scores mix, what is not drums, and drum stem against their own charts and against each other's. ``--soundfont FILE``
plays with another soundfont, ``--pieces N`` with more of them.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from bridge.adherence import score_of
from bridge.asked import NEITHER
from bridge.score_record import Score
from bridge.training_asked import asked_of_training
from midi.compose_split import seeds_of
from midi.composing import compose
from models.soundfont import SoundfontRenderer
from models.training_chart import WINDOW_S, TrainingChart
from models.training_music import SAMPLE_RATE_HZ, Integers, TrainingPiece, make_piece

ROOT_POSITION = "chords, root position, without drums"


def scored(samples: Integers, chart: TrainingChart) -> Score:
    """The score of a window against a chart."""
    return score_of((samples.astype(np.float32) / 32768)[:, None], SAMPLE_RATE_HZ, asked_of_training(chart))


def in_root_position(chart: TrainingChart) -> TrainingChart:
    """The chart with the time of inversions and sixths not counted: their listener hears other roots."""
    chords = tuple((at, "Cdim" if "/" in label or "6" in label else label) for at, label in chart.chords)
    return chart.model_copy(update={"chords": chords})


def scores(pieces: list[TrainingPiece]) -> dict[str, list[tuple[float, float]]]:
    """By what is heard: the scores against the own chart and against another's."""
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for piece, other in zip(pieces, [*pieces[1:], pieces[0]], strict=True):
        band = (piece.mix.astype(np.int32) - piece.drums).astype(np.int16)
        rows = {
            "chords in the mix": [scored(piece.mix, one.chart).chords for one in (piece, other)],
            "chords without drums": [scored(band, one.chart).chords for one in (piece, other)],
            ROOT_POSITION: [scored(band, in_root_position(one.chart)).chords for one in (piece, other)],
            "drums in the stem": [scored(piece.drums, one.chart).drums for one in (piece, other)],
            "drums in the mix": [scored(piece.mix, one.chart).drums for one in (piece, other)],
            "melody in the mix": [scored(piece.mix, one.chart).melody for one in (piece, other)],
        }
        for name, (own, others) in rows.items():
            plain = asked_of_training(in_root_position(piece.chart)).chords
            counted = name != ROOT_POSITION or any(chord.label != NEITHER for chord in plain)
            if own is not None and others is not None and counted:
                found[name].append((own, others))
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pieces", type=int, default=48)
    parser.add_argument("--soundfont", type=Path)
    parser.add_argument("--split", choices=("train", "test"), default="test")
    options = parser.parse_args()
    seeds = list(itertools.islice(seeds_of(options.split), options.pieces))
    renderer = SoundfontRenderer(options.soundfont)
    make_piece(seeds[0], renderer)
    began = time.process_time()
    for seed in seeds:
        compose(seed, WINDOW_S)
    composed = time.process_time()
    pieces = [make_piece(seed, renderer) for seed in seeds]
    done = time.process_time()
    console = Console()
    console.print(f"{len(seeds)} {options.split} pieces with {renderer.path.name}")
    console.print(f"composing alone: {len(seeds) / (composed - began):.0f} pieces a second of one core")
    rate = len(seeds) / (done - composed)
    console.print(f"composed and played: {rate:.1f} pieces a second of one core, {rate * WINDOW_S:.0f} x real time")
    table = Table("heard", "pieces", "own chart", "another's", title="mean scores")
    for name, values in scores(pieces).items():
        own, other = (statistics.fmean(column) for column in zip(*values, strict=True))
        table.add_row(name, str(len(values)), f"{own:.2f}", f"{other:.2f}")
    console.print(table)


if __name__ == "__main__":
    main()
