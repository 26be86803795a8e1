"""Category: integration. Checkpoints of our own: written strictly and whole, read by the loader of all models."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file
from small_checkpoints import OWN_CODEC, OWN_JASCO, OWN_MAGNET, copy_of, own_model, own_words, write_own

from models.card import Recommended, read_card
from models.checkpoints import check, load_jasco, load_magnet
from models.errors import ModelError
from models.jasco import Controls, Guidance, Jasco, JascoConfig, noise_of
from models.jasco import read_config as read_jasco_config
from models.magnet import MagnetConfig
from models.magnet import read_config as read_magnet_config
from models.own_checkpoint import xp_config_of
from models.presets import SOLVERS
from models.words import WordsEncoder
from models.xp_config import XpConfig


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_own(tmp_path_factory.mktemp("own") / "small-own", summary="small", licence="MIT")


def sampled(model: Jasco, description: str | None = "warm rhodes") -> torch.Tensor:
    return model.sample(
        Controls(descriptions=(description,), drums=torch.linspace(-1, 1, 32000)),
        noise_of([1], 50, 16),
        guidance=Guidance(all_weight=2.0, text_weight=1.0),
        solver=SOLVERS["draft"],
    )


# What is written


def test_the_folder_is_that_of_every_model(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == {"model.json", "model.safetensors", "text"}
    tensors = load_file(folder / "model.safetensors")
    assert {name.partition(".")[0] for name in tensors} == {"codec", "conditioner", "flow"}
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float16}
    card = check(folder)
    assert (card.kind, card.licence, card.segment_s, card.melody, card.summary) == ("jasco", "MIT", 1.0, True, "small")


def test_it_plays_what_it_played_in_memory(folder: Path) -> None:
    written = own_model()
    for tensor in (*written.parameters(), *written.buffers()):
        if tensor.is_floating_point():
            tensor.data = tensor.data.half().float()
    assert isinstance(written, Jasco) and isinstance(written.text_encoder, WordsEncoder)
    written.text_encoder.table = written.text_encoder.table.detach().half().float()
    loaded, _ = load_jasco(folder)
    wanted, found = sampled(written), sampled(loaded)
    assert torch.equal(wanted, found)
    assert torch.equal(written.decode(wanted), loaded.decode(found))
    assert not torch.allclose(sampled(loaded, None), found), "the words are heard"
    assert torch.equal(sampled(loaded, None), sampled(loaded, "zither"))


def test_a_magnet_can_be_written_too(tmp_path: Path) -> None:
    model, card = load_magnet(write_own(tmp_path / "own", OWN_MAGNET))
    assert card.kind == "magnet" and model.config == OWN_MAGNET


def test_the_same_numbers_are_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    again = write_own(tmp_path / "small-own", summary="small")
    files = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    assert len(files) == 5
    for file in files:
        assert (again / file).read_bytes() == (folder / file).read_bytes(), file


def test_the_card_says_how_it_is_best_asked(tmp_path: Path) -> None:
    told: dict[str, Any] = {
        "trained_on": "2000 pieces", "measured": {"chord overlap": 0.7}, "readme": "# A model\n",
        "recommended": Recommended(all_weight=2.5, solver="fine"),
    }  # fmt: skip
    own = write_own(tmp_path / "own", **told)
    card = read_card(own)
    assert card.recommended == Recommended(all_weight=2.5, text_weight=None, solver="fine")
    assert (card.trained_on, card.measured) == ("2000 pieces", {"chord overlap": 0.7})
    assert (own / "README.md").read_text() == "# A model\n"


shapes = st.builds(
    lambda heads, layers, skips, melody, dropped, **told: replace(
        OWN_JASCO, heads=heads, dim=4 * heads, layers=2 * layers, skips=skips, melody_dim=melody,
        melody_rows=53 if melody else 0, dropped_for_text=dropped, **told,
    ),
    heads=st.integers(1, 16), layers=st.integers(1, 8), skips=st.booleans(), melody=st.sampled_from([0, 8]),
    dropped=st.frozensets(st.sampled_from(["chords", "self_wav", "melody"])),
    latent_mean=st.floats(-10, 10), latent_std=st.floats(1e-6, 100), segment_s=st.floats(0.5, 30),
    blur_frames=st.integers(1, 9), frame_rate_hz=st.floats(10, 100), time_dim=st.integers(4, 256),
)  # fmt: skip


@given(shapes, st.integers(1, 256))
def test_an_architecture_is_read_as_it_was_written(config: JascoConfig, text_dim: int) -> None:
    assert read_jasco_config(XpConfig(xp_config_of(config, text_dim))) == config


@given(st.one_of(st.none(), st.integers(0, 20)), st.booleans(), st.integers(1, 5), st.floats(0.5, 30))
def test_a_magnets_architecture_too(reach: int | None, sound: bool, span: int, segment_s: float) -> None:
    config: MagnetConfig = replace(OWN_MAGNET, reach=reach, sound=sound, span=span, segment_s=segment_s)
    assert read_magnet_config(XpConfig(xp_config_of(config, 8)), OWN_CODEC) == config


# What is refused


def _without(state: dict[str, torch.Tensor], name: str) -> dict[str, torch.Tensor]:
    return {key: tensor for key, tensor in state.items() if key != name}


UNFIT: dict[str, tuple[Any, str]] = {
    "a tensor missing": (
        lambda state: {"tensors": _without(state, "flow.out.weight")},
        "flow model does not fit .*out.weight is missing",
    ),
    "a tensor too many": (
        lambda state: {"tensors": state | {"flow.more": torch.zeros(1)}}, "flow model does not fit .*more has no place",
    ),
    "no number": (
        lambda state: {"tensors": state | {"flow.out.weight": torch.full((16, 16), torch.nan)}},
        "not a number in float16",
    ),
    "too large for half precision": (
        lambda state: {"tensors": state | {"codec.decoder.layers.0.conv.bias": torch.full((64,), 1e6)}},
        "codec.decoder.layers.0.conv.bias holds what is not a number in float16",
    ),
    "another architecture": (
        lambda state: {"config": replace(OWN_JASCO, layers=4)}, "flow model does not fit its configuration",
    ),
    "another codec's rate": (
        lambda state: {"config": replace(OWN_JASCO, frame_rate_hz=25.0)}, "needs a frame rate of 25",
    ),
    "words of another size": (lambda state: {"words": own_words(4)}, "conditioner does not fit its configuration"),
    "no configuration": (lambda state: {"config": "lm_model: other"}, "holds the model 'other'"),
}  # fmt: skip


@pytest.mark.parametrize("what", UNFIT)
def test_what_does_not_fit_is_not_written(tmp_path: Path, what: str) -> None:
    told, words = UNFIT[what]
    with pytest.raises(ModelError, match=words):
        write_own(tmp_path / "own", **{"tensors": (state := own_model().state_dict()), **told(state)})
    assert not list(tmp_path.iterdir())


def test_a_model_that_lies_there_stays_when_the_next_does_not_fit(folder: Path, tmp_path: Path) -> None:
    own = copy_of(folder, tmp_path / "own")
    before = (own / "model.json").read_bytes()
    with pytest.raises(ModelError):
        write_own(own, replace(OWN_JASCO, layers=4), tensors=own_model().state_dict())
    assert (own / "model.json").read_bytes() == before and check(own)


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object, **told: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(WordsEncoder, "save", full)
    with pytest.raises(ModelError, match="could not be written: No space left on device"):
        write_own(tmp_path / "own")
    assert not list(tmp_path.iterdir())


def test_words_in_the_place_of_t5_are_told_of(folder: Path, tmp_path: Path) -> None:
    own = copy_of(folder, tmp_path / "own")
    card = json.loads((own / "model.json").read_text())
    card["xp_config"] = card["xp_config"].replace("model: sideman-words", "model: t5")
    (own / "model.json").write_text(json.dumps(card))
    with pytest.raises(ModelError, match=r"text encoder is t5, and .*holds sideman-words"):
        load_jasco(own)


@pytest.mark.parametrize("wrong", [{"solver": "best"}, {"all_weight": -1}, {"text_weight": "much"}, {"more": 1}])
def test_a_card_that_recommends_what_there_is_not_is_refused(folder: Path, tmp_path: Path, wrong: object) -> None:
    own = copy_of(folder, tmp_path / "own")
    card = json.loads((own / "model.json").read_text())
    (own / "model.json").write_text(json.dumps(card | {"recommended": wrong}))
    with pytest.raises(ModelError, match=r"model.json cannot be read"):
        read_card(own)
