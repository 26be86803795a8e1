"""JASCO: music by flow matching from text, chords, drums and melody.

Tal et al. 2024, Joint Audio and Symbolic Conditioning for Temporally Controlled Text-to-Music Generation. A
transformer is the vector field that carries noise to EnCodec latents; chords, drums and melody are joined to it frame
by frame, text comes in by cross-attention. This file holds the configuration, the field, the conditions and the
guidance; solvers, codec and text have files of their own.
"""

from __future__ import annotations

import hashlib
import math
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol

import torch
from torch import Tensor, nn

from models.codec import Codec
from models.errors import ModelError
from models.layers import NORM_EPS, TransformerLayer, sinusoidal_positions
from models.presets import Solver
from models.solvers import Field, Watch, integrate
from models.streaming_codec import CHUNK_FRAMES, Chunks, decoding
from models.text_encoders import EncodesText
from models.vocabulary import NO_CHORD, chord_vocabulary
from models.xp_config import XpConfig

TEMPORAL: Final = ("chords", "self_wav", "melody")
"""The conditions that are joined to the latents, in this order."""
NULL_CHORD: Final = 194
"""The chord of guidance without chords: the row after the vocabulary."""
MELODY_LOWEST_PITCH: Final = 43
"""The MIDI note of the melody's first row, G2; its 53rd is B6."""
REMEMBERED_DRUMS: Final = 16
"""Windows of drums whose codes are kept: encoding them costs as much as several evaluations on a CPU."""
GUIDANCE_FLOOR: Final = 1e-6
"""A guidance term with a smaller weight is left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JascoConfig:
    """The architecture of a checkpoint, from its ``xp.cfg``. A ``melody_dim`` of 0 is a model without melody."""

    dim: int
    heads: int
    layers: int
    hidden_scale: int
    flow_dim: int
    chords_dim: int
    drums_dim: int
    melody_dim: int
    melody_rows: int
    chord_count: int
    time_dim: int
    skips: bool
    blur_frames: int
    latent_mean: float
    latent_std: float
    frame_rate_hz: float
    sample_rate_hz: int
    segment_s: float
    dropped_for_text: frozenset[str]
    """The conditions that the text term of guidance goes without."""

    @property
    def conditions(self) -> tuple[str, ...]:
        """The temporal conditions of this model."""
        return TEMPORAL if self.melody_dim else TEMPORAL[:2]

    @property
    def segment_frames(self) -> int:
        """Frames of the window that the model was trained on."""
        return int(self.segment_s * self.frame_rate_hz)

    @property
    def latent_frames(self) -> int:
        """Frames of latents that make the window: the last one may reach over its end."""
        return math.ceil(self.segment_s * self.frame_rate_hz)

    @property
    def segment_samples(self) -> int:
        """Audio samples of the window."""
        return int(self.segment_s * self.sample_rate_hz)


def read_config(config: XpConfig) -> JascoConfig:
    """The architecture that ``xp.cfg`` describes. Raises ``ModelError`` for another model than JASCO."""
    kind = config.get("lm_model")
    if kind != "flow_matching":
        raise ModelError(f"This checkpoint holds the model {kind!r}, and JASCO is 'flow_matching': name a JASCO one.")
    config.need_plain_transformer()
    drums = "conditioners.self_wav.drum_latents"
    dropped = {*config.mapping("attribute_dropout.symbolic"), *config.mapping("attribute_dropout.wav")}
    dim, heads = config.need_heads()
    layers, skips = config.need_whole("transformer_lm.num_layers"), bool(config.get("transformer_lm.skip_connections"))
    melody_dim = config.need_whole("transformer_lm.melody_dim", default=0, at_least=0)
    if skips and layers % 2:
        raise ModelError(f"The checkpoint has skip connections and {layers} layers: only an even number can have them.")
    return JascoConfig(
        dim=dim,
        heads=heads,
        layers=layers,
        hidden_scale=config.need_whole("transformer_lm.hidden_scale", default=4),
        flow_dim=config.need_whole("transformer_lm.flow_dim"),
        chords_dim=config.need_whole("transformer_lm.chords_dim"),
        drums_dim=config.need_whole("transformer_lm.drums_dim"),
        melody_dim=melody_dim,
        melody_rows=config.need_whole("conditioners.melody.melody.card") if melody_dim else 0,
        chord_count=config.need_whole("conditioners.chords.chords_emb.card"),
        time_dim=config.need_whole("transformer_lm.time_embedding_dim", default=128, at_least=4),
        skips=skips,
        blur_frames=config.need_whole(f"{drums}.blurring_factor"),
        latent_mean=config.need_number("compression_model_latent_mean"),
        latent_std=config.need_number("compression_model_latent_std", above=0),
        frame_rate_hz=config.need_number("compression_model_framerate", above=0),
        sample_rate_hz=config.need_whole("sample_rate"),
        segment_s=config.need_number("dataset.segment_duration", above=0),
        dropped_for_text=frozenset(dropped),
    )


# The field


class TimeEmbedding(nn.Module):
    """The time of the flow as one vector [B or 1, 1, dim]: sines, cosines, and a small network."""

    def __init__(self, time_dim: int, dim: int) -> None:
        super().__init__()
        self.time_dim = time_dim
        self.dense0 = nn.Linear(time_dim, 4 * time_dim)
        self.dense1 = nn.Linear(4 * time_dim, 4 * time_dim)
        self.out = nn.Linear(4 * time_dim, dim)

    def sinusoid(self, t: Tensor) -> Tensor:
        """Sines first, then cosines, and a zero where the size is odd; ``t`` is used as it is, from 0 to 1."""
        half = self.time_dim // 2
        steps = torch.arange(half, device=t.device, dtype=torch.float32)
        angle = t.reshape(-1, 1).float() * torch.exp(steps * (-math.log(10000.0) / (half - 1)))
        wave = torch.cat([angle.sin(), angle.cos()], dim=-1)
        return nn.functional.pad(wave, (0, self.time_dim % 2))

    def hidden(self, t: Tensor) -> Tensor:
        """The embedding before its projection to the transformer's size."""
        inner: Tensor = self.dense1(nn.functional.silu(self.dense0(self.sinusoid(t).to(self.dense0.weight.dtype))))
        return inner

    def forward(self, t: Tensor) -> Tensor:
        """``t`` has no dimension, or one of 1 or B."""
        vector: Tensor = self.out(self.hidden(t))
        return vector[:, None]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Conditions:
    """What the field is given beside latents and time, one row for each member of each guidance term.

    ``temporal`` are [rows, T, dim] by name, of any length T; ``text`` is [rows, L, dim]. ``told`` says that only so
    many of the first rows have a text, and that of the others is zero; None says nothing.
    """

    temporal: Mapping[str, Tensor]
    text: Tensor
    told: int | None = None


