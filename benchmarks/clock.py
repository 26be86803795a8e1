"""How well the clock follower follows: tempo and position against simulated clocks; a table and a plot.

``python benchmarks/clock.py --plot docs/clock.png``. Each clock is simulated with 100 seeds: a DAW starts and sends 24
ticks a beat, each off by jitter, some lost or doubled. The follower is asked at a random time after each tick,
ten milliseconds at the latest, and compared with the truth. Figures are the worst of all seeds.
"""

from __future__ import annotations

import argparse
import math
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from midi.clock_follower import FollowerState, estimate, hear
from midi.clock_line import TICKS_PER_BEAT
from midi.clock_messages import Start, Tick
from midi.time import Seconds

SEEDS = 100
BEATS = 32
CHANGE = 12
"""The beat at which tempos change."""
Jitter = Callable[[random.Random], float]
Truth = tuple[float, float, float, float]
"""The beat, and the errors of the tempo in bpm, of the position in ms, and the estimate's tempo."""


@dataclass(frozen=True, kw_only=True)
class Clock:
    """A simulated clock: its tempo by beat, its jitter, and the shares of ticks that are lost and doubled."""

    name: str
    tempo: Callable[[float], float]
    jitter: Jitter = lambda _: 0.0
    lost: float = 0.0
    doubled: float = 0.0


def steady(bpm: float) -> Callable[[float], float]:
    """One tempo throughout."""
    return lambda _: bpm


def jump(before: float, after: float) -> Callable[[float], float]:
    """Another tempo from the beat of the change on."""
    return lambda beat: before if beat < CHANGE else after


def ramp(before: float, after: float, beats: float) -> Callable[[float], float]:
    """A ramp from the beat of the change on."""
    return lambda beat: before + (after - before) * min(1.0, max(0.0, beat - CHANGE) / beats)


def uniform(random_: random.Random) -> float:
    """3 ms early to 3 ms late."""
    return random_.uniform(-0.003, 0.003)


def gaussian(random_: random.Random) -> float:
    """A standard deviation of 3 ms."""
    return random_.gauss(0.0, 0.003)


CLOCKS = (
    Clock(name="60, clean", tempo=steady(60)),
    Clock(name="120, clean", tempo=steady(120)),
    Clock(name="180, clean", tempo=steady(180)),
    Clock(name="999, clean", tempo=steady(999)),
    Clock(name="60, 3 ms uniform", tempo=steady(60), jitter=uniform),
    Clock(name="120, 3 ms uniform", tempo=steady(120), jitter=uniform),
    Clock(name="180, 3 ms uniform", tempo=steady(180), jitter=uniform),
    Clock(name="60, 3 ms gaussian", tempo=steady(60), jitter=gaussian),
    Clock(name="120, 3 ms gaussian", tempo=steady(120), jitter=gaussian),
    Clock(name="180, 3 ms gaussian", tempo=steady(180), jitter=gaussian),
    Clock(name="120, 5 % lost", tempo=steady(120), lost=0.05),
    Clock(name="120, 5 % doubled", tempo=steady(120), doubled=0.05),
    Clock(name="120, 1 % lost, 3 ms uniform", tempo=steady(120), jitter=uniform, lost=0.01),
    Clock(name="60 to 180, clean", tempo=jump(60, 180)),
    Clock(name="180 to 60, clean", tempo=jump(180, 60)),
    Clock(name="60 to 180, 3 ms uniform", tempo=jump(60, 180), jitter=uniform),
    Clock(name="180 to 60, 3 ms uniform", tempo=jump(180, 60), jitter=uniform),
    Clock(name="120 to 130, 3 ms gaussian", tempo=jump(120, 130), jitter=gaussian),
    Clock(name="120 to 160, 3 ms gaussian", tempo=jump(120, 160), jitter=gaussian),
    Clock(name="60 to 180, 3 ms gaussian", tempo=jump(60, 180), jitter=gaussian),
    Clock(name="100 to 110 in 8 beats, clean", tempo=ramp(100, 110, 8)),
    Clock(name="100 to 110 in 8 beats, 3 ms uniform", tempo=ramp(100, 110, 8), jitter=uniform),
)


def ticks(clock: Clock, random_: random.Random) -> Iterator[tuple[float, float, float]]:
    """Of each tick the time at which it is due, the time at which it is heard, and the tempo that begins with it."""
    due = 100.0
    for index in range(BEATS * TICKS_PER_BEAT):
        bpm = clock.tempo(index / TICKS_PER_BEAT)
        yield due, due + clock.jitter(random_), bpm
        due += 60.0 / (TICKS_PER_BEAT * bpm)


def followed(clock: Clock, seed: int) -> list[Truth]:
    """What the follower says at a random time after each tick."""
    random_ = random.Random(seed)
    plan = list(ticks(clock, random_))
    asked = [due + random_.random() * min(0.01, 2.5 / bpm) for due, _, bpm in plan]
    happens: list[tuple[float, int]] = []
    for index, (_, heard, _) in enumerate(plan):
        if index < TICKS_PER_BEAT or random_.random() >= clock.lost:
            happens.append((heard, -1))
        if index >= TICKS_PER_BEAT and random_.random() < clock.doubled:
            happens.append((heard + random_.uniform(0.0, 0.01), -1))
        happens.append((asked[index], index))
    state = hear(FollowerState(), Start(), Seconds(plan[0][0] - 0.02))
    truths = []
    for at, index in sorted(happens):
        if index < 0:
            state = hear(state, Tick(), Seconds(at))
            continue
        due, _, bpm = plan[index]
        said = estimate(state, Seconds(at))
        beat = index / TICKS_PER_BEAT + (at - due) * bpm / 60.0
        truths.append((beat, said.tempo - bpm, (said.position - beat) * 60_000.0 / bpm, said.tempo))
    return truths


