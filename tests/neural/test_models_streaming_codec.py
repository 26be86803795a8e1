"""Category: unit, property. The codec's decoder in chunks is the decoder in one piece."""

from __future__ import annotations

from pathlib import Path

import parity_set as sets
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.codec import Codec, CodecConfig
from models.streaming_codec import CHUNK_FRAMES, _split, decoding, reaches, whole

EXACT = 1e-10


def small(pad_mode: str = "reflect", lstm_layers: int = 2, residual_layers: int = 1) -> Codec:
    """The released proportions with few filters, in double precision."""
    torch.manual_seed(1)
    config = CodecConfig(
        sample_rate_hz=32000, dimension=8, filters=2, bins=16, pad_mode=pad_mode, lstm_layers=lstm_layers,
        residual_layers=residual_layers,
    )  # fmt: skip
    codec = Codec(config).double().eval()
    codec._settle()
    with torch.no_grad():
        for weight in codec.decoder.parameters():
            weight.copy_(torch.randn_like(weight) * 0.5)
    return codec


CODECS = {mode: small(mode) for mode in ("reflect", "constant")}


@pytest.mark.parametrize("mode", CODECS)
@given(frames=st.integers(1, 60), chunk=st.integers(1, 70), batch=st.integers(1, 2))
@settings(max_examples=40)
def test_any_chunks_are_the_whole(mode: str, frames: int, chunk: int, batch: int) -> None:
    codec = CODECS[mode]
    latents = torch.randn(batch, 8, frames, dtype=torch.float64, generator=torch.Generator().manual_seed(frames))
    with torch.inference_mode():
        exact = codec.decode(latents)
    chunks = decoding(codec, latents, chunk)
    parts = list(chunks.audio)
    hop = codec.config.hop
    assert [part.shape[-1] for part in parts[:-1]] == [chunk * hop] * (len(parts) - 1)
    ours = torch.cat(parts, dim=-1)
    assert ours.shape == exact.shape == (batch, 1, frames * hop)
    assert float((ours - exact).abs().max()) < EXACT * max(1.0, float(exact.abs().max()))


@pytest.mark.parametrize(("lstm_layers", "residual_layers"), [(1, 1), (2, 3)])
def test_other_shapes_of_the_network_stream_too(lstm_layers: int, residual_layers: int) -> None:
    codec = small(lstm_layers=lstm_layers, residual_layers=residual_layers)
    latents = torch.randn(1, 8, 40, dtype=torch.float64)
    with torch.inference_mode():
        exact = codec.decode(latents)
    ours = whole(decoding(codec, latents, 7))
    assert float((ours - exact).abs().max()) < EXACT * float(exact.abs().max())


def test_a_frame_is_heard_no_farther_than_the_reach() -> None:
    """A change of one frame behind the recurrent part is heard within the reach, so no window is too short."""
    codec = CODECS["constant"]
    _, far = reaches(codec)
    assert 1 <= far <= 8
    hidden = torch.randn(1, 32, 40, dtype=torch.float64)
    changed = hidden.clone()
    changed[..., 20] += 1.0

    def stack(x: torch.Tensor) -> torch.Tensor:
        for layer in _split(codec)[1]:
            x = layer(x)
        return x[0, 0]

    with torch.inference_mode():
        differs = (stack(hidden) != stack(changed)).nonzero()[:, 0]
    assert 20 - far <= int(differs.min()) // codec.config.hop
    assert int(differs.max()) // codec.config.hop <= 20 + far


def test_a_chunk_is_there_before_the_rest_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    codec = CODECS["reflect"]
    frames: list[int] = []
    lstm = next(layer for layer in codec.decoder.layers if hasattr(layer, "lstm")).lstm
    forward = lstm.forward

    def counted(x: torch.Tensor, state: object = None) -> object:
        frames.append(len(x))
        return forward(x, state)

    monkeypatch.setattr(lstm, "forward", counted)
    chunks = decoding(codec, torch.randn(1, 8, 500, dtype=torch.float64))
    first = next(chunks.audio)
    assert first.shape[-1] == CHUNK_FRAMES * codec.config.hop
    assert sum(frames) <= CHUNK_FRAMES + reaches(codec)[1]
    list(chunks.audio)
    assert sum(frames) == 500, "no frame goes through the recurrent part twice"


def test_a_watcher_stops_between_chunks() -> None:
    shares: list[float] = []

    def watch(share: float) -> None:
        shares.append(share)
        if len(shares) == 2:
            raise KeyError

    with pytest.raises(KeyError):
        whole(decoding(CODECS["reflect"], torch.randn(1, 8, 30, dtype=torch.float64), 10), watch)
    assert shares == pytest.approx([1 / 3, 2 / 3])


@pytest.mark.parity
def test_the_references_codecs_stream(parity: Path, codec_variant: str) -> None:
    state = sets.codec_states(parity, codec_variant)[0]
    codec = sets.codec(parity, codec_variant, state)
    latents = torch.randn(1, codec.config.dimension, 33)
    with torch.inference_mode():
        exact = codec.decode(latents)
    ours = whole(decoding(codec, latents, 10))
    assert float((ours - exact).abs().max()) < 1e-5 * max(1.0, float(exact.abs().max()))
