"""JASCO as an engine: controls in, one waveform for each take out.

The takes of a request share everything but the seed, so they are one batch. What does not fit into memory is
halved; numbers that overflow in half precision are made again in single precision.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor

from models.checkpoints import load_jasco
from models.errors import Cancelled, GeneratorError, ModelError
from models.generator import CancelCheck, JascoControls, Progress, Samples, TimedPitch, Waveform
from models.jasco import MELODY_LOWEST_PITCH, Controls, Guidance, JascoConfig, chord_frames, noise_of
from models.presets import SOLVERS

OVERLAP_S: Final = 0.05
"""Audio after the clip's end, for the loop's seam to be crossfaded with."""
SAMPLING_SHARE: Final = 0.9
"""The share of the work that is done when the latents are there; the rest is the codec's."""

DrumRenderer = Callable[[JascoControls, int], Samples | None]
"""The drum hits as mono audio [N] at a rate in Hz; None where there are none."""


def choose_device(name: str) -> str:
    """``auto`` is the first of CUDA, Apple's MPS and the CPU. Raises ``ModelError`` for one that is not there."""
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return next(device for device, found in there.items() if found)
    if not there.get(name.split(":", maxsplit=1)[0], False):
        raise ModelError(f"There is no device {name!r} here: use auto, cpu, cuda or mps; sideman devices lists them.")
    return name


class JascoEngine:
    """Plays charts with a converted JASCO; ``Generator[JascoControls]``."""

    def __init__(self, folder: Path, *, device: str, render_drums: DrumRenderer) -> None:
        """Load the model: half precision on a GPU, single precision on a CPU. Raises ``ModelError``."""
        self._device = choose_device(device)
        self._dtype = torch.float32 if self._device == "cpu" else torch.float16
        self._model, self.card = load_jasco(folder, device=self._device, dtype=self._dtype)
        self._render_drums = render_drums

    def generate(
        self, batch: Sequence[JascoControls], *, report: Progress, cancelled: CancelCheck
    ) -> Iterator[Waveform]:
        """One waveform for each take: mono, from the clip's start to a moment after its end.

        ``cancelled`` is asked before each evaluation. Raises ``Cancelled``, ``ModelError`` for controls that the
        model cannot take, and ``GeneratorError`` when memory or numbers run out.
        """
        longest, window_s = max(one.duration_s for one in batch), self._model.config.segment_s
        if longest > window_s + 1e-6:
            raise ModelError(
                f"JASCO plays {window_s:g} s at a time, and the clip lasts {longest:.2f} s: ask for fewer bars."
            )
        done = 0
        for group in _groups(batch):
            yield from self._takes(group, _part_of(report, done / len(batch), len(group) / len(batch)), cancelled)
            done += len(group)

    def _takes(self, group: Sequence[JascoControls], report: Progress, cancelled: CancelCheck) -> Iterator[Waveform]:
        latents = self._latents(group, _part_of(report, 0.0, SAMPLING_SHARE), cancelled)
        for place, row in enumerate(latents):
            if cancelled():
                raise Cancelled("The request was cancelled while its audio was decoded.")
            yield self._waveform(row[None], group[place])
            report(SAMPLING_SHARE + (1.0 - SAMPLING_SHARE) * (place + 1) / len(group))

    def _latents(self, group: Sequence[JascoControls], report: Progress, cancelled: CancelCheck) -> Tensor:
        """Latents of takes that share all but the seed, in as many parts as memory asks for."""
        try:
            return self._finite_latents(group, report, cancelled)
        except (torch.OutOfMemoryError, MemoryError) as error:
            if self._device.startswith("cuda"):
                torch.cuda.empty_cache()
            if len(group) == 1:
                raise GeneratorError(
                    f"One take does not fit into the memory of {self._device}: close what else uses it, take a smaller "
                    'model, or set device = "cpu".'
                ) from error
        half = math.ceil(len(group) / 2)
        first = self._latents(group[:half], _part_of(report, 0.0, 0.5), cancelled)
        second = self._latents(group[half:], _part_of(report, 0.5, 0.5), cancelled)
        return torch.cat([first, second])

    def _finite_latents(self, group: Sequence[JascoControls], report: Progress, cancelled: CancelCheck) -> Tensor:
        latents = self._sample(group, report, cancelled)
        if torch.isfinite(latents).all():
            return latents
        if self._dtype != torch.float32:
            self._model.to(torch.float32)
            self._dtype = torch.float32
            latents = self._sample(group, report, cancelled)
            if torch.isfinite(latents).all():
                return latents
        raise GeneratorError(
            "The model made numbers that are none, in single precision too: try another seed or prompt."
        )

    def _sample(self, group: Sequence[JascoControls], report: Progress, cancelled: CancelCheck) -> Tensor:
        config, chart = self._model.config, group[0]

        def watch(share: float) -> None:
            if cancelled():
                raise Cancelled("The request was cancelled while it was made.")
            report(share)

        noise = noise_of([one.seed for one in group], config.segment_frames, config.flow_dim)
        return self._model.sample(
            self._controls(group),
            noise,
            guidance=Guidance(all_weight=chart.all_weight, text_weight=chart.text_weight),
            solver=SOLVERS[chart.solver],
            watch=watch,
        )

    def _controls(self, group: Sequence[JascoControls]) -> Controls:
        config, chart = self._model.config, group[0]
        drums = self._render_drums(chart, config.sample_rate_hz)
        return Controls(
            descriptions=tuple(one.description or None for one in group),
            chords=chord_frames(
                [(label, start_s) for start_s, label in chart.chords],
                frame_rate_hz=config.frame_rate_hz,
                duration_s=config.segment_s,
            ),
            drums=None if drums is None else torch.from_numpy(drums),
            melody=melody_roll(chart.melody, config) if config.melody_dim and chart.melody else None,
        )

    def _waveform(self, latents: Tensor, chart: JascoControls) -> Waveform:
        audio = self._model.decode(latents.float())[0].T.float().cpu().numpy()
        rate = self._model.config.sample_rate_hz
        frames = round((chart.duration_s + OVERLAP_S) * rate)
        return Waveform(samples=np.ascontiguousarray(audio[:frames]), sample_rate_hz=rate)


def _part_of(report: Progress, start: float, size: float) -> Progress:
    """Progress of a part of the work, told as that of the whole."""
    return lambda share: report(start + share * size)


def _groups(batch: Sequence[JascoControls]) -> list[list[JascoControls]]:
    """Runs of takes that share all but the seed."""
    groups: list[list[JascoControls]] = []
    for one in batch:
        if groups and replace(groups[-1][0], seed=one.seed) == one:
            groups[-1].append(one)
        else:
            groups.append([one])
    return groups


def melody_roll(notes: Sequence[TimedPitch], config: JascoConfig) -> Tensor:
    """The piano roll [rows, frames] of a melody: one row at most in each frame, the note that began last.

    Notes outside the model's range are left out; whoever planned them moved them into it.
    """
    roll = torch.zeros(config.melody_rows, config.segment_frames)
    for note in sorted(notes, key=lambda one: one.start_s):
        row = note.pitch - MELODY_LOWEST_PITCH
        first, last = round(note.start_s * config.frame_rate_hz), round(note.end_s * config.frame_rate_hz)
        if 0 <= row < config.melody_rows:
            roll[:, first:last] = 0.0
            roll[row, first:last] = 1.0
    return roll
