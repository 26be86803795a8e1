"""The dialect of DrivenByMoss (github.com/git-moss/DrivenByMoss), an extension that gives Bitwig Studio OSC. Pure.

It tells of tempo, meter, play and position as they change, and of a window of eight tracks with eight slots each. It
loads a file into a slot by ``/track/N/clip/M/insertFile``, and tells that the slot holds something: that is how a clip
is placed and how its place is known. Everything is told again when it is asked to with ``/refresh``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from midi import events as ev
from midi.time import MAX_BPM, MIN_BPM, Beats, Bpm, Meter
from plugin_host.host import HostError, OscArgument

PORT: Final = 8000
"""Where it listens, unless it was set otherwise."""
REFRESH: Final = "/refresh"
TRACK: Final = "Sideman"
"""The track that clips go to where no other is named."""
_METER: Final = re.compile(r"(\d{1,3})\s*/\s*(\d{1,3})")
_POSITION: Final = re.compile(r"(\d{1,6})\.(\d{1,3})\.(\d)(?::\d+)?")
"""Measures, quarters and sixteenths from 1, and a fraction that is not read."""
_NAME: Final = re.compile(r"/track/([1-8])/name")
_AUDIO: Final = re.compile(r"/track/([1-8])/canHoldAudioData")
_SLOT: Final = re.compile(r"/track/([1-8])/clip/([1-8])/hasContent")

Slot = tuple[int, int]
"""The number of a track in the window, and of a slot on it, from 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bitwig:
    """What has been said so far."""

    tempo: Bpm | None = None
    meter: Meter | None = None
    playing: bool = False
    position: Beats | None = None
    names: Mapping[int, str] = field(default_factory=dict)
    takes_audio: Mapping[int, bool] = field(default_factory=dict)
    slots: Mapping[Slot, bool] = field(default_factory=dict)
    """Whether each slot holds something."""

    def empty_slot(self, track: str) -> Slot:
        """The first empty slot of a track. Raises ``HostError`` that says what is missing."""
        numbers = [number for number, name in sorted(self.names.items()) if name.strip() == track]
        if not numbers:
            raise HostError(
                f"Among the eight tracks that DrivenByMoss shows none is named {track}: make it, and scroll there."
            )
        usable = [number for number in numbers if self.takes_audio.get(number, True)]
        if not usable:
            raise HostError(f"The track {track} takes no audio in Bitwig: rename it, and make an audio track {track}.")
        for slot, full in sorted(self.slots.items()):
            if slot[0] in usable and not full:
                return slot
        raise HostError(f"Among the eight slots of {track} that DrivenByMoss shows none is empty: scroll down.")


Heard = tuple[Bitwig, tuple[ev.SessionEvent, ...]]


def insert_address(slot: Slot) -> str:
    """Where the path of a file is sent that is to be loaded into a slot."""
    track, clip = slot
    return f"/track/{track}/clip/{clip}/insertFile"


def hear(bitwig: Bitwig, address: str, arguments: Sequence[OscArgument]) -> Heard:
    """What a message means; most of them mean nothing here. What was told before makes no event.

    Raises ``SidemanError`` for values that make no sense; what is known is as it was then.
    """
    match address:
        case "/tempo/raw":
            heard = _tempo(bitwig, arguments)
        case "/time/signature":
            heard = _meter(bitwig, arguments)
        case "/play":
            heard = _playing(bitwig, arguments)
        case "/beat/str":
            heard = _position(bitwig, arguments)
        case _:
            heard = _window(bitwig, address, arguments), ()
    return heard if heard[0] != bitwig else (bitwig, ())


def _tempo(bitwig: Bitwig, arguments: Sequence[OscArgument]) -> Heard:
    bpm = _number(arguments)
    if not MIN_BPM <= bpm <= MAX_BPM:
        raise HostError(f"DrivenByMoss sent a tempo of {bpm:g}, which is none.")
    tempo = Bpm(round(bpm, 3))
    return replace(bitwig, tempo=tempo), (ev.SetTempo(bpm=tempo),)


def _meter(bitwig: Bitwig, arguments: Sequence[OscArgument]) -> Heard:
    found = _METER.fullmatch(_text(arguments))
    if found is None:
        raise HostError(f"DrivenByMoss sent the meter {_text(arguments)[:40]!r}, which is none.")
    meter = Meter(numerator=int(found[1]), denominator=int(found[2]))
    return replace(bitwig, meter=meter), (ev.SetMeter(meter=meter),)


def _playing(bitwig: Bitwig, arguments: Sequence[OscArgument]) -> Heard:
    playing = bool(_number(arguments))
    return replace(bitwig, playing=playing), (ev.Play() if playing else ev.Stop(),)


def _position(bitwig: Bitwig, arguments: Sequence[OscArgument]) -> Heard:
    """Whole quarters while it plays, and wherever it is put while it stands.

    DrivenByMoss counts measures of whole quarters, as many as are in a bar rounded down; so it is counted back here.
    """
    found = _POSITION.fullmatch(_text(arguments))
    quarters = 4 * bitwig.meter.numerator // bitwig.meter.denominator if bitwig.meter else 0
    if found is None or quarters == 0:
        return bitwig, ()
    measure, quarter, sixteenth = (int(part) - 1 for part in found.groups())
    if measure < 0 or not 0 <= quarter < quarters or not 0 <= sixteenth < 4 or (bitwig.playing and sixteenth):
        return bitwig, ()
    at = Beats(measure * quarters + quarter + sixteenth / 4)
    return replace(bitwig, position=at), (ev.Locate(at=at),)


def _window(bitwig: Bitwig, address: str, arguments: Sequence[OscArgument]) -> Bitwig:
    """Names and slots of the tracks that it shows."""
    if slot := _SLOT.fullmatch(address):
        full = bool(_number(arguments))
        return replace(bitwig, slots={**bitwig.slots, (int(slot[1]), int(slot[2])): full})
    if track := _NAME.fullmatch(address):
        return replace(bitwig, names={**bitwig.names, int(track[1]): _text(arguments)})
    if track := _AUDIO.fullmatch(address):
        return replace(bitwig, takes_audio={**bitwig.takes_audio, int(track[1]): bool(_number(arguments))})
    return bitwig


def _number(arguments: Sequence[OscArgument]) -> float:
    value = arguments[0] if arguments else None
    if not isinstance(value, int | float) or not abs(value) < 1e9:
        raise HostError(f"DrivenByMoss sent {str(value)[:40]!r} where a number belongs.")
    return float(value)


def _text(arguments: Sequence[OscArgument]) -> str:
    value = arguments[0] if arguments else None
    if not isinstance(value, str):
        raise HostError(f"DrivenByMoss sent {str(value)[:40]!r} where a text belongs.")
    return value
