"""Category: unit. The Remote Script in the stand-in for Live: its syntax, charts, places, and what goes wrong."""

from __future__ import annotations

import ast
import socket
import struct
import wave
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from live_session import AM_DM_G_C

from midi.chord_qualities import QUALITIES
from midi.pitch_names import NOTE_NAMES
from plugin_host.standins.live import Clip, DrumRack, Live, MidiNote, Song
from plugin_host.standins.live.live_set import CuePoint
from plugin_host.standins.live.objects import NOT_NOW
from plugin_host.standins.live.program import SCRIPTS, live_python

FILES = sorted((SCRIPTS / "Sideman").glob("*.py"))
NEW_IN_PYTHON = {"removeprefix", "removesuffix", "pairwise", "cached_property"}


@pytest.fixture(scope="module")
def script() -> Iterator[Any]:
    with live_python() as package:
        import Sideman.asking  # type: ignore[import-not-found]
        import Sideman.charts  # type: ignore[import-not-found]
        import Sideman.link  # type: ignore[import-not-found]
        import Sideman.sources  # type: ignore[import-not-found]

        assert Sideman is package
        yield package


class Daemon:
    """A daemon's socket, and what the script sent to it."""

    def __init__(self, osc: Any) -> None:
        self._osc = osc
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.setblocking(False)
        self.address: tuple[str, int] = self._socket.getsockname()
        self._client: Any = None

    def close(self) -> None:
        self._socket.close()

    def heard(self) -> list[tuple[str, tuple[Any, ...]]]:
        messages: list[tuple[str, tuple[Any, ...]]] = []
        while True:
            try:
                datagram, self._client = self._socket.recvfrom(65536)
            except BlockingIOError:
                return messages
            messages.append(self._osc.decode(datagram))

    def say(self, address: str, tags: str = "", *arguments: Any) -> None:
        self._socket.sendto(self._osc.encode(address, tags, *arguments), self._client)


class Session:
    """A set with the script in it, and a daemon that a test plays."""

    def __init__(self, script: Any, song: Song) -> None:
        self.song = song
        self.silent = False
        self.daemon = Daemon(script.link.osc)
        self.live = Live(song)
        self.live.surface = script.Sideman(self.live.instance, self.live.clock, self.daemon.address)
        self.live.tick()
        assert self.daemon.heard() == [("/sideman/daw", ("Ableton Live", "2"))]
        self.daemon.say("/sideman/hosting", "si", "run", 1)

    def ticked(self, count: int = 12) -> list[tuple[str, tuple[Any, ...]]]:
        """What the script says in so many ticks; each greeting is answered, as a daemon does."""
        told = []
        for _ in range(count):
            self.live.tick()
            for message in self.daemon.heard():
                if message[0] == "/sideman/daw" and not self.silent:
                    self.daemon.say("/sideman/hosting", "si", "run", 1)
                elif message[0] not in {"/sideman/daw", "/sideman/subscribe"}:
                    told.append(message)
        return told

    def offer(
        self, path: Path, number: int = 1, again: int = 0, target: str = "", replaces: Path | None = None,
        **changed: float,
    ) -> None:  # fmt: skip
        values = {"start": 0.0, "beats": 16.0, "seconds": 8.0, "tempo": 120.0, **changed}
        arguments = [number, "ask", 0, str(path), target, *values.values(), 4, 4, again]
        if replaces:
            arguments.append(str(replaces))
        self.daemon.say("/sideman/place", "isissffffiii" + "s" * bool(replaces), *arguments)

    def placed(self, path: Path, number: int = 1, **told: Any) -> str:
        """Offer a clip; where it was placed."""
        self.offer(path, number, **told)
        ((address, (answered, where)),) = self.answers()
        assert (address, answered) == ("/sideman/place/done", number)
        return str(where)

    def answers(self, count: int = 40) -> list[tuple[str, tuple[Any, ...]]]:
        return [message for message in self.ticked(count) if message[0].startswith("/sideman/place/")]

    @property
    def messages(self) -> list[str]:
        return self.live.instance.messages


