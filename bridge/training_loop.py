"""A training run from its folder to its end: steps, log, curves, and listening in between."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from torch import Tensor

from bridge.training_curves import draw_curves
from bridge.training_folder import CURVES, LOG, RunFacts, RunFolder
from bridge.training_hearing import Figures, told
from bridge.training_log import TrainingLog
from models.training_run import Lesson, Noted, Run, RunSettings

Stopped = Callable[[], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """Where a training says what it does: steps and a line of figures, and sentences."""

    stepped: Callable[[int, int, str], None] = lambda step, steps, line: None
    prepared: Callable[[str, float], None] = lambda what, share: None
    say: Callable[[str], None] = lambda sentence: None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Where a run has come to, and what was heard last."""

    step: int
    steps: int
    heard: Mapping[str, float]

    @property
    def done(self) -> bool:
        """Whether all steps were taken."""
        return self.step >= self.steps


def run_lesson(
    lesson: Lesson,
    folder: RunFolder,
    facts: RunFacts,
    learning: RunSettings,
    *,
    device: str,
    every: int,
    listen: Callable[[Mapping[str, Tensor]], Figures],
    telling: Telling,
    stopped: Stopped,
) -> Outcome:
    """Take the steps that are left, or until ``stopped``; the state is on disk after it.

    ``listen`` is given the averaged state each ``every`` steps and at the end; 0 is never. Raises ``TrainingError``.
    """
    run = Run(lesson, learning, folder.path, recipe=facts.text, device=device)
    log = TrainingLog(folder.path / LOG)
    log.cut_to(run.step)
    line, heard = "", Figures()

    def draw() -> None:
        draw_curves(log.read(), folder.path / CURVES, title=f"{folder.path.name}, step {run.step}")

    def noted(one: Noted) -> None:
        nonlocal line
        line = f"loss {one.figures['loss']:.4f}"
        log.note(one)

    while True:
        due = bool(every) and bool(run.step) and (run.step % every == 0 or run.done)
        if due and not log.was_heard(run.step) and not stopped():
            heard = listen(run.averaged())
            log.hear(run.step, heard)
            telling.say(f"Step {run.step}: {told(heard)}.")
            draw()
        if run.done or stopped():
            break
        following = (run.step // every + 1) * every if every else None
        run.learn(
            noted=noted,
            stopped=stopped,
            until=following,
            stepped=lambda step: telling.stepped(step, learning.steps, line),
        )
    draw()
    return Outcome(step=run.step, steps=learning.steps, heard=heard)


@contextmanager
def stopping() -> Iterator[Stopped]:
    """Within it Ctrl-C and SIGTERM ask to stop after the step; a second Ctrl-C stops at once."""
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return

    def ask(number: int, frame: FrameType | None) -> None:
        if asked.is_set() and number == signal.SIGINT:
            raise KeyboardInterrupt
        asked.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
