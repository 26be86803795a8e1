"""Category: integration. Training music as audio: whole windows, in range, the same bytes, whole shards."""

from __future__ import annotations

import itertools
import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from midi.compose_chords import every_chord
from midi.compose_grooves import FAMILIES
from midi.compose_split import SPLITS, split_of
from midi.composing import Piece, compose
from models import training_files
from models.arranger import BASS_CHANNEL, COMPING_CHANNEL, LEAD_CHANNEL
from models.errors import TrainingError
from models.instruments import INSTRUMENTS
from models.soundfont import SoundfontRenderer
from models.styles import STYLES
from models.training_band import FAMILY_STYLES, KITS, LAYER_CHANNEL, Parts, band_for, parts_of
from models.training_chart import chart_of, heard_window, label_for
from models.training_music import FRAMES, SAMPLE_RATE_HZ, WINDOW_S, TrainingPiece, make_piece
from models.training_shards import FORMAT, pieces_of, read_charts, read_shard, write_shard
from models.vocabulary import NO_CHORD, UNKNOWN_CHORD, chord_vocabulary

MADE = 6
seeds = st.integers(0, 2**40)


@pytest.fixture(scope="module")
def renderer() -> SoundfontRenderer:
    return SoundfontRenderer()


@pytest.fixture(scope="module")
def made(renderer: SoundfontRenderer) -> list[TrainingPiece]:
    return [make_piece(seed, renderer) for seed in range(MADE)]


# Notes


def test_the_chords_that_are_composed_are_jascos_vocabulary() -> None:
    labels = {label_for(chord) for chord in every_chord()} | {label_for(None)}
    assert labels == set(chord_vocabulary()) - {UNKNOWN_CHORD}


@cache
def played(seed: int) -> tuple[Piece, Parts]:
    piece = compose(seed, WINDOW_S)
    return piece, parts_of(piece, band_for(piece))


@settings(max_examples=60)
@given(seeds)
def test_every_note_is_in_range_and_inside_the_piece(seed: int) -> None:
    piece, parts = played(seed)
    seconds = piece.end * 60 / piece.bpm
    pitches = {COMPING_CHANNEL: (40, 100), LAYER_CHANNEL: (40, 100), BASS_CHANNEL: (21, 64), LEAD_CHANNEL: (48, 96)}
    for note in parts.band:
        low, high = pitches[note.channel]
        assert low <= note.pitch <= high
        assert 1 <= note.velocity <= 127
        assert 0 <= note.start_s < note.end_s <= seconds + 0.1
    assert len(parts.drums) == len(piece.drums)
    assert {channel.channel for channel in parts.band_channels} >= {note.channel for note in parts.band}


@settings(max_examples=60)
@given(seeds)
def test_comping_plays_tones_of_the_chord_that_sounds(seed: int) -> None:
    """No wrong notes: what a model hears under a label is that chord."""
    piece, parts = played(seed)
    spans = [(span.start * 60 / piece.bpm, span.end * 60 / piece.bpm, span.chord) for span in piece.chords]
    for note in parts.band:
        if note.channel not in {COMPING_CHANNEL, LAYER_CHANNEL}:
            continue
        end_s, chord = next((end, chord) for _, end, chord in spans if end > note.start_s + 1e-6)
        assert note.end_s <= end_s + 0.05
        assert chord is not None
        assert note.pitch % 12 in chord.pitch_classes


@settings(max_examples=60)
@given(seeds)
def test_a_chart_lies_in_its_window_and_says_what_sounds_there(seed: int) -> None:
    piece = compose(seed, WINDOW_S)
    chart = chart_of(piece, words="", band="")
    start, end = heard_window(piece)
    assert chart.chords[0][0] == 0.0
    assert all(label in chord_vocabulary() for _, label in chart.chords)
    assert UNKNOWN_CHORD not in {label for _, label in chart.chords}
    times = [at for at, _ in chart.chords]
    assert times == sorted(set(times))
    assert times[-1] < WINDOW_S
    assert len(chart.drums) == sum(start <= hit.at < end for hit in piece.drums)
    assert all(0 <= at < WINDOW_S for at, _, _ in chart.drums)
    assert all(0 <= at < until <= WINDOW_S for at, until, _ in chart.melody)
    for here, there in itertools.pairwise(chart.bars_s):
        assert there - here == pytest.approx(piece.meter.beats * 60 / piece.bpm, abs=1e-5)
    for at, label in chart.chords:
        place = piece.heard_from + (at + 1e-4) * piece.bpm / 60
        sounding = next(span.chord for span in piece.chords if span.end > place)
        assert label == (NO_CHORD if sounding is None else label_for(sounding))


