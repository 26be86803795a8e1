"""The daemon's end of the engine process: start, talk, supervise, restart.

One request runs at a time. A process that dies, or says nothing for ``stall_s`` while it works, ends that
request with ``EngineCrashed``; the next request finds a new process.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from pydantic import ValidationError

from bridge.errors import Cancelled, EngineCrashed, GeneratorError, SidemanError, StartError
from bridge.requests import (
    FROM_ENGINE,
    Failed,
    Finished,
    GenerationRequest,
    Message,
    Progressed,
    Ready,
    Run,
    Stop,
    Stopped,
    TakeHeard,
    TakeMade,
    TakeScored,
    Warming,
    line_of,
)
from bridge.shared_audio import part_path, read_shared, shared_folder
from models.generator import Samples

log = logging.getLogger(__name__)

CHANNELS: Final = 2
LINE_LIMIT: Final = 1 << 20
STOP_GRACE_S: Final = 5.0
"""A process that was told to stop a request and has not after this long is killed; one with long steps has longer."""
LONGEST_GRACE_S: Final = 120.0
EXIT_GRACE_S: Final = 2.0
START_LIMIT_S: Final = 120.0
ENGINE_ENVIRONMENT: Final = {
    "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(256 << 20),
    "OMP_WAIT_POLICY": "PASSIVE",
}
"""What an engine's process finds in its environment, unless something else is there.

