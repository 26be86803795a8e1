"""Category: integration. The library of takes: what it finds, what is said of clips, and what its database meets."""

from __future__ import annotations

import json
import math
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from library_clips import receipt, write

from bridge import library_db
from bridge.clip_shelf import FolderShelf
from bridge.clips import OWN_FOLDER, Clip, ClipFolder
from bridge.errors import ClipError
from bridge.library import Library, LibraryError, NoSuchClip
from bridge.library_db import LibraryLocked
from bridge.library_query import Query, parse_query
from bridge.library_rows import chord_token
from bridge.receipt_schema import receipt_from_json
from bridge.score_record import Score
from midi.chords import parse_chord


@pytest.fixture
def folder(tmp_path: Path) -> ClipFolder:
    folder = ClipFolder(tmp_path / "clips")
    folder.prepare()
    return folder


@pytest.fixture
def library(folder: ClipFolder) -> Iterator[Library]:
    library = Library(folder)
    yield library
    library.close()


def found(library: Library, text: str = "") -> list[str]:
    return [entry.request_id for entry in library.search(parse_query(text))]


def told(clip: Clip) -> dict[str, object]:
    values: dict[str, object] = json.loads(clip.receipt_path.read_text(encoding="utf-8"))
    return values


# Searching


@pytest.fixture
def shelf(folder: ClipFolder, library: Library) -> Library:
    """Five clips of every kind, the newest last."""
    write(folder, "bossa", bpm=112.3, chords="Am7 | Dm7 | G7 | Cmaj7", prompt="bossa nova, nylon guitar",
          created_at="2026-01-31T12:00:00+00:00", total_score=0.95)  # fmt: skip
    write(folder, "funk", bpm=104.0, key="E dorian", chords="Em7 | A9 |", prompt="funk, slap bass", kept=True,
          created_at="2026-02-28T12:00:00+00:00", total_score=0.5)  # fmt: skip
    write(folder, "ballad", bpm=70.0, key=None, prompt="Ballad für Klavier", engine="jasco", bars=8,
          created_at="2026-03-01T12:00:00+00:00")  # fmt: skip
    write(folder, "house", bpm=124.0, key="C minor", chords="Cm | Abmaj7 | N.C.", prompt="deep house", engine="magnet",
          rejected=True, placed="track 2, slot 1", created_at="2026-03-02T12:00:00+00:00")  # fmt: skip
    write(folder, "dub", bpm=140.0, key="A minor", chords="Am | Dm |", prompt="dub bass", tags=("loud", "outro"),
          target="track:Bass", created_at="2027-01-01T12:00:00+00:00")  # fmt: skip
    return library


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", "dub house ballad funk bossa"),
        ("sort:oldest", "bossa funk ballad house dub"),
        ("sort:tempo", "ballad funk bossa house dub"),
        ("sort:score limit:2", "bossa funk"),
        ("tempo:100-115", "funk bossa"),
        ("tempo:112", "bossa"),
        ("key:Am", "dub bossa"),
        ("key:E_dorian", "funk"),
        ("chords:A-7", "bossa"),
        ("chords:A:min", "dub"),
        ('chords:"Amin7 | Dmin7 | G7 | C^7"', "bossa"),
        ('chords:"Dm7 G7"', "bossa"),
        ('chords:"G7 Dm7"', ""),
        ("chords:G#maj7", "house"),
        ("chords:N.C.", "house"),
        ("engine:jasco", "ballad"),
        ("bass", "dub funk"),
        ("bass -slap", "dub"),
        ('"nylon guitar"', "bossa"),
        ('"guitar nylon"', ""),
        ("BALL*", "ballad"),
        ("fur", "ballad"),
        ("track", "dub"),
        ("outro", "dub"),
        ("score:0.5-", "funk bossa"),
        ("score:>0.5", "bossa"),
        ("-scored", "dub house ballad"),
        ("kept", "funk"),
        ("rejected", "house"),
        ("-rejected -kept", "dub ballad bossa"),
        ("placed", "house"),
        ("tag:loud", "dub"),
        ("-tag:loud tagged", ""),
        ("bars:8", "ballad"),
        ("date:2026-02..2026-03-01", "ballad funk"),
        ("date:2027", "dub"),
        ("id:funk", "funk"),
        ("id:sideman-bossa-t0_112.3bpm_Am", "bossa"),
        ("tempo:100-150 bass -kept tag:outro key:Am", "dub"),
        ("gone", ""),
    ],
)
def test_clips_are_found_by(shelf: Library, text: str, names: str) -> None:
    assert found(shelf, text) == names.split()
    assert shelf.count(parse_query(text)) == len(names.split()) or "limit" in text


