"""Category: integration. Supervision of the engine process, against small processes that misbehave on purpose."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import sys
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_bridge_engine_queue import request as plain_request

from bridge import engine_client
from bridge.engine_client import LONGEST_GRACE_S, EngineClient, Pace, TakeAudio, engine_command
from bridge.engine_process import Inbox
from bridge.errors import Cancelled, DiskError, EngineCrashed, GeneratorError, SidemanError, StartError
from bridge.requests import GenerationRequest, Run, Stop, line_of
from bridge.shared_audio import read_shared, write_shared
from midi.chords import ChordSpan, parse_chord
from midi.time import Beats, TempoMap
from models.generator import SketchChart

PREAMBLE = """
import sys, json, time, struct
def say(**message): print(json.dumps(message), flush=True)
def hear():
    line = sys.stdin.readline()
    if not line: sys.exit(0)
    return json.loads(line)
def take(run, index=0, value=0.5):
    path = run["audio"][index]
    frames = run["request"]["window"]["frames"]
    with open(path, "wb") as file: file.write(struct.pack("<f", value) * 2 * frames)
    say(type="take", id=run["request"]["id"], take=index, seed=1, loudness_lufs=-14.0, peak_dbfs=-1.0, gain_db=0.0,
        limited_db=0.0, folded_s=0.0, notices=[], seconds_spent=0.1, versions={})
"""
GOOD = """
say(type="ready")
while True:
    run = hear()
    if run["type"] == "run":
        name = run["request"]["id"]
        say(type="progressed", id=name, share=0.5)
        take(run)
        say(type="finished", id=name)
"""
OBEYS_STOP = """
say(type="ready")
while True:
    message = hear()
    if message["type"] == "stop": say(type="stopped", id=message["id"])
    elif message["request"]["id"] == "next": take(message); say(type="finished", id="next")
    else: say(type="progressed", id=message["request"]["id"], share=0.25)
"""
IGNORES_STOP = 'say(type="ready")\nrun = hear()\nsay(type="progressed", id="a", share=0.1)\nwhile True: hear()'
DIES_AT_WORK = 'say(type="ready")\nhear()\nprint("CUDA error: out of luck", file=sys.stderr)\nsys.exit(3)'
SILENT_AT_WORK = 'say(type="ready")\nwhile True: hear()'
BABBLES = 'say(type="ready")\nhear()\nprint("hello", flush=True)\nwhile True: hear()'
FAILS = """
say(type="ready")
while True: say(type="failed", id=hear()["request"]["id"], code="soundfont", message="No piano.")
"""
HANGS_AT_FIRST = (
    """
import os
if not os.path.exists("FLAG"): open("FLAG", "w").close(); hear()
"""
    + GOOD
)
WARMS_UP = (
    """
