"""Category: integration, property. What the library lets go of, and what it never does."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from library_clips import receipt, write

from bridge.clips import OWN_FOLDER, ClipFolder
from bridge.errors import DiskError
from bridge.library import Library
from bridge.library_query import Query
from bridge.library_rows import Entry, entry_of, row_of
from bridge.retention import GRACE_S, REMOVED, LibraryConfig, chosen, empty_removed, prune, remove

NOW = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    folder = ClipFolder(tmp_path)
    folder.prepare()
    library = Library(folder)
    yield library
    library.close()


def days_ago(days: float) -> str:
    return (NOW - timedelta(days=days)).isoformat()


def there(library: Library) -> list[str]:
    """The clips in the folder, by their files; each has both."""
    audio, receipts = ({path.stem for path in library.folder.path.glob(f"*.{kind}")} for kind in ("wav", "json"))
    assert audio == receipts
    assert {entry.id for entry in library.search(Query())} == audio
    return sorted(stem.split("-")[1] for stem in audio)


def test_nothing_is_removed_unless_it_was_asked_for(library: Library) -> None:
    write(library.folder, "old", created_at=days_ago(4000))
    assert LibraryConfig() == LibraryConfig(retain_clips=0, retain_days=0)
    assert prune(library, LibraryConfig(), NOW).removed == ()
    assert there(library) == ["old"]


def test_of_many_the_newest_stay_and_what_was_kept_placed_or_tagged(library: Library) -> None:
    for number in range(4):
        write(library.folder, f"free{number}", created_at=days_ago(10 - number))
    write(library.folder, "kept", created_at=days_ago(99), kept=True)
    write(library.folder, "placed", created_at=days_ago(99), placed="slot 1", rejected=True)
    write(library.folder, "tagged", created_at=days_ago(99), tags=("loud",))
    write(library.folder, "rejected", created_at=days_ago(1), rejected=True)
    would = prune(library, LibraryConfig(retain_clips=2), NOW, dry_run=True)
    assert there(library) == sorted(["free0", "free1", "free2", "free3", "kept", "placed", "tagged", "rejected"])
    done = prune(library, LibraryConfig(retain_clips=2), NOW)
    assert done.removed == would.removed
    assert there(library) == ["free2", "free3", "kept", "placed", "tagged"], "what was rejected goes first"
    removed = library.folder.path / OWN_FOLDER / REMOVED
    assert sorted(path.suffix for path in removed.iterdir()) == [".json"] * 3 + [".wav"] * 3


def test_old_ones_go_and_can_be_had_back_until_their_days_are_over(library: Library) -> None:
    clip = write(library.folder, "old", created_at=days_ago(31))
    write(library.folder, "young", created_at=days_ago(29))
    config = LibraryConfig(retain_days=30, removed_days=7)
    assert prune(library, config, NOW).removed == (clip.id,)
    assert there(library) == ["young"]
    removed = library.folder.path / OWN_FOLDER / REMOVED
    for suffix in (".wav", ".json"):
        (removed / f"{clip.id}{suffix}").rename(library.folder.path / f"{clip.id}{suffix}")
    library.scan()
    assert there(library) == ["old", "young"]
    library.keep(clip.id)
    assert prune(library, config, NOW).removed == ()
    library.reject(clip.id)
    assert prune(library, config, NOW).removed == (clip.id,)
    assert prune(library, config, NOW + timedelta(days=6.9)).deleted == 0
    assert prune(library, config, NOW + timedelta(days=7.1)).deleted == 1
    assert list(removed.glob(f"{clip.id}*")) == []


def test_a_clip_of_the_last_hour_and_one_in_use_stay(library: Library) -> None:
    write(library.folder, "now", created_at=(NOW - timedelta(seconds=GRACE_S - 1)).isoformat())
    used = write(library.folder, "used", created_at=days_ago(50))
    write(library.folder, "free", created_at=days_ago(50))
    prune(library, LibraryConfig(retain_days=1, retain_clips=1), NOW, spared={used.id})
    assert there(library) == ["now", "used"]


def test_the_receipt_has_the_last_word(library: Library) -> None:
    """What was kept a moment ago, by another program, is not removed, whatever the database says."""
    clip = write(library.folder, "kept-now", created_at=days_ago(50))
    library.scan()
    library.folder.amend(clip.path, kept=True)
    assert not remove(library.folder, clip.id, 0.0)
    assert clip.path.is_file()
    gone = write(library.folder, "gone")
    gone.path.unlink()
    gone.receipt_path.unlink()
    assert not remove(library.folder, gone.id, 0.0)
    broken = write(library.folder, "broken")
    broken.receipt_path.write_text("{")
    assert not remove(library.folder, broken.id, 0.0), "nobody can say what was said of it"
    assert broken.path.is_file()


def test_both_files_go_or_none(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = write(library.folder, "whole", created_at=days_ago(50))
    rename = Path.rename

    def fails(self: Path, target: Path) -> Path:
        if self.suffix == ".wav":
            raise PermissionError(13, "Permission denied")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fails)
    with pytest.raises(DiskError, match=r"cannot be moved.*Permission denied"):
        prune(library, LibraryConfig(retain_days=1), NOW)
    monkeypatch.undo()
    assert there(library) == ["whole"]
    assert clip.receipt_path.is_file()


def test_a_removal_that_was_cut_short_is_mended(library: Library) -> None:
    """The program ended between the two files: the receipt was moved, and the WAV was not."""
    clip = write(library.folder, "half", created_at=days_ago(2))
    removed = library.folder.path / OWN_FOLDER / REMOVED
    removed.mkdir(parents=True)
    clip.receipt_path.rename(removed / clip.receipt_path.name)
    prune(library, LibraryConfig(retain_days=30), NOW)
    assert there(library) == ["half"]


def test_a_removal_that_another_program_is_in_the_midst_of_is_not_mended(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another program has moved the receipt, and moves the WAV while this one waits for its turn."""
    clip = write(library.folder, "half", created_at=days_ago(50))
    removed = library.folder.path / OWN_FOLDER / REMOVED
    removed.mkdir(parents=True)
    clip.receipt_path.rename(removed / clip.receipt_path.name)
    changing = ClipFolder.changing

    @contextlib.contextmanager
    def waits(self: ClipFolder) -> Iterator[None]:
        with changing(self):
            if clip.path.exists():
                clip.path.rename(removed / clip.path.name)
            yield

    monkeypatch.setattr(ClipFolder, "changing", waits)
    prune(library, LibraryConfig(retain_days=100), NOW)
    assert there(library) == []
    assert {path.suffix for path in removed.iterdir()} == {".wav", ".json"}


