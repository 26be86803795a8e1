"""The dialect of Ardour's OSC: transport, position, and what the position tells of tempo and meter. Pure.

There is no message for tempo or meter. ``/position/bbt`` and ``/position/samples`` come in pairs about ten times a
second, and ``plugin_host.bbt`` reads both out of them; the sample rate comes with the list of strips. What Ardour's own
script says (``plugin_host/scripts/ardour``) is exact and has the whole map: this is for those who do without it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from midi import events as ev
from midi.time import Beats, Seconds
from plugin_host.bbt import Bbt, Follower, follow
from plugin_host.host import OscArgument

PORT: Final = 3819
"""Where Ardour listens; a second Ardour takes the next port that is free."""
STRIP_TYPES: Final = 159
"""Ardour's usual choice; no strip sends anything unless it is asked for by ``FEEDBACK``."""
FEEDBACK: Final = 8 + 16 + 32 + 1024
"""Heartbeat, the transport with the master section, bars and beats, samples."""
SILENCE_S: Final = 3.5
"""A heartbeat comes every second."""
RENEW_S: Final = 2.0
"""While Ardour is silent, it is asked this often."""
RESYNC_S: Final = 2.0
"""While the transport rolls, the position is told this often, and at once when it jumps."""
JUMP_S: Final = 0.3
STRIPS_END: Final = "end_route_list"

Asked = tuple[str, tuple[int, ...]]


def greeting(port: int) -> tuple[Asked, ...]:
    """What is sent to Ardour to hear of it on ``port``; Ardour answers with everything that it has.

    The port is named: by default Ardour answers to port 8000, whoever asks.
    """
    return ("/set_surface", (0, STRIP_TYPES, FEEDBACK, 0, 0, 0, port)), ("/strip/list", ())


FAREWELL: Final[tuple[Asked, ...]] = (("/set_surface/feedback", (0,)),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Song:
    """What Ardour has said so far."""

    rate_hz: int | None = None
    playing: bool | None = None
    place: Bbt | None = None
    follower: Follower = field(default_factory=Follower)
    told_at: tuple[int, Seconds] | None = None
    """The sample that was told last, and when."""


Heard = tuple[Song, tuple[ev.SessionEvent, ...]]


def hear(song: Song, address: str, arguments: Sequence[OscArgument], now: Seconds) -> Heard | None:
    """What a message means; None for an address that means nothing here.

    ``now`` is a monotonic time. A message whose arguments make no sense changes nothing.
    """
    match address, tuple(arguments[:2]):
        case "/position/bbt", (str(text), *_):
            return replace(song, place=Bbt.parse(text)), ()
        case "/position/samples", (str(text), *_) if text.isdecimal() and len(text) < 18:
            return _moved(song, int(text), now)
        case "/transport_play", (float() | int() as value, *_) if value == 1:
            return _rolling(song, playing=True)
        case "/transport_stop", (float() | int() as value, *_) if value == 1:
            return _rolling(song, playing=False)
        case "/reply", ("end_route_list", int(rate)) if 8000 <= rate <= 768_000:
            return replace(song, rate_hz=rate), ()
    return (song, ()) if address in KNOWN else None


KNOWN: Final = frozenset(
    {"/position/bbt", "/position/samples", "/transport_play", "/transport_stop", "/reply", "/heartbeat"}
)


def _rolling(song: Song, *, playing: bool) -> Heard:
    """During a jump Ardour says that it neither plays nor stands; nothing is told then."""
    if playing == song.playing:
        return song, ()
    song = replace(song, playing=playing, follower=song.follower.broken(), told_at=None)
    return song, (ev.Play() if playing else ev.Stop(),)


def _moved(song: Song, sample: int, now: Seconds) -> Heard:
    if song.place is None:
        return song, ()
    place, before = song.place, song.follower
    follower = before
    if song.playing and song.rate_hz:
        follower = follow(before, place, sample, song.rate_hz)
    song = replace(song, place=None, follower=follower)
    events: list[ev.SessionEvent] = []
    if follower.tempo is not None and follower.tempo != before.tempo:
        events.append(ev.SetTempo(bpm=follower.tempo))
    if follower.meter is not None and follower.meter != before.meter:
        events.append(ev.SetMeter(meter=follower.meter))
    if events or _is_news(song, sample, now):
        song = replace(song, told_at=(sample, now))
        events.append(ev.Locate(at=Beats(follower.beats(place))))
    return song, tuple(events)


def _is_news(song: Song, sample: int, now: Seconds) -> bool:
    """Whether the position is not what the daemon takes it to be, or has not been told for a while."""
    if song.told_at is None or song.rate_hz is None:
        return True
    told, at = song.told_at
    if not song.playing:
        return sample != told
    return now - at >= RESYNC_S or abs((sample - told) / song.rate_hz - (now - at)) > JUMP_S


def tell_again(song: Song) -> Song:
    """Everything but the sample rate is told again when it comes: Ardour was gone, or somebody else has spoken."""
    return Song(rate_hz=song.rate_hz)
