"""Training a MAGNeT: masked tokens are to be told from those around them, one codebook at a time.

Ziv et al. 2024, sections 3.1 and 3.2: spans of frames are masked, their share a cosine of chance; the codebooks below
the one that is taught are given, those above it are masked, and all but the first hear a few frames to either side.
Descriptions are left out now and then, so that guidance has something to lead away from.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

import torch
from pydantic import ConfigDict
from torch import Generator, Tensor, nn

from models.codec import Codec
from models.magnet import MagnetConfig, TokenModel
from models.training_latents import Encoded
from models.training_lessons import names_of
from models.training_numbers import CLOSED, Count, Share
from models.training_prompts import described
from models.words import WordsEncoder

_AT_ONCE: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRecipe:
    """How a token model is trained: the shares of pieces without a description, and of its parts that are left out.

    ``first_share`` of the steps teach the first codebook, which decides most; the others share the rest evenly.
    """

    __pydantic_config__: ClassVar[ConfigDict] = CLOSED

    batch: Count = 4
    drop_text: Share = 0.15
    drop_words: Share = 0.3
    first_share: Share = 0.4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Masked:
    """A batch: codes [B, K, T] as they are, the codebook that is taught, and the frames [B, T] that are masked."""

    codes: Tensor
    stage: int
    masked: Tensor
    descriptions: tuple[str | None, ...]
    places: tuple[int, ...]


class TokenTraining(nn.Module):
    """A token model and its words under training."""

    def __init__(self, config: MagnetConfig, words: WordsEncoder, recipe: TokenRecipe, *, seed: int) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.tokens = TokenModel(config)
            self.text = nn.Linear(words.dim, config.dim)
            for embed in self.tokens.embed:
                nn.init.normal_(embed.weight, std=config.dim**-0.5)  # type: ignore[arg-type]
        self.table = nn.Parameter(words.table.detach().clone())
        words.table = self.table
        self._words, self.recipe = words, recipe

    def losses(self, batch: Masked) -> Mapping[str, Tensor]:
        """How surprising the masked tokens are, in nats; ``right`` is the share that is told at once."""
        model, stage = self.tokens, batch.stage
        device = model.out_norm.weight.device
        codes, masked = batch.codes.to(device), batch.masked.to(device)
        seen = codes.clone()
        seen[:, stage + 1 :] = model.mask_token
        seen[:, stage] = torch.where(masked, model.mask_token, codes[:, stage])
        states, mask = self._words.encode(batch.descriptions)
        heard = model.hear(self.text(states) * mask[..., None])
        hidden = model(seen, heard, model.band(stage, codes.shape[-1]))
        logits = model.out[stage](hidden)[masked].float()
        wanted = codes[:, stage][masked]
        loss = nn.functional.cross_entropy(logits, wanted)
        right = (logits.argmax(dim=-1) == wanted).float().mean()
        return {"loss": loss, f"book{stage + 1}": loss.detach(), "right": right}


class TokenLesson:
    """Codes of music, and what is masked of them."""

    def __init__(self, training: TokenTraining, encoded: Encoded, codec: Codec) -> None:
        self._training, self._encoded = training, encoded
        self._codes = codes_of(encoded, codec)

    @property
    def module(self) -> nn.Module:
        """The token model and the words."""
        return self._training

    def batch(self, chance: Generator) -> Masked:
        """Whole pieces, with spans of one codebook masked."""
        recipe, config = self._training.recipe, self._training.tokens.config
        places = torch.randint(len(self._codes), (recipe.batch,), generator=chance)
        told = torch.rand(recipe.batch, generator=chance) >= recipe.drop_text
        stage = _stage(config.codebooks, recipe.first_share, chance)
        shares = torch.cos(math.pi / 2 * torch.rand(recipe.batch, generator=chance))
        frames = self._codes.shape[-1]
        return Masked(
            codes=self._codes[places].long(),
            stage=stage,
            masked=torch.stack([masked_frames(frames, float(share), config.span, chance) for share in shares]),
            descriptions=tuple(
                described(self._encoded.charts[place].caption, recipe.drop_words, chance) if is_told else None
                for place, is_told in zip(places.tolist(), told.tolist(), strict=True)
            ),
            places=tuple(places.tolist()),
        )

    def losses(self, batch: Masked, chance: Generator, step: int = 0) -> Mapping[str, Tensor]:
        """As of the training."""
        return self._training.losses(batch)

    def named(self, batch: Masked) -> str:
        """The names of the pieces."""
        return names_of(self._encoded.names, batch.places)


@torch.inference_mode()
def codes_of(encoded: Encoded, codec: Codec) -> Tensor:
    """The codes [pieces, K, T] of encoded music, as 16-bit numbers."""
    codebooks = codec.config.codebooks
    device = next(codec.parameters()).device
    return torch.cat(
        [
            codec.quantise(part.to(device).float().transpose(1, 2), codebooks).short().cpu()
            for part in torch.split(encoded.mix, _AT_ONCE)
        ]
    )


def masked_frames(frames: int, share: float, span: int, chance: Generator) -> Tensor:
    """The frames [T] under spans that begin anywhere and may overlap, so many that about ``share`` is under them.

    Of ``n`` spans over ``T`` frames ``1 - (1 - n/T)^span`` lies under them on average; there is always one.
    """
    spans = round(frames * (1.0 - (1.0 - share) ** (1.0 / span)))
    starts = torch.randperm(frames, generator=chance)[: max(1, spans)]
    masked = torch.zeros(frames, dtype=torch.bool)
    for offset in range(span):
        masked[(starts + offset).clamp(max=frames - 1)] = True
    return masked


def _stage(codebooks: int, first_share: float, chance: Generator) -> int:
    drawn = float(torch.rand((), generator=chance))
    if codebooks == 1 or drawn < first_share:
        return 0
    others = codebooks - 1
    return 1 + min(others - 1, int((drawn - first_share) / (1.0 - first_share) * others))
