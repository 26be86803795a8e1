"""Category: integration. ``sideman render`` on MIDI files that other programs wrote.

``waltz.mid`` was written by abc2midi from ``waltz.abc``; ``running.mid`` and ``no_tempo.mid`` by csvmidi from the
CSV files beside them. A ``peer`` test writes them again.
"""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
import wave
from pathlib import Path

import mido
import pytest

FILES = Path(__file__).parent / "data" / "midi"
BUG = "Traceback"


def sideman(*arguments: str | Path, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "bridge", *map(str, arguments)],
        capture_output=True, text=True, timeout=120, check=False, **options,  # type: ignore[call-overload]
    )  # fmt: skip


def rendered(name: str, folder: Path, *options: str) -> tuple[dict[str, object], list[str], Path]:
    """The receipt, the notices and the path of the one clip that a file makes."""
    config = folder / "config.toml"
    config.touch()
    ran = sideman("render", FILES / name, "--out", folder / "out", "--config", config, "--json", *options)
    assert ran.returncode == 0, ran.stderr
    result = json.loads(ran.stdout)
    (clip,) = result["clips"]
    receipt = json.loads(Path(clip["receipt_path"]).read_text(encoding="utf-8"))
    return receipt, [notice["message"] for notice in result["notices"]], Path(clip["path"])


def frames(path: Path) -> int:
    with wave.open(str(path)) as file:
        return file.getnframes()


def test_format_1_with_a_tempo_change(tmp_path: Path) -> None:
    receipt, _, path = rendered("waltz.mid", tmp_path, "--bars", "8")
    assert receipt["meter"] == [{"bar": 1, "meter": {"numerator": 3, "denominator": 4}}]
    assert [round(point["bpm"]) for point in receipt["tempo"]] == [132, 108]  # type: ignore[attr-defined]
    assert frames(path) == receipt["frames"] == round(48000 * (12 * 0.454545 + 12 * 0.555555))
    used = [chord["label"] for chord in receipt["chords_used"]]  # type: ignore[attr-defined]
    roots = "".join(label[0] for label in used)
    assert roots.startswith("GECDGCD"), used
    kicks = [hit["at"] for hit in receipt["drums"] if hit["voice"] == "kick"]  # type: ignore[attr-defined]
    assert kicks == pytest.approx([3.0 * bar for bar in range(8)], abs=0.01)


def test_format_0_with_running_status_and_markers(tmp_path: Path) -> None:
    receipt, _, path = rendered("running.mid", tmp_path)
    assert [chord["label"] for chord in receipt["chords_used"]] == ["Am7", "Dm7", "G7/B"]  # type: ignore[attr-defined]
    assert [hit["voice"] for hit in receipt["drums"]] == ["kick", "snare"] * 3  # type: ignore[attr-defined]
    assert receipt["key"] == "A minor"
    assert frames(path) == round(48000 * (4 * 0.625 + 4 * 0.5))


def test_no_tempo_at_all_is_120_and_said(tmp_path: Path) -> None:
    receipt, notices, path = rendered("no_tempo.mid", tmp_path)
    assert any("120" in notice for notice in notices)
    assert [chord["label"] for chord in receipt["chords_used"]] == ["C", "F"]  # type: ignore[attr-defined]
    assert frames(path) == 8 * 24000


def test_a_part_of_the_file(tmp_path: Path) -> None:
    receipt, _, path = rendered("running.mid", tmp_path, "--start-bar", "2", "--bars", "1")
    assert [chord["label"] for chord in receipt["chords_used"]] == ["Dm7", "G7/B"]  # type: ignore[attr-defined]
    assert frames(path) == 96_000


def test_the_same_seed_makes_the_same_clip_and_another_does_not(tmp_path: Path) -> None:
    sums = [rendered("no_tempo.mid", tmp_path, "--seed", seed)[0]["audio_sha256"] for seed in ("1", "1", "2")]
    assert sums[0] == sums[1] != sums[2]


def refused(*arguments: str | Path, **options: object) -> str:
    ran = sideman("render", *arguments, **options)
    assert ran.returncode == 1, ran.stdout
    assert BUG not in ran.stderr
    assert len(ran.stderr.strip().splitlines()) == 1
    return ran.stderr


def test_a_file_cut_in_half_is_a_clear_error(tmp_path: Path) -> None:
    whole = (FILES / "waltz.mid").read_bytes()
    half = tmp_path / "half.mid"
    half.write_bytes(whole[: len(whole) // 2])
    assert "cut off" in refused(half, "--out", tmp_path / "out")
    assert not list(tmp_path.glob("out/*"))


def test_a_file_that_is_not_there_or_not_midi(tmp_path: Path) -> None:
    assert "none.mid" in refused(tmp_path / "none.mid")
    text = tmp_path / "text.mid"
    text.write_text("not MIDI", encoding="utf-8")
    assert "not a MIDI file" in refused(text)


def test_bars_outside_the_file(tmp_path: Path) -> None:
    assert "Bar 50" in refused(FILES / "running.mid", "--start-bar", "50", "--out", tmp_path)


def test_a_disk_that_takes_no_more_leaves_nothing(tmp_path: Path) -> None:
    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    out = tmp_path / "out"
    assert "sideman: The clip could not be written" in refused(
        FILES / "running.mid", "--out", out, preexec_fn=small_files
    )
    assert list(out.iterdir()) == []


def test_usage_errors_exit_2(tmp_path: Path) -> None:
    assert sideman("render").returncode == 2
    assert sideman("render", FILES / "running.mid", "--bars", "0").returncode == 2
    assert sideman("serve", "--osc", "nowhere").returncode == 2
    assert sideman("play").returncode == 2


@pytest.mark.peer
def test_other_programs_write_these_files(tmp_path: Path) -> None:
    for source, program in (("waltz.abc", "abc2midi"), ("running.csv", "csvmidi"), ("no_tempo.csv", "csvmidi")):
        tool = shutil.which(program)
        assert tool, f"{program} is not installed; .ci/peers.txt lists what these tests need"
        target = tmp_path / Path(source).with_suffix(".mid").name
        command = [tool, str(FILES / source), *(["-o"] if program == "abc2midi" else []), str(target)]
        subprocess.run(command, check=True, capture_output=True, timeout=30)
        assert target.read_bytes() == (FILES / target.name).read_bytes()


def test_a_file_without_notes_says_so(tmp_path: Path) -> None:
    empty = mido.MidiFile()
    empty.tracks.append(mido.MidiTrack())
    empty.save(tmp_path / "empty.mid")
    ran = sideman("render", tmp_path / "empty.mid", "--out", tmp_path)
    assert ran.returncode == 1
    assert ran.stderr.strip().endswith("empty.mid holds no notes and no chords: there is nothing to play.")