ANYTHING = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=30)


@settings(max_examples=100)
@given(words=ANYTHING, without=ANYTHING)
def test_no_word_is_an_operator(tmp_path_factory: pytest.TempPathFactory, words: str, without: str) -> None:
    """Whatever is looked for, SQLite takes it as words."""
    folder = ClipFolder(_EMPTY.setdefault("folder", tmp_path_factory.mktemp("empty")))
    library = Library(folder)
    try:
        query = Query(
            words=(words.replace("\0", " "),), without=(without.replace("\0", " "),), clip=words, engine=without
        )
        assert library.search(query) == []
    finally:
        library.close()


_EMPTY: dict[str, Path] = {}


def test_every_spelling_of_a_chord_is_one_word_of_the_index() -> None:
    spellings = [("Am7", "A-7", "Amin7", "A:min7"), ("Db", "C#"), ("Cmaj7", "C^7", "CM7"), ("C/E", "C:maj/3")]
    for same in spellings:
        assert len({chord_token(parse_chord(text)) for text in same}) == 1
    assert len({chord_token(parse_chord(one)) for one, *_ in spellings}) == len(spellings)
    assert all(chord_token(parse_chord(text)).isalnum() for same in spellings for text in same)


def test_a_key_s_own_chord_is_found_by_its_symbol(folder: ClipFolder, library: Library) -> None:
    one = receipt(key="C minor").chords_asked
    assert one == ()
    clip = write(folder, "key-only", key="C minor", chords="Cm")
    text = clip.receipt_path.read_text(encoding="utf-8").replace('"label": "Cm"', '"label": "C minor"')
    clip.receipt_path.write_text(text, encoding="utf-8")
    assert library.search(parse_query("chords:Cm"))[0].chords == ("Cm",)


def test_clips_are_found_beyond_any_page(folder: ClipFolder, library: Library) -> None:
    for number in range(5):
        write(folder, f"take-{number}", created_at=f"2026-04-0{number + 1}T12:00:00+00:00")
    pages = [[one.request_id for one in library.search(Query(limit=2), offset)] for offset in (0, 2, 4, 6)]
    assert pages == [["take-4", "take-3"], ["take-2", "take-1"], ["take-0"], []]


# Saying


def test_what_is_said_stands_in_the_receipt_and_is_found(folder: ClipFolder, library: Library) -> None:
    clip = write(folder, prompt="dub")
    library.add(clip)
    assert library.keep(clip.id).kept
    assert library.tag(clip.id, {"loud", "a"}, {"b"}).tags == ("a", "loud")
    assert library.tag(clip.id, (), {"a"}).tags == ("loud",)
    assert library.placed(clip.id, "track 1, slot 2").placed == "track 1, slot 2"
    assert library.scored(clip.id, Score(chords=1.0)).score == 1.0
    values = told(clip)
    assert (values["kept"], values["rejected"], values["tags"]) == (True, False, ["loud"])
    assert (values["placed"], values["total_score"]) == ("track 1, slot 2", 1.0)
    rejected = library.reject(clip.id)
    assert (rejected.kept, rejected.rejected) == (False, True), "no take is both"
    assert (told(clip)["kept"], told(clip)["rejected"]) == (False, True)
    assert found(library, "rejected tag:loud placed dub score:1") == ["verse"]


