"""The process that owns the engine (and, with neural engines, torch and the GPU).

It is started by ``bridge.engine_client`` as ``python -m bridge.engine_process``. Lines of JSON come in on
standard input and go out on what was standard output; finished audio is written into files in a folder
that the daemon made. The process ends when its standard input ends, so it never outlives the daemon.
"""

from __future__ import annotations

import argparse
import functools
import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Final, get_args

from pydantic import BaseModel, ValidationError

from bridge.drafts import DRAFT_SHARE, draft_request
from bridge.errors import Cancelled, ModelError, SidemanError
from bridge.making import Engine, EngineOptions, Getting, Made, best_take, facts_of, make_takes, open_engine, score_take
from bridge.requests import (
    TO_ENGINE,
    Failed,
    Finished,
    GenerationRequest,
    Progressed,
    Ready,
    Run,
    Stop,
    Stopped,
    TakeMade,
    TakeScored,
    Warming,
    line_of,
)
from bridge.shared_audio import write_shared
from bridge.window_sender import WindowSender
from models.generator import WindowedGenerator
from models.presets import PRECISIONS, CompileName, GraphsName

NICENESS: Final = 10
"""An engine gives way to the daemon, and to the DAW beside it, where cores are short."""
PROGRESS_INTERVAL_S: Final = 0.05
"""Progress is not sent more often than this."""


class Inbox:
    """Reads requests on a thread of its own, so that a stop reaches a running request."""

    def __init__(self, stream: BinaryIO, on_end: Callable[[], None]) -> None:
        self._stream = stream
        self._on_end = on_end
        self._runs: queue.SimpleQueue[Run] = queue.SimpleQueue()
        self._stopped: set[str] = set()
        self._thread = threading.Thread(target=self._read, name="inbox", daemon=True)
        self._thread.start()

    def runs(self) -> Iterator[Run]:
        """Requests, in the order in which they came."""
        while True:
            yield self._runs.get()

    def is_stopped(self, request_id: str) -> bool:
        """Whether the request was told to stop."""
        return request_id in self._stopped

    def _read(self) -> None:
        for line in self._stream:
            try:
                message = TO_ENGINE.validate_json(line)
            except ValidationError:
                break  # half a line of a daemon that died
            if isinstance(message, Stop):
                self._stopped.add(message.id)
            else:
                self._stopped.discard(message.request.id)  # a stop that came too late was for another request
                self._runs.put(message)
        self._on_end()


class Engines:
    """Engines by name, each opened when it is first asked for, and kept."""

    def __init__(self, options: EngineOptions, told: Getting) -> None:
        self._options = options
        self._told = told
        self._open: dict[str, Engine] = {}

    def __getitem__(self, name: str) -> Engine:
        """The engine of that name. Raises ``SidemanError`` when it cannot be opened."""
        if name not in self._open:
            self._open[name] = open_engine(name, self._options, self._told)
        return self._open[name]


