"""Getting released checkpoints from the Hugging Face Hub: resumable, and with errors that say what to do.

What has come is kept until the model is converted, so an interrupted pull goes on where it stopped.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from filelock import FileLock, Timeout
from huggingface_hub import HfApi, ModelInfo
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
)
from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

from models.bundled import BUNDLED
from models.card import CARD_FILE, Card, read_card
from models.catalogue import Kind, Release, find_release, nearest_release
from models.download import download
from models.errors import ModelError
from models.folders import require_ours
from models.released_names import CODEC_FILE, CODEC_WEIGHTS_FILE, STATE_FILE

_TEXT_REPOSITORIES: Final = {"t5-base": "google-t5/t5-base", "t5-large": "google-t5/t5-large"}
_TEXT_FILES: Final = ("config.json", "model.safetensors", "tokenizer.json")
_TOKENIZER_OPTIONS: Final = "tokenizer_config.json"


def pull(
    name: str, target: Path, downloads: Path, *, report: Callable[[float, str], None] = lambda share, step: None
) -> Card:
    """Download a release by short name or repository, and put it, converted, into the folder ``target``.

    ``downloads`` holds what is on its way; a model's part goes once it is converted, or found unfit. ``report``
    is told the share that is done and the step. Raises ``ModelError``; then ``target`` is as it was.
    """
    if name == BUNDLED:
        raise ModelError(f"{BUNDLED} comes with Sideman: there is nothing to pull.")
    release = find_release(name)
    repository = release.repository if release else name
    if "/" not in repository:
        near = nearest_release(name)
        raise ModelError(
            f"There is no model {name!r}{f'; did you mean {near}?' if near else '.'} "
            "sideman models list names them all; OWNER/NAME is a repository of the Hub."
        )
    require_ours(target, CARD_FILE)  # before gigabytes are downloaded for it
    folder = downloads / repository.replace("/", "--")
    with one_pull(downloads):
        return _pulled(release or name, repository, folder, target, report)


@contextlib.contextmanager
def one_pull(downloads: Path) -> Iterator[None]:
    """One pull at a time: models share their codec and text encoder. Raises ``ModelError`` where one is under way."""
    try:
        downloads.mkdir(parents=True, exist_ok=True)
        held = FileLock(downloads / "pull.lock").acquire(timeout=0)
    except Timeout as error:
        raise ModelError("Another model is being pulled: wait for it to end, then pull this one.") from error
    except OSError as error:
        raise ModelError(f"{downloads} cannot be written: {error.strerror or error}.") from error
    with held:
        yield


def _pulled(
    wanted: Release | str, repository: str, folder: Path, target: Path, report: Callable[[float, str], None]
) -> Card:
    """Download, convert, and remove what was downloaded; it is kept where a second try could go on with it.

    ``wanted`` is the release, or the name of one that the table does not have.
    """
    downloads = folder.parent
    release = wanted if isinstance(wanted, Release) else None
    with _explaining(repository):
        report(0.0, f"Asking for {repository}")
        information = HfApi().model_info(repository)
        revision = information.sha or ""
        here = _already_there(target, repository, revision)
        if here:
            report(1.0, f"{repository} is here, in the version that the Hub has")
            return here
        for start, size, file in ((0.0, 0.02, CODEC_FILE), (0.02, 0.6, STATE_FILE)):
            told = _steps(report, f"Downloading {file}", start, size)
            download(repository, file, folder, revision=revision, report=told)
    with _removed_when_unfit(folder):
        codec, text_model, kind = _needs(folder)
    parts = [folder]
    codec_config = None
    if codec:
        codec_config = _codec(codec, downloads, weights=kind == "magnet")
        parts.append(codec_config.parent)
    text = _text_encoder(text_model, downloads, _steps(report, "Downloading the text encoder", 0.62, 0.18))
    parts.append(text)
    _try_parts(codec_config, text, weights=kind == "magnet")
    from models.checkpoints import convert  # noqa: PLC0415  torch is loaded when there is something to convert

    with _removed_when_unfit(folder):
        card = convert(
            folder,
            target,
            text_encoder=text,
            codec_config=codec_config,
            name=wanted.name if isinstance(wanted, Release) else wanted,
            repository=repository,
            revision=revision,
            licence=release.licence if release else _licence_of(information),
            report=_steps(report, "Converting", 0.8, 0.2),
        )
    for part in parts:
        shutil.rmtree(part, ignore_errors=True)
    return card


def _already_there(target: Path, repository: str, revision: str) -> Card | None:
    """The card of a model that is whole by its files and of the version that the Hub has; None for any other."""
    try:
        card = read_card(target)
    except ModelError:
        return None
    return card if revision and (card.repository, card.revision) == (repository, revision) else None


def _licence_of(information: ModelInfo) -> str:
    """The licence that a repository's own card names."""
    named = getattr(information.card_data, "license", None)
    return str(named).upper() if named else "unknown"


@contextlib.contextmanager
def _removed_when_unfit(folder: Path) -> Iterator[None]:
    """Remove a download that was found unfit; where the disk or the user stopped the work, it is kept."""
    try:
        yield
    except ModelError as error:
        if not _is_of_the_disk(error.__cause__):
            shutil.rmtree(folder, ignore_errors=True)
        raise


