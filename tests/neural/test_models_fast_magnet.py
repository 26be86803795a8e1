"""Category: unit, parity. MAGNeT's fast path gives the plain one's tokens, captured or not, and has no breaks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import parity_set as sets
import pytest
import torch
from torch import Tensor

from models.fast_layers import Plain
from models.fast_magnet import MOST_STEPS, FastTokens, Stage, Weighing, _Network
from models.flex_band import FlexBand
from models.graphs import Capture, Work, eager
from models.layers import Band
from models.magnet import Kept, Magnet, MagnetConfig, TokenModel, Told, choose_by_seed
from models.presets import DECODINGS, Decoding

EXACT = 1e-10
FRAMES = 50
CONFIG = MagnetConfig(
    dim=32, heads=4, layers=3, hidden_scale=2, codebooks=4, bins=24, reach=5, span=3, frame_rate_hz=50,
    sample_rate_hz=32000, segment_s=1.0, sound=False,
)  # fmt: skip
QUICK = Decoding(decoding_steps=(4, 2, 2, 2))
WAYS = {
    "draft": DECODINGS["draft"],
    "few steps": QUICK,
    "anywhere": replace(QUICK, span_arrangement="stride1", decoding_steps=(5, 3, 2, 1)),
    "by all tokens": replace(QUICK, span_scoring="prod"),
    "top k": replace(QUICK, top_p=0.0, top_k=5),
    "all tokens": replace(QUICK, top_p=0.0),
    "not annealed": replace(QUICK, anneal_temperature=False),
    "likeliest": replace(QUICK, sampling=False),
}


class Plainly(Magnet):
    """A MAGNeT in double precision whose descriptions are given as they are, without T5 and codec."""

    def __init__(self, text: Tensor) -> None:
        torch.nn.Module.__init__(self)
        torch.manual_seed(5)
        self.config, self.text_encoder, self.fast = CONFIG, None, None  # type: ignore[assignment]
        self.tokens = TokenModel(CONFIG)
        with torch.no_grad():
            for name, weight in self.tokens.named_parameters():
                scale = weight.shape[-1] ** -0.5 if weight.dim() > 1 else 1.0
                weight.copy_(torch.randn_like(weight) * (1.0 if "embed" in name else scale))
        self.tokens = self.tokens.double().eval().requires_grad_(requires_grad=False)
        self.conditioner = lambda descriptions, encoder: text[: len(descriptions)] if any(descriptions) else 0 * text


@pytest.fixture(scope="module")
def model() -> Plainly:
    text = torch.randn(2, 5, CONFIG.dim, dtype=torch.float64, generator=torch.Generator().manual_seed(6))
    text[1, 3:] = 0.0
    return Plainly(text)


def generated(
    model: Plainly,
    path: FastTokens | None,
    decoding: Decoding,
    *,
    descriptions: Sequence[str | None] = ("one", "two"),
    kept: Kept | None = None,
) -> tuple[Tensor, list[Told]]:
    told: list[Told] = []
    model.fast = path
    try:
        codes = model.generate(
            descriptions, FRAMES, decoding, choose_by_seed([7, 8]), kept=kept, watch=lambda one: told.append(held(one))
        )
    finally:
        model.fast = None
    return codes, told


def held(told: Told) -> Told:
    """A copy: what was captured is written over by the next step."""
    return replace(told, **{name: getattr(told, name).clone() for name in ("logits", "scores", "codes", "masked")})


def same(ours: tuple[Tensor, list[Told]], theirs: tuple[Tensor, list[Told]]) -> None:
    assert torch.equal(ours[0], theirs[0])
    assert len(ours[1]) == len(theirs[1])
    for one, other in zip(ours[1], theirs[1], strict=True):
        assert (one.step, one.done) == (other.step, other.done)
        assert float((one.logits - other.logits).abs().max()) < EXACT
        assert torch.equal(one.codes, other.codes)
        assert torch.equal(one.masked, other.masked)


@pytest.mark.parametrize("capture", [None, eager], ids=["eager", "captured"])
@pytest.mark.parametrize("decoding", WAYS.values(), ids=WAYS)
def test_every_way_of_decoding_gives_the_plain_ones_tokens(
    model: Plainly, decoding: Decoding, capture: Capture | None
) -> None:
    same(generated(model, FastTokens(model.tokens, capture=capture), decoding), generated(model, None, decoding))


@pytest.mark.parametrize("capture", [None, eager], ids=["eager", "captured"])
@pytest.mark.parametrize("arrangement", ["nonoverlap", "stride1"])
def test_what_is_kept_comes_back_as_in_the_plain_way(model: Plainly, arrangement: str, capture: Capture | None) -> None:
    codes = torch.randint(0, CONFIG.bins, (2, 4, 30), generator=torch.Generator().manual_seed(2))
    kept = Kept(codes=codes, frames=(True,) * 9 + (False,) * 12 + (True,) * 9)
    decoding = replace(QUICK, span_arrangement=arrangement)
    ours = generated(model, FastTokens(model.tokens, capture=capture), decoding, kept=kept)
    same(ours, generated(model, None, decoding, kept=kept))
    assert torch.equal(ours[0][..., :9], codes[..., :9])


@pytest.mark.parametrize("capture", [None, eager], ids=["eager", "captured"])
def test_without_descriptions_both_branches_are_one(model: Plainly, capture: Capture | None) -> None:
    ours = generated(model, FastTokens(model.tokens, capture=capture), QUICK, descriptions=(None, None))
    same(ours, generated(model, None, QUICK, descriptions=(None, None)))


def test_one_capture_serves_every_step_and_setting_of_a_codebook(model: Plainly) -> None:
    captured: list[Work] = []

    def capture(work: Work) -> Work:
        captured.append(work)
        return eager(work)

    path = FastTokens(model.tokens, capture=capture)
    for decoding in (QUICK, DECODINGS["draft"], replace(QUICK, cfg_max=3.0, temperature=2.0)):
        same(generated(model, path, decoding), generated(model, None, decoding))
    assert len(captured) == CONFIG.codebooks


def test_more_steps_than_a_capture_has_room_for_are_made_without_one(model: Plainly) -> None:
    decoding = replace(QUICK, decoding_steps=(1, MOST_STEPS + 1, 1, 1))
    same(generated(model, FastTokens(model.tokens, capture=eager), decoding), generated(model, None, decoding))


def test_other_draws_than_seeded_ones_take_the_plain_way(model: Plainly) -> None:
    def refuse(*arguments: object) -> Tensor:
        raise AssertionError("the fast path knows seeded draws alone")

    model.fast = refuse  # type: ignore[assignment]
    try:
        codes = model.generate(["one"], 12, QUICK, lambda probabilities: probabilities.argmax(-1))
    finally:
        model.fast = None
    assert codes.shape == (1, 4, 12)


@pytest.mark.parametrize("frames", [1, 31, 50])
def test_flex_attention_hears_the_same_band(frames: int) -> None:
    parts = [torch.randn(2, 4, frames, 8) for _ in range(3)]
    ours = FlexBand(frames, 5, compiled=False).attend(*parts)
    assert float((ours - Band(frames, 5).attend(*parts)).abs().max()) < 1e-5


def test_tokens_are_the_same_through_flex_attention(model: Plainly) -> None:
    path = FastTokens(model.tokens, band=lambda frames, reach, device: FlexBand(frames, reach, compiled=False))
    same(generated(model, path, QUICK), generated(model, None, QUICK))


@pytest.mark.parametrize("decoding", [QUICK, WAYS["anywhere"]], ids=["side by side", "anywhere"])
def test_a_step_is_one_graph_without_a_break(model: Plainly, decoding: Decoding) -> None:
    """What torch.compile sees of one step: nothing that depends on data, and no step back to Python."""
    path, stage = FastTokens(model.tokens), stage_of(model, decoding)
    network = _Network(model.tokens, path._layers(Plain), decoding)
    remasked = torch.ones(2, 48, dtype=torch.bool)
    numbers = torch.rand(2, 48, 1)

    def step(current: Tensor) -> Tensor:
        from models.magnet import chosen

        choose = lambda probabilities: chosen(probabilities, numbers)  # noqa: E731
        told = network.step(stage, current, remasked, choose, Weighing(3.0, 1.0))
        return told.codes

    current, _ = network.beginning(stage)
    torch._dynamo.reset()
    told = torch._dynamo.explain(step)(current)
    assert told.graph_break_count == 0, told.break_reasons
    torch._dynamo.reset()
    with torch.no_grad():
        assert torch.equal(torch.compile(step, fullgraph=True, backend="aot_eager")(current), step(current))


def stage_of(model: Plainly, decoding: Decoding) -> Stage:
    codes = torch.full((2, 4, 48), CONFIG.bins)
    path = FastTokens(model.tokens)
    units = 16 if decoding.span_arrangement == "nonoverlap" else 48
    return Stage(
        index=1, base=path._others(codes, 1), heard=(), band=Band(48, 5), kept=codes[:, 1],
        given=torch.zeros(48, dtype=torch.bool), fixed=torch.zeros(units, dtype=torch.bool),
    )  # fmt: skip


@pytest.mark.parity
@pytest.mark.parametrize("capture", [None, eager], ids=["eager", "captured"])
def test_released_layout_gives_the_plain_ones_tokens(magnet_run: sets.MagnetRun, capture: Capture | None) -> None:
    """On the reference's own variants, ways of decoding and prompts, whose plain tokens are the reference's."""
    model, facts = sets.magnet(magnet_run.root, magnet_run.variant), magnet_run.facts

    def codes() -> Tensor:
        seeds = range(len(facts["descriptions"]))
        draws = choose_by_seed(list(seeds))
        return model.generate(facts["descriptions"], facts["T"], magnet_run.decoding, draws, kept=magnet_run.kept)

    plain = codes()
    model.fast = FastTokens(model.tokens, capture=capture)
    try:
        assert float((codes() == plain).float().mean()) > 0.999
    finally:
        model.fast = None
