"""``python -m bridge.player_stretch``: a loop is stretched in a process of its own.

The stretcher keeps the interpreter to itself for tenths of a second, which the daemon cannot spare. Audio goes through
files, as float32 in the machine's byte order.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Final

import numpy as np

from bridge.errors import ClipError
from bridge.shared_audio import read_shared, shared_folder, write_shared
from bridge.stretching import stretched
from models.generator import Samples

AROUND_S: Final = 0.25
"""So much of the loop is stretched before its start and after its end."""
SEAM_S: Final = 0.01
"""The stretched end flows into the stretched start for so long."""


def stretched_loop(samples: Samples, rate_hz: int, frames: int) -> Samples:
    """A loop in another length, which still repeats without a seam: ``frames`` frames."""
    ratio = frames / len(samples)
    around = round(AROUND_S * rate_hz)
    wrapped = samples[np.arange(-around, len(samples) + around) % len(samples)]
    audio = stretched(wrapped, rate_hz, ratio)
    start = round(around * ratio)
    seam = min(round(SEAM_S * rate_hz), frames)
    loop = audio[start : start + frames].copy()
    after = audio[start + frames : start + frames + seam]
    share = (np.arange(seam, dtype=np.float32) / seam)[:, None]
    loop[:seam] = loop[:seam] * share + after * (1.0 - share)
    return loop


async def stretch_aside(samples: Samples, rate_hz: int, frames: int) -> Samples:
    """``stretched_loop`` in another process. Raises ``ClipError`` when it fails, and ``DiskError``."""
    channels = samples.shape[1]
    with shared_folder() as folder:
        source, target = folder / "loop", folder / "stretched"
        await asyncio.to_thread(write_shared, source, samples)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "bridge.player_stretch"),
            *(str(source), str(target), str(len(samples)), str(channels), str(rate_hz), str(frames)),
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            _, said = await process.communicate()
        except asyncio.CancelledError:
            process.kill()
            await process.wait()
            raise
        if process.returncode:
            last = said.decode(errors="replace").strip().rpartition("\n")[2]
            raise ClipError(f"The clip could not be stretched to the session's tempo: {last or 'it was stopped'}.")
        return await asyncio.to_thread(read_shared, target, frames, channels)


def main() -> None:
    """Stretch as the command line says."""
    source, target = (Path(text) for text in sys.argv[1:3])
    own_frames, channels, rate_hz, frames = (int(text) for text in sys.argv[3:7])
    write_shared(target, stretched_loop(read_shared(source, own_frames, channels), rate_hz, frames))


if __name__ == "__main__":
    main()
