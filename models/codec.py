"""EnCodec: audio to latents and codes, and back (Défossez et al. 2022, High Fidelity Neural Audio Compression).

The network is that of ``transformers``, with the weight norm folded into the weights. States are read under the
names of audiocraft and of transformers, before and after it changed those of the weight norm.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

import torch
from huggingface_hub.errors import StrictDataclassError
from torch import Tensor, nn
from torch.nn.utils import parametrize
from transformers import EncodecConfig, EncodecModel

from models.errors import ModelError

_AUDIOCRAFT: Final = (
    (re.compile(r"^(encoder|decoder)\.model\.(\d+)\."), r"\1.layers.\2."),
    (re.compile(r"\.conv\.conv\.|\.convtr\.convtr\."), ".conv."),
    (re.compile(r"^quantizer\.vq\.layers\.(\d+)\._codebook\."), r"quantizer.layers.\1.codebook."),
)
_WEIGHT_NORM: Final = (
    ("weight_g", "weight_v"),
    ("parametrizations.weight.original0", "parametrizations.weight.original1"),
)
_CODEBOOK_STATISTICS: Final = re.compile(r"\.codebook\.(inited|cluster_size|embed_avg)$")
"""What training kept beside the codebooks; nothing reads it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodecConfig:
    """The shape of an EnCodec: ``ratios`` multiply to the hop, and ``pad_mode`` is ``reflect`` or ``constant``."""

    sample_rate_hz: int
    channels: int = 1
    dimension: int = 128
    filters: int = 64
    ratios: tuple[int, ...] = (8, 5, 4, 4)
    kernel_size: int = 7
    last_kernel_size: int = 7
    residual_kernel_size: int = 3
    residual_layers: int = 1
    dilation_base: int = 2
    compress: int = 2
    lstm_layers: int = 2
    pad_mode: str = "reflect"
    codebooks: int = 4
    bins: int = 2048

    @property
    def hop(self) -> int:
        """Audio samples in a frame."""
        hop = 1
        for ratio in self.ratios:
            hop *= ratio
        return hop

    @property
    def frame_rate_hz(self) -> float:
        """Frames in a second."""
        return self.sample_rate_hz / self.hop


def config_from_audiocraft(seanet: Mapping[str, Any], rvq: Mapping[str, Any], sample_rate_hz: int) -> CodecConfig:
    """The shape that an audiocraft configuration describes. Raises ``ModelError`` for one that this code has not."""
    try:
        return _checked(_from_audiocraft(seanet, rvq, sample_rate_hz))
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"The codec's configuration lacks {error}, or holds it in another form.") from error


def _from_audiocraft(seanet: Mapping[str, Any], rvq: Mapping[str, Any], sample_rate_hz: int) -> CodecConfig:
    _require("causal", seanet.get("causal"), False)
    _require("trim_right_ratio", seanet.get("trim_right_ratio", 1.0), 1.0)
    _require("norm", seanet.get("norm", "weight_norm"), "weight_norm")
    _require("activation", seanet.get("activation", "ELU"), "ELU")
    _require("true_skip", seanet.get("true_skip", True), True)
    _require("disable_norm_outer_blocks", seanet.get("disable_norm_outer_blocks", 0), 0)
    return CodecConfig(
        sample_rate_hz=sample_rate_hz,
        channels=seanet.get("channels", 1),
        dimension=seanet["dimension"],
        filters=seanet["n_filters"],
        ratios=tuple(seanet["ratios"]),
        kernel_size=seanet["kernel_size"],
        last_kernel_size=seanet["last_kernel_size"],
        residual_kernel_size=seanet["residual_kernel_size"],
        residual_layers=seanet["n_residual_layers"],
        dilation_base=seanet["dilation_base"],
        compress=seanet["compress"],
        lstm_layers=seanet["lstm"],
        pad_mode=seanet["pad_mode"],
        codebooks=rvq["n_q"],
        bins=rvq["bins"],
    )


def config_from_transformers(values: Mapping[str, Any]) -> CodecConfig:
    """The shape that a transformers ``config.json`` describes; what it leaves out is transformers' default."""
    try:
        return _checked(_from_transformers(EncodecConfig(**values)))
    except (TypeError, ValueError, AttributeError, StrictDataclassError) as error:
        raise ModelError(f"The codec's configuration cannot be read: {str(error).splitlines()[0]}.") from error