Threads of torch that wait for each other sleep rather than spin: beside a DAW that takes its share of the cores,
spinning costs a multiple of the work. And glibc keeps the blocks that a clip's audio needs for the next clip, which
takes a sixth off its time: without it every array comes in fresh pages and goes back at once. Other C libraries pay no
attention.
"""


@dataclass(slots=True)
class Pace:
    """How long a process works between two words; it hears a stop only then. Times are monotonic seconds."""

    last: float
    longest_s: float = 0.0

    def heard(self, now: float) -> None:
        """It said something."""
        self.longest_s = max(self.longest_s, now - self.last)
        self.last = now

    def grace_s(self, now: float) -> float:
        """How long to wait for it to stop: twice its longest silence, this one included, within limits."""
        return min(LONGEST_GRACE_S, max(STOP_GRACE_S, 2.0 * max(self.longest_s, now - self.last)))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TakeAudio:
    """A take as the engine made it: facts, and audio of shape [frames, 2]."""

    facts: TakeMade
    samples: Samples


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TakePart:
    """A part of a take that is still being made, of shape [frames, 2], from the frame ``start`` of the clip on."""

    take: int
    start: int
    samples: Samples


@dataclass(slots=True, kw_only=True, eq=False)
class _Child:
    """A process, its pipes, and what it said on standard error."""

    process: asyncio.subprocess.Process
    requests: asyncio.StreamWriter
    answers: asyncio.StreamReader
    said: deque[str]
    listener: asyncio.Task[None]
    killed_here: bool = False

    @property
    def alive(self) -> bool:
        return self.process.returncode is None

    @property
    def was_killed(self) -> bool:
        """Whether a signal that was not ours ended it."""
        return not self.killed_here and (self.process.returncode or 0) < 0

    def kill(self) -> None:
        self.killed_here = True
        if self.alive:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()

    async def end(self) -> None:
        """Kill it if it still runs, and collect it."""
        self.kill()
        await self.process.wait()
        self.requests.close()
        await self.listener

    async def obituary(self) -> str:
        """Why the process ended, in words."""
        code = await self.process.wait()
        await self.listener
        last = next((line.strip() for line in reversed(self.said) if line.strip()), "")
        if code < 0:
            how = f"by {signal.Signals(-code).name}"
        else:
            how = f"with status {code}" + (f": {last[:200]}" if last else "")
        return f"The engine process ended {how}; the next request starts it again."


class EngineRunner(Protocol):
    """What the job queue needs of an engine."""

    @property
    def batches(self) -> bool:
        """Whether it makes several takes at once in less time than one after the other."""
        ...

    def run(
        self, request: GenerationRequest, on_progress: Callable[[float], None]
    ) -> AsyncGenerator[TakeAudio | TakeScored | TakePart, None]:
        """The takes of a request as they are made. Raises ``SidemanError`` when it fails or is stopped."""
        ...

    def stop(self, request_id: str) -> None:
        """Stop the request if it is running; ``run`` then raises ``Cancelled``."""
        ...


class EngineClient:
    """Starts and supervises one engine process. Used on one event loop."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        stall_s: float,
        on_warming: Callable[[float, str], None] = lambda share, what: None,
    ) -> None:
        """``on_warming`` is told the share of a start that is done, and what is being done."""
        self._command = tuple(command)
        self._on_warming = on_warming
        self._stall_s = stall_s
        self._child: _Child | None = None
        self._starting: asyncio.Task[None] | None = None
        self._running: str | None = None
        self._sent = False
        self._pace = Pace(0.0)
        self._stop_asked = asyncio.Event()
        self._killer: asyncio.TimerHandle | None = None
        self._closed = False
        self._batches = False

    @property
    def pid(self) -> int | None:
        """Process id of the engine while it lives."""
        return self._child.process.pid if self._child and self._child.alive else None

    @property
    def batches(self) -> bool:
        """Whether it makes several takes at once in less time than one after the other."""
        return self._batches

    @property
    def is_warm(self) -> bool:
        """Whether there is a process that is loaded and warm."""
        starting = self._starting is not None and not self._starting.done()
        return not starting and self._child is not None and self._child.alive

    async def start(self) -> None:
        """Have a process that is loaded and warm. All that ask while one starts share its fate.

        Raises ``StartError`` when there can be none, ``EngineCrashed`` when something outside killed it.
        """
        await asyncio.shield(self._start_task())

    def _start_task(self) -> asyncio.Task[None]:
        if self._starting is None or self._starting.done():
            self._starting = asyncio.create_task(self._start(), name="engine process start")
            self._starting.add_done_callback(_heard)
        return self._starting

    async def _start(self) -> None:
        if self._child and self._child.alive:
            return
        if self._closed:
            raise StartError("The engine is closed.")
        await self._reap()
        self._child = await _spawn(self._command)
        try:
            await self._await_ready(self._child)
        except BaseException:
            await self._reap()
            raise

    async def _await_ready(self, child: _Child) -> None:
        try:
            message = await self._receive(child, START_LIMIT_S)
            while isinstance(message, Warming):
                self._on_warming(message.share, message.what)
                message = await self._receive(child, START_LIMIT_S)
        except EngineCrashed as error:
            if child.was_killed:
                raise
            raise StartError(f"The engine process did not start. {error}") from None
        if isinstance(message, Failed):
            raise StartError(f"The engine cannot start: {message.message}")
        if not isinstance(message, Ready):
            raise StartError("The engine did not say that it is ready.")
        self._batches = message.batches

    async def run(
        self, request: GenerationRequest, on_progress: Callable[[float], None]
    ) -> AsyncGenerator[TakeAudio | TakeScored | TakePart, None]:
        """The takes of a request as they are made, their parts before that, and the score of each once it is measured.

        ``on_progress`` is told the share that is done. Raises ``EngineCrashed``, ``Cancelled`` after
        ``stop``, ``GeneratorError`` when the engine failed.
        """
        self._running, self._sent = request.id, False
        self._stop_asked.clear()
        ended = False
        try:
            with shared_folder() as folder:
                paths = tuple(folder / f"{take}.f32" for take in range(len(request.controls)))
                drafts = tuple(folder / f"{take}-draft.f32" for take in range(len(request.drafts)))
                known = self._child if self._child and self._child.alive else None
                await self._start_unless_stopped(request.id)
                first = await self._first_answer(Run(request=request, audio=paths, drafts=drafts), known)
                async for made in self._takes(request.id, first, on_progress):
                    if isinstance(made, TakeScored):
                        yield made
                        continue
                    if isinstance(made, TakeHeard):
                        path = part_path(paths[made.take], made.part)
                        part = await asyncio.to_thread(read_shared, path, made.frames, CHANNELS)
                        yield TakePart(take=made.take, start=made.start, samples=part)
                        continue
                    path = (drafts if made.draft else paths)[made.take]
                    audio = await asyncio.to_thread(read_shared, path, request.window.frames, CHANNELS)
                    yield TakeAudio(facts=made, samples=audio)
            ended = True
        except SidemanError:
            ended = True
            raise
        except asyncio.CancelledError:
            if self._sent:
                self._kill()
            raise
        finally:
            if self._sent and not ended:
                await self._abandon(request.id)
            self._running = None
            self._disarm()

    async def _start_unless_stopped(self, request_id: str) -> None:
        """Wait for a warm process, but not past ``stop``: the process goes on to start for the next request."""
        starting = self._start_task()
        stopped = asyncio.create_task(self._stop_asked.wait(), name="stop asked")
        try:
            await asyncio.wait({starting, stopped}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopped.cancel()
        if self._stop_asked.is_set():
            raise Cancelled(f"The request {request_id} was cancelled.")
        await starting

    async def _begin(self, run: Run) -> None:
        line = await asyncio.to_thread(line_of, run)  # a long chart takes a while
        if self._stop_asked.is_set():
            raise Cancelled(f"The request {run.request.id} was cancelled.")
        self._sent = True
        self._pace = Pace(asyncio.get_running_loop().time())
        await self._send(line)

    async def _first_answer(self, run: Run, known: _Child | None) -> Message:
        """Send the request, and hear what the engine says first.

        A process that was ``known`` before the request, and is found dead, has died of something else: a new one
        gets the request, once.
        """
        try:
            await self._begin(run)
            return await self._about(run.request.id)
        except EngineCrashed:
            if known is None or not known.was_killed or self._stop_asked.is_set():
                raise
        self._sent = False
        await self._start_unless_stopped(run.request.id)
        await self._begin(run)
        return await self._about(run.request.id)

    async def _about(self, request_id: str) -> Message:
        """The next thing that the engine says of a request."""
        while self._child:
            message = await self._receive(self._child, self._stall_s)
            if not isinstance(message, Ready | Warming) and message.id == request_id:
                self._pace.heard(asyncio.get_running_loop().time())
                return message
        raise EngineCrashed("The engine process is gone; the next request starts it again.")

    async def _takes(
        self, request_id: str, message: Message, on_progress: Callable[[float], None]
    ) -> AsyncGenerator[TakeMade | TakeScored | TakeHeard, None]:
        """The takes of a request and their scores, from what the engine said first on."""
        while True:
            match message:
                case Progressed(share=share):
                    on_progress(share)
                case TakeMade() | TakeScored() | TakeHeard():
                    yield message
                case Finished():
                    return
                case Stopped():
                    raise Cancelled(f"The request {request_id} was cancelled.")
                case Failed(code=code, message=text):
                    raise _failure(code, text)
            message = await self._about(request_id)

    def stop(self, request_id: str) -> None:
        """Stop the request if it is the one that runs; a process that does not obey is killed."""
        if self._running != request_id:
            return
        self._stop_asked.set()
        if not self._sent:
            return
        if self._child and self._child.alive:
            self._child.requests.write(line_of(Stop(id=request_id)))
        if self._killer is None:
            loop = asyncio.get_running_loop()
            self._killer = loop.call_later(self._pace.grace_s(loop.time()), self._kill)

    async def _abandon(self, request_id: str) -> None:
        """Stop a request that nobody waits for any more, and hear it out."""
        self.stop(request_id)
        with contextlib.suppress(SidemanError):
            async for _ in self._takes(request_id, await self._about(request_id), lambda share: None):
                pass

    async def close(self) -> None:
        """End the process; safe to call twice."""
        self._closed = True
        if self._starting and not self._starting.done():
            self._starting.cancel()
            with contextlib.suppress(asyncio.CancelledError, SidemanError):
                await self._starting
        if self._child and self._child.alive:
            self._child.requests.close()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._child.process.wait(), EXIT_GRACE_S)
        await self._reap()

    def _kill(self) -> None:
        if self._child:
            self._child.kill()

    def _disarm(self) -> None:
        if self._killer:
            self._killer.cancel()
            self._killer = None

    async def _reap(self) -> None:
        child, self._child = self._child, None
        if child:
            await child.end()

    async def _send(self, line: bytes) -> None:
        child = self._child
        if child is None:
            return
        try:
            child.requests.write(line)
            await child.requests.drain()
        except (BrokenPipeError, ConnectionResetError):
            raise EngineCrashed(await child.obituary()) from None

    async def _receive(self, child: _Child, limit_s: float) -> Message:
        try:
            line = await asyncio.wait_for(child.answers.readline(), limit_s)
        except TimeoutError:
            child.kill()
            raise EngineCrashed(
                f"The engine said nothing for {limit_s:g} seconds and was stopped; the next request starts it again."
            ) from None
        if not line.endswith(b"\n"):
            raise EngineCrashed(await child.obituary())
        try:
            return FROM_ENGINE.validate_json(line)
        except ValidationError:
            child.kill()
            raise EngineCrashed(
                f"The engine process said something that is no message ({line[:60]!r}) and was stopped."
            ) from None


