"""Chords and drums, read from the set when something they depend on changed, in slices of a tick each."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from . import charts, sources
from .asking import AskTrack

if TYPE_CHECKING:
    from typing import Callable, Dict, Generator, List, Optional, Set, Tuple

    from .listeners import Listeners
    from .lom import Clip, Song
    from .osc import Value
    from .sources import Roles

    Told = Tuple[str, str, Tuple[Value, ...]]

SET, CLIPS = "set", "clips"
ROLES = (sources.CHORDS, sources.DRUMS)
LOOK_TICKS = 50
"""The set is gone through once in so many ticks even if nothing told of a change: clips have no listener for all."""
CLIP_PROPERTIES = ("notes", "loop_start", "loop_end", "looping", "muted", "start_marker", "start_time", "end_time")
TRACK_PROPERTIES = ("playing_slot_index", "arrangement_clips", "clip_slots")
CLEAR = {sources.CHORDS: "/sideman/chords/clear", sources.DRUMS: "/sideman/drums/clear"}


class ChartWatch:
    """Finds the sources, reads them, and tells the daemon what differs from what it was told last."""

    def __init__(
        self,
        song: Song,
        listeners: Listeners,
        send: Callable[..., bool],
        ask: Callable[[str], None],
        set_chart_beats: Callable[[Optional[float]], None],
    ) -> None:
        self._song, self._listeners, self._send = song, listeners, send
        self._ask, self._set_chart_beats = ask, set_chart_beats
        self.ask_track = AskTrack(listeners)
        self._due: Set[str] = {SET}
        self._told: Dict[str, Optional[Told]] = {}
        self._roles: Optional[Roles] = None
        self._work: Optional[Generator[None, None, None]] = None
        self._ticks = 0
        for name in ("tracks", "scenes"):
            listeners.add("charts", song, name, partial(self._due.add, SET))
        listeners.add("charts", song, "cue_points", partial(self._due.add, sources.CHORDS))
        listeners.add("charts", song.view, "detail_clip", partial(self._due.add, sources.CHORDS))

    def tell_all(self) -> None:
        """Everything is due: the daemon is a new one."""
        self._told.clear()
        self._due.update((SET,) + ROLES)

    def tick(self) -> None:
        """Hand out what was asked; one step of reading, or the beginning of the next thing that is due."""
        self.ask_track.asked(self._ask)
        self._ticks += 1
        if self._ticks % LOOK_TICKS == 0:
            self._due.add(SET)
        if self._work is None:
            self._work = self._next_work()
        if self._work is not None:
            try:
                next(self._work)
            except StopIteration:
                self._work = None
            except RuntimeError:  # an object of Live's went away while it was read
                self._work = None
                self._due.add(SET)

    def _next_work(self) -> Optional[Generator[None, None, None]]:
        for item in (SET,) + ROLES:
            if item in self._due:
                self._due.discard(item)
                return self._look() if item == SET else self._read(item)
        return None

    def _look(self) -> Generator[None, None, None]:
        """Find the sources; listeners are renewed only when other tracks or clips have the roles."""
        roles = yield from sources.look(self._song)
        before, self._roles = self._roles, roles
        if before is not None and (before.tracks, before.clips) == (roles.tracks, roles.clips):
            return
        self._listeners.clear(SET)
        for role, track in roles.tracks.items():
            for name in TRACK_PROPERTIES:
                self._listeners.add(SET, track, name, partial(self._due.add, role))
            self._listeners.add(SET, track, "name", partial(self._due.add, SET))
            self._listeners.add(SET, track, "devices", partial(self._due.add, role))
        self.ask_track.watch(roles.tracks.get(sources.ASK))
        self._due.update(ROLES)

    def _read(self, role: str) -> Generator[None, None, None]:
        if self._roles is None:
            self._due.add(SET)
            return
        clips = self._roles.clips_of(role)
        if role == sources.CHORDS:
            yield from self._read_chords(clips)
        else:
            yield from self._read_drums(clips)

    def _read_chords(self, clips: List[Clip]) -> Generator[None, None, None]:
        """CHORDS, else locators that could be chords, else the selected clip."""
        markers = [] if clips else sources.chord_markers(list(self._song.cue_points))
        if markers:
            self._listen(sources.CHORDS, [])
            self._set_chart_beats(None)
            self._tell(sources.CHORDS, ("/sideman/chords/markers", "s", (sources.marker_text(markers),)))
            return
        clips = clips or sources.selected_clip(self._song)
        self._listen(sources.CHORDS, clips)
        played = yield from charts.read_clips(clips)
        length = charts.length_of(clips)
        arranged = any(clip.is_arrangement_clip for clip in clips)
        self._set_chart_beats(length if played and not arranged else None)
        text = charts.chord_text(played)
        self._tell(sources.CHORDS, ("/sideman/chords/notes", "sf", (text, length)) if played else None)

    def _read_drums(self, clips: List[Clip]) -> Generator[None, None, None]:
        self._listen(sources.DRUMS, clips)
        played = yield from charts.read_clips(clips)
        track = self._roles.tracks.get(sources.DRUMS) if self._roles else None
        pads = (yield from charts.pad_names(track.devices)) if track is not None and played else []
        text = (charts.drum_text(played), charts.pad_text(pads), charts.length_of(clips))
        self._tell(sources.DRUMS, ("/sideman/drums/notes", "ssf", text) if played else None)

    def _listen(self, role: str, clips: List[Clip]) -> None:
        self._listeners.clear(CLIPS + role)
        for clip in clips[: charts.MOST_SEGMENTS]:
            for name in CLIP_PROPERTIES:
                self._listeners.add(CLIPS + role, clip, name, partial(self._due.add, role))

    def _tell(self, role: str, message: Optional[Told]) -> None:
        """Send what differs; a source that is gone is cleared, one that never was is not."""
        before = self._told.get(role)
        if message == before:
            return
        address, tags, arguments = message or (CLEAR[role], "", ())
        if self._send(address, tags, *arguments):
            self._told[role] = message
        else:
            self._due.add(role)
