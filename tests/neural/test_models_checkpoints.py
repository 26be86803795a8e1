"""Category: unit. Reading, converting, loading and checking checkpoints, good and bad."""

from __future__ import annotations

import json
import os
import pickle
import random
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import parity_set as sets
import pytest
import torch
from safetensors.torch import load_file, save_file
from small_checkpoints import converted_small, copy_of

from bridge.model_store import stored_models
from models.card import CARD_FILE, TENSORS_FILE, CodecShape, read_card
from models.checkpoints import check, convert, load_jasco
from models.codec import CodecConfig
from models.errors import ModelError
from models.released import audiocraft_codec_config, read_codec_source, read_state, transformers_codec_config


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
    assert [source.name for source in card.sources] == [
        "state_dict.bin", "compression_state_dict.bin", "text/model.safetensors", "text/tokenizer.json",
    ]  # fmt: skip
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


def put(name: object, tensor: object) -> Callable[[dict[str, Any]], None]:
    return lambda content: content["best_state"].__setitem__(name, tensor)


def configured(old: str, new: str) -> Callable[[dict[str, Any]], None]:
    def change(content: dict[str, Any]) -> None:
        assert old in content["xp.cfg"]
        content["xp.cfg"] = content["xp.cfg"].replace(old, new)

    return change


CODEC = "condition_provider.conditioners.self_wav.compression_model.model"
MAGNITUDE, DIRECTION = (f"{CODEC}.decoder.layers.0.conv.parametrizations.weight.original{place}" for place in (0, 1))
RATE = "sample_rate: 32000\ndora"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (drop("emb.weight"), "embed.weight is missing"),
        (put("surprise.weight", torch.zeros(1)), "surprise.weight: it is of another model"),
        (put("transformer.layers.2.norm1.weight", torch.ones(32)), "layers.2.norm1.weight has no place"),
        (put("emb.weight", torch.zeros(32, 33)), r"embed.weight is \[32, 33\], not \[32, 34\]"),
        (put("version", "1.4"), "'version', which is no tensor of real numbers"),
        (put(3, torch.zeros(1)), "holds 3, which is no tensor"),
        (put("emb.weight", torch.zeros(32, 34).to_sparse()), "'emb.weight', which is no tensor"),
        (put("emb.weight", torch.zeros(32, 34, device="meta")), "'emb.weight', which is no tensor"),
        (put("emb.weight", torch.zeros(32, 34, dtype=torch.complex64)), "'emb.weight', which is no tensor"),
        (put("emb.weight", torch.zeros(1).expand(10**6, 10**6)), "'emb.weight', which is no tensor"),
        (put("emb.weight", torch.zeros(32, 34, dtype=torch.int64)), "embed.weight holds no real numbers"),
        *((put(MAGNITUDE, torch.ones(shape)), "and a magnitude of") for shape in ((1, 1, 1), (3, 1, 1), (0,), ())),
        (drop(DIRECTION), "and no decoder.layers.0.conv.parametrizations.weight.original1"),
        (configured("num_heads: 4", "num_heads: 5"), "5 heads for a size of 32"),
        (configured("num_heads: 4", "num_heads: 0"), "num_heads = 0: it is a whole number from 1"),
        (configured("num_heads: 4", "num_heads: four"), "num_heads = 'four'"),
        (configured("num_layers: 2", "num_layers: 2.5"), "num_layers = 2.5"),
        (configured("hidden_scale: 4", "hidden_scale: [4]"), r"hidden_scale = \[4\]"),
        (configured("dim: 32", "dim: -32"), "transformer_lm.dim = -32"),
        (configured("blurring_factor: 3", "blurring_factor: 0"), "blurring_factor = 0"),
        (configured("segment_duration: 1", "segment_duration: -1"), "segment_duration = -1: it is a number above 0"),
        (configured("segment_duration: 1", "segment_duration: ten"), "segment_duration = 'ten'"),
        (configured("segment_duration: 1", "segment_duration: .inf"), "segment_duration = inf"),
        (configured("latent_std: 4.0102", "latent_std: x"), "latent_std = 'x'"),
        (configured(RATE, "sample_rate: a\ndora"), "sample_rate = 'a'"),
        (configured(RATE, "sample_rate: 16000\ndora"), "sample rate of 16000, and the codec has 32000"),
        (configured("framerate: 50", "framerate: 75"), "frame rate of 75, and the codec has 50"),
        (configured("latent_dim: 16", "latent_dim: 8"), "latents of the size 8, and the codec has 16"),
        (configured("symbolic: {chords: 0.5}", "symbolic: 5"), "attribute_dropout.symbolic = 5: it is a mapping"),
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


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of a process's files")
def test_a_disk_that_takes_no_more_is_said_and_leaves_the_old_model(small: Path, tmp_path: Path) -> None:
    """The system itself refuses: files may not grow past 4 KB."""
    import resource

    target = copy_of(small / "converted", tmp_path / "model")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(ModelError, match="could not be written") as caught:
            converted(small, target)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert isinstance(caught.value.__cause__, OSError)
    assert check(target).name == "small"
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_damaged_text_encoder_is_no_traceback(small: Path, tmp_path: Path) -> None:
    folder = copy_of(small, tmp_path / "copy")
    os.truncate(folder / "text" / "model.safetensors", 1000)
    with pytest.raises(ModelError, match=r"text encoder .* cannot be loaded"):
        converted(folder, tmp_path / "model")


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
    (folder / CARD_FILE).write_text(json.dumps(card | {"format": 99, "new": 1}), encoding="utf-8")
    with pytest.raises(ModelError, match="another version"):
        read_card(folder)


