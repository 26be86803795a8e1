"""Category: unit. The configuration: defaults, options over the file, and every mistake at once."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from bridge.config import Config, load_config, parse_address, with_model
from bridge.errors import ConfigError, SidemanError
from bridge.neural_config import JascoAsked
from models.presets import DECODINGS

PAGE = Path(__file__).parent.parent / "docs" / "configuration.md"


def written(folder: Path, text: str) -> Path:
    path = folder / "config.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_an_empty_file_gives_the_defaults(tmp_path: Path) -> None:
    config = load_config(written(tmp_path, ""))
    assert (config.osc.host, config.osc.port) == ("127.0.0.1", 9130)
    assert config.clips.audio.sample_rate_hz == 48000
    assert config == Config()


def test_options_win_over_the_file_and_none_leaves_it(tmp_path: Path) -> None:
    path = written(tmp_path, "[osc]\nport = 9000\nhost = '127.0.0.2'\n")
    config = load_config(path, {"osc": {"port": 0, "host": None}, "clips": {"folder": tmp_path}})
    assert (config.osc.host, config.osc.port) == ("127.0.0.2", 0)
    assert config.clips.folder == tmp_path


def test_a_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert load_config(written(tmp_path, "[clips]\nfolder = '~/here'\n")).clips.folder == tmp_path / "here"


def test_a_home_folder_of_nobody_is_told(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_text('[clips]\nfolder = "~no-such-user/clips"\n[jasco]\nkit = "~no-such-user/kit"\n')
    with pytest.raises(ConfigError, match="names a user that this machine does not know") as caught:
        load_config(file)
    assert "clips.folder" in str(caught.value) and "jasco.kit" in str(caught.value)


def test_every_mistake_is_named_at_once(tmp_path: Path) -> None:
    text = "[osc]\nprot = 1\nport = 70000\n[clips]\nloudness_lufs = 'loud'\n[engine]\nname = 'magnat'\n[hosst]\n"
    with pytest.raises(ConfigError) as caught:
        load_config(written(tmp_path, text))
    message = str(caught.value)
    assert "osc.prot: there is no such setting; did you mean port?" in message
    assert "osc.port" in message
    assert "clips.loudness_lufs" in message
    assert "engine.name: " in message
    assert "hosst: there is no such setting; did you mean host?" in message


@pytest.mark.parametrize("text", ["[osc", "osc = = 1", "\x00"], ids=["bracket", "equals", "null"])
def test_a_file_that_is_not_toml(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match="not TOML"):
        load_config(written(tmp_path, text))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(tmp_path / "none.toml")


def test_a_device_that_cannot_be_one_is_refused(tmp_path: Path) -> None:
    for name in ("auto", "cpu", "mps", "cuda", "cuda:1"):
        assert load_config(written(tmp_path, f'[engine]\ndevice = "{name}"')).engine.device == name
    for name in ("gpu", "cuda:", "cuda:x", "tpu:0"):
        with pytest.raises(ConfigError, match=r"engine\.device: there is no device"):
            load_config(written(tmp_path, f'[engine]\ndevice = "{name}"'))


def test_a_section_that_is_a_number(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="osc"):
        load_config(written(tmp_path, "osc = 1\n"), {"osc": {"port": 0}})


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:9130", ("127.0.0.1", 9130)),
        (":0", ("127.0.0.1", 0)),
        ("[::1]:9000", ("::1", 9000)),
        ("localhost:1", ("localhost", 1)),
    ],
)
def test_addresses(text: str, address: tuple[str, int]) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize("text", ["", "9130", "host:", "host:port", "host:-1", "host:65536", "host:٣"])
def test_text_that_is_no_address(text: str) -> None:
    with pytest.raises(ConfigError, match="HOST:PORT"):
        parse_address(text)


def test_the_page_shows_every_setting_with_its_default() -> None:
    block = re.search(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert block is not None
    shown = tomllib.loads(block[1])
    settings = {name: set(type(getattr(Config(), name)).model_fields) for name in Config.model_fields}
    assert {name: set(values) for name, values in shown.items()} == settings
    for name, values in shown.items():
        defaults = getattr(Config(), name)
        for key, value in values.items():
            if key not in {"folder", "soundfont", "models", "kit", "mailbox", "token_file"}:
                default = getattr(defaults, key)
                if default is None:
                    default = getattr(JascoAsked() if name == "jasco" else DECODINGS["standard"], key)
                assert value == default or value == list(default), f"{name}.{key}"


def test_what_the_command_line_got_wrong_is_not_blamed_on_a_file() -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(None, {"engine": {"name": "foo"}})
    assert "the command line" in str(caught.value)
    assert ".toml" not in str(caught.value)
    assert "Value error" not in str(caught.value)


def test_the_daemon_listens_on_loopback_unless_told_otherwise() -> None:
    assert Config().osc.host == "127.0.0.1"


def test_a_model_chooses_its_engine_and_its_section() -> None:
    config = with_model(Config(), "magnet-medium-30secs", None)
    assert (config.engine.name, config.magnet.model, config.jasco.model) == (
        "magnet", "magnet-medium-30secs", "sideman-tiny",
    )  # fmt: skip
    assert with_model(Config(), "facebook/jasco-chords-drums-1B", "jasco").jasco.model.endswith("1B")


@pytest.mark.parametrize(
    ("name", "engine", "words"),
    [
        ("jasco-400M", "magnet", "say --engine jasco"),
        ("jasco-400M", "sketch", "sketch was asked for"),
        ("jasco-40M", None, "did you mean jasco-400M"),
        ("./nowhere", None, "is no converted model"),
        ("", None, "name of the model is empty"),
        ("~no-such-user/model", None, "names a user that this machine does not know"),
    ],
)
def test_a_model_that_does_not_fit_is_refused(name: str, engine: str | None, words: str) -> None:
    with pytest.raises(SidemanError, match=words):
        with_model(Config(), name, engine)
