"""Category: unit. The Remote Script in the stand-in for Live: a better take in the place of its draft."""

# ruff: noqa: F811 (a test's argument has the name of the fixture)
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from test_plugin_host_live_script import script, session, wav  # noqa: F401

from plugin_host.standins.live import Clip, Song
from plugin_host.standins.live.clips import WarpMarker
from plugin_host.standins.live.tracks import ClipSlot, Track

IN_PLACE = ", in the place of its draft"


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    return wav(tmp_path / "sideman-ask-t0_120bpm.wav"), wav(tmp_path / "sideman-ask-t0_120bpm-2.wav")


def begun(session: Any, song: Song) -> Any:
    one = session(song)
    one.ticked()
    return one


@pytest.mark.parametrize("scenes", [8, 1])
@pytest.mark.parametrize("guess", [120.0, 60.0])
def test_a_better_take_goes_into_the_slot_of_its_draft(
    session: Any,
    files: tuple[Path, Path],
    scenes: int,
    guess: float,
) -> None:
    draft, final = files
    song = Song(scenes=scenes)
    song.guessed_bpm = guess
    one = begun(session, song)
    where = one.placed(draft)
    before, steps = song.track("Sideman").clip_slots[0].clip, len(song.core.steps)
    assert one.placed(final, 2, replaces=draft) == where + IN_PLACE
    slots = song.track("Sideman").clip_slots
    assert [slot.has_clip for slot in slots] == [True] + [False] * (scenes - 1)
    better = slots[0].clip
    assert (better.file_path, better.name) == (str(final), final.stem)
    assert (better.looping, better.loop_start, better.loop_end, better.warp_mode) == (True, 0.0, 16.0, 6)
    assert len(song.scenes) == scenes
    assert len(song.core.steps) == steps + 1
    song.undo()
    assert slots[0].clip is before, "one undo brings the draft back"


def test_a_better_take_of_a_better_take_goes_there_too(session: Any, files: tuple[Path, Path]) -> None:
    draft, final = files
    best = wav(final.with_name("best.wav"))
    one = begun(session, Song())
    one.placed(draft)
    one.placed(final, 2, replaces=draft)
    assert one.placed(best, 3, replaces=final) == "track Sideman, slot 1" + IN_PLACE


TOUCHED: dict[str, tuple[Callable[[Track, Clip], object], str]] = {
    "another name": (lambda track, clip: setattr(clip, "name", "mine"), "it was changed"),
    "another loop": (lambda track, clip: setattr(clip, "loop_end", 8.0), "it was changed"),
    "another start": (lambda track, clip: setattr(clip, "start_marker", 4.0), "it was changed"),
    "louder": (lambda track, clip: setattr(clip, "gain", 0.6), "it was changed"),
    "transposed": (lambda track, clip: setattr(clip, "pitch_coarse", -2), "it was changed"),
    "off": (lambda track, clip: setattr(clip, "muted", True), "it was changed"),
    "another warp mode": (lambda track, clip: setattr(clip, "warp_mode", 0), "it was changed"),
    "playing": (lambda track, clip: track.launch(0), "it is playing"),
    "deleted": (lambda track, clip: track.clip_slots[0].delete_clip(), "it is not where it was put"),
    "another clip there": (
        lambda track, clip: track.clip_slots[0].hold(Clip(clip.core, name="mine")),
        "it is not where it was put",
    ),
}


@pytest.mark.parametrize("name", TOUCHED)
def test_a_draft_that_was_touched_stays_and_the_better_take_goes_into_an_empty_slot(
    session: Any,
    files: tuple[Path, Path],
    name: str,
) -> None:
    touch, why = TOUCHED[name]
    draft, final = files
    one = begun(session, Song())
    one.placed(draft)
    track = one.song.track("Sideman")
    touch(track, track.clip_slots[0].clip)
    before = track.clip_slots[0].clip
    slot = 1 if before is None else 2
    where = one.placed(final, 2, replaces=draft)
    assert where == f"track Sideman, slot {slot}; its draft is not replaced: {why}"
    assert track.clip_slots[slot - 1].clip.file_path == str(final)
    if before is not None:
        assert track.clip_slots[0].clip is before


