"""MAGNeT's decoding for speed: what does not change from one step to the next is made once.

``models.magnet`` is the place to read what is computed; this computes the same, up to rounding.

* While a codebook is filled the others stay as they are, so their embeddings and the positions are added up once.
* Both branches of guidance have the same tokens, so they part at the first cross-attention and not before. Without a
  description they do not part at all.
* Only the head of the codebook that is filled is asked.
* In a captured step the number of masks, the temperature and the guidance are read from a table on the device, so one
  capture serves all steps of a codebook. It sorts spans to find the least certain ones, which of equal ones takes the
  first; the plain way leaves that to ``topk``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import torch
from torch import Tensor, nn

from models.compiling import Compiler, faster
from models.fast_layers import FastLayer, Heard, MakeMatrix, Plain, bucket_of, fast_layer, heard_of
from models.graphs import Capture, Pace, Replays
from models.layers import Band, TransformerLayer, sinusoidal_positions
from models.magnet import (
    NEVER,
    Draws,
    Kept,
    Step,
    TokenModel,
    Told,
    Watch,
    chosen,
    covered,
    drawn,
    masked_anywhere,
    masked_spans,
    schedule,
    scored,
    single,
)
from models.presets import Decoding

MOST_STEPS: Final = 128
"""Steps of one codebook that a captured one has room for."""
SHAPES_KEPT: Final = 8
"""Captured steps that are kept: one for each codebook of a shape of work."""

MakeBand = Callable[[int, int, torch.device], Band]
"""A band over frames with a reach, on a device."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stage:
    """One codebook under way: what stays the same through its steps.

    ``base`` [B, T, D] are the other codebooks and the positions, ``heard`` the description by layer; without one there
    is nothing. ``given`` [T] frames have the codes ``kept`` [B, T], ``fixed`` [units] are not to be masked.
    """

    index: int
    base: Tensor
    heard: tuple[Heard, ...]
    band: Band | None
    kept: Tensor
    given: Tensor
    fixed: Tensor


class FastTokens:
    """The decoding of a ``TokenModel``; ``models.magnet.Fill``."""

    def __init__(
        self,
        tokens: TokenModel,
        *,
        matrix: MakeMatrix | None = None,
        capture: Capture | None = None,
        band: MakeBand | None = None,
        pace: Pace | None = None,
        compiler: Compiler | None = None,
        compiled_band: MakeBand | None = None,
    ) -> None:
        """``matrix`` makes the layers' matrices once, of copies; None reads the model's own weights in each run.

        With ``capture`` each shape of work is captured once and replayed; it may be taken away at any time. ``band``
        makes what bands are heard by.

        With ``compiler`` and ``pace`` a captured step is compiled where that is faster, with ``compiled_band`` in it.
        """
        self._tokens = tokens
        self._kept = None if matrix is None else self._layers(matrix)
        self.capture = capture
        self._band = band
        self.pace, self.compiler, self._compiled_band = pace, compiler, compiled_band
        self._replays: Replays[_Captured] = Replays(SHAPES_KEPT)

    def __call__(
        self, text: Tensor, rows: int, length: int, *, decoding: Decoding, draws: Draws, kept: Kept | None, watch: Watch
    ) -> Tensor:
        """Codes [rows, K, length]."""
        model = self._tokens
        device = model.out_norm.weight.device
        frames = (*(kept.frames if kept else ()), *(False,) * length)[:length]
        given = torch.tensor(frames, device=device)
        codes = torch.full((rows, model.config.codebooks, length), model.mask_token, device=device)
        if kept is not None:
            codes = torch.where(
                given, nn.functional.pad(kept.codes.to(codes), (0, length - kept.codes.shape[-1])), codes
            )
        unit = model.config.span if decoding.span_arrangement == "nonoverlap" else 1
        fixed = [all(frames[start : start + unit]) for start in range(0, length, unit)]
        plan = schedule(decoding, units=len(fixed), fixed=sum(fixed))
        layers = self._kept or self._layers(Plain)
        bucket = bucket_of(text.shape[1]) if self.capture else None
        blocks = [layer for layer in model.layers if isinstance(layer, TransformerLayer)]
        heard = tuple(heard_of(layer.cross_attn, text, bucket) for layer in blocks) if len(text) else ()
        total, done = sum(decoding.decoding_steps), 0

        def tell(told: Told) -> None:
            nonlocal done
            done += 1
            watch(replace(told, done=done / total))

        for index, steps in enumerate(plan):
            stage = Stage(
                index=index,
                base=self._others(codes, index),
                heard=heard,
                band=self._band_of(index, length, self._band),
                kept=codes[:, index].clone(),
                given=given,
                fixed=torch.tensor(fixed, device=device),
            )
            network = _Network(model, layers, decoding)
            if self.capture and len(steps) <= MOST_STEPS:
                captured = self._captured(network, stage, self.capture)
                codes[:, index] = _replayed(captured, stage, steps, draws, tell)
            else:
                codes[:, index] = _filled(network, stage, steps, draws, tell)
        return codes

    def _layers(self, make: MakeMatrix) -> tuple[FastLayer, ...]:
        return tuple(fast_layer(layer, make) for layer in self._tokens.layers if isinstance(layer, TransformerLayer))

    def _others(self, codes: Tensor, stage: int) -> Tensor:
        """Embeddings of all codebooks but one, and the positions, [B, T, D]."""
        model = self._tokens
        weight = model.out_norm.weight
        total = sinusoidal_positions(codes.shape[-1], model.config.dim, device=codes.device).to(weight.dtype)
        for book, embed in enumerate(model.embed):
            if book != stage:
                total = total + embed(codes[:, book])
        return total

    def _band_of(self, stage: int, frames: int, make: MakeBand | None) -> Band | None:
        model = self._tokens
        if stage == 0 or model.config.reach is None or make is None:
            return model.band(stage, frames)
        return make(frames, model.config.reach, model.out_norm.weight.device)

    def _captured(self, network: _Network, stage: Stage, capture: Capture) -> _Captured:
        """The captured step for a codebook of this shape, in this way of decoding."""
        how = replace(network.decoding, decoding_steps=(), cfg_max=0.0, cfg_min=0.0, temperature=1.0)
        text = tuple(stage.heard[0].keys.shape) if stage.heard else ()
        weight = network.model.out_norm.weight
        key = (stage.index, tuple(stage.base.shape), text, how, weight.dtype)
        return self._replays.get(key, weight, lambda: self._made(network, stage, capture))

    def _made(self, network: _Network, stage: Stage, capture: Capture) -> _Captured:
        """A captured step; a compiled one where that was asked for and is faster."""
        plain, pace, compiler = _Captured(network, stage, capture), self.pace, self.compiler
        if pace is None or compiler is None:
            return plain
        band = self._band_of(stage.index, stage.base.shape[1], self._compiled_band or self._band)
        other = replace(stage, band=band)
        return faster(plain, lambda: _Captured(network, other, capture, compiler), lambda one: pace(one.replay))


