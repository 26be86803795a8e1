"""What a session can tell us, whatever it came through: OSC, MIDI, Link or a DAW's own dialect.

Each event is a frozen value that ``bridge.session.reduce`` applies. Values are checked where they are
made (the codec, the follower, the host), so an event that exists is one that makes musical sense.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from midi.charts import ChordChart, DrumChart, MelodyChart
from midi.chords import ChordChange, Progression
from midi.drums import DrumHit, Pattern
from midi.keys import Key
from midi.melody import Note
from midi.time import Beats, Bpm, Meter, MeterPoint, Seconds, TempoPoint

_SONG_START: Final = Beats(0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Transport:
    """The DAW's transport as last heard; ``observed_at`` is a monotonic time."""

    playing: bool
    position: Beats
    tempo: Bpm
    meter: Meter
    observed_at: Seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class SetTempo:
    """A constant tempo, in the place of the whole tempo map."""

    bpm: Bpm


@dataclass(frozen=True, slots=True, kw_only=True)
class AddTempoPoint:
    """A point of the tempo map."""

    point: TempoPoint


@dataclass(frozen=True, slots=True, kw_only=True)
class SetMeter:
    """A constant meter, in the place of the whole meter map."""

    meter: Meter


@dataclass(frozen=True, slots=True, kw_only=True)
class AddMeterPoint:
    """A point of the meter map."""

    point: MeterPoint


@dataclass(frozen=True, slots=True, kw_only=True)
class SetStart:
    """The song beat at which clips begin."""

    at: Beats


@dataclass(frozen=True, slots=True, kw_only=True)
class SetKey:
    """The key of the session."""

    key: Key


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearKey:
    """No key is known any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """The transport runs, from ``at`` where it is given, else from where it stands."""

    at: Beats | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """The transport stands still."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Locate:
    """The transport is at a position."""

    at: Beats


@dataclass(frozen=True, slots=True, kw_only=True)
class SetChords:
    """A whole progression, in the place of every chord before."""

    progression: Progression


@dataclass(frozen=True, slots=True, kw_only=True)
class AddChord:
    """One chord change laid over the chart."""

    change: ChordChange


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearChords:
    """No chords."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetPattern:
    """One voice's grid pattern, in the place of that voice's pattern before."""

    pattern: Pattern


@dataclass(frozen=True, slots=True, kw_only=True)
class AddHit:
    """One drum stroke."""

    hit: DrumHit


@dataclass(frozen=True, slots=True, kw_only=True)
class SetChordChart:
    """A whole chart in the place of every chord before, as of what was played."""

    chart: ChordChart


@dataclass(frozen=True, slots=True, kw_only=True)
class SetDrumChart:
    """A whole chart in the place of all drums before."""

    chart: DrumChart


@dataclass(frozen=True, slots=True, kw_only=True)
class SetMelodyChart:
    """A whole chart in the place of the melody before."""

    chart: MelodyChart


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearDrums:
    """No drums: neither patterns nor strokes nor audio."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddNote:
    """One melody note."""

    note: Note


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearMelody:
    """No melody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetPrompt:
    """The text description of the music wanted."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetEngine:
    """The engine that makes clips."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetBars:
    """The length of clips in bars."""

    bars: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SetTakes:
    """The number of variations that one request makes; with ``best`` the nearest to the chart alone is kept."""

    takes: int
    best: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SetSeed:
    """The seed of the next clips; None draws one for each request."""

    seed: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SetSetting:
    """A setting of an engine, written as in the configuration; None goes back to what is configured."""

    name: str
    value: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SetTarget:
    """Where in the DAW clips go, as ``plugin_host.host.Target`` writes it; empty for the host's own place."""

    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioRegion:
    """Audio in a file that clips go on from.

    It lies ``before`` the clip; or ``within`` it, from its start on, and the song beats from ``start`` to ``end`` are
    made anew.
    """

    path: Path
    place: Literal["before", "within"]
    start: Beats = _SONG_START
    end: Beats = _SONG_START


@dataclass(frozen=True, slots=True, kw_only=True)
class DrumTrack:
    """Drums as audio, which begin with the clip; ``separate`` isolates them from a mix."""

    path: Path
    separate: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SetDrumTrack:
    """The drums that an engine hears in the place of the chart's, if it hears audio; None for the chart's."""

    track: DrumTrack | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SetGivenAudio:
    """The audio that the next clips go on from; None for none."""

    region: AudioRegion | None


TriggerMode = Literal["request", "bars", "chords"]
"""When clips are made: when they are asked for, every so many bars, or when the chords change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetTrigger:
    """When clips are made, and how many bars each has; 0 is the session's own number."""

    mode: TriggerMode
    bars: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestClip:
    """Make a clip from the session as it is now; None lets the daemon choose the id.

    ``next_bar``: it begins at the next bar that it can be ready for, and not where clips begin.
    """

    id: str | None = None
    next_bar: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestCancel:
    """Cancel one request, or every one when no id is given."""

    id: str | None = None


SessionEvent = (
    SetTempo
    | AddTempoPoint
    | SetMeter
    | AddMeterPoint
    | SetStart
    | SetKey
    | ClearKey
    | Play
    | Stop
    | Locate
    | SetChords
    | AddChord
    | ClearChords
    | SetPattern
    | AddHit
    | SetChordChart
    | SetDrumChart
    | SetMelodyChart
    | ClearDrums
    | AddNote
    | ClearMelody
    | SetPrompt
    | SetEngine
    | SetBars
    | SetTakes
    | SetSeed
    | SetSetting
    | SetTarget
    | SetDrumTrack
    | SetGivenAudio
    | SetTrigger
    | RequestClip
    | RequestCancel
)
"""Everything that the reducer accepts."""
