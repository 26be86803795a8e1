"""How far a model follows held-out charts: pieces of test seeds, made again by a model from their charts, and heard.

Each is scored against its own chart and against the next one's; so are the piece itself and what the codec leaves of it,
which is the most that the model can reach. Controls are left out or taken from the next piece one at a time, to see
that each moves its own score.
"""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal, get_args

import numpy as np
import torch

from bridge.adherence import score_of
from bridge.drum_render import DrumRenderer
from bridge.score_record import Score
from bridge.training_asked import asked_of_training
from bridge.training_captions import with_caption
from midi.compose_split import seeds_of
from midi.composing import compose
from models.codec import Codec
from models.generator import JascoControls, Samples, TimedHit, TimedPitch
from models.jasco_engine import JascoEngine
from models.soundfont import SoundfontRenderer
from models.spectral import log_mel_distance
from models.training_chart import WINDOW_S, TrainingChart
from models.training_music import FULL_SCALE, SAMPLE_RATE_HZ, TrainingPiece, make_piece

Changed = Literal["asked", "no chords", "no drums", "no melody", "no words", "other chords", "other drums", "other melody"]
CHANGES: Final[tuple[Changed, ...]] = get_args(Changed)
PARTS: Final = ("chords", "drums", "melody")
Report = Callable[[float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """The mean scores of some audio, by part: against its own charts, and against other pieces'."""

    what: str
    own: dict[str, float]
    others: dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """What was heard of some pieces, and the log-mel distance of what the codec leaves of them."""

    pieces: int
    rows: tuple[Row, ...]
    codec_log_mel: float


def held_out(seed: int, pieces: int, soundfont: Path | None) -> list[TrainingPiece]:
    """The first pieces of test seeds from ``seed`` on, with their captions."""
    renderer = SoundfontRenderer(soundfont)
    made = []
    for one in itertools.islice(seeds_of("test", seed), pieces):
        piece = make_piece(one, renderer)
        made.append(replace(piece, chart=with_caption(piece.chart, compose(one, WINDOW_S))))
    return made


def controls_of(chart: TrainingChart, *, seed: int, all_weight: float, text_weight: float, solver: str) -> JascoControls:
    """What a model is asked for to make a piece of its chart."""
    return JascoControls(
        description=chart.caption,
        chords=chart.chords,
        drums=tuple(TimedHit(at_s=at, voice=voice, velocity=velocity) for at, voice, velocity in chart.drums),
        melody=tuple(TimedPitch(start_s=start, end_s=end, pitch=pitch) for start, end, pitch in chart.melody),
        duration_s=WINDOW_S,
        all_weight=all_weight,
        text_weight=text_weight,
        solver=solver,
        seed=seed,
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
    own = [_score(sound, chart) for sound, chart in zip(sounds, charts, strict=True)]
    others = [_score(sound, chart) for sound, chart in zip(sounds, [*charts[1:], charts[0]], strict=True)]
    return Row(what=name, own=_means(own), others=_means(others))


def _score(sound: Samples, chart: TrainingChart) -> Score:
    return score_of(sound[:, None], SAMPLE_RATE_HZ, asked_of_training(chart))


def _means(scores: Sequence[Score]) -> dict[str, float]:
    found = {part: [value for one in scores if (value := getattr(one, part)) is not None] for part in PARTS}
    return {part: statistics.fmean(values) for part, values in found.items() if values}


@torch.inference_mode()
def through_codec(codec: Codec, sound: Samples) -> Samples:
    """What the codec leaves of a sound [N], without quantising it."""
    audio = torch.from_numpy(sound)[None, None]
    left: Samples = codec.decode(codec.encode(audio))[0, 0, : len(sound)].numpy()
    return left


def scores_of(
    folder: Path,
    pieces: Sequence[TrainingPiece],
    *,
    all_weight: float,
    text_weight: float,
    solver: str,
    changes: Sequence[Changed] = CHANGES,
    soundfont: Path | None = None,
    report: Report = lambda share: None,
) -> Scores:
    """Make the pieces again by the model in a folder, and listen. Raises ``ModelError`` and ``GeneratorError``."""
    renderer = DrumRenderer(soundfont)
    engine = JascoEngine(folder, device="cpu", render_drums=lambda chart, rate: renderer(chart.drums, rate))
    charts = [piece.chart for piece in pieces]
    truth: list[Samples] = [piece.mix.astype(np.float32) / FULL_SCALE for piece in pieces]
    left = [through_codec(engine.codec, sound) for sound in truth]
    distances = [
        float(log_mel_distance(torch.from_numpy(ours)[None], torch.from_numpy(theirs)[None], SAMPLE_RATE_HZ))
        for ours, theirs in zip(left, truth, strict=True)
    ]
    asked = [
        controls_of(chart, seed=chart.seed, all_weight=all_weight, text_weight=text_weight, solver=solver)
        for chart in charts
    ]
    rows = [scored("the pieces", truth, charts), scored("through the codec", left, charts)]
    for number, change in enumerate(changes):
        told = [changed(one, other, change) for one, other in zip(asked, [*asked[1:], asked[0]], strict=True)]
        base = number / len(changes)
        sounds = list(_made(engine, told, lambda share, base=base: report(base + share / len(changes))))
        rows.append(scored(change, sounds, charts))
    return Scores(pieces=len(pieces), rows=tuple(rows), codec_log_mel=statistics.fmean(distances))


def _made(engine: JascoEngine, told: Sequence[JascoControls], report: Report) -> Iterator[Samples]:
    for count, one in enumerate(told, start=1):
        (waveform,) = engine.generate([one], report=lambda share: None, cancelled=lambda: False)
        yield waveform.samples[: round(WINDOW_S * waveform.sample_rate_hz), 0]
        report(count / len(told))
