"""``sideman train codec|jasco|magnet``: what each training is made of, from its plan."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Final

import torch
from tokenizers import Tokenizer
from torch import Tensor

from bridge.neural_config import CODEBOOKS
from bridge.training_folder import CODEC, Kind, RunFacts, RunFolder
from bridge.training_hearing import Figures, hear_codec, hear_jasco, hear_magnet
from bridge.training_loop import Outcome, Stopped, Telling, run_lesson
from bridge.training_plan import CodecPlan, JascoPlan, MagnetPlan
from bridge.training_sources import Source, digest_of, read_pieces, sources_of
from bridge.training_start import first_jasco, model_place
from models.batching import part_of
from models.card import CARD_FILE
from models.codec import Codec, CodecConfig
from models.codec_centre import centre, mean_latents
from models.errors import TrainingError
from models.jasco import Guidance
from models.presets import DECODINGS, SOLVERS
from models.training_codec import CodecTraining, new_codec
from models.training_codec_file import checkpoint_codec, codec_digest, read_codec, write_codec
from models.training_flow import FlowLesson, FlowTraining
from models.training_latents import Encoded, encode_music, first, joined, read_encoded, with_controls, write_encoded
from models.training_lessons import CodecLesson
from models.training_models import trained_codec, trained_jasco, trained_magnet
from models.training_pieces import Music
from models.training_state import read_state
from models.training_tokens import TokenLesson, TokenTraining
from models.words import WordsEncoder, new_words, words_of

CENTRE_PIECES: Final = 32
"""The mean of a codec's latents is taken of so many pieces."""
FEW_CAPTIONS: Final = 200
"""Of fewer captions every word is learnt, of more those that come again."""
AnyPlan = CodecPlan | JascoPlan | MagnetPlan


def train_codec(plan: CodecPlan, path: Path, *, telling: Telling, stopped: Stopped) -> Outcome:
    """Train a codec, or go on. Raises ``TrainingError``."""
    device = _begun(plan)
    sources = sources_of(plan.music)
    listening = sources_of(plan.held_out) or sources
    folder = RunFolder(plan.run)
    config = plan.model.config
    codec = _first_codec(plan, config)
    begun_with = codec_digest(codec) if plan.start else ""
    facts = RunFacts(kind="codec", recipe=json.loads(plan.recipe_text), music=digest_of(sources), codec=begun_with)
    folder.begin(facts, path)
    music = _read(sources, config.sample_rate_hz, plan.pieces, telling)
    training = CodecTraining(codec, plan.recipe, seed=plan.learning.seed)
    heard = _heard_music(plan, listening, config.sample_rate_hz, telling)

    def listen(state: Mapping[str, Tensor]) -> Figures:
        return hear_codec(trained_codec(config, state), heard())

    outcome = run_lesson(
        CodecLesson(training, music),
        folder,
        facts,
        plan.learning,
        device=device,
        every=plan.listening.every,
        listen=listen,
        telling=telling,
        stopped=stopped,
    )
    if outcome.done:
        _finish(folder, config, None if plan.recipe.decoder_only else music)
    return outcome


def _first_codec(plan: CodecPlan, config: CodecConfig) -> Codec:
    """The codec that a run begins with. Raises ``TrainingError`` for a start of another shape."""
    if plan.start is None:
        return new_codec(config, plan.learning.seed)
    codec = codec_from(plan.start)
    if codec.config != config:
        raise TrainingError(f"The codec of {plan.start} has another shape than the plan's model: {codec.config}.")
    return codec.requires_grad_(True)


def _finish(folder: RunFolder, config: CodecConfig, music: Music | None) -> None:
    """Write the codec of a run that is done, its latents around zero where there is music to tell their means.

    Raises ``TrainingError``.
    """
    state = read_state(folder.state, None, "cpu")
    codec = trained_codec(config, {**state.module, **state.average})
    if music is not None:
        centre(codec, mean_latents(codec, music, CENTRE_PIECES))
    write_codec(folder.path / CODEC, codec)


