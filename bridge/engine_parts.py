"""What the engines play with: the soundfont, and the model of a neural one. Nothing is loaded here."""

from __future__ import annotations

from pathlib import Path

from bridge.config import EngineConfig
from bridge.engines import JASCO, SKETCH
from bridge.jasco_plan import JascoSettings
from bridge.model_store import find_model
from models.card import read_card
from models.errors import ModelError
from models.soundfont_file import find_soundfont


def model_folder(config: EngineConfig) -> Path | None:
    """The converted model that the engine process is given; None when it is not on this machine."""
    try:
        return find_model(config.model, config.models)
    except ModelError:
        return None


def jasco_settings(engine: str, config: EngineConfig) -> JascoSettings | None:
    """How JASCO is asked, when ``engine`` is that. Raises ``ModelError`` when its model is not on this machine."""
    if engine != JASCO:
        return None
    card = read_card(find_model(config.model, config.models))
    return JascoSettings(
        model=f"{card.name} ({card.repository or 'converted here'}, SHA-256 {card.tensors_sha256[:12]})",
        licence=card.licence,
        segment_s=card.segment_s,
        melody=card.melody,
        all_weight=config.all_weight,
        text_weight=config.text_weight,
        solver=config.solver,
    )


def require_parts(config: EngineConfig) -> None:
    """See that what the engine plays with is there, without loading it. Raises ``SoundfontError`` or ``ModelError``."""
    if config.name == SKETCH:
        find_soundfont(config.soundfont)
    jasco_settings(config.name, config)
