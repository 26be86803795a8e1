"""Category: integration. ``sideman train compose``: a folder that goes on, and music that follows its own chart."""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from typer.testing import CliRunner

from bridge import training_set
from bridge.adherence import score_of
from bridge.asked import NEITHER
from bridge.captions import DEFAULT_CAPTION, caption
from bridge.cli import app
from bridge.errors import TrainingError
from bridge.score_record import Score
from bridge.training_asked import asked_of_training
from bridge.training_pool import captioned_piece
from bridge.training_set import MANIFEST, compose_folder
from midi.compose_split import seeds_of
from models.soundfont_file import find_soundfont
from models.training_chart import TrainingChart
from models.training_music import SAMPLE_RATE_HZ, Integers, TrainingPiece
from models.training_shards import read_charts, read_shard

HEARD = 14
ENDS_WITHIN_S = 60.0
runner = CliRunner()


@pytest.fixture(scope="module")
def pieces() -> list[TrainingPiece]:
    return [captioned_piece(seed, find_soundfont()) for seed in range(HEARD)]


@pytest.fixture
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_set, "SHARD_PIECES", 2)


# What is heard


def heard(samples: Integers, chart: TrainingChart) -> Score:
    return score_of((samples.astype(np.float32) / 32768)[:, None], SAMPLE_RATE_HZ, asked_of_training(chart))


def mean(values: list[float | None]) -> float:
    return statistics.fmean(value for value in values if value is not None)


def test_the_chords_that_are_heard_are_those_of_the_chart(pieces: list[TrainingPiece]) -> None:
    own = [heard(piece.mix - piece.drums, piece.chart).chords for piece in pieces]
    other = [heard(piece.mix - piece.drums, pieces[index - 1].chart).chords for index, piece in enumerate(pieces)]
    assert mean(own) >= 0.7
    assert mean(other) <= 0.25


def test_chords_in_root_position_are_heard_nearly_always(pieces: list[TrainingPiece]) -> None:
    """The listener takes an inversion for the chord on its bass: those are left out here."""
    scores = []
    for piece in pieces:
        plain = [(at, label if "/" not in label and "6" not in label else "Cdim") for at, label in piece.chart.chords]
        chart = piece.chart.model_copy(update={"chords": tuple(plain)})
        if any(chord.label != NEITHER for chord in asked_of_training(chart).chords):
            scores.append(heard(piece.mix - piece.drums, chart).chords)
    assert len(scores) >= HEARD // 2
    assert mean(scores) >= 0.8


def test_the_strokes_that_are_heard_in_the_stem_are_those_of_the_chart(pieces: list[TrainingPiece]) -> None:
    drummed = [piece for piece in pieces if piece.chart.drums]
    own = [heard(piece.drums, piece.chart).drums for piece in drummed]
    other = [heard(piece.drums, drummed[index - 1].chart).drums for index, piece in enumerate(drummed)]
    assert mean(own) >= 0.85
    assert mean(other) <= mean(own) - 0.25


def test_the_tempo_that_is_heard_is_that_of_the_chart(pieces: list[TrainingPiece]) -> None:
    errors = [heard(piece.drums, piece.chart).tempo_error for piece in pieces if piece.chart.drums]
    assert sum(abs(error) < 0.01 for error in errors if error is not None) >= 0.8 * len(errors)


def test_captions_are_written_as_prompts_are(pieces: list[TrainingPiece]) -> None:
    for piece in pieces:
        chart = piece.chart
        assert chart.known["prompt"] == chart.words
        assert chart.known["bpm"] == f"{round(chart.bpm)}"
        assert chart.known.get("key", "") == chart.key
        assert chart.known.get("meter", "4/4") == chart.meter
        assert chart.caption == caption(DEFAULT_CAPTION, chart.known)
        assert chart.caption.startswith(chart.words)


# The folder


@pytest.mark.usefixtures("small_shards")
def test_a_folder_goes_on_where_it_was(tmp_path: Path) -> None:
    at_once, in_steps = tmp_path / "at once", tmp_path / "deep" / "steps"
    shares: list[float] = []
    assert compose_folder(at_once, pieces=5, seed=3, report=shares.append).made == 5
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert [compose_folder(in_steps, pieces=count, seed=3).made for count in (1, 4, 5, 5, 2)] == [1, 3, 1, 0, 0]
    files = sorted(path.name for path in at_once.iterdir())
    assert files == ["train-00000.safetensors", "train-00001.safetensors", "train-00002.safetensors", MANIFEST]
    for name in files:
        assert (at_once / name).read_bytes() == (in_steps / name).read_bytes()
    charts = [chart for name in files[:3] for chart in read_charts(at_once / name)]
    wanted = seeds_of("train", 3)
    assert [chart.seed for chart in charts] == [next(wanted) for _ in range(5)]
    assert {chart.split for chart in charts} == {"train"}


