"""What ``sideman monitor`` shows: a daemon's state and what it says, as rich's renderables. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from bridge.monitor_lanes import Song, lanes, song_of
from midi.time import Beats

GETTING_READY: Final = "engine"
"""What stands for the id of a request where the engine itself is under way."""
MAX_LINES: Final = 6
"""Jobs, takes and notices that are shown; the newest of each."""
LABEL: Final = 13
"""Columns of what stands before a lane; the longest voice has 12."""
FRAME: Final = 4
"""Columns of a frame."""
GAP: Final = "   "
FRAMES: Final = 10
"""Lines of the five frames."""
SILENT_S: Final = 2.0
"""A daemon that has not answered for so long is told to be gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Monitor:
    """What is known of a daemon: its last state with the time when it came, jobs by id, and the newest lines."""

    state: Mapping[str, Any] = field(default_factory=dict)
    song: Song | None = None
    heard_at: float | None = None
    jobs: Mapping[str, Job] = field(default_factory=dict)
    takes: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A request that is under way: the share that is done, and the bar that it is for where it was told."""

    share: float = 0.0
    bar: int | None = None


def answered(monitor: Monitor, state: Mapping[str, Any], now: float) -> Monitor:
    """After the answer to ``/sideman/state``. Where another daemon answers than before, that is told."""
    if is_another(monitor, state):
        monitor = replace(monitor, jobs={}, notices=_newest(monitor.notices, "The daemon was started anew."))
    under_way = [name for name in (state["jobs"]["running"], *state["jobs"]["waiting"]) if name is not None]
    jobs = {name: monitor.jobs.get(name, Job()) for name in under_way}
    return replace(monitor, state=state, song=song_of(state), heard_at=now, jobs=jobs)


def is_another(monitor: Monitor, state: Mapping[str, Any]) -> bool:
    """Whether a state comes from another daemon than the last one: it knows no subscriber of that."""
    return bool(monitor.state) and state["started"] != monitor.state["started"]


def told(monitor: Monitor, address: str, arguments: Sequence[float | str]) -> Monitor:
    """After something that the daemon has told its subscribers."""
    first = str(arguments[0]) if arguments else ""
    match address.removeprefix("/sideman/"):
        case "accepted":
            return _with(monitor, first, Job())
        case "due":
            return _with(monitor, first, replace(monitor.jobs.get(first, Job()), bar=int(arguments[1])))
        case "progress":
            name, share = first or GETTING_READY, float(arguments[1])
            if not first and share >= 1.0:
                return _without(monitor, name)
            return _with(monitor, name, replace(monitor.jobs.get(name, Job()), share=share))
        case "done" | "cancelled" | "superseded":
            return _without(monitor, first)
        case "error":
            text = f"{arguments[1]}: {arguments[2]}"
            return replace(_without(monitor, first), notices=_newest(monitor.notices, text))
        case "notice":
            return replace(monitor, notices=_newest(monitor.notices, f"{arguments[1]}: {arguments[2]}"))
        case kind if kind in _TAKES:
            text = f"{first} take {arguments[1]}{_TAKES[kind](arguments)}"
            return replace(monitor, takes=_newest(monitor.takes, text))
        case _:
            return monitor


def _score(arguments: Sequence[float | str]) -> str:
    parts = zip(("chords", "drums", "tempo", "total"), arguments[2:], strict=False)
    return " scored: " + ", ".join(f"{name} {float(value):.2f}" for name, value in parts if float(value) >= 0)


_TAKES: Final[Mapping[str, Callable[[Sequence[float | str]], str]]] = MappingProxyType(
    {
        "clip": lambda told: f": {told[2]} bars, {float(told[5]):.2f} s, {told[3]}",
        "score": _score,
        "placed": lambda told: f" is in {told[2]}",
        "kept": lambda told: " is kept",
    }
)
"""What is said of a take, by the address that tells it."""


def view(monitor: Monitor, address: str, now: float, width: int, height: int) -> RenderableType:
    """The whole picture at a monotonic time, in a terminal of so many columns and lines."""
    song = monitor.song
    if song is None or monitor.heard_at is None or now - monitor.heard_at > SILENT_S:
        text = f"No daemon answers at {address}. Start one with: sideman serve"
        return Panel(Text(text), title="Sideman", border_style="red")
    state = monitor.state
    playing = state["transport"]["playing"]
    position = Beats(state["transport"]["position"])
    if playing:
        position = song.position_after(position, now - monitor.heard_at)
    transport = _transport(state, song, position, width - FRAME)
    chart = _chart(state, song, position, width - FRAME - LABEL)
    most = max(1, min(MAX_LINES, (height - len(transport) - len(chart) - FRAMES) // 3))
    return Group(
        Panel(Group(*transport), title=f"Sideman {plain(state['version'])} at {address}"),
        Panel(Group(*chart), title="chart"),
        Panel(_jobs(monitor, most), title="jobs"),
        Panel(_lines(monitor.takes[-most:], "no takes yet"), title="takes"),
        Panel(_lines(monitor.notices[-most:], "nothing to tell"), title="notices"),
    )


def _with(monitor: Monitor, request_id: str, job: Job) -> Monitor:
    return replace(monitor, jobs={**monitor.jobs, request_id: job})


def _without(monitor: Monitor, request_id: str) -> Monitor:
    return replace(monitor, jobs={name: share for name, share in monitor.jobs.items() if name != request_id})


def _newest(lines: tuple[str, ...], text: str) -> tuple[str, ...]:
    return (*lines, plain(text))[-MAX_LINES:]


def plain(text: str) -> str:
    """Text from others with nothing in it that a terminal would take for an order."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _transport(state: Mapping[str, Any], song: Song, position: Beats, width: int) -> list[Text]:
    """Transport, the beats of the bar with the one that sounds, tempo, meter and key; how clips are made, from what."""
    playing = state["transport"]["playing"]
    place = song.time.bar_at(position)
    meter = song.time.meter_of(place.bar)
    beat = int(place.offset * meter.denominator / 4)
    beats = " ".join("●" if index == beat and playing else "○" for index in range(meter.numerator))
    first = (
        "▶ playing" if playing else "■ stopped",
        beats,
        f"bar {place.bar:3} beat {beat + 1}",
        f"{song.time.bpm_at(position):.2f} bpm",
        str(meter),
        state["key"] or "no key",
    )
    second = (
        f"engine {state['engine']}",
        f"{state['bars']} bars",
        f"{state['takes']} takes{' (best)' if state['best'] else ''}",
        _trigger(state["trigger"]),
        *_sources(state.get("midi")),
    )
    return [*_flow(first, width), *_flow(second, width)]


