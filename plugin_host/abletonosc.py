"""The dialect of AbletonOSC (github.com/ideoforms/AbletonOSC), for those who have that script in Live already. Pure.

It tells of tempo, meter, transport, scale, loop and locators, and makes no audio clips. Its ``start_listen`` sends the
value at once and again on each change, always to port 11001 of whoever spoke last: so the questions are put again every
few seconds, which also renews the listeners when Live was started anew or another client was heard.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from midi import events as ev
from midi.charts import ChordChart
from midi.chords import ChordChange, parse_chord
from midi.errors import ChordError
from midi.keys import parse_key
from midi.pitch_names import NOTE_NAMES
from midi.time import MAX_BPM, MIN_BPM, Beats, Bpm, Meter
from plugin_host.host import HostError, OscArgument

ASK_PORT: Final = 11000
"""Where AbletonOSC listens."""
ANSWER_PORT: Final = 11001
"""Where it sends its answers, whatever port it was asked from."""
RENEW_S: Final = 5.0
SILENCE_S: Final = 16.0
"""Three rounds of questions without an answer: it is not there, or it answers somebody else."""
MAX_MARKERS: Final = 512
LISTENED: Final = (
    "tempo", "signature_numerator", "signature_denominator", "is_playing", "loop", "loop_start", "loop_length",
    "beat", "root_note", "scale_name",
)  # fmt: skip
QUESTIONS: Final = (
    *(f"/live/song/start_listen/{name}" for name in LISTENED),
    "/live/song/get/cue_points",
    "/live/song/get/current_song_time",
)
"""What is asked in every round; none takes arguments."""
FAREWELL: Final = tuple(f"/live/song/stop_listen/{name}" for name in LISTENED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Song:
    """What AbletonOSC has said so far: some things take two of its messages, and each round says everything again."""

    numerator: int | None = None
    denominator: int | None = None
    root: int | None = None
    scale: str | None = None
    tempo: Bpm | None = None
    loop: bool = False
    loop_start: float = 0.0
    loop_length: float | None = None
    playing: bool | None = None
    has_key: bool = False
    """Whether a scale was told; C major is what Live shows where nobody has chosen one."""
    chords: ChordChart | None = None


Heard = tuple[Song, tuple[ev.SessionEvent, ...]]


def hear(song: Song, address: str, arguments: Sequence[OscArgument]) -> Heard | None:
    """What a message means; None for an address that means nothing here.

    What was said before is not told again: somebody else may have changed it in the session since. Only the position
    always is. Raises ``SidemanError`` for values that make no sense; the song is as it was then.
    """
    if address in _POSITIONS:
        return song, (ev.Locate(at=Beats(max(0.0, _number(arguments)))),)
    reader = _READERS.get(address)
    if reader is None:
        return None
    heard, events = reader(song, arguments)
    return heard, events if heard != song else ()


def _number(arguments: Sequence[OscArgument]) -> float:
    value = arguments[0] if arguments else None
    if not isinstance(value, int | float) or not abs(value) < 1e9:
        raise HostError(f"AbletonOSC sent {str(value)[:40]!r} where a number belongs.")
    return float(value)


def _tempo(song: Song, arguments: Sequence[OscArgument]) -> Heard:
    bpm = _number(arguments)
    if not MIN_BPM <= bpm <= MAX_BPM:
        raise HostError(f"AbletonOSC sent a tempo of {bpm:g}, which is none.")
    tempo = Bpm(round(bpm, 4))
    return replace(song, tempo=tempo), (ev.SetTempo(bpm=tempo),)


def _numerator(song: Song, arguments: Sequence[OscArgument]) -> Heard:
    return _with_meter(replace(song, numerator=int(_number(arguments))))


def _denominator(song: Song, arguments: Sequence[OscArgument]) -> Heard:
    return _with_meter(replace(song, denominator=int(_number(arguments))))


def _with_meter(song: Song) -> Heard:
    if song.numerator is None or song.denominator is None:
        return song, ()
    meter = Meter(numerator=song.numerator, denominator=song.denominator)
    return song, (ev.SetMeter(meter=meter), *_loop_events(song))


def _playing(song: Song, arguments: Sequence[OscArgument]) -> Heard:
    playing = bool(_number(arguments))
    return replace(song, playing=playing), (ev.Play() if playing else ev.Stop(),)


def _root(song: Song, arguments: Sequence[OscArgument]) -> Heard:
    return _with_key(replace(song, root=int(_number(arguments)) % 12))


def _scale(song: Song, arguments: Sequence[OscArgument]) -> Heard:
    name = arguments[0] if arguments else None
    if not isinstance(name, str):
        raise HostError("AbletonOSC sent a scale without a name.")
    return _with_key(replace(song, scale=name))


def _with_key(song: Song) -> Heard:
    if song.root is None or song.scale is None:
        return song, ()
    if song.root == 0 and song.scale == "Major":
        return replace(song, has_key=False), (ev.ClearKey(),) if song.has_key else ()
    return replace(song, has_key=True), (ev.SetKey(key=parse_key(f"{NOTE_NAMES[song.root]} {song.scale}")),)


def _loop(song: Song, arguments: Sequence[OscArgument]) -> Heard:
    before, song = song, replace(song, loop=bool(_number(arguments)))
    if before.loop and not song.loop:
        return song, (ev.SetStart(at=Beats(0.0)),)
    return song, _loop_events(song)


def _loop_start(song: Song, arguments: Sequence[OscArgument]) -> Heard:
    song = replace(song, loop_start=max(0.0, _number(arguments)))
    return song, _loop_events(song)


def _loop_length(song: Song, arguments: Sequence[OscArgument]) -> Heard:
    song = replace(song, loop_length=_number(arguments))
    return song, _loop_events(song)


def _loop_events(song: Song) -> tuple[ev.SessionEvent, ...]:
    """Clips begin with the loop, and are as long where it is whole bars. A loop that is off says nothing."""
    if not song.loop:
        return ()
    start = ev.SetStart(at=Beats(song.loop_start))
    if song.loop_length is None or song.numerator is None or song.denominator is None:
        return (start,)
    bars = song.loop_length * song.denominator / (4 * song.numerator)
    whole = abs(bars - round(bars)) < 1e-4 and 1 <= round(bars) <= 512
    return (start, ev.SetBars(bars=round(bars))) if whole else (start,)


def _cue_points(song: Song, arguments: Sequence[OscArgument]) -> Heard:
    """Name and beat in turn; where some are named as chords, they are the chords, until none is any more."""
    changes: dict[Beats, ChordChange] = {}
    for name, at in zip(arguments[: 2 * MAX_MARKERS : 2], arguments[1 : 2 * MAX_MARKERS : 2], strict=False):
        if isinstance(name, str) and isinstance(at, int | float) and 0 <= at < 1e6:
            try:
                changes[Beats(float(at))] = ChordChange(at=Beats(float(at)), chord=parse_chord(name.strip()))
            except ChordError:
                continue
    if not changes:
        return replace(song, chords=None), (ev.ClearChords(),) if song.chords else ()
    chart = ChordChart(changes=tuple(changes[at] for at in sorted(changes)))
    return replace(song, chords=chart), (ev.SetChordChart(chart=chart),)


_POSITIONS: Final = ("/live/song/get/current_song_time", "/live/song/get/beat")
_READERS: Final[Mapping[str, Callable[[Song, Sequence[OscArgument]], Heard]]] = MappingProxyType(
    {
        "/live/song/get/tempo": _tempo,
        "/live/song/get/signature_numerator": _numerator,
        "/live/song/get/signature_denominator": _denominator,
        "/live/song/get/is_playing": _playing,
        "/live/song/get/root_note": _root,
        "/live/song/get/scale_name": _scale,
        "/live/song/get/loop": _loop,
        "/live/song/get/loop_start": _loop_start,
        "/live/song/get/loop_length": _loop_length,
        "/live/song/get/cue_points": _cue_points,
    }
)
