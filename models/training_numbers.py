"""Ranges of the numbers that a training is told; ``pydantic`` checks them where they come from a file."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import ConfigDict, Field

Count = Annotated[int, Field(strict=True, ge=1)]
Share = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]
Weight = Annotated[float, Field(ge=0.0, le=1e6, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0.0, le=1e6, allow_inf_nan=False)]

CLOSED: Final = ConfigDict(extra="forbid")
"""A table takes no key that it does not know."""
