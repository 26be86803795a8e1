"""From the chart of a window to JASCO's controls. Pure; every substitution is told.

JASCO hears chords from a vocabulary of its own, a melody in a range of its own, and ten seconds at a time; a longer
clip is made in windows.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from bridge.captions import DEFAULT_CAPTION
from bridge.jasco_labels import label_of
from bridge.notices import Chart, Notice
from bridge.requests import Window
from bridge.windows import Cuts, ModelWindow, cuts_of, half_a_bar_s, plan_windows, windows_told
from midi.chords import ChordSpan, chord_label
from midi.events import DrumTrack
from midi.melody import Note
from midi.time import Beats, TempoMap
from models.generator import SAME_TIME_S, JascoControls, PlannedWindow, TimedHit, TimedPitch

LOWEST_PITCH: Final = 43
HIGHEST_PITCH: Final = 95
OCTAVE: Final = 12
TIME_DIGITS: Final = 6
"""Chord times are rounded to a microsecond: 0.1 + 0.2 would land a frame late."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JascoSettings:
    """The model that plays, and how: its window, whether it takes a melody, guidance, and the solver's preset.

    ``frame_rate_hz`` is that of its latents, which windows begin on.
    """

    model: str
    licence: str
    segment_s: float
    frame_rate_hz: float
    melody: bool
    all_weight: float
    text_weight: float
    solver: str
    caption: tuple[str, ...] = DEFAULT_CAPTION


def jasco_controls(
    chart: Chart,
    window: Window,
    tempo_map: TempoMap,
    settings: JascoSettings,
    *,
    prompt: str,
    drum_track: DrumTrack | None = None,
    seed: int,
) -> tuple[JascoControls, tuple[Notice, ...]]:
    """The controls of one take, and what was substituted."""

    @functools.cache  # many voices strike on one beat
    def seconds(beat: Beats) -> float:
        return tempo_map.seconds_between(window.start, beat)

    melody, melody_notices = _melody(chart.melody, settings)
    windows, windows_notices = _windows(window, tempo_map, settings)
    controls = JascoControls(
        description=prompt,
        chords=tuple(
            (round(seconds(span.start), TIME_DIGITS), label_of(span.chord).label) for span in _changes(chart.chords)
        ),
        drums=tuple(TimedHit(at_s=seconds(hit.at), voice=hit.voice, velocity=hit.velocity) for hit in chart.drums),
        drum_track=drum_track.path if drum_track else None,
        separate_drums=drum_track is not None and drum_track.separate,
        melody=tuple(
            TimedPitch(start_s=seconds(note.at), end_s=seconds(Beats(note.at + note.length)), pitch=note.pitch)
            for note in melody
        ),
        duration_s=window.seconds,
        all_weight=settings.all_weight,
        text_weight=settings.text_weight,
        solver=settings.solver,
        windows=windows,
        seed=seed,
    )
    return controls, (*_substitutions(chart.chords), *melody_notices, *windows_notices)


def _windows(
    window: Window, tempo_map: TempoMap, settings: JascoSettings
) -> tuple[tuple[PlannedWindow, ...], tuple[Notice, ...]]:
    """The windows of a clip; where there are several, where they meet is told."""
    model = ModelWindow(seconds=settings.segment_s, frame_rate_hz=settings.frame_rate_hz)
    lead_s = half_a_bar_s(window, tempo_map)
    if window.seconds <= settings.segment_s + SAME_TIME_S:
        return plan_windows(window.seconds, Cuts(bar_lines=(), beats=()), model, lead_s=lead_s), ()
    cuts = cuts_of(window, tempo_map)
    windows = plan_windows(window.seconds, cuts, model, lead_s=lead_s)
    return windows, (Notice(code="windows", message=f"JASCO {windows_told(windows, cuts, model)}"),)


def _changes(spans: Sequence[ChordSpan]) -> Iterator[ChordSpan]:
    """The spans at which the label changes. A chart that says that there is no chord is a chart, too."""
    last = None
    for span in spans:
        label = label_of(span.chord).label
        if label != last:
            yield span
        last = label


def _substitutions(spans: Sequence[ChordSpan]) -> Iterator[Notice]:
    told = set()
    for span in spans:
        found = label_of(span.chord)
        if span.chord is None or found.exact or span.chord in told:
            continue
        told.add(span.chord)
        yield Notice(
            code="chord_substituted",
            message=f"{chord_label(span.chord)} is played as {found.label}, the nearest chord that JASCO knows "
            f"(distance {found.distance}).",
        )


def _melody(notes: Sequence[Note], settings: JascoSettings) -> tuple[tuple[Note, ...], tuple[Notice, ...]]:
    """The melody within the model's range, by octaves; where notes sound together the model takes the highest."""
    if not notes:
        return (), ()
    if not settings.melody:
        text = f"The model {settings.model} takes no melody; the clip is made without it."
        return (), (Notice(code="melody_ignored", message=text),)
    moved = tuple(_into_range(note) for note in notes)
    told = []
    if count := sum(one.pitch != other.pitch for one, other in zip(notes, moved, strict=True)):
        text = f"{count} melody notes lie outside JASCO's range (G2 to B6) and were moved by octaves."
        told.append(Notice(code="melody_moved", message=text))
    if _sounds_together(moved):
        text = "JASCO takes one melody note at a time; where several sound, the highest is played."
        told.append(Notice(code="melody_reduced", message=text))
    return moved, tuple(told)


def _sounds_together(notes: Sequence[Note]) -> bool:
    """Whether a note begins before another has ended."""
    ordered = sorted(notes, key=lambda note: note.at)
    return any(second.at < first.at + first.length - 1e-6 for first, second in itertools.pairwise(ordered))


def _into_range(note: Note) -> Note:
    pitch = note.pitch
    while pitch < LOWEST_PITCH:
        pitch += OCTAVE
    while pitch > HIGHEST_PITCH:
        pitch -= OCTAVE
    return Note(at=note.at, length=note.length, pitch=pitch, velocity=note.velocity)
