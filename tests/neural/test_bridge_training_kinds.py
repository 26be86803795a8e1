"""Category: integration. ``sideman train codec|jasco|magnet|export``: from music to a model that loads."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from training_sets import music
from typer.testing import CliRunner

from bridge.cli import app
from bridge.errors import TrainingError
from bridge.training_export import export_run
from bridge.training_folder import RunFolder
from bridge.training_kinds import codec_from, train_codec, train_jasco, train_magnet
from bridge.training_log import TrainingLog
from bridge.training_loop import Outcome, Telling
from bridge.training_plan import CodecPlan, JascoPlan, MagnetPlan, read_plan
from models.checkpoints import load_jasco, load_magnet
from models.jasco import Controls, Guidance, noise_of
from models.magnet import choose_by_seed
from models.presets import Decoding, Solver
from models.training_codec_file import codec_digest
from models.training_music import TrainingPiece
from models.training_run import STATE_FILE
from models.training_shards import write_shard
from models.training_state import read_state

ENDS_WITHIN_S = 120.0
CODEC = """
run = "codec"
music = ["music"]
device = "cpu"
threads = 1
[model]
sample_rate_hz = 4000
dimension = 8
filters = 2
ratios = [8, 5, 2]
codebooks = 4
bins = 16
[learning]
steps = {steps}
rate = 1e-3
save_every = 1
log_every = 2
[recipe]
batch = 2
crop_frames = 52
[listening]
every = {every}
pieces = 1
"""
MODEL = """
run = "{kind}"
music = ["music"]
codec = "codec"
device = "cpu"
threads = 1
[model]
dim = 16
heads = 2
layers = 2
hidden_scale = 2
words_dim = 8
[learning]
steps = 4
rate = 1e-3
save_every = 2
log_every = 2
[recipe]
batch = 2
[listening]
every = 4
pieces = 2
"""
runner = CliRunner()


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with music and plans."""
    pieces = music(2, rate=32000)
    (tmp_path / "music").mkdir()
    write_shard(
        tmp_path / "music" / "train-00000.safetensors",
        [
            TrainingPiece(mix=mix, drums=drums, chart=chart)
            for mix, drums, chart in zip(pieces.mixes, pieces.drums, pieces.charts, strict=True)
        ],
    )
    write_plans(tmp_path)
    return tmp_path


def write_plans(place: Path, *, steps: int = 4, every: int = 4) -> None:
    (place / "codec.toml").write_text(CODEC.format(steps=steps, every=every))
    for kind in ("jasco", "magnet"):
        (place / f"{kind}.toml").write_text(MODEL.format(kind=kind))


def taught_codec(place: Path, *, until: int | None = None, telling: Telling | None = None) -> Outcome:
    steps: list[int] = []
    watched = Telling(stepped=lambda step, total, line: steps.append(step))
    return train_codec(
        read_plan(place / "codec.toml", CodecPlan),
        place / "codec.toml",
        telling=telling or watched,
        stopped=lambda: until is not None and bool(steps) and steps[-1] >= until,
    )


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "bridge", *map(str, arguments)]


# From music to a model


def test_from_music_to_a_jasco_and_a_magnet_that_load(place: Path) -> None:
    said: list[str] = []
    telling = Telling(say=said.append)
    assert taught_codec(place, telling=telling).heard.keys() >= {"mel", "mel-quantised", "chords", "drums"}
    jasco = train_jasco(
        read_plan(place / "jasco.toml", JascoPlan), place / "jasco.toml", telling=telling, stopped=lambda: False
    )
    assert jasco.done
    assert jasco.heard.keys() >= {"chords", "drums", "chords shuffled", "drums shuffled", "chords ceiling"}
    magnet = train_magnet(
        read_plan(place / "magnet.toml", MagnetPlan), place / "magnet.toml", telling=telling, stopped=lambda: False
    )
    assert magnet.done
    assert any("No held_out music" in one for one in said)
    assert sum(one.startswith("Step 4:") for one in said) == 3
    for kind in ("codec", "jasco", "magnet"):
        assert (place / kind / "curves.png").read_bytes().startswith(b"\x89PNG")
        lines = TrainingLog(place / kind / "log.jsonl").read()
        assert [step for step, _ in lines.figures["loss"]] == [2, 4]
        assert {step for points in lines.heard.values() for step, _ in points} == {4}
    assert len(list((place / "latents").iterdir())) == 1, "encoded once for both"

    card = export_run(place / "jasco", place / "made" / "jasco", name="mine", licence="MIT", summary="small")
    assert (card.kind, card.licence, card.measured["step"]) == ("jasco", "MIT", 4)
    assert card.recommended.all_weight == 2.0
    model, _ = load_jasco(place / "made" / "jasco")
    facts = RunFolder(place / "jasco").facts()
    assert model.config.latent_std == facts.latent_std != 1.0
    state = read_state(place / "jasco" / STATE_FILE, None, "cpu")
    assert torch.allclose(model.flow.embed.weight, state.average["flow.embed.weight"], atol=1e-3)
    noise = noise_of([0], 60, 8)
    latents = model.sample(
        Controls(descriptions=("warm piano",)), noise, guidance=Guidance(), solver=Solver(method="euler", evaluations=1)
    )
    assert model.decode(latents).shape == (1, 1, 60 * 80)

    export_run(place / "magnet", place / "made" / "magnet", name="mine", licence="MIT", half=False)
    tokens, _ = load_magnet(place / "made" / "magnet")
    codes = tokens.generate(["warm piano"], 60, Decoding(decoding_steps=(1, 1, 1, 1)), choose_by_seed([0]))
    assert codes.shape == (1, 4, 60)


