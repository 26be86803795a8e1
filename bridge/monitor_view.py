"""What ``sideman monitor`` shows: a daemon's state and what it says, as rich's renderables. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

MAX_LINES: Final = 6
"""Jobs, takes and notices that are shown; the newest of each."""
MAX_CHORDS: Final = 16
SILENT_S: Final = 2.0
"""A daemon that has not answered for so long is told to be gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Monitor:
    """What is known of a daemon: its last state with the time when it came, jobs by id, and the newest lines."""

    state: Mapping[str, Any] = field(default_factory=dict)
    heard_at: float | None = None
    jobs: Mapping[str, float] = field(default_factory=dict)
    takes: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()


def answered(monitor: Monitor, state: Mapping[str, Any], now: float) -> Monitor:
    """After the answer to ``/sideman/state``."""
    return replace(monitor, state=state, heard_at=now)


def told(monitor: Monitor, address: str, arguments: Sequence[float | str]) -> Monitor:
    """After something that the daemon has told its subscribers."""
    first = str(arguments[0]) if arguments else ""
    match address.removeprefix("/sideman/"):
        case "accepted":
            return replace(monitor, jobs={**monitor.jobs, first: 0.0})
        case "progress":
            return replace(monitor, jobs={**monitor.jobs, first: float(arguments[1])})
        case "done" | "cancelled" | "superseded":
            return _without(monitor, first)
        case "error":
            text = f"{arguments[1]}: {arguments[2]}"
            return replace(_without(monitor, first), notices=_newest(monitor.notices, text))
        case "clip":
            text = f"{first} take {arguments[1]}: {arguments[2]} bars, {float(arguments[5]):.2f} s, {arguments[3]}"
            return replace(monitor, takes=_newest(monitor.takes, text))
        case "score":
            parts = zip(("chords", "drums", "tempo", "total"), arguments[2:], strict=False)
            text = ", ".join(f"{name} {float(value):.2f}" for name, value in parts if float(value) >= 0)
            return replace(monitor, takes=_newest(monitor.takes, f"{first} take {arguments[1]} scored: {text}"))
        case "placed":
            return replace(monitor, takes=_newest(monitor.takes, f"{first} take {arguments[1]} is in {arguments[2]}"))
        case "kept":
            return replace(monitor, takes=_newest(monitor.takes, f"{first} take {arguments[1]} is kept"))
        case "notice":
            return replace(monitor, notices=_newest(monitor.notices, f"{arguments[1]}: {arguments[2]}"))
        case _:
            return monitor


def view(monitor: Monitor, address: str, now: float) -> RenderableType:
    """The whole picture at a monotonic time."""
    if monitor.heard_at is None or now - monitor.heard_at > SILENT_S:
        text = f"No daemon answers at {address}. Start one with: sideman serve"
        return Panel(Text(text), title="Sideman", border_style="red")
    state = monitor.state
    return Group(
        Panel(_transport(state, now - monitor.heard_at), title=f"Sideman {state['version']} at {address}"),
        Panel(_chart(state), title="chart"),
        Panel(_jobs(monitor), title="jobs"),
        Panel(_lines(monitor.takes, "no takes yet"), title="takes"),
        Panel(_lines(monitor.notices, "nothing to tell"), title="notices"),
    )


def _without(monitor: Monitor, request_id: str) -> Monitor:
    return replace(monitor, jobs={name: share for name, share in monitor.jobs.items() if name != request_id})


def _newest(lines: tuple[str, ...], text: str) -> tuple[str, ...]:
    return (*lines, plain(text))[-MAX_LINES:]


def plain(text: str) -> str:
    """Text from others with nothing in it that a terminal would take for an order."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _transport(state: Mapping[str, Any], age_s: float) -> RenderableType:
    """Transport, tempo, meter and key, and the beats of the bar with the one that sounds."""
    transport = state["transport"]
    position = transport["position"] + (age_s * transport["tempo"] / 60.0 if transport["playing"] else 0.0)
    upper, lower = (int(part) for part in transport["meter"].split("/"))
    step = 4.0 / lower
    beat = int(position % (upper * step) / step)
    beats = "".join("● " if index == beat and transport["playing"] else "○ " for index in range(upper))
    midi = state.get("midi") or {}
    first = (
        "▶ playing" if transport["playing"] else "■ stopped",
        f"beat {position:8.2f}",
        f"{transport['tempo']:.2f} bpm",
        transport["meter"],
        state["key"] or "no key",
        beats.strip(),
    )
    second = (
        f"engine {state['engine']}",
        f"{state['bars']} bars",
        f"{state['takes']} takes{' (best)' if state['best'] else ''}",
        _trigger(state["trigger"]),
        f"time from {midi.get('leader') or 'osc'}",
        f"MIDI {', '.join(midi['ports']) or 'no ports'}" if midi else "no MIDI",
    )
    return _lines(["   ".join(first), "   ".join(second)], "")


def _trigger(trigger: Mapping[str, Any]) -> str:
    bars = f" {trigger['bars']}" if trigger["bars"] else ""
    return {"request": "on request", "bars": f"every{bars} bars", "chords": "on chords"}[trigger["mode"]]


def _chart(state: Mapping[str, Any]) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    changes = state.get("chord_changes") or []
    chords = state.get("chords") or "  ".join(f"{one['beat']:g}:{one['chord']}" for one in changes[:MAX_CHORDS])
    table.add_row("chords", _line(chords or "none"))
    drums = state.get("drums") or {}
    for voice, pattern in drums.items():
        table.add_row(voice, _line(pattern))
    hits = state.get("drum_hits_count", len(state.get("drum_hits", ())))
    if hits or not drums:
        table.add_row("drums", f"{hits} hits" if hits else "none")
    notes = state.get("melody_count", len(state.get("melody", ())))
    table.add_row("melody", f"{notes} notes" if notes else "none")
    table.add_row("prompt", _line(state.get("prompt", "") or "none"))
    return table


def _jobs(monitor: Monitor) -> RenderableType:
    if not monitor.jobs:
        return Text("nothing is being made", style="dim")
    table = Table.grid(padding=(0, 2))
    for name, share in list(monitor.jobs.items())[-MAX_LINES:]:
        table.add_row(name, ProgressBar(total=1.0, completed=share, width=30), f"{share:.0%}")
    return table


def _lines(lines: Sequence[str], nothing: str) -> RenderableType:
    if not lines:
        return Text(nothing, style="dim")
    return Group(*(_line(line) for line in lines))


def _line(text: str) -> Text:
    return Text(plain(text), overflow="ellipsis", no_wrap=True)