def train_jasco(plan: JascoPlan, path: Path, *, telling: Telling, stopped: Stopped) -> Outcome:
    """Train a JASCO on a codec, or go on. Raises ``TrainingError``."""
    device = _begun(plan)
    first = None if plan.start is None else first_jasco(plan.start)
    codec, sources, listening, folder, facts = _on_codec(plan, path, "jasco", "" if first is None else first.digest)
    encoded = _encoded(plan, codec, sources, device, telling)
    if not folder.state.exists():
        spread = encoded if first is None else first
        facts = facts.model_copy(update={"latent_mean": spread.mean, "latent_std": spread.std})
        _keep(folder, facts, codec, encoded, None if first is None else first.words.tokenizer)
    facts = folder.facts()
    words = _words(folder, plan.model.words_dim, plan.learning.seed)
    config = plan.model.config(codec.config, mean=facts.latent_mean, std=facts.latent_std)
    training = FlowTraining(config, codec, words, plan.recipe, seed=plan.learning.seed)
    if first is not None:
        first.into(training, codec)
    lesson = FlowLesson(training, with_controls(encoded, config), mean=config.latent_mean, std=config.latent_std)
    heard = _heard_music(plan, listening, config.sample_rate_hz, telling)
    asked = plan.listening

    def listen(state: Mapping[str, Tensor]) -> Figures:
        model = trained_jasco(config, codec, words.tokenizer, state).to(device)
        guidance = Guidance(all_weight=asked.all_weight, text_weight=asked.text_weight)
        return hear_jasco(model, heard(), guidance=guidance, solver=SOLVERS[asked.solver])

    return run_lesson(
        lesson,
        folder,
        facts,
        plan.learning,
        device=device,
        every=asked.every,
        listen=listen,
        telling=telling,
        stopped=stopped,
    )


def train_magnet(plan: MagnetPlan, path: Path, *, telling: Telling, stopped: Stopped) -> Outcome:
    """Train a MAGNeT on a codec, or go on. Raises ``TrainingError``."""
    device = _begun(plan)
    codec, sources, listening, folder, facts = _on_codec(plan, path, "magnet")
    encoded = _encoded(plan, codec, sources, device, telling)
    if not folder.state.exists():
        _keep(folder, facts, codec, encoded)
    words = _words(folder, plan.model.words_dim, plan.learning.seed)
    config = plan.model.config(codec.config)
    training = TokenTraining(config, words, plan.recipe, seed=plan.learning.seed)
    heard = _heard_music(plan, listening, config.sample_rate_hz, telling)

    def listen(state: Mapping[str, Tensor]) -> Figures:
        model = trained_magnet(config, codec, words.tokenizer, state).to(device)
        return hear_magnet(model, heard(), decoding=DECODINGS[plan.listening.decoding])

    return run_lesson(
        TokenLesson(training, encoded, codec),
        folder,
        facts,
        plan.learning,
        device=device,
        every=plan.listening.every,
        listen=listen,
        telling=telling,
        stopped=stopped,
    )


def codec_from(place: Path) -> Codec:
    """The codec of a run of ours, with its averaged weights, or of a converted checkpoint. Raises ``TrainingError``."""
    place = model_place(place)
    if (place / CARD_FILE).is_file():
        return checkpoint_codec(place)
    folder = RunFolder(place)
    facts = folder.facts()
    if (folder.path / CODEC).is_file():
        return read_codec(folder.path / CODEC)
    config = CodecPlan.model_validate({"run": place, "music": [place], **facts.recipe}).model.config
    if not folder.state.exists():
        raise TrainingError(f"The codec of {place} has not learnt anything yet: train it first.")
    state = read_state(folder.state, None, "cpu")
    return trained_codec(config, {**state.module, **state.average})


