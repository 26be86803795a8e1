"""What a training starts with: a checkpoint of our own, whose weights it goes on from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from models.bundled import BUNDLED, FOLDER
from models.checkpoints import load_jasco
from models.codec import Codec
from models.errors import ModelError, TrainingError
from models.jasco import Jasco
from models.training_codec_file import codec_digest
from models.training_flow import FlowTraining
from models.words import WordsEncoder


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FirstJasco:
    """A JASCO to start with: its words, and the mean and deviation of the latents that it knows."""

    place: Path
    model: Jasco
    words: WordsEncoder
    digest: str

    @property
    def mean(self) -> float:
        """Of the latents."""
        return self.model.config.latent_mean

    @property
    def std(self) -> float:
        """Of the latents."""
        return self.model.config.latent_std

    def into(self, training: FlowTraining, codec: Codec) -> None:
        """Begin a training with it. Raises ``TrainingError`` for a training of another shape or on another codec."""
        wanted = replace(training.flow.config, latent_mean=self.mean, latent_std=self.std)
        if wanted != self.model.config:
            raise TrainingError(f"The model of {self.place} has another shape than the plan's model: take that one's.")
        if codec_digest(codec) != codec_digest(self.model.codec):
            raise TrainingError(
                f"The model of {self.place} knows the latents of its own codec: name that as codec, too."
            )
        training.begin_with(self.model, self.words)


def model_place(place: Path) -> Path:
    """The folder that is meant: the model that comes with Sideman by its name, where no other has it."""
    return FOLDER if place.name == BUNDLED and not place.exists() else place


def first_jasco(place: Path) -> FirstJasco:
    """The JASCO in a converted folder. Raises ``TrainingError`` where there is none with a word encoder."""
    folder = model_place(place)
    try:
        model, card = load_jasco(folder)
    except ModelError as error:
        raise TrainingError(f"A training cannot start with {place}: {error}") from error
    if not isinstance(model.text_encoder, WordsEncoder):
        raise TrainingError(f"A training cannot start with {place}: its text encoder is T5, and here words are learnt.")
    return FirstJasco(place=place, model=model, words=model.text_encoder, digest=card.tensors_sha256)
