"""Category: integration. ``sideman demo`` with a model: the same chart by two engines, drawn one below the other."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from small_checkpoints import OWN_JASCO, copy_of, write_own

from bridge.demo import DemoResult, run_demo
from bridge.demo_picture import draw_picture, made_by
from bridge.errors import DiskError
from bridge.receipt_schema import receipt_from_json


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_own(tmp_path_factory.mktemp("model") / "own", replace(OWN_JASCO, segment_s=10.0), name="own")


@pytest.fixture(scope="module")
def shares() -> list[float]:
    return []


@pytest.fixture(scope="module")
def demo(model: Path, shares: list[float], tmp_path_factory: pytest.TempPathFactory) -> DemoResult:
    return run_demo(tmp_path_factory.mktemp("demo"), shares.append, model=str(model))


def test_the_model_plays_what_the_sketch_engine_played(demo: DemoResult, shares: list[float]) -> None:
    receipts = [json.loads(clip.with_suffix(".json").read_text(encoding="utf-8")) for clip in demo.clips]
    assert [receipt["engine"] for receipt in receipts] == ["sketch", "sketch", "jasco"]
    assert receipts[2]["model"].startswith("own (trained here")
    for asked in ("chords_asked", "drums", "bars", "bpm", "frames", "prompt", "seed"):
        assert receipts[0][asked] == receipts[2][asked], asked
    assert (len(demo.placed), demo.missing) == (3, "")
    assert shares == sorted(shares) and shares[-1] == 1.0


def test_both_are_drawn_with_their_scores(demo: DemoResult, tmp_path: Path) -> None:
    told = [made_by(receipt_from_json(demo.clips[place].with_suffix(".json").read_bytes())) for place in (0, 2)]
    assert told[0].startswith("engine sketch, seed 7: chords 0.9")
    assert told[1].startswith("engine jasco, model own, seed 7: chords ") and " drums " in told[1]
    alone = tmp_path / "alone.png"
    draw_picture(demo.clips[:1], alone)
    with Image.open(demo.picture) as both, Image.open(alone) as one:
        assert both.width == one.width and both.height > 1.4 * one.height


def test_what_is_missing_stands_below(demo: DemoResult, tmp_path: Path) -> None:
    for name, missing in (("without.png", ""), ("with.png", "There is no clip of the model own: it is gone. " * 4)):
        draw_picture(demo.clips[:1], tmp_path / name, missing=missing)
    assert (tmp_path / "without.png").read_bytes() != (tmp_path / "with.png").read_bytes()


def test_a_picture_that_cannot_be_written_is_said(demo: DemoResult, tmp_path: Path) -> None:
    with pytest.raises(DiskError, match=r"demo.png cannot be written"):
        draw_picture(demo.clips[:1], tmp_path / "none" / "demo.png")


def test_a_damaged_model_leaves_the_sketch_and_says_why(model: Path, tmp_path: Path) -> None:
    broken = copy_of(model, tmp_path / "broken")
    tensors = broken / "model.safetensors"
    tensors.write_bytes(tensors.read_bytes()[:1000])
    result = run_demo(tmp_path / "demo", lambda share: None, model=str(broken))
    assert len(result.clips) == 2 and result.picture.is_file()
    assert result.missing.startswith(f"There is no clip of the model {broken}: ")
    assert "model.safetensors cannot be read" in result.missing
