"""MAGNeT as an engine: prompts in, one waveform for each take out.

The takes of a request share everything but the seed, so they are one batch; ``models.batching`` says what is done
when memory or numbers run out. What is longer than the model's window is made of windows, each of which goes on from
the last one's tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor

from models.audio_files import as_mono, read_audio
from models.batching import (
    SINGLE_PRECISION,
    alike,
    by_halves,
    finite,
    part_of,
    within_memory,
)
from models.checkpoints import load_magnet
from models.errors import Cancelled, ModelError
from models.fast_magnet import FastTokens
from models.flex_band import flex_band
from models.generator import CancelCheck, GivenAudio, MagnetPrompt, Progress, Samples, Waveform
from models.magnet import Kept, choose_by_seed
from models.magnet import Told as ToldStep
from models.presets import Decoding
from models.speed import Speed, Told, computing_for, release_copied, warmed
from models.streaming_codec import whole

OVERLAP_S: Final = 0.05
"""Audio after the clip's end, for the loop's seam to be crossfaded with."""
HEARD_SHARE: Final = 1 / 3
"""The share of a window that is heard and not made: what it goes on from."""
SAMPLING_SHARE: Final = 0.9
"""The share of the work that is done when the tokens are there; the rest is the codec's."""

WARM_FRAMES: Final = 51
"""Frames that are made to warm up where that does not depend on how many they are."""
AS_FAST_AS_CAN_BE: Final = Speed()

AudioReader = Callable[[Path, int], Samples]
"""A file as mono audio [N] at a rate in Hz."""


