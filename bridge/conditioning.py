"""From session state to a request: which bars, which controls, and what had to be assumed.

Pure: ``plan`` reads no clock and draws no number. Everything that it substitutes or assumes is returned as
a ``Notice``; nothing is changed silently.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bridge.asked import asked_of
from bridge.captions import caption, known_of, said_otherwise
from bridge.drafts import drafts_of
from bridge.engines import JASCO, MAGNET
from bridge.errors import ClipTooLong, NothingToPlay, RequestError
from bridge.jasco_plan import JascoSettings, jasco_controls
from bridge.magnet_plan import MagnetSettings, magnet_prompt
from bridge.notices import Chart, Notice
from bridge.requests import GenerationRequest, Window
from bridge.session import SessionState
from midi.chords import ChordSpan
from midi.drums import DrumHit
from midi.keys import tonic_chord
from midi.time import Beats, Seconds
from models.generator import JascoControls, MagnetPrompt, SketchChart

MAX_CLIP: Final = Seconds(15 * 60.0)
"""Longest clip: 15 minutes of 48 kHz stereo are 345 MB of samples."""


SEEDS: Final = 2**31
"""Seeds go from 0 to one less, so that every one of them can be sent back as an OSC integer."""


class ClipTooShort(RequestError):
    """Not one frame long."""

    code = "out_of_range"


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioFormat:
    """How clips are written: sample rate in Hz, loudness in LUFS, sample ceiling in dBFS."""

    sample_rate_hz: int = 48000
    loudness_lufs: float = -14.0
    ceiling_dbfs: float = -1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A request that is ready to run, the chart that it plays, and the notices that go with it."""

    request: GenerationRequest
    chart: Chart
    notices: tuple[Notice, ...]


def plan(
    state: SessionState,
    *,
    request_id: str,
    seed: int,
    audio: AudioFormat,
    model: JascoSettings | MagnetSettings | None = None,
    score: bool = True,
    draft_first: bool = False,
) -> Plan:
    """Plan the clip that ``state`` asks for; ``model`` is needed where the session's engine is a neural one.

    With ``draft_first`` a model makes each take as a draft before, unless it is asked for no better, or the best of
    several is wanted. Each take is measured against its chart with ``score``, and where the best of several is wanted.
    Take ``i`` gets the seed ``seed + i``, modulo ``SEEDS``. Raises ``NothingToPlay`` for an empty session,
    ``ClipTooLong`` for a clip over ``MAX_CLIP`` or what a model can make, and ``PatternError`` for drum patterns that
    no longer fit the meter.
    """
    window = plan_window(state, audio)
    chart, charted = _chart(state, window)
    notices = [*_assumed_time(state), *charted]
    seeds = [(seed + take) % SEEDS for take in range(state.takes)]
    best = state.best and state.takes > 1
    controls, substituted = _controls(state, window, chart, seeds, model)
    request = GenerationRequest(
        id=request_id,
        revision=state.revision,
        engine=state.engine,
        controls=controls,
        drafts=drafts_of(controls) if draft_first and not best else (),
        prompt=state.prompt,
        model=model.model if model else None,
        weights_licence=model.licence if model else None,
        window=window,
        target=state.target,
        loudness_lufs=audio.loudness_lufs,
        ceiling_dbfs=audio.ceiling_dbfs,
        asked=asked_of(chart, window.start, window.end, state.tempo_map) if score or best else None,
        best=best,
    )
    return Plan(request=request, chart=chart, notices=(*notices, *substituted))


def chart_of(state: SessionState) -> Chart:
    """The chart that the next clip would be asked to play. Raises as ``plan``."""
    return _chart(state, plan_window(state, AudioFormat()))[0]


def _chart(state: SessionState, window: Window) -> tuple[Chart, list[Notice]]:
    """The chart of a window, and what was assumed for it."""
    drums, fitted = _drums(state, window)
    melody = state.melody.notes_between(state.tempo_map, window.start, window.end)
    chords, assumed = _chords(state, window)
    return Chart(chords=chords, drums=drums, melody=melody), [*assumed, *fitted]


def _controls(
    state: SessionState,
    window: Window,
    chart: Chart,
    seeds: Sequence[int],
    model: JascoSettings | MagnetSettings | None,
) -> tuple[tuple[SketchChart | JascoControls | MagnetPrompt, ...], tuple[Notice, ...]]:
    """The controls of each take, and what had to be substituted for the engine."""
    asked, told = _asked_for(state, window, chart, model)
    if isinstance(model, MagnetSettings):
        prompts = [
            magnet_prompt(chart, window, state.tempo_map, model, prompt=asked, given=state.given, seed=seed)
            for seed in seeds
        ]
        return tuple(prompt for prompt, _ in prompts), (*told, *prompts[0][1])
    ignored = _audio_ignored(state)
    if model:
        takes = [
            jasco_controls(chart, window, state.tempo_map, model, prompt=asked, drum_track=state.drum_track, seed=seed)
            for seed in seeds
        ]
        return tuple(controls for controls, _ in takes), (*told, *takes[0][1], *ignored)
    charts = (
        SketchChart(
            tempo_map=state.tempo_map,
            start=window.start,
            end=window.end,
            chords=chart.chords,
            drums=chart.drums,
            melody=chart.melody,
            key=state.key,
            prompt=state.prompt,
            seed=seed,
        )
        for seed in seeds
    )
    return tuple(charts), ignored


