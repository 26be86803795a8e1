"""A folder as a mailbox: how the daemon meets a script that has no sockets. Each side writes whole files by rename.

``to-sideman`` has what scripts say, ``from-sideman`` what they are told, ``daemon.txt`` a counter that rises while the
daemon lives. A script is a client like any other: its address is the host ``mailbox`` and its run as the port. The text
is that of ``bridge.mailbox_text``.

Everything happens on the event loop that ``start`` was called on. Only files of the mailbox's own names are read, moved
or removed; what cannot be read is moved to ``rejected``, so that nothing is lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import stat
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from bridge.errors import StartError
from bridge.mailbox_text import HEAD, MAX_FILE_BYTES, MailName, read_mail, write_mail
from bridge.osc_clients import Client
from bridge.osc_errors import MessageError
from bridge.osc_replies import ErrorReply, Reply
from bridge.osc_wire import WireMessage

log = logging.getLogger(__name__)

HOST: Final = "mailbox"
"""Stands for an IP address in a client that is a script's run."""
POLL_S: Final = 0.05
BEAT_S: Final = 1.0
"""The counter of ``daemon.txt`` rises this often."""
FILES_A_POLL: Final = 64
LONGEST_S: Final = 0.02
"""No further file is begun in a poll after so long: the event loop has more to do. The others come with the next."""
MAX_UNREAD: Final = 256
"""Files that may wait for one script; more are not written. What has to arrive is said again until it is answered."""
SILENCE_S: Final = 30.0
"""A script that has said nothing for so long is written to no more."""
MAX_REJECTED: Final = 256
"""Files that are kept in ``rejected``; then those that cannot be read are left where they are, and passed over."""


@dataclass(slots=True, kw_only=True)
class _Script:
    """A script that has spoken: when it did last, and what it was told."""

    heard_at: float
    last_number: int = 0


