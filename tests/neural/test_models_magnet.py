"""Category: unit, property. MAGNeT's parts: schedule, masks, band, draws; each rewrite against the plain form."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from pathlib import Path

import parity_set as sets
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from models.codec import Codec
from models.errors import ModelError
from models.layers import BAND_BLOCK, Band
from models.magnet import (
    NEVER,
    HeardText,
    Kept,
    Magnet,
    Step,
    Told,
    _Filling,
    choose_by_seed,
    drawn,
    masked_anywhere,
    masked_spans,
    schedule,
)
from models.presets import DECODINGS, Decoding

VARIANT = "magnet_32khz"
QUICK = Decoding(decoding_steps=(4, 2, 2, 2))


@pytest.fixture(scope="module")
def model() -> Magnet:
    return sets.magnet(sets.BUNDLED, VARIANT)


# The schedule


@given(
    steps=st.lists(st.integers(1, 60), min_size=4, max_size=4),
    units=st.integers(1, 500),
    share=st.floats(0, 1),
    annealed=st.booleans(),
)
def test_masks_guidance_and_temperature_fall_through_every_codebook(
    steps: list[int], units: int, share: float, annealed: bool
) -> None:
    fixed = int(share * units)
    decoding = Decoding(decoding_steps=tuple(steps), anneal_temperature=annealed)
    plan = schedule(decoding, units=units, fixed=fixed)
    assert [len(stage) for stage in plan] == steps
    for stage in plan:
        masked = [step.masked for step in stage]
        assert masked == sorted(masked, reverse=True)
        assert masked[0] == max(units - fixed, 1)
        assert all(1 <= count <= units for count in masked)
        guidance = [step.guidance for step in stage]
        assert guidance == sorted(guidance, reverse=True)
        assert guidance[0] == decoding.cfg_max
        assert all(step.temperature > 0 for step in stage)
        if annealed and len(stage) > 1:
            assert stage[-1].temperature == 0.01
        elif not annealed:
            assert {step.temperature for step in stage} == {decoding.temperature}


def test_the_presets_are_what_they_say() -> None:
    assert DECODINGS["draft"].decoding_steps == (10, 5, 5, 5)
    assert DECODINGS["standard"] == Decoding()
    assert (DECODINGS["fine"].decoding_steps, DECODINGS["fine"].span_arrangement) == ((60, 10, 10, 10), "stride1")
    sound = DECODINGS["sound"]
    assert (sound.temperature, sound.top_p, sound.cfg_max, sound.cfg_min) == (3.5, 0.8, 20.0, 1.0)


# Masks


@given(
    scores=st.lists(st.floats(-5, 5, allow_nan=False), min_size=2, max_size=60, unique=True),
    share=st.floats(0, 1),
)
def test_the_most_uncertain_spans_are_masked(scores: list[float], share: float) -> None:
    count = max(1, int(share * len(scores)))
    mask = masked_spans(torch.tensor([scores], dtype=torch.float64), count, 3)[0].reshape(-1, 3)
    assert (mask.all(1) == mask.any(1)).all(), "a span is masked whole"
    wanted = sorted(range(len(scores)), key=lambda place: scores[place])[-count:]
    assert sorted(torch.nonzero(mask.all(1))[:, 0].tolist()) == sorted(wanted)


def by_the_book(scores: list[float], count: int) -> list[bool]:
    """Overlapping spans by bisection, written as it is described, one row with plain numbers."""
    frames = len(scores)
    sums = torch.tensor(scores, dtype=torch.float64).unfold(0, 3, 1).sum(-1)
    order = sums.argsort(descending=True).tolist()

    def cover(spans: int) -> list[bool]:
        mask = [False] * frames
        for start in order[:spans]:
            mask[start : start + 3] = [True] * 3
        return mask

    wanted = max(count, 3)
    low, high = wanted // 3, wanted - 2
    middle = round((low + high) / 2)
    mask = cover(middle)
    while low < middle < high:
        mask = cover(middle)
        if sum(mask) > wanted:
            high = middle
        else:
            low = middle
        middle = round((low + high) / 2)
    return mask


@given(data=st.data(), frames=st.integers(3, 120), rows=st.integers(1, 3))
def test_spans_from_any_frame_are_masked_by_the_book(data: st.DataObject, frames: int, rows: int) -> None:
    numbers = st.lists(st.floats(0, 9, allow_nan=False), min_size=frames, max_size=frames, unique=True)
    scores = [data.draw(numbers) for _ in range(rows)]
    count = data.draw(st.integers(1, frames))
    given_scores = torch.tensor(scores, dtype=torch.float64)
    sums = given_scores.unfold(1, 3, 1).sum(-1)
    if any(len(set(row)) < len(row) for row in sums.tolist()):
        return  # among equals the order is anybody's
    ours = masked_anywhere(given_scores, count, 3)
    assert ours.tolist() == [by_the_book(row, count) for row in scores]


# The band


@given(
    frames=st.integers(1, 3 * BAND_BLOCK + 1),
    reach=st.integers(0, 12),
    heads=st.integers(1, 3),
    seed=st.integers(0, 2**31),
)
@settings(max_examples=60)
def test_the_band_in_blocks_is_the_dense_mask(frames: int, reach: int, heads: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    query, key, value = (torch.randn(2, heads, frames, 8, generator=generator) for _ in range(3))
    place = torch.arange(frames)
    dense = (place[:, None] - place).abs() <= reach
    wanted = scaled_dot_product_attention(query, key, value, attn_mask=dense)
    ours = Band(frames, reach).attend(query, key, value)
    assert ours.shape == wanted.shape
    assert (ours - wanted).abs().max() < 1e-5


# The network


@torch.inference_mode()
def test_the_branch_without_text_hears_nothing_even_when_it_listens(model: Magnet) -> None:
    """Cross-attention to zeros, without biases, is zero: leaving it out changes no logit."""
    codes = torch.randint(0, model.tokens.mask_token + 1, (4, 4, 40), generator=torch.Generator().manual_seed(1))
    condition = model.conditioner(["warm synth", "rock", None, None], model.text_encoder)
    band = model.tokens.band(1, 40)
    skipped = model.tokens(codes, model.tokens.hear(condition[:2]), band)
    listened = model.tokens(codes, model.tokens.hear(condition), band)
    assert (skipped - listened).abs().max() < 1e-5
    assert float(skipped[:2].sub(skipped[2:]).abs().max()) > 1e-3


@torch.inference_mode()
def test_text_heard_once_is_the_text_heard_each_time(model: Magnet) -> None:
    condition = model.conditioner(["warm synth"], model.text_encoder)
    heard: HeardText = model.tokens.hear(condition)
    x = torch.randn(1, 9, model.config.dim)
    for layer, kept in zip(model.tokens._blocks, heard.layers, strict=True):
        assert torch.equal(layer.cross_attn.heard(x, kept), layer.cross_attn(x, condition))


def test_a_longer_description_beside_changes_padding_and_so_the_numbers(model: Magnet) -> None:
    """What the reference does: padding is attended to. An engine's takes share one description, so it never shows."""
    alone = model.conditioner(["rock"], model.text_encoder)
    beside = model.conditioner(["rock", "warm slow strings and piano"], model.text_encoder)
    assert alone.shape[1] < beside.shape[1]
    assert not beside[0, alone.shape[1] :].any()