def _asked_for(
    state: SessionState, window: Window, chart: Chart, model: JascoSettings | MagnetSettings | None
) -> tuple[str, tuple[Notice, ...]]:
    """What a model is asked for in words, and a notice where that is more than the user's own."""
    if model is None:
        return state.prompt, ()
    known = known_of(state.prompt, state.key, chart, window, state.tempo_map)
    otherwise: frozenset[str] = frozenset()
    if isinstance(model, JascoSettings):
        otherwise = said_otherwise(chords=bool(chart.chords), drums=bool(chart.drums or state.drum_track))
    asked = caption(model.caption, {name: words for name, words in known.items() if name not in otherwise})
    if asked == state.prompt:
        return asked, ()
    return asked, (Notice(code="caption", message=f"The engine {state.engine} is asked for: {asked or 'nothing'}"),)


def _drums(state: SessionState, window: Window) -> tuple[tuple[DrumHit, ...], list[Notice]]:
    """The hits of the window; none where the engine hears a drum track in their place."""
    track = state.drum_track
    if track and state.engine == JASCO:
        how = ", isolated from a mix" if track.separate else ""
        text = f"The model hears the drums of {track.path.name}{how}, and not those of the chart."
        return (), [Notice(code="drum_track", message=text)]
    layout = state.drums.layout(state.tempo_map, window.start, window.end)
    notices = [Notice(code="pattern_fitted", message=text) for text in layout.notices]
    if track:
        text = f"The engine {state.engine} does not hear drums as audio; the clip is made without {track.path.name}."
        notices.append(Notice(code="not_heard", message=text))
    return layout.hits, notices


def _audio_ignored(state: SessionState) -> tuple[Notice, ...]:
    if state.given is None:
        return ()
    text = f"The engine {state.engine} does not go on from audio; the clip is made without {state.given.path.name}."
    return (Notice(code="not_heard", message=text),)


def plan_window(state: SessionState, audio: AudioFormat) -> Window:
    """The stretch of song that the next clip covers, ``round(rate * seconds)`` frames long."""
    tempo_map = state.tempo_map
    end = tempo_map.advance_bars(state.start, state.bars)
    seconds = tempo_map.seconds_between(state.start, end)
    if seconds > MAX_CLIP:
        raise ClipTooLong(
            f"{state.bars} bars last {seconds:.0f} seconds here, and a clip may last {MAX_CLIP:.0f}: "
            "ask for fewer bars."
        )
    frames = round(audio.sample_rate_hz * seconds)
    if frames < 1:
        raise ClipTooShort(f"A clip that begins at beat {state.start:g} would be empty: send another /sideman/from.")
    return Window(
        start=state.start,
        end=end,
        bars=state.bars,
        seconds=seconds,
        sample_rate_hz=audio.sample_rate_hz,
        frames=frames,
        bpm=tempo_map.bpm_at(state.start),
        meter=tempo_map.meter_of(tempo_map.bar_at(state.start).bar),
    )


def _assumed_time(state: SessionState) -> list[Notice]:
    notices = []
    if not state.tempo_said:
        bpm = state.tempo_map.bpm_at(Beats(0.0))
        notices.append(Notice(code="assumed_tempo", message=f"No tempo was sent; {bpm:g} is assumed."))
    if not state.meter_said:
        meter = state.tempo_map.meter_of(1)
        notices.append(Notice(code="assumed_meter", message=f"No meter was sent; {meter} is assumed."))
    return notices


def _chords(state: SessionState, window: Window) -> tuple[tuple[ChordSpan, ...], list[Notice]]:
    """The chords of the window; the key's own chord where the session holds nothing but a key."""
    drum_track = state.drum_track if state.engine == JASCO else None
    if not state.chords.is_empty or not state.drums.is_empty or not state.melody.is_empty or drum_track:
        return state.chords.spans(state.tempo_map, window.start, window.end), []
    if state.engine == MAGNET:
        if not state.prompt and state.given is None:
            raise NothingToPlay("MAGNeT plays a description: send /sideman/prompt first.")
        return (), []
    if state.engine == JASCO and state.prompt and state.key is None:
        return (), []
    if state.key is None:
        raise NothingToPlay(
            "The session is empty: send /sideman/chords, /sideman/drums, /sideman/note or /sideman/key first."
        )
    chord = tonic_chord(state.key)
    message = f"Nothing but a key was sent; its own chord {chord.label} is played throughout."
    return (ChordSpan(start=window.start, end=window.end, chord=chord),), [
        Notice(code="assumed_chord", message=message)
    ]
