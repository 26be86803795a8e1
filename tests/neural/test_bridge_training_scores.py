"""Category: integration. The model that comes with Sideman, on held-out pieces: each control moves its own score.

This is ``sideman train score`` on a small sample. A broken conditioning path fails it.
"""

from __future__ import annotations

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from bridge.cli import app
from bridge.sound_texture import mean_texture, texture_of
from bridge.training_scores import Scores, asked_of, changed, controls_of, held_out
from models.bundled import FOLDER

PIECES = 6


@pytest.fixture(scope="module")
def scores(tmp_path_factory: pytest.TempPathFactory) -> Scores:
    folder = tmp_path_factory.mktemp("scores")
    done = CliRunner().invoke(
        app,
        [
            *("train", "score", "--pieces", str(PIECES), "--change", "other chords"),
            *("--change", "other drums"),
            *(
                "--json",
                str(folder / "scores.json"),
                "--picture",
                str(folder / "one.png"),
                "--keep",
                str(folder / "wav"),
            ),
        ],
    )
    assert done.exit_code == 0, done.output
    assert "6 pieces from seed 0" in done.output and "flatness" in done.output
    assert (folder / "one.png").read_bytes().startswith(b"\x89PNG")
    assert len(list((folder / "wav").glob("*-asked.wav"))) == PIECES
    return Scores.model_validate(json.loads((folder / "scores.json").read_text(encoding="utf-8")))


def test_what_is_asked_is_heard(scores: Scores) -> None:
    asked = scores.row("asked")
    assert asked.own["chords"] > 0.35 and asked.others["chords"] < 0.2
    assert asked.own["drums"] > 0.55 and asked.own["drums"] > asked.others["drums"] + 0.12


def test_other_chords_move_the_chords_and_not_the_drums(scores: Scores) -> None:
    asked, other = scores.row("asked"), scores.row("other chords")
    assert other.own["chords"] < asked.own["chords"] - 0.25
    assert abs(other.own["drums"] - asked.own["drums"]) < 0.1
    assert other.others["chords"] > 0.3, "they follow the chart that they were given"


def test_other_drums_move_the_drums_and_not_the_chords(scores: Scores) -> None:
    asked, other = scores.row("asked"), scores.row("other drums")
    assert other.own["drums"] < asked.own["drums"] - 0.1
    assert abs(other.own["chords"] - asked.own["chords"]) < 0.15


def test_the_codec_is_near_the_pieces(scores: Scores) -> None:
    assert scores.codec_log_mel < 0.25
    assert scores.held.keys() == {"played", "through the codec", "made"}


def test_one_control_alone_is_changed() -> None:
    asking = asked_of(FOLDER, all_weight=2.0, solver="draft")
    one, other = (controls_of(piece.chart, asking) for piece in held_out(0, 2, None))
    assert (one.all_weight, one.text_weight, one.solver) == (2.0, 0.0, "draft")
    assert changed(one, other, "asked") == one
    assert changed(one, other, "other chords").chords == other.chords
    assert changed(one, other, "other chords").drums == one.drums
    assert changed(one, other, "no drums").drums == ()
    assert changed(one, other, "no chords").chords == ()
    assert changed(one, other, "no melody").melody == ()
    assert changed(one, other, "other melody").melody == other.melody
    assert changed(one, other, "no words").description == ""


def test_a_change_that_there_is_not_is_named() -> None:
    done = CliRunner().invoke(app, ["train", "score", "--change", "louder"])
    assert done.exit_code == 2 and "louder" in done.output and "other chords" in done.output


def test_textures_tell_noise_from_tones() -> None:
    rate = 32000
    seconds = np.arange(2 * rate) / rate
    tones = sum(np.sin(2 * np.pi * hertz * seconds) for hertz in (220.0, 277.2, 329.6)).astype(np.float32)
    noise = np.random.default_rng(0).standard_normal(2 * rate).astype(np.float32)
    clear, noisy = texture_of(tones, rate), texture_of(noise, rate)
    assert clear is not None and noisy is not None
    assert clear.flatness < 0.001
    assert noisy.flatness > 0.5
    assert clear.tones_to_noise_db > 20.0
    assert noisy.tones_to_noise_db < -10.0
    assert clear.treble_db < -40.0
    assert noisy.treble_db > -1.0
    assert mean_texture([clear, noisy]).flatness == pytest.approx((clear.flatness + noisy.flatness) / 2)
    assert texture_of(np.zeros(rate, np.float32), rate) is None
