"""Measures that need models of their own: FAD, KLD and CLAP, through transformers. Nothing is downloaded here.

* CLAP: the cosine between a clip and its description (Wu et al. 2023, Large-Scale Contrastive Language-Audio
  Pretraining).
* FAD: the Fréchet distance between the embeddings of two sets of audio (Kilgour et al. 2019), here CLAP's.
* KLD: the divergence between what a classifier hears in a clip and in its reference (AST, Gong et al. 2021).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from models.audio_files import as_mono, read_audio
from models.errors import ModelError

CLAP_MODEL: Final = "laion/larger_clap_music"
CLASSIFIER: Final = "MIT/ast-finetuned-audioset-10-10-0.4593"
FEWEST_CLIPS: Final = 2
"""A Fréchet distance needs a spread on both sides."""

Matrix = npt.NDArray[np.float64]


class Clap:
    """CLAP's embeddings of audio and of text, each of length 1."""

    def __init__(self, name: str = CLAP_MODEL) -> None:
        """Load it from this machine: a folder, or what the Hub's cache holds. Raises ``ModelError``."""
        import transformers  # noqa: PLC0415  torch is loaded when there is something to measure with

        self._processor: Any = _loaded(transformers.ClapProcessor, name)
        self._model: Any = _loaded(transformers.ClapModel, name, use_safetensors=True).eval()

    def audio(self, files: Sequence[Path]) -> Matrix:
        """Embeddings [files, size]. Raises ``ModelError`` for a file that cannot be read."""
        rate = int(self._processor.feature_extractor.sampling_rate)
        rows = []
        for file in files:
            inputs = self._processor(audio=_mono(file, rate), sampling_rate=rate, return_tensors="pt")
            rows.append(_pooled(self._model.get_audio_features(**inputs)))
        return _unit(np.vstack(rows))

    def text(self, descriptions: Sequence[str]) -> Matrix:
        """Embeddings [descriptions, size]."""
        inputs = self._processor(text=list(descriptions), return_tensors="pt", padding=True, truncation=True)
        return _unit(_pooled(self._model.get_text_features(**inputs)))


class Classifier:
    """What a classifier of sounds hears."""

    def __init__(self, name: str = CLASSIFIER) -> None:
        """Load it from this machine, as ``Clap``. Raises ``ModelError``."""
        import transformers  # noqa: PLC0415

        self._extractor: Any = _loaded(transformers.AutoFeatureExtractor, name)
        self._model: Any = _loaded(transformers.AutoModelForAudioClassification, name, use_safetensors=True).eval()

    def probabilities(self, files: Sequence[Path]) -> Matrix:
        """The probability of each class [files, classes]. Raises ``ModelError`` for a file that cannot be read."""
        import torch  # noqa: PLC0415

        rate = int(self._extractor.sampling_rate)
        rows = []
        for file in files:
            inputs = self._extractor(_mono(file, rate), sampling_rate=rate, return_tensors="pt")
            with torch.inference_mode():
                rows.append(torch.softmax(self._model(**inputs).logits[0].double(), dim=-1).numpy())
        return np.vstack(rows)


def frechet_distance(first: Matrix, second: Matrix) -> float:
    """The Fréchet distance between the Gaussians of two sets of embeddings [count, size] (Kilgour et al. 2019, eq. 2).

    Raises ``ModelError`` where a set has fewer than ``FEWEST_CLIPS``.
    """
    if min(len(first), len(second)) < FEWEST_CLIPS:
        raise ModelError(f"FAD compares two sets of {FEWEST_CLIPS} sounds at least.")
    means = first.mean(axis=0) - second.mean(axis=0)
    covariances = [np.atleast_2d(np.cov(one, rowvar=False)) for one in (first, second)]
    values, vectors = np.linalg.eigh(covariances[0])
    root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    shared = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ covariances[1] @ root), 0.0)).sum()  # trace of the root
    return float(means @ means + np.trace(covariances[0]) + np.trace(covariances[1]) - 2.0 * shared)


def divergence(heard: Matrix, reference: Matrix) -> float:
    """The mean Kullback-Leibler divergence of the rows of ``heard`` from those of ``reference``, in nats."""
    floor = 1e-12
    ratio = np.log((reference + floor) / (heard + floor))
    return float((reference * ratio).sum(axis=1).mean())


def _loaded(kind: Any, name: str, **options: Any) -> Any:  # noqa: ANN401  transformers has no types
    try:
        return kind.from_pretrained(name, local_files_only=True, **options)
    except (OSError, ValueError) as error:
        raise ModelError(
            f"the weights {name} are not on this machine: hf download {name} brings them, or name a folder."
        ) from error


def _mono(file: Path, rate: int) -> npt.NDArray[np.float32]:
    audio, from_rate = read_audio(file, what="The sound")
    return as_mono(audio, from_rate, rate)


def _pooled(features: Any) -> Matrix:  # noqa: ANN401
    """The embeddings of what transformers gives: a tensor, or an output that holds one."""
    tensor = getattr(features, "pooler_output", features)
    matrix: Matrix = tensor.detach().double().numpy()
    return matrix


def _unit(rows: Matrix) -> Matrix:
    unit: Matrix = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return unit
