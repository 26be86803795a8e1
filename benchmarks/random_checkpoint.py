"""Write a JASCO or MAGNeT checkpoint in the released layout, of any size, with random weights.

``python benchmarks/random_checkpoint.py FOLDER`` makes one of the size of jasco-chords-drums-400M in float16 (about
0.93 GB), with a text encoder of T5-base's size beside it (``--small-text`` makes a tiny one); ``--magnet`` one of the
size of magnet-small-10secs, and the codec that it names. Nothing that they play is music; what they show is loading,
memory and speed.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from tokenizers import Tokenizer, pre_tokenizers, processors
from tokenizers.models import WordLevel
from torch import Tensor
from transformers import EncodecConfig, EncodecModel, PreTrainedTokenizerFast, T5Config, T5EncoderModel

CHORDS_DIM, DRUMS_DIM, MELODY_DIM, MELODY_ROWS, CHORDS = 16, 2, 16, 53, 194
TEXT_DIM = 768
CODEC_COPY = "condition_provider.conditioners.self_wav.compression_model.model."
WORDS = ("jazz", "funk", "rock", "piano", "bass", "drums", "guitar", "strings", "synth", "warm", "slow", "soul")
CODEC = {
    "sampling_rate": 32000,
    "upsampling_ratios": [8, 5, 4, 4],
    "target_bandwidths": [2.2],
    "use_causal_conv": False,
    "norm_type": "weight_norm",
    "num_residual_layers": 1,
    "pad_mode": "reflect",
    "codebook_size": 2048,
    "codebook_dim": 128,
    "hidden_size": 128,
    "num_filters": 64,
    "use_conv_shortcut": False,
    "normalize": False,
}


@dataclass(frozen=True, kw_only=True)
class Size:
    """The numbers that decide how large a checkpoint is; the defaults are those of the 400M release."""

    dim: int = 1024
    heads: int = 16
    layers: int = 24
    time_dim: int = 128
    segment_s: float = 10
    melody: bool = False
    filters: int = 64
    latent_dim: int = 128
    bins: int = 2048


def xp_config(size: Size) -> str:
    """The configuration, with interpolations as a checkpoint has them."""
    lines = [
        "lm_model: flow_matching",
        "sample_rate: 32000",
        "dora: {dir: '/checkpoint/${oc.env:USER}'}",
        "datasource: {train: '???'}",
        f"dataset: {{segment_duration: {size.segment_s}}}",
        "compression_model_latent_std: 4.0102",
        "compression_model_latent_mean: -0.0074",
        "compression_model_framerate: 50",
        f"compression_model_latent_dim: {size.latent_dim}",
        "conditioners:",
        "  self_wav:",
        "    model: drum_latents",
        f"    drum_latents: {{out_dim: {DRUMS_DIM}, blurring_factor: 3, sample_rate: '${{sample_rate}}'}}",
        "  description: {model: t5, t5: {name: t5-base}}",
        f"  chords: {{model: chords_emb, chords_emb: {{card: {CHORDS}, out_dim: {CHORDS_DIM}}}}}",
        *([f"  melody: {{model: melody, melody: {{card: {MELODY_ROWS}, out_dim: {MELODY_DIM}}}}}"] * size.melody),
        "attribute_dropout:",
        f"  symbolic: {{chords: 0.5{', melody: 0.5' if size.melody else ''}}}",
        "  wav: {self_wav: 0.5}",
        "transformer_lm:",
        f"  dim: {size.dim}",
        f"  num_heads: {size.heads}",
        f"  num_layers: {size.layers}",
        f"  time_embedding_dim: {size.time_dim}",
        "  hidden_scale: 4",
        "  norm_first: true",
        "  flow_dim: ${compression_model_latent_dim}",
        "  chords_dim: ${conditioners.chords.chords_emb.out_dim}",
        "  drums_dim: ${conditioners.self_wav.drum_latents.out_dim}",
        *(["  melody_dim: ${conditioners.melody.melody.out_dim}"] * size.melody),
    ]
    return "\n".join(lines) + "\n"


def model_shapes(size: Size) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Names and shapes of the model without the codec, as audiocraft writes them."""
    dim, time = size.dim, size.time_dim
    conditioners = "condition_provider.conditioners"
    yield f"{conditioners}.self_wav.output_proj.weight", (DRUMS_DIM, size.latent_dim)
    yield f"{conditioners}.self_wav.output_proj.bias", (DRUMS_DIM,)
    yield f"{conditioners}.description.output_proj.weight", (dim, TEXT_DIM)
    yield f"{conditioners}.description.output_proj.bias", (dim,)
    yield f"{conditioners}.chords.emb.weight", (CHORDS + 1, CHORDS_DIM)
    if size.melody:
        yield f"{conditioners}.melody.output_proj.weight", (MELODY_DIM, MELODY_ROWS)
        yield f"{conditioners}.melody.output_proj.bias", (MELODY_DIM,)
    joined = size.latent_dim + CHORDS_DIM + DRUMS_DIM + (MELODY_DIM if size.melody else 0)
    yield "emb.weight", (dim, joined)
    yield from layer_shapes(size.layers, dim)
    yield "linear.weight", (size.latent_dim, dim)
    yield "temb.dense.0.weight", (4 * time, time)
    yield "temb.dense.0.bias", (4 * time,)
    yield "temb.dense.1.weight", (4 * time, 4 * time)
    yield "temb.dense.1.bias", (4 * time,)
    yield "temb_proj.weight", (dim, 4 * time)
    yield "temb_proj.bias", (dim,)


