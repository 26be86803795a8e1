"""What is heard when: the player's state, and how it goes on from one stretch of frames to the next. Pure.

``advance`` mixes some frames and returns the state after them. It is given a ``View``, which says where the song is at
each frame. The state holds no audio of the past: a caller that keeps the states it passed through can go back to any of
them, change it, and mix anew what was not heard yet.

A take enters at its line with its frame exactly on that line. The fade before the line is made with the end of the
take, which is a loop, so the first stroke is whole. A take whose length is that of its bars in the song repeats without
being touched; where the clocks of the song and of the device drift apart by more than ``SLIP_S`` it is slipped, by more
than ``JUMP_S`` it is moved with a crossfade. One that does not fit, because the tempo has changed, begins anew at each
of its lines until a version that fits is there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final, Protocol

import numpy as np

from bridge.player_config import Align, Quantise
from bridge.player_take import Take
from bridge.player_voices import Fade, Ramp, Sound, Voice, slip_of
from midi.time import Beats, TempoMap
from models.generator import Samples

SLIP_S: Final = 0.003
"""Two strokes that are no further apart are heard as one."""
JUMP_S: Final = 0.012
"""From here on two strokes are heard as two, and the correction does not wait for a slip."""
SONG_START: Final = Beats(0.0)
WHOLE: Final = Ramp.still(1.0)
NEAR_LINE: Final = Beats(1e-6)
"""A position so near behind a line is on it."""


class View(Protocol):
    """Where the song is while the output sounds a frame."""

    @property
    def playing(self) -> bool:
        """Whether the song runs."""

    @property
    def tempo_map(self) -> TempoMap:
        """Its tempo and meter."""

    def beat_at(self, frame: float) -> Beats:
        """The song position at a frame."""

    def frame_of(self, beat: Beats) -> float:
        """The frame at which a running song is at a position."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How the player plays. Fades are in frames."""

    rate_hz: int
    channels: int
    crossfade: int
    fade: int
    quantise: Quantise = "bar"
    align: Align = "song"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Launch:
    """A take, and where in the song it lies: its first frame at ``anchor``, and repeats before and after.

    One that waits enters at the song position ``line``; None is the first line where the song starts.
    """

    take: Take
    line: Beats | None = None
    anchor: Beats = SONG_START

    def pass_at(self, beat: Beats) -> tuple[Beats, Beats]:
        """Where the repeat that a position is in begins and ends."""
        count = math.floor((beat - self.anchor) / self.take.beats + 1e-9)
        start = self.anchor + count * self.take.beats
        return Beats(start), Beats(start + self.take.beats)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Something that is true from the output's ``frame`` on."""

    frame: int
    state: str
    take: Take | None
    bar: int = 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PlayerState:
    """All that the player will sound by itself.

    ``main`` is the voice of the take that plays. ``pass_line`` is where the repeat that it is in begins; None has it
    lie anew. While ``audition`` is heard there is no main voice. ``others`` end by themselves. ``gain`` is the level.
    """

    playing: Launch | None = None
    pending: Launch | None = None
    main: Voice | None = None
    pass_line: Beats | None = None
    audition: Voice | None = None
    auditioned: Take | None = None
    others: tuple[Voice, ...] = ()
    gain: Ramp = WHOLE


Step = tuple[PlayerState, Samples, tuple[Told, ...]]


def advance(state: PlayerState, view: View, first: int, count: int, settings: Settings) -> Step:
    """The state after ``count`` frames from ``first`` on, their audio [count, channels], and what is to be told."""
    chunk = _Chunk(view, first, count, settings)
    state, entry, told = chunk.entered(_settled(state, first))
    state = chunk.followed(state, entry)
    audio = np.zeros((count, settings.channels), dtype=np.float32)
    for voice in (*state.others, state.main, state.audition):
        if voice:
            audio += voice.render(first, count)
    state, ended = _audition_ended(state, first + count)
    return state, state.gain.apply(audio, first), (*told, *ended)


# What is told the player, at a frame from which on everything is mixed anew


def launched(state: PlayerState, take: Take, view: View, at: int, settings: Settings) -> PlayerState:
    """A take is to enter at the next line."""
    launch = Launch(take=take)
    if view.playing:
        launch = aimed(launch, view.beat_at(at + settings.crossfade), view.tempo_map, settings)
    return replace(state, pending=launch)