def test_a_clip_is_named_by_its_file_or_by_its_request(folder: ClipFolder, library: Library) -> None:
    first, second = (write(folder, "verse", take, created_at=f"2026-04-30T12:00:0{take}+00:00") for take in (0, 1))
    again = write(folder, "verse", 0, created_at="2026-05-01T12:00:00+00:00")
    assert again.id.endswith("-2")
    assert library.find("verse").id == again.id
    assert library.find("verse", 0).id == again.id
    assert library.find("verse", 1).id == second.id
    assert library.find(first.id).id == first.id
    assert library.get(first.id) == library.find(first.id)
    assert library.get("none") is None
    assert library.path_of(library.find(first.id)) == first.path
    assert library.receipt_of(library.find(first.id)).take == 0
    for name, take in (("none", None), ("verse", 2), ("../verse", 0)):
        with pytest.raises(NoSuchClip, match="There is no clip"):
            library.find(name, take)
    with pytest.raises(NoSuchClip):
        library.keep("none")


def test_many_threads_at_once_lose_nothing(folder: ClipFolder, library: Library) -> None:
    clips = [write(folder, f"clip-{number}") for number in range(8)]
    failures: list[BaseException] = []

    def work(clip: Clip) -> None:
        try:
            library.add(clip)
            for tag in "abcd":
                library.tag(clips[0].id, {f"{tag}{clip.id[-20]}{clips.index(clip)}"})
                library.search(Query())
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(clip,)) for clip in clips]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert len(library.find(clips[0].id).tags) == 4 * len(clips)
    assert len(told(clips[0])["tags"]) == 4 * len(clips)  # type: ignore[arg-type]


def test_two_programs_may_change_one_receipt(folder: ClipFolder, library: Library) -> None:
    clip = write(folder)
    other = Library(ClipFolder(folder.path))
    library.tag(clip.id, {"here"})
    other.tag(clip.id, {"there"})
    library.keep(clip.id)
    other.close()
    assert told(clip)["tags"] == ["here", "there"]
    assert library.find(clip.id).tags == ("here", "there")


# The folder by hand


def test_a_folder_of_receipts_alone_is_a_library(folder: ClipFolder, library: Library) -> None:
    clip = write(folder)
    library.keep(clip.id)
    library.tag(clip.id, {"loud"})
    library.placed(clip.id, "slot 1")
    library.close()
    shutil.rmtree(folder.path / OWN_FOLDER)
    again = Library(folder)
    (entry,) = again.search(Query())
    again.close()
    assert (entry.id, entry.kept, entry.tags, entry.placed) == (clip.id, True, ("loud",), "slot 1")


def test_a_scan_finds_what_was_changed_by_hand(folder: ClipFolder, library: Library) -> None:
    first, second, third = (write(folder, name) for name in ("one", "two", "three"))
    assert library.scan().changed == 3
    assert library.scan() == type(library.scan())(clips=3, changed=0, gone=0)
    assert library.scan_if_changed() is None
    first.path.unlink()
    second.path.rename(folder.path / "mine.wav")
    second.receipt_path.rename(folder.path / "mine.json")
    folder.amend(third.path, kept=True)
    write(folder, "four")
    scanned = library.scan_if_changed()
    assert scanned is not None
    assert (scanned.clips, scanned.changed, scanned.gone) == (3, 3, 2)
    assert sorted(found(library)) == ["four", "three", "two"]
    assert sorted(found(library, "gone")) == ["one", "two"], "what is known of them stays"
    assert found(library, "kept") == ["three"]
    assert library.find("two").id == "mine"
    with pytest.raises(NoSuchClip, match="not in"):
        library.path_of(next(entry for entry in library.search(parse_query("gone")) if entry.request_id == "one"))


