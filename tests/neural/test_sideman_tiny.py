"""Category: integration. The model that comes with Sideman, as it is shipped: whole, small, told of, and played.

Everything here is about the package's own weights; that models of this kind work at all is tested with random ones.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from bridge.captions import DEFAULT_CAPTION
from bridge.config import Config
from bridge.demo import run_demo
from bridge.doctor import examine
from bridge.engine_parts import model_settings
from bridge.jasco_plan import JascoSettings
from bridge.model_store import find_model, model_lines
from models import bundled
from models.bundled import BUNDLED
from models.card import Card, read_card
from models.checkpoints import check, load_jasco
from models.words import TEMPO_WORDS, TONIC_WORDS, WordsEncoder

REPOSITORY = Path(__file__).parent.parent.parent
MOST_BYTES = 15_000_000
NEEDED = ("chords", "drums")
"""Scores that the card must have, by whatever else their names say."""
BARRED = """
import runpy, socket, sys

def barred(*args, **told):
    raise OSError("There is no network here.")

class Barred(socket.socket):
    def connect(self, *args): barred()
    def connect_ex(self, *args): barred()
    def sendto(self, *args): barred()

socket.socket = Barred
socket.create_connection = socket.getaddrinfo = socket.gethostbyname = barred
sys.argv = ["sideman", *sys.argv[1:]]
runpy.run_module("bridge", run_name="__main__")
"""
"""The command line in a process whose sockets reach nobody."""


@pytest.fixture(scope="module")
def card() -> Card:
    return read_card(bundled.FOLDER)


# What it is


def test_it_loads_by_the_loader_of_all_models_and_is_whole(card: Card) -> None:
    assert check(bundled.FOLDER) == card
    model, _ = load_jasco(bundled.FOLDER)
    assert isinstance(model.text_encoder, WordsEncoder)
    assert all(torch.isfinite(tensor).all() for tensor in model.state_dict().values())


def test_it_is_small_and_in_half_precision() -> None:
    files = [path for path in bundled.FOLDER.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= MOST_BYTES
    tensors = load_file(bundled.FOLDER / "model.safetensors")
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float16}
    assert {name.partition(".")[0] for name in tensors} == {"codec", "conditioner", "flow"}
    assert all(path.suffix in {".json", ".safetensors", ".md", ".png"} for path in files), "no code, no pickle"


def test_the_card_is_complete(card: Card) -> None:
    assert (card.name, card.kind, card.licence, card.segment_s) == (BUNDLED, "jasco", "MIT", 10.0)
    assert not card.sound
    assert card.summary and len(card.summary) <= 38, "it fits the column of sideman models list"
    assert card.trained_on
    for needed in NEEDED:
        assert any(needed in name for name in card.measured), f"{needed} is missing in {sorted(card.measured)}"
    readme = (bundled.FOLDER / "README.md").read_text(encoding="utf-8")
    for told in ("MIT", "cannot", "seed"):
        assert told in readme


def test_its_words_are_those_of_captions() -> None:
    model, _ = load_jasco(bundled.FOLDER)
    encoder = model.text_encoder
    assert isinstance(encoder, WordsEncoder)
    vocabulary = encoder.tokenizer.get_vocab()
    assert {*TEMPO_WORDS, *TONIC_WORDS, "major", "minor", "drums", "bass"} <= set(vocabulary)
    told = ". ".join(DEFAULT_CAPTION).format(
        prompt="warm rhodes", feel="swing drums", meter="3/4", key="C# minor", bpm="97"
    )
    assert int(encoder.tokens([told])[1].sum()) >= 8


# Where it is found


def test_it_is_played_by_default_and_told_of(tmp_path: Path) -> None:
    config = Config.model_validate({"engine": {"name": "jasco", "models": tmp_path / "none"}})
    assert find_model(config.jasco.model, config.engine.models) == bundled.FOLDER
    settings = model_settings("jasco", config)
    assert isinstance(settings, JascoSettings) and settings.licence == "MIT"
    first = next(model_lines(tmp_path / "none"))
    assert first.startswith(BUNDLED) and " MIT " in first and first.endswith("comes with Sideman")
    told = [finding for finding in examine(config) if finding.what.startswith("engine jasco")]
    assert [finding.status for finding in told] == ["ok"]


def test_a_wheel_contains_it(tmp_path: Path) -> None:
    source = tmp_path / "source"
    ignored = shutil.ignore_patterns(".git", "node_modules", "__pycache__", "build", "*.egg-info", ".venv", "site")
    for name in ("bridge", "midi", "models", "plugin_host"):
        shutil.copytree(REPOSITORY / name, source / name, ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(REPOSITORY / name, source / name)
    command = [
        sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index",
        "--wheel-dir", str(tmp_path / "wheel"), str(source),
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    (wheel,) = (tmp_path / "wheel").glob("sideman-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        for path in (path for path in bundled.FOLDER.rglob("*") if path.is_file()):
            inside = f"models/sideman_tiny/{path.relative_to(bundled.FOLDER).as_posix()}"
            assert archive.read(inside) == path.read_bytes(), inside


# What it plays


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[dict[str, object]]]:
    """The receipts of three takes that a process without a network, a home or a cache made."""
    home = tmp_path_factory.mktemp("home")
    barred = home / "barred.py"
    barred.write_text(BARRED, encoding="utf-8")
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "PYTHONPATH", "OMP_NUM_THREADS"}}
    environment = kept | {
        "HOME": str(home),
        "XDG_CACHE_HOME": str(home),
        "HF_HUB_OFFLINE": "1",
        "CUDA_VISIBLE_DEVICES": "",
    }
    song = home / "song.mid"
    song.write_bytes(_song())
    command = [
        sys.executable, "-P", str(barred), "render", str(song), "--engine", "jasco", "--takes", "3",
        "--prompt", "warm electric piano, round bass", "--out", str(home / "clips"), "--device", "cpu",
    ]  # fmt: skip
    environment["PYTHONPATH"] = os.pathsep.join([str(REPOSITORY), environment.get("PYTHONPATH", "")])
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    yield [json.loads(path.read_text(encoding="utf-8")) for path in sorted((home / "clips").glob("*.json"))]


def _song() -> bytes:
    """Four bars at 100: a chord a bar as markers, and a plain beat."""
    import io

    from mido import Message, MetaMessage, MidiFile, MidiTrack

    track = MidiTrack([MetaMessage("set_tempo", tempo=600_000, time=0)])
    for chord in ("Am", "F", "C", "G"):
        track.append(MetaMessage("marker", text=chord, time=0))
        for beat in range(4):
            track.append(Message("note_on", channel=9, note=36 if beat % 2 == 0 else 38, velocity=110, time=0))
            track.append(Message("note_off", channel=9, note=36 if beat % 2 == 0 else 38, time=480))
    file = io.BytesIO()
    MidiFile(tracks=[track], ticks_per_beat=480).save(file=file)
    return file.getvalue()


def test_it_plays_without_a_network_and_names_itself(clips: list[dict[str, object]]) -> None:
    assert len(clips) == 3
    for receipt in clips:
        assert receipt["engine"] == "jasco"
        assert re.match(rf"{BUNDLED} \(comes with Sideman, SHA-256 [0-9a-f]{{12}}\)", str(receipt["model"]))
        assert receipt["weights_licence"] == "MIT"
        assert "NC" not in str(receipt["weights_licence"])
        assert float(str(receipt["loudness_lufs"])) > -20.0


def test_it_follows_the_chart(clips: list[dict[str, object]]) -> None:
    """Below the scores on its card, and above those of one chord held throughout (0.25) and of noise (0.4)."""
    scores = [receipt["score"] for receipt in clips]
    assert all(isinstance(score, dict) for score in scores)
    assert statistics.fmean(score["chords"] for score in scores if isinstance(score, dict)) > 0.4
    assert statistics.fmean(score["drums"] for score in scores if isinstance(score, dict)) > 0.55


def test_the_demo_has_a_clip_of_it(tmp_path: Path) -> None:
    result = run_demo(tmp_path / "demo", lambda share: None)
    assert result.missing == ""
    assert [clip.name.split("-")[1] for clip in result.clips] == ["sketch", "sketch", "jasco"]
