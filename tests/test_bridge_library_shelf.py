"""Category: integration. The list of clips out of the library, and out of the folder where the library has them not."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from library_clips import write

from bridge.clips import ClipFolder
from bridge.library import Library
from bridge.library_shelf import LibraryShelf
from bridge.session import SessionState


class Scene:
    """A folder with clips, its library, and how often the folder was read."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = ClipFolder(path)
        self.library = Library(self.folder)
        self.shelf = LibraryShelf(path, self.library, SessionState)
        self.reads = 0
        scandir = os.scandir

        def counted(where: Path) -> Iterator[os.DirEntry[str]]:
            self.reads += Path(where) == path
            return scandir(where)

        monkeypatch.setattr(os, "scandir", counted)

    def write(self, *names: str) -> None:
        for place, name in enumerate(names):
            clip = write(self.folder, name, created_at=f"2026-01-01T00:00:{place:02}+00:00")
            for path in (clip.path, clip.receipt_path):
                os.utime(path, (1000 + place, 1000 + place))

    def page(self, limit: int = 50, offset: int = 0) -> tuple[list[str], int]:
        page = self.shelf.page(limit, offset)
        return [clip.receipt.request_id for clip in page.clips], page.total


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    scene = Scene(tmp_path, monkeypatch)
    yield scene
    scene.library.close()


def test_the_list_is_the_folders_until_it_was_scanned_and_then_the_librarys(scene: Scene) -> None:
    scene.write("a", "b", "c")
    assert scene.page() == (["c", "b", "a"], 3)
    assert scene.reads == 1
    scene.library.scan()
    scene.reads = 0
    assert scene.page() == (["c", "b", "a"], 3)
    assert scene.page(limit=1, offset=1) == (["b"], 3)
    assert scene.page(limit=2, offset=2) == (["a"], 3)
    assert scene.reads == 0


def test_a_clip_that_is_not_taken_in_yet_is_listed_once_and_first(scene: Scene) -> None:
    scene.write("a", "b")
    scene.library.scan()
    scene.reads = 0
    new = write(scene.folder, "new", created_at="2026-01-01T00:01:00+00:00")
    scene.library.announce(new.path)
    assert scene.page() == (["new", "b", "a"], 3)
    assert [scene.page(limit=1, offset=offset) for offset in range(4)] == [
        (["new"], 3),
        (["b"], 3),
        (["a"], 3),
        ([], 3),
    ]
    assert scene.page(limit=2) == (["new", "b"], 3)
    scene.library.refresh(new.path)
    assert scene.page() == (["new", "b", "a"], 3)
    assert scene.library.awaited() == []
    assert scene.reads == 0


def test_files_that_were_taken_away_by_hand_are_not_listed_nor_counted(scene: Scene) -> None:
    scene.write("a", "b", "c")
    scene.library.scan()
    next(scene.folder.path.glob("sideman-b*.wav")).unlink()
    assert scene.page() == (["c", "a"], 2)


def test_a_library_that_cannot_be_read_costs_no_list(scene: Scene) -> None:
    scene.write("a", "b")
    scene.library.scan()
    scene.library.close()
    scene.library.path.unlink()
    scene.library.path.mkdir()
    assert scene.page() == (["b", "a"], 2)
