"""What holds for every test: how many examples hypothesis draws, and that nothing is left open or running."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from typing import Any

import psutil
import pytest
from hypothesis import settings

ENDING_S = 5.0
"""A thread or process that was told to end may take this long to be gone."""

# Drawing is bounded by the number of examples and not by time: the machines that run these tests are shared.
settings.register_profile("default", max_examples=200, deadline=None)
settings.register_profile("ci", max_examples=500, deadline=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Where the reference numbers for the models are, when not those of the repository."""
    parser.addoption("--parity-dir", metavar="DIR", help="a folder of reference numbers, as tests/data/parity")


@pytest.fixture(autouse=True)
def _nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail a test that leaves sockets, threads, asyncio tasks or child processes of its own behind.

    What fixtures of a wider scope opened before the test is theirs to close.
    """
    tasks = _tasks_left_to_the_loop(monkeypatch)
    process = psutil.Process()
    sockets, threads, children = _sockets(process), set(threading.enumerate()), set(process.children())
    yield
    started = [thread for thread in threading.enumerate() if thread not in threads]
    for thread in started:
        thread.join(ENDING_S)
    spawned = [child for child in process.children() if child not in children]
    _, running = psutil.wait_procs(spawned, timeout=ENDING_S)
    left = {
        "asyncio tasks": [repr(task) for task in tasks],
        "threads": [thread.name for thread in started if thread.is_alive()],
        "processes": [str(child) for child in running],
        "sockets": [str(kind) for kind in _sockets(process) - sockets],
    }
    assert not any(left.values()), f"The test left behind: { {kind: what for kind, what in left.items() if what} }"


def _sockets(process: psutil.Process) -> set[tuple[Any, ...]]:
    """The sockets that the process holds, by descriptor, kind and local address."""
    return {(one.fd, one.type.name, one.laddr) for one in process.net_connections(kind="all")}


def _tasks_left_to_the_loop(monkeypatch: pytest.MonkeyPatch) -> list[asyncio.Task[Any]]:
    """A list that gathers the tasks which ``asyncio.run`` finds unfinished at its end, and would cancel silently."""
    left: list[asyncio.Task[Any]] = []
    cancel_all = asyncio.runners._cancel_all_tasks  # type: ignore[attr-defined]

    def gather(loop: asyncio.AbstractEventLoop) -> None:
        left.extend(task for task in asyncio.all_tasks(loop) if not task.cancelling())
        cancel_all(loop)

    monkeypatch.setattr(asyncio.runners, "_cancel_all_tasks", gather)
    return left
