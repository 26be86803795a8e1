"""What every engine takes and gives. Importing this module imports no torch.

Controls are plain symbolic values that cross a process boundary as JSON. An engine turns a batch of
them (the takes of one request) into waveforms, reports progress, and stops when it is asked to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, Protocol, TypeVar, runtime_checkable

import numpy as np
import numpy.typing as npt

from midi.chords import ChordSpan
from midi.drums import DrumHit
from midi.keys import Key
from midi.melody import Note
from midi.time import Beats, TempoMap
from models.presets import Decoding

Samples = npt.NDArray[np.float32]
"""Audio, shape [frames, channels], full scale at 1.0."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Waveform:
    """Audio of shape [frames, channels] at a sample rate in Hz. Frame 0 is the start of the clip.

    ``windows_s`` are the stretches that a model made one after the other, each from and to seconds of the clip; none
    is one for all of it. ``joins_db`` are the changes of level where two of them meet, for a model that plays on at a
    bar line. ``computed_on`` names the device and the precision. ``notices`` are what there is to tell about how it was
    made.
    """

    samples: Samples
    sample_rate_hz: int
    windows_s: tuple[tuple[float, float], ...] = ()
    joins_db: tuple[float, ...] = ()
    computed_on: str = "cpu"
    notices: tuple[str, ...] = ()

    @property
    def frames(self) -> int:
        """Number of sample frames."""
        return int(self.samples.shape[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class SketchChart:
    """What the sketch engine plays: the song from ``start`` to ``end``, in absolute song beats.

    ``chords`` cover the whole range without gaps (None where there is no chord), ``drums`` and
    ``melody`` start inside it. All are sorted by time.
    """

    kind: Literal["sketch"] = "sketch"
    tempo_map: TempoMap
    start: Beats
    end: Beats
    chords: tuple[ChordSpan, ...]
    drums: tuple[DrumHit, ...]
    melody: tuple[Note, ...]
    key: Key | None
    prompt: str
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedHit:
    """A drum hit for a model that hears drums as audio: seconds from the clip's start, voice, velocity to 127."""

    at_s: float
    voice: str
    velocity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedPitch:
    """A melody note in seconds from the clip's start, and its MIDI pitch."""

    start_s: float
    end_s: float
    pitch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedWindow:
    """One run of a model: the latent frame of the clip at which it begins, and the seconds of the clip that it plays.

    It begins ``heard_s`` before what it plays: at a negative frame before the clip, or inside what the window before it
    made.
    """

    start_frame: int
    from_s: float
    to_s: float
    heard_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class JascoControls:
    """What JASCO is asked for, in seconds from the clip's start.

    ``chords`` are labels of the model's vocabulary with the times at which they begin, ascending; none is no chord
    condition. ``all_weight`` and ``text_weight`` are those of multi-source guidance, ``solver`` is a preset.
    ``drum_track`` is a file that begins with the clip and is heard in the place of ``drums``, isolated from a mix with
    ``separate_drums``. ``windows`` are made in order and play the clip without a gap; none is one window that begins
    with the clip.
    """

    kind: Literal["jasco"] = "jasco"
    description: str
    chords: tuple[tuple[float, str], ...]
    drums: tuple[TimedHit, ...]
    drum_track: Path | None = None
    separate_drums: bool = False
    melody: tuple[TimedPitch, ...]
    duration_s: float
    all_weight: float
    text_weight: float
    solver: str
    windows: tuple[PlannedWindow, ...] = ()
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenAudio:
    """Audio that a model goes on from, in a file.

    It lies ``before`` the clip, which continues it; or ``within`` the clip, from its start on, and of it the seconds
    from ``from_s`` to ``to_s`` are made anew, and what the file does not reach.
    """

    path: Path
    place: Literal["before", "within"]
    from_s: float = 0.0
    to_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BeatGrid:
    """The beats that a clip is to have: how many, how many to a bar, and quarter notes to a beat.

    A beat is what feet tap: a quarter note, and a dotted one in 6/8. ``pickup`` of them come before the first bar line.
    ``spare_s`` is how many seconds more than the clip lasts must be made, so that there is a loop to choose from.
    """

    beats: int
    bar_beats: int
    pickup: int = 0
    beat_quarters: float
    spare_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MagnetPrompt:
    """What MAGNeT is asked for: a description, how its masks are filled, and audio to go on from.

    With a ``grid`` its audio is to be fitted to beats, and all that the windows hold is wanted, not the clip alone.
    """

    kind: Literal["magnet"] = "magnet"
    description: str
    duration_s: float
    decoding: Decoding
    given: GivenAudio | None = None
    grid: BeatGrid | None = None
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HeardWindow:
    """A window of a take that is still being made: the seconds of the clip from ``from_s`` on, [frames, channels].

    ``seed`` tells which take. It is as the model made it; where windows meet, the finished take is crossfaded.
    """

    seed: int
    from_s: float
    samples: Samples
    sample_rate_hz: int


SAME_TIME_S: Final = 1e-6
"""Seconds that differ by less are the same: sums of beats are rounded."""
Progress = Callable[[float], None]
"""Told the share of the batch that is done, from 0 to 1."""
CancelCheck = Callable[[], bool]
"""Asked often; once it answers True the engine raises ``Cancelled``."""
Hear = Callable[[HeardWindow], None]
"""Told each window as soon as it can be heard; in order, and again from the start where a take is made again."""
Controls = TypeVar("Controls", contravariant=True)


class Generator(Protocol[Controls]):
    """An engine: one waveform for each member of a batch, in order, as each is finished.

    A waveform starts at the clip's first beat and lasts at least as long as the clip; what rings on
    after the end is kept, for the clip writer to fold into the loop.
    """

    def generate(self, batch: Sequence[Controls], *, report: Progress, cancelled: CancelCheck) -> Iterator[Waveform]:
        """Make the takes. Raises ``GeneratorError`` or ``Cancelled``."""
        ...


@runtime_checkable
class WindowedGenerator(Protocol):
    """An engine whose takes can be heard, window by window, while they are made."""

    def listen(self, hear: Hear | None) -> None:
        """Whom to tell of windows from now on; None for nobody."""
        ...
