"""``sideman doctor``: what is installed, reachable and missing, and what to do about each."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from importlib import metadata
from typing import Final

from packaging.requirements import Requirement

from bridge.clips import ClipFolder
from bridge.config import Config, load_config
from bridge.doctor_daws import mailboxes, scripts
from bridge.doctor_findings import Finding
from bridge.doctor_machine import audio, graphics, library_state, ports
from bridge.engine_parts import NEURAL, model_name
from bridge.engines import ENGINES
from bridge.errors import SidemanError
from bridge.machine import Machine
from bridge.model_store import find_model
from models.card import read_card
from models.soundfont_file import find_soundfont

EXTRAS: Final[dict[str, str]] = {
    "live": "live MIDI and audio output: pip install 'sideman[live]'",
    "link": "tempo and start shared over Ableton Link, a library under the GPL: pip install 'sideman[link]'",
    "demucs": "drums isolated from a mix: pip install 'sideman[demucs]'",
    "encodec": "EnCodec's own files (.ecdc): pip install 'sideman[encodec]'",
}
"""Extras a user may want, and how to get each."""


def examine(config: Config | None = None, machine: Machine | None = None) -> list[Finding]:
    """Look at everything. The clips folder is made where it is missing, as ``sideman serve`` would make it."""
    findings = [Finding(status="ok", what=f"Python {sys.version.split()[0]}", topic="packages")]
    findings += _on("packages", _packages())
    try:
        config = config or load_config(None)
    except SidemanError as error:
        what = Finding(status="wrong", what=str(error), advice="Mend or remove the file.", topic="configuration")
        return [*findings, what]
    machine = machine or Machine.this()
    parts = {
        "engines": _engines(config),
        "graphics": graphics(),
        "clips": [_clips(config)],
        "library": library_state(config.clips.folder),
        "ports": ports(config),
        "audio": audio(config.clips.sample_rate_hz),
        "DAW": scripts(config, machine),
        "mailbox": mailboxes(config, machine),
    }
    return [*findings, *itertools.chain.from_iterable(_on(topic, found) for topic, found in parts.items())]


def _on(topic: str, findings: Iterable[Finding]) -> Iterator[Finding]:
    return (replace(finding, topic=topic) for finding in findings)


def _requirements() -> Iterator[tuple[str | None, Requirement]]:
    """The distribution's requirements, each with the extra that it belongs to."""
    for text in metadata.requires("sideman") or []:
        requirement = Requirement(text)
        extra = next(
            (name for name in EXTRAS if requirement.marker and f'extra == "{name}"' in str(requirement.marker)), None
        )
        if extra or requirement.marker is None or "extra" not in str(requirement.marker):
            yield extra, requirement


def _packages() -> Iterator[Finding]:
    for extra, requirement in _requirements():
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": extra or ""}):
            continue
        yield _package(extra, requirement)


def _package(extra: str | None, requirement: Requirement) -> Finding:
    advice = EXTRAS[extra] if extra else f"pip install -c constraints.txt '{requirement}'"
    try:
        version = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        return Finding(
            status="missing" if extra else "wrong", what=f"{requirement.name} is not installed", advice=advice
        )
    if not requirement.specifier.contains(version, prereleases=True):
        return Finding(
            status="wrong", what=f"{requirement.name} {version} is not {requirement.specifier}", advice=advice
        )
    return Finding(status="ok", what=f"{requirement.name} {version}")


def _engines(config: Config) -> Iterator[Finding]:
    try:
        soundfont = find_soundfont(config.engine.soundfont)
    except SidemanError as error:
        yield Finding(status="wrong", what=f"engine sketch: {error}")
    else:
        yield Finding(status="ok", what=f"engine sketch plays {soundfont}")
    for engine in NEURAL:
        try:
            folder = find_model(model_name(engine, config), config.engine.models)
            card = read_card(folder)
        except SidemanError as error:
            yield Finding(status="missing", what=f"engine {engine}: {error}")
        else:
            yield Finding(status="ok", what=f"engine {engine} plays {folder} (licence {card.licence})")
    for info in ENGINES.values():
        if info.missing:
            yield Finding(status="missing", what=f"engine {info.name}: {info.missing}")


def _clips(config: Config) -> Finding:
    try:
        ClipFolder(config.clips.folder).prepare()
    except SidemanError as error:
        return Finding(status="wrong", what=str(error))
    return Finding(status="ok", what=f"clips go to {config.clips.folder}")
