"""When clips are made without being asked for one by one: every so many bars, or when the chords change. Pure.

``decide`` is asked whenever something has changed, and at the moment that it named itself (``wake_at``). A clip for a
bar is begun as late as it can be, so that it is made from the chart as it stands then: when what is left until the bar
is what the engine is expected to need (``bridge.engine_pace``), with a spare. It is not begun while the engine has
other work; what that will take is looked ahead to. A bar that cannot be made any more is told once, and the next that
can is taken. Where the song jumps, or tempo or meter change so that the clip no longer fits, its bar is looked at anew.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from bridge.engine_pace import Paces, lead_s, needed_s, shape_of
from bridge.notices import Notice
from bridge.session import SessionState
from midi.charts import ChordChart
from midi.events import TriggerMode
from midi.time import Beats, Seconds, TempoMap

JUMP: Final = Beats(0.5)
"""The song has jumped when it is further than this from where it would be by itself."""
AT_LINE_S: Final = 0.05
"""A song that starts so near before a bar line starts at it: nothing could be ready there, and nothing is told."""
FITS_S: Final = 0.02
"""A clip whose end is off by less than this still fits: two strokes so near are heard as one."""
EARLY_S: Final = 0.001
"""A timer may ring this much before its time."""
HELD_S: Final = 0.05
"""While other work keeps the engine, what that leaves time for is looked at again after this long, or more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Begin:
    """A clip is to be begun: from a bar on, so many bars."""

    bar: int
    bars: int
    start: Beats
    length_s: float

    def session(self, session: SessionState) -> SessionState:
        """The session that asks for this clip."""
        return replace(session, start=self.start, bars=self.bars)

    def fits(self, tempo_map: TempoMap) -> bool:
        """Whether the clip would still lie where it should, and end there, under a tempo map."""
        start, length_s = _place(tempo_map, self.bar, self.bars)
        return start == self.start and abs(length_s - self.length_s) < FITS_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """Where the song was when it was last looked at."""

    position: Beats
    at: Seconds
    tempo_map: TempoMap

    def expected(self, now: Seconds) -> Beats:
        """Where it would be by itself."""
        reached = self.tempo_map.seconds_at(self.position) + max(0.0, now - self.at)
        return self.tempo_map.beats_at(Seconds(reached))


@dataclass(frozen=True, slots=True, kw_only=True)
class Triggers:
    """What has been begun and what was missed. ``heard`` is None while the song stands still."""

    mode: TriggerMode = "request"
    bars: int = 0
    heard: Heard | None = None
    begun: Begin | None = None
    """The clip that was begun last, since the song started or jumped."""
    missed: int = 0
    """The last bar that no clip will be made for."""
    chords: ChordChart | None = None
    """The chords of the last clip, or those that stood when the mode was chosen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What is to be done now.

    ``cancel``: the clip that is under way fits no more. ``begin``: a clip. ``wake_at``: the monotonic time at which to
    ask again when nothing happens until then; None for never.
    """

    triggers: Triggers
    begin: Begin | None = None
    cancel: bool = False
    wake_at: Seconds | None = None
    notices: tuple[Notice, ...] = ()


def decide(
    triggers: Triggers,
    session: SessionState,
    now: Seconds,
    *,
    paces: Paces,
    free_in_s: float | None = None,
    under_way: bool = False,
) -> Decision:
    """What is to be done at the monotonic time ``now``.

    ``free_in_s`` is when the engine is expected to be free, None where it is; ``under_way`` says that the clip that was
    begun last is not ready yet.
    """
    triggers = _chosen(triggers, session)
    if triggers.mode == "request" or not session.transport.playing:
        return Decision(triggers=replace(triggers, heard=None, missed=0))
    bars = session.trigger.bars or session.bars
    here = _Here(session, now, paces, free_in_s, bars=bars, grid=bars if triggers.mode == "bars" else 1)
    triggers, cancel = _followed(triggers, here, under_way)
    if cancel:
        return Decision(triggers=triggers, cancel=True, wake_at=now)
    if triggers.mode == "chords" and (session.chords.is_empty or session.chords == triggers.chords):
        return Decision(triggers=triggers)
    return _for_next_bar(triggers, here, telling=triggers.mode == "bars")


def dropped(triggers: Triggers) -> Triggers:
    """After the clip that was begun last made room for another request: its bar is looked at anew."""
    return replace(triggers, begun=None, chords=None)


def ready(triggers: Triggers, begun: Begin, session: SessionState, now: Seconds) -> tuple[Notice, ...]:
    """What is told when a clip is ready: how late it is, where its bar has begun before that."""
    if triggers.begun != begun or not session.transport.playing:
        return ()
    late_s = session.tempo_map.seconds_between(begun.start, session.position_at(now))
    if late_s <= 0.0:
        return ()
    return (_late(f"The clip for bar {begun.bar} was ready {late_s:.1f} s after its bar began."),)


def soonest(session: SessionState, now: Seconds, *, paces: Paces, free_in_s: float | None = None) -> Begin:
    """The clip for the next bar that it can be ready for; where the song stands still, the first from there on."""
    here = _Here(session, now, paces, free_in_s, bars=session.bars, grid=1)
    bar = here.line_after(here.position)
    return here.clip(here.feasible(bar, spare=True) if session.transport.playing else bar)


