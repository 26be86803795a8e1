"""The doctor's look at this machine: graphics, audio devices, ports, and the library of takes."""

from __future__ import annotations

import contextlib
import importlib
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from bridge.clips import OWN_FOLDER, ClipFolder
from bridge.config import Config
from bridge.doctor_findings import Finding
from bridge.errors import SidemanError
from bridge.known_ports import KNOWN_PORTS, KnownPort, taken
from bridge.library import Library
from bridge.library_db import LibraryError
from bridge.library_query import Query
from bridge.osc_client import NoAnswer, OscClient

PING_S: Final = 0.5
NVIDIA: Final = Path("/proc/driver/nvidia/version")


def graphics() -> Iterator[Finding]:
    """What neural engines can compute on."""
    try:
        torch = importlib.import_module("torch")
    except (ImportError, OSError) as error:
        advice = "Reinstall torch; the sketch engine works without it."
        yield Finding(status="missing", what=f"torch cannot be loaded: {error}", advice=advice)
        return
    count = torch.cuda.device_count()
    for index in range(count):
        facts = torch.cuda.get_device_properties(index)
        yield Finding(status="ok", what=f"GPU cuda:{index}, {facts.name}, {facts.total_memory / 2**30:.0f} GiB")
    if torch.backends.mps.is_available():
        yield Finding(status="ok", what="GPU of Apple (mps)")
    elif not count and (NVIDIA.exists() or shutil.which("nvidia-smi")):
        yield Finding(
            status="missing",
            what="There is an NVIDIA GPU, and torch cannot use it",
            advice="Install a build of torch with CUDA for this driver: pytorch.org names the command.",
        )
    elif not count:
        yield Finding(status="ok", what="no GPU: models compute on the CPU, which takes minutes for a clip")


def audio(sample_rate_hz: int) -> Iterator[Finding]:
    """Audio outputs, their latency, and whether they run at the clips' sample rate."""
    try:
        sounddevice = importlib.import_module("sounddevice")
        devices, apis = list(sounddevice.query_devices()), sounddevice.query_hostapis()
    except ImportError:
        advice = "To hear takes in time: pip install 'sideman[live]'"
        yield Finding(status="missing", what="sounddevice is not installed", advice=advice)
        return
    except Exception as error:  # PortAudio is missing (OSError), or cannot start (its own error)
        advice = "Install PortAudio (Debian: libportaudio2), and see that an audio server runs."
        yield Finding(status="missing", what=f"audio devices cannot be listed: {error}", advice=advice)
        return
    outputs = [device for device in devices if device["max_output_channels"] >= 1]
    if not outputs:
        advice = "Plug one in, or start JACK or another audio server; clips are written all the same."
        yield Finding(status="missing", what="there is no audio output", advice=advice)
    for device in outputs:
        yield _output(device, apis[device["hostapi"]]["name"], sample_rate_hz)


def _output(device: Mapping[str, Any], api: str, sample_rate_hz: int) -> Finding:
    rate = round(device["default_samplerate"])
    low, high = (1000 * device[f"default_{name}_output_latency"] for name in ("low", "high"))
    advice = ""
    if rate != sample_rate_hz:
        advice = f"Clips are written at {sample_rate_hz} Hz: set the device to that, or clips.sample_rate_hz = {rate}."
    what = f"audio output {device['name']} ({api}), {rate} Hz, latency {low:.1f} ms to {high:.1f} ms"
    return Finding(status="ok", what=what, advice=advice)


def ports(config: Config) -> Iterator[Finding]:
    """The port that the daemon listens on, and who has others that Sideman and programs around it use."""
    yield _own_port(config)
    if config.http.enabled:
        yield from _http_port(config)
    needed = {11001} if config.host.name == "abletonosc" else set()
    for known in KNOWN_PORTS:
        if (known.port, known.kind) not in {(config.osc.port, "udp"), (config.http.port, "tcp")}:
            with contextlib.suppress(OSError):
                yield from _known_port(known, is_needed=known.port in needed)


def _own_port(config: Config) -> Finding:
    host, port = config.osc.host, config.osc.port
    advice = "Stop that program, or choose another port with --osc HOST:PORT."
    try:
        found = taken(port, "udp", host)
    except OSError as error:
        what = f"UDP port {port} on {host} cannot be used: {error.strerror}"
        return Finding(status="missing", what=what, advice="Choose another with --osc HOST:PORT.")
    if found is None:
        return Finding(status="ok", what=f"UDP port {port} on {host} is free")
    version = daemon_version(host, port)
    if version is not None:
        return Finding(status="ok", what=f"A Sideman daemon {version} runs: {found.words}")
    return Finding(status="missing", what=f"{found.words}, is not free for the daemon", advice=advice)


def _http_port(config: Config) -> Iterator[Finding]:
    host, port = config.http.host, config.http.port
    try:
        found = taken(port, "tcp", host)
    except OSError as error:
        what = f"TCP port {port} on {host} cannot be used: {error.strerror}"
        yield Finding(status="missing", what=what, advice="Choose another with --http HOST:PORT.")
        return
    if found is None:
        yield Finding(status="ok", what=f"TCP port {port} on {host} is free, for the panel")
    elif daemon_version(config.osc.host, config.osc.port) is not None:
        yield Finding(status="ok", what=f"{found.words}; the daemon runs, and its panel is likely to be there")
    else:
        advice = "Stop that program, or choose another port with --http HOST:PORT; without it there is no panel."
        yield Finding(status="missing", what=f"{found.words}, is not free for the panel", advice=advice)


def _known_port(known: KnownPort, *, is_needed: bool) -> Iterator[Finding]:
    found = taken(known.port, known.kind)
    if found:
        what = f"{found.words}; it is usually that of {known.program}"
        yield Finding(status="missing" if is_needed else "ok", what=what, advice=known.advice)


def daemon_version(host: str, port: int) -> str | None:
    """The version of the daemon that listens at an address; None where none answers."""
    try:
        with OscClient({"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), port) as client:  # noqa: S104
            client.send("/sideman/ping")
            heard = client.hear(PING_S)
    except (OSError, NoAnswer):
        return None
    return str(heard.arguments[0]) if heard.address == "/sideman/pong" and heard.arguments else None


def library_state(folder: Path) -> Iterator[Finding]:
    """Whether the library of takes can be used, and what is in it."""
    library = Library(ClipFolder(folder))
    try:
        with contextlib.closing(library):
            scanned = library.scan()
            kept = library.count(Query(marks=frozenset({"kept"})))
            gone = library.count(Query(marks=frozenset({"gone"})))
    except LibraryError as error:
        yield Finding(status="missing", what=str(error), advice="Clips are made and kept without it.")
        return
    except SidemanError as error:
        yield Finding(status="missing", what=str(error))
        return
    yield Finding(status="ok", what=f"library of {scanned.clips} clips, {kept} of them kept, and {gone} that are gone")
    for line in scanned.unreadable:
        advice = "Mend or remove the receipt; the clip is not in the library until then."
        yield Finding(status="missing", what=f"receipt {line}", advice=advice)
    for aside in sorted((folder / OWN_FOLDER).glob("library-damaged-*")):
        what = f"{aside} is a library that was damaged; another was made from the receipts"
        yield Finding(status="ok", what=what, advice="Remove it when the library has what you look for.")