def _from_transformers(config: EncodecConfig) -> CodecConfig:
    _require("trim_right_ratio", config.trim_right_ratio, 1.0)
    _require("use_causal_conv", config.use_causal_conv, False)
    _require("norm_type", config.norm_type, "weight_norm")
    _require("normalize", config.normalize, False)
    _require("use_conv_shortcut", config.use_conv_shortcut, False)
    return CodecConfig(
        sample_rate_hz=config.sampling_rate,
        channels=config.audio_channels,
        dimension=config.hidden_size,
        filters=config.num_filters,
        ratios=tuple(config.upsampling_ratios),
        kernel_size=config.kernel_size,
        last_kernel_size=config.last_kernel_size,
        residual_kernel_size=config.residual_kernel_size,
        residual_layers=config.num_residual_layers,
        dilation_base=config.dilation_growth_rate,
        compress=config.compress,
        lstm_layers=config.num_lstm_layers,
        pad_mode=config.pad_mode,
        codebooks=config.num_quantizers,
        bins=config.codebook_size,
    )


def _checked(config: CodecConfig) -> CodecConfig:
    """Raises ``ModelError`` unless every size is a whole number above 0."""
    if config.pad_mode not in {"reflect", "constant"}:
        raise ModelError(f"The codec pads with {config.pad_mode!r}, and only 'reflect' and 'constant' are known.")
    sizes = {one.name: getattr(config, one.name) for one in fields(config) if one.name not in {"pad_mode", "ratios"}}
    for name, size in (*sizes.items(), *(("ratios", ratio) for ratio in config.ratios or (None,))):
        if isinstance(size, bool) or not isinstance(size, int) or size < (0 if name == "lstm_layers" else 1):
            raise ModelError(f"The codec's configuration has {name} = {size!r}, which is no number above 0.")
    return config


def _require(name: str, value: object, wanted: object) -> None:
    if value is not None and value != wanted:
        raise ModelError(f"The codec has {name} = {value!r}, and only {wanted!r} is known: it is no EnCodec of Meta's.")


