"""MAGNeT: music and sound by filling masked tokens, from text.

Ziv et al. 2024, Masked Audio Generation using a Single Non-Autoregressive Transformer. Audio is four streams of
EnCodec tokens, which are filled one after the other, from coarse to fine. Each stream begins as nothing but masks; in
every step all tokens are drawn, and the least certain spans of them are masked again. This file holds the
configuration, the network, the schedule, the masks and the decoding; codec and text have files of their own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import torch
from torch import Tensor, nn

from models.codec import Codec, CodecConfig
from models.errors import ModelError
from models.layers import NORM_EPS, Band, TransformerLayer, sinusoidal_positions
from models.presets import Decoding
from models.streaming_codec import CHUNK_FRAMES, Chunks, decoding
from models.text_encoders import EncodesText
from models.xp_config import XpConfig

NEVER: Final = -1e4
"""The score of what is not to be masked again."""
COLDEST: Final = 0.01
"""The lowest temperature: an annealed one ends here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MagnetConfig:
    """The architecture of a checkpoint, from its ``xp.cfg`` and its codec's.

    ``bins`` are the tokens of a codebook, ``reach`` the frames that the finer codebooks hear to either side (None:
    all), ``span`` the frames that are masked together. ``sound`` is a model of sounds rather than music.
    """

    dim: int
    heads: int
    layers: int
    hidden_scale: int
    codebooks: int
    bins: int
    reach: int | None
    span: int
    frame_rate_hz: int
    sample_rate_hz: int
    segment_s: float
    sound: bool

    @property
    def segment_frames(self) -> int:
        """Frames of the window that the model was trained on."""
        return int(self.segment_s * self.frame_rate_hz)

    def length_of(self, frames: int, decoding: Decoding, kept: Kept | None) -> int:
        """The frames that are made where so many are asked for. Raises ``ModelError`` for what does not fit."""
        if len(decoding.decoding_steps) != self.codebooks or min(decoding.decoding_steps) < 1:
            raise ModelError(f"The model has {self.codebooks} codebooks: give each its number of steps.")
        length = frames - (frames % self.span if decoding.span_arrangement == "nonoverlap" else 0)
        if length < self.span:
            raise ModelError(f"{frames} frames are too few for the model: it fills {self.span} at a time.")
        if kept is not None and len(kept.frames) > length:
            raise ModelError(f"{len(kept.frames)} frames are given, and only {length} are made: ask for more.")
        return length


def read_config(config: XpConfig, codec: CodecConfig) -> MagnetConfig:
    """The architecture that ``xp.cfg`` describes. Raises ``ModelError`` for another model than MAGNeT."""
    kind = config.get("lm_model")
    if kind != "transformer_lm_magnet":
        raise ModelError(
            f"This checkpoint holds the model {kind!r}, and MAGNeT is 'transformer_lm_magnet': name a MAGNeT one."
        )
    config.need_plain_transformer()
    if config.get("codebooks_pattern.modeling", "parallel") != "parallel":
        raise ModelError("The checkpoint shifts its codebooks: it is no MAGNeT.")
    dim, heads = config.need_heads()
    reach = config.need_whole("transformer_lm.subcodes_context", default=-1, at_least=-1)
    return MagnetConfig(
        dim=dim,
        heads=heads,
        layers=config.need_whole("transformer_lm.num_layers"),
        hidden_scale=config.need_whole("transformer_lm.hidden_scale", default=4),
        codebooks=config.need_whole("transformer_lm.n_q"),
        bins=config.need_whole("transformer_lm.card"),
        reach=None if reach < 0 else reach,
        span=config.need_whole("masking.span_len"),
        frame_rate_hz=int(codec.frame_rate_hz),
        sample_rate_hz=config.need_whole("sample_rate"),
        segment_s=config.need_number("dataset.segment_duration", above=0),
        sound=config.get("solver") == "audio_magnet",
    )


# The network


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HeardText:
    """Keys and values of the descriptions for every layer: they stay the same from step to step."""

    layers: tuple[tuple[Tensor, Tensor], ...]
    rows: int