def test_a_draft_that_was_warped_between_its_ends_stays(session: Any, files: tuple[Path, Path]) -> None:
    draft, final = files
    song = Song()
    song.guessed_bpm = 60.0
    one = begun(session, song)
    one.placed(draft)
    clip = song.track("Sideman").clip_slots[0].clip
    clip.add_warp_marker(WarpMarker(2.2, 4.0))
    assert [marker.beat_time for marker in clip.warp_markers][:-1] == [0.0, 4.0, 16.0]
    assert one.placed(final, 2, replaces=draft).endswith("its draft is not replaced: it was changed")
    assert song.track("Sideman").clip_slots[0].clip is clip


def test_a_clip_that_the_user_puts_where_the_better_take_is_fitted_stays(
    session: Any,
    files: tuple[Path, Path],
) -> None:
    draft, final = files
    one = begun(session, Song())
    one.placed(draft)
    slots = one.song.track("Sideman").clip_slots
    one.offer(final, 2, replaces=draft)
    one.live.tick()
    mine = Clip(one.song.core, name="mine")
    slots[4].hold(slots[1].clip)
    slots[1].hold(mine)
    ((_, (_, where)),) = one.answers()
    assert where == "track Sideman, slot 1" + IN_PLACE
    assert slots[1].clip is mine
    assert (slots[0].clip.file_path, slots[4].clip) == (str(final), None)


def test_where_the_user_takes_the_better_take_out_while_it_is_fitted_nothing_of_theirs_is_copied(
    session: Any,
    files: tuple[Path, Path],
) -> None:
    draft, final = files
    one = begun(session, Song())
    one.placed(draft)
    slots = one.song.track("Sideman").clip_slots
    before = slots[0].clip
    one.offer(final, 2, replaces=draft)
    one.live.tick()
    mine = Clip(one.song.core, name="mine")
    slots[1].hold(mine)
    ((_, (_, where)),) = one.answers()
    assert "its draft is not replaced: the new clip was taken out of its slot" in where
    assert (slots[0].clip, slots[1].clip) == (before, mine)


def test_a_scene_that_was_made_for_the_better_take_stays_where_the_user_uses_it(
    session: Any,
    files: tuple[Path, Path],
) -> None:
    draft, final = files
    song = Song(scenes=1)
    track = song.add_track("Keys", "midi")
    one = begun(session, song)
    one.placed(draft)
    one.offer(final, 2, replaces=draft)
    one.live.tick()
    assert len(song.scenes) == 2
    mine = Clip(song.core, name="mine")
    track.clip_slots[1].hold(mine)
    ((_, (_, where)),) = one.answers()
    assert where == "track Sideman, slot 1" + IN_PLACE
    assert track.clip_slots[1].clip is mine


