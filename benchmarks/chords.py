"""How well chords are recognised, against analysed harmony: chorales by Bach and madrigals by Monteverdi.

``python benchmarks/chords.py``. Scores and Roman-numeral analyses are those that music21's corpus ships. A piece counts
where its analysis and its score are the same text: where the notes lie in the analysed chord for at least 85 % of
their time. Each piece is played as it is written, and as an arpeggio: on each sixteenth one of the voices that sound,
from the lowest up. All names are compared by mir_eval, weighted by their duration. The recogniser hears the pieces as
live events, knows their meter and no key.

The libraries name one chord at a time. Each is asked in the two ways that suit it: for each set of notes that sounds
at once, and for all notes of a beat; where it has no name, the chord before goes on. The better way is in the table.

The recogniser's constants were set by hand and checked on the odd chorales and every fourth madrigal. The even chorales
were measured on the way, and no constant was chosen by them.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

import mir_eval
import numpy as np
from music21 import chord as m21chord
from music21 import converter, corpus, harmony, roman, stream
from pychord import find_chords_from_notes
from rich.console import Console
from rich.table import Table

from midi.chord_qualities import quality_of
from midi.chord_recogniser import Hearing, chord_changes
from midi.chord_slots import ChordGrid
from midi.chords import Chord, parse_chord
from midi.errors import ChordError
from midi.performance import NoteOff, NoteOn
from midi.pitch_names import NOTE_NAMES
from midi.time import Beats, Bpm, Meter, TempoMap

SAME_TEXT = 0.85
"""Least share of sounding time that lies in the analysed chord."""
METRICS = ("root", "majmin", "sevenths", "sevenths_inv")
CHORALES = {"248(2).12": "248.12-2", "41.6s": "41.6"}
"""Numbers of the catalogue as the analyses write them, and as the corpus does."""

Span = tuple[float, float, str]
"""Start and end in beats, and a label in Harte's syntax."""
Sounding = tuple[float, float, tuple[int, ...]]
"""Start and end in beats, and the pitches that sound, from the lowest up."""


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A score as notes (start, end, pitch), with its analysis; beats count from the first bar line or upbeat."""

    name: str
    meter: str
    upbeat: float
    """Beats of the first bar that are missing."""
    end: float
    notes: tuple[tuple[float, float, int], ...]
    analysis: tuple[Span, ...]


def pieces() -> Iterator[tuple[str, Piece]]:
    """Every piece whose analysis fits its score, with the set that it belongs to."""
    for path in corpus.getPaths(fileExtensions=(".rntxt",)):
        piece = read(path)
        if share_in_chord(piece) < SAME_TEXT:
            continue
        if piece.name.startswith("madrigal"):
            yield "madrigals", piece
        else:
            yield f"{'odd' if int(piece.name[-3:]) % 2 else 'even'} chorales", piece


def score_of(path: Path) -> stream.Score:
    """The score that an analysis is about."""
    if path.stem.startswith("madrigal"):
        return converter.parse(path.with_suffix(".mxl"))
    lines = path.read_text(encoding="utf-8").splitlines()
    number = next(line for line in lines if line.startswith("BWV")).split(":")[1].strip()
    return corpus.parse(f"bach/bwv{CHORALES.get(number, number)}")


def read(path: Path) -> Piece:
    """Score and analysis, put together by bar numbers."""
    score = score_of(path)
    bars: dict[int, stream.Measure] = {}
    for bar in score.parts[0].getElementsByClass(stream.Measure):
        bars.setdefault(bar.number, bar)
    labels: list[tuple[float, str]] = []
    for numeral in converter.parse(path, format="romanText").recurse().getElementsByClass(roman.RomanNumeral):
        measure = numeral.getContextByClass(stream.Measure)
        bar = bars.get(measure.number)
        if bar is not None:
            at = bar.offset + numeral.offset + measure.paddingLeft - bar.paddingLeft
            labels.append((float(at), harte(numeral)))
    labels.sort(key=lambda item: item[0])
    end = float(score.highestTime)
    ends = [at for at, _ in labels[1:]] + [end]
    notes = [
        (float(note.offset), float(note.offset + note.quarterLength), pitch.midi)
        for part in score.parts
        for note in part.flatten().stripTies().notes
        for pitch in note.pitches
    ]
    first = score.parts[0].getElementsByClass(stream.Measure).first()
    return Piece(
        name=path.stem,
        meter=score.parts[0].recurse().getElementsByClass("TimeSignature").first().ratioString,
        upbeat=float(first.paddingLeft),
        end=end,
        notes=tuple(sorted(notes)),
        analysis=tuple((at, until, label) for (at, label), until in zip(labels, ends, strict=True) if until > at),
    )


def harte(chord: m21chord.Chord) -> str:
    """A chord of music21 in Harte's syntax: its root, every tone, its bass."""
    return label_of(chord.root().pitchClass, {pitch.pitchClass for pitch in chord.pitches}, chord.bass().pitchClass)