class TokenModel(nn.Module):
    """Logits of one codebook's tokens, given all codebooks' with masks among them."""

    def __init__(self, config: MagnetConfig) -> None:
        super().__init__()
        self.config = config
        self.embed = nn.ModuleList(nn.Embedding(config.bins + 1, config.dim) for _ in range(config.codebooks))
        self.layers = nn.ModuleList(
            TransformerLayer(config.dim, config.heads, config.hidden_scale) for _ in range(config.layers)
        )
        self.out_norm = nn.LayerNorm(config.dim, eps=NORM_EPS)
        self.out = nn.ModuleList(nn.Linear(config.dim, config.bins, bias=False) for _ in range(config.codebooks))

    @property
    def _blocks(self) -> list[TransformerLayer]:
        return [layer for layer in self.layers if isinstance(layer, TransformerLayer)]

    @property
    def mask_token(self) -> int:
        """The token that stands for what is not known yet."""
        return self.config.bins

    def hear(self, text: Tensor) -> HeardText:
        """Descriptions [B, L, dim] as the layers hear them."""
        return HeardText(layers=tuple(layer.cross_attn.keys_and_values(text) for layer in self._blocks), rows=len(text))

    def band(self, stage: int, frames: int) -> Band | None:
        """Who hears whom while codebook ``stage`` is filled: all frames the first, those near by the others."""
        if stage == 0 or self.config.reach is None:
            return None
        return Band(frames, self.config.reach, device=self.out_norm.weight.device)

    def forward(self, codes: Tensor, text: HeardText, band: Band | None) -> Tensor:
        """What the heads read [rows, T, dim], from codes [rows, K, T].

        The first ``text.rows`` rows hear their description, the others none: attention to nothing, without biases,
        is zero, so it is left out.
        """
        x = torch.stack([embed(codes[:, book]) for book, embed in enumerate(self.embed)]).sum(dim=0)
        x = x + sinusoidal_positions(x.shape[1], self.config.dim, device=x.device).to(x.dtype)
        for layer, heard in zip(self._blocks, text.layers, strict=True):
            x = layer.with_itself(x, band)
            told = x[: text.rows]
            told = told + layer.cross_attn.heard(layer.norm_cross(told), heard)
            x = layer.with_feed_forward(torch.cat([told, x[text.rows :]]))
        out: Tensor = self.out_norm(x)
        return out


