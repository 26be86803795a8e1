"""Category: integration. ``sideman replay``: the same audio to the bit, and a sentence where that cannot be."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from bridge import replay as module
from bridge.cli import app
from bridge.config import Config
from bridge.errors import ClipError, SidemanError
from bridge.made_from import FileUsed, digest_of, made_from
from bridge.osc_client import OscClient
from bridge.receipt_schema import receipt_from_json, receipt_to_json
from bridge.replay import CannotReplay, Replayed, ReplayOptions, read_replayable, replay
from bridge.requests import GenerationRequest, Window
from bridge.spawned import spawned_daemon
from midi.chords import Chord, ChordSpan, parse_chord
from midi.keys import Key
from midi.time import FOUR_FOUR, Beats, Bpm, Seconds, TempoMap, TempoPoint
from models.generator import GivenAudio, MagnetPrompt, SketchChart
from models.presets import DECODINGS

NOW = datetime(2026, 6, 1, tzinfo=UTC)
runner = CliRunner()


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two takes of a session with all that a chart can hold, by the daemon."""
    folder = tmp_path_factory.mktemp("clips")
    with spawned_daemon(folder) as spawned, OscClient(spawned.host, spawned.port) as client:
        client.send("/sideman/tempo", "f", 133.7)
        client.send("/sideman/tempo/at", "ffi", 6.0, 180.1, 1)
        client.send("/sideman/meter", "ii", 4, 4)
        client.send("/sideman/meter/at", "iii", 2, 7, 8)
        client.send("/sideman/key", "s", "F# dorian")
        client.send("/sideman/chords", "s", "F#m7 B7/D# | N.C. |")
        client.send("/sideman/chord", "sf", "C#m7b5", 4.333333)
        client.send("/sideman/drum", "ifi", 38, 2.1, 99)
        client.send("/sideman/drum", "if", 36, 0.0)
        client.send("/sideman/note", "iff", 69, 0.7, 1.3)
        client.send("/sideman/prompt", "s", "bossa nova, nylon guitar")
        client.send("/sideman/bars", "i", 2)
        client.send("/sideman/takes", "i", 2)
        client.send("/sideman/generate", "s", "song")
        assert list(client.hear_until("/sideman/done", "/sideman/error", within_s=60))[-1].arguments == ("song", 2)
        client.send("/sideman/keep")
        assert client.hear(10).address == "/sideman/kept"
    return folder


@pytest.fixture
def receipt(clips: Path, tmp_path: Path) -> Path:
    """A copy of the receipt of the second take, to be changed."""
    (found,) = clips.glob("*-t1_*.json")
    copy = tmp_path / found.name
    copy.write_bytes(found.read_bytes())
    return copy


def played(path: Path, out: Path | None = None, config: Config | None = None, **options: Any) -> Replayed:
    chosen = ReplayOptions(receipt=path, out=out, **options)
    return replay(chosen, config or Config(), NOW, lambda share: None)


def changed(path: Path, change: Callable[[dict[str, Any]], object], *, honest: bool = False) -> Path:
    """Change a receipt by hand; an ``honest`` forger makes the checksum anew."""
    values = json.loads(path.read_text(encoding="utf-8"))
    change(values)
    if honest:
        values["made_from"]["digest"] = digest_of(values["made_from"])
    path.write_text(json.dumps(values), encoding="utf-8")
    return path


def test_a_clip_of_the_daemon_is_made_again_to_the_bit(clips: Path, tmp_path: Path) -> None:
    for take in (0, 1):
        (path,) = clips.glob(f"*-t{take}_*.json")
        done = played(path, tmp_path)
        assert done.same
        assert done.differences == ()
        assert done.clip is not None
        assert done.clip.path.read_bytes() == path.with_suffix(".wav").read_bytes()
        then, now = (receipt_from_json(one.read_bytes()) for one in (path, done.clip.receipt_path))
        assert now.audio_sha256 == then.audio_sha256 == done.sha256
        assert (now.seed, now.chords_asked, now.made_from) == (then.seed, then.chords_asked, then.made_from)
        assert (now.kept, now.created_at) == (False, NOW.isoformat(timespec="seconds"))
    assert receipt_from_json(path.read_bytes()).kept, "the first receipt is as it was"


