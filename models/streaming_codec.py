"""EnCodec's decoder in chunks, sample for sample what it gives in one piece.

The decoder is a convolution, a recurrent network that only looks back, and a stack of convolutions that looks a few
frames to either side. So the recurrent part goes on from its state, and the stack runs over windows that reach a little
over what is taken from them; how much is counted from its own layers. Only at the two ends of the audio is a window cut
off, where the padding is that of the whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor, nn

from models.codec import Codec

CHUNK_FRAMES: Final = 50
"""Frames that are decoded at a time: a second of what the released models play."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunks:
    """A decoding under way: the audio [B, channels, N] of each chunk in turn, of ``frames`` in all."""

    audio: Iterator[Tensor]
    frames: int
    chunk: int


def decoding(codec: Codec, latents: Tensor, chunk_frames: int = CHUNK_FRAMES) -> Chunks:
    """The audio of latents [B, C, T] in chunks of so many frames, the last one shorter where they do not divide."""
    return Chunks(audio=_decoded(codec, latents, chunk_frames), frames=latents.shape[-1], chunk=chunk_frames)


def whole(chunks: Chunks, watch: Callable[[float], None] = lambda share: None) -> Tensor:
    """All audio of a decoding; ``watch`` is told the share that is done after each chunk, and may raise to stop."""
    parts = []
    for part in chunks.audio:
        parts.append(part)
        watch(min(1.0, len(parts) * chunks.chunk / chunks.frames))
    return torch.cat(parts, dim=-1)


def reaches(codec: Codec) -> tuple[int, int]:
    """How many frames the decoder looks to either side: before its recurrent part, and after it."""
    before, after = _split(codec)
    return _reach(before), _reach(after)


@torch.inference_mode()
def _decoded(codec: Codec, latents: Tensor, chunk: int) -> Iterator[Tensor]:
    before, after = _split(codec)
    near, far = _reach(before), _reach(after)
    recurrent = next((layer for layer in codec.decoder.layers if _is_recurrent(layer)), None)
    frames, hop = latents.shape[-1], codec.config.hop
    state: Any = None
    ready = latents.new_zeros(len(latents), 0, 0)  # what the stack still needs of the recurrent part's output
    first, done = 0, 0  # the frame that ``ready`` begins at, and how many came out of the recurrent part
    for start in range(0, frames, chunk):
        end = min(frames, start + chunk)
        needed = min(frames, end + far)
        if needed > done:
            low = max(0, done - near)
            hidden = _run(before, latents[..., low : min(frames, needed + near)])[..., done - low : needed - low]
            if recurrent is not None:
                moved = hidden.permute(2, 0, 1)
                out, state = recurrent.lstm(moved, state)
                hidden = (out + moved).permute(1, 2, 0)
            ready = torch.cat([ready, hidden], dim=-1) if done else hidden
            done = needed
        low = max(0, start - far)
        audio = _run(after, ready[..., low - first : needed - first])
        yield audio[..., (start - low) * hop : (end - low) * hop]
        keep = max(0, end - far)
        ready, first = ready[..., keep - first :], keep


def _run(layers: list[nn.Module], x: Tensor) -> Tensor:
    for layer in layers:
        x = layer(x)
    return x


def _is_recurrent(layer: nn.Module) -> bool:
    return isinstance(getattr(layer, "lstm", None), nn.LSTM)


def _split(codec: Codec) -> tuple[list[nn.Module], list[nn.Module]]:
    """The decoder's layers before and after the recurrent one."""
    layers = list(codec.decoder.layers)
    at = next((place for place, layer in enumerate(layers) if _is_recurrent(layer)), None)
    return ([], layers) if at is None else (layers[:at], layers[at + 1 :])


def _reach(layers: list[nn.Module]) -> int:
    """How many steps of its input one output of some layers depends on, to the farther side; from their end on."""
    return _reach_before(layers, 0)


def _reach_before(layers: list[nn.Module], reach: int) -> int:
    """The reach in front of some layers, where it is ``reach`` behind them."""
    for layer in reversed(layers):
        block = getattr(layer, "block", None)
        if block is not None:
            reach = _reach_before(list(block), reach)
            continue
        convolution = getattr(layer, "conv", None)
        if isinstance(convolution, nn.ConvTranspose1d):
            kernel, stride = convolution.kernel_size[0], convolution.stride[0]
            reach = -(-(reach + kernel) // stride)
        elif isinstance(convolution, nn.Conv1d):
            reach += (convolution.kernel_size[0] - 1) * convolution.dilation[0]
    return reach