def _heard(task: asyncio.Task[None]) -> None:
    """Take note of how a start ended that nobody waited for."""
    if not task.cancelled() and (error := task.exception()):
        log.info("engine start: %s", error)


async def _spawn(command: Sequence[str]) -> _Child:
    pipe = asyncio.subprocess.PIPE
    try:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=pipe, stdout=pipe, stderr=pipe, limit=LINE_LIMIT, env=ENGINE_ENVIRONMENT | os.environ
        )
    except OSError as error:
        raise StartError(f"The engine process cannot be started: {error.strerror}.") from None
    if process.stdin is None or process.stdout is None or process.stderr is None:
        raise StartError("The engine process cannot be started: it has no pipes.")
    said: deque[str] = deque(maxlen=40)
    listener = asyncio.create_task(_listen(process.stderr, said), name="engine stderr")
    return _Child(process=process, requests=process.stdin, answers=process.stdout, said=said, listener=listener)


async def _listen(stream: asyncio.StreamReader, said: deque[str]) -> None:
    """Keep what a process writes to standard error, for the log and for its obituary."""
    while chunk := await stream.read(65536):
        for text in chunk.decode(errors="replace").splitlines():
            said.append(text)
            log.debug("engine: %s", text)


def engine_command(
    name: str,
    *,
    soundfont: Path | None = None,
    kit: Path | None = None,
    models: Mapping[str, Path] | None = None,
    codecs: Path | None = None,
    device: str = "auto",
    dtype: str = "auto",
    graphs: str = "auto",
    compile_: str = "off",
    memory: Path | None = None,
) -> tuple[str, ...]:
    """The command line of an engine process; ``-P`` keeps the current folder out of its imports.

    ``models`` are converted models by engine, ``codecs`` the folder with what drum tracks are decoded by, ``memory``
    the file that what was measured of this machine is noted in.
    """
    command = [sys.executable, "-P", "-m", "bridge.engine_process", "--engine", name, "--device", device]
    command += ["--dtype", dtype, "--graphs", graphs, "--compile", compile_]
    for option, path in (("--soundfont", soundfont), ("--kit", kit), ("--codecs", codecs), ("--memory", memory)):
        if path:
            command += [option, str(path)]
    for engine, path in (models or {}).items():
        command += [f"--{engine}", str(path)]
    return tuple(command)


def _failure(code: str, message: str) -> SidemanError:
    error = GeneratorError(message)
    error.code = code  # type: ignore[misc]
    return error
