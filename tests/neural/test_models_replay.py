"""Category: integration. ``sideman replay`` of clips that small models of random weights made: the same to the bit."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from small_checkpoints import converted_small, converted_small_magnet

from bridge.config import Config
from bridge.osc_client import OscClient
from bridge.receipt_schema import receipt_from_json
from bridge.replay import CannotReplay, Replayed, ReplayOptions, replay
from bridge.spawned import spawned_daemon

ENDS = ("/sideman/done", "/sideman/cancelled", "/sideman/error")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {
        "jasco": converted_small(tmp_path_factory.mktemp("jasco"), segment_s=1),
        "magnet": converted_small_magnet(tmp_path_factory.mktemp("magnet"), segment_s=2),
    }


@pytest.fixture(scope="module")
def receipts(models: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, list[Path]]]:
    """The receipts of takes by request, made by a daemon whose engine has one thread, as these tests have."""
    clips = tmp_path_factory.mktemp("clips")
    options = [f"{engine}.model={path}" for engine, path in models.items()]
    options += ["clips.score=false", "magnet.preset=draft", "jasco.solver=draft"]
    with pytest.MonkeyPatch.context() as patch:
        for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
            patch.setenv(name, "1")
        settings = [word for option in options for word in ("--set", option)]
        with (
            spawned_daemon(clips, "--device", "cpu", *settings) as spawned,
            OscClient(spawned.host, spawned.port) as client,
        ):
            yield {
                "jasco": made(client, "jasco", "jasco", 3),
                "fitted": made(client, "fitted", "magnet", 2),
                "unfitted": made(client, "unfitted", "magnet", 2, ("/sideman/set", "ss", "magnet.tempo_fit", "false")),
                "infilled": made(client, "infilled", "magnet", 1, ("/sideman/infill", "sff", _first(clips), 2.0, 6.0)),
            }


def _first(clips: Path) -> str:
    """A WAV file in the clips folder for MAGNeT to go on from: written here, so that it is there before any clip is."""
    import numpy as np
    import soundfile

    path = clips / "given.wav"
    soundfile.write(path, np.random.default_rng(1).uniform(-0.5, 0.5, (96000, 2)), 48000)
    return str(path)


def made(client: OscClient, request_id: str, engine: str, takes: int, *more: tuple[Any, ...]) -> list[Path]:
    client.send("/sideman/engine", "s", engine)
    client.send("/sideman/tempo", "f", 240.0)
    client.send("/sideman/chords", "s", "Am7 | Csus4 |")
    client.send("/sideman/drums", "ss", "kick", "x...x...x...x...")
    client.send("/sideman/prompt", "s", "funk bass")
    client.send("/sideman/bars", "i", 2)
    client.send("/sideman/takes", "i", takes)
    client.send("/sideman/seed", "i", 7)
    for address, types, *arguments in more:
        client.send(address, types, *arguments)
    client.send("/sideman/generate", "s", request_id)
    heard = list(client.hear_until(*ENDS, within_s=300))
    assert heard[-1].arguments == (request_id, takes), heard[-1]
    return [Path(str(one.arguments[3])).with_suffix(".json") for one in heard if one.address == "/sideman/clip"]


def played(receipt: Path, out: Path | None, models: dict[str, Path]) -> Replayed:
    sections = {engine: {"model": str(path)} for engine, path in models.items()}
    config = Config.model_validate({"engine": {"device": "cpu"}, **sections})
    return replay(ReplayOptions(receipt=receipt, out=out), config, datetime.now(UTC), lambda share: None)


@pytest.mark.parametrize(("request_id", "take"), [("jasco", 2), ("fitted", 1), ("unfitted", 1), ("infilled", 0)])
def test_a_take_is_the_same(
    receipts: dict[str, list[Path]], models: dict[str, Path], tmp_path: Path, request_id: str, take: int
) -> None:
    """Of a batch, in windows, with other seeds tried for the tempo, and with given audio."""
    path = receipts[request_id][take]
    receipt = receipt_from_json(path.read_bytes())
    assert receipt.take == take
    assert len(receipt.windows) > 1 or request_id != "jasco"
    done = played(path, tmp_path, models)
    assert (done.same, done.differences) == (True, ())
    assert done.clip is not None
    assert done.clip.path.read_bytes() == path.with_suffix(".wav").read_bytes()


def test_without_the_weights_it_says_so(
    receipts: dict[str, list[Path]], models: dict[str, Path], tmp_path: Path
) -> None:
    with pytest.raises(CannotReplay, match="no model on this machine has these weights"):
        played(receipts["jasco"][0], tmp_path, {"magnet": models["magnet"], "jasco": models["magnet"]})
    assert list(tmp_path.iterdir()) == []


def test_with_other_audio_to_go_on_from_it_says_so(
    receipts: dict[str, list[Path]], models: dict[str, Path], tmp_path: Path
) -> None:
    path = receipts["infilled"][0]
    given = path.parent / "given.wav"
    kept = shutil.copy(given, tmp_path / "kept.wav")
    given.write_bytes(b"other audio")
    with pytest.raises(CannotReplay, match=r"given\.wav, which the engine heard, has changed since"):
        played(path, None, models)
    shutil.copy(kept, given)


def test_another_precision_or_device_is_told(
    receipts: dict[str, list[Path]], models: dict[str, Path], tmp_path: Path
) -> None:
    path = receipts["unfitted"][0]
    copy = path.parent / "copy.json"
    copy.write_text(path.read_text().replace('"computed_on": "cpu, float32"', '"computed_on": "cuda (a GPU), float16"'))
    done = played(copy, None, models)
    assert done.differences == ("it was computed on cuda (a GPU), float16, and now on cpu, float32",)
