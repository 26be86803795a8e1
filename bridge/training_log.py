"""The log of a training run: a line of JSON for each note, and for each time that it was listened to.

``{"step": 25, "rate": 0.001, "loss": 4.02, ...}`` are means since the note before; ``{"step": 1000, "heard": {...}}``
are scores.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, ValidationError

from models.errors import TrainingError
from models.training_files import write_whole
from models.training_run import Noted

DIGITS: Final = 6
DISTANCES: Final = frozenset({"mel", "mel-quantised"})
"""What was heard that is no share: decades of the mel spectrum."""


class _Line(BaseModel):
    model_config = ConfigDict(frozen=True, extra="allow")

    step: int
    heard: dict[str, float] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """What a log holds: figures and scores by name, each a list of steps and values."""

    figures: Mapping[str, Sequence[tuple[int, float]]]
    heard: Mapping[str, Sequence[tuple[int, float]]]


class TrainingLog:
    """The file, held open for one run."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def cut_to(self, step: int) -> None:
        """Drop what was noted after a step, and a last line that was not written whole. Raises ``TrainingError``."""
        if not self._path.exists():
            return
        kept = [line for line in self._lines() if line.step <= step]
        text = "".join(json.dumps(_values(line)) + "\n" for line in kept)
        write_whole(self._path, text.encode(), "The log")

    def note(self, noted: Noted) -> None:
        """Add figures. Raises ``TrainingError``."""
        figures = {name: round(value, DIGITS) for name, value in noted.figures.items()}
        self._add({"step": noted.step, "rate": noted.rate, **figures})

    def hear(self, step: int, heard: Mapping[str, float]) -> None:
        """Add scores. Raises ``TrainingError``."""
        self._add({"step": step, "heard": {name: round(value, DIGITS) for name, value in heard.items()}})

    def was_heard(self, step: int) -> bool:
        """Whether there are scores of a step."""
        return any(line.step == step and line.heard is not None for line in self._lines())

    def read(self) -> Lines:
        """All of it."""
        figures: dict[str, list[tuple[int, float]]] = {}
        heard: dict[str, list[tuple[int, float]]] = {}
        for line in self._lines():
            target, values = (heard, line.heard) if line.heard is not None else (figures, line.model_extra)
            for name, value in (values or {}).items():
                if isinstance(value, int | float):
                    target.setdefault(name, []).append((line.step, float(value)))
        return Lines(figures=figures, heard=heard)

    def _lines(self) -> list[_Line]:
        try:
            text = self._path.read_text(encoding="utf-8", errors="replace") if self._path.exists() else ""
        except OSError as error:
            raise TrainingError(f"The log {self._path} cannot be read: {error.strerror or error}.") from error
        lines = []
        for one in text.splitlines():
            try:
                lines.append(_Line.model_validate_json(one))
            except ValidationError:
                continue
        return lines

    def _add(self, values: Mapping[str, Any]) -> None:
        try:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(values) + "\n")
        except OSError as error:
            raise TrainingError(
                f"The log {self._path} cannot be written ({error.strerror or error}): make room, and the same command "
                "goes on."
            ) from error


def _values(line: _Line) -> dict[str, Any]:
    return line.model_dump(mode="json", exclude_none=True)
