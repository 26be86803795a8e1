"""Category: integration. What the doctor sees of ports, audio, graphics, scripts in DAWs, mailboxes and the library."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st
from library_clips import write
from typer.testing import CliRunner

from bridge import doctor_machine, known_ports
from bridge.cli import app
from bridge.clips import OWN_FOLDER, ClipFolder
from bridge.config import Config
from bridge.doctor import examine
from bridge.doctor_daws import mailboxes, scripts
from bridge.doctor_findings import Finding
from bridge.doctor_machine import audio, graphics, library_state, ports
from bridge.install import MANIFEST, install
from bridge.known_ports import KNOWN_PORTS, KnownPort, process_in_proc, process_with, taken
from bridge.library_db import FILE_NAME
from bridge.machine import Machine
from bridge.spawned import spawned_daemon

RATE = 48000
DAEMON = "127.0.0.1:9130"


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    home = tmp_path / "home"
    return Machine(system="linux", home=home, documents=home / "Documents", settings=home / ".config")


@pytest.fixture
def udp() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind(("127.0.0.1", 0))
        yield one


def config(tmp_path: Path, **sections: Any) -> Config:
    return Config.model_validate({"clips": {"folder": tmp_path / "clips"}, **sections})


def lines(findings: Iterator[Finding]) -> str:
    return "\n".join(finding.line for finding in findings)


# Ports


def test_a_port_is_taken_by_the_process_that_has_it(udp: socket.socket) -> None:
    port = udp.getsockname()[1]
    name = psutil.Process().name()
    for found in (process_with(port, "udp"), process_in_proc(port, "udp")):
        assert found is not None
        assert found.endswith(f"(process {psutil.Process().pid})")
    assert (process_in_proc(port, "udp") or "").startswith(name[:15])
    assert taken(port, "udp") == known_ports.Taken(port=port, kind="udp", process=process_with(port, "udp"))
    assert taken(port, "tcp") is None
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        assert "process" in (taken(listener.getsockname()[1], "tcp") or SimpleNamespace(words="")).words


def test_without_psutil_or_proc_the_name_is_not_told(
    udp: socket.socket, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    port = udp.getsockname()[1]
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "psutil", None)
        found = process_with(port, "udp")
    assert (found or "").endswith(f"(process {os.getpid()})"), "Linux tells it by itself"
    assert process_in_proc(port, "udp", tmp_path) is None
    monkeypatch.setattr(known_ports, "process_with", lambda *_: None)
    assert "whose name the system does not tell" in (taken(port, "udp") or SimpleNamespace(words="")).words


@given(st.text(max_size=200))
def test_any_table_of_sockets_is_read(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    proc = _PROC.setdefault("folder", tmp_path_factory.mktemp("proc"))
    (proc / "net").mkdir(exist_ok=True)
    (proc / "net" / "udp").write_text(text, encoding="utf-8")
    assert process_in_proc(9130, "udp", proc) is None


_PROC: dict[str, Path] = {}


def test_known_programs_are_named_where_their_ports_are_taken(
    udp: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = udp.getsockname()[1]
    known = KnownPort(port=port, kind="udp", program="AbletonOSC in Live", advice="It can be followed.")
    monkeypatch.setattr(doctor_machine, "KNOWN_PORTS", (known,))
    _, found = ports(config(tmp_path, osc={"port": 0}, http={"enabled": False}))
    assert found.status == "ok"
    assert f"UDP port {port}, taken by " in found.what
    assert "usually that of AbletonOSC in Live" in found.what
    assert found.advice == "It can be followed."


def test_a_port_whose_connections_have_just_ended_is_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            server, _ = listener.accept()
            server.close()  # this end waits for a minute, in the state TIME_WAIT
            assert client.recv(1) == b""
    assert taken(port, "tcp") is None


def test_the_port_of_the_panel_is_looked_at(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        told = config(tmp_path, osc={"port": 0}, http={"port": port})
        lines = [finding.line for finding in ports(told)]
        assert any(f"TCP port {port}" in line and "not free for the panel" in line for line in lines)
    assert any(f"TCP port {port} on 127.0.0.1 is free" in finding.line for finding in ports(told))
    off = config(tmp_path, osc={"port": 0}, http={"enabled": False, "port": port})
    assert not any(str(port) in finding.line for finding in ports(off))


def test_the_table_of_ports_has_each_once() -> None:
    assert len({(known.port, known.kind) for known in KNOWN_PORTS}) == len(KNOWN_PORTS)
    assert {9130, 9131, 11000, 11001, 3819, 8000, 9000} <= {known.port for known in KNOWN_PORTS}


def test_a_program_in_the_daemon_s_place_is_told_from_a_daemon(udp: socket.socket, tmp_path: Path) -> None:
    port = udp.getsockname()[1]
    first, *_ = ports(config(tmp_path, osc={"port": port}))
    assert first.status == "missing"
    assert f"UDP port {port}, taken by" in first.what
    assert "--osc" in first.advice
    with spawned_daemon(tmp_path / "clips") as spawned:
        first, *_ = ports(config(tmp_path, osc={"port": spawned.port}))
        assert first.status == "ok"
        assert first.what.startswith("A Sideman daemon 0.")
        # A child that the daemon starts has its sockets for the moment between fork and exec.
        deadline = time.monotonic() + 30
        while f"(process {spawned.process.pid})" not in (process_with(spawned.port, "udp") or ""):
            assert time.monotonic() < deadline


def test_a_host_that_is_not_here_is_told(tmp_path: Path) -> None:
    first, *_ = ports(config(tmp_path, osc={"host": "203.0.113.9"}))
    assert first.status == "missing"
    assert "cannot be used" in first.what


# Audio and graphics


def sound(devices: list[dict[str, Any]] | Exception) -> SimpleNamespace:
    def query() -> list[dict[str, Any]]:
        if isinstance(devices, Exception):
            raise devices
        return devices

    return SimpleNamespace(query_devices=query, query_hostapis=lambda: ({"name": "JACK"},))


OUTPUT = {
    "name": "Interface", "hostapi": 0, "max_output_channels": 2, "default_samplerate": 44100.0,
    "default_low_output_latency": 0.0053333, "default_high_output_latency": 0.02,
}  # fmt: skip


def test_outputs_are_listed_with_their_latency(monkeypatch: pytest.MonkeyPatch) -> None:
    microphone = {**OUTPUT, "name": "Microphone", "max_output_channels": 0}
    monkeypatch.setitem(sys.modules, "sounddevice", sound([microphone, OUTPUT]))
    (found,) = audio(RATE)
    assert found.what == "audio output Interface (JACK), 44100 Hz, latency 5.3 ms to 20.0 ms"
    assert found.advice == "Clips are written at 48000 Hz: set the device to that, or clips.sample_rate_hz = 44100."
    (same,) = audio(44100)
    assert same.advice == ""


@pytest.mark.parametrize(
    ("module", "words"),
    [
        (None, "pip install 'sideman[live]'"),
        (sound([]), "there is no audio output"),
        (sound(RuntimeError("PortAudio not initialized")), "cannot be listed: PortAudio not initialized"),
        (sound(OSError("PortAudio library not found")), "libportaudio2"),
    ],
)
def test_where_there_is_no_audio_it_says_why(monkeypatch: pytest.MonkeyPatch, module: object, words: str) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", module)
    (found,) = audio(RATE)
    assert found.status == "missing"
    assert words in found.line


def torch(gpus: int, *, mps: bool = False) -> SimpleNamespace:
    facts = SimpleNamespace(name="A GPU", total_memory=8 * 2**30)
    return SimpleNamespace(
        cuda=SimpleNamespace(device_count=lambda: gpus, get_device_properties=lambda _: facts),
        backends=SimpleNamespace(mps=SimpleNamespace(is_available=lambda: mps)),
    )


@pytest.mark.parametrize(
    ("module", "driver", "words"),
    [
        (torch(2), True, "GPU cuda:1, A GPU, 8 GiB"),
        (torch(0, mps=True), False, "GPU of Apple"),
        (torch(0), True, "torch cannot use it"),
        (torch(0), False, "no GPU"),
        (None, False, "torch cannot be loaded"),
    ],
)
def test_graphics(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, module: object, driver: bool, words: str) -> None:
    monkeypatch.setitem(sys.modules, "torch", module)
    (tmp_path / "driver").touch()
    monkeypatch.setattr(doctor_machine, "NVIDIA", tmp_path / ("driver" if driver else "none"))
    monkeypatch.setattr(doctor_machine.shutil, "which", lambda _: None)
    assert words in lines(graphics())


# Scripts and mailboxes


def test_a_script_is_there_of_this_version_of_another_or_changed(tmp_path: Path, machine: Machine) -> None:
    settings = config(tmp_path, host={"name": "ableton"})
    assert "missing  script for ableton: not installed" in lines(scripts(settings, machine))
    folder = install("ableton", machine, daemon=DAEMON).folder
    assert lines(scripts(settings, machine)).startswith("ok       script for ableton 0.")
    manifest = folder / MANIFEST
    values = json.loads(manifest.read_text())
    name = next(one for one in values["files"] if one.endswith(".py"))
    (folder / name).write_text("# of another version\n")
    assert f"changed by hand: {name}" in lines(scripts(settings, machine))
    import hashlib

    values["files"][name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    values["version"] = "0.0.9"
    manifest.write_text(json.dumps(values))
    told = lines(scripts(settings, machine))
    assert "script for ableton 0.0.9" in told
    assert "is not that of this Sideman" in told
    assert "sideman install ableton" in told
    del values["version"]
    manifest.write_text(json.dumps(values))
    assert "of a version that did not note it" in lines(scripts(settings, machine))
    manifest.write_text("{")
    assert "is damaged" in lines(scripts(settings, machine))


def test_a_script_that_looks_for_the_daemon_elsewhere_is_told(tmp_path: Path, machine: Machine) -> None:
    install("ableton", machine, daemon=DAEMON)
    told = lines(scripts(config(tmp_path, osc={"port": 9400}), machine))
    assert "it looks for a daemon at 127.0.0.1:9130; the port here is 9400" in told


def test_a_mailbox_is_there_served_written_to_or_not(tmp_path: Path, machine: Machine) -> None:
    box = tmp_path / "box"
    settings = config(tmp_path, host={"name": "reaper", "mailbox": box})
    assert "is not there yet" in lines(mailboxes(settings, machine))
    assert "reaper" not in lines(mailboxes(config(tmp_path), machine))
    (box / "rejected").mkdir(parents=True)
    assert "no daemon serves it now" in lines(mailboxes(settings, machine))
    (box / "daemon.txt").touch()
    assert lines(mailboxes(settings, machine)) == f"ok       mailbox for reaper: {box}, a daemon serves it"
    (box / "rejected" / "one.txt").touch()
    assert "1 messages could not be read" in lines(mailboxes(settings, machine))


# The library


def test_the_library_s_state_is_told(tmp_path: Path) -> None:
    folder = ClipFolder(tmp_path)
    write(folder, "one", kept=True)
    gone = write(folder, "two")
    assert "library of 2 clips, 1 of them kept, and 0 that are gone" in lines(library_state(tmp_path))
    gone.path.unlink()
    broken = write(folder, "three")
    broken.receipt_path.write_text("{")
    database = tmp_path / OWN_FOLDER / FILE_NAME
    told = lines(library_state(tmp_path))
    assert "library of 1 clips, 1 of them kept, and 1 that are gone" in told
    assert f"receipt {broken.receipt_path.name}: This is not a receipt" in told
    database.write_bytes(b"rubbish" * 1000)
    assert "is a library that was damaged" in lines(library_state(tmp_path))
    with sqlite3.connect(database) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    assert "update Sideman" in lines(library_state(tmp_path))


def test_all_of_it_as_json(tmp_path: Path, machine: Machine) -> None:
    file = tmp_path / "sideman.toml"
    file.write_text(f'[osc]\nport = 0\n[clips]\nfolder = "{tmp_path}/clips"\n')
    ran = CliRunner().invoke(app, ["doctor", "--json", "--config", str(file)])
    assert ran.exit_code == 0, ran.output
    found = json.loads(ran.output)
    topics = {"packages", "engines", "graphics", "clips", "library", "ports", "audio", "DAW"}
    assert topics <= {one["topic"] for one in found}
    assert all(set(one) == {"status", "what", "advice", "topic"} for one in found)
    assert all(one["advice"] for one in found if one["status"] == "missing" and one["topic"] in {"audio", "packages"})
    assert examine(Config.model_validate({"clips": {"folder": tmp_path}, "osc": {"port": 0}}), machine)
