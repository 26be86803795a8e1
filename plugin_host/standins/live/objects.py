"""What every object of the stand-in shares: listeners as Live's have them, undo, and changes forbidden to listeners."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

Listener = Callable[[], None]

NOT_NOW: Final = "Changes cannot be triggered by notifications. You will need to defer your response."
GONE: Final = "Python argument types did not match C++ signature: the object is not there any more"


class LimitationError(RuntimeError):
    """This edition of Live has no more tracks or scenes."""


class Core:
    """The heart of one program: what is undone, what is deferred, and whether listeners are being told."""

    def __init__(self) -> None:
        self.telling = 0
        self.deferred: list[Listener] = []
        self.steps: list[list[Listener]] = []
        self._open: list[Listener] | None = None

    def change(self, undo: Listener) -> None:
        """Note a change and how it is undone. Raises ``RuntimeError`` while listeners are told."""
        self.may_change()
        if self._open is None:
            self.steps.append([undo])
        else:
            self._open.append(undo)

    def may_change(self) -> None:
        """Raise ``RuntimeError`` while listeners are told."""
        if self.telling:
            raise RuntimeError(NOT_NOW)

    def begin_step(self) -> None:
        """Changes from here on are one step; a step that is open goes on."""
        self._open = [] if self._open is None else self._open

    def end_step(self) -> None:
        """Close the step; an empty one is none."""
        if self._open:
            self.steps.append(self._open)
        self._open = None

    @property
    def step_is_open(self) -> bool:
        """Whether a step was begun and not ended."""
        return self._open is not None

    def undo(self) -> None:
        """Take the last step back."""
        self.end_step()
        if self.steps:
            for undo in reversed(self.steps.pop()):
                undo()

    def settle(self) -> None:
        """Do what was deferred."""
        deferred, self.deferred = self.deferred, []
        for action in deferred:
            action()


class LiveObject:
    """An object with listeners: ``add_NAME_listener``, ``remove_NAME_listener`` and ``NAME_has_listener``.

    Only properties that ``LISTENABLE`` names have them, as in Live.
    """

    LISTENABLE: tuple[str, ...] = ()

    def __init__(self, core: Core) -> None:
        self.core = core
        self.gone = False
        self._listeners: dict[str, list[Listener]] = {}

    def __getattr__(self, name: str) -> Callable[[Listener], Any]:
        """The three listener methods of each listenable property."""
        for start, end, method in (
            ("add_", "_listener", self._add),
            ("remove_", "_listener", self._remove),
            ("", "_has_listener", self._has),
        ):
            subject = name[len(start) : -len(end)]
            if name.startswith(start) and name.endswith(end) and subject in type(self).LISTENABLE:
                return lambda callback: method(subject, callback)
        raise AttributeError(f"{type(self).__name__} has no attribute {name}")

    def check(self) -> None:
        """Raise ``RuntimeError`` when the object was deleted."""
        if self.gone:
            raise RuntimeError(GONE)

    def _add(self, name: str, callback: Listener) -> None:
        self.check()
        if self._has(name, callback):
            raise RuntimeError("Observer already connected")
        self._listeners.setdefault(name, []).append(callback)

    def _remove(self, name: str, callback: Listener) -> None:
        self.check()
        if not self._has(name, callback):
            raise RuntimeError("Observer not connected")
        self._listeners[name].remove(callback)

    def _has(self, name: str, callback: Listener) -> bool:
        self.check()
        return callback in self._listeners.get(name, [])

    def listener_count(self) -> int:
        """Listeners of this object."""
        return sum(len(callbacks) for callbacks in self._listeners.values())

    def tell(self, *names: str) -> None:
        """Call the listeners of properties; none of them may change anything."""
        for name in names:
            for callback in list(self._listeners.get(name, [])):
                self.core.telling += 1
                try:
                    callback()
                finally:
                    self.core.telling -= 1

    def put(self, name: str, value: object, *told: str) -> None:
        """Set a hidden attribute undoably, and tell the listeners of ``told``; setting what is there tells nobody."""
        self.check()
        self.core.may_change()
        before = getattr(self, name)
        if before == value:
            return

        def back() -> None:
            setattr(self, name, before)
            self.tell(*told)

        self.core.change(back)
        setattr(self, name, value)
        self.tell(*told)
