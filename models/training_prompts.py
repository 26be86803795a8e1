"""Captions while a model is taught: some of their parts are left out, as a session leaves them out."""

from __future__ import annotations

from typing import Final

import torch
from torch import Generator

CAPTION_JOINT: Final = ". "
"""What stands between the parts of a caption."""


def described(caption: str, drop: float, chance: Generator) -> str | None:
    """A caption, each of its parts left out with the chance ``drop``; None where nothing is left."""
    parts = caption.split(CAPTION_JOINT)
    kept = torch.rand(len(parts), generator=chance) >= drop
    return CAPTION_JOINT.join(part for part, keep in zip(parts, kept.tolist(), strict=True) if keep) or None