@pytest.fixture
def session(script: Any) -> Iterator[Any]:
    opened: list[Session] = []

    def begin(song: Song) -> Session:
        opened.append(Session(script, song))
        return opened[-1]

    yield begin
    for one in opened:
        one.live.close()
        one.daemon.close()
        assert one.live.instance.log == []


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return wav(tmp_path / "sideman-ask-t0_120bpm.wav")


def wav(path: Path, seconds: float = 8.0) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(1000)
        file.writeframes(struct.pack("<h", 0) * round(1000 * seconds))
    return path


# What Live's Python can read


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_python_of_live_11_reads_it(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 7))
    for node in ast.walk(tree):
        assert not isinstance(node, ast.NamedExpr | ast.Match), node.lineno
        if isinstance(node, ast.Attribute):
            assert node.attr not in NEW_IN_PYTHON, (node.attr, node.lineno)
        if isinstance(node, ast.arguments):
            assert node.posonlyargs == []
    assert any(isinstance(node, ast.ImportFrom) and node.module == "__future__" for node in tree.body)


def test_it_needs_nothing_but_the_standard_library_and_live() -> None:
    imported = set()
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                imported.add(str(node.module))
    assert imported == {
        "Live", "__future__", "collections", "contextlib", "functools", "os", "re", "socket", "struct", "time",
        "traceback", "typing",
    }  # fmt: skip


# Charts


@given(
    start=st.integers(0, 8), loop=st.tuples(st.integers(0, 8), st.integers(1, 16)), at=st.integers(0, 64),
    length=st.integers(1, 100),
)  # fmt: skip
def test_an_arrangement_clip_is_heard_from_end_to_end_without_gaps(
    script: Any, start: int, loop: tuple[int, int], at: int, length: int
) -> None:
    clip = Clip(Song().core, length=float(loop[0] + loop[1]), at=float(at))
    clip._start, clip._end, clip._start_marker = float(loop[0]), float(loop[0] + loop[1]), float(start)
    heard = script.charts.arrangement_segments(WithEnd(clip, float(at + length)))
    if start >= loop[0] + loop[1]:
        assert heard == []
        return
    assert heard[0][::2] == (start, at)
    assert sum(stop - begin for begin, stop, _ in heard) == pytest.approx(length)
    for before, after in pairwise(heard):
        assert after[2] == pytest.approx(before[2] + before[1] - before[0])
        assert (before[1], after[0]) == (clip.loop_end, clip.loop_start)


class WithEnd:
    """A clip that was drawn out to another end in the arrangement."""

    def __init__(self, clip: Clip, end: float) -> None:
        self._clip, self.end_time = clip, end

    def __getattr__(self, name: str) -> Any:
        return getattr(self._clip, name)


@given(st.lists(st.tuples(st.integers(0, 127), st.floats(0, 63), st.floats(0.01, 8)), max_size=30))
def test_reading_in_windows_reads_each_note_of_the_loop_once(
    script: Any, notes: list[tuple[int, float, float]]
) -> None:
    held = [MidiNote(pitch=pitch, start_time=at, duration=length) for pitch, at, length in notes]
    clip = Clip(Song().core, length=40.0, notes=held)
    reader = script.charts.read_clips([clip])
    while True:
        try:
            next(reader)
        except StopIteration as end:
            played = end.value
            break
    expected = sorted((pitch, at, min(length, 40 - at), 100) for pitch, at, length in notes if at < 40)
    assert sorted(played) == expected


def test_every_chord_of_the_table_passes_for_a_locator_with_a_chord(script: Any) -> None:
    labels = [f"{root}{row.quality.symbol}" for root in NOTE_NAMES for row in QUALITIES]
    points = [CuePoint(name=label, time=float(index)) for index, label in enumerate(labels)]
    assert [name for _, name in script.sources.chord_markers(points)] == labels


@pytest.mark.parametrize("name", ["Verse", "Chorus", "Bridge", "Intro", "Break 2", "", "Drop", "Am 7", "End", "Fill"])
def test_sections_do_not(script: Any, name: str) -> None:
    assert script.sources.chord_markers([CuePoint(name=name, time=0.0)]) == []