# Draws

STEP = Step(stage=0, index=0, share=1.0, masked=1, guidance=1.0, temperature=1.0)


def test_draws_follow_the_probabilities() -> None:
    probabilities = torch.tensor([0.5, 0.25, 0.125, 0.125]).expand(1, 4000, 4)
    found = choose_by_seed([7])(probabilities)[0].bincount(minlength=4) / 4000
    assert (found - probabilities[0, 0]).abs().max() < 0.03


def test_a_row_draws_the_same_in_any_batch_and_other_seeds_differ() -> None:
    logits = torch.randn(1, 200, 64, generator=torch.Generator().manual_seed(0)).expand(3, -1, -1)
    probabilities = logits.softmax(-1)
    together = choose_by_seed([4, 5, 6])(probabilities)
    alone = choose_by_seed([5])(probabilities[:1])
    assert torch.equal(together[1], alone[0])
    assert not torch.equal(together[0], together[1])


@given(seed=st.integers(0, 2**31 - 1), top_p=st.floats(0.01, 1.0), temperature=st.floats(0.05, 10))
@settings(max_examples=60)
def test_top_p_keeps_to_the_likeliest_that_reach_it(seed: int, top_p: float, temperature: float) -> None:
    logits = torch.randn(1, 30, 40, generator=torch.Generator().manual_seed(seed))
    step = replace(STEP, temperature=temperature)
    tokens, probability = drawn(logits, step.temperature, Decoding(top_p=top_p), choose_by_seed([seed]))
    probabilities = (logits / temperature).softmax(-1)
    assert torch.equal(probability, probabilities.gather(-1, tokens[..., None])[..., 0]), "of the whole distribution"
    likelier = torch.where(probabilities > probability[..., None], probabilities, 0.0).sum(-1)
    assert (likelier <= top_p + 1e-5).all()


