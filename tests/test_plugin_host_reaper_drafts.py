"""Category: unit. The ReaScript in the stand-in for REAPER: a better take in the place of its draft."""

# ruff: noqa: F811 (a test's argument has the name of the fixture)
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from reaper_session import offer
from test_plugin_host_reaper_placing import Session, answers, newest, session, wav  # noqa: F401

IN_PLACE = ", in the place of its draft"


def drafted(pair: Session, folder: Path, **values: Any) -> tuple[Path, Path]:
    """A draft that is placed; it and its better take."""
    reaper, daemon = pair
    draft, final = wav(folder / "sideman-ask-t0.wav"), wav(folder / "sideman-ask-t0-2.wav")
    daemon.send(offer(draft, 1, **values))
    daemon.live(reaper, 1)
    assert answers(daemon)[-1][0] == "done"
    return draft, final


def better(pair: Session, draft: Path, final: Path, **values: Any) -> tuple[Any, ...]:
    """The answer to the better take."""
    reaper, daemon = pair
    daemon.send(offer(final, 2, replaces=str(draft), **values))
    daemon.live(reaper, 1)
    return answers(daemon)[-1]


def test_a_better_take_is_the_same_take_with_another_file(session: Session, tmp_path: Path) -> None:
    reaper, _ = session
    draft, final = drafted(session, tmp_path)
    before = reaper.tracks["Sideman"]
    assert better(session, draft, final) == ("done", 2, "track Sideman, at 1.1.00, take 1" + IN_PLACE)
    (item,) = reaper.tracks["Sideman"]
    (take,) = item["takes"]
    assert (take["name"], take["path"], take["ext"], take["rate"]) == (final.stem, str(final), "ask 0", 1)
    assert (item["position"], item["length"], item["values"]) == (0.0, 8.0, before[0]["values"])
    assert take["peaks"], "its waveform is drawn"
    assert reaper.project["undo"] == [f"Sideman: {draft.stem}", f"Sideman: {final.stem}"]
    assert reaper.do("undo") == f"Sideman: {final.stem}"
    assert [one["path"] for one in reaper.tracks["Sideman"][0]["takes"]] == [str(draft)]


def test_of_several_takes_each_has_its_own_draft_and_the_user_s_choice_stays(newest: Session, tmp_path: Path) -> None:
    reaper, daemon = newest
    files = [wav(tmp_path / f"{name}.wav") for name in ("d0", "d1", "f0", "f1")]
    daemon.send(offer(files[0], 1), offer(files[1], 2, take=1))
    daemon.live(reaper, 1)
    reaper.do("choose_take", track=1, item=1, take=2)
    daemon.send(
        offer(files[3], 3, take=1, replaces=str(files[1])),
        offer(files[2], 4, replaces=str(files[0])),
    )
    daemon.live(reaper, 1)
    (item,) = reaper.tracks["Sideman"]
    assert ([take["name"] for take in item["takes"]], item["active"]) == (["f0", "f1"], 2)


def test_a_better_take_is_found_after_the_script_was_started_anew(newest: Session, tmp_path: Path) -> None:
    """The take's own note says whose it is, and it is kept in the project."""
    reaper, daemon = newest
    draft, final = drafted(newest, tmp_path)
    reaper.close(crash=True)
    reaper.do("start")
    reaper.run()
    daemon.run, daemon.client, daemon.number = "abad1dea", None, 0
    daemon.live(reaper, 3.5)
    assert better(newest, draft, final)[2].endswith(IN_PLACE)


def test_a_draft_that_went_with_the_tempo_is_replaced_at_that_tempo(newest: Session, tmp_path: Path) -> None:
    reaper, _ = newest
    draft, final = drafted(newest, tmp_path)
    reaper.do("set_tempo", bpm=100.0)
    assert better(newest, draft, final)[2].endswith(IN_PLACE)
    (item,) = reaper.tracks["Sideman"]
    (take,) = item["takes"]
    assert (item["length"], take["rate"]) == (pytest.approx(9.6), pytest.approx(8 / 9.6))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("D_STARTOFFS", 1.0), ("D_PLAYRATE", 1.5), ("D_VOL", 0.5), ("D_PAN", -0.5), ("D_PITCH", 2.0), ("name", "mine"),
        ("fx", 1), ("stretch_markers", 2), ("envelopes", 1),
    ],
)  # fmt: skip
def test_a_take_that_was_touched_stays_and_the_better_one_is_a_take_beside_it(
    newest: Session, tmp_path: Path, name: str, value: object
) -> None:
    reaper, _ = newest
    draft, final = drafted(newest, tmp_path)
    reaper.do("set_take", track=1, item=1, take=1, name=name, value=value)
    where = "track Sideman, at 1.1.00, take 2; its draft is not replaced: it was changed"
    assert better(newest, draft, final) == ("done", 2, where)
    (item,) = reaper.tracks["Sideman"]
    assert [take["path"] for take in item["takes"]] == [str(draft), str(final)]