# The schedule


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step: the codebook, its place among that one's steps, and what it does.

    ``share`` of the units is masked, ``masked`` in number; logits are guided by ``guidance`` and divided by
    ``temperature``.
    """

    stage: int
    index: int
    share: float
    masked: int
    guidance: float
    temperature: float


def schedule(decoding: Decoding, *, units: int, fixed: int) -> tuple[tuple[Step, ...], ...]:
    """The steps of every codebook, where ``fixed`` of the units (spans, or frames) are given.

    The share of masks is a cosine over the steps (section 3.1); guidance follows it (section 3.3).
    """
    return tuple(
        tuple(_steps(decoding, stage, count, units - fixed)) for stage, count in enumerate(decoding.decoding_steps)
    )


def _steps(decoding: Decoding, stage: int, count: int, open_units: int) -> Iterator[Step]:
    shares = torch.cos(math.pi / 2 * torch.linspace(0, 1, count))
    for index, share in enumerate(shares):
        left = (count - 1 - index) / count if decoding.anneal_temperature else 1.0
        yield Step(
            stage=stage,
            index=index,
            share=float(share),
            masked=max(int(share * open_units), 1),
            guidance=float(share) * decoding.cfg_max + (1 - float(share)) * decoding.cfg_min,
            temperature=max(decoding.temperature * left, COLDEST),
        )


# Masks


def masked_spans(scores: Tensor, count: int, span: int) -> Tensor:
    """The frames [B, T] of the ``count`` spans of highest score; ``scores`` [B, T / span] are of spans side by side."""
    chosen = torch.zeros_like(scores, dtype=torch.bool)
    chosen.scatter_(1, scores.topk(count, dim=1).indices, value=True)
    return chosen.repeat_interleave(span, dim=1)


def masked_anywhere(scores: Tensor, count: int, span: int) -> Tensor:
    """About ``count`` frames [B, T] of the highest spans, which begin at any frame; ``scores`` [B, T] are of frames.

    Spans may overlap, so the number that covers ``count`` frames is searched for by halving an interval; the last
    cover that was tried is returned, as the reference does. The search runs to its longest for every row, without a
    look at a number on the device.
    """
    wanted = max(count, span)
    return covered(scores, wanted, span, rounds=max(wanted - (span - 1) - wanted // span, 1).bit_length() + 1)


def covered(scores: Tensor, wanted: int | Tensor, span: int, *, rounds: int) -> Tensor:
    """``masked_anywhere`` for a number that may be on the device; more ``rounds`` than it takes change nothing."""
    starts = scores.unfold(1, span, 1).sum(dim=-1)
    order = starts.argsort(dim=1, descending=True)
    rank = torch.empty_like(order).scatter_(
        1, order, torch.arange(order.shape[1], device=order.device).expand_as(order)
    )
    far = order.shape[1]
    covered_from = -nn.functional.max_pool1d(
        -nn.functional.pad(rank, (span - 1, span - 1), value=far).float(), kernel_size=span, stride=1
    )  # [B, T]: with how many spans, less one, a frame is first covered
    one = torch.ones(len(scores), 1, device=scores.device)
    low, high = one * (wanted // span), one * (wanted - (span - 1))
    middle = tried = torch.round((low + high) / 2)
    for _ in range(rounds):
        open_still = (low < middle) & (middle < high)
        tried = torch.where(open_still, middle, tried)
        over = (covered_from < middle).sum(dim=1, keepdim=True) > wanted
        high = torch.where(open_still & over, middle, high)
        low = torch.where(open_still & ~over, middle, low)
        middle = torch.where(open_still, torch.round((low + high) / 2), middle)
    return covered_from < tried


# Drawing


Choose = Callable[[Tensor], Tensor]
"""Draws an index [B, T] from probabilities [B, T, N]."""


def single(logits: Tensor) -> Tensor:
    """Single precision of half precision; what is more precise stays."""
    return logits if logits.dtype == torch.float64 else logits.float()


class Draws:
    """Draws for each row from its own seed: one number for each frame, taken on the CPU, the same for every device."""

    def __init__(self, seeds: Sequence[int]) -> None:
        self._generators = [torch.Generator().manual_seed(seed) for seed in seeds]

    def __call__(self, probabilities: Tensor) -> Tensor:
        """An index [B, T] from probabilities [B, T, N]."""
        return chosen(probabilities, self.numbers(probabilities.shape[1]).to(probabilities.device))

    def numbers(self, frames: int) -> Tensor:
        """The numbers of the next draw, [B, T, 1] from 0 to 1."""
        return torch.stack([torch.rand(frames, 1, generator=one) for one in self._generators])


def choose_by_seed(seeds: Sequence[int]) -> Draws:
    """``Choose`` for rows with these seeds."""
    return Draws(seeds)


def chosen(probabilities: Tensor, numbers: Tensor) -> Tensor:
    """The index [B, T] that each number [B, T, 1] falls on where probabilities [B, T, N] are laid end to end."""
    total = probabilities.cumsum(dim=-1)
    at = numbers * total[..., -1:]
    return torch.searchsorted(total, at, right=True).clamp_(max=probabilities.shape[-1] - 1)[..., 0]


def drawn(logits: Tensor, temperature: float | Tensor, decoding: Decoding, choose: Choose) -> tuple[Tensor, Tensor]:
    """A token for every frame [B, T] from guided logits [B, T, bins], and its probability."""
    probabilities = torch.softmax(logits / temperature, dim=-1)
    if not decoding.sampling:
        tokens = logits.argmax(dim=-1)
    elif decoding.top_p > 0.0:
        falling, order = probabilities.sort(dim=-1, descending=True)
        kept = falling.masked_fill(falling.cumsum(dim=-1) - falling > decoding.top_p, 0.0)
        place = choose(kept / kept.sum(dim=-1, keepdim=True))
        tokens = order.gather(-1, place[..., None])[..., 0]
    else:
        if decoding.top_k > 0:
            least = probabilities.topk(min(decoding.top_k, probabilities.shape[-1]), dim=-1).values[..., -1:]
            kept = torch.where(probabilities >= least, probabilities, 0.0)
            probabilities = kept / kept.sum(dim=-1, keepdim=True)
        tokens = choose(probabilities)
    return tokens, probabilities.gather(-1, tokens[..., None])[..., 0]


def scored(probability: Tensor, masked: Tensor, decoding: Decoding, span: int) -> Tensor:
    """How uncertain each unit is, from the probabilities [B, T] of what was drawn; what was not masked is settled."""
    if decoding.span_arrangement == "stride1":
        return (-probability.log()).masked_fill(~masked, NEVER)
    spans = probability.unfold(1, span, span)
    score = 1.0 - spans.amax(dim=-1) if decoding.span_scoring == "max" else -spans.log().sum(dim=-1)
    return score.masked_fill(~masked.unfold(1, span, span).any(dim=-1), NEVER)


# Decoding


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Kept:
    """What is given: codes [B, K, T], and for each of the T frames whether it is."""

    codes: Tensor
    frames: tuple[bool, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Told:
    """What a watcher is told after each step, [B, T] unless said otherwise.

    ``done`` is the share of all steps; ``logits`` [B, T, bins] are guided; ``scores`` are of spans or frames,
    ``codes`` those of the codebook that is being filled.
    """

    done: float
    step: Step
    masked: Tensor
    logits: Tensor
    tokens: Tensor
    probability: Tensor
    scores: Tensor
    codes: Tensor


Watch = Callable[[Told], None]
"""Told of each step; raises to stop."""


class TextConditioner(nn.Module):
    """Descriptions as the cross-attention's source: an encoder's states, projected; zero without text."""

    def __init__(self, text_dim: int, dim: int) -> None:
        super().__init__()
        self.text = nn.Linear(text_dim, dim)

    def forward(self, descriptions: Sequence[str | None], encoder: EncodesText) -> Tensor:
        """[B, L, dim], as long as the longest description."""
        states, mask = encoder.encode(descriptions)
        described: Tensor = self.text(states.to(self.text.weight.dtype)) * mask[..., None]
        return described


class Fill(Protocol):
    """Another way to fill all codebooks, which gives the same tokens where rounding does not decide between two.

    ``text`` [B or 0, L, dim] is of ``rows`` descriptions, or of none where all are empty.
    """

    def __call__(
        self,
        text: Tensor,
        rows: int,
        length: int,
        *,
        decoding: Decoding,
        draws: Draws,
        kept: Kept | None,
        watch: Watch,
    ) -> Tensor:
        """Codes [rows, K, length]."""
        ...


class Magnet(nn.Module):
    """A MAGNeT checkpoint in memory, with its codec and a text encoder."""

    def __init__(self, config: MagnetConfig, codec: Codec, text: EncodesText) -> None:
        super().__init__()
        self.config = config
        self.tokens = TokenModel(config)
        self.conditioner = TextConditioner(text.dim, config.dim)
        self.codec = codec
        self.text_encoder = text
        self.fast: Fill | None = None
        """What ``generate`` leaves the codebooks to; None is the plain way, which is written out here."""

    @torch.inference_mode()
    def generate(
        self,
        descriptions: Sequence[str | None],
        frames: int,
        decoding: Decoding,
        choose: Choose,
        *,
        kept: Kept | None = None,
        watch: Watch = lambda told: None,
    ) -> Tensor:
        """Codes [B, K, T] of ``frames`` frames; those that are ``kept`` come back as they are.

        Spans side by side fill no broken one: T is then ``frames`` down to a multiple of ``config.span``. Raises
        ``ModelError`` for a decoding or kept frames that do not fit.
        """
        length = self.config.length_of(frames, decoding, kept)
        described = self.conditioner(descriptions, self.text_encoder)
        if self.fast is not None and isinstance(choose, Draws):
            told = described if any(descriptions) else described[:0]
            return self.fast(told, len(descriptions), length, decoding=decoding, draws=choose, kept=kept, watch=watch)
        text = self.tokens.hear(described)
        filling = _Filling(self, text, length, decoding=decoding, choose=choose, kept=kept, watch=watch)
        for stage in range(self.config.codebooks):
            filling.fill(stage)
        return filling.codes

    @torch.inference_mode()
    def encode(self, audio: Tensor) -> Tensor:
        """Codes [B, K, T] of audio [B, 1, N]."""
        weight = next(self.codec.parameters())
        return self.codec.quantise(self.codec.encode(audio.to(weight)))

    @torch.inference_mode()
    def decode(self, codes: Tensor) -> Tensor:
        """Audio [B, 1, N] of codes [B, K, T]."""
        return self.codec.decode(self.codec.dequantise(codes))

    @torch.inference_mode()
    def decoding(self, codes: Tensor, chunk_frames: int = CHUNK_FRAMES) -> Chunks:
        """``decode`` in chunks of so many frames."""
        return decoding(self.codec, self.codec.dequantise(codes), chunk_frames)


class _Filling:
    """One call of ``Magnet.generate``: what stays the same through it, and the codes so far."""

    def __init__(
        self,
        model: Magnet,
        text: HeardText,
        length: int,
        *,
        decoding: Decoding,
        choose: Choose,
        kept: Kept | None,
        watch: Watch,
    ) -> None:
        self._model, self._decoding, self._choose, self._watch = model.tokens, decoding, choose, watch
        self._text, self._span = text, model.config.span
        device = model.tokens.out_norm.weight.device
        frames = (*(kept.frames if kept else ()), *(False,) * length)[:length]
        self._given = torch.tensor(frames, device=device)
        self.codes = torch.full((text.rows, model.config.codebooks, length), self._model.mask_token, device=device)
        if kept is not None:
            codes = nn.functional.pad(kept.codes.to(self.codes), (0, length - kept.codes.shape[-1]))
            self.codes = torch.where(self._given, codes, self.codes)
        unit = self._span if decoding.span_arrangement == "nonoverlap" else 1
        fixed = [all(frames[start : start + unit]) for start in range(0, length, unit)]
        self._fixed = torch.tensor(fixed, device=device)
        self._plan = schedule(decoding, units=len(fixed), fixed=sum(fixed))
        self._steps_done = 0

    def fill(self, stage: int) -> None:
        """Fill one codebook; those after it are left as they are."""
        band = self._model.band(stage, self.codes.shape[-1])
        kept = self.codes[:, stage].clone()
        current = torch.full_like(kept, self._model.mask_token)
        scores = torch.zeros(len(kept), len(self._fixed), device=kept.device).masked_fill(self._fixed, NEVER)
        for step in self._plan[stage]:
            remasked = self._least_certain(scores, step.masked)
            current = torch.where(self._given, kept, current.masked_fill(remasked, self._model.mask_token))
            self.codes[:, stage] = current
            masked = current == self._model.mask_token
            logits = self._guided(step, band)
            tokens, probability = drawn(logits, step.temperature, self._decoding, self._choose)
            current = torch.where(masked, tokens, current)
            scores = scored(probability, remasked, self._decoding, self._span)
            self._steps_done += 1
            told = Told(
                done=self._steps_done / sum(self._decoding.decoding_steps),
                step=step,
                masked=masked,
                logits=logits,
                tokens=tokens,
                probability=probability,
                scores=scores,
                codes=current,
            )
            self._watch(told)
        self.codes[:, stage] = current

    def _least_certain(self, scores: Tensor, count: int) -> Tensor:
        arrange = masked_spans if self._decoding.span_arrangement == "nonoverlap" else masked_anywhere
        return arrange(scores, count, self._span)

    def _guided(self, step: Step, band: Band | None) -> Tensor:
        """Logits [B, T, bins], with and without the description, weighed by the step's guidance."""
        hidden = self._model(self.codes.repeat(2, 1, 1), self._text, band)
        described, plain = single(self._model.out[step.stage](hidden)).chunk(2)
        guided: Tensor = plain + (described - plain) * step.guidance
        return guided
