"""Category: integration. One awkward clip over OSC from each engine: 16 bars of 6/8 at 87 with a ramp, to the frame."""

from __future__ import annotations

import json
import math
import wave
from collections.abc import Iterator
from pathlib import Path

import pytest
from small_checkpoints import converted_small, converted_small_magnet

from bridge.osc_client import OscClient, read_script
from bridge.spawned import SpawnedDaemon, spawned_daemon

SESSION = """
    /sideman/tempo f 87
    /sideman/tempo/at ffi 24 87 0
    /sideman/tempo/at ffi 48 96 1
    /sideman/meter ii 6 8
    /sideman/chords s 'Am7 | Dm7 G7 | Cmaj7 | Fmaj7 |'
    /sideman/drums ss kick x.....x.....
    /sideman/drums ss hat x.x.x.x.x.x.
    /sideman/prompt s 'slow blues'
    /sideman/bars i 16
    /sideman/seed i 5
    /sideman/set ss jasco.solver draft
    /sideman/set ss magnet.preset draft
"""
SECONDS = 24 * 60 / 87 + 24 * 60 / (96 - 87) * math.log(96 / 87)
"""Of 48 quarter notes, 24 are steady; on a ramp over beats the rest last the integral of 60 / tempo."""
ENDS = ("/sideman/done", "/sideman/cancelled", "/sideman/error")


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SpawnedDaemon]:
    """A daemon with small models of random weights and the released windows of 10 seconds."""
    jasco = converted_small(tmp_path_factory.mktemp("jasco"), segment_s=10)
    magnet = converted_small_magnet(tmp_path_factory.mktemp("magnet"), segment_s=10)
    options = ("--set", f"jasco.model={jasco}", "--set", f"magnet.model={magnet}", "--device", "cpu")
    with spawned_daemon(tmp_path_factory.mktemp("clips"), *options) as spawned:
        yield spawned


@pytest.mark.parametrize(("engine", "windows"), [("sketch", 1), ("jasco", 5), ("magnet", 5)])
def test_sixteen_bars_of_six_eight_with_a_ramp(daemon: SpawnedDaemon, engine: str, windows: int) -> None:
    with OscClient(daemon.host, daemon.port) as client:
        for address, types, arguments in read_script(SESSION):
            client.send(address, types, *arguments)
        client.send("/sideman/engine", "s", engine)
        client.send("/sideman/generate", "s", engine)
        heard = list(client.hear_until(*ENDS, within_s=200))
    assert heard[-1].address == "/sideman/done", heard[-1]
    (clip,) = [Path(str(message.arguments[3])) for message in heard if message.address == "/sideman/clip"]
    with wave.open(str(clip)) as file:
        assert file.getnframes() == round(48000 * SECONDS)
    receipt = json.loads(clip.with_suffix(".json").read_text(encoding="utf-8"))
    assert (receipt["engine"], receipt["bars"], receipt["frames"]) == (engine, 16, round(48000 * SECONDS))
    assert len(receipt["windows"]) == windows
    joins = {str(message.arguments[2]) for message in heard if message.arguments[1:2] == ("windows",)}
    assert bool(joins) == (engine == "jasco")
