"""What laying a model's audio on the beat costs, and how near the beat it comes.

``python benchmarks/tempo_fit.py`` plays windows of 10 seconds with the sketch engine at tempos around 120, whose beats
are known, fits each to four bars at 120, and prints what was decided, where the loops begin, how far beats lie from the
grid, and the time. It needs the ``test`` extra.
"""

from __future__ import annotations

import collections
import os
import platform
import statistics
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from off_tempo import RATE_HZ, played

from bridge.tempo_fit import fit
from models.generator import BeatGrid
from models.sketch import SketchEngine
from models.styles import STYLES

BPM = 120.0
GRID = BeatGrid(beats=16, bar_beats=4, beat_quarters=1.0, spare_s=1.2)
LATE_S = 0.37
WITHIN = (0.93, 0.98, 1.0, 1.03, 1.07)
BESIDE = (80 / 120, 90 / 120, 100 / 120, 105 / 120, 135 / 120, 142 / 120, 160 / 120)


def start_of(beat: float) -> str:
    """Where a loop begins that starts at this beat of its song."""
    eighths = round(beat * 2)
    return next(
        word for word, step in (("bar", 8), ("half bar", 4), ("beat", 2), ("off-beat", 1)) if not eighths % step
    )


def main() -> None:
    """Measure and print a table."""
    engine = SketchEngine()
    outcomes: dict[str, collections.Counter[str]] = {"within": collections.Counter(), "beside": collections.Counter()}
    starts: collections.Counter[str] = collections.Counter()
    late_ms, drift_ms, seconds = [], [], []
    for prompt in STYLES:
        for drums in (True, False):
            for factor in (*WITHIN, *BESIDE):
                audio = played(engine, BPM * factor, prompt=prompt, late_s=LATE_S, drums=drums)
                began = time.perf_counter()
                found, _ = fit(audio, RATE_HZ, GRID, seconds=8.0, tail_s=0.05)
                seconds.append(time.perf_counter() - began)
                outcomes["within" if factor in WITHIN else "beside"][found.outcome] += 1
                if factor in WITHIN and found.outcome == "fitted":
                    eighths = (found.start_s + LATE_S) * BPM * factor / 30
                    starts[start_of(eighths / 2)] += 1
                    late_ms.append(abs(eighths - round(eighths)) * 30000 / (BPM * factor))
                    drift_ms.append(abs(16 * 60 / (BPM * factor) * found.ratio - 8.0) * 1000)
    table = Table("what", "measured", title=f"{platform.machine()}, {os.cpu_count()} cores")
    table.add_row("tempos within 8 %", str(dict(outcomes["within"])))
    table.add_row("tempos beside", str(dict(outcomes["beside"])))
    table.add_row("loops begin on", str(dict(starts)))
    table.add_row(
        "start beside the beat", f"median {statistics.median(late_ms):.1f} ms, mean {statistics.mean(late_ms):.1f}"
    )
    table.add_row(
        "drift over the loop", f"median {statistics.median(drift_ms):.1f} ms, mean {statistics.mean(drift_ms):.1f}"
    )
    table.add_row("time, warm", f"median {statistics.median(seconds[1:]):.2f} s")
    table.add_row("time, the first", f"{seconds[0]:.1f} s")
    Console().print(table)


if __name__ == "__main__":
    main()
