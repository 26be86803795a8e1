"""Making takes: the engine's audio, mastered to what the clip must be.

This is what runs inside the engine process, and, for ``sideman render``, in the process of the command.
"""

from __future__ import annotations

import functools
import platform
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bridge.drum_render import DrumRenderer
from bridge.engines import JASCO, MAGNET, SKETCH, require_engine
from bridge.errors import Cancelled, EngineUnavailable
from bridge.fit_attempts import made_takes
from bridge.fit_record import FitRecord
from bridge.mastering import Mastered, MasterSettings, master
from bridge.requests import GenerationRequest, TakeMade
from bridge.score_record import Score
from midi.chords import ChordSpan
from midi.drums import DrumHit
from midi.keys import Key, tonic_chord
from midi.time import Beats, Bpm, TempoMap
from models.drum_audio import read_drums
from models.generator import CancelCheck, Generator, JascoControls, Progress, Samples, SketchChart
from models.presets import CompileName, GraphsName, PrecisionName
from models.sketch import SketchEngine

if TYPE_CHECKING:
    from models.jasco_engine import JascoEngine
    from models.magnet_engine import MagnetEngine
    from models.speed import Speed

Engine = Generator[Any]
GENERATING_SHARE: Final = 0.7
"""The share of the work that is the engine's; the rest is mastering."""