def moved(state: PlayerState, view: View, position: Beats, settings: Settings) -> PlayerState:
    """The song has started, stopped or jumped; it was at ``position`` then."""
    pending = state.pending
    if pending:
        anew = Launch(take=pending.take)
        pending = aimed(anew, position, view.tempo_map, settings) if view.playing else anew
    return replace(state, pending=pending, pass_line=None)


def laid_anew(state: PlayerState, at: int, settings: Settings) -> PlayerState:
    """What plays is laid where the song has it, whatever it was before."""
    gone = () if state.main is None else (state.main.falling(at, settings.crossfade),)
    return replace(state, main=None, pass_line=None, others=(*state.others, *gone))


def aimed(launch: Launch, position: Beats, tempo_map: TempoMap, settings: Settings) -> Launch:
    """The launch at the first line from a position on.

    A take that was made for a bar which is not further ahead than its own length waits for that bar.
    """
    take = launch.take
    line = _line_from(position, tempo_map, settings.quantise)
    own = take.start
    if settings.quantise == "bar" and position <= own + NEAR_LINE and own <= position + take.beats:
        line = own
    return replace(launch, line=line, anchor=own if settings.align == "song" else line)


def _line_from(position: Beats, tempo_map: TempoMap, quantise: Quantise) -> Beats:
    match quantise:
        case "now":
            return position
        case "beat":
            return Beats(float(math.ceil(position - NEAR_LINE)))
        case "bar":
            place = tempo_map.bar_at(Beats(position + NEAR_LINE))
            here = tempo_map.bar_start(place.bar)
            return here if position - here <= NEAR_LINE else tempo_map.bar_start(place.bar + 1)


def auditioned(state: PlayerState, take: Take, at: int, settings: Settings) -> PlayerState:
    """A take is heard alone, from its start and once, whatever the song does."""
    fade = settings.crossfade
    voice = Voice(sound=take.sounds[0], origin=at + fade, rise=Fade(at, fade)).ending(at + fade, fade)
    gone = () if state.audition is None else (state.audition.falling(at, fade),)
    return replace(state, audition=voice, auditioned=take, others=(*state.others, *gone))


def silenced(state: PlayerState, at: int, fade: int) -> PlayerState:
    """Everything ends within so many frames, and nothing is to come."""
    voices = (voice.falling(at, fade) for voice in (*state.others, state.main, state.audition) if voice)
    return PlayerState(others=tuple(voices), gain=state.gain)


def levelled(state: PlayerState, gain: float, at: int, fade: int) -> PlayerState:
    """Another level."""
    return replace(state, gain=state.gain.to(gain, at, fade))


def swapped(state: PlayerState, old: Take, new: Take) -> PlayerState:
    """A take with another version of itself in its place, such as with a stretched sound."""

    def swap(launch: Launch | None) -> Launch | None:
        return replace(launch, take=new) if launch and launch.take is old else launch

    return replace(state, playing=swap(state.playing), pending=swap(state.pending))


def sound_wanted(launch: Launch, view: View, frame: int) -> tuple[float, Sound | None]:
    """How long the take's repeat at a frame is in seconds, and the sound that fits it; None where none does."""
    beat = view.beat_at(frame)
    line, end = launch.pass_at(beat if launch.line is None else Beats(max(beat, launch.line)))
    seconds = view.tempo_map.seconds_between(line, end)
    return seconds, launch.take.fitting(seconds)


# Inside


def _settled(state: PlayerState, first: int) -> PlayerState:
    """The state without what is over."""
    main = state.main.settled(first) if state.main else None
    others = tuple(voice.settled(first) for voice in state.others if not voice.is_over(first))
    return replace(state, main=main, others=others)


def _audition_ended(state: PlayerState, end: int) -> tuple[PlayerState, tuple[Told, ...]]:
    voice = state.audition
    if voice is None or not voice.is_over(end):
        return state, ()
    told = Told(frame=voice.origin + voice.sound.frames, state="ended", take=state.auditioned)
    return replace(state, audition=None, auditioned=None), (told,)