def test_where_live_copies_nothing_and_says_nothing_both_stay(
    session: Any,
    files: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    draft, final = files
    one = begun(session, Song())
    one.placed(draft)
    monkeypatch.setattr(ClipSlot, "duplicate_clip_to", lambda self, target: None)
    where = one.placed(final, 2, replaces=draft)
    assert where == "track Sideman, slot 2; its draft is not replaced: Live has not copied the clip"
    files_there = [slot.clip.file_path for slot in one.song.track("Sideman").clip_slots[:2]]
    assert files_there == [str(draft), str(final)]


def test_a_clip_that_another_run_of_the_script_placed_stays(session: Any, files: tuple[Path, Path]) -> None:
    draft, final = files
    song = Song()
    first = begun(session, song)
    first.placed(draft)
    first.live.close()
    second = begun(session, song)
    where = second.placed(final, 2, replaces=draft)
    assert where.endswith("slot 2; its draft is not replaced: this run of the script did not put it there")


def test_a_track_that_is_gone_or_frozen_is_no_error(session: Any, files: tuple[Path, Path]) -> None:
    draft, final = files
    one = begun(session, Song())
    one.placed(draft)
    one.song.track("Sideman").freeze()
    one.offer(final, 2, replaces=draft)
    ((address, (_, why)),) = one.answers()
    assert address == "/sideman/place/failed"
    assert "frozen" in why and why.endswith("Its draft stays where it is.")


def test_where_live_does_not_copy_the_clip_both_stay(
    session: Any,
    files: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(self: ClipSlot, target: ClipSlot) -> None:
        raise RuntimeError("not now")

    draft, final = files
    one = begun(session, Song())
    one.placed(draft)
    monkeypatch.setattr(ClipSlot, "duplicate_clip_to", broken)
    assert one.placed(final, 2, replaces=draft) == "track Sideman, slot 2; its draft is not replaced: not now"
    assert one.song.track("Sideman").clip_slots[0].clip.file_path == str(draft)


def test_a_file_that_is_gone_leaves_the_draft(session: Any, files: tuple[Path, Path]) -> None:
    draft, final = files
    one = begun(session, Song())
    one.placed(draft)
    final.unlink()
    one.offer(final, 2, replaces=draft)
    ((address, (_, why)),) = one.answers()
    assert address == "/sideman/place/failed" and why.endswith("Its draft stays where it is.")
    assert [slot.has_clip for slot in one.song.track("Sideman").clip_slots][:2] == [True, False]


# The arrangement


@pytest.mark.parametrize("guess", [120.0, 60.0, 240.0])
def test_a_better_take_goes_over_its_draft_in_the_arrangement(
    session: Any,
    files: tuple[Path, Path],
    guess: float,
) -> None:
    draft, final = files
    song = Song()
    song.guessed_bpm = guess
    track = song.add_track("Sideman", "audio")
    behind = Clip(song.core, name="behind", length=16.0, at=48.0)
    track.arrange([behind])
    one = begun(session, song)
    where = one.placed(draft, target="arrangement", start=32.0)
    before, steps = track.arrangement_clips, len(song.core.steps)
    assert one.placed(final, 2, target="arrangement", start=32.0, replaces=draft) == where + IN_PLACE
    assert track.arrangement_clips[0] is behind
    (better,) = track.arrangement_clips[1:]
    assert (better.file_path, better.start_time, better.end_time) == (str(final), 32.0, 48.0)
    assert not any(slot.has_clip for slot in track.clip_slots)
    assert len(song.core.steps) == steps + 1
    song.undo()
    assert track.arrangement_clips == before


def test_a_draft_in_the_arrangement_that_was_touched_stays(session: Any, files: tuple[Path, Path]) -> None:
    draft, final = files
    song = Song()
    track = song.add_track("Sideman", "audio")
    one = begun(session, song)
    one.placed(draft, target="arrangement")
    (clip,) = track.arrangement_clips
    clip.gain = 0.2
    where = one.placed(final, 2, target="arrangement", replaces=draft)
    assert where == (
        "track Sideman, slot 1, not in the arrangement: there is a clip at beat 0 now; its draft is not replaced: it "
        "was changed"
    )
    assert track.arrangement_clips == (clip,)


def test_something_else_in_the_way_leaves_the_draft(session: Any, files: tuple[Path, Path]) -> None:
    draft, final = files
    song = Song()
    track = song.add_track("Sideman", "audio")
    one = begun(session, song)
    one.placed(draft, target="arrangement")
    mine = Clip(song.core, name="mine", length=4.0, at=12.0)
    track.arrange([*track.arrangement_clips, mine])
    one.offer(final, 2, target="arrangement", replaces=draft)
    ((address, (_, why)),) = one.answers()
    assert address == "/sideman/place/failed"
    assert "clip on Sideman at beat 0" in why and why.endswith("Its draft stays where it is.")
    assert mine in track.arrangement_clips and len(track.arrangement_clips) == 2


def test_a_take_lane_s_draft_stays_in_its_lane(session: Any, files: tuple[Path, Path]) -> None:
    draft, final = files
    one = begun(session, Song())
    one.placed(draft, target="lanes")
    where = one.placed(final, 2, target="lanes", replaces=draft)
    assert where.startswith("track Sideman, take lane 2, beat 0; its draft is not replaced: only clips in slots")