def _filled(network: _Network, stage: Stage, steps: Sequence[Step], draws: Draws, tell: Watch) -> Tensor:
    """One codebook [B, T], filled step by step."""
    arrange = masked_spans if network.decoding.span_arrangement == "nonoverlap" else masked_anywhere
    current, scores = network.beginning(stage)
    for step in steps:
        remasked = arrange(scores, step.masked, network.model.config.span)
        told = network.step(stage, current, remasked, draws, Weighing(step.guidance, step.temperature))
        current, scores = told.codes, told.scores
        tell(replace(told, step=step))
    return current


def _replayed(captured: _Captured, stage: Stage, steps: Sequence[Step], draws: Draws, tell: Watch) -> Tensor:
    """One codebook [B, T], filled by a captured step."""
    captured.load(stage, steps, draws)
    for step in steps:
        captured.replay()
        tell(replace(captured.told, step=step))
    return captured.current.clone()


@dataclass(frozen=True, slots=True, eq=False)
class Weighing:
    """How much guidance counts in a step, and the temperature; numbers, or tensors on the device."""

    guidance: float | Tensor
    temperature: float | Tensor


@dataclass(frozen=True, slots=True, eq=False)
class _Network:
    """The transformer, one step of it at a time."""

    model: TokenModel
    layers: tuple[FastLayer, ...]
    decoding: Decoding

    def beginning(self, stage: Stage) -> tuple[Tensor, Tensor]:
        """The codes of a codebook before its first step, and the scores of its units."""
        current = torch.full_like(stage.kept, self.model.mask_token)
        scores = torch.zeros(len(stage.kept), len(stage.fixed), device=stage.kept.device)
        return current, scores.masked_fill(stage.fixed, NEVER)

    def step(
        self,
        stage: Stage,
        current: Tensor,
        remasked: Tensor,
        choose: Callable[[Tensor], Tensor],
        weighing: Weighing,
        *,
        logits_of: Callable[[Tensor, float | Tensor], Tensor] | None = None,
    ) -> Told:
        """One step: mask, draw, and score what was drawn. What it was told of the plan is not in what it gives.

        ``logits_of`` stands for ``logits`` with this stage.
        """
        mask = self.model.mask_token
        current = torch.where(stage.given, stage.kept, current.masked_fill(remasked, mask))
        masked = current == mask
        guidance = weighing.guidance
        logits = logits_of(current, guidance) if logits_of else self.logits(stage, current, guidance)
        tokens, probability = drawn(logits, weighing.temperature, self.decoding, choose)
        return Told(
            done=0.0,
            step=NO_STEP,
            masked=masked,
            logits=logits,
            tokens=tokens,
            probability=probability,
            scores=scored(probability, remasked, self.decoding, self.model.config.span),
            codes=torch.where(masked, tokens, current),
        )

    def logits(self, stage: Stage, current: Tensor, guidance: float | Tensor) -> Tensor:
        """Guided logits [B, T, bins] of the codebook's tokens, at single precision or better."""
        x = stage.base + self.model.embed[stage.index](current)
        rows = len(x)
        for index, layer in enumerate(self.layers):
            x = layer.with_itself(x, stage.band)
            if stage.heard:
                x = torch.cat([x, x]) if index == 0 else x
                x[:rows] += layer.told(x[:rows], stage.heard[index])
            x = layer.with_feed_forward(x)
        logits: Tensor = single(self.model.out[stage.index](self.model.out_norm(x)))
        if not stage.heard:
            return logits
        described, plain = logits.chunk(2)
        return plain + (described - plain) * guidance


