"""The models from Python, as on their model cards: load one by its name, generate from descriptions, write WAV files.

::

    from bridge.recipes import load_magnet

    for sound in load_magnet("magnet-small-10secs").generate(["happy rock", "energetic EDM"]):
        sound.write(f"{sound.description}.wav")

A session, bars and receipts are what the daemon is for; here a model plays its whole window.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor

from bridge.errors import DiskError
from bridge.jasco_labels import label_of
from bridge.mastering import MasterSettings, master
from bridge.model_store import DOWNLOADS, default_store, find_model, local_name
from bridge.neural_config import jasco_asked
from bridge.wav import wav_bytes
from midi.chords import parse_chord
from models.audio_files import as_mono, read_audio
from models.batching import by_halves, choose_device, finite, precision_of, within_memory
from models.bundled import BUNDLED
from models.card import Card
from models.catalogue import Kind, find_release
from models.checkpoints import load_jasco as read_jasco
from models.checkpoints import load_magnet as read_magnet
from models.drum_audio import read_drums
from models.errors import ModelError
from models.generator import Progress, Samples, TimedPitch, Waveform
from models.hub import pull
from models.jasco import Controls, Guidance, Jasco, chord_frames, noise_of
from models.jasco_engine import melody_roll
from models.magnet import Kept, Magnet, Told, choose_by_seed
from models.presets import DECODINGS, SOLVERS, Decoding

LOUDNESS_LUFS: Final = -14.0
"""How loud files are written, as the reference does."""
Report = Callable[[float], None]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sound:
    """What a model made of one description: mono audio [frames, 1], and what it was made with.

    ``model`` and ``licence`` are those of the weights: the licence of Meta's does not allow commercial use.
    ``notices`` are what was substituted or left out.
    """

    samples: Samples
    sample_rate_hz: int
    description: str
    seed: int
    model: str
    licence: str
    notices: tuple[str, ...] = ()

    def write(self, path: str | os.PathLike[str], *, loudness_lufs: float = LOUDNESS_LUFS) -> Path:
        """Write a 24-bit WAV file at a loudness, limited under -1 dBFS, whole or not at all. Raises ``ClipError``."""
        target = Path(path)
        settings = MasterSettings(
            sample_rate_hz=self.sample_rate_hz, frames=len(self.samples), loudness_lufs=loudness_lufs
        )
        mastered = master(Waveform(samples=self.samples, sample_rate_hz=self.sample_rate_hz), settings)
        part = target.with_name(f".{target.name}.part")
        try:
            part.write_bytes(wav_bytes(mastered.samples, sample_rate_hz=self.sample_rate_hz, tags=None))
            part.replace(target)
        except OSError as error:
            raise DiskError(f"{target} cannot be written: {error.strerror}.") from error
        finally:
            part.unlink(missing_ok=True)
        return target


@dataclass(frozen=True, slots=True)
class _Take:
    description: str
    seed: int


def load_magnet(name: str = "magnet-small-10secs", *, device: str = "auto", store: Path | None = None) -> MagnetModel:
    """A MAGNeT by short name, repository of the Hub, or converted folder; pulled where it is not on this machine.

    Raises ``ModelError``.
    """
    chosen = choose_device(device)
    with within_memory(chosen):
        model, card = read_magnet(_folder(name, store, "magnet"), device=chosen, dtype=precision_of(chosen))
    return MagnetModel(model, card, chosen)


def load_jasco(name: str = BUNDLED, *, device: str = "auto", store: Path | None = None) -> JascoModel:
    """A JASCO, as ``load_magnet`` loads a MAGNeT. Raises ``ModelError``."""
    chosen = choose_device(device)
    with within_memory(chosen):
        model, card = read_jasco(_folder(name, store, "jasco"), device=chosen, dtype=precision_of(chosen))
    return JascoModel(model, card, chosen)


def _folder(name: str, store: Path | None, kind: Kind) -> Path:
    """Where a model lies, pulled where it must be. Raises ``ModelError`` for a release of another kind, unpulled."""
    store = store or default_store()
    release = find_release(name)
    if release and release.kind != kind:
        raise ModelError(f"{name} is a model of the kind {release.kind}: load it with load_{release.kind}.")
    try:
        return find_model(name, store)
    except ModelError:
        if Path(name).exists() or name == BUNDLED:
            raise
    target = store / local_name(name)
    pull(name, target, store / DOWNLOADS)
    return target


class MagnetModel:
    """A MAGNeT that is loaded."""

    def __init__(self, model: Magnet, card: Card, device: str) -> None:
        self._model, self._device = model, device
        self.card = card

    def generate(
        self,
        descriptions: Sequence[str],
        *,
        seed: int = 0,
        decoding: Decoding | None = None,
        continues: Path | None = None,
        report: Report = lambda share: None,
    ) -> list[Sound]:
        """A sound for each description, as long as the model's window; the i-th is drawn from ``seed + i``.

        ``decoding`` is the reference's unless given; ``bridge.recipes.DECODINGS`` has others by name. With
        ``continues`` each sound begins with the last third of a window of that file, and goes on from it. ``report``
        is told the share that is done. Raises ``ModelError`` and ``GeneratorError``.
        """
        takes = _takes(descriptions, seed)
        chosen = decoding or DECODINGS["standard"]
        config = self._model.config
        with within_memory(self._device):
            kept = self._kept(continues) if continues else None

        def make(some: Sequence[_Take], told: Progress) -> Tensor:
            return finite(self._model, lambda: self._tokens(some, chosen, kept, told))[0]

        rows = by_halves(takes, make, report, self._device)
        with within_memory(self._device):
            audio = [self._model.decode(row[None]) for row in rows]
        return _sounds(audio, takes, config.sample_rate_hz, self.card)

    def _tokens(
        self, takes: Sequence[_Take], decoding: Decoding, kept: Kept | None, report: Progress
    ) -> tuple[Tensor, bool]:
        held: list[Tensor] = []

        def watch(told: Told) -> None:
            held.append(torch.isfinite(told.logits).all())
            report(told.done)

        codes = self._model.generate(
            [take.description for take in takes],
            self._model.config.segment_frames,
            decoding,
            choose_by_seed([take.seed for take in takes]),
            kept=kept,
            watch=watch,
        )
        return codes, bool(torch.stack(held).all())

    def _kept(self, path: Path) -> Kept:
        rate, hop = self._model.config.sample_rate_hz, self._model.codec.config.hop
        audio = as_mono(*read_audio(path, what="The audio to go on from,"), rate)
        frames = min(len(audio) // hop, self._model.config.segment_frames // 3)
        if not frames:
            raise ModelError(f"{path} is too short to go on from: {hop} samples are one frame.")
        codes = self._model.encode(torch.from_numpy(audio[-frames * hop :]).to(self._device)[None, None])
        return Kept(codes=codes, frames=(True,) * frames)


class JascoModel:
    """A JASCO that is loaded."""

    def __init__(self, model: Jasco, card: Card, device: str) -> None:
        self._model, self._device = model, device
        self.card = card

    def generate(
        self,
        descriptions: Sequence[str],
        *,
        chords: Sequence[tuple[str, float]] = (),
        drums: Path | None = None,
        melody: Sequence[TimedPitch] = (),
        all_weight: float | None = None,
        text_weight: float | None = None,
        solver: str | None = None,
        seed: int = 0,
        report: Report = lambda share: None,
    ) -> list[Sound]:
        """A sound for each description, as long as the model's window; the i-th is drawn from ``seed + i``.

        ``chords`` are symbols with the seconds at which they begin, such as ``("Am7", 0.0)``; one that the model does
        not know is played as the nearest, and a melody is left out by a model that takes none: ``notices`` of the
        sounds say so. ``drums`` is a file of drums alone. Guidance and solver that are not given are those that the
        model's card recommends. Raises ``ChordError``, ``ModelError`` and ``GeneratorError``.
        """
        if solver is not None and solver not in SOLVERS:
            raise ModelError(f"There is no solver {solver!r}; there are {', '.join(SOLVERS)}.")
        asked = jasco_asked(self.card.recommended, solver=solver, all_weight=all_weight, text_weight=text_weight)
        takes = _takes(descriptions, seed)
        config = self._model.config
        found = {symbol: label_of(parse_chord(symbol)) for symbol, _ in chords}
        labels = [(found[symbol].label, start) for symbol, start in chords]
        notices = [
            f"{symbol} is played as {one.label}, the nearest chord that JASCO knows (distance {one.distance})."
            for symbol, one in found.items()
            if not one.exact
        ]
        if melody and not config.melody_dim:
            notices.append(f"The model {self.card.name} takes no melody; the sound is made without it.")
        for label, start in labels:
            if not 0 <= start < config.segment_s:
                raise ModelError(
                    f"The chord {label} begins at {start:g} s, and the window lasts {config.segment_s:g} s."
                )
        frames = chord_frames(labels, frame_rate_hz=config.frame_rate_hz, duration_s=config.segment_s)
        track = torch.from_numpy(read_drums(drums, config.sample_rate_hz)) if drums else None
        roll = melody_roll(tuple(melody), config) if melody and config.melody_dim else None

        def sample(some: Sequence[_Take], told: Progress) -> tuple[Tensor, bool]:
            latents = self._model.sample(
                Controls(
                    descriptions=tuple(take.description or None for take in some),
                    chords=frames,
                    drums=track,
                    melody=roll,
                ),
                noise_of([take.seed for take in some], config.latent_frames, config.flow_dim),
                guidance=Guidance(all_weight=asked.all_weight, text_weight=asked.text_weight),
                solver=SOLVERS[asked.solver],
                watch=told,
            )
            return latents, bool(torch.isfinite(latents).all())

        def make(some: Sequence[_Take], told: Progress) -> Tensor:
            return finite(self._model, lambda: sample(some, told))[0]

        rows = by_halves(takes, make, report, self._device)
        with within_memory(self._device):
            audio = [self._model.decode(row[None]) for row in rows]
        return _sounds(audio, takes, config.sample_rate_hz, self.card, tuple(notices))


def _takes(descriptions: Sequence[str], seed: int) -> list[_Take]:
    if isinstance(descriptions, str) or not descriptions:
        raise ModelError('Give a list of descriptions, such as ["happy rock"].')
    return [_Take(description, seed + place) for place, description in enumerate(descriptions)]


def _sounds(
    audio: Sequence[Tensor], takes: Sequence[_Take], rate: int, card: Card, notices: tuple[str, ...] = ()
) -> list[Sound]:
    return [
        Sound(
            samples=np.ascontiguousarray(row[0].T.float().cpu().numpy()),
            sample_rate_hz=rate,
            description=take.description,
            seed=take.seed,
            model=card.name,
            licence=card.licence,
            notices=notices,
        )
        for row, take in zip(audio, takes, strict=True)
    ]