def test_a_clip_that_is_put_back_is_there_again(folder: ClipFolder, library: Library, tmp_path: Path) -> None:
    clip = write(folder)
    library.scan()
    away = clip.path.rename(tmp_path / "away.wav")
    library.scan()
    assert found(library) == []
    away.rename(clip.path)
    assert library.scan().changed == 1
    assert found(library) == ["verse"]


def test_a_folder_emptied_by_hand_is_no_error(folder: ClipFolder, library: Library) -> None:
    write(folder)
    library.scan()
    for path in folder.path.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert found(library) == []
    after = write(folder, "after")
    library.add(after)
    assert found(library) == ["after"]


def test_a_clip_that_is_deleted_while_it_is_taken_in_is_left_out(folder: ClipFolder, library: Library) -> None:
    clip = write(folder)
    clip.receipt_path.unlink()
    with pytest.raises(ClipError, match="cannot be read"):
        library.add(clip)
    assert found(library) == []


def test_receipts_that_cannot_be_read_are_told_and_the_rest_is_found(folder: ClipFolder, library: Library) -> None:
    write(folder, "good")
    short, newer, other = (write(folder, name) for name in ("short", "newer", "other"))
    short.receipt_path.write_bytes(short.receipt_path.read_bytes()[:200])
    newer.receipt_path.write_text(newer.receipt_path.read_text().replace('"schema_version": 1', '"schema_version": 2'))
    other.receipt_path.write_text("[]")
    (folder.path / "notes.json").write_text("{}")
    link = folder.path / "link.json"
    link.symlink_to("/dev/zero")
    (folder.path / "link.wav").touch()
    scanned = library.scan()
    assert found(library) == ["good"]
    assert scanned.clips == 1
    lines = sorted(scanned.unreadable)
    assert [line.partition(":")[0] for line in lines] == [
        f"sideman-{name}-t0_120bpm_Am.json" for name in ("newer", "other", "short")
    ]
    assert "update Sideman" in lines[0]


@pytest.mark.parametrize(
    "change",
    [
        {"tempo": []}, {"meter": []}, {"bpm": math.nan}, {"seconds": math.inf}, {"start": math.nan}, {"start": 1e300},
        {"seed": 10**30}, {"bars": 10**30}, {"take": -1}, {"total_score": math.nan}, {"drums": [{"at": math.inf}]},
    ],
    ids=str,
)  # fmt: skip
def test_a_receipt_with_impossible_numbers_is_told_and_costs_no_other_clip(
    folder: ClipFolder, library: Library, change: dict[str, object]
) -> None:
    write(folder, "good")
    odd = write(folder, "odd")
    odd.receipt_path.write_text(json.dumps(told(odd) | change), encoding="utf-8")
    assert found(library) == ["good"]
    (line,) = library.scan().unreadable
    assert line.startswith("sideman-odd-t0_120bpm_Am.json: This is not a receipt of a clip: ")
    page = FolderShelf(folder.path).page(10, 0)
    assert [clip.view["request_id"] for clip in page.clips] == ["good"]


def test_a_clip_has_the_bar_lines_of_its_own_tempo_and_meter(folder: ClipFolder) -> None:
    clip = write(folder, "meters")
    meters = [{"bar": bar, "meter": {"numerator": beats, "denominator": 4}} for bar, beats in ((1, 4), (2, 3))]
    changes = {"bars": 3, "meter": meters}
    clip.receipt_path.write_text(json.dumps(told(clip) | changes), encoding="utf-8")
    (shelved,) = FolderShelf(folder.path).page(1, 0).clips
    assert shelved.view["bar_lines"] == [2.0, 3.5]


# The database


