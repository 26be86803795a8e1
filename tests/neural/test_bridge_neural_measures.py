"""Category: unit. FAD, KLD and CLAP: the formulas, and the code around small models of random weights."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
import transformers
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from bridge.evaluate_models import Wanted, measure_all
from bridge.neural_measures import Clap, Classifier, divergence, frechet_distance
from models.errors import ModelError


@pytest.fixture(scope="module")
def clap_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CLAP of random weights, as transformers saves one."""
    folder = tmp_path_factory.mktemp("clap")
    torch.manual_seed(0)
    text = {"vocab_size": 8, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
            "intermediate_size": 16, "max_position_embeddings": 40, "projection_dim": 12}  # fmt: skip
    audio = {"window_size": 8, "spec_size": 256, "patch_embeds_hidden_size": 16, "depths": [1, 1, 1, 1],
             "num_attention_heads": [1, 2, 4, 8], "hidden_size": 128, "projection_dim": 12, "num_mel_bins": 64,
             "num_classes": 4}  # fmt: skip
    config = transformers.ClapConfig(text_config=text, audio_config=audio, projection_dim=12)
    transformers.ClapModel(config).save_pretrained(folder, safe_serialization=True)
    words = Tokenizer(WordLevel({"<unk>": 0, "<pad>": 1, "<s>": 2, "</s>": 3, "funk": 4, "bass": 5}, unk_token="<unk>"))
    words.pre_tokenizer = Whitespace()
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=words, unk_token="<unk>", pad_token="<pad>", bos_token="<s>", eos_token="</s>",
        model_max_length=32,
    )  # fmt: skip
    extractor = transformers.ClapFeatureExtractor(feature_size=64, truncation="rand_trunc")
    transformers.ClapProcessor(feature_extractor=extractor, tokenizer=tokenizer).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def classifier_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ast")
    torch.manual_seed(0)
    config = transformers.ASTConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, max_length=128,
        num_mel_bins=32, num_labels=5,
    )  # fmt: skip
    transformers.ASTForAudioClassification(config).save_pretrained(folder, safe_serialization=True)
    transformers.ASTFeatureExtractor(num_mel_bins=32, max_length=128).save_pretrained(folder)
    return folder


@pytest.fixture
def sounds(tmp_path: Path) -> list[Path]:
    files = []
    for seed in range(3):
        files.append(tmp_path / f"{seed}.wav")
        soundfile.write(files[-1], np.random.default_rng(seed).normal(0, 0.1, 16000), 16000)
    return files


@given(st.integers(2, 6), st.floats(-3.0, 3.0))
def test_two_sets_of_one_spread_are_as_far_apart_as_their_means(size: int, shift: float) -> None:
    rows = np.random.default_rng(size).normal(size=(60, size))
    moved = rows + shift
    assert frechet_distance(rows, moved) == pytest.approx(size * shift**2, abs=1e-6)
    assert frechet_distance(rows, rows) == pytest.approx(0.0, abs=1e-6)


def test_a_wider_set_is_further_away_and_one_sound_is_no_set() -> None:
    """In one dimension the distance is that of means and deviations, squared."""
    rows = np.array([[-1.0], [0.0], [1.0]])
    assert frechet_distance(rows, 3.0 * rows) == pytest.approx(4.0, abs=1e-6)
    with pytest.raises(ModelError, match="two sets of 2 sounds"):
        frechet_distance(rows[:1], rows)


def test_the_divergence_is_that_of_kullback_and_leibler() -> None:
    same = np.array([[0.5, 0.25, 0.25]])
    assert divergence(same, same) == pytest.approx(0.0, abs=1e-9)
    assert divergence(np.array([[0.25, 0.5, 0.25]]), same) == pytest.approx(0.25 * np.log(2.0), abs=1e-6)


def test_clap_gives_directions_that_depend_on_what_is_heard(clap_folder: Path, sounds: list[Path]) -> None:
    clap = Clap(str(clap_folder))
    audio, text = clap.audio(sounds), clap.text(["funk bass", "bass"])
    np.testing.assert_allclose(np.linalg.norm(audio, axis=1), 1.0)
    np.testing.assert_allclose(np.linalg.norm(text, axis=1), 1.0)
    assert audio.shape == (3, 12)
    assert not np.allclose(audio[0], audio[1], atol=1e-6)
    assert not np.allclose(text[0], text[1], atol=1e-6)


def test_a_classifier_gives_probabilities(classifier_folder: Path, sounds: list[Path]) -> None:
    rows = Classifier(str(classifier_folder)).probabilities(sounds)
    assert rows.shape == (3, 5)
    np.testing.assert_allclose(rows.sum(axis=1), 1.0)


def test_weights_that_are_not_here_are_named_with_what_brings_them(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="hf download someone/nothing"):
        Clap("someone/nothing")


def test_weights_that_would_run_code_are_not_read(clap_folder: Path, tmp_path: Path) -> None:
    """Only safetensors are: a pickle beside the configuration is left alone."""
    for file in clap_folder.iterdir():
        if file.suffix != ".safetensors":
            (tmp_path / file.name).write_bytes(file.read_bytes())
    torch.save(transformers.ClapModel.from_pretrained(clap_folder).state_dict(), tmp_path / "pytorch_model.bin")
    with pytest.raises(ModelError, match="are not on this machine"):
        Clap(str(tmp_path))


def test_every_measure_is_taken_where_all_is_there(
    clap_folder: Path, classifier_folder: Path, sounds: list[Path], tmp_path: Path
) -> None:
    reference = tmp_path / "reference"
    reference.mkdir()
    for file in sounds[:2]:
        (reference / file.name).write_bytes(file.read_bytes())

    class Clip:
        def __init__(self, path: Path) -> None:
            self.path = path
            self.receipt = type("Receipt", (), {"caption": "funk bass", "prompt": ""})()

    wanted = Wanted(reference=reference, clap=str(clap_folder), classifier=str(classifier_folder))
    measured = measure_all([Clip(path) for path in sounds], wanted)  # type: ignore[misc]
    assert {name: one.why for name, one in measured.items()} == {"CLAP": "", "FAD": "", "KLD": ""}
    assert measured["KLD"].value == pytest.approx(0.0, abs=1e-9), "a clip beside itself"
    assert json.dumps({name: one.value for name, one in measured.items()})
