"""What the daemon's process does to follow at once. In processes of their own: it is not undone."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from bridge.engine_process import NICENESS
from bridge.promptness import PRIORITY, SWITCH_S
from bridge.spawned import spawned_daemon

ASKED = """
import gc, os, sys, threading
from bridge.promptness import be_prompt
{before}
allowed = be_prompt(realtime={realtime})
kinds = []
other = threading.Thread(target=lambda: kinds.append(os.sched_getscheduler(0)))
other.start()
other.join()
own = os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK
print(allowed, own == os.SCHED_RR, os.sched_getparam(0).sched_priority, kinds[0] == os.SCHED_OTHER)
print(gc.get_freeze_count() > 1000, sys.getswitchinterval())
"""
REFUSED = "def refuse(*_): raise PermissionError(1, 'no')\nos.sched_setscheduler = refuse"
needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has this")


def said(*, realtime: bool, before: str = "") -> list[str]:
    code = ASKED.format(realtime=realtime, before=before)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


@needs_linux
def test_the_calling_thread_alone_comes_first_where_that_is_allowed() -> None:
    scheduled, collected = said(realtime=True)
    assert scheduled in {f"True True {PRIORITY} True", "False False 0 True"}
    assert collected == f"True {SWITCH_S}"


@needs_linux
def test_where_it_is_not_allowed_all_goes_on() -> None:
    assert said(realtime=True, before=REFUSED) == ["False False 0 True", f"True {SWITCH_S}"]


@needs_linux
def test_it_is_not_asked_for_where_it_is_not_wanted() -> None:
    assert said(realtime=False)[0] == "False False 0 True"


def until(holds: Callable[[], object]) -> None:
    end = time.monotonic() + 20.0
    while not holds():
        assert time.monotonic() < end
        threading.Event().wait(0.02)


def the_engine_of(daemon: int) -> psutil.Process:
    process = psutil.Process(daemon)
    until(process.children)
    return process.children()[0]


@needs_linux
@pytest.mark.parametrize("wanted", [True, False])
def test_a_daemon_that_hears_midi_asks_for_it_unless_told_not_to(tmp_path: Path, wanted: bool) -> None:
    allowed = said(realtime=True)[0].startswith("True")
    with spawned_daemon(tmp_path, "--midi-in", "no such port", "--set", f"midi.realtime={wanted}") as daemon:
        kind = os.sched_getscheduler(daemon.process.pid) & ~os.SCHED_RESET_ON_FORK
        engine = the_engine_of(daemon.process.pid)
        assert os.sched_getscheduler(engine.pid) == os.SCHED_OTHER
        until(lambda: engine.nice() == NICENESS)
    assert kind == (os.SCHED_RR if allowed and wanted else os.SCHED_OTHER)
