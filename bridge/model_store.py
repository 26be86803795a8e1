"""Where models lie on this machine, and which of them an option means. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final, get_args

import platformdirs

from bridge.user_paths import expanded
from models import bundled
from models.bundled import BUNDLED, COMES_WITH_US
from models.card import CARD_FILE, Card, read_card
from models.catalogue import ECDC_CODECS, RELEASES, Kind, find_release, nearest_release
from models.errors import ModelError
from models.released_names import STATE_FILE

DOWNLOADS: Final = ".downloads"
"""The folder in the store with what is on its way."""


def default_store() -> Path:
    """The folder of converted models when none is configured."""
    return platformdirs.user_data_path("sideman", appauthor=False) / "models"


def speed_memory() -> Path:
    """The file that what was measured of this machine's speed is noted in."""
    return platformdirs.user_cache_path("sideman", appauthor=False) / "speed.json"


def local_name(name: str) -> str:
    """The folder of a model in the store: its short name, or its repository with dashes for the slash."""
    release = find_release(name)
    return release.name if release else name.replace("/", "--")


def codec_folder(store: Path) -> Path:
    """Where the weights of EnCodec's own file format lie."""
    return store / ".codecs"


def find_model(name: str, store: Path) -> Path:
    """The folder of a model that a short name, a repository of the Hub or a path means. Raises ``ModelError``.

    A model in the store goes before the bundled one of the same name.
    """
    if not name.strip():
        raise ModelError("The name of the model is empty; sideman models list names them.")
    try:
        path = expanded(Path(name))
    except ValueError as error:
        raise ModelError(f"{error}.") from error
    kept = store / local_name(name)
    for folder in (path, kept):
        if (folder / CARD_FILE).is_file():
            return folder
    if name == BUNDLED:
        return bundled_model()
    if (path / STATE_FILE).is_file():
        raise ModelError(f"{path} is a checkpoint as it was released: run sideman models convert {path} first.")
    if path.is_absolute() or path.exists() or name.startswith((".", "~")):
        raise ModelError(f"{path} is no converted model: name a folder that sideman models convert made.")
    if find_release(name) or "/" in name:
        raise ModelError(f"The model {name} is not on this machine: run sideman models pull {name}.")
    near = nearest_release(name)
    hint = f"did you mean {near}?" if near else "sideman models list names them."
    raise ModelError(f"There is no model {name!r}; {hint}")


def bundled_model() -> Path:
    """The folder of the model that comes with Sideman. Raises ``ModelError`` where this installation lacks it."""
    if not (bundled.FOLDER / CARD_FILE).is_file():
        raise ModelError(f"This installation lacks {BUNDLED}, the model that comes with Sideman: install it again.")
    return bundled.FOLDER


def kind_of(name: str, store: Path) -> Kind | None:
    """Which engine plays a model, by the table of releases or by its card; None for one that is not known."""
    release = find_release(name)
    if release:
        return release.kind
    try:
        kind = read_card(find_model(name, store)).kind
    except ModelError:
        return None
    return next((known for known in get_args(Kind) if known == kind), None)


def stored_models(store: Path) -> Iterator[tuple[Path, Card]]:
    """Every readable model in the store."""
    for path in sorted(store.glob(f"[!.]*/{CARD_FILE}")):
        try:
            yield path.parent, read_card(path.parent)
        except ModelError:
            continue


def models_here(store: Path) -> Iterator[tuple[Path, Card]]:
    """Every readable model on this machine: those in the store, and the bundled one."""
    yield from stored_models(store)
    try:
        folder = bundled_model()
        yield folder, read_card(folder)
    except ModelError:
        return


def model_lines(store: Path) -> Iterator[str]:
    """The known models and those on this machine, one line each."""
    here = {path.name: card for path, card in stored_models(store)}
    if BUNDLED not in here:
        yield _bundled_line()
    for release in RELEASES.values():
        first = " (accept its licence on the Hub first)" if release.gated else ""
        state = "on this machine" if release.name in here else f"sideman models pull {release.name}{first}"
        yield f"{release.name:20} {release.summary:38} {release.licence:14} {state}"
    for name, codec in ECDC_CODECS.items():
        there = (codec_folder(store) / codec.weights).is_file()
        state = "on this machine" if there else f"sideman models pull {name}"
        yield f"{name:20} {'codec of .ecdc files':38} {'CC-BY-NC-4.0':14} {state}"
    for name, card in here.items():
        if name not in RELEASES:
            yield f"{name:20} {_summary(card):38} {card.licence:14} on this machine"


def _bundled_line() -> str:
    try:
        card = read_card(bundled_model())
    except ModelError as error:
        return f"{BUNDLED:20} {error}"
    return f"{BUNDLED:20} {_summary(card):38} {card.licence:14} {COMES_WITH_US}"


def _summary(card: Card) -> str:
    return card.summary or f"{card.kind}, {card.segment_s:g} s at a time"
