"""Draw a session in the stand-in for Live: ``python benchmarks/ableton_picture.py docs/ableton.png``.

A real daemon plays, the shipped Remote Script runs unchanged, and the set is drawn as it is afterwards: the notes of
MIDI clips, the waveform of the clips that were placed, and what the status bar said.
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

from bridge.spawned import SpawnedDaemon, spawned_daemon
from plugin_host.standins.live import Clip, DrumRack, Live, MidiNote, Song
from plugin_host.standins.live.program import live_python

INK, PAPER, FAINT = "#22223b", "#fbfaf7", "#dddbe6"
COLOURS: Final = {"CHORDS": "#b5dcae", "DRUMS": "#f2c6a0", "ASK": "#cab1ea", "Sideman": "#a9c5ea"}
NAMED: Final = 30
"""Characters of a clip's name that fit into its slot."""


def a_set() -> Song:
    """Four bars of chords, two of drums, and a clip that asks."""
    song = Song(scenes=4)
    song.change(tempo=96.0)
    chords = ((57, 60, 64, 67), (53, 57, 60, 64), (48, 52, 55, 59), (55, 59, 62, 65))
    notes = [
        MidiNote(pitch=pitch, start_time=4.0 * bar, duration=4.0) for bar, held in enumerate(chords) for pitch in held
    ]
    song.add_track("CHORDS", "midi").clip_slots[0].hold(
        Clip(song.core, name="Am7 Fmaj7 Cmaj7 G7", length=16.0, notes=notes)
    )
    drums = song.add_track("DRUMS", "midi")
    drums.load(DrumRack(song.core, {36: "Kick 808", 38: "Snare", 42: "Hi-Hat Closed"}))
    strokes = [(36, 0.0), (38, 1.0), (36, 2.5), (38, 3.0), *((42, at / 2) for at in range(8))]
    beat = [MidiNote(pitch=pitch, start_time=at + 4 * bar, duration=0.25) for bar in range(2) for pitch, at in strokes]
    drums.clip_slots[0].hold(Clip(song.core, name="Beat", length=8.0, notes=beat))
    song.add_track("ASK", "midi").clip_slots[0].hold(Clip(song.core, name="warm electric piano | 2 takes"))
    return song


def play(song: Song, daemon: SpawnedDaemon) -> list[str]:
    """Let the script run until both takes are in the set; returns what the status bar said."""
    with live_python() as package:
        script: Any = package
        live = Live(song)
        live.surface = script.Sideman(live.instance, live.clock, (daemon.host, daemon.port))
        try:
            until(live, lambda: any("Connected" in said for said in live.instance.messages))
            live.tick(40)
            song.track("ASK").launch(0)
            until(live, lambda: sum("is in track" in said for said in live.instance.messages) == 2)
        finally:
            live.close()
        return live.instance.messages


def until(live: Live, true: Callable[[], bool]) -> None:
    """Tick until something is true. Raises ``TimeoutError`` after a minute."""
    deadline = time.monotonic() + 60
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError(live.instance.messages[-3:])
        live.tick()
        time.sleep(0.01)


def draw(song: Song, said: list[str], picture: Path) -> None:
    """The session view as boxes, and the status bar below it."""
    figure = Figure(figsize=(12, 4.6), dpi=120, facecolor=PAPER)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.01, 0.02, 0.98, 0.96))
    axes.set_axis_off()
    rows = len(song.tracks[0].clip_slots)
    axes.set(xlim=(0, len(song.tracks)), ylim=(-rows - 0.75, 0.45))
    for column, track in enumerate(song.tracks):
        colour = COLOURS.get(track.name, FAINT)
        axes.add_patch(Rectangle((column + 0.02, 0.05), 0.96, 0.35, color=colour))
        axes.text(column + 0.05, 0.22, track.name, color=INK, va="center", weight="bold")
        for row, slot in enumerate(track.clip_slots):
            box = (column + 0.02, -row - 0.92, 0.96, 0.86)
            axes.add_patch(
                Rectangle(box[:2], box[2], box[3], facecolor="none" if slot.clip is None else colour, edgecolor=FAINT)
            )
            if slot.clip is not None:
                _clip(axes, slot.clip, box)
    shown = [line for line in said if "is in track" in line or "Connected" in line][-3:]
    axes.text(
        0.02, -rows - 0.1, "status bar:\n" + "\n".join(shown), color=INK, va="top", family="monospace", fontsize=8
    )
    figure.savefig(picture, format="png")


def _clip(axes: Axes, clip: Clip, box: tuple[float, float, float, float]) -> None:
    left, bottom, width, height = box
    name = clip.name if len(clip.name) <= NAMED else f"{clip.name[: NAMED - 1]}…"
    axes.text(left + 0.02, bottom + height - 0.06, name, color=INK, va="top", fontsize=8)
    if clip.is_audio_clip:
        samples, _ = soundfile.read(clip.file_path, dtype="float32", always_2d=True)
        peaks = np.array([abs(part).max() for part in np.array_split(samples[:, 0], 400)])
        x = np.linspace(left + 0.02, left + width - 0.02, len(peaks))
        middle = bottom + 0.36
        axes.fill_between(x, middle - 0.2 * peaks, middle + 0.2 * peaks, color=INK, linewidth=0)
        facts = f"warp {'on' if clip.warping else 'off'}, loop {clip.loop_start:g}–{clip.loop_end:g} beats"
        axes.text(left + 0.02, bottom + 0.04, facts, color=INK, fontsize=7)
        return
    notes = clip.get_notes_extended(0, 128, 0.0, clip.loop_end)
    if not notes:
        return
    low, high = min(note.pitch for note in notes), max(note.pitch for note in notes)
    for note in notes:
        y = bottom + 0.08 + 0.5 * (note.pitch - low) / max(1, high - low)
        x0 = left + 0.02 + (width - 0.04) * note.start_time / clip.loop_end
        axes.add_patch(Rectangle((x0, y), (width - 0.04) * note.duration / clip.loop_end * 0.94, 0.025, color=INK))


def main() -> None:
    """Play and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("picture", type=Path, help="the PNG file to write")
    picture: Path = parser.parse_args().picture
    song = a_set()
    with tempfile.TemporaryDirectory() as folder, spawned_daemon(Path(folder), "--host", "ableton") as daemon:
        draw(song, play(song, daemon), picture)


if __name__ == "__main__":
    main()
