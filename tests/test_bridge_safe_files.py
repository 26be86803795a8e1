"""Category: unit. Files put beside other programs': whole or not at all, never over another, never by a link."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from bridge import safe_files
from bridge.safe_files import copy_into, move_into, real_folder, rename_new


def names(number: int) -> str:
    return f"loop_take{number}.wav"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "clip.wav"
    path.write_bytes(b"audio" * 1000)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "pack"
    path.mkdir()
    return path


def no_links(monkeypatch: pytest.MonkeyPatch, number: int = errno.EPERM) -> None:
    """A file system without hard links, or another one than the source's."""

    def link(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", link)


@pytest.mark.parametrize("has_links", [True, False])
def test_a_copy_is_whole_its_own_and_takes_the_first_free_name(
    source: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, has_links: bool
) -> None:
    if not has_links:
        no_links(monkeypatch)
    (folder / names(1)).write_bytes(b"mine")
    (folder / names(2)).symlink_to(folder / "nowhere")
    path = copy_into(source, folder, names)
    assert path == folder / names(3)
    assert path.read_bytes() == source.read_bytes()
    path.write_bytes(b"changed by a DAW")
    assert source.read_bytes() == b"audio" * 1000
    assert (folder / names(1)).read_bytes() == b"mine"
    assert not (folder / "nowhere").exists()
    assert sorted(one.name for one in folder.iterdir()) == [names(1), names(2), names(3)]


@pytest.mark.parametrize("has_links", [True, False])
def test_a_name_that_is_taken_at_the_last_moment_is_not_overwritten(
    source: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, has_links: bool
) -> None:
    if not has_links:
        no_links(monkeypatch)
    (folder / names(1)).write_bytes(b"mine")
    monkeypatch.setattr(os.path, "lexists", lambda _: False)
    assert copy_into(source, folder, names) == folder / names(2)
    assert (folder / names(1)).read_bytes() == b"mine"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS])
def test_nothing_is_left_of_a_copy_that_failed(
    source: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def fsync(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OSError, match=os.strerror(number)):
        copy_into(source, folder, names)
    assert list(folder.iterdir()) == []


def test_a_replacement_that_fails_takes_no_name(source: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    no_links(monkeypatch)

    def replace(*_: object) -> None:
        raise OSError(errno.EIO, "broken disk")

    monkeypatch.setattr(Path, "replace", replace)
    with pytest.raises(OSError, match="broken disk"):
        rename_new(source, folder / "a.wav")
    assert source.exists() and list(folder.iterdir()) == []


def test_no_link_and_no_folder_is_copied(source: Path, folder: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.wav"
    link.symlink_to(source)
    for wrong in (link, tmp_path):
        with pytest.raises(OSError):
            copy_into(wrong, folder, names)
    assert list(folder.iterdir()) == []


def test_moving_never_overwrites(tmp_path: Path, folder: Path) -> None:
    for content in (b"1", b"2", b"3"):
        (tmp_path / "song.mid").write_bytes(content)
        move_into(tmp_path / "song.mid", folder)
    (tmp_path / "README").write_bytes(b"x")
    (folder / "README").write_bytes(b"y")
    assert move_into(tmp_path / "README", folder).name == "README-2"
    found = {one.name: one.read_bytes() for one in folder.iterdir()}
    assert found == {"song.mid": b"1", "song-2.mid": b"2", "song-3.mid": b"3", "README": b"y", "README-2": b"x"}


def test_names_come_to_an_end(source: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(safe_files, "MAX_NAMES", 2)
    for number in (1, 2):
        (folder / names(number)).touch()
    with pytest.raises(FileExistsError):
        copy_into(source, folder, names)
    assert len(list(folder.iterdir())) == 2


@pytest.mark.parametrize("kind", ["link", "file"])
def test_a_link_or_a_file_is_no_folder(tmp_path: Path, kind: str) -> None:
    other = tmp_path / "other"
    other.mkdir()
    path = tmp_path / "pack"
    if kind == "link":
        path.symlink_to(other)
    else:
        path.touch()
    with pytest.raises(OSError, match="is a link or a file"):
        real_folder(path)
    assert real_folder(tmp_path / "new").is_dir()
    with pytest.raises(FileNotFoundError):
        real_folder(tmp_path / "no" / "parent")
