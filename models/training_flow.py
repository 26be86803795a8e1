"""Training a JASCO: conditional flow matching on latents, with controls left out by chance.

Tal et al. 2024, sections 3.2 to 3.4: on the straight path from noise to latents the field is taught their difference.
All controls together, and each alone, are left out now and then, so that guidance has something to lead away from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import torch
from pydantic import ConfigDict
from torch import Generator, Tensor, nn

from midi.chords import parse_chord
from models.codec import Codec
from models.jasco import NULL_CHORD, Conditioner, Conditions, FlowModel, Jasco, JascoConfig, blur
from models.training_latents import NO_MELODY, Latents
from models.training_lessons import names_of
from models.training_numbers import CLOSED, Count, Share, Weight
from models.training_prompts import described
from models.vocabulary import NO_CHORD, UNKNOWN_CHORD, chord_vocabulary
from models.words import WordsEncoder

CHORD_NOTES_DIM: Final = 38
"""The size of a chord's row that its notes fill: twelve for its notes, bass and root each, and two marks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowRecipe:
    """How a flow model is trained.

    ``late_weight`` counts errors near the music more than those near the noise: 1 + late_weight * t. The ``drop_``
    values are the shares of pieces in which all controls, or one of them, are left out; ``drop_words`` is that of each
    part of a caption.
    """

    __pydantic_config__: ClassVar[ConfigDict] = CLOSED

    batch: Count = 4
    late_weight: Weight = 1.0
    drop_all: Share = 0.12
    drop_text: Share = 0.15
    drop_chords: Share = 0.08
    drop_drums: Share = 0.1
    drop_melody: Share = 0.25
    drop_words: Share = 0.3


def chord_rows(dim: int) -> Tensor:
    """What the chords' embedding begins with: the notes of each chord, its bass and its root, [labels + 1, dim].

    Chords that share notes are then alike from the first step on. The rows of ``UNK`` and of guidance are zeros.
    """
    vocabulary = chord_vocabulary()
    rows = torch.zeros(len(vocabulary) + 1, max(dim, CHORD_NOTES_DIM))
    for label, index in vocabulary.items():
        if label == UNKNOWN_CHORD:
            continue
        chord = None if label == NO_CHORD else parse_chord(label)
        if chord is None:
            rows[index, 36] = 1.0
            continue
        rows[index, 37] = 1.0
        rows[index, 12 + chord.bass_pitch_class] = 1.0
        rows[index, 24 + chord.root] = 1.0
        for pitch_class in chord.pitch_classes:
            rows[index, pitch_class] = 1.0
    return rows[:, :dim]


