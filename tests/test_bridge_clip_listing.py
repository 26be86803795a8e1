"""Category: unit. The names of a folder's clips: when the folder is read for them, and when not."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from bridge.clip_shelf import Listing


class Folder:
    """Clips' files of a folder, and how many of them were looked at."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.path, self.looked = path, 0
        self.time_ns = 10**18
        self.listing = Listing(path, lambda: self.time_ns)
        scandir = os.scandir

        def counted(path: Path) -> Any:
            self.looked += 1
            return scandir(path)

        monkeypatch.setattr(os, "scandir", counted)

    def write(self, name: str, at_s: int) -> None:
        path = self.path / f"sideman-{name}.wav"
        path.write_bytes(b"")
        os.utime(path, ns=(at_s * 10**9, at_s * 10**9))

    def changed(self, at_s: int) -> None:
        os.utime(self.path, ns=(at_s * 10**9, at_s * 10**9))
        self.time_ns = at_s * 10**9

    @property
    def names(self) -> list[str]:
        return [name.removeprefix("sideman-") for name in self.listing.newest_first()]


def test_a_folder_is_read_again_only_where_something_of_it_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Folder(tmp_path, monkeypatch)
    for place, name in enumerate(("b", "a", "c")):
        folder.write(name, 100 + place)
    folder.changed(1000)
    folder.time_ns += 10**10
    assert [folder.names for _ in range(3)] == [["c", "a", "b"]] * 3
    assert folder.looked == 1
    folder.write("d", 50)
    (tmp_path / "sideman-a.wav").unlink()
    folder.changed(1001)
    folder.time_ns += 10**10
    assert [folder.names for _ in range(3)] == [["c", "b", "d"]] * 3
    assert folder.looked == 2


def test_a_folder_that_changes_twice_within_its_clocks_grain_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Folder(tmp_path, monkeypatch)
    folder.write("a", 1)
    folder.changed(1000)
    assert folder.names == ["a"]
    folder.write("b", 2)
    folder.changed(1000)
    assert folder.names == ["b", "a"]


def test_a_folder_that_goes_and_comes_back_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "clips").mkdir()
    folder = Folder(tmp_path / "clips", monkeypatch)
    folder.write("a", 1)
    folder.changed(1000)
    folder.time_ns += 10**10
    assert folder.names == ["a"]
    (tmp_path / "clips").rename(tmp_path / "away")
    assert folder.names == []
    (tmp_path / "away").rename(tmp_path / "clips")
    assert folder.names == ["a"]
