"""Composed drums: grooves of a family, with swing, ghost notes, fills, breaks and a hand that is not a machine's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from midi.chance import Chance
from midi.drums import STEP_VELOCITIES, DrumHit
from midi.pulse import STRAIGHT, Figure, Swing, bar_text, figure_of, pulse_steps
from midi.time import STEPS_PER_BEAT, Beats, Bpm, Meter

_Part = tuple[str, Figure]
"""A voice, and what it plays."""


def _part(voice: str, common: str, duple: str, triple: str) -> _Part:
    return voice, figure_of(common, duple, triple)


KICKS: Final[Mapping[str, _Part]] = {
    "one and three": _part("kick", "x.......x.......", "x... ....", "x....."),
    "pop": _part("kick", "x.......x.x.....", "x... ..x.", "x...x."),
    "push": _part("kick", "x.....x.x.......", "x..x ....", "x....x"),
    "busy": _part("kick", "x..x..x...x..x..", "x..x ..x.", "x..x.x"),
    "four": _part("kick", "x...x...x...x...", "x...", "x....."),
    "slow": _part("kick", "x.........x.....", "x... .... ..x.", "x....."),
    "two-step": _part("kick", "x.........x..x..", "x... ..x. ...x", "x..x.."),
    "funk": _part("kick", "x.x....x..x..x..", "x.x. ...x", "x.x..x"),
    "break": _part("kick", "x.x.......xx....", "x.x. .... ..xx", "x.x..."),
    "bossa": _part("kick", "x..xx..xx..xx..x", "x..x", "x....x"),
    "late": _part("kick", "x.....x....x..x.", "x... ..x. .x..", "x....x"),
    "tumbao": _part("kick", "...x..x....x..x.", "...x ..x.", "...x.x"),
    "drop": _part("kick", "........X.......", ".... X...", "...X.."),
    "feather": _part("kick", "o...o...o...o...", "o...", "o..o.."),
}
SNARES: Final[Mapping[str, _Part]] = {
    "backbeat": _part("snare", "....X.......X...", ".... X...", "...X.."),
    "ghosts": _part("snare", "....X..o.o..X..o", "...o X..o", "..oX.o"),
    "half-time": _part("snare", "........X.......", ".... .... X... ....", "...X.."),
    "late": _part("snare", "....X.........X.", ".... X... ..X.", "....X."),
    "double": _part("snare", "....X..X.o..X...", ".... X..X", "...X.X"),
    "train": _part("snare", "o.oxo.oxo.oxo.ox", "o.ox", "o.xo.x"),
    "comping": _part("snare", "......o...o....o ..o....o......o.", "...o ..o.", "..o..o"),
    "cross": _part("sidestick", "....x.......x...", ".... x...", "...x.."),
    "clave": _part("sidestick", "x..x..x...x..x.. ..x...x...x..x..", "x..x ..x.", "x..x.x"),
    "clap": _part("clap", "....x.......x...", ".... x...", "...x.."),
    "one drop": _part("sidestick", "........X.......", ".... X...", "...X.."),
}
HATS: Final[Mapping[str, _Part]] = {
    "eighths": _part("closed_hat", "x.o.x.o.x.o.x.o.", "x.o.", "x.o.o."),
    "even eighths": _part("closed_hat", "x.x.x.x.x.x.x.x.", "x.x.", "x.x.x."),
    "sixteenths": _part("closed_hat", "xoxoxoxoxoxoxoxo", "xoxo", "xoxoxo"),
    "quarters": _part("closed_hat", "x...x...x...x...", "x...", "x..x.."),
    "stutter": _part("closed_hat", "x.x.x.xxx.x.xxxx", "x.x. x.xx", "x.x.xx"),
    "off-beats": _part("open_hat", "..x...x...x...x.", "..x.", "..x..."),
    "swing": _part("ride", "x...x.x.x...x.x.", "x... x.x.", "x..x.x"),
    "ride": _part("ride", "x.o.x.o.x.o.x.o.", "x.o.", "x.o.o."),
    "ride quarters": _part("ride", "x...x...x...x...", "x...", "x....."),
    "shaker": _part("shaker", "xoxoxoxoxoxoxoxo", "xoxo", "xoxoxo"),
    "bell": _part("ride_bell", "x..xx.x.x..xx.x.", "x..x x.x.", "x..x.."),
}
LAYERS: Final[tuple[_Part, ...]] = (
    _part("tambourine", "....x.......x...", ".... x...", "...x.."),
    _part("tambourine", "x.o.x.o.x.o.x.o.", "x.o.", "x.o.o."),
    _part("shaker", "x.o.x.o.x.o.x.o.", "x.o.", "x.o.o."),
    _part("cowbell", "x...x...x...x...", "x...", "x....."),
    _part("claves", "x..x..x...x.x...", "x..x ..x.", "x..x.."),
    _part("high_conga", "......xx......xx", ".... ..xx", "....xx"),
    _part("low_bongo", "..x..x....x..x..", "..x. .x..", "..x..x"),
    _part("pedal_hat", "....x.......x...", ".... x...", "...x.."),
    _part("woodblock", "x.....x.....x...", "x... ..x.", "x....."),
    _part("triangle", "x...o.x.x...o.x.", "x.o.", "x.o.x."),
)
FILLS: Final = (
    "sshhmmll",
    "s.shm.l.",
    "s.s.s.s.",
    "ss.ss.ss",
    "h.hm.ml.",
    "sss.l.l.",
    "s.h.m.l.",
    "ssssssss",
    "..s.ss.s",
)
"""The last eight sixteenths of a bar; a shorter fill is the end of one."""
THINNED_FROM_BPM: Final = 140.0
"""At faster tempos soft sixteenths between the eighths are left out, as a drummer would."""
SOFTEST: Final = 30.0
"""No stroke has a lower velocity."""
_FILL_VOICES: Final[Mapping[str, str]] = {"s": "snare", "h": "high_tom", "m": "mid_tom", "l": "low_tom"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Grooves that belong together: names of what they are made of, and how they are played.

    ``swing_unit`` is the beats that are swung (0 for none), its off-beat lies in ``swing_share`` of it. ``ghosts`` is
    how likely a free sixteenth is to have a soft snare.
    """

    kicks: tuple[str, ...]
    snares: tuple[str, ...]
    hats: tuple[str, ...]
    swing_unit: float = 0.0
    swing_share: tuple[float, float] = (0.5, 0.5)
    ghosts: float = 0.0