def taught_jasco(place: Path, plan: str) -> Outcome:
    path = place / "further.toml"
    path.write_text(plan)
    return train_jasco(read_plan(path, JascoPlan), path, telling=Telling(), stopped=lambda: False)


def test_a_jasco_goes_on_from_a_checkpoint_of_our_own(place: Path) -> None:
    taught_codec(place)
    text = MODEL.format(kind="jasco")
    assert taught_jasco(place, text).done
    export_run(place / "jasco", place / "made", name="mine", licence="MIT")
    model, _ = load_jasco(place / "made")
    further = text.replace('run = "jasco"', 'run = "further"\nstart = "made"').replace('"codec"', '"made"')
    further = further.replace("rate = 1e-3", "rate = 1e-12")
    assert taught_jasco(place, further).done
    state = read_state(place / "further" / STATE_FILE, None, "cpu")
    for name, tensor in model.flow.state_dict().items():
        assert torch.allclose(state.average[f"flow.{name}"], tensor, atol=1e-6), name
    facts = RunFolder(place / "further").facts()
    assert (facts.latent_mean, facts.latent_std) == (model.config.latent_mean, model.config.latent_std)
    export_run(place / "further", place / "later", name="mine", licence="MIT", half=False)
    with pytest.raises(TrainingError, match=r"begun otherwise \(another start\)"):
        taught_jasco(place, further.replace('start = "made"', 'start = "later"'))
    with pytest.raises(TrainingError, match="another shape"):
        taught_jasco(place, further.replace('"further"', '"wider"').replace("hidden_scale = 2", "hidden_scale = 4"))
    with pytest.raises(TrainingError, match="its own codec"):
        taught_jasco(place, further.replace('"further"', '"other"').replace('codec = "made"', 'codec = "codec"'))
    with pytest.raises(TrainingError, match="cannot start with"):
        taught_jasco(place, further.replace('start = "made"', 'start = "music"'))


def test_a_codec_comes_from_a_run_or_a_model_or_a_run_on_it(place: Path) -> None:
    taught_codec(place)
    train_magnet(
        read_plan(place / "magnet.toml", MagnetPlan), place / "magnet.toml", telling=Telling(), stopped=lambda: False
    )
    export_run(place / "magnet", place / "made", name="mine", licence="MIT", half=False)
    digests = {codec_digest(codec_from(place / name)) for name in ("codec", "magnet", "made")}
    assert len(digests) == 1
    with pytest.raises(TrainingError, match="no folder of a training run"):
        codec_from(place / "music")


def test_a_codec_is_no_model_and_a_run_that_has_not_begun_is_none(place: Path) -> None:
    taught_codec(place)
    with pytest.raises(TrainingError, match="it goes out with a model"):
        export_run(place / "codec", place / "made", name="mine", licence="MIT")
    RunFolder(place / "new").begin(
        RunFolder(place / "codec").facts().model_copy(update={"kind": "jasco"}), place / "jasco.toml"
    )
    with pytest.raises(TrainingError, match="has not learnt anything yet"):
        export_run(place / "new", place / "made", name="mine", licence="MIT")
    assert not (place / "made").exists()


