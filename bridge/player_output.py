"""The daemon's end of the output: starts its process, sees when the device is gone, and takes it up again.

A device is gone when its process ends, or when it has asked for nothing for ``STALL_S``. A new process has a new look
at which devices there are, which PortAudio takes but once.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import mmap
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from bridge.errors import StartError
from bridge.player_config import PlayerConfig
from bridge.player_process import RING_NAME, Opened, Refused, Wish
from bridge.ring import Ring
from bridge.shared_audio import PREFIX

START_LIMIT_S: Final = 20.0
STALL_S: Final = 1.0
RETRY_S: Final = 1.0
LONGEST_RETRY_S: Final = 4.0
LOOK_S: Final = 0.1
GRACE_S: Final = 2.0
_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - a folder of its own is made in it


@dataclass(slots=True, kw_only=True, eq=False)
class Output:
    """A device that plays from a ring."""

    facts: Opened
    ring: Ring
    process: asyncio.subprocess.Process
    memory: mmap.mmap
    folder: Path


def wish_of(config: PlayerConfig, folder: Path) -> Wish:
    """What the configuration wants of the output."""
    return Wish(
        folder=str(folder),
        device=config.device,
        rate_hz=config.sample_rate_hz,
        block=config.block,
        latency=config.latency,
    )


async def open_output(config: PlayerConfig) -> Output | Refused:
    """Start the output's process. What keeps it from playing is returned."""
    try:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=_MEMORY if _MEMORY.is_dir() else None))
    except OSError as error:
        return Refused(missing=False, message=f"No folder for audio can be made: {error.strerror}.")
    process = None
    try:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "bridge.player_process", json.dumps(asdict(wish_of(config, folder)))),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        answer = await _answer(process)
        if isinstance(answer, Refused):
            await _end(process, folder)
            return answer
        with (folder / RING_NAME).open("r+b") as file:
            memory = mmap.mmap(file.fileno(), 0)
        shutil.rmtree(folder, ignore_errors=True)  # both have it mapped; Windows keeps it until the end
        ring = Ring(memory, answer.frames, answer.channels)
        return Output(facts=answer, ring=ring, process=process, memory=memory, folder=folder)
    except OSError as error:
        await _end(process, folder)
        return Refused(missing=False, message=f"The output's process cannot be started: {error.strerror or error}.")
    except BaseException:
        await _end(process, folder)
        raise


async def _answer(process: asyncio.subprocess.Process) -> Opened | Refused:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(START_LIMIT_S):
            while process.stdout and (line := await process.stdout.readline()):
                if answer := _read(line):
                    return answer
    return Refused(missing=False, message="The audio system did not answer.")


def _read(line: bytes) -> Opened | Refused | None:
    """A line of the process; None for one that an audio library has put in."""
    try:
        message = json.loads(line)
        kind = {"Opened": Opened, "Refused": Refused}[message.pop("type")]
        answer: Opened | Refused = kind(**message)
    except (ValueError, AttributeError, KeyError, TypeError):
        return None
    return answer


async def close_output(output: Output) -> None:
    """End the process, and let go of the ring; nothing may use it any more."""
    del output.ring
    await _end(output.process, output.folder)
    with contextlib.suppress(BufferError):  # an array of the ring lives a little longer, and the memory with it
        output.memory.close()


async def _end(process: asyncio.subprocess.Process | None, folder: Path) -> None:
    try:
        if process and process.returncode is None:
            if process.stdin:
                process.stdin.close()
            try:
                async with asyncio.timeout(GRACE_S):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()
    finally:
        if process and process.returncode is None:
            process.kill()
        shutil.rmtree(folder, ignore_errors=True)


class OutputKeeper:
    """Keeps an output open for as long as it can be had."""

    def __init__(
        self,
        config: PlayerConfig,
        *,
        opened: Callable[[Output], None],
        lost: Callable[[str], None],
        monotonic: Callable[[], float],
    ) -> None:
        """``opened`` gets each output, and uses its ring until ``lost`` is told why it is there no more.

        ``lost`` is also told, once, why there is no output at the start.
        """
        self._config = config
        self._opened, self._lost = opened, lost
        self._monotonic = monotonic
        self._output: Output | None = None
        self._is_told = False

    async def open_first(self) -> None:
        """The first try. Raises ``StartError`` where the library is not there."""
        answer = await open_output(self._config)
        if isinstance(answer, Output):
            self._take(answer)
        elif answer.missing:
            raise StartError(f"The player cannot start: {answer.message}")
        else:
            self._say(answer.message)

    async def keep(self) -> None:
        """Watch the output and take it up again, until cancelled, or until the library is found to be missing."""
        try:
            pause_s = RETRY_S
            while True:
                if self._output is not None:
                    await self._watch(self._output)
                    pause_s = RETRY_S
                answer = await open_output(self._config)
                if isinstance(answer, Output):
                    self._take(answer)
                    continue
                self._say(answer.message)
                if answer.missing:
                    return
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, LONGEST_RETRY_S)
        finally:
            output, self._output = self._output, None
            if output:
                await close_output(output)

    def _take(self, output: Output) -> None:
        self._output, self._is_told = output, False
        self._opened(output)

    def _say(self, message: str) -> None:
        if not self._is_told:
            self._is_told = True
            self._lost(message)

    async def _watch(self, output: Output) -> None:
        """Until the device is gone."""
        read, since = output.ring.read, self._monotonic()
        while output.process.returncode is None:
            await asyncio.sleep(LOOK_S)
            now = self._monotonic()
            if output.ring.read != read:
                read, since = output.ring.read, now
            elif now - since > STALL_S:
                break
        self._output = None
        self._say(f"The audio device {output.facts.device} is gone; its clips keep their place until it is back.")
        await close_output(output)