class _Captured:
    """One step of a codebook over tensors that stay where they are; a replay goes on to the next one."""

    def __init__(
        self, network: _Network, stage: Stage, capture: Capture, compiler: Compiler = lambda function: function
    ) -> None:
        self._network, self._stage = network, stage
        self._logits = compiler(lambda current, guidance: network.logits(stage, current, guidance))
        self.current, self._scores = network.beginning(stage)
        rows, frames = self.current.shape
        device = self.current.device
        self._numbers = torch.zeros(MOST_STEPS, rows, frames, 1, device=device)
        self._table = torch.ones(MOST_STEPS, 3, dtype=torch.float64 if device.type == "cpu" else torch.float32)
        self._table = self._table.to(device)
        self._place = torch.zeros(1, dtype=torch.long, device=device)
        self.told: Told
        self.replay = capture(self._step)

    def load(self, stage: Stage, steps: Sequence[Step], draws: Draws) -> None:
        """Begin a codebook: put what it needs where the captured step looks for it."""
        for mine, given in zip(_tensors(self._stage), _tensors(stage), strict=True):
            if mine is not given:
                mine.copy_(given)
        current, scores = self._network.beginning(stage)
        self.current.copy_(current)
        self._scores.copy_(scores)
        self._place.zero_()
        drawn_numbers = torch.stack([draws.numbers(current.shape[1]) for _ in steps])
        self._numbers[: len(steps)] = drawn_numbers.to(self._numbers.device)
        rows = [[step.masked, step.guidance, step.temperature] for step in steps]
        self._table[: len(steps)] = torch.tensor(rows, dtype=self._table.dtype).to(self._table.device)

    def _step(self) -> None:
        count, guidance, temperature = self._table.index_select(0, self._place)[0].unbind(0)
        numbers = self._numbers.index_select(0, self._place)[0]
        remasked = self._least_certain(count.round().long())
        self.told = self._network.step(
            self._stage,
            self.current,
            remasked,
            lambda probabilities: chosen(probabilities, numbers),
            Weighing(guidance, temperature),
            logits_of=self._logits,
        )
        self.current.copy_(self.told.codes)
        self._scores.copy_(self.told.scores)
        self._place.add_(1)

    def _least_certain(self, count: Tensor) -> Tensor:
        span, scores = self._network.model.config.span, self._scores
        if self._network.decoding.span_arrangement == "stride1":
            return covered(scores, count.clamp(min=span), span, rounds=scores.shape[1].bit_length() + 1)
        order = scores.argsort(dim=1, descending=True, stable=True)
        places = torch.arange(order.shape[1], device=order.device).expand_as(order)
        rank = torch.empty_like(order).scatter_(1, order, places)
        return (rank < count).repeat_interleave(span, dim=1)


def _tensors(stage: Stage) -> list[Tensor]:
    """Everything in it that differs from run to run."""
    heard = [part for one in stage.heard for part in (one.keys, one.values, one.mask) if part is not None]
    return [*heard, stage.base, stage.kept, stage.given, stage.fixed]


NO_STEP: Final = Step(stage=0, index=0, share=0.0, masked=0, guidance=0.0, temperature=1.0)
