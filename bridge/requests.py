"""What the daemon asks of the engine process, and what it gets back.

These types cross the process boundary as lines of JSON; audio goes beside them, in files of a folder
that the daemon owns.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from bridge.asked import Asked
from bridge.fit_record import FitRecord
from bridge.score_record import Score
from midi.time import Beats, Bpm, Meter, Seconds
from models.generator import JascoControls, MagnetPrompt, SketchChart


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")


class Window(_Frozen):
    """The stretch of the song that a clip covers, exact to the frame of the session's sample rate."""

    start: Beats
    end: Beats
    bars: int
    seconds: Seconds
    sample_rate_hz: int
    frames: int
    bpm: Bpm
    """Tempo at the start."""
    meter: Meter
    """Meter of the first bar."""


class GenerationRequest(_Frozen):
    """One request: the controls of each take, and what the clips must be."""

    id: str
    revision: int
    engine: str
    controls: tuple[Annotated[SketchChart | JascoControls | MagnetPrompt, Field(discriminator="kind")], ...]
    window: Window
    prompt: str = ""
    target: str = ""
    model: str | None = None
    """The model of a neural engine, and the licence of its weights."""
    weights_licence: str | None = None
    loudness_lufs: float
    ceiling_dbfs: float
    asked: Asked | None = None
    """What each take is measured against; None for no measuring."""
    best: bool = False
    """Of several takes, the one with the best score alone is wanted."""
    drafts: tuple[Annotated[SketchChart | JascoControls | MagnetPrompt, Field(discriminator="kind")], ...] = ()
    """The controls of each take's draft, which is made first; none for no drafts."""


class Run(_Frozen):
    """Begin a request. Take ``i`` goes to ``audio[i]``, float32 [frames, 2] in the machine's byte order.

    Its draft goes to ``drafts[i]``.
    """

    type: Literal["run"] = "run"
    request: GenerationRequest
    audio: tuple[Path, ...]
    drafts: tuple[Path, ...] = ()


class Stop(_Frozen):
    """Stop the request with this id."""

    type: Literal["stop"] = "stop"
    id: str


class Ready(_Frozen):
    """The engine is loaded and warm. ``batches`` says that it makes several takes at once in less time."""

    type: Literal["ready"] = "ready"
    batches: bool = False


class Warming(_Frozen):
    """The engine gets ready: the share that is done, and what is being done."""

    type: Literal["warming"] = "warming"
    share: float
    what: str


class Progressed(_Frozen):
    """The share of the request that is done."""

    type: Literal["progressed"] = "progressed"
    id: str
    share: float


class TakeMade(_Frozen):
    """A finished take lies in its file."""

    type: Literal["take"] = "take"
    id: str
    take: int
    seed: int
    draft: bool = False
    """Whether another take of this number and seed replaces it."""
    loudness_lufs: float
    peak_dbfs: float
    gain_db: float
    limited_db: float
    folded_s: float
    windows_s: tuple[tuple[float, float], ...] = ()
    joins_db: tuple[float, ...] = ()
    computed_on: str = "cpu"
    notices: tuple[str, ...]
    engine_notices: tuple[str, ...] = ()
    tempo_fit: FitRecord | None = None
    seconds_spent: float
    versions: dict[str, str]
    best_of: tuple[float | None, ...] = ()
    """The totals of all takes, where this is the best of them."""


class TakeHeard(_Frozen):
    """A part of a take that is still being made lies in its file: ``frames`` of it, from the frame ``start`` on."""

    type: Literal["heard"] = "heard"
    id: str
    take: int
    part: int
    start: int
    frames: int


class TakeScored(_Frozen):
    """How near a take that was made before comes to its chart."""

    type: Literal["scored"] = "scored"
    id: str
    take: int
    score: Score


class Finished(_Frozen):
    """Every take of the request is made."""

    type: Literal["finished"] = "finished"
    id: str


class Stopped(_Frozen):
    """The request was stopped as asked."""

    type: Literal["stopped"] = "stopped"
    id: str


class Failed(_Frozen):
    """The request, or the start of the engine when ``id`` is empty, failed."""

    type: Literal["failed"] = "failed"
    id: str
    code: str
    message: str


ToEngine = Annotated[Run | Stop, Field(discriminator="type")]
Message = Ready | Warming | Progressed | TakeHeard | TakeMade | TakeScored | Finished | Stopped | Failed
"""What an engine process says."""
FromEngine = Annotated[Message, Field(discriminator="type")]

TO_ENGINE: Final[TypeAdapter[Run | Stop]] = TypeAdapter(ToEngine)
FROM_ENGINE: Final[TypeAdapter[Message]] = TypeAdapter(FromEngine)


def line_of(message: BaseModel) -> bytes:
    """A message as one line of JSON."""
    return message.model_dump_json().encode() + b"\n"
