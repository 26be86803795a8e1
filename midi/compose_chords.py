"""Composed harmony: progressions by degrees, dressed in the chords that a model knows, and laid out in bars.

The shapes are those of JASCO's vocabulary, twelve roots each. Progressions are functional, modal or blues, written as
degrees of a major scale whatever the mode; and there are some without a key, so that every chord is met in every
neighbourhood.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Final

from midi.chance import Chance
from midi.chord_qualities import LEAD_SHEET_SPELLINGS
from midi.chords import Chord, ChordSpan
from midi.keys import Key
from midi.pulse import pulse_steps
from midi.time import STEPS_PER_BEAT, Beats, Bpm, Meter

SHAPES: Final = (
    *("", "m", "dim", "aug", "6", "m6", "7", "maj7", "m7", "m7b5"),
    *("/3", "/5", "/2", "/b7", "7/3", "m7b5/b7"),
)
"""A quality, and after the slash the bass as a degree above the root."""
_BASSES: Final[Mapping[str, int]] = {"3": 4, "5": 7, "2": 2, "b7": 10}

FUNCTIONAL_MAJOR: Final = (
    "I V VIm IV", "I VIm IV V", "IIm V I", "I IV V I", "VIm IV I V", "I IIIm IV V", "IIIm VIm IIm V", "I V/3 VIm I/5",
    "IV V IIIm VIm", "I IV I/5 V", "I I/b7 IV/3 IVm6", "I Iaug I6 I7", "I #Idim IIm V7", "I III7/3 VIm IV",
    "IIm7 IV/2 Imaj7 I6", "I VI7/3 IIm V7", "IVmaj7 IV6 V IV/2", "I VIIm7b5 III7 VIm", "I/3 IV V/b7 I/3",
    "IV IVm I VIm", "I II7 V7 I", "I IIIaug IV IVm6", "VIm V/3 I IV/3", "IIm7 V7 IIIm7 VI7",
)  # fmt: skip
FUNCTIONAL_MINOR: Final = (
    "Im bVI bIII bVII", "Im IVm Vm", "Im bVII bVI V7", "IIm7b5 V7 Im", "Im IVm V7 Im", "Im bIII bVII IVm",
    "Im V7/3 Im bVI", "Im bVI IVm V", "Im6 IIm7b5/b7 V7/3 Im", "Im7 IVm7 bVII7 bIIImaj7", "Im bIIIaug bIII/5 IVm6",
    "bVI bVII Im Im", "IVm Im V7 Im", "Im VIIdim Im V7", "bVImaj7 V7 Im7 bIII", "Im bVII/3 bIII bVI",
    "Im bII V7/3 Im", "Im IIm7b5 V7 bVI6",
)  # fmt: skip
MODAL: Final[Mapping[str, tuple[str, ...]]] = {
    "dorian": ("Im IV", "Im7 IIm7", "Im bIII IV Im", "Im7 IV7", "Im bVII IV Im", "Im6 IIm7 bIIImaj7 IIm7"),
    "mixolydian": ("I bVII IV I", "I bVII", "I Vm7 IV", "I7 IIm7 bVII", "I bVII/2 IV/5 I", "I IV bVII IV"),
    "lydian": ("I II", "Imaj7 II/b7", "I II Vmaj7 VIIm", "I II/b7 VIIm7 IIIm", "Imaj7 #IVm7b5 IIIm7 I6"),
    "phrygian": ("Im bII", "Im bII bIII bII", "Im7 bIImaj7", "Im bVII7 bII Im", "Vm7b5 Im bII Im"),
    "minor": ("Im bVII bVI bVII", "Im7 Vm7", "Im IVm7 bVII Im", "bVI bVII Im bIII"),
    "harmonic minor": ("Im V7 bVI V7", "Im VIIdim bIIIaug Im", "Im IVm6 V Im"),
    "phrygian dominant": ("I bII", "I bII bVIIm I", "I bII IVm bII"),
}
BLUES: Final = (
    "I7 I7 I7 I7 IV7 IV7 I7 I7 V7 IV7 I7 V7", "I7 IV7 I7 I7 IV7 #IVdim I/5 VI7 IIm7 V7 I7 V7", "I6 I7 IV7 IVm6 I7 V7",
    "Im7 Im7 IVm7 Im7 bVI7 V7 Im7 Im7",
)  # fmt: skip

KINDS: Final[Mapping[str, float]] = {
    "major": 0.28, "minor": 0.2, "modal": 0.16, "blues": 0.05, "wandering": 0.23, "parallel": 0.08,
}  # fmt: skip
"""What progressions are drawn from, by weight. The last two have no key."""

_MOVES: Final[Mapping[int, float]] = {5: 4, 7: 3, 2: 2, 10: 2, 3: 1.5, 4: 1.5, 8: 1.5, 9: 1.5, 1: 1, 11: 1, 6: 0.7}
"""Semitones from one root to the next where nothing but chance leads."""
_DOMINANT: Final = 7
_DRESSES: Final[Mapping[str, Mapping[str, float]]] = {
    "": {"maj7": 2.5, "6": 2, "/3": 2, "/5": 1.5, "/2": 0.5, "/b7": 0.5},
    "V": {"7": 4, "7/3": 1.5, "/b7": 1.5, "/3": 1, "aug": 1.2, "/5": 0.5},
    "m": {"m7": 3, "m6": 1},
    "7": {"": 1, "7/3": 1.5, "/b7": 1.5, "aug": 1},
    "maj7": {"": 1, "6": 1},
    "m7": {"m": 1},
    "dim": {"m7b5": 1, "m7b5/b7": 1},
    "m7b5": {"m7b5/b7": 1, "dim": 1},
}
"""What may be played for a chord of a progression; ``V`` is a triad on the fifth degree."""

_MAJOR_DEGREES: Final[Mapping[str, int]] = {"I": 0, "II": 2, "III": 4, "IV": 5, "V": 7, "VI": 9, "VII": 11}
_DEGREE: Final = re.compile(r"([b#]?)(VII|VI|IV|V|III|II|I)(.*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A chord of a progression: its root in semitones above the tonic (above C where there is no key), its shape."""

    root: int
    shape: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Composed:
    """A progression that repeats. ``name`` tells it from every other: the plain one in its key, however dressed."""

    name: str
    kind: str
    key: Key | None
    steps: tuple[Step, ...]

    @property
    def chords(self) -> tuple[Chord, ...]:
        """The chords, in order."""
        tonic = 0 if self.key is None else self.key.tonic
        return tuple(chord_of((tonic + step.root) % 12, step.shape) for step in self.steps)


