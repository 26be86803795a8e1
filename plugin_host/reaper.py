"""REAPER as a DAW: the script in it (``plugin_host/scripts/reaper``), and its own OSC control surface beside it. Pure.

``Sideman.ReaperOSC`` makes REAPER send tempo, time, beat, play, stop and pause to the addresses below. REAPER's OSC has
no meter and no tempo map. So a position is its seconds at the tempo that was told while that is the only one; in a song
whose tempo changes it is the measure and beat that REAPER shows, in bars of 4/4.

Where the script is there as well, tempo and position are its own, which are exact, and OSC adds play and stop.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from midi import events as ev
from midi.time import FOUR_FOUR, MAX_BPM, MIN_BPM, Beats, Bpm
from plugin_host.host import HostError, OscArgument
from plugin_host.offering import OfferingHost

MOST_SECONDS: Final = 1e6
TOLD_EVERY: Final = 1.0
"""While the song plays its position is told once in so many beats, and at once when it jumps as far."""
_BEAT: Final = re.compile(r"(?P<measure>-?\d{1,6})\.(?P<beat>\d{1,3})(?:\.(?P<hundredths>\d{1,2}))?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surface:
    """What REAPER's control surface has said so far."""

    tempo: Bpm | None = None
    tempo_changes: bool = False
    playing: bool | None = None
    told: Beats | None = None
    """The position that was told last."""


Heard = tuple[Surface, tuple[ev.SessionEvent, ...]]


def hear(surface: Surface, address: str, arguments: Sequence[OscArgument]) -> Heard | None:
    """What a message means; None for an address that means nothing here.

    What was said before is not told again. Raises ``HostError`` for values that make no sense; the surface is as it was
    then.
    """
    reader = _READERS.get(address)
    return None if reader is None else reader(surface, arguments)


def _number(arguments: Sequence[OscArgument]) -> float:
    value = arguments[0] if arguments else None
    if not isinstance(value, bool | int | float) or not abs(value) <= MOST_SECONDS:
        raise HostError(f"REAPER sent {str(value)[:40]!r} where a number belongs.")
    return float(value)


def _tempo(surface: Surface, arguments: Sequence[OscArgument]) -> Heard:
    bpm = _number(arguments)
    if not MIN_BPM <= bpm <= MAX_BPM:
        raise HostError(f"REAPER sent a tempo of {bpm:g}, which is none.")
    tempo = Bpm(round(bpm, 4))
    if tempo == surface.tempo:
        return surface, ()
    changes = surface.tempo is not None
    return replace(surface, tempo=tempo, tempo_changes=changes), (ev.SetTempo(bpm=tempo),)


def _time(surface: Surface, arguments: Sequence[OscArgument]) -> Heard:
    seconds = _number(arguments)
    if surface.tempo is None or surface.tempo_changes:
        return surface, ()
    return _at(surface, seconds * surface.tempo / 60)


def _beat(surface: Surface, arguments: Sequence[OscArgument]) -> Heard:
    text = arguments[0] if arguments else None
    match = _BEAT.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None:
        raise HostError(f"REAPER sent {str(text)[:40]!r} where measure, beat and hundredths belong, as 12.3.50.")
    if surface.tempo is not None and not surface.tempo_changes:
        return surface, ()
    beats = int(match["beat"]) - 1 + int((match["hundredths"] or "0").ljust(2, "0")) / 100
    return _at(surface, (int(match["measure"]) - 1) * FOUR_FOUR.beats + beats)


def _at(surface: Surface, beat: float) -> Heard:
    at = Beats(max(0.0, beat))
    least = TOLD_EVERY if surface.playing else 1e-3
    if surface.told is not None and abs(at - surface.told) < least:
        return surface, ()
    return replace(surface, told=at), (ev.Locate(at=at),)


def _play(surface: Surface, arguments: Sequence[OscArgument]) -> Heard:
    return _run(surface, _number(arguments or (1.0,)) != 0)


def _stop(surface: Surface, arguments: Sequence[OscArgument]) -> Heard:
    """Stop or pause: 1 when it begins. When it ends, ``play`` says whether the song goes on."""
    return _run(surface, False) if _number(arguments or (1.0,)) != 0 else (surface, ())


def _run(surface: Surface, playing: bool) -> Heard:
    if playing == surface.playing:
        return surface, ()
    return replace(surface, playing=playing), (ev.Play() if playing else ev.Stop(),)


_READERS: Final[Mapping[str, Callable[[Surface, Sequence[OscArgument]], Heard]]] = MappingProxyType(
    {
        "/reaper/tempo": _tempo,
        "/reaper/time": _time,
        "/reaper/beat": _beat,
        "/reaper/play": _play,
        "/reaper/stop": _stop,
        "/reaper/pause": _stop,
    }
)
ADDRESSES: Final = tuple(_READERS)
"""Where the pattern file sends to."""


class ReaperHost(OfferingHost):
    """REAPER with the script inside, which takes clips; and what its control surface says."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """``clock`` is monotonic."""
        super().__init__("reaper", "REAPER", clock)
        self._surface = Surface()

    def interpret(self, address: str, arguments: Sequence[OscArgument]) -> tuple[ev.SessionEvent, ...] | None:
        """What REAPER's control surface sent. Raises ``HostError`` for values that make no sense."""
        heard = hear(self._surface, address, arguments)
        if heard is None:
            return None
        self._surface, events = heard
        if not self.is_there:
            return events
        return tuple(event for event in events if isinstance(event, ev.Play | ev.Stop))
