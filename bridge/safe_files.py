"""Files put into folders that other programs use too: whole or not at all, never over another file, never by a link.

Nothing here follows a link that lies in such a folder. A file appears under its name when it is complete. Where the
file system has no hard links (FAT, exFAT), the name is taken by an empty file for a moment.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

PART: Final = ".sideman-{}.part"
MAX_NAMES: Final = 10_000
"""Names that are tried for one file."""
_CHUNK_BYTES: Final = 1 << 20
_NO_FOLLOW: Final = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


Mark = tuple[int, int, int]
"""What a file was when it was written: its number in the file system, its bytes, and when it was changed."""


class Touched(Exception):
    """A file is not what it was when it was written; says how."""


class IsLink(OSError):
    """A folder is a link, or something else than a folder, where it may be none."""


def real_folder(path: Path) -> Path:
    """``path``, made where there is nothing. Its parent has to be there. Raises ``IsLink``, and ``OSError``."""
    with contextlib.suppress(FileExistsError):
        path.mkdir()
    if not stat.S_ISDIR(path.lstat().st_mode):
        raise IsLink(0, "is a link or a file, and no folder", str(path))
    return path


def copy_into(source: Path, folder: Path, names: Callable[[int], str], first: int = 1) -> Path:
    """A copy of ``source`` in ``folder``, by the first name of ``names(first)``, ``names(first + 1)`` ... that is free.

    It is a copy and no hard link: programs write tempo and tags into the files that they are given, and the source has
    to stay what its receipt says. Raises ``OSError``; then nothing is left behind.
    """
    with _part(source, folder) as part:
        return _named(part, folder, (names(number) for number in itertools.count(first)))


def copy_over(source: Path, target: Path, mark: Mark) -> Mark:
    """A copy of ``source`` in the place of ``target``, at once, where that is still the file of ``mark``.

    Returns the mark of the copy. Raises ``Touched`` where it is another file or none, and ``OSError``; then whatever is
    at ``target`` is as it was.
    """
    _require_same(target, mark)
    with _part(source, target.parent) as part:
        copied = mark_of(part)  # not of the target afterwards: another program may write to that at once
        _require_same(target, mark)
        part.replace(target)
    return copied


def mark_of(path: Path) -> Mark:
    """What a file is now. Raises ``OSError``."""
    found = path.lstat()
    return found.st_ino, found.st_size, found.st_mtime_ns


def _require_same(path: Path, mark: Mark) -> None:
    try:
        same = stat.S_ISREG(path.lstat().st_mode) and mark_of(path) == mark
    except FileNotFoundError:
        raise Touched("it is not there any more") from None
    if not same:
        raise Touched("it was changed")


@contextlib.contextmanager
def _part(source: Path, folder: Path) -> Iterator[Path]:
    """A whole copy under a hidden name, which is gone afterwards. Raises ``OSError``."""
    part = folder / PART.format(f"{os.getpid()}-{os.urandom(4).hex()}")
    try:
        with open(os.open(source, os.O_RDONLY | _NO_FOLLOW), "rb") as reader, part.open("xb") as writer:  # noqa: PTH123
            if not stat.S_ISREG(os.fstat(reader.fileno()).st_mode):
                raise IsLink(0, "is no file", str(source))
            while chunk := reader.read(_CHUNK_BYTES):
                writer.write(chunk)
            writer.flush()
            os.fsync(writer.fileno())
        yield part
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def move_into(source: Path, folder: Path) -> Path:
    """Move a file into a folder of the same file system; a name that is taken gets ``-2``, ``-3`` and so on.

    Raises ``OSError``; then the file is where it was.
    """
    return _named(source, folder, numbered(source.name))


def numbered(name: str) -> Iterator[str]:
    """``song.mid``, ``song-2.mid``, ``song-3.mid`` and so on."""
    yield name
    stem, dot, suffix = name.rpartition(".")
    for number in itertools.count(2):
        yield f"{stem}-{number}.{suffix}" if dot else f"{name}-{number}"


def _named(source: Path, folder: Path, names: Iterator[str]) -> Path:
    """Give ``source`` the first name in ``folder`` that is free."""
    for name in itertools.islice(names, MAX_NAMES):
        target = folder / name
        if os.path.lexists(target):
            continue
        with contextlib.suppress(FileExistsError):
            rename_new(source, target)
            return target
    raise FileExistsError(0, f"{MAX_NAMES} files of that name are there", str(folder))


def rename_new(source: Path, target: Path) -> None:
    """Rename a file to a name that is free. Raises ``FileExistsError`` where it is not, and ``OSError``."""
    if os.name == "nt":
        source.rename(target)
        return
    try:
        os.link(source, target, follow_symlinks=False)
    except FileExistsError:
        raise
    except OSError:
        _rename_reserved(source, target)
    else:
        source.unlink()


def _rename_reserved(source: Path, target: Path) -> None:
    """The same without hard links: an empty file of our own takes the name first, and is what is replaced."""
    target.open("xb").close()
    try:
        source.replace(target)
    except OSError:
        target.unlink(missing_ok=True)
        raise
