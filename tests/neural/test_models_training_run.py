"""Category: unit. Runs that are stopped and go on, and what must never harm a state."""

from __future__ import annotations

import math
import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from training_sets import SETTINGS, Line, codec_run, filled_codec, with_steps

from models.errors import TrainingError
from models.training_codec import CodecRecipe
from models.training_codec_file import codec_digest, read_codec, write_codec
from models.training_run import STATE_FILE, Noted, Run, RunSettings
from models.training_state import RunState, read_state, write_state

ADVERSARIAL = CodecRecipe(batch=2, crop_frames=52, adversary_from=3, adversary_channels=2)


def line_run(folder: Path, settings_: RunSettings = SETTINGS, **spoilt: int) -> Run:
    return Run(Line(**spoilt), settings_, folder, recipe="one")


def tensors(folder: Path) -> dict[str, torch.Tensor]:
    state = read_state(folder / STATE_FILE, "one", "cpu")
    parts = {"module": state.module, "average": state.average, "adam": state.adam}
    return {f"{part}.{name}": one for part, named in parts.items() for name, one in named.items()}


def same(one: Path, other: Path) -> bool:
    ours, theirs = tensors(one), tensors(other)
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """A disk that takes files of so many bytes and no more."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


# States


@settings(max_examples=20)
@given(
    st.integers(0, 10**9),
    st.dictionaries(st.text("abc.", min_size=1, max_size=9), st.lists(st.floats(width=32), max_size=5), max_size=4),
)
def test_a_state_comes_back_as_it_was(tmp_path_factory: pytest.TempPathFactory, step: int, values: dict) -> None:
    path = tmp_path_factory.mktemp("state") / "deep" / STATE_FILE
    module = {name: torch.tensor(one, dtype=torch.float32) for name, one in values.items()}
    write_state(
        path,
        RunState(step=step, module=module, average={}, adam={name: one.clone() for name, one in module.items()}),
        "recipe",
    )
    back = read_state(path, "recipe", "cpu")
    assert back.step == step
    assert back.average == {}
    for found in (back.module, back.adam):
        assert found.keys() == module.keys()
        assert all(
            torch.equal(
                found[name],
                one,
            )
            or one.isnan().any()
            for name, one in module.items()
        )
    assert [file.name for file in path.parent.iterdir()] == [STATE_FILE]


def test_the_state_of_another_recipe_is_refused(tmp_path: Path) -> None:
    line_run(tmp_path).learn()
    before = (tmp_path / STATE_FILE).read_bytes()
    with pytest.raises(TrainingError, match=r"another recipe .* Nothing was changed"):
        Run(Line(), SETTINGS, tmp_path, recipe="two")
    assert (tmp_path / STATE_FILE).read_bytes() == before


@pytest.mark.parametrize("harm", [lambda one: one[:-20], lambda one: b"", lambda one: b"x" * len(one)])
def test_a_damaged_state_is_told(tmp_path: Path, harm: Callable[[bytes], bytes]) -> None:
    line_run(tmp_path).learn()
    path = tmp_path / STATE_FILE
    path.write_bytes(harm(path.read_bytes()))
    with pytest.raises(TrainingError, match="damaged"):
        line_run(tmp_path)


def test_a_state_of_another_model_is_told(tmp_path: Path) -> None:
    line_run(tmp_path).learn()
    with pytest.raises(TrainingError, match="does not fit the model"):
        codec_run(tmp_path)


def test_a_file_of_something_else_is_no_state(tmp_path: Path) -> None:
    write_codec(tmp_path / STATE_FILE, filled_codec())
    with pytest.raises(TrainingError, match="no state of a training run"):
        line_run(tmp_path)


# Going on


@pytest.mark.parametrize("recipe", [CodecRecipe(batch=2, crop_frames=52), ADVERSARIAL])
def test_a_run_in_parts_is_the_run_at_once(tmp_path: Path, recipe: CodecRecipe) -> None:
    codec_run(tmp_path / "at once", recipe).learn()
    for step in (2, 5, 6):
        codec_run(tmp_path / "parts", recipe).learn(until=step)
    assert same(tmp_path / "at once", tmp_path / "parts")
    assert read_state(tmp_path / "parts" / STATE_FILE, "one", "cpu").step == 6


def test_a_run_stops_when_it_is_told_to_and_keeps_what_it_has(tmp_path: Path) -> None:
    run = line_run(tmp_path)
    steps: list[int] = []
    run.learn(stopped=lambda: run.step >= 3, stepped=steps.append)
    assert steps == [1, 2, 3]
    assert not run.done
    again = line_run(tmp_path)
    assert again.step == 3
    again.learn()
    assert again.done


def test_a_line_is_learnt_and_told_of(tmp_path: Path) -> None:
    notes: list[Noted] = []
    run = line_run(tmp_path, RunSettings(steps=300, rate=3e-2, log_every=50, average=0.9))
    run.learn(noted=notes.append)
    assert [one.step for one in notes] == [50, 100, 150, 200, 250, 300]
    assert notes[-1].figures["loss"] < notes[0].figures["loss"] / 100
    assert notes[-1].rate < notes[0].rate / 20
    assert torch.allclose(run.averaged()["weight"], torch.ones(1, 3), atol=0.05)


def test_the_average_goes_after_the_weights(tmp_path: Path) -> None:
    quick = line_run(tmp_path / "a", replace(SETTINGS, average=0.0))
    quick.learn()
    assert torch.equal(quick.averaged()["weight"], quick._module.state_dict()["weight"])
    slow = line_run(tmp_path / "b", replace(SETTINGS, average=0.99))
    slow.learn()
    assert not torch.equal(slow.averaged()["weight"], slow._module.state_dict()["weight"])


def test_the_adversary_joins_at_its_step_and_changes_the_codec_from_then_on(tmp_path: Path) -> None:
    plain, against = codec_run(tmp_path / "a"), codec_run(tmp_path / "b", ADVERSARIAL)
    notes: list[Noted] = []
    names = list(plain.average)
    assert names == list(against.average), "the adversary has no average"
    for run in (plain, against):
        run.learn(until=3)
    assert all(torch.equal(plain.average[name], against.average[name]) for name in names)
    before = {name: one.clone() for name, one in against._module.adversary.state_dict().items()}
    against.learn(noted=notes.append)
    plain.learn()
    assert not all(torch.equal(plain.average[name], against.average[name]) for name in names)
    assert not all(torch.equal(one, before[name]) for name, one in against._module.adversary.state_dict().items())
    assert {"adversary", "deceived", "features"} <= notes[-1].figures.keys()


def test_half_precision_learns_too(tmp_path: Path) -> None:
    notes: list[Noted] = []
    settings_ = replace(with_steps(SETTINGS, 4), precision="bfloat16")
    codec_run(tmp_path, ADVERSARIAL, settings_).learn(noted=notes.append)
    assert all(math.isfinite(value) for one in notes for value in one.figures.values())


# What must not harm a state


@pytest.mark.parametrize(("spoilt", "what"), [({"spoilt": 4}, "The loss"), ({"torn": 4}, "The gradient")])
def test_what_is_no_number_stops_the_run_and_keeps_the_last_good_state(
    tmp_path: Path, spoilt: dict[str, int], what: str
) -> None:
    settings_ = replace(SETTINGS, save_every=2)
    with pytest.raises(TrainingError) as told:
        line_run(tmp_path / "bad", settings_, **spoilt).learn()
    assert str(told.value).startswith(f"{what} of step 5 is no number, on the piece of seed 7. The state of step 4 is")
    line_run(tmp_path / "good", settings_).learn(until=4)
    assert same(tmp_path / "bad", tmp_path / "good")


def test_what_is_no_number_before_anything_was_saved_says_so(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="Nothing was saved yet"):
        line_run(tmp_path, spoilt=0).learn()
    assert not list(tmp_path.iterdir())


def test_weights_that_are_no_numbers_are_not_saved(tmp_path: Path) -> None:
    run = line_run(tmp_path)
    run.learn(until=2)
    before = (tmp_path / STATE_FILE).read_bytes()
    with torch.no_grad():
        run._module.weight.fill_(float("inf"))
    with pytest.raises(TrainingError, match=r"weight holds what is no number\. The state of step 2 is kept"):
        run.save()
    assert (tmp_path / STATE_FILE).read_bytes() == before


def test_a_disk_that_fills_leaves_the_state_before(tmp_path: Path) -> None:
    run = line_run(tmp_path)
    run.learn(until=2)
    before = (tmp_path / STATE_FILE).read_bytes()
    with files_of_at_most(200), pytest.raises(TrainingError, match=r"cannot be written .*: make room"):
        run.learn()
    assert [path.name for path in tmp_path.iterdir()] == [STATE_FILE]
    assert (tmp_path / STATE_FILE).read_bytes() == before
    again = line_run(tmp_path)
    again.learn()
    line_run(tmp_path / "at once").learn()
    assert torch.equal(again.average["weight"], line_run(tmp_path / "at once").average["weight"])


# Codecs in files


def test_a_codec_comes_back_as_it_was(tmp_path: Path) -> None:
    codec = filled_codec(3)
    write_codec(tmp_path / "codec.safetensors", codec)
    back = read_codec(tmp_path / "codec.safetensors")
    assert back.config == codec.config
    assert codec_digest(back) == codec_digest(codec)
    assert codec_digest(back) != codec_digest(filled_codec(4))
    audio = torch.randn(1, 1, 800)
    with torch.inference_mode():
        assert torch.equal(back.decode(back.encode(audio)), codec.decode(codec.encode(audio)))


def test_a_damaged_codec_is_told(tmp_path: Path) -> None:
    path = tmp_path / "codec.safetensors"
    for content in (b"", b"x" * 100):
        path.write_bytes(content)
        with pytest.raises(TrainingError, match="no codec of a training"):
            read_codec(path)
    line_run(tmp_path).learn()
    with pytest.raises(TrainingError, match="no codec of a training"):
        read_codec(tmp_path / STATE_FILE)