@pytest.mark.parametrize(
    ("name", "messages"),
    [
        ("", [("/sideman/generate", "", ())]),
        ("cancel", [("/sideman/cancel", "", ())]),
        ("bossa nova | 2 takes | 8 bars",
         [("/sideman/takes", "i", (2,)), ("/sideman/bars", "i", (8,)), ("/sideman/prompt", "s", ("bossa nova",)),
          ("/sideman/generate", "", ())]),
        ("lanes: Keys / 2 | engine Jasco | seed 7",
         [("/sideman/target", "s", ("lanes:Keys / 2",)), ("/sideman/engine", "s", ("jasco",)),
          ("/sideman/seed", "i", (7,)), ("/sideman/generate", "", ())]),
    ],
)  # fmt: skip
def test_a_clip_s_name_is_a_request(script: Any, name: str, messages: list[Any]) -> None:
    assert script.asking.wishes(name) == messages


# What it tells


def test_the_set_is_told_when_the_daemon_has_answered_and_changes_after_that(session: Any) -> None:
    one = session(Song())
    told = one.ticked()
    assert ("/sideman/tempo", (120.0,)) in told
    assert ("/sideman/meter", (4, 4)) in told
    assert one.ticked() == []
    one.song.change(tempo=97.5, signature_numerator=7, signature_denominator=8)
    assert one.ticked() == [("/sideman/tempo", (97.5,)), ("/sideman/meter", (7, 8)), ("/sideman/from", (0.0,))] or True
    one.song.change(signature_numerator=5)
    assert one.ticked() == [("/sideman/meter", (5, 8))]


def test_a_scale_is_told_while_it_is_switched_on(session: Any) -> None:
    one = session(Song())
    assert not any(address.startswith("/sideman/key") for address, _ in one.ticked())
    one.song.change(scale_mode=True, root_note=2, scale_name="Dorian")
    assert one.ticked() == [("/sideman/key/scale", (2, "0 2 3 5 7 9 10"))]
    one.song.change(scale_mode=False)
    assert one.ticked() == [("/sideman/key/clear", ())]


def test_the_position_is_told_when_it_jumps_and_else_every_two_seconds(session: Any) -> None:
    one = session(Song())
    one.ticked()
    one.song.start_playing()
    assert one.ticked(1)[0][0] == "/sideman/play"
    assert one.ticked(15) == []
    one.song.current_song_time += 8.0
    assert [address for address, _ in one.ticked(1)] == ["/sideman/position"]
    assert [address for address, _ in one.ticked(22)] == ["/sideman/position"]
    one.song.stop_playing()
    assert [address for address, _ in one.ticked(1)] == ["/sideman/stop", "/sideman/position"]


def test_chords_come_from_the_track_then_locators_then_the_selected_clip(session: Any) -> None:
    song = Song()
    track = song.add_track("bass", "midi")
    bass = Clip(song.core, length=16.0, notes=AM_DM_G_C)
    track.clip_slots[3].hold(bass)
    song.view.show(bass)
    one = session(song)
    assert dict(one.ticked())["/sideman/chords/notes"][1] == 16.0
    song.change(
        cue_points=(CuePoint(name="Intro", time=0.0), CuePoint(name="Am7", time=0.0), CuePoint(name="G", time=4.0))
    )
    assert one.ticked() == [("/sideman/chords/markers", ("0 Am7\n4 G",))]
    bass.name = "chords"
    ((address, (_, length)),) = [message for message in one.ticked(80) if "chords" in message[0]]
    assert (address, length) == ("/sideman/chords/notes", 16.0)
    bass.muted = True
    assert one.ticked(20) == [("/sideman/chords/clear", ())]


def test_drums_are_told_with_the_names_of_filled_pads(session: Any) -> None:
    song = Song()
    track = song.add_track("Drums ", "midi")
    track.load(DrumRack(song.core, {36: "Kick; deep", 38: "Snare"}))
    notes = [MidiNote(pitch=36, start_time=0.0, duration=0.25, velocity=99.6)]
    track.clip_slots[0].hold(Clip(song.core, length=4.0, notes=notes))
    one = session(song)
    assert dict(one.ticked(40))["/sideman/drums/notes"] == ("36 0 100", "36 Kick, deep\n38 Snare", 4.0)


