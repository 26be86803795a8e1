"""When clips are made without being asked for one by one: every so many bars, or when the chords change. Pure.

``decided`` is asked often, with the session as it stands and the time. A clip for a bar line is begun when what is left
until then is what the engine is expected to need, and a margin: as late as it can be, so that it has the chart as it
stands then. What an engine needs is learnt from what it has needed (``finished``). A bar line that cannot be made any
more is told, and the next one is taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

from bridge.engines import SKETCH
from bridge.notices import Notice
from bridge.session import SessionState
from midi.charts import ChordChart
from midi.events import TriggerMode
from midi.time import Beats, Seconds

REMEMBERED: Final = 5
"""So many of an engine's last clips say what the next one will take; the slowest counts."""
UNKNOWN_PACE: Final = 1.0
FIRST_PACES: Final = MappingProxyType({SKETCH: 0.15})
"""Seconds that a second of clip takes with an engine that has made none, for all and for some."""
AHEAD: Final = 2
"""Clips that are begun ahead of the next one, at the most: a slow engine skips some."""
SPARE_S: Final = 0.25
SPARE_SHARE: Final = 0.25
"""How much earlier a clip is begun than it must be: for writing, placing, and a slower moment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fire:
    """A clip is to be begun now: from a bar line on, so many bars."""

    start: Beats
    bars: int
    bar: int
    """The number of its first bar."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Triggers:
    """What has been begun, for what was missed, and how fast the engines are."""

    paces: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """The last seconds of work for a second of clip, by engine."""
    last: Beats | None = None
    """The bar line of the clip that was begun last."""
    missed: Beats | None = None
    """The last bar line that was told to be too near."""
    playing: bool = False
    chords: ChordChart | None = None
    """The chords of the clip that was begun last, or those that stood when the mode was chosen."""
    mode: TriggerMode = "request"


Decision = tuple[Triggers, Fire | None, tuple[Notice, ...]]


def finished(triggers: Triggers, engine: str, clip_s: float, spent_s: float) -> Triggers:
    """After an engine has made a clip (all takes of it) of ``clip_s`` seconds in ``spent_s``."""
    paces = (*triggers.paces.get(engine, ()), spent_s / max(clip_s, 1e-3))[-REMEMBERED:]
    return replace(triggers, paces={**triggers.paces, engine: paces})


def needed_s(triggers: Triggers, engine: str, clip_s: float) -> float:
    """What a clip is expected to take, at the pace of the slowest of the last ones."""
    return max(triggers.paces.get(engine, (FIRST_PACES.get(engine, UNKNOWN_PACE),))) * clip_s


def decided(triggers: Triggers, session: SessionState, now: Seconds, *, busy: bool) -> Decision:
    """Whether a clip is to be begun now. While one that was begun so is not done (``busy``) none is."""
    mode = session.trigger.mode
    if mode != triggers.mode:
        triggers = replace(triggers, mode=mode, last=None, missed=None, chords=session.chords)
    if not session.transport.playing:
        return replace(triggers, playing=False, last=None, missed=None), None, ()
    triggers = replace(triggers, playing=True)
    match mode:
        case "bars":
            return _every_bars(triggers, session, now, busy)
        case "chords":
            return _on_chords(triggers, session, now, busy)
        case "request":
            return triggers, None, ()


def _every_bars(triggers: Triggers, session: SessionState, now: Seconds, busy: bool) -> Decision:
    """The next bar line of the grid of so many bars that has no clip yet, when its time has come."""
    bars = session.trigger.bars or session.bars
    position = session.position_at(now)
    bar = _next_of_grid(session, position, bars)
    if triggers.last is not None:
        ahead = session.tempo_map.bar_at(triggers.last).bar
        if bar <= ahead <= bar + AHEAD * bars:  # what is further ahead was begun before the song was moved back
            bar = ahead + bars
    notices: list[Notice] = []
    if _left_s(session, bar, position) == 0.0:  # the song begins here: nothing could have been ready
        bar += bars
    while _left_s(session, bar, position) < _needed_at(triggers, session, bar, bars):
        line = session.tempo_map.bar_start(bar)
        if triggers.missed is None or line > triggers.missed:
            notices.append(_late(bar, bar + bars))
            triggers = replace(triggers, missed=line)
        bar += bars
        if len(notices) > 1:  # an engine far slower than the music: one bar line at a time
            return triggers, None, tuple(notices[:1])
    if busy or _left_s(session, bar, position) > _with_spare(_needed_at(triggers, session, bar, bars)):
        return triggers, None, tuple(notices)
    return _fired(triggers, session, bar, bars, notices)


def _on_chords(triggers: Triggers, session: SessionState, now: Seconds, busy: bool) -> Decision:
    """The next bar line that can be made, once the chords are others than those of the last clip."""
    if session.chords == triggers.chords or busy:
        return triggers, None, ()
    position = session.position_at(now)
    bar = _next_of_grid(session, position, 1)
    bars = session.trigger.bars or session.bars
    while _left_s(session, bar, position) < _needed_at(triggers, session, bar, bars):
        bar += 1
    return _fired(triggers, session, bar, bars, [])


def _fired(triggers: Triggers, session: SessionState, bar: int, bars: int, notices: list[Notice]) -> Decision:
    start = session.tempo_map.bar_start(bar)
    triggers = replace(triggers, last=start, chords=session.chords)
    return triggers, Fire(start=start, bars=bars, bar=bar), tuple(notices)


def _next_of_grid(session: SessionState, position: Beats, bars: int) -> int:
    """The first bar at or after a position whose number is 1 more than a multiple of ``bars``."""
    here = session.tempo_map.bar_at(position)
    bar = here.bar if here.offset == 0.0 else here.bar + 1
    return bar + (1 - bar) % bars


def _left_s(session: SessionState, bar: int, position: Beats) -> float:
    return session.tempo_map.seconds_between(position, session.tempo_map.bar_start(bar))


def _needed_at(triggers: Triggers, session: SessionState, bar: int, bars: int) -> float:
    """What the clip of some bars from a bar on is expected to take, all takes of it."""
    start, end = (session.tempo_map.bar_start(line) for line in (bar, bar + bars))
    clip_s = session.tempo_map.seconds_between(start, end) * session.takes
    return needed_s(triggers, session.engine, clip_s)


def _with_spare(needed: float) -> float:
    return needed * (1.0 + SPARE_SHARE) + SPARE_S


def _late(bar: int, following: int) -> Notice:
    text = f"The clip for bar {bar} cannot be ready in time; the one for bar {following} is the next that can."
    return Notice(code="late", message=text)
