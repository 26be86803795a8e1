"""The program around a set: it runs control surfaces, shows their messages, and ticks them ten times a second."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Final, Protocol

from plugin_host.standins.live.clips import WarpMarker
from plugin_host.standins.live.live_set import Song

TICK_S: Final = 0.1
SCRIPTS: Final = Path(__file__).parents[2] / "scripts" / "ableton"
"""Where the shipped Remote Script lies."""


class Surface(Protocol):
    """What Live calls of a control surface."""

    def update_display(self) -> None:
        """Ten times a second."""

    def disconnect(self) -> None:
        """At the end."""


class Instance:
    """The handle that a script gets."""

    def __init__(self, song: Song) -> None:
        self._song = song
        self.messages: list[str] = []
        """What the status bar showed."""
        self.log: list[str] = []

    def song(self) -> Song:
        """The set."""
        return self._song

    def show_message(self, text: str) -> None:
        """Show a line in the status bar."""
        self.messages.append(text)

    def log_message(self, text: str) -> None:
        """Write a line to Log.txt."""
        self.log.append(text)


class Live:
    """The program, with one set and at most one control surface. Its time stands still between ticks."""

    def __init__(self, song: Song) -> None:
        self.song = song
        self.instance = Instance(song)
        self.now = 0.0
        self.surface: Surface | None = None

    def clock(self) -> float:
        """The program's own time in seconds."""
        return self.now

    def tick(self, count: int = 1) -> None:
        """Time goes on by a tick: the song plays, deferred changes come, the control surface is called."""
        for _ in range(count):
            self.now += TICK_S
            if self.song.is_playing:
                self.song.current_song_time += TICK_S * self.song.tempo / 60
            self.song.core.settle()
            if self.surface is not None:
                self.surface.update_display()

    def close(self) -> None:
        """The user quits."""
        if self.surface is not None:
            self.surface.disconnect()
            self.surface = None


@contextmanager
def live_python(scripts: Path = SCRIPTS) -> Iterator[ModuleType]:
    """Import the shipped script as Live does: as the package ``Sideman``, with a module ``Live`` beside it."""
    before = _taken_out()
    live = ModuleType("Live")
    vars(live)["Clip"] = SimpleNamespace(WarpMarker=WarpMarker)
    sys.modules["Live"] = live
    sys.path.insert(0, str(scripts))
    try:
        yield importlib.import_module("Sideman")
    finally:
        sys.path.remove(str(scripts))
        _taken_out()
        sys.modules.update(before)


def _taken_out() -> dict[str, ModuleType]:
    """Forget the modules of Live and of the script; returns them."""
    names = [name for name in sys.modules if name.partition(".")[0] in ("Live", "Sideman")]
    return {name: sys.modules.pop(name) for name in names}
