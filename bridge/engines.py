"""The table of engines: their names, and whether they can run here."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Final

from bridge.errors import EngineUnavailable


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineInfo:
    """One engine. ``missing`` says why it cannot run in this version; None where it can."""

    name: str
    summary: str
    missing: str | None = None


SKETCH: Final = "sketch"
JASCO: Final = "jasco"
MAGNET: Final = "magnet"


ENGINES: Final[dict[str, EngineInfo]] = {
    info.name: info
    for info in (
        EngineInfo(name=SKETCH, summary="Plays the chart from a soundfont: no weights, no GPU."),
        EngineInfo(
            name=JASCO,
            summary="Flow matching from text, chords, drums and melody; plays a small model of its own, or another."
            " See sideman models.",
        ),
        EngineInfo(
            name=MAGNET,
            summary="Masked tokens from text, and audio to go on from; needs a model, see sideman models.",
        ),
    )
}


def require_engine(name: str) -> EngineInfo:
    """The engine of that name. Raises ``EngineUnavailable`` when there is none, or it cannot run here."""
    info = ENGINES.get(name)
    if info is None:
        near = difflib.get_close_matches(name, ENGINES, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise EngineUnavailable(f"There is no engine {name[:64]!r}; the engines are {', '.join(ENGINES)}.{hint}")
    if info.missing is not None:
        raise EngineUnavailable(f"The engine {name} cannot run: {info.missing}. Use the engine sketch.")
    return info
