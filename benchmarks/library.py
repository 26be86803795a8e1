"""How long a search of a large library takes: ``python benchmarks/library.py``.

Receipts of a hundred thousand made-up clips are taken in, over tempos, keys, progressions, engines and prompts as a
producer's folder would have them after years; then each search is run, its entries read, and all its matches counted.
"""

from __future__ import annotations

import argparse
import itertools
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bridge.clips import ClipFolder
from bridge.library import Library
from bridge.library_query import Query, parse_query
from bridge.library_store import taking_in
from bridge.receipt_schema import ChordAsked, Receipt
from midi.chords import parse_progression
from midi.keys import MODES, Key
from midi.time import Beats, Bpm, Meter, MeterPoint, Seconds, TempoPoint

CLIPS = 100_000
BATCH = 1000
QUERIES = (
    "", "kept", "-rejected sort:score", "tempo:110-120", "key:Am", 'chords:Am7', 'chords:"Dm7 | G7 | Cmaj7"', "bossa",
    "nylon guitar -brass", "bos*", "engine:sketch score:0.8-", "tag:chorus placed", "date:2026-01", "nothing-like-it",
    'tempo:90-140 key:Am chords:Am7 engine:sketch bossa kept', "sort:tempo tempo:60-", "id:request-77777",
)  # fmt: skip
WORDS = [
    "bossa", "nova", "nylon", "guitar", "upright", "bass", "brushes", "swing", "brass", "funk", "clavinet", "tight",
    "drums", "house", "pads", "warm", "analog", "lofi", "dusty", "piano", "soul", "horns", "ballad", "strings",
    "cinematic", "dub", "skank", "trap", "hats", "reggae", "ambient", "drone", "folk", "banjo", "gospel", "organ",
]  # fmt: skip
PROGRESSIONS = [
    [chord for bar in parse_progression(text).bars for chord in bar]
    for text in (
        "Am7 | Dm7 G7 | Cmaj7 | %", "C | G | Am | F", "Dm7 | G7 | Cmaj7 | A7", "Em | C | G | D",
        "Fmaj7 | Bm7b5 E7 | Am7 |",
        "Cm | Ab | Eb | Bb", "F#m7 | B7 | E6/9 | %", "Bbmaj7 | Gm7 | Cm7 | F7", "A | E/G# | F#m | D",
        "N.C. | Am | % |",
    )
]  # fmt: skip


def receipts(count: int) -> Iterator[tuple[str, Receipt]]:
    """Made-up receipts, always the same ones."""
    draw = random.Random(8)
    keys = [Key(tonic=tonic, mode=mode) for tonic in range(12) for mode in list(MODES)[:4]]
    first = datetime(2025, 1, 1, tzinfo=UTC)
    for number in range(count):
        chords = draw.choice(PROGRESSIONS)
        score = draw.choice([None, round(draw.random(), 3)])
        yield (
            f"sideman-request-{number}-t0",
            Receipt(
                engine=draw.choice(["sketch", "sketch", "jasco", "magnet"]),
                request_id=f"request-{number}", take=0, seed=number,
                prompt=" ".join(draw.sample(WORDS, draw.randint(2, 6))),
                bpm=Bpm(draw.uniform(60, 180)), tempo=(TempoPoint(at=Beats(0.0), bpm=Bpm(120.0)),),
                meter=(MeterPoint(bar=1, meter=Meter(numerator=4, denominator=4)),),
                key=draw.choice([None, *keys]), start=Beats(0.0), bars=draw.choice([2, 4, 8]),
                chords_asked=tuple(
                    ChordAsked(start=Beats(4.0 * place), label=chord.label if chord else "N.C.")
                    for place, chord in enumerate(chords)
                ),
                total_score=score, kept=draw.random() < 0.05, rejected=draw.random() < 0.2,
                placed="track 1" if draw.random() < 0.1 else "", tags=("chorus",) if draw.random() < 0.02 else (),
                sample_rate_hz=48000, frames=384000, seconds=Seconds(8.0), loudness_lufs=-14.0, peak_dbfs=-1.0,
                gain_db=0.0, limited_db=0.0, folded_s=Seconds(0.0), versions={}, seconds_spent=1.0,
                created_at=(first + timedelta(minutes=6 * number)).isoformat(timespec="seconds"),
            ),
        )  # fmt: skip


def main() -> None:
    """Print how long taking in and each search took."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=CLIPS)
    parser.add_argument("--runs", type=int, default=20)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = ClipFolder(Path(name))
        library = Library(folder)
        library.search(Query())
        facts = Path(name).stat()
        began = time.perf_counter()
        for batch in batches(receipts(options.clips)):
            library._once(taking_in([(clip, receipt, facts) for clip, receipt in batch]))
        print(f"{options.clips} clips taken in within {time.perf_counter() - began:.1f} s")
        print(f"database: {library.path.stat().st_size / 1e6:.0f} MB")
        for text in QUERIES:
            query, spent, counting = parse_query(text), [], []
            for _ in range(options.runs):
                began = time.perf_counter()
                found = library.search(query)
                spent.append(1000.0 * (time.perf_counter() - began))
                began = time.perf_counter()
                count = library.count(query)
                counting.append(1000.0 * (time.perf_counter() - began))
            print(
                f"search median {statistics.median(spent):6.2f} ms, slowest {max(spent):6.2f} ms; "
                f"count median {statistics.median(counting):6.2f} ms; {len(found):3} of {count:6}: {text or '(all)'}"
            )
        library.close()


def batches(items: Iterator[tuple[str, Receipt]]) -> Iterator[list[tuple[str, Receipt]]]:
    """Runs of ``BATCH``."""
    while batch := list(itertools.islice(items, BATCH)):
        yield batch


if __name__ == "__main__":
    main()
