"""Category: integration. The daemon's end of the library, with a database that is held, full or slow."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from library_clips import write

from bridge import library_db, library_desk
from bridge.clips import ClipFolder
from bridge.errors import QueueFull, RequestError
from bridge.library import Library
from bridge.library_desk import MAX_WAITING, LibraryDesk, Paths
from bridge.library_query import BadQuery, Query
from bridge.osc_clients import Client
from bridge.osc_commands import AgainTake, KeepTake, RejectTake, SearchLibrary
from bridge.osc_replies import ErrorReply, FoundReply, NoticeReply, RejectedReply, Reply
from bridge.receipt_schema import receipt_from_json
from bridge.retention import LibraryConfig
from bridge.session import SessionState

ASKER = Client(host="127.0.0.1", port=9)


class Scene:
    """A desk, and all that it said and asked for."""

    def __init__(self, folder: Path, settings: LibraryConfig) -> None:
        self.folder = ClipFolder(folder)
        self.said: list[Reply] = []
        self.asked: list[SessionState] = []
        self.made: dict[tuple[str | None, int], Path] = {}
        self.in_use: set[str] = set()
        self.library = Library(self.folder)
        self.desk = LibraryDesk(
            self.library,
            settings,
            Paths(
                session=SessionState,
                made=lambda name, take: self.made.get((name, take)),
                in_use=lambda: self.in_use,
                generate=lambda state, client: self.asked.append(state),
            ),
            answer=lambda client, reply: self.said.append(reply),
            broadcast=lambda reply, client: self.said.append(reply),
            now=lambda: datetime.now(UTC) + timedelta(days=3),
        )

    async def until(self, holds: Callable[[], object]) -> None:
        async with asyncio.timeout(30):
            while not holds():
                await asyncio.sleep(0.01)

    def notices(self) -> list[str]:
        return [one.message for one in self.said if isinstance(one, NoticeReply)]


def play(
    folder: Path,
    act: Callable[[Scene], Awaitable[None]],
    settings: LibraryConfig | None = None,
    before: Callable[[Scene], object] = lambda _: None,
) -> Scene:
    async def run() -> Scene:
        scene = Scene(folder, settings or LibraryConfig())
        before(scene)
        scene.desk.start()
        try:
            await act(scene)
        finally:
            await scene.desk.close()
            await scene.desk.close()
        return scene

    return asyncio.run(run())


def test_what_a_held_database_misses_is_told_once_and_taken_in_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library_db, "BUSY_S", 0.02)

    async def act(scene: Scene) -> None:
        await scene.until(scene.library.path.exists)
        clips = [write(scene.folder, f"clip-{number}") for number in range(3)]
        other = sqlite3.connect(scene.library.path, isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        for clip in clips[:2]:
            scene.desk.note(clip.path)
        scene.desk.note_placed(clips[0].path, "slot 1")
        await scene.until(lambda: scene.desk._waiting.qsize() == 0 and scene.notices())
        await scene.until(lambda: receipt_from_json(clips[0].receipt_path.read_bytes()).placed == "slot 1")
        other.execute("ROLLBACK")
        other.close()
        scene.desk.note(clips[2].path)
        await scene.until(lambda: len(scene.library.search(Query())) == 3)
        assert scene.library.count(Query(marks=frozenset({"placed"}))) == 1

    scene = play(tmp_path, act)
    assert len(scene.notices()) == 1
    assert "in use by another program" in scene.notices()[0]


def test_a_clip_that_was_moved_meanwhile_is_no_trouble(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        scene.desk.note(tmp_path / "none.wav")
        scene.desk.note_placed(tmp_path / "none.wav", "slot 1")
        scene.desk.handle(SearchLibrary(query=""), ASKER)
        await scene.until(lambda: any(isinstance(one, FoundReply) for one in scene.said))

    scene = play(tmp_path, act)
    assert not [one for one in scene.said if isinstance(one, ErrorReply)]


def test_what_waits_is_bounded_and_what_cannot_be_read_is_refused_at_once(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        with pytest.raises(BadQuery):
            scene.desk.handle(SearchLibrary(query="tempo:x"), ASKER)
        with pytest.raises(RequestError, match="no take yet"):
            scene.desk.handle(RejectTake(), ASKER)
        for _ in range(MAX_WAITING):
            scene.desk.handle(SearchLibrary(query=""), ASKER)
        with pytest.raises(QueueFull, match="too much to do"):
            scene.desk.handle(SearchLibrary(query=""), ASKER)

    assert play(tmp_path, act).said


def test_a_take_of_this_run_is_made_again_and_said_of_without_a_database(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        clip = write(scene.folder, "verse", prompt="dub", bars=8)
        scene.made["verse", 0] = clip.path
        await scene.until(lambda: scene.library.count(Query()) == 1)
        scene.library.close()
        with sqlite3.connect(scene.library.path) as db:
            db.execute("PRAGMA user_version = 99")
        db.close()
        scene.desk.handle(AgainTake(id="verse"), ASKER)
        scene.desk.handle(RejectTake(id="verse"), ASKER)
        scene.desk.handle(AgainTake(id="other"), ASKER)
        await scene.until(lambda: any(isinstance(one, ErrorReply) for one in scene.said))
        assert receipt_from_json(clip.receipt_path.read_bytes()).rejected

    scene = play(tmp_path, act)
    assert [(state.prompt, state.bars) for state in scene.asked] == [("dub", 8)]
    assert any(isinstance(one, RejectedReply) for one in scene.said)
    assert [one.code for one in scene.said if isinstance(one, ErrorReply)] == ["library"]


def test_a_mistake_is_answered_and_the_rest_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> str:
        raise ZeroDivisionError

    async def act(scene: Scene) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(library_desk, "found_json", fails)
            scene.desk.handle(SearchLibrary(query=""), ASKER)
            await scene.until(lambda: scene.said)
        scene.desk.handle(KeepTake(id="none"), ASKER)
        await scene.until(lambda: len(scene.said) == 2)

    scene = play(tmp_path, act)
    assert [one.code for one in scene.said if isinstance(one, ErrorReply)] == ["internal", "no_such_clip"]


def test_a_clip_in_use_is_never_removed(tmp_path: Path) -> None:
    """Such as one that the player plays: its file stays where it was heard from."""

    def before(scene: Scene) -> None:
        for name in ("heard", "waiting", "old"):
            scene.in_use.add(write(scene.folder, name).path.stem)
        scene.in_use.remove(next(stem for stem in scene.in_use if "old" in stem))

    async def act(scene: Scene) -> None:
        await scene.until(lambda: len(list(tmp_path.glob("*.wav"))) == 2)

    scene = play(tmp_path, act, LibraryConfig(retain_days=1), before)
    assert {path.stem for path in tmp_path.glob("*.wav")} == scene.in_use
