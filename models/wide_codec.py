"""EnCodec's two networks laid out for training on a CPU: the same layers over [B, C, 1, T], channels last in memory.

One-dimensional convolutions of few channels are slow there. The result is that of the layers themselves, up to
rounding, and gradients reach the same parameters.
"""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor, channels_last, nn
from torch.nn.functional import conv2d, conv_transpose2d, pad

from models.codec import Codec
from models.errors import ModelError


def encoded(codec: Codec, audio: Tensor) -> Tensor:
    """``codec.encode`` of audio [B, channels, N]. Raises ``ModelError`` for a codec with recurrent layers."""
    return _through(codec.encoder.layers, audio, codec.config.pad_mode)


def decoded(codec: Codec, latents: Tensor) -> Tensor:
    """``codec.decode`` of latents [B, C, T]. Raises ``ModelError`` for a codec with recurrent layers."""
    return _through(codec.decoder.layers, latents, codec.config.pad_mode)


def _through(layers: nn.ModuleList, x: Tensor, pad_mode: str) -> Tensor:
    x = x.unsqueeze(2).contiguous(memory_format=channels_last)
    for layer in layers:
        x = _applied(layer, x, pad_mode)
    return x.squeeze(2)


def _applied(layer: Any, x: Tensor, pad_mode: str) -> Tensor:  # noqa: ANN401  transformers has no types
    block = getattr(layer, "block", None)
    if block is not None:
        inner = x
        for one in block:
            inner = _applied(one, inner, pad_mode)
        return x + inner
    convolution = getattr(layer, "conv", None)
    if isinstance(convolution, nn.ConvTranspose1d):
        return _raised(convolution, x)
    if isinstance(convolution, nn.Conv1d):
        return _convolved(convolution, x, pad_mode)
    if isinstance(layer, nn.ELU | nn.Identity):
        out: Tensor = layer(x)
        return out
    raise ModelError(f"A codec with a layer {type(layer).__name__} cannot be trained here: set lstm_layers to 0.")


def _convolved(convolution: nn.Conv1d, x: Tensor, pad_mode: str) -> Tensor:
    """A convolution over padding on both sides, so that every begun stride gives a frame."""
    (stride,), (dilation,) = convolution.stride, convolution.dilation
    reach = (convolution.kernel_size[0] - 1) * dilation + 1
    total, length = reach - stride, x.shape[-1]
    frames = math.ceil((length - reach + total) / stride + 1) - 1
    missing = frames * stride + reach - total - length
    right = total // 2
    sides = (total - right, right + missing, 0, 0)
    if any(sides):
        x = pad(x, sides, mode=pad_mode)
    return conv2d(x, convolution.weight.unsqueeze(2), convolution.bias, (1, stride), 0, (1, dilation))


def _raised(convolution: nn.ConvTranspose1d, x: Tensor) -> Tensor:
    stride = convolution.stride[0]
    total = convolution.kernel_size[0] - stride
    right = total // 2
    out = conv_transpose2d(x, convolution.weight.unsqueeze(2), convolution.bias, (1, stride))
    return out[..., total - right : out.shape[-1] - right]
