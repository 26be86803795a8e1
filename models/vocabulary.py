"""JASCO's chord vocabulary. Importing this module imports no torch."""

from __future__ import annotations

import importlib.resources
import json
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Final

NO_CHORD: Final = "N"
UNKNOWN_CHORD: Final = "UNK"
"""Its row was never trained: nothing may ask for it."""


@cache
def chord_vocabulary() -> Mapping[str, int]:
    """Meta's 194 chord labels and their indices; ``N`` is 0, and the row of ``UNK`` was never trained."""
    text = importlib.resources.files("models").joinpath("chord_vocab.json").read_text(encoding="utf-8")
    return MappingProxyType(json.loads(text))