def test_top_k_keeps_to_the_k_likeliest() -> None:
    logits = torch.randn(1, 500, 40, generator=torch.Generator().manual_seed(0))
    tokens, probability = drawn(logits, STEP.temperature, Decoding(top_p=0.0, top_k=3), choose_by_seed([1]))
    best = logits.topk(3, dim=-1).indices
    assert (best == tokens[..., None]).any(-1).all()
    assert len({int(place) for place in (best == tokens[..., None]).int().argmax(-1)[0]}) == 3
    kept = torch.where((best == tokens[..., None]), logits.topk(3, dim=-1).values.softmax(-1), 0.0).sum(-1)
    assert torch.allclose(probability, kept, atol=1e-6), "of the truncated distribution"


def test_without_sampling_the_likeliest_token_is_taken() -> None:
    logits = torch.randn(2, 10, 40, generator=torch.Generator().manual_seed(0))

    def never(probabilities: Tensor) -> Tensor:
        raise AssertionError("nothing is drawn")

    tokens, _ = drawn(logits, STEP.temperature, Decoding(sampling=False), never)
    assert torch.equal(tokens, logits.argmax(-1))


def test_the_coldest_temperature_overflows_nothing() -> None:
    logits = torch.full((1, 4, 8), 3.0e4)
    logits[..., 3] = 6.0e4
    _, probability = drawn(logits, 0.01, Decoding(), choose_by_seed([1]))
    assert torch.isfinite(probability).all()


# Decoding


@pytest.mark.parametrize("arrangement", ["nonoverlap", "stride1"])
@given(data=st.data(), frames=st.integers(3, 40))
@settings(max_examples=25)
def test_what_is_kept_comes_back_and_the_rest_is_filled(
    model: Magnet, arrangement: str, data: st.DataObject, frames: int
) -> None:
    """Frames may be kept anywhere: at the start, as in the reference, at the end, or around a hole."""
    length = frames - frames % 3 if arrangement == "nonoverlap" else frames
    keep = data.draw(st.lists(st.booleans(), min_size=length, max_size=length))
    codes = torch.randint(0, model.config.bins, (1, 4, length), generator=torch.Generator().manual_seed(2))
    decoding = replace(QUICK, span_arrangement=arrangement)
    made = model.generate(["rock"], frames, decoding, choose_by_seed([3]), kept=Kept(codes=codes, frames=tuple(keep)))
    assert made.shape == (1, 4, length)
    assert torch.equal(made[..., torch.tensor(keep)], codes[..., torch.tensor(keep)])
    assert int(made.max()) < model.tokens.mask_token, "no mask is left"


