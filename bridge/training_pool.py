"""Pieces of training music from several processes. They end when this one does, however it ends."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from bridge.training_captions import with_caption
from midi.composing import compose
from models.errors import TrainingError
from models.soundfont import SoundfontRenderer
from models.training_music import WINDOW_S, TrainingPiece, make_piece


class Composers:
    """Makes pieces of seeds with one soundfont."""

    def __init__(self, soundfont: Path, pool: ProcessPoolExecutor | None) -> None:
        self._soundfont = soundfont
        self._pool = pool

    def pieces(self, seeds: Sequence[int]) -> Iterator[TrainingPiece]:
        """The pieces of seeds, in their order, each with its caption. Raises ``GeneratorError``, ``TrainingError``."""
        if self._pool is None:
            yield from (captioned_piece(seed, self._soundfont) for seed in seeds)
            return
        try:
            yield from self._pool.map(captioned_piece, seeds, [self._soundfont] * len(seeds))
        except BrokenProcessPool as error:
            raise TrainingError(
                "A process that composed has died, perhaps for want of memory: run the same command again with fewer "
                "--jobs. The shards that are complete stay."
            ) from error


@contextmanager
def composers(soundfont: Path, jobs: int) -> Iterator[Composers]:
    """Composers in so many processes; 1 is this one. Work that waits is dropped at the end."""
    if jobs == 1:
        yield Composers(soundfont, None)
        return
    pool = ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn"), initializer=_live_as_parent)
    try:
        yield Composers(soundfont, pool)
    finally:
        pool.shutdown(cancel_futures=True)


def captioned_piece(seed: int, soundfont: Path) -> TrainingPiece:
    """The piece of a seed with its caption."""
    made = make_piece(seed, _renderer(soundfont))
    chart = with_caption(made.chart, compose(seed, WINDOW_S))
    return TrainingPiece(mix=made.mix, drums=made.drums, chart=chart)


@cache
def _renderer(soundfont: Path) -> SoundfontRenderer:
    return SoundfontRenderer(soundfont)


def _live_as_parent() -> None:
    """In a process of the pool: a key press is for the parent, and where that is gone, so is this one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is None:
        raise AssertionError("this is a process of a pool")

    def end_with_parent(sentinel: int) -> None:
        multiprocessing.connection.wait([sentinel])
        os._exit(1)

    threading.Thread(target=end_with_parent, args=(parent.sentinel,), daemon=True).start()