class _Chunk:
    """Some frames that are to be mixed next, and where the song is then."""

    def __init__(self, view: View, first: int, count: int, settings: Settings) -> None:
        self.view = view
        self.first = first
        self.end = first + count
        self.settings = settings
        self.fade = settings.crossfade

    def entered(self, state: PlayerState) -> tuple[PlayerState, float | None, tuple[Told, ...]]:
        """What waits becomes what plays where its line is near; the frame of the line."""
        launch, view = state.pending, self.view
        if launch is None or launch.line is None or not view.playing:
            return state, None, ()
        entry = view.frame_of(launch.line)
        if entry - self.fade >= self.end:
            return state, None, ()
        frame = max(round(entry), self.first)
        gone = (Told(frame=frame, state="ended", take=state.playing.take),) if state.playing else ()
        bar = view.tempo_map.bar_at(Beats(max(launch.line, view.beat_at(frame)) + NEAR_LINE)).bar
        told = (*gone, Told(frame=frame, state="launched", take=launch.take, bar=bar))
        return replace(state, playing=launch, pending=None), entry, told

    def followed(self, state: PlayerState, entry: float | None) -> PlayerState:
        """The take that plays lies where the song has it; one that enters does so at the frame ``entry``."""
        launch, view = state.playing, self.view
        if launch is None or not view.playing or state.audition:
            return self._main_fades(state, self.first)
        beat = view.beat_at(self.end + self.fade)
        if entry is not None and launch.line is not None:
            beat = Beats(max(beat, launch.line))
            state = replace(state, playing=replace(launch, line=None))
        line, end = launch.pass_at(beat)
        seconds = view.tempo_map.seconds_between(line, end)
        fitting = launch.take.fitting(seconds)
        if fitting is None:
            return self._passes(state, launch.take, line, seconds, entry)
        nudge_s = SLIP_S if state.pass_line is None else JUMP_S
        state = replace(state, pass_line=line)
        origin = view.frame_of(line)
        main = state.main
        if entry is not None or main is None or main.sound is not fitting or main.falls:
            voice = Voice(sound=fitting, origin=round(origin))
            return self._crosses(state, voice, self.first if entry is None else entry)
        return self._corrected(state, main, origin, nudge_s)

    def _corrected(self, state: PlayerState, main: Voice, origin: float, nudge_s: float) -> PlayerState:
        """Where song and voice lie apart, the voice is slipped, or by more than ``nudge_s`` moved with a crossfade."""
        frames, rate = main.sound.frames, self.settings.rate_hz
        lies = main.origin - (main.slip.by if main.slip else 0)
        off = (lies - origin + frames / 2) % frames - frames / 2
        if abs(off) > nudge_s * rate:
            return self._crosses(state, Voice(sound=main.sound, origin=round(origin)), self.first)
        if abs(off) > SLIP_S * rate and main.slip is None:
            return replace(state, main=replace(main, slip=slip_of(round(off), self.first)))
        return state

    def _passes(self, state: PlayerState, take: Take, line: Beats, seconds: float, entry: float | None) -> PlayerState:
        """A take that does not fit goes on as it is until its next line, and begins anew there."""
        if entry is None and state.main is not None and state.pass_line == line:
            return state if state.main.falls else replace(state, main=state.main.ending(self.first, self.fade))
        sound, view = take.nearest(seconds), self.view
        full = max(view.frame_of(line), self.first + self.fade, entry or 0.0)
        share = view.tempo_map.seconds_between(line, Beats(max(line, view.beat_at(full)))) / seconds
        voice = Voice(sound=sound, origin=round(full - share * sound.frames)).ending(round(full), self.fade)
        return replace(self._crosses(state, voice, full), pass_line=line)

    def _crosses(self, state: PlayerState, voice: Voice, line: float) -> PlayerState:
        """The main voice gives way to another, which is whole at a frame where there is still time for the fade."""
        start = max(round(line) - self.fade, self.first)
        state = self._main_fades(state, start)
        return replace(state, main=replace(voice, rise=Fade(start, self.fade)))

    def _main_fades(self, state: PlayerState, start: int) -> PlayerState:
        if state.main is None:
            return state
        return replace(state, main=None, others=(*state.others, state.main.falling(start, self.fade)))
