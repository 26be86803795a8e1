"""Clips on disk: both files whole or none, names, receipts, and what the operating system refuses."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.clips import (
    AudioWindow,
    ChordAsked,
    ChordUsed,
    Clip,
    ClipFolder,
    Receipt,
    clip_file_name,
    receipt_from_json,
    receipt_to_json,
)
from bridge.conditioning import Notice
from bridge.errors import ClipError, DiskError
from bridge.wav import LoopTags, pcm24, read_info
from midi.drums import DrumHit
from midi.keys import MODES, Key
from midi.melody import Note
from midi.time import FOUR_FOUR, Beats, Bpm, MeterPoint, Seconds, TempoPoint
from models.generator import Samples

FRAMES = 4800
RATE = 48000
C_MINOR = Key(tonic=0, mode="minor")


def samples_of(seed: int = 0) -> Samples:
    return np.random.default_rng(seed).uniform(-0.8, 0.8, (FRAMES, 2)).astype(np.float32)


def tags_of(frames: int = FRAMES) -> LoopTags:
    return LoopTags(bpm=Bpm(120.0), beats=16, meter=FOUR_FOUR, root_note=60, frames=frames, sample_rate_hz=RATE)


def receipt_of(request_id: str = "verse", take: int = 0) -> Receipt:
    return Receipt(
        engine="sketch",
        soundfont="TimGM6mb.sf2",
        soundfont_licence="GPL-2.0",
        request_id=request_id,
        take=take,
        seed=7,
        prompt="warm électronique",
        target="track 2",
        bpm=Bpm(120.0),
        tempo=(TempoPoint(at=Beats(0.0), bpm=Bpm(120.0)), TempoPoint(at=Beats(8.0), bpm=Bpm(90.5), ramp=True)),
        meter=(MeterPoint(bar=1, meter=FOUR_FOUR),),
        key=C_MINOR,
        start=Beats(4.0),
        bars=4,
        chords_asked=(ChordAsked(start=Beats(0.0), label="C-7"),),
        chords_used=(ChordUsed(start_s=Seconds(0.0), label="Cm7"),),
        drums=(DrumHit(at=Beats(4.0), voice="kick", velocity=100),),
        melody=(Note(at=Beats(4.5), length=Beats(0.5), pitch=67, velocity=90),),
        windows=(AudioWindow(start_s=Seconds(0.0), duration_s=Seconds(0.1)),),
        sample_rate_hz=RATE,
        frames=FRAMES,
        seconds=Seconds(0.1),
        loudness_lufs=-14.0,
        peak_dbfs=-1.5,
        gain_db=3.25,
        limited_db=0.5,
        folded_s=Seconds(0.02),
        versions={"sideman": "0.1.0", "python": "3.11.2"},
        seconds_spent=0.08,
        created_at="2026-11-23T09:30:00+00:00",
        notices=(Notice(code="assumed_meter", message="No meter was sent; 4/4 is assumed."),),
    )


@pytest.fixture
def folder(tmp_path: Path) -> ClipFolder:
    folder = ClipFolder(tmp_path / "clips")
    folder.prepare()
    return folder


def write(folder: ClipFolder, request_id: str = "verse", take: int = 0, seed: int = 0) -> Clip:
    return folder.write(samples_of(seed), tags=tags_of(), receipt=receipt_of(request_id, take))


def names_in(folder: ClipFolder) -> list[str]:
    return sorted(path.name for path in folder.path.iterdir())


# What is written


def test_a_clip_holds_the_samples_to_24_bits(folder: ClipFolder) -> None:
    clip = write(folder)
    read, rate = soundfile.read(clip.path, dtype="float64", always_2d=True)
    assert rate == RATE
    np.testing.assert_allclose(read, samples_of(), atol=2**-24)


def test_a_clip_and_its_receipt_agree_with_what_was_asked(folder: ClipFolder) -> None:
    clip = write(folder, take=2)
    receipt = receipt_from_json(clip.receipt_path.read_bytes())
    assert names_in(folder) == ["sideman-verse-t2_120bpm_Cm.json", "sideman-verse-t2_120bpm_Cm.wav"]
    assert clip == Clip(
        id="sideman-verse-t2_120bpm_Cm",
        request_id="verse",
        take=2,
        path=folder.path / "sideman-verse-t2_120bpm_Cm.wav",
        receipt_path=folder.path / "sideman-verse-t2_120bpm_Cm.json",
        sha256=receipt.sha256,
        sample_rate_hz=RATE,
        frames=FRAMES,
        bars=4,
        tempo=Bpm(120.0),
        seconds=Seconds(0.1),
        target="track 2",
        created_at="2026-11-23T09:30:00+00:00",
    )
    assert receipt == dataclasses.replace(
        receipt_of(take=2), file=clip.path.name, sha256=receipt.sha256, audio_sha256=receipt.audio_sha256
    )


def test_the_checksums_are_those_of_the_file_and_of_its_audio(folder: ClipFolder) -> None:
    clip = write(folder)
    receipt = receipt_from_json(clip.receipt_path.read_bytes())
    assert receipt.sha256 == hashlib.sha256(clip.path.read_bytes()).hexdigest()
    assert receipt.audio_sha256 == hashlib.sha256(pcm24(samples_of())).hexdigest()


def test_a_clip_is_tagged_as_a_loop(folder: ClipFolder) -> None:
    info = read_info(write(folder).path)
    assert info.loops == ((0, FRAMES - 1),)
    assert info.acid is not None
    assert info.acid.tempo == 120.0


def test_paths_of_clips_are_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = ClipFolder(Path("here"))
    folder.prepare()
    assert write(folder).path == tmp_path / "here" / "sideman-verse-t0_120bpm_Cm.wav"


# Names


def test_a_taken_name_gets_a_number_and_nothing_is_replaced(folder: ClipFolder) -> None:
    clips = [write(folder, seed=seed) for seed in range(3)]
    stem = "sideman-verse-t0_120bpm_Cm"
    assert [clip.id for clip in clips] == [stem, f"{stem}-2", f"{stem}-3"]
    for seed, clip in enumerate(clips):
        assert receipt_from_json(clip.receipt_path.read_bytes()).sha256 == clip.sha256
        assert clip.path.read_bytes().endswith(pcm24(samples_of(seed)))


@pytest.mark.parametrize("suffix", [".wav", ".json"])
def test_a_foreign_file_of_the_name_is_kept(folder: ClipFolder, suffix: str) -> None:
    foreign = folder.path / f"sideman-verse-t0_120bpm_Cm{suffix}"
    foreign.write_bytes(b"mine")
    assert write(folder).id == "sideman-verse-t0_120bpm_Cm-2"
    assert foreign.read_bytes() == b"mine"


def test_a_name_that_another_writer_has_reserved_is_left_to_it(folder: ClipFolder) -> None:
    reserved = folder.path / ".sideman-verse-t0_120bpm_Cm.wav.part"
    reserved.write_bytes(b"half")
    assert write(folder).id == "sideman-verse-t0_120bpm_Cm-2"
    assert reserved.read_bytes() == b"half"


@pytest.mark.parametrize(
    ("bpm", "key", "name"),
    [
        (120.0, None, "sideman-a.1-t0_120bpm.wav"),
        (92.5, Key(tonic=6, mode="major"), "sideman-a.1-t0_92.5bpm_F#.wav"),
        (119.9999, Key(tonic=10, mode="dorian"), "sideman-a.1-t0_120bpm_Bbm.wav"),
        (999.0, Key(tonic=3, mode="lydian"), "sideman-a.1-t0_999bpm_Eb.wav"),
    ],
)
def test_names_of_clips(bpm: float, key: Key | None, name: str) -> None:
    assert clip_file_name("a.1", 0, bpm, key) == name


@given(
    request_id=st.text("abcXYZ019._-", min_size=1, max_size=64),
    take=st.integers(0, 999),
    bpm=st.floats(5, 999),
    key=st.none() | st.builds(Key, tonic=st.integers(0, 11), mode=st.sampled_from(sorted(MODES))),
)
def test_names_are_safe_on_every_system(request_id: str, take: int, bpm: float, key: Key | None) -> None:
    if request_id.startswith("."):
        with pytest.raises(ClipError):
            clip_file_name(request_id, take, bpm, key)
        return
    name = clip_file_name(request_id, take, bpm, key)
    assert name.endswith(".wav")
    assert not set(name) & set('<>:"/\\|?* ')
    assert name.isascii()
    assert len(name) < 128


@pytest.mark.parametrize(
    "request_id",
    ["", ".", "..", ".hidden", "../up", "a/b", "a\\b", "a:b", "CON", "nul.x", "Com1", "a b", "a\n", "é", "a" * 65],
)
def test_ids_that_could_be_paths_or_devices_are_refused(folder: ClipFolder, request_id: str) -> None:
    with pytest.raises(ClipError, match="cannot be part of a file name"):
        write(folder, request_id)
    assert names_in(folder) == []


# Whole or not at all


def test_the_receipt_is_there_before_the_clip(folder: ClipFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a reader sees at any rename is complete."""
    seen: list[list[str]] = []
    rename = Path.replace

    def spied(self: Path, target: Path) -> Path:
        result = rename(self, target)
        shown = [path for path in folder.path.iterdir() if not path.name.startswith(".")]
        for path in shown:
            if path.suffix == ".wav":
                assert read_info(path).frames == FRAMES
            else:
                assert receipt_from_json(path.read_bytes()).frames == FRAMES
        seen.append(sorted(path.suffix for path in shown))
        return result

    monkeypatch.setattr(Path, "replace", spied)
    write(folder)
    assert seen == [[".json"], [".json", ".wav"]]