_SOUNDFONT_PACKAGES: Final = ("midirenderer", "pretty_midi", "numpy", "scipy", "soxr", "pyloudnorm")
ENGINE_PACKAGES: Final[dict[str, tuple[str, ...]]] = {
    "sketch": _SOUNDFONT_PACKAGES,
    "jasco": ("torch", "transformers", "torchdiffeq", *_SOUNDFONT_PACKAGES),
    "magnet": ("torch", "transformers", "librosa", "python-stretch", "numpy", "scipy", "soxr", "pyloudnorm"),
}
"""The packages whose versions decide what an engine's clips sound like, bit for bit."""
OPTIONAL_PACKAGES: Final = frozenset({"python-stretch"})
"""Packages that not every machine has a build of, and that something else takes the place of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineOptions:
    """What engines are opened with: a soundfont (None: the bundled one), converted models by engine, a device."""

    soundfont: Path | None = None
    models: Mapping[str, Path] = field(default_factory=dict)
    device: str = "auto"
    kit: Path | None = None
    """What a model hears its drums with, in the place of the soundfont."""
    codecs: Path | None = None
    """The folder with what drum tracks in EnCodec's own format are decoded by."""
    dtype: PrecisionName = "auto"
    graphs: GraphsName = "auto"
    compile: CompileName = "off"
    memory: Path | None = None
    """The file that what was measured of this machine is noted in."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Made:
    """One take: its audio, the seed it was made of, the seconds that it took, and the windows that it was made in."""

    mastered: Mastered
    seed: int
    seconds_spent: float
    windows_s: tuple[tuple[float, float], ...] = ()
    joins_db: tuple[float, ...] = ()
    """The change of level where two windows meet."""
    computed_on: str = "cpu"
    """The device and the precision."""
    notices: tuple[str, ...] = ()
    """What the engine has to tell of it."""
    tempo_fit: FitRecord | None = None
    """How it was laid on the beat, where it was to be."""


Getting = Callable[[float, str], None]
"""Told the share of getting a neural engine ready that is done, and what is being done."""
LOADING_SHARE: Final = 0.7
"""The share that is over when an engine is loaded, and warms up."""


def open_engine(
    name: str, options: EngineOptions, told: Getting = lambda share, what: None, *, warm: bool = True
) -> Engine:
    """The engine of that name, loaded and ``warm``. What runs only once is better off without being warm.

    Raises ``EngineUnavailable`` for an engine that cannot run here, ``SoundfontError`` for a soundfont
    that cannot be played, ``ModelError`` for a model that cannot be loaded.
    """
    require_engine(name)
    if name == SKETCH:
        sketch = SketchEngine(options.soundfont)
        if warm:
            _warm(sketch)
        return sketch
    told(0.0, "loading")
    engine = _OPENERS[name](options)
    if warm:
        engine.warm(lambda share, what: told(LOADING_SHARE + (1.0 - LOADING_SHARE) * share, what))
    told(1.0, "ready")
    return engine


def _open_jasco(options: EngineOptions) -> JascoEngine:
    model = _model_of("jasco", options)
    from models.jasco_engine import JascoEngine  # noqa: PLC0415  torch is loaded for engines that need it

    drums = DrumRenderer(options.soundfont, options.kit)

    def render_drums(controls: JascoControls, rate: int) -> Samples | None:
        if controls.drum_track is None:
            return drums(controls.drums, rate)
        return read_drums(controls.drum_track, rate, separate=controls.separate_drums, codecs=options.codecs)

    return JascoEngine(model, device=options.device, render_drums=render_drums, speed=_speed(options))


def _open_magnet(options: EngineOptions) -> MagnetEngine:
    model = _model_of("magnet", options)
    from models.magnet_engine import MagnetEngine  # noqa: PLC0415

    return MagnetEngine(model, device=options.device, speed=_speed(options))


def _speed(options: EngineOptions) -> Speed:
    from models.speed import Speed  # noqa: PLC0415

    return Speed(dtype=options.dtype, graphs=options.graphs, compile=options.compile, memory=options.memory)


def _model_of(engine: str, options: EngineOptions) -> Path:
    if engine not in options.models:
        raise EngineUnavailable(
            f"The engine {engine} had no model when Sideman was started: pull one (sideman models list names them), "
            "and start the daemon again."
        )
    return options.models[engine]


_OPENERS: Final[dict[str, Callable[[EngineOptions], JascoEngine | MagnetEngine]]] = {
    JASCO: _open_jasco,
    MAGNET: _open_magnet,
}


def make_takes(
    engine: Engine, request: GenerationRequest, *, report: Progress, cancelled: CancelCheck
) -> Iterator[Made]:
    """The takes of a request, each as soon as it is finished and mastered.

    Raises ``GeneratorError``, ``ClipError`` or ``Cancelled``.
    """
    window = request.window
    settings = MasterSettings(
        sample_rate_hz=window.sample_rate_hz,
        frames=window.frames,
        loudness_lufs=request.loudness_lufs,
        ceiling_dbfs=request.ceiling_dbfs,
    )

    def stop_if_cancelled() -> None:
        if cancelled():
            raise Cancelled(f"The request {request.id} was cancelled.")

    takes, done = len(request.controls), 0

    def generated(share: float) -> None:
        report(GENERATING_SHARE * share + (1.0 - GENERATING_SHARE) * done / takes)

    began = time.perf_counter()
    for take in made_takes(engine, request, report=generated, cancelled=cancelled):
        stop_if_cancelled()
        waveform = take.waveform
        mastered = master(waveform, settings, stop_if_cancelled)
        done += 1
        now = time.perf_counter()
        yield Made(
            mastered=mastered,
            seed=take.seed,
            seconds_spent=now - began,
            windows_s=waveform.windows_s,
            joins_db=waveform.joins_db,
            computed_on=waveform.computed_on,
            notices=waveform.notices,
            tempo_fit=take.tempo_fit,
        )
        began = now


def score_take(made: Made, request: GenerationRequest) -> Score | None:
    """How near a take comes to what the request asked for; None where it is not to be measured."""
    if request.asked is None:
        return None
    from bridge.adherence import score_of  # noqa: PLC0415  librosa is loaded when something is measured

    return score_of(made.mastered.samples, request.window.sample_rate_hz, request.asked)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BestTake:
    """The take of a request that comes nearest to the chart, its score, and the totals of all takes."""

    take: int
    made: Made
    score: Score | None
    totals: tuple[float | None, ...]


def best_take(takes: Iterable[Made], request: GenerationRequest) -> BestTake:
    """The best of some takes by the total of their scores; of equal ones, and of those without a total, the first.

    There is one take at least; no more than two are held at a time.
    """
    numbered = enumerate(takes)
    take, made = next(numbered)
    score = score_take(made, request)
    best = BestTake(take=take, made=made, score=score, totals=())
    totals = [score.total if score else None]
    for take, made in numbered:
        score = score_take(made, request)
        totals.append(score.total if score else None)
        if (totals[-1] or 0.0) > (totals[best.take] or 0.0):
            best = BestTake(take=take, made=made, score=score, totals=())
    return replace(best, totals=tuple(totals))


def facts_of(request: GenerationRequest, take: int, made: Made) -> TakeMade:
    """What there is to say about a take."""
    mastered = made.mastered
    return TakeMade(
        id=request.id,
        take=take,
        seed=made.seed,
        loudness_lufs=mastered.loudness_lufs,
        peak_dbfs=mastered.peak_dbfs,
        gain_db=mastered.gain_db,
        limited_db=mastered.limited_db,
        folded_s=mastered.folded_s,
        windows_s=made.windows_s,
        joins_db=made.joins_db,
        computed_on=made.computed_on,
        notices=mastered.notices,
        engine_notices=made.notices,
        tempo_fit=made.tempo_fit,
        seconds_spent=made.seconds_spent,
        versions=engine_versions(request.engine),
    )


@functools.cache
def engine_versions(name: str) -> dict[str, str]:
    """Versions of what an engine's audio depends on."""
    versions = {}
    for package in ENGINE_PACKAGES.get(name, ()):
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            if package not in OPTIONAL_PACKAGES:
                raise
    return {"sideman": metadata.version("sideman"), "python": platform.python_version(), **versions}


def _warm(engine: Engine) -> None:
    """Make and master half a second of a small chart, so that the first clip does not pay for loading."""
    bar = Beats(1.0)
    chart = SketchChart(
        tempo_map=TempoMap.constant(Bpm(120.0)),
        start=Beats(0.0),
        end=bar,
        chords=(ChordSpan(start=Beats(0.0), end=bar, chord=tonic_chord(Key(tonic=0, mode="major"))),),
        drums=(DrumHit(at=Beats(0.0), voice="kick", velocity=100),),
        melody=(),
        key=None,
        prompt="",
        seed=0,
    )
    settings = MasterSettings(sample_rate_hz=44100, frames=22050)
    for waveform in engine.generate((chart,), report=lambda share: None, cancelled=lambda: False):
        master(waveform, settings)
