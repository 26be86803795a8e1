"""How far a model follows held-out charts: pieces of test seeds, made again by a model from their charts, and heard.

Each is scored against its own chart and against the next one's; so are the piece itself and what the codec leaves of
it, which is the most that the model can reach. Controls are left out or taken from the next piece one at a time, to
see that each moves its own score.
"""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, Literal, get_args

import numpy as np
import soundfile
import torch
from pydantic import BaseModel, ConfigDict

from bridge.adherence import Listened
from bridge.drum_render import DrumRenderer
from bridge.neural_config import JascoAsked, jasco_asked
from bridge.sound_texture import Texture, mean_texture, texture_of
from bridge.training_asked import asked_of_training
from bridge.training_hearing import means
from bridge.training_picture import draw_sounds
from bridge.training_pool import captioned_piece
from bridge.training_sustained import controls_of_sustained, sustained
from midi.compose_split import seeds_of
from models.batching import part_of
from models.card import read_card
from models.codec import Codec
from models.errors import TrainingError
from models.generator import JascoControls, Samples, TimedHit, TimedPitch
from models.jasco_engine import JascoEngine
from models.soundfont_file import find_soundfont
from models.spectral import log_mel_distance
from models.training_chart import WINDOW_S, TrainingChart
from models.training_music import FULL_SCALE, SAMPLE_RATE_HZ, TrainingPiece

Changed = Literal[
    "asked", "no chords", "no drums", "no melody", "no words", "other chords", "other drums", "other melody"
]
CHANGES: Final[tuple[Changed, ...]] = get_args(Changed)
PARTS: Final = ("chords", "drums", "melody")
PIECES: Final = "the pieces"
CODEC: Final = "through the codec"
ASKED: Final = "asked"
DRAWN: Final = (PIECES, CODEC, ASKED)
Report = Callable[[float], None]


def asked_of(folder: Path, *, all_weight: float | None = None, solver: str | None = None) -> JascoAsked:
    """How the model in a folder is asked: as its card recommends, where nothing else is given. Raises ``ModelError``.

    A weight that is given is that of all controls, and the text then has none of its own.
    """
    text_weight = None if all_weight is None else 0.0
    return jasco_asked(read_card(folder).recommended, solver=solver, all_weight=all_weight, text_weight=text_weight)


class Row(BaseModel):
    """The mean scores of some audio, by part: against its own charts, and against other pieces'."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    what: str
    own: dict[str, float]
    others: dict[str, float]

    def cell(self, part: str) -> str:
        """Both scores of a part, for people."""
        return f"{self.own[part]:.2f} / {self.others[part]:.2f}" if part in self.own else "-"


class Scores(BaseModel):
    """What was heard of some pieces, and of held chords; the codec's log-mel distance, and seconds for a clip."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pieces: int
    rows: tuple[Row, ...]
    held: dict[str, Texture]
    codec_log_mel: float
    seconds: float

    def row(self, what: str) -> Row:
        """The row of that name."""
        return next(row for row in self.rows if row.what == what)


def held_out(seed: int, pieces: int, soundfont: Path | None) -> list[TrainingPiece]:
    """The first pieces of test seeds from ``seed`` on, with their captions."""
    path = find_soundfont(soundfont)
    return [captioned_piece(one, path) for one in itertools.islice(seeds_of("test", seed), pieces)]


def controls_of(chart: TrainingChart, asking: JascoAsked) -> JascoControls:
    """What a model is asked for to make a piece of its chart."""
    return JascoControls(
        description=chart.caption,
        chords=chart.chords,
        drums=tuple(TimedHit(at_s=at, voice=voice, velocity=velocity) for at, voice, velocity in chart.drums),
        melody=tuple(TimedPitch(start_s=start, end_s=end, pitch=pitch) for start, end, pitch in chart.melody),
        duration_s=WINDOW_S,
        all_weight=asking.all_weight,
        text_weight=asking.text_weight,
        solver=asking.solver,
        seed=chart.seed,
    )


def changed(controls: JascoControls, other: JascoControls, change: Changed) -> JascoControls:
    """The controls with one of them left out, or taken from another piece."""
    match change:
        case "asked":
            return controls
        case "no words":
            return replace(controls, description="")
        case "no chords":
            return replace(controls, chords=())
        case "no drums":
            return replace(controls, drums=())
        case "no melody":
            return replace(controls, melody=())
        case "other chords":
            return replace(controls, chords=other.chords)
        case "other drums":
            return replace(controls, drums=other.drums)
        case "other melody":
            return replace(controls, melody=other.melody)


