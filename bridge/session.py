"""The session: what the DAW has said so far, and the pure reducer that keeps it.

``reduce`` is a function of a state, an event and the time: it returns the next state and the effects that
the daemon carries out. It opens nothing, reads no clock and draws no random number. An event that cannot
be used raises ``SidemanError`` and the state that the caller holds stays as it was.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import singledispatch
from typing import Final

from bridge.engines import require_engine
from bridge.errors import RequestError
from bridge.neural_config import require_setting
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


STANDING: Final = ev.Transport(
    playing=False, position=Beats(0.0), tempo=DEFAULT_BPM, meter=FOUR_FOUR, observed_at=Seconds(0.0)
)
"""The transport before anything was heard."""
NO_CHORDS: Final = ChordChart()
NO_DRUMS: Final = DrumChart()
NO_MELODY: Final = MelodyChart()
ON_REQUEST: Final = ev.SetTrigger(mode="request")
DEFAULT_TIME: Final = TempoMap()
SONG_START: Final = Beats(0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionState:
    """All that a clip is made from. ``revision`` rises with every change that alters the music."""

    revision: int = 0
    transport: ev.Transport = STANDING
    tempo_map: TempoMap = DEFAULT_TIME
    tempo_said: bool = False
    meter_said: bool = False
    start: Beats = SONG_START
    key: Key | None = None
    chords: ChordChart = NO_CHORDS
    drums: DrumChart = NO_DRUMS
    melody: MelodyChart = NO_MELODY
    prompt: str = ""
    engine: str = "sketch"
    bars: int = 4
    takes: int = 1
    seed: int | None = None
    target: str = ""
    settings: tuple[tuple[str, str], ...] = ()
    """What was set of the engines, by name, in order of the names."""
    given: ev.AudioRegion | None = None
    drum_track: ev.DrumTrack | None = None
    trigger: ev.SetTrigger = ON_REQUEST
    best: bool = False
    """Of a request's takes, the one that comes nearest to the chart alone is kept."""

    def position_at(self, now: Seconds) -> Beats:
        """Song position at a monotonic time: where the transport was heard, and what it has run since."""
        heard = self.transport
        if not heard.playing:
            return heard.position
        reached = self.tempo_map.seconds_at(heard.position) + max(0.0, now - heard.observed_at)
        return self.tempo_map.beats_at(Seconds(reached))


@dataclass(frozen=True, slots=True, kw_only=True)
class Generate:
    """Make a clip from this state, at the next bar that it can be ready for where ``next_bar`` says so."""

    id: str | None
    state: SessionState
    next_bar: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancel:
    """Cancel one request, or every one when ``id`` is None."""

    id: str | None


Effect = Generate | Cancel
Reduced = tuple[SessionState, tuple[Effect, ...]]


def reduce(state: SessionState, event: ev.SessionEvent, now: Seconds) -> Reduced:
    """The state after ``event``, and what is to be done about it.

    ``now`` is a monotonic time. Raises ``SidemanError`` when the event cannot be used.
    """
    if isinstance(event, ev.RequestClip):
        return state, (Generate(id=event.id, state=state, next_bar=event.next_bar),)
    if isinstance(event, ev.RequestCancel):
        return state, (Cancel(id=event.id),)
    if isinstance(event, ev.SetTrigger):
        return replace(state, trigger=event), ()
    if isinstance(event, ev.Play | ev.Stop | ev.Locate):
        return _moved(state, event, now), ()
    changed = _change(event, state)
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


@singledispatch
def _change(event: ev.SessionEvent, state: SessionState) -> SessionState:
    """The music after one event; the transport, the trigger and requests are handled by ``reduce`` itself."""
    raise TypeError(f"{type(event).__name__} is not an event that changes the music")


@_change.register
def _(event: ev.SetTempo, state: SessionState) -> SessionState:
    point = TempoPoint(at=Beats(0.0), bpm=event.bpm)
    return replace(state, tempo_map=TempoMap(tempos=(point,), meters=state.tempo_map.meters), tempo_said=True)


@_change.register
def _(event: ev.AddTempoPoint, state: SessionState) -> SessionState:
    tempo_map = state.tempo_map.with_tempo(event.point)
    _bounded(len(tempo_map.tempos), MAX_POINTS, "tempo points", "/sideman/tempo")
    return replace(state, tempo_map=tempo_map, tempo_said=True)


@_change.register
def _(event: ev.SetMeter, state: SessionState) -> SessionState:
    point = MeterPoint(bar=1, meter=event.meter)
    return replace(state, tempo_map=TempoMap(tempos=state.tempo_map.tempos, meters=(point,)), meter_said=True)