def _is_of_the_disk(error: BaseException | None) -> bool:
    """Whether the system said it; libraries raise ``OSError`` without a number for what a file holds."""
    return isinstance(error, OSError) and error.errno is not None


@contextlib.contextmanager
def _explaining(repository: str) -> Iterator[None]:
    """Turn the failures of the Hub and of the disk into a ``ModelError``."""
    try:
        yield
    except Exception as error:
        told = _explained(error, repository)
        if told is error:
            raise
        raise told from error


def _needs(folder: Path) -> tuple[str | None, str, Kind]:
    """The codec that a released checkpoint names, if it does, its text encoder, and its kind. Raises ``ModelError``."""
    from models.released import read_codec_source, read_kind, read_state, read_text_model  # noqa: PLC0415
    from models.xp_config import XpConfig  # noqa: PLC0415

    config = XpConfig(read_state(folder).xp_config)
    return read_codec_source(folder).pretrained, read_text_model(config), read_kind(config)


def _try_parts(codec_config: Path | None, text: Path, *, weights: bool) -> None:
    """Read the codec and the text encoder on their own, so that what conversion then refuses is the checkpoint.

    One that cannot be read is removed, and the checkpoint stays. Raises ``ModelError``.
    """
    from models.released import transformers_codec_config, transformers_codec_state  # noqa: PLC0415
    from models.text import load_t5_encoder  # noqa: PLC0415

    if codec_config is not None:
        with _removed_when_unfit(codec_config.parent):
            transformers_codec_config(codec_config)
            if weights:
                transformers_codec_state(codec_config.parent)
    with _removed_when_unfit(text):
        load_t5_encoder(text, local_only=True)


def _codec(repository: str, downloads: Path, *, weights: bool) -> Path:
    """The ``config.json`` of a codec, its weights beside it where they are wanted. Raises ``ModelError``."""
    folder = downloads / repository.replace("/", "--")
    with _explaining(repository):
        validate_repo_id(repository)
        if weights:
            download(repository, CODEC_WEIGHTS_FILE, folder)
        return download(repository, "config.json", folder)


def _steps(report: Callable[[float, str], None], step: str, start: float, size: float) -> Callable[[float], None]:
    """Progress of one step, told as that of the whole."""
    report(start, step)
    return lambda share: report(start + share * size, step)


def local_text_encoder(name: str, downloads: Path, report: Callable[[float], None] = lambda share: None) -> Path:
    """The folder of a text encoder: ``name`` itself, or what the Hub has under that. Raises ``ModelError``."""
    return Path(name) if Path(name).is_dir() else _text_encoder(name, downloads, report)


def _text_encoder(name: str, downloads: Path, report: Callable[[float], None]) -> Path:
    """What the Hub has of a text encoder. A checkpoint names it, so it is never taken for a folder that lies here."""
    repository = _TEXT_REPOSITORIES.get(name, name)
    folder = downloads / repository.replace("/", "--")
    with _explaining(repository):
        validate_repo_id(repository)
        for file in _TEXT_FILES:
            download(repository, file, folder, report=report if file.endswith(".safetensors") else lambda share: None)
        with contextlib.suppress(EntryNotFoundError):
            download(repository, _TOKENIZER_OPTIONS, folder)
    return folder


def _explained(error: Exception, repository: str) -> Exception:
    """A failure of the Hub in words; what is none of its failures comes back as it is."""
    if isinstance(error, ModelError):
        return error
    page = f"https://huggingface.co/{repository}"
    match error:
        case GatedRepoError():
            text = (
                f"{repository} is given only to those who accepted its licence: do that at {page}, "
                "then put a token into HF_TOKEN, or run: hf auth login."
            )
        case RepositoryNotFoundError():
            text = (
                f"The Hub shows no repository {repository}: see the name, and if it is private or gated, put a token "
                "into HF_TOKEN, or run: hf auth login."
            )
        case LocalEntryNotFoundError() | ConnectionError():
            text = f"The Hub cannot be reached ({_first_line(error)}). What came so far is kept; try again."
        case EntryNotFoundError():
            text = f"{repository} lacks a file that is needed ({_file_of(error)}): it is another kind of model."
        case HfHubHTTPError() | HFValidationError():
            text = f"The Hub did not give {repository}: {_first_line(error)}."
        case _ if type(error).__module__.startswith("httpx"):
            text = f"The Hub cannot be reached ({_first_line(error)}). What came so far is kept; try again."
        case OSError() if error.errno is not None:
            text = f"{repository} could not be stored: {error.strerror or error}."
        case OSError():
            text = f"{repository} did not come whole ({_first_line(error)}): pull it again."
        case _:
            return error
    return ModelError(text)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200].rstrip(".")


def _file_of(error: EntryNotFoundError) -> str:
    """The file that the Hub was asked for."""
    response = getattr(error, "response", None)
    return unquote(str(response.request.url).rsplit("/", maxsplit=1)[-1]) if response is not None else "unnamed"
