"""Clips on disk: a WAV file and its receipt, which appear together, whole, or not at all.

Both are written under hidden names in the clips folder and renamed when they are complete, the receipt
first: whoever sees a clip finds its receipt. The hidden name is created exclusively and so reserves the
final one among all writers; a file that exists already is never replaced.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import hashlib
import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, NoReturn

from filelock import FileLock, Timeout

from bridge.errors import ClipError, DiskError
from bridge.receipt_schema import (
    AudioWindow,
    ChordAsked,
    ChordUsed,
    Receipt,
    receipt_from_json,
    receipt_to_json,
)
from bridge.request_ids import REQUEST_ID, REQUEST_ID_WORDS
from bridge.score_record import Score
from bridge.wav import LoopTags, wav_chunks
from midi.keys import Key
from midi.time import Bpm, Seconds
from models.generator import Samples

__all__ = [
    "AudioWindow",
    "ChordAsked",
    "ChordUsed",
    "Clip",
    "ClipFolder",
    "Receipt",
    "clip_file_name",
    "receipt_from_json",
    "receipt_to_json",
]

PREFIX: Final = "sideman-"
AUDIO_SUFFIX: Final = ".wav"
RECEIPT_SUFFIX: Final = ".json"
PART_SUFFIX: Final = ".part"
OWN_FOLDER: Final = ".sideman"
"""What Sideman itself keeps in a clips folder: the library, and clips that were removed."""
CHANGING_LIMIT_S: Final = 10.0
LEFTOVER_AGE_S: Final = 600.0
"""A hidden file that was not written to for this long is what a run that died left behind."""


_CAUSES: Final = {
    errno.ENOSPC: "the disk is full; free some space, or choose another folder with --clips",
    errno.EDQUOT: "your disk quota is used up; free some space, or choose another folder with --clips",
    errno.EFBIG: "the file would be larger than this system allows; ask for fewer bars",
    errno.EROFS: "the disk is read-only; choose another folder with --clips",
    errno.EACCES: "it may not be written to; change its permissions, or choose another folder with --clips",
    errno.EPERM: "it may not be written to; change its permissions, or choose another folder with --clips",
    errno.ENOENT: "it does not exist; make it, or choose another folder with --clips",
    errno.ENOTDIR: "a part of its path is a file; choose another folder with --clips",
    errno.EEXIST: "a file of that name is in the way; choose another folder with --clips",
    errno.ENAMETOOLONG: "the name would be too long; use a shorter request id or folder",
}
"""What went wrong and what to do, by error number; it follows the name of the folder and a colon."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """A clip that lies on disk, complete. ``id`` is its file name without the extension."""

    id: str
    request_id: str
    take: int
    path: Path
    receipt_path: Path
    sha256: str
    sample_rate_hz: int
    frames: int
    bars: int
    tempo: Bpm
    seconds: Seconds
    target: str
    created_at: str


def clip_file_name(request_id: str, take: int, bpm: float, key: Key | None) -> str:
    """The file name of a take: ``sideman-ID-t0_120bpm_Cm.wav``, takes counted from 0.

    Raises ``ClipError`` for a request id that could be taken for a path or a device.
    """
    if not REQUEST_ID.fullmatch(request_id):
        raise ClipError(f"{request_id[:64]!r} cannot be part of a file name: use {REQUEST_ID_WORDS}.")
    key_part = "" if key is None else f"_{key.short}"
    return f"{PREFIX}{request_id}-t{take}_{round(bpm, 2):g}bpm{key_part}{AUDIO_SUFFIX}"


class ClipFolder:
    """The folder that clips are written to. Several writers, in several processes, may share one."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()

    def prepare(self) -> None:
        """Make the folder, see that it can be written to, and remove what runs that died left in it.

        Raises ``DiskError`` with one line that names the folder and says what to do.
        """
        probe = self.path / f".{PREFIX}probe-{os.getpid()}{PART_SUFFIX}"
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            probe.write_bytes(b"probe")
            now = probe.stat().st_mtime
            probe.unlink()
            for leftover in self.path.glob(f".{PREFIX}*{PART_SUFFIX}"):
                with contextlib.suppress(FileNotFoundError):
                    if now - leftover.stat().st_mtime > LEFTOVER_AGE_S:
                        leftover.unlink()
        except OSError as error:
            _remove([probe])
            raise DiskError(f"The clips folder {self.path} cannot be used: {_cause(error)}.") from None
        except ValueError:
            raise DiskError(f"{str(self.path)!r} is not the name of a folder; choose one with --clips.") from None

    def write(self, samples: Samples, *, tags: LoopTags, receipt: Receipt) -> Clip:
        """Write a clip and its receipt; ``receipt`` gets the file's name and checksums here.

        A name that is taken gets ``-2``, ``-3`` and so on. Raises ``ClipError`` for audio that does not fit
        the tags or holds no numbers, and ``DiskError`` when the disk does not take it; nothing is left behind.
        """
        name = clip_file_name(receipt.request_id, receipt.take, receipt.bpm, receipt.key)
        written: list[Path] = []
        try:
            path, audio_part = self._reserve(Path(name).stem, written)
            chunks = wav_chunks(samples, sample_rate_hz=tags.sample_rate_hz, tags=tags)
            sha256, audio_sha256 = _write_audio(audio_part, chunks)
            receipt = dataclasses.replace(receipt, file=path.name, sha256=sha256, audio_sha256=audio_sha256)
            receipt_path = path.with_suffix(RECEIPT_SUFFIX)
            receipt_part = _part_of(receipt_path)
            written.append(receipt_part)
            _write(receipt_part, receipt_to_json(receipt))
            receipt_part.replace(receipt_path)
            written.append(receipt_path)
            audio_part.replace(path)
        except OSError as error:
            _remove(written)
            self._fail(error)
        except BaseException:
            _remove(written)
            raise
        return _clip(path, receipt_path, receipt)

    def score(self, path: Path, score: Score) -> Receipt:
        """Write a score into the receipt of the clip ``path``. Raises as ``amend``."""
        return self.amend(path, score=score, total_score=score.total)

    def keep(self, path: Path) -> Receipt:
        """Write into the receipt of the clip ``path`` that it is kept. Raises as ``amend``."""
        return self.amend(path, kept=True, rejected=False)

    def amend(self, path: Path, **changes: object) -> Receipt:
        """Change fields in the receipt of the clip ``path``, and answer with the new one.

        The receipt changes whole or not at all, one writer of this folder after the other. Raises ``ClipError`` where
        it is none any more, and ``DiskError`` when the disk does not take it.
        """
        return self.amend_by(path, lambda _: changes)

    def amend_by(self, path: Path, changes: Callable[[Receipt], Mapping[str, object]]) -> Receipt:
        """The same, with changes that depend on what the receipt says. Raises as ``amend``."""
        receipt_path = path.with_suffix(RECEIPT_SUFFIX)
        part = _part_of(receipt_path)
        try:
            with self.changing():
                receipt = receipt_from_json(receipt_path.read_bytes())
                receipt = dataclasses.replace(receipt, **changes(receipt))  # type: ignore[arg-type]
                try:
                    _write(part, receipt_to_json(receipt))
                    part.replace(receipt_path)
                finally:
                    part.unlink(missing_ok=True)
        except OSError as error:
            raise DiskError(f"The receipt {receipt_path} could not be changed: {_cause(error)}.") from None
        return receipt

    @contextlib.contextmanager
    def changing(self) -> Iterator[None]:
        """Change what lies in the folder, alone among all writers. Raises ``DiskError`` where another does not end."""
        folder = self.path / OWN_FOLDER
        folder.mkdir(exist_ok=True)
        try:
            with FileLock(folder / "changing.lock", timeout=CHANGING_LIMIT_S):
                yield
        except Timeout:
            raise DiskError(f"Another program has been changing clips in {self.path} for long; try again.") from None

    def _reserve(self, stem: str, written: list[Path]) -> tuple[Path, Path]:
        """A free final name, and its hidden file, empty; the hidden file is added to ``written``.

        A hidden file that could be made shows that no other writer is at work on the name, so whatever
        else it wrote is there under its final name and is seen.
        """
        for stem_tried in _numbered(stem):
            path = self.path / f"{stem_tried}{AUDIO_SUFFIX}"
            part = _part_of(path)
            try:
                part.open("xb").close()
            except FileExistsError:
                continue
            if not os.path.lexists(path) and not os.path.lexists(path.with_suffix(RECEIPT_SUFFIX)):
                written.append(part)
                return path, part
            part.unlink()
        raise AssertionError("there is always another number")

    def _fail(self, error: OSError) -> NoReturn:
        raise DiskError(
            f"The clip could not be written to {self.path}: {_cause(error)}. This take was not kept."
        ) from None