def _begun(plan: AnyPlan) -> str:
    """Set the threads, and give the device. Raises ``TrainingError`` for one that is not there."""
    if plan.threads:
        torch.set_num_threads(plan.threads)
    if plan.device.startswith("cuda") and not torch.cuda.is_available():
        raise TrainingError(f'There is no {plan.device} here: set device = "auto".')
    if plan.device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return plan.device


def _on_codec(
    plan: JascoPlan | MagnetPlan, path: Path, kind: Kind, start: str = ""
) -> tuple[Codec, list[Source], list[Source], RunFolder, RunFacts]:
    """The codec, the music and the run's folder, which is begun or found to be of the same run and ``start``."""
    folder = RunFolder(plan.run)
    own = folder.path / CODEC
    codec = read_codec(own) if own.exists() and not plan.codec.exists() else codec_from(plan.codec)
    if kind == "magnet":
        _require_codebooks(codec)
    sources = sources_of(plan.music)
    recipe = json.loads(plan.recipe_text)
    facts = RunFacts(kind=kind, recipe=recipe, music=digest_of(sources), codec=codec_digest(codec), start=start)
    folder.begin(facts, path)
    return codec, sources, sources_of(plan.held_out) or sources, folder, facts


def _require_codebooks(codec: Codec) -> None:
    if codec.config.codebooks != CODEBOOKS:
        raise TrainingError(
            f"The codec has {codec.config.codebooks} codebooks, and a MAGNeT is played with {CODEBOOKS}: train one "
            f"with model.codebooks = {CODEBOOKS}."
        )


def _encoded(
    plan: JascoPlan | MagnetPlan, codec: Codec, sources: list[Source], device: str, telling: Telling
) -> Encoded:
    """The music of sources through the codec; what was encoded before is read from its file."""
    digest = codec_digest(codec)
    codec.to(device)
    parts: list[Encoded] = []
    for number, source in enumerate(sources):
        key = f"{digest} {source.digest}"
        path = plan.latents / f"{digest[:12]}-{source.digest[:20]}.safetensors"
        part = read_encoded(path, key)
        if part is None:
            music = source.read(codec.config.sample_rate_hz, telling.say)
            part = encode_music(
                music, codec, part_of(partial(telling.prepared, "encoding"), number / len(sources), 1 / len(sources))
            )
            write_encoded(path, part, key)
        parts.append(part)
        telling.prepared("encoding", (number + 1) / len(sources))
        if plan.pieces is not None and sum(len(one.charts) for one in parts) >= plan.pieces:
            break
    codec.to("cpu")
    encoded = joined(parts)
    return encoded if plan.pieces is None else first(encoded, plan.pieces)


def _keep(
    folder: RunFolder, facts: RunFacts, codec: Codec, encoded: Encoded, tokenizer: Tokenizer | None = None
) -> None:
    """Write what a run needs beside its state, before there is one; the words are those of the captions, or given."""
    folder.write_facts(facts)
    write_codec(folder.path / CODEC, codec)
    if tokenizer is not None:
        folder.write_tokenizer(tokenizer)
        return
    captions = [chart.caption for chart in encoded.charts]
    folder.write_tokenizer(words_of(captions, at_least=1 if len(captions) < FEW_CAPTIONS else 2))


def _words(folder: RunFolder, dim: int, seed: int) -> WordsEncoder:
    return new_words(folder.tokenizer(), dim, seed=seed)


def _read(sources: list[Source], rate: int, pieces: int | None, telling: Telling) -> Music:
    return read_pieces(
        sources, rate, pieces=pieces, tell=telling.say, report=lambda share: telling.prepared("reading", share)
    )


def _heard_music(plan: AnyPlan, sources: list[Source], rate: int, telling: Telling) -> Callable[[], Music]:
    """The pieces that are listened to, read when they are first."""
    if plan.listening.every and not plan.held_out:
        telling.say(
            "No held_out music is named: what is heard is music that is learnt, and says little of other music."
        )

    @cache
    def pieces() -> Music:
        count = plan.listening.pieces
        return read_pieces(sources, rate, pieces=count, tell=lambda sentence: None, report=lambda share: None)

    return pieces