def test_a_decoder_learns_alone_for_the_latents_of_a_codec_that_is_done(place: Path) -> None:
    taught_codec(place)
    before = codec_from(place / "codec")
    plan = place / "decoder.toml"
    text = CODEC.format(steps=2, every=0).replace('run = "codec"', 'run = "decoder"')
    plan.write_text(text.replace("[recipe]", "[recipe]\ndecoder_only = true"))
    with pytest.raises(TrainingError, match="name it with start"):
        read_plan(plan, CodecPlan)
    plan.write_text('start = "codec"\n' + plan.read_text())
    assert train_codec(read_plan(plan, CodecPlan), plan, telling=Telling(), stopped=lambda: False).done
    ours, theirs = codec_from(place / "decoder").state_dict(), before.state_dict()
    moved = {name.split(".")[0] for name, one in ours.items() if not torch.equal(one, theirs[name])}
    assert moved == {"decoder"}
    magnet = place / "magnet.toml"
    train_magnet(read_plan(magnet, MagnetPlan), magnet, telling=Telling(), stopped=lambda: False)
    export_run(place / "magnet", place / "made", name="mine", licence="MIT", codec=place / "decoder", half=False)
    assert codec_digest(codec_from(place / "made")) == codec_digest(codec_from(place / "decoder"))
    other = place / "other.toml"
    other.write_text(CODEC.format(steps=1, every=0).replace('run = "codec"', 'run = "other"'))
    train_codec(read_plan(other, CodecPlan), other, telling=Telling(), stopped=lambda: False)
    with pytest.raises(TrainingError, match="encodes otherwise than the one that the model was trained on"):
        export_run(place / "magnet", place / "made", name="mine", licence="MIT", codec=place / "other")
    plan.write_text(plan.read_text().replace("filters = 2", "filters = 4").replace('"decoder"', '"wider"'))
    with pytest.raises(TrainingError, match="another shape than the plan's model"):
        train_codec(read_plan(plan, CodecPlan), plan, telling=Telling(), stopped=lambda: False)


def test_one_sound_of_a_user_s_own_is_enough(place: Path) -> None:
    (place / "own").mkdir()
    times = np.arange(11 * 22050) / 22050
    soundfile.write(place / "own" / "song.wav", 0.3 * np.sin(2 * np.pi * 220 * times), 22050)
    (place / "own" / "song.toml").write_text('tempo = 100\nchords = "C | Am"\nrepeats = true\ncaption = "a sine"')
    said: list[str] = []
    for kind, plan_of, train in (("codec", CodecPlan, train_codec), ("jasco", JascoPlan, train_jasco)):
        path = place / f"{kind}.toml"
        path.write_text(path.read_text().replace('music = ["music"]', 'music = ["own"]'))
        outcome = train(read_plan(path, plan_of), path, telling=Telling(say=said.append), stopped=lambda: False)
        assert outcome.done
    assert {"chords", "chords ceiling"} <= outcome.heard.keys()
    assert not any("left out" in one for one in said)


# Going on


def test_a_run_that_was_stopped_goes_on_as_if_it_had_not_been(place: Path) -> None:
    first = taught_codec(place, until=2)
    assert (first.step, first.done) == (2, False)
    log = place / "codec" / "log.jsonl"
    log.write_text(log.read_text() + '{"step": 3, "loss": 1.0}\n{"step": 4, "lo')
    assert taught_codec(place).done
    assert [step for step, _ in TrainingLog(log).read().figures["loss"]] == [2, 4]
    state = (place / "codec" / STATE_FILE).read_bytes()
    (place / "codec").rename(place / "parts")
    assert taught_codec(place).done
    assert (place / "codec" / STATE_FILE).read_bytes() == state