def _numbered(stem: str) -> Iterator[str]:
    yield stem
    for number in itertools.count(2):
        yield f"{stem}-{number}"


def _part_of(path: Path) -> Path:
    return path.with_name(f".{path.name}{PART_SUFFIX}")


def _write_audio(path: Path, chunks: Iterable[bytes]) -> tuple[str, str]:
    """Write the pieces of ``wav_chunks``; SHA-256 of the whole, and of all but the headers."""
    whole, audio = hashlib.sha256(), hashlib.sha256()
    with path.open("wb") as file:
        for index, chunk in enumerate(chunks):
            file.write(chunk)
            whole.update(chunk)
            if index:
                audio.update(chunk)
        _settle(file)
    return whole.hexdigest(), audio.hexdigest()


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        _settle(file)


def _settle(file: BinaryIO) -> None:
    """Have the content on the disk itself, so that a full disk or a power cut leaves no half file."""
    file.flush()
    os.fsync(file.fileno())


def _remove(paths: Iterable[Path]) -> None:
    for path in paths:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def _cause(error: OSError) -> str:
    return _CAUSES.get(error.errno or 0, error.strerror or str(error))


def _clip(path: Path, receipt_path: Path, receipt: Receipt) -> Clip:
    return Clip(
        id=path.stem,
        request_id=receipt.request_id,
        take=receipt.take,
        path=path,
        receipt_path=receipt_path,
        sha256=receipt.sha256,
        sample_rate_hz=receipt.sample_rate_hz,
        frames=receipt.frames,
        bars=receipt.bars,
        tempo=receipt.bpm,
        seconds=receipt.seconds,
        target=receipt.target,
        created_at=receipt.created_at,
    )
