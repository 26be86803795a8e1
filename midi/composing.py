"""A composed piece: chords, drums and melody in a key, a meter and a tempo, all from a seed.

It is music to train on: every piece follows its own chart exactly. ``midi.compose_split`` says what is kept for tests.
Comping and bass are made of the chart where it is played (``models.arranger``).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from midi.chance import Chance
from midi.chords import ChordSpan
from midi.compose_chords import draw_progression, laid_out
from midi.compose_grooves import draw_groove, played
from midi.compose_melody import melody_over
from midi.compose_split import Split, drawn_from, split_of_seed
from midi.drums import DrumHit
from midi.keys import Key
from midi.melody import Note
from midi.pulse import STRAIGHT, Swing
from midi.time import FOUR_FOUR, Beats, Bpm, Meter, TempoMap

METERS: Final[Mapping[Meter, float]] = {
    FOUR_FOUR: 0.6,
    Meter(numerator=3, denominator=4): 0.14,
    Meter(numerator=6, denominator=8): 0.12,
    Meter(numerator=7, denominator=8): 0.07,
    Meter(numerator=5, denominator=4): 0.07,
}
SLOWEST_BPM: Final = 60.0
FASTEST_BPM: Final = 180.0
NO_DRUMS: Final = 0.08
NO_MELODY: Final = 0.35


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A piece of ``bars`` whole bars from beat 0, of which audio begins at ``heard_from``, inside its first bar.

    ``progression`` and ``groove`` name what it is made of; a piece without drums has no groove (empty). ``family`` is
    how it grooves, with drums or without. ``key`` is None where the chords have none.
    """

    seed: int
    split: Split
    meter: Meter
    bpm: Bpm
    bars: int
    heard_from: Beats
    key: Key | None
    progression: str
    kind: str
    groove: str
    family: str
    swing: Swing
    chords: tuple[ChordSpan, ...]
    drums: tuple[DrumHit, ...]
    melody: tuple[Note, ...]

    @property
    def tempo_map(self) -> TempoMap:
        """Its tempo and meter, which do not change."""
        return TempoMap.constant(self.bpm, self.meter)

    @property
    def end(self) -> Beats:
        """Where its last bar ends."""
        return Beats(self.bars * self.meter.beats)


def compose(seed: int, seconds: float) -> Piece:
    """The piece of a seed, of which at least ``seconds`` are heard. The same seed always gives the same piece."""
    split = split_of_seed(seed)
    chance = Chance(seed, "piece")
    meter = chance.weighted(METERS)
    bpm = _tempo(chance)
    heard_from = Beats(chance.between(0.0, meter.beats) if chance.happens(0.4) else 0.0)
    bars = math.ceil((heard_from + seconds * bpm / 60.0) / meter.beats)
    harmony, drumming = Chance(seed, "harmony"), Chance(seed, "drums")
    progression = drawn_from(split, lambda: draw_progression(harmony), lambda drawn: drawn.name)
    groove = drawn_from(split, lambda: draw_groove(meter, drumming), lambda drawn: drawn.name)
    chords = laid_out(progression, meter, bpm, bars, harmony)
    has_drums = not chance.happens(NO_DRUMS)
    has_melody = not chance.happens(NO_MELODY)
    swing = groove.swing if meter.denominator <= 4 else STRAIGHT
    tempo_map = TempoMap.constant(bpm, meter)
    return Piece(
        seed=seed,
        split=split,
        meter=meter,
        bpm=bpm,
        bars=bars,
        heard_from=heard_from,
        key=progression.key,
        progression=progression.name,
        kind=progression.kind,
        groove=groove.name if has_drums else "",
        family=groove.family,
        swing=swing,
        chords=chords,
        drums=played(groove, meter, bpm, bars, drumming) if has_drums else (),
        melody=melody_over(chords, progression.key, tempo_map, swing, Chance(seed, "melody")) if has_melody else (),
    )


def _tempo(chance: Chance) -> Bpm:
    """As likely to be doubled as to be halved; mostly a whole number, as in sessions."""
    bpm = SLOWEST_BPM * (FASTEST_BPM / SLOWEST_BPM) ** chance.share()
    return Bpm(round(bpm) if chance.happens(0.7) else round(bpm, 2))