@pytest.mark.parametrize("name", DECODINGS)
def test_every_preset_fills_every_mask_and_tells_each_step(model: Magnet, name: str) -> None:
    told: list[Told] = []
    made = model.generate(["rock"], 50, DECODINGS[name], choose_by_seed([3]), watch=told.append)
    assert int(made.max()) < model.tokens.mask_token
    assert len(told) == sum(DECODINGS[name].decoding_steps)
    assert [one.done for one in told] == pytest.approx([(place + 1) / len(told) for place in range(len(told))])


def test_what_was_settled_is_not_masked_again(model: Magnet) -> None:
    """Spans side by side: each step masks a part of what the one before masked."""
    told: list[Told] = []
    model.generate(["rock"], 48, DECODINGS["draft"], choose_by_seed([3]), watch=told.append)
    for before, after in itertools.pairwise(told):
        if before.step.stage == after.step.stage:
            assert not (after.masked & ~before.masked).any()
            assert ((before.scores == NEVER) == ~before.masked.reshape(1, -1, 3).any(-1)).all()


@pytest.mark.parametrize(
    ("frames", "change", "kept", "words"),
    [
        (2, {}, None, "too few"),
        (50, {"decoding_steps": (3, 3)}, None, "4 codebooks"),
        (50, {"decoding_steps": (3, 3, 0, 3)}, None, "4 codebooks"),
        (50, {}, 49, "49 frames are given, and only 48"),
    ],
    ids=["too few frames", "too few stages", "no steps", "too much kept"],
)
def test_what_does_not_fit_is_refused(
    model: Magnet, frames: int, change: dict[str, object], kept: int | None, words: str
) -> None:
    held = Kept(codes=torch.zeros(1, 4, kept, dtype=torch.long), frames=(True,) * kept) if kept else None
    with pytest.raises(ModelError, match=words):
        model.generate(["rock"], frames, replace(QUICK, **change), choose_by_seed([1]), kept=held)


def test_a_prompt_of_almost_everything_works(model: Magnet) -> None:
    """Every span is given, and one is masked all the same, and given back."""
    codes = torch.randint(0, model.config.bins, (1, 4, 48), generator=torch.Generator().manual_seed(2))
    made = model.generate(["rock"], 50, QUICK, choose_by_seed([1]), kept=Kept(codes=codes, frames=(True,) * 48))
    assert torch.equal(made, codes)


@pytest.mark.parametrize("name", DECODINGS)
def test_the_loop_looks_at_no_number_on_the_device(model: Magnet, name: str) -> None:
    """On the meta device there are none, so whatever waits for one fails."""
    with torch.device("meta"):
        empty = Magnet(model.config, Codec(model.codec.config), model.text_encoder)
    text = empty.tokens.hear(torch.empty(2, 5, model.config.dim, device="meta"))
    held = Kept(codes=torch.zeros(1, 4, 7, dtype=torch.long, device="meta"), frames=(True,) * 7)

    def choose(probabilities: Tensor) -> Tensor:
        return torch.empty(probabilities.shape[:2], dtype=torch.long, device="meta")

    filling = _Filling(empty, text, 60, decoding=DECODINGS[name], choose=choose, kept=held, watch=lambda told: None)
    with torch.inference_mode():
        for stage in range(4):
            filling.fill(stage)
    assert filling.codes.is_meta


def test_the_share_of_masks_is_a_cosine() -> None:
    (first, *_rest) = schedule(Decoding(decoding_steps=(5, 1, 1, 1)), units=100, fixed=0)
    assert [step.masked for step in first] == [max(1, int(100 * math.cos(math.pi / 2 * i / 4))) for i in range(5)]


def test_the_reference_numbers_are_there() -> None:
    assert (Path(sets.BUNDLED) / "magnet_tiny" / VARIANT).is_dir()