def test_a_damaged_database_is_set_aside_and_made_anew(folder: ClipFolder, library: Library) -> None:
    clip = write(folder)
    library.keep(clip.id)
    library.close()
    library.path.write_bytes(b"no database" * 1000)
    assert found(library, "kept") == ["verse"]
    assert (library.path.parent / "library-damaged-1.sqlite3").read_bytes().startswith(b"no database")


@pytest.mark.parametrize("first", ["scan", "add", "search"])
def test_damage_inside_is_met_by_whatever_comes_first(folder: ClipFolder, library: Library, first: str) -> None:
    """Pages of the tables are overwritten; the header is whole."""
    clips = [write(folder, f"clip-{number}", prompt="words " * 200) for number in range(30)]
    library.scan()
    library.close()
    content = bytearray(library.path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    library.path.write_bytes(content)
    {"scan": library.scan, "add": lambda: library.add(clips[0]), "search": lambda: library.search(Query())}[first]()
    assert len(library.search(Query(words=("words",), limit=100))) == 30
    assert list(library.path.parent.glob("library-damaged-*"))


def test_a_database_of_a_newer_version_is_left_as_it_is(folder: ClipFolder, library: Library) -> None:
    clip = write(folder)
    library.scan()
    library.close()
    with sqlite3.connect(library.path) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    before = library.path.read_bytes()
    for work in (library.scan, lambda: library.search(Query()), lambda: library.add(clip)):
        with pytest.raises(LibraryError, match=r"version 99.*update Sideman.*left as it is"):
            work()
    assert library.path.read_bytes() == before
    assert list(library.path.parent.glob("*damaged*")) == []


def test_a_database_of_an_older_version_is_made_anew(
    folder: ClipFolder, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.keep(write(folder).id)
    library.close()
    with sqlite3.connect(library.path) as db:
        db.execute("ALTER TABLE clips RENAME COLUMN tempo TO speed")
    db.close()
    monkeypatch.setattr(library_db, "VERSION", library_db.VERSION + 1)
    assert found(library, "kept tempo:120") == ["verse"]


def test_a_database_that_another_program_holds_is_told_and_what_was_missed_is_found_later(
    folder: ClipFolder, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library_db, "BUSY_S", 0.05)
    library.scan()
    clip = write(folder)
    other = sqlite3.connect(library.path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(LibraryLocked, match="in use by another program"):
        library.add(clip)
    with pytest.raises(LibraryLocked):
        library.keep(clip.id)
    assert told(clip)["kept"] is True, "the receipt says so all the same"
    other.execute("ROLLBACK")
    other.close()
    assert library.scan().changed == 1
    assert found(library, "kept") == ["verse"]


def test_a_full_disk_is_told_and_what_was_missed_is_found_later(folder: ClipFolder, library: Library) -> None:
    library.scan()
    clip = write(folder, prompt="long " * 50_000)
    library._once(lambda db: db.execute("PRAGMA max_page_count = 30"))
    with pytest.raises(LibraryError, match=r"the disk is full.*next scan"):
        library.add(clip)
    assert receipt_from_json(clip.receipt_path.read_bytes()).request_id == "verse"
    assert found(library) == []
    library._once(lambda db: db.execute("PRAGMA max_page_count = 100000"))
    library.scan()
    assert found(library, "long") == ["verse"]


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    library = Library(ClipFolder(tmp_path / "none"))
    with pytest.raises(LibraryError, match=r"none.*No such file"):
        library.search(Query())
    assert not (tmp_path / "none").exists(), "a search makes no folder"


def test_a_library_that_cannot_be_written_is_told(folder: ClipFolder, library: Library) -> None:
    (folder.path / OWN_FOLDER).write_text("a file in the way")
    with pytest.raises(LibraryError, match="cannot be made"):
        library.search(Query())


def test_a_scan_that_is_stopped_marks_nothing_as_gone(folder: ClipFolder, library: Library) -> None:
    write(folder)
    library.scan()
    library.stop_scanning()
    assert library.scan().gone == 0
    assert found(library) == ["verse"]
