"""Category: unit. What trainings are made of: networks laid out otherwise, spectra, codebooks, chords, captions."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator
from training_sets import CODEC, filled_codec

from midi.chords import parse_chord
from models.codec import Codec, CodecConfig
from models.errors import ModelError
from models.spectral import FLOOR, log_mel, log_mel_distance, magnitudes, spectral_loss
from models.training_adversary import Adversary
from models.training_codec import new_codec
from models.training_flow import chord_rows
from models.training_prompts import described
from models.training_quantiser import MovingCodebooks
from models.training_tokens import masked_frames
from models.vocabulary import NO_CHORD, UNKNOWN_CHORD, chord_vocabulary
from models.wide_codec import decoded, encoded

RATE_HZ = 32000


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=Generator().manual_seed(seed))


def tone(hz: float, seconds: float = 0.5) -> torch.Tensor:
    return torch.sin(2 * math.pi * hz * torch.arange(round(seconds * RATE_HZ)) / RATE_HZ)[None]


# The networks laid out for training


@settings(max_examples=15)
@given(
    st.lists(st.integers(2, 5), min_size=1, max_size=3).map(tuple),
    st.integers(2, 4),
    st.sampled_from(["reflect", "constant"]),
    st.integers(2, 3),
    st.integers(0, 40),
)
def test_the_wide_codec_is_the_codec(
    ratios: tuple[int, ...], filters: int, pad_mode: str, residual_layers: int, rest: int
) -> None:
    config = CodecConfig(
        sample_rate_hz=8000, dimension=5, filters=filters, ratios=ratios, lstm_layers=0, bins=4, pad_mode=pad_mode,
        residual_layers=residual_layers,
    )  # fmt: skip
    codec = new_codec(config, 1)
    audio = noise(2, 1, 12 * config.hop + rest % config.hop)
    with torch.no_grad():
        latents = codec.encode(audio)
        assert torch.allclose(encoded(codec, audio), latents, atol=1e-5)
        assert torch.allclose(decoded(codec, latents), codec.decode(latents), atol=1e-5)


def test_gradients_reach_every_weight_of_the_codec() -> None:
    codec = new_codec(CODEC, 0)
    decoded(codec, encoded(codec, noise(1, 1, 4000))).square().mean().backward()
    assert all(one.grad is not None and one.grad.abs().sum() > 0 for one in codec.parameters())


def test_a_codec_with_recurrent_layers_is_refused() -> None:
    codec = Codec(CodecConfig(sample_rate_hz=8000, dimension=8, filters=2, ratios=(4, 2), lstm_layers=1, bins=4))
    codec._settle()
    with pytest.raises(ModelError, match="lstm_layers"):
        encoded(codec, noise(1, 1, 800))


def test_a_codec_of_a_seed_is_the_same_and_leaves_chance_alone() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    one, same, other = new_codec(CODEC, 3), new_codec(CODEC, 3), new_codec(CODEC, 4)
    assert torch.equal(torch.get_rng_state(), before)
    pairs = list(zip(one.parameters(), same.parameters(), strict=True))
    assert all(torch.equal(a, b) for a, b in pairs)
    assert not all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


# Spectra


def test_a_full_sine_has_a_magnitude_of_one_half() -> None:
    for window in (2048, 512):
        assert float(magnitudes(tone(1000.0), window).max()) == pytest.approx(0.5, rel=0.01)


def test_silence_lies_on_the_floor_and_ten_times_the_level_is_one_decade() -> None:
    assert torch.all(log_mel(torch.zeros(1, 8000), RATE_HZ) == math.log10(FLOOR))
    loud = noise(1, 16000)
    assert torch.allclose(log_mel(10 * loud, RATE_HZ), log_mel(loud, RATE_HZ) + 1.0, atol=1e-4)


def test_one_decibel_is_a_twentieth_of_a_decade() -> None:
    loud = noise(2, 16000)
    assert float(log_mel_distance(10 ** (1 / 20) * loud, loud, RATE_HZ)) == pytest.approx(0.05, abs=1e-4)


def test_the_band_of_a_tone_is_where_it_is() -> None:
    low, high = (int(log_mel(tone(hz), RATE_HZ)[0].mean(dim=1).argmax()) for hz in (200.0, 5000.0))
    assert low < 10
    assert 40 < high < 79


@settings(max_examples=20)
@given(st.floats(0.01, 0.5), st.integers(0, 100))
def test_what_is_the_same_is_no_distance_apart_and_what_is_not_is(level: float, seed: int) -> None:
    sound = noise(1, 6000, seed=seed) * level
    assert all(float(part) < 1e-5 for part in spectral_loss(sound, sound))
    assert all(float(part) > 0.05 for part in spectral_loss(sound * 2, sound))


# Codebooks


def test_codebooks_come_to_lie_where_the_vectors_are() -> None:
    codec = new_codec(CODEC, 0)
    books, chance = MovingCodebooks(codec), Generator().manual_seed(0)
    points = noise(4, CODEC.dimension, seed=1) * 3
    first = None
    for _ in range(40):
        rows = points[torch.randint(4, (2, 50), generator=chance)].transpose(1, 2)
        off = float((books.quantised(codec, rows, chance) - rows).square().mean())
        first = off if first is None else first
    assert off < 1e-3
    assert torch.isfinite(books.counts).all()


def test_codebooks_do_not_move_without_chance() -> None:
    codec = filled_codec()
    books, before = MovingCodebooks(codec), codec.quantizer.layers[0].codebook.embed.clone()
    rows = noise(2, CODEC.dimension, 30)
    quantised = books.quantised(codec, rows, None)
    assert torch.equal(codec.quantizer.layers[0].codebook.embed, before)
    assert torch.allclose(quantised, codec.dequantise(codec.quantise(rows, CODEC.codebooks)), atol=1e-5)


# Chords, captions, masks


def test_a_chord_s_row_says_its_notes_its_bass_and_its_root() -> None:
    rows, vocabulary = chord_rows(40), chord_vocabulary()
    assert rows.shape == (len(vocabulary) + 1, 40)
    for label, index in vocabulary.items():
        row = rows[index]
        if label == UNKNOWN_CHORD:
            assert not row.any()
        elif (found := None if label == NO_CHORD else parse_chord(label)) is None:
            assert row.nonzero().flatten().tolist() == [36]
        else:
            assert set(row[:12].nonzero().flatten().tolist()) == found.pitch_classes
            assert row[12:24].nonzero().flatten().tolist() == [found.bass_pitch_class]
            assert row[24:36].nonzero().flatten().tolist() == [found.root]
            assert row[37] == 1
    assert not rows[-1].any(), "the row of guidance"
    kept = [index for label, index in vocabulary.items() if label != UNKNOWN_CHORD]
    assert len({tuple(rows[index].tolist()) for index in kept}) == len(kept), "no two chords are alike"
    assert chord_rows(12).shape[1] == 12


@given(st.lists(st.text("abc :1", min_size=1, max_size=8), min_size=1, max_size=5), st.floats(0, 1), st.integers(0, 99))
def test_what_is_left_of_a_caption_is_parts_of_it_in_order(parts: list[str], drop: float, seed: int) -> None:
    left = described(". ".join(parts), drop, Generator().manual_seed(seed))
    rest = iter(parts)
    assert left is None or all(part in rest for part in left.split(". "))
    assert described(". ".join(parts), 0.0, Generator().manual_seed(seed)) == ". ".join(parts)
    assert described(". ".join(parts), 1.0, Generator().manual_seed(seed)) is None


@given(st.integers(3, 500), st.floats(0, 1), st.integers(1, 5), st.integers(0, 999))
def test_masks_are_spans(frames: int, share: float, span: int, seed: int) -> None:
    masked = masked_frames(frames, share, span, Generator().manual_seed(seed)).tolist()
    runs = "".join("x" if one else " " for one in masked).split()
    assert len(masked) == frames
    assert any(masked)
    assert all(len(run) >= span for run in runs[:-1]), "only one at the end may be cut"
    assert share < 1.0 or all(masked)


def test_masks_cover_the_share_that_they_are_to() -> None:
    for share in (0.1, 0.5, 0.9):
        shares = [float(masked_frames(500, share, 3, Generator().manual_seed(n)).float().mean()) for n in range(50)]
        assert sum(shares) / len(shares) == pytest.approx(share, abs=0.03)


# The adversary


def test_an_adversary_learns_from_what_it_is_told_alone() -> None:
    adversary = Adversary(4, seed=0, windows=(256, 128))
    heard = noise(2, 3000).requires_grad_()
    deceived, matched, told = adversary.losses(heard, noise(2, 3000, seed=1))
    told.backward(retain_graph=True)
    assert heard.grad is None
    assert all(one.grad is not None for one in adversary.parameters())
    (deceived + matched).backward()
    assert heard.grad is not None and heard.grad.abs().sum() > 0


def test_an_adversary_comes_to_tell_a_tone_from_noise() -> None:
    adversary = Adversary(4, seed=0, windows=(256,))
    learner = torch.optim.Adam(adversary.parameters(), lr=1e-2)
    losses = []
    for step in range(25):
        *_, told = adversary.losses(noise(4, 2000, seed=step), tone(500.0, 2000 / RATE_HZ).expand(4, -1))
        learner.zero_grad()
        told.backward()
        learner.step()
        losses.append(float(told.detach()))
    assert losses[0] > 1.5
    assert losses[-1] < 0.5


def test_what_is_the_same_matches() -> None:
    sound = noise(1, 2000)
    _, matched, told = Adversary(2, seed=0, windows=(128,)).losses(sound, sound)
    assert float(matched.detach()) == 0.0
    assert float(told.detach()) == pytest.approx(2.0, abs=1.0)
