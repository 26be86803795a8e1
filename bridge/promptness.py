"""What the daemon's process does so that what is played is followed at once.

It is for a whole process, and not undone: ``sideman serve`` asks for it when everything is loaded.
"""

from __future__ import annotations

import gc
import os
import sys
from typing import Final

SWITCH_S: Final = 0.0005
"""The longest that the event loop waits for a worker thread that runs Python, as when it writes a clip."""
PRIORITY: Final = 5
"""Of the event loop among real-time threads: below those of audio servers and DAWs, which are from 20 to 80."""


def be_prompt(*, realtime: bool) -> bool:
    """Keep the garbage collector off what is loaded, and other threads short.

    With ``realtime`` the calling thread comes before all ordinary work where the system allows that to its user, as
    Linux does to the group ``audio``; threads and processes that it starts do not. Returns whether it was allowed.
    """
    gc.freeze()  # a full collection walks through every module there is: 30 ms
    sys.setswitchinterval(SWITCH_S)
    return realtime and _real_time()


def _real_time() -> bool:
    if sys.platform != "linux":
        return False
    try:
        os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(PRIORITY))
    except OSError:
        return False
    return True
