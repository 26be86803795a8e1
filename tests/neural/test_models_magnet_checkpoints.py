"""Category: unit. Released MAGNeT checkpoints: converting, loading, checking, and what is refused."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import parity_set as sets
import pytest
import torch
from safetensors.torch import load_file
from small_checkpoints import converted_small_magnet, script, write_small_magnet

from models.card import TENSORS_FILE, read_card
from models.catalogue import RELEASES
from models.checkpoints import check, convert, load_jasco, load_magnet
from models.errors import ModelError


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("small")
    converted_small_magnet(folder)
    return folder


def converted(folder: Path, target: Path, codec: Path | None = None) -> None:
    convert(
        folder / "released",
        target,
        text_encoder=folder / "text",
        codec_config=codec or folder / "released" / "codec" / "config.json",
        name="small",
    )


def repacked(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    content = torch.load(path, weights_only=True)
    change(content)
    torch.save(content, path)


def test_a_converted_model_is_the_released_one(small: Path) -> None:
    released = torch.load(small / "released" / "state_dict.bin", weights_only=True)["best_state"]
    model, card = load_magnet(small / "converted")
    assert torch.equal(model.tokens.embed[2].weight, released["emb.2.weight"].float())
    assert torch.equal(model.tokens.out[3].weight, released["linears.3.weight"].float())
    assert (card.kind, card.segment_s, card.sample_rate_hz, card.melody, card.sound) == (
        "magnet", 1.0, 32000, False, False,
    )  # fmt: skip
    assert load_file(small / "converted" / TENSORS_FILE)["tokens.embed.0.weight"].dtype == torch.float16
    assert check(small / "converted").name == "small-magnet"


def test_the_codec_comes_from_beside_its_configuration(small: Path) -> None:
    """A MAGNeT holds no copy; the weights are those of the repository that it names."""
    model, _ = load_magnet(small / "converted")
    theirs = load_file(small / "released" / "codec" / "model.safetensors")
    assert torch.equal(model.codec.quantizer.layers[1].codebook.embed, theirs["quantizer.layers.1.codebook.embed"])


def test_a_model_of_sounds_brings_its_codec(tmp_path: Path) -> None:
    """The package of the reference numbers: a whole codec of 16 kHz in audiocraft's names."""
    package = sets.BUNDLED / "checkpoint_emulation" / "encodec_16khz_audiocraft" / "compression_state_dict.bin"
    codec = sets.load_packed_codec(sets.BUNDLED, "encodec_16khz_audiocraft")
    size = script().MagnetSize(dim=32, heads=4, layers=2, segment_s=1, sound=True, bins=codec.config.bins)
    script().write_magnet(tmp_path / "released", size.__class__(**{**size.__dict__, "bins": 64}))
    state = {
        name: script().random_tensor(name, shape, torch.Generator().manual_seed(0))
        for name, shape in script().magnet_shapes(size)
    }
    repacked(
        tmp_path / "released" / "state_dict.bin",
        lambda content: content.update({"best_state": state, "xp.cfg": script().magnet_xp_config(size)}),
    )
    shutil.copyfile(package, tmp_path / "released" / "compression_state_dict.bin")
    script().write_text_encoder(tmp_path / "text", small=True)
    convert(tmp_path / "released", tmp_path / "sound", text_encoder=tmp_path / "text", codec_config=None, name="sound")
    model, card = load_magnet(tmp_path / "sound")
    assert (card.sound, card.sample_rate_hz, model.codec.config.sample_rate_hz) == (True, 16000, 16000)
    ours, theirs = model.codec.state_dict(), codec.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def reheaded(content: dict[str, Any]) -> None:
    content["best_state"]["linears.0.weight"] = torch.zeros(63, 32)


def extra(content: dict[str, Any]) -> None:
    content["best_state"]["something"] = torch.zeros(1)


def missing(content: dict[str, Any]) -> None:
    del content["best_state"]["emb.3.weight"]


def delayed(content: dict[str, Any]) -> None:
    content["xp.cfg"] = content["xp.cfg"].replace("modeling: parallel", "modeling: delay")


def other_books(content: dict[str, Any]) -> None:
    content["xp.cfg"] = content["xp.cfg"].replace("n_q: 4", "n_q: 8")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (reheaded, r"out.0.weight is \[63, 32\], not \[64, 32\]"),
        (extra, "no place in the model, among them something"),
        (missing, "embed.3.weight is missing"),
        (delayed, "shifts its codebooks"),
        (other_books, "another model's codec"),
    ],
    ids=["shape", "too many", "missing", "delay pattern", "codebooks"],
)
def test_a_checkpoint_that_does_not_fit_is_refused_and_leaves_nothing(
    tmp_path: Path, change: Callable[[dict[str, Any]], None], words: str
) -> None:
    write_small_magnet(tmp_path)
    repacked(tmp_path / "released" / "state_dict.bin", change)
    with pytest.raises(ModelError, match=words):
        converted(tmp_path, tmp_path / "made")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["released", "text"]


def test_a_codec_without_weights_is_refused(tmp_path: Path) -> None:
    write_small_magnet(tmp_path)
    (tmp_path / "released" / "codec" / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="holds no copy of its codec"):
        converted(tmp_path, tmp_path / "made")


def test_neither_model_is_taken_for_the_other(small: Path) -> None:
    with pytest.raises(ModelError, match="holds the model magnet, not JASCO"):
        load_jasco(small / "converted")


def test_all_six_releases_are_known() -> None:
    magnets = [release for release in RELEASES.values() if release.kind == "magnet"]
    assert len(magnets) == 6
    assert {release.repository for release in magnets} == {
        f"facebook/{name}" for name in (
            "magnet-small-10secs", "magnet-medium-10secs", "magnet-small-30secs", "magnet-medium-30secs",
            "audio-magnet-small", "audio-magnet-medium",
        )
    }  # fmt: skip
    assert not any(release.gated for release in magnets)
    assert read_card is not None