def _flow(parts: Sequence[str], width: int) -> Iterator[Text]:
    """Parts in as many lines as they need."""
    line = ""
    for part in map(plain, parts):
        if line and len(line) + len(GAP) + len(part) > width:
            yield _line(line)
            line = part
        else:
            line = f"{line}{GAP}{part}" if line else part
    yield _line(line)


def _sources(midi: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Where time and notes come from."""
    if midi is None:
        return ("time from osc", "no MIDI")
    peers = midi["link_peers"]
    link = () if peers is None else (f"Link with {peers}" if peers else "Link, alone",)
    return (f"time from {midi['leader'] or 'osc'}", f"MIDI {', '.join(midi['ports']) or 'no ports'}", *link)


def _trigger(trigger: Mapping[str, Any]) -> str:
    bars = f" {trigger['bars']}" if trigger["bars"] else ""
    return {"request": "on request", "bars": f"every{bars} bars", "chords": "on chords"}[trigger["mode"]]


def _chart(state: Mapping[str, Any], song: Song, position: Beats, width: int) -> list[Text]:
    """Four bars of chords and drums with the step that sounds, what is played, and the prompt."""
    shown = lanes(song, song.time.bar_at(position).bar, width)
    sounds = shown.column_of(position)
    head = f"{shown.bars.start}" if len(shown.bars) == 1 else f"{shown.bars.start} to {shown.bars.stop - 1}"
    rows = [_row("bars", head)]
    for lane in shown.lanes:
        row = _row(lane.name, lane.text)
        if sounds is not None:
            row.stylize("reverse", LABEL + sounds, LABEL + sounds + 1)
        rows.append(row)
    if song.chords.is_empty:
        rows.append(_row("", "no chords" if song.whole else "a chart too long to be sent"))
    rows += [
        _row("melody", f"{song.notes} note{'' if song.notes == 1 else 's'}" if song.notes else "none"),
        _row("prompt", state.get("prompt") or "none"),
    ]
    return rows


def _row(label: str, text: str) -> Text:
    return _line(f"{label:{LABEL}.{LABEL - 1}}{text}")


def _jobs(monitor: Monitor, most: int) -> RenderableType:
    if not monitor.jobs:
        return Text("nothing is being made", style="dim")
    table = Table.grid(padding=(0, 2))
    for name, job in list(monitor.jobs.items())[:most]:
        bar = "" if job.bar is None else f"for bar {job.bar}"
        table.add_row(_line(name), ProgressBar(total=1.0, completed=job.share, width=20), f"{job.share:.0%}", bar)
    return table


def _lines(lines: Sequence[str], nothing: str) -> RenderableType:
    if not lines:
        return Text(nothing, style="dim")
    return Group(*(_line(line) for line in lines))


def _line(text: str) -> Text:
    return Text(plain(text), overflow="ellipsis", no_wrap=True)
