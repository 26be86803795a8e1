"""Category: integration. The command line, the doctor, and what the README promises."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from typer.testing import CliRunner

from bridge import doctor
from bridge.cli import app
from bridge.config import Config, OscConfig
from bridge.devices import device_lines
from bridge.doctor import examine

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
runner = CliRunner()


def test_help_names_every_command() -> None:
    shown = runner.invoke(app, ["--help"])
    assert shown.exit_code == 0
    for command in ("serve", "demo", "render", "doctor", "devices"):
        assert command in shown.output
        assert f"`sideman {command}" in README


def test_the_command_line_starts_without_the_heavy_libraries() -> None:
    code = (
        "import sys; import bridge.cli, bridge.daemon, bridge.config\n"
        "print([name for name in ('torch', 'scipy', 'transformers', 'matplotlib', 'librosa', 'soxr') "
        "if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_the_doctor_finds_a_sound_installation_sound(tmp_path: Path) -> None:
    config = Config.model_validate({"osc": {"port": 0}, "clips": {"folder": tmp_path}})
    findings = examine(config)
    assert not [finding for finding in findings if finding.fatal]
    lines = "\n".join(finding.line for finding in findings)
    for words in ("torch 2.", "engine sketch plays", f"clips go to {tmp_path}", "engine jasco"):
        assert words in lines


def test_the_doctor_names_what_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    broken = Config.model_validate(
        {"clips": {"folder": tmp_path / "file" / "x"}, "engine": {"soundfont": tmp_path / "none.sf2"}}
    )
    monkeypatch.setattr(doctor, "_requirements", lambda: iter([(None, Requirement("no-such-package-here>=1"))]))
    wrong = [finding.line for finding in examine(broken) if finding.fatal]
    assert len(wrong) == 3
    assert any("no-such-package-here is not installed" in line and "pip install" in line for line in wrong)
    assert any("none.sf2" in line for line in wrong)


def test_commands_about_this_machine_take_the_configuration_of_the_daemon(tmp_path: Path) -> None:
    file = tmp_path / "sideman.toml"
    file.write_text(f'[engine]\nmodels = "{tmp_path}/models"\n[clips]\nfolder = "{tmp_path}/clips"\n')
    doctor_says = runner.invoke(app, ["doctor", "--config", str(file)]).output
    assert f"clips go to {tmp_path}/clips" in doctor_says.replace("\n", "")
    missing = runner.invoke(app, ["models", "check", "jasco-400M", "--config", str(tmp_path / "none.toml")])
    assert missing.exit_code != 0
    assert runner.invoke(app, ["models", "list", "--config", str(file)]).exit_code == 0


def test_the_doctor_sees_a_port_in_use(tmp_path: Path) -> None:
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        config = Config.model_validate({"clips": {"folder": tmp_path}}).model_copy(update={"osc": OscConfig(port=port)})
        assert any(f"port {port}" in finding.line and finding.status == "missing" for finding in examine(config))


def test_devices_are_listed_or_their_library_is_named() -> None:
    lines = list(device_lines())
    for kind in ("MIDI", "audio", "compute: CPU"):
        assert any(line.startswith(kind) for line in lines), kind


def test_the_readme_marks_exactly_two_commands() -> None:
    commands = dict(re.findall(r"<!-- command: (\w+) -->\n```sh\n(.*?)```", README, re.DOTALL))
    assert sorted(commands) == ["demo", "test"]
    assert all("-c constraints.txt" in command for command in commands.values())
    assert README.count("pip install") == 2


def test_constraints_pin_every_dependency_within_its_bounds() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = dict(line.split("==") for line in lines if "==" in line and not line.startswith("#"))
    pins = {name.lower().replace("_", "-"): version for name, version in pins.items()}
    assert pins["torch"] == "2.13.0"
    extras = PROJECT["project"]["optional-dependencies"]
    pinned = PROJECT["project"]["dependencies"] + extras["test"] + extras["lint"] + extras["docs"]
    for requirement in map(Requirement, pinned):
        version = pins[requirement.name.lower().replace("_", "-")]
        assert requirement.specifier.contains(version), requirement


def test_the_packages_of_the_distribution_are_those_of_the_repository() -> None:
    packages = {
        str(path.parent.relative_to(ROOT)).replace("/", ".")
        for room in ("bridge", "midi", "models", "plugin_host")
        for path in (ROOT / room).rglob("__init__.py")
        if "scripts" not in path.parts  # what runs inside a DAW is data here
    }
    assert set(PROJECT["tool"]["setuptools"]["packages"]) == packages
