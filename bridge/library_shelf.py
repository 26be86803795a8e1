"""The clips of HTTP out of the library: what a search finds, and what of each take's chart has changed since.

Methods read files, and belong on worker threads.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import Any, Final

from bridge.clip_shelf import FolderShelf, Page, ShelvedClip
from bridge.library import Library, LibraryError
from bridge.library_query import Query, parse_query
from bridge.session import SessionState
from bridge.staleness import changed_parts
from midi.errors import SidemanError

MAX_KEPT: Final = 1024
"""Takes whose staleness is kept until the session changes."""


class LibraryShelf(FolderShelf):
    """The clips of a folder, with what the library and the session know of them."""

    def __init__(self, folder: Path, library: Library, session: Callable[[], SessionState]) -> None:
        """``session`` may be called on any thread."""
        super().__init__(folder)
        self._library, self._session = library, session
        self._stale: OrderedDict[tuple[str, int], list[str] | None] = OrderedDict()
        self._stale_lock = Lock()

    def page(self, limit: int, offset: int) -> Page:
        """The newest clips after the first ``offset``: out of the library, and out of the folder where it has them not.

        That is so until the folder was scanned, when the library cannot be read, and when files were taken away by
        hand. Clips that are not taken in yet come first.
        """
        try:
            page = self._page_of_library(limit, offset)
        except LibraryError:
            page = None
        return page or super().page(limit, offset)

    def _page_of_library(self, limit: int, offset: int) -> Page | None:
        if not self._library.is_scanned:
            return None
        new = [clip for name in self._library.awaited() if (clip := self.get(name))]
        first = new[offset : offset + limit]
        query = Query(limit=max(1, limit - len(first)))
        entries = self._library.search(query, max(0, offset - len(new))) if len(first) < limit else []
        known = [clip for entry in entries if (clip := self.get(entry.id))]
        if len(known) < len(entries):
            return None
        return Page(clips=(*first, *known), total=len(new) + self._library.count(query))

    def found(self, text: str, limit: int, offset: int) -> Page:
        """The clips that a search means. Raises ``BadQuery`` and ``LibraryError``."""
        query = replace(parse_query(text), limit=limit)
        entries = self._library.search(query, offset)
        clips = (self.get(entry.id) for entry in entries)
        return Page(clips=tuple(clip for clip in clips if clip), total=self._library.count(query))

    def view(self, clip: ShelvedClip) -> dict[str, Any]:
        """The clip in a list; ``stale`` lists what of its chart has changed, None where that cannot be told."""
        state = self._session()
        key = (clip.receipt.sha256, state.revision)
        with self._stale_lock:
            if key in self._stale:
                return {**clip.view, "stale": self._stale[key]}
        stale = _changed(clip, state)
        with self._stale_lock:
            self._stale[key] = stale
            while len(self._stale) > MAX_KEPT:
                self._stale.popitem(last=False)
        return {**clip.view, "stale": stale}


def _changed(clip: ShelvedClip, state: SessionState) -> list[str] | None:
    try:
        return list(changed_parts(clip.receipt, state))
    except SidemanError:
        return None
