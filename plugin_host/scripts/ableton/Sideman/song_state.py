"""Tempo, meter, transport, scale and loop of the set, told to the daemon when they change."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Callable, Dict, List, Optional, Set, Tuple

    from .listeners import Listeners
    from .lom import Song
    from .osc import Value

    Told = Tuple[str, str, Tuple[Value, ...]]
    Send = Callable[..., bool]

ITEMS = {
    "tempo": ("tempo",),
    "meter": ("signature_numerator", "signature_denominator"),
    "transport": ("is_playing",),
    "key": ("root_note", "scale_name", "scale_intervals", "scale_mode"),
    "loop": ("loop", "loop_start", "loop_length", "signature_numerator", "signature_denominator"),
}
"""What is told, and the properties of the song whose change makes it due."""
POLL_TICKS = 10
"""What this Live has no listener for is looked at once in so many ticks."""
RESYNC_S = 2.0
"""While the song plays, its position is told this often, and at once when it jumps."""
JUMP_BEATS = 0.5
MOST_BARS = 512
NOTE_NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
GROUP = "song"


class SongState:
    """Tells of the song when something changed. ``send`` returns whether a message went out."""

    def __init__(
        self,
        song: Song,
        listeners: Listeners,
        send: Send,
        say: Callable[[str], None],
        clock: Callable[[], float],
    ) -> None:
        self.chart_beats: Optional[float] = None
        """The length of the chord clip; clips are as long as it where the loop is off."""
        self._song, self._send, self._say, self._clock = song, send, say, clock
        self._due: Set[str] = set(ITEMS)
        self._polled: Set[str] = set()
        self._told: Dict[str, List[Told]] = {}
        self._ticks = 0
        self._anchor = (0.0, 0.0)
        self._playing = False
        for item, properties in ITEMS.items():
            for name in properties:
                if not listeners.add(GROUP, song, name, partial(self._due.add, item)):
                    self._polled.add(item)

    def tell_all(self) -> None:
        """Everything is due: the daemon is a new one."""
        self._told.clear()
        self._due.update(ITEMS)

    def set_chart_beats(self, beats: Optional[float]) -> None:
        """The chord clip has this length; None where there is no clip."""
        if beats != self.chart_beats:
            self.chart_beats = beats
            self._due.add("loop")

    def tick(self) -> None:
        """Tell what is due, and where the song is."""
        self._ticks += 1
        if self._ticks % POLL_TICKS == 0:
            self._due |= self._polled
        makers = {
            "tempo": self._tempo,
            "meter": self._meter,
            "key": self._key,
            "loop": self._loop,
        }
        for item in [item for item in ITEMS if item in self._due and item in makers]:
            self._due.discard(item)
            self._tell(item, makers[item]())
        self._transport("transport" in self._due)
        self._due.discard("transport")

    def _tell(self, item: str, messages: List[Told]) -> None:
        """Send what differs from what was told last; what could not be sent stays due."""
        before = self._told.get(item)
        if messages == before:
            return
        for address, tags, arguments in messages:
            if before is not None and (address, tags, arguments) in before:
                continue
            if not self._send(address, tags, *arguments):
                self._due.add(item)
                return
        self._told[item] = messages

    def _tempo(self) -> List[Told]:
        return [("/sideman/tempo", "f", (round(self._song.tempo, 4),))]

    def _meter(self) -> List[Told]:
        song = self._song
        return [("/sideman/meter", "ii", (song.signature_numerator, song.signature_denominator))]

    def _key(self) -> List[Told]:
        song = self._song
        root = int(getattr(song, "root_note", 0))
        scale = str(getattr(song, "scale_name", ""))
        # Live 11 has no switch for the scale: there C major is what it shows when nobody chose one.
        chosen = bool(getattr(song, "scale_mode", (root, scale) not in ((0, "Major"), (0, ""))))
        if not chosen:
            return [("/sideman/key/clear", "", ())] if self._told.get("key") else []
        intervals = getattr(song, "scale_intervals", None)
        if intervals is None:
            return [("/sideman/key", "s", ("%s %s" % (NOTE_NAMES[root % 12], scale),))]
        return [("/sideman/key/scale", "is", (root, " ".join(str(int(step)) for step in intervals)))]

    def _loop(self) -> List[Told]:
        song = self._song
        told: List[Told] = [("/sideman/from", "f", (max(0.0, float(song.loop_start)) if song.loop else 0.0,))]
        length = song.loop_length if song.loop else self.chart_beats
        if length is None:
            return told
        bars = length * song.signature_denominator / (4.0 * song.signature_numerator)
        if abs(bars - round(bars)) > 1e-4 or not 1 <= round(bars) <= MOST_BARS:
            if song.loop:
                self._say(
                    "The loop is %g bars: set it to whole bars, 1 to %d, and clips are as long." % (bars, MOST_BARS)
                )
            return told
        return told + [("/sideman/bars", "i", (round(bars),))]

    def _transport(self, changed: bool) -> None:
        song, now = self._song, self._clock()
        beat, playing = max(0.0, float(song.current_song_time)), bool(song.is_playing)
        if changed or playing != self._playing:
            sent = self._send("/sideman/play", "f", beat) if playing else self._send("/sideman/stop")
            sent = sent and (playing or self._send("/sideman/position", "f", beat))
        elif self._has_moved(beat, playing, now):
            sent = self._send("/sideman/position", "f", beat)
        else:
            return
        if sent:
            self._playing, self._anchor = playing, (beat, now)

    def _has_moved(self, beat: float, playing: bool, now: float) -> bool:
        anchor, at = self._anchor
        if not playing:
            return beat != anchor
        expected = anchor + (now - at) * self._song.tempo / 60.0
        return now - at > RESYNC_S or abs(beat - expected) > JUMP_BEATS