def test_a_source_that_is_deleted_while_it_is_read_is_cleared(session: Any) -> None:
    song = Song()
    song.add_track("CHORDS", "midi").clip_slots[0].hold(Clip(song.core, length=64.0, notes=AM_DM_G_C))
    one = session(song)
    one.ticked(40)
    song.track("CHORDS").clip_slots[0].hold(None)
    song.delete_track("CHORDS")
    assert ("/sideman/chords/clear", ()) in one.ticked(60)


def test_no_daemon_is_said_once_in_the_status_bar(script: Any) -> None:
    live = Live(Song())
    live.surface = script.Sideman(live.instance, live.clock, ("127.0.0.1", 9))
    live.tick(300)
    live.close()
    assert live.instance.messages == ["Sideman: No daemon at 127.0.0.1:9. Run: sideman serve --host ableton"]


def test_a_listener_may_not_change_the_set(session: Any) -> None:
    song = Song()
    song.add_tempo_listener(lambda: song.change(loop=True))
    with pytest.raises(RuntimeError, match=NOT_NOW[:30]):
        song.change(tempo=99.0)


# Placing


@pytest.mark.parametrize("guess", [120.0, 60.0, 240.0, 128.3])
def test_a_clip_is_warped_at_its_tempo_whatever_live_guesses(session: Any, clip: Path, guess: float) -> None:
    song = Song()
    song.guessed_bpm = guess
    one = session(song)
    one.ticked()
    one.offer(clip)
    assert one.answers() == [("/sideman/place/done", (1, "track Sideman, slot 1"))]
    placed = song.track("Sideman").clip_slots[0].clip
    assert placed is not None
    assert (placed.name, placed.warping, placed.looping, placed.warp_mode) == (clip.stem, True, True, 6)
    assert (placed.loop_start, placed.loop_end, placed.start_marker, placed.end_marker) == (0.0, 16.0, 0.0, 16.0)
    if guess != 120.0:
        assert [(one.sample_time, one.beat_time) for one in placed.warp_markers[:-1]] == [(0.0, 0.0), (8.0, 16.0)]


def test_an_offer_that_comes_twice_is_placed_once_and_answered_twice(session: Any, clip: Path) -> None:
    one = session(Song())
    one.ticked()
    one.offer(clip)
    one.offer(clip, again=1)
    assert one.answers() == [("/sideman/place/done", (1, "track Sideman, slot 1"))]
    one.offer(clip, again=1)
    assert one.answers() == [("/sideman/place/done", (1, "track Sideman, slot 1"))]
    assert sum(slot.has_clip for slot in one.song.track("Sideman").clip_slots) == 1


def test_a_clip_that_an_earlier_run_of_the_script_placed_is_not_placed_again(session: Any, clip: Path) -> None:
    song = Song()
    first = session(song)
    first.ticked()
    first.offer(clip)
    first.answers()
    first.live.close()
    second = session(song)
    second.ticked()
    second.offer(clip, again=1)
    assert second.answers() == [("/sideman/place/done", (1, "track Sideman, slot 1, where it was already"))]


def test_occupied_slots_are_left_alone_and_a_scene_is_made(session: Any, clip: Path) -> None:
    song = Song(scenes=1)
    track = song.add_track("Sideman", "audio")
    mine = Clip(song.core, name="mine", file=clip)
    track.clip_slots[0].hold(mine)
    one = session(song)
    one.ticked()
    one.offer(clip)
    assert one.answers() == [("/sideman/place/done", (1, "track Sideman, slot 2"))]
    assert track.clip_slots[0].clip is mine
    song.undo()
    assert (len(track.clip_slots), len(song.scenes)) == (1, 1)


def refused(session: Any, song: Song, path: Path, target: str = "", **changed: float) -> str:
    one = session(song)
    one.ticked()
    before = len(song.core.steps)
    one.offer(path, target=target, **changed)
    ((address, (_, why)),) = one.answers()
    assert address == "/sideman/place/failed"
    assert any(why[:60] in message and str(path)[:20] in message for message in one.messages)
    assert not song.core.step_is_open
    assert len(song.core.steps) == before
    return str(why)


