"""Draw a session in the stand-in for REAPER: ``python benchmarks/reaper_picture.py docs/reaper.png``.

A real daemon plays, the shipped ReaScript runs unchanged, and the arrangement is drawn as it is afterwards: tempo, time
selection, the notes of MIDI items, the waveforms of the takes that were placed, and what the status bar said.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import soundfile
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from bridge.spawned import spawned_daemon
from plugin_host.standins.reaper import EmbeddedLua, Reaper

INK, PAPER, FAINT, CHOSEN = "#22223b", "#fbfaf7", "#dddbe6", "#efe9d8"
COLOURS: Final = {"CHORDS": "#b5dcae", "DRUMS": "#f2c6a0", "Sideman": "#a9c5ea"}
BEATS: Final = 48.0
FASTER: Final = 3.0


def a_project(reaper: Reaper) -> None:
    """Twelve bars: chords, a looped beat, a tempo that rises, and four bars of it selected."""
    at = 32 * 60 / 96
    reaper.do("set_markers", markers=[[0.0, 96.0, 4, 4, False], [at, 96.0, 0, 0, True], [at + 9.0, 116.0, 0, 0, False]])
    held = ((57, 60, 64, 67), (53, 57, 60, 64), (48, 52, 55, 59), (55, 59, 62, 65))
    notes = [[pitch, 4.0 * bar, 4.0 * bar + 4] for bar, chord in enumerate(held) for pitch in chord]
    track = reaper.do("add_track", name="CHORDS")
    reaper.do("add_midi_item", track=track, at=0.0, beats=BEATS, source_beats=16.0, notes=notes)
    strokes = [(36, 0.0), (38, 1.0), (36, 2.5), (38, 3.0), *((42, half / 2) for half in range(8))]
    track = reaper.do("add_track", name="DRUMS")
    beat = [[pitch, start, start + 0.2] for pitch, start in strokes]
    reaper.do("add_midi_item", track=track, at=0.0, beats=BEATS, source_beats=4.0, notes=beat)
    reaper.do("select", **{"from": 16.0, "to": 32.0})


def play(reaper: Reaper) -> list[str]:
    """Ask twice, let the script run until all takes are there, and then for bars in which the tempo rises."""
    began = time.monotonic()

    def until(true: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 60
        while not true():
            if time.monotonic() > deadline:
                raise TimeoutError(reaper.messages)
            time.sleep(0.01)
            reaper.wait_until(1000.0 + FASTER * (time.monotonic() - began))

    def placed(count: int) -> Callable[[], bool]:
        return lambda: sum("is on track" in said for said in reaper.messages["help"]) == count

    reaper.run()
    until(lambda: any("Connected" in said for said in reaper.messages["help"]))
    reaper.do("answer", fields=["warm electric piano", "", "2", ""])
    reaper.action("Prompt")
    until(placed(2))
    reaper.do("select", **{"from": 32.0, "to": 48.0})
    reaper.do("answer", fields=["warm electric piano", "", "1", ""])
    reaper.action("Prompt")
    until(placed(3))
    said: list[str] = reaper.messages["help"]
    reaper.close()
    return said


def draw(reaper: Reaper, said: list[str], picture: Path) -> None:
    """Ruler and tempo above, the tracks below each other, the status bar at the foot."""
    figure = Figure(figsize=(12, 5.4), dpi=120, facecolor=PAPER)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.01, 0.02, 0.98, 0.96))
    axes.set_axis_off()
    times = reaper.times([float(beat) for beat in range(int(BEATS) + 1)])
    end = times[-1]
    left = -0.11 * end
    axes.set(xlim=(left, end * 1.005), ylim=(-4.75, 1.15))
    selection = reaper.times([32.0, 48.0])
    axes.add_patch(Rectangle((selection[0], -4.0), selection[1] - selection[0], 4.95, color=CHOSEN))
    for bar, at in enumerate(times[:-1:4]):
        axes.plot([at, at], [-4.0, 0.75], color=FAINT, linewidth=0.8)
        axes.text(at + 0.05, 0.85, f"{bar + 1}.1", color=INK, fontsize=8, va="center")
    tempos = 60 / np.diff(times)
    heights = 0.1 + 0.5 * (np.array([*tempos, tempos[-1]]) - 90) / 30
    axes.step(times, heights, where="post", color=INK, linewidth=1)
    axes.text(left * 0.97, 0.3, f"tempo\n{tempos[0]:.0f} to {tempos[-1]:.0f}", color=INK, va="center", fontsize=8)
    top = -0.05
    for track in reaper.project["tracks"]:
        height = 1.9 if track["name"].startswith("Sideman") else 0.9
        colour = COLOURS.get(track["name"], FAINT)
        axes.add_patch(Rectangle((left, top - height), -left * 0.96, height - 0.08, color=colour))
        axes.text(left * 0.97, top - 0.25, track["name"], color=INK, weight="bold")
        for item in track["items"]:
            _item(axes, item, (item["position"], top - height, item["length"], height - 0.08), colour, times)
        top -= height
    shown = [line for line in said if "is on track" in line or "Connected" in line]
    axes.text(left, -4.1, "\n".join(shown), color=INK, va="top", family="monospace", fontsize=8)
    figure.savefig(picture, format="png")


def _item(
    axes: Axes, item: dict[str, Any], box: tuple[float, float, float, float], colour: str, times: list[float]
) -> None:
    left, bottom, width, height = box
    takes = item["takes"]
    each = height / len(takes)
    for number, take in enumerate(takes):
        low = bottom + height - (number + 1) * each
        is_heard = number + 1 == item["active"]
        axes.add_patch(
            Rectangle((left, low), width, each, facecolor=colour if is_heard else PAPER, edgecolor=INK, linewidth=0.6)
        )
        if take["notes"]:
            _notes(axes, take["notes"], (left, low, width, each), times)
        else:
            samples, _ = soundfile.read(take["path"], dtype="float32", always_2d=True)
            peaks = np.array([abs(part).max() for part in np.array_split(samples[:, 0], 500)])
            x = np.linspace(left, left + width, len(peaks))
            middle, size = low + each * 0.42, each * 0.36
            axes.fill_between(x, middle - size * peaks, middle + size * peaks, color=INK, linewidth=0)
            axes.text(left + 0.1, low + each - 0.04, take["name"], color=INK, va="top", fontsize=7)


def _notes(axes: Axes, notes: list[dict[str, Any]], box: tuple[float, float, float, float], times: list[float]) -> None:
    _, low, _, height = box
    pitches = [note["pitch"] for note in notes]
    span = max(1, max(pitches) - min(pitches))
    turn = 16.0 if max(note["to"] for note in notes) > 4 * 960 else 4.0
    beats = np.arange(len(times))
    for start in np.arange(0.0, BEATS, turn):
        for note in notes:
            begin, end = np.interp([start + note["from"] / 960, start + note["to"] / 960], beats, times)
            y = low + 0.1 + (height - 0.25) * (note["pitch"] - min(pitches)) / span
            axes.add_patch(Rectangle((begin, y), (end - begin) * 0.95, 0.04, color=INK))


def main() -> None:
    """Play and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("picture", type=Path, help="the PNG file to write")
    picture: Path = parser.parse_args().picture
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        reaper = Reaper(EmbeddedLua(folder))
        mailbox = f"host.mailbox={folder / 'Sideman'}"
        with spawned_daemon(folder / "clips", "--host", "reaper", "--set", mailbox):
            a_project(reaper)
            draw(reaper, play(reaper), picture)
        reaper.end()


if __name__ == "__main__":
    main()