def test_a_run_that_is_killed_takes_the_same_next_step(place: Path) -> None:
    """The whole program, killed while it learns; bit for bit the state of a run that nobody killed."""
    write_plans(place, steps=2000, every=0)
    process = subprocess.Popen(
        command("train", "codec", place / "codec.toml"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + ENDS_WITHIN_S
        while not (place / "codec" / STATE_FILE).exists():
            assert process.poll() is None, "the training ended"
            assert time.monotonic() < deadline, "no state was written"
            time.sleep(0.02)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    killed = read_state(place / "codec" / STATE_FILE, None, "cpu").step
    assert 1 <= killed < 1000
    assert taught_codec(place, until=killed + 1).step == killed + 1
    gone_on = read_state(place / "codec" / STATE_FILE, None, "cpu")
    (place / "codec").rename(place / "killed")
    assert taught_codec(place, until=killed + 1).step == killed + 1
    at_once = read_state(place / "codec" / STATE_FILE, None, "cpu")
    for ours, theirs in (
        (gone_on.module, at_once.module),
        (gone_on.average, at_once.average),
        (gone_on.adam, at_once.adam),
    ):
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_ctrl_c_saves_and_says_how_to_go_on(place: Path) -> None:
    write_plans(place, steps=2000, every=0)
    process = subprocess.Popen(
        command("train", "codec", place / "codec.toml"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        deadline = time.monotonic() + ENDS_WITHIN_S
        while not (place / "codec" / STATE_FILE).exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=ENDS_WITHIN_S)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0
    assert "everything is saved, and the same command goes on from there" in out
    assert "Traceback" not in err
    assert f"after step {read_state(place / 'codec' / STATE_FILE, None, 'cpu').step} of 2000" in out


# What is refused


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("filters = 2", "filters = 4", "model.filters 2 and not 4"),
        ("rate = 1e-3", "rate = 2e-3", r"learning.rate 0\.001 and not 0\.002"),
        ("batch = 2", "batch = 3", "recipe.batch 2 and not 3"),
    ],
)
def test_a_run_of_another_plan_is_refused_and_left_as_it_is(place: Path, before: str, after: str, told: str) -> None:
    taught_codec(place, until=1)
    files = {path.name: path.read_bytes() for path in (place / "codec").iterdir()}
    plan = place / "codec.toml"
    plan.write_text(plan.read_text().replace(before, after))
    with pytest.raises(TrainingError, match=f"was begun otherwise .*{told}.* Nothing was changed"):
        taught_codec(place)
    assert {path.name: path.read_bytes() for path in (place / "codec").iterdir()} == files


def test_other_music_and_another_codec_are_refused(place: Path) -> None:
    taught_codec(place)
    plan = read_plan(place / "magnet.toml", MagnetPlan)
    train_magnet(plan, place / "magnet.toml", telling=Telling(), stopped=lambda: False)
    (place / "codec").rename(place / "old")
    (place / "codec.toml").write_text(CODEC.format(steps=4, every=0).replace("rate = 1e-3", "rate = 2e-3"))
    taught_codec(place)
    with pytest.raises(TrainingError, match="another codec"):
        train_magnet(plan, place / "magnet.toml", telling=Telling(), stopped=lambda: False)
    (place / "music" / "train-00001.safetensors").write_bytes(
        (place / "music" / "train-00000.safetensors").read_bytes()
    )
    with pytest.raises(TrainingError, match="other music"):
        taught_codec(place)


def test_a_codec_that_no_magnet_is_played_with_is_refused(place: Path) -> None:
    (place / "codec.toml").write_text(CODEC.format(steps=1, every=0).replace("codebooks = 4", "codebooks = 2"))
    taught_codec(place)
    plan = read_plan(place / "magnet.toml", MagnetPlan)
    with pytest.raises(TrainingError, match="has 2 codebooks, and a MAGNeT is played with 4"):
        train_magnet(plan, place / "magnet.toml", telling=Telling(), stopped=lambda: False)
    assert not (place / "magnet").exists()


def test_a_folder_of_something_else_is_refused(place: Path) -> None:
    (place / "codec").mkdir()
    (place / "codec" / "thesis.txt").write_text("mine")
    with pytest.raises(TrainingError, match="something else than a training run"):
        taught_codec(place)
    assert [path.name for path in (place / "codec").iterdir()] == ["thesis.txt"]


def test_every_mistake_of_a_plan_is_told_at_once(place: Path) -> None:
    plan = place / "codec.toml"
    plan.write_text(
        'run = "r"\ndevice = "mps"\n[model]\nfilters = 1\n[learning]\nrate = -1.0\nstps = 3\n[recipe]\nbatch = "x"'
    )
    with pytest.raises(TrainingError, match="cannot be used") as error:
        read_plan(plan, CodecPlan)
    told = str(error.value)
    for mistake in (
        "music: it has to be there",
        "device: a training runs on",
        "model: filters cannot be fewer than compress",
        "learning.rate: Input should be greater than 0",
        "learning.stps: there is no such setting; did you mean steps?",
        "recipe.batch: Input should be a valid integer",
    ):
        assert mistake in told
    with pytest.raises(TrainingError, match="cannot be read: No such file"):
        read_plan(place / "none.toml", CodecPlan)


def test_a_gpu_that_is_not_there_is_told(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    plan = place / "codec.toml"
    plan.write_text(plan.read_text().replace('device = "cpu"', 'device = "cuda"'))
    result = runner.invoke(app, ["train", "codec", str(plan)])
    assert isinstance(result.exception, TrainingError)
    assert 'set device = "auto"' in str(result.exception)


def test_the_command_tells_a_user_in_a_sentence(place: Path) -> None:
    (place / "codec.toml").write_text("run = 3")
    ran = subprocess.run(command("train", "codec", place / "codec.toml"), capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert ran.stderr.startswith("sideman: The plan ")
    assert "Traceback" not in ran.stderr


def test_the_command_trains_and_exports(place: Path) -> None:
    for kind in ("codec", "jasco"):
        result = runner.invoke(app, ["train", kind, str(place / f"{kind}.toml")])
        assert result.exit_code == 0, result.output
        assert "all 4 steps are done" in result.output
    result = runner.invoke(app, ["train", "export", str(place / "jasco"), str(place / "made"), "--licence", "MIT"])
    assert result.exit_code == 0, result.output
    assert "the jasco model made, " in result.output
    assert json.loads((place / "made" / "model.json").read_text())["licence"] == "MIT"
