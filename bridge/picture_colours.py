"""The colours of the pictures that Sideman draws."""

from __future__ import annotations

INK, PAPER, ACCENT, FAINT = "#22223b", "#fbfaf7", "#9a348e", "#c9c6d6"