def read_given(path: Path, sample_rate_hz: int) -> Samples:
    """The audio that a clip goes on from. Raises ``ModelError`` where it cannot be read."""
    audio, rate = read_audio(path, what="The audio to go on from,")
    return as_mono(audio, rate, sample_rate_hz)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The frames of one run: ``known`` of them are given, ``windows`` are made in order, the clip begins at ``start``.

    Windows overlap: what one has made, the next one hears.
    """

    known: tuple[bool, ...]
    windows: tuple[tuple[int, int], ...]
    start: int


def layout(frames: int, window: int, unit: int, *, known: Sequence[bool] = (), start: int = 0) -> Layout:
    """Windows for a clip of ``frames`` that begins ``start`` frames after the first one that is known.

    All windows are ``window`` frames, as the model was trained; their starts are multiples of ``unit``. One in which
    everything is known is left out.
    """
    total = max(frames + start, window)
    total += (window - total) % unit
    hop = _hop(window, unit)
    starts = [*range(0, total - window, hop), total - window]
    full = (*known, *(False,) * total)[:total]
    windows = tuple((first, first + window) for first in starts if not all(full[first : first + window]))
    return Layout(known=full, windows=windows, start=start)


def filled(frames: int, window: int, unit: int) -> int:
    """All frames of as many windows as a clip of ``frames`` takes: there is no more work in them."""
    hop = _hop(window, unit)
    return window + -(-max(0, frames - window) // hop) * hop


def _hop(window: int, unit: int) -> int:
    """Frames from the start of a window to that of the next."""
    return max(unit, window - max(unit, _whole(window * HEARD_SHARE, unit)))


def _whole(frames: float, unit: int) -> int:
    """The multiple of ``unit`` at or below ``frames``."""
    return int(frames) // unit * unit


class MagnetEngine:
    """Plays prompts with a converted MAGNeT; ``Generator[MagnetPrompt]``."""

    def __init__(
        self, folder: Path, *, device: str, read: AudioReader = read_given, speed: Speed = AS_FAST_AS_CAN_BE
    ) -> None:
        """Load the model, in what ``speed`` says. Raises ``ModelError``."""
        self._computing = computing_for(folder, device, speed)
        self._device, precision = self._computing.device, self._computing.precision
        with within_memory(self._device):
            self._model, self.card = load_magnet(folder, device=self._device, dtype=precision.dtype)
            tokens = self._model.tokens
            how = self._computing
            self._fast = FastTokens(
                tokens,
                matrix=precision.matrix,
                capture=how.capture,
                pace=how.pace,
                compiler=how.compiler,
                compiled_band=flex_band if how.compiler else None,
            )
            self._model.fast = self._fast
            if precision.matrix:
                release_copied(list(tokens.layers))
        self._read = read

    @property
    def batches(self) -> bool:
        """Whether several takes at once take less time than one after the other: on a GPU, which one does not fill."""
        return torch.device(self._device).type != "cpu"

    def warm(self, told: Told = lambda share, what: None) -> None:
        """Run everything once, so that no clip pays for it: on a GPU in the shapes of one take.

        Raises ``GeneratorError`` when memory runs out.
        """
        config = self._model.config
        frames = config.segment_frames if self._computing.capture else min(config.segment_frames, WARM_FRAMES)
        decoding = Decoding(decoding_steps=(1,) * config.codebooks)
        with within_memory(self._device):
            told(0.0, "the model")
            warmed(lambda: self._model.generate(["warm"], frames, decoding, choose_by_seed([0])), self._drop_capture)
            told(0.7, "the codec")
            codes = torch.zeros(1, config.codebooks, frames, dtype=torch.long, device=self._device)
            whole(self._model.decoding(codes))
            told(1.0, "ready")

    def _drop_capture(self) -> None:
        self._computing = replace(self._computing, capture=None)
        self._fast.capture = None

    def generate(
        self, batch: Sequence[MagnetPrompt], *, report: Progress, cancelled: CancelCheck
    ) -> Iterator[Waveform]:
        """One waveform for each take: mono, from the clip's start to a moment after its end.

        For a prompt with a grid it goes on to the end of the last window.

        ``cancelled`` is asked after each step. Raises ``Cancelled``, ``ModelError`` for audio or a description that
        cannot be used, and ``GeneratorError`` when memory or numbers run out.
        """
        done = 0
        for group in alike(batch):
            yield from self._takes(group, part_of(report, done / len(batch), len(group) / len(batch)), cancelled)
            done += len(group)

    def _takes(self, group: Sequence[MagnetPrompt], report: Progress, cancelled: CancelCheck) -> Iterator[Waveform]:
        with within_memory(self._device):
            plan, given = self._plan(group[0])
        notices: list[str] = []

        def make(takes: Sequence[MagnetPrompt], told: Progress) -> Tensor:
            made, again = finite(self._model, lambda: self._tokens(takes, plan, given, told, cancelled))
            notices[:] = [SINGLE_PRECISION] if again else notices
            return made

        codes = by_halves(group, make, part_of(report, 0.0, SAMPLING_SHARE), self._device)
        for place, row in enumerate(codes):
            size = (1.0 - SAMPLING_SHARE) / len(group)
            told = part_of(report, SAMPLING_SHARE + place * size, size)
            yield self._waveform(row[None], plan, group[place], tuple(notices), report=told, cancelled=cancelled)
        report(1.0)

    def _plan(self, prompt: MagnetPrompt) -> tuple[Layout, Tensor | None]:
        """Which frames are made, and the codes [1, K, T] of those that are given."""
        config = self._model.config
        frames = -int(-(prompt.duration_s + OVERLAP_S) * config.frame_rate_hz // 1)
        window = _whole(config.segment_frames, config.span)
        if prompt.grid:
            frames = filled(frames + -int(-prompt.grid.spare_s * config.frame_rate_hz // 1), window, config.span)
        if prompt.given is None:
            return layout(frames, window, config.span), None
        hop = self._model.codec.config.hop
        audio = self._read(prompt.given.path, config.sample_rate_hz)
        if prompt.given.place == "before":
            heard = min(len(audio) // hop, _whole(window * HEARD_SHARE, config.span))
            if not heard:
                raise ModelError(f"{prompt.given.path} is too short to go on from: {hop} samples are one frame.")
            codes = self._encoded(audio[-heard * hop :])
            return layout(frames, window, config.span, known=(True,) * heard, start=heard), codes
        codes = self._encoded(audio[: frames * hop])
        known = _kept_frames(prompt.given, min(len(audio) // hop, codes.shape[-1]), hop / config.sample_rate_hz)
        return layout(frames, window, config.span, known=known), codes

    def _encoded(self, audio: Samples) -> Tensor:
        return self._model.encode(torch.from_numpy(audio).to(self._device)[None, None])

    def _tokens(
        self,
        takes: Sequence[MagnetPrompt],
        plan: Layout,
        given: Tensor | None,
        report: Progress,
        cancelled: CancelCheck,
    ) -> tuple[Tensor, bool]:
        """Codes [B, K, T] of takes that share all but the seed, and whether all logits were numbers."""
        length = len(plan.known)
        shape = (len(takes), self._model.config.codebooks, length)
        codes = torch.zeros(shape, dtype=torch.long, device=self._device)
        if given is not None:
            codes[..., : given.shape[-1]] = given[..., :length]
        known = list(plan.known)
        held = torch.ones((), dtype=torch.bool, device=self._device)
        choose = choose_by_seed([one.seed for one in takes])
        for index, (first, last) in enumerate(plan.windows):
            told = part_of(report, index / len(plan.windows), 1 / len(plan.windows))

            def watch(step: ToldStep, told: Progress = told) -> None:
                nonlocal held
                if cancelled():
                    raise Cancelled("The request was cancelled while it was made.")
                held = held & torch.isfinite(step.logits).all()
                told(step.done)

            codes[..., first:last] = self._model.generate(
                [one.description or None for one in takes],
                last - first,
                takes[0].decoding,
                choose,
                kept=Kept(codes=codes[..., first:last], frames=tuple(known[first:last])),
                watch=watch,
            )
            known[first:last] = [True] * (last - first)
        return codes, bool(held)

    def _waveform(
        self,
        codes: Tensor,
        plan: Layout,
        prompt: MagnetPrompt,
        notices: tuple[str, ...],
        *,
        report: Progress,
        cancelled: CancelCheck,
    ) -> Waveform:
        def watch(share: float) -> None:
            if cancelled():
                raise Cancelled("The request was cancelled while its audio was decoded.")
            report(share)

        chunk = self._computing.chunk_frames(codes.shape[-1])
        with within_memory(self._device):
            audio = whole(self._model.decoding(codes, chunk), watch)[0].T.float().cpu().numpy()
        rate, hop = self._model.config.sample_rate_hz, self._model.codec.config.hop
        first = plan.start * hop
        lasts_s = (len(plan.known) - plan.start) * hop / rate - OVERLAP_S if prompt.grid else prompt.duration_s
        frames = round((lasts_s + OVERLAP_S) * rate)
        windows = tuple(
            (max(0.0, (begin - plan.start) * hop / rate), min(lasts_s, (end - plan.start) * hop / rate))
            for begin, end in plan.windows
        )
        return Waveform(
            samples=np.ascontiguousarray(audio[first : first + frames]),
            sample_rate_hz=rate,
            windows_s=windows,
            computed_on=self._computing.words(notices),
            notices=notices,
        )


def _kept_frames(given: GivenAudio, frames: int, frame_s: float) -> tuple[bool, ...]:
    """Whether each frame of audio within the clip is kept: those that the part to be made anew does not touch."""
    return tuple(
        (index + 1) * frame_s <= given.from_s + 1e-9 or index * frame_s >= given.to_s - 1e-9 for index in range(frames)
    )