@pytest.mark.parametrize("renames", [0, 1])
def test_a_rename_that_fails_leaves_nothing(folder: ClipFolder, monkeypatch: pytest.MonkeyPatch, renames: int) -> None:
    rename, done = Path.replace, 0

    def failing(self: Path, target: Path) -> Path:
        nonlocal done
        if done == renames:
            raise PermissionError(13, "Permission denied")
        done += 1
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", failing)
    with pytest.raises(DiskError, match="may not be written to"):
        write(folder)
    assert names_in(folder) == []


def test_audio_that_does_not_fit_its_tags_leaves_nothing(folder: ClipFolder) -> None:
    with pytest.raises(ClipError, match="should have 4801 frames"):
        folder.write(samples_of(), tags=tags_of(FRAMES + 1), receipt=receipt_of())
    assert names_in(folder) == []


def test_audio_that_is_no_number_leaves_nothing(folder: ClipFolder) -> None:
    samples = samples_of()
    samples[-1] = math.nan
    with pytest.raises(ClipError, match="not numbers"):
        folder.write(samples, tags=tags_of(), receipt=receipt_of())
    assert names_in(folder) == []


def run_in_process(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python code that can use this module's helpers, in a process whose limits it may change."""
    preamble = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
    command = [sys.executable, "-c", preamble + textwrap.dedent(script), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of a file")
@pytest.mark.parametrize(
    ("frames", "limit"),
    [
        pytest.param(FRAMES, 100, id="in the headers"),
        pytest.param(FRAMES, 10_000, id="in the audio"),
        pytest.param(FRAMES, 28_943, id="in the last byte of the audio"),
        pytest.param(10, 1000, id="in the receipt"),
    ],
)
def test_a_file_that_the_system_cuts_off_leaves_nothing(folder: ClipFolder, frames: int, limit: int) -> None:
    """The operating system itself refuses the bytes after ``limit``."""
    result = run_in_process(
        """
        import resource
        from pathlib import Path
        from test_bridge_clips import *
        frames, limit = map(int, sys.argv[2:])
        folder = ClipFolder(Path(sys.argv[1]))
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        try:
            folder.write(samples_of()[:frames], tags=tags_of(frames), receipt=receipt_of())
        except DiskError as error:
            print(error)
        """,
        str(folder.path),
        str(frames),
        str(limit),
    )
    assert result.stdout == (
        f"The clip could not be written to {folder.path}: the file would be larger than this system allows; "
        "ask for fewer bars. This take was not kept.\n"
    ), result.stderr
    assert names_in(folder) == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a device that is always full")
def test_a_full_disk_is_told_as_one(folder: ClipFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """The audio goes to the device that is always full."""
    monkeypatch.setattr("bridge.clips._write_audio", lambda path, chunks: _write_to(Path("/dev/full"), chunks))
    with pytest.raises(DiskError, match="the disk is full; free some space") as caught:
        write(folder)
    assert "\n" not in str(caught.value)
    assert names_in(folder) == []


def _write_to(path: Path, chunks: object) -> tuple[str, str]:
    with path.open("wb", buffering=0) as file:
        for chunk in chunks:  # type: ignore[attr-defined]
            file.write(chunk)
    raise AssertionError("the device took it")


def test_many_writers_of_one_name_lose_nothing(folder: ClipFolder) -> None:
    """Four processes write the same take at once; every clip is there, whole, under a name of its own."""
    script = """
        from pathlib import Path
        from test_bridge_clips import *
        sys.stdin.read()
        for seed in range(5):
            print(write(ClipFolder(Path(sys.argv[1])), seed=seed).path)
    """
    preamble = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
    command = [sys.executable, "-c", preamble + textwrap.dedent(script), str(folder.path)]
    writers = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    paths: list[str] = []
    for writer in writers:  # ending their input starts all of them
        assert writer.stdin
        writer.stdin.close()
    for writer in writers:
        assert writer.stdout
        paths += writer.stdout.read().split()
        writer.stdout.close()
        assert writer.wait() == 0
    assert len(set(paths)) == 20
    for path in map(Path, paths):
        receipt = receipt_from_json(path.with_suffix(".json").read_bytes())
        assert (receipt.file, receipt.sha256) == (path.name, hashlib.sha256(path.read_bytes()).hexdigest())
    assert len(names_in(folder)) == 40


# The folder


def test_prepare_makes_the_folder_and_leaves_it_empty(tmp_path: Path) -> None:
    folder = ClipFolder(tmp_path / "a" / "b")
    folder.prepare()
    folder.prepare()
    assert names_in(folder) == []


def _under_a_file(tmp_path: Path) -> Path:
    (tmp_path / "file").write_bytes(b"")
    return tmp_path / "file" / "clips"


def _a_file(tmp_path: Path) -> Path:
    (tmp_path / "file").write_bytes(b"")
    return tmp_path / "file"


@pytest.mark.parametrize(
    ("place", "cause"),
    [
        (_under_a_file, "a part of its path is a file"),
        (_a_file, "a file of that name is in the way"),
        (lambda tmp_path: tmp_path / ("n" * 300), "the name would be too long"),
        (lambda tmp_path: tmp_path / "nul\0byte", "is not the name of a folder"),
    ],
)
def test_a_folder_that_cannot_be_used_is_one_clear_line(
    tmp_path: Path, place: Callable[[Path], Path], cause: str
) -> None:
    path = place(tmp_path)
    with pytest.raises(DiskError, match=cause) as caught:
        ClipFolder(path).prepare()
    message = str(caught.value)
    assert path.name[:3] in message
    assert "\n" not in message


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has /proc")
def test_a_folder_that_even_root_cannot_write_is_refused() -> None:
    with pytest.raises(DiskError, match="/proc/self"):
        ClipFolder(Path("/proc/self")).prepare()


def test_a_folder_that_went_away_is_an_error_at_writing(folder: ClipFolder) -> None:
    folder.path.rmdir()
    with pytest.raises(DiskError, match="it does not exist; make it"):
        write(folder)


def test_prepare_removes_what_a_dead_run_left_and_nothing_else(folder: ClipFolder) -> None:
    old = [".sideman-x-t0_120bpm.wav.part", ".sideman-x-t0_120bpm.json.part"]
    kept = [".sideman-young.wav.part", ".other.part", "sideman-x.wav", "notes.part"]
    for name in old + kept:
        (folder.path / name).write_bytes(b"half")
    hour_ago = (folder.path / kept[0]).stat().st_mtime - 3600
    for name in [*old, *kept[1:]]:
        os.utime(folder.path / name, (hour_ago, hour_ago))
    folder.prepare()
    assert names_in(folder) == sorted(kept)


# Receipts

finite = st.floats(-1e6, 1e6)
level = st.just(-math.inf) | finite
receipts = st.builds(
    dataclasses.replace,
    st.just(receipt_of()),
    prompt=st.text(max_size=40),
    take=st.integers(0, 99),
    seed=st.integers(0, 2**31),
    key=st.none() | st.builds(Key, tonic=st.integers(0, 11), mode=st.sampled_from(sorted(MODES))),
    loudness_lufs=level,
    peak_dbfs=level,
    gain_db=finite,
    start=st.floats(0, 1e6),
    chords_asked=st.lists(st.builds(ChordAsked, start=st.floats(0, 1e4), label=st.text(max_size=9))).map(tuple),
    versions=st.dictionaries(st.text(max_size=9), st.text(max_size=9), max_size=4),
)


@given(receipts)
@settings(deadline=None)
def test_receipts_come_back_from_json(receipt: Receipt) -> None:
    assert receipt_from_json(receipt_to_json(receipt)) == receipt


def test_a_receipt_reads_as_a_person_would_write_it() -> None:
    text = receipt_to_json(dataclasses.replace(receipt_of(), loudness_lufs=-math.inf)).decode()
    lines = text.splitlines()
    assert lines[:4] == ["{", '  "schema_version": 1,', '  "file": "",', '  "engine": "sketch",']
    assert '  "key": "C minor",' in lines
    assert '  "prompt": "warm électronique",' in lines
    assert '  "loudness_lufs": null,' in lines
    assert text.endswith("}\n")


def test_fields_of_a_receipt_keep_their_order() -> None:
    assert list(json.loads(receipt_to_json(receipt_of()))) == [field.name for field in dataclasses.fields(Receipt)]


def test_fields_of_a_later_version_are_passed_over() -> None:
    tree = json.loads(receipt_to_json(receipt_of()))
    assert receipt_from_json(json.dumps({**tree, "from_the_future": 1})) == receipt_of()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"take": "two"}, "take: Input should be a valid integer"),
        ({"key": "H minor"}, "H minor"),
        ({"meter": [{"bar": 1, "meter": {"numerator": 5, "denominator": 3}}]}, "5/3 is not a meter"),
    ],
)
def test_a_receipt_that_makes_no_sense_is_refused(change: dict[str, object], said: str) -> None:
    tree = json.loads(receipt_to_json(receipt_of()))
    with pytest.raises(ClipError, match=f"not a receipt of a clip: .*{said}"):
        receipt_from_json(json.dumps({**tree, **change}))


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(ClipError, match="not a receipt of a clip"):
        receipt_from_json(b"RIFF")


def test_writing_clips_loads_none_of_the_engines_libraries() -> None:
    """The daemon starts fast and stays small."""
    heavy = "{'torch', 'scipy', 'soxr', 'soundfile', 'pyloudnorm', 'librosa'}"
    code = f"import sys, bridge.clips; print(sorted({heavy} & set(sys.modules)))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said == "[]\n"