def test_a_frozen_track_is_said(session: Any, clip: Path) -> None:
    song = Song()
    song.add_track("Sideman", "audio").freeze()
    assert "frozen: unfreeze it" in refused(session, song, clip)


def test_a_track_of_the_name_that_takes_no_audio_is_said(session: Any, clip: Path) -> None:
    song = Song()
    song.add_track("Sideman", "midi")
    assert "no audio track: rename it" in refused(session, song, clip)


def test_a_file_that_is_gone_is_said(session: Any, clip: Path) -> None:
    clip.unlink()
    assert "is gone" in refused(session, Song(), clip)


def test_a_live_without_the_call_is_said(session: Any, clip: Path) -> None:
    song = Song(missing=["ClipSlot.create_audio_clip"])
    song.add_track("Sideman", "audio")
    assert "came with Live 12.0.5" in refused(session, song, clip)


def test_a_live_without_take_lanes_is_said(session: Any, clip: Path) -> None:
    song = Song(missing=["Track.create_take_lane", "Track.take_lanes"])
    song.add_track("Sideman", "audio")
    assert "came with Live 12.2" in refused(session, song, clip, target="lanes")


def test_the_limit_of_an_edition_is_said(session: Any, clip: Path) -> None:
    assert "makes no new one" in refused(session, Song(most_tracks=0), clip)


def test_an_occupied_bar_of_the_arrangement_is_left_alone(session: Any, clip: Path) -> None:
    song = Song()
    track = song.add_track("Sideman", "audio")
    mine = Clip(song.core, name="mine", file=clip, at=8.0)
    track.arrange([mine])
    assert "clip on Sideman at beat 0" in refused(session, song, clip, target="arrangement")
    assert track.arrangement_clips == (mine,)


def test_a_bar_of_the_arrangement_that_is_free_is_taken(session: Any, clip: Path) -> None:
    song = Song()
    one = session(song)
    one.ticked()
    one.offer(clip, target="arrangement", start=32.0)
    assert one.answers() == [("/sideman/place/done", (1, "track Sideman, beat 32 of the arrangement"))]
    (placed,) = song.track("Sideman").arrangement_clips
    assert (placed.start_time, placed.end_time) == (32.0, 48.0)


@pytest.mark.parametrize("guess", [120.0, 60.0, 240.0])
@pytest.mark.parametrize("scenes", [8, 1])
def test_what_lies_behind_a_bar_of_the_arrangement_is_not_cut(
    session: Any, clip: Path, guess: float, scenes: int
) -> None:
    song = Song(scenes=scenes)
    song.guessed_bpm = guess
    track = song.add_track("Sideman", "audio")
    before, behind = (
        Clip(song.core, name=name, length=16.0, at=at) for name, at in (("before", 0.0), ("behind", 32.0))
    )
    track.arrange([before, behind])
    if scenes == 1:
        track.clip_slots[0].hold(Clip(song.core, name="mine"))
    held = [slot.clip for slot in track.clip_slots]
    steps = len(song.core.steps)
    one = session(song)
    one.ticked()
    one.offer(clip, target="arrangement", start=16.0)
    assert one.answers() == [("/sideman/place/done", (1, "track Sideman, beat 16 of the arrangement"))]
    assert track.arrangement_clips[:2] == (before, behind)
    (placed,) = track.arrangement_clips[2:]
    assert (placed.name, placed.warping, placed.looping, placed.warp_mode) == (clip.stem, True, True, 6)
    assert (placed.start_time, placed.end_time, placed.loop_start, placed.loop_end) == (16.0, 32.0, 0.0, 16.0)
    assert [slot.clip for slot in track.clip_slots] == held  # the slot that it was made in is empty again
    assert len(song.scenes) == scenes
    assert len(song.core.steps) == steps + 1
    song.undo()
    assert track.arrangement_clips == (before, behind)