class Worker:
    """Runs requests one after the other and tells what becomes of them."""

    def __init__(self, engines: Engines, send: Callable[[BaseModel], None], inbox: Inbox) -> None:
        self._engines = engines
        self._send = send
        self._inbox = inbox

    def serve(self) -> None:
        """Work until the process ends."""
        for run in self._inbox.runs():
            self._send(self._run(run))

    def _run(self, run: Run) -> Finished | Stopped | Failed:
        request, windowed = run.request, None
        try:
            engine = self._engine_for(request)
            told = _throttled(lambda share: self._send(Progressed(id=request.id, share=share)))
            if request.drafts:
                self._deliver_drafts(engine, run, lambda share: told(DRAFT_SHARE * share))
            begins = DRAFT_SHARE if request.drafts else 0.0
            if isinstance(engine, WindowedGenerator) and not request.best:
                windowed = engine
                engine.listen(WindowSender(run, self._send).hear)
            takes = make_takes(
                engine,
                request,
                report=lambda share: told(begins + (1.0 - begins) * share),
                cancelled=lambda: self._inbox.is_stopped(request.id),
            )
            if request.best:
                self._deliver_best(run, takes)
            else:
                for take, made in enumerate(takes):
                    self._deliver(run, facts_of(request, take, made), made)
                    if score := score_take(made, request):
                        self._send(TakeScored(id=request.id, take=take, score=score))
        except Cancelled:
            return Stopped(id=request.id)
        except SidemanError as error:
            return Failed(id=request.id, code=error.code, message=str(error))
        except MemoryError:
            return Failed(
                id=request.id, code="engine_failed", message="The engine ran out of memory: ask for fewer bars."
            )
        finally:
            if windowed:
                windowed.listen(None)
        return Finished(id=request.id)

    def _deliver(self, run: Run, facts: TakeMade, made: Made) -> None:
        write_shared(run.audio[facts.take], made.mastered.samples)
        self._send(facts)

    def _deliver_drafts(self, engine: Engine, run: Run, report: Callable[[float], None]) -> None:
        """Make the draft of each take, and hand it over."""
        request = draft_request(run.request)
        stopped = functools.partial(self._inbox.is_stopped, request.id)
        for take, made in enumerate(make_takes(engine, request, report=report, cancelled=stopped)):
            write_shared(run.drafts[take], made.mastered.samples)
            self._send(facts_of(request, take, made).model_copy(update={"draft": True}))

    def _deliver_best(self, run: Run, takes: Iterator[Made]) -> None:
        """Make all takes, and hand over the one with the best total alone."""
        best = best_take(takes, run.request)
        facts = facts_of(run.request, best.take, best.made).model_copy(update={"best_of": best.totals})
        self._deliver(run, facts, best.made)
        if best.score:
            self._send(TakeScored(id=run.request.id, take=best.take, score=best.score))

    def _engine_for(self, request: GenerationRequest) -> Engine:
        """The engine of a request. Raises ``ModelError`` when the request means other weights than those loaded."""
        engine = self._engines[request.engine]
        card = getattr(engine, "card", None)
        if card and request.model and card.tensors_sha256[:12] not in request.model:
            raise ModelError(
                f"The model of the engine {request.engine} was replaced while Sideman ran: start the daemon again."
            )
        return engine


def _throttled(send: Callable[[float], None]) -> Callable[[float], None]:
    last = 0.0

    def report(share: float) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= PROGRESS_INTERVAL_S:
            last = now
            send(min(1.0, max(0.0, share)))

    return report


def _private_output() -> BinaryIO:
    """Standard output for messages alone: whatever else prints goes to standard error."""
    descriptor = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return os.fdopen(descriptor, "wb", buffering=0)


def main() -> int:
    """Load the engine, say so, and work until standard input ends."""
    parser = argparse.ArgumentParser(prog="bridge.engine_process", description=__doc__)
    parser.add_argument("--engine", required=True)
    parser.add_argument("--soundfont", type=Path)
    parser.add_argument("--jasco", type=Path)
    parser.add_argument("--kit", type=Path)
    parser.add_argument("--codecs", type=Path)
    parser.add_argument("--magnet", type=Path)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dtype", default="auto", choices=PRECISIONS)
    parser.add_argument("--graphs", default="auto", choices=get_args(GraphsName))
    parser.add_argument("--compile", default="off", choices=get_args(CompileName))
    parser.add_argument("--memory", type=Path)
    options = parser.parse_args()
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    output = _private_output()
    lock = threading.Lock()

    def send(message: BaseModel) -> None:
        with lock:
            output.write(line_of(message))

    inbox = Inbox(sys.stdin.buffer, on_end=lambda: os._exit(0))
    try:
        models = {name: path for name, path in (("jasco", options.jasco), ("magnet", options.magnet)) if path}
        engines = Engines(
            EngineOptions(
                soundfont=options.soundfont,
                models=models,
                device=options.device,
                kit=options.kit,
                codecs=options.codecs,
                dtype=options.dtype,
                graphs=options.graphs,
                compile=options.compile,
                memory=options.memory,
            ),
            lambda share, what: send(Warming(share=share, what=what)),
        )
        batches = bool(getattr(engines[options.engine], "batches", False))
    except SidemanError as error:
        send(Failed(id="", code=error.code, message=str(error)))
        return 1
    send(Ready(batches=batches))
    try:
        Worker(engines, send, inbox).serve()
    except (BrokenPipeError, KeyboardInterrupt):
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