@cache
def chord_of(root: int, shape: str) -> Chord:
    """The chord of a shape on a root (a pitch class)."""
    quality, _, bass = shape.partition("/")
    return Chord(
        root=root,
        quality=LEAD_SHEET_SPELLINGS[quality.lower()],
        bass=(root + _BASSES[bass]) % 12 if bass else None,
    )


def every_chord() -> tuple[Chord, ...]:
    """Every chord that a piece may have."""
    return tuple(chord_of(root, shape) for shape in SHAPES for root in range(12))


def steps_of(text: str) -> tuple[Step, ...]:
    """Degrees such as ``IIm7 V7/3 bVI`` as steps."""
    steps = []
    for token in text.split():
        match = _DEGREE.fullmatch(token)
        if match is None or match.group(3) not in SHAPES:
            raise ValueError(f"{token} is no degree with a chord of the shapes")
        shift = {"b": -1, "#": 1, "": 0}[match.group(1)]
        steps.append(Step(root=(_MAJOR_DEGREES[match.group(2)] + shift) % 12, shape=match.group(3)))
    return tuple(steps)


def draw_progression(chance: Chance) -> Composed:
    """A progression of any kind."""
    kind = chance.weighted(KINDS)
    if kind in {"wandering", "parallel"}:
        return _without_key(kind, chance)
    mode, texts = {
        "major": ("major", FUNCTIONAL_MAJOR),
        "minor": ("minor", FUNCTIONAL_MINOR),
        "blues": ("mixolydian", BLUES),
    }.get(kind) or chance.one_of(tuple(MODAL.items()))
    text = chance.one_of(texts)
    key = Key(tonic=chance.index(12), mode="dorian" if text.startswith("Im") and mode == "mixolydian" else mode)
    colour = chance.between(0.0, 0.7)
    steps = tuple(_dressed(step, chance) if chance.happens(colour) else step for step in steps_of(text))
    first = chance.index(len(steps)) if chance.happens(0.2) else 0
    return Composed(name=f"{text} in {key.label}", kind=kind, key=key, steps=steps[first:] + steps[:first])