for share in (0.0, 0.5, 1.0): say(type="warming", share=share, what="loading")
"""
    + GOOD
)
WARMS_UP_AND_DIES = 'say(type="warming", share=0.5, what="loading")\nsys.exit("no memory")'
CANNOT_START = 'say(type="failed", id="", code="soundfont", message="No soundfont.")'
DIES_AT_START = 'sys.exit("no such module")'


def request(request_id: str = "a", takes: int = 1) -> GenerationRequest:
    """A request for one tenth of a second of a C major chord."""
    base = plain_request(request_id)
    end = Beats(0.2)
    chart = SketchChart(
        tempo_map=TempoMap(), start=Beats(0.0), end=end, key=None, prompt="", seed=1, drums=(), melody=(),
        chords=(ChordSpan(start=Beats(0.0), end=end, chord=parse_chord("C")),),
    )  # fmt: skip
    window = base.window.model_copy(update={"end": end, "seconds": 0.1, "frames": 4800})
    return base.model_copy(update={"engine": "sketch", "controls": (chart,) * takes, "window": window})


def with_engine(script: str, scene: Callable[[EngineClient], Coroutine[Any, Any, None]], stall_s: float = 20.0) -> None:
    async def run() -> None:
        client = EngineClient((sys.executable, "-c", PREAMBLE + script), stall_s=stall_s)
        try:
            async with asyncio.timeout(30):
                await scene(client)
        finally:
            await client.close()
        assert client.pid is None

    asyncio.run(run())


async def takes_of(
    client: EngineClient, wanted: GenerationRequest, heard: list[float] | None = None
) -> list[TakeAudio]:
    return [take async for take in client.run(wanted, (heard if heard is not None else []).append)]


def test_audio_facts_and_progress_come_back() -> None:
    async def scene(client: EngineClient) -> None:
        heard: list[float] = []
        (take,) = await takes_of(client, request(), heard)
        assert heard == [0.5]
        assert take.facts.loudness_lufs == -14.0
        assert take.samples.shape == (4800, 2)
        assert np.all(take.samples == np.float32(0.5))

    with_engine(GOOD, scene)


def test_no_file_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    async def scene(client: EngineClient) -> None:
        await takes_of(client, request())

    with_engine(GOOD, scene)
    assert list(tmp_path.iterdir()) == []


def test_a_process_killed_at_work_ends_the_job_and_the_next_one_works() -> None:
    async def scene(client: EngineClient) -> None:
        def kill(share: float) -> None:
            assert client.pid is not None
            os.kill(client.pid, signal.SIGKILL)

        with pytest.raises(EngineCrashed, match="SIGKILL"):
            async for _ in client.run(request(), kill):
                pass
        assert len(await takes_of(client, request("next"))) == 1

    with_engine(OBEYS_STOP, scene)


def test_the_last_words_of_a_process_are_told() -> None:
    async def scene(client: EngineClient) -> None:
        with pytest.raises(EngineCrashed, match="status 3: CUDA error: out of luck"):
            await takes_of(client, request())

    with_engine(DIES_AT_WORK, scene)


def test_a_silent_process_is_stopped() -> None:
    async def scene(client: EngineClient) -> None:
        with pytest.raises(EngineCrashed, match=r"said nothing for 0\.2 seconds"):
            await takes_of(client, request())

    with_engine(SILENT_AT_WORK, scene, stall_s=0.2)


def test_a_process_that_babbles_is_stopped() -> None:
    async def scene(client: EngineClient) -> None:
        with pytest.raises(EngineCrashed, match="no message"):
            await takes_of(client, request())

    with_engine(BABBLES, scene)


def test_a_failure_keeps_its_code() -> None:
    async def scene(client: EngineClient) -> None:
        for _ in range(2):
            with pytest.raises(SidemanError, match="No piano") as caught:
                await takes_of(client, request())
            assert caught.value.code == "soundfont"
        assert GeneratorError.code == "engine_failed", "the class itself keeps its code"

    with_engine(FAILS, scene)


def test_stop_ends_the_running_request_and_the_process_lives() -> None:
    async def scene(client: EngineClient) -> None:
        pids: list[int | None] = []

        def on_progress(share: float) -> None:
            pids.append(client.pid)
            client.stop("a")

        with pytest.raises(Cancelled):
            async for _ in client.run(request(), on_progress):
                pass
        assert len(await takes_of(client, request("next"))) == 1
        assert client.pid == pids[0]

    with_engine(OBEYS_STOP, scene)


def test_a_process_that_ignores_stop_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_client, "STOP_GRACE_S", 0.1)

    async def scene(client: EngineClient) -> None:
        with pytest.raises(EngineCrashed, match="SIGKILL"):
            async for _ in client.run(request(), lambda share: client.stop("a")):
                pass

    with_engine(IGNORES_STOP, scene)


def test_a_process_with_long_steps_has_time_to_hear_a_stop() -> None:
    """A step of a large model on a CPU takes many seconds, and loading it again takes more."""
    pace = Pace(100.0)
    assert pace.grace_s(100.5) == 5.0
    assert pace.grace_s(104.0) == 8.0, "a first step that is not done yet may be half done"
    pace.heard(112.0)
    assert pace.grace_s(112.5) == 24.0
    pace.heard(113.0)
    assert pace.grace_s(113.0) == 24.0
    assert Pace(0.0).grace_s(1000.0) == LONGEST_GRACE_S


def test_a_request_left_half_heard_does_not_spoil_the_next() -> None:
    async def scene(client: EngineClient) -> None:
        async def leave_early() -> None:
            stream = client.run(request(takes=2), lambda share: None)
            async for _ in stream:
                break
            await stream.aclose()

        await leave_early()
        assert len(await takes_of(client, request("next"))) == 1

    with_engine(
        'say(type="ready")\nwhile True:\n    m = hear()\n'
        '    if m["type"] == "stop": say(type="stopped", id=m["id"])\n'
        '    else:\n        take(m)\n        if len(m["audio"]) == 1: say(type="finished", id=m["request"]["id"])\n',
        scene,
    )


@pytest.mark.parametrize(
    ("script", "words"), [(CANNOT_START, "No soundfont"), (DIES_AT_START, "no such module")], ids=["says", "dies"]
)
def test_an_engine_that_cannot_start_says_why(script: str, words: str) -> None:
    async def scene(client: EngineClient) -> None:
        with pytest.raises(StartError, match=words):
            await client.start()

    with_engine(script, scene)


def test_a_process_killed_while_it_starts_fails_all_that_wait_and_the_next_request_works(tmp_path: Path) -> None:
    flag = tmp_path / "started"

    async def scene(client: EngineClient) -> None:
        warming = asyncio.create_task(client.start())
        waiting = asyncio.create_task(takes_of(client, request()))
        while not flag.exists():
            await asyncio.sleep(0)
        assert client.pid is not None
        os.kill(client.pid, signal.SIGKILL)
        for task in (warming, waiting):
            with pytest.raises(EngineCrashed, match="SIGKILL"):
                await task
        assert len(await takes_of(client, request("next"))) == 1

    with_engine(HANGS_AT_FIRST.replace("FLAG", str(flag)), scene)


def test_a_request_stopped_while_the_engine_starts_ends_at_once_and_the_start_goes_on(tmp_path: Path) -> None:
    flag = tmp_path / "started"

    async def scene(client: EngineClient) -> None:
        waiting = asyncio.create_task(takes_of(client, request()))
        while not flag.exists():
            await asyncio.sleep(0)
        client.stop("a")
        with pytest.raises(Cancelled):
            await waiting
        assert client.pid is not None

    with_engine(HANGS_AT_FIRST.replace("FLAG", str(flag)), scene)


def test_a_process_that_died_unnoticed_is_replaced_and_the_request_works() -> None:
    async def scene(client: EngineClient) -> None:
        await takes_of(client, request())
        assert client.pid is not None
        first = client.pid
        os.kill(first, signal.SIGKILL)
        assert len(await takes_of(client, request("next"))) == 1
        assert client.pid != first

    with_engine(GOOD, scene)


def test_a_stop_that_came_too_late_does_not_stop_the_next_request_of_that_name() -> None:
    again = Run(request=request("verse"), audio=(Path("0.f32"),))
    ended = threading.Event()
    inbox = Inbox(io.BytesIO(line_of(Stop(id="verse")) + line_of(again)), on_end=ended.set)
    assert next(inbox.runs()).request.id == "verse"
    assert ended.wait(10)
    assert not inbox.is_stopped("verse")


def test_a_stop_reaches_the_request_that_came_before_it() -> None:
    first = Run(request=request("verse"), audio=(Path("0.f32"),))
    ended = threading.Event()
    inbox = Inbox(io.BytesIO(line_of(first) + line_of(Stop(id="verse"))), on_end=ended.set)
    assert ended.wait(10)
    assert inbox.is_stopped(next(inbox.runs()).request.id)


def test_half_a_line_ends_the_engine_process() -> None:
    ended = threading.Event()
    Inbox(io.BytesIO(b'{"type": "run", "requ'), on_end=ended.set)
    assert ended.wait(10)


def test_a_full_disk_is_an_error_of_the_engine_process_and_not_its_end() -> None:
    """The operating system itself refuses the bytes of the longer request."""

    async def run() -> None:
        command = "import resource, runpy, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)); "
        command += "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        command += (
            "sys.argv[1:] = ['--engine', 'sketch']; runpy.run_module('bridge.engine_process', run_name='__main__')"
        )
        client = EngineClient((sys.executable, "-c", command), stall_s=60.0)
        try:
            async with asyncio.timeout(120):
                base = request()
                window = base.window.model_copy(update={"seconds": 0.4, "frames": 19200})
                with pytest.raises(SidemanError, match=r"No room for 0 MB of audio in .*TMPDIR") as caught:
                    await takes_of(client, base.model_copy(update={"window": window}))
                assert caught.value.code == "disk"
                pid = client.pid
                assert len(await takes_of(client, request("next"))) == 1
                assert client.pid == pid
        finally:
            await client.close()

    asyncio.run(run())


def test_audio_that_is_cut_short_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "0.f32"
    write_shared(path, np.zeros((10, 2), dtype=np.float32))
    with pytest.raises(DiskError, match="cut short"):
        read_shared(path, 11, 2)


def test_a_temporary_folder_that_is_gone_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(client: EngineClient) -> None:
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
        with pytest.raises(DiskError, match="gone"):
            await takes_of(client, request())

    with_engine(GOOD, scene)


def test_a_stop_at_any_moment_before_the_engine_answers_ends_the_request() -> None:
    """The request is written by another thread; a stop in between must not be lost."""

    async def scene(client: EngineClient) -> None:
        await client.start()
        for turns in range(6):
            waiting = asyncio.create_task(takes_of(client, request("a")))
            for _ in range(turns):
                await asyncio.sleep(0)
            client.stop("a")
            if not waiting.done() and turns == 0:
                await asyncio.sleep(0)
                client.stop("a")  # the task had not begun
            with pytest.raises(Cancelled):
                await waiting
        assert len(await takes_of(client, request("next"))) == 1

    with_engine(OBEYS_STOP, scene)


def test_the_real_engine_process_killed_between_requests_is_started_again() -> None:
    async def run() -> None:
        client = EngineClient(engine_command("sketch"), stall_s=60.0)
        try:
            async with asyncio.timeout(120):
                (first,) = await takes_of(client, request())
                assert client.pid is not None
                os.kill(client.pid, signal.SIGKILL)
                while client.pid is not None:
                    await asyncio.sleep(0)
                (again,) = await takes_of(client, request())
        finally:
            await client.close()
        assert first.samples.any()
        assert np.array_equal(first.samples, again.samples), "the same seed makes the same clip"

    asyncio.run(run())


def test_the_engine_process_ends_when_its_input_does() -> None:
    async def run() -> None:
        process = await asyncio.create_subprocess_exec(
            *engine_command("sketch"), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        assert process.stdin is not None and process.stdout is not None
        async with asyncio.timeout(60):
            assert b"ready" in await process.stdout.readline()
            process.stdin.close()
            assert await process.wait() == 0

    asyncio.run(run())


# Getting ready


def test_what_an_engine_says_while_it_gets_ready_is_handed_on() -> None:
    heard: list[tuple[float, str]] = []

    async def run() -> None:
        client = EngineClient(
            (sys.executable, "-c", PREAMBLE + WARMS_UP),
            stall_s=20.0,
            on_warming=lambda share, what: heard.append((share, what)),
        )
        try:
            async with asyncio.timeout(30):
                await client.start()
                assert client.is_warm
                assert len(await takes_of(client, request())) == 1
        finally:
            await client.close()

    asyncio.run(run())
    assert heard == [(0.0, "loading"), (0.5, "loading"), (1.0, "loading")]


def test_an_engine_that_dies_while_it_gets_ready_has_not_started() -> None:
    async def scene(client: EngineClient) -> None:
        with pytest.raises(StartError, match="no memory"):
            await client.start()

    with_engine(WARMS_UP_AND_DIES, scene)
