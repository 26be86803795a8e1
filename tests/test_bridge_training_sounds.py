"""Category: integration. Music from a user's own folder: sounds, their charts, and what does not fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import TrainingError
from bridge.training_asked import asked_of_training
from bridge.training_sheet import chart_from, read_sheet
from bridge.training_sounds import TAIL_S, read_sounds, sounds_digest, windows_of
from bridge.training_sources import digest_of, read_pieces, sources_of
from models.training_chart import WINDOW_S
from models.training_music import FULL_SCALE

RATE_HZ = 8000
CHART = """
tempo = 120
meter = "4/4"
chords = "C | Am7 G | F | N.C. |"
repeats = true
key = "C major"
caption = "warm organ"

[drums]
kick = "x...x...x...x..."
"""


def write_sound(path: Path, seconds: float, *, rate: int = 44100, hz: float = 220.0, channels: int = 2) -> None:
    tone = 0.5 * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)
    soundfile.write(path, np.repeat(tone[:, None], channels, axis=1), rate, subtype="PCM_16")


def write_chart(path: Path, **other: str) -> None:
    text = CHART
    for name, value in other.items():
        kept = [line for line in text.splitlines() if not line.startswith(f"{name} =")]
        text = "\n".join([*([f"{name} = {value}"] if value else []), *kept])
    path.write_text(text)


def test_a_sound_becomes_windows_with_their_parts_of_the_chart(tmp_path: Path) -> None:
    write_sound(tmp_path / "song.wav", 25.0)
    write_chart(tmp_path / "song.toml")
    music, notices = read_sounds(tmp_path, RATE_HZ)
    assert notices == ()
    assert music.names == ("song.wav from 0 s", "song.wav from 10 s", "song.wav from 15 s")
    assert music.mixes.shape == (3, 80000)
    assert music.mixes.dtype == np.int16
    assert music.stems == (False,) * 3
    assert np.abs(music.mixes).max() == pytest.approx(0.5 * FULL_SCALE, rel=0.01)
    one, two, three = music.charts
    assert one.chords[:5] == ((0.0, "C"), (2.0, "Am7"), (3.0, "G"), (4.0, "F"), (6.0, "N"))
    assert two.chords[0] == (0.0, "Am7"), "the sixth bar"
    assert three.chords[0][1] == "N", "half of the eighth bar"
    assert one.bars_s[:3] == (0.0, 2.0, 4.0)
    assert [(at, voice) for at, voice, _ in one.drums[:2]] == [(0.0, "kick"), (0.5, "kick")]
    assert one.caption == "warm organ. key: C major. bpm: 120"
    assert asked_of_training(one).chords[0].label == "C:maj"


def test_a_chart_begins_where_bar_one_does(tmp_path: Path) -> None:
    write_sound(tmp_path / "song.wav", 12.0)
    write_chart(tmp_path / "song.toml", starts_s="1.5")
    music, _ = read_sounds(tmp_path, RATE_HZ)
    assert music.names == ("song.wav from 1.5 s",)
    assert music.charts[0].chords[1] == (2.0, "Am7")


def test_sounds_of_different_rates_and_channels_become_one(tmp_path: Path) -> None:
    for name, rate, channels in (("a", 44100, 1), ("b", 48000, 2), ("c", 22050, 1), ("d", 8000, 1)):
        write_sound(tmp_path / f"{name}.wav", 10.0, rate=rate, channels=channels)
    music, notices = read_sounds(tmp_path, RATE_HZ)
    assert music.mixes.shape == (4, 80000)
    assert len(notices) == 4
    assert all("has no chart beside it" in notice for notice in notices)
    for mix in music.mixes:
        assert np.argmax(np.abs(np.fft.rfft(mix.astype(np.float64)))) == 2200


def test_drums_beside_a_sound_are_its_stem(tmp_path: Path) -> None:
    write_sound(tmp_path / "song.wav", 20.0)
    write_sound(tmp_path / "song.drums.wav", 12.0, hz=100.0)
    music, notices = read_sounds(tmp_path, RATE_HZ)
    assert music.stems == (True, True)
    assert music.drums[0].any()
    assert not music.drums[1, round(2.1 * RATE_HZ) :].any()
    assert "lasts 12.0 s, and its sound 20.0 s" in notices[1]


def test_one_sound_that_is_too_short_is_told(tmp_path: Path) -> None:
    write_sound(tmp_path / "song.wav", 9.0)
    with pytest.raises(TrainingError, match=r"has 9\.0 s that can be used, and a window is 10 s"):
        read_sounds(tmp_path, RATE_HZ)
    write_sound(tmp_path / "song.wav", 10.0)
    assert len(read_sounds(tmp_path, RATE_HZ)[0].charts) == 1


def test_silent_sounds_and_silent_windows_are_left_out(tmp_path: Path) -> None:
    write_sound(tmp_path / "loud.wav", 10.0)
    soundfile.write(tmp_path / "silent.wav", np.zeros(20 * RATE_HZ), RATE_HZ)
    half = np.concatenate([np.sin(np.arange(10 * RATE_HZ)), np.zeros(10 * RATE_HZ)])
    soundfile.write(tmp_path / "half.wav", half, RATE_HZ)
    music, notices = read_sounds(tmp_path, RATE_HZ)
    assert music.names == ("half.wav from 0 s", "loud.wav from 0 s")
    told = "\n".join(notices)
    assert "silent.wav is silent. It is left out." in told
    assert "1 of its 2 windows are silent" in told


@pytest.mark.parametrize(
    ("seconds", "windows", "told"),
    [
        (30.0, 1, "lasts 30.0 s, and its chart ends at 10.0 s: what follows is left out"),
        (10.05, 1, None),
        (9.5, 0, "lasts 9.5 s, and its chart 10.0 s: the chart's end is not used"),
    ],
)
def test_charts_that_do_not_fit_their_sound_are_told(
    tmp_path: Path, seconds: float, windows: int, told: str | None
) -> None:
    write_sound(tmp_path / "song.wav", seconds)
    write_sound(tmp_path / "other.wav", 10.0)
    write_chart(tmp_path / "other.toml")
    write_chart(tmp_path / "song.toml", repeats="false", chords='"C | F | G | C | Am"')
    music, notices = read_sounds(tmp_path, RATE_HZ)
    assert sum(name.startswith("song.wav") for name in music.names) == windows
    assert (told is None and not notices) or any(told in notice for notice in notices if told)


def test_what_cannot_be_read_is_left_out_and_told(tmp_path: Path) -> None:
    write_sound(tmp_path / "good.wav", 10.0)
    (tmp_path / "bad.wav").write_bytes(b"RIFFnonsense")
    soundfile.write(tmp_path / "nan.wav", np.full(100000, np.nan, dtype=np.float32), RATE_HZ, subtype="FLOAT")
    music, notices = read_sounds(tmp_path, RATE_HZ)
    assert music.names == ("good.wav from 0 s",)
    told = "\n".join(notices)
    assert "bad.wav cannot be read" in told
    assert "nan.wav holds samples that are not numbers. It is left out." in told


def test_folders_without_music_are_told(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="There is no folder"):
        sources_of([tmp_path / "none"])
    with pytest.raises(TrainingError, match="holds no music to train on"):
        sources_of([tmp_path])


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("tempo", None, "tempo: it has to be there"),
        ("tempo", "-3", "tempo: Input should be greater than or equal to 20"),
        ("tempo", '"', "is not TOML"),
        ("meter", '"four"', "is no meter such as 4/4"),
        ("chords", '"C | Hm |"', "Bar 2"),
        ("key", '"X dorian"', "key"),
        ("repeat", "true", "did you mean repeats"),
        ("kick", '"xx"', "steps"),
    ],
)
def test_charts_with_mistakes_are_refused_with_all_of_them(
    tmp_path: Path, name: str, value: str | None, told: str
) -> None:
    path = tmp_path / "song.toml"
    if name == "kick":
        path.write_text(f"tempo = 100\n[drums]\nkick = {value}")
    else:
        write_chart(path, **{name: value or ""})
    with pytest.raises(TrainingError, match=r"The chart .*song\.toml ") as error:
        read_sheet(path)
    assert told in str(error.value)


def test_a_folder_is_known_by_what_is_in_it(tmp_path: Path) -> None:
    write_sound(tmp_path / "song.wav", 10.0)
    before = sounds_digest(tmp_path)
    assert sounds_digest(tmp_path) == before
    write_chart(tmp_path / "song.toml")
    charted = sounds_digest(tmp_path)
    write_sound(tmp_path / "song.drums.wav", 10.0)
    assert len({before, charted, sounds_digest(tmp_path)}) == 3


def test_music_comes_from_folders_of_both_kinds(tmp_path: Path) -> None:
    from bridge.training_set import compose_folder

    (tmp_path / "own").mkdir()
    write_sound(tmp_path / "own" / "song.wav", 10.0)
    compose_folder(tmp_path / "composed", pieces=2, seed=0)
    sources = sources_of([tmp_path / "composed", tmp_path / "own"])
    said: list[str] = []
    music = read_pieces(sources, RATE_HZ, pieces=None, tell=said.append, report=lambda share: None)
    assert music.mixes.shape == (3, 80000)
    assert music.stems == (True, True, False)
    assert music.names[0].startswith("the piece of seed")
    assert len(said) == 1
    assert digest_of(sources) != digest_of(sources[:1])
    assert len(read_pieces(sources, RATE_HZ, pieces=1, tell=said.append, report=lambda share: None).charts) == 1


@given(st.floats(0, 100), st.floats(0, 300))
def test_windows_lie_within_their_stretch_and_leave_little_out(begin_s: float, length_s: float) -> None:
    starts = list(windows_of(begin_s, begin_s + length_s))
    assert all(begin_s <= one + 1e-6 and one + WINDOW_S <= begin_s + length_s + 0.01 for one in starts)
    assert bool(starts) == (length_s >= WINDOW_S - 0.005) or abs(length_s - WINDOW_S) < 0.01
    if starts:
        assert begin_s + length_s - (starts[-1] + WINDOW_S) <= TAIL_S + 1e-6


@given(st.floats(20, 400), st.floats(0, 200), st.sampled_from(["4/4", "3/4", "6/8", "7/8", "5/4"]))
def test_charts_of_any_window_hold_together(tempo: float, from_s: float, meter: str) -> None:
    from bridge.training_sheet import Sheet

    sheet = Sheet(tempo=tempo, meter=meter, chords="C | F G | Am", repeats=True)
    chart = chart_from(sheet, from_s, 0)
    starts = [at for at, _ in chart.chords]
    assert starts[0] == 0.0
    assert starts == sorted(set(starts))
    assert all(0 <= at < WINDOW_S for at in starts)
    assert all(-1e-6 <= at <= WINDOW_S + 1e-6 for at in chart.bars_s)
