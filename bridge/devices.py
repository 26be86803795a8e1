"""``sideman devices``: MIDI ports, audio devices and compute devices."""

from __future__ import annotations

import contextlib
import importlib
import os
from collections.abc import Iterator

from midi.errors import MidiUnavailable
from midi.port_roles import ROLES
from midi.rtmidi_ports import RtMidiPorts


def device_lines() -> Iterator[str]:
    """What there is, one line each; where a library is missing, how to get it."""
    yield from _midi()
    yield from _audio()
    yield from _compute()


def _midi() -> Iterator[str]:
    try:
        with contextlib.closing(RtMidiPorts()) as system:
            names, virtual = system.inputs(), system.makes_ports
    except MidiUnavailable as error:
        yield f"MIDI: {error}"
        return
    yield from (f"MIDI input: {name}" for name in names)
    if not names:
        yield "MIDI input: no ports"
    if virtual:
        yield f"MIDI: {system.kind} lets Sideman make ports of its own, which others send to"
    yield f"MIDI roles: {', '.join(ROLES)}"


def _audio() -> Iterator[str]:
    try:
        sounddevice = importlib.import_module("sounddevice")
    except ImportError:
        yield "audio: sounddevice is not installed; pip install 'sideman[live]' brings it."
        return
    except OSError as error:
        yield f"audio: {error}; install PortAudio (Debian: libportaudio2)."
        return
    devices = sounddevice.query_devices()
    for device in devices:
        rate = round(device["default_samplerate"])
        channels = f"{device['max_input_channels']} in, {device['max_output_channels']} out"
        yield f"audio: {device['name']} ({channels}, {rate} Hz)"
    if not devices:
        yield "audio: no devices"


def _compute() -> Iterator[str]:
    yield f"compute: CPU, {os.cpu_count()} cores"
    try:
        torch = importlib.import_module("torch")
    except (ImportError, OSError) as error:
        yield f"compute: torch cannot be loaded ({error}); the sketch engine works without it."
        return
    for index in range(torch.cuda.device_count()):
        facts = torch.cuda.get_device_properties(index)
        yield f"compute: CUDA device {index}, {facts.name}, {facts.total_memory / 2**30:.0f} GiB"
    if torch.backends.mps.is_available():
        yield "compute: Apple GPU (MPS)"