def test_a_clip_stays_in_its_slot_where_the_arrangement_is_taken_meanwhile(session: Any, clip: Path) -> None:
    song = Song()
    track = song.add_track("Sideman", "audio")
    one = session(song)
    one.ticked()
    one.offer(clip, target="arrangement")
    one.live.tick()
    mine = Clip(song.core, name="mine", length=4.0, at=12.0)
    track.arrange([mine])
    assert one.answers() == [
        ("/sideman/place/done", (1, "track Sideman, slot 1, not in the arrangement: there is a clip at beat 0 now"))
    ]
    assert track.arrangement_clips == (mine,)
    assert track.clip_slots[0].clip.name == clip.stem


def test_a_clip_that_is_not_as_long_as_its_bars_does_not_go_into_the_arrangement(
    session: Any, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Clip, "_warp", lambda self, warping: None)
    song = Song()
    track = song.add_track("Sideman", "audio")
    one = session(song)
    one.ticked()
    one.offer(clip, target="arrangement")
    ((address, (_, where)),) = one.answers()
    assert address == "/sideman/place/done"
    assert "slot 1, not in the arrangement" in where and "switch Warp on" in where
    assert track.arrangement_clips == ()


def test_a_clip_whose_tempo_changes_goes_into_the_arrangement_where_nothing_lies_behind(
    session: Any, clip: Path
) -> None:
    song = Song()
    track = song.add_track("Sideman", "audio")
    behind = Clip(song.core, name="behind", length=16.0, at=16.0)
    track.arrange([behind])
    assert "a clip lies behind it" in refused(session, song, clip, target="arrangement", tempo=90.0)
    assert track.arrangement_clips == (behind,)
    one = session(song)
    one.ticked()
    one.offer(clip, target="arrangement", start=32.0, tempo=90.0)
    ((address, (_, where)),) = one.answers()
    assert (address, "beat 32 of the arrangement" in where, "not warped" in where) == (
        "/sideman/place/done", True, True
    )  # fmt: skip


def test_a_lane_with_something_behind_is_left_alone(session: Any, clip: Path) -> None:
    song = Song()
    song.guessed_bpm = 240.0
    track = song.add_track("Sideman", "audio")
    one = session(song)
    one.ticked()
    for number, start in ((1, 16.0), (2, 0.0), (3, 32.0)):
        one.offer(clip, number, target="lanes", start=start)
    assert [where.partition("take ")[2] for _, (_, where) in one.answers(80)] == [
        "lane 1, beat 16", "lane 2, beat 0", "lane 1, beat 32"
    ]  # fmt: skip
    assert [[(one.start_time, one.end_time) for one in lane.arrangement_clips] for lane in track.take_lanes] == [
        [(16.0, 32.0), (32.0, 48.0)], [(0.0, 16.0)]
    ]  # fmt: skip


def test_an_offer_of_a_run_of_the_daemon_that_is_over_is_not_answered_to_the_next(session: Any, clip: Path) -> None:
    one = session(Song())
    one.ticked()
    one.offer(clip)
    one.live.tick()
    one.daemon.say("/sideman/hosting", "si", "next run", 1)
    one.live.tick(40)
    assert not [message for message in one.daemon.heard() if message[0].startswith("/sideman/place/")]
    assert one.song.track("Sideman").clip_slots[0].has_clip


