"""Sideman for Ableton Live: a Remote Script that tells the daemon of the session, and takes its clips into it.

Live imports this package with its own Python (3.7 in Live 11, 3.11 in Live 12) and calls ``create_instance``. It needs
nothing but the standard library and Live's own objects. ``docs/ableton.md`` says how it is installed and used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .surface import Sideman

if TYPE_CHECKING:
    from .lom import Instance

__all__ = ["Sideman", "create_instance"]


def create_instance(c_instance: Instance) -> Sideman:
    """What Live calls when Sideman is chosen as a control surface."""
    return Sideman(c_instance)