@pytest.mark.parametrize(
    ("name", "value"), [("D_POSITION", 8.0), ("D_LENGTH", 4.0), ("B_MUTE", 1), ("D_VOL", 0.5), ("D_FADEINLEN", 0.5)]
)
def test_an_item_that_was_touched_keeps_its_take(newest: Session, tmp_path: Path, name: str, value: float) -> None:
    reaper, _ = newest
    draft, final = drafted(newest, tmp_path)
    reaper.do("set_item", track=1, item=1, name=name, value=value)
    assert better(newest, draft, final)[2].endswith("; its draft is not replaced: it was changed")
    takes = [take for track in reaper.tracks.values() for item in track for take in item["takes"]]
    assert sorted(take["path"] for take in takes) == sorted([str(draft), str(final)])


def test_an_item_that_is_locked_is_said(newest: Session, tmp_path: Path) -> None:
    reaper, _ = newest
    draft, final = drafted(newest, tmp_path)
    reaper.do("set_item", track=1, item=1, name="C_LOCK", value=1)
    status, _, why = better(newest, draft, final)
    assert status == "failed" and "is locked" in why and why.endswith("Its draft stays where it is.")


def test_a_draft_that_is_gone_is_no_error(newest: Session, tmp_path: Path) -> None:
    reaper, _ = newest
    draft, final = drafted(newest, tmp_path)
    reaper.do("delete_item", track=1, item=1)
    where = "track Sideman, at 1.1.00, take 1; its draft is not replaced: it is not in this project"
    assert better(newest, draft, final) == ("done", 2, where)


def test_the_same_file_that_the_user_put_in_is_not_ours(newest: Session, tmp_path: Path) -> None:
    reaper, _ = newest
    track = reaper.do("add_track", name="Sideman")
    draft, final = wav(tmp_path / "draft.wav"), wav(tmp_path / "final.wav")
    reaper.do("add_audio_item", track=track, position=0.0, length=8.0)
    before = reaper.tracks["Sideman"]
    assert better(newest, draft, final)[2].startswith("track Sideman 2, ")
    assert reaper.tracks["Sideman"] == before


def test_a_take_of_the_same_file_without_our_note_is_the_user_s(newest: Session, tmp_path: Path) -> None:
    reaper, _ = newest
    draft, final = drafted(newest, tmp_path)
    reaper.do("set_take", track=1, item=1, take=1, name="ext", value={})
    assert better(newest, draft, final)[2].endswith("take 2; its draft is not replaced: it is not in this project")
    (item,) = reaper.tracks["Sideman"]
    assert [take["path"] for take in item["takes"]] == [str(draft), str(final)]


def test_nothing_is_lost_where_reaper_does_not_take_the_file(newest: Session, tmp_path: Path) -> None:
    reaper, _ = newest
    draft, final = drafted(newest, tmp_path)
    before = reaper.tracks["Sideman"]
    reaper.do("takes_no_source", so=True)
    status, _, why = better(newest, draft, final)
    assert status == "failed" and why.endswith("Its draft stays where it is.")
    assert reaper.tracks["Sideman"] == before
    assert not reaper.project["block_is_open"]


def test_in_a_large_project_the_draft_is_found_a_slice_at_a_time(newest: Session, tmp_path: Path) -> None:
    reaper, daemon = newest
    for index in range(200):
        reaper.do("add_track", name=f"track {index}")
        reaper.do("add_audio_item", track=index + 1, position=0.0, length=1.0)
    draft, final = drafted(newest, tmp_path)
    daemon.send(offer(final, 2, replaces=str(draft)))
    daemon.live(reaper, 2)
    assert answers(daemon)[-1][2].endswith(IN_PLACE)
