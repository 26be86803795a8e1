"""Category: unit. What the models are taught: batches by chance alone, and conditions as they are when it is played."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Generator
from training_sets import CODEC, JASCO, MAGNET, RATE_HZ, SETTINGS, chart, filled_codec, music

from models.errors import TrainingError
from models.jasco import NULL_CHORD, Controls, Guidance, Term
from models.training_chart import WINDOW_S
from models.training_codec import CodecRecipe, CodecTraining
from models.training_flow import FlowLesson, FlowRecipe, FlowTraining, Taught
from models.training_latents import (
    NO_MELODY,
    Encoded,
    drums_as_heard,
    encode_music,
    first,
    joined,
    melody_of,
    read_encoded,
    with_controls,
    write_encoded,
)
from models.training_lessons import CodecLesson
from models.training_models import trained_jasco, trained_magnet
from models.training_music import FULL_SCALE
from models.training_pieces import joined_music
from models.training_run import Noted, Run
from models.training_tokens import TokenLesson, TokenRecipe, TokenTraining, codes_of
from models.words import WordsEncoder, new_words, words_of

ALL = Term(kind="all", weight=1.0)
TOLD = FlowRecipe(batch=3, drop_all=0, drop_text=0, drop_chords=0, drop_drums=0, drop_melody=0, drop_words=0)


def words() -> WordsEncoder:
    return new_words(words_of([chart(place).caption for place in range(4)], at_least=1), 8)


@pytest.fixture(scope="module")
def encoded() -> Encoded:
    return encode_music(music(), filled_codec())


def flow(encoded: Encoded, recipe: FlowRecipe = TOLD) -> tuple[FlowTraining, FlowLesson]:
    training = FlowTraining(JASCO, filled_codec(), words(), recipe, seed=0)
    return training, FlowLesson(training, with_controls(encoded, JASCO), mean=0.1, std=0.9)


def tokens(encoded: Encoded, recipe: TokenRecipe | None = None) -> tuple[TokenTraining, TokenLesson]:
    training = TokenTraining(MAGNET, words(), recipe or TokenRecipe(batch=3), seed=0)
    return training, TokenLesson(training, encoded, filled_codec())


def chance(seed: int) -> Generator:
    return Generator().manual_seed(seed)


# Crops


def test_crops_are_of_the_mix_the_drums_and_the_rest() -> None:
    level = music(1)
    flat = replace(level, mixes=np.full_like(level.mixes, 3000), drums=np.full_like(level.drums, 1000))
    training = CodecTraining(filled_codec(), CodecRecipe(batch=200, crop_frames=50))
    crops = CodecLesson(training, flat).batch(chance(0)).audio
    assert crops.shape == (200, 50 * CODEC.hop)
    levels = [round(float(crop.mean()) * FULL_SCALE) for crop in crops]
    assert 0.5 < levels.count(3000) / 200 < 0.7, "the mix"
    assert 0.17 < levels.count(1000) / 200 < 0.33, "the drums"
    assert 0.08 < levels.count(2000) / 200 < 0.22, "the rest"


def test_crops_that_do_not_fit_are_refused() -> None:
    with pytest.raises(TrainingError, match="crop_frames"):
        CodecLesson(CodecTraining(filled_codec(), CodecRecipe(crop_frames=501)), music(1))
    with pytest.raises(TrainingError, match="8000"):
        CodecLesson(CodecTraining(filled_codec(), CodecRecipe()), music(1, rate=8000))


# The flow


def test_a_batch_hangs_on_its_chance_alone(encoded: Encoded) -> None:
    recipe = FlowRecipe(batch=4)
    (_training, lesson), (_, other) = flow(encoded, recipe), flow(encoded, recipe)
    other.batch(chance(3))
    torch.manual_seed(9)
    one, same, else_ = lesson.batch(chance(1)), other.batch(chance(1)), lesson.batch(chance(2))
    for name in ("latents", "drums", "has_drums", "chords", "melody"):
        assert torch.equal(getattr(one, name), getattr(same, name))
    assert (one.descriptions, one.places) == (same.descriptions, same.places)
    assert not torch.equal(one.latents, else_.latents)
    losses = [float(lesson.losses(one, chance(5), step)["loss"].detach()) for step in (0, 7)]
    assert losses[0] == losses[1]


def test_conditions_are_taught_as_they_are_played(encoded: Encoded) -> None:
    """A difference between the two would be learnt and then never met: it is the whole of the conditioning path."""
    training, lesson = flow(encoded)
    pieces, batch = music(), lesson.batch(chance(0))
    taught = training.conditions(batch)
    model = trained_jasco(JASCO, filled_codec(), words().tokenizer, training.state_dict())
    controlled = with_controls(encoded, JASCO)
    for row, place in enumerate(batch.places):
        controls = Controls(
            descriptions=(pieces.charts[place].caption,),
            chords=controlled.chords[place].long(),
            drums=drums_as_heard(torch.from_numpy(pieces.drums[place]).float() / FULL_SCALE),
            melody=melody_of(pieces.charts[place], JASCO),
        )
        with torch.inference_mode():
            played = model.conditioner(controls, [ALL], model.codec, model.text_encoder)
        for name in ("chords", "self_wav", "melody"):
            assert torch.allclose(taught.temporal[name][row], played.temporal[name][0], atol=1e-5), name
        length = played.text.shape[1]
        assert torch.allclose(taught.text[row, :length], played.text[0], atol=1e-5)
        assert not taught.text[row, length:].any()


def test_drums_are_heard_at_one_level_however_loud_they_are() -> None:
    pieces = music(2)
    soft = replace(pieces, drums=pieces.drums // 10)
    loud, quiet = (encode_music(one, filled_codec()).drums for one in (pieces, soft))
    assert torch.equal(loud, quiet)
    assert not drums_as_heard(torch.zeros(2, 100)).any()


def test_what_is_dropped_is_taught_as_what_guidance_goes_without(encoded: Encoded) -> None:
    training, lesson = flow(encoded, FlowRecipe(batch=8, drop_all=1.0))
    batch = lesson.batch(chance(0))
    assert torch.all(batch.chords == NULL_CHORD)
    assert torch.all(batch.melody == NO_MELODY)
    assert torch.equal(batch.drums, encoded.silence.expand(8, -1))
    assert batch.descriptions == (None,) * 8
    assert set(batch.has_drums.tolist()) == {0.0, 1.0}, "silence, and nothing said of drums"
    taught = training.conditions(batch)
    model = trained_jasco(JASCO, filled_codec(), words().tokenizer, training.state_dict())
    pieces = music()
    controls = Controls(
        descriptions=("warm piano",),
        chords=with_controls(encoded, JASCO).chords[0].long(),
        drums=torch.from_numpy(pieces.drums[0]).float() / FULL_SCALE,
        melody=melody_of(pieces.charts[0], JASCO),
    )
    with torch.inference_mode():
        played = model.conditioner(controls, Guidance(all_weight=2.0).terms, model.codec, model.text_encoder)
    silent = batch.has_drums.tolist().index(1.0)
    for name in ("chords", "self_wav", "melody"):
        assert torch.allclose(taught.temporal[name][silent], played.temporal[name][-1], atol=1e-5), name


def test_drums_that_are_not_known_are_never_silence() -> None:
    unknown = encode_music(replace(music(2), stems=(False, False)), filled_codec())
    _, lesson = flow(unknown, FlowRecipe(batch=16))
    assert not lesson.batch(chance(0)).has_drums.any()


def test_the_flow_is_taught_the_way_from_noise_to_the_music(encoded: Encoded) -> None:
    """A model that knows the answer has no loss: the field is their difference."""
    training, lesson = flow(encoded)
    batch = lesson.batch(chance(0))
    seen: dict[str, torch.Tensor] = {}

    class Knows(torch.nn.Module):
        def forward(self, z: torch.Tensor, t: torch.Tensor, conditions: object) -> torch.Tensor:
            seen["t"] = t
            return (batch.latents - z) / (1.0 - t[:, None, None])

    training.flow = Knows()
    losses = training.losses(batch, chance(1))
    assert float(losses["loss"].detach()) < 1e-6
    assert torch.all((seen["t"] > 0) & (seen["t"] < 1))


def test_batches_name_their_pieces(encoded: Encoded) -> None:
    _, lesson = flow(encoded)
    batch = lesson.batch(chance(0))
    told = lesson.named(batch)
    assert isinstance(batch, Taught)
    assert all(f"the piece of seed {place}" in told for place in batch.places)


# Tokens


def test_only_what_is_masked_or_above_is_hidden(encoded: Encoded) -> None:
    training, lesson = tokens(encoded)
    codes = codes_of(encoded, filled_codec())
    stages = set()
    for seed in range(12):
        batch = lesson.batch(chance(seed))
        stages.add(batch.stage)
        assert torch.equal(batch.codes, codes[list(batch.places)].long())
        seen: list[torch.Tensor] = []
        hook = training.tokens.register_forward_pre_hook(lambda module, given, seen=seen: seen.append(given[0]))
        losses = training.losses(batch)
        hook.remove()
        (shown,) = seen
        mask = training.tokens.mask_token
        assert torch.equal(shown[:, : batch.stage], batch.codes[:, : batch.stage])
        assert torch.equal(shown[:, batch.stage] == mask, batch.masked)
        assert torch.all(shown[:, batch.stage + 1 :] == mask)
        assert losses.keys() == {"loss", f"book{batch.stage + 1}", "right"}
    assert stages == {0, 1, 2}


def test_the_finer_codebooks_hear_those_near_by_alone(encoded: Encoded) -> None:
    training, lesson = tokens(encoded)
    batch = next(one for seed in range(20) if (one := lesson.batch(chance(seed))).stage == 1)
    heard = training.tokens.hear(torch.zeros(3, 1, MAGNET.dim))
    band = training.tokens.band(1, batch.codes.shape[-1])
    changed = batch.codes.clone()
    changed[:, 0, 100] = (changed[:, 0, 100] + 1) % MAGNET.bins
    with torch.no_grad():
        one, other = (training.tokens(codes, heard, band) for codes in (batch.codes, changed))
    moved = (one != other).any(dim=-1)[0].nonzero().flatten()
    reach = MAGNET.reach * MAGNET.layers
    assert 100 - reach <= int(moved.min()) <= 100 <= int(moved.max()) <= 100 + reach


def test_a_token_batch_hangs_on_its_chance_alone(encoded: Encoded) -> None:
    (_, lesson), (_, other) = tokens(encoded), tokens(encoded)
    other.batch(chance(1))
    one, same = lesson.batch(chance(4)), other.batch(chance(4))
    assert torch.equal(one.codes, same.codes)
    assert torch.equal(one.masked, same.masked)
    assert (one.stage, one.descriptions, one.places) == (same.stage, same.descriptions, same.places)


def test_a_token_model_generates_what_its_training_made(encoded: Encoded) -> None:
    from models.magnet import choose_by_seed
    from models.presets import Decoding

    training, _ = tokens(encoded)
    model = trained_magnet(MAGNET, filled_codec(), words().tokenizer, training.state_dict())
    decoding = Decoding(decoding_steps=(2, 1, 1))
    codes = model.generate(["warm piano"], 60, decoding, choose_by_seed([0]))
    assert codes.shape == (1, 3, 60)
    assert model.decode(codes).shape == (1, 1, 60 * CODEC.hop)


@pytest.mark.parametrize("make", [flow, tokens])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_models_learn_in_either_precision(tmp_path: Path, encoded: Encoded, make, precision: str) -> None:  # noqa: ANN001
    _, lesson = make(encoded)
    notes: list[Noted] = []
    settings = replace(SETTINGS, steps=40, log_every=20, precision=precision)
    Run(lesson, settings, tmp_path, recipe="one").learn(noted=notes.append)
    assert notes[-1].figures["loss"] < notes[0].figures["loss"]


# Encoded music


def test_encoded_music_comes_back_from_its_file(tmp_path: Path, encoded: Encoded) -> None:
    path = tmp_path / "a" / "latents.safetensors"
    write_encoded(path, encoded, "key")
    back = read_encoded(path, "key")
    assert back is not None
    for name in ("mix", "drums", "silence"):
        assert torch.equal(getattr(back, name), getattr(encoded, name))
    assert (back.charts, back.names, back.stems) == (encoded.charts, encoded.names, encoded.stems)
    assert read_encoded(path, "another") is None
    assert read_encoded(tmp_path / "none", "key") is None
    path.write_bytes(path.read_bytes()[:-5])
    assert read_encoded(path, "key") is None


def test_parts_of_encoded_music_are_all_of_it(encoded: Encoded) -> None:
    whole = joined([first(encoded, 2), encoded])
    assert len(whole.charts) == len(whole.mix) == len(whole.drums) == len(whole.stems) == 5
    assert torch.equal(whole.mix[2:], encoded.mix)
    with pytest.raises(TrainingError, match="no music"):
        joined([])
    with pytest.raises(TrainingError, match="no music"):
        joined_music([])


def test_music_at_another_rate_is_the_same_music() -> None:
    slow = music(2, rate=8000)
    at_rate = slow.at_rate(RATE_HZ)
    assert at_rate.mixes.shape == (2, round(WINDOW_S * RATE_HZ))
    assert slow.at_rate(8000) is slow
    spectrum = np.abs(np.fft.rfft(at_rate.mixes[0].astype(np.float64)))
    assert np.argmax(spectrum) == 220 * WINDOW_S


def test_a_chart_without_chords_says_nothing_of_them(encoded: Encoded) -> None:
    untold = Encoded(
        mix=encoded.mix[:1],
        drums=encoded.drums[:1],
        silence=encoded.silence,
        charts=(chart().model_copy(update={"chords": (), "melody": ()}),),
        names=("one",),
        stems=(True,),
    )
    controls = with_controls(untold, JASCO)
    assert torch.all(controls.chords == NULL_CHORD)
    assert torch.all(controls.melody == NO_MELODY)