def test_a_clip_is_removed_today_from_its_first_moment_among_the_removed(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else another program that empties the folder just then deletes the receipt of a clip of long ago."""
    clip = write(library.folder, "old", created_at=days_ago(100))
    long_ago = (NOW - timedelta(days=100)).timestamp()
    os.utime(clip.receipt_path, (long_ago, long_ago))
    rename, deleted = Path.rename, []

    def other_program_empties(self: Path, target: Path) -> Path:
        moved = rename(self, target)
        deleted.append(empty_removed(target.parent, older_than_s=(NOW - timedelta(days=30)).timestamp()))
        return moved

    monkeypatch.setattr(Path, "rename", other_program_empties)
    assert remove(library.folder, clip.id, NOW.timestamp())
    assert deleted == [0, 0]


def test_a_second_clip_of_the_name_is_not_written_over(library: Library) -> None:
    for days in (50, 40):
        clip = write(library.folder, "same", created_at=days_ago(days))
        assert prune(library, LibraryConfig(retain_days=1), NOW).removed == (clip.id,)
    removed = library.folder.path / OWN_FOLDER / REMOVED
    assert len(list(removed.glob("*.wav"))) == len(list(removed.glob("*.json"))) == 2


@st.composite
def entries(draw: st.DrawFn) -> list[Entry]:
    found = []
    for number in range(draw(st.integers(0, 12))):
        facts = {
            "kept": draw(st.booleans()),
            "rejected": draw(st.booleans()),
            "placed": draw(st.sampled_from(["", "", "slot"])),
            "tags": draw(st.sampled_from([(), (), ("a",)])),
            "created_at": days_ago(draw(st.floats(0, 100))),
        }
        found.append(entry_of(row_of(f"clip-{number}", receipt(f"clip-{number}", **facts), changed_ns=0, size=0)))
    return found


@given(entries(), st.integers(0, 8), st.integers(0, 100))
def test_what_has_a_claim_stays_and_the_limits_hold(shelf: list[Entry], most: int, days: int) -> None:
    going = chosen(shelf, LibraryConfig(retain_clips=most, retain_days=days), NOW.timestamp())
    assert not [entry for entry in going if entry.kept or entry.placed or entry.tags]
    free = [entry for entry in shelf if not (entry.kept or entry.placed or entry.tags)]
    young = [entry for entry in free if NOW - datetime.fromisoformat(entry.created_at) <= timedelta(seconds=GRACE_S)]
    left = [entry for entry in free if entry not in going]
    if most:
        assert len(left) <= most + len(young), "of too many, one of the last hour stays an hour more"
        assert most <= len(left) or days or len(left) == len(free)
    if not most and not days:
        assert going == []
    if days:
        limit = timedelta(days=days)
        assert all(NOW - datetime.fromisoformat(entry.created_at) <= limit or entry in young for entry in left)