def label_of(root: int, tones: set[int], bass: int) -> str:
    """A chord in Harte's syntax from its pitch classes."""
    quality = quality_of((tone - root) % 12 for tone in tones)
    return Chord(root=root, quality=quality, bass=None if bass == root else bass).harte


def share_in_chord(piece: Piece) -> float:
    """Share of the notes' time that lies in the analysed chord."""
    inside = total = 0.0
    for start, end, label in piece.analysis:
        root, tones, _ = mir_eval.chord.encode(label)
        for at, until, pitch in piece.notes:
            overlap = min(end, until) - max(start, at)
            if overlap > 0:
                total += overlap
                inside += overlap * tones[(pitch - root) % 12]
    return inside / total


def arpeggio(piece: Piece) -> Piece:
    """The same harmony with one note on each sixteenth."""
    notes: list[tuple[float, float, int]] = []
    for step in range(int(piece.end * 4)):
        at = step / 4
        sounding = sorted({pitch for start, end, pitch in piece.notes if start <= at < end})
        if sounding:
            place = round((at + piece.upbeat) * 4) % 4
            notes.append((at, at + 0.25, sounding[place % len(sounding)]))
    return Piece(
        name=piece.name, meter=piece.meter, upbeat=piece.upbeat, end=piece.end,
        notes=tuple(notes), analysis=piece.analysis,
    )  # fmt: skip


# What is compared


def recognised(piece: Piece, grid: ChordGrid) -> list[Span]:
    """The recogniser's spans."""
    numerator, denominator = map(int, piece.meter.split("/"))
    tempo_map = TempoMap.constant(Bpm(90.0), Meter(numerator=numerator, denominator=denominator))
    events: list[NoteOn | NoteOff] = []
    for source, (start, end, pitch) in enumerate(piece.notes):
        events.append(NoteOn(at=Beats(start + piece.upbeat), pitch=pitch, velocity=80, source=source))
        events.append(NoteOff(at=Beats(end + piece.upbeat), pitch=pitch, source=source))
    events.sort(key=lambda event: event.at)
    end = Beats(piece.end + piece.upbeat)
    changes = chord_changes(events, tempo_map, Beats(piece.upbeat), end, hearing=Hearing(grid=grid))
    ends = [change.at for change in changes[1:]] + [end]
    return [
        (change.at - piece.upbeat, until - piece.upbeat, change.chord.harte if change.chord else "N")
        for change, until in zip(changes, ends, strict=True)
    ]


def at_once(piece: Piece) -> Iterator[Sounding]:
    """Every set of notes that sounds at once."""
    places = sorted({place for start, end, _ in piece.notes for place in (start, end)})
    for start, end in pairwise(places):
        yield start, end, tuple(sorted(pitch for at, until, pitch in piece.notes if at <= start < until))