def test_bands_are_kept_apart_and_use_every_instrument() -> None:
    names: dict[str, set[str]] = {split: set() for split in SPLITS}
    kits = set()
    for seed in range(1500):
        piece = compose(seed, WINDOW_S)
        band = band_for(piece)
        names[piece.split].add(band.name)
        kits.add(band.kit)
        assert split_of(band.name) == piece.split
    assert not names["train"] & names["test"]
    assert len(names["test"]) > 50
    assert {name for band in names["train"] for name in band.split(" / ")} == set(INSTRUMENTS)
    assert kits == set(KITS)


def test_every_family_of_grooves_has_styles() -> None:
    assert set(FAMILY_STYLES) == set(FAMILIES)
    assert {style for styles in FAMILY_STYLES.values() for style in styles} == set(STYLES)


# Audio


def test_a_window_is_500_frames_of_jascos_and_never_silent_or_cut(made: list[TrainingPiece]) -> None:
    assert FRAMES == 500 * SAMPLE_RATE_HZ // 50 == 320_000
    for piece in made:
        assert piece.mix.shape == piece.drums.shape == (FRAMES,)
        assert 3000 < np.abs(piece.mix.astype(np.int32)).max() < 32767
        loud = np.abs(piece.mix.reshape(10, -1).astype(np.int32)).max(axis=1)
        assert (loud > 100).sum() >= 9, "one second at most is quiet"


def test_mixes_have_many_levels(made: list[TrainingPiece]) -> None:
    peaks = [20 * np.log10(np.abs(piece.mix.astype(np.float64)).max() / 32767) for piece in made]
    assert max(peaks) - min(peaks) > 4


def test_the_stem_has_drums_alone_and_is_silent_where_there_are_none(made: list[TrainingPiece]) -> None:
    silent = [piece for piece in made if not piece.chart.drums]
    assert silent
    assert len(silent) < len(made)
    for piece in made:
        assert np.any(piece.drums) == bool(piece.chart.drums)


def test_the_same_seed_makes_the_same_bytes(made: list[TrainingPiece], renderer: SoundfontRenderer) -> None:
    again = make_piece(1, SoundfontRenderer(renderer.path))
    assert again.mix.tobytes() == made[1].mix.tobytes()
    assert again.drums.tobytes() == made[1].drums.tobytes()
    assert again.chart == made[1].chart
    assert made[0].mix.tobytes() != made[1].mix.tobytes()


def test_words_are_what_the_sketch_engine_could_be_asked_for(made: list[TrainingPiece]) -> None:
    for piece in made:
        assert piece.chart.words
        assert piece.chart.words == piece.chart.words.lower()
        assert ("no drums" in piece.chart.words) <= (not piece.chart.drums)


# Shards


def test_a_shard_comes_back_as_it_was(made: list[TrainingPiece], tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    write_shard(path, made)
    mixes, drums, charts = read_shard(path)
    for index, piece in enumerate(made):
        assert np.array_equal(mixes[index], piece.mix)
        assert np.array_equal(drums[index], piece.drums)
        assert charts[index] == piece.chart
    assert read_charts(path) == charts
    assert [piece.chart for piece in pieces_of(path)] == list(charts)
    write_shard(tmp_path / "b.safetensors", made)
    assert (tmp_path / "b.safetensors").read_bytes() == path.read_bytes()
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a.safetensors", "b.safetensors"]


def test_a_shard_that_is_cut_short_or_something_else_is_said_to_be(made: list[TrainingPiece], tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    write_shard(path, made[:2])
    whole = path.read_bytes()
    for length in (0, 5, 200, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(TrainingError, match="cannot be read"):
            read_charts(path)
    save_file({"mix": np.zeros(3, dtype=np.int16)}, path)
    with pytest.raises(TrainingError, match="no shard"):
        read_charts(path)
    charts = json.dumps([piece.chart.model_dump(mode="json") for piece in made[:2]])
    wrong = {"mix": np.zeros((1, FRAMES), dtype=np.int16), "drums": np.zeros((2, FRAMES), dtype=np.int16)}
    save_file(wrong, path, metadata={FORMAT: charts})
    with pytest.raises(TrainingError, match="does not fit"):
        read_charts(path)
    save_file(wrong, path, metadata={FORMAT: '[{"seed": "x"}]'})
    with pytest.raises(TrainingError, match="cannot be read"):
        read_charts(path)


def test_a_disk_that_is_full_leaves_the_shard_before(
    made: list[TrainingPiece], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.safetensors"
    write_shard(path, made[:1])
    before = path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(training_files.os, "fsync", full)
    with pytest.raises(TrainingError, match="No space left on device"):
        write_shard(path, made)
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["a.safetensors"]
