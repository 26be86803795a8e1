"""Category: integration. The host ``folder`` with real files: names, links, full disks, vanished folders, rubbish."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from bridge import drop_folder
from bridge.errors import HostError, NothingToPlay, QueueFull
from bridge.folder_host import BUSY, FolderHost
from midi import events as ev
from midi.chords import ChordChange, parse_chord
from midi.events import SessionEvent
from midi.file_writer import song_bytes
from midi.keys import parse_key
from midi.song import Song
from midi.time import Beats, Bpm, Meter, TempoMap
from plugin_host.host import Ended, Placement
from plugin_host.inbox import PATIENCE

SONG = song_bytes(
    Song(
        tempo_map=TempoMap.constant(Bpm(96.0), Meter(numerator=3, denominator=4)),
        key=parse_key("A minor"),
        chord_changes=tuple(
            ChordChange(at=Beats(at), chord=parse_chord(label)) for at, label in ((0.0, "Am"), (3.0, "Dm"))
        ),
        end=Beats(6.0),
    )
)


class Desk:
    """The daemon, as the host sees it: what it is asked, and what it is told."""

    def __init__(self) -> None:
        self.made: list[tuple[Sequence[SessionEvent], Sequence[SessionEvent]]] = []
        self.ended: list[Callable[[Ended], None]] = []
        self.told: list[str] = []
        self.placed_late: list[tuple[str, str]] = []
        self.refuse: Exception | None = None

    def hear(self, event: SessionEvent) -> None:
        raise AssertionError("a folder says nothing by itself")

    def make(
        self, chart: Sequence[SessionEvent], wishes: Sequence[SessionEvent], ended: Callable[[Ended], None]
    ) -> None:
        if self.refuse:
            raise self.refuse
        self.made.append((chart, wishes))
        self.ended.append(ended)

    def tell(self, request_id: str, message: str) -> None:
        self.told.append(message)

    def placed(self, placement: Placement, where: str) -> None:
        self.placed_late.append((placement.request_id, where))


class Bench:
    """A host that looks when it is told to, its desk, its clock and its files."""

    def __init__(self, tmp_path: Path) -> None:
        self.now = 100.0
        self.desk = Desk()
        self.clip = tmp_path / "clips" / "sideman-one-t0_112bpm.wav"
        self.clip.parent.mkdir()
        self.clip.write_bytes(b"audio" * 5000)
        self.folder = tmp_path / "clips" / "For the DAW"
        self.inbox = self.folder / "in"
        self.host = FolderHost(self.folder, lambda: self.now, poll_s=3600.0)
        self.host.attach(self.desk, lambda: None)

    def placement(self, target: str = "", take: int = 0, path: Path | None = None) -> Placement:
        return Placement(
            request_id="one", take=take, path=path or self.clip, name="sideman-one-t0", start=Beats(0.0), bars=4,
            tempo=Bpm(112.0), meter=Meter(numerator=4, denominator=4), sample_rate_hz=48000, frames=96000,
            target=target, prompt="bossa nova", key=parse_key("A minor"),
        )  # fmt: skip

    async def look(self, times: int = 1, seconds: float = 1.0) -> None:
        for _ in range(times):
            self.now += seconds
            await self.host.look()

    def drop(self, name: str, data: bytes = SONG) -> Path:
        path = self.inbox / name
        path.write_bytes(data)
        return path

    def tree(self) -> set[str]:
        return {str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if not path.is_dir()}


def on(tmp_path: Path, act: Callable[[Bench], Awaitable[None]]) -> Bench:
    """Run a host that has started; it is closed at the end."""
    bench = Bench(tmp_path)

    async def run() -> None:
        await bench.host.start()
        try:
            await asyncio.sleep(0)
            await act(bench)
        finally:
            await bench.host.close()
            await bench.host.close()

    asyncio.run(run())
    return bench


# Out


def test_clips_come_under_loop_pack_names_and_their_path_is_told(tmp_path: Path) -> None:
    async def act(bench: Bench) -> None:
        name = "bossa-nova_112bpm_Am_4bars_take{}.wav"
        assert await bench.host.place(bench.placement()) == str(bench.folder / name.format(1))
        assert await bench.host.place(bench.placement(take=1)) == str(bench.folder / name.format(2))
        # The next request's first take: a name that is free, nothing overwritten.
        assert await bench.host.place(bench.placement()) == str(bench.folder / name.format(3))
        where = await bench.host.place(bench.placement(target="lanes:Lead / Synth"))
        assert where == str(bench.folder / "Lead Synth" / name.format(1))
        assert Path(where).read_bytes() == bench.clip.read_bytes()
        assert bench.clip.exists()

    on(tmp_path, act)


def final_of(bench: Bench, placement: Placement) -> Placement:
    """The better take of a draft that was placed."""
    path = bench.clip.with_name("sideman-one-t0_112bpm-2.wav")
    path.write_bytes(b"better" * 5000)
    return replace(placement, path=path, replaces=placement.path)


def test_a_better_take_has_the_name_of_its_draft_and_takes_its_place(tmp_path: Path) -> None:
    async def act(bench: Bench) -> None:
        draft = bench.placement(target="lanes:Lead")
        where = await bench.host.place(draft)
        final = final_of(bench, draft)
        assert await bench.host.place(final) == f"{where}, in the place of its draft"
        assert Path(where).read_bytes() == final.path.read_bytes()
        assert bench.tree() == {str(Path(where).relative_to(bench.folder))}
        best = replace(final, path=bench.clip.with_name("best.wav"), replaces=final.path)
        best.path.write_bytes(b"best" * 5000)
        await bench.host.place(best)
        assert Path(where).read_bytes() == best.path.read_bytes(), "and its own better one again"

    on(tmp_path, act)


@pytest.mark.parametrize(
    ("touch", "why"),
    [
        (lambda path: path.write_bytes(b"mine"), "it was changed"),
        (lambda path: path.unlink(), "it is not there any more"),
        (lambda path: (path.unlink(), path.symlink_to(path.parent / "mine.wav")), "it was changed"),
        (lambda path: (path.unlink(), path.mkdir()), "it was changed"),
    ],
    ids=["changed", "gone", "a link", "a folder"],
)
def test_a_draft_that_somebody_touched_stays_and_the_better_take_goes_beside_it(
    tmp_path: Path, touch: Callable[[Path], object], why: str
) -> None:
    async def act(bench: Bench) -> None:
        draft = bench.placement()
        where = Path(await bench.host.place(draft))
        touch(where)
        before = where.lstat() if where.is_symlink() or where.exists() else None
        final = final_of(bench, draft)
        said = await bench.host.place(final)
        path, _, remark = said.partition(";")
        assert remark == f" its draft is not replaced: {why}"
        assert Path(path).read_bytes() == final.path.read_bytes()
        if before:
            assert Path(path) != where and where.lstat() == before

    on(tmp_path, act)


def test_a_file_that_this_run_did_not_make_is_never_replaced(tmp_path: Path) -> None:
    async def act(bench: Bench) -> None:
        draft = bench.placement()
        mine = bench.folder / "bossa-nova_112bpm_Am_4bars_take1.wav"
        mine.write_bytes(b"mine")
        said = await bench.host.place(final_of(bench, draft))
        assert said.startswith(str(bench.folder / "bossa-nova_112bpm_Am_4bars_take2.wav;"))
        assert "this run of the daemon did not put it there" in said
        assert mine.read_bytes() == b"mine"

    on(tmp_path, act)


def test_a_better_take_that_a_program_writes_to_at_once_is_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def act(bench: Bench) -> None:
        draft = bench.placement()
        where = Path(await bench.host.place(draft))
        whole = Path.replace

        def tagged(self: Path, target: Path) -> Path:
            put = whole(self, target)
            target.write_bytes(b"with the sampler's own tags")
            return put

        final = final_of(bench, draft)
        with monkeypatch.context() as patched:
            patched.setattr(Path, "replace", tagged)
            await bench.host.place(final)
        best = replace(final, path=bench.clip.with_name("best.wav"), replaces=final.path)
        best.path.write_bytes(b"best" * 5000)
        assert (await bench.host.place(best)).endswith("its draft is not replaced: it was changed")
        assert where.read_bytes() == b"with the sampler's own tags"

    on(tmp_path, act)


def test_a_draft_that_another_program_holds_stays_and_nothing_is_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On Windows a file that a sampler has open cannot be replaced."""

    async def act(bench: Bench) -> None:
        draft = bench.placement()
        where = Path(await bench.host.place(draft))
        whole = Path.replace

        def held(self: Path, target: Path) -> Path:
            if target == where:
                raise PermissionError(13, "another program has it open", str(target))
            return whole(self, target)

        monkeypatch.setattr(Path, "replace", held)
        said = await bench.host.place(final_of(bench, draft))
        assert said.endswith("take2.wav; its draft is not replaced: another program has it open")
        assert where.read_bytes() == bench.clip.read_bytes()
        assert bench.tree() == {where.name, Path(said.partition(";")[0]).name}

    on(tmp_path, act)


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()

    async def act(bench: Bench) -> None:
        (bench.folder / "Keys").symlink_to(outside)
        with pytest.raises(HostError, match="is a link or a file"):
            await bench.host.place(bench.placement(target=":Keys"))

    on(tmp_path, act)
    assert list(outside.iterdir()) == []


