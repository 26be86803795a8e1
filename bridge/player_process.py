"""The process of the output: ``python -m bridge.player_process WISH``, started by ``bridge.player_output``.

Threading contract. PortAudio calls a function in machine code (``bridge.ring_reader.device_callback``) on a thread of
its own whenever the device wants frames. It copies them from the ring, with the counts and the time stamp that belong
to a copy, and does nothing else: it takes no lock, the interpreter's neither, opens nothing, writes no message, and
everything that it touches was made before the first block. The main thread waits for the end of standard input or of
the stream. The output has a process of its own so that a device that vanishes or a library that hangs takes nothing
along, and so that nothing else asks for memory here while it plays.

``WISH`` is JSON, and so are the lines on standard output.
"""

from __future__ import annotations

import gc
import importlib
import json
import mmap
import os
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType
from typing import Final

from bridge.ring import ring_bytes

CHANNELS: Final = 2
RING_S: Final = 2.0
RING_NAME: Final = "ring"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is wanted of the output. ``rate_hz`` and ``block`` of 0 are the device's own."""

    folder: str
    device: str
    rate_hz: int
    block: int
    latency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """The device plays from the ring in the file ``RING_NAME`` of the folder."""

    device: str
    rate_hz: int
    channels: int
    frames: int
    latency_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """There is no output. ``missing`` says that it is the library which is not there."""

    missing: bool
    message: str


Tell = Callable[[Opened | Refused], None]
Wait = Callable[[threading.Event], None]


def play(wish: Wish, tell: Tell, wait: Wait) -> None:
    """Play from a ring until ``wait`` returns; its event is set when the stream ends by itself.

    What keeps it from playing is told.
    """
    try:
        library = importlib.import_module("sounddevice")
    except ImportError:
        tell(Refused(missing=True, message="sounddevice is not installed; pip install 'sideman[live]' brings it."))
        return
    except OSError as error:
        text = f"PortAudio cannot be loaded ({error}); install it (Debian: libportaudio2)."
        tell(Refused(missing=True, message=text))
        return
    try:
        _play_with(library, wish, tell, wait)
    except (library.PortAudioError, ValueError) as error:
        tell(Refused(missing=False, message=f"There is no audio output to play on: {_reason(error)}."))


def _play_with(library: ModuleType, wish: Wish, tell: Tell, wait: Wait) -> None:
    """Raises ``PortAudioError`` and ``ValueError`` where there is no such device, or it cannot be opened."""
    device = library.query_devices(wish.device or None, kind="output")
    channels = min(CHANNELS, device["max_output_channels"])
    rate = wish.rate_hz or round(device["default_samplerate"])
    frames = round(RING_S * rate)
    path = Path(wish.folder) / RING_NAME
    path.write_bytes(bytes(ring_bytes(frames, channels)))
    ended = threading.Event()
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
        from bridge.ring_reader import address_of, device_callback, hold_in_memory, prepare  # noqa: PLC0415 - the daemon needs no compiler

        prepare(memory, frames, channels, latency_s=device[f"default_{wish.latency}_output_latency"])
        callback = device_callback()
        stream = library._StreamBase(  # the class for streams with a callback of C
            kind="output",
            samplerate=rate,
            blocksize=wish.block,
            device=device["index"],
            channels=channels,
            dtype="float32",
            latency=wish.latency,
            callback=callback.address,
            userdata=importlib.import_module("cffi").FFI().cast("void *", address_of(memory)),
            finished_callback=ended.set,
            dither_off=True,
        )
        gc.disable()
        with stream:
            hold_in_memory()
            latency_s = float(stream.latency)
            name = device["name"]
            tell(Opened(device=name, rate_hz=rate, channels=channels, frames=frames, latency_s=latency_s))
            wait(ended)


def _reason(error: Exception) -> str:
    text = str(error.args[0] if error.args else error).strip().rstrip(".")
    return " ".join(text.split())[:300]


def _tell(message: Opened | Refused) -> None:
    print(json.dumps({"type": type(message).__name__, **asdict(message)}), flush=True)


def _wait(ended: threading.Event) -> None:
    """Until standard input or the stream ends."""

    def watch() -> None:
        sys.stdin.buffer.read()
        ended.set()

    threading.Thread(target=watch, daemon=True).start()
    ended.wait()


def main() -> None:
    """Play as the command line wishes."""
    play(Wish(**json.loads(sys.argv[1])), _tell, _wait)
    sys.stdout.flush()
    os._exit(0)  # a library whose server is gone may hang at a regular exit


if __name__ == "__main__":
    main()
