"""``sideman train export``: what a run has learnt, as the folder of a model that every engine loads."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import torch

from bridge.training_folder import CODEC, LOG, PLAN, RunFacts, RunFolder
from bridge.training_kinds import codec_from
from bridge.training_log import TrainingLog
from bridge.training_plan import JascoPlan, MagnetPlan, read_plan
from models.card import Card, Recommended
from models.errors import TrainingError
from models.jasco import Jasco
from models.magnet import Magnet
from models.own_checkpoint import write_checkpoint
from models.training_codec_file import read_codec
from models.training_models import trained_jasco, trained_magnet
from models.training_state import read_state
from models.words import WordsEncoder

PLACES: Final = {"run": ".", "music": ["."], "codec": "."}
"""What a plan has beside its recipe, and an export does not ask for."""


def export_run(
    run: Path,
    folder: Path,
    *,
    name: str,
    licence: str,
    summary: str = "",
    trained_on: str = "",
    half: bool = True,
    readme: str = "",
    codec: Path | None = None,
) -> Card:
    """Write the model of a run into a folder, with the averaged weights, in half precision or single.

    It goes out with the codec that it was trained on, or with the one of the run ``codec``, whose decoder was trained
    further. Raises ``TrainingError`` for a run that has no model yet, and ``ModelError`` as ``write_checkpoint``.
    """
    source = RunFolder(run)
    facts = source.facts()
    model, step = trained_model(source, facts)
    if codec is not None:
        _take_decoder(model, codec)
    return write_checkpoint(
        folder,
        config=model.config,
        tensors=model.state_dict(),
        codec=model.codec.config,
        words=_words_of(model),
        name=name,
        licence=licence,
        summary=summary,
        trained_on=trained_on,
        measured={"step": step, **_heard(source)},
        recommended=_recommended(facts, source),
        readme=readme,
        dtype=torch.float16 if half else torch.float32,
    )


def trained_model(folder: RunFolder, facts: RunFacts) -> tuple[Jasco | Magnet, int]:
    """The model of a run as it is now, with the averaged weights, and its step. Raises ``TrainingError``."""
    if facts.kind == "codec":
        raise TrainingError(
            f"{folder.path} is the run of a codec: it goes out with a model that is trained on it. Name the run of one."
        )
    if not folder.state.exists():
        raise TrainingError(f"{folder.path} has not learnt anything yet: train it first.")
    codec, tokenizer = read_codec(folder.path / CODEC), folder.tokenizer()
    state = read_state(folder.state, facts.text, "cpu")
    averaged = {**state.module, **state.average}
    tree = {**PLACES, **facts.recipe}
    if facts.kind == "jasco":
        shape = JascoPlan.model_validate(tree).model
        config = shape.config(codec.config, mean=facts.latent_mean, std=facts.latent_std)
        return trained_jasco(config, codec, tokenizer, averaged), state.step
    tokens = MagnetPlan.model_validate(tree).model.config(codec.config)
    return trained_magnet(tokens, codec, tokenizer, averaged), state.step


def _take_decoder(model: Jasco | Magnet, place: Path) -> None:
    """Put a codec in the place of the model's own. Raises ``TrainingError`` where more than the decoder differs."""
    codec, before = codec_from(place), model.codec.state_dict()
    now = codec.state_dict()
    if codec.config != model.codec.config or not all(
        torch.equal(now[name], before[name]) for name in before if not name.startswith("decoder.")
    ):
        raise TrainingError(
            f"The codec of {place} encodes otherwise than the one that the model was trained on: only one whose "
            "decoder alone was trained further (recipe.decoder_only) goes with it."
        )
    model.codec = codec


def _words_of(model: Jasco | Magnet) -> WordsEncoder:
    words = model.text_encoder
    if not isinstance(words, WordsEncoder):
        raise AssertionError("a run's text encoder is one of words")
    return words


def _heard(source: RunFolder) -> dict[str, float]:
    """What was heard last."""
    heard = TrainingLog(source.path / LOG).read().heard
    return {name: points[-1][1] for name, points in heard.items()}


def _recommended(facts: RunFacts, source: RunFolder) -> Recommended:
    """How it was asked while it was listened to, which the plan's copy says."""
    if facts.kind != "jasco":
        return Recommended()
    asked = read_plan(source.path / PLAN, JascoPlan).listening
    return Recommended(all_weight=asked.all_weight, text_weight=asked.text_weight, solver=asked.solver)