def folded_state(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A codec's state under the names of ``Codec``, from any of its layouts, the weight norm folded in.

    Folding is ``w = g v / |v|``, the norm over all dimensions but the first. What training kept beside the
    codebooks is left out.
    """
    named = {_transformers_name(name): tensor for name, tensor in state.items()}
    folded: dict[str, Tensor] = {}
    for name, tensor in named.items():
        for magnitude, direction in _WEIGHT_NORM:
            if name.endswith(f".{direction}"):
                stem = name.removesuffix(direction)
                folded[f"{stem}weight"] = _folded(stem, named.get(f"{stem}{magnitude}"), tensor)
                break
            if name.endswith(f".{magnitude}"):
                _require_partner(name, f"{name.removesuffix(magnitude)}{direction}", named)
                break
        else:
            if not _CODEBOOK_STATISTICS.search(name):
                folded[name] = tensor
    return folded


def _transformers_name(name: str) -> str:
    for pattern, replacement in _AUDIOCRAFT:
        name = pattern.sub(replacement, name)
    return name


def _require_partner(name: str, partner: str, state: Mapping[str, Tensor]) -> None:
    if partner not in state:
        raise ModelError(f"The codec has {name} and no {partner}: the file is damaged.")


def _folded(stem: str, magnitude: Tensor | None, direction: Tensor) -> Tensor:
    if magnitude is None:
        raise ModelError(f"The codec's {stem}weight has a direction and no magnitude: the file is damaged.")
    wanted = [direction.shape[0], *[1] * (direction.dim() - 1)] if direction.dim() else []
    if direction.dim() < 2 or not direction.numel() or list(magnitude.shape) != wanted:
        raise ModelError(
            f"The codec's {stem}weight has a direction of {list(direction.shape)} and a magnitude of "
            f"{list(magnitude.shape)}: the file is damaged."
        )
    weight: Tensor = torch._weight_norm(direction.float(), magnitude.float(), 0)
    return weight


class Codec(nn.Module):
    """EnCodec without training, streaming or chunks.

    Audio is [B, channels, N], latents [B, C, T], codes [B, K, T]; one frame stands for ``config.hop`` samples.
    """

    def __init__(self, config: CodecConfig) -> None:
        """An empty codec: build it on the meta device and ``load`` a state."""
        super().__init__()
        self.config = config
        model = EncodecModel(_transformers_config(config))
        if not config.lstm_layers:
            for half in (model.encoder, model.decoder):
                _without_recurrence(half)
        for module in list(model.modules()):
            if parametrize.is_parametrized(module):
                parametrize.remove_parametrizations(module, "weight")
        self.encoder: Any = model.encoder
        self.decoder: Any = model.decoder
        self.quantizer: Any = model.quantizer
        for layer in self._levels:
            for name in ("inited", "cluster_size", "embed_avg"):
                delattr(layer.codebook, name)

    @property
    def _levels(self) -> Sequence[Any]:
        """The codebooks, from coarse to fine."""
        levels: Sequence[Any] = self.quantizer.layers
        return levels

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Take the tensors of ``folded_state`` as they are. Raises ``ModelError`` when names or shapes differ."""
        load_exactly(self, state, "codec")
        self._settle()

    def _settle(self) -> None:
        """Give the convolutions their padding, which transformers keeps in buffers that no state holds."""
        for module in self.modules():
            convolution = getattr(module, "conv", None)
            if isinstance(convolution, nn.Conv1d) and hasattr(module, "padding_total"):
                reach = (convolution.kernel_size[0] - 1) * convolution.dilation[0] + 1
                device = convolution.weight.device
                module.stride = torch.tensor(convolution.stride[0], device=device)
                module.kernel_size = torch.tensor(reach, device=device)
                module.padding_total = torch.tensor(reach - convolution.stride[0], device=device)

    def encode(self, audio: Tensor) -> Tensor:
        """Latents of audio, one frame for each begun hop."""
        latents: Tensor = self.encoder(audio)
        return latents

    def quantise(self, latents: Tensor, codebooks: int | None = None) -> Tensor:
        """Codes of latents, by the first ``codebooks`` levels: each codes what the ones before it left."""
        residual = latents
        codes = []
        for layer in self._levels[:codebooks]:
            index = layer.encode(residual)
            residual = residual - layer.decode(index)
            codes.append(index)
        return torch.stack(codes, dim=1)

    def dequantise(self, codes: Tensor) -> Tensor:
        """Latents of codes; fewer than all codebooks give coarser ones."""
        total = torch.zeros((), device=codes.device)
        for level, layer in zip(codes.unbind(1), self._levels, strict=False):
            total = total + layer.decode(level)
        return total

    def decode(self, latents: Tensor) -> Tensor:
        """Audio of latents, exactly ``hop`` samples a frame."""
        audio: Tensor = self.decoder(latents)
        return audio


def _without_recurrence(half: Any) -> None:  # noqa: ANN401  transformers has no types
    """Let what comes to the recurrent layers through as it is; the numbers of the others stay."""
    for place, layer in enumerate(half.layers):
        if isinstance(getattr(layer, "lstm", None), nn.LSTM):
            half.layers[place] = nn.Identity()


def load_exactly(module: nn.Module, state: Mapping[str, Tensor], what: str) -> None:
    """Assign a state to a module on the meta device. Raises ``ModelError`` unless names and shapes agree exactly."""
    wanted = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
    given = {name: tuple(tensor.shape) for name, tensor in state.items()}
    wrong = [
        *(f"{name} is missing" for name in _few(wanted.keys() - given.keys())),
        *(f"{name} has no place" for name in _few(given.keys() - wanted.keys())),
        *(
            f"{name} is {list(given[name])}, not {list(wanted[name])}"
            for name in _few(name for name in wanted.keys() & given.keys() if wanted[name] != given[name])
        ),
        *(f"{name} holds no real numbers" for name in _few(_not_real(state))),
    ]
    if wrong:
        raise ModelError(f"The {what} does not fit its configuration: {'; '.join(wrong)}.")
    module.load_state_dict(state, strict=True, assign=True)


def _not_real(state: Mapping[str, Tensor]) -> Iterable[str]:
    return (name for name, tensor in state.items() if not tensor.is_floating_point())


def _few(names: Iterable[str], most: int = 3) -> list[str]:
    return sorted(names)[:most]


def _transformers_config(config: CodecConfig) -> EncodecConfig:
    bits_per_second = math.ceil(config.frame_rate_hz) * math.log2(config.bins)  # of one codebook
    return EncodecConfig(
        sampling_rate=config.sample_rate_hz,
        audio_channels=config.channels,
        hidden_size=config.dimension,
        num_filters=config.filters,
        upsampling_ratios=list(config.ratios),
        kernel_size=config.kernel_size,
        last_kernel_size=config.last_kernel_size,
        residual_kernel_size=config.residual_kernel_size,
        num_residual_layers=config.residual_layers,
        dilation_growth_rate=config.dilation_base,
        compress=config.compress,
        num_lstm_layers=max(1, config.lstm_layers),  # transformers has no codec without; they are taken out
        pad_mode=config.pad_mode,
        target_bandwidths=[(config.codebooks + 0.5) * bits_per_second / 1000.0],  # rounded down to codebooks
        codebook_size=config.bins,
        codebook_dim=config.dimension,
        norm_type="weight_norm",
        use_causal_conv=False,
        use_conv_shortcut=False,
        normalize=False,
        trim_right_ratio=1.0,
    )
