"""What is known of a window of training music: the controls that a model takes, words, and what it is made of."""

from __future__ import annotations

from functools import cache
from typing import Final

from pydantic import BaseModel, ConfigDict

from midi.chords import Chord, ChordSpan, parse_chord
from midi.compose_split import Split
from midi.composing import Piece
from midi.time import Beats
from models.vocabulary import NO_CHORD, UNKNOWN_CHORD, chord_vocabulary

WINDOW_S: Final = 10.0


class TrainingChart(BaseModel):
    """A window's chart in seconds from its start, as ``models.generator.JascoControls`` has it, and its description.

    ``chords`` are labels of JASCO's vocabulary with the times at which they begin, the first at 0. ``drums`` are time,
    voice and velocity, ``melody`` start, end and pitch. ``bars_s`` are the bar lines. ``words`` are what a user might
    ask for; ``known`` are those and what a session knows, by the names of the caption's parts, and ``caption`` is all
    of it. ``progression``, ``groove`` and ``band`` name what the piece is made of.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int
    split: Split
    words: str
    known: dict[str, str] = {}
    caption: str = ""
    chords: tuple[tuple[float, str], ...]
    drums: tuple[tuple[float, str, int], ...]
    melody: tuple[tuple[float, float, int], ...]
    bars_s: tuple[float, ...]
    bpm: float
    meter: str
    key: str
    progression: str
    groove: str
    band: str


def label_for(chord: Chord | None) -> str:
    """The label of JASCO's vocabulary that says a chord. Raises ``KeyError`` where there is none."""
    return NO_CHORD if chord is None else _labels()[chord]


@cache
def _labels() -> dict[Chord, str]:
    chords = {label: parse_chord(label) for label in chord_vocabulary() if label not in {NO_CHORD, UNKNOWN_CHORD}}
    return {chord: label for label, chord in chords.items() if chord is not None}


def heard_window(piece: Piece) -> tuple[Beats, Beats]:
    """The beats of the song at which its window of audio begins and ends."""
    return piece.heard_from, Beats(piece.heard_from + WINDOW_S * piece.bpm / 60.0)


def heard_chords(piece: Piece) -> tuple[ChordSpan, ...]:
    """The chords of the window, in beats of the song, cut to it."""
    start, end = heard_window(piece)
    return tuple(
        ChordSpan(start=max(start, span.start), end=min(end, span.end), chord=span.chord)
        for span in piece.chords
        if span.end > start and span.start < end
    )


def chart_of(piece: Piece, *, words: str, band: str) -> TrainingChart:
    """The chart of a piece's window. What sounds into it from before is there from its start; strokes are not."""
    start, end = heard_window(piece)

    def seconds(beat: float) -> float:
        return round((beat - start) * 60.0 / piece.bpm, 6)

    return TrainingChart(
        seed=piece.seed,
        split=piece.split,
        words=words,
        chords=tuple((seconds(span.start), label_for(span.chord)) for span in heard_chords(piece)),
        drums=tuple((seconds(hit.at), hit.voice, hit.velocity) for hit in piece.drums if start <= hit.at < end),
        melody=tuple(
            (seconds(max(start, note.at)), seconds(min(end, note.at + note.length)), note.pitch)
            for note in piece.melody
            if note.at + note.length > start and note.at < end
        ),
        bars_s=tuple(seconds(line) for line in piece.tempo_map.bar_lines(start, end)),
        bpm=piece.bpm,
        meter=str(piece.meter),
        key="" if piece.key is None else piece.key.label,
        progression=piece.progression,
        groove=piece.groove,
        band=band,
    )