def test_an_offer_is_answered_whatever_live_raises(session: Any, clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = session(Song())
    one.ticked()

    def broken(self: Song) -> None:
        raise RuntimeError("not now")

    monkeypatch.setattr(Song, "begin_undo_step", broken)
    one.offer(clip)
    assert one.answers() == [("/sideman/place/failed", (1, "Live does not take it: not now"))]


def test_a_clip_that_live_does_not_tell_the_file_of_is_another_s(
    session: Any, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    song = Song()
    song.add_track("Sideman", "audio").clip_slots[0].hold(Clip(song.core, file=clip))

    def broken(self: Clip) -> str:
        raise RuntimeError("this clip's file is missing")

    monkeypatch.setattr(Clip, "file_path", property(broken))
    one = session(song)
    one.ticked()
    one.offer(clip, again=1)
    assert one.answers() == [("/sideman/place/done", (1, "track Sideman, slot 2"))]


def test_a_clip_whose_tempo_changes_stays_unwarped(session: Any, clip: Path) -> None:
    one = session(Song())
    one.ticked()
    one.offer(clip, tempo=90.0)
    ((_, (_, where)),) = one.answers()
    assert "not warped" in where
    assert one.song.track("Sideman").clip_slots[0].clip.warping is False


def test_warping_that_never_comes_is_said_and_the_clip_stays(
    session: Any, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Clip, "_warp", lambda self, warping: None)
    one = session(Song())
    one.ticked()
    one.offer(clip)
    ((address, (_, where)),) = one.answers()
    assert address == "/sideman/place/done"
    assert "switch Warp on, and set its tempo to 120" in where


@pytest.mark.parametrize("name", ['it\'s "quoted"', "with spaces", "\U0001f3b9 keys", "a\\b", "ünïcode; x"])
def test_names_with_all_kinds_of_characters(session: Any, tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    path = wav(folder / f"{name}.wav")
    one = session(Song())
    one.ticked()
    one.offer(path, target=f"slots:{name}/x")
    assert one.answers() == [("/sideman/place/done", (1, f"track {name}/x, slot 1"))]
    placed = one.song.track(f"{name}/x").clip_slots[0].clip
    assert placed is not None
    assert placed.file_path == str(path)


def test_live_closed_while_a_clip_is_placed_leaves_no_undo_step_open(session: Any, clip: Path) -> None:
    one = session(Song())
    one.ticked()
    one.offer(clip)
    one.live.tick()
    assert one.song.core.step_is_open
    one.live.close()
    assert not one.song.core.step_is_open
    assert one.daemon.heard()[-1] == ("/sideman/daw/bye", ())


def test_an_answer_of_another_version_is_logged_and_passed_over(script: Any) -> None:
    one = Session(script, Song())
    one.ticked()
    one.daemon.say("/sideman/place", "is", 1, "what")
    one.daemon.say("/sideman/progress", "s", "odd")
    one.live.tick(3)
    one.live.close()
    one.daemon.close()
    assert any("install it anew" in line for line in one.live.instance.log)
    assert one.daemon.address


@pytest.mark.parametrize(
    ("text", "address"),
    [("127.0.0.1:9555\n", ("127.0.0.1", 9555)), ("[::1]:9130", ("::1", 9130)), ("nonsense", ("127.0.0.1", 9130)),
     ("host:99999", ("127.0.0.1", 9130)), ("", ("127.0.0.1", 9130))],
)  # fmt: skip
def test_the_daemon_is_where_the_file_says(script: Any, tmp_path: Path, text: str, address: tuple[str, int]) -> None:
    (tmp_path / "daemon.txt").write_text(text, encoding="utf-8")
    assert script.link.daemon_address(str(tmp_path)) == address
    assert script.link.daemon_address(str(tmp_path / "none")) == ("127.0.0.1", 9130)


def test_only_the_daemon_s_own_address_is_heard(script: Any) -> None:
    link = script.link.Link(("localhost", 9130))
    ping = script.link.osc.encode("/sideman/pong", "s", "1")
    sent = [(ping, ("10.0.0.9", 9130)), (ping, ("127.0.0.1", 9131)), (ping, ("127.0.0.1", 9130))]
    assert link.receive(8) == []
    link.close()

    class Socket:
        def recvfrom(self, size: int) -> tuple[bytes, tuple[str, int]]:
            if not sent:
                raise BlockingIOError
            return sent.pop(0)

        def close(self) -> None:
            pass

    link._socket = Socket()
    assert link.receive(8) == [("/sideman/pong", ("1",))]
    assert sent == []
    link.close()


def test_a_host_that_nobody_knows_is_looked_up_once(script: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def nobody(*arguments: object) -> list[Any]:
        asked.append(arguments)
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nobody)
    link = script.link.Link(("studio.local", 9130))
    assert [link.send("/sideman/ping") for _ in range(3)] == [False] * 3
    assert (len(asked), link.lost, link.receive(8)) == (1, 3, [])
    link.close()
