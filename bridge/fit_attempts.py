"""The takes of a request, those that are to lie on the beat tried again with other seeds where they do not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from bridge.conditioning import SEEDS
from bridge.errors import Cancelled
from bridge.fit_record import Attempt, FitRecord, Outcome, TempoFit
from bridge.requests import GenerationRequest
from bridge.tempo_fit import fit
from models.generator import BeatGrid, CancelCheck, Generator, MagnetPrompt, Progress, Waveform

MAX_RETRIES: Final = 3
"""Further attempts at a take that does not fit."""
TAIL_S: Final = 0.05
"""Audio after the clip's end, for the loop's seam to be crossfaded with."""
_ORDER: Final[Mapping[Outcome, int]] = {"fitted": 0, "other_tempo": 1, "irregular": 2, "too_short": 3, "no_beat": 4}
"""What is kept when nothing fits, best first."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MadeTake:
    """A take's audio from the clip's start on, the seed that it is made of, and how it was fitted to the tempo."""

    waveform: Waveform
    seed: int
    tempo_fit: FitRecord | None = None


@dataclass(frozen=True, slots=True, eq=False)
class _Tried:
    """One attempt: its seed, what was found, and the audio that was cut from it."""

    seed: int
    found: TempoFit
    waveform: Waveform

    @property
    def rank(self) -> tuple[int, float]:
        return _ORDER[self.found.outcome], abs(self.found.change or 0.0)


@dataclass(frozen=True, slots=True, eq=False)
class _Take:
    """A take under way, and what was tried for it."""

    prompt: MagnetPrompt
    grid: BeatGrid
    tried: list[_Tried] = field(default_factory=list)

    @property
    def settled(self) -> bool:
        """Whether no other seed is to be tried: one fits, or the first gave something that has no beat to fit."""
        outcomes = [one.found.outcome for one in self.tried]
        return "fitted" in outcomes or outcomes[:1] == ["no_beat"]

    def add(self, seed: int, made: Waveform) -> None:
        """Fit the audio of an attempt."""
        seconds = self.prompt.duration_s
        found, samples = fit(made.samples, made.sample_rate_hz, self.grid, seconds=seconds, tail_s=TAIL_S)
        cut = replace(made, samples=samples, windows_s=_moved(made, found, seconds))
        self.tried.append(_Tried(seed, found, cut))

    def best(self) -> MadeTake:
        """The attempt that fits, or is nearest to it."""
        best = min(self.tried, key=lambda one: one.rank)
        attempts = tuple(
            Attempt(seed=one.seed, outcome=one.found.outcome, bpm=one.found.bpm, change=one.found.change)
            for one in self.tried
        )
        return MadeTake(waveform=best.waveform, seed=best.seed, tempo_fit=FitRecord(used=best.found, attempts=attempts))


def made_takes(
    engine: Generator[Any], request: GenerationRequest, *, report: Progress, cancelled: CancelCheck
) -> Iterator[MadeTake]:
    """The takes of a request in their order; those with a grid laid on it, with other seeds where they do not fit.

    A take's next seed is the first that no take of the request has used. Progress never falls: while there may be
    another attempt, one is half of what is left. Raises what the engine raises, and ``Cancelled`` between attempts.
    """
    prompts = [one for one in request.controls if isinstance(one, MagnetPrompt) and one.grid]
    if len(prompts) != len(request.controls):
        waveforms = engine.generate(request.controls, report=report, cancelled=cancelled)
        for controls, waveform in zip(request.controls, waveforms, strict=True):
            yield MadeTake(waveform=waveform, seed=controls.seed)
        return
    yield from _fitted(engine, prompts, report, cancelled)


def _fitted(
    engine: Generator[Any], prompts: list[MagnetPrompt], report: Progress, cancelled: CancelCheck
) -> Iterator[MadeTake]:
    takes = [_Take(prompt, prompt.grid) for prompt in prompts if prompt.grid]
    unused = _unused_seeds([prompt.seed for prompt in prompts])
    given, base = 0, 0.0
    for attempt in range(MAX_RETRIES + 1):
        if cancelled():
            raise Cancelled("The request was cancelled between two attempts.")
        pending = [take for take in takes if not take.settled]
        batch = [replace(take.prompt, seed=next(unused)) if attempt else take.prompt for take in pending]
        size = (1.0 - base) * (0.5 if attempt < MAX_RETRIES else 1.0)
        waveforms = engine.generate(batch, report=_part(report, base, size), cancelled=cancelled)
        for take, asked, waveform in zip(pending, batch, waveforms, strict=True):
            take.add(asked.seed, waveform)
            while given < len(takes) and takes[given].settled:
                yield takes[given].best()
                given += 1
        base += size
        if given == len(takes):
            break
    for take in takes[given:]:
        yield take.best()
    report(1.0)


def _part(report: Progress, base: float, size: float) -> Callable[[float], None]:
    return lambda share: report(base + size * min(1.0, share))


def _unused_seeds(used: list[int]) -> Iterator[int]:
    """Seeds after the last one, that no take has."""
    seed = used[-1]
    while True:
        seed = (seed + 1) % SEEDS
        if seed not in used:
            yield seed


def _moved(waveform: Waveform, found: TempoFit, seconds: float) -> tuple[tuple[float, float], ...]:
    """The model's windows in seconds of the clip that was cut from its audio; those that reach into it."""
    moved = (
        (max(0.0, (start - found.start_s) * found.ratio), min(seconds, (end - found.start_s) * found.ratio))
        for start, end in waveform.windows_s
    )
    return tuple((start, end) for start, end in moved if start < end)
