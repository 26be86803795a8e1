"""Clips of a moment's silence with receipts of any kind, for tests of the library."""

from __future__ import annotations

from typing import Any

import numpy as np

from bridge.clips import Clip, ClipFolder
from bridge.receipt_schema import ChordAsked, Receipt
from bridge.wav import LoopTags
from midi.chords import parse_progression
from midi.keys import parse_key
from midi.time import FOUR_FOUR, Beats, Bpm, MeterPoint, Seconds, TempoPoint

FRAMES = 480
RATE = 48000


def receipt(
    request_id: str = "verse", take: int = 0, *, bpm: float = 120.0, key: str | None = "A minor", chords: str = "",
    **changes: Any,
) -> Receipt:  # fmt: skip
    """A receipt; ``chords`` are one to a bar of 4/4."""
    bars = parse_progression(chords).bars if chords else ()
    facts: dict[str, Any] = {
        "engine": "sketch",
        "seed": 7,
        "prompt": "",
        "start": Beats(0.0),
        "bars": 4,
        "created_at": "2026-04-30T12:00:00+00:00",
        **changes,
    }
    return Receipt(
        request_id=request_id,
        take=take,
        bpm=Bpm(bpm),
        key=parse_key(key) if key else None,
        chords_asked=tuple(
            ChordAsked(start=Beats(4.0 * place), label=chord.text if chord else "N.C.")
            for place, (chord, *_) in enumerate(bars)
        ),
        tempo=(TempoPoint(at=Beats(0.0), bpm=Bpm(bpm)),),
        meter=(MeterPoint(bar=1, meter=FOUR_FOUR),),
        sample_rate_hz=RATE,
        frames=FRAMES,
        seconds=Seconds(FRAMES / RATE),
        loudness_lufs=-14.0,
        peak_dbfs=-1.5,
        gain_db=0.0,
        limited_db=0.0,
        folded_s=Seconds(0.0),
        versions={},
        seconds_spent=0.1,
        **facts,
    )


def write(folder: ClipFolder, request_id: str = "verse", take: int = 0, **facts: Any) -> Clip:
    """Write a clip."""
    tags = LoopTags(bpm=Bpm(120.0), beats=16, meter=FOUR_FOUR, root_note=60, frames=FRAMES, sample_rate_hz=RATE)
    samples = np.zeros((FRAMES, 2), dtype=np.float32)
    return folder.write(samples, tags=tags, receipt=receipt(request_id, take, **facts))