@pytest.mark.parametrize("change", [{"codec": {}}, {"codec": None}, {"surprise": 1}, {"segment_s": "ten"}])
def test_a_card_that_was_edited_says_what_to_do(small: Path, tmp_path: Path, change: dict[str, object]) -> None:
    folder = copy_of(small / "converted", tmp_path / "model")
    card = json.loads((folder / CARD_FILE).read_text(encoding="utf-8"))
    (folder / CARD_FILE).write_text(json.dumps(card | change), encoding="utf-8")
    with pytest.raises(ModelError, match="run sideman models pull or convert again"):
        load_jasco(folder)


def test_the_card_knows_the_fields_of_a_codec() -> None:
    assert set(CodecShape.model_fields) == {one.name for one in fields(CodecConfig)}


# Where it goes


def test_a_new_conversion_takes_the_place_of_an_old_one(small: Path, tmp_path: Path) -> None:
    target = copy_of(small / "converted", tmp_path / "model")
    (target / "old").write_text("of an earlier version")
    converted(small, target)
    assert check(target).name == "small"
    assert not (target / "old").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_an_empty_folder_is_taken(small: Path, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    converted(small, tmp_path / "model")
    assert check(tmp_path / "model").name == "small"


def test_nothing_of_the_users_is_overwritten(small: Path, tmp_path: Path) -> None:
    song = tmp_path / "music" / "song.wav"
    song.parent.mkdir()
    song.write_bytes(b"a song")
    for target in (song.parent, song):
        with pytest.raises(ModelError, match="something else than a converted model"):
            converted(small, target)
    assert song.read_bytes() == b"a song"


@pytest.mark.parametrize("place", ["released", "released/made", ".", "text", "text/made"])
def test_a_folder_that_is_read_is_not_written(small: Path, tmp_path: Path, place: str) -> None:
    folder = copy_of(small, tmp_path / "copy")
    before = sorted(path.relative_to(folder) for path in folder.rglob("*"))
    with pytest.raises(ModelError, match="name another one"):
        converted(folder, folder / place)
    assert sorted(path.relative_to(folder) for path in folder.rglob("*")) == before


def test_when_the_new_model_cannot_take_its_place_the_old_one_is_back(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = copy_of(small / "converted", tmp_path / "model")
    rename = Path.rename

    def refusing(path: Path, to: Path) -> Path:
        if path.name == "made":
            raise PermissionError(13, "Permission denied")
        return rename(path, to)

    monkeypatch.setattr(Path, "rename", refusing)
    with pytest.raises(ModelError, match="could not be written: Permission denied"):
        converted(small, target)
    assert check(target).name == "small"
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_what_a_killed_conversion_left_is_no_model_and_goes(small: Path, tmp_path: Path) -> None:
    left, young = (tmp_path / f".model-{name}" for name in ("old", "young"))
    for folder in (left, young):
        copy_of(small / "converted", folder)
    os.utime(left, (0, 0))
    assert list(stored_models(tmp_path)) == []
    converted(small, tmp_path / "model")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".model-young", "model"]


# Odd files


def test_tied_tensors_are_kept_apart(small: Path, tmp_path: Path) -> None:
    folder = copy_of(small, tmp_path / "copy")
    one = torch.ones(32)

    def tied(content: dict[str, Any]) -> None:
        content["best_state"]["transformer.layers.0.norm1.weight"] = one
        content["best_state"]["transformer.layers.1.norm1.weight"] = one

    repacked(folder / "released" / "state_dict.bin", tied)
    converted(folder, tmp_path / "model")
    assert torch.equal(load_file(tmp_path / "model" / TENSORS_FILE)["flow.layers.1.norm1.weight"], one)


def test_no_damage_to_a_pickle_is_a_traceback(small: Path, tmp_path: Path) -> None:
    """Bytes of the pickle inside are changed here and there; every load says so, or gives what it gave before."""
    whole = (small / "released" / "state_dict.bin").read_bytes()
    start = whole.index(b"best_state")
    generator = random.Random(1)
    copy_of(small / "released", tmp_path / "released")
    refused = 0
    for _ in range(150):
        damaged = bytearray(whole)
        for _ in range(generator.randint(1, 3)):
            damaged[start + generator.randrange(4000)] = generator.randrange(256)
        (tmp_path / "released" / "state_dict.bin").write_bytes(damaged)
        try:
            read_state(tmp_path / "released")
        except ModelError:
            refused += 1
    assert refused > 20


METAS = '"use_causal_conv": false, "normalize": false, "use_conv_shortcut": false'


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[]", "is no mapping"),
        ('{"sampling_rate": "x"}', "cannot be read"),
        ('{"upsampling_ratios": null}', "cannot be read|is no number"),
        (f'{{"upsampling_ratios": [], {METAS}}}', "which is no number above 0"),
        (f'{{"num_filters": 0, {METAS}}}', "filters = 0"),
        ('{"use_causal_conv": true}', "use_causal_conv = True"),
        (f'{{"pad_mode": "circular", {METAS}}}', "pads with 'circular'"),
        ('{"trim_right_ratio": 0.5}', "trim_right_ratio = 0.5"),
        ("{", "cannot be read"),
    ],
)
def test_a_codec_that_is_none_of_metas_is_refused(small: Path, tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "config.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ModelError, match=words):
        transformers_codec_config(path)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("dimension", "dimensions", "lacks 'dimension'"),
        ("n_q: 4", "nq: 4", "lacks 'n_q'"),
        ("causal: false", "causal: true", "causal = True"),
        ("norm: weight_norm", "norm: time_group_norm", "time_group_norm"),
        ("sample_rate: 16000", "sample_rate: '16k'", "sample_rate = '16k'"),
        ("pad_mode: constant", "pad_mode: zeros", "pads with 'zeros'"),
    ],
)
def test_a_packed_codec_that_is_none_of_metas_is_refused(old: str, new: str, words: str) -> None:
    package = read_codec_source(sets.BUNDLED / "checkpoint_emulation" / "encodec_16khz_audiocraft").package
    assert package is not None
    text = package.xp_config
    assert old in text
    with pytest.raises(ModelError, match=words):
        audiocraft_codec_config(text.replace(old, new))


def test_the_codec_stays_in_single_precision(small: Path) -> None:
    model, _ = load_jasco(small / "converted", dtype=torch.float16)
    assert {tensor.dtype for tensor in model.codec.parameters()} == {torch.float32}
    assert {tensor.dtype for tensor in model.flow.parameters()} == {torch.float16}