def _place(tempo_map: TempoMap, bar: int, bars: int) -> tuple[Beats, float]:
    start, end = tempo_map.bar_start(bar), tempo_map.bar_start(bar + bars)
    return start, tempo_map.seconds_between(start, end)


def _late(text: str) -> Notice:
    return Notice(code="late", message=text)


class _Here:
    """The session at one moment."""

    def __init__(
        self, session: SessionState, now: Seconds, paces: Paces, free_in_s: float | None, *, bars: int, grid: int
    ) -> None:
        """``bars``: the length of a clip. ``grid``: clips begin at bars that are 1 more than a multiple of it."""
        self.session = session
        self.now = now
        self.map = session.tempo_map
        self.position = session.position_at(now)
        self.heard = Heard(position=self.position, at=now, tempo_map=self.map)
        self.free_in_s = free_in_s
        self.grid = grid
        self._bars = bars
        self._paces = paces

    def line_after(self, position: Beats) -> int:
        """The first bar of the grid at or after a position."""
        place = self.map.bar_at(position)
        bar = place.bar if place.offset == 0.0 else place.bar + 1
        return bar + (1 - bar) % self.grid

    def left_s(self, bar: int) -> float:
        """Seconds until a bar begins."""
        return self.map.seconds_between(self.position, self.map.bar_start(bar))

    def needed_s(self, bar: int) -> float:
        """What the clip for a bar is expected to take once the engine is free."""
        return needed_s(self._paces, shape_of(self.clip(bar).session(self.session)))

    def least_s(self, bar: int) -> float:
        """What must be left until a bar for a clip to be ready there."""
        return (self.free_in_s or 0.0) + self.needed_s(bar)

    def begin_s(self, bar: int) -> float:
        """The same with a spare."""
        return (self.free_in_s or 0.0) + lead_s(self.needed_s(bar))

    def clip(self, bar: int) -> Begin:
        """The clip for a bar."""
        start, length_s = _place(self.map, bar, self._bars)
        return Begin(bar=bar, bars=self._bars, start=start, length_s=length_s)

    def feasible(self, bar: int, *, spare: bool = False) -> int:
        """The first bar of the grid from ``bar`` on for which a clip can be ready, with a ``spare`` or just so."""
        while self.left_s(bar) < (least := self.begin_s(bar) if spare else self.least_s(bar)):
            reached = self.map.beats_at(Seconds(self.map.seconds_at(self.position) + least))
            bar = max(bar + self.grid, self.line_after(reached))
        return bar


def _chosen(triggers: Triggers, session: SessionState) -> Triggers:
    """Where another mode was chosen, or other bars, all begins anew."""
    asked = session.trigger
    if (asked.mode, asked.bars) == (triggers.mode, triggers.bars):
        return triggers
    return Triggers(mode=asked.mode, bars=asked.bars, chords=session.chords)


def _followed(triggers: Triggers, here: _Here, under_way: bool) -> tuple[Triggers, bool]:
    """After the song has come to where it is. True: what is under way fits no more."""
    heard, begun = triggers.heard, triggers.begun
    triggers = replace(triggers, heard=here.heard)
    if heard is None or abs(heard.expected(here.now) - here.position) > JUMP:
        bar = here.line_after(here.position)
        at_line = here.left_s(bar) < AT_LINE_S
        following = bar + here.grid if at_line else bar
        kept = begun if begun and under_way and begun.bar == following and begun.fits(here.map) else None
        return replace(triggers, begun=kept, missed=bar if at_line else 0), False
    if begun and begun.start > here.position and not begun.fits(here.map):
        return replace(triggers, begun=None, chords=None), under_way
    return triggers, False


def _for_next_bar(triggers: Triggers, here: _Here, *, telling: bool) -> Decision:
    """The next bar that is to have a clip and can: begun where its time has come, else waited for."""
    done = max(triggers.missed, triggers.begun.bar if triggers.begun and telling else 0)
    wanted = max(here.line_after(here.position), here.line_after(here.map.bar_start(done + 1)))
    bar = here.feasible(wanted)
    notices: tuple[Notice, ...] = ()
    if bar > wanted and telling:
        triggers = replace(triggers, missed=bar - here.grid)
        notices = (_missed(wanted, bar, here.grid),)
    waits_s = here.left_s(bar) - lead_s(here.needed_s(bar))
    if here.free_in_s is None and waits_s <= EARLY_S:
        begin = here.clip(bar)
        triggers = replace(triggers, begun=begin, chords=here.session.chords)
        return Decision(triggers=triggers, begin=begin, notices=notices)
    if waits_s <= EARLY_S:  # the engine has other work: its end is heard of, and so is a bar that it makes impossible
        waits_s = max(HELD_S, here.left_s(bar) - here.least_s(bar))
    return Decision(triggers=triggers, wake_at=Seconds(here.now + waits_s), notices=notices)


def _missed(first: int, following: int, grid: int) -> Notice:
    last = following - grid
    bars = f"bar {first}" if last == first else f"the bars {first} to {last}"
    return _late(f"No clip for {bars} can be ready in time; the next is for bar {following}.")
