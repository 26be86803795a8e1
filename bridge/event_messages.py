"""What a DAW's dialect hears, as messages of the table: how a relay passes it on to a daemon. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from bridge.osc_arguments import Value
from midi import events as ev
from midi.chords import chord_label

Told = tuple[str, tuple[Value, ...]]
"""An address and its arguments."""


def messages_of_event(event: ev.SessionEvent) -> tuple[Told, ...]:
    """The messages that an event of a host stands for; none for one that no host tells."""
    told = _TOLD.get(type(event))
    return told(event) if told else ()


def _play(event: ev.Play) -> tuple[Told, ...]:
    return (("/sideman/play", () if event.at is None else (float(event.at),)),)


def _chart(event: ev.SetChordChart) -> tuple[Told, ...]:
    changes = (("/sideman/chord", (chord_label(one.chord), float(one.at))) for one in event.chart.changes)
    return (("/sideman/chords/clear", ()), *changes)


_TOLD: Final[Mapping[type, Callable[[Any], tuple[Told, ...]]]] = MappingProxyType(
    {
        ev.SetTempo: lambda event: (("/sideman/tempo", (float(event.bpm),)),),
        ev.SetMeter: lambda event: (("/sideman/meter", (event.meter.numerator, event.meter.denominator)),),
        ev.Play: _play,
        ev.Stop: lambda event: (("/sideman/stop", ()),),
        ev.Locate: lambda event: (("/sideman/position", (float(event.at),)),),
        ev.SetStart: lambda event: (("/sideman/from", (float(event.at),)),),
        ev.SetBars: lambda event: (("/sideman/bars", (event.bars,)),),
        ev.SetKey: lambda event: (("/sideman/key", (event.key.label,)),),
        ev.ClearKey: lambda event: (("/sideman/key/clear", ()),),
        ev.SetChordChart: _chart,
        ev.ClearChords: lambda event: (("/sideman/chords/clear", ()),),
    }
)
TOLD_EVENTS: Final = frozenset(_TOLD)
"""The events that a relay can pass on: all that dialects of DAWs make."""
