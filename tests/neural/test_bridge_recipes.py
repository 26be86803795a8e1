"""Category: unit, integration. The models from Python, and the examples of the documentation as they stand there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyloudnorm
import pytest
import soundfile
from hub_server import Hub, hub_server
from small_checkpoints import converted_small, converted_small_magnet, write_small
from test_models_hub import environment

from bridge.errors import DiskError
from bridge.recipes import DECODINGS, JascoModel, MagnetModel, load_jasco, load_magnet
from midi.errors import ChordError
from models.errors import ModelError
from models.generator import TimedPitch

ROOT = Path(__file__).parent.parent.parent
PARITY = ROOT / "tests" / "data" / "parity"


@pytest.fixture(scope="module")
def magnet(tmp_path_factory: pytest.TempPathFactory) -> MagnetModel:
    return load_magnet(str(converted_small_magnet(tmp_path_factory.mktemp("magnet"))), device="cpu")


@pytest.fixture(scope="module")
def jasco(tmp_path_factory: pytest.TempPathFactory) -> JascoModel:
    return load_jasco(str(converted_small(tmp_path_factory.mktemp("jasco"), melody=True)), device="cpu")


def test_each_description_becomes_a_sound_of_one_window(magnet: MagnetModel) -> None:
    told: list[float] = []
    sounds = magnet.generate(["happy rock", "energetic EDM"], decoding=DECODINGS["draft"], report=told.append)
    assert [(sound.description, sound.seed) for sound in sounds] == [("happy rock", 0), ("energetic EDM", 1)]
    assert all(sound.samples.shape == (48 * 640, 1) for sound in sounds), "one second, in whole spans"
    assert not np.array_equal(sounds[0].samples, sounds[1].samples)
    assert {sound.licence for sound in sounds} == {"CC-BY-NC-4.0"}
    assert told == sorted(told)
    assert told[-1] == 1.0


def test_a_seed_repeats(magnet: MagnetModel) -> None:
    first, again = (magnet.generate(["rock"], seed=4, decoding=DECODINGS["draft"])[0] for _ in range(2))
    (other,) = magnet.generate(["rock"], seed=5, decoding=DECODINGS["draft"])
    assert np.array_equal(first.samples, again.samples)
    assert not np.array_equal(first.samples, other.samples)


def test_a_sound_goes_on_from_a_file(magnet: MagnetModel, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.random.default_rng(0).normal(0, 0.2, 32000), 32000)
    two = magnet.generate(["rock", "jazz"], decoding=DECODINGS["draft"], continues=tmp_path / "a.wav")
    apart = np.abs(two[0].samples - two[1].samples)[:, 0]
    assert apart[: 8 * 640].max() < 1e-6, "the same audio is kept"
    assert apart[20 * 640 :].max() > 1e-3, "and what follows is another"


def test_every_control_of_jasco_changes_what_is_made(jasco: JascoModel, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "drums.wav", np.random.default_rng(0).normal(0, 9.0, 32000), 32000, subtype="FLOAT")

    def made(**options: object) -> np.ndarray:
        return jasco.generate(["funk"], solver="draft", **options)[0].samples

    plain = made()
    assert plain.shape == (32000, 1)
    for options in (
        {"chords": [("Am7", 0.0), ("Csus4", 0.5)]},
        {"drums": tmp_path / "drums.wav"},
        {"melody": [TimedPitch(start_s=0.0, end_s=0.5, pitch=60)]},
        {"all_weight": 2.0},
        {"text_weight": 1.0},
        {"seed": 3},
    ):
        assert not np.array_equal(made(**options), plain), options


def test_a_file_has_its_loudness_and_appears_whole(magnet: MagnetModel, tmp_path: Path) -> None:
    (sound,) = magnet.generate(["rock"], decoding=DECODINGS["draft"])
    path = sound.write(tmp_path / "a.wav")
    audio, rate = soundfile.read(path)
    assert (rate, len(audio), soundfile.info(path).subtype) == (32000, len(sound.samples), "PCM_24")
    assert pyloudnorm.Meter(rate).integrated_loudness(audio) == pytest.approx(-14.0, abs=0.6)
    assert np.abs(audio).max() <= 10 ** (-1 / 20) + 1e-6
    assert [file.name for file in tmp_path.iterdir()] == ["a.wav"]
    with pytest.raises(DiskError, match="cannot be written"):
        sound.write(tmp_path / "none" / "a.wav")


def test_what_was_substituted_and_left_out_is_told(tmp_path: Path) -> None:
    model = load_jasco(str(converted_small(tmp_path, melody=False)), store=tmp_path / "store")
    melody = [TimedPitch(start_s=0.0, end_s=0.5, pitch=60)]
    (sound,) = model.generate(["soul"], chords=[("Csus4", 0.0), ("F", 0.5)], melody=melody, solver="draft")
    assert sound.notices == (
        "Csus4 is played as C, the nearest chord that JASCO knows (distance 2).",
        "The model small takes no melody; the sound is made without it.",
    )


def test_a_release_of_the_other_kind_is_refused_before_it_is_pulled(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"magnet-medium-10secs is a model of the kind magnet: .* load_magnet"):
        load_jasco("magnet-medium-10secs", store=tmp_path)
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_used_is_refused(jasco: JascoModel, magnet: MagnetModel, tmp_path: Path) -> None:
    for wrong in ([], "rock"):
        with pytest.raises(ModelError, match="list of descriptions"):
            magnet.generate(wrong)
    with pytest.raises(ChordError):
        jasco.generate(["rock"], chords=[("H7", 0.0)])
    with pytest.raises(ModelError, match="begins at 99 s"):
        jasco.generate(["rock"], chords=[("C", 99.0)])
    with pytest.raises(ModelError, match="no solver 'best'"):
        jasco.generate(["rock"], solver="best")
    with pytest.raises(ModelError, match="is no converted model"):
        load_magnet(str(tmp_path), store=tmp_path)


def test_the_examples_of_the_documentation_run(tmp_path: Path) -> None:
    """Small checkpoints under the names of the page, pulled by the example itself, from an empty store."""
    page = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
    blocks = [one for one in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "bridge.recipes" in one]
    assert len(blocks) == 2
    write_small(tmp_path / "hub", segment_s=10)
    held = {
        "facebook/magnet-small-10secs": PARITY / "checkpoint_emulation" / "magnet_32khz",
        "facebook/jasco-chords-drums-400M": tmp_path / "hub" / "released",
        "facebook/encodec_32khz": PARITY / "encodec_32khz_hf_tiny",
        "google-t5/t5-base": tmp_path / "hub" / "text",
    }
    with hub_server(Hub(repositories=held)) as hub:
        for block in blocks:
            ran = subprocess.run(
                [sys.executable, "-P", "-c", block], cwd=tmp_path, env=environment(hub, tmp_path / "home"),
                capture_output=True, text=True, timeout=300, check=False,
            )  # fmt: skip
            assert ran.returncode == 0, ran.stderr
    assert {path.name for path in tmp_path.glob("*.wav")} == {"happy rock.wav", "energetic EDM.wav", "funk.wav"}
    assert soundfile.info(tmp_path / "happy rock.wav").frames == 99 * 640