def test_a_folder_of_the_user_s_that_is_a_link_is_the_user_s(tmp_path: Path) -> None:
    real = tmp_path / "card"
    real.mkdir()
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "For the DAW").symlink_to(real)
    (tmp_path / "clips").rename(tmp_path / "kept")

    async def run() -> None:
        host = FolderHost(tmp_path / "kept" / "For the DAW")
        await host.start()
        await host.close()
        assert host.folder == real

    asyncio.run(run())


def test_a_clip_that_was_deleted_is_said(tmp_path: Path) -> None:
    async def act(bench: Bench) -> None:
        bench.clip.unlink()
        with pytest.raises(HostError, match="is gone before it could be placed"):
            await bench.host.place(bench.placement())
        await bench.look(3)
        assert bench.desk.told == [] and bench.desk.placed_late == []

    on(tmp_path, act)


def test_a_full_disk_is_said_and_the_clip_comes_when_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fsync(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    async def act(bench: Bench) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", fsync)
            with pytest.raises(HostError, match=r"the disk is full: free some space\. It is tried again"):
                await bench.host.place(bench.placement())
            await bench.look(2)
        assert bench.tree() == set()
        await bench.look(4)
        assert bench.tree() == {"bossa-nova_112bpm_Am_4bars_take1.wav"}
        assert bench.desk.placed_late == [("one", str(bench.folder / "bossa-nova_112bpm_Am_4bars_take1.wav"))]
        await bench.look(4, seconds=20)
        assert len(bench.desk.placed_late) == 1

    on(tmp_path, act)


def test_another_file_system_gets_a_whole_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hard links fail there, and so does a rename across."""

    def link(*_: object, **__: object) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", link)

    async def act(bench: Bench) -> None:
        where = Path(await bench.host.place(bench.placement()))
        assert where.read_bytes() == bench.clip.read_bytes()
        bench.drop("a.mid")
        await bench.look(2)
        bench.desk.ended[0](Ended())
        await bench.look()
        assert bench.tree() == {"bossa-nova_112bpm_Am_4bars_take1.wav", "in/done/a.mid"}

    on(tmp_path, act)


@pytest.mark.skipif(os.name == "nt", reason="Windows has other permissions")
def test_a_read_only_folder_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real_open = Path.open

    def refuse(self: Path, mode: str = "r", *rest: object, **more: object) -> object:
        if mode == "xb":
            raise PermissionError(errno.EACCES, "Permission denied", str(self))
        return real_open(self, mode, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(Path, "open", refuse)  # who runs as root may write everywhere

    async def act(bench: Bench) -> None:
        with pytest.raises(HostError, match="it may not be written to: change its permissions"):
            await bench.host.place(bench.placement())

    on(tmp_path, act)


def test_a_folder_that_cannot_be_made_is_said_at_the_start(tmp_path: Path) -> None:
    async def run(folder: Path, says: str) -> None:
        host = FolderHost(folder)
        with pytest.raises(HostError, match=f"{says}.*host.folder=DIR"):
            await host.start()
        await host.close()

    asyncio.run(run(tmp_path / "no" / "parent", "there is no folder .* to make it in"))
    (tmp_path / "file").touch()
    asyncio.run(run(tmp_path / "file", "is a link or a file"))


def test_a_folder_that_vanishes_is_made_again_and_said(tmp_path: Path) -> None:
    async def act(bench: Bench) -> None:
        shutil.rmtree(bench.folder)
        await bench.look()
        assert bench.desk.told == [f"The folder {bench.folder} had vanished, and was made again."]
        assert bench.inbox.is_dir()
        shutil.rmtree(bench.folder)
        assert Path(await bench.host.place(bench.placement())).is_file()

    on(tmp_path, act)


def test_a_disk_that_vanishes_is_waited_for(tmp_path: Path) -> None:
    async def act(bench: Bench) -> None:
        aside = tmp_path / "aside"
        bench.folder.parent.rename(aside)
        kept = aside / bench.clip.name
        with pytest.raises(HostError, match="it is gone, or the disk that it is on"):
            await bench.host.place(bench.placement(path=kept))
        await bench.look(3)
        assert bench.desk.told == [
            f"The folder {bench.folder} cannot be used: it is gone, or the disk that it is on. It is waited for."
        ]
        aside.rename(bench.folder.parent)
        kept.parent.mkdir()
        shutil.copy(bench.clip, kept)
        await bench.look(3)
        assert bench.desk.told[1:] == [f"The folder {bench.folder} is there again."]
        assert [where for _, where in bench.desk.placed_late] == [
            str(bench.folder / "bossa-nova_112bpm_Am_4bars_take1.wav")
        ]

    on(tmp_path, act)


def test_of_very_many_waiting_clips_the_oldest_is_given_up_and_said(tmp_path: Path) -> None:
    async def act(bench: Bench) -> None:
        aside = tmp_path / "aside"
        bench.folder.rename(aside)
        bench.folder.touch()
        for _ in range(65):
            with pytest.raises(HostError):
                await bench.host.place(bench.placement())
        assert len(bench.desk.told) == 1
        assert "64 newer clips wait" in bench.desk.told[0] and str(bench.clip) in bench.desk.told[0]

    on(tmp_path, act)


# In


def test_a_dropped_file_becomes_chart_and_clip_and_is_done(tmp_path: Path) -> None:
    async def act(bench: Bench) -> None:
        path = bench.drop("bossa nova, nylon guitar; 2 takes; 8 bars.mid")
        await bench.look()
        assert bench.desk.made == []
        await bench.look()
        ((chart, wishes),) = bench.desk.made
        assert ev.SetTempo(bpm=Bpm(96.0)) in chart
        assert ev.SetMeter(meter=Meter(numerator=3, denominator=4)) in chart
        assert ev.SetKey(key=parse_key("A minor")) in chart
        assert ev.SetBars(bars=2) in chart
        chords = next(event for event in chart if isinstance(event, ev.SetChordChart))
        assert [change.at for change in chords.chart.changes] == [0.0, 3.0]
        assert wishes[-3:] == (
            ev.SetTakes(takes=2),
            ev.SetBars(bars=8),
            ev.SetPrompt(text="bossa nova, nylon guitar"),
        )
        assert path.exists()
        bench.desk.ended[0](Ended())
        await bench.look(2)
        assert bench.tree() == {"in/done/bossa nova, nylon guitar; 2 takes; 8 bars.mid"}
        assert len(bench.desk.made) == 1

    on(tmp_path, act)


def test_one_clip_is_made_at_a_time_and_a_name_that_was_done_before_keeps_both(tmp_path: Path) -> None:
    async def act(bench: Bench) -> None:
        for _ in range(2):
            bench.drop("a.mid")
            bench.drop("b.mid")
            await bench.look(4)
            for count in (1, 2):
                assert len(bench.desk.made) % 2 == count % 2
                bench.desk.ended[-1](Ended())
                await bench.look(2)
        assert bench.tree() == {"in/done/a.mid", "in/done/a-2.mid", "in/done/b.mid", "in/done/b-2.mid"}

    on(tmp_path, act)


def test_half_a_file_is_not_read_and_not_given_up(tmp_path: Path) -> None:
    async def act(bench: Bench) -> None:
        bench.drop("a.mid", SONG[: len(SONG) // 2])
        await bench.look(3)
        assert bench.desk.made == []
        bench.drop("a.mid")
        await bench.look(2)
        assert len(bench.desk.made) == 1
        assert bench.desk.told == []

    on(tmp_path, act)


@pytest.mark.parametrize(
    ("data", "says"),
    [(b"", ""), (b"no MIDI at all", "MIDI"), (SONG[:40], "MIDI"), (b"MThd" + b"\0" * (16 * 1024 * 1024), "16")],
)
def test_what_stays_unreadable_is_moved_aside_with_a_text_that_says_why(tmp_path: Path, data: bytes, says: str) -> None:
    async def act(bench: Bench) -> None:
        bench.drop("broken.mid", data)
        await bench.look(2)
        assert bench.tree() == {"in/broken.mid"}
        await bench.look(2, seconds=PATIENCE)
        assert bench.tree() == {"in/not read/broken.mid", "in/not read/broken.mid.txt"}
        assert (bench.inbox / "not read" / "broken.mid").read_bytes() == data
        why = (bench.inbox / "not read" / "broken.mid.txt").read_text().strip()
        assert says in why and why.endswith(".") and "Traceback" not in why
        assert len(bench.desk.told) == 1 and why in bench.desk.told[0] and "broken.mid" in bench.desk.told[0]

    on(tmp_path, act)


def test_rubbish_links_and_folders_are_left_alone(tmp_path: Path) -> None:
    secret = tmp_path / "secret.mid"
    secret.write_bytes(SONG)

    async def act(bench: Bench) -> None:
        for name in ("notes.txt", "._a.mid", ".hidden.mid", "loop.wav", "ünï 🎸"):
            bench.drop(name, b"rubbish")
        (bench.inbox / "link.mid").symlink_to(secret)
        (bench.inbox / "folder.mid").mkdir()
        os.mkfifo(bench.inbox / "pipe.mid")
        before = bench.tree()
        await bench.look(4, seconds=PATIENCE)
        assert bench.tree() == before
        assert bench.desk.made == [] and bench.desk.told == []

    on(tmp_path, act)
    assert secret.read_bytes() == SONG


def test_a_file_that_becomes_a_link_is_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret.mid"
    secret.write_bytes(SONG)

    async def act(bench: Bench) -> None:
        path = bench.drop("a.mid")
        await bench.look()
        found = next(iter(bench.host._drops.files(())))
        path.unlink()
        path.symlink_to(secret)
        with pytest.raises(OSError):
            bench.host._drops.read(found)

    on(tmp_path, act)


def test_ten_thousand_files_are_taken_one_after_another(tmp_path: Path) -> None:
    async def act(bench: Bench) -> None:
        for number in range(10_000):
            bench.drop(f"{number:05d}.mid")
        stats = 0
        real = drop_folder.Path.lstat

        def lstat(self: Path) -> os.stat_result:
            nonlocal stats
            stats += 1
            return real(self)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(drop_folder.Path, "lstat", lstat)
            await bench.look(2)
        assert stats <= 2 * (drop_folder.MOST_FILES + 8)
        for number in range(3):
            assert len(bench.desk.made) == number + 1
            bench.desk.ended[-1](Ended())
            await bench.look()
        assert {path.name for path in (bench.inbox / "done").iterdir()} == {"00000.mid", "00001.mid", "00002.mid"}
        assert sum(1 for _ in bench.inbox.glob("*.mid")) == 9_997

    on(tmp_path, act)


@pytest.mark.parametrize("name", ["99 takes.mid", "x; seed 7; 0 bars.mid", "x; 600 bars.mid"])
def test_a_wish_that_is_none_is_said(tmp_path: Path, name: str) -> None:
    async def act(bench: Bench) -> None:
        bench.drop(name)
        await bench.look(2)
        assert bench.desk.made == []
        assert bench.tree() == {f"in/not read/{name}", f"in/not read/{name}.txt"}
        assert "The name of the file" in (bench.inbox / "not read" / f"{name}.txt").read_text()

    on(tmp_path, act)


@pytest.mark.parametrize("why", ["The request was cancelled.", "The engine crashed."])
def test_a_clip_that_was_not_made_is_said(tmp_path: Path, why: str) -> None:
    async def act(bench: Bench) -> None:
        bench.drop("a.mid")
        await bench.look(2)
        bench.desk.ended[0](Ended(why=why))
        await bench.look(3)
        assert bench.tree() == {"in/not read/a.mid", "in/not read/a.mid.txt"}
        assert (bench.inbox / "not read" / "a.mid.txt").read_text() == f"{why}\n"
        assert len(bench.desk.made) == 1

    on(tmp_path, act)


def test_a_file_whose_name_leaves_no_room_for_the_text_s_is_moved_all_the_same(tmp_path: Path) -> None:
    name = "a" * 250 + ".mid"

    async def act(bench: Bench) -> None:
        bench.drop(name)
        await bench.look(2)
        bench.desk.ended[0](Ended(why="The engine crashed."))
        await bench.look(3)
        assert bench.tree() == {f"in/not read/{name}"}
        assert len(bench.desk.told) == 1 and f"{name} now." in bench.desk.told[0]

    on(tmp_path, act)


def test_nothing_to_play_is_said(tmp_path: Path) -> None:
    async def act(bench: Bench) -> None:
        bench.desk.refuse = NothingToPlay("The session is empty.")
        bench.drop("a.mid")
        await bench.look(2)
        assert (bench.inbox / "not read" / "a.mid.txt").read_text() == (
            "It holds no notes and no chords: there is nothing to play.\n"
        )

    on(tmp_path, act)


def test_what_was_superseded_or_found_the_queue_full_is_asked_again(tmp_path: Path) -> None:
    async def act(bench: Bench) -> None:
        bench.drop("a.mid")
        await bench.look(2)
        bench.desk.ended[0](Ended(why="A newer request took its place.", again=True))
        await bench.look()
        assert len(bench.desk.made) == 1
        bench.desk.refuse = QueueFull("16 requests wait already.")
        await bench.look(3, seconds=BUSY)
        bench.desk.refuse = None
        await bench.look(2, seconds=BUSY)
        assert len(bench.desk.made) == 2
        assert bench.tree() == {"in/a.mid"}
        assert bench.desk.told == []

    on(tmp_path, act)


def test_a_file_that_cannot_be_moved_is_made_once_and_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> Path:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(drop_folder, "move_into", refuse)

    async def act(bench: Bench) -> None:
        bench.drop("a.mid")
        await bench.look(2)
        bench.desk.ended[0](Ended())
        await bench.look(5)
        assert len(bench.desk.made) == 1
        assert len(bench.desk.told) == 1 and "It is not read again." in bench.desk.told[0]
        assert bench.tree() == {"in/a.mid"}

    on(tmp_path, act)


def test_a_user_who_takes_the_file_away_meanwhile_is_no_error(tmp_path: Path) -> None:
    async def act(bench: Bench) -> None:
        path = bench.drop("a.mid")
        await bench.look(2)
        path.unlink()
        bench.desk.ended[0](Ended())
        await bench.look(2)
        bench.drop("b.mid")
        await bench.look(2)
        assert len(bench.desk.made) == 2
        assert bench.desk.told == []

    on(tmp_path, act)


@pytest.mark.parametrize("why", [None, "The engine crashed."])
def test_a_file_that_was_written_anew_while_its_clip_was_made_is_read_again(tmp_path: Path, why: str | None) -> None:
    async def act(bench: Bench) -> None:
        bench.drop("a.mid")
        await bench.look(2)
        bench.drop("a.mid", SONG + b"\0")
        bench.desk.ended[0](Ended(why=why))
        await bench.look(3)
        assert bench.tree() == {"in/a.mid"}
        assert len(bench.desk.made) == 2
        bench.desk.ended[1](Ended())
        await bench.look(1)
        assert bench.tree() == {"in/done/a.mid"}

    on(tmp_path, act)


def test_a_file_that_says_no_tempo_leaves_the_session_s(tmp_path: Path) -> None:
    note = b"\x00\x90\x3c\x64\x83\x60\x80\x3c\x00\x00\xff\x2f\x00"
    bare = b"MThd" + bytes([0, 0, 0, 6, 0, 0, 0, 1, 1, 0xE0]) + b"MTrk" + len(note).to_bytes(4, "big") + note

    async def act(bench: Bench) -> None:
        bench.drop("a.mid", bare)
        await bench.look(2)
        ((chart, _),) = bench.desk.made
        assert not any(isinstance(event, ev.SetTempo | ev.AddTempoPoint) for event in chart)
        assert any(isinstance(event, ev.SetMeter) for event in chart)
        assert bench.desk.told == []

    on(tmp_path, act)


def test_an_unforeseen_error_does_not_end_the_watch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        host = FolderHost(tmp_path / "a", poll_s=0.005)
        desk = Desk()
        host.attach(desk, lambda: None)
        await host.start()
        looks = 0
        real = host._take_look

        async def look() -> drop_folder.Look:
            nonlocal looks
            looks += 1
            if looks < 3:
                raise RuntimeError("a bug")
            return await real()

        monkeypatch.setattr(host, "_take_look", look)
        async with asyncio.timeout(5):
            while looks < 5:
                await asyncio.sleep(0.002)
        await host.close()

    asyncio.run(run())
