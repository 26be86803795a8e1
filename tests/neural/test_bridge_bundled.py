"""Category: integration. The model that comes with Sideman: found by its name, played by default, and told of.

A small model of random weights stands in the place of the package's own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from mido import Message, MetaMessage, MidiFile, MidiTrack
from small_checkpoints import OWN_MAGNET, copy_of, write_own
from typer.testing import CliRunner

from bridge.cli import app
from bridge.config import Config, with_model
from bridge.doctor import examine
from bridge.engine_parts import model_folders, model_settings, require_parts
from bridge.errors import ModelError
from bridge.jasco_plan import JascoSettings
from bridge.model_store import find_model, kind_of, model_lines
from bridge.neural_config import JascoAsked, JascoConfig
from bridge.offline import RenderOptions, render
from bridge.recipes import load_jasco
from bridge.replay import CannotReplay, ReplayOptions, replay
from models import bundled
from models.bundled import BUNDLED
from models.card import Recommended
from models.hub import pull

RECOMMENDED = Recommended(all_weight=2.0, solver="draft")
runner = CliRunner()


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    told = {"name": BUNDLED, "licence": "MIT", "summary": "text, chords and drums, 1 s", "recommended": RECOMMENDED}
    return write_own(tmp_path_factory.mktemp("package") / "sideman_tiny", **told)


@pytest.fixture
def package(written: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The package's folder, with a model in it."""
    monkeypatch.setattr(bundled, "FOLDER", written)
    return written


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package without the model."""
    monkeypatch.setattr(bundled, "FOLDER", tmp_path / "sideman_tiny")
    return tmp_path


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


def config_of(store: Path, **jasco: object) -> Config:
    return Config.model_validate({"engine": {"name": "jasco", "models": store, "device": "cpu"}, "jasco": jasco})


def settings_of(config: Config, settings: tuple[tuple[str, str], ...] = ()) -> JascoSettings:
    found = model_settings("jasco", config, settings)
    assert isinstance(found, JascoSettings)
    return found


# Found


def test_it_is_found_without_a_store(package: Path, store: Path) -> None:
    assert find_model(BUNDLED, store) == package
    assert kind_of(BUNDLED, store) == "jasco"
    assert not store.exists()


def test_it_is_what_jasco_plays_and_sketch_stays_the_engine(package: Path, store: Path) -> None:
    config = Config()
    assert (config.engine.name, config.jasco.model) == ("sketch", BUNDLED)
    assert with_model(config, BUNDLED, None).engine.name == "jasco"
    assert model_folders(config_of(store)) == {"jasco": package}
    require_parts(config_of(store))


def test_a_model_of_that_name_in_the_store_goes_before_it(package: Path, store: Path) -> None:
    own = write_own(store / BUNDLED, name=BUNDLED)
    assert find_model(BUNDLED, store) == own
    assert settings_of(config_of(store)).model.startswith(f"{BUNDLED} (trained here, SHA-256 ")
    assert [line.split()[-3:] for line in model_lines(store) if line.startswith(BUNDLED)] == [["on", "this", "machine"]]


def test_it_is_listed_with_what_it_is_and_its_licence(package: Path, store: Path) -> None:
    first = next(model_lines(store))
    assert " ".join(first.split()) == f"{BUNDLED} text, chords and drums, 1 s MIT comes with Sideman"


def test_a_name_near_it_is_asked_about(package: Path, store: Path) -> None:
    with pytest.raises(ModelError, match="did you mean sideman-tiny"):
        find_model("sideman-tyni", store)


def test_the_doctor_and_the_check_look_at_it(package: Path, store: Path, tmp_path: Path) -> None:
    told = [finding.what for finding in examine(config_of(store)) if finding.what.startswith("engine jasco")]
    assert told == [f"engine jasco plays {package} (licence MIT)"]
    file = tmp_path / "sideman.toml"
    file.write_text(f'[engine]\nmodels = "{store}"\n')
    checked = runner.invoke(app, ["models", "check", BUNDLED, "--config", str(file)])
    assert checked.exit_code == 0, checked.output
    assert f"{BUNDLED}: whole" in checked.output and "licence MIT" in checked.output.replace("\n", " ")


# Asked


def test_it_is_asked_as_its_card_recommends(package: Path, store: Path) -> None:
    found = settings_of(config_of(store))
    assert (found.solver, found.all_weight, found.text_weight) == ("draft", 2.0, JascoAsked().text_weight)


def test_what_the_user_says_goes_before_the_card(package: Path, store: Path) -> None:
    config = config_of(store, all_weight=5.0, text_weight=1.0)
    found = settings_of(config)
    assert (found.solver, found.all_weight, found.text_weight) == ("draft", 5.0, 1.0)
    found = settings_of(config, (("jasco.solver", "fine"), ("jasco.all_weight", "0")))
    assert (found.solver, found.all_weight, found.text_weight) == ("fine", 0.0, 1.0)


def test_a_card_that_recommends_nothing_leaves_the_defaults() -> None:
    assert JascoConfig().asked(Recommended()) == JascoAsked(solver="standard", all_weight=5.0, text_weight=0.0)


# Played


@pytest.fixture
def song(tmp_path: Path) -> Path:
    track = MidiTrack([MetaMessage("set_tempo", tempo=250000), MetaMessage("marker", text="Am7")])
    track.append(Message("note_on", channel=9, note=36, velocity=100))
    track.append(Message("note_off", channel=9, note=36, time=480 * 4))
    file = MidiFile(tracks=[track], ticks_per_beat=480)
    file.save(tmp_path / "song.mid")
    return tmp_path / "song.mid"


def test_a_clip_of_it_names_it_and_can_be_made_again(package: Path, store: Path, song: Path, tmp_path: Path) -> None:
    config = config_of(store)
    made = render(
        RenderOptions(file=song, out=tmp_path / "clips", bars=1, prompt="warm rhodes"), config, lambda share: None
    )
    receipt_path = made.clips[0].path.with_suffix(".json")
    text = receipt_path.read_text(encoding="utf-8")
    receipt = json.loads(text)
    assert receipt["engine"] == "jasco"
    assert receipt["model"].startswith(f"{BUNDLED} (comes with Sideman, SHA-256 ")
    assert receipt["weights_licence"] == "MIT"
    assert receipt["engine_settings"] == {"solver": "draft", "all_weight": 2.0, "text_weight": 0.0}
    assert "NC" not in text.replace(str(tmp_path), "")
    another = Config.model_validate({"engine": {"models": store, "device": "cpu"}, "jasco": {"model": "jasco-400M"}})
    options = ReplayOptions(receipt=receipt_path, out=tmp_path / "again")
    assert replay(options, another, datetime.now(UTC), lambda share: None).same


def test_a_clip_of_another_version_s_model_is_not_told_to_be_pulled(
    package: Path, store: Path, song: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = config_of(store)
    made = render(RenderOptions(file=song, out=tmp_path / "clips", bars=1), config, lambda share: None)
    monkeypatch.setattr(bundled, "FOLDER", tmp_path / "none")
    options = ReplayOptions(receipt=made.clips[0].path.with_suffix(".json"), out=tmp_path / "again")
    with pytest.raises(CannotReplay, match="it came with another version of Sideman, or name it with --model"):
        replay(options, config, datetime.now(UTC), lambda share: None)


def test_it_plays_from_python(package: Path, store: Path) -> None:
    model = load_jasco(store=store, device="cpu")
    (asked,) = model.generate(["warm rhodes"], chords=[("C", 0.0)], seed=1)
    (same,) = model.generate(["warm rhodes"], chords=[("C", 0.0)], seed=1, all_weight=2.0, solver="draft")
    (other,) = model.generate(["warm rhodes"], chords=[("C", 0.0)], seed=1, all_weight=5.0)
    assert (asked.model, asked.licence) == (BUNDLED, "MIT")
    assert (asked.samples == same.samples).all() and (asked.samples != other.samples).any()


# What can be wrong


def test_an_installation_without_it_says_so(bare: Path, store: Path) -> None:
    told = r"lacks sideman-tiny, the model that comes with Sideman: install it again"
    with pytest.raises(ModelError, match=told):
        find_model(BUNDLED, store)
    with pytest.raises(ModelError, match=told):
        require_parts(config_of(store))
    with pytest.raises(ModelError, match=told):
        load_jasco(store=store, device="cpu")
    assert "install it again" in next(model_lines(store))
    findings = [finding for finding in examine(config_of(store)) if finding.what.startswith("engine jasco")]
    assert [finding.status for finding in findings] == ["missing"]
    assert model_folders(config_of(store)) == {}


def test_there_is_nothing_to_pull(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="comes with Sideman: there is nothing to pull"):
        pull(BUNDLED, tmp_path / "model", tmp_path / "downloads")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("file", ["model.json", "model.safetensors", "text/words.safetensors", "text/tokenizer.json"])
def test_a_damaged_one_says_what_to_do(written: Path, bare: Path, store: Path, file: str) -> None:
    folder = copy_of(written, bare / "sideman_tiny")
    (folder / file).write_bytes((folder / file).read_bytes()[:-30])
    config = bare / "sideman.toml"
    config.write_text(f'[engine]\nmodels = "{store}"\n')
    told = runner.invoke(app, ["models", "check", BUNDLED, "--config", str(config)])
    assert isinstance(told.exception, ModelError)
    again = "get the model again" if file.startswith("text/") else "install Sideman again"
    assert Path(file).name in str(told.exception) and again in str(told.exception)


@pytest.mark.parametrize("part", ["model.safetensors", "text"])
def test_one_that_lacks_a_part_is_to_be_installed_again(written: Path, bare: Path, store: Path, part: str) -> None:
    folder = copy_of(written, bare / "sideman_tiny")
    (folder / part).rename(bare / "part")
    with pytest.raises(ModelError, match=f"lacks {part}; install Sideman again"):
        require_parts(config_of(store))
    assert "install Sideman again" in next(model_lines(store))


def test_a_folder_of_its_name_where_the_command_runs_does_not_come_with_sideman(
    bare: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_own(bare / "here" / BUNDLED, name=BUNDLED)
    monkeypatch.chdir(bare / "here")
    assert "comes with Sideman: install it again" in next(model_lines(store))


def test_a_model_of_another_engine_in_its_place_is_refused(bare: Path, store: Path) -> None:
    write_own(bare / "sideman_tiny", OWN_MAGNET, name=BUNDLED)
    with pytest.raises(ModelError, match="is a model of the engine magnet, not of jasco"):
        require_parts(config_of(store))