@pytest.mark.usefixtures("small_shards")
def test_a_shard_that_was_cut_short_is_made_again(tmp_path: Path) -> None:
    compose_folder(tmp_path, pieces=3, seed=0)
    shard = tmp_path / "train-00000.safetensors"
    whole = shard.read_bytes()
    shard.write_bytes(whole[:-1000])
    assert compose_folder(tmp_path, pieces=3, seed=0).made == 2
    assert shard.read_bytes() == whole


def test_a_folder_for_tests_shares_no_seed_with_one_for_training(tmp_path: Path) -> None:
    compose_folder(tmp_path / "test", pieces=2, seed=0, split="test")
    (shard,) = (tmp_path / "test").glob("test-*.safetensors")
    assert {chart.split for chart in read_charts(shard)} == {"test"}


def test_another_seed_split_or_soundfont_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    compose_folder(tmp_path, pieces=1, seed=0)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    other = tmp_path.parent / f"{tmp_path.name}.sf2"
    other.write_bytes(find_soundfont().read_bytes() + b"\0")
    with pytest.raises(TrainingError, match="seed 0 and not 1"):
        compose_folder(tmp_path, pieces=1, seed=1)
    with pytest.raises(TrainingError, match="split train and not test"):
        compose_folder(tmp_path, pieces=1, seed=0, split="test")
    with pytest.raises(TrainingError, match="soundfont_sha256"):
        compose_folder(tmp_path, pieces=1, seed=0, soundfont=other)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_folders_of_something_else_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "weights.safetensors").write_bytes(b"mine")
    with pytest.raises(TrainingError, match="something else"):
        compose_folder(tmp_path / "a", pieces=1, seed=0)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / MANIFEST).write_text("{")
    with pytest.raises(TrainingError, match="cannot be read"):
        compose_folder(tmp_path / "b", pieces=1, seed=0)
    (tmp_path / "c").touch()
    with pytest.raises(TrainingError, match="cannot be used"):
        compose_folder(tmp_path / "c", pieces=1, seed=0)


@pytest.mark.parametrize(("what", "value"), [("pieces", 0), ("pieces", 10**7), ("jobs", 0), ("seed", -1)])
def test_numbers_out_of_range_are_refused(tmp_path: Path, what: str, value: int) -> None:
    wanted = {"pieces": 1, "seed": 0, "jobs": 1} | {what: value}
    with pytest.raises(TrainingError, match=what):
        compose_folder(tmp_path / "new", **wanted)
    assert not (tmp_path / "new").exists()


# The command line


def test_several_processes_make_the_same_bytes_as_one(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "bridge", "train", "compose", tmp_path / "two", "--pieces", "3", "--jobs", "2"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "3 pieces, 3 of them made now, played with TimGM6mb.sf2" in ran.stdout
    assert ran.stderr == ""
    compose_folder(tmp_path / "one", pieces=3, seed=0)
    for name in ("train-00000.safetensors", MANIFEST):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_a_run_that_is_killed_leaves_no_process_and_is_gone_on_with(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bridge", "train", "compose", tmp_path / "set", "--pieces", "70", "--jobs", "2"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + ENDS_WITHIN_S
        while not (children := psutil.Process(process.pid).children()) or not (tmp_path / "set" / MANIFEST).exists():
            assert time.monotonic() < deadline, "no process of the pool was seen"
            time.sleep(0.02)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    _, running = psutil.wait_procs(children, timeout=ENDS_WITHIN_S)
    assert not running
    assert compose_folder(tmp_path / "set", pieces=1, seed=0).pieces == 1
    mixes, _, charts = read_shard(tmp_path / "set" / "train-00000.safetensors")
    assert len(mixes) == len(charts) >= 1


def test_the_command_tells_a_user_in_a_sentence(tmp_path: Path) -> None:
    compose_folder(tmp_path, pieces=1, seed=0)
    command = [sys.executable, "-m", "bridge", "train", "compose", tmp_path, "--pieces", "1", "--seed", "4"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert ran.stderr.startswith("sideman: ")
    assert "Traceback" not in ran.stderr
    assert "compose" in runner.invoke(app, ["train", "--help"]).output
    assert json.loads((tmp_path / MANIFEST).read_text())["seed"] == 0
