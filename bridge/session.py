"""The session: what the DAW has said so far, and the pure reducer that keeps it.

``reduce`` is a function of a state, an event and the time: it returns the next state and the effects that
the daemon carries out. It opens nothing, reads no clock and draws no random number. An event that cannot
be used raises ``SidemanError`` and the state that the caller holds stays as it was.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from bridge.engines import require_engine
from bridge.errors import RequestError
from midi import events as ev
from midi.charts import ChordChart, DrumChart, MelodyChart
from midi.keys import Key
from midi.time import FOUR_FOUR, Beats, Bpm, MeterPoint, Seconds, TempoMap, TempoPoint

DEFAULT_BPM: Final = Bpm(120.0)
MAX_POINTS: Final = 4096
"""Most tempo points, meter points or chord changes a session holds."""
MAX_NOTES: Final = 16384
"""Most single drum hits or melody notes a session holds."""


class TooMany(RequestError):
    """The session holds as many things of one kind as it can."""

    code = "too_many"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionState:
    """All that a clip is made from. ``revision`` rises with every change that alters the music."""

    revision: int = 0
    transport: ev.Transport = ev.Transport(
        playing=False, position=Beats(0.0), tempo=DEFAULT_BPM, meter=FOUR_FOUR, observed_at=Seconds(0.0)
    )
    tempo_map: TempoMap = TempoMap()
    tempo_said: bool = False
    meter_said: bool = False
    start: Beats = Beats(0.0)
    key: Key | None = None
    chords: ChordChart = ChordChart()
    drums: DrumChart = DrumChart()
    melody: MelodyChart = MelodyChart()
    prompt: str = ""
    engine: str = "sketch"
    bars: int = 4
    takes: int = 1
    seed: int | None = None
    target: str = ""

    def position_at(self, now: Seconds) -> Beats:
        """Song position at a monotonic time: where the transport was heard, and what it has run since."""
        heard = self.transport
        if not heard.playing:
            return heard.position
        reached = self.tempo_map.seconds_at(heard.position) + max(0.0, now - heard.observed_at)
        return self.tempo_map.beats_at(Seconds(reached))


@dataclass(frozen=True, slots=True, kw_only=True)
class Generate:
    """Make a clip from this state."""

    id: str | None
    state: SessionState


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancel:
    """Cancel one request, or every one when ``id`` is None."""

    id: str | None


Effect = Generate | Cancel
Reduced = tuple[SessionState, tuple[Effect, ...]]
E_contra = TypeVar("E_contra", contravariant=True)


def reduce(state: SessionState, event: ev.SessionEvent, now: Seconds) -> Reduced:
    """The state after ``event``, and what is to be done about it.

    ``now`` is a monotonic time. Raises ``SidemanError`` when the event cannot be used.
    """
    if isinstance(event, ev.RequestClip):
        return state, (Generate(id=event.id, state=state),)
    if isinstance(event, ev.RequestCancel):
        return state, (Cancel(id=event.id),)
    if isinstance(event, ev.Play | ev.Stop | ev.Locate):
        return _moved(state, event, now), ()
    changed = _CHANGES[type(event)](state, event)
    if changed == state:
        return state, ()
    if changed.tempo_map is not state.tempo_map:
        changed = _anchored(state, changed, now)
    return replace(changed, revision=state.revision + 1), ()


def _moved(state: SessionState, event: ev.Play | ev.Stop | ev.Locate, now: Seconds) -> SessionState:
    here = state.position_at(now)
    playing = state.transport.playing
    match event:
        case ev.Play(at=at):
            playing, here = True, here if at is None else at
        case ev.Stop():
            playing = False
        case ev.Locate(at=at):
            here = at
    return _with_transport(state, playing=playing, position=here, now=now)


def _anchored(before: SessionState, after: SessionState, now: Seconds) -> SessionState:
    """``after`` with the transport standing where it had come to under the old tempo map."""
    return _with_transport(after, playing=before.transport.playing, position=before.position_at(now), now=now)


def _with_transport(state: SessionState, *, playing: bool, position: Beats, now: Seconds) -> SessionState:
    bar = state.tempo_map.bar_at(position).bar
    transport = ev.Transport(
        playing=playing,
        position=position,
        tempo=state.tempo_map.bpm_at(position),
        meter=state.tempo_map.meter_of(bar),
        observed_at=now,
    )
    return replace(state, transport=transport)


def _bounded(count: int, limit: int, what: str, clear: str) -> None:
    if count > limit:
        raise TooMany(f"The session holds {limit} {what} already; send {clear} to begin anew.")


def _set_tempo(state: SessionState, event: ev.SetTempo) -> SessionState:
    point = TempoPoint(at=Beats(0.0), bpm=event.bpm)
    return replace(state, tempo_map=TempoMap(tempos=(point,), meters=state.tempo_map.meters), tempo_said=True)


def _add_tempo_point(state: SessionState, event: ev.AddTempoPoint) -> SessionState:
    tempo_map = state.tempo_map.with_tempo(event.point)
    _bounded(len(tempo_map.tempos), MAX_POINTS, "tempo points", "/sideman/tempo")
    return replace(state, tempo_map=tempo_map, tempo_said=True)


def _set_meter(state: SessionState, event: ev.SetMeter) -> SessionState:
    point = MeterPoint(bar=1, meter=event.meter)
    return replace(state, tempo_map=TempoMap(tempos=state.tempo_map.tempos, meters=(point,)), meter_said=True)


def _add_meter_point(state: SessionState, event: ev.AddMeterPoint) -> SessionState:
    tempo_map = state.tempo_map.with_meter(event.point)
    _bounded(len(tempo_map.meters), MAX_POINTS, "meter changes", "/sideman/meter")
    return replace(state, tempo_map=tempo_map, meter_said=True)


def _add_chord(state: SessionState, event: ev.AddChord) -> SessionState:
    chords = state.chords.with_change(event.change)
    _bounded(len(chords.changes), MAX_POINTS, "chord changes", "/sideman/chords/clear")
    return replace(state, chords=chords)


def _add_hit(state: SessionState, event: ev.AddHit) -> SessionState:
    drums = state.drums.with_hit(event.hit)
    _bounded(len(drums.hits), MAX_NOTES, "drum hits", "/sideman/drums/clear")
    return replace(state, drums=drums)


def _add_note(state: SessionState, event: ev.AddNote) -> SessionState:
    melody = state.melody.with_note(event.note)
    _bounded(len(melody.notes), MAX_NOTES, "melody notes", "/sideman/melody/clear")
    return replace(state, melody=melody)


def _set_engine(state: SessionState, event: ev.SetEngine) -> SessionState:
    require_engine(event.name)
    return replace(state, engine=event.name)


_CHANGES: Final[dict[type, Callable[[SessionState, ev.SessionEvent], SessionState]]] = {
    ev.SetTempo: _set_tempo,
    ev.AddTempoPoint: _add_tempo_point,
    ev.SetMeter: _set_meter,
    ev.AddMeterPoint: _add_meter_point,
    ev.SetStart: lambda state, event: replace(state, start=event.at),
    ev.SetKey: lambda state, event: replace(state, key=event.key),
    ev.SetChords: lambda state, event: replace(state, chords=ChordChart(progression=event.progression)),
    ev.AddChord: _add_chord,
    ev.ClearChords: lambda state, event: replace(state, chords=ChordChart()),
    ev.SetPattern: lambda state, event: replace(state, drums=state.drums.with_pattern(event.pattern)),
    ev.AddHit: _add_hit,
    ev.ClearDrums: lambda state, event: replace(state, drums=DrumChart()),
    ev.AddNote: _add_note,
    ev.ClearMelody: lambda state, event: replace(state, melody=MelodyChart()),
    ev.SetPrompt: lambda state, event: replace(state, prompt=event.text),
    ev.SetEngine: _set_engine,
    ev.SetBars: lambda state, event: replace(state, bars=event.bars),
    ev.SetTakes: lambda state, event: replace(state, takes=event.takes),
    ev.SetSeed: lambda state, event: replace(state, seed=event.seed),
}
"""What each event does to the music; the transport and requests are handled by ``reduce`` itself."""
