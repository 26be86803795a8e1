"""Category: integration. The daemon and its library: takes found, said of and made again over OSC, and never failed."""

from __future__ import annotations

import json
import shutil
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from library_clips import write

from bridge.clips import OWN_FOLDER, ClipFolder
from bridge.library_db import FILE_NAME
from bridge.library_desk import MAX_REPLY_BYTES
from bridge.osc_client import Heard, OscClient
from bridge.receipt_schema import Receipt, receipt_from_json
from bridge.spawned import SpawnedDaemon, spawned_daemon

ENDS = ("/sideman/done", "/sideman/cancelled", "/sideman/error")
WITHIN_S = 60.0


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clips folder with a clip that no daemon of these tests made."""
    path = tmp_path_factory.mktemp("clips")
    write(ClipFolder(path), "before", chords="Cm | Fm |", key="C minor", prompt="from another day")
    return path


@pytest.fixture(scope="module")
def daemon(clips: Path) -> Iterator[SpawnedDaemon]:
    with spawned_daemon(clips, "--host", "virtual") as spawned:
        yield spawned


@pytest.fixture
def client(daemon: SpawnedDaemon) -> Iterator[OscClient]:
    with OscClient(daemon.host, daemon.port) as one:
        session(one)
        yield one


def session(client: OscClient, chords: str = "Am7 | Dm7 |") -> None:
    client.send("/sideman/tempo", "f", 240.0)
    client.send("/sideman/meter", "ii", 4, 4)
    client.send("/sideman/key", "s", "A minor")
    client.send("/sideman/chords", "s", chords)
    client.send("/sideman/prompt", "s", "bossa nova")
    client.send("/sideman/bars", "i", 2)
    client.send("/sideman/takes", "i", 1)
    client.send("/sideman/seed", "i", 3)


def made(client: OscClient, request_id: str) -> Path:
    """The clip of a request, the last of its takes."""
    client.send("/sideman/generate", "s", request_id)
    return clip_of(client)


def clip_of(client: OscClient) -> Path:
    heard = list(client.hear_until(*ENDS, within_s=WITHIN_S))
    assert heard[-1].address == "/sideman/done", heard[-1]
    return Path(str([one for one in heard if one.address == "/sideman/clip"][-1].arguments[3]))


def asked(client: OscClient, address: str, types: str, *arguments: str | int, answer: str) -> Heard:
    client.send(address, types, *arguments)
    *_, last = client.hear_until(answer, "/sideman/error", within_s=WITHIN_S)
    return last


def search(client: OscClient, query: str) -> dict[str, Any]:
    heard = asked(client, "/sideman/library/search", "s", query, answer="/sideman/library/found")
    assert heard.address == "/sideman/library/found", heard
    found: dict[str, Any] = json.loads(str(heard.arguments[0]))
    return found


def search_until(client: OscClient, query: str, count: int) -> dict[str, Any]:
    """A search, once it finds so many: what is noted of a take comes a moment after it."""
    deadline = time.monotonic() + WITHIN_S
    while (found := search(client, query))["found"] != count:
        assert time.monotonic() < deadline, found
    return found


def receipt_of(clip: Path) -> Receipt:
    return receipt_from_json(clip.with_suffix(".json").read_bytes())


def test_a_take_is_in_the_library_with_its_score_and_its_place(client: OscClient) -> None:
    clip = made(client, "noted")
    found = search_until(client, "id:noted placed scored", 1)
    (one,) = found["clips"]
    assert (one["id"], one["path"], one["stale"]) == (clip.stem, str(clip), [])
    assert (one["tempo"], one["key"], one["chords"]) == (240.0, "A minor", ["Am7", "Dm7"])
    receipt = receipt_of(clip)
    assert one["placed"] == receipt.placed
    assert receipt.placed.startswith("track Sideman, slot ")
    assert one["score"] == receipt.total_score
    assert found["left_off"] == 0


def test_clips_of_another_day_are_found_and_said_of(client: OscClient, clips: Path) -> None:
    (one,) = search_until(client, 'chords:"C- F-" "another day"', 1)["clips"]
    kept = asked(client, "/sideman/keep", "s", "before", answer="/sideman/kept")
    assert kept.arguments == ("before", 0, one["path"])
    tags = asked(client, "/sideman/tag", "sis", "before", 0, "Loud, outro", answer="/sideman/tagged")
    assert tags.arguments == ("before", 0, one["path"], "loud outro")
    tags = asked(client, "/sideman/tag", "ss", one["id"], "-outro", answer="/sideman/tagged")
    assert tags.arguments[3] == "loud"
    assert search_until(client, "kept tag:loud", 1)["clips"][0]["id"] == one["id"]
    rejected = asked(client, "/sideman/reject", "s", one["id"], answer="/sideman/rejected")
    assert rejected.arguments == ("before", 0, one["path"])
    receipt = receipt_of(Path(one["path"]))
    assert (receipt.kept, receipt.rejected, receipt.tags) == (False, True, ("loud",))
    assert search_until(client, "rejected -kept", 1)["clips"][0]["id"] == one["id"]


def test_the_last_take_is_meant_where_none_is_named(client: OscClient) -> None:
    clip = made(client, "last")
    assert asked(client, "/sideman/reject", "", answer="/sideman/rejected").arguments[2] == str(clip)
    assert asked(client, "/sideman/keep", "", answer="/sideman/kept").arguments[2] == str(clip)
    assert search_until(client, "id:last kept", 1)["clips"][0]["rejected"] is False


def test_a_take_of_another_chart_is_stale_and_is_made_again(client: OscClient) -> None:
    client.send("/sideman/takes", "i", 2)
    client.send("/sideman/target", "s", "track:Bass")
    first = made(client, "chart")
    assert search_until(client, "id:chart scored", 2)["clips"][0]["stale"] == []
    session(client, "Fmaj7 | E7 |")
    client.send("/sideman/tempo", "f", 200.0)
    client.send("/sideman/prompt", "s", "something else")
    client.send("/sideman/bars", "i", 4)
    client.send("/sideman/target", "s", "")
    stale = {one["take"]: one["stale"] for one in search(client, "id:chart")["clips"]}
    assert stale == {0: ["chords", "tempo"], 1: ["chords", "tempo"]}
    client.send("/sideman/again", "si", "chart", 1)
    again = receipt_of(clip_of(client))
    then = receipt_of(first)
    assert (again.prompt, again.bars, again.target, again.engine) == ("bossa nova", 2, then.target, "sketch")
    assert "track:Bass" in then.target
    assert again.made_from is not None
    assert again.made_from.seeds == (4, 5), "two takes, from the seed of that take on"
    assert then.seed == 4
    assert [one.label for one in again.chords_asked] == ["Fmaj7", "E7"]
    assert again.bpm == 200.0
    assert search_until(client, f"id:{again.request_id} scored", 2)["clips"][0]["stale"] == []


def test_what_is_not_there_or_not_read_is_answered(client: OscClient) -> None:
    for address, types, arguments, code in (
        ("/sideman/keep", "s", ("none",), "no_such_clip"),
        ("/sideman/reject", "si", ("before", 3), "no_such_clip"),
        ("/sideman/again", "s", ("../before",), "no_such_clip"),
        ("/sideman/tag", "ss", ("before", 'a"b'), "bad_query"),
        ("/sideman/library/search", "s", ("tempo:fast",), "bad_query"),
    ):
        heard = asked(client, address, types, *arguments, answer=address.replace("again", "accepted"))
        assert heard.address == "/sideman/error", heard
        assert heard.arguments[:2] == ("", code), heard


def test_a_search_of_many_fits_a_datagram(client: OscClient, clips: Path) -> None:
    folder = ClipFolder(clips)
    for number in range(60):
        write(folder, f"many-{number}", prompt=f"{'ünïcödé ' * 200}{number}")
    # The daemon's own scan was at its start; files that others write come with the next.
    found = search(client, "id:many-0")
    assert found["found"] == 0
    with sqlite3.connect(clips / OWN_FOLDER / FILE_NAME) as db:
        assert db.execute("SELECT count(*) FROM clips").fetchone()[0] > 0
    db.close()
    from bridge.library import Library

    other = Library(folder)
    assert other.scan().changed == 60, "another program takes them in, and the daemon sees them"
    other.close()
    client.send("/sideman/library/search", "s", "limit:1000 ünïcödé")
    *_, heard = client.hear_until("/sideman/library/found", within_s=WITHIN_S)
    text = str(heard.arguments[0])
    found = json.loads(text)
    assert len(text.encode()) <= MAX_REPLY_BYTES
    assert found["found"] == 60
    assert 0 < len(found["clips"]) == 60 - found["left_off"] < 60


def test_a_daemon_whose_library_cannot_be_used_makes_takes_all_the_same(tmp_path: Path) -> None:
    """A newer version's database is left as it is; takes are made, kept and placed, and it is said once."""
    with spawned_daemon(tmp_path) as spawned, OscClient(spawned.host, spawned.port) as client:
        session(client)
        made(client, "first")
        search_until(client, "scored", 1)
    database = tmp_path / OWN_FOLDER / FILE_NAME
    with sqlite3.connect(database) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    before = database.read_bytes()
    with spawned_daemon(tmp_path, "--host", "virtual") as spawned, OscClient(spawned.host, spawned.port) as client:
        session(client)
        client.send("/sideman/subscribe")
        client.send("/sideman/generate", "s", "second")
        heard = list(client.hear_until(*ENDS, within_s=WITHIN_S))
        assert heard[-1].arguments == ("second", 1)
        assert asked(client, "/sideman/keep", "", answer="/sideman/kept").address == "/sideman/kept"
        error = asked(client, "/sideman/library/search", "s", "", answer="/sideman/library/found")
        assert error.arguments[1] == "library"
        assert "update Sideman" in str(error.arguments[2])
        notices = [one for one in heard if one.address == "/sideman/notice" and one.arguments[1] == "library"]
        assert len(notices) <= 1
        clip = Path(str(next(one for one in heard if one.address == "/sideman/clip").arguments[3]))
    receipt = receipt_of(clip)
    assert receipt.kept
    assert receipt.placed
    assert database.read_bytes() == before


def test_a_folder_emptied_by_hand_under_the_daemon_is_no_trouble(tmp_path: Path) -> None:
    with spawned_daemon(tmp_path) as spawned, OscClient(spawned.host, spawned.port) as client:
        session(client)
        made(client, "first")
        search_until(client, "id:first", 1)
        for path in tmp_path.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        assert search(client, "")["found"] == 0
        made(client, "second")
        assert search_until(client, "", 1)["clips"][0]["request_id"] == "second"


def test_retention_removes_what_nobody_wants_when_the_daemon_starts(tmp_path: Path) -> None:
    folder = ClipFolder(tmp_path)
    old = write(folder, "old", created_at="2020-01-01T00:00:00+00:00")
    kept = write(folder, "kept", created_at="2020-01-01T00:00:00+00:00", kept=True)
    with (
        spawned_daemon(tmp_path, "--set", "library.retain_days=30") as spawned,
        OscClient(spawned.host, spawned.port) as client,
    ):
        (one,) = search_until(client, "", 1)["clips"]
    assert one["id"] == kept.id
    assert not old.path.exists()
    assert (tmp_path / OWN_FOLDER / "removed" / old.path.name).is_file()