def settled_after(truths: NDArray[np.float64], column: int, bound: float) -> float:
    """The beat from which on every seed stays within the bound, counted from the change where the tempo changes."""
    worst = np.abs(truths[:, :, column]).max(axis=0)
    outside = np.flatnonzero(worst > bound)
    return 0.0 if outside.size == 0 else float(truths[:, outside[-1], 0].max()) + 1 / TICKS_PER_BEAT


def in_words(beats: float, changes: bool) -> str:
    """A number of beats from the start, or from the change."""
    if beats >= BEATS:
        return "never"
    return f"{max(0.0, beats - CHANGE):.1f} after the change" if changes else f"{beats:.1f}"


def worst_from(truths: NDArray[np.float64], column: int, beat: float) -> float:
    """The worst error of any seed from a beat on."""
    return float(np.abs(truths[truths[:, :, 0] >= beat][:, column]).max())


def miscounted(clock: Clock, truths: NDArray[np.float64]) -> int:
    """Seeds whose position is off by more than half a tick in the end."""
    half_a_tick_ms = 30_000.0 / (TICKS_PER_BEAT * clock.tempo(BEATS))
    return int((np.abs(truths[:, -1, 2]) > half_a_tick_ms).sum())


def cost_of_a_tick() -> float:
    """Microseconds of one core for one tick under jitter."""
    random_ = random.Random(0)
    heard = [at for _, at, _ in ticks(CLOCKS[5], random_)]
    begun = time.perf_counter()
    state = hear(FollowerState(), Start(), Seconds(heard[0] - 0.01))
    for at in heard:
        state = hear(state, Tick(), Seconds(at))
    return (time.perf_counter() - begun) / len(heard) * 1e6


def main() -> None:
    """Measure, print, and plot when asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plot", type=Path, help="a PNG file to draw into")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    options = parser.parse_args()
    table = Table(
        "clock",
        "beats to 0.1 bpm",
        "beats to 0.3 bpm",
        "worst bpm from there on",
        "beats to 5 ms",
        "worst ms from beat 2 on, or 4 after a change",
        "seeds a tick off at the end",
        title=f"the worst of {options.seeds} seeds, {BEATS} beats",
    )
    measured = {}
    for clock in CLOCKS:
        truths = np.array([followed(clock, seed) for seed in range(options.seeds)])
        measured[clock.name] = truths
        changes = clock.tempo(0) != clock.tempo(BEATS)
        from_beat = CHANGE + 4 if changes else 2
        finest, fine = settled_after(truths, 1, 0.1), settled_after(truths, 1, 0.3)
        late = worst_from(truths, 1, fine) if fine < BEATS else math.nan
        table.add_row(
            clock.name,
            in_words(finest, changes),
            in_words(fine, changes),
            f"{late:.2f}",
            in_words(settled_after(truths, 2, 5.0), changes),
            f"{worst_from(truths, 2, from_beat):.2f}",
            str(miscounted(clock, truths)),
        )
    console = Console(width=180)
    console.print(table)
    console.print(f"one tick costs {cost_of_a_tick():.0f} microseconds of one core")
    if options.plot:
        draw(measured, options.plot)


def draw(measured: dict[str, NDArray[np.float64]], path: Path) -> None:
    """Errors by beat at 120, and the tempo after jumps."""
    figure = Figure(figsize=(9, 8), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    tempo, position, jumps = figure.subplots(3)
    for name in ("120, clean", "120, 3 ms uniform", "120, 3 ms gaussian"):
        truths = measured[name]
        beats = truths[:, :, 0].mean(axis=0)
        tempo.semilogy(beats, np.maximum(1e-3, np.abs(truths[:, :, 1]).max(axis=0)), label=name)
        position.semilogy(beats, np.maximum(1e-2, np.abs(truths[:, :, 2]).max(axis=0)), label=name)
    tempo.set_ylabel("tempo, worst error (bpm)")
    position.set_ylabel("position, worst error (ms)")
    for axes, bounds in ((tempo, (0.1, 0.3)), (position, (2.0, 5.0))):
        for bound in bounds:
            axes.axhline(bound, color="grey", linewidth=0.8, linestyle="--")
        axes.legend()
    for name in (name for name in measured if " to " in name and "uniform" in name):
        truths = measured[name]
        jumps.plot(truths[:, :, 0].mean(axis=0), np.median(truths[:, :, 3], axis=0), label=name)
        jumps.fill_between(
            truths[:, :, 0].mean(axis=0), truths[:, :, 3].min(axis=0), truths[:, :, 3].max(axis=0), alpha=0.25
        )
    jumps.set(xlim=(CHANGE - 2, CHANGE + 10), ylim=(30, 220), ylabel="tempo told (bpm)", xlabel="beat")
    jumps.legend()
    for axes in (tempo, position, jumps):
        axes.grid(visible=True, which="major", alpha=0.3)
    figure.savefig(path)


if __name__ == "__main__":
    main()
