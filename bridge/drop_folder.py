"""The folder that MIDI files are dropped into, as files: what lies there, what is in a file, and where it goes then.

``done`` has the files whose clips were made, ``not read`` those of which none could be, each with a text that says why.
Nothing is overwritten, and no link is followed. Called in worker threads.
"""

from __future__ import annotations

import contextlib
import heapq
import os
import stat
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bridge.safe_files import move_into, numbered, real_folder
from midi.errors import MidiFileError
from midi.file_events import MAX_FILE_BYTES
from midi.files import song_from_bytes
from midi.song import Song
from plugin_host.inbox import Dropped, is_song

MOST_FILES: Final = 256
"""Files that one look takes note of, the first by their names; the others come when these are done."""
_READ: Final = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a look found: ``made`` when the folder had to be made, ``error`` when it cannot be used."""

    files: tuple[Dropped, ...] = ()
    made: bool = False
    error: OSError | None = None


class DropFolder:
    """The folder ``in``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def files(self, keep: Collection[str]) -> Iterator[Dropped]:
        """The plain MIDI files, at most ``MOST_FILES`` besides those of ``keep``. Raises ``OSError``."""
        with os.scandir(self.folder) as entries:
            names = [one.name for one in entries if is_song(one.name) and one.is_file(follow_symlinks=False)]
        first = heapq.nsmallest(MOST_FILES, (name for name in names if name not in keep))
        for name in [*first, *(name for name in names if name in keep)]:
            with contextlib.suppress(FileNotFoundError):
                yield self._found(name)

    def _found(self, name: str) -> Dropped:
        found = (self.folder / name).lstat()
        return Dropped(name=name, size=found.st_size, modified_ns=found.st_mtime_ns)

    def is_still(self, file: Dropped) -> bool:
        """Whether a file is as it was found. Raises ``OSError``."""
        try:
            return self._found(file.name) == file
        except FileNotFoundError:
            return False

    def read(self, file: Dropped) -> Song:
        """The song in a file. Raises ``MidiFileError`` and ``OSError``; a file that has changed is no MIDI file yet."""
        with open(os.open(self.folder / file.name, _READ), "rb") as stream:  # noqa: PTH123
            found = os.fstat(stream.fileno())
            if not stat.S_ISREG(found.st_mode) or found.st_size != file.size:
                raise MidiFileError("It changes while it is read.")
            return song_from_bytes(stream.read(MAX_FILE_BYTES + 1))

    def done(self, file: Dropped) -> Path:
        """Move a file to those that are done. Raises ``OSError``."""
        return move_into(self.folder / file.name, real_folder(self.folder / "done"))

    def reject(self, file: Dropped, why: str) -> Path:
        """Move a file to those that were not read, with a text that says why. Raises ``OSError``."""
        folder = real_folder(self.folder / "not read")
        path = move_into(self.folder / file.name, folder)
        for name in numbered(f"{path.name}.txt"):
            with contextlib.suppress(FileExistsError), (folder / name).open("x", encoding="utf-8") as text:
                text.write(f"{why}\n")
                break
        return path


def look(folder: Path, drops: DropFolder, keep: Collection[str]) -> Look:
    """What lies in the folder ``in`` of ``folder``; both are made where they are missing."""
    made = not os.path.lexists(folder)
    try:
        real_folder(folder)
        real_folder(drops.folder)
        return Look(files=tuple(drops.files(keep)), made=made)
    except OSError as error:
        return Look(error=error)
