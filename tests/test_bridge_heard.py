"""Category: integration. What a session asked for over OSC is measured back from the clip's own audio."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import soundfile
from listening import HeardSpan, chord_overlap, score_onsets

from bridge.osc_client import OscClient
from bridge.receipt_schema import Receipt, receipt_from_json
from bridge.spawned import SpawnedDaemon, spawned_daemon
from midi.chords import parse_chord
from midi.time import TempoMap
from models.generator import Samples

TIMES = [(4, 4, 92.0), (3, 4, 138.0), (7, 8, 168.0)]
"""Meters, and tempos in quarter notes a minute."""
KICK = {(4, 4): "x.......x.......", (3, 4): "x...........", (7, 8): "x.......x....."}
SNARE = {(4, 4): "....x.......x...", (3, 4): "....x...x...", (7, 8): "....x.......x."}


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SpawnedDaemon]:
    with spawned_daemon(tmp_path_factory.mktemp("clips")) as spawned:
        yield spawned


def clip_of(
    daemon: SpawnedDaemon, numerator: int, denominator: int, bpm: float, prompt: str
) -> tuple[Samples, Receipt]:
    """Play a session of four chords, kicks and snares, and read the clip and its receipt."""
    meter = (numerator, denominator)
    with OscClient(daemon.host, daemon.port) as client:
        client.send("/sideman/drums/clear")
        client.send("/sideman/tempo", "f", bpm)
        client.send("/sideman/meter", "ii", *meter)
        client.send("/sideman/chords", "s", "Am7 | Fmaj7 | C | G7 |")
        client.send("/sideman/drums", "ss", "kick", KICK[meter])
        client.send("/sideman/drums", "ss", "snare", SNARE[meter])
        client.send("/sideman/prompt", "s", prompt)
        client.send("/sideman/bars", "i", 4)
        client.send("/sideman/seed", "i", 3)
        client.send("/sideman/generate")
        heard = list(client.hear_until("/sideman/done", "/sideman/error", within_s=60))
    (path,) = [Path(str(message.arguments[3])) for message in heard if message.address == "/sideman/clip"]
    samples, _ = soundfile.read(path, dtype="float32", always_2d=True)
    return samples, receipt_from_json(path.with_suffix(".json").read_bytes())


def onsets_of(receipt: Receipt) -> list[float]:
    """When each drum was asked for, in seconds from the clip's start."""
    tempo_map = TempoMap(tempos=receipt.tempo, meters=receipt.meter)
    return [tempo_map.seconds_between(receipt.start, hit.at) for hit in receipt.drums]


@pytest.mark.parametrize("prompt", ["soul", "rock", "bossa nova"])
@pytest.mark.parametrize(("numerator", "denominator", "bpm"), TIMES)
def test_the_clip_plays_the_chords_that_were_asked_for(
    daemon: SpawnedDaemon, numerator: int, denominator: int, bpm: float, prompt: str
) -> None:
    samples, receipt = clip_of(daemon, numerator, denominator, bpm, prompt)
    starts = [chord.start_s for chord in receipt.chords_used]
    ends = [*starts[1:], receipt.seconds]
    spans = []
    for chord, start, end in zip(receipt.chords_used, starts, ends, strict=True):
        parsed = parse_chord(chord.label)
        assert parsed is not None
        spans.append(HeardSpan(start_s=start, end_s=end, chord=parsed))
    assert chord_overlap(samples, receipt.sample_rate_hz, spans) >= 0.9


@pytest.mark.parametrize(("numerator", "denominator", "bpm"), TIMES)
def test_the_clip_plays_kicks_and_snares_where_they_were_asked_for(
    daemon: SpawnedDaemon, numerator: int, denominator: int, bpm: float
) -> None:
    """A pad strikes with the chords, which fall on kicks here: the clip's onsets are the drums'."""
    samples, receipt = clip_of(daemon, numerator, denominator, bpm, "ambient pad")
    assert score_onsets(samples, receipt.sample_rate_hz, onsets_of(receipt)).f1 >= 0.95