FAMILIES: Final[Mapping[str, Family]] = {
    "pop": Family(
        kicks=("one and three", "pop", "push", "two-step"),
        snares=("backbeat", "late", "clap"),
        hats=("eighths", "even eighths", "quarters", "sixteenths", "ride"),
    ),
    "rock": Family(
        kicks=("pop", "push", "busy", "one and three"),
        snares=("backbeat", "double"),
        hats=("even eighths", "quarters", "ride", "bell"),
    ),
    "funk": Family(
        kicks=("funk", "break", "busy"),
        snares=("ghosts", "double", "late"),
        hats=("sixteenths", "eighths", "stutter"),
        swing_unit=0.5,
        swing_share=(0.5, 0.58),
        ghosts=0.12,
    ),
    "four on the floor": Family(
        kicks=("four",),
        snares=("clap", "backbeat", "cross"),
        hats=("off-beats", "sixteenths", "shaker", "even eighths"),
    ),
    "half-time": Family(
        kicks=("slow", "late", "two-step"),
        snares=("half-time",),
        hats=("eighths", "sixteenths", "stutter", "ride"),
        ghosts=0.05,
    ),
    "swing": Family(
        kicks=("feather", "slow"),
        snares=("comping", "cross"),
        hats=("swing", "ride quarters"),
        swing_unit=1.0,
        swing_share=(0.6, 0.68),
    ),
    "shuffle": Family(
        kicks=("one and three", "pop", "four"),
        snares=("backbeat", "clap"),
        hats=("eighths", "even eighths", "ride"),
        swing_unit=1.0,
        swing_share=(0.6, 0.68),
    ),
    "bossa": Family(kicks=("bossa", "slow"), snares=("clave", "cross"), hats=("shaker", "eighths", "ride")),
    "latin": Family(
        kicks=("tumbao", "bossa", "four"), snares=("clave", "cross", "late"), hats=("bell", "shaker", "sixteenths")
    ),
    "reggae": Family(kicks=("drop", "four"), snares=("one drop", "cross"), hats=("off-beats", "eighths", "sixteenths")),
    "hip hop": Family(
        kicks=("break", "late", "two-step", "funk"),
        snares=("backbeat", "ghosts", "clap"),
        hats=("eighths", "stutter", "sixteenths", "quarters"),
        swing_unit=0.5,
        swing_share=(0.5, 0.62),
        ghosts=0.06,
    ),
    "ballad": Family(
        kicks=("slow", "one and three", "pop"),
        snares=("backbeat", "cross", "half-time"),
        hats=("quarters", "eighths", "ride"),
    ),
    "train": Family(
        kicks=("one and three", "four"), snares=("train", "comping"), hats=("quarters", "shaker", "ride quarters")
    ),
}
"""Every family of grooves by its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Groove:
    """What the drums play in each bar, before fills. ``name`` tells it from every other: the grid of its main parts."""

    name: str
    family: str
    parts: tuple[_Part, ...]
    swing: Swing


def draw_groove(meter: Meter, chance: Chance) -> Groove:
    """A groove of any family in a meter."""
    family = chance.one_of(tuple(FAMILIES))
    made_of = FAMILIES[family]
    parts = [
        table[chance.one_of(names)]
        for table, names in ((KICKS, made_of.kicks), (SNARES, made_of.snares), (HATS, made_of.hats))
    ]
    name = f"{meter} " + " ".join(f"{voice}:{bar_text(figure, meter, 1)}" for voice, figure in parts)
    layers = [part for part in (chance.one_of(LAYERS),) if chance.happens(0.25)]
    swung = made_of.swing_unit > 0 and meter.denominator <= 4
    swing = Swing(unit=made_of.swing_unit, share=chance.between(*made_of.swing_share)) if swung else STRAIGHT
    used = {voice for voice, _ in parts}
    return Groove(
        name=name,
        family=family,
        parts=(*parts, *(part for part in layers if part[0] not in used)),
        swing=swing,
    )


def played(groove: Groove, meter: Meter, bpm: Bpm, bars: int, chance: Chance) -> tuple[DrumHit, ...]:
    """The groove over so many bars, with ghost notes, fills at the ends of phrases, a crash after them, and breaks.

    What falls on one step is struck together, a few milliseconds beside it.
    """
    hand_s = chance.between(0.0, 0.006)
    loudness = chance.between(-8.0, 8.0)
    phrase = chance.one_of((2, 4, 4))
    silent_bar = chance.index(bars) if chance.happens(0.06) else None
    strokes: dict[tuple[int, int, str], float] = {}
    crash = False
    for bar in range(bars):
        fill = _fill(meter, chance) if (bar + 1) % phrase == 0 and chance.happens(0.6) else ""
        if bar != silent_bar:
            for step, voice, velocity in _bar(groove, meter, bar, fill, chance):
                if bpm <= THINNED_FROM_BPM or step % 2 == 0 or velocity > STEP_VELOCITIES["o"]:
                    strokes[bar, step, voice] = velocity
            if crash:
                strokes[bar, 0, "crash"] = 105.0
        crash = bool(fill) and chance.happens(0.7)
    late = {place: chance.between(-hand_s, hand_s) * bpm / 60.0 for place in sorted({key[:2] for key in strokes})}
    hits = []
    for (bar, step, voice), velocity in sorted(strokes.items()):
        at = bar * meter.beats + groove.swing.warp(step / STEPS_PER_BEAT) + late[bar, step]
        touch = velocity + loudness + chance.between(-7.0, 7.0)
        hits.append(DrumHit(at=Beats(max(0.0, at)), voice=voice, velocity=int(min(127.0, max(SOFTEST, touch)))))
    return tuple(sorted(hits, key=lambda hit: (hit.at, hit.voice)))


def _bar(groove: Groove, meter: Meter, bar: int, fill: str, chance: Chance) -> Iterator[tuple[int, str, float]]:
    """The strokes of one bar: step, voice, velocity."""
    fill_from = meter.steps - len(fill)
    taken = set()
    for voice, figure in groove.parts:
        for step, letter in enumerate(bar_text(figure, meter, bar + 1)):
            velocity = STEP_VELOCITIES.get(letter, 0)
            filled = step >= fill_from and voice != "kick"
            if velocity and not filled and not chance.happens(0.02):
                taken.add(step)
                opened = voice == "closed_hat" and step % 4 == 2 and chance.happens(0.05)
                yield step, "open_hat" if opened else voice, float(velocity)
    for step in range(1, fill_from, 2):
        if step not in taken and chance.happens(FAMILIES[groove.family].ghosts):
            yield step, "snare", 44.0
    for step, letter in enumerate(fill, start=fill_from):
        if letter != ".":
            yield step, _FILL_VOICES[letter], 84.0 + 3.0 * (step - fill_from)


def _fill(meter: Meter, chance: Chance) -> str:
    """The end of a bar: its last pulse, or as much as two."""
    length = pulse_steps(meter)[-1] if chance.happens(0.6) else 8
    return chance.one_of(FILLS)[-min(length, 8) :]
