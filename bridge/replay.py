"""``sideman replay``: the audio of a receipt made again, and whether it is the same to the bit.

What the engine was given lies in the receipt (``bridge.made_from``). A receipt is a file that anyone may have written:
its numbers are held within the limits of a request, and audio that it names is read from the user's folders alone.
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
import logging
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from bridge.clip_facts import loop_tags
from bridge.clips import AUDIO_SUFFIX, RECEIPT_SUFFIX, Clip, ClipFolder
from bridge.conditioning import MAX_CLIP, SEEDS
from bridge.config import Config
from bridge.engine_parts import model_folders, model_name, sounds_sha256
from bridge.engines import SKETCH
from bridge.errors import ClipError, RequestError, SidemanError
from bridge.made_from import EngineControls, MadeFrom, digest_of, files_of
from bridge.making import EngineOptions, Made, engine_versions, facts_of, make_takes, open_engine
from bridge.model_store import codec_folder, find_model, models_here, speed_memory
from bridge.notices import Notice
from bridge.osc_schema import MAX_TAKES
from bridge.receipt_schema import Receipt, receipt_from_json
from bridge.requests import GenerationRequest
from bridge.wav import wav_chunks
from models.bundled import COMES_WITH_US
from models.card import read_card
from models.checksums import sha256_of
from models.errors import ModelError
from models.generator import SAME_TIME_S, SketchChart

log = logging.getLogger(__name__)

MAX_RECEIPT_BYTES: Final = 64_000_000
_WEIGHTS: Final = re.compile(r"SHA-256 ([0-9a-f]{12})\b")


class CannotReplay(RequestError):
    """A receipt whose audio cannot be made again here; the message says why."""

    code = "cannot_replay"


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What came of it: whether the audio is the same, what is other here than it was, and the clip if one was written.

    ``sha256`` is that of the audio that was made.
    """

    same: bool
    sha256: str
    differences: tuple[str, ...]
    clip: Clip | None

    def lines(self) -> Iterator[str]:
        """What came of it, in words."""
        yield from (f"other than it was: {difference}" for difference in self.differences)
        if self.clip:
            yield f"clip: {self.clip.path}"
        if self.same:
            yield f"The same audio, to the bit: SHA-256 {self.sha256}"
        elif self.differences:
            yield f"Another audio (SHA-256 {self.sha256}), for what is other than it was."
        else:
            yield (
                f"Another audio (SHA-256 {self.sha256}), and nothing that the receipt knows of is other than it was: "
                "another processor or number of threads computes a model's numbers in another order, or the receipt "
                "was changed."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayOptions:
    """Which receipt (or the WAV file beside it), where the clip goes (None: nowhere), and further folders of audio."""

    receipt: Path
    out: Path | None
    audio_folders: tuple[Path, ...] = ()


def replay(options: ReplayOptions, config: Config, now: datetime, report: Callable[[float], None]) -> Replayed:
    """Make the audio of a receipt again. ``report`` is told the share that is done.

    Raises ``CannotReplay`` where that cannot be, ``ClipError`` for what is no receipt, and what engines raise.
    """
    receipt, source = read_replayable(options.receipt)
    folders = (options.receipt.absolute().parent, config.clips.folder, *config.clips.audio_folders)
    _require_files(source, (*folders, *options.audio_folders))
    config = _with_weights(receipt, config)
    request = request_of(receipt, source)
    made = _made(request, receipt, config, report)
    tags = loop_tags(request.window, receipt.key)
    digest = hashlib.sha256()
    chunks = wav_chunks(made.mastered.samples, sample_rate_hz=tags.sample_rate_hz, tags=tags)
    for chunk in itertools.islice(chunks, 1, None):  # all but the headers
        digest.update(chunk)
    same = digest.hexdigest() == receipt.audio_sha256
    differences = tuple(_differences(receipt, source, config, made))
    clip = None
    if options.out:
        folder = ClipFolder(options.out)
        folder.prepare()
        again = _receipt_again(receipt, request, made, differences, now, same=same)
        clip = folder.write(made.mastered.samples, tags=tags, receipt=again)
    report(1.0)
    return Replayed(same=same, sha256=digest.hexdigest(), differences=differences, clip=clip)


def read_replayable(path: Path) -> tuple[Receipt, MadeFrom]:
    """A receipt, and what its clip was made from. Raises ``ClipError`` and ``CannotReplay``."""
    path = path.with_suffix(RECEIPT_SUFFIX) if path.suffix.lower() == AUDIO_SUFFIX else path
    try:
        with path.open("rb") as file:
            text = file.read(MAX_RECEIPT_BYTES + 1)
    except OSError as error:
        raise ClipError(f"The receipt {path} cannot be read: {error.strerror}.") from None
    if len(text) > MAX_RECEIPT_BYTES:
        raise ClipError(f"{path} is no receipt: it is larger than {MAX_RECEIPT_BYTES} bytes.")
    try:
        receipt = receipt_from_json(text)
    except ClipError as error:
        raise ClipError(f"{path}: {error}") from None
    if receipt.made_from is None:
        raise CannotReplay(
            f"{path} does not say what the engine was given: its version did not note that down, and the audio "
            "cannot be made again to the bit."
        )
    for mistake in _mistakes(receipt, receipt.made_from, json.loads(text)["made_from"]):
        raise CannotReplay(f"{path} was changed by hand, and its audio cannot be made again: {mistake}.")
    return receipt, receipt.made_from


def _mistakes(receipt: Receipt, source: MadeFrom, written: dict[str, Any]) -> Iterator[str]:
    """What is wrong with a receipt that could be read."""
    if digest_of(written) != source.digest:
        yield "what the engine was given is not what its checksum says"
    seeds = source.seeds
    if source.controls.kind != receipt.engine:
        yield f"it is of the engine {receipt.engine}, and its controls are of {source.controls.kind}"
    if not 1 <= len(seeds) <= MAX_TAKES or not all(0 <= seed < SEEDS for seed in seeds):
        yield "its seeds cannot be"
    elif not 0 <= receipt.take < len(seeds) or seeds[receipt.take] != source.controls.seed:
        yield "its take is none of the request"
    elif receipt.tempo_fit is None and receipt.seed != source.controls.seed:
        yield f"its seed is {receipt.seed}, and the clip was made from {source.controls.seed}"
    yield from _mistaken_lengths(receipt, source)


def _mistaken_lengths(receipt: Receipt, source: MadeFrom) -> Iterator[str]:
    window = source.window
    if not (0 < window.seconds <= MAX_CLIP and 8000 <= window.sample_rate_hz <= 192_000):
        yield "its length or sample rate cannot be"
    elif window.frames != round(window.sample_rate_hz * window.seconds) or window.frames != receipt.frames:
        yield "its frames are not those of its seconds"
    elif abs(_seconds_of(source.controls) - window.seconds) > SAME_TIME_S:
        yield "what the engine was given is of another length"
    if (receipt.start, receipt.bars) != (window.start, window.bars):
        yield "its bars are not those that were made"
    if not (-70 <= source.loudness_lufs <= 0 and -60 <= source.ceiling_dbfs <= 0):
        yield "its loudness cannot be"


def _seconds_of(controls: EngineControls) -> float:
    """How long a clip the controls ask for."""
    if isinstance(controls, SketchChart):
        return controls.tempo_map.seconds_between(controls.start, controls.end)
    return controls.duration_s


def request_of(receipt: Receipt, source: MadeFrom) -> GenerationRequest:
    """The request that a clip came of; of the sketch engine, whose takes do not depend on each other, one take."""
    seeds: Sequence[int] = (source.controls.seed,) if receipt.engine == SKETCH else source.seeds
    return GenerationRequest(
        id=receipt.request_id,
        revision=0,
        engine=receipt.engine,
        controls=tuple(dataclasses.replace(source.controls, seed=seed) for seed in seeds),
        window=source.window,
        prompt=receipt.prompt,
        target=receipt.target,
        model=receipt.model,
        weights_licence=receipt.weights_licence,
        loudness_lufs=source.loudness_lufs,
        ceiling_dbfs=source.ceiling_dbfs,
    )


def _require_files(source: MadeFrom, folders: Sequence[Path]) -> None:
    """See that audio which the engine heard lies where it may be read, and is what it was."""
    for used in source.files:
        try:
            real = used.path.resolve()
            inside = any(real.is_relative_to(folder.resolve()) for folder in folders)
            if not inside:
                raise CannotReplay(
                    f"The receipt names the audio file {used.path}, which lies in none of your folders of audio: allow "
                    f"its folder with --audio-folder {used.path.parent}, if you trust the receipt."
                )
            found = sha256_of(real) if real.is_file() else None
        except (OSError, RuntimeError, ValueError) as error:
            text = f"The audio file {used.path}, which the engine heard, cannot be read: {error}."
            raise CannotReplay(text) from None
        if found is None:
            raise CannotReplay(f"The audio file {used.path}, which the engine heard, is no longer there.")
        if found != used.sha256:
            raise CannotReplay(f"The audio file {used.path}, which the engine heard, has changed since.")
    if not {used.path for used in source.files}.issuperset(files_of(source.controls)):
        raise CannotReplay("The receipt was changed by hand: it names audio without its checksum.")


def _with_weights(receipt: Receipt, config: Config) -> Config:
    """The configuration with the model that a clip was made by. Raises ``CannotReplay`` where it is not here."""
    if receipt.engine == SKETCH:
        return config
    wanted = _WEIGHTS.search(receipt.model or "")
    store = config.engine.models
    folders = [folder for folder, _ in models_here(store)]
    try:
        folders.insert(0, find_model(model_name(receipt.engine, config), store))
    except ModelError as error:
        log.info("%s", error)
    for folder in folders:
        card = read_card(folder)
        if wanted and card.kind == receipt.engine and card.tensors_sha256.startswith(wanted[1]):
            section = getattr(config, receipt.engine).model_copy(update={"model": str(folder)})
            return config.model_copy(update={receipt.engine: section})
    get = "it came with another version of Sideman" if COMES_WITH_US in (receipt.model or "") else "pull or convert it"
    raise CannotReplay(
        f"The clip was made by the model {receipt.model}, and no model on this machine has these weights: {get}, or "
        "name it with --model."
    )


def _made(request: GenerationRequest, receipt: Receipt, config: Config, report: Callable[[float], None]) -> Made:
    engine = open_engine(
        receipt.engine,
        EngineOptions(
            soundfont=config.engine.soundfont,
            models=model_folders(config),
            kit=config.jasco.kit,
            device=config.engine.device,
            codecs=codec_folder(config.engine.models),
            dtype=config.engine.dtype,
            graphs="off",
            memory=speed_memory(),
        ),
        warm=False,
    )
    take = 0 if receipt.engine == SKETCH else receipt.take
    takes = make_takes(engine, request, report=report, cancelled=lambda: False)
    try:
        return next(itertools.islice(takes, take, None))
    except SidemanError:
        raise
    except Exception as error:
        log.exception("replay of %s", request.id)
        raise CannotReplay(
            f"The engine {receipt.engine} cannot play what the receipt holds ({type(error).__name__}: {error})."
        ) from None


def _differences(receipt: Receipt, source: MadeFrom, config: Config, made: Made) -> Iterator[str]:
    """What is other here than it was when the clip was made, of what decides the sound."""
    here = engine_versions(receipt.engine)
    for name in sorted(here.keys() | receipt.versions.keys()):
        if here.get(name) != receipt.versions.get(name):
            yield f"{name} was {receipt.versions.get(name, 'not there')} and is {here.get(name, 'not there')}"
    if made.computed_on != receipt.computed_on:
        yield f"it was computed on {receipt.computed_on}, and now on {made.computed_on}"
    if source.sounds_sha256 and source.sounds_sha256 != sounds_sha256(receipt.engine, config):
        yield f"the soundfont or drum kit is another one than {receipt.soundfont}"


def _receipt_again(
    receipt: Receipt, request: GenerationRequest, made: Made, differences: Sequence[str], now: datetime, *, same: bool
) -> Receipt:
    """The receipt of the clip that was made again: what is known of it now, and nothing that the player said."""
    facts = facts_of(request, receipt.take, made)
    told = (
        ()
        if same
        else (
            Notice(
                code="replay", message=f"Made again, and not the same: {'; '.join(differences) or 'why is not known'}."
            ),
        )
    )
    return dataclasses.replace(
        receipt,
        kept=False,
        rejected=False,
        placed="",
        tags=(),
        loudness_lufs=facts.loudness_lufs,
        peak_dbfs=facts.peak_dbfs,
        gain_db=facts.gain_db,
        limited_db=facts.limited_db,
        computed_on=facts.computed_on,
        versions=facts.versions,
        seconds_spent=facts.seconds_spent,
        created_at=now.isoformat(timespec="seconds"),
        notices=(*receipt.notices, *told),
    )
