"""Category: unit. Reading, converting, loading and checking checkpoints, good and bad."""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from small_checkpoints import converted_small, copy_of

from models.card import CARD_FILE, TENSORS_FILE, read_card
from models.checkpoints import check, convert, load_jasco
from models.errors import ModelError


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a released checkpoint, a text encoder, and the checkpoint converted. Tests leave it alone."""
    folder = tmp_path_factory.mktemp("small")
    converted_small(folder)
    return folder


def converted(folder: Path, target: Path) -> None:
    convert(
        folder / "released",
        target,
        text_encoder=folder / "text",
        codec_config=folder / "released" / "config.json",
        name="small",
    )


def repacked(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change what is in a released file."""
    content = torch.load(path, weights_only=True)
    change(content)
    torch.save(content, path)


# What works


def test_a_converted_model_is_the_released_one(small: Path) -> None:
    released = torch.load(small / "released" / "state_dict.bin", weights_only=True)["best_state"]
    model, card = load_jasco(small / "converted")
    assert torch.equal(model.flow.embed.weight, released["emb.weight"].float())
    assert torch.equal(
        model.flow.layers[1].cross_attn.in_proj_weight,
        released["transformer.layers.1.cross_attention.in_proj_weight"].float(),
    )
    assert (card.segment_s, card.sample_rate_hz, card.melody) == (1.0, 32000, False)


def test_the_file_keeps_the_precision_that_was_released(small: Path) -> None:
    tensors = load_file(small / "converted" / TENSORS_FILE)
    assert tensors["flow.embed.weight"].dtype == torch.float16
    assert tensors["codec.encoder.layers.0.conv.weight"].dtype == torch.float32


def test_the_card_tells_origin_licence_and_what_was_dropped(small: Path) -> None:
    card = read_card(small / "converted")
    assert card.licence == "CC-BY-NC-4.0"
    assert [source.name for source in card.sources] == ["state_dict.bin", "compression_state_dict.bin"]
    assert all(len(source.sha256) == 64 for source in card.sources)
    assert len(card.dropped) == 12, "three statistics of each of four codebooks"
    assert set(card.dropped.values()) == {"a statistic of the codebook's training"}


def test_a_whole_model_passes_the_check(small: Path) -> None:
    assert check(small / "converted").name == "small"


def test_a_model_with_melody_takes_its_tensors(tmp_path: Path) -> None:
    model, card = load_jasco(converted_small(tmp_path, melody=True))
    assert card.melody
    assert model.config.conditions == ("chords", "self_wav", "melody")


# What is refused


def drop(name: str) -> Callable[[dict[str, Any]], None]:
    return lambda content: content["best_state"].pop(name)


def put(name: str, tensor: object) -> Callable[[dict[str, Any]], None]:
    return lambda content: content["best_state"].__setitem__(name, tensor)


