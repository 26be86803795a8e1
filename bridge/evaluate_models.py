"""Which of the measures with models of their own can be taken of some clips, and why others cannot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bridge.evaluate import Evaluated
from bridge.neural_measures import CLAP_MODEL, CLASSIFIER, Clap, Classifier, divergence, frechet_distance
from models.errors import ModelError

AUDIO_SUFFIXES: Final = frozenset({".wav", ".flac", ".aif", ".aiff", ".ogg", ".mp3"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The reference audio, and the models by folder or repository where others than the usual ones are wanted."""

    reference: Path | None = None
    clap: str | None = None
    classifier: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A measure: its value, or why there is none."""

    value: float | None = None
    why: str = ""


def measure_all(clips: Sequence[Evaluated], wanted: Wanted) -> dict[str, Measured]:
    """CLAP, FAD and KLD of some clips, each with its value or with the reason why there is none."""
    return {
        "CLAP": _tried(lambda: _clap(clips, wanted)),
        "FAD": _tried(lambda: _fad(clips, wanted)),
        "KLD": _tried(lambda: _kld(clips, wanted)),
    }


def _tried(measure: Callable[[], float]) -> Measured:
    try:
        return Measured(value=measure())
    except ModelError as error:
        return Measured(why=str(error))


def _clap(clips: Sequence[Evaluated], wanted: Wanted) -> float:
    """The mean cosine between clips and what they were asked for in words."""
    described = [clip for clip in clips if clip.receipt.caption or clip.receipt.prompt]
    if not described:
        raise ModelError("no clip was asked for in words.")
    clap = Clap(wanted.clap or CLAP_MODEL)
    texts = clap.text([clip.receipt.caption or clip.receipt.prompt for clip in described])
    return float((clap.audio([clip.path for clip in described]) * texts).sum(axis=1).mean())


def _fad(clips: Sequence[Evaluated], wanted: Wanted) -> float:
    reference = list(_references(wanted).values())
    clap = Clap(wanted.clap or CLAP_MODEL)
    return frechet_distance(clap.audio([clip.path for clip in clips]), clap.audio(reference))


def _kld(clips: Sequence[Evaluated], wanted: Wanted) -> float:
    references = _references(wanted)
    pairs = [(clip.path, references[clip.path.stem]) for clip in clips if clip.path.stem in references]
    if not pairs:
        raise ModelError("no reference has the name of a clip: KLD compares files of one name.")
    classifier = Classifier(wanted.classifier or CLASSIFIER)
    heard, asked = (classifier.probabilities(files) for files in zip(*pairs, strict=True))
    return divergence(heard, asked)


def _references(wanted: Wanted) -> dict[str, Path]:
    """The audio files of the reference folder, by their names. Raises ``ModelError`` where there is none."""
    if wanted.reference is None:
        raise ModelError("name a folder of audio to compare with: --reference DIR.")
    try:
        files = sorted(path for path in wanted.reference.iterdir() if path.suffix.lower() in AUDIO_SUFFIXES)
    except OSError as error:
        raise ModelError(f"{wanted.reference} cannot be read: {error.strerror}.") from error
    if not files:
        raise ModelError(f"{wanted.reference} holds no audio.")
    return {path.stem: path for path in files}