def layer_shapes(layers: int, dim: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Names and shapes of the transformer, which the two models share."""
    for index in range(layers):
        layer = f"transformer.layers.{index}"
        for attention in ("self_attn", "cross_attention"):
            yield f"{layer}.{attention}.in_proj_weight", (3 * dim, dim)
            yield f"{layer}.{attention}.out_proj.weight", (dim, dim)
        yield f"{layer}.linear1.weight", (4 * dim, dim)
        yield f"{layer}.linear2.weight", (dim, 4 * dim)
        for norm in ("norm1", "norm2", "norm_cross"):
            yield f"{layer}.{norm}.weight", (dim,)
            yield f"{layer}.{norm}.bias", (dim,)
    yield "out_norm.weight", (dim,)
    yield "out_norm.bias", (dim,)


@dataclass(frozen=True, kw_only=True)
class MagnetSize:
    """The numbers that decide how large a MAGNeT is; the defaults are those of magnet-small-10secs."""

    dim: int = 1024
    heads: int = 16
    layers: int = 24
    segment_s: float = 10
    filters: int = 64
    latent_dim: int = 128
    bins: int = 2048
    sound: bool = False
    """A model of sounds runs at 16 kHz, and brings its own codec."""


def magnet_xp_config(size: MagnetSize) -> str:
    """The configuration of a MAGNeT."""
    lines = [
        "lm_model: transformer_lm_magnet",
        f"solver: {'audio_magnet' if size.sound else 'magnet'}",
        f"sample_rate: {16000 if size.sound else 32000}",
        "dora: {dir: '/checkpoint/${oc.env:USER}'}",
        f"dataset: {{segment_duration: {size.segment_s}}}",
        "codebooks_pattern: {modeling: parallel}",
        "conditioners: {description: {model: t5, t5: {name: t5-base}}}",
        "transformer_lm:",
        f"  dim: {size.dim}",
        f"  num_heads: {size.heads}",
        f"  num_layers: {size.layers}",
        f"  card: {size.bins}",
        "  n_q: 4",
        "  hidden_scale: 4",
        "  norm_first: true",
        "  subcodes_context: 5",
        "  segment_duration: 0",
        "  span_len: -1",
        "masking: {span_len: 3}",
    ]
    return "\n".join(lines) + "\n"


def magnet_shapes(size: MagnetSize) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Names and shapes of a MAGNeT, as audiocraft writes them."""
    yield "condition_provider.conditioners.description.output_proj.weight", (size.dim, TEXT_DIM)
    yield "condition_provider.conditioners.description.output_proj.bias", (size.dim,)
    for book in range(4):
        yield f"emb.{book}.weight", (size.bins + 1, size.dim)
        yield f"linears.{book}.weight", (size.bins, size.dim)
    yield from layer_shapes(size.layers, size.dim)


def write_magnet(folder: Path, size: MagnetSize, *, dtype: torch.dtype = torch.float16, seed: int = 0) -> None:
    """``state_dict.bin`` and ``compression_state_dict.bin``, and in ``codec/`` what the latter names."""
    folder.mkdir(parents=True, exist_ok=True)
    generator = torch.Generator().manual_seed(seed)
    state = {name: random_tensor(name, shape, generator).to(dtype) for name, shape in magnet_shapes(size)}
    facts = {"version": "1.4.0a2", "exported": True}
    torch.save({"best_state": state, "xp.cfg": magnet_xp_config(size), **facts}, folder / "state_dict.bin")
    torch.save({"pretrained": "facebook/encodec_32khz", **facts}, folder / "compression_state_dict.bin")
    torch.manual_seed(seed)
    codec = EncodecModel(EncodecConfig(**codec_values(size)))
    for layer in codec.quantizer.layers:
        layer.codebook.embed.normal_(generator=generator)
    codec.save_pretrained(folder / "codec")


def random_tensor(name: str, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Ones for the norms, and elsewhere numbers that keep a signal about as large as it was."""
    if "norm" in name.split(".")[-2]:
        return torch.ones(shape) if name.endswith("weight") else torch.zeros(shape)
    return torch.randn(shape, generator=generator) * shape[-1] ** -0.5


def codec_values(size: Size | MagnetSize) -> dict[str, object]:
    """What a transformers ``config.json`` says of the codec."""
    values = CODEC | {
        "num_filters": size.filters,
        "hidden_size": size.latent_dim,
        "codebook_dim": size.latent_dim,
        "codebook_size": size.bins,
    }
    bits = {2048: 11, 1024: 10, 64: 6}[size.bins]
    return values | {"target_bandwidths": [50 * 4 * bits / 1000]}


def write_checkpoint(folder: Path, size: Size, *, dtype: torch.dtype = torch.float16, seed: int = 0) -> None:
    """``state_dict.bin``, ``compression_state_dict.bin``, and the codec's ``config.json`` beside them."""
    folder.mkdir(parents=True, exist_ok=True)
    generator = torch.Generator().manual_seed(seed)
    values = codec_values(size)
    torch.manual_seed(seed)
    codec = EncodecModel(EncodecConfig(**values)).state_dict()
    state = {name: random_tensor(name, shape, generator).to(dtype) for name, shape in model_shapes(size)}
    for name, tensor in codec.items():
        filled = torch.randn(tensor.shape, generator=generator) if name.endswith(".embed") else tensor
        state[f"{CODEC_COPY}{name}"] = filled.to(dtype)
    facts = {"version": "1.4.0a1", "exported": True}
    torch.save({"best_state": state, "xp.cfg": xp_config(size), **facts}, folder / "state_dict.bin")
    torch.save({"pretrained": "facebook/encodec_32khz", **facts}, folder / "compression_state_dict.bin")
    (folder / "config.json").write_text(json.dumps({"model_type": "encodec", **values}, indent=2), encoding="utf-8")


def write_text_encoder(folder: Path, *, small: bool) -> None:
    """A T5 of random weights, and a tokenizer that knows a few words."""
    sizes = {"num_layers": 2, "num_heads": 2, "d_kv": 8, "d_ff": 16} if small else {"num_layers": 12, "num_heads": 12}
    config = T5Config(vocab_size=64 if small else 32128, d_model=TEXT_DIM, **sizes)
    T5EncoderModel(config).save_pretrained(folder)
    vocabulary = {"<pad>": 0, "</s>": 1, **{word: place + 2 for place, word in enumerate(WORDS)}, "<unk>": 63}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>", unk_token="<unk>", model_max_length=1 << 20
    )
    fast.save_pretrained(folder)


def main() -> None:
    """Write both folders."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--layers", type=int, default=24)
    parser.add_argument("--dim", type=int, default=1024)
    parser.add_argument("--melody", action="store_true")
    parser.add_argument("--magnet", action="store_true", help="a MAGNeT rather than a JASCO")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--small-text", action="store_true")
    options = parser.parse_args()
    checkpoint = options.folder / "checkpoint"
    if options.magnet:
        write_magnet(checkpoint, MagnetSize(dim=options.dim, layers=options.layers, segment_s=options.seconds))
    else:
        size = Size(dim=options.dim, layers=options.layers, melody=options.melody, segment_s=options.seconds)
        write_checkpoint(checkpoint, size)
    write_text_encoder(options.folder / "text", small=options.small_text)
    print(f"checkpoint and text encoder: {options.folder}")


if __name__ == "__main__":
    main()