def test_the_command_says_so_and_takes_the_wav_too(clips: Path, tmp_path: Path) -> None:
    (path,) = clips.glob("*-t0_*.wav")
    ran = runner.invoke(app, ["replay", str(path), "--out", str(tmp_path)])
    assert ran.exit_code == 0, ran.output
    assert "The same audio, to the bit: SHA-256" in ran.output
    assert len(list(tmp_path.glob("*.wav"))) == 1
    before = sorted(tmp_path.iterdir())
    checked = runner.invoke(app, ["replay", str(path), "--check", "--json", "--out", str(tmp_path)])
    assert json.loads(checked.output[checked.output.index("{") :])["same"] is True
    assert sorted(tmp_path.iterdir()) == before, "nothing is written"


def test_another_version_is_named_and_the_same_audio_is_the_same(receipt: Path) -> None:
    changed(receipt, lambda one: one["versions"].update(sideman="0.0.1", midirenderer="9.9"))
    done = played(receipt)
    assert done.same
    assert any(line.startswith("midirenderer was 9.9 and is ") for line in done.differences)
    assert any(line.startswith("sideman was 0.0.1 and is ") for line in done.differences)


def test_another_soundfont_is_named(receipt: Path, tmp_path: Path) -> None:
    from models.soundfont_file import find_soundfont

    other = tmp_path / "other.sf2"
    content = bytearray(find_soundfont().read_bytes())
    content[-2_000_000:-1_000_000] = bytes(1_000_000)  # some of its samples are silent
    other.write_bytes(content)
    done = played(receipt, tmp_path / "out", Config.model_validate({"engine": {"soundfont": other}}))
    assert done.differences == (
        "the soundfont or drum kit is another one than TimGM6mb.sf2, inside the package pretty_midi",
    )
    assert done.clip is not None
    if not done.same:
        notices = receipt_from_json(done.clip.receipt_path.read_bytes()).notices
        assert any(notice.code == "replay" for notice in notices)