class Mailbox:
    """The daemon's end of a mailbox."""

    def __init__(
        self,
        folder: Path,
        *,
        run: str,
        take: Callable[[Sequence[WireMessage], Client], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Nothing is touched before ``start``.

        ``run`` tells this run of the daemon from others; ``take`` is given the messages of one file and whose they
        are; ``clock`` is monotonic.
        """
        self.folder = folder
        self._run, self._take, self._clock = run, take, clock
        self._inbox, self._outbox, self._rejected = (
            folder / name for name in ("to-sideman", "from-sideman", "rejected")
        )
        self._lock = FileLock(folder / ".lock", blocking=False)
        self._scripts: dict[int, _Script] = {}
        self._passed_over: set[str] = set()
        self._beat = 0
        self._beat_due = 0.0
        self._timer: asyncio.TimerHandle | None = None

    # Life

    def start(self) -> None:
        """Make the folder and hear what comes; what lay there from before is swept out.

        Raises ``StartError`` when another daemon has it, or it cannot be used.
        """
        try:
            for folder in (self._inbox, self._outbox):
                folder.mkdir(parents=True, exist_ok=True)
            self._lock.acquire()
            for folder in (self._inbox, self._outbox):
                for name, _ in _mail(folder):
                    (folder / str(name)).unlink(missing_ok=True)
            self._tell_alive()
        except Timeout:
            raise StartError(
                f"Another daemon serves the mailbox {self.folder}: stop that daemon, or choose another folder with "
                "--set host.mailbox=DIR."
            ) from None
        except OSError as error:
            self._lock.release()
            raise StartError(f"The mailbox {self.folder} cannot be used: {error.strerror}.") from None
        self._poll_later()

    def close(self) -> None:
        """Hear nothing more, and say by ``daemon.txt`` that nobody does; safe to call twice, and before ``start``."""
        if self._timer is None:
            return
        self._timer.cancel()
        self._timer = None
        with contextlib.suppress(OSError):
            (self.folder / "daemon.txt").unlink(missing_ok=True)
        self._lock.release()

    # In

    def poll(self) -> None:
        """Take the files that have come, in order; it comes again by itself."""
        try:
            if self._clock() >= self._beat_due:
                self._tell_alive()
                self._forget_silent()
            found = sorted(_mail(self._inbox))
            self._passed_over.intersection_update(str(name) for name, _ in found)
            began = self._clock()
            for name, is_file in [one for one in found if str(one[0]) not in self._passed_over][:FILES_A_POLL]:
                self._open(name, is_file)
                if self._clock() - began > LONGEST_S:
                    break
        except OSError as error:
            log.info("mailbox: %s", error)
        finally:
            self._poll_later()

    def _poll_later(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(POLL_S, self.poll)

    def _open(self, name: MailName, is_file: bool) -> None:
        client = Client(HOST, name.run)
        self._scripts.setdefault(name.run, _Script(heard_at=0.0)).heard_at = self._clock()
        path = self._inbox / str(name)
        try:
            messages = read_mail(_read(path) if is_file else b"")
            path.unlink()
        except MessageError as error:
            self._reject(path)
            self.send(client, ErrorReply(id="", code=error.code, message=f"{path.name} in the mailbox: {error}"))
        except OSError as error:
            self._passed_over.add(path.name)
            log.info("mailbox: %s: %s", path, error)
        else:
            self._take(messages, client)

    def _reject(self, path: Path) -> None:
        """Keep a file aside; one that cannot be moved is passed over, so that it holds up no other."""
        try:
            self._rejected.mkdir(exist_ok=True)
            target = self._rejected / path.name
            if not os.path.lexists(target) and sum(1 for _ in self._rejected.iterdir()) < MAX_REJECTED:
                path.rename(target)
                return
        except OSError as error:
            log.info("mailbox: %s cannot be kept aside: %s", path, error)
        self._passed_over.add(path.name)

    # Out

    def send(self, client: Client, reply: Reply) -> None:
        """Tell a script something; dropped for one that has not spoken for long, or does not read."""
        script = self._scripts.get(client.port)
        if script is None or self._timer is None:
            return
        try:
            if self._unread(client.port) >= MAX_UNREAD:
                return
            script.last_number += 1
            _write(self._outbox / str(MailName(client.port, script.last_number)), write_mail(reply))
        except OSError as error:
            log.info("mailbox: %s", error)

    def _unread(self, run: int) -> int:
        return sum(1 for name, _ in _mail(self._outbox) if name.run == run)

    def _tell_alive(self) -> None:
        self._beat += 1
        self._beat_due = self._clock() + BEAT_S
        _write(self.folder / "daemon.txt", f"{HEAD}\n{self._run} {self._beat}\n".encode())

    def _forget_silent(self) -> None:
        """Scripts that are gone without a word get nothing more, and what waits for them is swept out."""
        limit = self._clock() - SILENCE_S
        gone = {run for run, script in self._scripts.items() if script.heard_at < limit}
        if not gone:
            return
        waiting: defaultdict[int, list[MailName]] = defaultdict(list)
        for name, _ in _mail(self._outbox):
            waiting[name.run].append(name)
        for run in gone:
            del self._scripts[run]
            for name in waiting[run]:
                (self._outbox / str(name)).unlink(missing_ok=True)


def _mail(folder: Path) -> Iterator[tuple[MailName, bool]]:
    """The mailbox's own files in a folder, in no order, and whether each is a plain file."""
    with os.scandir(folder) as entries:
        for entry in entries:
            name = MailName.parse(entry.name)
            if name is not None:
                yield name, entry.is_file(follow_symlinks=False)


def _read(path: Path) -> bytes:
    """A file's bytes, one more than are taken at most. A link or anything but a plain file has none."""
    if not stat.S_ISREG(path.lstat().st_mode):
        return b""
    with path.open("rb") as file:
        return file.read(MAX_FILE_BYTES + 1)


def _write(path: Path, content: bytes) -> None:
    """A file appears whole. What lies under the name that it has until then is taken away, not written through."""
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)
    with part.open("xb") as file:
        file.write(content)
    part.replace(path)
