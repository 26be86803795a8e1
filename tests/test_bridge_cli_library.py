"""Category: integration. ``sideman library``: what each command prints, and what it does to receipts and files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from library_clips import receipt, write
from typer.testing import CliRunner

from bridge.cli import app
from bridge.clips import Clip, ClipFolder
from bridge.errors import SidemanError
from bridge.evaluate import _chart_of
from bridge.library import NoSuchClip
from bridge.receipt_schema import ChordAsked, receipt_from_json
from midi.chords import chord_label
from midi.time import Beats

runner = CliRunner()


@pytest.fixture
def clip(tmp_path: Path) -> Clip:
    folder = ClipFolder(tmp_path)
    folder.prepare()
    write(folder, "other", prompt="funk", created_at="2020-01-01T00:00:00+00:00")
    return write(folder, "verse", chords="Am7 | Dm7 |", prompt="bossa nova", total_score=0.93)


def said(clip: Clip, *words: str) -> str:
    ran = runner.invoke(app, ["library", *words, "--clips", str(clip.path.parent)])
    if isinstance(ran.exception, SidemanError):
        raise ran.exception
    assert ran.exit_code == 0, ran.output
    return ran.output


def test_clips_are_found_and_said_of(clip: Clip) -> None:
    assert said(clip, "search", "bossa", "tempo:120", "-kept") == (
        f"{clip.id}  120 bpm, A minor, 4 bars, sketch, score 0.93\n    Am7 Dm7  bossa nova\n"
    )
    assert ", kept" in said(clip, "keep", "verse")
    assert "#chorus, #loud" in said(clip, "tag", f"{clip.id}.wav", "loud", "chorus", "--remove", "maybe")
    assert ", rejected, #chorus" in said(clip, "reject", str(clip.receipt_path), "--take", "0")
    found = json.loads(said(clip, "search", "rejected", "--json"))
    assert (found["found"], found["clips"][0]["path"]) == (1, str(clip.path))
    assert "No clip is found." in said(clip, "search", "nothing")
    assert "1 more; limit:2 shows them." in said(clip, "search", "limit:1")
    told = receipt_from_json(clip.receipt_path.read_bytes())
    assert (told.rejected, told.kept, told.tags) == (True, False, ("chorus", "loud"))
    with pytest.raises(NoSuchClip):
        said(clip, "keep", "none")


def test_the_folder_is_scanned_and_pruned(clip: Clip) -> None:
    (clip.path.parent / "broken.json").write_text("{")
    (clip.path.parent / "broken.wav").touch()
    assert "2 clips; 2 new or changed, 0 gone" in said(clip, "scan")
    assert "unreadable: broken.json" in said(clip, "scan")
    assert "Nothing is removed" in said(clip, "prune")
    said(clip, "keep", "verse")
    assert "would be removed: sideman-other" in said(clip, "prune", "--retain-days", "30", "--dry-run")
    assert "1 clips moved to" in said(clip, "prune", "--retain-days", "30")
    assert [path.stem for path in clip.path.parent.glob("*.wav") if path.stem != "broken"] == [clip.id]


def test_the_chart_of_a_clip_of_a_key_alone_can_be_measured() -> None:
    made = receipt(key="C minor")
    asked = (ChordAsked(start=Beats(0.0), label="C minor"),)
    values = {name: getattr(made, name) for name in type(made).__slots__} | {"chords_asked": asked}
    (span,) = _chart_of(type(made)(**values)).chords
    assert chord_label(span.chord) == "Cm"