def test_audio_that_is_not_the_same_is_told_and_ends_with_one(
    receipt: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be explained is said to be so; the clip is written, and says that it is another."""
    changed(receipt, lambda one: one.update(audio_sha256="0" * 64))
    ran = runner.invoke(app, ["replay", str(receipt), "--out", str(tmp_path / "out")])
    assert ran.exit_code == 1
    assert "Another audio" in ran.output
    assert "nothing that the receipt knows of is other" in ran.output
    (again,) = (tmp_path / "out").glob("*.json")
    assert [notice["code"] for notice in json.loads(again.read_text())["notices"]][-1] == "replay"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda one: one["made_from"]["controls"].update(prompt="heavy metal"), "not what its checksum says"),
        (lambda one: one["made_from"]["controls"]["drums"].pop(), "not what its checksum says"),
        (lambda one: one.update(seed=99), "its seed is 99, and the clip was made from"),
        (lambda one: one.update(engine="magnet"), "it is of the engine magnet"),
        (lambda one: one.update(bars=4), "its bars are not those"),
        (lambda one: one.update(frames=7), "its frames are not those"),
        (lambda one: one.update(take=9), "its take is none of the request"),
        (lambda one: one.update(take=0), "its take is none of the request"),
        (lambda one: one.pop("made_from"), "does not say what the engine was given"),
        (lambda one: one.update(made_from=None), "does not say what the engine was given"),
    ],
)
def test_a_receipt_changed_by_hand_is_refused(
    receipt: Path, change: Callable[[dict[str, Any]], object], words: str
) -> None:
    with pytest.raises(CannotReplay, match=words):
        played(changed(receipt, change))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda made: made.update(seeds=list(range(1000))), "its seeds cannot be"),
        (lambda made: made.update(seeds=[-1, -1]), "its seeds cannot be"),
        (lambda made: made["window"].update(seconds=1e9, frames=48 * 10**12), "its length or sample rate cannot be"),
        (lambda made: made["window"].update(sample_rate_hz=1, frames=1), "its length or sample rate cannot be"),
        (lambda made: made.update(loudness_lufs=1e6), "its loudness cannot be"),
        (lambda made: made["controls"]["drums"][0].update(voice="gong"), "is not a drum voice"),
        (lambda made: made["controls"]["drums"][0].update(at=1e300), "synthesizer failed"),
        (lambda made: made["controls"].update(end=1e9), "is of another length"),
    ],
)
def test_a_forged_receipt_is_held_within_the_limits(
    receipt: Path, change: Callable[[dict[str, Any]], object], words: str
) -> None:
    with pytest.raises(SidemanError, match=words):
        played(changed(receipt, lambda one: change(one["made_from"]), honest=True))


def test_an_engine_that_stumbles_over_a_receipt_is_a_sentence(receipt: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stumbles(*_: object, **__: object) -> Iterator[object]:
        yield from ()
        raise KeyError("gong")

    monkeypatch.setattr(module, "make_takes", stumbles)
    with pytest.raises(CannotReplay, match=r"cannot play what the receipt holds \(KeyError: 'gong'\)"):
        played(receipt)


def test_what_is_no_receipt_is_told(receipt: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = receipt.read_text(encoding="utf-8")
    receipt.write_text(text[: len(text) // 2], encoding="utf-8")
    with pytest.raises(ClipError, match="not a receipt of a clip"):
        played(receipt)
    receipt.write_text(text.replace('"schema_version": 1', '"schema_version": 7'), encoding="utf-8")
    with pytest.raises(ClipError, match=r"version 7, and this Sideman reads them up to version 1: update"):
        played(receipt)
    receipt.write_text(json.dumps({"schema_version": 7, "all": "new"}), encoding="utf-8")
    with pytest.raises(ClipError, match="version 7"):
        played(receipt)
    with pytest.raises(ClipError, match="cannot be read: No such file"):
        played(tmp_path / "none.json")
    with pytest.raises(ClipError, match="cannot be read: Is a directory"):
        played(tmp_path)
    receipt.write_text(text, encoding="utf-8")
    monkeypatch.setattr(module, "MAX_RECEIPT_BYTES", 100)
    with pytest.raises(ClipError, match="larger than 100 bytes"):
        played(receipt)
    ran = runner.invoke(app, ["replay", str(tmp_path / "none.json")])
    assert isinstance(ran.exception, ClipError), "the command line's end makes a line of it"


# Audio that an engine heard


WINDOW = Window(
    start=Beats(0.0), end=Beats(4.0), bars=1, seconds=Seconds(2.0), sample_rate_hz=48000, frames=96000, bpm=Bpm(120.0),
    meter=FOUR_FOUR,
)  # fmt: skip


def request(given: Path | None) -> GenerationRequest:
    controls = MagnetPrompt(
        description="x", duration_s=2.0, decoding=DECODINGS["standard"], seed=5,
        given=GivenAudio(path=given, place="before") if given else None,
    )  # fmt: skip
    return GenerationRequest(
        id="song", revision=1, engine="magnet", controls=(controls,), window=WINDOW, loudness_lufs=-14.0,
        ceiling_dbfs=-1.0, model="tiny (converted here, SHA-256 0123456789ab)",
    )  # fmt: skip


@pytest.fixture
def heard(receipt: Path, tmp_path: Path) -> tuple[Path, Path]:
    """A receipt of a clip that goes on from a file, and the file, in a folder of audio."""
    audio = tmp_path / "audio" / "loop.wav"
    audio.parent.mkdir()
    audio.write_bytes(b"some audio")
    one = request(audio)
    values = dataclasses.replace(
        receipt_from_json(receipt.read_bytes()), engine="magnet", model=one.model, seed=5, take=0, start=WINDOW.start,
        bars=1, frames=96000, made_from=made_from(one, 0, sounds_sha256=None),
    )  # fmt: skip
    receipt.write_bytes(receipt_to_json(values))
    return receipt, audio


def test_audio_outside_the_user_s_folders_is_not_read(heard: tuple[Path, Path], tmp_path: Path) -> None:
    path, audio = heard
    elsewhere = tmp_path / "elsewhere" / path.name
    elsewhere.parent.mkdir()
    path.rename(elsewhere)
    with pytest.raises(CannotReplay, match=rf"lies in none of your folders of audio.*--audio-folder {audio.parent}"):
        played(elsewhere)
    with pytest.raises(CannotReplay, match="no model on this machine has these weights"):
        played(elsewhere, audio_folders=(audio.parent,))
    config = Config.model_validate({"clips": {"audio_folders": [audio.parent]}})
    with pytest.raises(CannotReplay, match="no model on this machine has these weights"):
        played(elsewhere, config=config)
    audio.unlink()
    audio.symlink_to("/etc/hostname")
    with pytest.raises(CannotReplay, match="lies in none of your folders"):
        played(elsewhere, audio_folders=(audio.parent,))


def test_audio_that_has_changed_or_gone_is_named(heard: tuple[Path, Path]) -> None:
    path, audio = heard
    audio.write_bytes(b"other audio")
    with pytest.raises(CannotReplay, match=r"loop\.wav, which the engine heard, has changed since"):
        played(path)
    audio.unlink()
    with pytest.raises(CannotReplay, match=r"loop\.wav, which the engine heard, is no longer there"):
        played(path)
    changed(path, lambda one: one["made_from"].update(files=[]), honest=True)
    with pytest.raises(CannotReplay, match="without its checksum"):
        played(path)


def test_a_file_that_was_gone_when_the_receipt_was_written_is_noted(tmp_path: Path) -> None:
    assert made_from(request(tmp_path / "none.wav"), 0, sounds_sha256=None).files == (
        FileUsed(path=tmp_path / "none.wav", sha256="no longer there"),
    )


# What is written is read


CHORDS = st.none() | st.sampled_from(["Am7", "F#m7b5/E", "Bb6/9", "C7#9b13", "Gsus4", "E5"]).map(parse_chord)


@st.composite
def charts(draw: st.DrawFn) -> SketchChart:
    places = sorted(draw(st.lists(st.floats(0, 64, allow_nan=False), min_size=2, max_size=6, unique=True)))
    chords: list[Chord | None] = [draw(CHORDS) for _ in places[1:]]
    return SketchChart(
        tempo_map=TempoMap(tempos=(TempoPoint(at=Beats(0.0), bpm=Bpm(draw(st.floats(5, 999)))),)),
        start=Beats(places[0]),
        end=Beats(places[-1]),
        chords=tuple(
            ChordSpan(start=Beats(start), end=Beats(end), chord=chord)
            for start, end, chord in zip(places, places[1:], chords, strict=False)
        ),
        drums=(),
        melody=(),
        key=draw(st.none() | st.builds(Key, tonic=st.integers(0, 11), mode=st.just("dorian"))),
        prompt=draw(st.text(max_size=20)),
        seed=draw(st.integers(0, 2**31 - 1)),
    )


@given(charts())
def test_what_the_engine_was_given_is_read_to_the_bit(chart: SketchChart) -> None:
    one = GenerationRequest(
        id="song", revision=1, engine="sketch", controls=(chart,), window=WINDOW, loudness_lufs=-14.0, ceiling_dbfs=-1.0
    )
    source = made_from(one, 0, sounds_sha256=hashlib.sha256(b"").hexdigest())
    values = json.loads(module_json(source))
    assert digest_of(values) == source.digest
    assert type_of(source).validate_json(module_json(source)) == source


def type_of(source: object) -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(type(source))


def module_json(source: object) -> bytes:
    text: bytes = type_of(source).dump_json(source)
    return text


def test_the_receipt_of_a_daemon_can_be_read_for_replay(receipt: Path) -> None:
    found, source = read_replayable(receipt)
    assert source.seeds[found.take] == found.seed
    assert source.sounds_sha256
