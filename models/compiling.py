"""Compiled work where it pays: which of two ways of the same work is the faster one on this machine.

``torch.compile`` takes a while for each shape, and what it is worth depends on the device. So a compiled way is used
where it was asked for and measured to be faster, and never else. It has to be one graph: a break would go back to
Python in every evaluation, and a CUDA graph could not be captured of it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Final, TypeVar

import torch

log = logging.getLogger(__name__)

WORTH: Final = 1.1
"""A compiled way has to be so many times as fast: compiling it costs time at each start."""

Made = TypeVar("Made")
Compiler = Callable[[Callable[..., Any]], Callable[..., Any]]
"""Makes a function of tensors faster, and no other."""


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function compiled for the shapes that it is called with. Raises in a call where it is not one graph."""
    made: Callable[..., Any] = torch.compile(function, fullgraph=True, dynamic=False)
    return made


def faster(plain: Made, other: Callable[[], Made], pace: Callable[[Made], float]) -> Made:
    """The other way where it can be made and is worth it, else the plain one. Both are measured."""
    try:
        made = other()
        ratio = pace(plain) / max(pace(made), 1e-9)
    except RuntimeError as error:  # what torch raises where it cannot compile, and where memory runs out
        log.warning("Work cannot be compiled here, so it is not: %s", (str(error).splitlines() or [""])[0])
        return plain
    log.info("Compiled work is %.2f times as fast here, and is %s", ratio, "used" if ratio >= WORTH else "not used")
    return made if ratio >= WORTH else plain
