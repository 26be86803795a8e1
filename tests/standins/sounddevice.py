"""Stands in for sounddevice and PortAudio: a device without a sound card, which a test plugs in and out.

The folder ``SIDEMAN_TEST_AUDIO`` holds what it is to be. ``device`` is JSON with the rate and channels of the one
device; it is there as long as the file is. ``hung`` has it ask for no more blocks. ``missing`` is what is wrong with
the library. What is played is written to ``played-N.raw``, N counted up with each stream.
"""

from __future__ import annotations

import ctypes
import json
import os
import threading
import time
from pathlib import Path
from typing import Any

import cffi

FOLDER = Path(os.environ["SIDEMAN_TEST_AUDIO"])
BLOCK = 512
LATENCY_S = 0.02

if (FOLDER / "missing").exists():
    wrong = (FOLDER / "missing").read_text()
    raise ImportError("No module named 'sounddevice'") if wrong == "package" else OSError("PortAudio library not found")


class PortAudioError(Exception):
    pass


def query_devices(name: str | None = None, kind: str | None = None) -> dict[str, Any]:
    path = FOLDER / "device"
    if not path.exists():
        raise PortAudioError("Error querying device -1")
    facts = json.loads(path.read_text())
    if name and name not in "test output":
        raise ValueError(f"No output device matching {name!r}")
    return {
        "name": "test output",
        "index": 0,
        "max_output_channels": facts["channels"],
        "default_samplerate": float(facts["rate"]),
        "default_low_output_latency": LATENCY_S,
        "default_high_output_latency": LATENCY_S,
    }


CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int,
    *(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_ulong, ctypes.c_void_p, ctypes.c_ulong, ctypes.c_void_p),
)


class _StreamBase:
    def __init__(
        self,
        *,
        kind: str,
        samplerate: int,
        channels: int,
        callback: int,
        userdata: Any,
        finished_callback: Any,
        **_: Any,
    ) -> None:
        assert kind == "output"
        self.latency = LATENCY_S
        self._rate, self._channels = samplerate, channels
        self._callback, self._finished = CALLBACK(callback), finished_callback
        self._userdata = int(cffi.FFI().cast("uintptr_t", userdata))
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> _StreamBase:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        number = len(list(FOLDER.glob("played-*.raw")))
        began, blocks = time.monotonic(), 0
        with (FOLDER / f"played-{number}.raw").open("wb") as played:
            while not self._ended.is_set():
                due = began + blocks * BLOCK / self._rate
                self._ended.wait(max(0.0, due - time.monotonic()))
                if (FOLDER / "hung").exists():
                    continue
                if not (FOLDER / "device").exists():
                    self._finished()
                    return
                out = (ctypes.c_float * (BLOCK * self._channels))()
                times = (ctypes.c_double * 3)(0.0, time.monotonic(), due + LATENCY_S)
                assert self._callback(None, out, BLOCK, times, 0, self._userdata) == 0
                played.write(bytes(out))
                played.flush()
                blocks += 1