class FlowModel(nn.Module):
    """The vector field v(z, t): a transformer over the latents' frames without a mask."""

    def __init__(self, config: JascoConfig) -> None:
        super().__init__()
        self.config = config
        joined = config.flow_dim + config.chords_dim + config.drums_dim + config.melody_dim
        self.embed = nn.Linear(joined, config.dim, bias=False)
        self.time = TimeEmbedding(config.time_dim, config.dim)
        self.layers = nn.ModuleList(
            TransformerLayer(config.dim, config.heads, config.hidden_scale) for _ in range(config.layers)
        )
        pairs = config.layers // 2 if config.skips else 0
        self.skips = nn.ModuleList(nn.Linear(2 * config.dim, config.dim) for _ in range(pairs))
        self.out_norm = nn.LayerNorm(config.dim, eps=NORM_EPS)
        self.out = nn.Linear(config.dim, config.flow_dim, bias=False)

    def forward(self, z: Tensor, t: Tensor, conditions: Conditions) -> Tensor:
        """The field at ``z`` [rows, T, flow_dim]. Conditions are cut to T frames, or zeros are added."""
        frames = z.shape[1]
        parts = [z, *(to_frames(conditions.temporal[name], frames) for name in self.config.conditions)]
        x = self.embed(torch.cat(parts, dim=-1))
        source = conditions.text + self.time(t)
        x = x + sinusoidal_positions(frames, self.config.dim, device=z.device).to(x.dtype)
        x = self._through_layers(x, source)
        v: Tensor = self.out(self.out_norm(x))
        return v

    def _through_layers(self, x: Tensor, source: Tensor) -> Tensor:
        """The layers, each of the second half fed with what the one opposite in the first half gave (U-net skips)."""
        kept: list[Tensor] = []
        for index, layer in enumerate(self.layers):
            later = index - len(self.skips)
            if self.skips and later >= 0:
                x = self.skips[later](torch.cat([x, kept.pop()], dim=-1))
            x = layer(x, source)
            if self.skips and later < 0:
                kept.append(x)
        return x


