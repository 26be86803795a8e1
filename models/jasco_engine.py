"""JASCO as an engine: controls in, one waveform for each take out.

The takes of a request share everything but the seed, so they are one batch; ``models.batching`` says what is done
when memory or numbers run out.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor

from models.batching import (
    SINGLE_PRECISION,
    alike,
    by_halves,
    finite,
    part_of,
    within_memory,
)
from models.checkpoints import load_jasco
from models.codec import Codec
from models.errors import Cancelled, ModelError
from models.fast_jasco import FastFlow
from models.generator import (
    SAME_TIME_S,
    CancelCheck,
    Hear,
    HeardWindow,
    JascoControls,
    PlannedWindow,
    Progress,
    Samples,
    TimedPitch,
    Waveform,
)
from models.jasco import MELODY_LOWEST_PITCH, Controls, Guidance, JascoConfig, chord_frames, noise_of, noises_of
from models.jasco_windows import (
    SILENT,
    Frames,
    heard_frames,
    joined,
    joins_db,
    looped,
    loud_joins,
    require_windows,
    window_chords,
    window_drums,
    window_melody,
    windows_of,
)
from models.presets import SOLVERS, Solver
from models.speed import Speed, Told, computing_for, release_copied, warmed
from models.streaming_codec import whole
from models.vocabulary import UNKNOWN_CHORD, chord_vocabulary

OVERLAP_S: Final = 0.05
"""Audio after the clip's end, for the loop's seam to be crossfaded with."""
SAME_LENGTH_S: Final = 0.1
"""A drum track that is longer or shorter than the clip by less is as long as it."""
SAMPLING_SHARE: Final = 0.9
"""The share of the work that is done when the latents are there; the rest is the codec's."""

WARM_FRAMES: Final = 50
"""Frames that are made to warm up where that does not depend on how many they are."""
AS_FAST_AS_CAN_BE: Final = Speed()

DrumRenderer = Callable[[JascoControls, int], Samples | None]
"""The drum hits as mono audio [N] at a rate in Hz; None where there are none."""


