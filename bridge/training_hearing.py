"""What a training has learnt so far, listened to on a few pieces: scores against the chart, distances of spectra.

A name followed by ``shuffled`` is measured against another piece's chart, which is what no control at all would reach;
``ceiling`` is what the codec makes of the piece itself, which no model on it can pass.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import torch
from torch import Tensor

from bridge.adherence import Listened
from bridge.score_record import Score
from bridge.training_asked import asked_of_training
from models.codec import Codec
from models.generator import Samples
from models.jasco import Controls, Guidance, Jasco, noise_of
from models.magnet import Magnet, choose_by_seed
from models.presets import Decoding, Solver
from models.spectral import log_mel_distance
from models.training_latents import drums_as_heard, encode_music, melody_of, with_controls
from models.training_music import FULL_SCALE
from models.training_pieces import Music

SHUFFLED: Final = "shuffled"
CEILING: Final = "ceiling"
PARTS: Final = ("chords", "drums", "melody", "tempo")
Figures = dict[str, float]


@torch.inference_mode()
def hear_codec(codec: Codec, music: Music) -> Figures:
    """How far pieces are from what the codec makes of them, and how well their charts are heard in that."""
    device = next(codec.parameters()).device
    plain, quantised, scores = [], [], []
    for place, chart in enumerate(music.charts):
        audio = torch.from_numpy(music.mixes[place]).to(device).float()[None, None] / FULL_SCALE
        latents = codec.encode(audio)
        coarse = codec.dequantise(codec.quantise(latents, codec.config.codebooks))
        heard = codec.decode(latents)[..., : audio.shape[-1]]
        through = codec.decode(coarse)[..., : audio.shape[-1]]
        plain.append(float(log_mel_distance(heard[:, 0], audio[:, 0], music.sample_rate_hz)))
        quantised.append(float(log_mel_distance(through[:, 0], audio[:, 0], music.sample_rate_hz)))
        scores.append(_listened(heard, music.sample_rate_hz).score(asked_of_training(chart)))
    return {"mel": statistics.fmean(plain), "mel-quantised": statistics.fmean(quantised), **means(scores)}


def hear_jasco(model: Jasco, music: Music, *, guidance: Guidance, solver: Solver) -> Figures:
    """How well a model follows the charts of pieces, beside other pieces' charts and what its codec makes of each.

    All begin with the same noise: what differs is what was asked for.
    """
    config, rate = model.config, music.sample_rate_hz
    latents = with_controls(encode_music(music, model.codec), config)
    own, other, best = [], [], []
    for place, chart in enumerate(music.charts):
        controls = Controls(
            descriptions=(chart.caption or None,),
            chords=latents.chords[place].long() if chart.chords else None,
            drums=_stem(music, place),
            melody=melody_of(chart, config) if config.melody_dim and chart.melody else None,
        )
        noise = noise_of([0], config.latent_frames, config.flow_dim)
        heard = model.decode(model.sample(controls, noise, guidance=guidance, solver=solver))
        listened = _listened(heard, rate)
        own.append(listened.score(asked_of_training(chart)))
        other.append(listened.score(asked_of_training(music.charts[place - 1])))
        mix = latents.encoded.mix[place].float().to(next(model.codec.parameters()).device)
        best.append(_listened(_decoded(model.codec, mix), rate).score(asked_of_training(chart)))
    shuffled = means(other, SHUFFLED) if len(music.charts) > 1 else {}
    return {**means(own), **shuffled, **means(best, CEILING)}


def hear_magnet(model: Magnet, music: Music, *, decoding: Decoding) -> Figures:
    """How well a model keeps the tempo that captions name, beside other captions' tempos."""
    own, other = [], []
    for place, chart in enumerate(music.charts):
        codes = model.generate([chart.caption or None], model.config.segment_frames, decoding, choose_by_seed([0]))
        listened = _listened(model.decode(codes), music.sample_rate_hz)
        own.append(listened.score(asked_of_training(chart)))
        other.append(listened.score(asked_of_training(music.charts[place - 1])))
    tempo = {name: value for name, value in means(own).items() if name == "tempo"}
    shuffled = {name: value for name, value in means(other, SHUFFLED).items() if name.startswith("tempo")}
    return {**tempo, **(shuffled if len(music.charts) > 1 else {})}


def means(scores: Iterable[Score], beside: str = "", parts: Sequence[str] = PARTS) -> Figures:
    """The mean of each part over the pieces that ask for it."""
    told = list(scores)
    figures = {}
    for part in parts:
        values = [value for one in told if (value := getattr(one, part)) is not None]
        if values:
            figures[f"{part} {beside}".strip()] = statistics.fmean(values)
    return figures


def told(figures: Mapping[str, float]) -> str:
    """Figures in a line."""
    return ", ".join(f"{name} {value:.2f}" for name, value in figures.items()) or "nothing to measure"


@torch.inference_mode()
def _decoded(codec: Codec, latents: Tensor) -> Tensor:
    return codec.decode(latents.T[None])


def _stem(music: Music, place: int) -> Tensor | None:
    if not music.stems[place]:
        return None
    return drums_as_heard(torch.from_numpy(music.drums[place]).float() / FULL_SCALE)


def _listened(heard: Tensor, sample_rate_hz: int) -> Listened:
    samples: Samples = heard[0].T.float().cpu().numpy()
    return Listened(samples, sample_rate_hz)
