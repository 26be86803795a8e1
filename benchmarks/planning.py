"""How long a clip of 32 bars takes to plan, for each engine: ``python benchmarks/planning.py``.

Two chords to a bar, a tempo ramp and a meter that changes; with the drums of a busy groove, and with twelve voices that
play every sixteenth.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import time
from collections.abc import Mapping
from dataclasses import replace

from bridge.conditioning import AudioFormat, plan
from bridge.jasco_plan import JascoSettings
from bridge.magnet_plan import MagnetSettings
from bridge.session import SessionState
from midi.charts import ChordChart, DrumChart
from midi.chords import parse_progression
from midi.drums import VOICES, parse_pattern
from midi.time import Beats, Bpm, Meter, MeterPoint, TempoMap, TempoPoint
from models.presets import Decoding

BARS = 32


GROOVE = {
    "kick": "x..x..x...x..x..",
    "snare": "..o.X..o.o..X..o",
    "hat": "xoxoxoxoxoxoxoxo",
    "open_hat": "..............x.",
    "clap": "....x.......x...",
    "shaker": "oxoxoxoxoxoxoxox",
}
CROWD = {voice.name: "x" * 16 for voice in list(VOICES)[:12]}
SESSIONS = {"groove": GROOVE, "crowd": CROWD}


def session(drums: Mapping[str, str]) -> SessionState:
    """The session that is planned."""
    tempo_map = TempoMap.constant(Bpm(97.3)).with_tempo(TempoPoint(at=Beats(64.0), bpm=Bpm(121.0), ramp=True))
    tempo_map = tempo_map.with_meter(MeterPoint(bar=17, meter=Meter(numerator=7, denominator=8)))
    patterns = tuple(parse_pattern(voice, pattern, tempo_map) for voice, pattern in drums.items())
    return SessionState(
        tempo_map=tempo_map,
        bars=BARS,
        prompt="soul",
        chords=ChordChart(progression=parse_progression("Am7 D9 | Gsus4 C13 | Fmaj7 Bm7b5 | E7b9 Am6 |")),
        drums=DrumChart(patterns=patterns),
    )


def main() -> None:
    """Print the median and the slowest of some runs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=50)
    runs = parser.parse_args().runs
    settings = {
        "sketch": None,
        "jasco": JascoSettings(
            model="m", licence="l", segment_s=10.0, frame_rate_hz=50.0, melody=True, all_weight=5.0, text_weight=0.0,
            solver="standard",
        ),
        "magnet": MagnetSettings(model="m", licence="l", segment_s=30.0, decoding=Decoding(), tempo_fit=True),
    }  # fmt: skip
    for (name, drums), (engine, model) in itertools.product(SESSIONS.items(), settings.items()):
        state = replace(session(drums), engine=engine)
        spent = []
        for _ in range(runs):
            began = time.perf_counter()
            plan(state, request_id="a", seed=1, audio=AudioFormat(), model=model)
            spent.append(1000.0 * (time.perf_counter() - began))
        print(f"{name} {engine:8} median {statistics.median(spent):6.2f} ms, slowest {max(spent):6.2f} ms")


if __name__ == "__main__":
    main()