@_change.register
def _(event: ev.AddMeterPoint, state: SessionState) -> SessionState:
    tempo_map = state.tempo_map.with_meter(event.point)
    _bounded(len(tempo_map.meters), MAX_POINTS, "meter changes", "/sideman/meter")
    return replace(state, tempo_map=tempo_map, meter_said=True)


@_change.register
def _(event: ev.SetStart, state: SessionState) -> SessionState:
    return replace(state, start=event.at)


@_change.register
def _(event: ev.SetKey, state: SessionState) -> SessionState:
    return replace(state, key=event.key)


@_change.register
def _(event: ev.ClearKey, state: SessionState) -> SessionState:
    return replace(state, key=None)


@_change.register
def _(event: ev.SetChords, state: SessionState) -> SessionState:
    return replace(state, chords=ChordChart(progression=event.progression))


@_change.register
def _(event: ev.SetChordChart, state: SessionState) -> SessionState:
    _bounded(len(event.chart.changes), MAX_POINTS, "chord changes", "/sideman/chords/clear")
    return replace(state, chords=event.chart)


@_change.register
def _(event: ev.AddChord, state: SessionState) -> SessionState:
    chords = state.chords.with_change(event.change)
    _bounded(len(chords.changes), MAX_POINTS, "chord changes", "/sideman/chords/clear")
    return replace(state, chords=chords)


@_change.register
def _(event: ev.ClearChords, state: SessionState) -> SessionState:
    return replace(state, chords=NO_CHORDS)


@_change.register
def _(event: ev.SetPattern, state: SessionState) -> SessionState:
    return replace(state, drums=state.drums.with_pattern(event.pattern))


@_change.register
def _(event: ev.AddHit, state: SessionState) -> SessionState:
    drums = state.drums.with_hit(event.hit)
    _bounded(len(drums.hits), MAX_NOTES, "drum hits", "/sideman/drums/clear")
    return replace(state, drums=drums)


@_change.register
def _(event: ev.SetDrumChart, state: SessionState) -> SessionState:
    _bounded(len(event.chart.hits), MAX_NOTES, "drum hits", "/sideman/drums/clear")
    return replace(state, drums=event.chart)


@_change.register
def _(event: ev.SetMelodyChart, state: SessionState) -> SessionState:
    _bounded(len(event.chart.notes), MAX_NOTES, "melody notes", "/sideman/melody/clear")
    return replace(state, melody=event.chart)


@_change.register
def _(event: ev.ClearDrums, state: SessionState) -> SessionState:
    return replace(state, drums=NO_DRUMS, drum_track=None)


@_change.register
def _(event: ev.AddNote, state: SessionState) -> SessionState:
    melody = state.melody.with_note(event.note)
    _bounded(len(melody.notes), MAX_NOTES, "melody notes", "/sideman/melody/clear")
    return replace(state, melody=melody)


@_change.register
def _(event: ev.ClearMelody, state: SessionState) -> SessionState:
    return replace(state, melody=NO_MELODY)


@_change.register
def _(event: ev.SetPrompt, state: SessionState) -> SessionState:
    return replace(state, prompt=event.text)


@_change.register
def _(event: ev.SetEngine, state: SessionState) -> SessionState:
    require_engine(event.name)
    return replace(state, engine=event.name)


@_change.register
def _(event: ev.SetBars, state: SessionState) -> SessionState:
    return replace(state, bars=event.bars)


@_change.register
def _(event: ev.SetTakes, state: SessionState) -> SessionState:
    return replace(state, takes=event.takes, best=event.best)


@_change.register
def _(event: ev.SetSeed, state: SessionState) -> SessionState:
    return replace(state, seed=event.seed)


@_change.register
def _(event: ev.SetTarget, state: SessionState) -> SessionState:
    return replace(state, target=event.target)


@_change.register
def _(event: ev.SetSetting, state: SessionState) -> SessionState:
    require_setting(event.name, event.value)
    settings = dict(state.settings)
    settings.pop(event.name, None)
    if event.value is not None:
        settings[event.name] = event.value
    return replace(state, settings=tuple(sorted(settings.items())))


@_change.register
def _(event: ev.SetDrumTrack, state: SessionState) -> SessionState:
    return replace(state, drum_track=event.track)


@_change.register
def _(event: ev.SetGivenAudio, state: SessionState) -> SessionState:
    return replace(state, given=event.region)
