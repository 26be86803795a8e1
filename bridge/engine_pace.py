"""What a clip will take: learnt from what clips of its shape took. Pure.

A time is the seconds from the moment when the engine takes a request on until its last take is written and told. The
slowest of the last few of a shape counts: an engine that is late once in five times is late. Where no clip of a shape
was made yet, those of the nearest shape stand in; a shorter clip is never expected to take less than a longer one took,
since models work in windows of a fixed length.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

from bridge.engines import SKETCH
from bridge.session import SessionState

REMEMBERED: Final = 5
"""So many of the last clips of a shape say what the next one takes."""
MAX_LENGTHS: Final = 8
"""Lengths of clip that are remembered of one way to ask."""
MAX_WAYS: Final = 32
"""Ways to ask that are remembered; the one that was used longest ago is forgotten first."""
SAME_LENGTH: Final = 0.1
"""Clips whose lengths differ by no more than this share have one shape."""
UNKNOWN_PACE: Final = 1.0
FIRST_PACES: Final = MappingProxyType({SKETCH: 0.15})
"""Seconds that a second of clip takes with an engine that has made none, for all and for some."""
SPARE_S: Final = 0.25
SPARE_SHARE: Final = 0.25
"""How much earlier a clip is begun than it is expected to need: for a slower moment, and a DAW that takes it in."""

Way = tuple[str, tuple[tuple[str, str], ...], int, bool]
"""An engine, its settings, the number of takes, and whether the best of them is chosen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """All of a request that decides how long it takes."""

    way: Way
    clip_s: float

    @property
    def work_s(self) -> float:
        """Seconds of audio to be made, of all takes."""
        return self.clip_s * self.way[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """The last times of one shape."""

    shape: Shape
    times_s: tuple[float, ...]

    def stands_for(self, shape: Shape) -> float:
        """What the slowest of these says of another shape."""
        return max(self.times_s) * max(1.0, shape.work_s / max(self.shape.work_s, 1e-3))


@dataclass(frozen=True, slots=True, kw_only=True)
class Paces:
    """What was measured, by way to ask, the last used last."""

    ways: Mapping[Way, tuple[Spent, ...]] = field(default_factory=dict)


def shape_of(session: SessionState) -> Shape:
    """The shape of the clip that a session asks for."""
    tempo_map = session.tempo_map
    end = tempo_map.advance_bars(session.start, session.bars)
    way = session.engine, session.settings, session.takes, session.best
    return Shape(way=way, clip_s=tempo_map.seconds_between(session.start, end))


def measured(paces: Paces, shape: Shape, spent_s: float) -> Paces:
    """After a clip of ``shape`` took ``spent_s``."""
    known = paces.ways.get(shape.way, ())
    same = next((one for one in known if _same_length(one.shape, shape)), None)
    times = ((*same.times_s, spent_s) if same else (spent_s,))[-REMEMBERED:]
    others = tuple(one for one in known if one is not same)
    lengths = (*others, Spent(shape=shape, times_s=times))[-MAX_LENGTHS:]
    ways = {way: spent for way, spent in paces.ways.items() if way != shape.way}
    ways[shape.way] = lengths
    return replace(paces, ways=dict(list(ways.items())[-MAX_WAYS:]))


def needed_s(paces: Paces, shape: Shape) -> float:
    """What a clip is expected to take."""
    known = paces.ways.get(shape.way, ())
    same = [one for one in known if _same_length(one.shape, shape)]
    if same:
        return max(same[-1].times_s)
    nearest = _nearest(known, shape) or _nearest(_of_engine(paces, shape.way[0]), shape)
    if nearest:
        return nearest.stands_for(shape)
    return FIRST_PACES.get(shape.way[0], UNKNOWN_PACE) * shape.work_s


def lead_s(needed: float) -> float:
    """How long before its bar a clip is begun that is expected to take ``needed`` seconds."""
    return needed * (1.0 + SPARE_SHARE) + SPARE_S


def _same_length(one: Shape, other: Shape) -> bool:
    return abs(one.clip_s - other.clip_s) <= SAME_LENGTH * max(one.clip_s, other.clip_s)


def _of_engine(paces: Paces, engine: str) -> list[Spent]:
    return [one for way, spent in paces.ways.items() if way[0] == engine for one in spent]


def _nearest(known: Iterable[Spent], shape: Shape) -> Spent | None:
    """The shape whose work is nearest, as a ratio."""

    def apart(one: Spent) -> float:
        more, less = max(one.shape.work_s, shape.work_s), min(one.shape.work_s, shape.work_s)
        return more / max(less, 1e-3)

    return min(known, key=apart, default=None)