class FlowTraining(nn.Module):
    """A flow model and its conditioner under training; the codec is done, and only its coarsest codebook is heard."""

    def __init__(
        self, config: JascoConfig, codec: Codec, words: WordsEncoder, recipe: FlowRecipe, *, seed: int
    ) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.flow = FlowModel(config)
            self.conditioner = Conditioner(config, words.dim)
        with torch.no_grad():
            self.conditioner.chords.weight.copy_(chord_rows(config.chords_dim))
        self.table = nn.Parameter(words.table.detach().clone())
        words.table = self.table
        self._words, self._config, self.recipe = words, config, recipe
        coarsest: Any = codec.quantizer.layers[0]
        self.register_buffer("_coarsest", coarsest.codebook.embed.detach().clone(), persistent=False)
        self._coarsest: Tensor

    @torch.no_grad()
    def begin_with(self, model: Jasco, words: WordsEncoder) -> None:
        """Take the weights of a model of this shape, and its words, which are those of this training."""
        self.flow.load_state_dict(model.flow.state_dict())
        self.conditioner.load_state_dict(model.conditioner.state_dict())
        self.table.copy_(words.table)

    def losses(self, batch: Taught, chance: Generator) -> Mapping[str, Tensor]:
        """How far the field is from what it should be; ``early`` and ``late`` are its halves of time, unweighted."""
        wanted, device = batch.latents, self._coarsest.device
        noise = torch.randn(wanted.shape, generator=chance).to(device)
        t = torch.sigmoid(torch.randn(len(wanted), generator=chance)).to(device)
        at = t[:, None, None]
        field = self.flow(at * wanted + (1.0 - at) * noise, t, self.conditions(batch))
        off = (field.float() - (wanted - noise)).square().mean(dim=(1, 2))
        weight = 1.0 + self.recipe.late_weight * t
        late = t > 0.5
        return {
            "loss": (off * weight).sum() / weight.sum(),
            "early": off[~late].mean() if (~late).any() else off.mean(),
            "late": off[late].mean() if late.any() else off.mean(),
        }

    def conditions(self, batch: Taught) -> Conditions:
        """The conditions of a batch, as ``Conditioner`` makes them of controls."""
        config, conditioner = self._config, self.conditioner
        heard = self._coarsest[batch.drums.long()] * batch.has_drums[:, None, None]
        temporal = {
            "chords": conditioner.chords(batch.chords.long()),
            "self_wav": conditioner.drums(blur(heard, config.blur_frames)),
        }
        if config.melody_dim:
            rows = torch.zeros(*batch.melody.shape, config.melody_rows, device=heard.device)
            sounding = batch.melody != NO_MELODY
            rows[sounding] = nn.functional.one_hot(batch.melody[sounding].long(), config.melody_rows).float()
            temporal["melody"] = conditioner.melody(rows)
        states, mask = self._words.encode(batch.descriptions)
        return Conditions(temporal=temporal, text=conditioner.text(states) * mask[..., None])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Taught:
    """A batch: latents [B, T, C] of mean 0 and deviation 1, and what is told of each piece."""

    latents: Tensor
    drums: Tensor
    has_drums: Tensor
    """0 where the model is not told of drums at all, which is not silence."""
    chords: Tensor
    melody: Tensor
    descriptions: tuple[str | None, ...]
    places: tuple[int, ...]


class FlowLesson:
    """Latents, and the controls that are told of them."""

    def __init__(self, training: FlowTraining, latents: Latents, *, mean: float, std: float) -> None:
        self._training, self._latents = training, latents
        self._mean, self._std = mean, std
        self._stems = torch.tensor(latents.encoded.stems)

    @property
    def module(self) -> nn.Module:
        """The flow model, the conditioner and the words."""
        return self._training

    def batch(self, chance: Generator) -> Taught:
        """Whole pieces, each with some of its controls."""
        recipe, latents, encoded = self._training.recipe, self._latents, self._latents.encoded
        device = self._training._coarsest.device
        places = torch.randint(len(encoded.charts), (recipe.batch,), generator=chance)
        everything = torch.rand(recipe.batch, generator=chance) >= recipe.drop_all

        def told(share: float) -> Tensor:
            return (torch.rand(recipe.batch, generator=chance) >= share) & everything

        chords, drums, melody, text = (
            told(share) for share in (recipe.drop_chords, recipe.drop_drums, recipe.drop_melody, recipe.drop_text)
        )
        untold_drums = torch.rand(recipe.batch, generator=chance) < 0.5
        return Taught(
            latents=((encoded.mix[places].float() - self._mean) / self._std).to(device),
            drums=torch.where(drums[:, None], encoded.drums[places], encoded.silence).to(device),
            has_drums=((drums | untold_drums) & self._stems[places]).float().to(device),
            chords=torch.where(chords[:, None], latents.chords[places], NULL_CHORD).to(device),
            melody=torch.where(melody[:, None], latents.melody[places], NO_MELODY).to(device),
            descriptions=tuple(
                described(encoded.charts[place].caption, recipe.drop_words, chance) if is_told else None
                for place, is_told in zip(places.tolist(), text.tolist(), strict=True)
            ),
            places=tuple(places.tolist()),
        )

    def losses(self, batch: Taught, chance: Generator, step: int = 0) -> Mapping[str, Tensor]:
        """As of the training."""
        return self._training.losses(batch, chance)

    def named(self, batch: Taught) -> str:
        """The names of the pieces."""
        return names_of(self._latents.encoded.names, batch.places)