def by_beat(piece: Piece) -> Iterator[Sounding]:
    """All notes of each beat."""
    for beat in range(int(np.ceil(piece.end))):
        end = min(beat + 1.0, piece.end)
        yield beat, end, tuple(sorted(pitch for at, until, pitch in piece.notes if at < end and until > beat))


def by_library(name: Callable[[tuple[int, ...]], str | None], frames: Iterator[Sounding]) -> list[Span]:
    """A library's names; where it has none the name before goes on."""
    spans: list[Span] = []
    label = "N"
    for start, end, pitches in frames:
        label = (name(pitches) if pitches else "N") or label
        spans.append((start, end, label))
    return spans


@cache
def named_by_music21(pitches: tuple[int, ...]) -> str | None:
    """music21's root with the chord's tones where it knows a symbol for them, else its root and triad."""
    chord = m21chord.Chord(list(pitches))
    if harmony.chordSymbolFigureFromChord(chord) != "Chord Symbol Cannot Be Identified":
        return harte(chord)
    triads = {"major": "maj", "minor": "min", "diminished": "dim", "augmented": "aug"}
    return f"{NOTE_NAMES[chord.root().pitchClass]}:{triads[chord.quality]}" if chord.quality in triads else None


@cache
def named_by_pychord(pitches: tuple[int, ...]) -> str | None:
    """The first of pychord's names."""
    names = list(dict.fromkeys(NOTE_NAMES[pitch % 12] for pitch in pitches))
    found = find_chords_from_notes(names)
    if not found:
        return None
    try:
        chord = parse_chord(found[0].chord)
    except ChordError:
        return None
    return chord.harte if chord else None


METHODS: dict[str, tuple[Callable[[Piece], list[Span]], ...]] = {
    "sideman, half beats": (lambda piece: recognised(piece, "half beat"),),
    "sideman, beats": (lambda piece: recognised(piece, "beat"),),
    "music21": (
        lambda piece: by_library(named_by_music21, at_once(piece)),
        lambda piece: by_library(named_by_music21, by_beat(piece)),
    ),
    "pychord": (
        lambda piece: by_library(named_by_pychord, at_once(piece)),
        lambda piece: by_library(named_by_pychord, by_beat(piece)),
    ),
}


def accuracies(played: Sequence[Piece], method: Callable[[Piece], list[Span]]) -> list[float]:
    """Each metric over all pieces, weighted by duration."""
    scores: dict[str, list[np.ndarray]] = {metric: [] for metric in METRICS}
    durations: list[np.ndarray] = []
    for piece in played:
        reference = (np.array([span[:2] for span in piece.analysis]), [span[2] for span in piece.analysis])
        spans = method(piece)
        estimate = mir_eval.util.adjust_intervals(
            np.array([span[:2] for span in spans]), [span[2] for span in spans],
            reference[0].min(), reference[0].max(), "N", "N",
        )  # fmt: skip
        intervals, expected, found = mir_eval.util.merge_labeled_intervals(*reference, *estimate)
        durations.append(mir_eval.util.intervals_to_durations(intervals))
        for metric in METRICS:
            scores[metric].append(getattr(mir_eval.chord, metric)(expected, found))
    weights = np.concatenate(durations)
    return [float(mir_eval.chord.weighted_accuracy(np.concatenate(scores[metric]), weights)) for metric in METRICS]


def main() -> None:
    """Measure and print."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    sets: dict[str, list[Piece]] = {}
    for name, piece in pieces():
        sets.setdefault(name, []).append(piece)
    console = Console()
    counts = ", ".join(f"{len(played)} {name}" for name, played in sets.items())
    table = Table("pieces", "played", "by", *METRICS, title=f"share of time that is named right: {counts}")
    for name, played in sets.items():
        for way, chosen in (("as written", played), ("as arpeggio", [arpeggio(piece) for piece in played])):
            for by, methods in METHODS.items():
                best = max((accuracies(chosen, method) for method in methods), key=sum)
                table.add_row(name, way, by, *(f"{100 * value:.1f}" for value in best))
    console.print(table)


if __name__ == "__main__":
    main()