def to_frames(condition: Tensor, frames: int) -> Tensor:
    """Cut to ``frames``, or followed by zeros, which are not the projection of anything."""
    return nn.functional.pad(condition[:, :frames], (0, 0, 0, max(0, frames - condition.shape[1])))


# Guidance


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """A term of the guided field: the conditions that it has (all, the text alone, none), and its weight."""

    kind: Literal["all", "text", "null"]
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Guidance:
    """Weights of multi-source classifier-free guidance (JASCO, section 3.4); the rest up to 1 is without conditions."""

    all_weight: float = 5.0
    text_weight: float = 0.0

    @property
    def terms(self) -> tuple[Term, ...]:
        """The terms that are evaluated: those with a weight, and the one after a term without.

        The reference drops terms from a list while it walks it, so the term after a dropped one stays. That one
        adds nothing, but its text counts for the padding, so it is kept here too.
        """
        terms = [
            Term(kind="all", weight=self.all_weight),
            Term(kind="text", weight=self.text_weight),
            Term(kind="null", weight=1.0 - self.all_weight - self.text_weight),
        ]
        place = 0
        while place < len(terms):
            if abs(terms[place].weight) < GUIDANCE_FLOOR:
                del terms[place]
            place += 1
        return tuple(terms)


def combined(raw: Tensor, terms: Sequence[Term]) -> Tensor:
    """The guided field [B, T, C] of its terms [terms * B, T, C]; a single term counts whole, whatever its weight."""
    if len(terms) == 1:
        return raw
    total = torch.zeros_like(raw[: len(raw) // len(terms)])
    for term, part in zip(terms, raw.chunk(len(terms)), strict=True):
        total = total + term.weight * part
    return total


# Controls


def chord_frames(
    changes: Sequence[tuple[str | None, float]], *, frame_rate_hz: float, duration_s: float
) -> Tensor | None:
    """The chord index of each frame: the last change at or before its time, ``N`` before the first.

    Changes are taken in the order in which they stand: one that comes early after a later one waits for it.
    No label is ``N``. None where there are no changes at all. Raises ``ModelError`` for a label that a frame
    would have and the vocabulary has not.
    """
    if not changes:
        return None
    vocabulary = chord_vocabulary()
    waiting = list(changes)
    current: str | None = None
    indices = []
    for frame in range(int(duration_s * frame_rate_hz)):
        while waiting and frame / frame_rate_hz >= waiting[0][1]:
            current = waiting.pop(0)[0]
        label = current or NO_CHORD
        if label not in vocabulary:
            raise ModelError(f"The model knows no chord {label!r}: its labels are in models/chord_vocab.json.")
        indices.append(vocabulary[label])
    return torch.tensor(indices, dtype=torch.long)


def blur(latents: Tensor, frames: int) -> Tensor:
    """The average of every ``frames`` frames in place of each of them, [B, T, C]; the end is completed by reflection.

    Raises ``ModelError`` for latents too short to be reflected.
    """
    length = latents.shape[1]
    missing = -length % frames
    if missing > length - 1:
        raise ModelError(f"Drums of {length} frames are too short for the model: give it at least {frames} frames.")
    if missing:
        latents = torch.cat([latents, latents[:, -missing - 1 : -1].flip(1)], dim=1)
    means = latents.reshape(len(latents), -1, frames, latents.shape[2]).mean(dim=2)
    return means.repeat_interleave(frames, dim=1)[:, :length]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Controls:
    """What a batch is made from: a description each, and chords, drums and melody that all share.

    ``chords`` are indices [T] (None or a single one: no chords), ``drums`` mono audio [N] at the model's rate,
    ``melody`` a piano roll [53, T].
    """

    descriptions: tuple[str | None, ...]
    chords: Tensor | None = None
    drums: Tensor | None = None
    melody: Tensor | None = None

    @property
    def has_chords(self) -> bool:
        """Whether there is more than the single index that stands for no chords."""
        return self.chords is not None and len(self.chords) > 1


class Conditioner(nn.Module):
    """From controls to the conditions of every guidance term."""

    def __init__(self, config: JascoConfig, text_dim: int) -> None:
        super().__init__()
        self.config = config
        self.chords = nn.Embedding(config.chord_count + 1, config.chords_dim)
        self.drums = nn.Linear(config.flow_dim, config.drums_dim)
        self.text = nn.Linear(text_dim, config.dim)
        if config.melody_dim:
            self.melody = nn.Linear(config.melody_rows, config.melody_dim)
        self._coarsest: OrderedDict[tuple[bytes, str, str], Tensor] = OrderedDict()

    def forward(self, controls: Controls, terms: Sequence[Term], codec: Codec, text: EncodesText) -> Conditions:
        """The conditions, term by term: the rows of the first term, then those of the second, and so on."""
        batch = len(controls.descriptions)
        temporal = {
            "chords": self.chords(self.chord_indices(controls, terms)),
            "self_wav": self.drums(self.drum_latents(controls, terms, codec)),
        }
        if self.config.melody_dim:
            temporal["melody"] = self.melody(self.melody_rows(controls, terms))
        descriptions = self.descriptions(controls, terms)
        states, mask = text.encode(descriptions)
        described = self.text(states.to(self.text.weight.dtype)) * mask[..., None]
        last_told = max((place for place, one in enumerate(descriptions) if one), default=-1)
        return Conditions(
            temporal={name: _by_row(rows, batch) for name, rows in temporal.items()}, text=described, told=last_told + 1
        )

    def descriptions(self, controls: Controls, terms: Sequence[Term]) -> list[str | None]:
        """The description of every row; the null term has none."""
        return [None if term.kind == "null" else text for term in terms for text in controls.descriptions]

    def chord_indices(self, controls: Controls, terms: Sequence[Term]) -> Tensor:
        """Chord indices [terms, T]; without chords every frame is the null chord."""
        device = self.chords.weight.device
        if controls.chords is None or not controls.has_chords:
            return torch.full((len(terms), self.config.segment_frames), NULL_CHORD, device=device)
        given = controls.chords.to(device)
        null = torch.full_like(given, NULL_CHORD)
        return torch.stack([null if self._drops(term, "chords", controls) else given for term in terms])

    def melody_rows(self, controls: Controls, terms: Sequence[Term]) -> Tensor:
        """Piano rolls [terms, T, 53]; no melody is a roll of zeros."""
        weight = self.melody.weight
        if controls.melody is None:
            roll = torch.zeros(self.config.segment_frames, self.config.melody_rows)
        else:
            roll = controls.melody.T
        given = roll.to(weight)
        null = torch.zeros_like(given)
        return torch.stack([null if self._drops(term, "melody", controls) else given for term in terms])

    def drum_codes(self, controls: Controls, terms: Sequence[Term], codec: Codec) -> Tensor | None:
        """First codebook's codes [terms, T] of the drums, and of silence where a term has none; None without drums."""
        if controls.drums is None:
            return None
        if not len(controls.drums):
            raise ModelError("The drum track holds no audio: leave it out, or give it sound.")
        length = self.config.segment_samples
        drums = nn.functional.pad(controls.drums[:length], (0, max(0, length - len(controls.drums))))
        heard, silence = (self.coarsest(audio, codec) for audio in (drums, torch.zeros(length)))
        return torch.stack([silence if self._drops(term, "self_wav", controls) else heard for term in terms])

    def coarsest(self, audio: Tensor, codec: Codec) -> Tensor:
        """The first codebook's codes [T] of mono audio [N]; those of what was asked for last are remembered."""
        weight = next(codec.parameters())
        content = audio.detach().cpu().contiguous()
        key = hashlib.sha256(content.numpy().tobytes()).digest(), str(content.dtype), str(weight.device)
        found = self._coarsest.pop(key, None)
        if found is None:
            found = codec.quantise(codec.encode(audio.to(weight)[None, None]), codebooks=1)[0, 0]
        self._coarsest[key] = found
        while len(self._coarsest) > REMEMBERED_DRUMS:
            self._coarsest.popitem(last=False)
        return found

    def drum_latents(self, controls: Controls, terms: Sequence[Term], codec: Codec) -> Tensor:
        """Blurred latents [terms, T, C]; zeros without drums, which is not what silence is encoded as."""
        codes = self.drum_codes(controls, terms, codec)
        if codes is None:
            return self.drums.weight.new_zeros(len(terms), self.config.segment_frames, self.config.flow_dim)
        latents = codec.dequantise(codes[:, None]).transpose(1, 2)
        return blur(latents, self.config.blur_frames).to(self.drums.weight.dtype)

    def _drops(self, term: Term, condition: str, controls: Controls) -> bool:
        """Whether a term goes without a condition. Without chords no symbolic one is dropped, as in the reference."""
        if term.kind == "all" or condition not in self.config.dropped_for_text:
            return False
        return condition == "self_wav" or controls.has_chords


def _by_row(rows: Tensor, batch: int) -> Tensor:
    """[terms, ...] to [terms * batch, ...]."""
    return rows.repeat_interleave(batch, dim=0)


# The model


class Solve(Protocol):
    """Another way to carry noise [B, T, C] to latents, which gives the same up to rounding.

    Frames that are ``kept`` [B, K, C] must come out about as they are; ``watch`` is told before each evaluation.
    """

    def __call__(
        self,
        conditions: Conditions,
        terms: Sequence[Term],
        start: Tensor,
        *,
        solver: Solver,
        kept: Tensor | None,
        watch: Watch,
    ) -> Tensor:
        """The latents."""
        ...


class Jasco(nn.Module):
    """A JASCO checkpoint in memory, with the codec that it brings and a text encoder."""

    def __init__(self, config: JascoConfig, codec: Codec, text: EncodesText) -> None:
        super().__init__()
        self.config = config
        self.flow = FlowModel(config)
        self.conditioner = Conditioner(config, text.dim)
        self.codec = codec
        self.text_encoder = text
        self.fast: Solve | None = None
        """What ``sample`` leaves the flow to; None is the plain way, which is written out here."""

    def field(self, conditions: Conditions, terms: Sequence[Term]) -> Field:
        """The guided vector field under these conditions; what a half-precision model gives is added up in float32."""
        dtype = self.flow.embed.weight.dtype

        def field(z: Tensor, t: Tensor) -> Tensor:
            raw = self.flow(z.to(dtype).repeat(len(terms), 1, 1), t, conditions)
            return combined(raw.to(z.dtype), terms)

        return field

    @torch.inference_mode()
    def sample(
        self,
        controls: Controls,
        noise: Tensor,
        *,
        guidance: Guidance,
        solver: Solver,
        kept: Tensor | None = None,
        watch: Watch = lambda share: None,
    ) -> Tensor:
        """Latents [B, T, C] from noise of that shape. Raises ``ModelError`` for controls that the model cannot take.

        ``kept`` [B, K, C] are latents that the first K frames are to have: they go straight from the noise to them, so
        that at every time the others see them as noisy as themselves, and come out as they were given.
        """
        terms = guidance.terms
        conditions = self.conditioner(controls, terms, self.codec, self.text_encoder)
        start = noise.to(device=conditions.text.device, dtype=torch.float32)
        held = None if kept is None else kept.to(start)
        latents = (self.fast or self.solve)(conditions, terms, start, solver=solver, kept=held, watch=watch)
        return latents if held is None else torch.cat([held, latents[:, held.shape[1] :]], dim=1)

    def solve(
        self,
        conditions: Conditions,
        terms: Sequence[Term],
        start: Tensor,
        *,
        solver: Solver,
        kept: Tensor | None,
        watch: Watch,
    ) -> Tensor:
        """The plain ``Solve``."""
        field = self.field(conditions, terms)
        if kept is not None:
            field = holding(field, kept - start[:, : kept.shape[1]])
        return integrate(field, start, solver, watch)

    @torch.inference_mode()
    def decode(self, latents: Tensor) -> Tensor:
        """Audio [B, 1, N] of the flow's latents [B, T, C]."""
        return self.codec.decode(self._scaled(latents))

    @torch.inference_mode()
    def decoding(self, latents: Tensor, chunk_frames: int = CHUNK_FRAMES) -> Chunks:
        """``decode`` in chunks of so many frames."""
        return decoding(self.codec, self._scaled(latents), chunk_frames)

    def _scaled(self, latents: Tensor) -> Tensor:
        """Latents [B, C, T] as the codec has them."""
        scaled = latents * self.config.latent_std + self.config.latent_mean
        return scaled.transpose(1, 2).to(next(self.codec.parameters()).dtype)


def holding(field: Field, velocity: Tensor) -> Field:
    """A field that has a given velocity [B, K, C] in the first frames."""

    def held(z: Tensor, t: Tensor) -> Tensor:
        return torch.cat([velocity, field(z, t)[:, velocity.shape[1] :]], dim=1)

    return held


def noise_of(seeds: Sequence[int], frames: int, channels: int) -> Tensor:
    """Noise [B, frames, channels], drawn on the CPU from a seed for each row, so that every device gets the same."""
    return noises_of(seeds, frames, channels, windows=1)[0]


def noises_of(seeds: Sequence[int], frames: int, channels: int, *, windows: int) -> list[Tensor]:
    """Noise as of ``noise_of`` for each of some windows, drawn one after the other."""
    sources = [torch.Generator().manual_seed(seed) for seed in seeds]
    return [
        torch.stack([torch.randn(frames, channels, generator=source) for source in sources]) for _ in range(windows)
    ]