def _dressed(step: Step, chance: Chance) -> Step:
    """Another chord that may stand for this one."""
    if step.root == _DOMINANT and step.shape == "" and chance.happens(0.15):
        return Step(root=5, shape="/2")  # the suspended dominant
    dresses = _DRESSES.get("V" if step.root == _DOMINANT and step.shape == "" else step.shape)
    return step if dresses is None else replace(step, shape=chance.weighted(dresses))


def _without_key(kind: str, chance: Chance) -> Composed:
    """Chords of all shapes on wandering roots, or one shape that moves."""
    root, shape = chance.index(12), chance.one_of(SHAPES)
    steps = []
    for _ in range(chance.one_of((3, 4, 5, 6, 8))):
        steps.append(Step(root=root, shape=shape))
        root = (root + chance.weighted(_MOVES)) % 12
        shape = shape if kind == "parallel" else chance.one_of(SHAPES)
    name = " ".join(chord_of(step.root, step.shape).label for step in steps)
    return Composed(name=name, kind=kind, key=None, steps=tuple(steps))


# In time

PUSH: Final = Beats(0.5)
"""Chords that are played early come by an eighth."""
_SHORTEST_S: Final = 0.8
_LONGEST_S: Final = 5.0


def laid_out(composed: Composed, meter: Meter, bpm: Bpm, bars: int, chance: Chance) -> tuple[ChordSpan, ...]:
    """The progression over so many bars, without a gap, neighbours that are equal merged.

    A chord lasts a bar, half of one or two; some bars have none, and some pieces play their changes early.
    """
    places = _places(meter, bpm, bars, chance)
    pushed = chance.happens(0.12)
    chords = composed.chords
    starts: list[tuple[Beats, Chord | None]] = []
    for count, place in enumerate(places):
        silent = len(places) > 1 and chance.happens(0.02)
        at = Beats(place - PUSH) if pushed and count else place
        starts.append((at, None if silent else chords[count % len(chords)]))
    return _spans(starts, Beats(bars * meter.beats))


def _places(meter: Meter, bpm: Bpm, bars: int, chance: Chance) -> list[Beats]:
    """Where chords change."""
    bar_s = 60.0 * meter.beats / bpm
    pulses = pulse_steps(meter)
    middle = sum(pulses[: (len(pulses) + 1) // 2]) / STEPS_PER_BEAT
    rhythms = {"bar": 0.5}
    if bar_s >= 2 * _SHORTEST_S:
        rhythms |= {"half": 0.25, "mixed": 0.2}
    if 2 * bar_s <= _LONGEST_S:
        rhythms["two"] = 0.12
    rhythm = chance.weighted(rhythms)
    places: list[Beats] = []
    for bar in range(0, bars, 2 if rhythm == "two" else 1):
        places.append(Beats(bar * meter.beats))
        if rhythm == "half" or (rhythm == "mixed" and chance.happens(0.5)):
            places.append(Beats(bar * meter.beats + middle))
    return places


def _spans(starts: Sequence[tuple[Beats, Chord | None]], end: Beats) -> tuple[ChordSpan, ...]:
    spans: list[ChordSpan] = []
    ends = [at for at, _ in starts[1:]] + [end]
    for (start, chord), until in zip(starts, ends, strict=True):
        if spans and spans[-1].chord == chord:
            spans[-1] = replace(spans[-1], end=until)
        else:
            spans.append(ChordSpan(start=start, end=until, chord=chord))
    return tuple(spans)
