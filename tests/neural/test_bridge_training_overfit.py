"""Category: integration. Training from nothing: two pieces are learnt by heart, and asking for one gives that one.

With one piece alone a model that hears no control would do as well; of two, from the same noise, it can get one right
at most. Chords alone and drums alone have to do: a control that does not reach the model is found out. A codec at 4 kHz
and a flow of half a million weights learn the two in about a minute on one core.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bridge.training_export import trained_model
from bridge.training_folder import LOG, RunFolder
from bridge.training_hearing import Figures, hear_jasco
from bridge.training_kinds import codec_from, train_codec, train_jasco
from bridge.training_log import TrainingLog
from bridge.training_loop import Telling
from bridge.training_plan import CodecPlan, JascoPlan, read_plan
from bridge.training_pool import captioned_piece
from models.jasco import Guidance, Jasco
from models.presets import SOLVERS
from models.soundfont_file import find_soundfont
from models.training_flow import FlowRecipe, FlowTraining
from models.training_models import trained_jasco
from models.training_pieces import Music, shard_music
from models.training_shards import write_shard
from models.words import new_words

SEEDS = (1, 31)
"""Two pieces whose own sound is heard as what their charts say, and not as what the other's does."""
CODEC = """
run = "codec"
music = ["music"]
device = "cpu"
threads = 1
[model]
sample_rate_hz = 4000
dimension = 16
filters = 8
ratios = [8, 5, 2]
codebooks = 2
bins = 256
[learning]
steps = 500
rate = 4e-3
warm_steps = 20
average = 0.98
[recipe]
batch = 4
crop_frames = 40
latent_noise = 0.02
quantised_share = 0.0
[listening]
every = 0
"""
JASCO = """
run = "jasco"
music = ["music"]
codec = "codec"
device = "cpu"
threads = 1
[model]
dim = 96
heads = 2
layers = 4
hidden_scale = 2
drums_dim = 8
melody_dim = 4
time_dim = 32
words_dim = 16
[learning]
steps = 800
rate = 4e-3
warm_steps = 20
average = 0.99
log_every = 50
[recipe]
batch = 1
drop_all = 0.0
drop_text = 0.8
drop_chords = 0.3
drop_drums = 0.3
drop_melody = 0.6
[listening]
every = 800
pieces = 2
all_weight = 1.0
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which both trainings were done."""
    folder = tmp_path_factory.mktemp("overfit")
    (folder / "music").mkdir()
    pieces = [captioned_piece(seed, find_soundfont()) for seed in SEEDS]
    write_shard(folder / "music" / "train-00000.safetensors", pieces)
    (folder / "codec.toml").write_text(CODEC)
    (folder / "jasco.toml").write_text(JASCO)
    codec, jasco = folder / "codec.toml", folder / "jasco.toml"
    assert train_codec(read_plan(codec, CodecPlan), codec, telling=Telling(), stopped=lambda: False).done
    assert train_jasco(read_plan(jasco, JascoPlan), jasco, telling=Telling(), stopped=lambda: False).done
    return folder


def losses_of(place: Path, kind: str) -> list[float]:
    return [value for _, value in TrainingLog(place / kind / LOG).read().figures["loss"]]


def music_of(place: Path) -> Music:
    return shard_music(place / "music" / "train-00000.safetensors").at_rate(4000)


def chords_alone(music: Music) -> Music:
    charts = tuple(chart.model_copy(update={"melody": (), "caption": ""}) for chart in music.charts)
    return replace(music, charts=charts, stems=(False, False))


def drums_alone(music: Music) -> Music:
    told = {"melody": (), "caption": "", "chords": ()}
    return replace(music, charts=tuple(chart.model_copy(update=told) for chart in music.charts))


def heard(model: Jasco, music: Music) -> Figures:
    return hear_jasco(model, music, guidance=Guidance(all_weight=1.0), solver=SOLVERS["standard"])


def untrained(place: Path) -> Jasco:
    """The same model before its first step."""
    plan, folder = read_plan(place / "jasco.toml", JascoPlan), RunFolder(place / "jasco")
    facts, codec = folder.facts(), codec_from(place / "codec")
    config = plan.model.config(codec.config, mean=facts.latent_mean, std=facts.latent_std)
    words = new_words(folder.tokenizer(), plan.model.words_dim)
    state = FlowTraining(config, codec, words, FlowRecipe(), seed=0).state_dict()
    return trained_jasco(config, codec, words.tokenizer, state)


def test_two_pieces_are_learnt_by_heart_from_nothing(place: Path) -> None:
    for kind in ("codec", "jasco"):
        losses = losses_of(place, kind)
        assert losses[-1] < 0.5 * losses[0], kind
    folder, music = RunFolder(place / "jasco"), music_of(place)
    model, _ = trained_model(folder, folder.facts())
    assert isinstance(model, Jasco)
    before = heard(untrained(place), music)
    by_chords, by_drums = heard(model, chords_alone(music)), heard(model, drums_alone(music))
    told = f"{before}\n{by_chords}\n{by_drums}"
    assert by_chords["chords"] >= 0.35, told
    assert by_chords["chords"] >= before["chords"] + 0.3, told
    assert by_chords["chords"] >= by_chords["chords shuffled"] + 0.3, told
    assert by_drums["drums"] >= 0.55, told
    assert by_drums["drums"] >= before["drums"] + 0.2, told
    assert by_drums["drums"] >= by_drums["drums shuffled"] + 0.2, told
