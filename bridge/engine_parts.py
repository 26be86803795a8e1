"""What the engines play with: the soundfont, and the models of the neural ones. Nothing is loaded here."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from bridge.config import Config
from bridge.engines import JASCO, MAGNET, SKETCH
from bridge.errors import SidemanError
from bridge.jasco_plan import JascoSettings
from bridge.magnet_plan import MagnetSettings
from bridge.model_store import find_model
from bridge.neural_config import overlaid_jasco, overlaid_magnet
from models.bundled import COMES_WITH_US, is_bundled
from models.card import Card, read_card
from models.checksums import sha256_of
from models.errors import ModelError
from models.soundfont_file import find_soundfont

NEURAL: Final = (JASCO, MAGNET)
ModelSettings = JascoSettings | MagnetSettings


def model_name(engine: str, config: Config) -> str:
    """The model that a neural engine is configured to play."""
    return config.jasco.model if engine == JASCO else config.magnet.model


def model_folders(config: Config) -> dict[str, Path]:
    """The converted models that the engine process is given, by engine; those that are on this machine."""
    folders = {}
    for engine in NEURAL:
        try:
            folders[engine] = find_model(model_name(engine, config), config.engine.models)
        except ModelError:
            continue
    return folders


def model_settings(engine: str, config: Config, settings: Iterable[tuple[str, str]] = ()) -> ModelSettings | None:
    """How a neural engine is asked; None for the sketch engine. ``settings`` are the session's own.

    Raises ``ModelError`` when the model is not on this machine, or is another engine's.
    """
    if engine == SKETCH:
        return None
    name = model_name(engine, config)
    folder = find_model(name, config.engine.models)
    card = read_card(folder)
    if card.kind != engine:
        raise ModelError(f"{name} is a model of the engine {card.kind}, not of {engine}: name another one.")
    if engine == JASCO:
        jasco = overlaid_jasco(config.jasco, settings)
        asked = jasco.asked(card.recommended)
        return JascoSettings(
            model=_described(card, folder),
            licence=card.licence,
            segment_s=card.segment_s,
            frame_rate_hz=card.frame_rate_hz,
            melody=card.melody,
            all_weight=asked.all_weight,
            text_weight=asked.text_weight,
            solver=asked.solver,
            caption=jasco.caption,
        )
    magnet = overlaid_magnet(config.magnet, settings)
    return MagnetSettings(
        model=_described(card, folder),
        licence=card.licence,
        segment_s=card.segment_s,
        decoding=magnet.decoding(sound=card.sound),
        caption=magnet.caption,
        tempo_fit=magnet.tempo_fit and not card.sound,
    )


def sound_source(engine: str, config: Config) -> Path | None:
    """What the notes of an engine sound with: the kit of JASCO's drums, or the soundfont; None is the bundled one."""
    return config.jasco.kit if engine == JASCO and config.jasco.kit else config.engine.soundfont


def sounds_sha256(engine: str, config: Config) -> str | None:
    """The checksum of all that an engine's notes sound with; None where it has none, or it cannot be read."""
    if engine not in {SKETCH, JASCO}:
        return None
    try:
        return "-".join(_checksums(engine, config))
    except (OSError, SidemanError):
        return None


def _checksums(engine: str, config: Config) -> Iterator[str]:
    kit = config.jasco.kit if engine == JASCO else None
    if kit and kit.is_dir():
        lines = (f"{path.name} {_known_sha256(path)}" for path in sorted(kit.iterdir()) if path.is_file())
        yield hashlib.sha256("\n".join(lines).encode()).hexdigest()
    elif kit:
        yield _known_sha256(kit)
        return
    yield _known_sha256(find_soundfont(config.engine.soundfont))


def _known_sha256(path: Path) -> str:
    """The SHA-256 of a file, read anew where the file has changed."""
    facts = path.stat()
    return _sha256_as_it_was(path, facts.st_mtime_ns, facts.st_size)


@functools.lru_cache(maxsize=256)
def _sha256_as_it_was(path: Path, changed_ns: int, size: int) -> str:
    return sha256_of(path)


def _described(card: Card, folder: Path) -> str:
    made = "converted here" if card.sources else "trained here"
    origin = card.repository or (COMES_WITH_US if is_bundled(folder) else made)
    return f"{card.name} ({origin}, SHA-256 {card.tensors_sha256[:12]})"


def require_parts(config: Config) -> None:
    """See that what the engine plays with is there, without loading it. Raises ``SoundfontError`` or ``ModelError``."""
    if config.engine.name == SKETCH:
        find_soundfont(config.engine.soundfont)
    model_settings(config.engine.name, config)
