"""Listeners on Live's objects: added once, and every one of them removed again.

Live forbids changes while it tells of one ("Changes cannot be triggered by notifications"), so a listener here only
notes that something changed; the tick reads and acts.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Dict, List, Tuple

    from .lom import Listener


class Listeners:
    """Groups of listeners; a group is removed as a whole."""

    def __init__(self) -> None:
        self._groups: Dict[str, List[Tuple[object, str, Listener]]] = {}

    def add(self, group: str, subject: object, name: str, callback: Listener) -> bool:
        """Listen to a property; False where this Live has no such property, or the object is gone.

        Each ``callback`` is an object of its own: Live takes one only once for a property.
        """
        adder = getattr(subject, "add_%s_listener" % name, None)
        if adder is None:
            return False
        try:
            adder(callback)
        except RuntimeError:
            return False
        self._groups.setdefault(group, []).append((subject, name, callback))
        return True

    def clear(self, group: str) -> None:
        """Remove the listeners of a group; those of objects that are gone went with them."""
        for subject, name, callback in self._groups.pop(group, []):
            with contextlib.suppress(RuntimeError, AttributeError):
                if getattr(subject, "%s_has_listener" % name)(callback):
                    getattr(subject, "remove_%s_listener" % name)(callback)

    def clear_all(self) -> None:
        """Remove every listener."""
        for group in list(self._groups):
            self.clear(group)

    @property
    def count(self) -> int:
        """How many listeners there are."""
        return sum(len(group) for group in self._groups.values())
