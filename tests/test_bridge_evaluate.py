"""Category: integration. Folders of clips measured from the command line, the best of several, and bad folders."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from bridge.errors import ClipError, RequestError
from bridge.evaluate import evaluate, evaluated, table_rows
from bridge.receipt_schema import receipt_from_json

WALTZ = Path(__file__).parent / "data" / "midi" / "waltz.mid"


def sideman(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", "bridge", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, object]]:
    """Two takes of a waltz, and what the command said of them."""
    folder = tmp_path_factory.mktemp("clips")
    ran = sideman("render", str(WALTZ), "--bars", "4", "--takes", "2", "--out", str(folder), "--json")
    assert ran.returncode == 0, ran.stderr
    return folder, json.loads(ran.stdout)


@pytest.fixture
def clips(rendered: tuple[Path, dict[str, object]], tmp_path: Path) -> Path:
    """A copy of the rendered folder, to be spoilt."""
    return Path(shutil.copytree(rendered[0], tmp_path / "clips"))


def test_the_score_that_render_prints_stands_in_the_receipt_and_comes_again_from_the_folder(
    rendered: tuple[Path, dict[str, object]],
) -> None:
    folder, said = rendered
    measured = {clip.path.name: clip.score for clip in evaluate(folder).clips}
    for clip in said["clips"]:  # type: ignore[attr-defined]
        receipt = receipt_from_json(Path(clip["receipt_path"]).read_bytes())
        assert receipt.score is not None
        assert receipt.score.chords == pytest.approx(clip["score"]["chords"])
        assert receipt.total_score == pytest.approx(clip["score"]["total"])
        again = measured[Path(clip["path"]).name]
        assert again.chords == pytest.approx(clip["score"]["chords"], abs=0.02), "24 bits are near enough"
        assert again.drums == pytest.approx(clip["score"]["drums"], abs=0.05)
        assert again.chords is not None and again.chords > 0.8


def test_the_table_has_a_row_for_each_clip_and_the_means(rendered: tuple[Path, dict[str, object]]) -> None:
    rows = list(table_rows(evaluate(rendered[0])))
    assert [row[0] for row in rows[:2]] == ["sideman-waltz-t0_132bpm_G.wav", "sideman-waltz-t1_132bpm_G.wav"]
    assert rows[-1][0] == "mean of 2"
    assert float(rows[-1][1]) == pytest.approx((float(rows[0][1]) + float(rows[1][1])) / 2, abs=0.002)
    assert rows[0][3] == "", "the waltz has no melody"


def test_the_command_prints_a_table_and_says_what_it_lacks_for_the_rest(
    rendered: tuple[Path, dict[str, object]],
) -> None:
    ran = sideman("evaluate", str(rendered[0]))
    assert ran.returncode == 0, ran.stderr
    assert "chord IOU" in ran.stdout
    assert "mean of 2" in ran.stdout
    assert "FAD: not measured: name a folder of audio to compare with: --reference DIR." in ran.stdout
    said = json.loads(sideman("evaluate", str(rendered[0]), "--json").stdout)
    assert [clip["engine"] for clip in said["clips"]] == ["sketch", "sketch"]
    assert said["models"]["KLD"]["value"] is None


def test_the_best_of_some_takes_is_the_one_with_the_largest_total(
    rendered: tuple[Path, dict[str, object]], tmp_path: Path
) -> None:
    ran = sideman("render", str(WALTZ), "--bars", "4", "--takes", "2", "--best", "--out", str(tmp_path), "--json")
    assert ran.returncode == 0, ran.stderr
    totals = [clip["score"]["total"] for clip in rendered[1]["clips"]]  # type: ignore[attr-defined]
    (clip,) = json.loads(ran.stdout)["clips"]
    receipt = receipt_from_json(Path(clip["receipt_path"]).read_bytes())
    assert receipt.best_of == pytest.approx(totals)
    assert clip["take"] == int(np.argmax(totals))
    assert len(list(tmp_path.glob("*.wav"))) == 1, "the others are not kept"


# Bad folders


def test_a_folder_that_is_not_there_or_holds_no_clips(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="There is no folder"):
        evaluate(tmp_path / "none")
    with pytest.raises(RequestError, match="holds no receipts"):
        evaluate(tmp_path)
    assert sideman("evaluate", str(tmp_path)).returncode == 1


def test_one_bad_clip_does_not_spoil_the_others(clips: Path) -> None:
    next(clips.glob("*-t0_*.wav")).unlink()
    evaluation = evaluate(clips)
    assert [clip.path.name for clip in evaluation.clips] == ["sideman-waltz-t1_132bpm_G.wav"]
    assert evaluation.failures == (
        "sideman-waltz-t0_132bpm_G.json: its audio sideman-waltz-t0_132bpm_G.wav is not there.",
    )


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda wav, receipt: receipt.write_text("{}"), "not a receipt"),
        (lambda wav, receipt: receipt.write_text("\x00"), "not a receipt"),
        (lambda wav, receipt: wav.unlink(), "is not there"),
        (lambda wav, receipt: wav.write_bytes(b"RIFF"), "cannot be read"),
        (lambda wav, receipt: soundfile.write(wav, np.zeros((10, 2)), 48000), "has 10 frames at 48000 Hz"),
        (
            lambda wav, receipt: soundfile.write(wav, 0.5 * soundfile.read(wav)[0], 48000, subtype="PCM_24"),
            "not what the receipt speaks of",
        ),
    ],
    ids=["empty", "rubbish", "gone", "broken", "short", "changed"],
)
def test_what_cannot_be_measured_is_told(clips: Path, spoil: object, words: str) -> None:
    receipt = next(clips.glob("*-t0_*.json"))
    spoil(receipt.with_suffix(".wav"), receipt)  # type: ignore[operator]
    with pytest.raises(ClipError, match=words):
        evaluated(receipt)


def test_a_receipt_without_a_chart_has_only_its_tempo(clips: Path) -> None:
    receipt = next(clips.glob("*-t0_*.json"))
    values = json.loads(receipt.read_text(encoding="utf-8"))
    receipt.write_text(json.dumps({**values, "chords_asked": [], "drums": [], "melody": []}), encoding="utf-8")
    score = evaluated(receipt).score
    assert (score.chords, score.drums, score.melody) == (None, None, None)
    assert score.total == score.tempo