def configured(old: str, new: str) -> Callable[[dict[str, Any]], None]:
    def change(content: dict[str, Any]) -> None:
        assert old in content["xp.cfg"]
        content["xp.cfg"] = content["xp.cfg"].replace(old, new)

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (drop("emb.weight"), "embed.weight is missing"),
        (put("surprise.weight", torch.zeros(1)), "surprise.weight: it is of another model"),
        (put("transformer.layers.2.norm1.weight", torch.ones(32)), "layers.2.norm1.weight has no place"),
        (put("emb.weight", torch.zeros(32, 33)), r"embed.weight is \[32, 33\], not \[32, 34\]"),
        (put("version", "1.4"), "version, which is no tensor"),
        (drop("condition_provider.conditioners.self_wav.compression_model.model.decoder.layers.0.conv.bias"),
         "codec does not fit its configuration: decoder.layers.0.conv.bias is missing"),
        (drop("condition_provider.conditioners.self_wav.compression_model.model.decoder.layers.0.conv."
              "parametrizations.weight.original0"), "a direction and no magnitude"),
        (configured("flow_matching", "transformer_lm_magnet"), "it is of another model"),
        (configured("  num_layers: 2\n", ""), "lacks transformer_lm.num_layers"),
        (configured("norm_first: true", "norm_first: false"), "norm_first = False"),
        (configured("lm_model: flow_matching", "lm_model: [flow"), "configuration cannot be read"),
        (configured("flow_dim: ${compression_model_latent_dim}", "flow_dim: ${nowhere.at.all}"), "flow_dim"),
        (lambda content: content.pop("xp.cfg"), "lacks best_state or xp.cfg"),
        (lambda content: content.__setitem__("best_state", []), "lacks best_state or xp.cfg"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_a_checkpoint_that_does_not_fit_is_refused_and_leaves_nothing(
    small: Path, tmp_path: Path, change: Callable[[dict[str, Any]], None], words: str
) -> None:
    folder = copy_of(small, tmp_path / "copy")
    repacked(folder / "released" / "state_dict.bin", change)
    with pytest.raises(ModelError, match=words):
        converted(folder, tmp_path / "new" / "model")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("name", ["state_dict.bin", "compression_state_dict.bin"])
def test_half_a_checkpoint_names_what_it_lacks(small: Path, tmp_path: Path, name: str) -> None:
    folder = copy_of(small, tmp_path / "copy")
    (folder / "released" / name).unlink()
    with pytest.raises(ModelError, match=f"it lacks {name}"):
        converted(folder, tmp_path / "model")


@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.99])
def test_a_truncated_file_says_so(small: Path, tmp_path: Path, share: float) -> None:
    folder = copy_of(small, tmp_path / "copy")
    path = folder / "released" / "state_dict.bin"
    os.truncate(path, int(path.stat().st_size * share))
    with pytest.raises(ModelError, match=r"cut short or damaged|was not opened"):
        converted(folder, tmp_path / "model")
    assert not (tmp_path / "model").exists()


class Malice:
    """A pickle that would make a file when it is opened."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("write", [torch.save, lambda content, path: path.write_bytes(pickle.dumps(content))])
def test_a_pickle_that_would_run_code_is_not_opened(
    small: Path, tmp_path: Path, write: Callable[[Any, Path], None]
) -> None:
    folder = copy_of(small, tmp_path / "copy")
    write({"best_state": {}, "xp.cfg": "", "more": Malice(tmp_path / "harm")}, folder / "released" / "state_dict.bin")
    with pytest.raises(ModelError, match="could run code"):
        converted(folder, tmp_path / "model")
    assert not (tmp_path / "harm").exists()


def test_a_codec_that_is_only_named_needs_its_configuration(small: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"give its .* with --codec"):
        convert(small / "released", tmp_path / "model", text_encoder=small / "text", codec_config=None, name="small")


def test_a_folder_without_a_text_encoder_says_so(small: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match="text encoder"):
        convert(
            small / "released",
            tmp_path / "model",
            text_encoder=tmp_path / "empty",
            codec_config=small / "released" / "config.json",
            name="small",
        )


def test_a_conversion_that_fails_leaves_the_model_that_was_there(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = copy_of(small / "converted", tmp_path / "model")

    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("models.checkpoints.save_file", full)
    with pytest.raises(ModelError, match="No space left"):
        converted(small, target)
    assert check(target).name == "small"
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_an_unconverted_folder_says_what_to_do(small: Path) -> None:
    with pytest.raises(ModelError, match="sideman models pull or convert"):
        load_jasco(small / "released")


def test_a_changed_file_fails_the_check(small: Path, tmp_path: Path) -> None:
    folder = copy_of(small / "converted", tmp_path / "model")
    tensors = load_file(folder / TENSORS_FILE)
    tensors["flow.embed.weight"][0, 0] += 1
    save_file(tensors, folder / TENSORS_FILE)
    with pytest.raises(ModelError, match="not as it was converted"):
        check(folder)


def test_a_truncated_converted_file_is_no_traceback(small: Path, tmp_path: Path) -> None:
    folder = copy_of(small / "converted", tmp_path / "model")
    os.truncate(folder / TENSORS_FILE, 1000)
    with pytest.raises(ModelError, match="cannot be read"):
        load_jasco(folder)


def test_a_card_of_another_version_says_so(small: Path, tmp_path: Path) -> None:
    folder = copy_of(small / "converted", tmp_path / "model")
    card = json.loads((folder / CARD_FILE).read_text(encoding="utf-8"))
    (folder / CARD_FILE).write_text(json.dumps(card | {"format": 99}), encoding="utf-8")
    with pytest.raises(ModelError, match="another version"):
        read_card(folder)