def scored(name: str, sounds: Sequence[Samples], charts: Sequence[TrainingChart]) -> Row:
    """The scores of sounds [N] against their charts and against the next ones'."""
    asked = [asked_of_training(chart) for chart in charts]
    listened = [Listened(sound[:, None], SAMPLE_RATE_HZ) for sound in sounds]
    own = [one.score(chart) for one, chart in zip(listened, asked, strict=True)]
    others = [one.score(chart) for one, chart in zip(listened, [*asked[1:], asked[0]], strict=True)]
    return Row(what=name, own=means(own, parts=PARTS), others=means(others, parts=PARTS))


@torch.inference_mode()
def through_codec(codec: Codec, sound: Samples) -> Samples:
    """What the codec leaves of a sound [N], without quantising it."""
    audio = torch.from_numpy(sound)[None, None]
    left: Samples = codec.decode(codec.encode(audio))[0, 0, : len(sound)].numpy()
    return left


def scores_of(
    folder: Path,
    pieces: Sequence[TrainingPiece],
    asking: JascoAsked,
    *,
    changes: Sequence[Changed] = CHANGES,
    soundfont: Path | None = None,
    keep: Path | None = None,
    picture: Path | None = None,
    report: Report = lambda share: None,
) -> Scores:
    """Make the pieces again by the model in a folder, and listen. Raises ``ModelError`` and ``GeneratorError``.

    Drums are played by ``soundfont`` for the model to hear, the bundled one where none is given. What was heard is kept
    as WAV files in ``keep``, and that of the first piece is drawn as ``picture``.
    """
    renderer = DrumRenderer(soundfont)
    engine = JascoEngine(folder, device="cpu", render_drums=lambda chart, rate: renderer(chart.drums, rate))
    charts = [piece.chart for piece in pieces]
    truth: list[Samples] = [piece.mix.astype(np.float32) / np.float32(FULL_SCALE) for piece in pieces]
    left = [through_codec(engine.codec, sound) for sound in truth]
    heard = {PIECES: truth, CODEC: left}
    asked = [controls_of(chart, asking) for chart in charts]
    began = time.monotonic()
    for number, change in enumerate(changes):
        told = [changed(one, other, change) for one, other in zip(asked, [*asked[1:], asked[0]], strict=True)]
        heard[change] = list(_made(engine, told, part_of(report, number / len(changes), 1 / len(changes))))
    took = time.monotonic() - began
    if keep:
        _kept(keep, heard, charts)
    if picture:
        draw_sounds(
            {name: sounds[0] for name, sounds in heard.items() if name in DRAWN}, charts[0], SAMPLE_RATE_HZ, picture
        )
    return Scores(
        pieces=len(pieces),
        rows=tuple(scored(name, sounds, charts) for name, sounds in heard.items()),
        held=_held(engine, asking, soundfont),
        codec_log_mel=statistics.fmean(_distance(ours, theirs) for ours, theirs in zip(left, truth, strict=True)),
        seconds=took / (len(changes) * len(pieces)),
    )


def _held(engine: JascoEngine, asking: JascoAsked, soundfont: Path | None) -> dict[str, Texture]:
    """What held chords are like: played, through the codec, and made by the model."""
    chords = sustained(soundfont)
    played = [one.played for one in chords]
    told = [controls_of_sustained(one, asking) for one in chords]
    sounds = {
        "played": played,
        CODEC: [through_codec(engine.codec, sound) for sound in played],
        "made": list(_made(engine, told, lambda share: None)),
    }
    textures = {
        name: [found for one in several if (found := texture_of(one, SAMPLE_RATE_HZ))]
        for name, several in sounds.items()
    }
    return {name: mean_texture(several) for name, several in textures.items() if several}


def _distance(ours: Samples, theirs: Samples) -> float:
    return float(log_mel_distance(torch.from_numpy(ours)[None], torch.from_numpy(theirs)[None], SAMPLE_RATE_HZ))


def _kept(folder: Path, heard: Mapping[str, Sequence[Samples]], charts: Sequence[TrainingChart]) -> None:
    """Write what was heard. Raises ``TrainingError``."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, sounds in heard.items():
            for sound, chart in zip(sounds, charts, strict=True):
                soundfile.write(folder / f"{chart.seed}-{name.replace(' ', '-')}.wav", sound, SAMPLE_RATE_HZ)
    except (OSError, soundfile.LibsndfileError) as error:
        raise TrainingError(f"{folder} cannot be written: {error}.") from error


def _made(engine: JascoEngine, told: Sequence[JascoControls], report: Report) -> Iterator[Samples]:
    for count, one in enumerate(told, start=1):
        (waveform,) = engine.generate([one], report=lambda share: None, cancelled=lambda: False)
        yield waveform.samples[: round(WINDOW_S * waveform.sample_rate_hz), 0]
        report(count / len(told))