class JascoEngine:
    """Plays charts with a converted JASCO; ``Generator[JascoControls]``."""

    def __init__(
        self, folder: Path, *, device: str, render_drums: DrumRenderer, speed: Speed = AS_FAST_AS_CAN_BE
    ) -> None:
        """Load the model, in what ``speed`` says. Raises ``ModelError``."""
        self._computing = computing_for(folder, device, speed)
        self._device, precision = self._computing.device, self._computing.precision
        with within_memory(self._device):
            self._model, self.card = load_jasco(folder, device=self._device, dtype=precision.dtype)
            flow = self._model.flow
            how = self._computing
            self._fast = FastFlow(
                flow, matrix=precision.matrix, capture=how.capture, pace=how.pace, compiler=how.compiler
            )
            self._model.fast = self._fast
            if precision.matrix:
                release_copied(list(flow.layers), list(flow.skips))
        config = self._model.config
        self._frames = Frames(window_s=config.segment_s, rate_hz=config.frame_rate_hz)
        self._render_drums = render_drums
        self._hear: Hear | None = None

    def listen(self, hear: Hear | None) -> None:
        """Whom to tell of windows while a take is made; the last one comes with the take."""
        self._hear = hear

    @property
    def codec(self) -> Codec:
        """The codec that the model's latents are of."""
        return self._model.codec

    @property
    def batches(self) -> bool:
        """Whether several takes at once take less time than one after the other: on a GPU, which one does not fill."""
        return torch.device(self._device).type != "cpu"

    def warm(self, told: Told = lambda share, what: None) -> None:
        """Run everything once, so that no clip pays for it: on a GPU in the shapes of one take.

        Raises ``GeneratorError`` when memory runs out.
        """
        config = self._model.config
        frames = config.latent_frames if self._computing.capture else min(config.latent_frames, WARM_FRAMES)
        noise = noise_of([0], frames, config.flow_dim)
        # What is captured is made for a number of evaluations.
        solver = SOLVERS["standard"] if self._computing.pace else Solver(method="ab2", evaluations=1)
        with within_memory(self._device):
            told(0.0, "the model")
            warmed(
                lambda: self._model.sample(Controls(descriptions=("warm",)), noise, guidance=Guidance(), solver=solver),
                self._drop_capture,
            )
            told(0.7, "the codec")
            self._decoded(torch.zeros(frames, config.flow_dim, device=self._device))
            told(1.0, "ready")

    def _drop_capture(self) -> None:
        self._computing = replace(self._computing, capture=None)
        self._fast.capture = None

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
        if not all(math.isfinite(value) for value in (chart.duration_s, chart.all_weight, chart.text_weight)):
            raise ModelError("The duration and the weights of guidance are numbers.")
        require_windows(chart, self._frames)
        vocabulary = chord_vocabulary()
        for start_s, label in chart.chords:
            if label not in vocabulary or label == UNKNOWN_CHORD:
                raise ModelError(f"The model knows no chord {label!r}: its labels are in models/chord_vocab.json.")
            if not 0 <= start_s <= chart.duration_s + SAME_TIME_S:
                raise ModelError(
                    f"The chord {label} begins at {start_s:g} s, and the clip lasts {chart.duration_s:g} s."
                )
        if any(later < earlier for (earlier, _), (later, _) in itertools.pairwise(chart.chords)):
            raise ModelError("The chords do not begin one after the other.")

    def _takes(self, group: Sequence[JascoControls], report: Progress, cancelled: CancelCheck) -> Iterator[Waveform]:
        drums, heard = self._drums_of(group[0])
        notices: list[str] = []

        def make(takes: Sequence[JascoControls], told: Progress) -> Tensor:
            made, again = finite(self._model, lambda: self._sample(takes, drums, told, cancelled))
            notices[:] = [SINGLE_PRECISION] if again else notices
            return made

        latents = by_halves(group, make, part_of(report, 0.0, SAMPLING_SHARE), self._device)
        for place, row in enumerate(latents):
            size = (1.0 - SAMPLING_SHARE) / len(group)
            told = part_of(report, SAMPLING_SHARE + place * size, size)
            yield self._waveform(row, group[place], (*heard, *notices), told, cancelled)
        report(1.0)

    def _sample(
        self, group: Sequence[JascoControls], drums: Samples | None, report: Progress, cancelled: CancelCheck
    ) -> tuple[Tensor, bool]:
        """Latents [B, W, T, C] of takes that share all but the seed, window by window, and whether all are numbers."""
        config, chart = self._model.config, group[0]
        windows = windows_of(chart)

        def watch(share: float) -> None:
            if cancelled():
                raise Cancelled("The request was cancelled while it was made.")
            report(share)

        noises = noises_of([one.seed for one in group], config.latent_frames, config.flow_dim, windows=len(windows))
        made: list[Tensor] = []
        for index, (window, noise) in enumerate(zip(windows, noises, strict=True)):
            kept = None
            if made:
                kept = made[-1][:, heard_frames(windows[index - 1], window, config.frame_rate_hz)]
            made.append(
                self._model.sample(
                    self._controls(group, window, drums),
                    noise,
                    guidance=Guidance(all_weight=chart.all_weight, text_weight=chart.text_weight),
                    solver=SOLVERS[chart.solver],
                    kept=kept,
                    watch=part_of(watch, index / len(windows), 1 / len(windows)),
                )
            )
            if index < len(windows) - 1:
                self._tell_window(group, window, made[-1])
        latents = torch.stack(made, dim=1)
        return latents, bool(torch.isfinite(latents).all())

    def _tell_window(self, group: Sequence[JascoControls], window: PlannedWindow, latents: Tensor) -> None:
        """Decode what a window plays of each take [B, T, C], where somebody listens."""
        if self._hear is None:
            return
        rate, begin_s = self._model.config.sample_rate_hz, window.start_frame / self._frames.rate_hz
        played = slice(round((window.from_s - begin_s) * rate), round((window.to_s - begin_s) * rate))
        for one, row in zip(group, latents, strict=True):
            samples = self._decoded(row)[played, np.newaxis]
            self._hear(HeardWindow(seed=one.seed, from_s=window.from_s, samples=samples, sample_rate_hz=rate))

    def _drums_of(self, chart: JascoControls) -> tuple[Samples | None, tuple[str, ...]]:
        """One round of the clip's drums, mono, and what there is to tell of them; None where there are none."""
        rate = self._model.config.sample_rate_hz
        drums = self._render_drums(chart, rate)
        if drums is None:
            return None, ()
        if not len(drums):
            raise ModelError("The drum track holds no audio: leave it out, or give it sound.")
        if chart.drum_track is None:
            return looped(drums, chart, self._frames, rate), ()
        told = track_told(drums, rate, chart.duration_s)
        return looped(drums[: max(1, round(chart.duration_s * rate))], chart, self._frames, rate), told

    def _controls(self, group: Sequence[JascoControls], window: PlannedWindow, drums: Samples | None) -> Controls:
        config, chart, frames = self._model.config, group[0], self._frames
        heard = None if drums is None else window_drums(drums, window, frames, config.sample_rate_hz)
        melody = list(window_melody(chart, window, frames)) if config.melody_dim else []
        return Controls(
            descriptions=tuple(one.description or None for one in group),
            chords=chord_frames(
                window_chords(chart, window, frames),
                frame_rate_hz=config.frame_rate_hz,
                duration_s=config.segment_s,
            ),
            drums=None if heard is None else torch.from_numpy(heard),
            melody=melody_roll(melody, config) if melody else None,
        )

    def _waveform(
        self,
        latents: Tensor,
        chart: JascoControls,
        notices: tuple[str, ...],
        report: Progress,
        cancelled: CancelCheck,
    ) -> Waveform:
        """The clip of its windows' latents [W, T, C]: decoded one by one, and joined."""
        windows, rate = windows_of(chart), self._model.config.sample_rate_hz
        parts = []
        for index, one in enumerate(latents):
            if cancelled():
                raise Cancelled("The request was cancelled while its audio was decoded.")
            parts.append(self._decoded(one, part_of(report, index / len(windows), 1 / len(windows)), cancelled))
        clip = joined(parts, windows, self._frames, rate)
        told = tuple(
            f"The level changes at {window.from_s:.2f} s, where one window of the model goes over into the next, by "
            "more than anywhere else in the clip: listen there, or try another seed."
            for window in loud_joins(clip, windows, rate)
        )
        return Waveform(
            samples=np.ascontiguousarray(clip[: round((chart.duration_s + OVERLAP_S) * rate), np.newaxis]),
            sample_rate_hz=rate,
            windows_s=tuple((window.from_s, window.to_s) for window in windows),
            joins_db=joins_db(clip, windows, rate),
            computed_on=self._computing.words(notices),
            notices=(*notices, *told),
        )

    def _decoded(
        self, latents: Tensor, report: Progress = lambda share: None, cancelled: CancelCheck = lambda: False
    ) -> Samples:
        """Mono audio [N] of one window's latents [T, C], chunk by chunk."""

        def watch(share: float) -> None:
            if cancelled():
                raise Cancelled("The request was cancelled while its audio was decoded.")
            report(share)

        chunk = self._computing.chunk_frames(len(latents))
        with within_memory(self._device):
            audio: Samples = (
                whole(self._model.decoding(latents[None].float(), chunk), watch)[0, 0].float().cpu().numpy()
            )
        return audio


def track_told(drums: Samples, rate: int, clip_s: float) -> tuple[str, ...]:
    """What there is to tell of a drum track [N]: that it is silent, or not as long as the clip."""
    length_s = len(drums) / rate
    told = (
        [] if np.abs(drums).max() > SILENT else ["The drum track is silent: the model hears that there are no drums."]
    )
    if length_s < clip_s - SAME_LENGTH_S:
        told.append(f"The drum track ends after {length_s:.2f} s of {clip_s:.2f}: there are no drums in what follows.")
    elif length_s > clip_s + SAME_LENGTH_S:
        told.append(f"The drum track lasts {length_s:.2f} s, and the clip {clip_s:.2f}: what follows is not heard.")
    return tuple(told)


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
