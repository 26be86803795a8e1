"""JASCO as an engine: controls in, one waveform for each take out.

The takes of a request share everything but the seed, so they are one batch; ``models.batching`` says what is done
when memory or numbers run out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor

from models.batching import (
    SINGLE_PRECISION,
    alike,
    by_halves,
    choose_device,
    finite,
    part_of,
    precision_of,
    within_memory,
)
from models.checkpoints import load_jasco
from models.errors import Cancelled, ModelError
from models.generator import SAME_TIME_S, CancelCheck, JascoControls, Progress, Samples, TimedPitch, Waveform
from models.jasco import MELODY_LOWEST_PITCH, Controls, Guidance, JascoConfig, chord_frames, noise_of
from models.presets import SOLVERS
from models.vocabulary import UNKNOWN_CHORD, chord_vocabulary

OVERLAP_S: Final = 0.05
"""Audio after the clip's end, for the loop's seam to be crossfaded with."""
SAMPLING_SHARE: Final = 0.9
"""The share of the work that is done when the latents are there; the rest is the codec's."""

DrumRenderer = Callable[[JascoControls, int], Samples | None]
"""The drum hits as mono audio [N] at a rate in Hz; None where there are none."""


class JascoEngine:
    """Plays charts with a converted JASCO; ``Generator[JascoControls]``."""

    def __init__(self, folder: Path, *, device: str, render_drums: DrumRenderer) -> None:
        """Load the model: half precision on a GPU, single precision on a CPU. Raises ``ModelError``."""
        self._device = choose_device(device)
        with within_memory(self._device):
            self._model, self.card = load_jasco(folder, device=self._device, dtype=precision_of(self._device))
        self._render_drums = render_drums

    def generate(
        self, batch: Sequence[JascoControls], *, report: Progress, cancelled: CancelCheck
    ) -> Iterator[Waveform]:
        """One waveform for each take: mono, from the clip's start to a moment after its end.

        ``cancelled`` is asked before each evaluation. Raises ``Cancelled``, ``ModelError`` for controls that the
        model cannot take, and ``GeneratorError`` when memory or numbers run out.
        """
        for one in batch:
            self._require(one)
        done = 0
        for group in alike(batch):
            yield from self._takes(group, part_of(report, done / len(batch), len(group) / len(batch)), cancelled)
            done += len(group)

    def _require(self, chart: JascoControls) -> None:
        """See that the model can take these controls. Raises ``ModelError``."""
        window_s = self._model.config.segment_s
        if not all(math.isfinite(value) for value in (chart.duration_s, chart.all_weight, chart.text_weight)):
            raise ModelError("The duration and the weights of guidance are numbers.")
        if chart.duration_s > window_s + SAME_TIME_S:
            raise ModelError(
                f"JASCO plays {window_s:g} s at a time, and the clip lasts {chart.duration_s:.2f} s: "
                "ask for fewer bars."
            )
        vocabulary = chord_vocabulary()
        for start_s, label in chart.chords:
            if label not in vocabulary or label == UNKNOWN_CHORD:
                raise ModelError(f"The model knows no chord {label!r}: its labels are in models/chord_vocab.json.")
            if not 0 <= start_s < window_s:
                raise ModelError(
                    f"The chord {label} begins at {start_s:g} s, and the model's window lasts {window_s:g} s."
                )

    def _takes(self, group: Sequence[JascoControls], report: Progress, cancelled: CancelCheck) -> Iterator[Waveform]:
        notices: list[str] = []

        def make(takes: Sequence[JascoControls], told: Progress) -> Tensor:
            made, again = finite(self._model, lambda: self._sample(takes, told, cancelled))
            notices[:] = [SINGLE_PRECISION] if again else notices
            return made

        latents = by_halves(group, make, part_of(report, 0.0, SAMPLING_SHARE), self._device)
        for place, row in enumerate(latents):
            if cancelled():
                raise Cancelled("The request was cancelled while its audio was decoded.")
            yield self._waveform(row[None], group[place], tuple(notices))
            report(SAMPLING_SHARE + (1.0 - SAMPLING_SHARE) * (place + 1) / len(group))

    def _sample(self, group: Sequence[JascoControls], report: Progress, cancelled: CancelCheck) -> tuple[Tensor, bool]:
        """Latents of takes that share all but the seed, and whether all are numbers."""
        config, chart = self._model.config, group[0]

        def watch(share: float) -> None:
            if cancelled():
                raise Cancelled("The request was cancelled while it was made.")
            report(share)

        noise = noise_of([one.seed for one in group], config.latent_frames, config.flow_dim)
        latents = self._model.sample(
            self._controls(group),
            noise,
            guidance=Guidance(all_weight=chart.all_weight, text_weight=chart.text_weight),
            solver=SOLVERS[chart.solver],
            watch=watch,
        )
        return latents, bool(torch.isfinite(latents).all())

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

    def _waveform(self, latents: Tensor, chart: JascoControls, notices: tuple[str, ...]) -> Waveform:
        with within_memory(self._device):
            audio = self._model.decode(latents.float())[0].T.float().cpu().numpy()
        rate = self._model.config.sample_rate_hz
        frames = round((chart.duration_s + OVERLAP_S) * rate)
        return Waveform(samples=np.ascontiguousarray(audio[:frames]), sample_rate_hz=rate, notices=notices)


def melody_roll(notes: Sequence[TimedPitch], config: JascoConfig) -> Tensor:
    """The piano roll [rows, frames] of a melody: one row at most in each frame, the highest note that sounds there.

    A note fills at least the frame that it begins in. Notes outside the model's range are left out; whoever planned
    them moved them into it.
    """
    roll = torch.zeros(config.melody_rows, config.segment_frames)
    for note in sorted(notes, key=lambda one: one.pitch):
        row = note.pitch - MELODY_LOWEST_PITCH
        first = round(note.start_s * config.frame_rate_hz)
        last = max(round(note.end_s * config.frame_rate_hz), first + 1)
        if 0 <= row < config.melody_rows:
            roll[:, first:last] = 0.0
            roll[row, first:last] = 1.0
    return roll
